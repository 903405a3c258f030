// SPDX-License-Identifier: GPL-2.0-only
/*
 * ESP states that use a group's key: their life.
 *
 * A state of ours has x->geniv "cpns" and a handle where the key would stand,
 * so that esp4 and esp6 build cpns(...) and no dump shows a key. Every state is
 * on its group's list, which holds it, its epoch and the reference it was keyed
 * through; xfrm_state never points back. Others may delete our states: the
 * xfrm manager only wakes the namespace's work, which looks at the lists.
 *
 * XFRM_MSG_MIGRATE replaces a state by a clone that is on no list. The work
 * ends the clone as well: who migrates a state of ours deletes it.
 *
 * Lists and entries belong to the group's sa_lock, which xfrm_init_state() runs
 * without. States end in two steps: they go from the group's list to one of
 * the caller's, which cpns_sa_sweep() tells of after it let the lock go.
 */
#include <linux/audit.h>
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include <net/xfrm.h>

#include "esp.h"

/* a new outbound state is found first; who looked before gets this long */
#define CPNS_BREAK_DELAY	(HZ / 5)
/* deletions often come in bursts */
#define CPNS_REAP_DELAY		(HZ / 50)

/* 32-bit sequence numbers: warn at 3/4, stop short of the end */
#define CPNS_SEQ_SOFT		(U32_MAX / 4 * 3)
#define CPNS_SEQ_HARD		(U32_MAX - 65536)

static const char cpns_geniv[] = "cpns";

/* states that are on a list and with xfrm, by address */
static DEFINE_HASHTABLE(cpns_states, 6);
static DEFINE_SPINLOCK(cpns_states_lock);

atomic_t cpns_sa_changes = ATOMIC_INIT(1);

static void cpns_sa_event(const struct cpns_sa *sa, u8 cmd, u8 reason)
{
	const struct xfrm_state *x = sa->x;
	const struct cpns_event event = {
		.cmd = cmd, .group = sa->use.epoch->group,
		.epoch = sa->use.epoch->num, .sid = sa->sid, .reason = reason,
		.dir = sa->dir, .family = x->props.family,
		.src = x->props.saddr, .dst = x->id.daddr, .spi = x->id.spi,
		.reqid = x->props.reqid,
	};

	cpns_event_send(xs_net(sa->x), &event, GFP_KERNEL);
}

static void cpns_sa_tell_xfrm(struct xfrm_state *x, u32 what)
{
	const struct km_event event = { .event = what, .net = xs_net(x) };

	km_state_notify(x, &event);
}

/**
 * cpns_sa_wake() - have the namespace's work look at its states
 * @cn: namespace
 * @delay: jiffies
 *
 * Any context, as long as the namespace lives.
 */
void cpns_sa_wake(struct cpns_net *cn, unsigned long delay)
{
	if (!READ_ONCE(cn->exiting))
		mod_delayed_work(cpns_wq, &cn->sa_reap, delay);
}

/**
 * cpns_sa_seq() - last sequence number of a state
 * @x: state
 * @dir: enum cpns_dir
 *
 * Return: the last one sent, or the highest received. Any context.
 */
u32 cpns_sa_seq(struct xfrm_state *x, u8 dir)
{
	u32 seq;

	spin_lock_bh(&x->lock);
	if (dir == CPNS_DIR_OUT)
		seq = x->replay.oseq;
	else
		seq = x->replay_esn ? x->replay_esn->seq : x->replay.seq;
	spin_unlock_bh(&x->lock);
	return seq;
}

/**
 * cpns_sa_group() - the next group of a namespace that has a table
 * @cn: namespace
 * @bucket: of the table; 0 at first
 * @at: groups of the bucket that are done; the caller counts on
 *
 * Groups stay in the table until the namespace ends. Return: a group, held,
 * or NULL after the last.
 */
struct cpns_group *cpns_sa_group(struct cpns_net *cn, long *bucket, long *at)
{
	struct cpns_group *group;
	long n;

