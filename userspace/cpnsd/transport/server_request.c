// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests: from a libcoap message to a handler and back.
 *
 * All paths come here through libcoap's resource for unknown paths, so that
 * segments are taken as raw bytes from the options and never through a text
 * URI.  Loop's thread only; everything is borrowed from the message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "transport/server_private.h"

/**
 * segment_key_make - one byte string out of segments
 * @segments: each at most 65,535 bytes
 * @count: of them
 * @key: result; segment_key_free() ends it
 *
 * Returns 0 or -ENOMEM.
 */
int segment_key_make(const struct transport_segment *segments, size_t count,
		     struct segment_key *key)
{
	size_t size = 0, i;
	uint8_t *at;

	for (i = 0; i < count; i++)
		size += 2 + segments[i].size;
	key->size = size;
	key->bytes = malloc(size ? size : 1);
	if (!key->bytes)
		return -ENOMEM;
	at = key->bytes;
	for (i = 0; i < count; i++) {
		*at++ = (uint8_t)(segments[i].size >> 8);
		*at++ = (uint8_t)segments[i].size;
		memcpy(at, segments[i].bytes, segments[i].size);
		at += segments[i].size;
	}
	return 0;
}

/**
 * segment_key_split - the segments again; they point into the key
 * @key: made by segment_key_make()
 * @segments: room for TRANSPORT_SEGMENTS_MAX
 *
 * Returns their count.
 */
size_t segment_key_split(const struct segment_key *key,
			 struct transport_segment *segments)
{
	size_t at = 0, count = 0;

	while (at + 2 <= key->size && count < TRANSPORT_SEGMENTS_MAX) {
		size_t size = (size_t)key->bytes[at] << 8 | key->bytes[at + 1];

		segments[count].bytes = key->bytes + at + 2;
		segments[count].size = size;
		at += 2 + size;
		count++;
	}
	return count;
}

/**
 * segment_key_free - free a key's bytes
 * @key: may be all zero
 */
void segment_key_free(struct segment_key *key)
{
	free(key->bytes);
	key->bytes = NULL;
	key->size = 0;
}

/**
 * segment_key_equal - are two keys of the same segments
 * @a: one
 * @b: other
 */
bool segment_key_equal(const struct segment_key *a, const struct segment_key *b)
{
	return a->size == b->size && !memcmp(a->bytes, b->bytes, a->size);
}

static bool take_segment(struct transport_segment *list, size_t *count,
			 const coap_opt_t *option)
{
	if (*count >= TRANSPORT_SEGMENTS_MAX)
		return false;
	list[*count].bytes = coap_opt_value(option);
	list[*count].size = coap_opt_length(option);
	(*count)++;
	return true;
}

static uint32_t option_uint(const coap_opt_t *option)
{
	return coap_decode_var_bytes(coap_opt_value(option),
				     coap_opt_length(option));
}

static void take_block2(struct request_parts *parts, const coap_opt_t *option)
{
	uint32_t value = option_uint(option);

	parts->block2_asked = true;
	parts->block2_number = value >> 4;
	parts->block2_exponent = value & 7;
	/* 7 is BERT (RFC 8323): numbers count 1,024 bytes */
	if (parts->block2_exponent == 7)
		parts->block2_exponent = 6;
}

static void take_block1(struct request_parts *parts, const coap_opt_t *option)
{
	uint32_t value = option_uint(option);

	parts->block1_given = true;
	parts->block1_number = value >> 4;
	parts->block1_more = value & 8;
	parts->block1_exponent = value & 7;
}

