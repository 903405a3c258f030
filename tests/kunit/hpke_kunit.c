// SPDX-License-Identifier: GPL-2.0-only
/*
 * HPKE: the inner functions of hpke.c with the sets of RFC 9180, SEAL and ITEM
 * with the set of make-kernel-message.py, and what must not open.
 */
#include "../kmod/hpke.c"

#include "vectors.h"

/* RFC 9180 with its own info, in the steps of cpns_hpke_open(). */
static void rfc9180_one(struct kunit *test, const struct vector *v)
{
	u8 aead = vector_exactly(test, v, "aead", 2)[1];
	u8 key_len = aead == CPNS_HPKE_AES_128_GCM ? 16 : 32;
	u8 id[] = { 'H', 'P', 'K', 'E', 0, 0x20, 0, 1, 0, aead };
	const struct kvec suite = { id, sizeof(id) };
	u8 context[1 + 64], shared[32], secret[32], key[32], nonce[HPKE_NONCE];
	unsigned int info_len, aad_len, pt_len, ct_len;
	const u8 *info = vector_get(test, v, "info", &info_len);
	const u8 *aad = vector_get(test, v, "aad", &aad_len);
	const u8 *pt = vector_get(test, v, "pt", &pt_len);
	const u8 *ct = vector_get(test, v, "ct", &ct_len);
	const u8 *sender = vector_has(v, "pkSm") ?
			   vector_exactly(test, v, "pkSm", 32) : NULL;
	struct cpns_node_key node = { .valid = true };
	struct aead_request *request;
	struct crypto_aead *gcm;
	struct scatterlist sg;
	u8 *buffer;

	memcpy(node.secret, vector_exactly(test, v, "skRm", 32), 32);
	memcpy(node.public, vector_exactly(test, v, "pkRm", 32), 32);
	KUNIT_ASSERT_TRUE(test,
			  cpns_decap(&node, vector_exactly(test, v, "enc", 32),
				     sender, shared));
	context[0] = vector_exactly(test, v, "mode", 1)[0];
	cpns_labeled_extract(&suite, NULL, "psk_id_hash", NULL, 0, context + 1);
	cpns_labeled_extract(&suite, NULL, "info_hash", info, info_len,
			     context + 33);
	cpns_labeled_extract(&suite, shared, "secret", NULL, 0, secret);
	cpns_labeled_expand(&suite, secret, "key", context, sizeof(context),
			    key, key_len);
	cpns_labeled_expand(&suite, secret, "base_nonce", context,
			    sizeof(context), nonce, HPKE_NONCE);

	gcm = crypto_alloc_aead("gcm(aes)", 0, CRYPTO_ALG_ASYNC);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, gcm);
	request = aead_request_alloc(gcm, GFP_KERNEL);
	buffer = kunit_kmalloc(test, aad_len + ct_len, GFP_KERNEL);
	if (request && buffer) {
		memcpy(buffer, aad, aad_len);
		memcpy(buffer + aad_len, ct, ct_len);
		sg_init_one(&sg, buffer, aad_len + ct_len);
		aead_request_set_callback(request, CRYPTO_TFM_REQ_MAY_SLEEP,
					  NULL, NULL);
		aead_request_set_ad(request, aad_len);
		aead_request_set_crypt(request, &sg, &sg, ct_len, nonce);
		KUNIT_EXPECT_EQ(test, 0, crypto_aead_setauthsize(gcm, 16));
		KUNIT_EXPECT_EQ(test, 0, crypto_aead_setkey(gcm, key, key_len));
		KUNIT_EXPECT_EQ_MSG(test, 0, crypto_aead_decrypt(request),
				    "%s", v->title);
		KUNIT_EXPECT_MEMEQ(test, buffer + aad_len, pt, pt_len);
	}
	aead_request_free(request);
	crypto_free_aead(gcm);
	KUNIT_EXPECT_NOT_NULL(test, request);
	KUNIT_EXPECT_NOT_NULL(test, buffer);
}

static void sets_of_rfc9180(struct kunit *test)
{
	const struct vector *v;
	unsigned int used = 0;

	for (v = vectors_hpke_rfc9180; v->title; v++, used++)
		rfc9180_one(test, v);
	KUNIT_EXPECT_GE(test, used, 4);
}

struct seal_set {
	struct cpns_node_key	node;
	struct cpns_seal	seal;
	const u8		*sender;
	const u8		*leaf;
};

