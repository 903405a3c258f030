// SPDX-License-Identifier: GPL-2.0-only
/*
 * HPKE (RFC 9180) single-shot seal over EVP: DHKEM(X25519, HKDF-SHA256) and
 * the key schedule of modes base and auth.
 *
 * OpenSSL has its own from 3.2 on (hpke_native.c); test vectors name the
 * ephemeral key, which that interface cannot take, and stay here.
 *
 * No state, any thread.  Every intermediate secret is wiped.
 */
#include "proto/hpke.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#include "proto/aead.h"
#include "proto/hpke_native.h"

#define KEM_X25519_HKDF_SHA256	0x0020
#define KDF_HKDF_SHA256		0x0001
#define MODE_BASE		0
#define MODE_AUTH		2
#define SECRET_SIZE		32
#define LABELED_MAX		256	/* bytes of labeled input but info */

struct suite {
	uint8_t id[10];
	size_t size;
};

/* "KEM" | I2OSP(kem_id, 2), RFC 9180 4.1 */
static const struct suite kem_suite = {
	.id = { 'K', 'E', 'M', KEM_X25519_HKDF_SHA256 >> 8,
		KEM_X25519_HKDF_SHA256 & 0xff },
	.size = 5,
};

/* "HPKE" | kem_id | kdf_id | aead_id, RFC 9180 5.1 */
static void hpke_suite(uint16_t aead, struct suite *suite)
{
	memcpy(suite->id, "HPKE", 4);
	suite->id[4] = KEM_X25519_HKDF_SHA256 >> 8;
	suite->id[5] = KEM_X25519_HKDF_SHA256 & 0xff;
	suite->id[6] = KDF_HKDF_SHA256 >> 8;
	suite->id[7] = KDF_HKDF_SHA256 & 0xff;
	suite->id[8] = (uint8_t)(aead >> 8);
	suite->id[9] = (uint8_t)aead;
	suite->size = sizeof(suite->id);
}

static size_t append(uint8_t *buffer, size_t at, const void *bytes,
		     size_t size)
{
	if (size)
		memcpy(buffer + at, bytes, size);
	return at + size;
}

/* LabeledExtract(salt, label, ikm), RFC 9180 4 */
static int labeled_extract(const struct suite *suite, const uint8_t *salt,
			   size_t salt_size, const char *label,
			   const uint8_t *ikm, size_t ikm_size,
			   uint8_t out[SECRET_SIZE])
{
	size_t at = 0, room = LABELED_MAX + ikm_size;
	uint8_t *buffer = OPENSSL_malloc(room);
	int error;

	if (!buffer)
		return -ENOMEM;
	at = append(buffer, at, "HPKE-v1", 7);
	at = append(buffer, at, suite->id, suite->size);
	at = append(buffer, at, label, strlen(label));
	at = append(buffer, at, ikm, ikm_size);
	error = hkdf_extract(salt, salt_size, buffer, at, out);
	OPENSSL_clear_free(buffer, room);
	return error;
}

/* LabeledExpand(prk, label, info, L), RFC 9180 4; info is not secret */
static int labeled_expand(const struct suite *suite,
			  const uint8_t prk[SECRET_SIZE], const char *label,
			  const uint8_t *info, size_t info_size,
			  uint8_t *out, size_t size)
{
	uint8_t buffer[LABELED_MAX];
	size_t at = 0;

	if (info_size > LABELED_MAX - 64)
		return -EINVAL;
	buffer[at++] = (uint8_t)(size >> 8);
	buffer[at++] = (uint8_t)size;
	at = append(buffer, at, "HPKE-v1", 7);
	at = append(buffer, at, suite->id, suite->size);
	at = append(buffer, at, label, strlen(label));
	at = append(buffer, at, info, info_size);
	return hkdf_expand(prk, buffer, at, out, size);
}

/* fails on an all-zero result, as RFC 9180 7.1.4 demands */
static int diffie_hellman(EVP_PKEY *own, EVP_PKEY *peer,
			  uint8_t out[SECRET_SIZE])
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
	size_t size = SECRET_SIZE;
	int error = -EINVAL;

	if (!context)
		return -ENOMEM;
	if (EVP_PKEY_derive_init(context) == 1 &&
	    EVP_PKEY_derive_set_peer(context, peer) == 1 &&
	    EVP_PKEY_derive(context, out, &size) == 1 && size == SECRET_SIZE)
		error = 0;
	EVP_PKEY_CTX_free(context);
	return error;
}

static EVP_PKEY *ephemeral_key(const uint8_t *bytes)
{
	if (!bytes)
		return EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, bytes,
					    SECRET_SIZE);
}

EVP_PKEY *hpke_sender_key(const struct hpke_sender *sender)
{
	OSSL_PARAM halves[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY,
						  (void *)sender->private_key,
						  32),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
						  (void *)sender->public_key,
						  32),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, NULL);
	EVP_PKEY *key = NULL;

	if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, halves) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	return key;
}

