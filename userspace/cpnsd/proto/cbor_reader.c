// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strict CBOR: libcbor's streaming decoder item by item, and on top what
 * RFC 8949 4.2.1 asks and libcbor does not check: definite lengths, shortest
 * heads, no duplicate map keys, valid UTF-8, one item and nothing after it;
 * nesting and map sizes are limited.
 *
 * One thread at a time; no allocation; nothing here is secret.
 */
#include "proto/cbor.h"

#include <cbor.h>
#include <errno.h>
#include <openssl/asn1.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/reason.h"

enum item_kind {
	ITEM_UINT, ITEM_NEGATIVE, ITEM_BYTES, ITEM_TEXT, ITEM_ARRAY, ITEM_MAP,
	ITEM_TAG, ITEM_BOOL, ITEM_NULL, ITEM_FLOAT, ITEM_INDEFINITE,
};

static const char * const item_names[] = {
	"an unsigned integer", "a negative integer", "a byte string",
	"a text string", "an array", "a map", "a tag", "a bool", "null",
	"a float", "an indefinite length",
};

struct item {
	enum item_kind kind;
	uint64_t value;			/* number, count, tag; -1 - n if negative */
	const uint8_t *bytes;		/* strings: borrowed */
};

static void item_set(void *context, enum item_kind kind, uint64_t value)
{
	struct item *item = context;

	item->kind = kind;
	item->value = value;
}

static void on_uint8(void *context, uint8_t value)
{
	item_set(context, ITEM_UINT, value);
}

static void on_uint16(void *context, uint16_t value)
{
	item_set(context, ITEM_UINT, value);
}

static void on_uint32(void *context, uint32_t value)
{
	item_set(context, ITEM_UINT, value);
}

static void on_uint64(void *context, uint64_t value)
{
	item_set(context, ITEM_UINT, value);
}

static void on_negint8(void *context, uint8_t value)
{
	item_set(context, ITEM_NEGATIVE, value);
}

static void on_negint16(void *context, uint16_t value)
{
	item_set(context, ITEM_NEGATIVE, value);
}

static void on_negint32(void *context, uint32_t value)
{
	item_set(context, ITEM_NEGATIVE, value);
}

static void on_negint64(void *context, uint64_t value)
{
	item_set(context, ITEM_NEGATIVE, value);
}

static void on_bytes(void *context, cbor_data bytes, size_t size)
{
	item_set(context, ITEM_BYTES, size);
	((struct item *)context)->bytes = bytes;
}

static void on_text(void *context, cbor_data bytes, size_t size)
{
	item_set(context, ITEM_TEXT, size);
	((struct item *)context)->bytes = bytes;
}

static void on_array(void *context, size_t count)
{
	item_set(context, ITEM_ARRAY, count);
}

static void on_map(void *context, size_t pairs)
{
	item_set(context, ITEM_MAP, pairs);
}

static void on_tag(void *context, uint64_t tag)
{
	item_set(context, ITEM_TAG, tag);
}

static void on_bool(void *context, bool value)
{
	item_set(context, ITEM_BOOL, value);
}

static void on_null(void *context)
{
	item_set(context, ITEM_NULL, 0);
}

static void on_float(void *context, float value)
{
	item_set(context, ITEM_FLOAT, 0);
}

static void on_double(void *context, double value)
{
	item_set(context, ITEM_FLOAT, 0);
}

static void on_indefinite(void *context)
{
	item_set(context, ITEM_INDEFINITE, 0);
}

static const struct cbor_callbacks item_callbacks = {
	.uint8 = on_uint8, .uint16 = on_uint16,
	.uint32 = on_uint32, .uint64 = on_uint64,
	.negint8 = on_negint8, .negint16 = on_negint16,
	.negint32 = on_negint32, .negint64 = on_negint64,
	.byte_string = on_bytes, .byte_string_start = on_indefinite,
	.string = on_text, .string_start = on_indefinite,
	.array_start = on_array, .indef_array_start = on_indefinite,
	.map_start = on_map, .indef_map_start = on_indefinite,
	.tag = on_tag, .boolean = on_bool, .null = on_null,
	.undefined = on_null, .float2 = on_float, .float4 = on_float,
	.float8 = on_double, .indef_break = on_indefinite,
};

