// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping up with a group whose key is held: the signed roster is observed
 * (it changes with each epoch and each sender), the number is polled, the
 * records that were missed are fetched to check the chain.
 *
 * Runs in the loop's thread.  A group without a key is not followed: pull
 * stays lazy.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "seca/context.h"

#define POLL_SECONDS		300	/* wire.md section 2 */
#define OBSERVE_AGAIN_SECONDS	86400
#define BEHIND_SECONDS		2	/* a push may be on its way */

static void backfill_start(struct group *group);

/**
 * follow_behind - a newer epoch than the one held was heard of
 * @group: the group
 * @num: its number
 *
 * A push member gives the push two seconds.
 */
void follow_behind(struct group *group, uint32_t num)
{
	if (num > group->known)
		group->known = num;
	if (group->acquiring || loop_timer_active(&group->behind))
		return;
	loop_timer_start(&group->behind,
			 group->pushing ? BEHIND_SECONDS : 0);
}

/**
 * follow_behind_fired - pull the epoch that was heard of
 * @context: the group
 *
 * The kernel takes the next epoch under keys it holds; a farther one only
 * with a new seal, which a join brings.
 */
void follow_behind_fired(void *context)
{
	struct group *group = context;
	bool join;

	if (group->phase == GROUP_GONE || group->phase == GROUP_LEFT)
		return;
	group_look(group);
	if (group->known <= group->installed || group->known <= group->ended)
		return;
	join = !group->live || group->known > group->installed + 1;
	acquire_start(group, join);
}

static void roster_came(void *context,
			const struct transport_response *response)
{
	struct group *group = context;
	char reason[SECA_REASON_MAX] = "";

	if (response->ended)
		group->following = NULL;
	if (response->error)
		return;
	if (response->code / 100 != 2) {
		acquire_refused(group, response);
		return;
	}
	install_roster(group, response->body, response->body_size, reason,
		       sizeof(reason));
}

static void num_came(void *context, const struct transport_response *response)
{
	struct group *group = context;
	uint32_t num;

	group->polling = NULL;
	if (response->error)
		return;
	if (response->code / 100 != 2) {
		acquire_refused(group, response);
		return;
	}
	if (num_decode(response->body, response->body_size, &num)) {
		group_trouble(group, LOG_ERR, "its number is malformed");
		return;
	}
	group_look(group);
	if (num > group->installed)
		follow_behind(group, num);
}

/**
 * follow_poll_fired - ask for the number; observe anew once a day
 * @context: the group
 *
 * The poll finds what a lost notification did not tell.  A report that was not
 * taken is sent again.
 */
void follow_poll_fired(void *context)
{
	static const char *const below[] = { "num" };
	struct group *group = context;
	struct transport_call call = {
		.method = METHOD_GET,
		.format = FORMAT_NONE,
		.done = num_came,
		.context = group,
	};

	loop_timer_start(&group->poll, seca_jitter(POLL_SECONDS));
	if (loop_boottime() - group->observed_at > OBSERVE_AGAIN_SECONDS) {
		push_stop(group);
		follow_stop(group);
		group_ready(group);
		return;
	}
	if (!group->polling)
		group_call(group, &call, below, 1, &group->polling);
	status_send_due(group);
}

/**
 * follow_start - observe the roster, poll the number
 * @group: its key is in the kernel; does nothing if it is followed already
 */
void follow_start(struct group *group)
{
	static const char *const below[] = { "roster" };
	struct transport_call call = {
		.method = METHOD_GET,
		.format = FORMAT_NONE,
		.observe = true,
		.done = roster_came,
		.context = group,
	};
	int error;

	if (!group->session || !group->session->registered)
		return;
	if (group->chain.gap_from && !group->chain.broken)
		backfill_start(group);
	if (group->following)
		return;
	error = group_call(group, &call, below, 1, &group->following);
	if (error)
		log_warning("group %s: roster not observed: %s", group->sgid,
			    strerror(-error));
	group->observed_at = loop_boottime();
	loop_timer_start(&group->poll, seca_jitter(POLL_SECONDS));
}

/**
 * follow_stop - end what follow_start() began
 * @group: the group
 */
void follow_stop(struct group *group)
{
	loop_timer_stop(&group->poll);
	loop_timer_stop(&group->behind);
	if (group->following)
		transport_cancel(group->following);
	if (group->polling)
		transport_cancel(group->polling);
	if (group->backfilling)
		transport_cancel(group->backfilling);
	group->following = NULL;
	group->polling = NULL;
	group->backfilling = NULL;
}

static void records_came(void *context,
			 const struct transport_response *response)
{
	struct group *group = context;
	const struct verify_policy policy = {
		.sgid = group->sgid,
		.signer = group->properties->signer,
		.trust = group->seca->trust,
	};
	char reason[SECA_REASON_MAX] = "";
	int result;

	group->backfilling = NULL;
	if (response->error || response->code / 100 != 2)
		return;
	result = verify_backfill(&policy, &group->chain, response->body,
				 response->body_size, reason, sizeof(reason));
	if (result < 0)
		group_trouble(group, group->chain.broken ? LOG_ALERT : LOG_ERR,
			      "chain of records: %s", reason);
	if (result == 0)
		log_info("group %s: records %u to %u are one chain",
			 group->sgid, group->chain.linked_from,
			 group->chain.num);
	if (chain_save(group->seca->directory, &group->chain, reason,
		       sizeof(reason)))
		log_error("group %s: state not saved: %s", group->sgid, reason);
	if (result == 1)
		backfill_start(group);
}

static void backfill_start(struct group *group)
{
	static const char *const below[] = { "records" };
	char query[32];
	struct transport_call call = {
		.method = METHOD_GET,
		.format = FORMAT_NONE,
		.query = query,
		.done = records_came,
		.context = group,
	};

	if (group->backfilling)
		return;
	snprintf(query, sizeof(query), "from=%u", group->chain.gap_from);
	group_call(group, &call, below, 1, &group->backfilling);
}
