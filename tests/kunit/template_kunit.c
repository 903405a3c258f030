// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpns(X) keys X with the traffic keys of make-kernel-message.py: what it seals
 * opens with X itself, which has the bytes that stand there. In the first
 * namespace.
 */
#include <crypto/aead.h>
#include <linux/scatterlist.h>

#include "group.h"
#include "vectors.h"

#define AAD	8	/* as much as ESP has */
#define TEXT	32
#define TAG	16

/* by CPNS_AEAD_* */
static const char *const inner[] = {
	NULL,
	"gcm(aes)",
	"rfc4106(gcm(aes))",
	"rfc7539(chacha20,poly1305)",
	"rfc7539esp(chacha20,poly1305)",
};

/* GROUP_SET with the secret and the HEADER of the vectors. */
static int set_group(struct kunit *test, u16 sid, struct cpns_group **group)
{
	const struct vector *set = vectors_kernel_message;
	struct cpns_message_in *in = kunit_kzalloc(test, sizeof(*in),
						   GFP_KERNEL);
	const char *why;

	KUNIT_ASSERT_NOT_NULL(test, in);
	in->sgid = vector_get(test, vector_find(test, set, "group:"), "sgid",
			      &in->sgid_len);
	in->header = vector_exactly(test, vector_find(test, set, "HEADER 48"),
				    "header", CPNS_HEADER_SIZE);
	in->header_len = CPNS_HEADER_SIZE;
	in->secret = vector_exactly(test, vector_find(test, set,
						      "epoch secret"),
				    "secret", CPNS_SECRET_SIZE);
	in->secret_len = CPNS_SECRET_SIZE;
	in->has_sid = true;
	in->sid = sid;
	in->allow_raw = true;
	return cpns_group_set(cpns_net(&init_net), in, NULL, group, &why);
}

/* One request in place; returns what crypto does. */
static int run(struct crypto_aead *aead, bool encrypt, u8 *buffer,
	       unsigned int buffer_len, unsigned int aad, unsigned int len,
	       u8 *iv)
{
	struct aead_request *request = aead_request_alloc(aead, GFP_KERNEL);
	struct scatterlist sg;
	int err;

	if (!request)
		return -ENOMEM;
	sg_init_one(&sg, buffer, buffer_len);
	aead_request_set_callback(request, CRYPTO_TFM_REQ_MAY_SLEEP, NULL,
				  NULL);
	aead_request_set_ad(request, aad);
	aead_request_set_crypt(request, &sg, &sg, len, iv);
	err = encrypt ? crypto_aead_encrypt(request) :
			crypto_aead_decrypt(request);
	aead_request_free(request);
	return err;
}

static int keyed(struct crypto_aead *aead, const void *key, unsigned int size)
{
	return crypto_aead_setauthsize(aead, TAG) ?:
	       crypto_aead_setkey(aead, key, size);
}

static int seal_and_open(struct kunit *test, struct crypto_aead *outer,
			 struct crypto_aead *plain, u8 *buffer)
{
	unsigned int ivsize = crypto_aead_ivsize(plain);
	unsigned int all = AAD + ivsize + TEXT + TAG;
	u8 iv[12] = {};
	int err;

	memset(buffer, 0, all);
	memset(buffer, 'a', AAD);
	memset(buffer + AAD + ivsize, 't', TEXT);
	err = run(outer, true, buffer, all, AAD, ivsize + TEXT, iv);
	if (err)
		return err;
	/* X has the IV behind the AAD */
	memcpy(iv, buffer + AAD, ivsize);
	KUNIT_EXPECT_NOT_NULL(test, memchr_inv(iv, 0, ivsize));
	err = run(plain, false, buffer, all, AAD + ivsize, TEXT + TAG, iv);
	if (err)
		return err;
	KUNIT_EXPECT_NULL(test, memchr_inv(buffer + AAD + ivsize, 't', TEXT));
	return 0;
}

static void traffic_keys_of_each(struct kunit *test)
{
	u8 *buffer = kunit_kmalloc(test, AAD + 12 + TEXT + TAG, GFP_KERNEL);
	struct crypto_aead *outer, *plain;
	struct cpns_group *group;
	const struct vector *v;
	unsigned int size, used = 0;
	char name[64];

	KUNIT_ASSERT_NOT_NULL(test, buffer);
	KUNIT_ASSERT_EQ(test, 0, set_group(test, 0x0102, &group));
	for (v = vectors_kernel_message; v->title; v++) {
		struct cpns_handle handle = {
			.serial = cpu_to_be32(group->serial),
			.epoch = cpu_to_be32(7),
			.sid = cpu_to_be16(0x0102),
		};
		const u8 *key;
		u8 aead_id;

		if (!vector_has(v, "traffic_key"))
			continue;
		aead_id = *vector_exactly(test, v, "aead_id", 1);
		handle.use = *vector_exactly(test, v, "use", 1);
		handle.key_bytes = *vector_exactly(test, v, "key_bytes", 1);
		key = vector_get(test, v, "traffic_key", &size);
		KUNIT_ASSERT_LT(test, aead_id, ARRAY_SIZE(inner));
		snprintf(name, sizeof(name), "cpns(%s)", inner[aead_id]);
		outer = crypto_alloc_aead(name, 0, CRYPTO_ALG_ASYNC);
		plain = crypto_alloc_aead(inner[aead_id], 0, CRYPTO_ALG_ASYNC);
		KUNIT_EXPECT_FALSE_MSG(test, IS_ERR(outer), "%s", name);
		KUNIT_EXPECT_FALSE_MSG(test, IS_ERR(plain), "%s", name);
		if (!IS_ERR(outer) && !IS_ERR(plain)) {
			KUNIT_EXPECT_EQ_MSG(test, 0,
					    keyed(outer, &handle,
						  sizeof(handle)) ?:
					    keyed(plain, key, size) ?:
					    seal_and_open(test, outer, plain,
							  buffer),
					    "%s", v->title);
			used++;
		}
		if (!IS_ERR(outer))
			crypto_free_aead(outer);
		if (!IS_ERR(plain))
			crypto_free_aead(plain);
	}
	KUNIT_EXPECT_EQ(test, 9, used);
	cpns_group_revoke(group);
	cpns_group_put(group);
}

static struct kunit_case template_cases[] = {
	KUNIT_CASE(traffic_keys_of_each),
	{ }
};

static struct kunit_suite template_suite = {
	.name = "cpns_template",
	.test_cases = template_cases,
};

kunit_test_suites(&template_suite);
