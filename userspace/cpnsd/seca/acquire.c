// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pull (CR B.2.1.1 steps 8 to 11; RFC 9594 sections 4.3.1 and 4.3.2): POST
 * joins, and brings a sealed leaf key and a Sender-ID; GET brings the epoch
 * that follows one the kernel holds.
 *
 * Runs in the loop's thread; at most one pull a group is under way.
 */
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seca/context.h"

/* RFC 9594 section 12.9 and ours (wire.md section 2) */
#define ERROR_NOT_MEMBER	0
#define ERROR_SIDS_EXHAUSTED	4
#define ERROR_LEFT		5
#define ERROR_DELETED		6
#define ERROR_LEVEL		(-65601)

/**
 * acquire_later - pull again after a back-off of 1 s, 2 s, 4 s .. 60 s
 * @group: the group
 */
void acquire_later(struct group *group)
{
	unsigned int shift = group->failures < 6 ? group->failures : 6;
	double seconds = 1u << shift;

	group->failures++;
	if (group->phase == GROUP_ACQUIRING)
		group->phase = GROUP_LISTED;
	if (seconds > SECA_RETRY_MAX_SECONDS)
		seconds = SECA_RETRY_MAX_SECONDS;
	loop_timer_start(&group->retry, seca_jitter(seconds));
}

/**
 * acquire_wait_for_newer - the epoch is ended in this kernel: no use in asking
 * @group: followed on, so that the next epoch is seen; a need asks for it once
 *	in the retry's time, and without a join, which would cost a Sender-ID
 */
void acquire_wait_for_newer(struct group *group)
{
	if (group->phase == GROUP_ACQUIRING)
		group->phase = GROUP_LISTED;
	requests_refuse(group->seca, group->sgid, EKEYREVOKED, group->trouble);
	follow_start(group);
	loop_timer_start(&group->retry, seca_jitter(SECA_RETRY_MAX_SECONDS));
}

/**
 * acquire_refused - the server answered with an error
 * @group: the group
 * @response: 4.xx or 5.xx
 *
 * 4.04 with error 5 or 6 ends the group on this node.  The others are told
 * to those who wait for the key.
 *
 * Return: true if the group is gone.
 */
bool acquire_refused(struct group *group,
		     const struct transport_response *response)
{
	const char *text = response->problem && *response->problem ?
		response->problem : "no reason given";

	if (response->code == COAP_NOT_FOUND &&
	    (response->error_id == ERROR_LEFT ||
	     response->error_id == ERROR_DELETED)) {
		group_gone(group, response->error_id == ERROR_DELETED ?
			   "the group was deleted" :
			   "this node was removed from the group");
		return true;
	}
	group_trouble(group, LOG_ERR, "the server refuses (%d.%02d): %s",
		      response->code / 100, response->code % 100, text);
	if (response->code == COAP_FORBIDDEN)
		requests_refuse(group->seca, group->sgid, EACCES,
				response->error_id == ERROR_LEVEL ?
				"this node's security level is below the group's" :
				text);
	return false;
}

static void acquired(void *context, const struct transport_response *response)
{
	struct group *group = context;
	char reason[SECA_REASON_MAX] = "";
	bool join = group->acquiring_join;
	int error;

	group->acquiring = NULL;
	loop_timer_stop(&group->timeout);
	if (group->phase == GROUP_GONE || group->phase == GROUP_LEFT)
		return;
	if (response->error == -ECONNRESET || response->error == -ENOTCONN) {
		group->wanted = true;
		return;
	}
	if (response->error) {
		group_trouble(group, LOG_ERR, "pull failed: %s",
			      strerror(-response->error));
		acquire_later(group);
		return;
	}
	if (response->code / 100 != 2) {
		if (!acquire_refused(group, response))
			acquire_later(group);
		return;
	}
	error = install_response(group, response->body, response->body_size,
				 false, reason, sizeof(reason));
	if (error == -EAGAIN && !join) {
		log_info("group %s: %s: joining anew", group->sgid, reason);
		acquire_start(group, true);
		return;
	}
	if (error == -EKEYREVOKED) {
		acquire_wait_for_newer(group);
		return;
	}
	if (error < 0) {
		if (error == -EAGAIN)
			group_trouble(group, LOG_ERR, "%s", reason);
		if (group->phase != GROUP_GONE && group->phase != GROUP_STOPPED)
			acquire_later(group);
		return;
	}
	group->failures = 0;
	group_flow(group, "B.2.1.1", 11, "CSKMF", "SMF", group->installed);
}

