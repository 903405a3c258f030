// SPDX-License-Identifier: GPL-2.0-only
/*
 * Would the signed roster of this document's senders fit into one answer?
 * Found out when the document is loaded, not when the last member asks.
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
/* a Sender-ID that is gone */
#define GONE_MOST	3

static size_t address_most(const struct roster_address *address)
{
	return 1 + (address->family == AF_INET6 ? 16 : 4);
}

/* bytes of sender in wire.md's CDDL, at most */
static size_t line_most(const struct group_member *member)
{
	size_t size = 1 + 3 + 2 + strlen(member->node) + 1 + 3, i;

	if (member->tunnel_dynamic)
		size += 1 + 16;
	for (i = 0; i < member->tunnels_count; i++)
		size += address_most(&member->tunnels[i]);
	for (i = 0; i < member->nets_count; i++)
		size += 1 + 2 + address_most(&member->nets[i].network);
	return size;
}

int document_check_roster(const struct group_description *document,
			  const struct document_error *error)
{
	size_t gone = document->max_senders, size, i;
	const struct group_member *member;
	unsigned int senders = 0;

	if (gone > ROSTER_GONE_MOST)
		gone = ROSTER_GONE_MOST;
	size = AROUND_MOST + gone * GONE_MOST;
	for (i = 0; i < document->members_count; i++) {
		member = &document->members[i];
		if (!(member->roles & ROLE_BIT_SENDER))
			continue;
		size += line_most(member);
		if (size > TRANSPORT_BODY_MAX) {
			snprintf(error->reason, error->room,
				 "line %u: the signed roster has no room for more than %u of the senders (64 KiB with max-senders %u): list some as receivers, give them fewer nets, or make groups of them",
				 member->line, senders, document->max_senders);
			return -EBADMSG;
		}
		senders++;
	}
	return 0;
}
