// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key Management Centre (AD 5.3.1.9.5.1): makes keys for the OSG and wraps
 * them for rest.
 *
 * One thread at a time, but for kmc_wrap() and kmc_unwrap().  The storage key
 * lives in locked memory from kmc_open() to kmc_close(); made keys are the
 * caller's to wipe.
 */
#include "kmc/kmc.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "kmc/secret_memory.h"
#include "kmc/storage_key.h"
#include "log.h"
#include "proto/aead.h"
#include "proto/reason.h"

#define LABEL_DOMAIN	"cpns kmc v1 "
#define LABEL_MAX	512

static int open_provider(struct kmc_provider *provider, const char *name,
			 char *reason, size_t room)
{
	if (!name || !strcmp(name, "software")) {
		software_provider(provider);
		return 0;
	}
	if (!strncmp(name, "pkcs11:", 7))
		return token_provider(provider, name, reason, room);
	return reason_give(reason, room, -EINVAL,
			   "the KMC is either software or pkcs11:...");
}

static void close_provider(struct kmc_provider *provider)
{
	if (provider->close)
		provider->close(provider->self);
	memset(provider, 0, sizeof(*provider));
}

/**
 * kmc_open() - start the KMC
 * @kmc: gets it; kmc_close() when done
 * @options: state directory and providers; strings are copied
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -EINVAL or -EACCES a key's file is not as it was made; -EBADMSG
 * it is not of this provider; -ENODEV no such token; -ENOMEM, -EPERM or
 * -EAGAIN no memory that can be locked; or what the file system said.
 */
int kmc_open(struct kmc **kmc, const struct kmc_options *options,
	     char *reason, size_t room)
{
	struct kmc *new;
	int error;

	*kmc = NULL;
	new = secret_memory_new(sizeof(*new));
	if (!new)
		return reason_give(reason, room, -errno,
				   "no locked memory for the storage key: %s",
				   strerror(errno));
	error = snprintf(new->state_directory, sizeof(new->state_directory),
			 "%s", options->state_directory) <
		(int)sizeof(new->state_directory) ? 0 : -ENAMETOOLONG;
	if (!error)
		error = open_provider(&new->provider, options->provider,
				      reason, room);
	if (!error && options->previous)
		error = open_provider(&new->previous, options->previous,
				      reason, room);
	if (!error)
		error = storage_key_find(new, reason, room);
	if (error) {
		kmc_close(new);
		return error;
	}
	*kmc = new;
	return 0;
}

/**
 * kmc_close() - stop the KMC and wipe the storage key
 * @kmc: the KMC, may be NULL
 */
void kmc_close(struct kmc *kmc)
{
	if (!kmc)
		return;
	close_provider(&kmc->previous);
	close_provider(&kmc->provider);
	secret_memory_free(kmc, sizeof(*kmc));
}

/* said once, not at each try of the CSKMF */
static void note_reach(struct kmc *kmc, bool away)
{
	if (away && !kmc->away)
		log_error("KMC: %s is out of reach: no new keys until it is back, members are served on",
			  kmc->provider.name);
	else if (!away && kmc->away)
		log_notice("KMC: %s is back", kmc->provider.name);
	kmc->away = away;
}

/**
 * kmc_generate() - make a key (B.2.1.1 steps 3 and 4)
 * @kmc: the KMC
 * @key: gets the key; wiped on error
 *
 * Return: 0; -ENODEV the token is out of reach, it is looked for again by the
 * next call; -EIO the generator failed or its output is not healthy: nothing
 * may be keyed then.
 */
int kmc_generate(struct kmc *kmc, uint8_t key[KMC_KEY_SIZE])
{
	const struct kmc_provider *provider = &kmc->provider;
	int error;

	error = provider->random(provider->self, key, KMC_KEY_SIZE);
	note_reach(kmc, error == -ENODEV);
	if (!error)
		error = kmc_health_check(&kmc->health, key, KMC_KEY_SIZE);
	if (error) {
		OPENSSL_cleanse(key, KMC_KEY_SIZE);
		if (error != -ENODEV)
			log_error("KMC: the random generator is not healthy, no key is made");
	}
	return error;
}

/**
 * kmc_in_reach() - did the provider answer when a key was last wanted?
 * @kmc: the KMC
 *
 * Return: true before the first one, too: kmc_open() has met it.
 */
bool kmc_in_reach(const struct kmc *kmc)
{
	return !kmc->away;
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
	return aes_gcm_seal(kmc->storage_key, KMC_KEY_SIZE, wrapped, aad, size,
			    key, KMC_KEY_SIZE, wrapped + AEAD_NONCE_SIZE);
}

static int unwrap_with(const uint8_t storage_key[KMC_KEY_SIZE],
		       const char *label,
		       const uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD],
		       uint8_t key[KMC_KEY_SIZE])
{
	uint8_t aad[LABEL_MAX];
	size_t size;
	int error;

	error = label_aad(label, aad, &size);
	if (error)
		return error;
	return aes_gcm_open(storage_key, KMC_KEY_SIZE, wrapped, aad, size,
			    wrapped + AEAD_NONCE_SIZE,
			    KMC_KEY_SIZE + AEAD_TAG_SIZE, key);
}

/**
 * kmc_unwrap() - unwrap a key
 * @kmc: the KMC
 * @label: as it was wrapped
 * @wrapped: of kmc_wrap()
 * @key: gets the key; wiped on error
 *
 * Return: 0; -EBADMSG another storage key, label, or changed bytes; -EINVAL;
 * -ENOMEM.
 */
int kmc_unwrap(struct kmc *kmc, const char *label,
	       const uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD],
	       uint8_t key[KMC_KEY_SIZE])
{
	return unwrap_with(kmc->storage_key, label, wrapped, key);
}

/**
 * kmc_rotating() - are there keys at rest to be wrapped anew?
 * @kmc: the KMC
 */
bool kmc_rotating(const struct kmc *kmc)
{
	return kmc->older_count || kmc->replaces;
}

/**
 * kmc_rewrap() - from an older storage key to the one of now
 * @kmc: the KMC
 * @label: place of the key
 * @wrapped: of kmc_wrap(), now or with an older key; changed in place
 *
 * Return: 1 changed; 0 was under the storage key already; -EBADMSG under none
 * that is known; -EINVAL; -ENOMEM; -EIO.
 */
int kmc_rewrap(struct kmc *kmc, const char *label,
	       uint8_t wrapped[KMC_KEY_SIZE + KMC_WRAP_OVERHEAD])
{
	uint8_t key[KMC_KEY_SIZE];
	unsigned int i;
	int error;

	error = kmc_unwrap(kmc, label, wrapped, key);
	if (!error)
		goto out;
	for (i = 0; error == -EBADMSG && i < kmc->older_count; i++)
		error = unwrap_with(kmc->older[i], label, wrapped, key);
	if (!error)
		error = kmc_wrap(kmc, label, key, wrapped);
	if (!error)
		error = 1;
out:
	OPENSSL_cleanse(key, sizeof(key));
	return error;
}

/**
 * kmc_rotated() - all keys at rest are under the storage key, on the disk
 * @kmc: the KMC
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * The older keys are wiped, and their files go.
 *
 * Return: 0; or what the file system said, then the next start does it.
 */
int kmc_rotated(struct kmc *kmc, char *reason, size_t room)
{
	return storage_key_settle(kmc, reason, room);
}
