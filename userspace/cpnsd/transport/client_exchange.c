// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests and observations of the client, matched by token.
 *
 * Loop's thread only.  An exchange is owned by the client and ends by itself
 * after its answer, or when an observation ends; the owner's handle is good
 * until a response with ended set has been delivered.  libcoap puts blocks
 * together in both directions and gives whole bodies.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "log.h"
#include "proto/cbor.h"
#include "transport/client_private.h"

#define ANSWER_SECONDS	30.0
#define SWEEP_SECONDS	1.0
#define FRESH_SECONDS	128.0		/* RFC 7641 3.4 */

struct request_body {
	size_t size;
	uint8_t bytes[];
};

static void body_free(coap_session_t *session, void *context)
{
	struct request_body *body = context;

	OPENSSL_clear_free(body, sizeof(*body) + body->size);
}

static void exchange_free(struct transport_exchange *exchange)
{
	HASH_DEL(exchange->client->exchanges, exchange);
	free(exchange);
}

/* the owner may cancel this exchange, or close the client, from done */
static void deliver(struct transport_exchange *exchange,
		    struct transport_response *response)
{
	response->ended = response->ended || response->error;
	exchange->in_done = true;
	exchange->done(exchange->context, response);
	exchange->in_done = false;
	if (response->ended || exchange->cancelled)
		exchange_free(exchange);
}

/* title and error-id out of RFC 9290 problem details; wrong ones say nothing */
static void read_problem(struct transport_response *response, char *title,
			 size_t room)
{
	struct cbor_reader reader;
	char reason[128];
	int32_t error_id = INT32_MIN;
	size_t pairs, inner;

	if (cbor_reader_open(&reader, response->body, response->body_size,
			     "problem details", reason, sizeof(reason)))
		return;
	for (pairs = cbor_read_map(&reader, "problem"); pairs && !reader.error;
	     pairs--) {
		int64_t key = cbor_read_key(&reader);

		if (key == -1 && cbor_next_is_text(&reader)) {
			cbor_read_text(&reader, "title", title, room);
		} else if (key == 0) {
			for (inner = cbor_read_map(&reader, "error");
			     inner && !reader.error; inner--) {
				if (cbor_read_key(&reader) == 0)
					error_id = (int32_t)cbor_read_int(
						&reader, "error-id",
						INT32_MIN + 1, INT32_MAX - 1);
				else
					cbor_skip(&reader);
			}
		} else {
			cbor_skip(&reader);
		}
	}
	if (reader.error)
		title[0] = '\0';
	else if (error_id != INT32_MIN)
		response->error_id = error_id;
}

static struct transport_exchange *find(struct transport_client *client,
				       const coap_pdu_t *pdu)
{
	coap_bin_const_t token = coap_pdu_get_token(pdu);
	struct transport_exchange *exchange;

	HASH_FIND(hh, client->exchanges, token.s, token.length, exchange);
	return exchange;
}

/* RFC 7641 3.4: datagrams may come out of order */
static bool is_fresh(struct transport_exchange *exchange, uint32_t sequence)
{
	double now = loop_boottime();
	uint32_t before = exchange->sequence;

	if (exchange->answered && now < exchange->sequence_at + FRESH_SECONDS &&
	    !((before < sequence && sequence - before < 1u << 23) ||
	      (before > sequence && before - sequence > 1u << 23)))
		return false;
	exchange->sequence = sequence;
	exchange->sequence_at = now;
	return true;
}

/**
 * client_response - libcoap's handler of answers and notifications
 * @session: ours
 * @sent: the request, if libcoap still has it
 * @received: the answer, whole
 * @id: message id
 */
