// SPDX-License-Identifier: GPL-2.0-only
/*
 * Epochs through their states, on the clock and by EVICTED, ELAPSED, a fifth
 * epoch, EPOCH_ACTIVATE; and the event of each change. Needs the module with
 * allow_raw=1 and root.
 *
 * Times are checked with some seconds to spare above: the machine may be slow.
 * A change that comes too early is a failure whatever the machine.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "sealed.h"

#define SID 0x0102
#define SPARE 4000

FIXTURE(epoch)
{
	struct cpns_test test, events;
	struct cpns_test_epoch epoch;
	char sgid[64];
	int32_t serial;
};

/* epoch 1, active at once although it has an ATD */
FIXTURE_SETUP(epoch)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, cpns_test_open(&self->test));
	ASSERT_EQ(0, cpns_test_events_open(&self->events));
	snprintf(self->sgid, sizeof(self->sgid), "urn:cpns:test:epoch-%d",
		 getpid());
	self->epoch = (struct cpns_test_epoch) {
		.sgid = self->sgid, .number = 1, .sid = SID, .atd = 900,
		.dtd = 1000,
	};
	self->serial = cpns_test_group_set(&self->test, &self->epoch);
	ASSERT_GT(self->serial, 0) {
		TH_LOG("%s", self->test.text);
	}
}

FIXTURE_TEARDOWN(epoch)
{
	cpns_test_group_revoke(&self->test, self->sgid);
	cpns_test_close(&self->events);
	cpns_test_close(&self->test);
}

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int set(struct cpns_test *test, struct cpns_test_epoch *epoch,
	       uint32_t number, uint32_t atd, uint32_t dtd)
{
	int32_t ret;

	epoch->number = number;
	epoch->atd = atd;
	epoch->dtd = dtd;
	ret = cpns_test_group_set(test, epoch);
	return ret < 0 ? ret : 0;
}

/* the next event EPOCH_CHANGE is of this epoch, to this state */
#define EXPECT_CHANGE(number, to, why) do { \
	struct cpns_test_event event_ = { 0 }; \
	EXPECT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_EPOCH_CHANGE, \
				     15000, &event_)); \
	EXPECT_EQ((uint32_t)(number), event_.epoch); \
	EXPECT_EQ((uint32_t)(to), event_.state); \
	EXPECT_EQ((uint32_t)(why), event_.reason); \
} while (0)

#define STATE(number) \
	cpns_test_epoch_state(&self->test, self->sgid, number)

/* between @milliseconds and as much later as a slow machine needs */
#define EXPECT_AFTER(begin, milliseconds) do { \
	int64_t past_ = milliseconds_now() - (begin); \
	EXPECT_GE(past_, (milliseconds) - 150); \
	EXPECT_LE(past_, (milliseconds) + SPARE); \
} while (0)

TEST_F_TIMEOUT(epoch, active_at_once_without_an_older_one, 60)
{
	EXPECT_CHANGE(1, CPNS_STATE_ACTIVE, 0);
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(1));
	EXPECT_EQ(0, cpns_test_works(self->serial, 0, SID));
}

TEST_F_TIMEOUT(epoch, states_in_time, 120)
{
	int fd = cpns_test_keyed(self->serial, 1, SID), newer;
	uint8_t sealed[CPNS_TEST_SEALED], other[CPNS_TEST_SEALED];
	int64_t begin;

	EXPECT_CHANGE(1, CPNS_STATE_ACTIVE, 0);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, cpns_test_out(fd, sealed));
	ASSERT_EQ(0, set(&self->test, &self->epoch, 2, 4, 8));
	begin = milliseconds_now();
	EXPECT_CHANGE(2, CPNS_STATE_PENDING, 0);
	EXPECT_EQ(CPNS_STATE_PENDING, STATE(2));
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(1));
	newer = cpns_test_keyed(self->serial, 2, SID);
	ASSERT_GE(newer, 0);
	EXPECT_EQ(-ESTALE, cpns_test_out(newer, other));
	EXPECT_EQ(0, cpns_test_out(fd, sealed));

	/* ATD: the new one sends, the old one receives, told in any order */
	struct cpns_test_event event;

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, cpns_test_event(&self->events,
					     CPNS_CMD_EPOCH_CHANGE, 15000,
					     &event));
		EXPECT_EQ(event.epoch == 2 ? CPNS_STATE_ACTIVE
					   : CPNS_STATE_RXONLY,
			  (int)event.state);
	}
	EXPECT_AFTER(begin, 4000);
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(2));
	EXPECT_EQ(CPNS_STATE_RXONLY, STATE(1));
	EXPECT_EQ(0, cpns_test_out(newer, other));
	EXPECT_EQ(0, cpns_test_back(newer, other));
	EXPECT_EQ(-ESTALE, cpns_test_out(fd, other));
	EXPECT_EQ(0, cpns_test_back(fd, sealed));

	/* DTD: the old one is wiped */
	EXPECT_CHANGE(1, CPNS_STATE_DEAD, 0);
	EXPECT_AFTER(begin, 8000);
	EXPECT_EQ(CPNS_STATE_NONE, STATE(1));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_back(fd, sealed));
	EXPECT_EQ(0, cpns_test_works(self->serial, 0, SID));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_keyed(self->serial, 1, SID));
	close(newer);
	close(fd);
}

