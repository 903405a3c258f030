// SPDX-License-Identifier: GPL-2.0-only
/*
 * The line of a flow's step, as scripts and people read it, and --quiet; lines
 * that peers can cause.
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

static FILE *file;
static int before;

/* what is written to standard error from here, at this level */
static void begin(int level)
{
	file = tmpfile();
	before = dup(STDERR_FILENO);
	assert_non_null(file);
	assert_true(before >= 0);
	log_open("test", level);
	dup2(fileno(file), STDERR_FILENO);
}

static void end(char text[2048])
{
	size_t size;

	dup2(before, STDERR_FILENO);
	close(before);
	rewind(file);
	size = fread(text, 1, 2047, file);
	text[size] = 0;
	fclose(file);
}

static void written(int level, const struct log_flow *step, char text[2048])
{
	begin(level);
	log_flow_step(step);
	end(text);
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

static unsigned int lines(const char *text)
{
	unsigned int count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* what a peer can have written is limited, and what is left out is counted */
static void test_limited(void **state)
{
	static struct log_limit limit, other;
	char text[2048];
	unsigned int i;

	begin(LOG_WARNING);
	for (i = 0; i < 5000; i++)
		log_limited(&limit, LOG_WARNING, "line %u", i);
	end(text);
	/* a second or two may have passed, which opens it for a line each */
	assert_in_range(lines(text), LOG_BURST, LOG_BURST + 4);
	assert_memory_equal(text, "test line 0\ntest line 1\n", 24);
	begin(LOG_WARNING);
	log_limited(&other, LOG_WARNING, "of another place");
	log_limited(&other, LOG_INFO, "not wanted at this level");
	end(text);
	assert_string_equal(text, "test of another place\n");
	assert_int_equal(other.used, 1);

	/* a second later: one more, and what was not said */
	limit.at--;
	limit.used = LOG_BURST;
	limit.left_out = 4980;
	begin(LOG_WARNING);
	log_limited(&limit, LOG_WARNING, "again");
	end(text);
	assert_string_equal(text,
			    "test 4980 lines like the next one were left out\n"
			    "test again\n");
	/* an hour later: all of it, and no more than that */
	limit.at -= 3600;
	begin(LOG_WARNING);
	for (i = 0; i < 3 * LOG_BURST; i++)
		log_limited(&limit, LOG_WARNING, "late");
	end(text);
	assert_in_range(lines(text), LOG_BURST, LOG_BURST + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
