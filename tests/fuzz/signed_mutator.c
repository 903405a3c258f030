// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mutator of COSE_Sign1 messages that signs what it has altered, with the
 * key that belongs to the certificate of tests/vectors/bodies.txt. The key is
 * made from a fixed text by make-bodies.py there and protects nothing.
 */
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/cbor.h"
#include "proto/cose.h"

/* RFC 5915 */
static const uint8_t key_der[] = {
	0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20, 0x21, 0x8b, 0xf8, 0xe0, 0xe0,
	0x29, 0xb5, 0xfd, 0x50, 0xc8, 0x98, 0x3b, 0x70, 0xf0, 0x4e, 0x53, 0xc2,
	0x35, 0x7c, 0x4c, 0xe9, 0x69, 0x24, 0x88, 0x86, 0xa9, 0xf4, 0x43, 0x62,
	0x85, 0x16, 0x42, 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
	0x03, 0x01, 0x07,
};

static EVP_PKEY *key(void)
{
	static EVP_PKEY *made;
	const uint8_t *at = key_der;

	if (!made)
		made = d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, sizeof(key_der));
	FUZZ_ASSERT(made);
	return made;
}

static void sign(const uint8_t *text, size_t size,
		 uint8_t raw[COSE_SIGNATURE_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const uint8_t *at;
	ECDSA_SIG *signature;
	uint8_t der[80];
	size_t der_size = sizeof(der);

	FUZZ_ASSERT(EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL,
					  key(), NULL) == 1);
	FUZZ_ASSERT(EVP_DigestSign(context, der, &der_size, text, size) == 1);
	at = der;
	signature = d2i_ECDSA_SIG(NULL, &at, (long)der_size);
	FUZZ_ASSERT(signature);
	FUZZ_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32) == 32);
	FUZZ_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32,
				 32) == 32);
	ECDSA_SIG_free(signature);
	EVP_MD_CTX_free(context);
}

/* where the message has the form of a COSE_Sign1, its signature is made anew */
static void sign_again(uint8_t *data, size_t size, const char *external_aad)
{
	const uint8_t *header, *payload, *signature;
	size_t header_size, payload_size, signature_size, text_size;
	struct cbor_reader reader;
	uint8_t *text;

	if (cbor_reader_open(&reader, data, size, "message", NULL, 0))
		return;
	cbor_read_tag(&reader, "message", COSE_TAG_SIGN1);
	cbor_read_array(&reader, "message", 4, 4);
	header = cbor_read_bytes(&reader, "header", 0, SIZE_MAX, &header_size);
	cbor_skip(&reader);
	payload = cbor_read_bytes(&reader, "payload", 0, SIZE_MAX,
				  &payload_size);
	signature = cbor_read_bytes(&reader, "signature", COSE_SIGNATURE_SIZE,
				    COSE_SIGNATURE_SIZE, &signature_size);
	if (reader.error ||
	    cose_to_be_signed(header, header_size,
			      (const uint8_t *)external_aad,
			      strlen(external_aad), payload, payload_size,
			      &text, &text_size))
		return;
	sign(text, text_size, data + (signature - data));
	free(text);
}

size_t signed_mutate(uint8_t *data, size_t size, size_t max_size,
		     unsigned int seed, const char *external_aad)
{
	size = cbor_mutate(data, size, max_size, seed);
	if (seed % 16)
		sign_again(data, size, external_aad);
	return size;
}
