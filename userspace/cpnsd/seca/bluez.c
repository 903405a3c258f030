// SPDX-License-Identifier: GPL-2.0-only
/*
 * BlueZ over D-Bus (libdbus): the devices that are connected and whether they
 * are paired.  Every signal of org.bluez has its objects read again, once for
 * all that come together; without a signal nothing wakes the daemon.
 *
 * A BlueZ that does not let itself be asked counts as an open link: what is
 * not known to be protected is not.
 *
 * Runs in the loop's thread.  The watch owns its connection, a private one.
 */
#include "seca/bluez.h"

#include <dbus/dbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define BLUEZ			"org.bluez"
#define DEVICE_INTERFACE	"org.bluez.Device1"
#define SETTLE_SECONDS		0.1
#define RETRY_SECONDS		60
#define DEVICES_MAX		32

struct device {
	char name[40];
	enum pn_link_security security;
};

struct bluez_watch {
	struct loop *loop;
	char *address;			/* NULL: the system bus */
	void (*changed)(void *context);
	void *context;
	DBusConnection *bus;
	DBusPendingCall *asked;
	struct loop_timer look;		/* ask, or connect */
	struct loop_timer dispatch;
	struct device devices[DEVICES_MAX];
	size_t count;
	bool refused;
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
			const struct device *devices, size_t count,
			bool refused)
{
	if (count == watch->count && refused == watch->refused &&
	    !memcmp(devices, watch->devices, count * sizeof(*devices)))
		return;
	memset(watch->devices, 0, sizeof(watch->devices));
	memcpy(watch->devices, devices, count * sizeof(*devices));
	watch->count = count;
	watch->refused = refused;
	watch->changed(watch->context);
}

/* a{sv} of a device; whether it is connected */
static bool read_device(DBusMessageIter *properties, struct device *device)
{
	bool connected = false, paired = false, legacy = false;
	DBusMessageIter pair, value;
	dbus_bool_t flag;
	const char *name, *text;

	for (; dbus_message_iter_get_arg_type(properties) ==
	     DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(properties)) {
		dbus_message_iter_recurse(properties, &pair);
		dbus_message_iter_get_basic(&pair, &name);
		dbus_message_iter_next(&pair);
		dbus_message_iter_recurse(&pair, &value);
		if (dbus_message_iter_get_arg_type(&value) ==
		    DBUS_TYPE_BOOLEAN) {
			dbus_message_iter_get_basic(&value, &flag);
			if (!strcmp(name, "Connected"))
				connected = flag;
			else if (!strcmp(name, "Paired"))
				paired = flag;
			else if (!strcmp(name, "LegacyPairing"))
				legacy = flag;
		} else if (!strcmp(name, "Address") &&
			   dbus_message_iter_get_arg_type(&value) ==
			   DBUS_TYPE_STRING) {
			dbus_message_iter_get_basic(&value, &text);
			snprintf(device->name, sizeof(device->name), "%s",
				 text);
		}
	}
	/* pairing before Bluetooth 2.1 rests on a short PIN */
	device->security = !paired ? PN_LINK_OPEN :
			   legacy ? PN_LINK_WEAK : PN_LINK_STRONG;
	return connected;
}

/* the objects of GetManagedObjects, a{oa{sa{sv}}} */
static size_t read_devices(DBusMessage *message, struct device *devices)
{
	DBusMessageIter top, objects, object, interfaces, interface, properties;
	const char *name;
	size_t count = 0;

	dbus_message_iter_init(message, &top);
	dbus_message_iter_recurse(&top, &objects);
	for (; dbus_message_iter_get_arg_type(&objects) ==
	     DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&objects)) {
		dbus_message_iter_recurse(&objects, &object);
		dbus_message_iter_next(&object);
		dbus_message_iter_recurse(&object, &interfaces);
		for (; dbus_message_iter_get_arg_type(&interfaces) ==
		     DBUS_TYPE_DICT_ENTRY && count < DEVICES_MAX;
		     dbus_message_iter_next(&interfaces)) {
			dbus_message_iter_recurse(&interfaces, &interface);
			dbus_message_iter_get_basic(&interface, &name);
			if (strcmp(name, DEVICE_INTERFACE))
				continue;
			dbus_message_iter_next(&interface);
			dbus_message_iter_recurse(&interface, &properties);
			memset(&devices[count], 0, sizeof(devices[count]));
			count += read_device(&properties, &devices[count]);
		}
	}
	return count;
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
	struct device devices[DEVICES_MAX + 1] = { 0 };
	const char *error;

	dbus_pending_call_unref(watch->asked);
	watch->asked = NULL;
	if (!message)
		return;
	if (dbus_message_get_type(message) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
	    dbus_message_has_signature(message, "a{oa{sa{sv}}}")) {
		set_devices(watch, devices, read_devices(message, devices),
			    false);
	} else {
		error = dbus_message_get_error_name(message) ?: "bad answer";
		if (!nobody_there(error) && !watch->refused)
			log_warning("BlueZ cannot be asked (%s): its links count as open",
				    error);
		set_devices(watch, devices, 0, !nobody_there(error));
	}
	dbus_message_unref(message);
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
	    watch->asked)
		dbus_pending_call_set_notify(watch->asked, answered, watch,
					     NULL);
	dbus_message_unref(message);
}

static void drop(struct bluez_watch *watch)
{
	DBusConnection *bus = watch->bus;

	if (watch->asked) {
		dbus_pending_call_cancel(watch->asked);
		dbus_pending_call_unref(watch->asked);
		watch->asked = NULL;
	}
	watch->bus = NULL;
	if (bus) {
		dbus_connection_close(bus);
		dbus_connection_unref(bus);
	}
}

static DBusHandlerResult heard(DBusConnection *bus, DBusMessage *message,
			       void *context)
{
	struct bluez_watch *watch = context;

	if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL,
				   "Disconnected")) {
		log_notice("the D-Bus bus has gone");
		set_devices(watch, watch->devices, 0, false);
		/* not from within its own callback: look() drops it */
		loop_timer_start(&watch->look, RETRY_SECONDS);
	} else if (dbus_message_get_type(message) ==
		   DBUS_MESSAGE_TYPE_SIGNAL) {
		loop_timer_start(&watch->look, SETTLE_SECONDS);
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
	if (!watch->bus && !connect_bus(watch)) {
		loop_timer_start(&watch->look, RETRY_SECONDS);
		return;
	}
	if (watch->asked)
		loop_timer_start(&watch->look, SETTLE_SECONDS);
	else
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
 * else strong.
 *
 * Return: how many.
 */
size_t bluez_watch_links(const struct bluez_watch *watch,
			 struct pn_link *links, size_t room)
{
	size_t count = 0;

	if (watch->refused && room) {
		links[count].kind = PN_LINK_BLUETOOTH;
		links[count].security = PN_LINK_OPEN;
		snprintf(links[count++].source, sizeof(links->source),
			 "BlueZ cannot be asked");
	}
	for (size_t i = 0; i < watch->count && count < room; i++) {
		links[count].kind = PN_LINK_BLUETOOTH;
		links[count].security = watch->devices[i].security;
		snprintf(links[count++].source, sizeof(links->source),
			 "BlueZ %s", watch->devices[i].name);
	}
	return count;
}
