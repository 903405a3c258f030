/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receiver's side of HPKE for unit tests; in earnest only members'
 * kernels open.
 */
#ifndef CPNS_TEST_HPKE_OPEN_H
#define CPNS_TEST_HPKE_OPEN_H

#include <stddef.h>
#include <stdint.h>

void x25519_pair(uint8_t private_key[32], uint8_t public_key[32]);
int hpke_open(uint16_t aead, const uint8_t recipient[32],
	      const uint8_t *sender_public, const uint8_t enc[32],
	      const uint8_t *info, size_t info_size,
	      const uint8_t *aad, size_t aad_size,
	      const uint8_t *sealed, size_t sealed_size, uint8_t *text);

#endif
