// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages: KEYCTL_PKEY_QUERY, _ENCRYPT and _DECRYPT on a group's key.
 *
 * A message is struct cpns_message | ciphertext | tag: be32 epoch | IV8 | ...
 * It goes through the template like everything else, without AAD of the
 * caller; the template's 12-byte IV (00000000 | IV8) has the place of epoch and
 * IV8 while the cipher runs.
 *
 * All runs in the calling task, which the keys code has checked for search
 * permission on the key. The keys code does not hold this module: each
 * function below holds it by itself, and between two of them the keys code
 * sees a type that is not registered any more.
 */
#include <crypto/aead.h>
#include <linux/keyctl.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cpns.h"

#define CPNS_MESSAGE_TAG	16
#define CPNS_MESSAGE_ADDED	(CPNS_MESSAGE_HEADER_SIZE + CPNS_MESSAGE_TAG)

static int cpns_pkey_check(const struct kernel_pkey_params *params)
{
	if (strcmp(params->encoding, "raw"))
		return -ENOPKG;
	if (params->hash_algo)
		return -EINVAL;
	return 0;
}

/* in place: @buffer has room for IV | text | tag, @len is all that is input */
static int cpns_pkey_crypt(const struct cpns_use *use, u16 sid, bool encrypt,
			   void *buffer, unsigned int len)
{
	u8 suite = use->epoch->suite;
	const struct cpns_handle handle = {
		.serial = cpu_to_be32(use->reference->serial),
		.epoch = cpu_to_be32(use->epoch->num),
		.sid = cpu_to_be16(sid),
		.use = CPNS_USE_MESSAGE,
		.key_bytes = suite == CPNS_SUITE_AES_128_GCM ? 16 : 32,
	};
	DECLARE_CRYPTO_WAIT(wait);
	struct aead_request *req;
	struct crypto_aead *tfm;
	struct scatterlist sg;
	u8 no_iv[12] = {};
	int err;

	tfm = crypto_alloc_aead(suite == CPNS_SUITE_CHACHA20_POLY1305 ?
				"cpns(rfc7539(chacha20,poly1305))" :
				"cpns(gcm(aes))", 0, 0);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	err = crypto_aead_setkey(tfm, (const u8 *)&handle, sizeof(handle));
	req = aead_request_alloc(tfm, GFP_KERNEL);
	if (!err && !req)
		err = -ENOMEM;
	if (!err) {
		sg_init_one(&sg, buffer, len + (encrypt ? CPNS_MESSAGE_TAG : 0));
		aead_request_set_callback(req, CRYPTO_TFM_REQ_MAY_SLEEP |
					  CRYPTO_TFM_REQ_MAY_BACKLOG,
					  crypto_req_done, &wait);
		aead_request_set_crypt(req, &sg, &sg, len, no_iv);
		aead_request_set_ad(req, 0);
		err = crypto_wait_req(encrypt ? crypto_aead_encrypt(req) :
						crypto_aead_decrypt(req), &wait);
	}
	aead_request_free(req);
	crypto_free_aead(tfm);
	return err;
}

static int cpns_pkey_encrypt(struct key *key, const void *in, u32 in_len,
			     u8 *out)
{
	struct cpns_use use;
	int err, tries = 2;
	__be32 num;
	u16 sid;

	/* the epoch to send with may change under way: take the next one */
	do {
		err = cpns_use_key(key, 0, 0, &use);
		if (err)
			return err;
		memset(out, 0, CPNS_MESSAGE_HEADER_SIZE);
		memcpy(out + CPNS_MESSAGE_HEADER_SIZE, in, in_len);
		sid = cpns_epoch_sid(use.epoch);
		err = sid ? cpns_pkey_crypt(&use, sid, true, out,
					    CPNS_MESSAGE_HEADER_SIZE + in_len) :
			    -ENOKEY;
		num = cpu_to_be32(use.epoch->num);
		cpns_use_put(&use);
	} while (err == -ESTALE && --tries);
	if (err) {
		memzero_explicit(out, CPNS_MESSAGE_ADDED + in_len);
		return err;
	}
	memcpy(out, &num, sizeof(num));
	return CPNS_MESSAGE_ADDED + in_len;
}

