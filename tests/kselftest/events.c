// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an event tells: each attribute of one event of each kind, compared with
 * what was set. When they come is the matter of other tests. Needs the module
 * with allow_raw=1, root and iproute2.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "member.h"
#include "xfrm.h"

#define SGID "urn:cpns:test:events"
#define SID 0x0102
#define OTHER 0x0304

FIXTURE(events)
{
	struct cpns_test_member member;
};

FIXTURE_SETUP(events)
{
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "events")) {
		TH_LOG("%s", self->member.test.text);
	}
	/* of the beginning */
	ASSERT_EQ(0, cpns_test_event(&self->member.events,
				     CPNS_CMD_EPOCH_CHANGE, 5000, &event));
}

FIXTURE_TEARDOWN(events)
{
	cpns_test_member_end(&self->member);
}

/* the next event of this kind into @event */
#define EVENT(events, kind, event)					\
	ASSERT_EQ(0, cpns_test_event(events, CPNS_CMD_##kind, 5000, event))

/* the three that name a group; one that has ended has no serial number */
#define EXPECT_GROUP(event, sgid_set, serial_set) do {			\
	uint8_t _tag[CPNS_TAG_SIZE];					\
									\
	cpns_test_tag(sgid_set, _tag);					\
	EXPECT_STREQ(sgid_set, (event)->sgid);				\
	EXPECT_EQ(serial_set, (event)->serial);				\
	EXPECT_EQ(0, memcmp(_tag, (event)->tag, sizeof(_tag)));		\
} while (0)

TEST_F_TIMEOUT(events, epoch_change, 60)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, SID));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	EVENT(&m->events, EPOCH_CHANGE, &event);
	EXPECT_GROUP(&event, m->sgid, m->serial);
	EXPECT_EQ(MEMBER_EPOCH + 1, (int)event.epoch);
	EXPECT_EQ(CPNS_STATE_PENDING, (int)event.state);
	EXPECT_EQ(SID, event.sid);
	EXPECT_EQ(CPNS_REASON_NONE, (int)event.reason);
}

TEST_F_TIMEOUT(events, sender_reset, 60)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH, OTHER));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	EVENT(&m->events, SENDER_RESET, &event);
	EXPECT_GROUP(&event, m->sgid, m->serial);
	EXPECT_EQ(MEMBER_EPOCH, (int)event.epoch);
	EXPECT_EQ(OTHER, event.sid);
	EXPECT_EQ(CPNS_REASON_NEW_SID, (int)event.reason);
}

TEST_F_TIMEOUT(events, node_change, 60)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;
	struct cpns_test_node node;

	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_ROTATE, &node));
	EVENT(&m->events, NODE_CHANGE, &event);
	EXPECT_EQ(0, memcmp(node.public, event.pubkey, sizeof(event.pubkey)));
	EXPECT_NE(0, memcmp(m->node.public, event.pubkey,
			    sizeof(event.pubkey)));
	EXPECT_EQ(CPNS_REASON_ROTATED, (int)event.reason);
	EXPECT_STREQ("", event.sgid);
}

TEST_F_TIMEOUT(events, key_wanted, 60)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;

	EXPECT_EQ(-ENOKEY, cpns_test_keyed(m->serial, 70000, MEMBER_SID));
	EVENT(&m->events, KEY_WANTED, &event);
	EXPECT_GROUP(&event, m->sgid, m->serial);
	EXPECT_EQ(70000, (int)event.epoch);
}

/* the end of an epoch and that of its group */
TEST_F_TIMEOUT(events, group_gone, 60)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_group_revoke(&m->test, m->sgid));
	EVENT(&m->events, EPOCH_CHANGE, &event);
	EXPECT_GROUP(&event, m->sgid, 0);
	EXPECT_EQ(MEMBER_EPOCH, (int)event.epoch);
	EXPECT_EQ(CPNS_STATE_DEAD, (int)event.state);
	EXPECT_EQ(CPNS_REASON_REVOKED, (int)event.reason);
	EVENT(&m->events, GROUP_GONE, &event);
	EXPECT_GROUP(&event, m->sgid, 0);
	EXPECT_EQ(CPNS_REASON_REVOKED, (int)event.reason);
}

/* the same epoch with another key check value */
TEST_F_TIMEOUT(events, alarm, 60)
{
	struct cpns_test_member *m = &self->member;
	const uint8_t secret[CPNS_SECRET_SIZE] = { 99 };
	const struct cpns_test_epoch epoch = {
		.sgid = m->sgid, .number = MEMBER_EPOCH, .sid = MEMBER_SID,
		.secret = secret,
	};
	struct cpns_test_event event;

	EXPECT_EQ(-EKEYREJECTED, cpns_test_group_set(&m->test, &epoch));
	EVENT(&m->events, ALARM, &event);
	EXPECT_GROUP(&event, m->sgid, m->serial);
	EXPECT_EQ(MEMBER_EPOCH, (int)event.epoch);
	EXPECT_EQ(CPNS_REASON_KCV_MISMATCH, (int)event.reason);
}

