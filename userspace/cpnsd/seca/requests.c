// SPDX-License-Identifier: GPL-2.0-only
/*
 * Those who wait for a key: programs in request_key(2), by way of
 * request-key(8) and the verb `request-key`, and the admin's `join`.
 *
 * Runs in the loop's thread.  Many waiters of a group share one pull.  What
 * is handed out is the serial of the key in .cpns, never a key.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seca/context.h"

#define WAITERS_MAX 1024

static void waiter_free(struct waiter *waiter)
{
	struct waiter **link;

	for (link = &waiter->seca->waiters; *link != waiter;
	     link = &(*link)->next)
		;
	*link = waiter->next;
	loop_timer_stop(&waiter->limit);
	free(waiter);
}

static int exit_code_of(int error)
{
	switch (error) {
	case ETIMEDOUT:
		return CONTROL_TIMED_OUT;
	case EACCES:
	case EKEYREJECTED:
	case EKEYREVOKED:
		return CONTROL_REFUSED;
	case ENOKEY:
		return CONTROL_NOT_FOUND;
	default:
		return CONTROL_FAILED;
	}
}

static void reply_key(struct control_reply *reply, const struct group *group)
{
	struct json_object *answer = json_object_new_object();

	json_object_object_add(answer, "sgid",
			       json_object_new_string(group->sgid));
	json_object_object_add(answer, "serial",
			       json_object_new_int(group->kernel.serial));
	json_object_object_add(answer, "num",
			       json_object_new_uint64(group->installed));
	json_object_object_add(answer, "sid",
			       json_object_new_int(group->own_sid));
	control_reply_ok(reply, answer);
}

static void waiter_expired(void *context)
{
	struct waiter *waiter = context;
	struct group *group = seca_group_find(waiter->seca, waiter->sgid);
	const struct seca_session *session = group && group->session ?
					     group->session :
					     waiter->seca->home;
	const char *why = group && group->trouble[0] ? group->trouble :
			  !session->registered ?
			  "the server is not connected" :
			  "the key did not come";

	control_reply_errno(waiter->reply, CONTROL_TIMED_OUT,
			    session->registered ? ETIMEDOUT : EHOSTUNREACH,
			    "group %s: no key in %d s: %s", waiter->sgid,
			    SECA_REQUEST_SECONDS, why);
	waiter_free(waiter);
}

/* one answer for both, as of the server: nobody learns which groups exist */
static void refuse_unlisted(struct control_reply *reply, const char *sgid)
{
	control_reply_errno(reply, CONTROL_NOT_FOUND, ENOKEY,
			    "group %s: not there, or without this node in its list: its administrator can add it (cpnsctl group add-member)",
			    sgid);
}

/* takes the reply over; on an error the request is refused */
static int requests_wait(struct seca *seca, const char *sgid,
			 struct control_reply *reply)
{
	struct waiter *waiter;
	unsigned int count = 0;

	for (waiter = seca->waiters; waiter; waiter = waiter->next)
		count++;
	waiter = count < WAITERS_MAX ? calloc(1, sizeof(*waiter)) : NULL;
	if (!waiter) {
		control_reply_errno(reply, CONTROL_FAILED, EBUSY,
				    "too many requests wait for keys");
		return -EBUSY;
	}
	waiter->seca = seca;
	snprintf(waiter->sgid, sizeof(waiter->sgid), "%s", sgid);
	waiter->reply = reply;
	loop_timer_init(seca->loop, &waiter->limit, waiter_expired, waiter);
	loop_timer_start(&waiter->limit, SECA_REQUEST_SECONDS);
	waiter->next = seca->waiters;
	seca->waiters = waiter;
	return 0;
}

/**
 * requests_answer - the kernel's state of a group has changed
 * @group: after group_look(); answered is who waits, if it can be sent with
 */
void requests_answer(struct group *group)
{
	struct waiter *waiter, *next;

	if (!group->active || group->phase == GROUP_STOPPED)
		return;
	for (waiter = group->seca->waiters; waiter; waiter = next) {
		next = waiter->next;
		if (strcmp(waiter->sgid, group->sgid))
			continue;
		reply_key(waiter->reply, group);
		waiter_free(waiter);
	}
}

/**
 * requests_refuse - the group's key will not come
 * @seca: the member side
 * @sgid: the group
 * @error: errno for request_key(2): EACCES, ENOKEY, ...; positive
 * @why: in words
 */
void requests_refuse(struct seca *seca, const char *sgid, int error,
		     const char *why)
{
	struct waiter *waiter, *next;

	for (waiter = seca->waiters; waiter; waiter = next) {
		next = waiter->next;
		if (strcmp(waiter->sgid, sgid))
			continue;
		control_reply_errno(waiter->reply, exit_code_of(error), error,
				    "group %s: %s", sgid, why);
		waiter_free(waiter);
	}
}

static bool somebody_waits(const struct seca *seca, const char *sgid)
{
	const struct waiter *waiter;

	for (waiter = seca->waiters; waiter; waiter = waiter->next)
		if (!strcmp(waiter->sgid, sgid))
			return true;
	return false;
}

/**
 * requests_list_came - the server's list of groups is known now
 * @seca: the member side
 *
 * Who waits for a group that is not in it need not wait on; for the others
 * the pull begins.
 */
