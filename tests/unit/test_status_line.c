// SPDX-License-Identifier: GPL-2.0-only
/*
 * The status line of a key, as cpns_read() of kmod/key.c prints it: its suite
 * says which algorithm and key size an AF_ALG socket takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "internal.h"

static void suites(void **state)
{
	static const struct {
		const char *line;
		unsigned int suite;
	} lines[] = {
		{ "epoch=1 state=active suite=AES-256-GCM sid=7 expires=never kcv=0011223344556677",
		  CPNS_SUITE_AES_256_GCM },
		{ "epoch=1 state=active suite=AES-128-GCM sid=7 expires=never kcv=0011223344556677",
		  CPNS_SUITE_AES_128_GCM },
		{ "epoch=1 state=active suite=ChaCha20-Poly1305 sid=7 expires=60 kcv=0011223344556677",
		  CPNS_SUITE_CHACHA20_POLY1305 },
		/* numbers that look like another suite's */
		{ "epoch=128 state=active suite=AES-256-GCM sid=128 expires=12800 kcv=0012800000000128",
		  CPNS_SUITE_AES_256_GCM },
		{ "epoch=128 state=active suite=ChaCha20-Poly1305 sid=128 expires=12800 kcv=0012800000000128",
		  CPNS_SUITE_CHACHA20_POLY1305 },
		{ "epoch=256 state=active suite=AES-128-GCM sid=256 expires=25600 kcv=0025600000000256",
		  CPNS_SUITE_AES_128_GCM },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(cpns_status_suite(lines[i].line),
				 lines[i].suite);
}

static void no_suite(void **state)
{
	static const char *const lines[] = {
		"", "suite=", "epoch=0 state=none sid=128",
		"epoch=0 state=none suite=none sid=0 expires=never kcv=0000000000000000",
		"epoch=1 state=active suite=AES-128-GCM-SIV sid=128",
		"epoch=1 state=active suite=AES sid=128",
		"epoch=1 state=active suite=unknown sid=128",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(cpns_status_suite(lines[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suites),
		cmocka_unit_test(no_suite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
