/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * OMA CPNS group keys: what the files of the module share.
 *
 * Objects, and who holds whom:
 *
 *   cpns_net        one a network namespace, ends with it.
 *   cpns_group      state of one Service Group; in the namespace's table from
 *                   the first GROUP_SET until namespace exit (a group that
 *                   ended stays as a tombstone). Referenced by the table, by
 *                   references and by users of the data path.
 *   cpns_epoch      one Group Key generation. Referenced by its group while it
 *                   lives and by users. Holds its group.
 *   cpns_reference  payload of a key: of the group's own one in .cpns or of
 *                   one that request_key made. Holds its group, not the key.
 *
 * The data path holds epochs and references (struct cpns_use), never keys.
 *
 * Locks, in this order:
 *
 *   cpns_net.config    configuration: GROUP_SET, node key. May sleep long.
 *   cpns_group.sa_lock esp.c's list of states.
 *   cpns_group.lock    every change of a group. Short; no allocation, no
 *                      crypto, no call into the keys API or xfrm below it.
 *
 * The packet path takes none of them: states, times and IVs are read with
 * READ_ONCE, lists by RCU.
 */
#ifndef _CPNS_KMOD_H
#define _CPNS_KMOD_H

#include <linux/atomic.h>
#include <linux/key.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/xfrm.h>
#include <linux/cpns.h>

#include "message.h"

struct kernel_pkey_params;
struct kernel_pkey_query;

#define CPNS_EPOCHS		4	/* alive at once, a group */
#define CPNS_KEKS		32	/* held from one message to the next */
#define CPNS_SIDS		4	/* own sender ids, an epoch */
#define CPNS_HASH_BITS		8
#define CPNS_GROUPS_MAX		4096
#define CPNS_GROUPS_MAX_USERNS	64
#define CPNS_NEVER		U32_MAX	/* a time that does not come */
#define CPNS_IV_MAX		((1ULL << 48) - 1)
#define CPNS_IV_LOW		(CPNS_IV_MAX / 4 * 3)

/**
 * struct cpns_node_key - an X25519 pair of this node
 * @secret: never leaves this structure but into curve25519()
 * @public: what OSGs seal to
 * @until: cpns_now() units at which it stops opening seals
 * @valid: the pair exists
 */
struct cpns_node_key {
	u8	secret[CPNS_X25519_SIZE];
	u8	public[CPNS_X25519_SIZE];
	u32	until;
	bool	valid;
};

/**
 * struct cpns_net - state of one network namespace
 * @net: the namespace
 * @config: configuration mutex
 * @groups: all groups by tag, tombstones too; changed under @config, read by
 *	RCU
 * @count: groups in the table
 * @node: node key; @config
 * @previous: the one before the last rotation; @config
 * @pin: the OSG's static public key; @config
 * @pinned: @pin is set
 * @watch: looks every second whether keys were timed out or revoked, and wakes
 *	@sa_reap
 * @exiting: no more groups are added; @config
 * @sa_reap: esp.c's work: states others deleted, limits, old outbound ones
 * @sa_migrated: it has to look for clones of states
 */
struct cpns_net {
	struct net		*net;
	struct mutex		config;		/* first of all locks */
	struct hlist_head	groups[1 << CPNS_HASH_BITS];
	unsigned int		count;
	struct cpns_node_key	node;
	struct cpns_node_key	previous;
	u8			pin[CPNS_X25519_SIZE];
	bool			pinned;
	struct delayed_work	watch;
	bool			exiting;
	struct delayed_work	sa_reap;
	bool			sa_migrated;
};

