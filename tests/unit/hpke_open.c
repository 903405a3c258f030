// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receiver's side of HPKE (RFC 9180), DHKEM(X25519, HKDF-SHA256), modes
 * base and auth, for unit tests.
 *
 * Shares HKDF and AES-GCM with the sender's side, but not a line of the
 * labels and contexts, and is checked against the RFC's vectors.
 */
#include "hpke_open.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "proto/aead.h"
#include "proto/hpke.h"

void x25519_pair(uint8_t private_key[32], uint8_t public_key[32])
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	size_t size = 32;

	assert_non_null(key);
	assert_int_equal(EVP_PKEY_get_raw_private_key(key, private_key,
						      &size), 1);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, public_key, &size),
			 1);
	EVP_PKEY_free(key);
}

static void exchange(const uint8_t private_key[32],
		     const uint8_t public_key[32], uint8_t out[32])
{
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL,
						     private_key, 32);
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL,
						     public_key, 32);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
	size_t size = 32;

	assert_int_equal(EVP_PKEY_derive_init(context), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(context, peer), 1);
	assert_int_equal(EVP_PKEY_derive(context, out, &size), 1);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(own);
	EVP_PKEY_free(peer);
}

struct text {
	uint8_t bytes[512];
	size_t size;
};

static void add(struct text *text, const void *bytes, size_t size)
{
	assert_true(size <= sizeof(text->bytes) - text->size);
	if (size)
		memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
}

static void extract(const struct text *suite, const uint8_t *salt,
		    size_t salt_size, const char *label, const void *ikm,
		    size_t ikm_size, uint8_t out[32])
{
	struct text text = { .size = 0 };

	add(&text, "HPKE-v1", 7);
	add(&text, suite->bytes, suite->size);
	add(&text, label, strlen(label));
	add(&text, ikm, ikm_size);
	assert_int_equal(hkdf_extract(salt, salt_size, text.bytes, text.size,
				      out), 0);
}

static void expand(const struct text *suite, const uint8_t prk[32],
		   const char *label, const struct text *context,
		   uint8_t *out, uint8_t size)
{
	const uint8_t length[2] = { 0, size };
	struct text text = { .size = 0 };

	add(&text, length, 2);
	add(&text, "HPKE-v1", 7);
	add(&text, suite->bytes, suite->size);
	add(&text, label, strlen(label));
	add(&text, context->bytes, context->size);
	assert_int_equal(hkdf_expand(prk, text.bytes, text.size, out, size),
			 0);
}

/* 0, or -EBADMSG if the tag does not match */
int hpke_open(uint16_t aead, const uint8_t recipient[32],
	      const uint8_t *sender_public, const uint8_t enc[32],
	      const uint8_t *info, size_t info_size,
	      const uint8_t *aad, size_t aad_size,
	      const uint8_t *sealed, size_t sealed_size, uint8_t *text)
{
	const uint8_t numbers[6] = { 0, 0x20, 0, 1, 0, (uint8_t)aead };
	const uint8_t mode = sender_public ? 2 : 0;
	const uint8_t key_size = aead == 1 ? 16 : 32;
	struct text kem = { .size = 0 }, suite = { .size = 0 };
	struct text context = { .size = 0 };
	uint8_t dh[64], own_public[32], prk[32], shared[32], key[32];
	uint8_t nonce[12], hash[32];
	EVP_PKEY *own;
	size_t size = 32;

	add(&kem, "KEM\0\x20", 5);
	add(&suite, "HPKE", 4);
	add(&suite, numbers, 6);
	own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, recipient,
					   32);
	assert_int_equal(EVP_PKEY_get_raw_public_key(own, own_public, &size),
			 1);
	EVP_PKEY_free(own);

	exchange(recipient, enc, dh);
	add(&context, enc, 32);
	add(&context, own_public, 32);
	if (sender_public) {
		exchange(recipient, sender_public, dh + 32);
		add(&context, sender_public, 32);
	}
	extract(&kem, NULL, 0, "eae_prk", dh, sender_public ? 64 : 32, prk);
	expand(&kem, prk, "shared_secret", &context, shared, 32);

	context.size = 0;
	add(&context, &mode, 1);
	extract(&suite, NULL, 0, "psk_id_hash", NULL, 0, hash);
	add(&context, hash, 32);
	extract(&suite, NULL, 0, "info_hash", info, info_size, hash);
	add(&context, hash, 32);
	extract(&suite, shared, 32, "secret", NULL, 0, prk);
	expand(&suite, prk, "key", &context, key, key_size);
	expand(&suite, prk, "base_nonce", &context, nonce, 12);
	return aes_gcm_open(key, key_size, nonce, aad, aad_size, sealed,
			    sealed_size, text);
}
