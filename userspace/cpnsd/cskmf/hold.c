// SPDX-License-Identifier: GPL-2.0-only
/*
 * A server whose state was restored from an old copy: members know numbers
 * that it has not.  Were it to go on, it would use numbers of keys that are
 * out already; so the group is held, over restarts too, until an
 * administrator decides.
 *
 * One member alone is not believed, for it could stop a group by a lie; the
 * only member of a group is.  The loop's thread.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cskmf/group.h"
#include "log.h"

#define REPORTS_NEEDED	2

/* what may have been given out since the copy was made stays unused */
#define SERIAL_LEAP	(1ull << 32)
#define LEAF_LEAP	(1u << 20)

static int held_refusal(const struct group *group, struct refusal *refusal)
{
	return refuse(refusal, COAP_UNAVAILABLE, INT32_MIN,
		      "members have an epoch %u not made here, this server's last is %u: its administrator has to decide",
		      group->held, group->num);
}

int hold_refuse(const struct group *group, struct refusal *refusal)
{
	return group->held ? held_refusal(group, refusal) : 0;
}

int hold_check(const struct group *group, char *reason, size_t room)
{
	if (!group->held)
		return 0;
	snprintf(reason, room,
		 "members have an epoch %u of %s not made here, this server's last is %u: was its state restored from a copy? See `cpnsctl group rekey --help`",
		 group->held, group->sgid, group->num);
	return -ESTALE;
}

static int hold(struct group *group, uint32_t num)
{
	int result = store_hold_put(group->cskmf->options.store, group->sgid,
				    num);

	if (result)
		return result;
	if (!group->held)
		log_error("group=%s ALARM: members have an epoch %u not made here, the last one here is %u; no key is made or delivered until an administrator decides",
			  group->sgid, num, group->num);
	if (num > group->held)
		group->held = num;
	loop_timer_stop(&group->timer);
	return 0;
}

/**
 * hold_report() - a member says it has an epoch that was never made here
 * @group: the group
 * @member: who says it
 * @num: the group's number or above
 * @refusal: gets the answer
 *
 * Return: -EACCES always.
 */
int hold_report(struct group *group, struct member *member, uint32_t num,
		struct refusal *refusal)
{
	static struct log_limit limit;
	size_t needed = REPORTS_NEEDED, reports = 0;
	struct member *other, *next;
	uint32_t most = 0;

	member->ahead = num;
	HASH_ITER(hh, group->members, other, next) {
		if (other->ahead < group->num ||
		    !member_entry(group, other->node))
			continue;
		reports++;
		if (other->ahead > most)
			most = other->ahead;
	}
	if (group->description->members_count < needed)
		needed = group->description->members_count;
	log_limited(&limit, LOG_ERR,
		    "group=%s node=%s has an epoch %u not made here, the last one here is %u",
		    group->sgid, member->node, num, group->num);
	if (reports < needed)
		return refuse(refusal, COAP_BAD_REQUEST, INT32_MIN,
			      "this epoch %u was never made", num);
	if (hold(group, most))
		return refuse(refusal, COAP_SERVER_ERROR, INT32_MIN,
			      "the report is not stored");
	return held_refusal(group, refusal);
}

static bool all_heard(const struct group *group)
{
	const struct group_description *description = group->description;
	const struct member *member;
	size_t i;

	for (i = 0; i < description->members_count; i++) {
		member = member_find(group, description->members[i].node);
		if (!member || !member->heard)
			return false;
	}
	return true;
}

/**
 * hold_heard() - a member says it has an epoch that was made here
 * @group: the group
 * @member: who says it
 *
 * When all of them do, an epoch that was due at the start need not wait for
 * those who know more.
 */
void hold_heard(struct group *group, struct member *member)
{
	member->heard = true;
	member->ahead = 0;
	if (!group->aged_by_wall || group->not_before <= loop_boottime() ||
	    !all_heard(group))
		return;
	group->not_before = 0;
	schedule_arm(group);
}

static void forget_reports(struct group *group)
{
	struct member *member, *next;

	HASH_ITER(hh, group->members, member, next)
		member->ahead = 0;
}

/*
 * Two numbers on, so that every member sees a gap and takes the new epoch
 * with a SEAL, whatever it had; all KEKs fresh, for their versions may have
 * gone back.  Stored with the epoch, or not at all.
 */
static int believe(struct group *group)
{
	struct group before = *group;
	int result;

	if (group->held >= CPNS_EPOCH_MAX - 2 ||
	    group->leaf_last > UINT32_MAX - 2 * LEAF_LEAP)
		return -EOVERFLOW;
	group->num = group->held + 1;
	group->held = 0;
	group->term++;
	group->roster_serial += SERIAL_LEAP;
	group->leaf_last += LEAF_LEAP;
	result = epoch_make(group, EPOCH_COMPROMISE);
	if (!result)
		return 0;
	group->num = before.num;
	group->held = before.held;
	group->term = before.term;
	group->roster_serial = before.roster_serial;
	group->leaf_last = before.leaf_last;
	return result;
}

/**
 * hold_end() - the administrator has decided
 * @group: the group
 * @restored: true: go on above the members' numbers; false: they were lies
 * @reason: gets the cause in words on error
 * @room: bytes of @reason
 *
 * Return: 0, -EINVAL the group is not held, store and OSG.
 */
int hold_end(struct group *group, bool restored, char *reason, size_t room)
{
	int result;

	if (!group->held) {
		snprintf(reason, room, "the group %s is not held",
			 group->sgid);
		return -EINVAL;
	}
	result = restored ? believe(group) :
		 store_hold_remove(group->cskmf->options.store, group->sgid);
	if (result) {
		snprintf(reason, room, "the group %s stays held: %s",
			 group->sgid, strerror(-result));
		return result;
	}
	log_notice("group=%s goes on, num=%u", group->sgid, group->num);
	group->held = 0;
	group->not_before = 0;
	forget_reports(group);
	schedule_arm(group);
	return 0;
}