static int send_join(struct group *group, struct transport_call *call)
{
	struct seca *seca = group->seca;
	struct join_request request = {
		.roles = group->properties->roles,
		.has_node_key = true,
	};
	uint8_t *body = NULL;
	int error;

	snprintf(request.sgid, sizeof(request.sgid), "%s", group->sgid);
	memcpy(request.node_key, seca->node_state.public_key,
	       sizeof(request.node_key));
	if (RAND_bytes(request.cnonce, sizeof(request.cnonce)) != 1)
		return -EIO;
	error = join_request_encode(&request, &body, &call->body_size);
	if (!error) {
		call->method = METHOD_POST;
		call->format = FORMAT_GROUPCOMM;
		call->body = body;
		error = group_call(group, call, NULL, 0, &group->acquiring);
	}
	free(body);
	return error;
}

/**
 * acquire_start - pull the group's key
 * @group: listed or held
 * @join: POST: the node's key goes along and a seal comes back; else GET
 *
 * Without a session the pull is made at the next connection.
 */
void acquire_start(struct group *group, bool join)
{
	struct transport_call call = {
		.method = METHOD_GET,
		.format = FORMAT_NONE,
		.done = acquired,
		.context = group,
	};
	int error;

	if (group->acquiring)
		return;
	loop_timer_stop(&group->retry);
	loop_timer_stop(&group->behind);
	if (join)
		loop_timer_stop(&group->sender_id);
	if (!group->session || !group->session->registered) {
		group->wanted = true;
		return;
	}
	if (group->phase == GROUP_LISTED)
		group->phase = GROUP_ACQUIRING;
	group_flow(group, "B.2.1.1", 8, "SMF", "SECA", 0);
	group_flow(group, "B.2.1.1", 9, "CSKMF", "CSKMF", 0);
	group->acquiring_join = join;
	error = join ? send_join(group, &call) :
		       group_call(group, &call, NULL, 0, &group->acquiring);
	if (error) {
		group_trouble(group, LOG_ERR, "pull not sent: %s",
			      strerror(-error));
		acquire_later(group);
		return;
	}
	loop_timer_start(&group->timeout, SECA_EXCHANGE_SECONDS);
}

/**
 * acquire_timed_out - no answer came
 * @context: the group
 */
void acquire_timed_out(void *context)
{
	struct group *group = context;

	if (group->acquiring)
		transport_cancel(group->acquiring);
	group->acquiring = NULL;
	group_trouble(group, LOG_ERR, "pull: no answer in %d s",
		      SECA_EXCHANGE_SECONDS);
	acquire_later(group);
}

static bool somebody_waits(const struct group *group)
{
	const struct waiter *waiter;

	for (waiter = group->seca->waiters; waiter; waiter = waiter->next)
		if (!strcmp(waiter->sgid, group->sgid))
			return true;
	return false;
}

/**
 * acquire_retry_fired - the back-off is over
 * @context: the group
 *
 * A pull group that holds no key, and that nobody waits for, stays lazy: its
 * next need asks again.
 */
void acquire_retry_fired(void *context)
{
	struct group *group = context;
	bool behind;

	if (group->phase == GROUP_GONE || group->phase == GROUP_LEFT)
		return;
	group_look(group);
	if (group->properties->push && !group->pushing) {
		push_start(group);
		return;
	}
	behind = group->known > group->installed &&
		 group->known > group->ended;
	if (!group->live)
		behind = somebody_waits(group) ||
			 (behind && group->properties->push);
	if (behind || (sender_id_missing(group) &&
		       !loop_timer_active(&group->sender_id)))
		acquire_start(group, true);
}

/**
 * acquire_cancel - end a pull under way
 * @group: the group
 */
void acquire_cancel(struct group *group)
{
	loop_timer_stop(&group->timeout);
	if (group->acquiring)
		transport_cancel(group->acquiring);
	group->acquiring = NULL;
}
