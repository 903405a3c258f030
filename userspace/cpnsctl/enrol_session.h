/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One conversation with the CPNS Server, request after request, for the
 * commands that have no daemon to ask.  One thread; runs a loop of its own.
 */
#ifndef CPNSCTL_ENROL_SESSION_H
#define CPNSCTL_ENROL_SESSION_H

#include "loop.h"
#include "transport/client.h"

struct enrol_answer {
	int code;			/* 205 is 2.05 */
	int format;
	uint8_t body[16384];
	size_t size;
	char problem[160];
};

struct enrol_session {
	struct loop loop;
	struct transport_client *client;
	struct loop_timer patience;
	bool connected, over, expired;
	unsigned int failures;
	struct enrol_answer *answer;
	int error;
	char reason[320];
};

/* 0 connected; -EACCES refused; -ETIMEDOUT; -ENOTCONN; -EINVAL */
int enrol_session_open(struct enrol_session *session,
		       const struct transport_client_options *options);
void enrol_session_close(struct enrol_session *session);
/* path: ".well-known/est/crts"; 0 when an answer came, of whatever code */
int enrol_session_call(struct enrol_session *session,
		       enum transport_method method, const char *path,
		       int format, const void *body, size_t size, int accept,
		       struct enrol_answer *answer);

#endif
