// SPDX-License-Identifier: GPL-2.0-only
/*
 * HPKE (RFC 9180), single-shot open with DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256 and AES-GCM, modes base and auth; and the AES-GCM open of
 * wrapped keys.
 *
 * One AEAD, allocated at module load, serialised by a mutex of its own: this
 * is the control path. After each use its key is overwritten.
 */
#include <crypto/aead.h>
#include <crypto/curve25519.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "cpns.h"
#include "group.h"

#define HPKE_KEM_ID	0x0020
#define HPKE_KDF_ID	0x0001
#define HPKE_NONCE	12
#define GCM_TAG		16
#define AAD_MAX		96

static DEFINE_MUTEX(cpns_gcm_mutex);
static struct crypto_aead *cpns_gcm;
static struct aead_request *cpns_gcm_req;
static u8 *cpns_gcm_buffer;		/* AAD and ciphertext, contiguous */

int cpns_hpke_init(void)
{
	int err;

	cpns_gcm = crypto_alloc_aead("gcm(aes)", 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(cpns_gcm))
		return PTR_ERR(cpns_gcm);
	err = crypto_aead_setauthsize(cpns_gcm, GCM_TAG);
	cpns_gcm_req = aead_request_alloc(cpns_gcm, GFP_KERNEL);
	cpns_gcm_buffer = kzalloc(AAD_MAX + CPNS_WRAPPED_SIZE, GFP_KERNEL);
	if (!err && (!cpns_gcm_req || !cpns_gcm_buffer))
		err = -ENOMEM;
	if (err)
		cpns_hpke_exit();
	return err;
}

void cpns_hpke_exit(void)
{
	kfree_sensitive(cpns_gcm_buffer);
	if (cpns_gcm_req)
		aead_request_free(cpns_gcm_req);
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
	struct scatterlist sg;
	unsigned int i, len = 0;
	u8 iv[HPKE_NONCE];
	int err;

	mutex_lock(&cpns_gcm_mutex);
	for (i = 0; i < parts; i++) {
		err = -EINVAL;
		if (WARN_ON_ONCE(len + aad[i].iov_len > AAD_MAX))
			goto out;
		memcpy(cpns_gcm_buffer + len, aad[i].iov_base, aad[i].iov_len);
		len += aad[i].iov_len;
	}
	memcpy(cpns_gcm_buffer + len, ct, CPNS_WRAPPED_SIZE);
	memcpy(iv, nonce, sizeof(iv));
	err = crypto_aead_setkey(cpns_gcm, key, key_len);
	if (err)
		goto out;
	sg_init_one(&sg, cpns_gcm_buffer, len + CPNS_WRAPPED_SIZE);
	aead_request_set_callback(cpns_gcm_req, CRYPTO_TFM_REQ_MAY_SLEEP,
				  NULL, NULL);
	aead_request_set_ad(cpns_gcm_req, len);
	aead_request_set_crypt(cpns_gcm_req, &sg, &sg, CPNS_WRAPPED_SIZE, iv);
	err = crypto_aead_decrypt(cpns_gcm_req);
	if (!err)
		memcpy(out, cpns_gcm_buffer + len, CPNS_SECRET_SIZE);
out:
	memzero_explicit(cpns_gcm_buffer, AAD_MAX + CPNS_WRAPPED_SIZE);
	memzero_explicit(iv, sizeof(iv));
	if (crypto_aead_setkey(cpns_gcm, no_key, sizeof(no_key)))
		pr_warn_once("key of the shared AEAD not overwritten\n");
	mutex_unlock(&cpns_gcm_mutex);
	return err;
}

/* LabeledExtract and LabeledExpand of RFC 9180, 4 */
static int cpns_labeled_extract(const void *suite, unsigned int suite_len,
				const u8 *salt, const char *label,
				const void *ikm, unsigned int ikm_len, u8 *prk)
{
	const struct kvec part[] = {
		{ "HPKE-v1", 7 }, { (void *)suite, suite_len },
		{ (void *)label, strlen(label) }, { (void *)ikm, ikm_len },
	};

	return cpns_hkdf_extract(salt, salt ? CPNS_SECRET_SIZE : 0, part,
				 ARRAY_SIZE(part), prk);
}

