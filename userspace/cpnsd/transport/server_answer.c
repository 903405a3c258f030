// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers: what handlers fill, and their way into a CoAP message, whole
 * where the session takes it, in blocks where it does not.
 *
 * Loop's thread only.  An answer owns its body.  No body is secret: keys are
 * in it as ciphertexts only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "proto/cbor.h"
#include "transport/server_private.h"

#define OPTIONS_ROOM	64		/* options but Location-Path */
#define BLOCK_EXPONENT	6		/* 1,024 bytes */

/**
 * answer_open - start an answer: 5.00 until a handler says otherwise
 * @answer: to fill
 */
void answer_open(struct transport_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->code = COAP_SERVER_ERROR;
	answer->format = FORMAT_NONE;
}

/**
 * answer_close - free an answer's body
 * @answer: opened
 */
void answer_close(struct transport_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
	answer->body_size = 0;
}

/**
 * transport_answer_code - set the code of an answer
 * @answer: of the running handler
 * @code: class * 100 + detail (message.h)
 */
void transport_answer_code(struct transport_answer *answer, int code)
{
	answer->code = code;
}

/**
 * transport_answer_body - set the body; it is copied
 * @answer: of the running handler
 * @format: content format (message.h) or FORMAT_NONE
 * @body: may be NULL with @size 0
 * @size: at most TRANSPORT_BODY_MAX
 *
 * Returns 0, -EMSGSIZE or -ENOMEM; on an error the answer is a 5.00.
 */
int transport_answer_body(struct transport_answer *answer, int format,
			  const void *body, size_t size)
{
	uint8_t *copy = NULL;

	if (size && size <= TRANSPORT_BODY_MAX) {
		copy = malloc(size);
		if (!copy) {
			answer_close(answer);
			answer->code = COAP_SERVER_ERROR;
			return -ENOMEM;
		}
		memcpy(copy, body, size);
	}
	return transport_answer_take(answer, format, copy, size);
}

/**
 * transport_answer_take - set the body; it is handed over
 * @answer: of the running handler
 * @format: content format (message.h) or FORMAT_NONE
 * @body: of malloc(); freed on errors too
 * @size: at most TRANSPORT_BODY_MAX
 *
 * Returns 0 or -EMSGSIZE; then the answer is a 5.00.
 */
int transport_answer_take(struct transport_answer *answer, int format,
			  uint8_t *body, size_t size)
{
	answer_close(answer);
	answer->format = format;
	if (size > TRANSPORT_BODY_MAX) {
		free(body);
		transport_answer_problem(answer, COAP_SERVER_ERROR,
					 "Answer too large", INT32_MIN);
		return -EMSGSIZE;
	}
	answer->body = body;
	answer->body_size = size;
	return 0;
}

/**
 * transport_answer_etag - set the ETag
 * @answer: of the running handler
 * @etag: copied
 * @size: 1..8; longer ones are cut
 *
 * A GET whose request has the same ETag is answered 2.03 without body.
 */
void transport_answer_etag(struct transport_answer *answer,
			   const uint8_t *etag, size_t size)
{
	if (size > TRANSPORT_ETAG_MAX)
		size = TRANSPORT_ETAG_MAX;
	memcpy(answer->etag, etag, size);
	answer->etag_size = size;
}

/**
 * transport_answer_location - set Location-Path of a 2.01
 * @answer: of the running handler
 * @path: copied; segments of more than 255 bytes are left out with all that
 *	follow
 * @count: at most TRANSPORT_SEGMENTS_MAX
 */
void transport_answer_location(struct transport_answer *answer,
			       const struct transport_segment *path,
			       size_t count)
{
	size_t i;

	answer->location_count = 0;
	for (i = 0; i < count && i < TRANSPORT_SEGMENTS_MAX; i++) {
		if (path[i].size > 255)
			return;
		memcpy(answer->location[i].bytes, path[i].bytes, path[i].size);
		answer->location[i].size = (uint8_t)path[i].size;
		answer->location_count++;
	}
}

/**
 * transport_answer_problem - an error with problem details (RFC 9290)
 * @answer: of the running handler
 * @code: 4.xx or 5.xx
 * @title: words for people; must not tell who is a member
 * @error_id: RFC 9594 4.1.2 (entry 0, error-id 0), or INT32_MIN for none
 */
void transport_answer_problem(struct transport_answer *answer, int code,
			      const char *title, int32_t error_id)
{
	struct cbor_writer writer;
	uint8_t *bytes = NULL;
	size_t size = 0;

	answer_close(answer);
	answer->code = code;
	answer->format = FORMAT_NONE;
	answer->etag_size = 0;
	answer->location_count = 0;

	cbor_writer_open(&writer);
	cbor_write_map(&writer, error_id == INT32_MIN ? 1 : 2);
	if (error_id != INT32_MIN) {
		cbor_write_uint(&writer, 0);
		cbor_write_map(&writer, 1);
		cbor_write_uint(&writer, 0);
		cbor_write_int(&writer, error_id);
	}
	cbor_write_int(&writer, -1);
	cbor_write_text(&writer, title);
	if (!cbor_writer_finish(&writer, &bytes, &size))
		transport_answer_take(answer, FORMAT_PROBLEM, bytes, size);
	cbor_writer_close(&writer);
}

