// SPDX-License-Identifier: GPL-2.0-only
/*
 * The wall clock tells how old an epoch is that was made before this start,
 * and nothing else: members' kernels count lifetimes on boottime, and so does
 * this server from then on, whatever the clock is set to.
 *
 * A machine without a clock of its own may start with a slow one and be told
 * the time later.  An epoch of before turns out older then; it never gets
 * younger.  The loop's thread.
 */
#include <errno.h>
#include <limits.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "cskmf/group.h"

/**
 * wall_clock_behind() - is it earlier than the epoch was made?
 * @group: the group
 *
 * Then it does not tell the epoch's age, and there had better be a new one.
 *
 * Return: true if so.
 */
bool wall_clock_behind(const struct group *group)
{
	return (uint64_t)time(NULL) < group->created;
}

/**
 * wall_clock_age() - let an epoch be as old as the wall clock says
 * @group: the epoch is of before this start
 *
 * Never younger than it is taken for.
 */
void wall_clock_age(struct group *group)
{
	double made_at = loop_boottime();

	if (!wall_clock_behind(group))
		made_at -= (double)((uint64_t)time(NULL) - group->created);
	if (made_at < group->made_at)
		group->made_at = made_at;
	group->aged_by_wall = true;
}

/* what was not known at the start is: the key's age */
static void want_no_more(struct group *group)
{
	if (!group->wanted_by_clock || wall_clock_behind(group))
		return;
	group->wanted = false;
	group->wanted_by_clock = false;
}

/**
 * wall_clock_set() - somebody has set it
 * @context: the CSKMF
 */
void wall_clock_set(void *context)
{
	struct cskmf *cskmf = context;
	struct group *group, *next;
	uint64_t expirations;

	/* -ECANCELED: that was it; the timer goes on */
	(void)!read(cskmf->wall_clock.io.fd, &expirations,
		    sizeof(expirations));
	HASH_ITER(hh, cskmf->groups, group, next) {
		if (!group->aged_by_wall || group->deleted)
			continue;
		wall_clock_age(group);
		want_no_more(group);
		schedule_arm(group);
	}
}

/**
 * wall_clock_open() - hear of it when the clock is set
 * @cskmf: the CSKMF
 *
 * Return: 0 or -errno.
 */
int wall_clock_open(struct cskmf *cskmf)
{
	static const struct itimerspec never = { .it_value.tv_sec = LONG_MAX };
	int timer = timerfd_create(CLOCK_REALTIME,
				   TFD_NONBLOCK | TFD_CLOEXEC);

	if (timer < 0)
		return -errno;
	loop_fd_start(cskmf->options.loop, &cskmf->wall_clock, timer,
		      wall_clock_set, cskmf);
	return timerfd_settime(timer, TFD_TIMER_ABSTIME |
			       TFD_TIMER_CANCEL_ON_SET, &never, NULL) ?
		-errno : 0;
}

/**
 * wall_clock_close() - no more of that
 * @cskmf: the CSKMF
 */
void wall_clock_close(struct cskmf *cskmf)
{
	if (!cskmf->wall_clock.loop)
		return;
	loop_fd_stop(&cskmf->wall_clock);
	close(cskmf->wall_clock.io.fd);
}
