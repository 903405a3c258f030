// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's side of the bytes that a member's kernel opens: group tag,
 * KCV, SEAL and ITEM.  Offsets stand in linux/cpns.h.
 *
 * No state, any thread.  Every intermediate secret is wiped.
 */
#include "proto/key_schedule.h"

#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

#include "proto/aead.h"
#include "proto/hpke.h"

#define LABEL_SIZE(label)	(sizeof(label) - 1)
#define ITEM_AAD_MAX \
	(LABEL_SIZE(CPNS_AAD_ITEM) + CPNS_HEADER_SIZE + 16)

/**
 * group_tag() - short name of a group
 * @sgid: the group's SGID
 * @tag: gets SHA-256(SGID)[0..12]
 *
 * Return: 0 or -EIO.
 */
int group_tag(const char *sgid, uint8_t tag[CPNS_TAG_SIZE])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	if (!SHA256((const uint8_t *)sgid, strlen(sgid), digest))
		return -EIO;
	memcpy(tag, digest, CPNS_TAG_SIZE);
	return 0;
}

static int extract(const uint8_t tag[CPNS_TAG_SIZE], uint32_t epoch,
		   const uint8_t secret[32], uint8_t prk[32])
{
	uint8_t salt[CPNS_TAG_SIZE + 4];
	uint32_t number = htobe32(epoch);

	memcpy(salt, tag, CPNS_TAG_SIZE);
	memcpy(salt + CPNS_TAG_SIZE, &number, 4);
	return hkdf_extract(salt, sizeof(salt), secret, 32, prk);
}

/**
 * key_schedule_kcv() - key check value of an epoch
 * @tag: the group's tag
 * @epoch: its number
 * @secret: its secret
 * @kcv: gets the value, which is public
 *
 * Return: 0, -ENOMEM or -EIO.
 */
int key_schedule_kcv(const uint8_t tag[CPNS_TAG_SIZE], uint32_t epoch,
		     const uint8_t secret[32], uint8_t kcv[CPNS_KCV_SIZE])
{
	uint8_t prk[32];
	int error;

	error = extract(tag, epoch, secret, prk);
	if (!error)
		error = hkdf_expand(prk, (const uint8_t *)CPNS_INFO_KCV,
				    LABEL_SIZE(CPNS_INFO_KCV), kcv,
				    CPNS_KCV_SIZE);
	OPENSSL_cleanse(prk, sizeof(prk));
	return error;
}

/**
 * key_schedule_traffic_key() - one sender's traffic key
 * @tag: the group's tag
 * @epoch: the epoch's number
 * @secret: its secret
 * @use: CPNS_USE_*
 * @aead_id: CPNS_AEAD_*
 * @sid: the sender
 * @key_bytes: 16 or 32, without salt
 * @key: gets key and salt, secret
 * @size: their bytes: @key_bytes, and 4 more for the AEADs of ESP
 *
 * A member's kernel derives these itself; here it is for tests and tools.
 *
 * Return: 0, -EINVAL, -ENOMEM or -EIO.
 */
int key_schedule_traffic_key(const uint8_t tag[CPNS_TAG_SIZE], uint32_t epoch,
			     const uint8_t secret[32], uint8_t use,
			     uint8_t aead_id, uint16_t sid, uint8_t key_bytes,
			     uint8_t *key, size_t size)
{
	uint8_t info[LABEL_SIZE(CPNS_INFO_TRAFFIC) + 5], prk[32];
	size_t at = LABEL_SIZE(CPNS_INFO_TRAFFIC);
	bool salted = aead_id == CPNS_AEAD_RFC4106 ||
		      aead_id == CPNS_AEAD_RFC7539ESP;
	int error;

	if (aead_id < CPNS_AEAD_GCM || aead_id > CPNS_AEAD_RFC7539ESP ||
	    (key_bytes != 32 &&
	     (key_bytes != 16 || aead_id > CPNS_AEAD_RFC4106)) ||
	    size != key_bytes + (salted ? 4u : 0u))
		return -EINVAL;
	memcpy(info, CPNS_INFO_TRAFFIC, at);
	info[at++] = use;
	info[at++] = aead_id;
	info[at++] = (uint8_t)(sid >> 8);
	info[at++] = (uint8_t)sid;
	info[at++] = key_bytes;
	error = extract(tag, epoch, secret, prk);
	if (!error)
		error = hkdf_expand(prk, info, at, key, size);
	OPENSSL_cleanse(prk, sizeof(prk));
	return error;
}

/**
 * seal_make_vector() - SEAL with a given ephemeral key, for test vectors
 * @parameters: the 32 bytes before enc
 * @node_key: X25519 public key of the member's kernel
 * @sender: the OSG's X25519 key pair in mode auth, else NULL
 * @ephemeral: ephemeral private key, NULL for a fresh one
 * @leaf_kek: what is sealed
 * @seal: gets %CPNS_SEAL_SIZE bytes
 *
 * Return: 0; -EINVAL mode and @sender disagree, or a public key of small
 * order; -ENOMEM; -EIO.
 */
