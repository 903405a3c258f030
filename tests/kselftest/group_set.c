// SPDX-License-Identifier: GPL-2.0-only
/*
 * GROUP_SET with real seals: what opens, in which order epochs come, what
 * stays as it was. Refusals of form are in group_set_refused.c. Needs the
 * module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "member.h"

#define NOT_OPEN "SEAL does not open: altered, or not sealed to this node"
#define NOT_PINNED "SEAL does not open: altered, or not from the pinned key " \
		   "to this node"

FIXTURE(group_set)
{
	struct cpns_test_member member;
};

FIXTURE_SETUP(group_set)
{
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "set")) {
		TH_LOG("%s", self->member.test.text);
	}
}

FIXTURE_TEARDOWN(group_set)
{
	cpns_test_member_end(&self->member);
}

/* a group of its own, sealed so, works */
static int32_t sealed_group(struct cpns_test_member *member, const char *sgid,
			    uint16_t aead, const uint8_t *sender)
{
	const struct cpns_test_epoch epoch = { .sgid = sgid, .number = 1 };
	const struct cpns_test_leaf leaf = {
		.aead = aead, .sender = sender, .id = 1, .version = 1, .sid = 9,
	};
	int ret = cpns_test_set_begin(&member->set, &epoch);

	if (!ret)
		ret = cpns_test_set_seal(&member->set, member->node.public,
					 &leaf);
	if (!ret)
		ret = cpns_test_set_item(&member->set, 0, 1, 1, 1);
	return ret ? ret : cpns_test_set_send(&member->test, &member->set);
}

TEST_F_TIMEOUT(group_set, mode_base_both_aeads, 120)
{
	struct cpns_test_member *m = &self->member;
	int32_t serial;

	serial = sealed_group(m, "urn:cpns:a", CPNS_HPKE_AES_128_GCM, NULL);
	ASSERT_GT(serial, 0) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_EQ(0, cpns_test_works(serial, 1, 9));
	serial = sealed_group(m, "urn:cpns:b", CPNS_HPKE_AES_256_GCM, NULL);
	ASSERT_GT(serial, 0);
	EXPECT_EQ(0, cpns_test_works(serial, 1, 9));
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

TEST_F_TIMEOUT(group_set, mode_auth_and_pin, 120)
{
	struct cpns_test_member *m = &self->member;
	uint8_t osg[32], public[32], other[32], other_public[32];
	const uint8_t zeros[32] = { 0 };
	int32_t serial;

	cpns_test_osg(1, osg, public);
	cpns_test_osg(2, other, other_public);
	EXPECT_EQ(-EKEYREJECTED, sealed_group(m, "urn:cpns:a", 2, osg));
	EXPECT_STREQ("HPKE mode auth needs NODE_PIN first", m->test.text);
	EXPECT_EQ(-EINVAL, cpns_test_pin(&m->test, zeros));
	EXPECT_STREQ("not a public key", m->test.text);

	ASSERT_EQ(0, cpns_test_pin(&m->test, public));
	EXPECT_EQ(0, cpns_test_pin(&m->test, public));
	EXPECT_EQ(-EPERM, cpns_test_pin(&m->test, other_public));
	EXPECT_STREQ("another key is pinned already", m->test.text);
	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_GET, &m->node));
	EXPECT_TRUE(m->node.has_pin);
	EXPECT_EQ(0, memcmp(m->node.pin, public, 32));
	EXPECT_EQ(CPNS_FEATURES_PINNED,
		  (int)m->node.features & CPNS_FEATURES_PINNED);

	for (uint16_t aead = 1; aead <= 2; aead++) {
		const char *sgid = aead == 1 ? "urn:cpns:a" : "urn:cpns:b";

		EXPECT_EQ(-EKEYREJECTED, sealed_group(m, sgid, aead, NULL));
		EXPECT_STREQ("a key is pinned: only HPKE mode auth is accepted",
			     m->test.text);
		EXPECT_EQ(-EKEYREJECTED, sealed_group(m, sgid, aead, other));
		EXPECT_STREQ(NOT_PINNED, m->test.text);
		serial = sealed_group(m, sgid, aead, osg);
		ASSERT_GT(serial, 0) {
			TH_LOG("%s", m->test.text);
		}
		EXPECT_EQ(0, cpns_test_works(serial, 1, 9));
	}
	/* a base SEAL that calls itself auth */
	ASSERT_EQ(0, cpns_test_member_sealed(m, 6, MEMBER_SID));
	((struct cpns_seal *)m->set.seal)->mode = CPNS_HPKE_MODE_AUTH;
	EXPECT_REFUSED(m, -EKEYREJECTED, NOT_PINNED);
}

