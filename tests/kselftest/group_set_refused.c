// SPDX-License-Identifier: GPL-2.0-only
/*
 * GROUP_SET messages that must be refused: altered, shortened, too many, of
 * another group. After each the established group is as it was. Needs the
 * module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "kselftest_harness.h"
#include "member.h"

#define NOT_OPEN "SEAL does not open: altered, or not sealed to this node"
#define SEAL_FORM "SEAL of another AEAD, mode or form"
#define SEAL_GROUP "SEAL is of another group than HEADER"
#define SEAL_EPOCH "SEAL is of another epoch than HEADER"
#define SECRET_NOT_OPEN "the epoch secret does not open: HEADER or ITEM altered"
#define KEK_NOT_OPEN "a wrapped KEK does not open"
#define NO_SECRET "no ITEM gives the epoch secret to this node"
#define SIZE "binary attribute size out of range"

FIXTURE(refused)
{
	struct cpns_test_member member;
};

FIXTURE_SETUP(refused)
{
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "refused")) {
		TH_LOG("%s", self->member.test.text);
	}
	ASSERT_EQ(0, cpns_test_member_sealed(&self->member, 6, MEMBER_SID));
}

/* the message all tests alter was good */
FIXTURE_TEARDOWN(refused)
{
	struct cpns_test_member *m = &self->member;

	EXPECT_EQ(0, cpns_test_member_sealed(m, 6, MEMBER_SID));
	EXPECT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	cpns_test_member_end(m);
}

TEST_F_TIMEOUT(refused, altered_header, 180)
{
	static const struct {
		uint8_t offset, flip;
		int error;
		const char *text;
	} cases[] = {
		{ 0, 3, -EINVAL, "HEADER of another version" },
		{ 0, 1, -EINVAL, "HEADER of another version" },
		{ 1, 1, -EINVAL, "HEADER names an unknown suite" },
		{ 1, 5, -EINVAL, "HEADER names an unknown suite" },
		{ 1, 3, -EKEYREJECTED, SECRET_NOT_OPEN },
		{ 2, 1, -EINVAL, "HEADER of another version" },
		{ 3, 1, -EINVAL, "HEADER of another version" },
		{ 4, 1, -EKEYREJECTED, SEAL_EPOCH },
		{ 7, 1, -EKEYREJECTED, SEAL_EPOCH },
		{ 7, 6, -EINVAL, "epoch out of range" },
		{ 8, 1, -EINVAL, "DTD is not larger than ATD" },
		{ 11, 1, -EKEYREJECTED, SECRET_NOT_OPEN },
		{ 12, 1, -EKEYREJECTED, SECRET_NOT_OPEN },
		{ 15, 1, -EKEYREJECTED, SECRET_NOT_OPEN },
		{ 16, 1, -EKEYREJECTED, SECRET_NOT_OPEN },
		{ 19, 1, -EKEYREJECTED, SECRET_NOT_OPEN },
		{ 20, 1, -EKEYREJECTED, SEAL_GROUP },
		{ 31, 128, -EKEYREJECTED, SEAL_GROUP },
		{ 32, 1, -EKEYREJECTED, SECRET_NOT_OPEN },
		{ 47, 128, -EKEYREJECTED, SECRET_NOT_OPEN },
	};
	struct cpns_test_member *m = &self->member;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		m->set.header[cases[i].offset] ^= cases[i].flip;
		EXPECT_REFUSED(m, cases[i].error, cases[i].text);
		m->set.header[cases[i].offset] ^= cases[i].flip;
	}
}

/* without a SEAL nothing but the ITEM holds the HEADER together */
TEST_F_TIMEOUT(refused, altered_header_without_seal, 180)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_KEK, 9));
	for (int i = 4; i < CPNS_HEADER_SIZE; i++) {
		m->set.header[i] ^= 128;
		if (i < 8)
			EXPECT_REFUSED(m, -EKEYREJECTED,
				       "a gap in the epochs needs a SEAL");
		else if (i < 11)
			EXPECT_REFUSED(m, -EINVAL,
				       "DTD is not larger than ATD");
		else if (i >= 20 && i < 32)
			EXPECT_REFUSED(m, -EKEYREJECTED,
				       "HEADER is of another group than SGID");
		else
			EXPECT_REFUSED(m, -EKEYREJECTED, SECRET_NOT_OPEN);
		m->set.header[i] ^= 128;
	}
}

static const char *seal_text(int offset)
{
	if (offset < 4 || offset == 14 || offset == 15)
		return SEAL_FORM;
	if (offset >= 16 && offset < 20)
		return SEAL_EPOCH;
	return offset >= 20 && offset < 32 ? SEAL_GROUP : NOT_OPEN;
}

