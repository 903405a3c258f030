// SPDX-License-Identifier: GPL-2.0-only
/*
 * Observe (RFC 7641) by path: who observes what, and notifications, each
 * from a run of the path's GET handler for that one observer.
 *
 * libcoap observes only resources that it knows by name; our paths are made
 * by group documents, so observations are kept here.  Loop's thread only.
 * Notifications go out from the loop, not from transport_server_notify():
 * several changes in one turn become one notification, and no handler runs
 * inside another.  A change moves all of a path's observations at once and
 * looks at none of them: each is read when its turn comes, of thousands that
 * alone takes milliseconds.  An observation belongs to its peer; a handler may end it
 * while its own notification is made (@notifying).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "transport/server_private.h"

#define NOTIFY_BATCH 256		/* then the loop takes a turn */

static struct observed_path *path_find(struct transport_server *server,
				       const struct segment_key *key)
{
	struct observed_path *path;

	HASH_FIND(hh, server->paths, key->bytes, key->size, path);
	return path;
}

static struct observed_path *path_add(struct transport_server *server,
				      struct segment_key *key)
{
	struct observed_path *path = path_find(server, key);

	if (path) {
		segment_key_free(key);
		return path;
	}
	path = calloc(1, sizeof(*path));
	if (!path) {
		segment_key_free(key);
		return NULL;
	}
	path->key = *key;
	HASH_ADD_KEYPTR(hh, server->paths, path->key.bytes, path->key.size,
			path);
	return path;
}

static void path_drop_if_unused(struct transport_server *server,
				struct observed_path *path)
{
	if (path->told || path->due)
		return;
	HASH_DEL(server->paths, path);
	segment_key_free(&path->key);
	free(path);
}

/* the first two segments of a path are its group: /ace-group/G, /smf/N */
static bool same_group(const struct observed_path *path,
		       const struct transport_request *request)
{
	struct transport_segment segments[TRANSPORT_SEGMENTS_MAX];
	size_t count = segment_key_split(&path->key, segments);
	size_t i;

	for (i = 0; i < 2; i++) {
		if (i >= count || i >= request->path_count)
			return count == request->path_count;
		if (segments[i].size != request->path[i].size ||
		    memcmp(segments[i].bytes, request->path[i].bytes,
			   segments[i].size) != 0)
			return false;
	}
	return true;
}

/* in all of its sessions that are not about to end */
static unsigned int count_of_node(const struct transport_peer *of,
				  const struct transport_request *request)
{
	const struct observation *observation;
	const struct transport_peer *peer = of;
	unsigned int count = 0;

	do {
		if (peer->drop)
			continue;
		DL_FOREACH2(peer->observations, observation, peer_next)
			count += same_group(observation->path, request);
	} while ((peer = peer->same_next) != of);
	return count;
}

static struct observation *find_same(struct transport_peer *peer,
				     const struct observed_path *path,
				     const struct segment_key *query)
{
	struct observation *observation;

	DL_FOREACH2(peer->observations, observation, peer_next) {
		if (observation->path == path &&
		    segment_key_equal(&observation->query, query))
			return observation;
	}
	return NULL;
}

/**
 * observation_add - register an observation
 * @peer: the observer
 * @parts: its request
 * @token: of the request
 *
 * The same path and query again takes the new token in the place of the old.
 *
 * Returns NULL when the node has OBSERVATIONS_MAX in this group or memory is
 * short: the answer then goes without Observe, as RFC 7641 4.1 allows.
 */
struct observation *observation_add(struct transport_peer *peer,
				    const struct request_parts *parts,
				    const coap_bin_const_t *token)
{
	const struct transport_request *request = &parts->request;
	struct transport_server *server = peer->server;
	struct segment_key key = { 0 }, query = { 0 };
	struct observation *observation;
	struct observed_path *path;

	if (token->length > TOKEN_MAX ||
	    segment_key_make(request->path, request->path_count, &key))
		return NULL;
	if (segment_key_make(request->query, request->query_count, &query)) {
		segment_key_free(&key);
		return NULL;
	}
	path = path_add(server, &key);
	if (!path) {
		segment_key_free(&query);
		return NULL;
	}

	observation = find_same(peer, path, &query);
	if (observation) {
		segment_key_free(&query);
		goto take_token;
	}
	observation = count_of_node(peer, request) < OBSERVATIONS_MAX ?
		      calloc(1, sizeof(*observation)) : NULL;
	if (!observation) {
		path_drop_if_unused(server, path);
		segment_key_free(&query);
		return NULL;
	}
	observation->peer = peer;
	observation->path = path;
	observation->query = query;
	observation->round = path->round;
	DL_APPEND(path->told, observation);
	DL_APPEND2(peer->observations, observation, peer_prev, peer_next);
take_token:
	memcpy(observation->token, token->s, token->length);
	observation->token_size = token->length;
	observation->sequence = (observation->sequence + 1) & 0xffffff;
	return observation;
}

/* out of those that wait for their turn, and the path with the last of them */
static void due_remove(struct transport_server *server,
		       struct observation *observation)
{
	struct observed_path *path = observation->path;

	DL_DELETE(path->due, observation);
	if (!path->due) {
		DL_DELETE2(server->due, path, due_prev, due_next);
		path->again = false;
	}
}

