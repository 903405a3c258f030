// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deterministic CBOR into a growing buffer (RFC 8949 4.2.1), heads by
 * libcbor.
 *
 * One thread at a time.  The buffer is the writer's until
 * cbor_writer_finish() hands it over.  Never used for secrets: what is
 * written is wrapped or public, so growing needs no wiping.
 */
#include "proto/cbor.h"

#include <cbor.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX	9	/* bytes of the longest head */
#define NEGATIVE	0x20	/* major type 1 */
#define FIRST_ROOM	4096	/* most answers; what is too much goes back */

/**
 * cbor_writer_open() - begin an empty message
 * @writer: the writer
 */
void cbor_writer_open(struct cbor_writer *writer)
{
	memset(writer, 0, sizeof(*writer));
}

/**
 * cbor_writer_close() - give up a message
 * @writer: the writer; closing it twice, or after finishing, is harmless
 */
void cbor_writer_close(struct cbor_writer *writer)
{
	free(writer->bytes);
	cbor_writer_open(writer);
}

/**
 * cbor_writer_fail() - make the message fail when it is finished
 * @writer: the writer
 * @error: negative errno; the first one stays
 */
void cbor_writer_fail(struct cbor_writer *writer, int error)
{
	if (!writer->error)
		writer->error = error;
}

static uint8_t *writer_grow(struct cbor_writer *writer, size_t size)
{
	size_t room = writer->room ? writer->room : FIRST_ROOM;
	uint8_t *bytes;

	if (writer->error)
		return NULL;
	if (size > SIZE_MAX / 4 - writer->size) {
		cbor_writer_fail(writer, -EMSGSIZE);
		return NULL;
	}
	while (room - writer->size < size)
		room *= 2;
	if (room != writer->room) {
		bytes = realloc(writer->bytes, room);
		if (!bytes) {
			cbor_writer_fail(writer, -ENOMEM);
			return NULL;
		}
		writer->bytes = bytes;
		writer->room = room;
	}
	return writer->bytes + writer->size;
}

static inline uint8_t *writer_reserve(struct cbor_writer *writer, size_t size)
{
	if (!writer->error && writer->room - writer->size >= size)
		return writer->bytes + writer->size;
	return writer_grow(writer, size);
}

/* a head of one byte: map keys, most values */
static inline bool write_short(struct cbor_writer *writer, uint8_t type,
			       uint64_t value)
{
	uint8_t *at;

	if (value >= 24)
		return false;
	at = writer_reserve(writer, 1);
	if (at) {
		*at = type | (uint8_t)value;
		writer->size++;
	}
	return true;
}

/**
 * cbor_write_encoded() - append an item that is encoded already
 * @writer: the writer
 * @item: one whole item, deterministic
 * @size: its bytes
 */
void cbor_write_encoded(struct cbor_writer *writer, const void *item,
			size_t size)
{
	uint8_t *at = writer_reserve(writer, size);

	if (!at || !size)
		return;
	memcpy(at, item, size);
	writer->size += size;
}

/**
 * cbor_write_uint() - append an unsigned integer
 * @writer: the writer
 * @value: the integer
 */
void cbor_write_uint(struct cbor_writer *writer, uint64_t value)
{
	uint8_t *head;

	if (write_short(writer, 0, value))
		return;
	head = writer_reserve(writer, HEAD_MAX);
	if (head)
		writer->size += cbor_encode_uint(value, head, HEAD_MAX);
}

/**
 * cbor_write_int() - append an integer of either sign
 * @writer: the writer
 * @value: the integer
 */
void cbor_write_int(struct cbor_writer *writer, int64_t value)
{
	uint8_t *head;

	if (value >= 0) {
		cbor_write_uint(writer, (uint64_t)value);
		return;
	}
	if (write_short(writer, NEGATIVE, (uint64_t)(-1 - value)))
		return;
	head = writer_reserve(writer, HEAD_MAX);
	if (head)
		writer->size += cbor_encode_negint((uint64_t)(-1 - value),
						   head, HEAD_MAX);
}

/**
 * cbor_write_bytes() - append a byte string
 * @writer: the writer
 * @bytes: may be NULL if @size is 0
 * @size: bytes
 */
void cbor_write_bytes(struct cbor_writer *writer, const void *bytes,
		      size_t size)
{
	uint8_t *head = writer_reserve(writer, HEAD_MAX);

	if (head)
		writer->size += cbor_encode_bytestring_start(size, head, HEAD_MAX);
	cbor_write_encoded(writer, bytes, size);
}

/**
 * cbor_write_text() - append a text string
 * @writer: the writer
 * @text: UTF-8, ended by 0, which is not written
 */
void cbor_write_text(struct cbor_writer *writer, const char *text)
{
	size_t size = strlen(text);
	uint8_t *head = writer_reserve(writer, HEAD_MAX);

	if (head)
		writer->size += cbor_encode_string_start(size, head, HEAD_MAX);
	cbor_write_encoded(writer, text, size);
}

/**
 * cbor_write_array() - append the head of an array
 * @writer: the writer
 * @count: items that follow
 */
void cbor_write_array(struct cbor_writer *writer, size_t count)
{
	uint8_t *head = writer_reserve(writer, HEAD_MAX);

	if (head)
		writer->size += cbor_encode_array_start(count, head, HEAD_MAX);
}

/**
 * cbor_write_map() - append the head of a map
 * @writer: the writer
 * @pairs: keys and values that follow, keys in bytewise order of their
 *	encoding: 0, 1, ... then -1, -2, ... then text
 */
void cbor_write_map(struct cbor_writer *writer, size_t pairs)
{
	uint8_t *head = writer_reserve(writer, HEAD_MAX);

	if (head)
		writer->size += cbor_encode_map_start(pairs, head, HEAD_MAX);
}

/**
 * cbor_write_tag() - append a tag for the item that follows
 * @writer: the writer
 * @tag: number of the tag
 */
void cbor_write_tag(struct cbor_writer *writer, uint64_t tag)
{
	uint8_t *head = writer_reserve(writer, HEAD_MAX);

	if (head)
		writer->size += cbor_encode_tag(tag, head, HEAD_MAX);
}

/**
 * cbor_write_bool() - append true or false
 * @writer: the writer
 * @value: which
 */
void cbor_write_bool(struct cbor_writer *writer, bool value)
{
	uint8_t *head = writer_reserve(writer, HEAD_MAX);

	if (head)
		writer->size += cbor_encode_bool(value, head, HEAD_MAX);
}

/**
 * cbor_writer_finish() - hand the message over
 * @writer: the writer, empty afterwards
 * @bytes: gets the message, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0 or the first error of the writer; then nothing is handed over.
 */
int cbor_writer_finish(struct cbor_writer *writer, uint8_t **bytes,
		       size_t *size)
{
	int error = writer->error;
	uint8_t *whole;

	if (error) {
		cbor_writer_close(writer);
		return error;
	}
	whole = realloc(writer->bytes, writer->size ? writer->size : 1);
	*bytes = whole ? whole : writer->bytes;
	*size = writer->size;
	cbor_writer_open(writer);
	return 0;
}
