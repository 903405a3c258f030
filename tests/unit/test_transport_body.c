// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bodies in blocks (RFC 7959 Block1) as a server takes them: put together in
 * order, and refused before they take more memory than a body may have.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "transport/server_private.h"

static struct transport_peer peer;
static struct transport_segment path[1];
static uint8_t block[1024];
static uint8_t whole[TRANSPORT_BODY_MAX];
static size_t whole_size;

/* the code that one block gets; 0: the body was whole, and is kept */
static int give(uint32_t number, bool more, unsigned int exponent, size_t size,
		uint32_t size1, const char *segment)
{
	struct request_parts parts = {
		.block1_given = true, .block1_more = more,
		.block1_number = number, .block1_exponent = exponent,
		.size1 = size1,
		.request = { .method = METHOD_PUT, .path = path,
			     .path_count = 1 },
	};
	coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_CON,
					COAP_REQUEST_CODE_PUT, 1, 2048);
	int code;

	path[0].bytes = (const uint8_t *)segment;
	path[0].size = strlen(segment);
	assert_non_null(pdu);
	if (size)
		assert_int_equal(coap_add_data(pdu, size, block), 1);
	code = body_take(&peer, &parts, pdu);
	if (!code) {
		whole_size = parts.request.body_size;
		memcpy(whole, parts.request.body, whole_size);
		body_forget(&peer);
	}
	coap_delete_pdu(pdu);
	return code;
}

static void test_in_order(void **state)
{
	unsigned int i;

	for (i = 0; i < 9; i++) {
		memset(block, 'a' + (int)i, sizeof(block));
		assert_int_equal(give(i, true, 6, 1024, 0, "x"),
				 COAP_CONTINUE);
	}
	assert_int_equal(give(9, false, 6, 7, 0, "x"), 0);
	assert_int_equal(whole_size, 9 * 1024 + 7);
	for (i = 0; i < whole_size; i++)
		assert_int_equal(whole[i], i < 9 * 1024 ? 'a' + i / 1024 : 'i');
	assert_null(peer.incoming.bytes);
}

static void test_said_again(void **state)
{
	assert_int_equal(give(0, true, 6, 1024, 0, "x"), COAP_CONTINUE);
	assert_int_equal(give(1, true, 6, 1024, 0, "x"), COAP_CONTINUE);
	assert_int_equal(give(1, true, 6, 1024, 0, "x"), COAP_CONTINUE);
	assert_int_equal(give(2, false, 6, 1, 0, "x"), 0);
	assert_int_equal(whole_size, 2049);
}

static void test_gap_and_other_resource(void **state)
{
	assert_int_equal(give(1, true, 6, 1024, 0, "x"), 408);
	assert_int_equal(give(0, true, 6, 1024, 0, "x"), COAP_CONTINUE);
	assert_int_equal(give(2, true, 6, 1024, 0, "x"), 408);
	assert_int_equal(give(1, true, 6, 1024, 0, "y"), 408);
	/* a new beginning takes the place of the old one */
	assert_int_equal(give(0, true, 4, 256, 0, "y"), COAP_CONTINUE);
	assert_int_equal(give(1, false, 4, 3, 0, "y"), 0);
	assert_int_equal(whole_size, 259);
}

static void test_too_large(void **state)
{
	uint32_t last = TRANSPORT_BODY_MAX / 1024, i;

	/* what Size1 says is refused at once, and takes no memory */
	assert_int_equal(give(0, true, 6, 1024, TRANSPORT_BODY_MAX + 1, "x"),
			 COAP_TOO_LARGE);
	assert_int_equal(give(0, true, 6, 1024, UINT32_MAX, "x"),
			 COAP_TOO_LARGE);
	assert_null(peer.incoming.bytes);
	/* a number far off, which would be the offset of 16 GiB */
	assert_int_equal(give(0xfffff, true, 6, 1024, 0, "x"), COAP_TOO_LARGE);
	assert_int_equal(give(0xfffff, true, 7, 1024, 0, "x"), COAP_TOO_LARGE);
	for (i = 0; i < last; i++)
		assert_int_equal(give(i, true, 6, 1024, 0, "x"),
				 COAP_CONTINUE);
	assert_true(peer.incoming.room <= TRANSPORT_BODY_MAX);
	assert_int_equal(give(last, false, 6, 1, 0, "x"), COAP_TOO_LARGE);
	assert_null(peer.incoming.bytes);
	assert_int_equal(give(0, false, 6, 5, 0, "x"), 0);
}

static void test_bert(void **state)
{
	/* RFC 8323 6: two blocks of 512 are none, numbers count 1,024 */
	assert_int_equal(give(0, true, 7, 1024, 0, "x"), COAP_CONTINUE);
	assert_int_equal(give(1, false, 7, 100, 0, "x"), 0);
	assert_int_equal(whole_size, 1124);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_said_again),
		cmocka_unit_test(test_gap_and_other_resource),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_bert),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