/* 0, or the code of the error */
static int take_options(struct request_parts *parts, const coap_pdu_t *pdu)
{
	struct transport_request *request = &parts->request;
	coap_opt_iterator_t iterator;
	const coap_opt_t *option;

	if (!coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL))
		return 0;
	while ((option = coap_option_next(&iterator))) {
		switch (iterator.number) {
		case COAP_OPTION_URI_PATH:
			if (!take_segment(parts->path, &request->path_count,
					  option))
				return COAP_NOT_FOUND;
			break;
		case COAP_OPTION_URI_QUERY:
			if (!take_segment(parts->query, &request->query_count,
					  option))
				return COAP_BAD_OPTION;
			break;
		case COAP_OPTION_IF_MATCH:
			if (!take_segment(parts->if_match,
					  &request->if_match_count, option))
				return COAP_BAD_OPTION;
			break;
		case COAP_OPTION_ETAG:
			request->etag = coap_opt_value(option);
			request->etag_size = coap_opt_length(option);
			break;
		case COAP_OPTION_CONTENT_FORMAT:
			request->format = (int)option_uint(option);
			break;
		case COAP_OPTION_ACCEPT:
			request->accept = (int)option_uint(option);
			break;
		case COAP_OPTION_OBSERVE:
			parts->observe = option_uint(option) ? 1 : 0;
			break;
		case COAP_OPTION_BLOCK1:
			take_block1(parts, option);
			break;
		case COAP_OPTION_SIZE1:
			parts->size1 = option_uint(option);
			break;
		case COAP_OPTION_BLOCK2:
			take_block2(parts, option);
			break;
		default:
			break;
		}
	}
	return 0;
}

static int parse(struct request_parts *parts, struct transport_peer *peer,
		 const coap_pdu_t *pdu)
{
	struct transport_request *request = &parts->request;
	int error;

	memset(parts, 0, sizeof(*parts));
	parts->observe = -1;
	request->method = (enum transport_method)coap_pdu_get_code(pdu);
	request->peer = peer->identity;
	request->from = peer;
	request->address = peer->address;
	request->psk = coap_session_get_context(peer->session) ==
		       peer->server->psk_coap;
	request->path = parts->path;
	request->query = parts->query;
	request->if_match = parts->if_match;
	request->format = FORMAT_NONE;
	request->accept = FORMAT_NONE;

	error = take_options(parts, pdu);
	if (!error)
		error = body_take(peer, parts, pdu);
	if (error)
		return error;
	if (request->method != METHOD_GET)
		parts->observe = -1;
	request->observe = parts->observe == 0;
	return 0;
}

/**
 * server_dispatch - run the handler of a request's first segment
 * @server: the server
 * @request: parsed
 * @answer: opened
 */
void server_dispatch(struct transport_server *server,
		     const struct transport_request *request,
		     struct transport_answer *answer)
{
	size_t i;

	for (i = 0; i < server->routes_count; i++) {
		const char *first = server->routes[i].first;

		if (!request->path_count ||
		    request->path[0].size != strlen(first) ||
		    memcmp(request->path[0].bytes, first, strlen(first)) != 0)
			continue;
		if (request->peer.kind == IDENTITY_ENROLLING &&
		    !server->routes[i].enrolling)
			break;
		server->running++;
		server->routes[i].handler(server->routes[i].context, request,
					  answer);
		server->running--;
		return;
	}
	if (request->peer.kind == IDENTITY_ENROLLING)
		transport_answer_problem(answer, COAP_FORBIDDEN,
					 "A token is for enrolment only",
					 INT32_MIN);
	else
		transport_answer_problem(answer, COAP_NOT_FOUND,
					 "No such resource", INT32_MIN);
}

/**
 * transport_request_check - check the certificate of who asks once more
 * @request: of a session with a certificate
 *
 * Sessions outlive what was known at their handshakes: time goes on, lists
 * of revoked certificates are read anew.
 *
 * Returns 0, -ENOTCONN no certificate, or the errors of identity_verify().
 */
int transport_request_check(const struct transport_request *request)
{
	static struct log_limit limit;
	struct tls_side *side;
	int error;

	if (!request->from || request->psk)
		return -ENOTCONN;
	side = &request->from->server->tls;
	error = tls_peer_check(side, request->from->session);
	if (error)
		log_limited(&limit, LOG_NOTICE, "refused request of %s %s: %s",
			    identity_kind_name(request->peer.kind),
			    request->peer.id, side->reason);
	return error;
}

