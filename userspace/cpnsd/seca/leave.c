// SPDX-License-Identifier: GPL-2.0-only
/*
 * Telling the server that this node has left a group (RFC 9594 section
 * 4.8.3: DELETE of the own node resource), until the server knows.
 *
 * Runs in the loop's thread.  The key is given up before, without waiting
 * for the server: what is told later costs only an epoch that the others
 * still make for this node.  A leave that is not told is kept in the group's
 * file and told at the next connection, also of a daemon started anew.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "seca/context.h"

#define LEAVE_AGAIN_SECONDS 60

static void save(struct group *group)
{
	char reason[SECA_REASON_MAX];

	if (group->unusable)
		return;
	if (chain_save(group->seca->directory, &group->chain, reason,
		       sizeof(reason)))
		log_error("group %s: state not saved: %s", group->sgid, reason);
}

/* @why: NULL when the server knows */
static void answer(struct group *group, const char *why)
{
	struct control_reply *reply = group->leave_reply;
	struct json_object *object;

	if (why)
		log_warning("group %s: left, but the server was not told: %s; told later",
			    group->sgid, why);
	group->leave_reply = NULL;
	if (!reply)
		return;
	object = json_object_new_object();
	json_object_object_add(object, "told", json_object_new_boolean(!why));
	if (why)
		json_object_object_add(object, "why",
				       json_object_new_string(why));
	control_reply_ok(reply, object);
}

/* not a member, or no such group: there is nothing to leave any more */
static bool is_told(const struct transport_response *response)
{
	return response->code / 100 == 2 || response->code == COAP_NOT_FOUND ||
	       response->code == COAP_FORBIDDEN;
}

static void left(void *context, const struct transport_response *response)
{
	struct group *group = context;

	group->leaving = NULL;
	if (!response->error && is_told(response)) {
		group->chain.leave_due = false;
		save(group);
		log_notice("group %s: the server knows that this node has left",
			   group->sgid);
		answer(group, NULL);
		return;
	}
	if (!response->error)
		loop_timer_start(&group->leave_again,
				 seca_jitter(LEAVE_AGAIN_SECONDS));
	answer(group, response->error ? strerror(-response->error) :
		      response->problem && *response->problem ?
		      response->problem : "the request is refused");
}

/**
 * leave_send - ask the server's SMF to take this node's entry out
 * @group: left; nothing is done when the server knows, or is being told
 *
 * Called at `leave`, and after each registration.
 */
void leave_send(struct group *group)
{
	const char *const below[] = { "nodes", group->seca->node };
	struct transport_call call = {
		.method = METHOD_DELETE,
		.format = FORMAT_NONE,
		.done = left,
		.context = group,
	};
	int error;

	loop_timer_stop(&group->leave_again);
	if (!group->chain.leave_due || group->leaving)
		return;
	error = group_call(group, &call, below, 2, &group->leaving);
	if (error)
		answer(group, error == -ENOTCONN ? "no connection to it" :
			      strerror(-error));
}

/**
 * leave_again_fired - the server refused; ask again
 * @context: the group
 */
void leave_again_fired(void *context)
{
	leave_send(context);
}

/**
 * leave_start - the admin's `leave`: give the key up, tell the server
 * @group: a member, or left already and not told
 * @reply: finished with {told, why} as soon as that is known; NULL: nobody
 *	waits
 */
void leave_start(struct group *group, struct control_reply *reply)
{
	if (group->phase != GROUP_LEFT)
		group->chain.leave_due = true;
	group_leave(group);
	if (group->leave_reply)
		answer(group, "another leave takes over");
	group->leave_reply = reply;
	if (group->chain.leave_due)
		leave_send(group);
	else
		answer(group, NULL);
}

/**
 * leave_forget - the group is joined again, or gone, or the daemon ends
 * @group: nothing is told any more in this run
 */
void leave_forget(struct group *group)
{
	loop_timer_stop(&group->leave_again);
	if (group->leaving)
		transport_cancel(group->leaving);
	group->leaving = NULL;
	if (group->leave_reply)
		answer(group, "it was overtaken by events");
}