TEST_F_TIMEOUT(refused, altered_seal, 300)
{
	struct cpns_test_member *m = &self->member;

	for (int i = 0; i < CPNS_SEAL_SIZE; i++) {
		m->set.seal[i] ^= 128;
		EXPECT_REFUSED(m, strcmp(seal_text(i), SEAL_FORM) ?
			       -EKEYREJECTED : -EINVAL, seal_text(i));
		m->set.seal[i] ^= 128;
	}
	/* valid in form: the other AEAD, mode auth without pin, id 0 */
	m->set.seal[1] = CPNS_HPKE_AES_128_GCM;
	EXPECT_REFUSED(m, -EKEYREJECTED, NOT_OPEN);
	m->set.seal[1] = CPNS_HPKE_AES_256_GCM;
	m->set.seal[2] = CPNS_HPKE_MODE_AUTH;
	EXPECT_REFUSED(m, -EKEYREJECTED, "HPKE mode auth needs NODE_PIN first");
	m->set.seal[2] = CPNS_HPKE_MODE_BASE;
	memset(m->set.seal + 4, 0, 4);
	EXPECT_REFUSED(m, -EINVAL, SEAL_FORM);
}

/* a sender id is what a node must not choose itself */
TEST_F_TIMEOUT(refused, altered_sender_id, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_seal *seal = (void *)m->set.seal;

	for (uint16_t sid = 0; sid < 4; sid++) {
		seal->sid = htons(sid);
		EXPECT_REFUSED(m, -EKEYREJECTED, NOT_OPEN);
	}
}

/* its good parts are not kept: no KEK, no newer version, no EVICTED */
TEST_F_TIMEOUT(refused, refused_message_gives_no_key, 120)
{
	const uint32_t fresh = MEMBER_KEK + 1;
	struct cpns_test_member *m = &self->member;
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd = cpns_test_keyed(m->serial, MEMBER_EPOCH, MEMBER_SID + 1);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, cpns_test_sent_by(m->sgid, MEMBER_EPOCH, MEMBER_SID + 1,
				       sealed));
	EXPECT_EQ(0, cpns_test_back(fd, sealed));
	/* the SEAL, good in itself, neither */
	m->set.item[0][70] ^= 1;
	EXPECT_REFUSED(m, -EKEYREJECTED, SECRET_NOT_OPEN);

	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, fresh, 1, MEMBER_KEK, 9));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, MEMBER_KEK, 10, MEMBER_KEK,
					9));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_KEK, 10));
	m->set.item[2][70] ^= 1;
	m->set.evicted[0] = MEMBER_SID + 1;
	m->set.evicted_count = 1;
	EXPECT_REFUSED(m, -EKEYREJECTED, SECRET_NOT_OPEN);
	EXPECT_EQ(0, cpns_test_back(fd, sealed));

	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, fresh, 1));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_KEK, 10));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_LEAF, 6));
	EXPECT_REFUSED(m, -EKEYREJECTED, NO_SECRET);
	/* what was held before is held yet */
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_KEK, 9));
	EXPECT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_EQ(0, cpns_test_back(fd, sealed));
	close(fd);
}

/* points of small order give a shared secret of zeros */
TEST_F_TIMEOUT(refused, weak_ephemeral_key, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_seal *seal = (void *)m->set.seal;

	memset(seal->enc, 0, sizeof(seal->enc));
	EXPECT_REFUSED(m, -EKEYREJECTED, NOT_OPEN);
	seal->enc[0] = 1;
	EXPECT_REFUSED(m, -EKEYREJECTED, NOT_OPEN);
}

TEST_F_TIMEOUT(refused, altered_item, 300)
{
	struct cpns_test_member *m = &self->member;

	for (int i = 0; i < CPNS_ITEM_SIZE; i++) {
		bool wrapping = i >= 8 && i < 16;

		m->set.item[0][i] ^= 128;
		EXPECT_REFUSED(m, -EKEYREJECTED,
			       wrapping ? NO_SECRET :
			       i < 4 ? KEK_NOT_OPEN : SECRET_NOT_OPEN);
		m->set.item[0][i] ^= 128;
	}
}