TEST_F_TIMEOUT(epoch, pending_decrypts, 60)
{
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd;

	/* what another member, activated earlier, sends */
	ASSERT_EQ(0, set(&self->test, &self->epoch, 2, 600, 900));
	ASSERT_EQ(0, cpns_test_sent_by(self->sgid, 2, SID + 1, sealed));
	fd = cpns_test_keyed(self->serial, 2, SID + 1);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, cpns_test_back(fd, sealed));
	EXPECT_EQ(CPNS_STATE_PENDING, STATE(2));
	close(fd);
}

TEST_F_TIMEOUT(epoch, elapsed_shortens, 120)
{
	struct cpns_test_set message;
	const struct cpns_test_epoch next = {
		.sgid = self->sgid, .number = 2, .atd = 102, .dtd = 104,
		.lifetime = 106,
	};
	int64_t begin;

	EXPECT_CHANGE(1, CPNS_STATE_ACTIVE, 0);
	ASSERT_EQ(0, cpns_test_set_begin(&message, &next));
	message.secret = message.epoch_secret;
	message.has_sid = true;
	message.sid = SID;
	message.elapsed = 100;
	ASSERT_EQ(self->serial, cpns_test_set_send(&self->test, &message)) {
		TH_LOG("%s", self->test.text);
	}
	begin = milliseconds_now();
	EXPECT_CHANGE(2, CPNS_STATE_PENDING, 0);
	struct cpns_test_event event;

	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, cpns_test_event(&self->events,
					     CPNS_CMD_EPOCH_CHANGE, 15000,
					     &event));
	EXPECT_AFTER(begin, 2000);
	EXPECT_CHANGE(1, CPNS_STATE_DEAD, 0);
	EXPECT_AFTER(begin, 4000);
	EXPECT_CHANGE(2, CPNS_STATE_DEAD, CPNS_REASON_EXPIRED);
	EXPECT_AFTER(begin, 6000);
	EXPECT_EQ(-ENOKEY, cpns_test_keyed(self->serial, 0, SID));
}

TEST_F_TIMEOUT(epoch, elapsed_beyond_atd_and_dtd, 60)
{
	struct cpns_test_set message;
	const struct cpns_test_epoch next = {
		.sgid = self->sgid, .number = 2, .atd = 10, .dtd = 20,
	};

	ASSERT_EQ(0, cpns_test_set_begin(&message, &next));
	message.secret = message.epoch_secret;
	message.has_sid = true;
	message.sid = SID;
	message.elapsed = 4294967295U;
	ASSERT_EQ(self->serial, cpns_test_set_send(&self->test, &message));
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(2));
	EXPECT_EQ(CPNS_STATE_NONE, STATE(1));
}

TEST_F_TIMEOUT(epoch, lifetime_ends_it, 60)
{
	int fd = cpns_test_keyed(self->serial, 0, SID);
	uint8_t sealed[CPNS_TEST_SEALED];
	int64_t begin;

	ASSERT_GE(fd, 0);
	self->epoch.lifetime = 6;
	ASSERT_EQ(0, set(&self->test, &self->epoch, 2, 1, 2));
	begin = milliseconds_now();
	EXPECT_CHANGE(1, CPNS_STATE_ACTIVE, 0);
	EXPECT_CHANGE(2, CPNS_STATE_PENDING, 0);
	sleep(2);
	close(fd);
	fd = cpns_test_keyed(self->serial, 2, SID);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, cpns_test_out(fd, sealed));
	while (milliseconds_now() - begin < 6200)
		usleep(50000);
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_out(fd, sealed));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_back(fd, sealed));
	EXPECT_EQ(CPNS_STATE_NONE, STATE(2));
	/* the group lives, and takes the next */
	self->epoch.lifetime = 0;
	ASSERT_EQ(0, set(&self->test, &self->epoch, 3, 900, 901));
	EXPECT_EQ(0, cpns_test_works(self->serial, 3, SID));
	close(fd);
}

