/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xfrm policies: what one is here, lists of them, and the kernel's table.
 *
 * The kernel knows a policy by its direction and selector; one with the same
 * two replaces it whatever its priority, in one step and without a gap.  So
 * do lists here.
 *
 * One thread for each policy_table.
 */
#ifndef CPNSD_DATAPLANE_POLICY_H
#define CPNSD_DATAPLANE_POLICY_H

#include <linux/xfrm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/roster.h"

/* lower first (wire.md section 4) */
enum {
	POLICY_ALLOW = 100,
	POLICY_ENCRYPT = 1000,
	POLICY_BLOCK = 2000,
};

struct policy {
	uint8_t direction;		/* XFRM_POLICY_IN, _OUT, _FWD */
	uint32_t priority;		/* POLICY_*, which tells the rest */
	struct roster_net source, destination;
	uint8_t protocol;		/* 0: any */
	uint16_t source_port, destination_port;	/* 0: any */
	/* with POLICY_ENCRYPT: ESP by this template, required */
	uint32_t reqid;
	bool transport;
	/* tunnel ends; AF_UNSPEC: any of the other's family */
	struct roster_address tunnel_source, tunnel_destination;
};

struct policy_list {
	struct policy *items;
	size_t count, room;
};

bool policy_same_key(const struct policy *a, const struct policy *b);
bool policy_equal(const struct policy *a, const struct policy *b);
/* one with the same key: the lower priority number stays */
int policy_list_add(struct policy_list *list, const struct policy *policy);
const struct policy *policy_list_find(const struct policy_list *list,
				      const struct policy *key);
void policy_list_free(struct policy_list *list);

/* the kernel's table in this network namespace */
struct policy_table;

int policy_table_open(struct policy_table **table);
void policy_table_close(struct policy_table *table);
/* adds, or replaces the one with the same key */
int policy_table_put(struct policy_table *table, const struct policy *policy);
int policy_table_remove(struct policy_table *table,
			const struct policy *policy);
/* the policies that could be ours; others are left out */
int policy_table_read(struct policy_table *table, struct policy_list *list);

#endif
