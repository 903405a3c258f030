// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which policies a group needs (wire.md section 4).
 *
 * Pure but for the lists' memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/net.h"
#include "dataplane/plan.h"
#include "proto/nets.h"

struct net_check {
	const struct dataplane_group *group;
	char *reason;
	size_t room;
};

static int check_net(const struct net_check *check,
		     const struct roster_net *net, const char *whose,
		     bool tunnel_ends)
{
	const struct dataplane_group *group = check->group;
	char text[NET_TEXT_ROOM], tunnel[NET_TEXT_ROOM];

	if (group->allow_default)
		return 0;
	if (net_is_default(net)) {
		snprintf(check->reason, check->room,
			 "net %s of %s is a default route (allow-default is not set)",
			 net_text(net, text), whose);
		return -EINVAL;
	}
	for (size_t i = 0; tunnel_ends && i < group->tunnels_count; i++) {
		if (!net_covers(net, &group->tunnels[i]))
			continue;
		snprintf(check->reason, check->room,
			 "net %s of %s covers this gateway's tunnel address %s",
			 net_text(net, text), whose,
			 net_address_text(&group->tunnels[i], tunnel));
		return -EINVAL;
	}
	return 0;
}

/**
 * plan_check_nets() - refuse nets that would shut this gateway out
 * @group: the group
 * @reason: words
 * @room: bytes of @reason
 *
 * A block of a default route, or of one's own tunnel address, would cut the
 * way to the server; the group document must say allow-default="true".  In
 * transport mode the own net is the own address.
 *
 * Return: 0 or -EINVAL.
 */
int plan_check_nets(const struct dataplane_group *group, char *reason,
		    size_t room)
{
	struct net_check check = { group, reason, room };
	int result = 0;

	for (size_t i = 0; i < group->local_nets_count && !result; i++)
		result = check_net(&check, &group->local_nets[i],
				   "this gateway", !group->transport);
	for (size_t i = 0; i < group->remotes_count && !result; i++) {
		const struct roster_peer_nets *peer = &group->remotes[i];

		for (size_t j = 0; j < peer->nets_count && !result; j++)
			result = check_net(&check, &peer->nets[j], peer->node,
					   true);
	}
	if (!result && group->multicast_family != AF_UNSPEC) {
		struct roster_address multicast = {
			.family = group->multicast_family,
		};

		memcpy(multicast.address, group->multicast, 16);
		if (!net_is_multicast(&multicast)) {
			snprintf(reason, room,
				 "the multicast address is not one");
			result = -EINVAL;
		}
	}
	return result;
}

static void multicast_net(const struct dataplane_group *group,
			  struct roster_net *net)
{
	struct roster_address address = { .family = group->multicast_family };

	memcpy(address.address, group->multicast,
	       net_address_bytes(address.family));
	net_of_address(&address, net);
}

static int block_net(const struct dataplane_group *group,
		     const struct roster_net *net, struct block_table *table)
{
	struct net_list others = { 0 };
	int added = 0, result;

	result = net_list_add_others(&others, net, group->local_nets,
				     group->local_nets_count);
	for (size_t i = 0; i < others.count && result >= 0; i++) {
		result = block_table_add(table, group->sgid, &others.items[i]);
		added |= result > 0;
	}
	net_list_free(&others);
	return result < 0 ? result : added;
}

/**
 * plan_blocks() - what must never be reached in clear
 * @group: the group
 * @table: its entries are added to
 *
 * Nets that plan_check_nets() refuses are left out, the others are blocked
 * whatever becomes of the group.  What another member has in common with this
 * gateway is reached through this one, and is not.
 *
 * Return: 1 where any was new, 0, or -ENOMEM.
 */
int plan_blocks(const struct dataplane_group *group,
		struct block_table *table)
{
	const struct net_check check = { group, NULL, 0 };
	int added = 0, result;

	for (size_t i = 0; i < group->remotes_count; i++) {
		const struct roster_peer_nets *peer = &group->remotes[i];

		for (size_t j = 0; j < peer->nets_count; j++) {
			if (check_net(&check, &peer->nets[j], peer->node, true))
				continue;
			result = block_net(group, &peer->nets[j], table);
			if (result < 0)
				return result;
			added |= result;
		}
	}
	if (group->multicast_family != AF_UNSPEC) {
		struct roster_net net;

		multicast_net(group, &net);
		if (!net_is_multicast(&net.network))
			return added;
		result = block_table_add(table, group->sgid, &net);
		if (result < 0)
			return result;
		added |= result;
	}
	return added;
}

/* ends of one family; false where the two have none in common */
static bool tunnel_ends(const struct dataplane_group *group,
			const struct roster_peer_nets *peer,
			struct roster_address *own,
			struct roster_address *other)
{
	for (size_t i = 0; i < peer->tunnels_count; i++)
		for (size_t j = 0; j < group->tunnels_count; j++)
			if (peer->tunnels[i].family ==
			    group->tunnels[j].family) {
				*other = peer->tunnels[i];
				*own = group->tunnels[j];
				return true;
			}
	return false;
}

