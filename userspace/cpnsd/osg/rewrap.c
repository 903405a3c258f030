// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys at rest from one storage key of the KMC to the next: the CSKMF walks
 * its store, the labels are the OSG's.
 *
 * One thread at a time.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>

#include "osg/osg_internal.h"

static void make_label(char label[OSG_LABEL_MAX],
		       const struct osg_wrapped *key)
{
	static const char *const kinds[] = {
		[OSG_WRAPPED_LEAF] = "leaf",
		[OSG_WRAPPED_KEK] = "kek",
		[OSG_WRAPPED_EPOCH] = "epoch",
	};

	if (key->kind == OSG_WRAPPED_EPOCH)
		snprintf(label, OSG_LABEL_MAX, "%s %s %u", kinds[key->kind],
			 key->sgid, key->id);
	else
		snprintf(label, OSG_LABEL_MAX, "%s %s %u %u",
			 kinds[key->kind], key->sgid, key->id, key->version);
}

/**
 * osg_rotating() - does the KMC want all wrapped keys wrapped anew?
 * @osg: the OSG
 */
bool osg_rotating(const struct osg *osg)
{
	return kmc_rotating(osg->kmc);
}

/**
 * osg_rewrap() - wrap a key at rest under the KMC's storage key of now
 * @osg: the OSG
 * @key: where it stands
 * @wrapped: the wrapped key, changed in place
 *
 * Return: 1 changed; 0 need not be; -EBADMSG not this key, or under a storage
 * key that the KMC does not have; -ENOMEM; -EIO.
 */
int osg_rewrap(struct osg *osg, const struct osg_wrapped *key,
	       uint8_t wrapped[OSG_WRAPPED_SIZE])
{
	char label[OSG_LABEL_MAX];

	make_label(label, key);
	return kmc_rewrap(osg->kmc, label, wrapped);
}

/**
 * osg_rotated() - the store has all of them
 * @osg: the OSG
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0, or what the file system said: then the next start does it.
 */
int osg_rotated(struct osg *osg, char *reason, size_t room)
{
	return kmc_rotated(osg->kmc, reason, room);
}

/**
 * osg_wrapped_is_ours() - is this key wrapped under the KMC's storage key?
 * @osg: the OSG
 * @key: where it stands
 * @wrapped: the wrapped key
 */
bool osg_wrapped_is_ours(struct osg *osg, const struct osg_wrapped *key,
			 const uint8_t wrapped[OSG_WRAPPED_SIZE])
{
	char label[OSG_LABEL_MAX];
	uint8_t open[KMC_KEY_SIZE];
	int error;

	make_label(label, key);
	error = kmc_unwrap(osg->kmc, label, wrapped, open);
	OPENSSL_cleanse(open, sizeof(open));
	return !error;
}
