// SPDX-License-Identifier: GPL-2.0-only
/*
 * Epochs where things come in a rare order: clock steps, EVICTED before and
 * after an activation by hand, four epochs and a gap, redelivery, a pin after
 * KEKs; and a machine that sleeps: the test module cpns_sleep lets the time of
 * a suspend pass, since the devices of the test guest cannot sleep. Needs the
 * module with allow_raw=1, root, CPNS_BUILD.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/utsname.h>
#include "kselftest_harness.h"
#include "member.h"

#define DAY 86400

FIXTURE(rare)
{
	struct cpns_test_member member;
};

FIXTURE_SETUP(rare)
{
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "rare")) {
		TH_LOG("%s", self->member.test.text);
	}
}

FIXTURE_TEARDOWN(rare)
{
	cpns_test_member_end(&self->member);
}

#define STATE(number) \
	cpns_test_epoch_state(&self->member.test, self->member.sgid, number)

/* GROUP_SET with SECRET; @evicted 0: nobody */
static int set(struct cpns_test_member *m, uint32_t number, uint32_t atd,
	       uint32_t dtd, uint32_t lifetime, uint16_t evicted)
{
	const struct cpns_test_epoch epoch = {
		.sgid = m->sgid, .number = number, .atd = atd, .dtd = dtd,
		.lifetime = lifetime,
	};
	int32_t ret = cpns_test_set_begin(&m->set, &epoch);

	if (ret)
		return ret;
	m->set.secret = m->set.epoch_secret;
	m->set.has_sid = true;
	m->set.sid = MEMBER_SID;
	m->set.evicted_count = !!evicted;
	m->set.evicted[0] = evicted;
	ret = cpns_test_set_send(&m->test, &m->set);
	return ret < 0 ? ret : 0;
}

static int step_clock(int seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += seconds;
	return clock_settime(CLOCK_REALTIME, &now);
}

/* as NTP does on a machine that woke in 1970, and back */
TEST_F_TIMEOUT(rare, clock_steps_move_no_epoch, 120)
{
	struct cpns_test_member *m = &self->member;
	char line[256], *expires;

	for (int back = 0; back < 2; back++) {
		int step = back ? -3 * DAY : 3 * DAY;
		uint32_t number = 6 + back;

		ASSERT_EQ(0, set(m, number, 6, 40, DAY, 0));
		ASSERT_EQ(0, step_clock(step));
		sleep(2);
		EXPECT_EQ(CPNS_STATE_PENDING, STATE(number));
		EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(number - 1));
		sleep(7);
		EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(number));
		EXPECT_EQ(CPNS_STATE_RXONLY, STATE(number - 1));
		ASSERT_EQ(0, cpns_test_line(m->serial, line));
		expires = strstr(line, "expires=");
		ASSERT_NE(NULL, expires);
		EXPECT_LE(atoi(expires + 8), DAY - 8);
		EXPECT_GE(atoi(expires + 8), DAY - 60);
		EXPECT_EQ(0, cpns_test_works(m->serial, 0, MEMBER_SID));
		step_clock(-step);
	}
}

/* where the last one to send with ends before its ATD, nobody waits for it */
TEST_F_TIMEOUT(rare, no_gap_before_the_next_one, 60)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, set(m, 6, 0, 1, 4, 0));
	ASSERT_EQ(0, set(m, 7, 40, 50, 300, 0));
	ASSERT_EQ(0, set(m, 8, 45, 55, 300, 0));
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(6));
	EXPECT_EQ(CPNS_STATE_PENDING, STATE(7));
	sleep(6);
	EXPECT_EQ(CPNS_STATE_NONE, STATE(6));
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(7));
	EXPECT_EQ(CPNS_STATE_PENDING, STATE(8));
	EXPECT_EQ(0, cpns_test_works(m->serial, 0, MEMBER_SID));
}

