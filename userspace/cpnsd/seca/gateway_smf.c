// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SMF of a PN GW or PNE: registers the node with the server's SMF and
 * observes the list of its groups (/smf/N; step 7 of both flows).
 *
 * Runs in the loop's thread.  The last list is kept in the state directory,
 * so that groups are blocked, and their SAs mended, before the server
 * answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seca/context.h"

#define LIST_FILE "list.cbor"

static void smf_path(const struct seca *seca, struct transport_segment path[2])
{
	path[0].bytes = (const uint8_t *)"smf";
	path[0].size = 3;
	path[1].bytes = (const uint8_t *)seca->node;
	path[1].size = strlen(seca->node);
}

static double retry_after(unsigned int failures)
{
	double seconds = 2u << (failures < 5 ? failures : 5);

	return seca_jitter(seconds < SECA_RETRY_MAX_SECONDS ?
			   seconds : SECA_RETRY_MAX_SECONDS);
}

static int apply_list(struct seca *seca, const uint8_t *body, size_t size)
{
	struct group_properties *list;
	char reason[SECA_REASON_MAX] = "";
	size_t count;
	int error;

	error = properties_decode(body, size, &list, &count, reason,
				  sizeof(reason));
	if (error) {
		log_error("list of groups refused, the old one stays: %s",
			  reason);
		return error;
	}
	group_list_apply(seca, list, count);
	properties_free(list, count);
	return 0;
}

static void save_list(struct seca *seca, const uint8_t *body, size_t size)
{
	char path[PATH_MAX], reason[SECA_REASON_MAX];

	snprintf(path, sizeof(path), "%s/%s", seca->directory, LIST_FILE);
	if (chain_write_file(path, body, size, reason, sizeof(reason)))
		log_error("list of groups not saved: %s", reason);
}

static void list_lost(struct seca *seca)
{
	if (!seca->closing)
		loop_timer_start(&seca->list_retry, retry_after(1));
}

static void list_came(void *context, const struct transport_response *response)
{
	struct seca *seca = context;

	if (response->ended)
		seca->listing = NULL;
	if (response->error) {
		if (response->error != -ECONNRESET)
			list_lost(seca);
		return;
	}
	if (response->code / 100 != 2) {
		log_error("the server's SMF refuses the list of groups (%d.%02d): %s",
			  response->code / 100, response->code % 100,
			  response->problem ? response->problem : "");
		list_lost(seca);
		return;
	}
	if (response->ended)
		list_lost(seca);
	if (apply_list(seca, response->body, response->body_size))
		return;
	save_list(seca, response->body, response->body_size);
	if (!seca->listed)
		groups_end_forgotten(seca);
	seca->listed = true;
	requests_list_came(seca);
}

static void observe_list(void *context)
{
	struct seca *seca = context;
	struct transport_segment path[2];
	struct transport_call call = {
		.method = METHOD_GET,
		.path = path,
		.path_count = 2,
		.format = FORMAT_NONE,
		.observe = true,
		.done = list_came,
		.context = seca,
	};

	if (seca->listing || !seca->home->registered)
		return;
	smf_path(seca, path);
	if (transport_client_call(seca->home->client, &call, &seca->listing)) {
		seca->listing = NULL;
		list_lost(seca);
	}
}

static void session_ready(struct seca_session *session)
{
	struct seca *seca = session->seca;
	struct group *group, *next;

	session->registered = true;
	if (session->home)
		observe_list(seca);
	HASH_ITER(hh, seca->groups, group, next)
		if (group->session == session)
			group_ready(group);
}

static void registered(void *context, const struct transport_response *response)
{
	struct seca_session *session = context;

	session->registering = NULL;
	if (response->error == -ECONNRESET)
		return;
	if (!response->error && response->code / 100 == 2) {
		session->failures = 0;
		log_info("node %s registered at %s", session->seca->node,
			 session->origin);
		session_ready(session);
		if (session->outdated)
			gateway_smf_register(session);
		return;
	}
	/* a key location elsewhere needs no SMF there: joins bring the key */
	if (!response->error && !session->home) {
		session_ready(session);
		return;
	}
	if (response->error)
		log_error("registration at %s: %s", session->origin,
			  strerror(-response->error));
	else
		log_error("registration at %s refused (%d.%02d): %s",
			  session->origin, response->code / 100,
			  response->code % 100,
			  response->problem ? response->problem : "");
	loop_timer_start(&session->retry, retry_after(session->failures++));
}

/**
 * gateway_smf_register - PUT /smf/N: node key and capabilities
 * @session: a connected session
 *
 * Called at each connection and when the kernel has a new node key.  When it
 * is answered the list is observed and the session's groups go on.
 */
void gateway_smf_register(struct seca_session *session)
{
	struct seca *seca = session->seca;
	struct registration registration = { 0 };
	struct transport_segment path[2];
	struct transport_call call = {
		.method = METHOD_PUT,
		.path = path,
		.path_count = 2,
		.format = FORMAT_CBOR,
		.done = registered,
		.context = session,
	};
	char reason[SECA_REASON_MAX];
	uint8_t *body = NULL;
	int error;

	if (session->registering) {
		session->outdated = true;
		return;
	}
	if (!transport_client_is_connected(session->client))
		return;
	session->outdated = false;
	if (seca_node_look(seca, NULL, reason, sizeof(reason))) {
		log_error("not registered: %s", reason);
		loop_timer_start(&session->retry,
				 retry_after(session->failures++));
		return;
	}
	memcpy(registration.node_key, seca->node_state.public_key, 32);
	registration.capabilities = seca->capabilities;
	smf_path(seca, path);
	error = registration_encode(&registration, &body, &call.body_size);
	if (!error) {
		call.body = body;
		error = transport_client_call(session->client, &call,
					      &session->registering);
	}
	free(body);
	if (error) {
		session->registering = NULL;
		log_error("not registered at %s: %s", session->origin,
			  strerror(-error));
		loop_timer_start(&session->retry,
				 retry_after(session->failures++));
	}
}

/**
 * gateway_smf_session_lost - the exchanges of a session have ended
 * @session: the lost session
 */
void gateway_smf_session_lost(struct seca_session *session)
{
	session->registering = NULL;
	if (session->home) {
		session->seca->listing = NULL;
		loop_timer_stop(&session->seca->list_retry);
	}
}

/**
 * gateway_smf_restore - apply the list of the last run
 * @seca: the member side; kernel and data plane are open
 *
 * Blocks come first: before the server, or anybody, has been asked.
 */
void gateway_smf_restore(struct seca *seca)
{
	char path[PATH_MAX];
	uint8_t *body;
	ssize_t size;
	int fd;

	loop_timer_init(seca->loop, &seca->list_retry, observe_list, seca);
	snprintf(path, sizeof(path), "%s/%s", seca->directory, LIST_FILE);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	body = malloc(TRANSPORT_BODY_MAX);
	size = body ? read(fd, body, TRANSPORT_BODY_MAX) : -1;
	close(fd);
	if (size <= 0 || apply_list(seca, body, (size_t)size))
		log_warning("%s is not used: the server's list decides", path);
	free(body);
}

/**
 * gateway_smf_close - end the exchanges
 * @seca: the member side
 */
void gateway_smf_close(struct seca *seca)
{
	struct seca_session *session;

	if (seca->list_retry.loop)
		loop_timer_stop(&seca->list_retry);
	if (seca->listing)
		transport_cancel(seca->listing);
	seca->listing = NULL;
	for (session = seca->sessions; session; session = session->next) {
		if (session->registering)
			transport_cancel(session->registering);
		session->registering = NULL;
	}
}
