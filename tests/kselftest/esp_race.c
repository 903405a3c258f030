// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once on ESP states: states added and deleted, epochs set and
 * activated, packets sent, and others who flush, migrate and set sequence
 * numbers. The kernel does not complain, nothing is left, and no packet leaves
 * in clear. Needs the module with allow_raw=1, root and iproute2.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include "kselftest_harness.h"
#include "clear.h"
#include "xfrm.h"

#define SGID "urn:cpns:test:esp-race"
#define SECONDS 8

static atomic_bool stop;
static atomic_uint number;
static char refused[256];	/* why the last state was not added */

static struct cpns_test_sa outbound(uint32_t spi)
{
	return (struct cpns_test_sa){
		.sgid = SGID, .epoch = number, .sid = 1, .dir = CPNS_DIR_OUT,
		.src = "10.9.0.1", .dst = "10.9.0.2", .spi = spi, .reqid = 3,
		.mode = CPNS_SA_MODE_TRANSPORT,
	};
}

static void *add(void *context)
{
	uint32_t spi = 0x1000 * (1 + (uintptr_t)context);
	struct cpns_test test = { 0 };
	uintptr_t added = 0;

	for (int i = 0; !stop && !cpns_test_open(&test); i++) {
		struct cpns_test_sa sa = outbound(spi + i % 8);

		if (i % 2) {
			sa.dir = CPNS_DIR_IN;
			sa.sid = 2;
			sa.src = "10.9.0.2";
			sa.dst = "10.9.0.1";
		}
		if (cpns_test_sa_add(&test, &sa))
			snprintf(refused, sizeof(refused), "%s", test.text);
		else
			added++;
		if (i % 3)
			cpns_test_sa_del(&test, &sa);
		cpns_test_sa_count(&test, NULL);
		cpns_test_close(&test);
	}
	return (void *)added;
}

static void *set(void *context)
{
	struct cpns_test test = { 0 };
	uintptr_t done = 0;

	if (cpns_test_open(&test))
		return NULL;
	while (!stop) {
		const struct cpns_test_epoch epoch = {
			.sgid = SGID, .number = number + 1, .sid = 1,
			.atd = number % 3, .dtd = number % 3 + 1,
		};

		if (cpns_test_group_set(&test, &epoch) > 0) {
			number++;
			done++;
			usleep(100000);
			cpns_test_epoch_activate(&test, SGID, number);
		} else if (number % 5 == 4) {
			cpns_test_group_revoke(&test, SGID);
		}
		usleep(50000);
	}
	cpns_test_close(&test);
	return (void *)done;
}

static void *disturb(void *context)
{
	struct xfrm_usersa_flush flush = { .proto = IPPROTO_ESP };
	uintptr_t migrated = 0;

	for (int i = 0; !stop; i++) {
		struct cpns_test_sa sa = outbound(0x1000 + i % 8);

		migrated += !cpns_test_xfrm_migrate(&sa, "10.9.0.1",
						    "10.9.0.2");
		cpns_test_xfrm_set_seq(&sa, i);
		cpns_test_xfrm_set_packets(&sa, UINT32_MAX - 65538);
		cpns_test_udp("10.9.0.2", 100);
		if (i % 16 == 0)
			cpns_test_xfrm(XFRM_MSG_FLUSHSA, 0, &flush,
				       sizeof(flush), NULL);
		usleep(3000);
	}
	return (void *)migrated;
}

TEST(nothing_is_left)
{
	void *(*const all[])(void *) = { add, add, set, disturb };
	const struct cpns_test_epoch epoch = {
		.sgid = SGID, .number = 1, .sid = 1,
	};
	struct cpns_test test = { 0 };
	struct cpns_test_sa sa;
	pthread_t threads[4];
	void *done[4];
	int clear;

	ASSERT_EQ(0, cpns_test_lonely());
	clear = cpns_test_clear_open("void");
	ASSERT_GE(clear, 0);
	/* it would be seen */
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 100));
	ASSERT_EQ(1, cpns_test_clear_seen(clear));
	ASSERT_EQ(0, cpns_test_run("ip xfrm policy add dir out src 0.0.0.0/0 dst 0.0.0.0/0 "
				   "tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid 3"));
	ASSERT_EQ(0, cpns_test_open(&test));
	ASSERT_LT(0, cpns_test_group_set(&test, &epoch)) {
		TH_LOG("%s", test.text);
	}
	number = 1;
	/* a kernel may test ciphers at their first use, for half a minute */
	sa = outbound(0x100);
	ASSERT_EQ(0, cpns_test_sa_add(&test, &sa)) {
		TH_LOG("%s", test.text);
	}
	for (uintptr_t i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, all[i],
					    (void *)i));
	sleep(SECONDS * cpns_test_slowness());
	stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], &done[i]);
	TH_LOG("%lu and %lu states added, %lu epochs set, %lu migrated",
	       (long)done[0], (long)done[1], (long)done[2], (long)done[3]);
	for (int i = 0; i < 4; i++) {
		EXPECT_NE(NULL, done[i]) {
			TH_LOG("thread %d; last refusal: %s", i, refused);
		}
	}
	cpns_test_group_revoke(&test, SGID);
	sleep(1);
	EXPECT_EQ(0, cpns_test_clear_seen(clear));
	close(clear);
	EXPECT_EQ(0, cpns_test_sa_count(&test, NULL));
	EXPECT_EQ(1, cpns_test_run("ip xfrm state | grep aead"));
	cpns_test_close(&test);
}

TEST_HARNESS_MAIN