coap_response_t client_response(coap_session_t *session,
				const coap_pdu_t *sent,
				const coap_pdu_t *received,
				const coap_mid_t id)
{
	struct transport_response response = { .error_id = INT32_MIN };
	struct transport_client *client;
	struct transport_exchange *exchange;
	coap_opt_iterator_t iterator;
	const coap_opt_t *option;
	size_t offset, total;
	char title[128] = "";
	int code;

	client = coap_get_app_data(coap_session_get_context(session));
	client->pings = 0;
	exchange = session == client->session ? find(client, received) : NULL;
	if (!exchange || exchange->cancelled || exchange->in_done)
		return client->endpoint.tls ? COAP_RESPONSE_OK :
					      COAP_RESPONSE_FAIL;

	code = coap_pdu_get_code(received);
	response.code = (code >> 5) * 100 + (code & 31);
	response.format = FORMAT_NONE;
	response.problem = title;
	response.notification = exchange->answered;
	response.ended = !exchange->observe || response.code >= 300;

	option = coap_check_option(received, COAP_OPTION_CONTENT_FORMAT,
				   &iterator);
	if (option)
		response.format = (int)coap_decode_var_bytes(
			coap_opt_value(option), coap_opt_length(option));
	option = coap_check_option(received, COAP_OPTION_ETAG, &iterator);
	if (option) {
		response.etag = coap_opt_value(option);
		response.etag_size = coap_opt_length(option);
	}
	option = coap_check_option(received, COAP_OPTION_OBSERVE, &iterator);
	if (!option)
		response.ended = true;
	else if (exchange->observe && !client->endpoint.tls &&
		 !is_fresh(exchange, coap_decode_var_bytes(
			   coap_opt_value(option), coap_opt_length(option))))
		return COAP_RESPONSE_OK;
	coap_get_data_large(received, &response.body_size, &response.body,
			    &offset, &total);
	if (response.body_size > TRANSPORT_BODY_MAX || offset ||
	    total > response.body_size) {
		response.body = NULL;
		response.body_size = 0;
		response.error = -EMSGSIZE;
	}
	if (response.format == FORMAT_PROBLEM && response.code >= 400)
		read_problem(&response, title, sizeof(title));
	exchange->answered = true;
	deliver(exchange, &response);
	return COAP_RESPONSE_OK;
}

/**
 * client_rejected - libcoap gives a request up (DTLS: reset, no answer)
 * @session: ours
 * @sent: the request
 * @reason: libcoap's
 * @id: message id
 */
void client_rejected(coap_session_t *session, const coap_pdu_t *sent,
		     const coap_nack_reason_t reason, const coap_mid_t id)
{
	struct transport_response response = { .problem = "" };
	struct transport_client *client;
	struct transport_exchange *exchange;

	client = coap_get_app_data(coap_session_get_context(session));
	if (!sent || session != client->session || client->releasing)
		return;
	exchange = find(client, sent);
	if (!exchange || exchange->in_done)
		return;
	response.error_id = INT32_MIN;
	response.error = reason == COAP_NACK_TOO_MANY_RETRIES ? -ETIMEDOUT :
								-ECONNRESET;
	if (reason == COAP_NACK_TOO_MANY_RETRIES)
		client_lose(client, "server does not answer");
	deliver(exchange, &response);
}

/**
 * exchanges_fail - end all exchanges with an error
 * @client: whose session is lost
 * @error: -errno
 */
void exchanges_fail(struct transport_client *client, int error)
{
	struct transport_response response = {
		.error = error, .problem = "", .error_id = INT32_MIN,
	};

	while (client->exchanges && !client->closing) {
		response.ended = true;
		deliver(client->exchanges, &response);
	}
}

/**
 * exchanges_forget - free all exchanges, their owners are not called
 * @client: is being closed
 */
void exchanges_forget(struct transport_client *client)
{
	while (client->exchanges)
		exchange_free(client->exchanges);
}

/**
 * exchanges_sweep - end requests that have waited 30 s for an answer
 * @context: the client
 *
 * CoAP over TCP has no acknowledgements that could tell.
 */
void exchanges_sweep(void *context)
{
	struct transport_response response = {
		.error = -ETIMEDOUT, .problem = "", .error_id = INT32_MIN,
	};
	struct transport_client *client = context;
	struct transport_exchange *exchange, *next, *late;
	double now = loop_boottime();
	bool waiting;

	client_enter(client);
	do {
		late = NULL;
		waiting = false;
		HASH_ITER(hh, client->exchanges, exchange, next) {
			if (exchange->answered)
				continue;
			waiting = true;
			if (exchange->deadline < now)
				late = exchange;
		}
		if (late)
			deliver(late, &response);
	} while (late && !client->closing);
	if (waiting && !client->closing)
		loop_timer_start(&client->sweep, SWEEP_SECONDS);
	client_leave(client);
}

static bool put_uint(coap_pdu_t *pdu, coap_option_num_t number, uint32_t value)
{
	uint8_t bytes[4];
	unsigned int size = coap_encode_var_safe(bytes, sizeof(bytes), value);

	return coap_add_option(pdu, number, size, bytes) != 0;
}