static int cpns_labeled_expand(const void *suite, unsigned int suite_len,
			       const u8 *prk, const char *label,
			       const void *info, unsigned int info_len,
			       u8 *out, u8 out_len)
{
	u8 size[2] = { 0, out_len };
	const struct kvec part[] = {
		{ size, 2 }, { "HPKE-v1", 7 }, { (void *)suite, suite_len },
		{ (void *)label, strlen(label) }, { (void *)info, info_len },
	};

	return cpns_hkdf_expand(prk, part, ARRAY_SIZE(part), out, out_len);
}

/* DHKEM Decap and AuthDecap, RFC 9180, 4.1 */
static int cpns_decap(const struct cpns_node_key *node, const u8 *enc,
		      const u8 *sender, u8 *shared)
{
	static const u8 suite[] = { 'K', 'E', 'M', 0, HPKE_KEM_ID };
	unsigned int n = sender ? 2 : 1;
	u8 dh[2 * CPNS_X25519_SIZE], context[3 * CPNS_X25519_SIZE];
	u8 prk[CPNS_SECRET_SIZE];
	int err = -EKEYREJECTED;

	/* an all-zero result means a point of small order (RFC 7748, 6.1) */
	if (!curve25519(dh, node->secret, enc))
		goto out;
	memcpy(context, enc, CPNS_X25519_SIZE);
	memcpy(context + CPNS_X25519_SIZE, node->public, CPNS_X25519_SIZE);
	if (sender) {
		if (!curve25519(dh + CPNS_X25519_SIZE, node->secret, sender))
			goto out;
		memcpy(context + 2 * CPNS_X25519_SIZE, sender,
		       CPNS_X25519_SIZE);
	}
	err = cpns_labeled_extract(suite, sizeof(suite), NULL, "eae_prk", dh,
				   n * CPNS_X25519_SIZE, prk);
	err = err ?: cpns_labeled_expand(suite, sizeof(suite), prk,
					 "shared_secret", context,
					 (n + 1) * CPNS_X25519_SIZE, shared,
					 CPNS_SECRET_SIZE);
out:
	memzero_explicit(dh, sizeof(dh));
	memzero_explicit(prk, sizeof(prk));
	return err;
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
	const u8 suite[] = { 'H', 'P', 'K', 'E', 0, HPKE_KEM_ID,
			     0, HPKE_KDF_ID, 0, aead };
	u8 info[sizeof(CPNS_INFO_LEAF) - 1 + CPNS_TAG_SIZE];
	u8 context[1 + 2 * CPNS_SECRET_SIZE] = { seal->mode };
	u8 shared[CPNS_SECRET_SIZE], secret[CPNS_SECRET_SIZE];
	u8 key[32], nonce[HPKE_NONCE];
	const struct kvec aad = { (void *)seal, CPNS_SEAL_AAD_SIZE };
	int err;

	memcpy(info, CPNS_INFO_LEAF, sizeof(CPNS_INFO_LEAF) - 1);
	memcpy(info + sizeof(CPNS_INFO_LEAF) - 1, seal->tag, CPNS_TAG_SIZE);
	err = cpns_decap(node, seal->enc, sender, shared);
	/* KeySchedule, RFC 9180, 5.1, without PSK */
	err = err ?: cpns_labeled_extract(suite, sizeof(suite), NULL,
					  "psk_id_hash", NULL, 0, context + 1);
	err = err ?: cpns_labeled_extract(suite, sizeof(suite), NULL,
					  "info_hash", info, sizeof(info),
					  context + 1 + CPNS_SECRET_SIZE);
	err = err ?: cpns_labeled_extract(suite, sizeof(suite), shared,
					  "secret", NULL, 0, secret);
	err = err ?: cpns_labeled_expand(suite, sizeof(suite), secret, "key",
					 context, sizeof(context), key,
					 key_len);
	err = err ?: cpns_labeled_expand(suite, sizeof(suite), secret,
					 "base_nonce", context,
					 sizeof(context), nonce, HPKE_NONCE);
	err = err ?: cpns_gcm_open(key, key_len, nonce, &aad, 1, seal->ct,
				   leaf);
	memzero_explicit(shared, sizeof(shared));
	memzero_explicit(secret, sizeof(secret));
	memzero_explicit(key, sizeof(key));
	memzero_explicit(nonce, sizeof(nonce));
	return err;
}
