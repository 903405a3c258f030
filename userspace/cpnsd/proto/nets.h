/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nets within nets, and what of a net is left without others.
 *
 * Pure functions, any thread; a list is its caller's.
 */
#ifndef CPNSD_PROTO_NETS_H
#define CPNSD_PROTO_NETS_H

#include "proto/roster.h"

struct net_list {
	struct roster_net *items;
	size_t count, room;
};

/* is all of @inner in @outer? also where they are the same */
bool roster_net_within(const struct roster_net *inner,
		       const struct roster_net *outer);

/* 0 or -ENOMEM */
int net_list_add(struct net_list *list, const struct roster_net *net);
void net_list_free(struct net_list *list);

/**
 * net_list_add_rest() - what of a net is in none of the holes
 * @list: the fewest nets that are all of it are added to
 * @net: net
 * @holes: each within @net or around it; in another order afterwards
 * @count: of them
 *
 * Return: 0 or -ENOMEM, then some may have been added.
 */
int net_list_add_rest(struct net_list *list, const struct roster_net *net,
		      struct roster_net *holes, size_t count);

/**
 * net_list_add_others() - another's net without one's own nets in it
 * @list: added to
 * @net: another's
 * @own: those not within @net count for nothing: where @net is within one of
 *       them it is the more specific, and elsewhere
 * @count: of them
 *
 * Return: 0 or -ENOMEM, then some may have been added.
 */
int net_list_add_others(struct net_list *list, const struct roster_net *net,
			const struct roster_net *own, size_t count);

#endif
