// SPDX-License-Identifier: GPL-2.0-only
/*
 * Push (CR B.2.1.2 step 8; RFC 9594 with RFC 7641): the observation of
 * /ace-group/G is the registration, each notification brings an epoch.
 *
 * Runs in the loop's thread.  What comes in a push is checked like what was
 * asked for, and a gap is never installed from it: pull.
 */
#include <errno.h>
#include <string.h>

#include "seca/context.h"

static void push_refused(struct group *group,
			 const struct transport_response *response)
{
	if (!acquire_refused(group, response))
		acquire_later(group);
}

static void pushed(void *context, const struct transport_response *response)
{
	struct group *group = context;
	char reason[SECA_REASON_MAX] = "";
	int result;

	if (response->ended)
		group->pushing = NULL;
	if (response->error) {
		if (response->error != -ECONNRESET &&
		    group->phase != GROUP_GONE && group->phase != GROUP_LEFT)
			acquire_later(group);
		return;
	}
	if (response->code / 100 != 2) {
		push_refused(group, response);
		return;
	}
	result = install_response(group, response->body, response->body_size,
				  response->notification, reason,
				  sizeof(reason));
	if (result > 0) {
		group->failures = 0;
		group_flow(group, "B.2.1.2", 8, "CSKMF", "CSKMF",
			   group->installed);
	} else if (result == -EAGAIN) {
		log_info("group %s: %s: pulling", group->sgid, reason);
		acquire_start(group, true);
	} else if (result == -EKEYREVOKED) {
		acquire_wait_for_newer(group);
	} else if (result < 0 && result != -EKEYREJECTED &&
		   result != -ESTALE && group->phase != GROUP_GONE &&
		   group->phase != GROUP_STOPPED) {
		/* what an attacker can send must not make us pull */
		acquire_later(group);
	}
	if (response->ended && group->phase != GROUP_GONE)
		log_warning("group %s: the server does not push, its number is polled",
			    group->sgid);
}

/**
 * push_start - observe the group's key
 * @group: delivery push; does nothing if it is observed already
 */
void push_start(struct group *group)
{
	struct transport_call call = {
		.method = METHOD_GET,
		.format = FORMAT_NONE,
		.observe = true,
		.done = pushed,
		.context = group,
	};
	int error;

	if (group->pushing || !group->session || !group->session->registered)
		return;
	error = group_call(group, &call, NULL, 0, &group->pushing);
	if (error) {
		group_trouble(group, LOG_ERR, "not observed: %s",
			      strerror(-error));
		acquire_later(group);
		return;
	}
	group->observed_at = loop_boottime();
}

/**
 * push_stop - end the observation
 * @group: the group
 */
void push_stop(struct group *group)
{
	if (group->pushing)
		transport_cancel(group->pushing);
	group->pushing = NULL;
}