	rcu_read_lock();
	for (; *bucket < ARRAY_SIZE(cn->groups); (*bucket)++, *at = 0) {
		n = 0;
		hlist_for_each_entry_rcu(group, &cn->groups[*bucket], node)
			if (n++ >= *at && refcount_inc_not_zero(&group->ref))
				goto out;
	}
	group = NULL;
out:
	rcu_read_unlock();
	return group;
}

static struct cpns_seen *cpns_seen_find(struct cpns_group *group,
					const struct cpns_sa *sa)
{
	struct cpns_seen *seen;

	list_for_each_entry(seen, &group->sa_seen, node)
		if (seen->epoch == sa->use.epoch->num && seen->sid == sa->sid &&
		    seen->family == sa->x->props.family &&
		    xfrm_addr_equal(&seen->dst, &sa->x->id.daddr, seen->family))
			return seen;
	return NULL;
}

/* keep what an inbound state has received: it may be added again */
static void cpns_seen_keep(struct cpns_group *group, struct cpns_sa *sa)
{
	u32 seq = cpns_sa_seq(sa->x, CPNS_DIR_IN);
	struct cpns_seen *seen = cpns_seen_find(group, sa);

	if (!seq || (!seen && !sa->seen))
		return;
	if (!seen) {
		seen = sa->seen;
		sa->seen = NULL;
		seen->epoch = sa->use.epoch->num;
		seen->sid = sa->sid;
		seen->family = sa->x->props.family;
		seen->dst = sa->x->id.daddr;
		list_add(&seen->node, &group->sa_seen);
	}
	seen->seq = max(seen->seq, seq);
}

/* of states that others deleted and the work has not come to; sa_lock */
static void cpns_seen_keep_deleted(struct cpns_group *group,
				   const struct cpns_sa *sa)
{
	struct cpns_sa *other;
	bool quiet = false;

	list_for_each_entry(other, &group->sas, node) {
		if (other->dir != CPNS_DIR_IN || other->sid != sa->sid ||
		    other->use.epoch != sa->use.epoch ||
		    READ_ONCE(other->x->km.state) != XFRM_STATE_DEAD)
			continue;
		/* packets under way may still raise the sequence number */
		if (!quiet)
			synchronize_rcu();
		quiet = true;
		cpns_seen_keep(group, other);
	}
}

static bool cpns_sa_epoch_lives(struct cpns_group *group, u32 num)
{
	struct cpns_epoch *epoch = cpns_epoch_get(group, num);

	cpns_epoch_put(epoch);
	return epoch;
}

/**
 * cpns_sa_free() - give a state back that is on no list
 * @sa: it; xfrm has it no more
 */
void cpns_sa_free(struct cpns_sa *sa)
{
	if (sa->x) {
		sa->x->km.state = XFRM_STATE_DEAD;
		xfrm_state_put(sa->x);
	}
	cpns_use_put(&sa->use);
	kfree(sa->seen);
	kfree_rcu(sa, rcu);
}

/* take it from xfrm; sa_lock */
static void cpns_sa_unhook(struct cpns_sa *sa)
{
	if (sa->waiting)
		return;
	spin_lock_bh(&cpns_states_lock);
	hash_del_rcu(&sa->hash);
	spin_unlock_bh(&cpns_states_lock);
	if (xfrm_state_delete(sa->x))
		return;
	xfrm_audit_state_delete(sa->x, 1, !(current->flags & PF_KTHREAD));
	cpns_sa_tell_xfrm(sa->x, XFRM_MSG_DELSA);
}

static void cpns_sa_mark(struct cpns_sa *sa, struct list_head *gone, u8 cmd,
			 u8 reason)
{
	sa->cmd = cmd;
	sa->reason = reason;
	list_move_tail(&sa->node, gone);
}