/* Encap and AuthEncap, RFC 9180 4.1 */
static int encapsulate(const uint8_t recipient[32],
		       const struct hpke_sender *sender,
		       const uint8_t *ephemeral, uint8_t enc[HPKE_ENC_SIZE],
		       uint8_t shared[SECRET_SIZE])
{
	uint8_t dh[2 * SECRET_SIZE], context[3 * 32], prk[SECRET_SIZE];
	size_t parts = sender ? 2 : 1, size = 32;
	EVP_PKEY *own = NULL, *sender_key = NULL, *peer;
	int error = -EINVAL;

	peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, recipient,
					   32);
	own = ephemeral_key(ephemeral);
	if (sender)
		sender_key = hpke_sender_key(sender);
	if (!peer || !own || (sender && !sender_key))
		goto out;
	if (EVP_PKEY_get_raw_public_key(own, enc, &size) != 1)
		goto out;
	memcpy(context, enc, 32);
	memcpy(context + 32, recipient, 32);
	error = diffie_hellman(own, peer, dh);
	if (error)
		goto out;
	if (sender) {
		memcpy(context + 64, sender->public_key, 32);
		error = diffie_hellman(sender_key, peer, dh + SECRET_SIZE);
		if (error)
			goto out;
	}
	error = labeled_extract(&kem_suite, NULL, 0, "eae_prk", dh,
				parts * SECRET_SIZE, prk);
	if (!error)
		error = labeled_expand(&kem_suite, prk, "shared_secret",
				       context, (parts + 1) * 32, shared,
				       SECRET_SIZE);
out:
	OPENSSL_cleanse(dh, sizeof(dh));
	OPENSSL_cleanse(prk, sizeof(prk));
	EVP_PKEY_free(own);
	EVP_PKEY_free(sender_key);
	EVP_PKEY_free(peer);
	return error;
}

/* KeySchedule without psk, RFC 9180 5.1 */
static int key_schedule(uint16_t aead, uint8_t mode,
			const uint8_t shared[SECRET_SIZE],
			const uint8_t *info, size_t info_size,
			uint8_t *key, size_t key_size,
			uint8_t nonce[AEAD_NONCE_SIZE])
{
	uint8_t context[1 + 2 * SECRET_SIZE], secret[SECRET_SIZE];
	struct suite suite;
	int error;

	hpke_suite(aead, &suite);
	context[0] = mode;
	error = labeled_extract(&suite, NULL, 0, "psk_id_hash", NULL, 0,
				context + 1);
	if (error)
		return error;
	error = labeled_extract(&suite, NULL, 0, "info_hash", info, info_size,
				context + 1 + SECRET_SIZE);
	if (error)
		return error;
	error = labeled_extract(&suite, shared, SECRET_SIZE, "secret", NULL,
				0, secret);
	if (!error)
		error = labeled_expand(&suite, secret, "key", context,
				       sizeof(context), key, key_size);
	if (!error)
		error = labeled_expand(&suite, secret, "base_nonce", context,
				       sizeof(context), nonce,
				       AEAD_NONCE_SIZE);
	OPENSSL_cleanse(secret, sizeof(secret));
	return error;
}

static int seal_over_evp(uint16_t aead, const uint8_t recipient[32],
			 const struct hpke_sender *sender,
			 const uint8_t *ephemeral,
			 const uint8_t *info, size_t info_size,
			 const uint8_t *aad, size_t aad_size,
			 const uint8_t *text, size_t text_size,
			 uint8_t enc[HPKE_ENC_SIZE], uint8_t *sealed)
{
	size_t key_size = aead == HPKE_AEAD_AES_128_GCM ? 16 : 32;
	uint8_t shared[SECRET_SIZE], key[32], nonce[AEAD_NONCE_SIZE];
	int error;

	error = encapsulate(recipient, sender, ephemeral, enc, shared);
	if (!error)
		error = key_schedule(aead, sender ? MODE_AUTH : MODE_BASE,
				     shared, info, info_size, key, key_size,
				     nonce);
	/* the first message's nonce is base_nonce itself, RFC 9180 5.2 */
	if (!error)
		error = aes_gcm_seal(key, key_size, nonce, aad, aad_size,
				     text, text_size, sealed);
	OPENSSL_cleanse(shared, sizeof(shared));
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(nonce, sizeof(nonce));
	return error;
}

/**
 * hpke_seal() - seal one message to a public key (RFC 9180 6.1)
 * @aead: %HPKE_AEAD_AES_128_GCM or %HPKE_AEAD_AES_256_GCM
 * @recipient: X25519 public key
 * @sender: X25519 key pair for mode auth, NULL for mode base
 * @ephemeral: ephemeral private key of a test vector, NULL for a fresh one
 * @info: of the key schedule
 * @info_size: bytes
 * @aad: of the AEAD
 * @aad_size: bytes
 * @text: plaintext
 * @text_size: bytes
 * @enc: gets the ephemeral public key
 * @sealed: gets @text_size + %HPKE_TAG_SIZE bytes
 *
 * Return: 0; -EINVAL another AEAD, or a public key of small order; -ENOMEM;
 * -EIO.
 */
int hpke_seal(uint16_t aead, const uint8_t recipient[32],
	      const struct hpke_sender *sender, const uint8_t *ephemeral,
	      const uint8_t *info, size_t info_size,
	      const uint8_t *aad, size_t aad_size,
	      const uint8_t *text, size_t text_size,
	      uint8_t enc[HPKE_ENC_SIZE], uint8_t *sealed)
{
	int error;

	if (aead != HPKE_AEAD_AES_128_GCM && aead != HPKE_AEAD_AES_256_GCM)
		return -EINVAL;
	if (HPKE_NATIVE && !ephemeral)
		error = hpke_seal_native(aead, recipient, sender, info,
					 info_size, aad, aad_size, text,
					 text_size, enc, sealed);
	else
		error = seal_over_evp(aead, recipient, sender, ephemeral, info,
				      info_size, aad, aad_size, text,
				      text_size, enc, sealed);
	if (error) {
		OPENSSL_cleanse(sealed, text_size + HPKE_TAG_SIZE);
		ERR_clear_error();	/* TLS on this thread reads the queue */
	}
	return error;
}