int seal_make_vector(const struct seal_parameters *parameters,
		     const uint8_t node_key[32],
		     const struct hpke_sender *sender,
		     const uint8_t *ephemeral, const uint8_t leaf_kek[32],
		     uint8_t seal[CPNS_SEAL_SIZE])
{
	struct cpns_seal fields = {
		.aead = htobe16(parameters->aead),
		.mode = parameters->mode,
		.leaf_id = htobe32(parameters->leaf_id),
		.leaf_ver = htobe32(parameters->leaf_version),
		.sid = htobe16(parameters->sid),
		.first_epoch = htobe32(parameters->first_epoch),
	};
	uint8_t info[LABEL_SIZE(CPNS_INFO_LEAF) + CPNS_TAG_SIZE];
	int error;

	if (parameters->mode != (sender ? CPNS_HPKE_MODE_AUTH :
					  CPNS_HPKE_MODE_BASE))
		return -EINVAL;
	memcpy(fields.tag, parameters->tag, CPNS_TAG_SIZE);
	memcpy(info, CPNS_INFO_LEAF, LABEL_SIZE(CPNS_INFO_LEAF));
	memcpy(info + LABEL_SIZE(CPNS_INFO_LEAF), parameters->tag,
	       CPNS_TAG_SIZE);
	memcpy(seal, &fields, CPNS_SEAL_AAD_SIZE);
	error = hpke_seal(parameters->aead, node_key, sender, ephemeral,
			  info, sizeof(info), seal, CPNS_SEAL_AAD_SIZE,
			  leaf_kek, 32, fields.enc, fields.ct);
	if (!error)
		memcpy(seal, &fields, CPNS_SEAL_SIZE);
	return error;
}

/**
 * seal_make() - a leaf KEK sealed to a member's kernel
 * @parameters: the 32 bytes before enc
 * @node_key: X25519 public key of the member's kernel
 * @sender: the OSG's X25519 key pair in mode auth, else NULL
 * @leaf_kek: what is sealed
 * @seal: gets %CPNS_SEAL_SIZE bytes
 *
 * Return: as seal_make_vector().
 */
int seal_make(const struct seal_parameters *parameters,
	      const uint8_t node_key[32],
	      const struct hpke_sender *sender,
	      const uint8_t leaf_kek[32], uint8_t seal[CPNS_SEAL_SIZE])
{
	return seal_make_vector(parameters, node_key, sender, NULL,
				leaf_kek, seal);
}

/* "cpns item v1" | (id == 0 ? HEADER : tag | be32 epoch) | four numbers */
static size_t item_aad(const struct cpns_item *item,
		       const uint8_t header[CPNS_HEADER_SIZE],
		       uint8_t aad[ITEM_AAD_MAX])
{
	const struct cpns_header *fields = (const void *)header;
	size_t at = LABEL_SIZE(CPNS_AAD_ITEM);

	memcpy(aad, CPNS_AAD_ITEM, at);
	if (!item->id) {
		memcpy(aad + at, header, CPNS_HEADER_SIZE);
		at += CPNS_HEADER_SIZE;
	} else {
		memcpy(aad + at, fields->tag, CPNS_TAG_SIZE);
		at += CPNS_TAG_SIZE;
		memcpy(aad + at, &fields->epoch, 4);
		at += 4;
	}
	memcpy(aad + at, item, 16);
	return at + 16;
}

/**
 * item_make_vector() - ITEM with a given nonce, for test vectors
 * @parameters: the four numbers
 * @header: HEADER of the message that the ITEM travels in
 * @wrapping_key: key (wrapping_id, wrapping_version)
 * @nonce: never twice with a wrapping key
 * @key: what is wrapped
 * @item: gets %CPNS_ITEM_SIZE bytes
 *
 * Return: 0, -ENOMEM or -EIO.
 */
int item_make_vector(const struct item_parameters *parameters,
		     const uint8_t header[CPNS_HEADER_SIZE],
		     const uint8_t wrapping_key[32], const uint8_t nonce[12],
		     const uint8_t key[32], uint8_t item[CPNS_ITEM_SIZE])
{
	struct cpns_item fields = {
		.id = htobe32(parameters->id),
		.ver = htobe32(parameters->version),
		.wid = htobe32(parameters->wrapping_id),
		.wver = htobe32(parameters->wrapping_version),
	};
	uint8_t aad[ITEM_AAD_MAX];
	int error;

	memcpy(fields.nonce, nonce, sizeof(fields.nonce));
	error = aes_gcm_seal(wrapping_key, 32, fields.nonce, aad,
			     item_aad(&fields, header, aad), key, 32,
			     fields.ct);
	if (!error)
		memcpy(item, &fields, CPNS_ITEM_SIZE);
	return error;
}

/**
 * item_make() - one key wrapped under another
 * @parameters: the four numbers; id 0 is the epoch secret
 * @header: HEADER of the message that the ITEM travels in
 * @wrapping_key: key (wrapping_id, wrapping_version)
 * @key: what is wrapped
 * @item: gets %CPNS_ITEM_SIZE bytes; the nonce is the DRBG's
 *
 * Return: 0, -ENOMEM or -EIO.
 */
int item_make(const struct item_parameters *parameters,
	      const uint8_t header[CPNS_HEADER_SIZE],
	      const uint8_t wrapping_key[32], const uint8_t key[32],
	      uint8_t item[CPNS_ITEM_SIZE])
{
	uint8_t nonce[12];

	if (RAND_bytes(nonce, sizeof(nonce)) != 1)
		return -EIO;
	return item_make_vector(parameters, header, wrapping_key, nonce, key,
				item);
}
