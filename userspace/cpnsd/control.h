/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Local control: JSON lines over a UNIX socket (design section 6).
 *
 * A request is one line `{"verb": "...", ...}`, the answer one line
 * `{"ok": true, ...}` or `{"ok": false, "error": "...", "exit": <code>}`.
 * The peer is known by SO_PEERCRED.  Handlers may answer later: they keep
 * the reply and finish it once; a peer that has gone makes finishing a
 * no-op.
 */
#ifndef CPNSD_CONTROL_H
#define CPNSD_CONTROL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>

#include "loop.h"

/* exit codes of cpnsctl (wire.md section 6) */
enum {
	CONTROL_OK = 0,
	CONTROL_FAILED = 1,
	CONTROL_USAGE = 2,
	CONTROL_NO_DAEMON = 3,
	CONTROL_NOT_FOUND = 4,
	CONTROL_REFUSED = 5,
	CONTROL_TIMED_OUT = 6,
	CONTROL_NO_MODULE = 7,
	CONTROL_CONFIGURATION = 78,
};

struct control;
struct control_reply;

struct control_request {
	const char *verb;
	struct json_object *body;	/* the whole request */
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool admin;			/* uid 0 or group cpns-admin */
};

typedef void (*control_handler)(void *context,
				const struct control_request *request,
				struct control_reply *reply);

int control_open(struct control **control, struct loop *loop);
void control_close(struct control *control);

/* @admin: only uid 0 and group cpns-admin may call this verb */
int control_register(struct control *control, const char *verb, bool admin,
		     control_handler handler, void *context);

/* finish a reply; takes over result (may be NULL) */
void control_reply_ok(struct control_reply *reply, struct json_object *result);
void control_reply_error(struct control_reply *reply, int exit_code,
			 const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* the same with member "errno": the name of @number, "EACCES" */
void control_reply_errno(struct control_reply *reply, int exit_code,
			 int number, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
