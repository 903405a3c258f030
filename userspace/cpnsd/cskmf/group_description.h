/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The group description: what parameterises creation and update of a Group
 * Key (AD 5.3.1.1.5.1), as the SMF reads it from the group document.
 *
 * Immutable once made: a change is another description.
 */
#ifndef CPNSD_CSKMF_GROUP_DESCRIPTION_H
#define CPNSD_CSKMF_GROUP_DESCRIPTION_H

#include <cpns/cpns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/roster.h"
#include "transport/identity.h"

#define GROUP_ETAG_SIZE		8
#define GROUP_LOCATION_MAX	1024
#define GROUP_TUNNELS_MAX	4
#define GROUP_REACH_SECONDS	5	/* for an epoch to reach everybody */

enum group_topology {
	TOPOLOGY_CENTRAL,	/* the CPNS Server holds CSKMF and OSG */
	TOPOLOGY_DIRECT,	/* a Group Key Manager delivers by itself */
	TOPOLOGY_INDIRECT,	/* ... by way of a central server node */
};

enum group_encap {
	ENCAP_NONE,
	ENCAP_UDP,
};

/* one <entry> */
struct group_member {
	char node[IDENTITY_ID_MAX + 1];
	unsigned int roles;			/* ROLE_BIT_* of response.h */
	bool push;				/* delivery */
	bool tunnel_dynamic;			/* the session's address */
	struct roster_address tunnels[GROUP_TUNNELS_MAX];
	size_t tunnels_count;
	struct roster_net *nets;
	size_t nets_count;
	/* nets that the others are told of; a sender's are all of them */
	struct roster_net *told;
	size_t told_count;
	unsigned int line;
};

struct group_description {
	char *document;				/* the text it was read from */
	size_t document_size;
	uint8_t etag[GROUP_ETAG_SIZE];		/* of the text */
	char sgid[CPNS_SGID_MAX + 1];
	char *display_name;			/* NULL: none */
	struct group_member *members;	/* in document order */
	size_t members_count;
	const struct group_member **by_node;	/* the same by node id */
	/* <cpns:group-key> */
	char location[GROUP_LOCATION_MAX];
	char signer[96];
	uint8_t suite;
	uint32_t lifetime, atd, dtd;		/* seconds */
	uint32_t batch_ms;
	bool push;
	unsigned int min_level;
	unsigned int max_senders;
	enum group_topology topology;
	bool data_esp, data_message;
	bool transport_mode;
	bool has_multicast;
	struct roster_address multicast;
	char manager[IDENTITY_ID_MAX + 1];	/* node id, "": none */
	enum group_encap encap;
	bool allow_default;
};

/* NULL if @node is not on the list */
const struct group_member *
group_description_find(const struct group_description *description,
		       const char *node);

#endif
