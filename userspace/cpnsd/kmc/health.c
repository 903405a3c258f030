// SPDX-License-Identifier: GPL-2.0-only
/*
 * Health check of the random generator's output, in the sense of the
 * repetition test of SP 800-90B 4.4.1: an output of one byte value, or equal
 * to the last one, does not come from a working generator.
 *
 * One thread at a time.  The last output is kept as its hash only.
 */
#include "kmc/health.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

/**
 * kmc_one_value() - is it the same byte over and over?
 * @output: bytes, one at least
 * @size: how many
 *
 * Takes the same time for all values.
 */
bool kmc_one_value(const uint8_t *output, size_t size)
{
	uint8_t differs = 0;
	size_t i;

	for (i = 1; i < size; i++)
		differs |= output[i] ^ output[0];
	return !differs;
}

/**
 * kmc_health_check() - may this output be used?
 * @health: what is known of the outputs before
 * @output: the new one
 * @size: its bytes
 *
 * Return: 0; -EIO if it may not, and from then on always.
 */
int kmc_health_check(struct kmc_health *health, const uint8_t *output,
		     size_t size)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	if (health->failed || !size || kmc_one_value(output, size) ||
	    !SHA256(output, size, digest) ||
	    (health->has_last &&
	     !CRYPTO_memcmp(digest, health->last, sizeof(digest)))) {
		health->failed = true;
		return -EIO;
	}
	memcpy(health->last, digest, sizeof(digest));
	health->has_last = true;
	return 0;
}
