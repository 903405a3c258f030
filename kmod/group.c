// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups: the table of a namespace, their lifetime and their end.
 *
 * A group is in the table from its first commit until namespace exit; the
 * table holds one reference, its queued work another.
 */
#include <linux/slab.h>

#include "group.h"

static struct hlist_head *cpns_bucket(struct cpns_net *cn, const u8 *tag)
{
	return &cn->groups[tag[0]];	/* a digest needs no further hashing */
}

/**
 * cpns_group_by_tag() - find a group, tombstones too
 * @cn: namespace
 * @tag: 12 bytes
 *
 * Any context. Return: the group, held, or NULL.
 */
struct cpns_group *cpns_group_by_tag(struct cpns_net *cn, const u8 *tag)
{
	struct cpns_group *group;

	rcu_read_lock();
	hlist_for_each_entry_rcu(group, cpns_bucket(cn, tag), node)
		if (!memcmp(group->tag, tag, CPNS_TAG_SIZE) &&
		    refcount_inc_not_zero(&group->ref))
			goto out;
	group = NULL;
out:
	rcu_read_unlock();
	return group;
}

/**
 * cpns_group_by_serial() - find a living group by its key in .cpns
 * @cn: namespace
 * @serial: serial number, references' do not count
 *
 * Any context. Return: the group, held, or NULL.
 */
struct cpns_group *cpns_group_by_serial(struct cpns_net *cn,
					key_serial_t serial)
{
	struct cpns_group *group;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(cn->groups); i++)
		hlist_for_each_entry_rcu(group, &cn->groups[i], node)
			if (serial > 0 &&
			    READ_ONCE(group->serial) == serial &&
			    refcount_inc_not_zero(&group->ref))
				goto out;
	group = NULL;
out:
	rcu_read_unlock();
	return group;
}

/**
 * cpns_group_alloc() - make a group that is in no table yet
 * @cn: namespace
 * @sgid: terminated, checked
 * @tag: of it
 *
 * Return: the group, held, not alive before a commit; or NULL.
 */
struct cpns_group *cpns_group_alloc(struct cpns_net *cn, const char *sgid,
				    const u8 *tag)
{
	struct cpns_group *group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);

	if (!group)
		return NULL;
	refcount_set(&group->ref, 1);
	group->net = cn->net;
	strscpy(group->sgid, sgid, sizeof(group->sgid));
	memcpy(group->tag, tag, CPNS_TAG_SIZE);
	group->why = -ENOKEY;
	mutex_init(&group->lock);
	mutex_init(&group->sa_lock);
	INIT_LIST_HEAD(&group->epochs);
	INIT_LIST_HEAD(&group->references);
	INIT_LIST_HEAD(&group->sas);
	INIT_LIST_HEAD(&group->sa_seen);
	INIT_DELAYED_WORK(&group->work, cpns_group_work);
	group->wanted_at = jiffies - 2 * HZ;
	return group;
}

/**
 * cpns_group_put() - give a group back
 * @group: group; any context
 */
void cpns_group_put(struct cpns_group *group)
{
	if (!refcount_dec_and_test(&group->ref))
		return;
	kfree_sensitive(group->kek);
	kvfree(rcu_access_pointer(group->evicted));
	kfree_rcu(group, rcu);
}

/**
 * cpns_group_kick() - have the group's work look now
 * @group: group; any context
 *
 * A queued work holds its group.
 */
void cpns_group_kick(struct cpns_group *group)
{
	if (!READ_ONCE(group->net))
		return;
	cpns_group_hold(group);
	if (mod_delayed_work(cpns_wq, &group->work, 0))
		cpns_group_put(group);
}

/**
 * cpns_group_settle() - have everything due done and told before returning
 * @group: group; process context, without its locks
 */
void cpns_group_settle(struct cpns_group *group)
{
	cpns_group_kick(group);
	flush_delayed_work(&group->work);
}

/**
 * cpns_group_end() - end a group at once
 * @group: group; its lock is held
 * @why: negative errno for users
 * @reason: for events
 *
 * Epochs are wiped here; states end and events go out in the group's work. The
 * group stays as a tombstone.
 */
void cpns_group_end(struct cpns_group *group, int why, enum cpns_reason reason)
{
	struct cpns_epoch *epoch, *next;

	lockdep_assert_held(&group->lock);
	if (group->own)
		WRITE_ONCE(group->own->why, why);
	if (group->why)
		return;
	WRITE_ONCE(group->why, why);
	WRITE_ONCE(group->serial, 0);
	group->reason = reason;
	group->gone = true;
	list_for_each_entry_safe(epoch, next, &group->epochs, node)
		cpns_epoch_kill(epoch, why, reason);
	memzero_explicit(group->kek, sizeof(*group->kek));
	cpns_group_kick(group);
}

/**
 * cpns_group_revoke() - end a group and revoke its key in .cpns
 * @group: group; process context, without its locks
 *
 * On return states are deleted and events are out.
 */
void cpns_group_revoke(struct cpns_group *group)
{
	struct key *key = NULL;

	mutex_lock(&group->lock);
	if (group->own && group->own->key &&
	    refcount_inc_not_zero(&group->own->key->usage))
		key = group->own->key;
	cpns_group_end(group, -EKEYREVOKED, CPNS_REASON_REVOKED);
	mutex_unlock(&group->lock);
	if (key) {
		key_revoke(key);
		key_put(key);
	}
	cpns_group_settle(group);
}

