// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of BlueZ: what stands in them of devices.  What BlueZ does not say
 * of one, or says in another type, counts against it.
 *
 * Pure functions; the texts that they return belong to the message.
 */
#include "seca/bluez_messages.h"

#include <stdio.h>
#include <string.h>

#define DEVICE_INTERFACE	"org.bluez.Device1"

/* a{sv} of a device; whether it is connected */
static bool read_device(DBusMessageIter *properties, struct bluez_device *device)
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

/**
 * bluez_read_devices() - the devices that are connected
 * @message: reply to GetManagedObjects, of the signature a{oa{sa{sv}}}
 * @devices: gets them; room for BLUEZ_DEVICES_MAX + 1
 *
 * Return: how many.
 */
size_t bluez_read_devices(DBusMessage *message, struct bluez_device *devices)
{
	DBusMessageIter top, objects, object, interfaces, interface, properties;
	const char *name, *path;
	size_t count = 0;

	dbus_message_iter_init(message, &top);
	dbus_message_iter_recurse(&top, &objects);
	for (; dbus_message_iter_get_arg_type(&objects) ==
	     DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&objects)) {
		dbus_message_iter_recurse(&objects, &object);
		dbus_message_iter_get_basic(&object, &path);
		dbus_message_iter_next(&object);
		dbus_message_iter_recurse(&object, &interfaces);
		for (; dbus_message_iter_get_arg_type(&interfaces) ==
		     DBUS_TYPE_DICT_ENTRY && count < BLUEZ_DEVICES_MAX;
		     dbus_message_iter_next(&interfaces)) {
			dbus_message_iter_recurse(&interfaces, &interface);
			dbus_message_iter_get_basic(&interface, &name);
			if (strcmp(name, DEVICE_INTERFACE))
				continue;
			dbus_message_iter_next(&interface);
			dbus_message_iter_recurse(&interface, &properties);
			memset(&devices[count], 0, sizeof(devices[count]));
			snprintf(devices[count].path,
				 sizeof(devices[count].path), "%s", path);
			count += read_device(&properties, &devices[count]);
		}
	}
	return count;
}

/* sa{sv}as: interface, what has changed, what is no longer known */
static bool says_disconnected(DBusMessage *message)
{
	DBusMessageIter top, properties, pair, value;
	dbus_bool_t flag;
	const char *name;

	dbus_message_iter_init(message, &top);
	dbus_message_iter_get_basic(&top, &name);
	if (strcmp(name, DEVICE_INTERFACE))
		return false;
	dbus_message_iter_next(&top);
	dbus_message_iter_recurse(&top, &properties);
	for (; dbus_message_iter_get_arg_type(&properties) ==
	     DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&properties)) {
		dbus_message_iter_recurse(&properties, &pair);
		dbus_message_iter_get_basic(&pair, &name);
		dbus_message_iter_next(&pair);
		dbus_message_iter_recurse(&pair, &value);
		if (strcmp(name, "Connected") ||
		    dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_BOOLEAN)
			continue;
		dbus_message_iter_get_basic(&value, &flag);
		return !flag;
	}
	return false;
}

/* oas: object, interfaces; the object if it is a device */
static const char *says_removed(DBusMessage *message)
{
	DBusMessageIter top, names;
	const char *path, *name;

	dbus_message_iter_init(message, &top);
	dbus_message_iter_get_basic(&top, &path);
	dbus_message_iter_next(&top);
	dbus_message_iter_recurse(&top, &names);
	for (; dbus_message_iter_get_arg_type(&names) == DBUS_TYPE_STRING;
	     dbus_message_iter_next(&names)) {
		dbus_message_iter_get_basic(&names, &name);
		if (!strcmp(name, DEVICE_INTERFACE))
			return path;
	}
	return NULL;
}

/**
 * bluez_read_departure() - the device that a signal says has gone
 * @message: a signal of BlueZ
 *
 * Return: its object, if it has disconnected or is removed; else NULL.
 */
const char *bluez_read_departure(DBusMessage *message)
{
	if (dbus_message_is_signal(message, DBUS_INTERFACE_PROPERTIES,
				   "PropertiesChanged") &&
	    dbus_message_has_signature(message, "sa{sv}as") &&
	    says_disconnected(message))
		return dbus_message_get_path(message);
	if (dbus_message_is_signal(message,
				   "org.freedesktop.DBus.ObjectManager",
				   "InterfacesRemoved") &&
	    dbus_message_has_signature(message, "oas"))
		return says_removed(message);
	return NULL;
}
