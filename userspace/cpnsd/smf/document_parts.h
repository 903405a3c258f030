/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of the group document that are ours: <cpns:group-key> of the
 * group, <cpns:member> of an entry.  Internal to smf/; single-threaded.
 */
#ifndef CPNSD_SMF_DOCUMENT_PARTS_H
#define CPNSD_SMF_DOCUMENT_PARTS_H

#include "smf/document_xml.h"
#include "smf/group_document.h"

/* fills the group's part of @document; its sgid must be there already */
int document_group_key(xmlNode *node, struct group_description *document,
		       const struct document_error *error);

/* defaults of a member that has no <cpns:member> */
void document_member_defaults(const struct group_description *document,
			      struct group_member *member);
int document_member(xmlNode *node, struct group_member *member,
		    const struct document_error *error);

/*
 * What can only be said of the whole: senders against max-senders, nets
 * against each other, tunnels and nets where there is ESP.
 */
int document_check_members(const struct group_description *document,
			   const struct document_error *error);

bool document_nets_overlap(const struct roster_net *one,
			   const struct roster_net *other);
/* fills told of each member; 0 or -ENOMEM */
int document_tell_nets(struct group_description *document);

/* the roster of all senders fits into an answer */
int document_check_roster(const struct group_description *document,
			  const struct document_error *error);

#endif