TEST_F_TIMEOUT(refused, wrong_lengths, 300)
{
	struct cpns_test_member *m = &self->member;

	for (size_t i = 1; i <= CPNS_HEADER_SIZE + 1; i++) {
		m->set.header_size = i;
		if (i != CPNS_HEADER_SIZE)
			EXPECT_REFUSED(m, -ERANGE, SIZE);
	}
	m->set.header_size = CPNS_HEADER_SIZE;
	for (size_t i = 1; i <= CPNS_SEAL_SIZE + 1; i++) {
		m->set.seal_size = i;
		if (i != CPNS_SEAL_SIZE)
			EXPECT_REFUSED(m, -ERANGE, SIZE);
	}
	m->set.seal_size = CPNS_SEAL_SIZE;
	for (size_t i = 0; i <= CPNS_ITEM_SIZE + 1; i++) {
		m->set.item_size = i;
		if (i != CPNS_ITEM_SIZE)
			EXPECT_REFUSED(m, -ERANGE, SIZE);
	}
}

TEST_F_TIMEOUT(refused, missing_parts, 120)
{
	struct cpns_test_member *m = &self->member;

	m->set.header_size = 0;
	EXPECT_REFUSED(m, -EINVAL, "HEADER missing or not 48 bytes");
	m->set.header_size = CPNS_HEADER_SIZE;
	m->set.seal_size = 0;
	EXPECT_REFUSED(m, -EKEYREJECTED, NO_SECRET);
	m->set.seal_size = CPNS_SEAL_SIZE;
	m->set.items = 0;
	EXPECT_REFUSED(m, -EKEYREJECTED, NO_SECRET);
	m->set.items = 1;
	m->set.sgid = NULL;
	EXPECT_REFUSED(m, -EINVAL,
		       "SGID must be 1 to 255 printable bytes without spaces");
}

TEST_F_TIMEOUT(refused, malformed_sgid, 120)
{
	static const char *const names[] = {
		"", "a b", "urn:\t", "urn:\n", "urn:\x7f", "urn:\xc3\xa4",
	};
	struct cpns_test_member *m = &self->member;
	char name[300];

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		m->set.sgid = names[i];
		EXPECT_REFUSED(m, -EINVAL, "SGID must be 1 to 255 printable "
			       "bytes without spaces");
	}
	m->set.sgid = "urn:cpns:another";
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "HEADER is of another group than SGID");
	memset(name, 'a', sizeof(name));
	name[CPNS_SGID_MAX + 2] = 0;
	m->set.sgid = name;
	EXPECT_REFUSED(m, -ERANGE, "Attribute failed policy validation");
	name[CPNS_SGID_MAX + 1] = 0;
	EXPECT_REFUSED(m, -ERANGE, "Attribute failed policy validation");
}

TEST_F_TIMEOUT(refused, longest_sgid_is_good, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_epoch epoch = { .number = 1, .sid = 1 };
	char name[CPNS_SGID_MAX + 1];

	memset(name, 'a', sizeof(name));
	name[CPNS_SGID_MAX] = 0;
	epoch.sgid = name;
	EXPECT_GT(cpns_test_group_set(&m->test, &epoch), 0) {
		TH_LOG("%s", m->test.text);
	}
}

TEST_F_TIMEOUT(refused, kcv_of_another_secret, 120)
{
	struct cpns_test_member *m = &self->member;

	/* both in the wrapped HEADER, as an OSG at fault would make them */
	m->set.items = 0;
	m->set.header[40] ^= 1;
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_LEAF, 6));
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "the key check value does not match the epoch secret");
}

TEST_F_TIMEOUT(refused, kek_version_goes_back, 120)
{
	struct cpns_test_member *m = &self->member;

	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, MEMBER_KEK, 8, MEMBER_LEAF,
					1));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_KEK, 9));
	EXPECT_REFUSED(m, -EKEYREJECTED, "a KEK's version goes back");
}

TEST_F_TIMEOUT(refused, items_in_the_wrong_order, 120)
{
	struct cpns_test_member *m = &self->member;

	/* one pass only */
	m->set.items = 0;
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, 9, 1));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 9, 1, MEMBER_LEAF, 6));
	EXPECT_REFUSED(m, -EKEYREJECTED, NO_SECRET);
}

/* a KEK's ITEM of another epoch or group does not open */
TEST_F_TIMEOUT(refused, item_of_another_epoch, 120)
{
	struct cpns_test_member *m = &self->member;
	uint8_t item[CPNS_ITEM_SIZE];

	ASSERT_EQ(0, cpns_test_member_next(m, 7));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 9, 1, MEMBER_KEK, 9));
	memcpy(item, m->set.item[0], sizeof(item));
	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	memcpy(m->set.item[m->set.items++], item, sizeof(item));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_KEK, 9));
	EXPECT_REFUSED(m, -EKEYREJECTED, KEK_NOT_OPEN);
}