static int cpns_pkey_decrypt(struct key *key, const void *in, u32 in_len,
			     u8 *out)
{
	const struct cpns_message *header = in;
	u32 text = in_len - CPNS_MESSAGE_ADDED;
	struct cpns_use use;
	u8 *buffer;
	u16 sid;
	int err;

	if (in_len < CPNS_MESSAGE_ADDED)
		return -EBADMSG;
	sid = header->iv[0] << 8 | header->iv[1];
	if (!header->epoch || !sid)
		return -EBADMSG;
	buffer = kmemdup(in, in_len, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	memset(buffer, 0, sizeof(header->epoch));
	err = cpns_use_key(key, be32_to_cpu(header->epoch), sid, &use);
	if (!err) {
		err = cpns_pkey_crypt(&use, sid, false, buffer, in_len);
		cpns_use_put(&use);
	}
	if (!err) {
		memcpy(out, buffer + CPNS_MESSAGE_HEADER_SIZE, text);
		err = text;
	}
	kfree_sensitive(buffer);
	return err;
}

/**
 * cpns_pkey_query() - KEYCTL_PKEY_QUERY on a cpns_group key
 * @params: key and encoding, "raw" only
 * @query: filled in; sizes in bytes, the key's in bits
 *
 * Return: 0, -ENOPKG for another encoding, or what the group's state says.
 */
int cpns_pkey_query(const struct kernel_pkey_params *params,
		    struct kernel_pkey_query *query)
{
	int err = cpns_pkey_check(params);

	if (err)
		return err;
	memset(query, 0, sizeof(*query));
	query->supported_ops = KEYCTL_SUPPORTS_ENCRYPT |
			       KEYCTL_SUPPORTS_DECRYPT;
	query->key_size = 256;
	query->max_enc_size = CPNS_MESSAGE_MAX + CPNS_MESSAGE_ADDED;
	/* `keyctl pkey_decrypt` gives as much room as to encrypt */
	query->max_dec_size = query->max_enc_size;
	return 0;
}

/**
 * cpns_pkey_eds_op() - KEYCTL_PKEY_ENCRYPT and _DECRYPT on a cpns_group key
 * @params: key, operation, lengths
 * @in: text or message
 * @out: message or text; the keys code made it as large as query says
 *
 * Encryption uses the epoch to send with and this node's sender id;
 * decryption any epoch that is alive and the sender named in the message.
 *
 * Return: bytes written to @out, -EBADMSG for what is not a message or fails
 * its tag, -EMSGSIZE, or what the group's state says.
 */
int cpns_pkey_eds_op(struct kernel_pkey_params *params, const void *in,
		     void *out)
{
	int err = cpns_pkey_check(params);

	if (err)
		return err;
	if (!try_module_get(THIS_MODULE))
		return -EKEYREVOKED;

	if (params->op == kernel_pkey_encrypt)
		err = params->in_len > CPNS_MESSAGE_MAX ||
		      params->out_len < params->in_len + CPNS_MESSAGE_ADDED ?
		      -EMSGSIZE : cpns_pkey_encrypt(params->key, in,
						    params->in_len, out);
	else if (params->op == kernel_pkey_decrypt)
		err = params->in_len > CPNS_MESSAGE_MAX + CPNS_MESSAGE_ADDED ||
		      params->out_len + CPNS_MESSAGE_ADDED < params->in_len ?
		      -EMSGSIZE : cpns_pkey_decrypt(params->key, in,
						    params->in_len, out);
	else
		err = -EOPNOTSUPP;
	module_put(THIS_MODULE);
	return err;
}
