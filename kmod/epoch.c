// SPDX-License-Identifier: GPL-2.0-only
/*
 * Epochs: PENDING -> ACTIVE -> RXONLY -> DEAD, only forwards, on boottime.
 *
 * Times are set when an epoch is committed. The packet path compares them with
 * the clock; the group's work makes the changes last and tells them, calling
 * esp.c and events without the group's lock.
 */
#include <linux/slab.h>

#include "group.h"

/*
 * How long the packet path lets an epoch encrypt after its successor's
 * activation, while the group's work is about to insert the successor's
 * states (make before break).
 */
#define CPNS_BREAK	8

/**
 * cpns_epoch_alloc() - make an epoch that is not yet one of its group's
 * @group: is held
 * @num: number
 *
 * Return: the epoch, held, PENDING and never due; or NULL.
 */
struct cpns_epoch *cpns_epoch_alloc(struct cpns_group *group, u32 num)
{
	struct cpns_epoch *epoch = kzalloc(sizeof(*epoch), GFP_KERNEL_ACCOUNT);

	if (!epoch)
		return NULL;
	refcount_set(&epoch->ref, 1);
	epoch->group = cpns_group_hold(group);
	epoch->num = num;
	epoch->state = CPNS_STATE_PENDING;
	epoch->activate_at = CPNS_NEVER;
	epoch->rxonly_at = CPNS_NEVER;
	epoch->dead_at = CPNS_NEVER;
	epoch->expire_at = CPNS_NEVER;
	return epoch;
}

/**
 * cpns_epoch_put() - give an epoch back
 * @epoch: epoch or NULL; any context
 */
void cpns_epoch_put(struct cpns_epoch *epoch)
{
	if (!epoch || !refcount_dec_and_test(&epoch->ref))
		return;
	memzero_explicit(epoch->prk, sizeof(epoch->prk));
	cpns_group_put(epoch->group);
	kfree_rcu(epoch, rcu);
}

/**
 * cpns_epoch_state() - state of an epoch now, by the clock too
 * @epoch: held; any context, no lock
 */
enum cpns_state cpns_epoch_state(const struct cpns_epoch *epoch)
{
	u8 state = READ_ONCE(epoch->state);
	u32 rxonly_at = READ_ONCE(epoch->rxonly_at);
	u32 now = cpns_now();

	if (state == CPNS_STATE_DEAD || now >= READ_ONCE(epoch->dead_at) ||
	    now >= READ_ONCE(epoch->expire_at))
		return CPNS_STATE_DEAD;
	if (state == CPNS_STATE_ACTIVE && rxonly_at < CPNS_NEVER - CPNS_BREAK)
		rxonly_at += CPNS_BREAK;
	if (state == CPNS_STATE_RXONLY || now >= rxonly_at)
		return CPNS_STATE_RXONLY;
	if (state == CPNS_STATE_ACTIVE || now >= READ_ONCE(epoch->activate_at))
		return CPNS_STATE_ACTIVE;
	return CPNS_STATE_PENDING;
}

/**
 * cpns_epoch_get() - find a living epoch
 * @group: held
 * @num: number, or 0 for the one to send with
 *
 * Any context. Return: the epoch, held, or NULL.
 */
struct cpns_epoch *cpns_epoch_get(struct cpns_group *group, u32 num)
{
	struct cpns_epoch *epoch;

	rcu_read_lock();
	list_for_each_entry_rcu(epoch, &group->epochs, node)
		if ((num ? epoch->num == num :
		     cpns_epoch_state(epoch) == CPNS_STATE_ACTIVE) &&
		    refcount_inc_not_zero(&epoch->ref))
			goto out;
	epoch = NULL;
out:
	rcu_read_unlock();
	return epoch;
}

/**
 * cpns_epoch_shown() - the epoch that stands for the group where one is shown
 * @group: held
 *
 * Under RCU. Return: the one to send with, else the newest, else NULL; not
 * held.
 */
struct cpns_epoch *cpns_epoch_shown(struct cpns_group *group)
{
	struct cpns_epoch *epoch;

	list_for_each_entry_rcu(epoch, &group->epochs, node)
		if (cpns_epoch_state(epoch) == CPNS_STATE_ACTIVE)
			return epoch;
	return list_first_or_null_rcu(&group->epochs, struct cpns_epoch, node);
}

/**
 * cpns_epoch_own_sid() - was this sender id ever this node's in the epoch?
 * @epoch: held
 * @sid: sender id
 *
 * Any context.
 */
bool cpns_epoch_own_sid(const struct cpns_epoch *epoch, u16 sid)
{
	unsigned int i;

	for (i = 0; i < CPNS_SIDS; i++)
		if (sid && READ_ONCE(epoch->sids[i]) == sid)
			return true;
	return false;
}

/**
 * cpns_epoch_kill() - wipe an epoch and take it from its group
 * @epoch: epoch; its group's lock is held
 * @why: negative errno for users
 * @reason: for events
 *
 * The group's work ends its states and gives the group's reference back; the
 * caller kicks it.
 */
