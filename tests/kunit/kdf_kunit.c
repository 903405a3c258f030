// SPDX-License-Identifier: GPL-2.0-only
/*
 * HKDF with the sets of RFC 5869, and the key schedule with the set of
 * make-kernel-message.py, made without our code, as far as the traffic keys.
 */
#include <crypto/sha2.h>
#include <linux/uio.h>

#include "cpns.h"
#include "vectors.h"

static void hkdf_of_rfc5869(struct kunit *test)
{
	const struct vector *v;
	unsigned int salt_len, ikm_len, info_len, okm_len, used = 0;

	for (v = vectors_hkdf_rfc5869; v->title; v++) {
		const u8 *salt = vector_get(test, v, "salt", &salt_len);
		const u8 *ikm = vector_get(test, v, "IKM", &ikm_len);
		const u8 *info = vector_get(test, v, "info", &info_len);
		const u8 *okm = vector_get(test, v, "OKM", &okm_len);
		/* in two parts each, as callers give several */
		const struct kvec in[] = {
			{ (void *)ikm, ikm_len / 3 },
			{ (void *)ikm + ikm_len / 3, ikm_len - ikm_len / 3 },
		};
		const struct kvec context[] = {
			{ (void *)info, info_len / 2 },
			{ (void *)info + info_len / 2, info_len - info_len / 2 },
		};
		u8 prk[32], out[64];

		if (salt_len > 64 || okm_len > sizeof(out))
			continue;	/* longer than anything here */
		used++;
		cpns_hkdf_extract(salt, salt_len, in, 2, prk);
		KUNIT_EXPECT_MEMEQ(test, prk,
				   vector_exactly(test, v, "PRK", 32), 32);
		cpns_hkdf_expand(prk, context, 2, out, okm_len);
		KUNIT_EXPECT_MEMEQ(test, out, okm, okm_len);
	}
	KUNIT_EXPECT_GE(test, used, 2);
}

static void output_ends_at_its_length(struct kunit *test)
{
	static const u8 prk[32] = { 1 };
	static const struct kvec info = { "x", 1 };
	u8 whole[64], part[65];
	unsigned int length;

	cpns_hkdf_expand(prk, &info, 1, whole, 64);
	for (length = 1; length <= 64; length++) {
		memset(part, 0xa5, sizeof(part));
		cpns_hkdf_expand(prk, &info, 1, part, length);
		KUNIT_EXPECT_MEMEQ(test, part, whole, length);
		KUNIT_EXPECT_EQ(test, 0xa5, part[length]);
	}
}

static void tag_prk_kcv(struct kunit *test)
{
	const struct vector *group = vector_find(test, vectors_kernel_message,
						 "group:");
	const struct vector *epoch = vector_find(test, vectors_kernel_message,
						 "epoch secret");
	const struct kvec secret = {
		(void *)vector_exactly(test, epoch, "secret", 32), 32,
	};
	const struct kvec info = { CPNS_INFO_KCV, sizeof(CPNS_INFO_KCV) - 1 };
	u8 digest[32], salt[CPNS_TAG_SIZE + 4], prk[32], kcv[CPNS_KCV_SIZE];
	unsigned int size;
	const u8 *sgid = vector_get(test, group, "sgid", &size);

	sha256(sgid, size, digest);
	KUNIT_EXPECT_MEMEQ(test, digest,
			   vector_exactly(test, group, "tag", CPNS_TAG_SIZE),
			   CPNS_TAG_SIZE);
	memcpy(salt, digest, CPNS_TAG_SIZE);
	memcpy(salt + CPNS_TAG_SIZE, vector_exactly(test, epoch, "epoch", 4),
	       4);
	cpns_hkdf_extract(salt, sizeof(salt), &secret, 1, prk);
	KUNIT_EXPECT_MEMEQ(test, prk, vector_exactly(test, epoch, "prk", 32),
			   32);
	cpns_hkdf_expand(prk, &info, 1, kcv, sizeof(kcv));
	KUNIT_EXPECT_MEMEQ(test, kcv,
			   vector_exactly(test, epoch, "kcv", CPNS_KCV_SIZE),
			   CPNS_KCV_SIZE);
}

/* Every use, cipher and key size that there is, out of one epoch's PRK. */
static void traffic_keys(struct kunit *test)
{
	const struct vector *secret = vector_find(test, vectors_kernel_message,
						  "epoch secret");
	struct cpns_group *group = kunit_kzalloc(test, sizeof(*group),
						 GFP_KERNEL);
	struct cpns_epoch epoch = {
		.group = group,
		.state = CPNS_STATE_ACTIVE,
		.rxonly_at = CPNS_NEVER,
		.dead_at = CPNS_NEVER,
		.expire_at = CPNS_NEVER,
	};
	struct cpns_reference reference = { .group = group };
	const struct cpns_use use = { &epoch, &reference };
	unsigned int size, uses = 0, ciphers = 0, used = 0;
	const struct vector *v;

	KUNIT_ASSERT_NOT_NULL(test, group);
	mutex_init(&group->lock);
	memcpy(epoch.prk, vector_exactly(test, secret, "prk", 32), 32);
	for (v = vectors_kernel_message; v->title; v++) {
		u8 use_id, aead_id, key_bytes, out[37];
		const u8 *key, *sid;

		if (!vector_has(v, "traffic_key"))
			continue;
		use_id = *vector_exactly(test, v, "use", 1);
		aead_id = *vector_exactly(test, v, "aead_id", 1);
		sid = vector_exactly(test, v, "sid", 2);
		key_bytes = *vector_exactly(test, v, "key_bytes", 1);
		key = vector_get(test, v, "traffic_key", &size);
		KUNIT_ASSERT_LT(test, size, sizeof(out));
		memset(out, 0xa5, sizeof(out));
		KUNIT_EXPECT_EQ_MSG(test, 0,
				    cpns_traffic_key(&use, use_id, aead_id,
						     sid[0] << 8 | sid[1],
						     key_bytes, out, size),
				    "%s", v->title);
		KUNIT_EXPECT_MEMEQ_MSG(test, out, key, size, "%s", v->title);
		KUNIT_EXPECT_EQ(test, 0xa5, out[size]);
		uses |= BIT(use_id);
		ciphers |= BIT(aead_id);
		used++;
	}
	KUNIT_EXPECT_EQ(test, 9, used);
	KUNIT_EXPECT_EQ(test, uses, (unsigned int)(BIT(CPNS_USE_ESP) |
						   BIT(CPNS_USE_AF_ALG) |
						   BIT(CPNS_USE_MESSAGE)));
	KUNIT_EXPECT_EQ(test, ciphers,
			(unsigned int)(BIT(CPNS_AEAD_GCM) |
				       BIT(CPNS_AEAD_RFC4106) |
				       BIT(CPNS_AEAD_RFC7539) |
				       BIT(CPNS_AEAD_RFC7539ESP)));
}

static struct kunit_case kdf_cases[] = {
	KUNIT_CASE(hkdf_of_rfc5869),
	KUNIT_CASE(output_ends_at_its_length),
	KUNIT_CASE(tag_prk_kcv),
	KUNIT_CASE(traffic_keys),
	{ }
};

static struct kunit_suite kdf_suite = {
	.name = "cpns_kdf",
	.test_cases = kdf_cases,
};

kunit_test_suites(&kdf_suite);
