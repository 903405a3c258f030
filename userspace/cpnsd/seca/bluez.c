// SPDX-License-Identifier: GPL-2.0-only
/*
 * BlueZ over D-Bus (libdbus): the devices that are connected and whether they
 * are paired.  Every signal of org.bluez has its objects read again, ten times
 * a second at most; without a signal nothing wakes the daemon.
 *
 * A BlueZ that does not let itself be asked or does not answer counts as an
 * open link: what is not known to be protected is not.  So does one that went
 * while devices were connected, until it is back: stopped in order it ends the
 * connections and says so, but those of one that dies stay with the kernel.
 *
 * Paired stands for encrypted, which BlueZ does not tell: with a paired device
 * of Bluetooth 2.1 and later the kernel leaves nothing but service discovery
 * unencrypted (security mode 4), and BlueZ itself asks for it on LE.
 *
 * Runs in the loop's thread.  The watch owns its connection, a private one.
 */
#include "seca/bluez.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "seca/bluez_messages.h"

#define BLUEZ			"org.bluez"
#define SETTLE_SECONDS		0.1
#define ANSWER_SECONDS		10
#define RETRY_SECONDS		60
/* for one that starts, to read what the kernel has connected */
#define RETURN_SECONDS		5

enum doubt {
	DOUBT_NONE, DOUBT_REFUSED, DOUBT_SILENT, DOUBT_GONE,
};

struct bluez_watch {
	struct loop *loop;
	char *address;			/* NULL: the system bus */
	void (*changed)(void *context);
	void *context;
	DBusConnection *bus;
	DBusPendingCall *asked;
	bool again;			/* heard something since */
	char owner[40];			/* who answered, by its unique name */
	struct loop_timer look;		/* ask, or connect */
	struct loop_timer patience;	/* until the answer */
	struct loop_timer dispatch;
	struct bluez_device devices[BLUEZ_DEVICES_MAX];
	size_t count;
	enum doubt doubt;		/* an open link more */
};

/* what libdbus wants to know of a descriptor; it owns the DBusWatch */
struct bus_io {
	ev_io io;
	struct bluez_watch *watch;
	DBusWatch *bus_watch;
};

static void dispatch(void *context)
{
	struct bluez_watch *watch = context;

	while (watch->bus && dbus_connection_dispatch(watch->bus) ==
			     DBUS_DISPATCH_DATA_REMAINS)
		;
}

static void io_ready(struct ev_loop *ev, ev_io *io, int events)
{
	struct bus_io *bus_io = (struct bus_io *)io;
	struct bluez_watch *watch = bus_io->watch;
	unsigned int flags = 0;

	if (events & EV_READ)
		flags |= DBUS_WATCH_READABLE;
	if (events & EV_WRITE)
		flags |= DBUS_WATCH_WRITABLE;
	/* may end this watch */
	dbus_watch_handle(bus_io->bus_watch, flags);
	loop_timer_start(&watch->dispatch, 0);
}

static void io_toggle(DBusWatch *bus_watch, void *context)
{
	struct bluez_watch *watch = context;
	struct bus_io *bus_io = dbus_watch_get_data(bus_watch);
	unsigned int flags = dbus_watch_get_flags(bus_watch);

	if (!bus_io)
		return;
	ev_io_stop(watch->loop->ev, &bus_io->io);
	if (!dbus_watch_get_enabled(bus_watch))
		return;
	ev_io_set(&bus_io->io, dbus_watch_get_unix_fd(bus_watch),
		  (flags & DBUS_WATCH_READABLE ? EV_READ : 0) |
		  (flags & DBUS_WATCH_WRITABLE ? EV_WRITE : 0));
	ev_io_start(watch->loop->ev, &bus_io->io);
}

static dbus_bool_t io_add(DBusWatch *bus_watch, void *context)
{
	struct bus_io *bus_io = calloc(1, sizeof(*bus_io));

	if (!bus_io)
		return FALSE;
	bus_io->watch = context;
	bus_io->bus_watch = bus_watch;
	ev_init(&bus_io->io, io_ready);
	dbus_watch_set_data(bus_watch, bus_io, NULL);
	io_toggle(bus_watch, context);
	return TRUE;
}

