// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key Management Centre (AD 5.3.1.9.5.1): makes keys for the OSG and wraps
 * them for rest.
 *
 * One thread at a time.  The master key lives in locked memory of its own
 * from kmc_open() to kmc_close(); made keys are the caller's to wipe.
 */
#include "kmc/kmc.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#include "kmc/health.h"
#include "kmc/master_key.h"
#include "kmc/secret_memory.h"
#include "log.h"
#include "proto/aead.h"
#include "proto/reason.h"

#define LABEL_DOMAIN	"cpns kmc v1 "
#define LABEL_MAX	512

struct kmc {
	uint8_t master[KMC_KEY_SIZE];
	struct kmc_health health;
};

/**
 * kmc_open() - start the KMC
 * @kmc: gets it; kmc_close() when done
 * @state_directory: where kmc.key is or will be
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -EINVAL or -EACCES the key's file is not as it was made;
 * -ENOMEM, -EPERM or -EAGAIN no memory that can be locked; or what the file
 * system said.
 */
int kmc_open(struct kmc **kmc, const char *state_directory,
	     char *reason, size_t room)
{
	struct kmc *new;
	int error;

	*kmc = NULL;
	new = secret_memory_new(sizeof(*new));
	if (!new)
		return reason_give(reason, room, -errno,
				   "no locked memory for the master key: %s",
				   strerror(errno));
	error = master_key_load(state_directory, new->master, reason, room);
	if (error) {
		secret_memory_free(new, sizeof(*new));
		return error;
	}
	*kmc = new;
	return 0;
}

/**
 * kmc_close() - stop the KMC and wipe the master key
 * @kmc: the KMC, may be NULL
 */
void kmc_close(struct kmc *kmc)
{
	secret_memory_free(kmc, sizeof(*kmc));
}

/**
 * kmc_generate() - make a key (B.2.1.1 steps 3 and 4)
 * @kmc: the KMC
 * @key: gets the key; wiped on error
 *
 * Return: 0; -EIO the generator failed or its output is not healthy: nothing
 * may be keyed then.
 */
int kmc_generate(struct kmc *kmc, uint8_t key[KMC_KEY_SIZE])
{
	int error = -EIO;

	if (RAND_priv_bytes(key, KMC_KEY_SIZE) == 1)
		error = kmc_health_check(&kmc->health, key, KMC_KEY_SIZE);
	if (error) {
		OPENSSL_cleanse(key, KMC_KEY_SIZE);
		log_error("KMC: the random generator is not healthy, no key is made");
	}
	return error;
}

static int label_aad(const char *label, uint8_t aad[LABEL_MAX], size_t *size)
{
	size_t domain = strlen(LABEL_DOMAIN), length = strlen(label);

	if (!length || length > LABEL_MAX - domain)
		return -EINVAL;
	memcpy(aad, LABEL_DOMAIN, domain);
	memcpy(aad + domain, label, length);
	*size = domain + length;
	return 0;
}

/**
 * kmc_wrap() - wrap a key for rest
 * @kmc: the KMC
 * @label: place of the key, the same again for unwrapping
 * @key: the key
 * @wrapped: gets nonce, ciphertext and tag
 *
 * Return: 0, -EINVAL label empty or too long, -ENOMEM, -EIO.
 */
int kmc_wrap(struct kmc *kmc, const char *label,
	     const uint8_t key[KMC_KEY_SIZE],
	     uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD])
{
	uint8_t aad[LABEL_MAX];
	size_t size;
	int error;

	error = label_aad(label, aad, &size);
	if (error)
		return error;
	if (RAND_bytes(wrapped, AEAD_NONCE_SIZE) != 1)
		return -EIO;
	return aes_gcm_seal(kmc->master, KMC_KEY_SIZE, wrapped, aad, size,
			    key, KMC_KEY_SIZE, wrapped + AEAD_NONCE_SIZE);
}

/**
 * kmc_unwrap() - unwrap a key
 * @kmc: the KMC
 * @label: as it was wrapped
 * @wrapped: of kmc_wrap()
 * @key: gets the key; wiped on error
 *
 * Return: 0; -EBADMSG another master key, label, or changed bytes; -EINVAL;
 * -ENOMEM.
 */
int kmc_unwrap(struct kmc *kmc, const char *label,
	       const uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD],
	       uint8_t key[KMC_KEY_SIZE])
{
	uint8_t aad[LABEL_MAX];
	size_t size;
	int error;

	error = label_aad(label, aad, &size);
	if (error)
		return error;
	return aes_gcm_open(kmc->master, KMC_KEY_SIZE, wrapped, aad, size,
			    wrapped + AEAD_NONCE_SIZE,
			    KMC_KEY_SIZE + AEAD_TAG_SIZE, key);
}
