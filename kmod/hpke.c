// SPDX-License-Identifier: GPL-2.0-only
/*
 * HPKE (RFC 9180), single-shot open with DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256 and AES-GCM, modes base and auth; and the AES-GCM open of
 * wrapped keys.
 *
 * One AEAD, allocated at module load, serialised by a mutex of its own: this
 * is the control path. After each use its key is overwritten; where that fails,
 * for lack of memory, it is freed, and the next use allocates another.
 */
#include <crypto/aead.h>
#include <crypto/curve25519.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "group.h"

#define HPKE_NONCE	12
#define AAD_MAX		96	/* an ITEM's is 76 */

static DEFINE_MUTEX(cpns_gcm_mutex);
static struct crypto_aead *cpns_gcm;	/* NULL: to be allocated */
static u8 *cpns_gcm_buffer;		/* AAD and ciphertext, contiguous */

/* Its tags have 16 bytes unless told otherwise. */
static int cpns_gcm_alloc(void)
{
	struct crypto_aead *gcm = crypto_alloc_aead("gcm(aes)", 0,
						    CRYPTO_ALG_ASYNC);

	if (IS_ERR(gcm))
		return PTR_ERR(gcm);
	cpns_gcm = gcm;
	return 0;
}

int cpns_hpke_init(void)
{
	int err;

	cpns_gcm_buffer = kzalloc(AAD_MAX + CPNS_WRAPPED_SIZE, GFP_KERNEL);
	err = cpns_gcm_buffer ? cpns_gcm_alloc() : -ENOMEM;
	if (err)
		kfree(cpns_gcm_buffer);
	return err;
}

void cpns_hpke_exit(void)
{
	kfree_sensitive(cpns_gcm_buffer);
	crypto_free_aead(cpns_gcm);
}

/**
 * cpns_gcm_open() - open one wrapped key of 32 bytes with AES-GCM
 * @key: cipher key
 * @key_len: 16 or 32
 * @nonce: 12 bytes
 * @aad: additional authenticated data, concatenated; at most 96 bytes
 * @parts: how many
 * @ct: 48 bytes
 * @out: 32 bytes, written on success only
 *
 * Sleeps. Return: 0, -EBADMSG the tag does not match, or another errno.
 */
int cpns_gcm_open(const u8 *key, unsigned int key_len, const u8 *nonce,
		  const struct kvec *aad, unsigned int parts, const u8 *ct,
		  u8 *out)
{
	static const u8 no_key[32];
	struct aead_request *req;
	struct scatterlist sg;
	unsigned int i, len = 0;
	u8 iv[HPKE_NONCE];
	int err;

	mutex_lock(&cpns_gcm_mutex);
	err = cpns_gcm ? 0 : cpns_gcm_alloc();
	if (err)
		goto unlock;
	req = aead_request_alloc(cpns_gcm, GFP_KERNEL);
	if (!req) {
		err = -ENOMEM;
		goto unlock;
	}
	for (i = 0; i < parts; len += aad[i++].iov_len)
		memcpy(cpns_gcm_buffer + len, aad[i].iov_base, aad[i].iov_len);
	memcpy(cpns_gcm_buffer + len, ct, CPNS_WRAPPED_SIZE);
	memcpy(iv, nonce, sizeof(iv));
	err = crypto_aead_setkey(cpns_gcm, key, key_len);
	if (!err) {
		sg_init_one(&sg, cpns_gcm_buffer, len + CPNS_WRAPPED_SIZE);
		aead_request_set_callback(req, CRYPTO_TFM_REQ_MAY_SLEEP, NULL,
					  NULL);
		aead_request_set_ad(req, len);
		aead_request_set_crypt(req, &sg, &sg, CPNS_WRAPPED_SIZE, iv);
		err = crypto_aead_decrypt(req);
	}
	if (!err)
		memcpy(out, cpns_gcm_buffer + len, CPNS_SECRET_SIZE);
	memzero_explicit(cpns_gcm_buffer, AAD_MAX + CPNS_WRAPPED_SIZE);
	memzero_explicit(iv, sizeof(iv));
	aead_request_free(req);	/* wipes what the cipher left in it */
	if (crypto_aead_setkey(cpns_gcm, no_key, sizeof(no_key))) {
		crypto_free_aead(cpns_gcm);	/* wipes the key */
		cpns_gcm = NULL;
	}
unlock:
	mutex_unlock(&cpns_gcm_mutex);
	return err;
}

/* LabeledExtract and LabeledExpand of RFC 9180, 4 */
static void cpns_labeled_extract(const struct kvec *suite, const u8 *salt,
				 const char *label, const void *ikm,
				 unsigned int ikm_len, u8 *prk)
{
	const struct kvec part[] = {
		{ "HPKE-v1", 7 }, *suite, { (void *)label, strlen(label) },
		{ (void *)ikm, ikm_len },
	};

	cpns_hkdf_extract(salt, salt ? CPNS_SECRET_SIZE : 0, part,
			  ARRAY_SIZE(part), prk);
}