static void io_remove(DBusWatch *bus_watch, void *context)
{
	struct bluez_watch *watch = context;
	struct bus_io *bus_io = dbus_watch_get_data(bus_watch);

	if (!bus_io)
		return;
	ev_io_stop(watch->loop->ev, &bus_io->io);
	dbus_watch_set_data(bus_watch, NULL, NULL);
	free(bus_io);
}

static void set_devices(struct bluez_watch *watch,
			const struct bluez_device *devices, size_t count,
			enum doubt doubt)
{
	if (count == watch->count && doubt == watch->doubt &&
	    !memcmp(devices, watch->devices, count * sizeof(*devices)))
		return;
	memmove(watch->devices, devices, count * sizeof(*devices));
	watch->count = count;
	watch->doubt = doubt;
	watch->changed(watch->context);
}

static void forget_question(struct bluez_watch *watch)
{
	loop_timer_stop(&watch->patience);
	watch->again = false;
	if (!watch->asked)
		return;
	dbus_pending_call_cancel(watch->asked);
	dbus_pending_call_unref(watch->asked);
	watch->asked = NULL;
}

/* nobody is there to tell of the devices */
static void lost(struct bluez_watch *watch)
{
	bool unknown = watch->count || watch->doubt;

	forget_question(watch);
	watch->owner[0] = '\0';
	if (unknown && watch->doubt != DOUBT_GONE)
		log_warning("BlueZ has gone with its devices connected: an open link until it is back");
	set_devices(watch, watch->devices, 0,
		    unknown ? DOUBT_GONE : DOUBT_NONE);
}

static void forget_device(struct bluez_watch *watch, const char *path)
{
	struct bluez_device *devices = watch->devices;
	size_t i = 0;

	while (i < watch->count &&
	       strncmp(devices[i].path, path, sizeof(devices->path) - 1))
		i++;
	if (i == watch->count)
		return;
	memmove(&devices[i], &devices[i + 1],
		(watch->count - i - 1) * sizeof(*devices));
	set_devices(watch, devices, watch->count - 1, watch->doubt);
}

static bool nobody_there(const char *error)
{
	return !strcmp(error, DBUS_ERROR_SERVICE_UNKNOWN) ||
	       !strcmp(error, DBUS_ERROR_NAME_HAS_NO_OWNER) ||
	       !strcmp(error, DBUS_ERROR_DISCONNECTED) ||
	       !strcmp(error, DBUS_ERROR_NO_REPLY);
}

static void answered(DBusPendingCall *call, void *context)
{
	struct bluez_watch *watch = context;
	DBusMessage *message = dbus_pending_call_steal_reply(call);
	struct bluez_device devices[BLUEZ_DEVICES_MAX + 1] = { 0 };
	bool again = watch->again;
	const char *error;

	forget_question(watch);
	if (!message)
		return;
	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
	    dbus_message_has_signature(message, "a{oa{sa{sv}}}")) {
		snprintf(watch->owner, sizeof(watch->owner), "%s",
			 dbus_message_get_sender(message) ?: "");
		set_devices(watch, devices, bluez_read_devices(message, devices),
			    DOUBT_NONE);
	} else {
		error = dbus_message_get_error_name(message) ?: "bad answer";
		if (nobody_there(error)) {
			lost(watch);
		} else {
			if (watch->doubt != DOUBT_REFUSED)
				log_warning("BlueZ cannot be asked (%s): its links count as open",
					    error);
			set_devices(watch, devices, 0, DOUBT_REFUSED);
		}
	}
	dbus_message_unref(message);
	if (again && !loop_timer_active(&watch->look))
		loop_timer_start(&watch->look, SETTLE_SECONDS);
}