TEST_F_TIMEOUT(epoch, activate, 60)
{
	struct cpns_test *test = &self->test;
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd = cpns_test_keyed(self->serial, 1, SID), ret = 0;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, set(test, &self->epoch, 2, 600, 900));
	ASSERT_EQ(0, cpns_test_out(fd, sealed));
	EXPECT_EQ(-ENOKEY, cpns_test_epoch_activate(test, self->sgid, 3));
	EXPECT_STREQ("the group has no such epoch", test->text);
	ASSERT_EQ(0, cpns_test_epoch_activate(test, self->sgid, 2));
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(2));
	EXPECT_EQ(CPNS_STATE_RXONLY, STATE(1));
	for (int i = 0; i < 20 && !ret; i++) {
		ret = cpns_test_out(fd, sealed);
		usleep(100000);
	}
	EXPECT_EQ(-ESTALE, ret);
	EXPECT_EQ(0, cpns_test_epoch_activate(test, self->sgid, 2));
	EXPECT_EQ(-ESTALE, cpns_test_epoch_activate(test, self->sgid, 1));
	EXPECT_STREQ("a newer epoch is active", test->text);
	EXPECT_EQ(-ENOKEY, cpns_test_epoch_activate(test, "urn:none", 1));
	EXPECT_STREQ("no such group in this namespace", test->text);
	close(fd);
}

static int evict(struct cpns_test *test, const char *sgid, uint32_t number,
		 uint16_t sid, uint32_t atd)
{
	const struct cpns_test_epoch next = {
		.sgid = sgid, .number = number, .atd = atd, .dtd = 900,
	};
	struct cpns_test_set message;
	int32_t ret = cpns_test_set_begin(&message, &next);

	if (ret)
		return ret;
	message.secret = message.epoch_secret;
	message.has_sid = true;
	message.sid = SID;
	message.evicted_count = 1;
	message.evicted[0] = sid;
	ret = cpns_test_set_send(test, &message);
	return ret < 0 ? ret : 0;
}

/* the evicted one's at once, the others' when the new one is active */
TEST_F_TIMEOUT(epoch, evicted, 60)
{
	uint8_t sealed[2][CPNS_TEST_SEALED];
	int fd[2], own;

	for (int i = 0; i < 2; i++) {
		uint16_t sid = SID + 1 + i;

		ASSERT_EQ(0, cpns_test_sent_by(self->sgid, 1, sid, sealed[i]));
		fd[i] = cpns_test_keyed(self->serial, 1, sid);
		ASSERT_GE(fd[i], 0);
		EXPECT_EQ(0, cpns_test_back(fd[i], sealed[i]));
	}
	own = cpns_test_keyed(self->serial, 1, SID);
	ASSERT_GE(own, 0);
	ASSERT_EQ(0, evict(&self->test, self->sgid, 2, SID + 1, 5));
	EXPECT_EQ(-EKEYREJECTED, cpns_test_back(fd[0], sealed[0]));
	EXPECT_EQ(0, cpns_test_back(fd[1], sealed[1]));
	/* nor is a new handle of it good */
	EXPECT_EQ(-EKEYREJECTED, cpns_test_keyed(self->serial, 1, SID + 1));

	/* DTD does not count: older keys could be derived by the evicted */
	sleep(7);
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(2));
	EXPECT_EQ(CPNS_STATE_NONE, STATE(1));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_back(fd[1], sealed[1]));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_out(own, sealed[0]));
	EXPECT_EQ(0, cpns_test_works(self->serial, 0, SID));
	for (int i = 0; i < 2; i++)
		close(fd[i]);
	close(own);
}

/* one message of another sender, by a handle of its own */
static int decrypts(int32_t serial, const char *sgid, uint32_t number,
		    uint16_t sid)
{
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd = cpns_test_keyed(serial, number, sid), ret;

	if (fd < 0)
		return fd;
	ret = cpns_test_sent_by(sgid, number, sid, sealed);
	if (!ret)
		ret = cpns_test_back(fd, sealed);
	close(fd);
	return ret;
}