TEST_F_TIMEOUT(group_set, node_rotate, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;
	struct cpns_test_node first = m->node, second, third;

	EXPECT_FALSE(first.has_previous);
	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_ROTATE, &second));
	ASSERT_EQ(0, cpns_test_event(&m->events, CPNS_CMD_NODE_CHANGE, 5000,
				     &event));
	EXPECT_EQ(CPNS_REASON_ROTATED, (int)event.reason);
	EXPECT_NE(0, memcmp(first.public, second.public, 32));
	EXPECT_TRUE(second.has_previous);
	EXPECT_EQ(0, memcmp(first.public, second.previous, 32));

	/* sealed to the one before, to the new one */
	EXPECT_GT(sealed_group(m, "urn:cpns:a", 2, NULL), 0);
	m->node = second;
	EXPECT_GT(sealed_group(m, "urn:cpns:b", 2, NULL), 0);

	/* only one is kept */
	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_ROTATE, &third));
	EXPECT_EQ(0, memcmp(second.public, third.previous, 32));
	EXPECT_GT(sealed_group(m, "urn:cpns:c", 2, NULL), 0);
	m->node = first;
	EXPECT_EQ(-EKEYREJECTED, sealed_group(m, "urn:cpns:d", 2, NULL));
	EXPECT_STREQ(NOT_OPEN, m->test.text);
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

/* lines "name = hex" of tests/kselftest/seal.py, one message of each */
static bool take_part(struct cpns_test_set *set, const char *line)
{
	static const char *const names[] = { "header", "seal", "item" };
	uint8_t *parts[] = { set->header, set->seal, set->item[set->items] };
	char name[16], hex[512];
	unsigned int byte;

	if (sscanf(line, "%15s = %511s", name, hex) != 2)
		return false;
	for (int i = 0; i < 3; i++) {
		if (strcmp(name, names[i]))
			continue;
		for (size_t at = 0; sscanf(hex + 2 * at, "%2x", &byte) == 1;
		     at++)
			parts[i][at] = byte;
		set->header_size = CPNS_HEADER_SIZE;
		set->seal_size = CPNS_SEAL_SIZE;
		set->item_size = CPNS_ITEM_SIZE;
		set->items += i == 2;
	}
	return true;
}

TEST_F_TIMEOUT(group_set, seals_of_an_independent_program, 300)
{
	struct cpns_test_member *m = &self->member;
	char command[512], line[1024], hex[65], sgid[32];
	uint8_t osg[32], public[32];
	int messages = 0;
	FILE *lines;

	cpns_test_osg(1, osg, public);
	for (int i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02x", m->node.public[i]);
	snprintf(command, sizeof(command), "%s/kselftest/seal.py %s ",
		 TESTS_DIRECTORY, hex);
	for (int i = 0; i < 32; i++)
		sprintf(command + strlen(command), "%02x", osg[i]);
	lines = popen(command, "r");
	ASSERT_NE(NULL, lines);
	memset(&m->set, 0, sizeof(m->set));
	while (fgets(line, sizeof(line), lines)) {
		if (take_part(&m->set, line))
			continue;
		/* an empty line ends a message: two of mode base, two of auth */
		snprintf(sgid, sizeof(sgid), "urn:cpns:independent:%d",
			 messages);
		m->set.sgid = sgid;
		if (messages == 2)
			ASSERT_EQ(0, cpns_test_pin(&m->test, public));
		int32_t serial = cpns_test_set_send(&m->test, &m->set);

		EXPECT_GT(serial, 0) {
			TH_LOG("%s: %s", sgid, m->test.text);
		}
		EXPECT_EQ(0, cpns_test_works(serial, 3, 0x0102));
		messages++;
		memset(&m->set, 0, sizeof(m->set));
	}
	EXPECT_EQ(0, pclose(lines));
	EXPECT_EQ(4, messages);
}

TEST_F_TIMEOUT(group_set, chain_of_items, 120)
{
	struct cpns_test_member *m = &self->member;

	/* no SEAL: the KEK held since epoch 5 wraps another, that the secret */
	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0x40000002, 4, MEMBER_KEK, 9));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, 0x40000002, 4));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_EQ(CPNS_STATE_PENDING,
		  cpns_test_epoch_state(&m->test, m->sgid, 6));
	EXPECT_EQ(0, cpns_test_member_changed(m));
	/* the sender id stays where no SEAL gives another */
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid, 6));
	EXPECT_EQ(0, cpns_test_works(m->serial, 6, MEMBER_SID));

	/* a newer version of a KEK under itself; the older one is gone */
	ASSERT_EQ(0, cpns_test_member_next(m, 7));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, MEMBER_KEK, 10, MEMBER_KEK,
					9));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 7, MEMBER_KEK, 10));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	ASSERT_EQ(0, cpns_test_member_next(m, 8));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 8, MEMBER_KEK, 9));
	EXPECT_EQ(-EKEYREJECTED, cpns_test_set_send(&m->test, &m->set));
	EXPECT_STREQ("no ITEM gives the epoch secret to this node",
		     m->test.text);
}