/* what was asked for is what is shown: not a second more */
TEST_F_TIMEOUT(rare, expiry_is_rounded_once, 60)
{
	struct cpns_test_member *m = &self->member;
	char line[256], *expires;

	for (int i = 0; i < 8; i++) {
		const uint32_t lifetime = 100 + 7 * i;

		ASSERT_EQ(0, set(m, 6 + i, 0, 1, lifetime, 0));
		ASSERT_EQ(0, cpns_test_line(m->serial, line));
		expires = strstr(line, "expires=");
		ASSERT_NE(NULL, expires);
		EXPECT_LE(atoi(expires + 8), (int)lifetime);
		EXPECT_GE(atoi(expires + 8), (int)lifetime - 5);
	}
}

/* the evicted could derive the others' old keys: none outlives the activation */
TEST_F_TIMEOUT(rare, activation_by_hand_after_evicted, 60)
{
	struct cpns_test_member *m = &self->member;
	uint8_t sealed[CPNS_TEST_SEALED];

	ASSERT_EQ(0, set(m, 6, 600, 900, 0, MEMBER_SID + 1));
	EXPECT_EQ(CPNS_STATE_PENDING, STATE(6));
	EXPECT_EQ(0, cpns_test_out(m->fd, sealed));
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid, 6));
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(6));
	EXPECT_EQ(CPNS_STATE_NONE, STATE(MEMBER_EPOCH));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_back(m->fd, sealed));
	/* without EVICTED it receives on until its DTD */
	ASSERT_EQ(0, set(m, 7, 600, 900, 0, 0));
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid, 7));
	EXPECT_EQ(CPNS_STATE_RXONLY, STATE(6));
}

TEST_F_TIMEOUT(rare, redelivered_evicted_ends_nothing, 60)
{
	const struct cpns_test_sa in = {
		.sgid = self->member.sgid, .epoch = 6, .sid = MEMBER_SID + 1,
		.dir = CPNS_DIR_IN, .src = "192.0.2.1", .dst = "192.0.2.2",
		.spi = 0x1234, .mode = CPNS_SA_MODE_TUNNEL,
	};
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, set(m, 6, 0, 900, 0, MEMBER_SID + 2));
	ASSERT_EQ(0, cpns_test_sa_add(&m->test, &in)) {
		TH_LOG("%s", m->test.text);
	}
	/* the same epoch again, with other EVICTED: success, no change */
	EXPECT_EQ(0, set(m, 6, 0, 900, 0, MEMBER_SID + 1));
	EXPECT_EQ(1, cpns_test_sa_count(&m->test, m->sgid));
	/* a new epoch with it does */
	EXPECT_EQ(0, set(m, 7, 300, 900, 0, MEMBER_SID + 1));
	EXPECT_EQ(0, cpns_test_sa_count(&m->test, m->sgid));
}

TEST_F_TIMEOUT(rare, gap_above_four_epochs, 60)
{
	struct cpns_test_member *m = &self->member;

	for (uint32_t number = 6; number <= 8; number++)
		ASSERT_EQ(0, set(m, number, 600, 900, 0, 0));
	EXPECT_EQ(-EBUSY, set(m, 9, 600, 900, 0, 0));
	EXPECT_STREQ("four epochs are in use", m->test.text);
	EXPECT_EQ(0, set(m, 19, 600, 900, 0, 0));
	/* all older ones died, so it sends at once */
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(19));
	for (uint32_t number = MEMBER_EPOCH; number <= 8; number++)
		EXPECT_EQ(CPNS_STATE_NONE, STATE(number));
}

/* KEKs in mode base may be anybody's: after the pin they open nothing */
TEST_F_TIMEOUT(rare, pin_forgets_keks_of_mode_base, 60)
{
	struct cpns_test_member *m = &self->member;
	uint8_t osg[32], public[32];

	cpns_test_osg(1, osg, public);
	ASSERT_EQ(0, cpns_test_pin(&m->test, public));
	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_KEK, 9));
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "no ITEM gives the epoch secret to this node");
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_LEAF, 1));
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "no ITEM gives the epoch secret to this node");
}

