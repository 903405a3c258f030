// SPDX-License-Identifier: GPL-2.0-only
/*
 * HKDF-SHA256 (RFC 5869) over OpenSSL's EVP_KDF.
 *
 * No state, any thread.  Outputs are secrets of the caller, who wipes them.
 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "proto/hpke.h"

static int hkdf(int mode, const uint8_t *key, size_t key_size,
		const char *second_name, const uint8_t *second,
		size_t second_size, uint8_t *out, size_t size)
{
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						 (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
						  (void *)key, key_size),
		OSSL_PARAM_construct_octet_string(second_name, (void *)second,
						  second_size),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	int error = context ? 0 : -ENOMEM;

	if (!second_size)
		parameters[3] = OSSL_PARAM_construct_end();
	if (!error && EVP_KDF_derive(context, out, size, parameters) != 1)
		error = -EIO;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	if (error) {
		OPENSSL_cleanse(out, size);
		ERR_clear_error();	/* TLS on this thread reads the queue */
	}
	return error;
}

/**
 * hkdf_extract() - HKDF-Extract (RFC 5869 2.2)
 * @salt: may be NULL if @salt_size is 0
 * @salt_size: bytes
 * @key: input keying material
 * @key_size: bytes, at least 1
 * @prk: gets 32 bytes, secret
 *
 * Return: 0, -EINVAL, -ENOMEM or -EIO.
 */
int hkdf_extract(const uint8_t *salt, size_t salt_size,
		 const uint8_t *key, size_t key_size, uint8_t prk[32])
{
	if (!key || !key_size)
		return -EINVAL;
	return hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, key, key_size,
		    OSSL_KDF_PARAM_SALT, salt, salt_size, prk, 32);
}

/**
 * hkdf_expand() - HKDF-Expand (RFC 5869 2.3)
 * @prk: 32 bytes of HKDF-Extract
 * @info: may be NULL if @info_size is 0
 * @info_size: bytes
 * @out: gets the keying material, secret
 * @size: its bytes, 1 to 8160
 *
 * Return: 0, -EINVAL, -ENOMEM or -EIO.
 */
int hkdf_expand(const uint8_t prk[32], const uint8_t *info, size_t info_size,
		uint8_t *out, size_t size)
{
	if (!size || size > 255 * 32)
		return -EINVAL;
	return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, prk, 32,
		    OSSL_KDF_PARAM_INFO, info, info_size, out, size);
}
