// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a daemon gives back is there again when it is used: code, constants,
 * data and what was allocated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"
#include "resident.h"

/* KiB of files' pages, as /proc says */
static unsigned long file_pages(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	unsigned long size = 0;
	char line[128];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "RssFile: %lu", &size) == 1)
			break;
	fclose(file);
	assert_int_not_equal(size, 0);
	return size;
}

/* SHA-256 of "abc", FIPS 180-2; goes through much of libcrypto */
static void digest(void)
{
	static const uint8_t expected[4] = { 0xba, 0x78, 0x16, 0xbf };
	uint8_t result[EVP_MAX_MD_SIZE];
	unsigned int size;

	assert_int_equal(EVP_Digest("abc", 3, result, &size, EVP_sha256(),
				    NULL), 1);
	assert_int_equal(size, 32);
	assert_memory_equal(result, expected, sizeof(expected));
}

static void make_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_non_null(key);
	EVP_PKEY_free(key);
}

static int changed = 41;
static const int *pointer = &changed;	/* relocated data */

static void test_comes_again(void **state)
{
	unsigned long before, after;
	char *text = strdup("kept");
	int i;

	digest();
	make_key();
	changed++;
	before = file_pages();
	resident_give_back();
	after = file_pages();
	print_message("%lu KiB of files before, %lu after\n", before, after);
	assert_true(after < before / 2);
	for (i = 0; i < 20; i++) {
		digest();
		make_key();
		assert_int_equal(*pointer, 42);
		assert_string_equal(text, "kept");
		resident_give_back();
	}
	free(text);
}

static void stop(void *context)
{
	loop_stop(context);
}

/* with the daemon's loop: it starts, and ends without having been started */
static void test_timer(void **state)
{
	struct loop_timer end = { };
	struct loop loop;

	resident_stop();
	assert_int_equal(loop_open(&loop), 0);
	resident_start(&loop);
	loop_timer_init(&loop, &end, stop, &loop);
	loop_timer_start(&end, 0.01);
	loop_run(&loop);
	resident_stop();
	resident_stop();
	loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_again),
		cmocka_unit_test(test_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