static int64_t seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec;
}

static bool machine_can_sleep(void)
{
	return !cpns_test_run("grep -qw timekeeping_inject_sleeptime64 /proc/kallsyms && "
			      "grep -qw register_kprobe /proc/kallsyms");
}

/* for that long: 0, or -ETIME if it woke early; the wall clock is as before */
static int machine_sleeps(int seconds)
{
	int64_t boot = seconds_of(CLOCK_BOOTTIME);
	int64_t monotonic = seconds_of(CLOCK_MONOTONIC);
	struct utsname name;

	uname(&name);
	/* does its work at load, and does not stay */
	cpns_test_run("insmod %s/kselftest-module/%s/cpns_sleep.ko seconds=%d",
		      getenv("CPNS_BUILD"), name.release, seconds);
	step_clock(-seconds);
	boot = seconds_of(CLOCK_BOOTTIME) - boot;
	monotonic = seconds_of(CLOCK_MONOTONIC) - monotonic;
	return boot - monotonic >= seconds - 1 ? 0 : -ETIME;
}

#define NO_SLEEP "this kernel cannot pretend to have slept"

/* who wakes up after an epoch's end does not use it once more */
TEST_F_TIMEOUT(rare, sleep_counts, 120)
{
	struct cpns_test_member *m = &self->member;
	uint8_t sealed[2][CPNS_TEST_SEALED];
	int fd;

	if (!machine_can_sleep())
		SKIP(return, NO_SLEEP);
	ASSERT_EQ(0, set(m, 6, 2000, 3000, 5000, 0));
	EXPECT_EQ(CPNS_STATE_PENDING, STATE(6));
	ASSERT_EQ(0, cpns_test_out(m->fd, sealed[0]));
	ASSERT_EQ(0, machine_sleeps(2500));
	EXPECT_EQ(-ESTALE, cpns_test_out(m->fd, sealed[1]));
	EXPECT_EQ(0, cpns_test_back(m->fd, sealed[0]));
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(6));
	fd = cpns_test_keyed(m->serial, 6, MEMBER_SID);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, cpns_test_out(fd, sealed[1]));
	/* past the drain time of 5 */
	ASSERT_EQ(0, machine_sleeps(1000));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_back(m->fd, sealed[0]));
	EXPECT_EQ(0, cpns_test_back(fd, sealed[1]));
	/* past the lifetime of 6 */
	ASSERT_EQ(0, machine_sleeps(2000));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_out(fd, sealed[0]));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_back(fd, sealed[1]));
	/* and it is not kept until its timer of before the sleep */
	for (int i = 0; i < 100 && STATE(6) != CPNS_STATE_NONE; i++)
		usleep(100000);
	EXPECT_EQ(CPNS_STATE_NONE, STATE(6));
	close(fd);
}

TEST_F_TIMEOUT(rare, rotated_node_key_lasts_300_seconds, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_node node;

	if (!machine_can_sleep())
		SKIP(return, NO_SLEEP);
	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_ROTATE, &node));
	ASSERT_EQ(0, machine_sleeps(200));
	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_GET, &node));
	EXPECT_TRUE(node.has_previous);
	/* m->node is the one before */
	ASSERT_EQ(0, cpns_test_member_sealed(m, 6, MEMBER_SID));
	EXPECT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	ASSERT_EQ(0, machine_sleeps(100));
	ASSERT_EQ(0, cpns_test_member_sealed(m, 7, MEMBER_SID));
	EXPECT_EQ(-EKEYREJECTED, cpns_test_set_send(&m->test, &m->set));
	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_GET, &node));
	EXPECT_FALSE(node.has_previous);
}

TEST_HARNESS_MAIN
