/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * OpenSSL's own HPKE, there from 3.2 on.
 */
#ifndef CPNSD_PROTO_HPKE_NATIVE_H
#define CPNSD_PROTO_HPKE_NATIVE_H

#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/hpke.h"

#define HPKE_NATIVE	(OPENSSL_VERSION_NUMBER >= 0x30200000L)

/* both halves as they are given, or NULL */
EVP_PKEY *hpke_sender_key(const struct hpke_sender *sender);

int hpke_seal_native(uint16_t aead, const uint8_t recipient[32],
		     const struct hpke_sender *sender,
		     const uint8_t *info, size_t info_size,
		     const uint8_t *aad, size_t aad_size,
		     const uint8_t *text, size_t text_size,
		     uint8_t enc[HPKE_ENC_SIZE], uint8_t *sealed);

#endif
