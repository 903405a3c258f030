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

#include "transport/client_private.h"

#define ANSWER_SECONDS	30.0
#define SWEEP_SECONDS	1.0

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

/**
 * exchange_deliver - call the owner, end the exchange if it is over
 * @exchange: the owner may cancel it, or close the client, from done
 * @response: errors end the exchange
 */
void exchange_deliver(struct transport_exchange *exchange,
		      struct transport_response *response)
{
	response->ended = response->ended || response->error;
	exchange->in_done = true;
	exchange->done(exchange->context, response);
	exchange->in_done = false;
	if (response->ended || exchange->cancelled)
		exchange_free(exchange);
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
		exchange_deliver(client->exchanges, &response);
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
			exchange_deliver(late, &response);
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

	if (call->if_match)
		good &= coap_add_option(pdu, COAP_OPTION_IF_MATCH,
					call->if_match_size,
					call->if_match) != 0;
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
	if (call->accept)
		good &= put_uint(pdu, COAP_OPTION_ACCEPT,
				 (uint32_t)call->accept);
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
	    call->if_match_size > TRANSPORT_ETAG_MAX ||
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