static bool put_uint(coap_pdu_t *pdu, coap_option_num_t number,
		     uint32_t value)
{
	uint8_t bytes[4];
	unsigned int size;

	size = coap_encode_var_safe(bytes, sizeof(bytes), value);
	return coap_add_option(pdu, number, size, bytes) != 0;
}

/**
 * answer_write - write code, options and one part of the body
 * @answer: the answer
 * @pdu: has its token, nothing else
 * @observe: value of Observe, or -1 for none
 * @block: with Block2
 * @number: of the block
 * @more: blocks follow
 * @exponent: block size is 16 << @exponent
 * @offset: of the part
 * @size: of the part
 *
 * Options in the order of their numbers.  Returns false if it does not fit.
 */
bool answer_write(const struct transport_answer *answer, coap_pdu_t *pdu,
		  int64_t observe, bool block, uint32_t number, bool more,
		  unsigned int exponent, size_t offset, size_t size)
{
	bool good = true;
	size_t i;

	coap_pdu_set_code(pdu, (coap_pdu_code_t)
			  (answer->code / 100 << 5 | answer->code % 100));
	if (answer->etag_size)
		good &= coap_add_option(pdu, COAP_OPTION_ETAG,
					answer->etag_size, answer->etag) != 0;
	if (observe >= 0)
		good &= put_uint(pdu, COAP_OPTION_OBSERVE,
				 (uint32_t)observe & 0xffffff);
	for (i = 0; i < answer->location_count; i++)
		good &= coap_add_option(pdu, COAP_OPTION_LOCATION_PATH,
					answer->location[i].size,
					answer->location[i].bytes) != 0;
	if (answer->format != FORMAT_NONE)
		good &= put_uint(pdu, COAP_OPTION_CONTENT_FORMAT,
				 (uint32_t)answer->format);
	if (block) {
		good &= put_uint(pdu, COAP_OPTION_BLOCK2,
				 number << 4 | (more ? 8 : 0) | exponent);
		if (!number)
			good &= put_uint(pdu, COAP_OPTION_SIZE2,
					 (uint32_t)answer->body_size);
	}
	if (size)
		good &= coap_add_data(pdu, size, answer->body + offset) != 0;
	return good;
}

static void write_plain_error(coap_pdu_t *pdu, int code)
{
	coap_pdu_set_code(pdu, (coap_pdu_code_t)(code / 100 << 5 | code % 100));
}

/**
 * answer_send - put an answer into a message, in blocks where it must be
 * @peer: who gets it
 * @parts: the request, or what stands for it in a notification
 * @answer: kept for later blocks if it goes out in blocks
 * @pdu: has its token, nothing else
 * @observe: value of Observe, or -1
 */
void answer_send(struct transport_peer *peer,
		 const struct request_parts *parts,
		 struct transport_answer *answer, coap_pdu_t *pdu,
		 int64_t observe)
{
	size_t room = coap_session_max_pdu_size(peer->session);
	size_t options = OPTIONS_ROOM + TOKEN_MAX;
	unsigned int exponent = BLOCK_EXPONENT;
	uint32_t number = parts->block2_number;
	size_t offset, size, i;
	bool whole;

	for (i = 0; i < answer->location_count; i++)
		options += answer->location[i].size + 3u;
	room = room > options ? room - options : 0;

	whole = answer->body_size <= room;
	if (parts->block2_asked && parts->block2_exponent < exponent)
		exponent = parts->block2_exponent;
	if (parts->block2_asked && answer->body_size > (16u << exponent))
		whole = false;
	if (whole && !number) {
		peer_sends(peer, answer->body_size);
		if (!answer_write(answer, pdu, observe, false, 0, false, 0, 0,
				  answer->body_size))
			log_warning("an answer of %zu bytes did not fit",
				    answer->body_size);
		return;
	}

	while (exponent && (16u << exponent) > room)
		exponent--;
	if (parts->block2_asked && exponent < parts->block2_exponent &&
	    parts->block2_exponent <= BLOCK_EXPONENT)
		number <<= parts->block2_exponent - exponent;
	if (!number)
		block_keep(peer, &parts->request, answer);
	offset = (size_t)number << (exponent + 4);
	peer_sends(peer, 16u << exponent);
	if (offset >= answer->body_size) {
		write_plain_error(pdu, COAP_BAD_OPTION);
		return;
	}
	size = answer->body_size - offset;
	if (size > (16u << exponent))
		size = 16u << exponent;
	if (!answer_write(answer, pdu, number ? -1 : observe, true, number,
			  offset + size < answer->body_size, exponent, offset,
			  size))
		log_warning("a block of %zu bytes did not fit", size);
}
