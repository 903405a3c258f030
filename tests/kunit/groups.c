// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making groups and looking at their epochs, see groups.h.
 */
#include <crypto/sha2.h>
#include <linux/slab.h>

#include "groups.h"

int set_epoch_of(const char *sgid, u32 num, u16 sid, u32 atd, u32 dtd,
		 u8 secret_byte, struct cpns_group **group, const char **why)
{
	const struct kvec info = { CPNS_INFO_KCV, sizeof(CPNS_INFO_KCV) - 1 };
	u8 secret[CPNS_SECRET_SIZE], salt[CPNS_TAG_SIZE + 4], digest[32];
	const struct kvec part = { secret, sizeof(secret) };
	struct cpns_header header = {
		.version = 1,
		.suite = CPNS_SUITE_AES_256_GCM,
		.epoch = cpu_to_be32(num),
		.atd = cpu_to_be32(atd),
		.dtd = cpu_to_be32(dtd),
	};
	struct cpns_message_in *in = kzalloc(sizeof(*in), GFP_KERNEL);
	u8 prk[32];
	int err;

	if (!in)
		return -ENOMEM;
	memset(secret, secret_byte, sizeof(secret));
	sha256(sgid, strlen(sgid), digest);
	memcpy(header.tag, digest, CPNS_TAG_SIZE);
	memcpy(salt, digest, CPNS_TAG_SIZE);
	memcpy(salt + CPNS_TAG_SIZE, &header.epoch, 4);
	cpns_hkdf_extract(salt, sizeof(salt), &part, 1, prk);
	cpns_hkdf_expand(prk, &info, 1, header.kcv, CPNS_KCV_SIZE);
	in->sgid = sgid;
	in->sgid_len = strlen(sgid);
	in->header = &header;
	in->header_len = sizeof(header);
	in->secret = secret;
	in->secret_len = sizeof(secret);
	in->has_sid = true;
	in->sid = sid;
	in->allow_raw = true;
	err = cpns_group_set(cpns_net(&init_net), in, NULL, group, why);
	kfree(in);
	return err;
}

enum cpns_state state_of(struct cpns_group *group, u32 num)
{
	struct cpns_epoch *epoch = cpns_epoch_get(group, num);
	enum cpns_state state = CPNS_STATE_NONE;

	if (epoch)
		state = cpns_epoch_state(epoch);
	cpns_epoch_put(epoch);
	return state;
}

u16 sender_of(struct cpns_group *group, u32 num)
{
	struct cpns_epoch *epoch = cpns_epoch_get(group, num);
	u16 sid = epoch ? cpns_epoch_sid(epoch) : 0;

	cpns_epoch_put(epoch);
	return sid;
}