/* End what is marked. Called with sa_lock, which it drops. */
static void cpns_sa_sweep(struct cpns_group *group, struct list_head *gone)
{
	struct cpns_seen *seen, *old;
	struct cpns_sa *sa, *next;
	bool keep = false;

	if (!list_empty(gone))
		atomic_inc(&cpns_sa_changes);
	list_for_each_entry(sa, gone, node) {
		cpns_sa_unhook(sa);
		keep |= sa->dir == CPNS_DIR_IN &&
			cpns_sa_epoch_lives(group, sa->use.epoch->num);
	}
	/* packets under way may still raise the sequence number */
	if (keep)
		synchronize_rcu();
	list_for_each_entry(sa, gone, node)
		if (keep && sa->dir == CPNS_DIR_IN)
			cpns_seen_keep(group, sa);
	list_for_each_entry_safe(seen, old, &group->sa_seen, node)
		if (!cpns_sa_epoch_lives(group, seen->epoch)) {
			list_del(&seen->node);
			kfree(seen);
		}
	mutex_unlock(&group->sa_lock);

	list_for_each_entry_safe(sa, next, gone, node) {
		if (sa->cmd)
			cpns_sa_event(sa, sa->cmd, sa->reason);
		cpns_sa_free(sa);
	}
}

/* continue above @seq: nothing up to it is taken any more */
static void cpns_sa_continue_inbound(struct xfrm_state *x, u32 seq)
{
	struct xfrm_replay_state_esn *esn = x->replay_esn;

	if (esn) {
		esn->seq = seq;
		memset(esn->bmp, 0xff, esn->bmp_len * sizeof(esn->bmp[0]));
		memcpy(x->preplay_esn, esn, xfrm_replay_state_esn_len(esn));
	} else {
		x->replay.seq = seq;
		x->replay.bitmap = U32_MAX;
		x->preplay = x->replay;
	}
}

/*
 * xfrm counts packets for us, so its limits are those of sequence numbers. It
 * counts what a device or esp4_offload segments later once only: the work
 * looks at the numbers too.
 */
static int cpns_sa_continue_outbound(struct xfrm_state *x, u64 ivs)
{
	if (ivs >= CPNS_SEQ_HARD)
		return -EKEYEXPIRED;
	x->replay.oseq = ivs;
	x->preplay = x->replay;
	x->lft.soft_packet_limit = ivs < CPNS_SEQ_SOFT ? CPNS_SEQ_SOFT - ivs :
							 1;
	x->lft.hard_packet_limit = CPNS_SEQ_HARD - ivs;
	return 0;
}

/* a handle where the key would stand, then what xfrm_state_construct() does */
static int cpns_sa_init(struct cpns_sa *sa, struct netlink_ext_ack *extack)
{
	const struct cpns_handle handle = {
		.serial = cpu_to_be32(sa->use.reference->serial),
		.epoch = cpu_to_be32(sa->use.epoch->num),
		.sid = cpu_to_be16(sa->sid),
		.use = CPNS_USE_ESP,
		.key_bytes = sa->key_bytes,
	};
	struct xfrm_state *x = sa->x;
	struct net *net = xs_net(x);
	struct xfrm_algo_desc *desc;

	desc = xfrm_aead_get_byname(sa->use.epoch->suite ==
				    CPNS_SUITE_CHACHA20_POLY1305 ?
				    "rfc7539esp(chacha20,poly1305)" :
				    "rfc4106(gcm(aes))", 128, 1);
	if (!desc)
		return -EOPNOTSUPP;
	x->aead = kzalloc(sizeof(*x->aead) + sizeof(handle),
			  GFP_KERNEL_ACCOUNT);
	if (!x->aead)
		return -ENOMEM;
	strscpy(x->aead->alg_name, desc->name, sizeof(x->aead->alg_name));
	x->aead->alg_key_len = 8 * sizeof(handle);
	x->aead->alg_icv_len = 128;
	memcpy(x->aead->alg_key, &handle, sizeof(handle));
	x->props.ealgo = desc->desc.sadb_alg_id;
	x->geniv = cpns_geniv;

	x->replay_maxdiff = net->xfrm.sysctl_aevent_rseqth;
	x->replay_maxage = net->xfrm.sysctl_aevent_etime * HZ / XFRM_AE_ETH_M;
#ifdef CPNS_HAVE_XFRM_DIR
	x->dir = sa->dir == CPNS_DIR_OUT ? XFRM_SA_DIR_OUT : XFRM_SA_DIR_IN;
#endif
#ifdef CPNS_HAVE_XFRM_INIT_EXTACK
	return xfrm_init_state(x, extack);
#else
	return xfrm_init_state(x);
#endif
}

