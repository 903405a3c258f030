// SPDX-License-Identifier: GPL-2.0-only
/*
 * What others do to the module's ESP states by xfrm's own netlink family: it is
 * safe, seen, and nothing is left (the runner looks at the kernel's log and
 * unloads the module afterwards). Needs the module with allow_raw=1, root and
 * iproute2.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include "kselftest_harness.h"
#include "clear.h"
#include "xfrm.h"

#define SGID "urn:cpns:test:esp-xfrm"
#define PLAIN "aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128"
#define REQID 0x40000009

FIXTURE(xfrm)
{
	struct cpns_test test;
	struct cpns_test events;
	struct cpns_test_sa out, in;
};

FIXTURE_SETUP(xfrm)
{
	const struct cpns_test_epoch epoch = {
		.sgid = SGID, .number = 1, .sid = 1,
	};

	ASSERT_EQ(0, cpns_test_lonely());
	ASSERT_EQ(0, cpns_test_open(&self->test));
	ASSERT_EQ(0, cpns_test_events_open(&self->events));
	ASSERT_LT(0, cpns_test_group_set(&self->test, &epoch)) {
		TH_LOG("%s", self->test.text);
	}
	self->out = (struct cpns_test_sa){
		.sgid = SGID, .epoch = 1, .sid = 1, .dir = CPNS_DIR_OUT,
		.src = "10.9.0.1", .dst = "10.9.0.2", .spi = 0x1000,
		.reqid = REQID, .mode = CPNS_SA_MODE_TRANSPORT,
	};
	self->in = self->out;
	self->in.sid = 2;
	self->in.dir = CPNS_DIR_IN;
	self->in.src = "10.9.0.2";
	self->in.dst = "10.9.0.1";
	self->in.spi = 0x1001;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out)) {
		TH_LOG("%s", self->test.text);
	}
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->in)) {
		TH_LOG("%s", self->test.text);
	}
	ASSERT_EQ(0, cpns_test_run("ip xfrm policy add dir out src 0.0.0.0/0 dst 0.0.0.0/0 tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid %u mode transport",
				   REQID));
}

FIXTURE_TEARDOWN(xfrm)
{
	cpns_test_close(&self->test);
	cpns_test_close(&self->events);
}

static uint64_t packets(struct cpns_test *test, const struct cpns_test_sa *sa)
{
	struct cpns_test_sa_state state;
	int ret = cpns_test_sa_get(test, sa->spi, sa->dir, &state);

	return ret ? (uint64_t)ret : state.packets;
}

/* the clone is ended as the state is: no state, nothing in clear */
TEST_F_TIMEOUT(xfrm, migrate_ends_the_state, 60)
{
	int clear = cpns_test_clear_open("void");
	struct cpns_test_event event;

	ASSERT_GE(clear, 0);
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	EXPECT_EQ(1u, packets(&self->test, &self->out));
	ASSERT_EQ(0, cpns_test_xfrm_migrate(&self->out, "10.9.0.1",
					    "10.9.0.3"));
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_GONE, 3000,
				     &event));
	EXPECT_EQ(0x1000u, event.spi);
	EXPECT_EQ(CPNS_REASON_DELETED, (int)event.reason);
	usleep(300000);
	EXPECT_EQ(1, cpns_test_run("ip xfrm state | grep 'spi 0x00001000'"));
	EXPECT_EQ(1, cpns_test_sa_count(&self->test, NULL));
	cpns_test_udp("10.9.0.2", 10);
	EXPECT_EQ(0, cpns_test_clear_seen(clear));
	/* the place is free again */
	EXPECT_EQ(0, cpns_test_sa_add(&self->test, &self->out));
	/* it would have been seen */
	ASSERT_EQ(0, cpns_test_run("ip xfrm policy flush"));
	EXPECT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	EXPECT_EQ(1, cpns_test_clear_seen(clear));
	close(clear);
}

/* both at once: the same destination, then a group that has ended */
TEST_F_TIMEOUT(xfrm, migrate_to_the_same_destination, 60)
{
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_xfrm_migrate(&self->out, "10.9.0.7",
					    "10.9.0.2"));
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_GONE, 3000,
				     &event));
	usleep(300000);
	EXPECT_EQ(1, cpns_test_run("ip xfrm state | grep 'spi 0x00001000'"));
	/* the inbound state was not concerned */
	EXPECT_EQ(0, cpns_test_run("ip xfrm state | grep -q 'spi 0x00001001'"));
}

