// SPDX-License-Identifier: GPL-2.0-only
/*
 * The choke point: who may use an epoch, with which key and which IV.
 *
 * Resolving a handle runs in the context of the task that asks, and sleeps.
 * The checks and IVs run at every packet, in any context, without locks.
 */
#include <linux/cred.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>

#include "group.h"

static bool cpns_evicted(const struct cpns_group *group, u32 num, u16 sid)
{
	const struct cpns_evicted *evicted;
	bool found = false;
	u32 i;

	rcu_read_lock();
	evicted = rcu_dereference(group->evicted);
	if (evicted && num < evicted->newest)
		for (i = 0; i < evicted->count && !found; i++)
			found = evicted->entry[i].sid == sid &&
				num < evicted->entry[i].below;
	rcu_read_unlock();
	return found;
}

/* May the caller use this group for ESP? CAP_NET_ADMIN over its namespace. */
static int cpns_may_use_esp(struct cpns_group *group)
{
	struct net *net;
	int err;

	mutex_lock(&group->lock);
	net = group->net ? maybe_get_net(group->net) : NULL;
	mutex_unlock(&group->lock);
	if (!net)
		return -EKEYREVOKED;
	err = ns_capable(net->user_ns, CAP_NET_ADMIN) ? 0 : -EPERM;
	put_net(net);
	return err;
}

/* Fill @use from a reference that is given away. A number never comes back. */
static int cpns_use_fill(struct cpns_reference *reference, u32 num, u16 sid,
			 struct cpns_use *use)
{
	struct cpns_group *group = reference->group;
	int err = READ_ONCE(reference->why);
	bool passed;

	use->reference = reference;
	mutex_lock(&group->lock);
	err = err ?: group->why;
	if (!err)
		use->epoch = cpns_epoch_get(group, num);
	passed = num && num <= group->highest;
	mutex_unlock(&group->lock);
	if (use->epoch)
		return 0;
	if (!err && passed)
		err = cpns_evicted(group, num, sid) ? -EKEYREJECTED :
						      -EKEYEXPIRED;
	if (!err || err == -ENOKEY) {
		cpns_event_key_wanted(group, num);
		err = -ENOKEY;
	}
	cpns_use_put(use);
	return err;
}

/* A key's reference, held; for users in namespace @net, any if NULL. */
static struct cpns_reference *cpns_use_reference(struct key *key,
						 const struct net *net)
{
	struct cpns_reference *reference;
	int err;

	if (key->type != &cpns_key_type)
		return ERR_PTR(-EINVAL);
	err = key_validate(key);
	if (err)
		return ERR_PTR(err);
	if (net && key->index_key.domain_tag != net->key_domain)
		return ERR_PTR(-EACCES);
	reference = cpns_key_reference(key);
	return reference ?: ERR_PTR(-EKEYREVOKED);
}

/**
 * cpns_use_key() - use a key that the caller was let to
 * @key: key, of any type, held by the caller, who checked KEY_NEED_SEARCH
 * @num: epoch number, 0 for the one to send with
 * @sid: whose traffic key
 * @use: filled on success
 *
 * Sleeps. Return: 0, -EINVAL a key of another type, -EACCES of another
 * namespace, -EKEYREVOKED, -EKEYEXPIRED ended or replaced, -EKEYREJECTED
 * @sid was evicted, -ENOKEY no such epoch yet (raises KEY_WANTED).
 */
int cpns_use_key(struct key *key, u32 num, u16 sid, struct cpns_use *use)
{
	struct cpns_reference *reference;

	memset(use, 0, sizeof(*use));
	reference = cpns_use_reference(key, current->nsproxy->net_ns);
	if (IS_ERR(reference))
		return PTR_ERR(reference);
	return cpns_use_fill(reference, num, sid, use);
}

/**
 * cpns_use_handle() - resolve a handle in the caller's context
 * @handle: as given to setkey
 * @use: filled on success
 *
 * Uses 2 and 3 need KEY_NEED_SEARCH and the key's namespace; use 1 needs
 * CAP_NET_ADMIN over the key's namespace instead. Sleeps.
 *
 * Return: as cpns_use_key(); -EPERM, -ENOKEY no such key.
 */
