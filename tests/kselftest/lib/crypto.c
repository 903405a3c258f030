// SPDX-License-Identifier: GPL-2.0-only
/*
 * The key schedule in userspace, by OpenSSL: an independent witness of what
 * the kernel derives. Test secrets only, so nothing here is wiped.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include "cpns_test.h"

void cpns_test_tag(const char *sgid, uint8_t tag[CPNS_TAG_SIZE])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)sgid, strlen(sgid), digest);
	memcpy(tag, digest, CPNS_TAG_SIZE);
}

int cpns_test_prk(const char *sgid, uint32_t epoch, const uint8_t *secret,
		  uint8_t prk[CPNS_SECRET_SIZE])
{
	uint8_t salt[CPNS_TAG_SIZE + 4];
	uint32_t number = htonl(epoch);

	cpns_test_tag(sgid, salt);
	memcpy(salt + CPNS_TAG_SIZE, &number, 4);
	return HMAC(EVP_sha256(), salt, sizeof(salt), secret, CPNS_SECRET_SIZE,
		    prk, NULL) ? 0 : -EIO;
}

/* RFC 5869, at most two blocks */
static int expand(const char *sgid, uint32_t epoch, const uint8_t *secret,
		  const void *info, size_t info_size, uint8_t *out, size_t size)
{
	uint8_t prk[CPNS_SECRET_SIZE], input[96], block[32];
	size_t done = 0, before = 0;
	int ret;

	if (size > 64 || info_size > 60)
		return -EINVAL;
	ret = cpns_test_prk(sgid, epoch, secret, prk);
	if (ret)
		return ret;
	for (uint8_t i = 1; done < size; i++) {
		size_t take = size - done < 32 ? size - done : 32;

		memcpy(input, block, before);
		memcpy(input + before, info, info_size);
		input[before + info_size] = i;
		if (!HMAC(EVP_sha256(), prk, 32, input, before + info_size + 1,
			  block, NULL))
			return -EIO;
		before = 32;
		memcpy(out + done, block, take);
		done += take;
	}
	return 0;
}

int cpns_test_kcv(const char *sgid, uint32_t epoch, const uint8_t *secret,
		  uint8_t kcv[CPNS_KCV_SIZE])
{
	return expand(sgid, epoch, secret, CPNS_INFO_KCV, strlen(CPNS_INFO_KCV),
		      kcv, CPNS_KCV_SIZE);
}

int cpns_test_traffic_key(const char *sgid, uint32_t epoch,
			  const uint8_t *secret, uint8_t use, uint8_t aead,
			  uint16_t sid, uint8_t key_bytes, uint8_t *key,
			  size_t size)
{
	uint8_t info[sizeof(CPNS_INFO_TRAFFIC) - 1 + 5];
	size_t at = sizeof(CPNS_INFO_TRAFFIC) - 1;

	memcpy(info, CPNS_INFO_TRAFFIC, at);
	info[at++] = use;
	info[at++] = aead;
	info[at++] = sid >> 8;
	info[at++] = sid;
	info[at++] = key_bytes;
	return expand(sgid, epoch, secret, info, at, key, size);
}

static const EVP_CIPHER *cipher_of(uint8_t aead, size_t key_size)
{
	if (aead == CPNS_AEAD_RFC7539 || aead == CPNS_AEAD_RFC7539ESP)
		return EVP_chacha20_poly1305();
	return key_size == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

int cpns_test_open_sealed(uint8_t aead, const uint8_t *key, size_t key_size,
			  const uint8_t nonce[12], const void *aad,
			  size_t aad_size, const uint8_t *sealed, size_t size,
			  uint8_t *text)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int done = 0, rest, ret = -EIO;

	if (!context || size < 16)
		goto free;
	if (EVP_DecryptInit_ex(context, cipher_of(aead, key_size), NULL, key,
			       nonce) != 1 ||
	    EVP_DecryptUpdate(context, NULL, &rest, aad, aad_size) != 1 ||
	    EVP_DecryptUpdate(context, text, &done, sealed, size - 16) != 1 ||
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16,
				(void *)(sealed + size - 16)) != 1)
		goto free;
	ret = EVP_DecryptFinal_ex(context, text + done, &rest) == 1 ?
		0 : -EBADMSG;
free:
	EVP_CIPHER_CTX_free(context);
	return ret;
}

int cpns_test_seal(uint8_t aead, const uint8_t *key, size_t key_size,
		   const uint8_t nonce[12], const void *aad, size_t aad_size,
		   const void *text, size_t size, uint8_t *sealed)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int done = 0, rest, ret = -EIO;

	if (!context)
		return ret;
	if (EVP_EncryptInit_ex(context, cipher_of(aead, key_size), NULL, key,
			       nonce) == 1 &&
	    EVP_EncryptUpdate(context, NULL, &rest, aad, aad_size) == 1 &&
	    EVP_EncryptUpdate(context, sealed, &done, text, size) == 1 &&
	    EVP_EncryptFinal_ex(context, sealed + done, &rest) == 1 &&
	    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16,
				sealed + size) == 1)
		ret = 0;
	EVP_CIPHER_CTX_free(context);
	return ret;
}