/* xfrm sends with the newest by the wall clock, which may step back; sa_lock */
static u64 cpns_sa_add_time(const struct cpns_group *group)
{
	u64 time = ktime_get_real_seconds();
	const struct cpns_sa *sa;

	list_for_each_entry(sa, &group->sas, node)
		time = max_t(u64, time, sa->x->curlft.add_time);
	return time;
}

/* give a finished state to xfrm; sa_lock */
static int cpns_sa_insert(struct cpns_group *group, struct cpns_sa *sa)
{
	const struct cpns_seen *seen;
	struct xfrm_state *x = sa->x;
	int err = 0;

	if (sa->dir == CPNS_DIR_OUT) {
		err = cpns_sa_continue_outbound(x, cpns_epoch_ivs(sa->use.epoch));
	} else {
		cpns_seen_keep_deleted(group, sa);
		seen = cpns_seen_find(group, sa);
		if (seen)
			cpns_sa_continue_inbound(x, seen->seq);
	}
	if (err)
		return err;

	spin_lock_bh(&cpns_states_lock);
	hash_add_rcu(cpns_states, &sa->hash, (unsigned long)x);
	spin_unlock_bh(&cpns_states_lock);
	x->curlft.add_time = cpns_sa_add_time(group);
	xfrm_state_hold(x);
	err = xfrm_state_add(x);
	xfrm_audit_state_add(x, !err, !(current->flags & PF_KTHREAD));
	if (err) {
		spin_lock_bh(&cpns_states_lock);
		hash_del_rcu(&sa->hash);
		spin_unlock_bh(&cpns_states_lock);
		__xfrm_state_put(x);
		return err;
	}
	sa->waiting = false;
	cpns_sa_tell_xfrm(x, XFRM_MSG_NEWSA);
	return 0;
}

/* xfrm does not know of those that wait; sa_lock */
static bool cpns_sa_taken(struct cpns_group *group, const struct cpns_sa *sa)
{
	const struct xfrm_state *x = sa->x;
	const struct cpns_sa *other;
	struct xfrm_state *found;

	list_for_each_entry(other, &group->sas, node)
		if (other->waiting && other->x->id.spi == x->id.spi &&
		    other->x->props.family == x->props.family &&
		    (x->mark.v & other->x->mark.m) == other->x->mark.v &&
		    xfrm_addr_equal(&other->x->id.daddr, &x->id.daddr,
				    x->props.family))
			return true;
	found = xfrm_state_lookup(xs_net(sa->x), x->mark.v, &x->id.daddr,
				  x->id.spi, x->id.proto, x->props.family);
	if (found)
		xfrm_state_put(found);
	return found;
}

/* the group may have moved on while the state was set up; sa_lock */
static int cpns_sa_commit(struct cpns_group *group, struct cpns_sa *sa)
{
	int err = cpns_may_decrypt(&sa->use, sa->sid);

	if (err)
		return err;
	/* the time that packets have after that is not for new states */
	if (sa->dir == CPNS_DIR_OUT &&
	    cpns_now() >= READ_ONCE(sa->use.epoch->rxonly_at))
		return -ESTALE;
	if (sa->dir == CPNS_DIR_OUT &&
	    cpns_epoch_state(sa->use.epoch) == CPNS_STATE_PENDING) {
		if (cpns_epoch_sid(sa->use.epoch) != sa->sid)
			return -ENOKEY;
		if (cpns_sa_taken(group, sa))
			return -EEXIST;
		sa->waiting = true;
	} else {
		if (sa->dir == CPNS_DIR_OUT)
			err = cpns_may_encrypt(&sa->use, sa->sid);
		err = err ?: cpns_sa_insert(group, sa);
	}
	if (!err) {
		list_add_tail(&sa->node, &group->sas);
		atomic_inc(&cpns_sa_changes);
	}
	return err;
}