/**
 * cbor_reader_fail() - make the message malformed
 * @reader: the reader; the first failure stays
 * @error: negative errno
 * @format: what is wrong; the message's name is put before it
 *
 * Return: the first error.
 */
int cbor_reader_fail(struct cbor_reader *reader, int error,
		     const char *format, ...)
{
	char cause[160];
	va_list arguments;

	if (reader->error)
		return reader->error;
	va_start(arguments, format);
	vsnprintf(cause, sizeof(cause), format, arguments);
	va_end(arguments);
	reader->error = reason_give(reader->reason, reader->room, error,
				    "%s: %s", reader->subject, cause);
	reader->at = reader->end;
	return reader->error;
}

/* the numbers in a head have one right length each (4.2.1) */
static bool head_is_shortest(uint8_t first, const struct item *item)
{
	switch (first & 0x1f) {
	case 24:
		return item->value >= 24;
	case 25:
		return item->value > UINT8_MAX;
	case 26:
		return item->value > UINT16_MAX;
	case 27:
		return item->value > UINT32_MAX;
	default:
		return true;
	}
}

static bool item_next(struct cbor_reader *reader, struct item *item)
{
	struct cbor_decoder_result result;
	uint8_t first;

	memset(item, 0, sizeof(*item));
	if (reader->error)
		return false;
	if (reader->at == reader->end) {
		cbor_reader_fail(reader, -EBADMSG, "truncated");
		return false;
	}
	first = *reader->at;
	/* libcbor 0.8 takes tags 5 to 20 for unassigned; COSE's is 18 */
	if (first >= 0xc5 && first <= 0xd4) {
		item_set(item, ITEM_TAG, first & 0x1f);
		reader->at++;
		return true;
	}
	result = cbor_stream_decode(reader->at,
				    (size_t)(reader->end - reader->at),
				    &item_callbacks, item);
	if (result.status == CBOR_DECODER_NEDATA) {
		cbor_reader_fail(reader, -EBADMSG,
				 "truncated, or a string longer than it");
		return false;
	}
	if (result.status != CBOR_DECODER_FINISHED) {
		cbor_reader_fail(reader, -EBADMSG,
				 "byte 0x%02x begins no CBOR item", first);
		return false;
	}
	if (item->kind == ITEM_INDEFINITE) {
		cbor_reader_fail(reader, -EBADMSG, "indefinite length");
		return false;
	}
	/* a float's or bool's head has no number in it */
	if ((first >> 5) != 7 && !head_is_shortest(first, item)) {
		cbor_reader_fail(reader, -EBADMSG,
				 "a number or length not in shortest form");
		return false;
	}
	reader->at += result.read;
	return true;
}

static bool text_is_utf8(const uint8_t *text, size_t size)
{
	unsigned long character;
	int used;

	while (size) {
		used = UTF8_getc(text, size > 8 ? 8 : (int)size, &character);
		if (used <= 0 || character > 0x10ffff ||
		    (character >= 0xd800 && character <= 0xdfff))
			return false;
		text += used;
		size -= (size_t)used;
	}
	return true;
}

static void check_item(struct cbor_reader *reader, unsigned int nesting);