FIXTURE(states)
{
	struct cpns_test test, events;
	struct cpns_test_sa out, in;
	int32_t serial;
};

FIXTURE_SETUP(states)
{
	const struct cpns_test_epoch epoch = {
		.sgid = SGID, .number = 7, .sid = SID,
	};

	ASSERT_EQ(0, cpns_test_lonely());
	ASSERT_EQ(0, cpns_test_open(&self->test));
	ASSERT_EQ(0, cpns_test_events_open(&self->events));
	self->serial = cpns_test_group_set(&self->test, &epoch);
	ASSERT_LT(0, self->serial) {
		TH_LOG("%s", self->test.text);
	}
	self->out = (struct cpns_test_sa){
		.sgid = SGID, .epoch = 7, .sid = SID, .dir = CPNS_DIR_OUT,
		.src = "10.9.0.1", .dst = "10.9.0.2", .spi = 0x12345678,
		.reqid = 0x40000009, .mode = CPNS_SA_MODE_TRANSPORT,
	};
	self->in = (struct cpns_test_sa){
		.sgid = SGID, .epoch = 7, .sid = OTHER, .dir = CPNS_DIR_IN,
		.src = "2001:db8:9::2", .dst = "2001:db8:9::1",
		.spi = 0x87654321, .reqid = 11, .mode = CPNS_SA_MODE_TUNNEL,
	};
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out)) {
		TH_LOG("%s", self->test.text);
	}
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->in)) {
		TH_LOG("%s", self->test.text);
	}
	ASSERT_EQ(0, cpns_test_run("ip xfrm policy add dir out src 0.0.0.0/0 dst 0.0.0.0/0 tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid %u mode transport",
				   self->out.reqid));
}

FIXTURE_TEARDOWN(states)
{
	cpns_test_close(&self->test);
	cpns_test_close(&self->events);
}

#define EXPECT_STATE(event, serial_set, sa, why) do {			\
	EXPECT_GROUP(event, SGID, serial_set);				\
	EXPECT_EQ((sa)->epoch, (event)->epoch);				\
	EXPECT_EQ((sa)->sid, (event)->sid);				\
	EXPECT_EQ((sa)->dir, (event)->dir);				\
	EXPECT_STREQ((sa)->src, (event)->src);				\
	EXPECT_STREQ((sa)->dst, (event)->dst);				\
	EXPECT_EQ((sa)->spi, (event)->spi);				\
	EXPECT_EQ((sa)->reqid, (event)->reqid);				\
	EXPECT_EQ(why, (int)(event)->reason);				\
} while (0)

TEST_F_TIMEOUT(states, soft_low_and_hard, 60)
{
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_xfrm_set_seq(&self->out, UINT32_MAX / 4 * 3));
	ASSERT_EQ(0, cpns_test_udp(self->out.dst, 10));
	EVENT(&self->events, SA_SOFT, &event);
	EXPECT_STATE(&event, self->serial, &self->out, CPNS_REASON_EXHAUSTED);
	EVENT(&self->events, IV_LOW, &event);
	EXPECT_STATE(&event, self->serial, &self->out, CPNS_REASON_EXHAUSTED);
	ASSERT_EQ(0, cpns_test_xfrm_set_seq(&self->out, UINT32_MAX - 1));
	cpns_test_udp(self->out.dst, 10);
	EVENT(&self->events, SA_HARD, &event);
	EXPECT_STATE(&event, self->serial, &self->out, CPNS_REASON_EXHAUSTED);
}

/* of both address families */
TEST_F_TIMEOUT(states, gone, 60)
{
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_run("ip xfrm state delete src %s dst %s proto esp spi 0x%x",
				   self->out.src, self->out.dst,
				   self->out.spi));
	EVENT(&self->events, SA_GONE, &event);
	EXPECT_STATE(&event, self->serial, &self->out, CPNS_REASON_DELETED);
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, SGID));
	EVENT(&self->events, SA_GONE, &event);
	EXPECT_STATE(&event, 0, &self->in, CPNS_REASON_REVOKED);
}

/* one's own traffic as another's */
TEST_F_TIMEOUT(states, alarm, 60)
{
	struct cpns_test_event event;

	self->in.sid = SID;
	EXPECT_EQ(-EINVAL, cpns_test_sa_add(&self->test, &self->in));
	EVENT(&self->events, ALARM, &event);
	EXPECT_GROUP(&event, SGID, self->serial);
	EXPECT_EQ(7, (int)event.epoch);
	EXPECT_EQ(SID, event.sid);
	EXPECT_EQ(CPNS_REASON_OWN_SID, (int)event.reason);
}

TEST_HARNESS_MAIN
