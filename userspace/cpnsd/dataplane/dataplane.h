/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gateway's data plane: xfrm policies (libnl-3) and the SAs that the
 * module makes (SA_ADD), wire.md section 4.
 *
 * Order when joining: block, SAs, encrypt; the reverse when leaving.  The
 * blocks stay when the daemon ends.  Called by SECA in the loop's thread.
 */
#ifndef CPNSD_DATAPLANE_H
#define CPNSD_DATAPLANE_H

#include <cpns/cpns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "proto/roster.h"

struct dataplane;

struct dataplane_options {
	struct loop *loop;
	const char *state_directory;	/* block.conf is kept here */
	const char *server;		/* its URI: policy 100 allow */
	/* ACQUIRE of the kernel by reqid: somebody sends, no SA is there */
	void (*need)(void *context, const char *sgid);
	void *context;
};

int dataplane_open(struct dataplane **dataplane,
		   const struct dataplane_options *options,
		   char *reason, size_t room);
void dataplane_close(struct dataplane *dataplane);

/* what the group's properties (step 7) say about the traffic */
struct dataplane_group {
	char sgid[CPNS_SGID_MAX + 1];
	bool transport;
	bool allow_default;
	uint8_t multicast[16];		/* family AF_UNSPEC: unicast */
	sa_family_t multicast_family;
	const struct roster_net *local_nets;	/* this gateway's own */
	size_t local_nets_count;
	const struct roster_address *tunnels;	/* this gateway's own */
	size_t tunnels_count;
	const struct roster_peer_nets *remotes;	/* of the other members */
	size_t remotes_count;
};

/* blocks, no encrypt policies; idempotent, applies the difference */
int dataplane_group_block(struct dataplane *dataplane,
			  const struct dataplane_group *group,
			  char *reason, size_t room);
/* blocks and encrypt policies; idempotent, applies the difference */
int dataplane_group_set(struct dataplane *dataplane,
			const struct dataplane_group *group,
			char *reason, size_t room);

/*
 * SAs for every sender of the roster in one epoch: inbound for each other
 * sender, outbound towards each peer.  Called after each GROUP_SET and each
 * roster; applies the difference.  -EEXIST: SPI collision (status 3).
 */
int dataplane_epoch_set(struct dataplane *dataplane, const char *sgid,
			uint32_t epoch, uint16_t own_sid,
			const struct roster *roster,
			char *reason, size_t room);
void dataplane_epoch_end(struct dataplane *dataplane, const char *sgid,
			 uint32_t epoch);

/* key gone: SAs and encrypt policies go, blocks stay */
void dataplane_group_close(struct dataplane *dataplane, const char *sgid);
/* the admin's `leave --open`: blocks go too */
int dataplane_group_open_traffic(struct dataplane *dataplane,
				 const char *sgid);

/* wire.md section 4 */
uint32_t dataplane_spi(const uint8_t tag[CPNS_TAG_SIZE], uint32_t num,
		       uint16_t sid, const uint8_t destination[16]);
uint32_t dataplane_reqid(const char *sgid);

#endif
