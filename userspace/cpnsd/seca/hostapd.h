/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hostapd's control sockets say of the Wi-Fi networks it serves.
 *
 * Loop thread only.  The watch owns its sockets.
 */
#ifndef CPNSD_SECA_HOSTAPD_H
#define CPNSD_SECA_HOSTAPD_H

#include "seca/pn_links.h"

struct hostapd_watch;

int hostapd_watch_open(struct hostapd_watch **watch, struct loop *loop,
		       const char *directory, void (*changed)(void *context),
		       void *context);
void hostapd_watch_close(struct hostapd_watch *watch);
size_t hostapd_watch_links(const struct hostapd_watch *watch,
			   struct pn_link *links, size_t room);
enum pn_link_security hostapd_security(const char *config);

#endif
