/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fault_nth.c and fault_use.c share; each is a program of its own. Every
 * allocation of each of their operations fails once, one after the other
 * (/proc/self/fail-nth). An operation that fails says so with a clean errno
 * and changes nothing; the group works on; the same operation succeeds when
 * tried again. The runner looks at the kernel's log and at kmemleak.
 *
 * Needs the debug kernel, the module with allow_raw=1 and root; everywhere
 * else it is skipped.
 */
#ifndef CPNS_FAULT_EACH_H
#define CPNS_FAULT_EACH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "fault.h"
#include "member.h"

/* no operation allocates this often */
#define MOST 600
#define TEXT (256 * 1024)

/* FIXTURE_DATA(fault), as a type that tools know for one */
#define fault_data _test_data_fault

FIXTURE(fault)
{
	struct cpns_test_member member;
	struct cpns_test_set set;	/* what is tried */
	struct cpns_test_sa sa;
	char sgid[96];			/* of the group that is tried */
	uint32_t number;		/* newest epoch of the member's group */
	uint16_t sid;
	int parent, fd;
	uint8_t sealed[128];
	long sealed_size;
	char *before, *after;
};

FIXTURE_SETUP(fault)
{
	int ret = cpns_test_fault_ready();

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no faults");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "fault")) {
		TH_LOG("%s", self->member.test.text);
	}
	self->number = MEMBER_EPOCH;
	self->parent = -1;
	self->fd = -1;
	self->before = malloc(TEXT);
	self->after = malloc(TEXT);
	ASSERT_NE(NULL, self->before);
	ASSERT_NE(NULL, self->after);
}

FIXTURE_TEARDOWN(fault)
{
	cpns_test_member_end(&self->member);
	free(self->before);
	free(self->after);
}

/* groups, node key, states */
static int look(struct fault_data *self, char *text)
{
	struct cpns_test *test = &self->member.test;
	struct cpns_test_node node;
	int ret = cpns_test_groups(test, text, TEXT - 256);
	size_t size = strlen(text);

	if (!ret)
		ret = cpns_test_node(test, CPNS_CMD_NODE_GET, &node);
	for (int i = 0; i < CPNS_X25519_SIZE; i++)
		size += sprintf(text + size, "%02x", node.public[i]);
	sprintf(text + size, " %d", cpns_test_sa_count(test, NULL));
	return ret;
}

struct operation {
	int (*prepare)(struct fault_data *self, unsigned int n);
	int (*act)(struct fault_data *self);
	/* what it did is there, whole; and make room for the next */
	int (*verify)(struct fault_data *self);
};

/*
 * -ENOBUFS: the answer itself had no memory, so that nobody can tell
 * the sender whether the request was carried out (netlink(7)).
 */
static void one_failure(struct __test_metadata *_metadata,
			struct fault_data *self,
			const struct operation *operation, unsigned int n,
			int ret)
{
	EXPECT_TRUE(ret == -ENOMEM || ret == -ENOBUFS) {
		TH_LOG("allocation %u: %s", n, strerror(-ret));
	}
	EXPECT_EQ(0, look(self, self->after));
	if (strcmp(self->before, self->after)) {
		EXPECT_EQ(-ENOBUFS, ret) {
			TH_LOG("after allocation %u failed: not %s but %s", n,
			       self->before, self->after);
		}
		return;
	}
	EXPECT_EQ(0, cpns_test_member_changed(&self->member)) {
		TH_LOG("after allocation %u failed", n);
	}
	ret = operation->act(self);
	EXPECT_EQ(0, ret) {
		TH_LOG("again, after allocation %u failed: %s, %s", n,
		       strerror(-ret), self->member.test.text);
	}
}

static void fail_each(struct __test_metadata *_metadata,
		      struct fault_data *self,
		      const struct operation *operation)
{
	unsigned int n, failures = 0;
	bool fired = true;
	int ret;

	for (n = 1; fired && n < MOST; n++) {
		if (operation->prepare)
			ASSERT_EQ(0, operation->prepare(self, n)) {
				TH_LOG("%s", self->member.test.text);
			}
		ASSERT_EQ(0, look(self, self->before));
		ASSERT_EQ(0, cpns_test_fault_arm(n));
		ret = operation->act(self);
		fired = cpns_test_fault_fired();
		if (!fired)
			EXPECT_EQ(0, ret);
		if (ret) {
			failures++;
			one_failure(_metadata, self, operation, n, ret);
		}
		if (operation->verify) {
			ret = operation->verify(self);
			ASSERT_EQ(0, ret) {
				TH_LOG("allocation %u, not whole: %s", n,
				       strerror(-ret));
			}
		}
	}
	EXPECT_FALSE(fired);
	EXPECT_GT(failures, 0);
	TH_LOG("%u allocations, %u of them were needed", n - 2, failures);
}

#endif