static void check_map(struct cbor_reader *reader, uint64_t pairs,
		      unsigned int nesting)
{
	struct {
		const uint8_t *bytes;
		size_t size;
	} keys[CBOR_MAP_PAIRS_MAX];
	size_t i, j;

	if (pairs > CBOR_MAP_PAIRS_MAX) {
		cbor_reader_fail(reader, -EBADMSG, "a map of over %d pairs",
				 CBOR_MAP_PAIRS_MAX);
		return;
	}
	for (i = 0; i < pairs && !reader->error; i++) {
		keys[i].bytes = reader->at;
		check_item(reader, nesting);
		if (reader->error)
			return;
		keys[i].size = (size_t)(reader->at - keys[i].bytes);
		for (j = 0; j < i; j++) {
			if (keys[j].size != keys[i].size ||
			    memcmp(keys[j].bytes, keys[i].bytes, keys[i].size))
				continue;
			cbor_reader_fail(reader, -EBADMSG,
					 "a map key stands twice");
			return;
		}
		check_item(reader, nesting);
	}
}

static void check_item(struct cbor_reader *reader, unsigned int nesting)
{
	struct item item;
	uint64_t i;

	if (!item_next(reader, &item))
		return;
	if ((item.kind == ITEM_ARRAY || item.kind == ITEM_MAP ||
	     item.kind == ITEM_TAG) && nesting == CBOR_NESTING_MAX) {
		cbor_reader_fail(reader, -EBADMSG, "nested over %d levels",
				 CBOR_NESTING_MAX);
		return;
	}
	switch (item.kind) {
	case ITEM_TEXT:
		if (!text_is_utf8(item.bytes, item.value))
			cbor_reader_fail(reader, -EBADMSG,
					 "text is not UTF-8");
		break;
	case ITEM_ARRAY:
		if (item.value > (size_t)(reader->end - reader->at)) {
			cbor_reader_fail(reader, -EBADMSG,
					 "an array longer than the message");
			break;
		}
		for (i = 0; i < item.value && !reader->error; i++)
			check_item(reader, nesting + 1);
		break;
	case ITEM_MAP:
		check_map(reader, item.value, nesting + 1);
		break;
	case ITEM_TAG:
		check_item(reader, nesting + 1);
		break;
	default:
		break;
	}
}

/**
 * cbor_reader_open() - check a whole message and stand before it
 * @reader: the reader
 * @bytes: the message, exactly one item; borrowed until the last read
 * @size: its bytes
 * @subject: name of the message for causes, a constant
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0 or -EBADMSG.
 */
int cbor_reader_open(struct cbor_reader *reader, const void *bytes,
		     size_t size, const char *subject,
		     char *reason, size_t room)
{
	memset(reader, 0, sizeof(*reader));
	reader->subject = subject;
	reader->reason = reason;
	reader->room = room;
	if (!bytes || !size)
		return cbor_reader_fail(reader, -EBADMSG, "empty");
	reader->at = bytes;
	reader->end = reader->at + size;
	check_item(reader, 0);
	if (!reader->error && reader->at != reader->end)
		cbor_reader_fail(reader, -EBADMSG, "%zu bytes trail it",
				 (size_t)(reader->end - reader->at));
	if (!reader->error)
		reader->at = bytes;
	return reader->error;
}

static bool item_want(struct cbor_reader *reader, const char *what,
		      enum item_kind kind, struct item *item)
{
	if (!item_next(reader, item))
		return false;
	if (item->kind == kind)
		return true;
	cbor_reader_fail(reader, -EBADMSG, "%s: %s expected, %s found", what,
			 item_names[kind], item_names[item->kind]);
	return false;
}

/**
 * cbor_read_uint() - read an unsigned integer
 * @reader: the reader
 * @what: name of the field, for causes
 * @min: smallest allowed
 * @max: largest allowed
 *
 * Return: the number; 0 once the reader failed.
 */
uint64_t cbor_read_uint(struct cbor_reader *reader, const char *what,
			uint64_t min, uint64_t max)
{
	struct item item;

	if (!item_want(reader, what, ITEM_UINT, &item))
		return 0;
	if (item.value < min || item.value > max) {
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: %llu is not in %llu..%llu", what,
				 (unsigned long long)item.value,
				 (unsigned long long)min,
				 (unsigned long long)max);
		return 0;
	}
	return item.value;
}

