/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Key Management Centre (SEC_CF, AD 5.3.1.9.5.1): makes keys and keeps them
 * wrapped at rest.  Called by the OSG only.
 *
 * One interface, two providers: software (OpenSSL's DRBG, the storage key in
 * <state>/kmc.key) and a PKCS#11 token (its generator; its master key, which
 * never leaves it, guards the storage key in <state>/kmc.token).  The storage
 * key wraps all others; it is in locked memory while the KMC is open, so that
 * members are served while a token is away.
 */
#ifndef CPNSD_KMC_H
#define CPNSD_KMC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KMC_KEY_SIZE		32
#define KMC_WRAP_OVERHEAD	28	/* nonce and tag of AES-256-GCM */

struct kmc;

struct kmc_options {
	const char *state_directory;
	const char *provider;	/* NULL, "software" or "pkcs11:..." */
	const char *previous;	/* whose keys are to be taken over, or NULL */
};

int kmc_open(struct kmc **kmc, const struct kmc_options *options,
	     char *reason, size_t room);
void kmc_close(struct kmc *kmc);

/* flow step 3 and 4: a fresh key from the provider, output checked */
int kmc_generate(struct kmc *kmc, uint8_t key[KMC_KEY_SIZE]);

/* the provider answered when a key was last wanted */
bool kmc_in_reach(const struct kmc *kmc);

/*
 * Keys at rest; label binds the wrapped key to its place.  These two change
 * nothing of the KMC and may run in several threads.
 */
int kmc_wrap(struct kmc *kmc, const char *label,
	     const uint8_t key[KMC_KEY_SIZE],
	     uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD]);
int kmc_unwrap(struct kmc *kmc, const char *label,
	       const uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD],
	       uint8_t key[KMC_KEY_SIZE]);

/*
 * Another storage key is taken at start (<file>.new, kmc-previous): while
 * kmc_rotating(), every wrapped key is given to kmc_rewrap(), and
 * kmc_rotated() follows when the store has them all.
 */
bool kmc_rotating(const struct kmc *kmc);
int kmc_rewrap(struct kmc *kmc, const char *label,
	       uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD]);
int kmc_rotated(struct kmc *kmc, char *reason, size_t room);

#endif
