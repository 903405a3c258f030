// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replies of the control socket that wait for an epoch: batch window and
 * spacing put it off, and an administrator wants to hear its number.
 *
 * The loop's thread.  A waiter owns its reply and finishes it once.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "smf/smf_private.h"

#define WAIT_MOST	10.0	/* s; longer ones are answered as pending */
#define WAIT_GRACE	3.0

struct waiter {
	struct waiter *next;
	struct smf *smf;
	char sgid[CPNS_SGID_MAX + 1];
	uint32_t num;			/* before */
	struct control_reply *reply;
	struct loop_timer timer;
};

static struct json_object *answer(const char *sgid, uint32_t num)
{
	struct json_object *body = json_object_new_object();

	json_object_object_add(body, "sgid", json_object_new_string(sgid));
	json_object_object_add(body, "num", json_object_new_int64(num));
	return body;
}

static void answer_pending(struct control_reply *reply, const char *sgid,
			   uint32_t num, double due)
{
	struct json_object *body = answer(sgid, num);

	json_object_object_add(body, "pending", json_object_new_boolean(1));
	json_object_object_add(body, "due", json_object_new_double(due));
	control_reply_ok(reply, body);
}

static void end(struct waiter *waiter)
{
	loop_timer_stop(&waiter->timer);
	LL_DELETE(waiter->smf->waiters, waiter);
	free(waiter);
}

static void too_late(void *context)
{
	struct waiter *waiter = context;

	answer_pending(waiter->reply, waiter->sgid, waiter->num, 0);
	end(waiter);
}

void wait_for_epoch(struct smf *smf, const char *sgid,
		    const struct cskmf_updated *updated,
		    struct control_reply *reply)
{
	struct waiter *waiter;

	if (!updated->pending) {
		control_reply_ok(reply, answer(sgid, updated->num));
		return;
	}
	waiter = updated->due > WAIT_MOST ? NULL : calloc(1, sizeof(*waiter));
	if (!waiter) {
		answer_pending(reply, sgid, updated->num, updated->due);
		return;
	}
	waiter->smf = smf;
	strncpy(waiter->sgid, sgid, sizeof(waiter->sgid) - 1);
	waiter->num = updated->num;
	waiter->reply = reply;
	loop_timer_init(smf->loop, &waiter->timer, too_late, waiter);
	loop_timer_start(&waiter->timer, updated->due + WAIT_GRACE);
	LL_PREPEND(smf->waiters, waiter);
}

void waiting_alert(struct smf *smf, const struct cskmf_alert *alert)
{
	struct waiter *waiter, *next;

	LL_FOREACH_SAFE(smf->waiters, waiter, next) {
		if (strcmp(waiter->sgid, alert->sgid))
			continue;
		if (alert->error)
			control_reply_error(waiter->reply, CONTROL_FAILED,
					    "no new epoch of %s: %s; it is tried again",
					    alert->sgid,
					    strerror(-alert->error));
		else
			control_reply_ok(waiter->reply,
					 answer(alert->sgid, alert->num));
		end(waiter);
	}
}

void waiting_close(struct smf *smf)
{
	struct waiter *waiter, *next;

	LL_FOREACH_SAFE(smf->waiters, waiter, next) {
		answer_pending(waiter->reply, waiter->sgid, waiter->num, 0);
		end(waiter);
	}
}
