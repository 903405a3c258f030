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
 * Lists and entries belong to the group's sa_lock. xfrm_init_state() runs
 * without it. An end is in two steps: mark under the lock (gone), then
 * cpns_sa_sweep(), which lets the lock go before it tells.
 */
#include <linux/audit.h>
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

static void cpns_sa_event(const struct cpns_sa *sa, u8 cmd, u8 reason)
{
	const struct xfrm_state *x = sa->x;
	struct cpns_event event = {
		.cmd = cmd,
		.group = sa->use.epoch->group,
		.epoch = sa->use.epoch->num,
		.sid = sa->sid,
		.reason = reason,
		.dir = sa->dir,
		.family = x->props.family,
		.src = x->props.saddr,
		.dst = x->id.daddr,
		.spi = x->id.spi,
		.reqid = x->props.reqid,
	};

	cpns_event_send(xs_net(sa->x), &event, GFP_KERNEL);
}

static void cpns_sa_tell_xfrm(struct xfrm_state *x, u32 what)
{
	struct km_event event = { .event = what, .net = xs_net(x) };

	km_state_notify(x, &event);
}

static bool cpns_task_valid(void)
{
	return !(current->flags & PF_KTHREAD);
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

static struct cpns_seen *cpns_seen_get(struct cpns_group *group,
				       const struct cpns_sa *sa)
{
	const struct xfrm_state *x = sa->x;
	struct cpns_seen *seen;

	list_for_each_entry(seen, &group->sa_seen, node)
		if (seen->epoch == sa->use.epoch->num && seen->sid == sa->sid &&
		    seen->family == x->props.family &&
		    xfrm_addr_equal(&seen->dst, &x->id.daddr, seen->family))
			goto found;
	seen = kzalloc(sizeof(*seen), GFP_KERNEL_ACCOUNT);
	if (!seen)
		return NULL;
	seen->epoch = sa->use.epoch->num;
	seen->sid = sa->sid;
	seen->family = x->props.family;
	seen->dst = x->id.daddr;
	list_add(&seen->node, &group->sa_seen);
found:
	seen->users++;
	return seen;
}

static void cpns_seen_put(struct cpns_sa *sa, bool remember)
{
	struct cpns_seen *seen = sa->seen;

	if (!seen)
		return;
	if (remember)
		seen->seq = max(seen->seq, cpns_sa_seq(sa->x, CPNS_DIR_IN));
	if (!--seen->users && !seen->seq) {
		list_del(&seen->node);
		kfree(seen);
	}
	sa->seen = NULL;
}

/* forget an epoch's numbers, all if @epoch is 0; sa_lock */
static void cpns_seen_forget(struct cpns_group *group, u32 epoch)
{
	struct cpns_seen *seen, *next;

	list_for_each_entry_safe(seen, next, &group->sa_seen, node) {
		if (seen->users || (epoch && seen->epoch != epoch))
			continue;
		list_del(&seen->node);
		kfree(seen);
	}
}

/* take it from xfrm; sa_lock */
static void cpns_sa_unhook(struct cpns_sa *sa)
{
	struct xfrm_state *x = sa->x;

	if (sa->waiting) {
		x->km.state = XFRM_STATE_DEAD;
		return;
	}
	if (xfrm_state_delete(x))
		return;
	xfrm_audit_state_delete(x, 1, cpns_task_valid());
	cpns_sa_tell_xfrm(x, XFRM_MSG_DELSA);
}

static void cpns_sa_free(struct cpns_sa *sa)
{
	xfrm_state_put(sa->x);
	cpns_use_put(&sa->use);
	kfree(sa);
}

static void cpns_sa_mark(struct cpns_sa *sa, u8 cmd, u8 reason)
{
	sa->gone = true;
	sa->cmd = cmd;
	sa->reason = reason;
}

/*
 * End what is marked. Called with sa_lock, which it drops. @remember: the
 * epoch lives on and the states may come back.
 */
static void cpns_sa_sweep(struct cpns_group *group, bool remember)
{
	struct cpns_sa *sa, *next;
	bool inbound = false;
	LIST_HEAD(gone);

	list_for_each_entry_safe(sa, next, &group->sas, node) {
		if (!sa->gone)
			continue;
		cpns_sa_unhook(sa);
		list_move_tail(&sa->node, &gone);
		inbound |= sa->dir == CPNS_DIR_IN;
	}
	/* packets under way may still raise the sequence number */
	if (remember && inbound)
		synchronize_rcu();
	list_for_each_entry(sa, &gone, node)
		cpns_seen_put(sa, remember);
	mutex_unlock(&group->sa_lock);

	list_for_each_entry_safe(sa, next, &gone, node) {
		if (sa->cmd)
			cpns_sa_event(sa, sa->cmd, sa->reason);
		list_del(&sa->node);
		cpns_sa_free(sa);
	}
}

static int cpns_sa_replay_window(struct xfrm_state *x, u32 window)
{
	struct xfrm_replay_state_esn *esn;
	size_t size;

	if (window <= 32) {
		x->props.replay_window = window;
		return 0;
	}
	size = struct_size(esn, bmp, DIV_ROUND_UP(window, 32));
	x->replay_esn = kzalloc(size, GFP_KERNEL_ACCOUNT);
	x->preplay_esn = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!x->replay_esn || !x->preplay_esn)
		return -ENOMEM;
	x->replay_esn->bmp_len = DIV_ROUND_UP(window, 32);
	x->replay_esn->replay_window = window;
	x->preplay_esn->bmp_len = DIV_ROUND_UP(window, 32);
	x->preplay_esn->replay_window = window;
	return 0;
}