TEST_F_TIMEOUT(xfrm, migrate_races_with_the_end, 60)
{
	for (int i = 0; i < 20; i++) {
		struct cpns_test_epoch next = {
			.sgid = SGID, .number = i + 2, .sid = 1,
		};

		cpns_test_xfrm_migrate(&self->out, "10.9.0.1", "10.9.0.2");
		ASSERT_LT(0, cpns_test_group_set(&self->test, &next));
		cpns_test_xfrm_migrate(&self->out, "10.9.0.1", "10.9.0.2");
		self->out.epoch = i + 2;
		self->out.spi++;
		ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out)) {
			TH_LOG("%s", self->test.text);
		}
		usleep(5000 * (i % 4));
	}
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, SGID));
	cpns_test_xfrm_migrate(&self->out, "10.9.0.1", "10.9.0.2");
	usleep(500000);
	EXPECT_EQ(1, cpns_test_run("ip xfrm state | grep 'aead'"));
}

/* an update changes limits, never the key; another key is not taken */
TEST_F_TIMEOUT(xfrm, update_changes_no_key, 60)
{
	ASSERT_EQ(0, cpns_test_xfrm_update(&self->out, 3, 0));
	EXPECT_EQ(0, cpns_test_run("ip -s xfrm state | grep 'hard 3(packets)'"));
	EXPECT_EQ(1, cpns_test_run("ip xfrm state | grep -i 000102030405060708090a0b0c0d0e0f"));
	/* nor is it given to a device */
	cpns_test_xfrm_update(&self->out, 3, if_nametoindex("void"));
	EXPECT_EQ(1, cpns_test_run("ip -d xfrm state | grep offload"));
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	EXPECT_EQ(1u, packets(&self->test, &self->out));
	EXPECT_EQ(2, cpns_test_sa_count(&self->test, NULL));
}

/* a limit that others set ends the state, and it is told */
TEST_F_TIMEOUT(xfrm, update_to_a_limit, 60)
{
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_xfrm_update(&self->out, 2, 0));
	for (int i = 0; i < 4; i++)
		cpns_test_udp("10.9.0.2", 10);
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_HARD, 3000,
				     &event));
	EXPECT_EQ(0x1000u, event.spi);
	EXPECT_EQ(1, cpns_test_sa_count(&self->test, NULL));
	EXPECT_EQ(0, cpns_test_sa_add(&self->test, &self->out));
}

/* a sequence number that is put back repeats no IV: that is the epoch's */
TEST_F_TIMEOUT(xfrm, newae_repeats_no_iv, 60)
{
	struct cpns_test_sa_state state;

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	ASSERT_EQ(0, cpns_test_xfrm_set_seq(&self->out, 0));
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	ASSERT_EQ(0, cpns_test_sa_get(&self->test, 0x1000, CPNS_DIR_OUT,
				      &state));
	EXPECT_EQ(1u, state.seq);
	/* added again, it goes on behind all four */
	ASSERT_EQ(0, cpns_test_sa_del(&self->test, &self->out));
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out));
	ASSERT_EQ(0, cpns_test_sa_get(&self->test, 0x1000, CPNS_DIR_OUT,
				      &state));
	EXPECT_EQ(4u, state.seq);
}

/* sequence numbers: told at 3/4, ended before they wrap */
TEST_F_TIMEOUT(xfrm, limits_are_told, 60)
{
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_xfrm_set_packets(&self->out,
						UINT32_MAX / 4 * 3 - 2));
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	EXPECT_EQ(-ETIME, cpns_test_event(&self->events, CPNS_CMD_SA_SOFT, 500,
					  &event));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_SOFT, 3000,
				     &event));
	EXPECT_EQ(0x1000u, event.spi);
	EXPECT_EQ(CPNS_REASON_EXHAUSTED, (int)event.reason);
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_IV_LOW, 3000,
				     &event));
	EXPECT_EQ(0x1000u, event.spi);
	EXPECT_EQ(1, event.sid);
	EXPECT_EQ(2, cpns_test_sa_count(&self->test, NULL));

	ASSERT_EQ(0, cpns_test_xfrm_set_packets(&self->out,
						UINT32_MAX - 65536 - 1));
	cpns_test_udp("10.9.0.2", 10);
	cpns_test_udp("10.9.0.2", 10);
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_HARD, 3000,
				     &event));
	EXPECT_EQ(0x1000u, event.spi);
	EXPECT_EQ(CPNS_REASON_EXHAUSTED, (int)event.reason);
	EXPECT_EQ(1, cpns_test_sa_count(&self->test, NULL));
	/* soft and low came once */
	EXPECT_EQ(-ETIME, cpns_test_event(&self->events, CPNS_CMD_SA_SOFT, 500,
					  &event));
}

