/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What BlueZ says, over D-Bus, of the Bluetooth devices that are connected.
 *
 * Loop thread only.  Built where libdbus is there (meson option `bluetooth`);
 * without it there is nothing to watch.
 */
#ifndef CPNSD_SECA_BLUEZ_H
#define CPNSD_SECA_BLUEZ_H

#include <errno.h>

#include "seca/pn_links.h"

struct bluez_watch;

#ifdef CPNS_HAVE_DBUS
int bluez_watch_open(struct bluez_watch **watch, struct loop *loop,
		     const char *address, void (*changed)(void *context),
		     void *context);
void bluez_watch_close(struct bluez_watch *watch);
size_t bluez_watch_links(const struct bluez_watch *watch,
			 struct pn_link *links, size_t room);
#else
static inline int bluez_watch_open(struct bluez_watch **watch,
				   struct loop *loop, const char *address,
				   void (*changed)(void *context),
				   void *context)
{
	*watch = NULL;
	return -ENOENT;
}

static inline void bluez_watch_close(struct bluez_watch *watch)
{
}

static inline size_t bluez_watch_links(const struct bluez_watch *watch,
				       struct pn_link *links, size_t room)
{
	return 0;
}
#endif

#endif