/**
 * cbor_read_int() - read an integer of either sign
 * @reader: the reader
 * @what: name of the field, for causes
 * @min: smallest allowed
 * @max: largest allowed
 *
 * Return: the number; 0 once the reader failed.
 */
int64_t cbor_read_int(struct cbor_reader *reader, const char *what,
		      int64_t min, int64_t max)
{
	struct item item;
	int64_t value;

	if (!item_next(reader, &item))
		return 0;
	if (item.kind != ITEM_UINT && item.kind != ITEM_NEGATIVE) {
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: an integer expected, %s found", what,
				 item_names[item.kind]);
		return 0;
	}
	if (item.value > INT64_MAX) {
		cbor_reader_fail(reader, -EBADMSG, "%s: number too large",
				 what);
		return 0;
	}
	value = item.kind == ITEM_UINT ? (int64_t)item.value :
					 -1 - (int64_t)item.value;
	if (value < min || value > max) {
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: %lld is not in %lld..%lld", what,
				 (long long)value, (long long)min,
				 (long long)max);
		return 0;
	}
	return value;
}

/**
 * cbor_read_bool() - read true or false
 * @reader: the reader
 * @what: name of the field, for causes
 *
 * Return: the value; false once the reader failed.
 */
bool cbor_read_bool(struct cbor_reader *reader, const char *what)
{
	struct item item;

	return item_want(reader, what, ITEM_BOOL, &item) && item.value;
}

/**
 * cbor_read_bytes() - read a byte string
 * @reader: the reader
 * @what: name of the field, for causes
 * @min: fewest bytes allowed
 * @max: most bytes allowed
 * @size: gets its bytes
 *
 * Return: the bytes, inside the message; NULL once the reader failed.
 */
const uint8_t *cbor_read_bytes(struct cbor_reader *reader, const char *what,
			       size_t min, size_t max, size_t *size)
{
	struct item item;

	*size = 0;
	if (!item_want(reader, what, ITEM_BYTES, &item))
		return NULL;
	if (item.value < min || item.value > max) {
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: %llu bytes, allowed are %zu to %zu",
				 what, (unsigned long long)item.value, min,
				 max);
		return NULL;
	}
	*size = item.value;
	return item.bytes;
}

/**
 * cbor_read_exactly() - read a byte string of one size into a buffer
 * @reader: the reader
 * @what: name of the field, for causes
 * @bytes: gets the bytes; untouched once the reader failed
 * @size: the size it must have
 */
void cbor_read_exactly(struct cbor_reader *reader, const char *what,
		       void *bytes, size_t size)
{
	const uint8_t *found;
	size_t found_size;

	found = cbor_read_bytes(reader, what, size, size, &found_size);
	if (found)
		memcpy(bytes, found, size);
}

/**
 * cbor_read_text() - read a text string into a buffer
 * @reader: the reader
 * @what: name of the field, for causes
 * @text: gets the text and a final 0; empty once the reader failed
 * @room: bytes of @text
 *
 * Control characters, 0 among them, are refused: these texts are names that
 * end up in log lines.
 */
void cbor_read_text(struct cbor_reader *reader, const char *what,
		    char *text, size_t room)
{
	struct item item;
	size_t i;

	text[0] = '\0';
	if (!item_want(reader, what, ITEM_TEXT, &item))
		return;
	if (item.value >= room) {
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: longer than %zu bytes", what, room - 1);
		return;
	}
	for (i = 0; i < item.value; i++) {
		if (item.bytes[i] >= 0x20 && item.bytes[i] != 0x7f)
			continue;
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: control character in text", what);
		return;
	}
	memcpy(text, item.bytes, item.value);
	text[item.value] = '\0';
}

/**
 * cbor_read_array() - read the head of an array
 * @reader: the reader
 * @what: name of the field, for causes
 * @min: fewest items allowed
 * @max: most items allowed
 *
 * Return: the items that follow; 0 once the reader failed.
 */
