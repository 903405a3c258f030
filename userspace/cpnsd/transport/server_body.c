// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bodies of requests: whole in one message, or in blocks (RFC 7959 Block1).
 *
 * Loop's thread only.  libcoap would put blocks together before anybody could
 * say that there are too many, and take the memory that Size1 names; so it
 * does not: a session has one body under way, of TRANSPORT_BODY_MAX bytes at
 * most, which grows with what has come.
 */
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "transport/server_private.h"

#define BLOCK_INCOMPLETE	408
#define BERT_EXPONENT		7	/* RFC 8323: numbers count 1,024 bytes */

/**
 * body_forget - free what has come of a body
 * @peer: the session's
 */
void body_forget(struct transport_peer *peer)
{
	struct incoming_body *incoming = &peer->incoming;

	OPENSSL_clear_free(incoming->bytes, incoming->room);
	segment_key_free(&incoming->path);
	memset(incoming, 0, sizeof(*incoming));
}

static bool begin(struct transport_peer *peer,
		  const struct transport_request *request)
{
	body_forget(peer);
	peer->incoming.method = request->method;
	return !segment_key_make(request->path, request->path_count,
				 &peer->incoming.path);
}

static bool is_same(const struct transport_peer *peer,
		    const struct transport_request *request)
{
	struct segment_key path = { 0 };
	bool same;

	if (peer->incoming.method != request->method ||
	    segment_key_make(request->path, request->path_count, &path))
		return false;
	same = segment_key_equal(&path, &peer->incoming.path);
	segment_key_free(&path);
	return same;
}

static bool append(struct incoming_body *incoming, const uint8_t *bytes,
		   size_t size)
{
	size_t room = incoming->room ? incoming->room : 4096;
	uint8_t *grown;

	while (room < incoming->size + size)
		room *= 2;
	if (room > incoming->room) {
		grown = OPENSSL_clear_realloc(incoming->bytes, incoming->room,
					      room);
		if (!grown)
			return false;
		incoming->bytes = grown;
		incoming->room = room;
	}
	if (size)
		memcpy(incoming->bytes + incoming->size, bytes, size);
	incoming->size += size;
	return true;
}

static int take_block(struct transport_peer *peer, struct request_parts *parts,
		      const uint8_t *bytes, size_t size)
{
	struct transport_request *request = &parts->request;
	struct incoming_body *incoming = &peer->incoming;
	unsigned int exponent = parts->block1_exponent == BERT_EXPONENT ?
				6 : parts->block1_exponent;
	size_t offset = (size_t)parts->block1_number << (exponent + 4);

	if (offset + size > TRANSPORT_BODY_MAX ||
	    parts->size1 > TRANSPORT_BODY_MAX) {
		body_forget(peer);
		return COAP_TOO_LARGE;
	}
	if (!offset && !begin(peer, request))
		return COAP_SERVER_ERROR;
	if (!is_same(peer, request))
		return BLOCK_INCOMPLETE;
	/* said again, because our answer got lost */
	if (parts->block1_more && offset + size == incoming->size && offset)
		return COAP_CONTINUE;
	if (offset != incoming->size)
		return BLOCK_INCOMPLETE;
	if (!append(incoming, bytes, size))
		return COAP_SERVER_ERROR;
	if (parts->block1_more)
		return COAP_CONTINUE;
	request->body = incoming->bytes;
	request->body_size = incoming->size;
	return 0;
}

/**
 * body_take - the body of a request, as far as it is there
 * @peer: who asks
 * @parts: options are read; the request's body is set
 * @pdu: the message
 *
 * Returns 0 when the body is whole: valid until body_forget(); COAP_CONTINUE
 * when more blocks have to come; or the code of an error.
 */
int body_take(struct transport_peer *peer, struct request_parts *parts,
	      const coap_pdu_t *pdu)
{
	const uint8_t *bytes = NULL;
	size_t size = 0;

	if (!coap_get_data(pdu, &size, &bytes))
		size = 0;
	if (parts->block1_given)
		return take_block(peer, parts, bytes, size);
	if (size > TRANSPORT_BODY_MAX)
		return COAP_TOO_LARGE;
	parts->request.body = bytes;
	parts->request.body_size = size;
	return 0;
}

/**
 * body_acknowledge - say which block is answered
 * @parts: of the request
 * @response: without a payload yet
 */
void body_acknowledge(const struct request_parts *parts, coap_pdu_t *response)
{
	uint8_t bytes[4];
	uint32_t value = parts->block1_number << 4 |
			 (uint32_t)parts->block1_more << 3 |
			 parts->block1_exponent;

	if (parts->block1_given)
		coap_add_option(response, COAP_OPTION_BLOCK1,
				coap_encode_var_safe(bytes, sizeof(bytes),
						     value), bytes);
}
