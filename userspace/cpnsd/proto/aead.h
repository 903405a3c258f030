/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AES-GCM with a nonce of 12 and a tag of 16 bytes over OpenSSL's EVP.
 */
#ifndef CPNSD_PROTO_AEAD_H
#define CPNSD_PROTO_AEAD_H

#include <stddef.h>
#include <stdint.h>

#define AEAD_NONCE_SIZE	12
#define AEAD_TAG_SIZE	16

int aes_gcm_seal(const uint8_t *key, size_t key_size,
		 const uint8_t nonce[AEAD_NONCE_SIZE],
		 const uint8_t *aad, size_t aad_size,
		 const uint8_t *text, size_t text_size, uint8_t *sealed);
int aes_gcm_open(const uint8_t *key, size_t key_size,
		 const uint8_t nonce[AEAD_NONCE_SIZE],
		 const uint8_t *aad, size_t aad_size,
		 const uint8_t *sealed, size_t sealed_size, uint8_t *text);

#endif
