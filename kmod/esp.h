/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ESP states of the module: what esp.c and esp_netlink.c share.
 */
#ifndef _CPNS_ESP_H
#define _CPNS_ESP_H

#include "cpns.h"

/**
 * struct cpns_seen - highest sequence number of one sender to one destination
 * @node: in the group's sa_seen; sa_lock, as all below
 * @epoch: number
 * @sid: sender
 * @family: of @dst
 * @dst: outer destination
 * @seq: of states that are gone while their epoch lives
 */
struct cpns_seen {
	struct list_head	node;
	u32			epoch;
	u16			sid;
	u16			family;
	xfrm_address_t		dst;
	u32			seq;
};

/**
 * struct cpns_sa - one state of the module
 * @node: in the group's sas; sa_lock, as all below
 * @hash: by @x, while xfrm has it; read by RCU
 * @rcu: freed after a grace period
 * @x: held
 * @use: epoch and reference, held
 * @seen: inbound only, room to keep its number
 * @sid: whose traffic key
 * @dir: enum cpns_dir
 * @key_bytes: of the cipher
 * @waiting: outbound of a pending epoch, xfrm has not got it yet
 * @soft: the soft limit was told
 * @cmd: event of its end, 0 for none
 * @reason: enum cpns_reason of its end
 * @end_at: jiffies, 0 for never: a newer outbound state has taken over
 */
struct cpns_sa {
	struct list_head	node;
	struct hlist_node	hash;
	struct rcu_head		rcu;
	struct xfrm_state	*x;
	struct cpns_use		use;
	struct cpns_seen	*seen;
	u16			sid;
	u8			dir;
	u8			key_bytes;
	bool			waiting;
	bool			soft;
	u8			cmd;
	u8			reason;
	unsigned long		end_at;
};

extern atomic_t cpns_sa_changes;	/* of any list, so that dumps notice */

int cpns_sa_add(struct cpns_sa *sa, struct netlink_ext_ack *extack);
void cpns_sa_free(struct cpns_sa *sa);
u32 cpns_sa_seq(struct xfrm_state *x, u8 dir);
struct cpns_group *cpns_sa_group(struct cpns_net *cn, long *bucket, long *at);

#endif /* _CPNS_ESP_H */
