/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HPKE (RFC 9180) single-shot seal: DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-128-GCM or AES-256-GCM, modes base and auth.
 *
 * Over OpenSSL's own HPKE from 3.2 on, over EVP below; the same vectors.
 */
#ifndef CPNSD_PROTO_HPKE_H
#define CPNSD_PROTO_HPKE_H

#include <stddef.h>
#include <stdint.h>

#define HPKE_AEAD_AES_128_GCM	1
#define HPKE_AEAD_AES_256_GCM	2
#define HPKE_ENC_SIZE		32
#define HPKE_TAG_SIZE		16

/*
 * The X25519 pair of a sender in mode auth.  Its public key goes with it, for
 * computing it anew at each SEAL takes as long as an exchange.
 */
struct hpke_sender {
	uint8_t private_key[32], public_key[32];
};

/*
 * @ephemeral: the ephemeral private key of a test vector, NULL: fresh.
 * @sender: for mode auth, NULL: mode base.
 * @sealed gets text_size + HPKE_TAG_SIZE bytes.
 */
int hpke_seal(uint16_t aead, const uint8_t recipient[32],
	      const struct hpke_sender *sender, const uint8_t *ephemeral,
	      const uint8_t *info, size_t info_size,
	      const uint8_t *aad, size_t aad_size,
	      const uint8_t *text, size_t text_size,
	      uint8_t enc[HPKE_ENC_SIZE], uint8_t *sealed);

/* HKDF-SHA256 (RFC 5869) */
int hkdf_extract(const uint8_t *salt, size_t salt_size,
		 const uint8_t *key, size_t key_size, uint8_t prk[32]);
int hkdf_expand(const uint8_t prk[32], const uint8_t *info, size_t info_size,
		uint8_t *out, size_t size);

#endif
