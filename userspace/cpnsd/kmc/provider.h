/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the KMC's random bytes come from and what guards the key that it
 * wraps all others with.  Internal to kmc/; one thread at a time.
 */
#ifndef CPNSD_KMC_PROVIDER_H
#define CPNSD_KMC_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#define PROVIDER_KEY_SIZE	32
#define PROVIDER_FILE_SIZE_MAX	64

struct kmc_provider {
	const char *name;		/* for the log */
	const char *file;		/* of the storage key, in the state */
	size_t file_size;		/* its bytes, as protect() makes them */
	void *self;

	/* random bytes: 0, -EIO, -ENODEV out of reach, may come back */
	int (*random)(void *self, uint8_t *output, size_t size);
	/* the storage key into its file's bytes and back: 0 or -errno */
	int (*protect)(void *self, const uint8_t key[PROVIDER_KEY_SIZE],
		       uint8_t *bytes, char *reason, size_t room);
	int (*recover)(void *self, const uint8_t *bytes,
		       uint8_t key[PROVIDER_KEY_SIZE], char *reason,
		       size_t room);
	void (*close)(void *self);	/* may be NULL */
};

/* OpenSSL's DRBG, the storage key in the clear in a file of mode 0600 */
void software_provider(struct kmc_provider *provider);

/* a PKCS#11 token, @uri after RFC 7512 */
int token_provider(struct kmc_provider *provider, const char *uri,
		   char *reason, size_t room);

#endif