/* so it is where xfrm counts fewer packets than numbers (GSO, esp4_offload) */
TEST_F_TIMEOUT(xfrm, sequence_numbers_are_told, 60)
{
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_xfrm_set_seq(&self->out,
					    UINT32_MAX / 4 * 3 - 2));
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	EXPECT_EQ(-ETIME, cpns_test_event(&self->events, CPNS_CMD_SA_SOFT, 2000,
					  &event));
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_SOFT, 3000,
				     &event));
	EXPECT_EQ(0x1000u, event.spi);
	EXPECT_EQ(CPNS_REASON_EXHAUSTED, (int)event.reason);
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_IV_LOW, 3000,
				     &event));
	EXPECT_EQ(1, event.sid);
	EXPECT_EQ(2, cpns_test_sa_count(&self->test, NULL));
	EXPECT_EQ(-ETIME, cpns_test_event(&self->events, CPNS_CMD_SA_SOFT, 2000,
					  &event));
}

/* the wire's 32 bits do not wrap even where others reset the count */
TEST_F_TIMEOUT(xfrm, sequence_does_not_wrap, 60)
{
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_xfrm_set_seq(&self->out, UINT32_MAX - 1));
	for (int i = 0; i < 4; i++)
		cpns_test_udp("10.9.0.2", 10);
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_HARD, 3000,
				     &event));
	EXPECT_EQ(0x1000u, event.spi);
	EXPECT_EQ(CPNS_REASON_EXHAUSTED, (int)event.reason);
	EXPECT_EQ(1, cpns_test_sa_count(&self->test, NULL));
}

TEST_F_TIMEOUT(xfrm, expire_by_hand, 60)
{
	struct cpns_test_event event;
	struct xfrm_user_expire expire = { .hard = 1 };

	expire.state.family = cpns_test_xfrm_address(self->in.dst,
						     &expire.state.id.daddr);
	expire.state.id.spi = htonl(self->in.spi);
	expire.state.id.proto = IPPROTO_ESP;
	ASSERT_EQ(0, cpns_test_xfrm(XFRM_MSG_EXPIRE, 0, &expire,
				    sizeof(expire), NULL));
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_GONE, 3000,
				     &event));
	EXPECT_EQ(0x1001u, event.spi);
	EXPECT_EQ(1, cpns_test_sa_count(&self->test, NULL));
}

/* monitors see handles */
TEST_F_TIMEOUT(xfrm, monitor_shows_no_key, 60)
{
	uint8_t key[36], secret[CPNS_SECRET_SIZE];
	char hex[80];

	cpns_test_secret(1, secret);
	ASSERT_EQ(0, cpns_test_traffic_key(SGID, 1, secret, CPNS_USE_ESP,
					   CPNS_AEAD_RFC4106, 1, 32, key, 36));
	for (int i = 0; i < 8; i++)
		sprintf(hex + 2 * i, "%02x", key[i]);
	ASSERT_EQ(0, cpns_test_sa_del(&self->test, &self->out));
	ASSERT_EQ(0, cpns_test_run("ip xfrm monitor >/tmp/cpns-monitor & sleep 1"));
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out));
	ASSERT_EQ(0, cpns_test_sa_del(&self->test, &self->out));
	sleep(1);
	EXPECT_EQ(0, cpns_test_run("grep -q 'rfc4106(gcm(aes)) 0x.*00000001000101' /tmp/cpns-monitor; "
				   "r=$?; kill $(pidof ip) 2>/dev/null; exit $r"));
	EXPECT_EQ(0, cpns_test_run("grep -q Deleted /tmp/cpns-monitor"));
	EXPECT_EQ(1, cpns_test_run("grep -i %s /tmp/cpns-monitor", hex));
}

/* flush where none is ours, and where all are */
TEST_F_TIMEOUT(xfrm, flush, 60)
{
	struct cpns_test_event event;

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, cpns_test_run("ip xfrm state flush"));
		usleep(300000);
		EXPECT_EQ(0, cpns_test_sa_count(&self->test, NULL));
	}
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_GONE,
					     2000, &event));
	EXPECT_EQ(-ETIME, cpns_test_event(&self->events, CPNS_CMD_SA_GONE, 300,
					  &event));
	ASSERT_EQ(0, cpns_test_run("ip xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp "
				   "spi 0x999 mode transport " PLAIN " && ip xfrm state flush"));
}

/* a saved dump, with its handle for a key, is no way in again */
TEST_F_TIMEOUT(xfrm, handles_are_no_keys_for_others, 60)
{
	EXPECT_NE(0, cpns_test_run("ip xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x2000 reqid %u mode transport "
				   "aead 'rfc4106(gcm(aes))' 0x0000000100000001000101 128 2>/dev/null",
				   REQID));
	EXPECT_NE(0, cpns_test_run("ip xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x2000 reqid %u mode transport "
				   "aead 'cpns(rfc4106(gcm(aes)))' 0x000000010000000100010120 128 2>/dev/null",
				   REQID));
}

TEST_HARNESS_MAIN