static void seal_set(struct kunit *test, const struct vector *v,
		     struct seal_set *set)
{
	memcpy(set->node.secret, vector_exactly(test, v, "node_private", 32),
	       32);
	memcpy(set->node.public, vector_exactly(test, v, "node_public", 32),
	       32);
	set->node.valid = true;
	memcpy(&set->seal, vector_exactly(test, v, "seal", CPNS_SEAL_SIZE),
	       CPNS_SEAL_SIZE);
	set->sender = vector_has(v, "osg_public") ?
		      vector_exactly(test, v, "osg_public", 32) : NULL;
	set->leaf = vector_exactly(test, v, "leaf_kek", 32);
}

static void seals_open(struct kunit *test)
{
	const struct vector *v;
	unsigned int used = 0;
	struct seal_set set;
	u8 leaf[32];

	for (v = vectors_kernel_message; v->title; v++) {
		if (!vector_has(v, "seal"))
			continue;
		used++;
		seal_set(test, v, &set);
		memset(leaf, 0, sizeof(leaf));
		KUNIT_EXPECT_EQ_MSG(test, 0,
				    cpns_hpke_open(&set.node, &set.seal,
						   set.sender, leaf),
				    "%s", v->title);
		KUNIT_EXPECT_MEMEQ(test, leaf, set.leaf, 32);
	}
	KUNIT_EXPECT_EQ(test, 4, used);
}

/* Every byte of a SEAL, and the sender's key, are covered. */
static void altered_seals_do_not_open(struct kunit *test)
{
	static const u8 none[32];
	const struct vector *v = vector_find(test, vectors_kernel_message,
					     "SEAL 112, AES-256-GCM, mode auth");
	struct seal_set set;
	unsigned int byte;
	u8 leaf[32] = {}, sender[32];
	int err;

	for (byte = 0; byte < CPNS_SEAL_SIZE; byte++) {
		seal_set(test, v, &set);
		((u8 *)&set.seal)[byte] ^= 1 << byte % 8;
		err = cpns_hpke_open(&set.node, &set.seal, set.sender, leaf);
		KUNIT_EXPECT_TRUE_MSG(test,
				      err == -EBADMSG || err == -EKEYREJECTED,
				      "byte %u: %d", byte, err);
		KUNIT_EXPECT_MEMEQ(test, leaf, none, 32);
	}
	seal_set(test, v, &set);
	memcpy(sender, set.sender, 32);
	sender[0] ^= 1;
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			cpns_hpke_open(&set.node, &set.seal, sender, leaf));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			cpns_hpke_open(&set.node, &set.seal, NULL, leaf));
	KUNIT_EXPECT_MEMEQ(test, leaf, none, 32);
}

