// SPDX-License-Identifier: GPL-2.0-only
/*
 * When epochs are made: batch window, spacing, lifetime.
 *
 * One timer a group, set to the earlier of the epoch that is wanted and the
 * renewal before the lifetime ends.  Epochs that can wait are DTD + 1 s
 * apart, so that never more than two are alive for their sake; evict,
 * compromise and "low" do not wait.
 */
#include <string.h>

#include "cskmf/group.h"
#include "log.h"

#define RETRY_SECONDS	5.0

/*
 * Room for the next epoch to reach everybody and turn active: its own ATD
 * counts, for this one's is 0 after an eviction.  Half a lifetime is plenty
 * where that is enough.
 */
static double renewal_margin(const struct group *group)
{
	double least = group->description->atd + GROUP_REACH_SECONDS;
	double half = group->lifetime / 2.0;
	double margin = group->lifetime / 10.0;

	if (margin > 3600)
		margin = 3600;
	margin += least;
	if (margin > half)
		margin = half;
	return margin > least ? margin : least;
}

static double renewal_in(const struct group *group)
{
	double left = group_seconds_left(group);

	left -= renewal_margin(group);
	return left > 0 ? left : 0;
}

double schedule_due(const struct group *group)
{
	double now = loop_boottime();
	double spaced = group->made_at + group->dtd + 1 - now;
	double batched = group->wanted_since - now;

	if (group->wanted_changes < CSKMF_BATCH_CHANGES)
		batched += group->description->batch_ms / 1000.0;
	if (spaced > batched)
		batched = spaced;
	return batched > 0 ? batched : 0;
}

void schedule_arm(struct group *group)
{
	double seconds;

	if (group->deleted || !group->description || group->held)
		return;
	seconds = renewal_in(group);
	if (group->wanted && schedule_due(group) < seconds)
		seconds = schedule_due(group);
	if (group->retry && seconds < RETRY_SECONDS)
		seconds = RETRY_SECONDS;
	loop_timer_start(&group->timer, seconds);
}

/* heavier reasons win; the numbers of the record are not in that order */
static unsigned int weight(enum epoch_reason reason)
{
	static const unsigned int weights[] = {
		[EPOCH_CREATE] = 6, [EPOCH_TIMER] = 1, [EPOCH_JOIN] = 2,
		[EPOCH_LEAVE] = 3, [EPOCH_EVICT] = 4, [EPOCH_COMPROMISE] = 5,
		[EPOCH_DELETE] = 7,
	};

	return weights[reason];
}

/* not made: memory and store are as before, the old epoch goes on */
static void make(struct group *group, enum epoch_reason reason)
{
	int error = epoch_make(group, reason);

	if (!error)
		return;
	group->cskmf->counters.epochs_failed++;
	group->retry = true;
	group->wanted = true;
	group->wanted_reason = reason;
	group->alert.sgid = group->sgid;
	group->alert.num = group->num;
	group->alert.reason = reason;
	group->alert.error = error;
	group_tell(group, TELL_ALERT);
	schedule_arm(group);
}

/**
 * schedule_want - a new epoch is wanted
 * @group: the group
 * @reason: why; with others that wait the heaviest one counts
 * @now: do not wait
 */
void schedule_want(struct group *group, enum epoch_reason reason, bool now)
{
	if (group->deleted || group->held)
		return;
	if (!group->wanted) {
		group->wanted = true;
		group->wanted_reason = reason;
		group->wanted_since = loop_boottime();
		group->wanted_changes = 0;
	} else if (weight(reason) > weight(group->wanted_reason)) {
		group->wanted_reason = reason;
	}
	group->wanted_changes++;
	if (now)
		make(group, group->wanted_reason);
	else
		schedule_arm(group);
}

void schedule_fire(void *context)
{
	struct group *group = context;

	group->retry = false;
	if (group->wanted && schedule_due(group) <= 0.001)
		make(group, group->wanted_reason);
	else if (renewal_in(group) <= 0)
		make(group, group->wanted ? group->wanted_reason :
					    EPOCH_TIMER);
	else
		schedule_arm(group);
}