void cpns_epoch_kill(struct cpns_epoch *epoch, int why,
		     enum cpns_reason reason)
{
	WRITE_ONCE(epoch->why, why);
	smp_wmb();	/* who sees DEAD sees why */
	WRITE_ONCE(epoch->state, CPNS_STATE_DEAD);
	epoch->reason = reason;
	memzero_explicit(epoch->prk, sizeof(epoch->prk));
	atomic64_set(&epoch->iv, 0);
	list_del_rcu(&epoch->node);
	epoch->dead_next = epoch->group->dead;
	epoch->group->dead = epoch;
}

/* its turn is now, and the older ones' to go with it; lock held */
static void cpns_epoch_bring_forward(struct cpns_epoch *epoch, u32 now)
{
	struct cpns_group *group = epoch->group;
	u32 at = epoch->activate_at;

	WRITE_ONCE(epoch->activate_at, now);
	/* the older ones follow it in the list */
	list_for_each_entry_continue(epoch, &group->epochs, node) {
		WRITE_ONCE(epoch->rxonly_at, min(epoch->rxonly_at, now));
		/* EVICTED: no longer than until the activation */
		if (epoch->dead_at == at)
			WRITE_ONCE(epoch->dead_at, now);
	}
}

/**
 * cpns_epoch_activate() - make a pending epoch active now
 * @group: held; process context, without its locks
 * @num: number
 *
 * On return its outbound states are in. Return: 0 also where it was active,
 * -ENOKEY no such epoch, -ESTALE it is past active.
 */
int cpns_epoch_activate(struct cpns_group *group, u32 num)
{
	struct cpns_epoch *epoch;
	u32 now = cpns_now();
	int err = -ENOKEY;

	mutex_lock(&group->lock);
	list_for_each_entry(epoch, &group->epochs, node) {
		if (epoch->num != num ||
		    cpns_epoch_state(epoch) == CPNS_STATE_DEAD)
			continue;
		err = now >= epoch->rxonly_at ? -ESTALE : 0;
		if (!err && epoch->activate_at > now)
			cpns_epoch_bring_forward(epoch, now);
		break;
	}
	mutex_unlock(&group->lock);
	if (!err)
		cpns_group_settle(group);
	return err;
}

/* When the work has something to do next; lock held. */
static u32 cpns_group_next_at(const struct cpns_group *group)
{
	const struct cpns_epoch *epoch;
	u32 next = CPNS_NEVER;

	list_for_each_entry(epoch, &group->epochs, node) {
		next = min3(next, epoch->dead_at, epoch->expire_at);
		if (epoch->state < CPNS_STATE_RXONLY)
			next = min(next, epoch->rxonly_at);
		if (epoch->state < CPNS_STATE_ACTIVE)
			next = min(next, epoch->activate_at);
	}
	return next;
}

/**
 * cpns_epoch_due() - has an epoch's time come?
 * @group: group; its lock is held
 */
bool cpns_epoch_due(const struct cpns_group *group)
{
	return cpns_now() >= cpns_group_next_at(group);
}

static void cpns_event_epoch(struct net *net, u8 cmd, struct cpns_epoch *epoch,
			     u16 sid, u8 state, u8 reason)
{
	const struct cpns_event event = {
		.cmd = cmd, .group = epoch->group, .epoch = epoch->num,
		.sid = sid, .state = state, .reason = reason,
	};

	cpns_event_send(net, &event, GFP_KERNEL);
}

/* Tell what happened to a living epoch since the last time; gives it back. */
static void cpns_epoch_tell(struct cpns_epoch *epoch, struct net *net)
{
	struct cpns_group *group = epoch->group;
	u16 sid, reset_from;
	u8 state, reason;
	bool low;

	mutex_lock(&group->lock);
	sid = cpns_epoch_sid(epoch);
	state = epoch->told != epoch->state ? epoch->state : 0;
	epoch->told = epoch->state;
	reason = epoch->reset_reason;
	reset_from = epoch->reset_from;
	epoch->reset_reason = 0;
	epoch->reset_from = 0;
	low = epoch->iv_low == BIT(0);
	if (low)
		set_bit(1, &epoch->iv_low);
	mutex_unlock(&group->lock);
	if (state && state != CPNS_STATE_DEAD)	/* the end is told apart */
		cpns_event_epoch(net, CPNS_CMD_EPOCH_CHANGE, epoch, sid, state,
				 0);
	if (reset_from)
		cpns_sa_end(group, &(struct cpns_sa_match){
				.epoch = epoch, .sid = reset_from,
				.dir = CPNS_DIR_OUT,
				.reason = CPNS_REASON_NEW_SID });
	if (reason)
		cpns_event_epoch(net, CPNS_CMD_SENDER_RESET, epoch, sid, 0,
				 reason);
	if (low)
		cpns_event_epoch(net, CPNS_CMD_IV_LOW, epoch, sid, 0, 0);
	cpns_epoch_put(epoch);
}

