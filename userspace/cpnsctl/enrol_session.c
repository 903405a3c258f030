// SPDX-License-Identifier: GPL-2.0-only
/*
 * One conversation with the CPNS Server; see enrol_session.h.
 *
 * The transport's client tries again by itself; a command does so where the
 * network is at fault, and gives up where the server has refused.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "enrol_session.h"

#define CONNECT_SECONDS	30.0
#define ANSWER_SECONDS	30.0
#define FAILURES_MAX	3

static void expire(void *context)
{
	struct enrol_session *session = context;

	session->expired = true;
	loop_stop(&session->loop);
}

static void connected(void *context)
{
	struct enrol_session *session = context;

	session->connected = true;
	loop_stop(&session->loop);
}

/*
 * TLS has spoken, there or here about a certificate: the same will be said
 * again.
 */
static bool is_refusal(const char *reason)
{
	return (strstr(reason, "refuse") || strstr(reason, "certificate")) &&
	       !strstr(reason, "cannot connect");
}

static void disconnected(void *context, const char *reason)
{
	struct enrol_session *session = context;

	session->connected = false;
	snprintf(session->reason, sizeof(session->reason), "%s", reason);
	if (is_refusal(reason))
		session->error = -EACCES;
	else if (++session->failures >= FAILURES_MAX)
		session->error = -ENOTCONN;
	if (session->error)
		loop_stop(&session->loop);
}

static void run(struct enrol_session *session, double seconds)
{
	session->expired = false;
	loop_timer_start(&session->patience, seconds);
	loop_run(&session->loop);
	loop_timer_stop(&session->patience);
}

/**
 * enrol_session_open() - connect
 * @session: all zero
 * @options: server and credentials; loop and callbacks are set here
 *
 * Return: 0; -EACCES one side refused the other; -ETIMEDOUT; -ENOTCONN;
 * -EINVAL; the reason is in words in @session.
 */
int enrol_session_open(struct enrol_session *session,
		       const struct transport_client_options *options)
{
	struct transport_client_options own = *options;
	int error = loop_open(&session->loop);

	if (error) {
		snprintf(session->reason, sizeof(session->reason),
			 "no event loop");
		return error;
	}
	own.loop = &session->loop;
	own.connected = connected;
	own.disconnected = disconnected;
	own.context = session;
	loop_timer_init(&session->loop, &session->patience, expire, session);
	error = transport_client_open(&session->client, &own, session->reason,
				      sizeof(session->reason));
	if (error)
		return error == -EACCES ? -EINVAL : error;
	while (!session->connected && !session->error && !session->expired)
		run(session, CONNECT_SECONDS);
	if (session->connected)
		return 0;
	if (!session->error && !*session->reason)
		snprintf(session->reason, sizeof(session->reason),
			 "the server does not answer");
	return session->error ? session->error : -ETIMEDOUT;
}

/**
 * enrol_session_close() - end the conversation
 * @session: opened, or not quite
 */
void enrol_session_close(struct enrol_session *session)
{
	if (!session->loop.ev)
		return;
	transport_client_close(session->client);
	session->client = NULL;
	loop_close(&session->loop);
	session->loop.ev = NULL;
}

static void done(void *context, const struct transport_response *response)
{
	struct enrol_session *session = context;
	struct enrol_answer *answer = session->answer;

	session->over = true;
	if (response->error) {
		session->error = response->error;
	} else if (response->body_size > sizeof(answer->body)) {
		session->error = -EMSGSIZE;
	} else {
		answer->code = response->code;
		answer->format = response->format;
		answer->size = response->body_size;
		if (response->body_size)
			memcpy(answer->body, response->body,
			       response->body_size);
		snprintf(answer->problem, sizeof(answer->problem), "%s",
			 response->problem);
	}
	loop_stop(&session->loop);
}

static size_t split(const char *path, struct transport_segment *segments)
{
	size_t count = 0;

	while (*path && count < TRANSPORT_SEGMENTS_MAX) {
		segments[count].bytes = (const uint8_t *)path;
		segments[count].size = strcspn(path, "/");
		path += segments[count++].size;
		path += *path == '/';
	}
	return count;
}

/**
 * enrol_session_call() - one request and its answer
 * @session: connected
 * @method: of the request
 * @path: segments parted by "/"
 * @format: content format of @body, or FORMAT_NONE
 * @body: may be NULL
 * @size: of @body
 * @accept: content format that is wanted, or 0
 * @answer: gets it
 *
 * Return: 0 when an answer came, of whatever code; -ETIMEDOUT; or why the
 * session ended.
 */
int enrol_session_call(struct enrol_session *session,
		       enum transport_method method, const char *path,
		       int format, const void *body, size_t size, int accept,
		       struct enrol_answer *answer)
{
	struct transport_segment segments[TRANSPORT_SEGMENTS_MAX];
	struct transport_call call = {
		.method = method, .path = segments,
		.path_count = split(path, segments),
		.format = format, .body = body, .body_size = size,
		.accept = accept, .done = done, .context = session,
	};
	struct transport_exchange *exchange;
	int error;

	memset(answer, 0, sizeof(*answer));
	session->answer = answer;
	session->over = false;
	session->error = 0;
	error = transport_client_call(session->client, &call, &exchange);
	if (!error && !session->over)
		run(session, ANSWER_SECONDS);
	if (!error && !session->over) {
		transport_cancel(exchange);
		error = session->error ? session->error : -ETIMEDOUT;
	}
	if (!error)
		error = session->error;
	if (error)
		snprintf(session->reason, sizeof(session->reason), "/%s: %s",
			 path, strerror(-error));
	return error;
}
