// SPDX-License-Identifier: GPL-2.0-only
/*
 * The need to decrypt: ESP arrives at a pull member that has no key yet.
 *
 * The kernel asks for a missing outbound SA (ACQUIRE), never for an inbound
 * one: it only counts the packet in /proc/net/xfrm_stat.  So that count is
 * looked at once a second while a group's key is neither held nor under way.
 * Whoever sends such packets can at most make a member fetch its own key.
 *
 * Runs in the loop's thread; owns nothing but its timer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "seca/context.h"

#define ARRIVALS_SECONDS	1.0	/* while a group waits for its need */
#define ARRIVALS_IDLE_SECONDS	5.0

/* packets for which no SA was there, of this network namespace */
static bool read_unknown(uint64_t *count)
{
	FILE *file = fopen("/proc/self/net/xfrm_stat", "re");
	char line[128];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "XfrmInNoStates %" SCNu64, count) == 1;
	fclose(file);
	return found;
}

/* pull, for ESP, policies set, and neither a key nor an attempt at one */
static bool waits_for_need(const struct group *group)
{
	return group->phase == GROUP_LISTED && group->traffic &&
	       !group->live && !group->wanted && group->properties &&
	       group->properties->data_esp && !group->properties->push;
}

static void arrivals_fired(void *context)
{
	struct seca *seca = context;
	struct group *group, *next;
	bool waiting = false, arrived;
	uint64_t count = 0;

	HASH_ITER(hh, seca->groups, group, next)
		waiting |= waits_for_need(group);
	if (!waiting || !read_unknown(&count)) {
		seca->arrivals_known = false;
		loop_timer_start(&seca->arrivals, ARRIVALS_IDLE_SECONDS);
		return;
	}
	arrived = seca->arrivals_known && count > seca->arrivals_count;
	seca->arrivals_known = true;
	seca->arrivals_count = count;
	loop_timer_start(&seca->arrivals, ARRIVALS_SECONDS);
	if (!arrived)
		return;
	HASH_ITER(hh, seca->groups, group, next)
		if (waits_for_need(group))
			group_need(group, "ESP arrives that cannot be decrypted");
}

/**
 * arrivals_open - watch for the need to decrypt
 * @seca: SECA; its groups are looked at while the timer runs
 *
 * AD 5.3.1.7.1.1.1: a key is pulled when a member "encrypts/decrypts".
 */
void arrivals_open(struct seca *seca)
{
	loop_timer_init(seca->loop, &seca->arrivals, arrivals_fired, seca);
	loop_timer_start(&seca->arrivals, ARRIVALS_SECONDS);
}

/**
 * arrivals_close - stop watching; harmless if it never started
 * @seca: SECA
 */
void arrivals_close(struct seca *seca)
{
	loop_timer_stop(&seca->arrivals);
}