TEST_F_TIMEOUT(refused, too_many, 120)
{
	struct cpns_test_member *m = &self->member;

	while (m->set.items <= CPNS_ITEMS_MAX)
		ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, 99, 1));
	EXPECT_REFUSED(m, -EINVAL, "more than 64 ITEMs");

	/* the leaf KEK and 31 others */
	m->set.items = 0;
	for (int i = 1; i <= CPNS_ITEMS_MAX / 2; i++)
		ASSERT_EQ(0, cpns_test_set_item(&m->set, 1000 + i, 1,
						MEMBER_LEAF, 6));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, 0, 6, MEMBER_LEAF, 6));
	EXPECT_REFUSED(m, -ENOSPC, "more than 32 KEKs");

	ASSERT_EQ(0, cpns_test_member_sealed(m, 6, MEMBER_SID));
	m->set.evicted_count = CPNS_EVICTED_MAX + 1;
	for (int i = 0; i < m->set.evicted_count; i++)
		m->set.evicted[i] = i + 1;
	EXPECT_REFUSED(m, -EINVAL, "more than 1024 EVICTED");
	/* nobody's, and no wildcard */
	m->set.evicted_count = 1;
	m->set.evicted[0] = 0;
	EXPECT_REFUSED(m, -ERANGE, "integer out of range");
}

TEST_F_TIMEOUT(refused, numbers_and_times, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_header *header = (void *)m->set.header;

	header->epoch = htonl(CPNS_EPOCH_MAX + 1);
	EXPECT_REFUSED(m, -EINVAL, "epoch out of range");
	header->epoch = htonl(6);
	header->dtd = header->atd;
	EXPECT_REFUSED(m, -EINVAL, "DTD is not larger than ATD");
	header->dtd = 0;
	EXPECT_REFUSED(m, -EINVAL, "DTD is not larger than ATD");
	header->dtd = htonl(1200);
	header->lifetime = htonl(100);
	m->set.elapsed = 100;
	EXPECT_REFUSED(m, -EKEYEXPIRED, "the lifetime of this epoch is over");
}

TEST_F_TIMEOUT(refused, secret_with_other_parts, 120)
{
	static const char text[] =
		"SECRET stands alone with SID, and has 32 bytes";
	struct cpns_test_member *m = &self->member;

	m->set.has_sid = true;
	EXPECT_REFUSED(m, -EINVAL, "SID stands in SEAL; the attribute goes "
		       "with SECRET only");
	m->set.secret = m->set.epoch_secret;
	EXPECT_REFUSED(m, -EINVAL, text);
	m->set.items = 0;
	EXPECT_REFUSED(m, -EINVAL, text);
	m->set.seal_size = 0;
	m->set.has_sid = false;
	EXPECT_REFUSED(m, -EINVAL, text);
}

TEST_F_TIMEOUT(refused, seal_of_another_group, 120)
{
	struct cpns_test_member *m = &self->member;
	uint8_t seal[CPNS_SEAL_SIZE];
	const struct cpns_test_epoch other = {
		.sgid = "urn:cpns:other", .number = 6, .dtd = 9,
	};
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = 6, .sid = 8,
	};

	ASSERT_EQ(0, cpns_test_set_begin(&m->set, &other));
	ASSERT_EQ(0, cpns_test_set_seal(&m->set, m->node.public, &leaf));
	memcpy(seal, m->set.seal, sizeof(seal));
	ASSERT_EQ(0, cpns_test_member_sealed(m, 6, MEMBER_SID));
	memcpy(m->set.seal, seal, sizeof(seal));
	EXPECT_REFUSED(m, -EKEYREJECTED, SEAL_GROUP);
	/* told to be of this one, it does not open */
	memcpy(m->set.seal + offsetof(struct cpns_seal, tag),
	       m->set.header + offsetof(struct cpns_header, tag),
	       CPNS_TAG_SIZE);
	EXPECT_REFUSED(m, -EKEYREJECTED, NOT_OPEN);
}

TEST_F_TIMEOUT(refused, seal_to_another_node, 120)
{
	struct cpns_test_member *m = &self->member;
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = 6, .sid = MEMBER_SID,
	};
	uint8_t private[32], public[32];

	cpns_test_osg(5, private, public);
	ASSERT_EQ(0, cpns_test_set_seal(&m->set, public, &leaf));
	EXPECT_REFUSED(m, -EKEYREJECTED, NOT_OPEN);
}

TEST_HARNESS_MAIN
