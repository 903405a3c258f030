// SPDX-License-Identifier: GPL-2.0-only
/*
 * Epochs: PENDING -> ACTIVE -> RXONLY -> DEAD, only forwards, on boottime.
 *
 * Times are set when an epoch is committed. The packet path compares them with
 * the clock; the group's work makes the changes last, in steps, and calls
 * esp.c and events between them without the group's lock.
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
 * cpns_epoch_alloc() - make an epoch that is in no slot yet
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
 * @epoch: held
 *
 * Any context, no lock.
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
	struct cpns_epoch *epoch, *found = NULL;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = rcu_dereference(group->epoch[i]);
		if (epoch && (num ? epoch->num == num :
			      cpns_epoch_state(epoch) == CPNS_STATE_ACTIVE) &&
		    (!found || epoch->num > found->num))
			found = epoch;
	}
	if (found && !refcount_inc_not_zero(&found->ref))
		found = NULL;
	rcu_read_unlock();
	return found;
}

/**
 * cpns_epoch_shown() - the epoch that stands for the group where one is shown
 * @group: held
 *
 * Under RCU or the group's lock. Return: the one to send with, else the
 * highest, else NULL; not held.
 */
struct cpns_epoch *cpns_epoch_shown(const struct cpns_group *group)
{
	struct cpns_epoch *epoch, *found = NULL;
	bool active, found_active = false;
	unsigned int i;

	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = rcu_dereference_check(group->epoch[i],
					      lockdep_is_held(&group->lock));
		if (!epoch)
			continue;
		active = cpns_epoch_state(epoch) == CPNS_STATE_ACTIVE;
		if (!found || active > found_active ||
		    (active == found_active && epoch->num > found->num)) {
			found = epoch;
			found_active = active;
		}
	}
	return found;
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
 * cpns_epoch_kill() - wipe the epoch in a slot
 * @group: group; its lock is held
 * @slot: may be empty
 * @why: negative errno for users
 * @reason: for events
 *
 * The group's work ends its states and gives the slot's reference back; the
 * caller kicks it.
 */
void cpns_epoch_kill(struct cpns_group *group, unsigned int slot, int why,
		     enum cpns_reason reason)
{
	struct cpns_epoch *epoch = cpns_slot(group, slot);

	if (!epoch)
		return;
	WRITE_ONCE(epoch->why, why);
	smp_wmb();	/* who sees DEAD sees why */
	WRITE_ONCE(epoch->state, CPNS_STATE_DEAD);
	epoch->reason = reason;
	memzero_explicit(epoch->prk, sizeof(epoch->prk));
	atomic64_set(&epoch->iv, 0);
	rcu_assign_pointer(group->epoch[slot], NULL);
	epoch->dead_next = group->dead;
	group->dead = epoch;
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
	struct cpns_epoch *epoch, *target = NULL;
	u32 now = cpns_now();
	unsigned int i;
	int err = -ENOKEY;