/**
 * struct cpns_epoch - one Group Key generation
 * @ref: group's one and users'
 * @rcu: freed after a grace period
 * @group: held
 * @node: in the group's list while it lives; written under the group's lock,
 *	read by RCU
 * @num: epoch number
 * @suite: CPNS_SUITE_*
 * @state: enum cpns_state as of the group's last look, only forward; written
 *	under the group's lock. Use cpns_epoch_state(), which also looks at the
 *	clock.
 * @told: the state the last event told; the work's
 * @why: negative errno that users of a dead epoch get
 * @reason: enum cpns_reason of its end
 * @reset_from: own sender id that was replaced and not yet told
 * @reset_reason: enum cpns_reason, not 0 while that is due
 * @dead_next: group's list of epochs whose end is to be told
 * @activate_at: cpns_now() units; written under the group's lock, as the next
 * @rxonly_at: a newer epoch turns active, or %CPNS_NEVER
 * @dead_at: drained, or %CPNS_NEVER
 * @expire_at: end of lifetime, or %CPNS_NEVER
 * @iv: own sender id << 48 | last IV counter; 0 without sender
 * @iv_low: bit 0 event IV_LOW is due or was sent, bit 1 it was sent
 * @sids: every own sender id ever had in this epoch; written under the group's
 *	lock
 * @kcv: key check value
 * @prk: pseudo-random key; group's lock; wiped at death
 */
struct cpns_epoch {
	refcount_t		ref;
	struct rcu_head		rcu;
	struct cpns_group	*group;
	struct list_head	node;
	u32			num;
	u8			suite;
	u8			state;
	u8			told;
	int			why;
	u8			reason;
	u8			reset_reason;
	u16			reset_from;
	struct cpns_epoch	*dead_next;
	u32			activate_at;
	u32			rxonly_at;
	u32			dead_at;
	u32			expire_at;
	atomic64_t		iv;
	unsigned long		iv_low;
	u16			sids[CPNS_SIDS];
	u8			kcv[CPNS_KCV_SIZE];
	u8			prk[CPNS_SECRET_SIZE];
};

/**
 * struct cpns_evicted - senders whose older keys are dead
 * @rcu: freed after a grace period
 * @newest: the largest below of all
 * @count: entries
 * @entry: sid is not believed in epochs lower than below
 */
struct cpns_evicted {
	struct rcu_head	rcu;
	u32		newest;
	u32		count;
	struct {
		u32	below;
		u16	sid;
	} entry[];
};

/**
 * struct cpns_reference - a key by which the group can be reached
 * @ref: the key's one, the list's and users'
 * @rcu: freed after a grace period
 * @group: held
 * @node: in the group's list until its end is told; group's lock
 * @key: not held, NULL from ->destroy on; group's lock
 * @serial: of the key
 * @own: the group's own key in .cpns
 * @why: 0 while it may be used, else the negative errno users get
 */
struct cpns_reference {
	refcount_t		ref;
	struct rcu_head		rcu;
	struct cpns_group	*group;
	struct list_head	node;
	struct key		*key;
	key_serial_t		serial;
	bool			own;
	int			why;
};

/**
 * struct cpns_group - state of one Service Group in one namespace
 * @ref: table's one and users'
 * @rcu: freed after a grace period
 * @node: in the namespace's table
 * @net: NULL after namespace exit; group's lock, or the namespace's @config,
 *	or any context that keeps the namespace alive
 * @sgid: Service Group identifier
 * @tag: of it
 * @lock: group's lock
 * @why: 0 while alive, else the negative errno of its end
 * @reason: enum cpns_reason of its end
 * @highest: highest epoch number ever committed
 * @highest_kcv: key check value of it
 * @serial: of the key in .cpns, 0 if none
 * @epochs: living epochs, at most 4, newest first; each held; written under
 *	@lock, read by RCU
 * @dead: epochs whose end is to be told, held; @lock
 * @evicted: written under @lock
 * @own: the reference of the key in .cpns or NULL, in @references; @lock
 * @references: keys; @lock
 * @kek: KEK table; the namespace's @config and @lock to write
 * @work: activation, drain, expiry, events; also ends SAs
 * @wanted_at: jiffies of the last KEY_WANTED
 * @gone: the end is to be told; @lock
 * @sa_lock: esp.c's lock of @sas
 * @sas: esp.c's list
 * @sa_seen: esp.c's list of inbound sequence numbers kept
 */