/* a sender's own traffic must not come back to it as another's */
static int cpns_sa_check_sid(const struct cpns_sa *sa,
			     struct netlink_ext_ack *extack)
{
	const struct cpns_epoch *epoch = sa->use.epoch;
	const struct cpns_event event = {
		.cmd = CPNS_CMD_ALARM, .group = epoch->group,
		.epoch = epoch->num, .sid = sa->sid,
		.reason = CPNS_REASON_OWN_SID,
	};

	if (sa->dir == CPNS_DIR_OUT) {
		if (sa->sid == cpns_epoch_sid(epoch))
			return 0;
		NL_SET_ERR_MSG(extack,
			       "outbound only with the node's own sender id");
		return -EINVAL;
	}
	if (!cpns_epoch_own_sid(epoch, sa->sid))
		return 0;
	NL_SET_ERR_MSG(extack, "inbound with the node's own sender id");
	cpns_event_send(xs_net(sa->x), &event, GFP_KERNEL);
	return -EINVAL;
}

/**
 * cpns_sa_add() - make an ESP state that uses a group's key
 * @sa: use, direction, sender, key size, and a state with all that its
 *	creator chooses; the group's on success
 * @extack: gets the cause of a refusal
 *
 * Outbound states of a pending epoch wait for its activation. Sleeps; no lock
 * held. RFC 4303; RFC 9838 for the missing extended sequence numbers.
 *
 * Return: 0, or a negative errno and nothing changed: -EEXIST SPI taken,
 * -ESTALE outbound in an epoch past active, -EINVAL wrong sender id, or what
 * the group's state says.
 */
int cpns_sa_add(struct cpns_sa *sa, struct netlink_ext_ack *extack)
{
	struct cpns_group *group = sa->use.epoch->group;
	int err = cpns_sa_check_sid(sa, extack);

	if (!err && sa->dir == CPNS_DIR_IN) {
		sa->seen = kzalloc(sizeof(*sa->seen), GFP_KERNEL_ACCOUNT);
		err = sa->seen ? 0 : -ENOMEM;
	}
	err = err ?: cpns_sa_init(sa, extack);
	if (err)
		return err;
	mutex_lock(&group->sa_lock);
	err = cpns_sa_commit(group, sa);
	mutex_unlock(&group->sa_lock);
	return err;
}

static bool cpns_sa_matches(const struct cpns_sa *sa,
			    const struct cpns_sa_match *match)
{
	const struct xfrm_state *x = sa->x;

	return (!match->epoch || sa->use.epoch == match->epoch) &&
	       (!match->reference || sa->use.reference == match->reference) &&
	       (!match->evicted ||
		cpns_may_decrypt(&sa->use, sa->sid) == -EKEYREJECTED) &&
	       (!match->sid || sa->sid == match->sid) &&
	       (!match->dir || sa->dir == match->dir) &&
	       (!match->family ||
		(match->family == x->props.family &&
		 match->spi == x->id.spi &&
		 match->mark.m == x->mark.m && match->mark.v == x->mark.v &&
		 xfrm_addr_equal(&match->dst, &x->id.daddr, match->family)));
}

/**
 * cpns_sa_end() - end states of a group
 * @group: it
 * @match: which, and what the events tell
 *
 * Process context, group's lock not held.
 *
 * Return: 0, -ENOENT there was none.
 */
int cpns_sa_end(struct cpns_group *group, const struct cpns_sa_match *match)
{
	struct cpns_sa *sa, *next;
	LIST_HEAD(gone);
	int err;

	mutex_lock(&group->sa_lock);
	list_for_each_entry_safe(sa, next, &group->sas, node)
		if (cpns_sa_matches(sa, match))
			cpns_sa_mark(sa, &gone, match->silent ? 0 :
				     CPNS_CMD_SA_GONE, match->reason);
	err = list_empty(&gone) ? -ENOENT : 0;
	cpns_sa_sweep(group, &gone);
	return err;
}

/**
 * cpns_sa_epoch_activated() - an epoch may be sent with
 * @group: its group
 * @epoch: it
 *
 * Inserts the outbound states that wait and lets the older ones end a little
 * later (make before break). Process context, group's lock not held.
 */