/* continue above @seq: nothing up to it is taken any more */
static void cpns_sa_continue_inbound(struct xfrm_state *x, u32 seq)
{
	struct xfrm_replay_state_esn *esn = x->replay_esn;

	if (!seq)
		return;
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

/* xfrm counts packets for us, so its limits are those of sequence numbers */
static int cpns_sa_continue_outbound(struct xfrm_state *x,
				     const struct cpns_epoch *epoch)
{
	u64 ivs = cpns_epoch_ivs(epoch);

	if (ivs >= CPNS_SEQ_HARD)
		return -EKEYEXPIRED;
	x->replay.oseq = ivs;
	x->preplay = x->replay;
	x->lft.soft_packet_limit = ivs < CPNS_SEQ_SOFT ? CPNS_SEQ_SOFT - ivs :
							 1;
	x->lft.hard_packet_limit = CPNS_SEQ_HARD - ivs;
	return 0;
}

static int cpns_sa_algorithm(struct xfrm_state *x, const struct cpns_use *use,
			     const struct cpns_sa_config *config)
{
	struct cpns_handle handle = {
		.serial = cpu_to_be32(use->reference->serial),
		.epoch = cpu_to_be32(use->epoch->num),
		.sid = cpu_to_be16(config->sid),
		.use = CPNS_USE_ESP,
		.key_bytes = config->key_bytes,
	};
	struct xfrm_algo_desc *desc;

	desc = xfrm_aead_get_byname(use->epoch->suite ==
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
	return 0;
}

static void cpns_sa_fill(struct xfrm_state *x, struct net *net,
			 const struct cpns_sa_config *config)
{
	x->id.proto = IPPROTO_ESP;
	x->id.daddr = config->dst;
	x->id.spi = config->spi;
	x->props.saddr = config->src;
	x->props.family = config->family;
	x->props.reqid = config->reqid;
	if (config->mode == CPNS_SA_MODE_TUNNEL) {
		/* either family inside */
		x->props.mode = XFRM_MODE_TUNNEL;
		x->props.flags = XFRM_STATE_AF_UNSPEC;
	} else {
		x->props.mode = XFRM_MODE_TRANSPORT;
		x->sel.family = config->family;
	}
	x->if_id = config->if_id;
	x->mark = config->mark;
	x->replay_maxdiff = net->xfrm.sysctl_aevent_rseqth;
	x->replay_maxage = net->xfrm.sysctl_aevent_etime * HZ / XFRM_AE_ETH_M;
#ifdef CPNS_HAVE_XFRM_DIR
	x->dir = config->dir == CPNS_DIR_OUT ? XFRM_SA_DIR_OUT :
					       XFRM_SA_DIR_IN;
#endif
}

static int cpns_sa_init_state(struct xfrm_state *x,
			      struct netlink_ext_ack *extack)
{
#ifdef CPNS_HAVE_XFRM_INIT_EXTACK
	return xfrm_init_state(x, extack);
#else
	return xfrm_init_state(x);
#endif
}

static struct xfrm_state *cpns_sa_state(struct net *net,
					const struct cpns_use *use,
					const struct cpns_sa_config *config,
					struct netlink_ext_ack *extack)
{
	struct xfrm_state *x = xfrm_state_alloc(net);
	int err;

	if (!x)
		return ERR_PTR(-ENOMEM);
	cpns_sa_fill(x, net, config);
	err = cpns_sa_algorithm(x, use, config);
	if (!err && config->dir == CPNS_DIR_IN)
		err = cpns_sa_replay_window(x, config->window);
	if (!err)
		err = cpns_sa_init_state(x, extack);
	if (err) {
		x->km.state = XFRM_STATE_DEAD;
		xfrm_state_put(x);
		return ERR_PTR(err);
	}
	return x;
}

/* give a finished state to xfrm; sa_lock */
static int cpns_sa_insert(struct cpns_sa *sa)
{
	struct xfrm_state *x = sa->x;
	int err = 0;

	if (sa->dir == CPNS_DIR_OUT)
		err = cpns_sa_continue_outbound(x, sa->use.epoch);
	else
		cpns_sa_continue_inbound(x, sa->seen->seq);
	if (err)
		return err;

	x->curlft.add_time = ktime_get_real_seconds();
	xfrm_state_hold(x);
	err = xfrm_state_add(x);
	xfrm_audit_state_add(x, !err, cpns_task_valid());
	if (err) {
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
		    xfrm_addr_equal(&other->x->id.daddr, &x->id.daddr,
				    x->props.family))
			return true;
	found = xfrm_state_lookup(xs_net(sa->x), x->mark.v & x->mark.m,
				  &x->id.daddr, x->id.spi, x->id.proto,
				  x->props.family);
	if (!found)
		return false;
	xfrm_state_put(found);
	return true;
}

/* state may have moved while the state was set up; sa_lock */
static int cpns_sa_commit(struct cpns_group *group, struct cpns_sa *sa)
{
	struct cpns_epoch *epoch = sa->use.epoch;
	int err;

	err = cpns_may_decrypt(&sa->use, sa->sid);
	if (err)
		return err;
	if (sa->dir == CPNS_DIR_IN) {
		sa->seen = cpns_seen_get(group, sa);
		if (!sa->seen)
			return -ENOMEM;
		err = cpns_sa_insert(sa);
		if (err)
			cpns_seen_put(sa, false);
	} else if (cpns_epoch_state(epoch) == CPNS_STATE_PENDING) {
		if (cpns_epoch_sid(epoch) != sa->sid)
			return -ENOKEY;
		if (cpns_sa_taken(group, sa))
			return -EEXIST;
		sa->waiting = true;
	} else {
		err = cpns_may_encrypt(&sa->use, sa->sid);
		if (!err)
			err = cpns_sa_insert(sa);
	}
	if (!err)
		list_add_tail(&sa->node, &group->sas);
	return err;
}

/* a sender's own traffic must not come back to it as another's */
static int cpns_sa_check_sid(struct net *net, const struct cpns_use *use,
			     const struct cpns_sa_config *config,
			     struct netlink_ext_ack *extack)
{
	struct cpns_event event = {
		.cmd = CPNS_CMD_ALARM,
		.group = use->epoch->group,
		.epoch = use->epoch->num,
		.sid = config->sid,
		.reason = CPNS_REASON_OWN_SID,
	};

	if (config->dir == CPNS_DIR_OUT) {
		if (config->sid == cpns_epoch_sid(use->epoch))
			return 0;
		NL_SET_ERR_MSG(extack,
			       "outbound only with the node's own sender id");
		return -EINVAL;
	}
	if (!cpns_epoch_own_sid(use->epoch, config->sid))
		return 0;
	NL_SET_ERR_MSG(extack, "inbound with the node's own sender id");
	cpns_event_send(net, &event, GFP_KERNEL);
	return -EINVAL;
}

/**
 * cpns_sa_add() - make an ESP state that uses a group's key
 * @net: namespace of the caller
 * @use: epoch and reference; the state takes holds of its own
 * @config: checked for form
 * @extack: gets the cause of a refusal
 *
 * Outbound states of a pending epoch wait for its activation. Sleeps; no lock
 * held. RFC 4303; RFC 9838 for the missing extended sequence numbers.
 *
 * Return: 0, or a negative errno and nothing changed: -EEXIST SPI taken,
 * -ESTALE outbound in an epoch past active, -EINVAL wrong sender id, or what
 * the group's state says.
 */
int cpns_sa_add(struct net *net, const struct cpns_use *use,
		const struct cpns_sa_config *config,
		struct netlink_ext_ack *extack)
{
	struct cpns_group *group = use->epoch->group;
	struct xfrm_state *x;
	struct cpns_sa *sa;
	int err;

	err = cpns_sa_check_sid(net, use, config, extack);
	if (err)
		return err;
	sa = kzalloc(sizeof(*sa), GFP_KERNEL_ACCOUNT);
	if (!sa)
		return -ENOMEM;
	x = cpns_sa_state(net, use, config, extack);
	if (IS_ERR(x)) {
		kfree(sa);
		return PTR_ERR(x);
	}
	sa->x = x;
	sa->use.epoch = cpns_epoch_hold(use->epoch);
	sa->use.reference = use->reference;
	refcount_inc(&use->reference->ref);
	sa->sid = config->sid;
	sa->dir = config->dir;
	sa->key_bytes = config->key_bytes;

	mutex_lock(&group->sa_lock);
	err = cpns_sa_commit(group, sa);
	mutex_unlock(&group->sa_lock);
	if (err) {
		x->km.state = XFRM_STATE_DEAD;
		cpns_sa_free(sa);
	}
	return err;
}

/**
 * cpns_sa_del() - delete a state of the module
 * @group: its group
 * @id: which
 *
 * Sleeps; no lock held.
 *
 * Return: 0 or -ENOENT.
 */
int cpns_sa_del(struct cpns_group *group, const struct cpns_sa_id *id)
{
	bool found = false;
	struct cpns_sa *sa;

	mutex_lock(&group->sa_lock);
	list_for_each_entry(sa, &group->sas, node) {
		const struct xfrm_state *x = sa->x;

		if ((id->dir && id->dir != sa->dir) || id->spi != x->id.spi ||
		    id->family != x->props.family ||
		    !xfrm_addr_equal(&id->dst, &x->id.daddr, id->family) ||
		    (id->mark.v & id->mark.m) != (x->mark.v & x->mark.m) ||
		    id->mark.m != x->mark.m)
			continue;
		cpns_sa_mark(sa, 0, 0);
		found = true;
	}
	cpns_sa_sweep(group, true);
	return found ? 0 : -ENOENT;
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
	bool inserted = false;
	struct cpns_sa *sa;

	mutex_lock(&group->sa_lock);
	list_for_each_entry(sa, &group->sas, node) {
		if (!sa->waiting || sa->use.epoch != epoch)
			continue;
		inserted = true;
		/* it fails where somebody else took the SPI meanwhile */
		if (cpns_sa_insert(sa))
			cpns_sa_mark(sa, CPNS_CMD_SA_GONE, CPNS_REASON_NONE);
	}
	list_for_each_entry(sa, &group->sas, node) {
		if (sa->end_at || sa->dir != CPNS_DIR_OUT ||
		    sa->use.epoch->num >= epoch->num)
			continue;
		if (sa->waiting) {	/* its turn never came */
			cpns_sa_mark(sa, CPNS_CMD_SA_GONE, CPNS_REASON_NONE);
			continue;
		}
		sa->end_at = (jiffies + CPNS_BREAK_DELAY) ?: 1;
		cn = cpns_net(xs_net(sa->x));
	}
	/* who found an older one has encrypted before its epoch stops to */
	if (inserted)
		synchronize_rcu();
	if (cn)
		mod_delayed_work(cpns_wq, &cn->sa_reap, CPNS_REAP_DELAY);
	cpns_sa_sweep(group, false);
}

/* what is to end: fields that are 0 match any */
struct cpns_sa_match {
	const struct cpns_epoch		*epoch;
	const struct cpns_reference	*reference;
	u32				below;
	u16				sid;
	u8				dir;
};

static void cpns_sa_end(struct cpns_group *group,
			const struct cpns_sa_match *match, u8 reason)
{
	struct cpns_sa *sa;

	mutex_lock(&group->sa_lock);
	list_for_each_entry(sa, &group->sas, node)
		if ((!match->epoch || sa->use.epoch == match->epoch) &&
		    (!match->reference ||
		     sa->use.reference == match->reference) &&
		    (!match->below || sa->use.epoch->num < match->below) &&
		    (!match->sid || sa->sid == match->sid) &&
		    (!match->dir || sa->dir == match->dir))
			cpns_sa_mark(sa, CPNS_CMD_SA_GONE, reason);
	cpns_sa_sweep(group, false);
}

/**
 * cpns_sa_epoch_dead() - an epoch is wiped: its states end
 * @group: its group
 * @epoch: it
 * @reason: told in the events
 *
 * Process context, group's lock not held; as all below.
 */
void cpns_sa_epoch_dead(struct cpns_group *group, struct cpns_epoch *epoch,
			enum cpns_reason reason)
{
	const struct cpns_sa_match match = { .epoch = epoch };

	cpns_sa_end(group, &match, reason);
	mutex_lock(&group->sa_lock);
	cpns_seen_forget(group, epoch->num);
	mutex_unlock(&group->sa_lock);
}

/**
 * cpns_sa_sender_gone() - a sender was evicted: its inbound states end
 * @group: its group
 * @below: epochs with a lower number
 * @sid: the sender
 */
void cpns_sa_sender_gone(struct cpns_group *group, u32 below, u16 sid)
{
	const struct cpns_sa_match match = {
		.below = below, .sid = sid, .dir = CPNS_DIR_IN,
	};

	cpns_sa_end(group, &match, CPNS_REASON_EVICTED);
}

/**
 * cpns_sa_sender_reset() - own sender id replaced: its outbound states end
 * @group: its group
 * @epoch: in which
 * @old_sid: the id that is not ours any more
 */
void cpns_sa_sender_reset(struct cpns_group *group, struct cpns_epoch *epoch,
			  u16 old_sid)
{
	const struct cpns_sa_match match = {
		.epoch = epoch, .sid = old_sid, .dir = CPNS_DIR_OUT,
	};

	cpns_sa_end(group, &match, CPNS_REASON_NEW_SID);
}

/**
 * cpns_sa_reference_gone() - a key ended: what was keyed through it ends
 * @group: its group
 * @reference: the key's
 */
void cpns_sa_reference_gone(struct cpns_group *group,
			    struct cpns_reference *reference)
{
	const struct cpns_sa_match match = { .reference = reference };

	cpns_sa_end(group, &match, CPNS_REASON_REVOKED);
}

/**
 * cpns_sa_group_gone() - a group ended: all its states end
 * @group: the group
 * @reason: told in the events
 */
void cpns_sa_group_gone(struct cpns_group *group, enum cpns_reason reason)
{
	const struct cpns_sa_match match = {};

	cpns_sa_end(group, &match, reason);
	mutex_lock(&group->sa_lock);
	cpns_seen_forget(group, 0);
	mutex_unlock(&group->sa_lock);
}

/* one group's turn; jiffies until the next end, 0 if there is none */
static unsigned long cpns_sa_reap_group(struct cpns_group *group)
{
	unsigned long next = 0, left;
	struct cpns_sa *sa;
	bool hard;

	mutex_lock(&group->sa_lock);
	list_for_each_entry(sa, &group->sas, node) {
		struct xfrm_state *x = sa->x;

		if (sa->waiting)
			continue;
		if (READ_ONCE(x->km.state) == XFRM_STATE_DEAD) {
			hard = x->curlft.packets >= x->lft.hard_packet_limit;
			cpns_sa_mark(sa, hard ? CPNS_CMD_SA_HARD :
						CPNS_CMD_SA_GONE,
				     hard ? CPNS_REASON_EXHAUSTED :
					    CPNS_REASON_DELETED);
			continue;
		}
		if (READ_ONCE(x->km.dying) && !sa->soft) {
			sa->soft = true;
			cpns_sa_event(sa, CPNS_CMD_SA_SOFT,
				      CPNS_REASON_EXHAUSTED);
			if (sa->dir == CPNS_DIR_OUT)
				cpns_sa_event(sa, CPNS_CMD_IV_LOW,
					      CPNS_REASON_EXHAUSTED);
		}
		if (!sa->end_at)
			continue;
		if (time_after_eq(jiffies, sa->end_at)) {
			cpns_sa_mark(sa, CPNS_CMD_SA_GONE, CPNS_REASON_NONE);
			continue;
		}
		left = sa->end_at - jiffies;
		if (!next || left < next)
			next = left;
	}
	cpns_sa_sweep(group, true);
	return next;
}

static void cpns_sa_reap(struct work_struct *work)
{
	struct cpns_net *cn = container_of(to_delayed_work(work),
					   struct cpns_net, sa_reap);
	unsigned long next = 0, left;
	struct cpns_group *group;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(cn->groups); i++) {
		/* groups stay in the table until the namespace ends */
		hlist_for_each_entry_rcu(group, &cn->groups[i], node) {
			if (list_empty_careful(&group->sas) ||
			    !refcount_inc_not_zero(&group->ref))
				continue;
			rcu_read_unlock();
			left = cpns_sa_reap_group(group);
			if (left && (!next || left < next))
				next = left;
			rcu_read_lock();
			cpns_group_put(group);
		}
	}
	rcu_read_unlock();
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
 * cpns_sa_net_exit() - a namespace ends: all states end, the work stops
 * @cn: its state; its table must still be complete
 *
 * Process context; no lock below the namespace's config held.
 */
void cpns_sa_net_exit(struct cpns_net *cn)
{
	struct cpns_group *group;
	unsigned int i;

	WRITE_ONCE(cn->exiting, true);
	/* the xfrm manager looks at exiting under RCU */
	synchronize_rcu();
	cancel_delayed_work_sync(&cn->sa_reap);
	for (i = 0; i < ARRAY_SIZE(cn->groups); i++)
		hlist_for_each_entry(group, &cn->groups[i], node)
			cpns_sa_group_gone(group, CPNS_REASON_NONE);
}

/*
 * From softirq with x->lock held, from system calls, with x == NULL for a
 * flush: so it only wakes the work.
 */
static int cpns_km_notify(struct xfrm_state *x, const struct km_event *event)
{
	struct cpns_net *cn;

	switch (event->event) {
	case XFRM_MSG_FLUSHSA:
		cn = cpns_net(event->net);
		break;
	case XFRM_MSG_DELSA:
	case XFRM_MSG_EXPIRE:
		if (!x || x->geniv != cpns_geniv)
			return 0;
		cn = cpns_net(xs_net(x));
		break;
	default:
		return 0;
	}
	if (!READ_ONCE(cn->exiting))
		mod_delayed_work(cpns_wq, &cn->sa_reap, CPNS_REAP_DELAY);
	return 0;
}

/* xfrm calls every manager for an acquire; the daemon listens to xfrm's own */
static int cpns_km_acquire(struct xfrm_state *x, struct xfrm_tmpl *tmpl,
			   struct xfrm_policy *policy)
{
	return -EOPNOTSUPP;
}

static struct xfrm_mgr cpns_km = {
	.notify		= cpns_km_notify,
	.acquire	= cpns_km_acquire,
};

/**
 * cpns_esp_init() - listen to xfrm
 *
 * Needs the namespaces' state. Return: 0.
 */
int __init cpns_esp_init(void)
{
	xfrm_register_km(&cpns_km);
	return 0;
}

/**
 * cpns_esp_exit() - stop listening; no state is left
 */
void cpns_esp_exit(void)
{
	xfrm_unregister_km(&cpns_km);
}
