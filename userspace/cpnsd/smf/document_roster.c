// SPDX-License-Identifier: GPL-2.0-only
/*
 * Would the signed roster of this document's senders, and the list of nets
 * that each member is told, fit into one answer?  Found out when the document
 * is loaded, not when the last member asks.
 *
 * Holds nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/response.h"
#include "smf/document_parts.h"
#include "transport/message.h"

/* signature, signer's certificate, SGID, the fixed fields */
#define AROUND_MOST	4096
/* a group in a node's list, without its strings and the members */
#define GROUP_MOST	128
/* a Sender-ID that is gone */
#define GONE_MOST	3

static size_t address_most(const struct roster_address *address)
{
	return 1 + (address->family == AF_INET6 ? 16 : 4);
}

/* bytes of sender in wire.md's CDDL, at most */
static size_t line_most(const struct group_member *member,
			const struct roster_net *nets, size_t nets_count)
{
	size_t size = 1 + 3 + 2 + strlen(member->node) + 1 + 3, i;

	if (member->tunnel_dynamic)
		size += 1 + 16;
	for (i = 0; i < member->tunnels_count; i++)
		size += address_most(&member->tunnels[i]);
	for (i = 0; i < nets_count; i++)
		size += 1 + 2 + address_most(&nets[i].network);
	return size;
}

static int refuse_size(const struct group_member *member, const char *what,
		       unsigned int most, unsigned int max_senders,
		       const struct document_error *error)
{
	snprintf(error->reason, error->room,
		 "line %u: the %s has no room for more than %u of them (64 KiB with max-senders %u): list some as receivers without tunnel and nets, give them fewer nets, or make groups of them",
		 member->line, what, most, max_senders);
	return -EBADMSG;
}

/**
 * group_document_list_size() - what a member's list of groups has of this one
 * @document: group document
 *
 * Return: bytes without the member's own entry, at most.
 */
size_t group_document_list_size(const struct group_description *document)
{
	size_t size = GROUP_MOST + strlen(document->sgid) +
		      strlen(document->location) + strlen(document->signer), i;
	const struct group_member *member;

	for (i = 0; i < document->members_count; i++) {
		member = &document->members[i];
		if (group_member_is_told_of(member))
			size += line_most(member, member->told,
					  member->told_count);
	}
	return size;
}

/**
 * group_document_own_size() - a member's own entry in its list of groups
 * @own: of a group document
 *
 * Return: bytes, at most.
 */
size_t group_document_own_size(const struct group_member *own)
{
	return line_most(own, own->nets, own->nets_count);
}

/* senders are in the signed roster, who has nets in each member's list */
int document_check_roster(const struct group_description *document,
			  const struct document_error *error)
{
	size_t gone = document->max_senders, roster, list = AROUND_MOST, i;
	const struct group_member *member;
	unsigned int senders = 0, listed = 0;

	if (gone > ROSTER_GONE_MOST)
		gone = ROSTER_GONE_MOST;
	roster = AROUND_MOST + gone * GONE_MOST;
	for (i = 0; i < document->members_count; i++) {
		member = &document->members[i];
		if (group_member_is_told_of(member)) {
			list += line_most(member, member->told,
					  member->told_count);
			if (list > TRANSPORT_BODY_MAX)
				return refuse_size(member, "list of the members' nets",
						   listed, document->max_senders,
						   error);
			listed++;
		}
		if (!(member->roles & ROLE_BIT_SENDER))
			continue;
		roster += line_most(member, member->nets, member->nets_count);
		if (roster > TRANSPORT_BODY_MAX)
			return refuse_size(member, "signed roster of the senders",
					   senders, document->max_senders,
					   error);
		senders++;
	}
	return 0;
}
