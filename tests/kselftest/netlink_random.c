// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random input to all that the module takes: netlink messages, calls on its
 * keys, handles. A member in a namespace of its own, which nothing of it
 * names, must not notice; nothing may be left of it; the kernel must not
 * complain (the runner looks). Needs the module with allow_raw=1 and root.
 *
 * CPNS_RANDOM_SEED repeats a run, CPNS_RANDOM_MESSAGES says how many messages
 * are sent: 20,000, on a debug kernel (CPNS_DEBUG_KERNEL=1) 200,000. Key calls
 * and handles come between them. A machine on which it would last longer than
 * the runner waits fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "member.h"
#include "random.h"

#define MESSAGES	20000
#define MESSAGES_DEBUG	200000
/* seconds; the runner gives a test 600, and this one 4800 on a debug kernel */
#define LIMIT		400
#define LIMIT_DEBUG	4000
/* KiB that slabs may have grown by; a debug kernel keeps what was freed */
#define GROWTH		4096
#define GROWTH_DEBUG	131072

#define GC_DELAY "/proc/sys/kernel/keys/gc_delay"

static bool debug_kernel(void)
{
	const char *set = getenv("CPNS_DEBUG_KERNEL");

	return set && strcmp(set, "0");
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t some_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec << 20 ^ now.tv_nsec;
}

/* seconds */
static long now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_BOOTTIME, &at);
	return at.tv_sec;
}

static long meminfo(const char *field)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long kib = -1;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)))
			kib = strtol(line + strlen(field) + 1, NULL, 10);
	if (file)
		fclose(file);
	return kib;
}

/* keys are collected, namespaces end, RCU frees: all of that a bit later */
static long settled(void)
{
	cpns_test_run("sync; sleep 3; echo 3 >/proc/sys/vm/drop_caches; sleep 1");
	return meminfo("SUnreclaim") + meminfo("Percpu") +
	       meminfo("VmallocUsed");
}

struct counts {
	unsigned long sent, accepted, refused, calls, calls_accepted, keyed;
	unsigned long operations;
};

/* in a namespace that ends with it; 0, or -errno with words in @text */
static int run(uint64_t seed, unsigned long messages, long seconds,
	       struct counts *counts, char text[128])
{
	struct cpns_random *random = calloc(1, sizeof(*random));
	const long end = now() + seconds;
	int before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), ret;

	if (!random || before < 0 || unshare(CLONE_NEWNET))
		return -errno;
	keyctl_join_session_keyring(NULL);
	ret = cpns_random_open(random, seed);
	while (!ret && random->sent < messages && !random->violated[0]) {
		if (now() >= end)
			cpns_random_violated(random, "%lu messages in time",
					     random->sent);
		cpns_random_step(random);
	}
	cpns_random_close(random);
	if (random->violated[0]) {
		memcpy(text, random->violated, sizeof(random->violated));
		ret = -EPROTO;
	}
	*counts = (struct counts) {
		random->sent, random->accepted, random->refused,
		random->calls, random->calls_accepted, random->keyed,
		random->operations,
	};
	free(random);
	if (setns(before, CLONE_NEWNET))
		ret = -errno;
	close(before);
	return ret;
}

FIXTURE(random)
{
	struct cpns_test_member member;
};

FIXTURE_SETUP(random)
{
	/* else revoked keys stay for five minutes */
	cpns_test_run("echo 1 >" GC_DELAY);
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "beside")) {
		TH_LOG("%s", self->member.test.text);
	}
}

FIXTURE_TEARDOWN(random)
{
	cpns_test_member_end(&self->member);
	cpns_test_run("echo 300 >" GC_DELAY);
}

TEST_F_TIMEOUT(random, nothing_happens_to_others, 5000)
{
	struct cpns_test_member *m = &self->member;
	const uint64_t seed = number_from("CPNS_RANDOM_SEED", some_seed());
	const unsigned long messages =
		number_from("CPNS_RANDOM_MESSAGES",
			    debug_kernel() ? MESSAGES_DEBUG : MESSAGES);
	const long limit = debug_kernel() ? LIMIT_DEBUG : LIMIT;
	const struct cpns_test_epoch after = {
		.sgid = "urn:cpns:test:after", .number = 1, .sid = 1,
	};
	struct counts counts = { 0 };
	char text[128] = "";
	long grown, began;
	int32_t serial;

	TH_LOG("CPNS_RANDOM_SEED=%llu CPNS_RANDOM_MESSAGES=%lu",
	       (unsigned long long)seed, messages);
	/* caches and pools have their size after that */
	ASSERT_EQ(0, run(seed + 2, messages / 10, limit / 10, &counts, text)) {
		TH_LOG("warming up: %s", text);
	}
	grown = settled();
	EXPECT_EQ(0, cpns_test_member_changed(m));

	began = now();
	EXPECT_EQ(0, run(seed, messages, limit, &counts, text)) {
		TH_LOG("%s", text);
	}
	began = now() - began;
	EXPECT_EQ(0, cpns_test_member_changed(m));
	grown = settled() - grown;
	TH_LOG("%lu messages in %ld s, answers: %lu accepted, %lu refused; %lu key calls, %lu accepted; %lu handles, %lu requests; memory %+ld KiB",
	       counts.sent, began, counts.accepted, counts.refused,
	       counts.calls, counts.calls_accepted, counts.keyed,
	       counts.operations, grown);
	EXPECT_LT(grown, debug_kernel() ? GROWTH_DEBUG : GROWTH);
	EXPECT_EQ(messages, counts.sent);

	/* it was not refused all of it, nor taken all */
	EXPECT_GT(counts.accepted, counts.sent / 50);
	EXPECT_GT(counts.refused, counts.sent / 50);
	EXPECT_GT(counts.calls_accepted, counts.calls / 100);
	EXPECT_GT(counts.keyed, counts.sent / 1000);

	serial = cpns_test_group_set(&m->test, &after);
	EXPECT_GT(serial, 0) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_EQ(0, cpns_test_works(serial, 0, 1));
}

TEST_HARNESS_MAIN
