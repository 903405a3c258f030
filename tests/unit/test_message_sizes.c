// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes of cpns_seal() and cpns_open_message(): the kernel refuses more than
 * the key's query allows by EINVAL, before the module sees it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <cpns/cpns.h>
#include <keyutils.h>

#define ADDED (CPNS_MESSAGE_HEADER_SIZE + 16)
#define SEALED_MAX (CPNS_MESSAGE_MAX + ADDED)

/* as keyctl_pkey_e_d_s() of the kernel and cpns_pkey_eds_op() answer */
static long kernel(size_t size, size_t room, size_t longest, size_t result)
{
	if (size > SEALED_MAX || room > SEALED_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (size > longest || room < result) {
		errno = EMSGSIZE;
		return -1;
	}
	return (long)result;
}

/* in the place of libkeyutils' */
long keyctl_pkey_encrypt(key_serial_t key, const char *info, const void *data,
			 size_t size, void *sealed, size_t room)
{
	return kernel(size, room, CPNS_MESSAGE_MAX, size + ADDED);
}

long keyctl_pkey_decrypt(key_serial_t key, const char *info,
			 const void *sealed, size_t size, void *data,
			 size_t room)
{
	return kernel(size, room, SEALED_MAX, size - ADDED);
}

static uint8_t from[2 * SEALED_MAX], to[2 * SEALED_MAX];

static void seal_sizes(void **state)
{
	assert_int_equal(cpns_seal(1, from, 1, to, ADDED), -EMSGSIZE);
	assert_int_equal(cpns_seal(1, from, 1, to, sizeof(to)), 1 + ADDED);
	assert_int_equal(cpns_seal(1, from, CPNS_MESSAGE_MAX, to, sizeof(to)),
			 SEALED_MAX);
	assert_int_equal(cpns_seal(1, from, CPNS_MESSAGE_MAX + 1, to,
				   sizeof(to)), -EMSGSIZE);
	assert_int_equal(cpns_seal(1, from, sizeof(from), to, sizeof(to)),
			 -EMSGSIZE);
}

static void open_sizes(void **state)
{
	assert_int_equal(cpns_open_message(1, from, 2 + ADDED, to, 1),
			 -EMSGSIZE);
	assert_int_equal(cpns_open_message(1, from, 1 + ADDED, to, sizeof(to)),
			 1);
	assert_int_equal(cpns_open_message(1, from, SEALED_MAX, to, sizeof(to)),
			 CPNS_MESSAGE_MAX);
	assert_int_equal(cpns_open_message(1, from, SEALED_MAX + 1, to,
					   sizeof(to)), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seal_sizes),
		cmocka_unit_test(open_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
