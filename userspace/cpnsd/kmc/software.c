// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KMC without a token: keys from OpenSSL's DRBG for secrets, which the
 * kernel's entropy seeds, and the storage key as it is in <state>/kmc.key.
 *
 * No state, any thread.
 */
#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#include "kmc/provider.h"

static int draw(void *self, uint8_t *output, size_t size)
{
	return RAND_priv_bytes(output, (int)size) == 1 ? 0 : -EIO;
}

static int protect(void *self, const uint8_t key[PROVIDER_KEY_SIZE],
		   uint8_t *bytes, char *reason, size_t room)
{
	memcpy(bytes, key, PROVIDER_KEY_SIZE);
	return 0;
}

static int recover(void *self, const uint8_t *bytes,
		   uint8_t key[PROVIDER_KEY_SIZE], char *reason, size_t room)
{
	memcpy(key, bytes, PROVIDER_KEY_SIZE);
	return 0;
}

/**
 * software_provider() - the provider without a token
 * @provider: gets it; nothing to close
 */
void software_provider(struct kmc_provider *provider)
{
	*provider = (struct kmc_provider) {
		.name = "software",
		.file = "kmc.key",
		.file_size = PROVIDER_KEY_SIZE,
		.random = draw,
		.protect = protect,
		.recover = recover,
	};
}