/**
 * cpns_group_drop_senders() - forget this node's sender ids
 * @group: group; process context
 * @reason: for events
 *
 * After a VM fork or resume two machines could count IVs from the same value.
 */
void cpns_group_drop_senders(struct cpns_group *group, enum cpns_reason reason)
{
	struct cpns_epoch *epoch;

	mutex_lock(&group->lock);
	list_for_each_entry(epoch, &group->epochs, node) {
		if (!cpns_epoch_sid(epoch))
			continue;
		epoch->reset_from = cpns_epoch_sid(epoch);
		epoch->reset_reason = reason;
		atomic64_set(&epoch->iv, 0);
	}
	mutex_unlock(&group->lock);
	cpns_group_kick(group);
}

/**
 * cpns_group_check_keys() - see which keys ended without telling their type
 * @group: group; process context, without its locks
 *
 * That is how timeout and invalidation end a key.
 */
void cpns_group_check_keys(struct cpns_group *group)
{
	struct cpns_reference *reference;
	bool due;
	int err;

	mutex_lock(&group->lock);
	due = cpns_epoch_due(group);
	list_for_each_entry(reference, &group->references, node) {
		if (reference->why || !reference->key)
			continue;
		err = key_validate(reference->key);	/* only reads */
		if (!err)
			continue;
		WRITE_ONCE(reference->why,
			   err == -EKEYEXPIRED ? err : -EKEYREVOKED);
		due = true;
		if (reference->own)
			cpns_group_end(group, reference->why,
				       err == -EKEYEXPIRED ?
				       CPNS_REASON_EXPIRED :
				       CPNS_REASON_REVOKED);
	}
	mutex_unlock(&group->lock);
	if (due)
		cpns_group_kick(group);
}

/**
 * cpns_watch() - the namespace's look at keys, clocks and states, every second
 * @work: cpns_net.watch
 *
 * Stops when there is nothing to look at; GROUP_SET and NODE_ROTATE start it.
 * Waits for no configuration, that takes longer. Groups leave the
 * table at namespace exit only, after this work was cancelled, so that one can
 * be held from step to step.
 */
void cpns_watch(struct work_struct *work)
{
	struct cpns_net *cn = container_of(to_delayed_work(work),
					   struct cpns_net, watch);
	struct cpns_group *group;
	bool alive = false, states = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cn->groups); i++) {
		rcu_read_lock();
		hlist_for_each_entry_rcu(group, &cn->groups[i], node) {
			cpns_group_hold(group);
			rcu_read_unlock();
			cpns_group_check_keys(group);
			alive |= !READ_ONCE(group->why);
			states |= !list_empty_careful(&group->sas);
			rcu_read_lock();
			cpns_group_put(group);
		}
		rcu_read_unlock();
	}
	if (states)
		cpns_sa_wake(cn, 0);
	if (mutex_trylock(&cn->config)) {
		cpns_node_expire(cn);
		alive |= cn->previous.valid;
		mutex_unlock(&cn->config);
	} else {
		alive = true;
	}
	if (alive)
		cpns_watch_start(cn);
}

/**
 * cpns_group_orphan() - cut the ring between a group and keys that outlive it
 * @group: held; leaves the namespace's table or never came into it
 *
 * Process context, without the group's locks.
 */
void cpns_group_orphan(struct cpns_group *group)
{
	struct cpns_reference *reference, *next;
	LIST_HEAD(references);

	mutex_lock(&group->lock);
	WRITE_ONCE(group->net, NULL);
	group->own = NULL;
	list_splice_init(&group->references, &references);
	list_for_each_entry_safe(reference, next, &references, node) {
		list_del_init(&reference->node);
		WRITE_ONCE(reference->why, -EKEYREVOKED);
		cpns_reference_put(reference);
	}
	mutex_unlock(&group->lock);
}

/**
 * cpns_group_net_end() - end all groups of a namespace, and tell
 * @cn: namespace, to which no group is added any more
 */
void cpns_group_net_end(struct cpns_net *cn)
{
	struct cpns_group *group;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cn->groups); i++)
		hlist_for_each_entry(group, &cn->groups[i], node) {
			mutex_lock(&group->lock);
			cpns_group_end(group, -EKEYREVOKED,
				       CPNS_REASON_REVOKED);
			mutex_unlock(&group->lock);
			cpns_group_settle(group);
		}
}

/**
 * cpns_group_net_exit() - end and forget all groups, tombstones too
 * @cn: namespace; nobody configures it any more
 */
void cpns_group_net_exit(struct cpns_net *cn)
{
	struct cpns_group *group;
	struct hlist_node *next;
	unsigned int i;

	cancel_delayed_work_sync(&cn->watch);
	cpns_group_net_end(cn);
	cpns_sa_net_exit(cn);
	for (i = 0; i < ARRAY_SIZE(cn->groups); i++)
		hlist_for_each_entry_safe(group, next, &cn->groups[i], node) {
			cpns_group_orphan(group);
			/* not a cancel: that may lose a kick's reference */
			flush_delayed_work(&group->work);
			hlist_del_rcu(&group->node);
			cpns_group_put(group);
		}
}
