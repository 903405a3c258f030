// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sender-IDs in reserve: on the disk before anybody asks for one.
 *
 * A SID that was told serves nobody else within the epoch, whatever becomes of
 * the machine (RFC 6054), so the disk must know of it first.  Waiting for that
 * at each join makes many members that come at once wait for each other.  So
 * one wait is for some SIDs: all are stored as gone in this epoch, which is
 * what whoever loads the store takes them for.  A member's first SID comes
 * from there, and its row is written without a wait.  Where a power cut takes
 * that row away, the SID stays gone; the member, whose connection is lost too,
 * is given another when it is back.  A member that changes its SID waits: the
 * one that it had must not return.
 *
 * The loop's thread.  struct group owns what is in reserve.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"

/* what a power cut may take of an epoch's SIDs: one in so many */
#define PART	16

/**
 * reserve_first() - the SID that is given next
 * @group: the group
 *
 * Return: one in reserve, NULL: none.
 */
struct sender *reserve_first(const struct group *group)
{
	size_t i;

	for (i = 0; i < group->senders_count; i++)
		if (group->senders[i].reserved &&
		    group->senders[i].sid <= group->description->max_senders)
			return &group->senders[i];
	return NULL;
}

/* gone before this epoch, and the epochs it was used in are dead by now */
static bool is_free(const struct group *group, const struct sender *sender)
{
	if (!sender->gone || sender->gone >= group->num)
		return false;
	return loop_boottime() > (sender->gone + 1 < group->num ?
				  group->older_dead_at :
				  group->made_at + group->dtd);
}

static uint16_t free_after(const struct group *group, uint32_t sid)
{
	uint32_t most = group->description->max_senders;
	const struct sender *sender;
	uint32_t tried;

	for (tried = 0; tried < most; tried++) {
		sid = sid >= most ? 1 : sid + 1;
		sender = sender_with(group, sid);
		if (!sender || is_free(group, sender))
			return sid;
	}
	return 0;
}

/**
 * reserve_waits() - does some SID only wait for the end of an older epoch?
 * @group: the group
 *
 * Return: true: it is free within DTD, and a new epoch would not help.
 */
bool reserve_waits(const struct group *group)
{
	const struct sender *sender;
	size_t i;

	for (i = 0; i < group->senders_count; i++) {
		sender = &group->senders[i];
		if (sender->gone && sender->gone < group->num &&
		    sender->sid <= group->description->max_senders)
			return true;
	}
	return false;
}

/**
 * reserve_pick() - find free SIDs: one for now, the others for the reserve
 * @group: the group, nothing in reserve; gets room for them
 * @reserve: result, nothing of it stored or taken
 *
 * Return: 0, -EAGAIN: all are used up, -ENOMEM.  Pointers to the group's
 * senders are not valid any more.
 */
int reserve_pick(struct group *group, struct reserve *reserve)
{
	size_t most = group->description->max_senders / PART;
	struct sender *senders;
	uint16_t sid;

	if (most > RESERVE_MOST)
		most = RESERVE_MOST;
	reserve->count = 0;
	sid = free_after(group, group->sid_last);
	while (sid) {
		reserve->sids[reserve->count++] = sid;
		if (reserve->count >= most)
			break;
		sid = free_after(group, sid);
		/* once round */
		if (sid == reserve->sids[0])
			break;
	}
	if (!reserve->count)
		return -EAGAIN;
	senders = reallocarray(group->senders,
			       group->senders_count + reserve->count,
			       sizeof(*senders));
	if (!senders)
		return -ENOMEM;
	group->senders = senders;
	return 0;
}

static struct sender in_reserve(const struct group *group, uint16_t sid)
{
	return (struct sender){
		.sid = sid,
		.reserved = true,
		.num = group->num,
		.gone = group->num,
	};
}

/**
 * reserve_put() - write those for the reserve
 * @group: the group
 * @reserve: of reserve_pick()
 *
 * Return: 0 or -errno of the store, whose transaction is the caller's.
 */
int reserve_put(struct group *group, const struct reserve *reserve)
{
	struct sender sender;
	int result = 0;
	size_t i;

	for (i = 1; i < reserve->count && !result; i++) {
		sender = in_reserve(group, reserve->sids[i]);
		result = sender_put(group, &sender);
	}
	return result;
}

/**
 * reserve_take() - they are on the disk
 * @group: the group, with room
 * @reserve: of reserve_pick()
 */
void reserve_take(struct group *group, const struct reserve *reserve)
{
	size_t i;

	for (i = 1; i < reserve->count; i++)
		*sender_slot(group, reserve->sids[i]) =
			in_reserve(group, reserve->sids[i]);
}

/**
 * reserve_give_back() - the server ends: nobody was told of these
 * @group: the group, not used any more
 *
 * Where it fails they are gone until the next epoch.
 */
void reserve_give_back(struct group *group)
{
	const struct sender *first = group->description ?
		reserve_first(group) : NULL;
	struct store *store = group->cskmf->options.store;
	struct store_group changes;
	int result;
	size_t i;

	if (!first || store_begin(store))
		return;
	group_stored(group, &changes);
	changes.sid_last = first->sid - 1;
	result = group_put(group, &changes);
	for (i = 0; i < group->senders_count && !result; i++)
		if (group->senders[i].reserved)
			result = store_sender_remove(store, group->sgid,
						     group->senders[i].sid);
	if (result)
		store_rollback(store);
	else
		store_commit(store);
}