/* the answer still counts, should it come */
static void no_answer(void *context)
{
	struct bluez_watch *watch = context;

	log_warning("BlueZ does not answer: an open link until it does");
	set_devices(watch, watch->devices, watch->count, DOUBT_SILENT);
}

static void ask(struct bluez_watch *watch)
{
	DBusMessage *message =
		dbus_message_new_method_call(BLUEZ, "/",
					     "org.freedesktop.DBus.ObjectManager",
					     "GetManagedObjects");

	if (!message)
		return;
	/* a machine without Bluetooth need not start BlueZ for us */
	dbus_message_set_auto_start(message, FALSE);
	if (dbus_connection_send_with_reply(watch->bus, message, &watch->asked,
					    DBUS_TIMEOUT_INFINITE) &&
	    watch->asked) {
		dbus_pending_call_set_notify(watch->asked, answered, watch,
					     NULL);
		loop_timer_start(&watch->patience, ANSWER_SECONDS);
	}
	dbus_message_unref(message);
}

static void drop(struct bluez_watch *watch)
{
	DBusConnection *bus = watch->bus;

	forget_question(watch);
	watch->bus = NULL;
	if (bus) {
		dbus_connection_close(bus);
		dbus_connection_unref(bus);
	}
}

/* a signal stops no clock: they may come without a pause */
static void look_soon(struct bluez_watch *watch)
{
	if (watch->asked)
		watch->again = true;
	else if (!loop_timer_active(&watch->look))
		loop_timer_start(&watch->look, SETTLE_SECONDS);
}

static void owner_changed(struct bluez_watch *watch, DBusMessage *message)
{
	const char *name, *before, *now;

	if (!dbus_message_has_sender(message, DBUS_SERVICE_DBUS) ||
	    !dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name,
				   DBUS_TYPE_STRING, &before, DBUS_TYPE_STRING,
				   &now, DBUS_TYPE_INVALID) ||
	    strcmp(name, BLUEZ))
		return;
	if (*before)
		lost(watch);
	if (*now)
		loop_timer_start(&watch->look, watch->doubt == DOUBT_GONE ?
				 RETURN_SECONDS : SETTLE_SECONDS);
}

/*
 * A device that goes is taken off at once: who is asked only later may be gone
 * as well by then, with no device connected.
 */
static void device_changed(struct bluez_watch *watch, DBusMessage *message)
{
	const char *path;

	if (!watch->owner[0] || !dbus_message_has_sender(message, watch->owner))
		return;
	path = bluez_read_departure(message);
	if (path)
		forget_device(watch, path);
}

static DBusHandlerResult heard(DBusConnection *bus, DBusMessage *message,
			       void *context)
{
	struct bluez_watch *watch = context;

	if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL,
				   "Disconnected")) {
		log_notice("the D-Bus bus has gone");
		lost(watch);
		/* not from within its own callback: look() drops it */
		loop_timer_start(&watch->look, RETRY_SECONDS);
	} else if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS,
					  "NameOwnerChanged")) {
		owner_changed(watch, message);
	} else if (dbus_message_get_type(message) ==
		   DBUS_MESSAGE_TYPE_SIGNAL) {
		device_changed(watch, message);
		look_soon(watch);
	}
	return DBUS_HANDLER_RESULT_HANDLED;
}

static DBusConnection *bus_open(const struct bluez_watch *watch)
{
	DBusConnection *bus;

	if (!watch->address)
		return dbus_bus_get_private(DBUS_BUS_SYSTEM, NULL);
	bus = dbus_connection_open_private(watch->address, NULL);
	if (bus && !dbus_bus_register(bus, NULL)) {
		dbus_connection_close(bus);
		dbus_connection_unref(bus);
		bus = NULL;
	}
	return bus;
}