int cpns_use_handle(const struct cpns_handle *handle, struct cpns_use *use)
{
	bool esp = handle->use == CPNS_USE_ESP;
	struct cpns_reference *reference;
	key_ref_t key_ref;
	int err;

	memset(use, 0, sizeof(*use));
	key_ref = lookup_user_key(be32_to_cpu(handle->serial), 0,
				  esp ? KEY_DEFER_PERM_CHECK : KEY_NEED_SEARCH);
	if (IS_ERR(key_ref))
		return PTR_ERR(key_ref);
	reference = cpns_use_reference(key_ref_to_ptr(key_ref),
				       esp ? NULL : current->nsproxy->net_ns);
	key_ref_put(key_ref);
	if (IS_ERR(reference))
		return PTR_ERR(reference);
	err = esp ? cpns_may_use_esp(reference->group) : 0;
	if (!err)
		return cpns_use_fill(reference, be32_to_cpu(handle->epoch),
				     be16_to_cpu(handle->sid), use);
	cpns_reference_put(reference);
	return err;
}

/* The reference that attributes serial or sgid name, held. */
static struct cpns_reference *cpns_info_reference(struct genl_info *info)
{
	struct cpns_reference *reference;
	struct cpns_group *group;
	key_ref_t key_ref;

	if (info->attrs[CPNS_A_SERIAL]) {
		/* never wait for construction, which may need this family */
		key_ref = lookup_user_key(nla_get_s32(info->attrs[CPNS_A_SERIAL]),
					  KEY_LOOKUP_PARTIAL,
					  KEY_DEFER_PERM_CHECK);
		if (IS_ERR(key_ref)) {
			NL_SET_ERR_MSG(info->extack, "no such key");
			return ERR_CAST(key_ref);
		}
		reference = cpns_use_reference(key_ref_to_ptr(key_ref),
					       genl_info_net(info));
		key_ref_put(key_ref);
		if (!IS_ERR(reference))
			return reference;
		NL_SET_ERR_MSG(info->extack,
			       "not a valid key of this type and namespace");
		return ERR_PTR(-ENOKEY);
	}
	group = cpns_nl_group(info);
	if (IS_ERR(group))
		return ERR_CAST(group);
	mutex_lock(&group->lock);
	reference = group->own;
	if (reference)
		refcount_inc(&reference->ref);
	mutex_unlock(&group->lock);
	cpns_group_put(group);
	if (reference)
		return reference;
	NL_SET_ERR_MSG(info->extack, "the group has ended");
	return ERR_PTR(-EKEYREVOKED);
}

/**
 * cpns_use_info() - resolve serial or sgid, epoch and sid of a netlink request
 * @info: request; its namespace was checked. Its refusals get a text here
 * @use: filled on success
 *
 * Return: 0 or as cpns_use_handle().
 */
int cpns_use_info(struct genl_info *info, struct cpns_use *use)
{
	struct cpns_reference *reference = cpns_info_reference(info);
	struct nlattr **attrs = info->attrs;
	int err;

	memset(use, 0, sizeof(*use));
	if (IS_ERR(reference))
		return PTR_ERR(reference);
	err = cpns_use_fill(reference,
			    attrs[CPNS_A_EPOCH] ?
			    nla_get_u32(attrs[CPNS_A_EPOCH]) : 0,
			    attrs[CPNS_A_SID] ?
			    nla_get_u16(attrs[CPNS_A_SID]) : 0, use);
	if (err == -ENOKEY)
		NL_SET_ERR_MSG(info->extack, "the group has no such epoch");
	else if (err == -EKEYREJECTED)
		NL_SET_ERR_MSG(info->extack, "the sender was evicted");
	else if (err)
		NL_SET_ERR_MSG(info->extack, "the key or the epoch has ended");
	return err;
}

/**
 * cpns_use_put() - give a use back
 * @use: may be empty; any context
 */
void cpns_use_put(struct cpns_use *use)
{
	if (use->reference)
		cpns_reference_put(use->reference);
	cpns_epoch_put(use->epoch);
	memset(use, 0, sizeof(*use));
}

/* Why a dead epoch is dead; by the clock alone, its time is over. */
static int cpns_epoch_why(const struct cpns_epoch *epoch)
{
	if (READ_ONCE(epoch->state) != CPNS_STATE_DEAD)
		return -EKEYEXPIRED;
	smp_rmb();	/* pairs with cpns_epoch_kill() */
	return READ_ONCE(epoch->why);
}

