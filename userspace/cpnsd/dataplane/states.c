// SPDX-License-Identifier: GPL-2.0-only
/*
 * Brings the module's SAs of one epoch in line with a plan: adds what is
 * missing, then deletes what is gone.
 *
 * In the loop's thread.  The module ends SAs by itself when their epoch dies;
 * a state that has gone meanwhile is no failure.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/internal.h"
#include "dataplane/net.h"
#include "log.h"

struct reading {
	const char *sgid;
	uint32_t epoch;			/* 0: all */
	struct state_list list;
};

static int take_state(void *context, const struct cpns_sa *state)
{
	struct reading *reading = context;

	if (strcmp(state->sgid, reading->sgid) ||
	    (reading->epoch && state->epoch != reading->epoch))
		return 0;
	return state_list_add(&reading->list, state);
}

static const char *describe(const struct cpns_sa *state, char *text,
			    size_t room)
{
	struct roster_address end = { .family = state->family };
	char address[NET_TEXT_ROOM];

	memcpy(end.address, state->destination, sizeof(end.address));
	snprintf(text, room, "%s SA epoch %u sid %u spi 0x%08x to %s",
		 state->outbound ? "outbound" : "inbound", state->epoch,
		 state->sid, state->spi, net_address_text(&end, address));
	return text;
}

static void remove_state(struct dataplane *dataplane,
			 const struct cpns_sa *state)
{
	int result = cpns_sa_del(dataplane->kernel, state);
	char text[128];

	if (result < 0 && result != -ENOENT && result != -ESRCH)
		log_warning("group %s: %s: %s", state->sgid,
			    describe(state, text, sizeof(text)),
			    cpns_error(dataplane->kernel));
}

static int add_missing(struct dataplane *dataplane,
		       const struct state_list *wanted,
		       const struct state_list *there, char *reason,
		       size_t room)
{
	int failed = 0;

	for (size_t i = 0; i < wanted->count; i++) {
		const struct cpns_sa *state = &wanted->items[i];
		char text[128];
		int result;

		if (state_list_find(there, state))
			continue;
		result = cpns_sa_add(dataplane->kernel, state);
		/* the epoch went on while we were at it */
		if (!result || (result == -ESTALE && state->outbound))
			continue;
		snprintf(reason, room, "%s: %s",
			 describe(state, text, sizeof(text)),
			 cpns_error(dataplane->kernel));
		/* a collision asks for a new epoch: it shall be reported */
		if (failed != -EEXIST)
			failed = result;
	}
	return failed;
}

/**
 * states_apply() - make the kernel's SAs of an epoch those of the plan
 * @dataplane: data plane
 * @plan: the epoch's senders and receivers
 * @reason: words of the last failure
 * @room: bytes of @reason
 *
 * What can be added is added, whatever else fails.
 *
 * Return: 0; -EEXIST an SPI collides; or another -errno.
 */
int states_apply(struct dataplane *dataplane, const struct plan_states *plan,
		 char *reason, size_t room)
{
	struct reading there = { .sgid = plan->sgid, .epoch = plan->epoch };
	struct state_list wanted = { 0 };
	int result;

	result = plan_sas(plan, &wanted);
	if (result < 0) {
		snprintf(reason, room, "planning SAs: %s", strerror(-result));
		goto free;
	}
	result = cpns_sa_list(dataplane->kernel, take_state, &there);
	if (result < 0) {
		snprintf(reason, room, "reading SAs: %s",
			 cpns_error(dataplane->kernel));
		goto free;
	}
	result = add_missing(dataplane, &wanted, &there.list, reason, room);
	for (size_t i = 0; i < there.list.count; i++)
		if (!state_list_find(&wanted, &there.list.items[i]))
			remove_state(dataplane, &there.list.items[i]);
free:
	state_list_free(&wanted);
	state_list_free(&there.list);
	return result;
}

/**
 * states_end() - delete a group's SAs
 * @dataplane: data plane
 * @sgid: the group
 * @epoch: of one epoch, or 0 for all
 */
void states_end(struct dataplane *dataplane, const char *sgid, uint32_t epoch)
{
	struct reading there = { .sgid = sgid, .epoch = epoch };
	int result = cpns_sa_list(dataplane->kernel, take_state, &there);

	if (result < 0)
		log_warning("group %s: reading SAs: %s", sgid,
			    cpns_error(dataplane->kernel));
	for (size_t i = 0; i < there.list.count; i++)
		remove_state(dataplane, &there.list.items[i]);
	state_list_free(&there.list);
}