#define DECRYPTS(number, sid) \
	decrypts(self->serial, self->sgid, number, sid)

/* whom an earlier message evicted stays so while the older epochs live */
TEST_F_TIMEOUT(epoch, evicted_twice, 60)
{
	uint8_t sealed[3][CPNS_TEST_SEALED];
	int fd[3];

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, cpns_test_sent_by(self->sgid, 1, SID + 1 + i,
					       sealed[i]));
		fd[i] = cpns_test_keyed(self->serial, 1, SID + 1 + i);
		ASSERT_GE(fd[i], 0);
	}
	ASSERT_EQ(0, evict(&self->test, self->sgid, 2, SID + 1, 600));
	ASSERT_EQ(0, evict(&self->test, self->sgid, 3, SID + 2, 700));
	EXPECT_EQ(-EKEYREJECTED, cpns_test_back(fd[0], sealed[0]));
	EXPECT_EQ(-EKEYREJECTED, cpns_test_back(fd[1], sealed[1]));
	EXPECT_EQ(0, cpns_test_back(fd[2], sealed[2]));
	EXPECT_EQ(-EKEYREJECTED, DECRYPTS(1, SID + 1));
	EXPECT_EQ(-EKEYREJECTED, DECRYPTS(1, SID + 2));
	EXPECT_EQ(0, DECRYPTS(1, SID + 3));

	/* in the epoch that evicts, the id is somebody else's */
	EXPECT_EQ(0, DECRYPTS(2, SID + 1));
	EXPECT_EQ(-EKEYREJECTED, DECRYPTS(2, SID + 2));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, DECRYPTS(3, SID + 1 + i));
		close(fd[i]);
	}
}

TEST_F_TIMEOUT(epoch, fifth_epoch, 60)
{
	struct cpns_test *test = &self->test;

	/* 1 and 2 receive only, 3 sends, 4 waits */
	for (uint32_t i = 2; i <= 3; i++) {
		ASSERT_EQ(0, set(test, &self->epoch, i, 800, 900));
		ASSERT_EQ(0, cpns_test_epoch_activate(test, self->sgid, i));
	}
	ASSERT_EQ(0, set(test, &self->epoch, 4, 800, 900));
	ASSERT_EQ(CPNS_STATE_RXONLY, STATE(1));

	ASSERT_EQ(0, set(test, &self->epoch, 5, 850, 900));
	EXPECT_EQ(CPNS_STATE_NONE, STATE(1));
	EXPECT_EQ(CPNS_STATE_RXONLY, STATE(2));
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(3));
	ASSERT_EQ(0, set(test, &self->epoch, 6, 860, 900));
	EXPECT_EQ(CPNS_STATE_NONE, STATE(2));
	EXPECT_EQ(CPNS_STATE_ACTIVE, STATE(3));

	/* never the active one, nor one that waits */
	EXPECT_EQ(-EBUSY, set(test, &self->epoch, 7, 870, 900));
	EXPECT_STREQ("four epochs are in use", test->text);
	EXPECT_EQ(0, cpns_test_works(self->serial, 3, SID));
	for (uint32_t i = 4; i <= 6; i++)
		EXPECT_EQ(CPNS_STATE_PENDING, STATE(i));
}

TEST_F_TIMEOUT(epoch, events_of_the_end, 60)
{
	struct cpns_test_event event;

	EXPECT_CHANGE(1, CPNS_STATE_ACTIVE, 0);
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, self->sgid));
	EXPECT_CHANGE(1, CPNS_STATE_DEAD, CPNS_REASON_REVOKED);
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_GROUP_GONE, 5000,
				     &event));
	EXPECT_EQ(CPNS_REASON_REVOKED, (int)event.reason);
}

TEST_F_TIMEOUT(epoch, key_wanted, 60)
{
	struct cpns_test_event event;

	EXPECT_EQ(-ENOKEY, cpns_test_keyed(self->serial, 9, SID));
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_KEY_WANTED, 5000,
				     &event));
	EXPECT_EQ(9, (int)event.epoch);
	/* at most once a second */
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(-ENOKEY, cpns_test_keyed(self->serial, 9, SID));
	EXPECT_EQ(-ETIME, cpns_test_event(&self->events, CPNS_CMD_KEY_WANTED,
					  300, &event));
}

TEST_HARNESS_MAIN