static bool connect_bus(struct bluez_watch *watch)
{
	watch->bus = bus_open(watch);
	if (!watch->bus)
		return false;
	dbus_connection_set_exit_on_disconnect(watch->bus, FALSE);
	if (!dbus_connection_add_filter(watch->bus, heard, watch, NULL) ||
	    !dbus_connection_set_watch_functions(watch->bus, io_add, io_remove,
						 io_toggle, watch, NULL)) {
		drop(watch);
		return false;
	}
	dbus_bus_add_match(watch->bus, "type='signal',sender='" BLUEZ "'",
			   NULL);
	dbus_bus_add_match(watch->bus,
			   "type='signal',sender='" DBUS_SERVICE_DBUS
			   "',member='NameOwnerChanged',arg0='" BLUEZ "'",
			   NULL);
	return true;
}

static void look(void *context)
{
	struct bluez_watch *watch = context;

	if (watch->bus && !dbus_connection_get_is_connected(watch->bus))
		drop(watch);
	if (!watch->bus) {
		if (!connect_bus(watch)) {
			loop_timer_start(&watch->look, RETRY_SECONDS);
			return;
		}
		/* BlueZ may be as new as the bus */
		if (watch->doubt == DOUBT_GONE)
			loop_timer_start(&watch->look, RETURN_SECONDS);
	}
	if (!watch->asked && !loop_timer_active(&watch->look))
		ask(watch);
	loop_timer_start(&watch->dispatch, 0);
}

/**
 * bluez_watch_open() - watch the devices of BlueZ
 * @watch: the result, closed with bluez_watch_close()
 * @loop: the event loop
 * @address: D-Bus address, or "system" for the system bus; it need not be
 *	there yet
 * @changed: called from the loop when bluez_watch_links() has changed
 * @context: of @changed
 *
 * Return: 0 or -ENOMEM.
 */
int bluez_watch_open(struct bluez_watch **watch, struct loop *loop,
		     const char *address, void (*changed)(void *context),
		     void *context)
{
	struct bluez_watch *made = calloc(1, sizeof(*made));

	*watch = NULL;
	if (!made)
		return -ENOMEM;
	if (strcmp(address, "system")) {
		made->address = strdup(address);
		if (!made->address) {
			free(made);
			return -ENOMEM;
		}
	}
	made->loop = loop;
	made->changed = changed;
	made->context = context;
	loop_timer_init(loop, &made->dispatch, dispatch, made);
	loop_timer_init(loop, &made->patience, no_answer, made);
	loop_timer_init(loop, &made->look, look, made);
	loop_timer_start(&made->look, 0);
	*watch = made;
	return 0;
}

/**
 * bluez_watch_close() - end a watch
 * @watch: from bluez_watch_open(), or NULL
 */
void bluez_watch_close(struct bluez_watch *watch)
{
	if (!watch)
		return;
	drop(watch);
	loop_timer_stop(&watch->look);
	loop_timer_stop(&watch->dispatch);
	free(watch->address);
	free(watch);
}

/**
 * bluez_watch_links() - the devices that are connected
 * @watch: from bluez_watch_open()
 * @links: gets them
 * @room: of @links
 *
 * Open without pairing, weak with pairing by PIN (before Bluetooth 2.1),
 * else strong; an open one more where BlueZ does not tell of all.
 *
 * Return: how many.
 */
size_t bluez_watch_links(const struct bluez_watch *watch,
			 struct pn_link *links, size_t room)
{
	static const char *const doubts[] = {
		[DOUBT_REFUSED] = "BlueZ cannot be asked",
		[DOUBT_SILENT] = "BlueZ does not answer",
		[DOUBT_GONE] = "BlueZ has gone",
	};
	size_t count = 0;

	if (watch->doubt && room) {
		links[count].kind = PN_LINK_BLUETOOTH;
		links[count].security = PN_LINK_OPEN;
		snprintf(links[count++].source, sizeof(links->source), "%s",
			 doubts[watch->doubt]);
	}
	for (size_t i = 0; i < watch->count && count < room; i++) {
		links[count].kind = PN_LINK_BLUETOOTH;
		links[count].security = watch->devices[i].security;
		snprintf(links[count++].source, sizeof(links->source),
			 "BlueZ %s", watch->devices[i].name);
	}
	return count;
}
