// SPDX-License-Identifier: GPL-2.0-only
/*
 * What GROUP_SET does to a group's KEK table and list of the evicted: a new
 * sender id in an epoch replaces the leaf KEK alone, a message that is refused
 * last of all leaves both, and as much as they shall hold they do. Needs the
 * module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "member.h"

#define NO_SECRET "no ITEM gives the epoch secret to this node"
#define NEW_SID (MEMBER_SID + 1)
#define OTHER_SID (MEMBER_SID + 50)

FIXTURE(tables)
{
	struct cpns_test_member member;
};

FIXTURE_SETUP(tables)
{
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "tables")) {
		TH_LOG("%s", self->member.test.text);
	}
}

FIXTURE_TEARDOWN(tables)
{
	cpns_test_member_end(&self->member);
}

#define SEND(member) do { \
	int32_t serial_ = cpns_test_set_send(&(member)->test, &(member)->set); \
	\
	ASSERT_EQ((member)->serial, serial_) { \
		TH_LOG("%s", (member)->test.text); \
	} \
} while (0)

/* the next epoch's secret under one KEK: 0 or -errno, with the words */
static int next_under(struct cpns_test_member *m, uint32_t number, uint32_t id,
		      uint32_t version)
{
	int32_t ret = cpns_test_member_next(m, number);

	if (!ret)
		ret = cpns_test_set_item(&m->set, 0, number, id, version);
	if (!ret)
		ret = cpns_test_set_send(&m->test, &m->set);
	return ret < 0 ? ret : 0;
}

#define NOT_UNDER(member, number, id, version) do { \
	EXPECT_EQ(-EKEYREJECTED, next_under(member, number, id, version)); \
	EXPECT_STREQ(NO_SECRET, (member)->test.text); \
} while (0)

#define UNDER(member, number, id, version) do { \
	int ret_ = next_under(member, number, id, version); \
	\
	EXPECT_EQ(0, ret_) { \
		TH_LOG("%s", (member)->test.text); \
	} \
} while (0)

/* the established epoch anew, with a new sender id under this leaf KEK */
static int reseal(struct cpns_test_member *m, uint32_t id, uint32_t version,
		  uint16_t sid)
{
	const struct cpns_test_leaf leaf = {
		.id = id, .version = version, .sid = sid,
	};
	int ret = cpns_test_member_next(m, MEMBER_EPOCH);

	if (!ret)
		ret = cpns_test_set_seal(&m->set, m->node.public, &leaf);
	if (!ret)
		ret = cpns_test_set_item(&m->set, 0, MEMBER_EPOCH, id, version);
	return ret;
}

TEST_F_TIMEOUT(tables, new_sender_id_keeps_the_keks, 120)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, reseal(m, MEMBER_LEAF, 2, NEW_SID));
	SEND(m);
	UNDER(m, 6, MEMBER_KEK, 9);
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid, 6));
	EXPECT_EQ(0, cpns_test_works(m->serial, 6, NEW_SID));
}

TEST_F_TIMEOUT(tables, new_sender_id_replaces_the_leaf, 120)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, reseal(m, MEMBER_LEAF, 2, NEW_SID));
	SEND(m);
	NOT_UNDER(m, 6, MEMBER_LEAF, 1);
	UNDER(m, 6, MEMBER_LEAF, 2);
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid, 6));
	EXPECT_EQ(0, cpns_test_works(m->serial, 6, NEW_SID));
}

/* a place in the tree of its own: the old leaf is another member's then */
TEST_F_TIMEOUT(tables, new_sender_id_with_another_leaf, 120)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, reseal(m, MEMBER_LEAF + 8, 1, NEW_SID));
	SEND(m);
	NOT_UNDER(m, 6, MEMBER_LEAF, 1);
	UNDER(m, 6, MEMBER_LEAF + 8, 1);
	UNDER(m, 7, MEMBER_KEK, 9);
}

TEST_F_TIMEOUT(tables, leaf_version_goes_back, 120)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, reseal(m, MEMBER_LEAF, 4, NEW_SID));
	SEND(m);
	ASSERT_EQ(0, reseal(m, MEMBER_LEAF, 3, NEW_SID + 1));
	EXPECT_EQ(-EKEYREJECTED, cpns_test_set_send(&m->test, &m->set));
	EXPECT_STREQ("a KEK's version goes back", m->test.text);
	EXPECT_EQ(0, cpns_test_works(m->serial, MEMBER_EPOCH, NEW_SID));
	EXPECT_EQ(-ENOKEY, cpns_test_works(m->serial, MEMBER_EPOCH,
					   NEW_SID + 1));
	NOT_UNDER(m, 6, MEMBER_LEAF, 3);
	UNDER(m, 6, MEMBER_LEAF, 4);
}

/* "... sid=7 expires=..." with another sender id */
static void renumber(char line[256], int sid)
{
	char *at = strstr(line, " sid="), rest[256];

	if (!at)
		return;
	strcpy(rest, strchr(at + 1, ' '));
	sprintf(at, " sid=%d%s", sid, rest);
}

