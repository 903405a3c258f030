// SPDX-License-Identifier: GPL-2.0-only
/*
 * Form of a GROUP_SET message: lengths, versions, ranges, times.
 *
 * Pure functions over bytes, no crypto and no state, so that a fuzzer builds
 * this file in user space too.
 */
#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#define cpns_be16(x) be16_to_cpu(x)
#define cpns_be32(x) be32_to_cpu(x)
#else
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#define cpns_be16(x) be16toh(x)
#define cpns_be32(x) be32toh(x)
#endif

#include "message.h"

/* no padding crept into the bytes */
static_assert(sizeof(struct cpns_header) == CPNS_HEADER_SIZE);
static_assert(sizeof(struct cpns_seal) == CPNS_SEAL_SIZE);
static_assert(sizeof(struct cpns_item) == CPNS_ITEM_SIZE);
static_assert(sizeof(struct cpns_handle) == CPNS_HANDLE_SIZE);
static_assert(sizeof(struct cpns_message) == CPNS_MESSAGE_HEADER_SIZE);
static_assert(sizeof(struct cpns_reference_payload) == CPNS_REFERENCE_SIZE);

/**
 * cpns_sgid_check() - is this a Service Group identifier?
 * @sgid: bytes, not terminated
 * @len: how many
 *
 * Return: 0, or -EINVAL where it is not 1 to 255 printable bytes of ASCII
 * without spaces.
 */
int cpns_sgid_check(const char *sgid, unsigned int len)
{
	unsigned int i;

	if (!len || len > CPNS_SGID_MAX)
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (sgid[i] <= 0x20 || sgid[i] >= 0x7f)
			return -EINVAL;
	return 0;
}

static __u32 cpns_shorten(__u32 seconds, __u32 elapsed)
{
	return seconds > elapsed ? seconds - elapsed : 0;
}

static int cpns_header_check(const struct cpns_message_in *in,
			     struct cpns_message_set *set, const char **why)
{
	const struct cpns_header *header = in->header;
	__u32 atd, dtd, lifetime;

	*why = "HEADER missing or not 48 bytes";
	if (!header || in->header_len != CPNS_HEADER_SIZE)
		return -EINVAL;
	*why = "HEADER of another version";
	if (header->version != 1 || header->zero)
		return -EINVAL;
	*why = "HEADER names an unknown suite";
	if (header->suite < CPNS_SUITE_AES_256_GCM ||
	    header->suite > CPNS_SUITE_CHACHA20_POLY1305)
		return -EINVAL;
	set->epoch = cpns_be32(header->epoch);
	*why = "epoch out of range";
	if (!set->epoch || set->epoch > CPNS_EPOCH_MAX)
		return -EINVAL;
	atd = cpns_be32(header->atd);
	dtd = cpns_be32(header->dtd);
	*why = "DTD is not larger than ATD";
	if (dtd <= atd)
		return -EINVAL;
	lifetime = cpns_be32(header->lifetime);
	*why = "the lifetime of this epoch is over";
	if (lifetime && in->elapsed >= lifetime)
		return -EKEYEXPIRED;
	set->header = header;
	set->suite = header->suite;
	set->atd = cpns_shorten(atd, in->elapsed);
	set->dtd = cpns_shorten(dtd, in->elapsed);
	set->lifetime = lifetime ? lifetime - in->elapsed : 0xffffffffU;
	return 0;
}

static int cpns_seal_check(const struct cpns_message_in *in,
			   struct cpns_message_set *set, const char **why)
{
	const struct cpns_seal *seal = in->seal;

	*why = "SEAL is not 112 bytes";
	if (in->seal_len != CPNS_SEAL_SIZE)
		return -EINVAL;
	*why = "SEAL of another AEAD, mode or form";
	if ((cpns_be16(seal->aead) != CPNS_HPKE_AES_128_GCM &&
	     cpns_be16(seal->aead) != CPNS_HPKE_AES_256_GCM) ||
	    (seal->mode != CPNS_HPKE_MODE_BASE &&
	     seal->mode != CPNS_HPKE_MODE_AUTH) ||
	    seal->zero || seal->zero2 || !seal->leaf_id)
		return -EINVAL;
	*why = "SEAL is of another group than HEADER";
	if (memcmp(seal->tag, set->header->tag, CPNS_TAG_SIZE))
		return -EKEYREJECTED;
	*why = "SEAL is of another epoch than HEADER";
	if (seal->first_epoch != set->header->epoch)
		return -EKEYREJECTED;
	set->seal = seal;
	set->sid = cpns_be16(seal->sid);
	return 0;
}

/**
 * cpns_message_check() - check the form of a message
 * @in: attributes as they came
 * @set: filled on success; points into @in's bytes
 * @why: set to a text for the sender on failure
 *
 * The group tag is not compared with the SGID here, that takes a digest.
 *
 * Return: 0, -EINVAL malformed, -EPERM a clear secret without permission,
 * -EKEYEXPIRED the lifetime is over, -EKEYREJECTED parts do not belong
 * together.
 */
int cpns_message_check(const struct cpns_message_in *in,
		       struct cpns_message_set *set, const char **why)
{
	unsigned int i;
	int err;

	memset(set, 0, sizeof(*set));
	*why = "SGID must be 1 to 255 printable bytes without spaces";
	if (!in->sgid || cpns_sgid_check(in->sgid, in->sgid_len))
		return -EINVAL;
	err = cpns_header_check(in, set, why);
	if (err)
		return err;
	if (in->seal) {
		err = cpns_seal_check(in, set, why);
		if (err)
			return err;
	}
	*why = "more than 64 ITEMs";
	if (in->items > CPNS_ITEMS_MAX)
		return -EINVAL;
	*why = "ITEM is not 76 bytes";
	for (i = 0; i < in->items; i++)
		if (in->item_len[i] != CPNS_ITEM_SIZE)
			return -EINVAL;
	*why = "more than 1024 EVICTED";
	if (in->evicted > CPNS_EVICTED_MAX)
		return -EINVAL;
	if (in->secret) {
		*why = "SECRET needs the module parameter allow_raw=1";
		if (!in->allow_raw)
			return -EPERM;
		*why = "SECRET stands alone with SID, and has 32 bytes";
		if (in->seal || in->items || !in->has_sid ||
		    in->secret_len != CPNS_SECRET_SIZE)
			return -EINVAL;
		set->secret = in->secret;
		set->sid = in->sid;
	} else {
		*why = "SID stands in SEAL; the attribute goes with SECRET only";
		if (in->has_sid)
			return -EINVAL;
	}
	*why = NULL;
	return 0;
}