TEST_F_TIMEOUT(group_set, items_for_others_are_skipped, 120)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	for (int i = 0; i < CPNS_ITEMS_MAX - 1; i++)
		ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, 0x50000000 + i,
						1));
	m->set.item[5][70] ^= 1;	/* not looked at */
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_KEK, 9));
	EXPECT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

TEST_F_TIMEOUT(group_set, seal_empties_the_kek_table, 120)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, cpns_test_member_sealed(m, 6, MEMBER_SID));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	ASSERT_EQ(0, cpns_test_member_next(m, 7));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 7, MEMBER_KEK, 9));
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "no ITEM gives the epoch secret to this node");
}

TEST_F_TIMEOUT(group_set, stale_epoch_raises_alarm, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH - 1, MEMBER_SID));
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "epoch is lower than one committed before");
	ASSERT_EQ(0, cpns_test_event(&m->events, CPNS_CMD_ALARM, 5000, &event));
	EXPECT_EQ(CPNS_REASON_ROLLBACK, (int)event.reason);
	EXPECT_EQ(MEMBER_EPOCH - 1, (int)event.epoch);
}

TEST_F_TIMEOUT(group_set, same_epoch_other_kcv_raises_alarm, 120)
{
	struct cpns_test_member *m = &self->member;
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = 2, .sid = MEMBER_SID,
	};
	const uint8_t secret[CPNS_SECRET_SIZE] = { 1, 2, 3 };
	const struct cpns_test_epoch epoch = {
		.sgid = m->sgid, .number = MEMBER_EPOCH, .secret = secret,
	};
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_set_begin(&m->set, &epoch));
	ASSERT_EQ(0, cpns_test_set_seal(&m->set, m->node.public, &leaf));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 1, MEMBER_LEAF, 2));
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "the same epoch with another key check value");
	ASSERT_EQ(0, cpns_test_event(&m->events, CPNS_CMD_ALARM, 5000, &event));
	EXPECT_EQ(CPNS_REASON_KCV_MISMATCH, (int)event.reason);
	EXPECT_EQ(MEMBER_EPOCH, (int)event.epoch);
}

TEST_F_TIMEOUT(group_set, redelivery_changes_nothing, 120)
{
	struct cpns_test_member *m = &self->member;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
			TH_LOG("%s", m->test.text);
		}
		EXPECT_EQ(0, cpns_test_member_changed(m));
	}
	m->set.elapsed = 60;
	EXPECT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

TEST_F_TIMEOUT(group_set, gap_needs_a_seal, 120)
{
	struct cpns_test_member *m = &self->member;
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = 8, .sid = MEMBER_SID,
	};
	uint8_t sealed[CPNS_TEST_SEALED];

	ASSERT_EQ(0, cpns_test_member_next(m, 8));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 8, MEMBER_KEK, 9));
	EXPECT_REFUSED(m, -EKEYREJECTED, "a gap in the epochs needs a SEAL");

	/* a key of an earlier message does not count then */
	ASSERT_EQ(0, cpns_test_member_next(m, 8));
	ASSERT_EQ(0, cpns_test_set_seal(&m->set, m->node.public, &leaf));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 8, MEMBER_KEK, 9));
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "no ITEM gives the epoch secret to this node");

	/* older epochs end at once, whatever ATD and DTD say */
	ASSERT_EQ(0, cpns_test_out(m->fd, sealed));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 8, MEMBER_LEAF, 8));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_EQ(CPNS_STATE_NONE,
		  cpns_test_epoch_state(&m->test, m->sgid, MEMBER_EPOCH));
	EXPECT_EQ(CPNS_STATE_ACTIVE,
		  cpns_test_epoch_state(&m->test, m->sgid, 8));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_back(m->fd, sealed));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_out(m->fd, sealed));
	EXPECT_EQ(0, cpns_test_works(m->serial, 8, MEMBER_SID));
}

TEST_F_TIMEOUT(group_set, monotonic_across_revoke, 120)
{
	struct cpns_test_member *m = &self->member;
	char line[256];
	int32_t serial;

	ASSERT_EQ(0, cpns_test_group_revoke(&m->test, m->sgid));
	EXPECT_EQ(-EKEYREVOKED, cpns_test_line(m->serial, line));
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH - 1, MEMBER_SID));
	EXPECT_EQ(-EKEYREJECTED, cpns_test_set_send(&m->test, &m->set));
	EXPECT_STREQ("epoch is lower than one committed before", m->test.text);

	/* the same epoch again does not wake it up */
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH, MEMBER_SID + 1));
	EXPECT_EQ(0, cpns_test_set_send(&m->test, &m->set));
	EXPECT_EQ(CPNS_STATE_NONE,
		  cpns_test_epoch_state(&m->test, m->sgid, MEMBER_EPOCH));

	ASSERT_EQ(0, cpns_test_member_sealed(m, 6, MEMBER_SID));
	serial = cpns_test_set_send(&m->test, &m->set);
	ASSERT_GT(serial, 0) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_NE(m->serial, serial);
	EXPECT_EQ(0, cpns_test_works(serial, 6, MEMBER_SID));
}

