// SPDX-License-Identifier: GPL-2.0-only
/*
 * CBOR writer and reader against RFC 8949 appendix A and F, and what the
 * strict reader refuses beyond well-formedness (4.2.1).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/cbor.h"
#include "vectors.h"

static void written(struct cbor_writer *writer, const struct hex *expected)
{
	uint8_t *bytes;
	size_t size;

	assert_int_equal(cbor_writer_finish(writer, &bytes, &size), 0);
	assert_int_equal(size, expected->size);
	assert_memory_equal(bytes, expected->bytes, size);
	free(bytes);
}

static void open_reader(struct cbor_reader *reader, const struct hex *hex)
{
	assert_int_equal(cbor_reader_open(reader, hex->bytes, hex->size,
					  "test", NULL, 0), 0);
}

static void integers(void **state)
{
	struct cbor_writer writer;
	struct cbor_reader reader;
	struct vectors vectors;
	struct hex encoded;
	unsigned int count = 0;
	uint64_t value;

	vectors_open(&vectors, "cbor-rfc8949.txt");
	cbor_writer_open(&writer);
	while (vectors_next(&vectors, "value")) {
		value = vectors_number(&vectors, "value");
		vectors_get(&vectors, "encoded", &encoded);
		cbor_write_uint(&writer, value);
		written(&writer, &encoded);
		open_reader(&reader, &encoded);
		assert_true(cbor_read_uint(&reader, "it", 0, UINT64_MAX) ==
			    value);
		assert_int_equal(reader.error, 0);
		count++;
	}
	assert_int_equal(count, 11);
	vectors_close(&vectors);
}

static void negative_integers(void **state)
{
	struct cbor_writer writer;
	struct cbor_reader reader;
	struct vectors vectors;
	struct hex encoded;
	unsigned int count = 0;
	int64_t value;

	vectors_open(&vectors, "cbor-rfc8949.txt");
	cbor_writer_open(&writer);
	while (vectors_next(&vectors, "negative")) {
		value = -1 - (int64_t)vectors_number(&vectors, "negative");
		vectors_get(&vectors, "encoded", &encoded);
		cbor_write_int(&writer, value);
		written(&writer, &encoded);
		open_reader(&reader, &encoded);
		assert_true(cbor_read_int(&reader, "it", INT64_MIN,
					  INT64_MAX) == value);
		assert_int_equal(reader.error, 0);
		count++;
	}
	assert_int_equal(count, 4);
	vectors_close(&vectors);
}

static void strings(void **state)
{
	struct cbor_writer writer;
	struct cbor_reader reader;
	struct vectors vectors;
	struct hex encoded, value;
	const uint8_t *found;
	char text[64];
	size_t size;

	vectors_open(&vectors, "cbor-rfc8949.txt");
	cbor_writer_open(&writer);
	while (vectors_next(&vectors, "encoded")) {
		vectors_get(&vectors, "encoded", &encoded);
		if (vectors_has(&vectors, "bytes")) {
			vectors_get(&vectors, "bytes", &value);
			cbor_write_bytes(&writer, value.bytes, value.size);
			written(&writer, &encoded);
			open_reader(&reader, &encoded);
			found = cbor_read_bytes(&reader, "it", 0, 8, &size);
			assert_non_null(found);
			assert_int_equal(size, value.size);
			assert_memory_equal(found, value.bytes, size);
		} else if (vectors_has(&vectors, "text")) {
			vectors_get(&vectors, "text", &value);
			value.bytes[value.size] = 0;
			cbor_write_text(&writer, (char *)value.bytes);
			written(&writer, &encoded);
			open_reader(&reader, &encoded);
			cbor_read_text(&reader, "it", text, sizeof(text));
			assert_int_equal(reader.error, 0);
			assert_string_equal(text, (char *)value.bytes);
		}
	}
	vectors_close(&vectors);
}

static void allowed(void **state)
{
	struct cbor_reader reader;
	struct vectors vectors;
	struct hex hex;
	unsigned int count = 0;

	vectors_open(&vectors, "cbor-rfc8949.txt");
	while (vectors_next(&vectors, "allowed")) {
		vectors_get(&vectors, "allowed", &hex);
		open_reader(&reader, &hex);
		cbor_skip(&reader);
		assert_int_equal(reader.error, 0);
		assert_ptr_equal(reader.at, reader.end);
		count++;
	}
	assert_true(count >= 18);
	vectors_close(&vectors);
}

static void refused(void **state)
{
	struct cbor_reader reader;
	struct vectors vectors;
	struct hex hex;
	unsigned int count = 0;
	uint8_t *exact;
	char reason[160];

	vectors_open(&vectors, "cbor-rfc8949.txt");
	while (vectors_next(&vectors, "refused")) {
		vectors_get(&vectors, "refused", &hex);
		/* on the heap, so that a byte read too many is found */
		exact = malloc(hex.size);
		memcpy(exact, hex.bytes, hex.size);
		reason[0] = '\0';
		if (cbor_reader_open(&reader, exact, hex.size, "test", reason,
				     sizeof(reason)) != -EBADMSG)
			fail_msg("not refused: %s, number %u", vectors.title,
				 count);
		assert_int_equal(strncmp(reason, "test: ", 6), 0);
		assert_true(strlen(reason) > 6);
		free(exact);
		count++;
	}
	assert_true(count >= 50);
	assert_int_equal(cbor_reader_open(&reader, "", 0, "test", NULL, 0),
			 -EBADMSG);
	vectors_close(&vectors);
}

