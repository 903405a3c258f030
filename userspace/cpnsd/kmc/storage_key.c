// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the storage key at start, and taking another one.
 *
 * The key is in the provider's file, made at the first start.  A file of the
 * same name with ".new" brings the next one; empty, it asks for a fresh one.
 * A previous provider's key is taken over from its own file.  Nothing that
 * the store may still need goes before storage_key_settle(), so that a start
 * which ends in the middle is done again by the next.
 *
 * One thread at a time.
 */
#include "kmc/storage_key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "kmc/key_file.h"
#include "log.h"
#include "proto/reason.h"

#define NAME_MAX_SIZE	32

static void beside(const struct kmc *kmc, const char *suffix,
		   char name[NAME_MAX_SIZE])
{
	snprintf(name, NAME_MAX_SIZE, "%s%s", kmc->provider.file, suffix);
}

static int read_key(const struct kmc *kmc, const struct kmc_provider *provider,
		    const char *name, uint8_t key[KMC_KEY_SIZE], char *reason,
		    size_t room)
{
	uint8_t bytes[PROVIDER_FILE_SIZE_MAX];
	int error;

	error = key_file_read(kmc->state_directory, name, bytes,
			      provider->file_size, reason, room);
	if (!error)
		error = provider->recover(provider->self, bytes, key, reason,
					  room);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if (!error && kmc_one_value(key, KMC_KEY_SIZE))
		error = reason_give(reason, room, -EINVAL,
				    "%s/%s holds no key, but one byte over and over",
				    kmc->state_directory, name);
	if (error)
		OPENSSL_cleanse(key, KMC_KEY_SIZE);
	return error;
}

static int make_key(struct kmc *kmc, const char *name,
		    uint8_t key[KMC_KEY_SIZE], char *reason, size_t room)
{
	const struct kmc_provider *provider = &kmc->provider;
	uint8_t bytes[PROVIDER_FILE_SIZE_MAX];
	int error;

	error = kmc_generate(kmc, key);
	if (error)
		return reason_give(reason, room, error,
				   "the KMC's generator gives nothing");
	error = provider->protect(provider->self, key, bytes, reason, room);
	if (!error)
		error = key_file_create(kmc->state_directory, name, bytes,
					provider->file_size, reason, room);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if (error)
		OPENSSL_cleanse(key, KMC_KEY_SIZE);
	if (error == -EEXIST)
		error = read_key(kmc, provider, name, key, reason, room);
	return error;
}

/* the empty file is the wish; it goes only when the key is there */
static int fill_new(struct kmc *kmc, const char *name, char *reason,
		    size_t room)
{
	char made[NAME_MAX_SIZE];
	uint8_t key[KMC_KEY_SIZE];
	int error;

	beside(kmc, ".made", made);
	error = key_file_remove(kmc->state_directory, made, reason, room);
	if (!error)
		error = make_key(kmc, made, key, reason, room);
	OPENSSL_cleanse(key, sizeof(key));
	if (!error)
		error = key_file_rename(kmc->state_directory, made, name,
					reason, room);
	return error;
}

static void add_older(struct kmc *kmc, const uint8_t key[KMC_KEY_SIZE])
{
	memcpy(kmc->older[kmc->older_count++], key, KMC_KEY_SIZE);
}

/* the provider's own files */
static int find_own(struct kmc *kmc, char *reason, size_t room)
{
	const struct kmc_provider *provider = &kmc->provider;
	bool takes_over = kmc->previous.name;
	uint8_t current[KMC_KEY_SIZE];
	char name[NAME_MAX_SIZE];
	int error = 0, missing;

	beside(kmc, ".new", name);
	if (key_file_is_empty(kmc->state_directory, name))
		error = fill_new(kmc, name, reason, room);
	if (error)
		return error;
	error = read_key(kmc, provider, name, kmc->storage_key, reason, room);
	if (error && error != -ENOENT)
		return error;
	kmc->replaces = !error;
	missing = read_key(kmc, provider, provider->file, current, reason,
			   room);
	error = 0;
	if (kmc->replaces && !missing) {
		add_older(kmc, current);
	} else if (!missing) {
		memcpy(kmc->storage_key, current, KMC_KEY_SIZE);
	} else if (missing == -ENOENT) {
		if (!kmc->replaces)
			error = make_key(kmc, provider->file,
					 kmc->storage_key, reason, room);
	} else if (!takes_over) {
		error = missing;
	} else if (!kmc->replaces) {
		/* the file is the previous provider's, of the same kind */
		error = make_key(kmc, name, kmc->storage_key, reason, room);
		kmc->replaces = !error;
	}
	OPENSSL_cleanse(current, sizeof(current));
	return error;
}

/**
 * storage_key_find() - the storage key, and those that it follows
 * @kmc: with its providers open
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; -EINVAL or -EACCES a file is not as it was made; -EBADMSG not
 * made by this provider; or what files and provider said.
 */
int storage_key_find(struct kmc *kmc, char *reason, size_t room)
{
	const struct kmc_provider *previous = &kmc->previous;
	uint8_t key[KMC_KEY_SIZE];
	int error;

	error = find_own(kmc, reason, room);
	if (error || !previous->name)
		return error;
	if (read_key(kmc, previous, previous->file, key, NULL, 0)) {
		log_info("KMC: nothing to take over: kmc-previous is not needed any more");
	} else {
		add_older(kmc, key);
		kmc->took_over = strcmp(previous->file, kmc->provider.file);
	}
	OPENSSL_cleanse(key, sizeof(key));
	return 0;
}

/**
 * storage_key_settle() - what is at rest is under the storage key now
 * @kmc: the KMC
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0; or what the file system said, then the next start does it.
 */
int storage_key_settle(struct kmc *kmc, char *reason, size_t room)
{
	char name[NAME_MAX_SIZE];
	int error = 0;

	beside(kmc, ".new", name);
	if (kmc->replaces)
		error = key_file_rename(kmc->state_directory, name,
					kmc->provider.file, reason, room);
	if (!error && kmc->took_over)
		error = key_file_remove(kmc->state_directory,
					kmc->previous.file, reason, room);
	if (error)
		return error;
	OPENSSL_cleanse(kmc->older, sizeof(kmc->older));
	kmc->older_count = 0;
	kmc->replaces = false;
	kmc->took_over = false;
	return 0;
}
