// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sender-IDs: who sends with which (RFC 6054, RFC 9838).
 *
 * Each registration gets the next number up to max-senders; then those gone
 * in an earlier epoch come back, once that epoch's DTD is over.  A SID never
 * serves two registrations within an epoch, for its IVs are counted in one
 * kernel only.  Stored before it is told: reserve.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"
#include "log.h"
#include "proto/response.h"

static bool is_sender(const struct sender *sender, const char *node)
{
	return !sender->gone && !strcmp(sender->node, node);
}

struct sender *sender_of(const struct group *group, const char *node)
{
	struct member *member = member_find(group, node);
	size_t i;

	/* where it was the last time: asked for at each delivery */
	if (member && member->sender_at < group->senders_count &&
	    is_sender(&group->senders[member->sender_at], node))
		return &group->senders[member->sender_at];
	for (i = 0; i < group->senders_count; i++) {
		if (!is_sender(&group->senders[i], node))
			continue;
		if (member)
			member->sender_at = i;
		return &group->senders[i];
	}
	return NULL;
}

struct sender *sender_with(const struct group *group, uint16_t sid)
{
	size_t i;

	for (i = 0; i < group->senders_count; i++)
		if (group->senders[i].sid == sid)
			return &group->senders[i];
	return NULL;
}

struct sender *sender_slot(struct group *group, uint16_t sid)
{
	return sender_with(group, sid) ?:
	       &group->senders[group->senders_count++];
}

int sender_put(struct group *group, const struct sender *sender)
{
	struct store_sender row = {
		.sid = sender->sid,
		.node = sender->node,
		.num = sender->num,
		.gone = sender->gone,
	};

	memcpy(row.node_key, sender->node_key, sizeof(row.node_key));
	return store_sender_put(group->cskmf->options.store, group->sgid,
				&row);
}

/*
 * The old SID gone, the new one given, the reserve filled, the roster's serial
 * up: one commit, and the disk has it.
 */
static int store_change(struct group *group, const struct sender *old,
			const struct sender *fresh,
			const struct reserve *reserve, uint64_t serial)
{
	struct store *store = group->cskmf->options.store;
	struct store_group changes;
	struct sender gone;
	int result;

	group_stored(group, &changes);
	changes.roster_serial = serial + (fresh ? ROSTER_SERIALS_AHEAD : 0);
	if (reserve->count)
		changes.sid_last = reserve->sids[reserve->count - 1];
	result = store_begin(store);
	if (result)
		return result;
	result = group_put(group, &changes);
	if (!result && old) {
		gone = *old;
		gone.gone = group->num;
		result = sender_put(group, &gone);
	}
	if (!result && fresh)
		result = sender_put(group, fresh);
	if (!result)
		result = reserve_put(group, reserve);
	if (result) {
		store_rollback(store);
		return result;
	}
	result = store_commit(store);
	if (result)
		return result;
	group->roster_serial = serial;
	group->sid_last = changes.sid_last;
	if (group->serial_stored < changes.roster_serial)
		group->serial_stored = changes.roster_serial;
	return 0;
}

/* the disk knows all of it that must not happen twice: SID and serial */
static bool needs_no_wait(const struct group *group, const struct sender *old,
			  const struct sender *slot, uint64_t serial)
{
	return slot && !old && serial <= group->serial_stored;
}

/* a member's first SID, out of the reserve */
static int store_first(struct group *group, const struct sender *fresh,
		       uint64_t serial)
{
	struct store *store = group->cskmf->options.store;
	int result = store_begin_relaxed(store);

	if (result)
		return result;
	result = sender_put(group, fresh);
	if (result) {
		store_rollback(store);
		return result;
	}
	result = store_commit(store);
	if (!result)
		group->roster_serial = serial;
	return result;
}

static const struct reserve none;

static void roster_is_old(struct group *group)
{
	free(group->roster);
	group->roster = NULL;
	group_tell(group, TELL_ROSTER);
}

/*
 * Used up: the old SID is given back, and the next epoch frees it.  Where the
 * last one did that already, its DTD is waited for.
 */
static int used_up(struct group *group, struct sender *old)
{
	static struct log_limit limit;
	bool waits = reserve_waits(group);
	int result = 0;

	log_limited(&limit, LOG_WARNING,
		    "group=%s all %u SIDs are used up in epoch %u",
		    group->sgid, group->description->max_senders, group->num);
	if (old) {
		result = store_change(group, old, NULL, &none,
				      roster_next_serial(group));
		if (result)
			return result;
		old->gone = group->num;
		roster_is_old(group);
	}
	if (!waits)
		schedule_want(group, EPOCH_TIMER, false);
	return -EAGAIN;
}

int sender_assign(struct group *group, const char *node,
		  const uint8_t node_key[32], bool again, uint16_t *sid)
{
	const struct group_member *entry = member_entry(group, node);
	struct sender *old = sender_of(group, node), *slot;
	struct sender fresh = { .num = group->num };
	struct reserve reserve = { };
	uint64_t serial;
	int result;

	*sid = 0;
	if (!entry || !(entry->roles & ROLE_BIT_SENDER))
		return 0;
	if (old && !again && !memcmp(old->node_key, node_key, 32)) {
		*sid = old->sid;
		return 0;
	}
	slot = reserve_first(group);
	if (!slot) {
		result = reserve_pick(group, &reserve);
		old = sender_of(group, node);
		if (result == -EAGAIN)
			return used_up(group, old);
		if (result)
			return result;
	}
	fresh.sid = slot ? slot->sid : reserve.sids[0];
	strcpy(fresh.node, node);
	memcpy(fresh.node_key, node_key, 32);
	serial = roster_next_serial(group);
	result = needs_no_wait(group, old, slot, serial) ?
		store_first(group, &fresh, serial) :
		store_change(group, old, &fresh, &reserve, serial);
	if (result)
		return result;
	if (old)
		old->gone = group->num;
	*sender_slot(group, fresh.sid) = fresh;
	reserve_take(group, &reserve);
	roster_is_old(group);
	*sid = fresh.sid;
	return 0;
}

int senders_retire(struct group *group)
{
	const struct group_member *entry;
	struct sender *sender;
	int result;
	size_t i;

	for (i = 0; i < group->senders_count; i++) {
		sender = &group->senders[i];
		entry = member_entry(group, sender->node);
		/* who left altogether is evicted by the next epoch */
		if (sender->gone || !entry || entry->roles & ROLE_BIT_SENDER)
			continue;
		result = store_change(group, sender, NULL, &none,
				      roster_next_serial(group));
		if (result)
			return result;
		sender->gone = group->num;
		roster_is_old(group);
	}
	return 0;
}