static void wrong_kind_is_named(void **state)
{
	struct cbor_reader reader;
	char reason[160];

	cbor_reader_open(&reader, "\x61\x61", 2, "thing", reason,
			 sizeof(reason));
	assert_int_equal(cbor_read_uint(&reader, "num", 0, 9), 0);
	assert_int_equal(reader.error, -EBADMSG);
	assert_string_equal(reason,
			    "thing: num: an unsigned integer expected, a text string found");
	/* the first error stays, reading on is harmless */
	assert_int_equal(cbor_read_array(&reader, "array", 0, 9), 0);
	assert_int_equal(cbor_read_key(&reader), CBOR_KEY_FOREIGN);
	assert_int_equal(reader.error, -EBADMSG);
	assert_non_null(strstr(reason, "num"));
}

static void ranges(void **state)
{
	static const uint8_t message[] = { 0x83, 0x0a, 0x29, 0x42, 1, 2 };
	struct cbor_reader reader;
	char reason[160];
	size_t size;

	cbor_reader_open(&reader, message, sizeof(message), "m", reason,
			 sizeof(reason));
	assert_int_equal(cbor_read_array(&reader, "a", 3, 3), 3);
	assert_int_equal(cbor_read_uint(&reader, "b", 10, 10), 10);
	assert_int_equal(cbor_read_int(&reader, "c", -10, -10), -10);
	assert_null(cbor_read_bytes(&reader, "d", 3, 3, &size));
	assert_int_equal(size, 0);
	assert_string_equal(reason, "m: d: 2 bytes, allowed are 3 to 3");

	cbor_reader_open(&reader, message, sizeof(message), "m", reason,
			 sizeof(reason));
	cbor_read_array(&reader, "a", 0, 2);
	assert_string_equal(reason, "m: a: array of 3, allowed are 0 to 2");

	cbor_reader_open(&reader, message + 1, 1, "m", reason,
			 sizeof(reason));
	cbor_read_uint(&reader, "b", 0, 9);
	assert_string_equal(reason, "m: b: 10 is not in 0..9");
}

static void control_characters(void **state)
{
	static const uint8_t newline[] = { 0x63, 'a', '\n', 'b' };
	static const uint8_t zero[] = { 0x63, 'a', 0, 'b' };
	static const uint8_t plain[] = { 0x63, 'a', 'b', 'c' };
	struct cbor_reader reader;
	char text[8];

	cbor_reader_open(&reader, newline, sizeof(newline), "m", NULL, 0);
	cbor_read_text(&reader, "t", text, sizeof(text));
	assert_int_equal(reader.error, -EBADMSG);
	assert_string_equal(text, "");
	cbor_reader_open(&reader, zero, sizeof(zero), "m", NULL, 0);
	cbor_read_text(&reader, "t", text, sizeof(text));
	assert_int_equal(reader.error, -EBADMSG);
	cbor_reader_open(&reader, plain, sizeof(plain), "m", NULL, 0);
	cbor_read_text(&reader, "t", text, 3);
	assert_int_equal(reader.error, -EBADMSG);
}

static void unknown_keys_are_skipped(void **state)
{
	/* {[1]: {"x": 1.0}, "a": [2, 3], 5: 7} */
	static const uint8_t message[] = {
		0xa3, 0x81, 0x01, 0xa1, 0x61, 'x', 0xf9, 0x3c, 0x00,
		0x61, 'a', 0x82, 0x02, 0x03, 0x05, 0x07,
	};
	struct cbor_reader reader;
	size_t pairs, known = 0;

	assert_int_equal(cbor_reader_open(&reader, message, sizeof(message),
					  "m", NULL, 0), 0);
	for (pairs = cbor_read_map(&reader, "m"); pairs; pairs--) {
		if (cbor_read_key(&reader) == 5)
			known = cbor_read_uint(&reader, "5", 0, 9);
		else
			cbor_skip(&reader);
	}
	assert_int_equal(reader.error, 0);
	assert_int_equal(known, 7);
}

static void many_pairs_are_refused(void **state)
{
	struct cbor_writer writer;
	struct cbor_reader reader;
	uint8_t *bytes;
	size_t size, i;

	cbor_writer_open(&writer);
	cbor_write_map(&writer, CBOR_MAP_PAIRS_MAX + 1);
	for (i = 0; i <= CBOR_MAP_PAIRS_MAX; i++) {
		cbor_write_uint(&writer, i);
		cbor_write_bool(&writer, true);
	}
	assert_int_equal(cbor_writer_finish(&writer, &bytes, &size), 0);
	assert_int_equal(cbor_reader_open(&reader, bytes, size, "m", NULL, 0),
			 -EBADMSG);
	free(bytes);
}

static void writer_keeps_its_error(void **state)
{
	struct cbor_writer writer;
	uint8_t *bytes = (uint8_t *)"untouched";
	size_t size = 1;

	cbor_writer_open(&writer);
	cbor_write_uint(&writer, 1);
	cbor_writer_fail(&writer, -EINVAL);
	cbor_writer_fail(&writer, -ENOMEM);
	cbor_write_uint(&writer, 2);
	assert_int_equal(cbor_writer_finish(&writer, &bytes, &size), -EINVAL);
	assert_string_equal((char *)bytes, "untouched");
	assert_int_equal(size, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(negative_integers),
		cmocka_unit_test(strings),
		cmocka_unit_test(allowed),
		cmocka_unit_test(refused),
		cmocka_unit_test(wrong_kind_is_named),
		cmocka_unit_test(ranges),
		cmocka_unit_test(control_characters),
		cmocka_unit_test(unknown_keys_are_skipped),
		cmocka_unit_test(many_pairs_are_refused),
		cmocka_unit_test(writer_keeps_its_error),
	};

	return cmocka_run_group_tests_name("cbor", tests, NULL, NULL);
}
