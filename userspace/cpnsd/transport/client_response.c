// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers and notifications on their way to the owner of an exchange.
 *
 * Loop's thread only; runs inside libcoap, which has put blocks together.
 * A response borrows the message's bytes for the time of the call.
 */
#include <errno.h>
#include <string.h>

#include "proto/cbor.h"
#include "transport/client_private.h"

#define FRESH_SECONDS	128.0		/* RFC 7641 3.4 */

static int32_t read_error_id(struct cbor_reader *reader)
{
	return (int32_t)cbor_read_int(reader, "error-id", INT32_MIN + 1,
				      INT32_MAX - 1);
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
					error_id = read_error_id(&reader);
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

static unsigned int option_number(const coap_opt_t *option)
{
	return coap_decode_var_bytes(coap_opt_value(option),
				     coap_opt_length(option));
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
		response.format = (int)option_number(option);
	option = coap_check_option(received, COAP_OPTION_ETAG, &iterator);
	if (option) {
		response.etag = coap_opt_value(option);
		response.etag_size = coap_opt_length(option);
	}
	option = coap_check_option(received, COAP_OPTION_OBSERVE, &iterator);
	if (!option)
		response.ended = true;
	else if (exchange->observe && !client->endpoint.tls &&
		 !is_fresh(exchange, option_number(option)))
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
	exchange_deliver(exchange, &response);
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
	exchange_deliver(exchange, &response);
}