void cpns_sa_epoch_activated(struct cpns_group *group,
			     struct cpns_epoch *epoch)
{
	struct cpns_net *cn = NULL;
	struct cpns_sa *sa, *next;
	bool inserted = false;
	LIST_HEAD(gone);

	mutex_lock(&group->sa_lock);
	list_for_each_entry_safe(sa, next, &group->sas, node) {
		if (sa->waiting && sa->use.epoch == epoch) {
			inserted = true;
			/* fails where another took the SPI meanwhile */
			if (cpns_sa_insert(group, sa))
				cpns_sa_mark(sa, &gone, CPNS_CMD_SA_GONE,
					     CPNS_REASON_NONE);
		} else if (!sa->end_at && sa->dir == CPNS_DIR_OUT &&
			   sa->use.epoch->num < epoch->num) {
			sa->end_at = (jiffies + CPNS_BREAK_DELAY) ?: 1;
			if (sa->waiting)	/* its turn never came */
				cpns_sa_mark(sa, &gone, CPNS_CMD_SA_GONE,
					     CPNS_REASON_NONE);
			else
				cn = cpns_net(xs_net(sa->x));
		}
	}
	/* who found an older one has encrypted before its epoch stops to */
	if (inserted)
		synchronize_rcu();
	if (cn)
		cpns_sa_wake(cn, CPNS_REAP_DELAY);
	cpns_sa_sweep(group, &gone);
}

/* one group's turn; jiffies until the next end, 0 if there is none */
static unsigned long cpns_sa_reap_group(struct cpns_group *group)
{
	unsigned long next_end = 0;
	struct cpns_sa *sa, *next;
	LIST_HEAD(gone);

	mutex_lock(&group->sa_lock);
	list_for_each_entry_safe(sa, next, &group->sas, node) {
		struct xfrm_state *x = sa->x;
		u32 sent = sa->dir == CPNS_DIR_OUT ?
			   cpns_sa_seq(x, CPNS_DIR_OUT) : 0;

		if (sa->waiting)
			continue;
		if (READ_ONCE(x->km.state) == XFRM_STATE_DEAD) {
			if (x->curlft.packets >= x->lft.hard_packet_limit)
				cpns_sa_mark(sa, &gone, CPNS_CMD_SA_HARD,
					     CPNS_REASON_EXHAUSTED);
			else
				cpns_sa_mark(sa, &gone, CPNS_CMD_SA_GONE,
					     CPNS_REASON_DELETED);
			continue;
		}
		if (sent >= CPNS_SEQ_HARD) {
			cpns_sa_mark(sa, &gone, CPNS_CMD_SA_HARD,
				     CPNS_REASON_EXHAUSTED);
			continue;
		}
		if ((READ_ONCE(x->km.dying) || sent >= CPNS_SEQ_SOFT) &&
		    !sa->soft) {
			sa->soft = true;
			cpns_sa_event(sa, CPNS_CMD_SA_SOFT,
				      CPNS_REASON_EXHAUSTED);
			if (sa->dir == CPNS_DIR_OUT)
				cpns_sa_event(sa, CPNS_CMD_IV_LOW,
					      CPNS_REASON_EXHAUSTED);
		}
		if (!sa->end_at)
			continue;
		if (time_after_eq(jiffies, sa->end_at))
			cpns_sa_mark(sa, &gone, CPNS_CMD_SA_GONE,
				     CPNS_REASON_NONE);
		else
			next_end = min_not_zero(next_end,
						sa->end_at - jiffies);
	}
	cpns_sa_sweep(group, &gone);
	return next_end;
}

/* under xfrm's lock: is it a state of ours that is on no list? */
static int cpns_sa_stray(struct xfrm_state *x, int count, void *found)
{
	const struct cpns_sa *sa;

	if (x->geniv != cpns_geniv)
		return 0;
	hash_for_each_possible_rcu(cpns_states, sa, hash, (unsigned long)x,
				   true)
		if (sa->x == x)
			return 0;
	xfrm_state_hold(x);
	*(struct xfrm_state **)found = x;
	return -EEXIST;
}

