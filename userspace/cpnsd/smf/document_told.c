// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which nets of a member the others are told of, to block and to encrypt them
 * (wire.md section 4): all of a sender's, and a receiver's where they are its
 * alone.  A host in a sender's net, or a gateway that stands by for another, may
 * be listed as a receiver with nets that are somebody else's already; those are
 * reached through their sender.
 *
 * Holds nothing but told of the members.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/response.h"
#include "smf/document_parts.h"

static bool covers_tunnel(const struct roster_net *net,
			  const struct group_member *member)
{
	struct roster_net end;
	size_t i;

	for (i = 0; i < member->tunnels_count; i++) {
		end.network = member->tunnels[i];
		end.prefix = end.network.family == AF_INET ? 32 : 128;
		if (document_nets_overlap(net, &end))
			return true;
	}
	return false;
}

/* @other was asked before, or sends */
static bool is_of(const struct roster_net *net,
		  const struct group_member *other)
{
	size_t i;

	for (i = 0; i < other->told_count; i++)
		if (document_nets_overlap(net, &other->told[i]))
			return true;
	return false;
}

/* as of a sender: nothing that would shut a gateway out */
static bool is_told(const struct group_description *document,
		    const struct group_member *member,
		    const struct roster_net *net)
{
	const struct group_member *other;
	size_t i;

	if (!net->prefix && !document->allow_default)
		return false;
	for (i = 0; i < document->members_count; i++) {
		other = &document->members[i];
		if (other != member && is_of(net, other))
			return false;
		if (!document->allow_default &&
		    (other != member || !document->transport_mode) &&
		    covers_tunnel(net, other))
			return false;
	}
	return true;
}

static int tell_of_receiver(const struct group_description *document,
			    struct group_member *member)
{
	struct roster_net *told;
	size_t i, count = 0;

	if (!member->nets_count)
		return 0;
	told = calloc(member->nets_count, sizeof(*told));
	if (!told)
		return -ENOMEM;
	for (i = 0; i < member->nets_count; i++)
		if (is_told(document, member, &member->nets[i]))
			told[count++] = member->nets[i];
	member->told = told;
	member->told_count = count;
	return 0;
}

int document_tell_nets(struct group_description *document)
{
	struct group_member *member;
	int result = 0;
	size_t i;

	for (i = 0; i < document->members_count; i++) {
		member = &document->members[i];
		if (!(member->roles & ROLE_BIT_SENDER))
			continue;
		member->told = member->nets;
		member->told_count = member->nets_count;
	}
	for (i = 0; i < document->members_count && !result; i++) {
		member = &document->members[i];
		if (!(member->roles & ROLE_BIT_SENDER))
			result = tell_of_receiver(document, member);
	}
	return result;
}

/**
 * group_member_is_told_of() - is this one in the list that the others get?
 * @member: of a group document
 *
 * Return: true for senders, and for whoever has nets of its own or a tunnel.
 */
bool group_member_is_told_of(const struct group_member *member)
{
	return member->roles & ROLE_BIT_SENDER || member->told_count ||
	       member->tunnels_count || member->tunnel_dynamic;
}
