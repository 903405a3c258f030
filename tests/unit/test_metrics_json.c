// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl metrics --json: each sample of the daemon's text as an object, and
 * nothing at all where a line is no sample.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "command.h"

static void reads(const char *text, const char *wanted)
{
	struct json_object *samples = metrics_to_json(text);

	assert_non_null(samples);
	assert_string_equal(json_object_to_json_string_ext(samples,
							   JSON_C_TO_STRING_NOSLASHESCAPE),
			    wanted);
	json_object_put(samples);
}

static void samples(void **state)
{
	reads("", "[]");
	reads("# HELP cpns_server_groups Groups.\n# TYPE cpns_server_groups gauge\ncpns_server_groups 2\n",
	      "[{\"name\":\"cpns_server_groups\",\"labels\":{},\"value\":2}]");
	reads("a{sgid=\"sip:a@b\",state=\"active\"} 7\nb_bucket{le=\"+Inf\"} 1e+20\nb_sum 0.1\n",
	      "[{\"name\":\"a\",\"labels\":{\"sgid\":\"sip:a@b\",\"state\":\"active\"},\"value\":7},"
	      "{\"name\":\"b_bucket\",\"labels\":{\"le\":\"+Inf\"},\"value\":1e+20},"
	      "{\"name\":\"b_sum\",\"labels\":{},\"value\":0.1}]");
	reads("a +Inf\n", "[{\"name\":\"a\",\"labels\":{},\"value\":null}]");
}

static void escapes(void **state)
{
	reads("a{b=\"\\\"}, \\\\n\\n\"} -1\n",
	      "[{\"name\":\"a\",\"labels\":{\"b\":\"\\\"}, \\\\n\\n\"},\"value\":-1}]");
	reads("a{b=\"\",} 0\n",
	      "[{\"name\":\"a\",\"labels\":{\"b\":\"\"},\"value\":0}]");
}

static void nonsense(void **state)
{
	static const char *const lines[] = {
		"a", "a ", "a b", " 1", "{} 1", "a{ 1", "a{b} 1", "a{b=} 1",
		"a{b=\"c} 1", "a{b=\"c\\", "a{b=\"c\"d=\"e\"} 1", "a{b=\"c\"",
		"a{b=\"c\"}1", "a 1 2", "good 1\nbad",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_null(metrics_to_json(lines[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples),
		cmocka_unit_test(escapes),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