static void cpns_labeled_expand(const struct kvec *suite, const u8 *prk,
				const char *label, const void *info,
				unsigned int info_len, u8 *out, u8 out_len)
{
	u8 size[2] = { 0, out_len };
	const struct kvec part[] = {
		{ size, 2 }, { "HPKE-v1", 7 }, *suite,
		{ (void *)label, strlen(label) }, { (void *)info, info_len },
	};

	cpns_hkdf_expand(prk, part, ARRAY_SIZE(part), out, out_len);
}

/* DHKEM Decap and AuthDecap, RFC 9180, 4.1; false for a bad point */
static bool cpns_decap(const struct cpns_node_key *node, const u8 *enc,
		       const u8 *sender, u8 *shared)
{
	const struct kvec suite = { "KEM\x00\x20", 5 };
	u8 dh[2][CPNS_X25519_SIZE], context[3][CPNS_X25519_SIZE];
	unsigned int n = sender ? 2 : 1;
	u8 prk[CPNS_SECRET_SIZE];
	bool good;

	/* an all-zero result means a point of small order (RFC 7748, 6.1) */
	good = curve25519(dh[0], node->secret, enc) &&
	       (!sender || curve25519(dh[1], node->secret, sender));
	memcpy(context[0], enc, CPNS_X25519_SIZE);
	memcpy(context[1], node->public, CPNS_X25519_SIZE);
	if (sender)
		memcpy(context[2], sender, CPNS_X25519_SIZE);
	if (good) {
		cpns_labeled_extract(&suite, NULL, "eae_prk", dh,
				     n * CPNS_X25519_SIZE, prk);
		cpns_labeled_expand(&suite, prk, "shared_secret", context,
				    (n + 1) * CPNS_X25519_SIZE, shared,
				    CPNS_SECRET_SIZE);
	}
	memzero_explicit(dh, sizeof(dh));
	memzero_explicit(prk, sizeof(prk));
	return good;
}

/**
 * cpns_hpke_open() - open a SEAL
 * @node: node key to try
 * @seal: form checked
 * @sender: public key of the sender in mode auth, NULL in mode base
 * @leaf: leaf KEK, 32 bytes, written on success only
 *
 * Sleeps. Return: 0, -EBADMSG not sealed to @node or tampered with,
 * -EKEYREJECTED a bad point, or another errno.
 */
int cpns_hpke_open(const struct cpns_node_key *node,
		   const struct cpns_seal *seal, const u8 *sender, u8 *leaf)
{
	u8 aead = be16_to_cpu(seal->aead);
	u8 key_len = aead == CPNS_HPKE_AES_128_GCM ? 16 : 32;
	u8 id[] = { 'H', 'P', 'K', 'E', 0, 0x20, 0, 1, 0, aead };
	const struct kvec suite = { id, sizeof(id) };
	u8 info[sizeof(CPNS_INFO_LEAF) - 1 + CPNS_TAG_SIZE] = CPNS_INFO_LEAF;
	u8 context[1 + 2 * CPNS_SECRET_SIZE] = { seal->mode };
	u8 shared[CPNS_SECRET_SIZE], secret[CPNS_SECRET_SIZE];
	u8 key[32], nonce[HPKE_NONCE];
	const struct kvec aad = { (void *)seal, CPNS_SEAL_AAD_SIZE };
	int err;

	if (!cpns_decap(node, seal->enc, sender, shared))
		return -EKEYREJECTED;
	/* KeySchedule, RFC 9180, 5.1, without PSK */
	memcpy(info + sizeof(CPNS_INFO_LEAF) - 1, seal->tag, CPNS_TAG_SIZE);
	cpns_labeled_extract(&suite, NULL, "psk_id_hash", NULL, 0, context + 1);
	cpns_labeled_extract(&suite, NULL, "info_hash", info, sizeof(info),
			     context + 1 + CPNS_SECRET_SIZE);
	cpns_labeled_extract(&suite, shared, "secret", NULL, 0, secret);
	cpns_labeled_expand(&suite, secret, "key", context, sizeof(context),
			    key, key_len);
	cpns_labeled_expand(&suite, secret, "base_nonce", context,
			    sizeof(context), nonce, HPKE_NONCE);
	err = cpns_gcm_open(key, key_len, nonce, &aad, 1, seal->ct, leaf);
	memzero_explicit(shared, sizeof(shared));
	memzero_explicit(secret, sizeof(secret));
	memzero_explicit(key, sizeof(key));
	memzero_explicit(nonce, sizeof(nonce));
	return err;
}
