/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Step 7 of both flows: what the SMF of the CPNS Server tells the SMF of a
 * PN GW about its groups (answer and notifications of /smf/N).
 *
 * properties = { 1: sgid tstr, 2: key location tstr, -65610: delivery
 * (0 pull, 1 push), 3: roles (bit 0 receiver, 1 sender), -65611: signer
 * tstr, -65612: data (bit 0 esp, 1 message), -65613: mode (0 tunnel,
 * 1 transport), ? -65614: multicast ip, -65615: bool allow-default,
 * -65616: own [[+ ip tunnels], [* net]],
 * -65617: members [* [node tstr, [* ip], [* net]]],
 * -65618: lifetime of the membership document's etag bstr }
 * and the body is an array of these maps, groups in order of their SGID.
 * A group that the node has left or that was deleted is simply not in it.
 */
#ifndef CPNSD_PROTO_PROPERTIES_H
#define CPNSD_PROTO_PROPERTIES_H

#include <cpns/cpns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/roster.h"

#define PROPERTIES_URI_MAX 1024

struct group_properties {
	char sgid[CPNS_SGID_MAX + 1];
	char location[PROPERTIES_URI_MAX];
	bool push;
	unsigned int roles;		/* ROLE_BIT_* */
	char signer[96];
	bool data_esp, data_message;
	bool transport_mode;
	bool has_multicast;
	struct roster_address multicast;
	bool allow_default;
	struct roster_peer_nets own;
	struct roster_peer_nets *members;	/* the others */
	size_t members_count;
	uint8_t etag[64];
	size_t etag_size;
};

int properties_encode(const struct group_properties *groups, size_t count,
		      uint8_t **bytes, size_t *size);
int properties_decode(const uint8_t *bytes, size_t size,
		      struct group_properties **groups, size_t *count,
		      char *reason, size_t room);
void properties_free(struct group_properties *groups, size_t count);

#endif