	mutex_lock(&group->lock);
	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (epoch && epoch->num == num &&
		    cpns_epoch_state(epoch) != CPNS_STATE_DEAD)
			target = epoch;
	}
	if (target)
		err = now >= target->rxonly_at ? -ESTALE : 0;
	if (!err && target->activate_at > now) {
		for (i = 0; i < CPNS_EPOCHS; i++) {
			epoch = cpns_slot(group, i);
			if (!epoch || epoch->num >= num)
				continue;
			if (epoch->rxonly_at > now)
				WRITE_ONCE(epoch->rxonly_at, now);
			/* EVICTED: no longer than until the activation */
			if (epoch->dead_at == target->activate_at)
				WRITE_ONCE(epoch->dead_at, now);
		}
		WRITE_ONCE(target->activate_at, now);
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
	unsigned int i;

	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (!epoch)
			continue;
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

/*
 * What is to be done without the lock. Each step returns true where it dropped
 * the lock; the caller takes it and starts over.
 */
static bool cpns_step_dead(struct cpns_group *group, struct net *net)
{
	struct cpns_epoch *epoch = group->dead;

	if (!epoch)
		return false;
	group->dead = epoch->dead_next;
	mutex_unlock(&group->lock);
	cpns_sa_epoch_dead(group, epoch, epoch->reason);
	cpns_event_epoch(net, CPNS_CMD_EPOCH_CHANGE, epoch, 0, CPNS_STATE_DEAD,
			 epoch->reason);
	cpns_epoch_put(epoch);
	return true;
}

static bool cpns_step_gone(struct cpns_group *group, struct net *net)
{
	const struct cpns_event event = {
		.cmd = CPNS_CMD_GROUP_GONE, .group = group,
		.reason = group->reason,
	};

	if (!group->gone)
		return false;
	group->gone = false;
	mutex_unlock(&group->lock);
	cpns_sa_group_gone(group, event.reason);
	cpns_event_send(net, &event, GFP_KERNEL);
	return true;
}

static bool cpns_step_reference(struct cpns_group *group)
{
	struct cpns_reference *reference;

	list_for_each_entry(reference, &group->references, node) {
		if (!reference->why)
			continue;
		list_del_init(&reference->node);
		if (group->own == reference)
			group->own = NULL;
		mutex_unlock(&group->lock);
		if (!reference->own)
			cpns_sa_reference_gone(group, reference);
		cpns_reference_put(reference);
		return true;
	}
	return false;
}

static bool cpns_step_epoch(struct cpns_group *group, struct net *net,
			    struct cpns_epoch *epoch)
{
	u8 cmd = CPNS_CMD_EPOCH_CHANGE, reason = 0, state = epoch->state;
	u16 sid = cpns_epoch_sid(epoch), old = epoch->reset_from;

	if (epoch->told != epoch->state) {
		epoch->told = epoch->state;
	} else if (epoch->reset_reason) {
		cmd = CPNS_CMD_SENDER_RESET;
		reason = epoch->reset_reason;
		epoch->reset_reason = 0;
		epoch->reset_from = 0;
		state = 0;
	} else if (epoch->iv_low == BIT(0)) {
		cmd = CPNS_CMD_IV_LOW;
		set_bit(1, &epoch->iv_low);
		state = 0;
	} else {
		return false;
	}
	cpns_epoch_hold(epoch);
	mutex_unlock(&group->lock);
	if (cmd == CPNS_CMD_SENDER_RESET && old)
		cpns_sa_sender_reset(group, epoch, old);
	cpns_event_epoch(net, cmd, epoch, sid, state, reason);
	cpns_epoch_put(epoch);
	return true;
}

/* Make before break: the older ones encrypt until the newer's states are in. */
static bool cpns_step_activate(struct cpns_group *group, u32 now)
{
	struct cpns_epoch *epoch, *newest = NULL;
	unsigned int i;

	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (epoch && epoch->state < CPNS_STATE_ACTIVE &&
		    now >= epoch->activate_at && now < epoch->rxonly_at &&
		    (!newest || epoch->num > newest->num))
			newest = epoch;
	}
	if (newest) {
		WRITE_ONCE(newest->state, CPNS_STATE_ACTIVE);
		cpns_epoch_hold(newest);
		mutex_unlock(&group->lock);
		cpns_sa_epoch_activated(group, newest);
		mutex_lock(&group->lock);
		cpns_epoch_put(newest);
	}
	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (epoch && epoch->state < CPNS_STATE_RXONLY &&
		    now >= epoch->rxonly_at)
			WRITE_ONCE(epoch->state, CPNS_STATE_RXONLY);
	}
	if (newest)
		mutex_unlock(&group->lock);
	return newest;
}

/* Everything due; lock held on entry, and on exit where it returns false. */
static bool cpns_group_step(struct cpns_group *group, struct net *net)
{
	struct cpns_epoch *epoch;
	u32 now = cpns_now();
	unsigned int i;

	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (epoch && now >= min(epoch->dead_at, epoch->expire_at))
			cpns_epoch_kill(group, i, -EKEYEXPIRED,
					now >= epoch->expire_at ?
					CPNS_REASON_EXPIRED :
					CPNS_REASON_NONE);
	}
	if (cpns_step_activate(group, now) || cpns_step_dead(group, net) ||
	    cpns_step_gone(group, net) || cpns_step_reference(group))
		return true;
	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (epoch && cpns_step_epoch(group, net, epoch))
			return true;
	}
	return false;
}

/* When to look next, in jiffies from now; lock held. */
static unsigned long cpns_group_next(const struct cpns_group *group)
{
	u32 now = cpns_now(), next = cpns_group_next_at(group);

	if (next == CPNS_NEVER)
		return MAX_JIFFY_OFFSET;
	if (next <= now)
		return 0;
	return min_t(u64, nsecs_to_jiffies((u64)(next - now) << 27) + 1, 3600 * HZ);
}

/**
 * cpns_group_work() - do and tell what is due, then wait for the next time
 * @work: cpns_group.work
 */
void cpns_group_work(struct work_struct *work)
{
	struct cpns_group *group = container_of(to_delayed_work(work),
						struct cpns_group, work);
	unsigned long delay;
	struct net *net;

	mutex_lock(&group->lock);
	while ((net = group->net) && cpns_group_step(group, net))
		mutex_lock(&group->lock);
	delay = cpns_group_next(group);
	if (net && delay != MAX_JIFFY_OFFSET) {
		cpns_group_hold(group);
		if (!queue_delayed_work(cpns_wq, &group->work, delay))
			cpns_group_put(group);
	}
	mutex_unlock(&group->lock);
	cpns_group_put(group);
}