TEST_F_TIMEOUT(group_set, new_sender_id_in_an_epoch, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd;

	/* it has to hold the epoch secret, not only a leaf KEK */
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH, MEMBER_SID + 1));
	m->set.items = 0;
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "no ITEM gives the epoch secret to this node");

	ASSERT_EQ(0, cpns_test_out(m->fd, sealed));
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH, MEMBER_SID + 1));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	ASSERT_EQ(0, cpns_test_event(&m->events, CPNS_CMD_SENDER_RESET, 5000,
				     &event));
	EXPECT_EQ(CPNS_REASON_NEW_SID, (int)event.reason);
	EXPECT_EQ(MEMBER_SID + 1, event.sid);
	EXPECT_EQ(0, cpns_test_back(m->fd, sealed));
	EXPECT_EQ(-ENOKEY, cpns_test_out(m->fd, sealed));

	/* the new one counts from the start */
	fd = cpns_test_keyed(m->serial, 0, MEMBER_SID + 1);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, cpns_test_out(fd, sealed));
	const uint8_t first[12] = { 0, 0, 0, 0, 0, MEMBER_SID + 1,
				    0, 0, 0, 0, 0, 1 };
	EXPECT_EQ(0, memcmp(first, sealed, 12));

	/* going back to one that was had would repeat IVs: no change */
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH, MEMBER_SID));
	EXPECT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	EXPECT_EQ(-ENOKEY, cpns_test_out(m->fd, sealed));
	EXPECT_EQ(0, cpns_test_out(fd, sealed));

	for (int i = 2; i <= 3; i++) {
		ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH,
						     MEMBER_SID + i));
		EXPECT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	}
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH, MEMBER_SID + 4));
	EXPECT_EQ(-ENOSPC, cpns_test_set_send(&m->test, &m->set));
	EXPECT_STREQ("four sender ids were used in this epoch", m->test.text);
	EXPECT_EQ(0, cpns_test_works(m->serial, MEMBER_EPOCH, MEMBER_SID + 3));
	close(fd);
}

TEST_F_TIMEOUT(group_set, member_without_sender_id, 120)
{
	struct cpns_test_member *m = &self->member;
	const struct cpns_test_epoch epoch = { .sgid = "urn:cpns:a",
					       .number = 1 };
	const struct cpns_test_leaf leaf = { .id = 1, .version = 1 };
	int32_t serial;
	char line[256];

	ASSERT_EQ(0, cpns_test_set_begin(&m->set, &epoch));
	ASSERT_EQ(0, cpns_test_set_seal(&m->set, m->node.public, &leaf));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 1, 1, 1));
	serial = cpns_test_set_send(&m->test, &m->set);
	ASSERT_GT(serial, 0);
	ASSERT_EQ(0, cpns_test_line(serial, line));
	EXPECT_NE(NULL, strstr(line, " sid=0 "));
	EXPECT_EQ(-ENOKEY, cpns_test_works(serial, 0, 9));
	EXPECT_NE(0, cpns_test_works(serial, 0, 0));
}

static int reload(int allow_raw)
{
	return cpns_test_run("for i in 1 2 3 4 5 6 7 8; do "
			     "rmmod cpns_group && break; sleep 1; done && "
			     "insmod $CPNS_BUILD/kmod/$(uname -r)/cpns_group.ko "
			     "allow_raw=%d", allow_raw);
}

/* the harness runs it first: it loads the module anew */
TEST(secret_needs_allow_raw)
{
	const struct cpns_test_epoch epoch = {
		.sgid = "urn:cpns:test:raw", .number = 1, .sid = 1,
	};
	struct cpns_test test;

	if (!getenv("CPNS_BUILD"))
		SKIP(return, "CPNS_BUILD names no build");
	ASSERT_EQ(0, reload(0));
	ASSERT_EQ(0, cpns_test_open(&test));
	EXPECT_EQ(-EPERM, cpns_test_group_set(&test, &epoch));
	EXPECT_STREQ("SECRET needs the module parameter allow_raw=1",
		     test.text);
	EXPECT_EQ(-ENOKEY, cpns_test_epoch_state(&test, epoch.sgid, 1));
	cpns_test_close(&test);
	ASSERT_EQ(0, reload(1));
}

TEST_HARNESS_MAIN
