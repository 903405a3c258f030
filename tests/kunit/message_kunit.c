// SPDX-License-Identifier: GPL-2.0-only
/*
 * The form of a GROUP_SET message: a good one, and each way to be refused.
 */
#include <linux/errno.h>

#include "message.h"
#include "vectors.h"

struct parts {
	struct cpns_message_in	in;
	struct cpns_header	header;
	struct cpns_seal	seal;
	struct cpns_item	item;
	u8			secret[CPNS_SECRET_SIZE];
	char			sgid[CPNS_SGID_MAX + 2];
};

/* HEADER, SEAL and one ITEM that are all right */
static void good(struct kunit *test, struct parts *parts)
{
	const struct vector *set = vectors_kernel_message;
	const u8 *sgid;

	memset(parts, 0, sizeof(*parts));
	sgid = vector_get(test, vector_find(test, set, "group:"), "sgid",
			  &parts->in.sgid_len);
	memcpy(parts->sgid, sgid, parts->in.sgid_len);
	memcpy(&parts->header,
	       vector_exactly(test, vector_find(test, set, "HEADER 48"),
			      "header", CPNS_HEADER_SIZE), CPNS_HEADER_SIZE);
	memcpy(&parts->seal,
	       vector_exactly(test, vector_find(test, set, "SEAL 112"), "seal",
			      CPNS_SEAL_SIZE), CPNS_SEAL_SIZE);
	memcpy(&parts->item,
	       vector_exactly(test, vector_find(test, set, "ITEM 76"), "item",
			      CPNS_ITEM_SIZE), CPNS_ITEM_SIZE);
	parts->in.sgid = parts->sgid;
	parts->in.header = &parts->header;
	parts->in.header_len = CPNS_HEADER_SIZE;
	parts->in.seal = &parts->seal;
	parts->in.seal_len = CPNS_SEAL_SIZE;
	parts->in.item[0] = &parts->item;
	parts->in.item_len[0] = CPNS_ITEM_SIZE;
	parts->in.items = 1;
}

static void good_one(struct kunit *test)
{
	struct parts *parts = kunit_kzalloc(test, sizeof(*parts), GFP_KERNEL);
	struct cpns_message_set set;
	const char *why = "";

	KUNIT_ASSERT_NOT_NULL(test, parts);
	good(test, parts);
	KUNIT_EXPECT_EQ(test, 0, cpns_message_check(&parts->in, &set, &why));
	KUNIT_EXPECT_NULL(test, why);
	KUNIT_EXPECT_PTR_EQ(test, set.header,
			    (const struct cpns_header *)&parts->header);
	KUNIT_EXPECT_PTR_EQ(test, set.seal,
			    (const struct cpns_seal *)&parts->seal);
	KUNIT_EXPECT_NULL(test, set.secret);
	KUNIT_EXPECT_EQ(test, 7u, set.epoch);
	KUNIT_EXPECT_EQ(test, 2u, set.atd);
	KUNIT_EXPECT_EQ(test, 5u, set.dtd);
	KUNIT_EXPECT_EQ(test, 86400u, set.lifetime);
	KUNIT_EXPECT_EQ(test, 0x0102, set.sid);
	KUNIT_EXPECT_EQ(test, CPNS_SUITE_AES_256_GCM, set.suite);

	/* one final 0 of a string is no part of the name, others are */
	parts->in.secret = NULL;
	parts->header.lifetime = 0;
	KUNIT_EXPECT_EQ(test, 0, cpns_message_check(&parts->in, &set, &why));
	KUNIT_EXPECT_EQ(test, U32_MAX, set.lifetime);
}

static void elapsed_shortens(struct kunit *test)
{
	static const struct {
		u32 elapsed, atd, dtd, lifetime;
		int err;
	} row[] = {
		{ 1, 1, 4, 86399, 0 },
		{ 2, 0, 3, 86398, 0 },
		{ 5, 0, 0, 86395, 0 },
		{ 86399, 0, 0, 1, 0 },
		{ 86400, 0, 0, 0, -EKEYEXPIRED },
		{ U32_MAX, 0, 0, 0, -EKEYEXPIRED },
	};
	struct parts *parts = kunit_kzalloc(test, sizeof(*parts), GFP_KERNEL);
	struct cpns_message_set set;
	const char *why;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, parts);
	good(test, parts);
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		parts->in.elapsed = row[i].elapsed;
		KUNIT_EXPECT_EQ(test, row[i].err,
				cpns_message_check(&parts->in, &set, &why));
		if (row[i].err)
			continue;
		KUNIT_EXPECT_EQ(test, row[i].atd, set.atd);
		KUNIT_EXPECT_EQ(test, row[i].dtd, set.dtd);
		KUNIT_EXPECT_EQ(test, row[i].lifetime, set.lifetime);
	}
}