static void cpns_sa_reap_strays(struct net *net)
{
	struct xfrm_state_walk walk;
	struct xfrm_state *x;

	do {
		x = NULL;
		xfrm_state_walk_init(&walk, IPPROTO_ESP, NULL);
		xfrm_state_walk(net, &walk, cpns_sa_stray, &x);
		xfrm_state_walk_done(&walk, net);
		if (x) {
			if (!xfrm_state_delete(x))
				cpns_sa_tell_xfrm(x, XFRM_MSG_DELSA);
			xfrm_state_put(x);
		}
	} while (x);
}

static void cpns_sa_reap(struct work_struct *work)
{
	struct cpns_net *cn = container_of(to_delayed_work(work),
					   struct cpns_net, sa_reap);
	unsigned long next = 0;
	struct cpns_group *group;
	long bucket = 0, at = 0;

	for (; (group = cpns_sa_group(cn, &bucket, &at)); at++) {
		if (!list_empty_careful(&group->sas))
			next = min_not_zero(next, cpns_sa_reap_group(group));
		cpns_group_put(group);
	}
	if (READ_ONCE(cn->sa_migrated)) {
		WRITE_ONCE(cn->sa_migrated, false);
		cpns_sa_reap_strays(cn->net);
	}
	if (next && !READ_ONCE(cn->exiting))
		queue_delayed_work(cpns_wq, &cn->sa_reap, next);
}

/**
 * cpns_sa_net_init() - prepare a namespace
 * @cn: its state
 */
void cpns_sa_net_init(struct cpns_net *cn)
{
	INIT_DELAYED_WORK(&cn->sa_reap, cpns_sa_reap);
}

/**
 * cpns_sa_net_exit() - a namespace ends: the work stops
 * @cn: its state; its groups have ended, and with them all states
 *
 * exiting was set before the grace period that all namespaces that end share:
 * the xfrm manager looks at it under RCU.
 */
void cpns_sa_net_exit(struct cpns_net *cn)
{
	cancel_delayed_work_sync(&cn->sa_reap);
}

/*
 * From softirq with x->lock held, from system calls, with x == NULL for a
 * flush: so it only wakes the work.
 */
static int cpns_km_notify(struct xfrm_state *x, const struct km_event *event)
{
	if (event->event == XFRM_MSG_FLUSHSA)
		cpns_sa_wake(cpns_net(event->net), CPNS_REAP_DELAY);
	else if ((event->event == XFRM_MSG_DELSA ||
		  event->event == XFRM_MSG_EXPIRE) &&
		 x && x->geniv == cpns_geniv)
		cpns_sa_wake(cpns_net(xs_net(x)), CPNS_REAP_DELAY);
	return 0;
}

/* xfrm calls every manager for an acquire; the daemon listens to xfrm's own */
static int cpns_km_acquire(struct xfrm_state *x, struct xfrm_tmpl *tmpl,
			   struct xfrm_policy *policy)
{
	return -EOPNOTSUPP;
}

/*
 * So is this called for every policy of a socket, anybody's. @dir, which is an
 * errno while no manager took the policy, stays what others made of it.
 */
static struct xfrm_policy *cpns_km_compile_policy(struct sock *sk, int opt,
						  u8 *data, int len, int *dir)
{
	return NULL;
}

#ifdef CPNS_HAVE_XFRM_MIGRATE_NET
static int cpns_km_migrate(const struct xfrm_selector *sel, u8 dir, u8 type,
			   const struct xfrm_migrate *m, int num_bundles,
			   const struct xfrm_kmaddress *k, struct net *net,
			   const struct xfrm_encap_tmpl *encap)
{
	struct cpns_net *cn = cpns_net(net);

	WRITE_ONCE(cn->sa_migrated, true);
	cpns_sa_wake(cn, CPNS_REAP_DELAY);
	return -EOPNOTSUPP;
}
#endif

struct xfrm_mgr cpns_km = {
	.notify		= cpns_km_notify,
	.acquire	= cpns_km_acquire,
	.compile_policy	= cpns_km_compile_policy,
#ifdef CPNS_HAVE_XFRM_MIGRATE_NET
	.migrate	= cpns_km_migrate,
#endif
};
