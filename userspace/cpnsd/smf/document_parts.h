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

/* a net around the tunnel's own end, or a default route: -EBADMSG */
int document_check_net(const struct group_member *member,
		       const struct roster_net *net, bool transport,
		       const struct document_error *error);
/* fills told of each member; 0, -EBADMSG or -ENOMEM */
int document_tell_nets(struct group_description *document,
		       const struct document_error *error);

/* as document_refuse(), with the line of an element that is read already */
int document_refuse_line(const struct document_error *error, unsigned int line,
			 const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* the roster of all senders fits into an answer, and each member's list */
int document_check_roster(const struct group_description *document,
			  const struct document_error *error);

#endif
