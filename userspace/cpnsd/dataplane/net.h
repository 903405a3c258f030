/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Questions about addresses and nets, and their text.
 *
 * Pure functions, any thread.
 */
#ifndef CPNSD_DATAPLANE_NET_H
#define CPNSD_DATAPLANE_NET_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/roster.h"

#define NET_TEXT_ROOM 52

bool net_address_equal(const struct roster_address *a,
		       const struct roster_address *b);
bool net_equal(const struct roster_net *a, const struct roster_net *b);
bool net_covers(const struct roster_net *net,
		const struct roster_address *address);
bool net_is_default(const struct roster_net *net);
bool net_is_multicast(const struct roster_address *address);
void net_any(sa_family_t family, struct roster_net *net);
void net_of_address(const struct roster_address *address,
		    struct roster_net *net);
size_t net_address_bytes(sa_family_t family);
/* the text's room is NET_TEXT_ROOM; returned for printf */
const char *net_text(const struct roster_net *net, char *text);
const char *net_address_text(const struct roster_address *address, char *text);
/* 16 bytes, IPv4 mapped (::ffff:a.b.c.d) */
void net_mapped(const struct roster_address *address, uint8_t mapped[16]);

#endif
