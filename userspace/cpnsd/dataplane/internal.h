/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside the data plane: its objects.  In the loop's thread.
 */
#ifndef CPNSD_DATAPLANE_INTERNAL_H
#define CPNSD_DATAPLANE_INTERNAL_H

#include "dataplane/acquire.h"
#include "dataplane/block_table.h"
#include "dataplane/dataplane.h"
#include "dataplane/plan.h"

/* a group whose properties are known; its encrypt policies while open */
struct known_group {
	struct known_group *next;
	char sgid[CPNS_SGID_MAX + 1];
	uint32_t reqid;
	bool transport;
	struct policy_list encrypt;
	struct roster_address multicast;	/* AF_UNSPEC: none */
	int membership;				/* descriptor, or -1 */
	struct roster_address *tunnels;
	size_t tunnels_count;
	struct roster_address *peers;		/* of all other members */
	size_t peers_count;
};

struct dataplane {
	struct loop *loop;
	char *block_path;
	struct block_table blocks;
	bool blocks_unsaved;			/* block.conf is another */
	struct policy_list spared;		/* not taken away yet */
	struct policy_table *policies;
	struct acquire *acquire;
	struct cpns *kernel;
	struct known_group *groups;
	void (*need)(void *context, const char *sgid);
	void *context;
};

/* server.c: where the URI points; at most BLOCK_SERVERS_MAX are added */
int server_addresses(const char *uri, struct block_table *table);

/* states.c */
int states_apply(struct dataplane *dataplane, const struct plan_states *plan,
		 char *reason, size_t room);
void states_end(struct dataplane *dataplane, const char *sgid,
		uint32_t epoch);	/* 0: all epochs */

#endif
