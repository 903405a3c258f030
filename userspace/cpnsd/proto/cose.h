/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * COSE (RFC 9052, RFC 9053, RFC 9360): what the signing and the checking
 * side of proto/signer.h share.
 */
#ifndef CPNSD_PROTO_COSE_H
#define CPNSD_PROTO_COSE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COSE_TAG_SIGN1		18
#define COSE_HEADER_ALG		1
#define COSE_HEADER_CRIT	2
#define COSE_HEADER_KID		4
#define COSE_HEADER_X5CHAIN	33
#define COSE_ALG_ES256		(-7)
#define COSE_KID_SIZE		8
#define COSE_SIGNATURE_SIZE	64
#define COSE_CHAIN_MAX		3
#define COSE_CERTIFICATE_MAX	8192	/* bytes of DER */

bool cose_key_is_p256(const EVP_PKEY *key);
int cose_kid(const uint8_t *certificate, size_t size,
	     uint8_t kid[COSE_KID_SIZE]);
int cose_to_be_signed(const uint8_t *protected_header, size_t protected_size,
		      const uint8_t *external_aad, size_t external_aad_size,
		      const uint8_t *payload, size_t payload_size,
		      uint8_t **bytes, size_t *size);
int cose_es256_verify(EVP_PKEY *key, const uint8_t *text, size_t text_size,
		      const uint8_t raw[COSE_SIGNATURE_SIZE]);

#endif