static void clear_secret(struct kunit *test)
{
	struct parts *parts = kunit_kzalloc(test, sizeof(*parts), GFP_KERNEL);
	struct cpns_message_set set;
	struct cpns_message_in *in;
	const char *why;

	KUNIT_ASSERT_NOT_NULL(test, parts);
	good(test, parts);
	in = &parts->in;
	in->seal = NULL;
	in->items = 0;
	in->secret = parts->secret;
	in->secret_len = CPNS_SECRET_SIZE;
	in->has_sid = true;
	in->sid = 9;
	KUNIT_EXPECT_EQ(test, -EPERM, cpns_message_check(in, &set, &why));
	in->allow_raw = true;
	KUNIT_EXPECT_EQ(test, 0, cpns_message_check(in, &set, &why));
	KUNIT_EXPECT_PTR_EQ(test, set.secret, (const void *)parts->secret);
	KUNIT_EXPECT_EQ(test, 9, set.sid);
	in->secret_len--;
	KUNIT_EXPECT_EQ(test, -EINVAL, cpns_message_check(in, &set, &why));
	in->secret_len += 2;
	KUNIT_EXPECT_EQ(test, -EINVAL, cpns_message_check(in, &set, &why));
	in->secret_len--;
	in->has_sid = false;
	KUNIT_EXPECT_EQ(test, -EINVAL, cpns_message_check(in, &set, &why));
	in->has_sid = true;
	in->items = 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, cpns_message_check(in, &set, &why));
	in->items = 0;
	in->seal = &parts->seal;
	KUNIT_EXPECT_EQ(test, -EINVAL, cpns_message_check(in, &set, &why));
}

/* One change to a good message makes it one that is refused. */
#define REFUSED(error, change...) do {					\
	const char *why_ = NULL;					\
									\
	good(test, parts);						\
	change;								\
	KUNIT_EXPECT_EQ_MSG(test, error,				\
			    cpns_message_check(in, &set, &why_), #change);	\
	KUNIT_EXPECT_NOT_NULL_MSG(test, why_, #change);			\
} while (0)

static void refused_headers(struct kunit *test)
{
	struct parts *parts = kunit_kzalloc(test, sizeof(*parts), GFP_KERNEL);
	struct cpns_header *header = &parts->header;
	struct cpns_message_in *in = &parts->in;
	struct cpns_message_set set;

	KUNIT_ASSERT_NOT_NULL(test, parts);
	REFUSED(-EINVAL, in->header = NULL);
	REFUSED(-EINVAL, in->header_len--);
	REFUSED(-EINVAL, in->header_len++);
	REFUSED(-EINVAL, header->version = 0);
	REFUSED(-EINVAL, header->version = 2);
	REFUSED(-EINVAL, header->zero = cpu_to_be16(1));
	REFUSED(-EINVAL, header->suite = 0);
	REFUSED(-EINVAL, header->suite = 4);
	REFUSED(-EINVAL, header->epoch = 0);
	REFUSED(-EINVAL, header->epoch = cpu_to_be32(CPNS_EPOCH_MAX + 1));
	REFUSED(-EINVAL, header->dtd = header->atd);
	REFUSED(-EINVAL, header->dtd = 0);
	REFUSED(-EINVAL, header->atd = cpu_to_be32(U32_MAX));
	REFUSED(-EKEYEXPIRED, in->elapsed = 86400);
}

static void refused_seals_and_items(struct kunit *test)
{
	struct parts *parts = kunit_kzalloc(test, sizeof(*parts), GFP_KERNEL);
	struct cpns_message_in *in = &parts->in;
	struct cpns_seal *seal = &parts->seal;
	struct cpns_message_set set;

	KUNIT_ASSERT_NOT_NULL(test, parts);
	REFUSED(-EINVAL, in->seal_len--);
	REFUSED(-EINVAL, in->seal_len++);
	REFUSED(-EINVAL, seal->aead = 0);
	REFUSED(-EINVAL, seal->aead = cpu_to_be16(3));
	REFUSED(-EINVAL, seal->mode = 1);
	REFUSED(-EINVAL, seal->mode = 3);
	REFUSED(-EINVAL, seal->zero = 1);
	REFUSED(-EINVAL, seal->zero2 = cpu_to_be16(1));
	REFUSED(-EINVAL, seal->leaf_id = 0);
	REFUSED(-EKEYREJECTED, seal->tag[CPNS_TAG_SIZE - 1] ^= 1);
	REFUSED(-EKEYREJECTED, seal->first_epoch ^= cpu_to_be32(1));
	REFUSED(-EINVAL, in->item_len[0]--);
	REFUSED(-EINVAL, in->item_len[0]++);
	REFUSED(-EINVAL, in->items = CPNS_ITEMS_MAX + 1);
	REFUSED(-EINVAL, in->evicted = CPNS_EVICTED_MAX + 1);
	REFUSED(-EINVAL, in->has_sid = true);
}

static void names(struct kunit *test)
{
	char name[CPNS_SGID_MAX + 1];
	int c;

	memset(name, 'x', sizeof(name));
	KUNIT_EXPECT_EQ(test, -EINVAL, cpns_sgid_check(name, 0));
	KUNIT_EXPECT_EQ(test, 0, cpns_sgid_check(name, 1));
	KUNIT_EXPECT_EQ(test, 0, cpns_sgid_check(name, CPNS_SGID_MAX));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			cpns_sgid_check(name, CPNS_SGID_MAX + 1));
	for (c = 0; c < 256; c++) {
		name[2] = c;
		KUNIT_EXPECT_EQ_MSG(test, c > 0x20 && c < 0x7f ? 0 : -EINVAL,
				    cpns_sgid_check(name, 3), "byte %d", c);
	}
}

static struct kunit_case message_cases[] = {
	KUNIT_CASE(good_one),
	KUNIT_CASE(elapsed_shortens),
	KUNIT_CASE(clear_secret),
	KUNIT_CASE(refused_headers),
	KUNIT_CASE(refused_seals_and_items),
	KUNIT_CASE(names),
	{ }
};

static struct kunit_suite message_suite = {
	.name = "cpns_message",
	.test_cases = message_cases,
};

kunit_test_suites(&message_suite);
