// SPDX-License-Identifier: GPL-2.0-only
/*
 * AES-GCM over OpenSSL's EVP, one shot.
 *
 * No state, any thread.
 */
#include "proto/aead.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

static const EVP_CIPHER *cipher_for(size_t key_size)
{
	switch (key_size) {
	case 16:
		return EVP_aes_128_gcm();
	case 32:
		return EVP_aes_256_gcm();
	default:
		return NULL;
	}
}

/**
 * aes_gcm_seal() - encrypt and authenticate
 * @key: 16 or 32 bytes
 * @key_size: which
 * @nonce: never twice with a key
 * @aad: authenticated only, may be NULL if @aad_size is 0
 * @aad_size: bytes
 * @text: plaintext
 * @text_size: bytes
 * @sealed: gets @text_size + %AEAD_TAG_SIZE bytes
 *
 * Return: 0, -EINVAL, -ENOMEM or -EIO; on error @sealed is wiped.
 */
int aes_gcm_seal(const uint8_t *key, size_t key_size,
		 const uint8_t nonce[AEAD_NONCE_SIZE],
		 const uint8_t *aad, size_t aad_size,
		 const uint8_t *text, size_t text_size, uint8_t *sealed)
{
	const EVP_CIPHER *cipher = cipher_for(key_size);
	EVP_CIPHER_CTX *context;
	int done, error = -EIO;

	if (!cipher || aad_size > INT_MAX || text_size > INT_MAX)
		return -EINVAL;
	context = EVP_CIPHER_CTX_new();
	if (!context)
		return -ENOMEM;
	if (EVP_EncryptInit_ex2(context, cipher, key, nonce, NULL) == 1 &&
	    (!aad_size || EVP_EncryptUpdate(context, NULL, &done, aad,
					    (int)aad_size) == 1) &&
	    EVP_EncryptUpdate(context, sealed, &done, text,
			      (int)text_size) == 1 &&
	    EVP_EncryptFinal_ex(context, sealed + done, &done) == 1 &&
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE,
				sealed + text_size) == 1)
		error = 0;
	EVP_CIPHER_CTX_free(context);
	if (error) {
		OPENSSL_cleanse(sealed, text_size + AEAD_TAG_SIZE);
		ERR_clear_error();	/* TLS on this thread reads the queue */
	}
	return error;
}

/**
 * aes_gcm_open() - check and decrypt
 * @key: 16 or 32 bytes
 * @key_size: which
 * @nonce: the sealer's
 * @aad: authenticated only, may be NULL if @aad_size is 0
 * @aad_size: bytes
 * @sealed: ciphertext and tag
 * @sealed_size: bytes, at least %AEAD_TAG_SIZE
 * @text: gets @sealed_size - %AEAD_TAG_SIZE bytes
 *
 * Return: 0; -EBADMSG the tag does not match, @text is wiped; -EINVAL;
 * -ENOMEM.
 */
int aes_gcm_open(const uint8_t *key, size_t key_size,
		 const uint8_t nonce[AEAD_NONCE_SIZE],
		 const uint8_t *aad, size_t aad_size,
		 const uint8_t *sealed, size_t sealed_size, uint8_t *text)
{
	const EVP_CIPHER *cipher = cipher_for(key_size);
	EVP_CIPHER_CTX *context;
	int done, error = -EBADMSG;
	size_t text_size;

	if (!cipher || aad_size > INT_MAX || sealed_size > INT_MAX ||
	    sealed_size < AEAD_TAG_SIZE)
		return -EINVAL;
	text_size = sealed_size - AEAD_TAG_SIZE;
	context = EVP_CIPHER_CTX_new();
	if (!context)
		return -ENOMEM;
	if (EVP_DecryptInit_ex2(context, cipher, key, nonce, NULL) == 1 &&
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE,
				(void *)(sealed + text_size)) == 1 &&
	    (!aad_size || EVP_DecryptUpdate(context, NULL, &done, aad,
					    (int)aad_size) == 1) &&
	    EVP_DecryptUpdate(context, text, &done, sealed,
			      (int)text_size) == 1 &&
	    EVP_DecryptFinal_ex(context, text + done, &done) == 1)
		error = 0;
	EVP_CIPHER_CTX_free(context);
	if (error) {
		OPENSSL_cleanse(text, text_size);
		ERR_clear_error();	/* TLS on this thread reads the queue */
	}
	return error;
}
