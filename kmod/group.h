/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core's files share: table, keys, epochs, GROUP_SET, HPKE. The data
 * path uses cpns.h only.
 */
#ifndef _CPNS_GROUP_H
#define _CPNS_GROUP_H

#include "cpns.h"

/**
 * struct cpns_keks - KEK table
 * @count: entries
 * @leaf: id of the leaf KEK, 0 if none
 * @entry: key by id and version
 */
struct cpns_keks {
	u32	count;
	u32	leaf;
	struct {
		u32	id;
		u32	ver;
		u8	key[CPNS_SECRET_SIZE];
	} entry[CPNS_KEKS];
};

/**
 * cpns_ticks() - seconds in units of cpns_now(), rounded up
 * @seconds: seconds, U32_MAX for ever
 */
static inline u32 cpns_ticks(u32 seconds)
{
	if (seconds == U32_MAX)
		return CPNS_NEVER;
	return min_t(u64, ((u64)seconds * NSEC_PER_SEC + BIT(27) - 1) >> 27,
		     CPNS_NEVER - 1);
}

/**
 * cpns_after() - a time some ticks from now
 * @ticks: how many, or %CPNS_NEVER
 */
static inline u32 cpns_after(u32 ticks)
{
	return min_t(u64, (u64)cpns_now() + ticks, CPNS_NEVER);
}

/**
 * cpns_seconds_to() - seconds until a time, rounded up
 * @at: cpns_now() units
 *
 * Less the part of a tick by which cpns_ticks() rounded up. Return: 0 only
 * where the time has come.
 */
static inline u32 cpns_seconds_to(u32 at)
{
	u32 now = cpns_now();

	return at <= now ? 0 :
	       max_t(u32, 1, DIV_ROUND_UP_ULL((u64)(at - now - 1) << 27,
					      NSEC_PER_SEC));
}

/**
 * cpns_watch_start() - have the namespace's keys looked at from now on
 * @cn: namespace
 */
static inline void cpns_watch_start(struct cpns_net *cn)
{
	queue_delayed_work(cpns_wq, &cn->watch, HZ);
}

/* main.c */
extern atomic_t cpns_generation;	/* raised at VM fork and resume */
extern bool cpns_hibernates;		/* nothing may be committed */

/* group.c */
struct cpns_group *cpns_group_alloc(struct cpns_net *cn, const char *sgid,
				    const u8 *tag);
void cpns_group_kick(struct cpns_group *group);
void cpns_group_settle(struct cpns_group *group);
void cpns_group_check_keys(struct cpns_group *group);
void cpns_group_end(struct cpns_group *group, int why,
		    enum cpns_reason reason);
void cpns_group_revoke(struct cpns_group *group);
void cpns_group_drop_senders(struct cpns_group *group,
			     enum cpns_reason reason);
void cpns_group_orphan(struct cpns_group *group);
void cpns_group_net_end(struct cpns_net *cn);
void cpns_group_net_exit(struct cpns_net *cn);
void cpns_watch(struct work_struct *work);

/* epoch.c */
struct cpns_epoch *cpns_epoch_alloc(struct cpns_group *group, u32 num);
void cpns_epoch_kill(struct cpns_epoch *epoch, int why,
		     enum cpns_reason reason);
int cpns_epoch_activate(struct cpns_group *group, u32 num);
bool cpns_epoch_due(const struct cpns_group *group);
void cpns_group_work(struct work_struct *work);
struct cpns_epoch *cpns_epoch_shown(struct cpns_group *group);

/* set.c */
int cpns_group_set(struct cpns_net *cn, const struct cpns_message_in *in,
		   const u16 *evicted, struct cpns_group **group,
		   const char **why);

/* key.c */
int cpns_key_init(void);
void cpns_key_exit(void);
key_serial_t cpns_keyring_serial(void);
struct key *cpns_key_create(struct cpns_group *group);
struct cpns_reference *cpns_key_reference(struct key *key);

/* hpke.c */
int cpns_hpke_init(void);
void cpns_hpke_exit(void);
int cpns_gcm_open(const u8 *key, unsigned int key_len, const u8 *nonce,
		  const struct kvec *aad, unsigned int parts, const u8 *ct,
		  u8 *out);
int cpns_hpke_open(const struct cpns_node_key *node,
		   const struct cpns_seal *seal, const u8 *sender, u8 *leaf);

/* node.c; all under cpns_net.config */
void cpns_node_expire(struct cpns_net *cn);
int cpns_node_make(struct cpns_net *cn);
int cpns_node_pin(struct cpns_net *cn, const u8 *key);
void cpns_node_drop(struct cpns_net *cn);
int cpns_node_open(struct cpns_net *cn, const struct cpns_seal *seal,
		   u8 *leaf, const char **why);

#endif /* _CPNS_GROUP_H */