/* Where the last epoch to send with is gone, the next one need not wait. */
static struct cpns_epoch *cpns_group_successor(struct cpns_group *group,
					       u32 now)
{
	struct cpns_epoch *epoch, *oldest = NULL;

	list_for_each_entry(epoch, &group->epochs, node) {
		if (epoch->state == CPNS_STATE_ACTIVE)
			return NULL;
		if (epoch->state < CPNS_STATE_ACTIVE)
			oldest = epoch;
	}
	if (!oldest)
		return NULL;
	cpns_epoch_bring_forward(oldest, now);
	return cpns_epoch_hold(oldest);
}

/* Kill what is due, and return the epoch to activate, held; lock held. */
static struct cpns_epoch *cpns_group_due(struct cpns_group *group)
{
	struct cpns_epoch *epoch, *next, *newest = NULL;
	u32 now = cpns_now();

	list_for_each_entry_safe(epoch, next, &group->epochs, node) {
		if (now >= epoch->expire_at)
			cpns_epoch_kill(epoch, -EKEYEXPIRED,
					CPNS_REASON_EXPIRED);
		else if (now >= epoch->dead_at)
			cpns_epoch_kill(epoch, -EKEYEXPIRED, CPNS_REASON_NONE);
		else if (!newest && epoch->state < CPNS_STATE_ACTIVE &&
			 now >= epoch->activate_at && now < epoch->rxonly_at)
			newest = cpns_epoch_hold(epoch);
	}
	if (!newest)
		newest = cpns_group_successor(group, now);
	if (newest)
		WRITE_ONCE(newest->state, CPNS_STATE_ACTIVE);
	return newest;
}

static void cpns_group_tell_end(struct cpns_group *group, struct net *net,
				struct cpns_epoch *dead, bool gone,
				struct list_head *ended)
{
	const struct cpns_event event = {
		.cmd = CPNS_CMD_GROUP_GONE, .group = group,
		.reason = group->reason,
	};
	struct cpns_reference *reference, *next;
	struct cpns_epoch *epoch;

	while ((epoch = dead)) {
		dead = epoch->dead_next;
		cpns_sa_end(group, &(struct cpns_sa_match){
				.epoch = epoch, .reason = epoch->reason });
		cpns_event_epoch(net, CPNS_CMD_EPOCH_CHANGE, epoch, 0,
				 CPNS_STATE_DEAD, epoch->reason);
		cpns_epoch_put(epoch);
	}
	if (gone) {
		cpns_sa_end(group, &(struct cpns_sa_match){
				.reason = event.reason });
		cpns_event_send(net, &event, GFP_KERNEL);
	}
	list_for_each_entry_safe(reference, next, ended, node) {
		if (!reference->own)
			cpns_sa_end(group, &(struct cpns_sa_match){
					.reference = reference,
					.reason = CPNS_REASON_REVOKED });
		cpns_reference_put(reference);
	}
}

/* Do and tell what is due; called and returns with the lock held. */
static void cpns_group_do(struct cpns_group *group, struct net *net)
{
	struct cpns_epoch *epoch, *dead, *alive[CPNS_EPOCHS];
	struct cpns_reference *reference, *next;
	unsigned int i, n = 0;
	LIST_HEAD(ended);
	bool gone;

	/* make before break: the older ones encrypt until the states are in */
	epoch = cpns_group_due(group);
	if (epoch) {
		mutex_unlock(&group->lock);
		cpns_sa_epoch_activated(group, epoch);
		cpns_epoch_put(epoch);
		mutex_lock(&group->lock);
	}
	list_for_each_entry(epoch, &group->epochs, node) {
		if (epoch->state < CPNS_STATE_RXONLY &&
		    cpns_now() >= epoch->rxonly_at)
			WRITE_ONCE(epoch->state, CPNS_STATE_RXONLY);
		alive[n++] = cpns_epoch_hold(epoch);
	}
	list_for_each_entry_safe(reference, next, &group->references, node)
		if (reference->why) {
			list_move_tail(&reference->node, &ended);
			if (group->own == reference)
				group->own = NULL;
		}
	dead = group->dead;
	group->dead = NULL;
	gone = group->gone;
	group->gone = false;
	mutex_unlock(&group->lock);
	cpns_group_tell_end(group, net, dead, gone, &ended);
	for (i = 0; i < n; i++)
		cpns_epoch_tell(alive[i], net);
	mutex_lock(&group->lock);
}

/**
 * cpns_group_work() - do and tell what is due, then wait for the next time
 * @work: cpns_group.work
 */
void cpns_group_work(struct work_struct *work)
{
	struct cpns_group *group = container_of(to_delayed_work(work),
						struct cpns_group, work);
	unsigned long delay = 0;
	u32 now, next;

	mutex_lock(&group->lock);
	if (group->net)
		cpns_group_do(group, group->net);
	now = cpns_now();
	next = cpns_group_next_at(group);
	if (next > now)
		delay = min_t(u64, 3600 * HZ,
			      nsecs_to_jiffies((u64)(next - now) << 27) + 1);
	if (group->net && next != CPNS_NEVER) {
		cpns_group_hold(group);
		if (!queue_delayed_work(cpns_wq, &group->work, delay))
			cpns_group_put(group);
	}
	mutex_unlock(&group->lock);
	cpns_group_put(group);
}