/* What a user may do where the epoch is in this state. */
static int cpns_may_use(const struct cpns_use *use, u16 sid,
			enum cpns_state state)
{
	int err = READ_ONCE(use->reference->why);

	if (err)
		return err;
	if (state == CPNS_STATE_DEAD)
		return cpns_epoch_why(use->epoch);
	return cpns_evicted(use->epoch->group, use->epoch->num, sid) ?
	       -EKEYREJECTED : 0;
}

/**
 * cpns_may_decrypt() - may this be decrypted now?
 * @use: held
 * @sid: sender
 *
 * At every request, in any context. Return: 0, -EKEYREVOKED, -EKEYEXPIRED,
 * -EKEYREJECTED the sender was evicted.
 */
int cpns_may_decrypt(const struct cpns_use *use, u16 sid)
{
	return cpns_may_use(use, sid, cpns_epoch_state(use->epoch));
}

/**
 * cpns_may_encrypt() - may this be encrypted now?
 * @use: held
 * @sid: sender id of the handle
 *
 * At every request, in any context. Return: as cpns_may_decrypt(), -ESTALE the
 * epoch is not active, -ENOKEY @sid is not this node's sender id.
 */
int cpns_may_encrypt(const struct cpns_use *use, u16 sid)
{
	enum cpns_state state = cpns_epoch_state(use->epoch);
	int err = cpns_may_use(use, sid, state);

	if (err)
		return err;
	if (state != CPNS_STATE_ACTIVE)
		return -ESTALE;
	return sid && cpns_epoch_sid(use->epoch) == sid ? 0 : -ENOKEY;
}

/**
 * cpns_next_iv() - take the next IV of this node's sender id
 * @use: held
 * @sid: sender id of the handle
 * @iv: be16 sid | be48 counter (RFC 6054)
 *
 * One word holds sender id and counter, so that no IV is given twice and none
 * of a replaced sender id. The counter is checked before it is raised. Any
 * context.
 *
 * Return: 0, -ENOKEY @sid is not this node's (any more), -EKEYEXPIRED all used.
 */
int cpns_next_iv(const struct cpns_use *use, u16 sid, __be64 *iv)
{
	struct cpns_epoch *epoch = use->epoch;
	s64 old = atomic64_read(&epoch->iv);

	do {
		if (!sid || (u64)old >> 48 != sid)
			return -ENOKEY;
		if ((old & CPNS_IV_MAX) == CPNS_IV_MAX)
			return -EKEYEXPIRED;
	} while (!atomic64_try_cmpxchg(&epoch->iv, &old, old + 1));
	*iv = cpu_to_be64(old + 1);
	if (unlikely((old & CPNS_IV_MAX) >= CPNS_IV_LOW) &&
	    !test_and_set_bit(0, &epoch->iv_low))
		cpns_group_kick(epoch->group);
	return 0;
}

/**
 * cpns_traffic_key() - derive a sender's key and salt
 * @use: held
 * @use_id: CPNS_USE_*
 * @aead_id: CPNS_AEAD_*
 * @sid: sender
 * @key_bytes: cipher key size
 * @out: key and salt; the caller wipes it. Wiped here on failure
 * @out_len: @key_bytes and salt size
 *
 * Sleeps. Return: 0, as cpns_may_decrypt(), or another errno.
 */
int cpns_traffic_key(const struct cpns_use *use, u8 use_id, u8 aead_id,
		     u16 sid, u8 key_bytes, u8 *out, unsigned int out_len)
{
	const u8 context[] = { use_id, aead_id, sid >> 8, sid, key_bytes };
	const struct kvec info[] = {
		{ CPNS_INFO_TRAFFIC, sizeof(CPNS_INFO_TRAFFIC) - 1 },
		{ (void *)context, sizeof(context) },
	};
	struct cpns_group *group = use->epoch->group;
	u8 prk[CPNS_SECRET_SIZE];
	int err;

	err = cpns_may_decrypt(use, sid);
	if (err)
		return err;
	mutex_lock(&group->lock);
	if (use->epoch->state == CPNS_STATE_DEAD)
		err = cpns_epoch_why(use->epoch);
	else
		memcpy(prk, use->epoch->prk, sizeof(prk));
	mutex_unlock(&group->lock);
	if (!err)
		cpns_hkdf_expand(prk, info, ARRAY_SIZE(info), out, out_len);
	memzero_explicit(prk, sizeof(prk));
	return err;
}
