/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Key Management Centre (SEC_CF, AD 5.3.1.9.5.1): makes keys and keeps them
 * wrapped at rest.  Called by the OSG only.
 */
#ifndef CPNSD_KMC_H
#define CPNSD_KMC_H

#include <stddef.h>
#include <stdint.h>

#define KMC_KEY_SIZE		32
#define KMC_WRAP_OVERHEAD	28	/* nonce and tag of AES-256-GCM */

struct kmc;

/* master key in <state>/kmc.key, 0600, made at the first start */
int kmc_open(struct kmc **kmc, const char *state_directory,
	     char *reason, size_t room);
void kmc_close(struct kmc *kmc);

/* flow step 3 and 4: a fresh key from the DRBG, output checked */
int kmc_generate(struct kmc *kmc, uint8_t key[KMC_KEY_SIZE]);

/* keys at rest; label binds the wrapped key to its place */
int kmc_wrap(struct kmc *kmc, const char *label,
	     const uint8_t key[KMC_KEY_SIZE],
	     uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD]);
int kmc_unwrap(struct kmc *kmc, const char *label,
	       const uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD],
	       uint8_t key[KMC_KEY_SIZE]);

#endif