void requests_list_came(struct seca *seca)
{
	struct waiter *waiter, *later;
	struct group *group, *next;

	for (waiter = seca->waiters; waiter; waiter = later) {
		later = waiter->next;
		group = seca_group_find(seca, waiter->sgid);
		if (group && group->phase != GROUP_GONE)
			continue;
		refuse_unlisted(waiter->reply, waiter->sgid);
		waiter_free(waiter);
	}
	HASH_ITER(hh, seca->groups, group, next) {
		if (!somebody_waits(seca, group->sgid))
			continue;
		group_look(group);
		if (group->active)
			requests_answer(group);
		else
			group_need(group, "a request waits");
	}
}

/**
 * requests_close - refuse all at the end of the daemon
 * @seca: the member side
 */
void requests_close(struct seca *seca)
{
	while (seca->waiters) {
		control_reply_errno(seca->waiters->reply, CONTROL_FAILED,
				    EHOSTUNREACH, "cpnsd ends");
		waiter_free(seca->waiters);
	}
}

static bool get_id(struct json_object *body, const char *name, uint32_t *id)
{
	struct json_object *member;
	int64_t number;

	if (!json_object_object_get_ex(body, name, &member) ||
	    !json_object_is_type(member, json_type_int))
		return false;
	number = json_object_get_int64(member);
	*id = (uint32_t)number;
	return number >= 0 && number < UINT32_MAX;
}

/* uid, gid, and the supplementary groups that the helper found */
static bool may_request(struct seca *seca, const char *sgid,
			struct json_object *body)
{
	struct json_object *groups;
	uint32_t uid, gid;
	size_t i;

	if (!get_id(body, "uid", &uid) || !get_id(body, "gid", &gid))
		return false;
	if (config_may_request(seca->config, sgid, uid, gid))
		return true;
	if (!json_object_object_get_ex(body, "groups", &groups) ||
	    !json_object_is_type(groups, json_type_array))
		return false;
	for (i = 0; i < json_object_array_length(groups); i++) {
		struct json_object *entry = json_object_array_get_idx(groups, i);
		int64_t number = json_object_get_int64(entry);

		if (json_object_is_type(entry, json_type_int) && number >= 0 &&
		    number < UINT32_MAX &&
		    config_may_request(seca->config, sgid, uid, (gid_t)number))
			return true;
	}
	return false;
}

/**
 * requests_key - answer with the group's key when it is there
 * @seca: the member side
 * @sgid: the group
 * @why: what needs it, for the log
 * @reply: finished now or later
 */
void requests_key(struct seca *seca, const char *sgid, const char *why,
		  struct control_reply *reply)
{
	struct group *group = seca_group_find(seca, sgid);

	if ((!group || group->phase == GROUP_GONE) && seca->listed) {
		refuse_unlisted(reply, sgid);
		return;
	}
	if (group && group->phase == GROUP_LEFT) {
		control_reply_errno(reply, CONTROL_REFUSED, EACCES,
				    "this node has left group %s: cpnsctl join %s",
				    sgid, sgid);
		return;
	}
	if (group && (group->unusable || group->phase == GROUP_STOPPED)) {
		control_reply_errno(reply, CONTROL_REFUSED, EKEYREJECTED,
				    "group %s: %s", sgid, group->trouble);
		return;
	}
	if (group) {
		group_look(group);
		if (group->active) {
			reply_key(reply, group);
			return;
		}
	}
	/* followed or polled, so that a newer epoch would be known */
	if (group && group->ended && group->known <= group->ended &&
	    loop_timer_active(&group->retry)) {
		control_reply_errno(reply, CONTROL_REFUSED, EKEYREVOKED,
				    "group %s: %s", sgid, group->trouble);
		return;
	}
	if (!requests_wait(seca, sgid, reply) && group)
		group_need(group, why);
}

/**
 * requests_join_anew - the admin's `join` of a group that is stopped
 * @group: stopped: somebody else has its Sender-ID
 * @reply: finished when the traffic is open again, or refused
 *
 * The key that is held must not be sent with (RFC 6054 section 3: IVs would
 * repeat); a join brings another Sender-ID.
 */
void requests_join_anew(struct group *group, struct control_reply *reply)
{
	if (!requests_wait(group->seca, group->sgid, reply))
		acquire_start(group, true);
}

/**
 * requests_key_verb - control verb `request-key` of the helper
 * @context: struct seca
 * @request: {key, sgid, callout, uid, gid, groups, pid}
 * @reply: {serial} once the group's key can be sent with
 *
 * Who the requester is comes from the helper, which is root: from another
 * peer it is not believed.
 */
void requests_key_verb(void *context, const struct control_request *request,
		       struct control_reply *reply)
{
	struct seca *seca = context;
	struct json_object *member;
	const char *sgid;

	if (request->uid != 0) {
		control_reply_errno(reply, CONTROL_REFUSED, EACCES,
				    "'request-key' is for root's helper");
		return;
	}
	if (!json_object_object_get_ex(request->body, "sgid", &member) ||
	    !json_object_is_type(member, json_type_string)) {
		control_reply_error(reply, CONTROL_USAGE, "sgid is missing");
		return;
	}
	sgid = json_object_get_string(member);
	if (!*sgid || strlen(sgid) > CPNS_SGID_MAX) {
		control_reply_errno(reply, CONTROL_NOT_FOUND, ENOKEY,
				    "sgid is not 1 to %d bytes", CPNS_SGID_MAX);
		return;
	}
	if (!may_request(seca, sgid, request->body)) {
		log_warning("group %s: request_key refused by [access]", sgid);
		control_reply_errno(reply, CONTROL_REFUSED, EACCES,
				    "group %s: [access] of %s does not list the requester",
				    sgid, seca->config->path);
		return;
	}
	requests_key(seca, sgid, "request_key", reply);
}
