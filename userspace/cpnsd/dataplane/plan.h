/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a group needs in the kernel, computed from its properties and roster:
 * policies and SAs, as values.
 *
 * Pure functions but for the lists' memory, which the caller frees.
 */
#ifndef CPNSD_DATAPLANE_PLAN_H
#define CPNSD_DATAPLANE_PLAN_H

#include "dataplane/block_table.h"
#include "dataplane/dataplane.h"
#include "dataplane/policy.h"

/* refuses nets that would shut the gateway out; -EINVAL with the reason */
int plan_check_nets(const struct dataplane_group *group, char *reason,
		    size_t room);
/* block entries; 1 where any was new */
int plan_blocks(const struct dataplane_group *group,
		struct block_table *table);
int plan_encrypt(const struct dataplane_group *group,
		 struct policy_list *list);

/* who sends and receives, for SAs */
struct plan_states {
	const char *sgid;
	uint32_t epoch;
	uint16_t own_sid;		/* 0: does not send */
	bool may_send;			/* the epoch is pending or active */
	bool transport;
	struct roster_address multicast;	/* AF_UNSPEC: none */
	const struct roster_address *tunnels;	/* this gateway's own */
	size_t tunnels_count;
	const struct roster_address *peers;	/* that are no senders too */
	size_t peers_count;
	const struct roster *roster;
};

struct state_list {
	struct cpns_sa *items;
	size_t count, room;
};

bool state_equal(const struct cpns_sa *a, const struct cpns_sa *b);
const struct cpns_sa *state_list_find(const struct state_list *list,
				      const struct cpns_sa *state);
int state_list_add(struct state_list *list, const struct cpns_sa *state);
void state_list_free(struct state_list *list);
/* inbound ones first: nobody shall send before everybody can receive */
int plan_sas(const struct plan_states *plan, struct state_list *list);

#endif