/**
 * observation_end - forget an observation
 * @observation: freed
 */
void observation_end(struct observation *observation)
{
	struct transport_server *server = observation->peer->server;
	struct observed_path *path = observation->path;

	if (server->notifying == observation)
		server->notifying = NULL;
	if (observation->round != path->round)
		due_remove(server, observation);
	else
		DL_DELETE(path->told, observation);
	DL_DELETE2(observation->peer->observations, observation, peer_prev,
		   peer_next);
	segment_key_free(&observation->query);
	free(observation);
	path_drop_if_unused(server, path);
}

/**
 * observation_end_token - end the observation with a token
 * @peer: the observer
 * @parts: its request, for the path; not used with @any_path
 * @token: of the registration
 * @any_path: the token alone counts (a rejected notification)
 */
void observation_end_token(struct transport_peer *peer,
			   const struct request_parts *parts,
			   const coap_bin_const_t *token, bool any_path)
{
	struct observation *observation, *next;
	struct segment_key key = { 0 };

	if (!any_path && segment_key_make(parts->request.path,
					  parts->request.path_count, &key))
		return;
	for (observation = peer->observations; observation;
	     observation = next) {
		next = observation->peer_next;
		if (observation->token_size != token->length ||
		    memcmp(observation->token, token->s, token->length) != 0)
			continue;
		if (any_path ||
		    segment_key_equal(&observation->path->key, &key))
			observation_end(observation);
	}
	segment_key_free(&key);
}

/**
 * transport_server_notify - notify the observers of one path
 * @server: the server
 * @path: its segments, raw bytes
 * @count: of them
 *
 * The notifications are made after the running callback, one a path and
 * observer however often this is called before.
 */
void transport_server_notify(struct transport_server *server,
			     const struct transport_segment *path,
			     size_t count)
{
	struct segment_key key = { 0 };
	struct observed_path *observed;

	if (!server->paths || segment_key_make(path, count, &key))
		return;
	observed = path_find(server, &key);
	segment_key_free(&key);
	if (!observed)
		return;
	if (!observed->due)
		DL_APPEND2(server->due, observed, due_prev, due_next);
	else
		observed->again = true;
	DL_CONCAT(observed->due, observed->told);
	observed->told = NULL;
	observed->round++;
	if (!loop_timer_active(&server->later))
		loop_timer_start(&server->later, 0);
}

static void send_notification(struct observation *observation,
			      const struct request_parts *parts,
			      struct transport_answer *answer)
{
	struct transport_peer *peer = observation->peer;
	coap_pdu_t *pdu;

	observation->sequence = (observation->sequence + 1) & 0xffffff;
	pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_EMPTY_CODE,
			    coap_new_message_id(peer->session),
			    coap_session_max_pdu_size(peer->session));
	if (!pdu || !coap_add_token(pdu, observation->token_size,
				    observation->token)) {
		coap_delete_pdu(pdu);
		log_warning("no memory for a notification");
		return;
	}
	answer_send(peer, parts, answer, pdu,
		    answer->code < 300 ? (int64_t)observation->sequence : -1);
	/* an error ends the observation (RFC 7641 4.2) */
	if (answer->code >= 300)
		observation_end(observation);
	/* last: sending may find the session broken and end everything */
	coap_send(peer->session, pdu);
}

static void notify(struct transport_server *server,
		   struct observation *observation)
{
	struct request_parts parts;
	struct transport_answer answer;

	memset(&parts, 0, sizeof(parts));
	parts.observe = -1;
	parts.request.method = METHOD_GET;
	parts.request.peer = observation->peer->identity;
	parts.request.address = observation->peer->address;
	parts.request.path = parts.path;
	parts.request.path_count = segment_key_split(&observation->path->key,
						     parts.path);
	parts.request.query = parts.query;
	parts.request.query_count = segment_key_split(&observation->query,
						      parts.query);
	parts.request.format = FORMAT_NONE;
	parts.request.notification = true;

	answer_open(&answer);
	server->notifying = observation;
	server_dispatch(server, &parts.request, &answer);
	/* one that is being dropped gets the reason, never content any more */
	if (server->notifying == observation &&
	    !(observation->peer->drop && answer.code < 300))
		send_notification(observation, &parts, &answer);
	server->notifying = NULL;
	answer_close(&answer);
}

/**
 * observations_notify_due - send what transport_server_notify() asked for
 * @server: the server; none of its handlers is running
 *
 * Paths in the order in which they changed: the key of an epoch before its
 * roster.  One that changes again and again lets the others go first.
 */
void observations_notify_due(struct transport_server *server)
{
	struct observation *observation;
	struct observed_path *path;
	unsigned int count = 0;

	while (server->due && count++ < NOTIFY_BATCH) {
		path = server->due;
		observation = path->due;
		due_remove(server, observation);
		observation->round = path->round;
		DL_APPEND(path->told, observation);
		notify(server, observation);
	}
	path = server->due;
	if (!path)
		return;
	if (path->again) {
		path->again = false;
		DL_DELETE2(server->due, path, due_prev, due_next);
		DL_APPEND2(server->due, path, due_prev, due_next);
	}
	loop_timer_start(&server->later, 0);
}
