// SPDX-License-Identifier: GPL-2.0-only
/*
 * When epochs are made: batch window, spacing, lifetime.
 *
 * One timer a group, set to the earlier of the epoch that is wanted and the
 * renewal before the lifetime ends.  Epochs that can wait are DTD + 1 s
 * apart, renewals too, so that never more than two are alive for their sake;
 * evict, compromise and "low" are urgent and do not wait, also when they are
 * tried again.
 *
 * What is wanted is in the store until the epoch is, so that no end of the
 * process takes it away.
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

static double renewal_left(const struct group *group)
{
	return group_seconds_left(group) - renewal_margin(group);
}

/*
 * A store may be a copy of yesterday at the start, and members may have another
 * epoch of the number that would be made now.  They get the time to say so,
 * hold.c, where the epoch is due and where one was wanted before they could:
 * by the store, or by a document that it does not have.  What is wanted after
 * a short way down, where nothing is due, does not wait.
 */
static double held_back(const struct group *group)
{
	double left = group->not_before - loop_boottime();

	if (left <= 0 || !group->aged_by_wall)
		return 0;
	if (group->wanted && group->wanted_at_start)
		return left;
	return renewal_left(group) > 0 && !wall_clock_behind(group) ? 0 : left;
}

/* with a key that is good, who is to be kept out could go on meanwhile */
static bool keeps_out(const struct group *group)
{
	return (group->wanted_reason == EPOCH_EVICT ||
		group->wanted_reason == EPOCH_COMPROMISE) &&
	       group_seconds_left(group);
}

/* with a DTD as long as the lifetime, still in time to reach everybody */
static double spaced_in(const struct group *group)
{
	double reached = group->lifetime - GROUP_REACH_SECONDS;
	double spacing = group->dtd + 1;

	return group->made_at - loop_boottime() +
	       (spacing < reached ? spacing : reached);
}

/*
 * A margin that is longer than the spacing gives way: kernels activate what is
 * pending when the epoch in use ends.
 */
static double renewal_in(const struct group *group)
{
	double left = renewal_left(group);
	double spaced = spaced_in(group);
	double back = held_back(group);

	if (spaced > left)
		left = spaced;
	return left > back ? left : back;
}

double schedule_due(const struct group *group)
{
	double now = loop_boottime(), back = held_back(group);
	double spaced = group->made_at + group->dtd + 1 - now;
	double batched = group->wanted_since - now;

	if (group->urgent)
		return keeps_out(group) ? 0 : back;
	if (group->wanted_changes < CSKMF_BATCH_CHANGES)
		batched += group->description->batch_ms / 1000.0;
	if (spaced > batched)
		batched = spaced;
	return batched > back ? batched : back;
}

void schedule_arm(struct group *group)
{
	double seconds, retry_in = group->retry_at - loop_boottime();

	if (group->deleted || !group->description || group->held)
		return;
	seconds = renewal_in(group);
	if (group->wanted && schedule_due(group) < seconds)
		seconds = schedule_due(group);
	if (seconds < retry_in)
		seconds = retry_in;
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
	group->retry_at = loop_boottime() + RETRY_SECONDS;
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
 * schedule_promise() - write that a new epoch is wanted
 * @group: the group
 * @reason: why; with others that wait the heaviest one counts
 * @now: do not wait
 *
 * Nothing is written where as much is wanted already.
 *
 * Return: 0 or -errno of the store.
 */
int schedule_promise(struct group *group, enum epoch_reason reason, bool now)
{
	struct store_want want = { .reason = reason, .urgent = now };

	if (group->wanted && !group->wanted_by_clock) {
		if (weight(reason) <= weight(group->wanted_reason)) {
			if (now <= group->urgent)
				return 0;
			want.reason = group->wanted_reason;
		}
		want.urgent |= group->urgent;
	}
	return store_want_put(group->cskmf->options.store, group->sgid, &want);
}

/* true where more is wanted than was */
static bool want(struct group *group, enum epoch_reason reason, bool now)
{
	bool more = now > group->urgent;

	if (!group->wanted || group->wanted_by_clock) {
		group->wanted = true;
		group->wanted_by_clock = false;
		group->wanted_reason = reason;
		group->wanted_since = loop_boottime();
		group->wanted_changes = 0;
		more = true;
	} else if (weight(reason) > weight(group->wanted_reason)) {
		group->wanted_reason = reason;
		more = true;
	}
	group->wanted_changes++;
	group->urgent |= now;
	return more;
}

static void write_want(struct group *group)
{
	const struct store_want want = {
		.reason = group->wanted_reason,
		.urgent = group->urgent,
	};

	if (store_want_put(group->cskmf->options.store, group->sgid, &want))
		log_warning("group=%s a restart will not know that a new epoch is wanted",
			    group->sgid);
}

/**
 * schedule_promised() - make the epoch, now or when it is due
 * @group: the group
 * @reason: why, as in schedule_promise()
 * @now: do not wait
 */
void schedule_promised(struct group *group, enum epoch_reason reason, bool now)
{
	want(group, reason, now);
	if (now && !group->held && schedule_due(group) <= 0)
		make(group, group->wanted_reason);
	else
		schedule_arm(group);
}

/**
 * schedule_want() - a new epoch is wanted
 * @group: the group
 * @reason: why; with others that wait the heaviest one counts
 * @now: do not wait
 *
 * Without @now the loop makes it: the caller may be about to answer out of the
 * epoch that there is.
 */
void schedule_want(struct group *group, enum epoch_reason reason, bool now)
{
	if (group->deleted || group->held)
		return;
	if (want(group, reason, now))
		write_want(group);
	if (now && schedule_due(group) <= 0)
		make(group, group->wanted_reason);
	else
		schedule_arm(group);
}

/**
 * schedule_request() - somebody asks for a new epoch
 * @group: the group, neither deleted nor held
 * @reason: why, as in schedule_want()
 * @now: do not wait
 *
 * One that is due is made before this returns, and then nothing has to be
 * written but the epoch itself: to wait for the disk twice is half of a push to
 * a thousand members.
 */
void schedule_request(struct group *group, enum epoch_reason reason, bool now)
{
	const bool retries = group->retry_at > loop_boottime();
	const bool more = want(group, reason, now);

	if (schedule_due(group) <= 0 && (now || !retries))
		make(group, group->wanted_reason);
	else
		schedule_arm(group);
	if (more && group->wanted)
		write_want(group);
}

void schedule_fire(void *context)
{
	struct group *group = context;

	group->retry_at = 0;
	if (group->wanted && schedule_due(group) <= 0.001)
		make(group, group->wanted_reason);
	else if (renewal_in(group) <= 0)
		make(group, group->wanted ? group->wanted_reason :
					    EPOCH_TIMER);
	else
		schedule_arm(group);
}