static int add_pair(const struct dataplane_group *group,
		    const struct roster_net *local,
		    const struct roster_net *remote,
		    const struct roster_address *own,
		    const struct roster_address *other,
		    struct policy_list *list)
{
	struct policy policy = {
		.direction = XFRM_POLICY_OUT,
		.priority = POLICY_ENCRYPT,
		.source = *local,
		.destination = *remote,
		.reqid = dataplane_reqid(group->sgid),
		.transport = group->transport,
		.tunnel_source = *own,
		.tunnel_destination = *other,
	};
	int result;

	if (!policy.reqid)
		return -EIO;
	result = policy_list_add(list, &policy);
	policy.source = *remote;
	policy.destination = *local;
	policy.tunnel_source = *other;
	policy.tunnel_destination = *own;
	policy.direction = XFRM_POLICY_IN;
	if (!result)
		result = policy_list_add(list, &policy);
	policy.direction = XFRM_POLICY_FWD;
	if (!result && !group->transport)
		result = policy_list_add(list, &policy);
	return result;
}

/* every own net and what is another's of one net */
static int add_pairs(const struct dataplane_group *group,
		     const struct roster_net *net,
		     const struct roster_address *own,
		     const struct roster_address *other,
		     struct policy_list *list)
{
	struct net_list others = { 0 };
	int result;

	result = net_list_add_others(&others, net, group->local_nets,
				     group->local_nets_count);
	for (size_t i = 0; i < group->local_nets_count; i++)
		for (size_t j = 0; j < others.count && !result; j++) {
			const struct roster_net *local = &group->local_nets[i];

			if (local->network.family == net->network.family)
				result = add_pair(group, local,
						  &others.items[j], own, other,
						  list);
		}
	net_list_free(&others);
	return result;
}

static int add_peer(const struct dataplane_group *group,
		    const struct roster_peer_nets *peer,
		    struct policy_list *list)
{
	struct roster_address own = { 0 }, other = { 0 };
	int result = 0;

	if (!group->transport && !tunnel_ends(group, peer, &own, &other))
		return 0;
	for (size_t i = 0; i < peer->nets_count && !result; i++)
		result = add_pairs(group, &peer->nets[i], &own, &other, list);
	return result;
}

/* to the group from each own net */
static int add_multicast_out(const struct dataplane_group *group,
			     struct policy policy, struct policy_list *list)
{
	sa_family_t family = policy.destination.network.family;
	int result = 0;

	policy.direction = XFRM_POLICY_OUT;
	for (size_t i = 0; i < group->tunnels_count; i++)
		if (!group->transport && group->tunnels[i].family == family) {
			policy.tunnel_source = group->tunnels[i];
			break;
		}
	for (size_t i = 0; i < group->local_nets_count && !result; i++) {
		policy.source = group->local_nets[i];
		if (policy.source.network.family == family)
			result = policy_list_add(list, &policy);
	}
	return result;
}

static int add_multicast_from(const struct dataplane_group *group,
			      const struct roster_net *net,
			      struct policy policy, struct policy_list *list)
{
	int result;

	policy.source = *net;
	policy.direction = XFRM_POLICY_IN;
	result = policy_list_add(list, &policy);
	policy.direction = XFRM_POLICY_FWD;
	if (!result && !group->transport)
		result = policy_list_add(list, &policy);
	return result;
}

/* from one member's nets to the group, whatever tunnel address it uses */
static int add_multicast_in(const struct dataplane_group *group,
			    const struct roster_peer_nets *peer,
			    const struct policy *policy,
			    struct policy_list *list)
{
	sa_family_t family = policy->destination.network.family;
	struct net_list others = { 0 };
	int result = 0;

	for (size_t i = 0; i < peer->nets_count && !result; i++)
		if (peer->nets[i].network.family == family)
			result = net_list_add_others(&others, &peer->nets[i],
						     group->local_nets,
						     group->local_nets_count);
	for (size_t i = 0; i < others.count && !result; i++)
		result = add_multicast_from(group, &others.items[i], *policy,
					    list);
	net_list_free(&others);
	return result;
}

static int add_multicast(const struct dataplane_group *group,
			 struct policy_list *list)
{
	struct policy policy = {
		.priority = POLICY_ENCRYPT,
		.reqid = dataplane_reqid(group->sgid),
		.transport = group->transport,
	};
	int result;

	if (!policy.reqid)
		return -EIO;
	multicast_net(group, &policy.destination);
	if (!group->transport)
		policy.tunnel_destination = policy.destination.network;
	result = add_multicast_out(group, policy, list);
	for (size_t i = 0; i < group->remotes_count && !result; i++)
		result = add_multicast_in(group, &group->remotes[i], &policy,
					  list);
	return result;
}

/**
 * plan_encrypt() - the encrypt policies of a group
 * @group: the group
 * @list: added to
 *
 * A peer with whom no family of tunnel addresses is shared gets none: its
 * nets stay blocked.
 *
 * Return: 0 or -errno.
 */
int plan_encrypt(const struct dataplane_group *group,
		 struct policy_list *list)
{
	int result = 0;

	for (size_t i = 0; i < group->remotes_count && !result; i++)
		result = add_peer(group, &group->remotes[i], list);
	if (!result && group->multicast_family != AF_UNSPEC)
		result = add_multicast(group, list);
	return result;
}
