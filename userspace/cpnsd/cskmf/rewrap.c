// SPDX-License-Identifier: GPL-2.0-only
/*
 * At start, before any group is loaded: where the KMC has another storage
 * key than before, all keys at rest are wrapped anew in one transaction.
 * Killed at any moment, the next start finds the older keys' files still
 * there and does it again, or what is left of it.
 *
 * The loop's thread.
 */
#include <string.h>

#include "cskmf/group.h"
#include "log.h"

struct progress {
	struct osg *osg;
	unsigned long changed;
};

static int rewrap(void *context, const struct osg_wrapped *key,
		  uint8_t wrapped[OSG_WRAPPED_SIZE])
{
	struct progress *progress = context;
	int result = osg_rewrap(progress->osg, key, wrapped);

	if (result > 0)
		progress->changed++;
	if (result < 0)
		log_error("group=%s: key %u version %u is under none of the KMC's storage keys",
			  key->sgid, key->id, key->version);
	return result;
}

/**
 * rewrap_keys - take the KMC's storage key over, if it is another one
 * @cskmf: with OSG and store
 * @reason: gets the cause in words on error
 * @room: bytes of @reason
 *
 * Return: 0 or -errno, then all is as before.
 */
int rewrap_keys(struct cskmf *cskmf, char *reason, size_t room)
{
	struct progress progress = { .osg = cskmf->options.osg };
	int result;

	if (!osg_rotating(progress.osg))
		return 0;
	log_notice("KMC: another storage key, keys at rest are wrapped anew");
	result = store_rewrap(cskmf->options.store, rewrap, &progress);
	if (result) {
		snprintf(reason, room,
			 "keys at rest are not wrapped anew, the store is as before: %s",
			 strerror(-result));
		return result;
	}
	result = osg_rotated(progress.osg, reason, room);
	if (!result)
		log_notice("KMC: %lu keys at rest wrapped anew, the older storage key is not needed any more",
			   progress.changed);
	return result;
}
