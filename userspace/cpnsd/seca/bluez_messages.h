/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What messages of BlueZ say of devices (bluez.c).
 */
#ifndef CPNSD_SECA_BLUEZ_MESSAGES_H
#define CPNSD_SECA_BLUEZ_MESSAGES_H

#include <dbus/dbus.h>
#include <stddef.h>

#include "seca/pn_links.h"

#define BLUEZ_DEVICES_MAX 32

struct bluez_device {
	char path[80];			/* its D-Bus object */
	char name[40];
	enum pn_link_security security;
};

size_t bluez_read_devices(DBusMessage *message, struct bluez_device *devices);
const char *bluez_read_departure(DBusMessage *message);

#endif