size_t cbor_read_array(struct cbor_reader *reader, const char *what,
		       size_t min, size_t max)
{
	struct item item;

	if (!item_want(reader, what, ITEM_ARRAY, &item))
		return 0;
	if (item.value < min || item.value > max) {
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: array of %llu, allowed are %zu to %zu",
				 what, (unsigned long long)item.value, min,
				 max);
		return 0;
	}
	return item.value;
}

/**
 * cbor_read_map() - read the head of a map
 * @reader: the reader
 * @what: name of the field, for causes
 *
 * Return: the pairs that follow; 0 once the reader failed.
 */
size_t cbor_read_map(struct cbor_reader *reader, const char *what)
{
	struct item item;

	return item_want(reader, what, ITEM_MAP, &item) ? item.value : 0;
}

/**
 * cbor_read_key() - read a map key
 * @reader: the reader
 *
 * Return: an integer key, %CBOR_KEY_FOREIGN for any other.
 */
int64_t cbor_read_key(struct cbor_reader *reader)
{
	struct cbor_reader before = *reader;
	struct item item;

	if (!item_next(reader, &item))
		return CBOR_KEY_FOREIGN;
	if (item.kind == ITEM_UINT && item.value <= INT64_MAX)
		return (int64_t)item.value;
	if (item.kind == ITEM_NEGATIVE && item.value < INT64_MAX)
		return -1 - (int64_t)item.value;
	/* a key may be an array or a map; step over all of it */
	*reader = before;
	cbor_skip(reader);
	return CBOR_KEY_FOREIGN;
}

/**
 * cbor_read_tag() - read a tag that must stand here
 * @reader: the reader
 * @what: name of the field, for causes
 * @tag: the tag it must be
 */
void cbor_read_tag(struct cbor_reader *reader, const char *what, uint64_t tag)
{
	struct item item;

	if (!item_want(reader, what, ITEM_TAG, &item))
		return;
	if (item.value != tag)
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: tag %llu expected, %llu found", what,
				 (unsigned long long)tag,
				 (unsigned long long)item.value);
}

/**
 * cbor_skip() - step over one item, whatever it is
 * @reader: the reader
 */
void cbor_skip(struct cbor_reader *reader)
{
	check_item(reader, 0);
}

/**
 * cbor_read_encoded() - step over one item and give its encoding
 * @reader: the reader
 * @what: name of the field, for causes
 * @size: gets its bytes
 *
 * Return: the item's bytes, inside the message; NULL once the reader failed.
 */
const uint8_t *cbor_read_encoded(struct cbor_reader *reader, const char *what,
				 size_t *size)
{
	const uint8_t *start = reader->at;

	*size = 0;
	if (!reader->error && start == reader->end)
		cbor_reader_fail(reader, -EBADMSG, "%s: missing", what);
	cbor_skip(reader);
	if (reader->error)
		return NULL;
	*size = (size_t)(reader->at - start);
	return start;
}

static bool next_is_major(const struct cbor_reader *reader, unsigned int major)
{
	return !reader->error && reader->at != reader->end &&
	       *reader->at >> 5 == major;
}

/**
 * cbor_next_is_bytes() - is a byte string next?
 * @reader: the reader
 *
 * Return: whether; false once the reader failed.
 */
bool cbor_next_is_bytes(const struct cbor_reader *reader)
{
	return next_is_major(reader, 2);
}

/**
 * cbor_next_is_text() - is a text string next?
 * @reader: the reader
 *
 * Return: whether; false once the reader failed.
 */
bool cbor_next_is_text(const struct cbor_reader *reader)
{
	return next_is_major(reader, 3);
}

/**
 * cbor_next_is_array() - is an array next?
 * @reader: the reader
 *
 * Return: whether; false once the reader failed.
 */
bool cbor_next_is_array(const struct cbor_reader *reader)
{
	return next_is_major(reader, 4);
}