struct cpns_group {
	refcount_t			ref;
	struct rcu_head			rcu;
	struct hlist_node		node;
	struct net			*net;
	char				sgid[CPNS_SGID_MAX + 1];
	u8				tag[CPNS_TAG_SIZE];
	struct mutex			lock;		/* the innermost */
	int				why;
	u8				reason;
	u32				highest;
	u8				highest_kcv[CPNS_KCV_SIZE];
	key_serial_t			serial;
	struct list_head		epochs;
	struct cpns_evicted __rcu	*evicted;
	struct cpns_epoch		*dead;
	struct cpns_reference		*own;
	struct list_head		references;
	struct cpns_keks		*kek;
	struct delayed_work		work;
	unsigned long			wanted_at;
	bool				gone;
	struct mutex			sa_lock;	/* before @lock */
	struct list_head		sas;
	struct list_head		sa_seen;
};

/**
 * struct cpns_use - what a user of the data path holds
 * @epoch: held
 * @reference: the key it was keyed through, held
 */
struct cpns_use {
	struct cpns_epoch	*epoch;
	struct cpns_reference	*reference;
};

/**
 * cpns_now() - boottime in units of 2^27 ns (0.134 s), as all times here
 *
 * So that a time is one word that any context reads whole, for 18 years of
 * uptime.
 */
static inline u32 cpns_now(void)
{
	return ktime_get_coarse_boottime_ns() >> 27;
}

/* main.c */
extern bool cpns_allow_raw;
extern struct workqueue_struct *cpns_wq;
struct cpns_net *cpns_net(const struct net *net);

/* group.c: the table. Lookups return a held group or NULL. */
struct cpns_group *cpns_group_by_tag(struct cpns_net *cn, const u8 *tag);
struct cpns_group *cpns_group_by_serial(struct cpns_net *cn,
					key_serial_t serial);
void cpns_group_put(struct cpns_group *group);

/**
 * cpns_group_hold() - take a reference
 * @group: held
 *
 * Return: @group. Any context.
 */
static inline struct cpns_group *cpns_group_hold(struct cpns_group *group)
{
	refcount_inc(&group->ref);
	return group;
}

/* use.c: what the data path calls.
 *
 * Resolving sleeps and runs in the context of the task that asks; checking,
 * IVs and holding do not sleep and run in any context.
 */
int cpns_use_handle(const struct cpns_handle *handle, struct cpns_use *use);
int cpns_use_key(struct key *key, u32 num, u16 sid, struct cpns_use *use);
int cpns_use_info(struct genl_info *info, struct cpns_use *use);
void cpns_use_put(struct cpns_use *use);
int cpns_may_encrypt(const struct cpns_use *use, u16 sid);
int cpns_may_decrypt(const struct cpns_use *use, u16 sid);
int cpns_next_iv(const struct cpns_use *use, u16 sid, __be64 *iv);
int cpns_traffic_key(const struct cpns_use *use, u8 use_id, u8 aead_id,
		     u16 sid, u8 key_bytes, u8 *out, unsigned int out_len);

/* epoch.c */
struct cpns_epoch *cpns_epoch_get(struct cpns_group *group, u32 num);
void cpns_epoch_put(struct cpns_epoch *epoch);
enum cpns_state cpns_epoch_state(const struct cpns_epoch *epoch);
bool cpns_epoch_own_sid(const struct cpns_epoch *epoch, u16 sid);

/**
 * cpns_epoch_hold() - take a reference
 * @epoch: held
 *
 * Return: @epoch. Any context.
 */
static inline struct cpns_epoch *cpns_epoch_hold(struct cpns_epoch *epoch)
{
	refcount_inc(&epoch->ref);
	return epoch;
}

/**
 * cpns_epoch_sid() - this node's sender id in an epoch
 * @epoch: epoch
 *
 * Return: the id, 0 if the node cannot send. Any context.
 */
static inline u16 cpns_epoch_sid(const struct cpns_epoch *epoch)
{
	return (u64)atomic64_read(&epoch->iv) >> 48;
}