/* options in the order of their numbers */
static bool put_options(coap_pdu_t *pdu, const struct transport_call *call)
{
	bool good = true;
	size_t i;

	if (call->etag_size)
		good &= coap_add_option(pdu, COAP_OPTION_ETAG, call->etag_size,
					call->etag) != 0;
	if (call->observe)
		good &= put_uint(pdu, COAP_OPTION_OBSERVE,
				 COAP_OBSERVE_ESTABLISH);
	for (i = 0; i < call->path_count; i++)
		good &= coap_add_option(pdu, COAP_OPTION_URI_PATH,
					call->path[i].size,
					call->path[i].bytes) != 0;
	if (call->format != FORMAT_NONE && call->body_size)
		good &= put_uint(pdu, COAP_OPTION_CONTENT_FORMAT,
				 (uint32_t)call->format);
	if (call->query && *call->query)
		good &= coap_add_option(pdu, COAP_OPTION_URI_QUERY,
					strlen(call->query),
					(const uint8_t *)call->query) != 0;
	return good;
}

static bool put_body(struct transport_client *client, coap_pdu_t *pdu,
		     const struct transport_call *call)
{
	struct request_body *body;

	if (!call->body_size)
		return true;
	body = OPENSSL_malloc(sizeof(*body) + call->body_size);
	if (!body)
		return false;
	body->size = call->body_size;
	memcpy(body->bytes, call->body, call->body_size);
	return coap_add_data_large_request(client->session, pdu, body->size,
					   body->bytes, body_free, body);
}

static int check_call(const struct transport_call *call)
{
	size_t i;

	if (call->path_count > TRANSPORT_SEGMENTS_MAX || !call->done ||
	    call->etag_size > TRANSPORT_ETAG_MAX ||
	    call->body_size > TRANSPORT_BODY_MAX ||
	    (call->query && strlen(call->query) > 255))
		return -EINVAL;
	for (i = 0; i < call->path_count; i++) {
		if (call->path[i].size > 255)
			return -EINVAL;
	}
	return 0;
}

/**
 * transport_client_call - send a request
 * @client: connected
 * @call: what; copied
 * @exchange: may be NULL; the handle for transport_cancel(), good until a
 *	response with ended set has been delivered
 *
 * done is never called from within this function.
 *
 * Returns 0, -ENOTCONN, -EINVAL, -ENOMEM, or -EIO if the session broke.
 */
int transport_client_call(struct transport_client *client,
			  const struct transport_call *call,
			  struct transport_exchange **exchange)
{
	struct transport_exchange *fresh;
	coap_pdu_t *pdu;
	int result;

	if (exchange)
		*exchange = NULL;
	if (!transport_client_is_connected(client))
		return -ENOTCONN;
	result = check_call(call);
	if (result)
		return result;

	fresh = calloc(1, sizeof(*fresh));
	pdu = coap_pdu_init(COAP_MESSAGE_CON, (coap_pdu_code_t)call->method,
			    coap_new_message_id(client->session),
			    coap_session_max_pdu_size(client->session));
	if (!fresh || !pdu)
		goto no_memory;
	fresh->client = client;
	fresh->observe = call->observe;
	fresh->done = call->done;
	fresh->context = call->context;
	fresh->deadline = loop_boottime() + ANSWER_SECONDS;
	coap_session_new_token(client->session, &fresh->token_size,
			       fresh->token);
	if (!coap_add_token(pdu, fresh->token_size, fresh->token) ||
	    !put_options(pdu, call) || !put_body(client, pdu, call))
		goto no_memory;
	HASH_ADD_KEYPTR(hh, client->exchanges, fresh->token, fresh->token_size,
			fresh);

	if (coap_send(client->session, pdu) == COAP_INVALID_MID) {
		exchange_free(fresh);
		client_lose(client, "cannot send");
		return -EIO;
	}
	if (!loop_timer_active(&client->sweep))
		loop_timer_start(&client->sweep, SWEEP_SECONDS);
	if (exchange)
		*exchange = fresh;
	return 0;
no_memory:
	coap_delete_pdu(pdu);
	free(fresh);
	return -ENOMEM;
}

/**
 * transport_cancel - forget a request, end an observation at the server
 * @exchange: may be NULL; done is not called any more
 */
void transport_cancel(struct transport_exchange *exchange)
{
	struct transport_client *client;
	coap_binary_t token;

	if (!exchange || exchange->cancelled)
		return;
	client = exchange->client;
	exchange->cancelled = true;
	if (exchange->observe && transport_client_is_connected(client)) {
		token.s = exchange->token;
		token.length = exchange->token_size;
		coap_cancel_observe(client->session, &token, COAP_MESSAGE_CON);
	}
	if (!exchange->in_done)
		exchange_free(exchange);
}
