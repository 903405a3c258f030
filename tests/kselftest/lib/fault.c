// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection for tests, see fault.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include "fault.h"

#define DEBUGFS "/sys/kernel/debug/"

static __thread int fail_nth = -1;

int cpns_test_fault_ready(void)
{
	static const char *const quiet[] = {
		DEBUGFS "failslab/verbose", DEBUGFS "fail_page_alloc/verbose",
	};
	static const char *const sleeping[] = {
		DEBUGFS "failslab/ignore-gfp-wait",
		DEBUGFS "fail_page_alloc/ignore-gfp-wait",
	};

	/* the process before this one's after a fork */
	if (fail_nth >= 0)
		close(fail_nth);
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		int ret = cpns_test_write(quiet[i], "0");

		if (!ret)
			ret = cpns_test_write(sleeping[i], "N");
		if (ret)
			return ret;
	}
	return 0;
}

int cpns_test_fault_arm(unsigned int n)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "%u", n);

	return pwrite(fail_nth, text, size, 0) == size ? 0 : -errno;
}

bool cpns_test_fault_fired(void)
{
	char text[16] = "";
	int keep = errno;
	bool fired;

	/* 0: it happened; else what is left of the count */
	fired = pread(fail_nth, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
	if (pwrite(fail_nth, "0", 1, 0) != 1)
		abort();
	errno = keep;
	return fired;
}

struct text {
	char *at;
	size_t left;
};

static void append(struct text *text, const char *name,
		   const struct nlattr *attribute)
{
	const uint8_t *byte = mnl_attr_get_payload(attribute);
	size_t size = mnl_attr_get_payload_len(attribute);
	int n = snprintf(text->at, text->left, " %s=", name);

	if (n < 0 || text->left < n + 2 * size + 1) {
		text->left = 0;
		return;
	}
	for (size_t i = 0; i < size; i++)
		n += sprintf(text->at + n, "%02x", byte[i]);
	text->at += n;
	text->left -= n;
}

static int epoch_text(const struct nlattr *attribute, void *context)
{
	static const char *const names[] = {
		[CPNS_E_NUM] = "num", [CPNS_E_STATE] = "state",
		[CPNS_E_SUITE] = "suite", [CPNS_E_SID] = "sid",
		[CPNS_E_KCV] = "kcv",
	};
	uint16_t type = mnl_attr_get_type(attribute);

	if (type <= CPNS_E_KCV && names[type])
		append(context, names[type], attribute);
	return MNL_CB_OK;
}

static int group_text(struct nlattr **a, void *context)
{
	struct nlattr *first = NULL, *last = NULL;
	struct text *text = context;

	for (int i = 1; i <= CPNS_A_MAX; i++) {
		if (a[i] && (!first || a[i] < first))
			first = a[i];
		if (a[i] && (!last || a[i] > last))
			last = a[i];
	}
	for (struct nlattr *each = first; each && each <= last;
	     each = mnl_attr_next(each))
		if (mnl_attr_get_type(each) == CPNS_A_EPOCH_INFO)
			mnl_attr_parse_nested(each, epoch_text, text);
		else
			append(text, "-", each);
	return text->left ? 0 : -E2BIG;
}

int cpns_test_groups(struct cpns_test *test, char *text, size_t size)
{
	struct text all = { .at = text, .left = size };
	char buffer[CPNS_TEST_BUFFER];

	text[0] = 0;
	return cpns_test_talk(test,
			      cpns_test_message(test, buffer,
						CPNS_CMD_GROUP_GET, NLM_F_DUMP),
			      group_text, &all);
}