/* HEADER says more of the epoch than a new sender id may change */
TEST_F_TIMEOUT(tables, new_sender_id_keeps_the_epoch, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_header *header = (void *)m->set.header;
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = 2, .sid = NEW_SID,
	};
	uint8_t sealed[CPNS_TEST_SEALED];
	char line[256];

	ASSERT_EQ(0, cpns_test_member_next(m, MEMBER_EPOCH));
	header->suite = CPNS_SUITE_AES_128_GCM;
	header->atd = 0;
	header->dtd = htonl(1);
	header->lifetime = htonl(1000);
	ASSERT_EQ(0, cpns_test_set_seal(&m->set, m->node.public, &leaf));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, MEMBER_EPOCH, MEMBER_LEAF,
					2));
	m->set.evicted[0] = OTHER_SID;
	m->set.evicted_count = 1;
	SEND(m);
	ASSERT_EQ(0, cpns_test_line(m->serial, line));
	renumber(m->line, NEW_SID);
	EXPECT_STREQ(m->line, line);
	EXPECT_NE(NULL, strstr(line, " expires=never "));
	ASSERT_EQ(0, cpns_test_sent_by(m->sgid, MEMBER_EPOCH, OTHER_SID,
				       sealed));
	close(m->fd);
	m->fd = cpns_test_keyed(m->serial, MEMBER_EPOCH, OTHER_SID);
	ASSERT_GE(m->fd, 0);
	EXPECT_EQ(0, cpns_test_back(m->fd, sealed));
}

/* nor does one that waits come sooner, or end later */
TEST_F_TIMEOUT(tables, new_sender_id_keeps_the_times, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_header *header = (void *)m->set.header;
	char line[256], *expires;

	for (int i = 0; i < 2; i++) {
		const struct cpns_test_leaf leaf = {
			.id = MEMBER_LEAF, .version = 2 + i, .sid = NEW_SID + i,
		};

		ASSERT_EQ(0, cpns_test_member_next(m, 6));
		header->lifetime = htonl(i ? 9000 : 2000);
		header->atd = htonl(i ? 0 : 600);
		ASSERT_EQ(0, cpns_test_set_seal(&m->set, m->node.public,
						&leaf));
		ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_LEAF,
						2 + i));
		SEND(m);
		EXPECT_EQ(CPNS_STATE_PENDING,
			  cpns_test_epoch_state(&m->test, m->sgid, 6));
		EXPECT_EQ(0, cpns_test_member_changed(m));
	}
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid, 6));
	EXPECT_EQ(0, cpns_test_works(m->serial, 6, NEW_SID + 1));
	ASSERT_EQ(0, cpns_test_line(m->serial, line));
	expires = strstr(line, " expires=");
	ASSERT_NE(NULL, expires);
	EXPECT_LE(atoi(expires + 9), 2000);
	EXPECT_GE(atoi(expires + 9), 1000);
}

/* when all is made, and only the commit itself refuses */
TEST_F_TIMEOUT(tables, refused_at_the_commit, 120)
{
	const uint32_t fresh = MEMBER_KEK + 1;
	struct cpns_test_member *m = &self->member;
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd;

	for (uint32_t number = 6; number <= 8; number++)
		UNDER(m, number, MEMBER_KEK, 9);
	fd = cpns_test_keyed(m->serial, MEMBER_EPOCH, OTHER_SID);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, cpns_test_sent_by(m->sgid, MEMBER_EPOCH, OTHER_SID,
				       sealed));
	ASSERT_EQ(0, cpns_test_member_next(m, 9));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, fresh, 1, MEMBER_KEK, 9));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, MEMBER_KEK, 10, MEMBER_KEK,
					9));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 9, fresh, 1));
	m->set.evicted[0] = OTHER_SID;
	m->set.evicted_count = 1;
	EXPECT_REFUSED(m, -EBUSY, "four epochs are in use");
	EXPECT_EQ(0, cpns_test_back(fd, sealed));
	NOT_UNDER(m, 9, fresh, 1);
	NOT_UNDER(m, 9, MEMBER_KEK, 10);
	/* with room for it, by the KEK that is held */
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid, 8));
	UNDER(m, 9, MEMBER_KEK, 9);
	close(fd);
}

/* CPNS_KEKS: the leaf KEK and 31 others, and not one more */
TEST_F_TIMEOUT(tables, full_table_of_keks, 120)
{
	const uint32_t first = 1001, last = 1031;
	struct cpns_test_member *m = &self->member;
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = 6, .sid = MEMBER_SID,
	};

	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	ASSERT_EQ(0, cpns_test_set_seal(&m->set, m->node.public, &leaf));
	for (uint32_t id = first; id <= last; id++)
		ASSERT_EQ(0, cpns_test_set_item(&m->set, id, 1, MEMBER_LEAF,
						6));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, last, 1));
	SEND(m);

	ASSERT_EQ(0, cpns_test_member_next(m, 7));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, last + 1, 1, first, 1));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 7, first, 1));
	EXPECT_REFUSED(m, -ENOSPC, "more than 32 KEKs");
	/* a newer version takes the older one's place */
	ASSERT_EQ(0, cpns_test_member_next(m, 7));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, last, 2, last, 1));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 7, last, 2));
	SEND(m);
	UNDER(m, 8, first, 1);
}

TEST_F_TIMEOUT(tables, most_evicted, 120)
{
	const uint16_t first = 1000;
	struct cpns_test_member *m = &self->member;
	int fd;

	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_KEK, 9));
	m->set.evicted_count = CPNS_EVICTED_MAX;
	for (int i = 0; i < CPNS_EVICTED_MAX; i++)
		m->set.evicted[i] = first + i;
	SEND(m);
	for (int i = 0; i < CPNS_EVICTED_MAX; i += 341)
		EXPECT_EQ(-EKEYREJECTED, cpns_test_keyed(m->serial,
							 MEMBER_EPOCH,
							 first + i));
	for (int i = -1; i <= CPNS_EVICTED_MAX; i += CPNS_EVICTED_MAX + 1) {
		fd = cpns_test_keyed(m->serial, MEMBER_EPOCH, first + i);
		EXPECT_GE(fd, 0);
		close(fd);
	}
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

TEST_HARNESS_MAIN
