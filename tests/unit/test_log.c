// SPDX-License-Identifier: GPL-2.0-only
/*
 * The line of a flow's step, as scripts and people read it, and --quiet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* what the step writes to standard error at this level */
static void written(int level, const struct log_flow *step, char text[2048])
{
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	size_t size;

	assert_non_null(file);
	assert_true(before >= 0);
	log_open("test", level);
	dup2(fileno(file), STDERR_FILENO);
	log_flow_step(step);
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(file);
	size = fread(text, 1, 2047, file);
	text[size] = 0;
	fclose(file);
}

static void test_step(void **state)
{
	static const char start[] =
		"server B.2.1.1 step 10 CSKMF->SECA group=sip:a?b num=65 node=gw1 boottime_us=";
	struct log_flow step = {
		.role = "server", .flow = "B.2.1.1", .step = 10,
		.from = "CSKMF", .to = "SECA", .sgid = "sip:a\nb",
		.num = 65, .node = "gw1",
	};
	char text[2048], *end;

	written(LOG_INFO, &step, text);
	assert_memory_equal(text, start, strlen(start));
	assert_true(strtoull(text + strlen(start), &end, 10) > 0);
	assert_string_equal(end, "\n");
	step.num = 0;
	step.node = NULL;
	written(LOG_INFO, &step, text);
	assert_non_null(strstr(text, "group=sip:a?b boottime_us="));
}

static void test_quiet(void **state)
{
	const struct log_flow step = {
		.role = "server", .flow = "B.2.1.1", .step = 1,
		.from = "SMF", .to = "CSKMF", .sgid = "sip:a",
	};
	char text[2048];

	written(LOG_WARNING, &step, text);
	assert_string_equal(text, "");
}

static void test_too_long(void **state)
{
	char sgid[3000], text[2048];
	const struct log_flow step = {
		.role = "server", .flow = "B.2.1.1", .step = 1,
		.from = "SMF", .to = "CSKMF", .sgid = sgid,
	};

	memset(sgid, 'a', sizeof(sgid) - 1);
	sgid[sizeof(sgid) - 1] = 0;
	written(LOG_INFO, &step, text);
	assert_int_equal(strlen(text), 1024);
	assert_int_equal(text[1023], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