static bool same_etag(const struct transport_request *request,
		      const struct transport_answer *answer)
{
	return request->method == METHOD_GET && request->etag &&
	       answer->code == COAP_CONTENT && answer->etag_size &&
	       request->etag_size == answer->etag_size &&
	       !memcmp(request->etag, answer->etag, answer->etag_size);
}

/* RFC 7252 5.10.4; a change that was made is not taken for refused */
static void check_accept(const struct request_parts *parts,
			 struct transport_answer *answer)
{
	if (parts->request.accept != FORMAT_NONE &&
	    parts->request.method == METHOD_GET &&
	    answer->code == COAP_CONTENT && answer->format != FORMAT_NONE &&
	    answer->format != parts->request.accept)
		transport_answer_problem(answer, COAP_NOT_ACCEPTABLE,
					 "Only in another content format",
					 INT32_MIN);
}

static void serve(struct transport_peer *peer, struct request_parts *parts,
		  const coap_pdu_t *pdu, coap_pdu_t *response)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	struct transport_request *request = &parts->request;
	struct observation *observation = NULL;
	struct transport_answer answer;
	int64_t observe = -1;

	answer_open(&answer);
	if (parts->observe == 1)
		observation_end_token(peer, parts, &token, false);

	if (parts->block2_number && block_find(peer, request, &answer)) {
		answer_send(peer, parts, &answer, response, -1);
		answer_close(&answer);
		return;
	}
	if (parts->block2_number && request->method != METHOD_GET) {
		transport_answer_problem(&answer, 408,
					 "No such answer any more", INT32_MIN);
		parts->block2_number = 0;
	} else {
		/* before the handler, so that no change is missed */
		if (request->observe && !parts->block2_number)
			observation = observation_add(peer, parts, &token);
		request->observe = !!observation;
		server_dispatch(peer->server, request, &answer);
	}

	check_accept(parts, &answer);
	if (same_etag(request, &answer)) {
		answer.code = COAP_VALID;
		transport_answer_body(&answer, FORMAT_NONE, NULL, 0);
	}
	if (observation && answer.code >= 300)
		observation_end(observation);
	else if (observation)
		observe = observation->sequence;
	answer_send(peer, parts, &answer, response, observe);
	answer_close(&answer);
}

/**
 * server_handle - libcoap's handler of every request
 * @resource: the one for unknown paths
 * @session: who asks
 * @pdu: the request, whole
 * @query: not used: taken from the options
 * @response: has its token
 */
void server_handle(coap_resource_t *resource, coap_session_t *session,
		   const coap_pdu_t *pdu, const coap_string_t *query,
		   coap_pdu_t *response)
{
	struct transport_server *server;
	struct transport_answer answer;
	struct transport_peer *peer;
	struct request_parts parts;
	int code;

	server = coap_get_app_data(coap_session_get_context(session));
	server->requests++;
	peer = peer_of_session(server, session);
	if (!peer || peer->drop) {
		coap_pdu_set_code(response, COAP_RESPONSE_CODE_UNAUTHORIZED);
		return;
	}
	peer->heard = loop_boottime();
	code = parse(&parts, peer, pdu);
	body_acknowledge(&parts, response);
	if (code)
		peer_sends(peer, 0);
	if (code == COAP_CONTINUE) {
		coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTINUE);
		return;
	}
	if (!code) {
		serve(peer, &parts, pdu, response);
		if (parts.block1_given)
			body_forget(peer);
		return;
	}
	answer_open(&answer);
	transport_answer_problem(&answer, code,
				 code == COAP_TOO_LARGE ? "Body too large" :
							  "Bad request",
				 INT32_MIN);
	answer_write(&answer, response, -1, false, 0, false, 0, 0,
		     answer.body_size);
	answer_close(&answer);
}
