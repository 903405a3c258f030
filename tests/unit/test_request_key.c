// SPDX-License-Identifier: GPL-2.0-only
/*
 * The helper of request-key(8): which line of /proc/keys names the
 * requester, and what the daemon's answer means to the program that asked.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ask.h"
#include "requester.h"

#define KEY 0x3a8b7c

static void authorisation_line(void **state)
{
	pid_t pid = 0;
	static const char *const lines[] = {
		"2b0d9d2f I--Q---     1 perm 0b010000     0     0 .request_ key:3a8b7c pid:1234 ci:4\n",
		"2b0d9d2f I--Q---     2   9m 0b010000  1000  1000 .request_ key:3a8b7c pid:7 ci:0\n",
	};

	assert_int_equal(requester_pid_of_line(lines[0], KEY, &pid), 0);
	assert_int_equal(pid, 1234);
	assert_int_equal(requester_pid_of_line(lines[1], KEY, &pid), 0);
	assert_int_equal(pid, 7);
}

static void other_lines(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"2b0d9d2f I--Q---     1 perm 0b010000     0     0 .request_\n",
		/* another key's */
		"2b0d9d2f I--Q---     1 perm 0b010000     0     0 .request_ key:3a8b7d pid:1234 ci:4\n",
		/* a user's key with that description */
		"2b0d9d2f I--Q---     1 perm 3f010000  1000  1000 user      key:3a8b7c pid:1 ci:4\n",
		"2b0d9d2f I--Q---     1 perm 3f010000  1000  1000 .requestX key:3a8b7c pid:1 ci:4\n",
		/* not answered any more: no pid is told */
		"2b0d9d2f I--Q---     1 perm 0b010000     0     0 .request_ key:3a8b7c\n",
		"2b0d9d2f I--Q---     1 perm 0b010000     0     0 .request_ key:3a8b7c pid:0 ci:4\n",
		"2b0d9d2f I--Q---     1 perm 0b010000     0     0 .request_ key:3a8b7c pid:-2 ci:4\n",
	};
	pid_t pid = 42;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(requester_pid_of_line(lines[i], KEY, &pid),
				 -ENOENT);
	assert_int_equal(pid, 42);
}

static char reason[128];

static int answered(const char *text, int32_t *serial)
{
	return ask_take_answer(text, strlen(text), serial, reason,
			       sizeof(reason));
}

static void good_answer(void **state)
{
	int32_t serial = 0;

	assert_int_equal(answered("{\"ok\": true, \"serial\": 900699385}",
				  &serial), 0);
	assert_int_equal(serial, 900699385);
}

static void refusals(void **state)
{
	static const struct {
		const char *text;
		int result;
	} answers[] = {
		{ "{\"ok\":false,\"error\":\"no\",\"errno\":\"EACCES\"}",
		  -EACCES },
		{ "{\"ok\":false,\"error\":\"no\",\"errno\":\"ENOKEY\",\"exit\":5}",
		  -ENOKEY },
		{ "{\"ok\":false,\"error\":\"no\",\"exit\":5}", -EACCES },
		{ "{\"ok\":false,\"error\":\"no\",\"exit\":4}", -ENOKEY },
		{ "{\"ok\":false,\"error\":\"no\",\"exit\":6}", -ETIMEDOUT },
		{ "{\"ok\":false,\"error\":\"no\",\"exit\":2}", -EOPNOTSUPP },
		{ "{\"ok\":false,\"error\":\"no\",\"errno\":\"EWHAT\"}", -EIO },
		{ "{\"ok\":false,\"error\":\"no\"}", -EIO },
	};
	int32_t serial = 7;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(answered(answers[i].text, &serial),
				 answers[i].result);
		assert_string_equal(reason, "no");
	}
	assert_int_equal(serial, 7);
}

static void nonsense(void **state)
{
	static const char *const answers[] = {
		"", "{", "[]", "null", "7", "{}", "{\"ok\":true}",
		"{\"ok\":true,\"serial\":0}", "{\"ok\":true,\"serial\":-1}",
		"{\"ok\":true,\"serial\":2147483648}",
		"{\"ok\":true,\"serial\":\"x\"}",
		"[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
	};
	int32_t serial = 7;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(answered(answers[i], &serial), -EPROTO);
	assert_int_equal(serial, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authorisation_line),
		cmocka_unit_test(other_lines),
		cmocka_unit_test(good_answer),
		cmocka_unit_test(refusals),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