/* Points of small order give a shared secret of zeros (RFC 7748, 6.1). */
static void points_of_small_order(struct kunit *test)
{
	static const u8 point[][32] = {
		{ 0 }, { 1 },
		{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae,
		  0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		  0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd,
		  0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	};
	const struct vector *v = vector_find(test, vectors_kernel_message,
					     "SEAL 112, AES-256-GCM, mode auth");
	struct seal_set set;
	unsigned int i;
	u8 leaf[32];

	for (i = 0; i < ARRAY_SIZE(point); i++) {
		seal_set(test, v, &set);
		memcpy(set.seal.enc, point[i], 32);
		KUNIT_EXPECT_EQ(test, -EKEYREJECTED,
				cpns_hpke_open(&set.node, &set.seal,
					       set.sender, leaf));
		seal_set(test, v, &set);
		KUNIT_EXPECT_EQ(test, -EKEYREJECTED,
				cpns_hpke_open(&set.node, &set.seal, point[i],
					       leaf));
	}
}

static void items_open(struct kunit *test)
{
	const struct vector *header_set =
		vector_find(test, vectors_kernel_message, "HEADER 48");
	const struct cpns_header *header =
		(void *)vector_exactly(test, header_set, "header",
				       CPNS_HEADER_SIZE);
	const struct vector *v;
	unsigned int used = 0;
	u8 key[32];

	for (v = vectors_kernel_message; v->title; v++) {
		const struct cpns_item *item;
		struct kvec aad[4];

		if (!vector_has(v, "item"))
			continue;
		item = (void *)vector_exactly(test, v, "item", CPNS_ITEM_SIZE);
		if (item->id) {
			aad[1] = (struct kvec){ (void *)header->tag,
						CPNS_TAG_SIZE };
			aad[2] = (struct kvec){ (void *)&header->epoch, 4 };
		} else {
			aad[1] = (struct kvec){ (void *)header,
						CPNS_HEADER_SIZE };
			aad[2] = (struct kvec){ NULL, 0 };
		}
		aad[0] = (struct kvec){ CPNS_AAD_ITEM,
					sizeof(CPNS_AAD_ITEM) - 1 };
		aad[3] = (struct kvec){ (void *)item, 16 };
		used++;
		KUNIT_EXPECT_EQ_MSG(test, 0,
				    cpns_gcm_open(vector_exactly(test, v,
								 "wrapping_key",
								 32),
						  32, item->nonce, aad, 4,
						  item->ct, key),
				    "%s", v->title);
		KUNIT_EXPECT_MEMEQ(test, key, vector_exactly(test, v, "key", 32),
				   32);
		/* with other AAD it does not */
		KUNIT_EXPECT_EQ(test, -EBADMSG,
				cpns_gcm_open(vector_exactly(test, v,
							     "wrapping_key",
							     32),
					      32, item->nonce, aad, 3,
					      item->ct, key));
	}
	KUNIT_EXPECT_GE(test, used, 2);
}

#ifdef CONFIG_FAULT_INJECTION
/*
 * Open with the @n-th allocation failing, then without. Returns false when
 * there was no such allocation any more.
 */
static bool open_with_fault(struct kunit *test, const struct seal_set *set,
			    unsigned int n, unsigned int *refused,
			    unsigned int *freed)
{
	static const u8 none[32];
	u8 leaf[32] = {};
	bool fired;
	int err;

	WRITE_ONCE(current->fail_nth, n);
	err = cpns_hpke_open(&set->node, &set->seal, set->sender, leaf);
	fired = !READ_ONCE(current->fail_nth);
	WRITE_ONCE(current->fail_nth, 0);
	KUNIT_EXPECT_TRUE_MSG(test, !err || (fired && err == -ENOMEM),
			      "allocation %u: %d", n, err);
	KUNIT_EXPECT_MEMEQ(test, leaf, err ? none : set->leaf, 32);
	*refused += !!err;
	*freed += fired && !cpns_gcm;

	memset(leaf, 0, sizeof(leaf));
	KUNIT_EXPECT_EQ_MSG(test, 0,
			    cpns_hpke_open(&set->node, &set->seal, set->sender,
					   leaf),
			    "after allocation %u failed", n);
	KUNIT_EXPECT_MEMEQ(test, leaf, set->leaf, 32);
	KUNIT_EXPECT_NOT_NULL(test, cpns_gcm);
	return fired;
}

/* The shared AEAD never keeps a key; where it is gone, it comes again. */
static void opens_without_memory(struct kunit *test)
{
	const struct vector *v = vector_find(test, vectors_kernel_message,
					     "SEAL 112, AES-256-GCM, mode auth");
	unsigned int refused = 0, freed = 0, refused_anew = 0, n;
	struct seal_set set;

	seal_set(test, v, &set);
	for (n = 1; open_with_fault(test, &set, n, &refused, &freed); n++)
		KUNIT_ASSERT_LT(test, n, 100);
	kunit_info(test, "%u allocations, %u needed, freed %u times", n - 1,
		   refused, freed);
	KUNIT_EXPECT_GT(test, refused, 0);
	KUNIT_EXPECT_GT(test, freed, 0);

	for (n = 1;; n++) {
		crypto_free_aead(cpns_gcm);
		cpns_gcm = NULL;
		if (!open_with_fault(test, &set, n, &refused_anew, &freed))
			break;
		KUNIT_ASSERT_LT(test, n, 200);
	}
	KUNIT_EXPECT_GT(test, refused_anew, refused);
}
#else
static void opens_without_memory(struct kunit *test)
{
	kunit_skip(test, "this kernel injects no faults");
}
#endif

static struct kunit_case hpke_cases[] = {
	KUNIT_CASE(sets_of_rfc9180),
	KUNIT_CASE(seals_open),
	KUNIT_CASE_SLOW(altered_seals_do_not_open),
	KUNIT_CASE(points_of_small_order),
	KUNIT_CASE(items_open),
	KUNIT_CASE(opens_without_memory),
	{ }
};

static struct kunit_suite hpke_suite = {
	.name = "cpns_hpke",
	.test_cases = hpke_cases,
};

kunit_test_suites(&hpke_suite);