/**
 * cpns_epoch_ivs() - IVs used so far by this node's sender id
 * @epoch: epoch
 *
 * Return: the last counter given out, 0 if none was. Any context.
 */
static inline u64 cpns_epoch_ivs(const struct cpns_epoch *epoch)
{
	return atomic64_read(&epoch->iv) & CPNS_IV_MAX;
}

/* key.c */
extern struct key_type cpns_key_type;
void cpns_reference_put(struct cpns_reference *reference);

/* kdf.c */
void cpns_hkdf_extract(const void *salt, unsigned int salt_len,
		       const struct kvec *ikm, unsigned int parts, u8 *prk);
void cpns_hkdf_expand(const u8 *prk, const struct kvec *info,
		      unsigned int parts, u8 *out, unsigned int out_len);

/* netlink.c, events.c */
extern struct genl_family cpns_family;

/**
 * struct cpns_event - what an event tells; fields that are 0 are left out
 * @cmd: CPNS_CMD_EPOCH_CHANGE ... CPNS_CMD_ALARM
 * @group: adds sgid, serial and tag
 * @epoch: number; always in the message where the event has one
 * @sid: sender id
 * @state: enum cpns_state
 * @reason: enum cpns_reason
 * @pubkey: of the node, 32 bytes
 * @dir: enum cpns_dir; adds dir, src, dst, spi and reqid
 * @family: AF_INET or AF_INET6
 * @src: outer source
 * @dst: outer destination
 * @spi: SPI
 * @reqid: of the state
 */
struct cpns_event {
	u8			cmd;
	struct cpns_group	*group;
	u32			epoch;
	u16			sid;
	u8			state;
	u8			reason;
	const u8		*pubkey;
	u8			dir;
	u16			family;
	xfrm_address_t		src;
	xfrm_address_t		dst;
	__be32			spi;
	u32			reqid;
};

void cpns_event_send(struct net *net, const struct cpns_event *event,
		     gfp_t gfp);
void cpns_event_key_wanted(struct cpns_group *group, u32 num);
int cpns_nl_put_group(struct sk_buff *skb, const struct cpns_group *group);
int cpns_nl_check(const struct net *net, const struct nlmsghdr *nlh,
		  struct netlink_ext_ack *extack);
struct cpns_group *cpns_nl_group(struct genl_info *info);

/*
 * What the data path provides.
 *
 * The cpns_sa_*() calls come from process context, from the group's work or a
 * task's system call, without the group's lock held, and may come twice.
 */

/* template.c */
extern struct crypto_template cpns_template;

/**
 * struct cpns_sa_match - which states end; fields that are 0 match any
 * @epoch: their epoch
 * @reference: what they were keyed through
 * @evicted: their sender was evicted
 * @sid: their sender
 * @dir: enum cpns_dir
 * @family: if not 0, @dst, @spi and @mark count too
 * @dst: outer destination
 * @spi: SPI
 * @mark: value and mask
 * @reason: enum cpns_reason for the SA_GONE events
 * @silent: no events
 */
struct cpns_sa_match {
	const struct cpns_epoch		*epoch;
	const struct cpns_reference	*reference;
	bool				evicted;
	u16				sid;
	u8				dir;
	u16				family;
	xfrm_address_t			dst;
	__be32				spi;
	struct xfrm_mark		mark;
	u8				reason;
	bool				silent;
};

/* esp.c */
extern struct xfrm_mgr cpns_km;
void cpns_sa_wake(struct cpns_net *cn, unsigned long delay);
void cpns_sa_net_init(struct cpns_net *cn);
void cpns_sa_net_exit(struct cpns_net *cn);
void cpns_sa_epoch_activated(struct cpns_group *group,
			     struct cpns_epoch *epoch);
int cpns_sa_end(struct cpns_group *group, const struct cpns_sa_match *match);

/* pkey.c */
int cpns_pkey_query(const struct kernel_pkey_params *params,
		    struct kernel_pkey_query *query);
int cpns_pkey_eds_op(struct kernel_pkey_params *params, const void *in,
		     void *out);

#endif /* _CPNS_KMOD_H */
