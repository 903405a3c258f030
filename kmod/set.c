// SPDX-License-Identifier: GPL-2.0-only
/*
 * GROUP_SET: the one writer. Everything that can fail happens in a stage of
 * its own, under the namespace's configuration mutex; then the group's lock is
 * taken, what may have changed meanwhile is checked again, and pointers and
 * numbers are stored. Nothing fails after the first store.
 */
#include <crypto/algapi.h>
#include <linux/slab.h>

#include "group.h"

/**
 * struct cpns_stage - what a message turns into before it is committed
 * @set: checked message
 * @group: held
 * @fresh: @group is in no table yet
 * @reseal: same epoch, new sender id
 * @kek: KEK table as it will be
 * @secret: epoch secret
 * @has_secret: @secret was obtained
 * @epoch: as it will be, held; not where @reseal
 * @evicted: as it will be, or NULL where it does not change
 * @key: new key of the group, held, or NULL where it has a living one
 * @generation: of the machine, as of the beginning
 */
struct cpns_stage {
	struct cpns_message_set	set;
	struct cpns_group	*group;
	bool			fresh;
	bool			reseal;
	struct cpns_keks	*kek;
	u8			secret[CPNS_SECRET_SIZE];
	bool			has_secret;
	struct cpns_epoch	*epoch;
	struct cpns_evicted	*evicted;
	struct key		*key;
	int			generation;
};

static const u8 *cpns_kek_find(const struct cpns_keks *kek, u32 id, u32 ver)
{
	u32 i;

	for (i = 0; i < kek->count; i++)
		if (kek->entry[i].id == id && kek->entry[i].ver == ver)
			return kek->entry[i].key;
	return NULL;
}

static int cpns_kek_put(struct cpns_keks *kek, u32 id, u32 ver, const u8 *key,
			const char **why)
{
	u32 i;

	for (i = 0; i < kek->count; i++)
		if (kek->entry[i].id == id)
			break;
	*why = "a KEK's version goes back";
	if (i < kek->count && ver < kek->entry[i].ver)
		return -EKEYREJECTED;
	*why = "more than 32 KEKs";
	if (i == CPNS_KEKS)
		return -ENOSPC;
	if (i == kek->count)
		kek->count++;
	kek->entry[i].id = id;
	kek->entry[i].ver = ver;
	memcpy(kek->entry[i].key, key, CPNS_SECRET_SIZE);
	return 0;
}

static int cpns_stage_item(struct cpns_stage *stage,
			   const struct cpns_item *item, const char **why)
{
	const struct cpns_header *header = stage->set.header;
	const struct kvec aad[] = {
		{ CPNS_AAD_ITEM, sizeof(CPNS_AAD_ITEM) - 1 },
		{ (void *)header, CPNS_HEADER_SIZE },
		{ (void *)item, 16 },
	};
	const struct kvec aad_kek[] = {
		{ CPNS_AAD_ITEM, sizeof(CPNS_AAD_ITEM) - 1 },
		{ (void *)header->tag, CPNS_TAG_SIZE },
		{ (void *)&header->epoch, 4 },
		{ (void *)item, 16 },
	};
	u8 key[CPNS_SECRET_SIZE];
	const u8 *wrapping;
	int err;

	wrapping = cpns_kek_find(stage->kek, be32_to_cpu(item->wid),
				 be32_to_cpu(item->wver));
	if (!wrapping)
		return 0;
	if (item->id)
		err = cpns_gcm_open(wrapping, CPNS_SECRET_SIZE, item->nonce,
				    aad_kek, ARRAY_SIZE(aad_kek), item->ct,
				    key);
	else
		err = cpns_gcm_open(wrapping, CPNS_SECRET_SIZE, item->nonce,
				    aad, ARRAY_SIZE(aad), item->ct, key);
	if (err == -EBADMSG) {
		*why = item->id ? "a wrapped KEK does not open" :
		       "the epoch secret does not open: HEADER or ITEM altered";
		err = -EKEYREJECTED;
	} else if (!err && item->id) {
		err = cpns_kek_put(stage->kek, be32_to_cpu(item->id),
				   be32_to_cpu(item->ver), key, why);
	} else if (!err) {
		memcpy(stage->secret, key, CPNS_SECRET_SIZE);
		stage->has_secret = true;
	}
	memzero_explicit(key, sizeof(key));
	return err;
}

/* The new leaf KEK takes the old one's place, under whatever id. */
static int cpns_kek_put_leaf(struct cpns_keks *kek, u32 id, u32 ver,
			     const u8 *key, const char **why)
{
	u32 i;

	for (i = 0; kek->leaf != id && i < kek->count; i++)
		if (kek->entry[i].id == kek->leaf) {
			kek->entry[i] = kek->entry[--kek->count];
			memzero_explicit(&kek->entry[kek->count],
					 sizeof(kek->entry[0]));
		}
	kek->leaf = id;
	return cpns_kek_put(kek, id, ver, key, why);
}

/* SEAL and ITEMs into KEK table and epoch secret. */
static int cpns_stage_keys(struct cpns_stage *stage, struct cpns_net *cn,
			   const struct cpns_message_in *in, const char **why)
{
	const struct cpns_seal *seal = stage->set.seal;
	struct cpns_group *group = stage->group;
	u8 leaf[CPNS_SECRET_SIZE];
	unsigned int i;
	int err = 0;

	stage->kek = kzalloc(sizeof(*stage->kek), GFP_KERNEL_ACCOUNT);
	if (!stage->kek)
		return -ENOMEM;
	/* a new epoch's SEAL empties the table */
	mutex_lock(&group->lock);
	if (group->kek && (stage->reseal || !(seal || stage->set.secret)))
		memcpy(stage->kek, group->kek, sizeof(*stage->kek));
	mutex_unlock(&group->lock);
	if (stage->set.secret) {
		memcpy(stage->secret, stage->set.secret, CPNS_SECRET_SIZE);
		stage->has_secret = true;
		return 0;
	}
	if (seal) {
		err = cpns_node_open(cn, seal, leaf, why);
		err = err ?: cpns_kek_put_leaf(stage->kek,
					       be32_to_cpu(seal->leaf_id),
					       be32_to_cpu(seal->leaf_ver),
					       leaf, why);
		memzero_explicit(leaf, sizeof(leaf));
	}
	for (i = 0; i < in->items && !err; i++)
		err = cpns_stage_item(stage, in->item[i], why);
	return err;
}

/* PRK of the epoch secret, checked against HEADER's KCV; wipes the secret. */
static int cpns_stage_prk(struct cpns_stage *stage, u8 *prk, const char **why)
{
	const struct cpns_header *header = stage->set.header;
	const struct kvec secret = { stage->secret, CPNS_SECRET_SIZE };
	const struct kvec info = { CPNS_INFO_KCV, sizeof(CPNS_INFO_KCV) - 1 };
	u8 salt[CPNS_TAG_SIZE + 4], kcv[CPNS_KCV_SIZE];
	int err;

	memcpy(salt, header->tag, CPNS_TAG_SIZE);
	memcpy(salt + CPNS_TAG_SIZE, &header->epoch, 4);
	err = cpns_hkdf_extract(salt, sizeof(salt), &secret, 1, prk);
	memzero_explicit(stage->secret, CPNS_SECRET_SIZE);
	err = err ?: cpns_hkdf_expand(prk, &info, 1, kcv, CPNS_KCV_SIZE);
	if (!err && crypto_memneq(kcv, header->kcv, CPNS_KCV_SIZE)) {
		*why = "the key check value does not match the epoch secret";
		err = -EKEYREJECTED;
	}
	if (err)
		memzero_explicit(prk, CPNS_SECRET_SIZE);
	memzero_explicit(kcv, sizeof(kcv));
	return err;
}

static int cpns_stage_epoch(struct cpns_stage *stage, const char **why)
{
	const struct cpns_message_set *set = &stage->set;
	u8 prk[CPNS_SECRET_SIZE];
	struct cpns_epoch *epoch;
	int err;

	if (!stage->has_secret) {
		*why = "no ITEM gives the epoch secret to this node";
		return -EKEYREJECTED;
	}
	err = cpns_stage_prk(stage, prk, why);
	if (err || stage->reseal)
		goto out;
	epoch = cpns_epoch_alloc(stage->group, set->epoch);
	stage->epoch = epoch;
	err = -ENOMEM;
	if (!epoch)
		goto out;
	epoch->suite = set->suite;
	memcpy(epoch->kcv, set->header->kcv, CPNS_KCV_SIZE);
	memcpy(epoch->prk, prk, CPNS_SECRET_SIZE);
	err = 0;
out:
	memzero_explicit(prk, sizeof(prk));
	return err;
}

/* The old list's entries that still matter, and the message's. */
static int cpns_stage_evicted(struct cpns_stage *stage, const u16 *sid,
			      unsigned int sids)
{
	struct cpns_group *group = stage->group;
	const struct cpns_evicted *old;
	struct cpns_evicted *new;
	u32 i, n = 0, oldest = U32_MAX;

	if (!sids || stage->reseal)
		return 0;
	old = rcu_dereference_protected(group->evicted, true);
	new = kvzalloc(struct_size(new, entry, sids + (old ? old->count : 0)),
		       GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	mutex_lock(&group->lock);
	for (i = 0; i < CPNS_EPOCHS; i++)
		if (cpns_slot(group, i))
			oldest = min(oldest, cpns_slot(group, i)->num);
	mutex_unlock(&group->lock);
	for (i = 0; old && i < old->count; i++)
		if (old->entry[i].below > oldest)
			new->entry[n++] = old->entry[i];
	for (i = 0; i < sids; i++, n++) {
		new->entry[n].below = stage->set.epoch;
		new->entry[n].sid = sid[i];
	}
	new->count = n;
	new->newest = stage->set.epoch;
	stage->evicted = new;
	return 0;
}

static void cpns_alarm(struct cpns_stage *stage, enum cpns_reason reason)
{
	const struct cpns_event event = {
		.cmd = CPNS_CMD_ALARM, .group = stage->group,
		.epoch = stage->set.epoch, .reason = reason,
	};

	cpns_event_send(stage->group->net, &event, GFP_KERNEL);
}

/*
 * Where the message stands to what was committed before. Returns 1 where it
 * changes nothing, 0 where it goes on.
 */
static int cpns_stage_order(struct cpns_stage *stage, const char **why)
{
	const struct cpns_message_set *set = &stage->set;
	struct cpns_group *group = stage->group;
	struct cpns_epoch *epoch;
	bool sealed = set->seal || set->secret;
	int err = 1;

	if (set->epoch < group->highest) {
		cpns_alarm(stage, CPNS_REASON_ROLLBACK);
		*why = "epoch is lower than one committed before";
		return -EKEYREJECTED;
	}
	if (set->epoch > group->highest) {
		*why = "a gap in the epochs needs a SEAL";
		return sealed || set->epoch == group->highest + 1 ?
		       0 : -EKEYREJECTED;
	}
	if (memcmp(set->header->kcv, group->highest_kcv, CPNS_KCV_SIZE)) {
		cpns_alarm(stage, CPNS_REASON_KCV_MISMATCH);
		*why = "the same epoch with another key check value";
		return -EKEYREJECTED;
	}
	epoch = cpns_epoch_get(group, set->epoch);
	if (epoch && sealed && set->sid &&
	    cpns_epoch_state(epoch) != CPNS_STATE_DEAD &&
	    !cpns_epoch_own_sid(epoch, set->sid)) {
		stage->reseal = true;
		err = 0;
		if (READ_ONCE(epoch->sids[CPNS_SIDS - 1])) {
			*why = "four sender ids were used in this epoch";
			err = -ENOSPC;
		}
	}
	cpns_epoch_put(epoch);
	return err;
}

/* Slot for a new epoch, or negative; lock held. The rest may be overwritten. */
static int cpns_slot_for_new(const struct cpns_group *group)
{
	struct cpns_epoch *epoch, *oldest = NULL;
	int i, slot = -EBUSY;

	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (!epoch)
			return i;
		if (cpns_epoch_state(epoch) < CPNS_STATE_RXONLY)
			continue;
		if (!oldest || epoch->num < oldest->num) {
			oldest = epoch;
			slot = i;
		}
	}
	return slot;
}

/* This node's sender id where the message has none: it stays as it was. */
static u16 cpns_carried_sid(const struct cpns_group *group)
{
	struct cpns_epoch *epoch, *newest = NULL;
	unsigned int i;

	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (epoch && (!newest || epoch->num > newest->num))
			newest = epoch;
	}
	return newest ? cpns_epoch_sid(newest) : 0;
}

/* Times of the new epoch, and what it means for the older ones; lock held. */
static void cpns_commit_times(struct cpns_stage *stage)
{
	const struct cpns_message_set *set = &stage->set;
	struct cpns_group *group = stage->group;
	struct cpns_epoch *epoch, *new = stage->epoch;
	u32 dead_at = cpns_after(cpns_ticks(set->dtd));
	bool gap = set->epoch != group->highest + 1;
	bool usable = false;
	unsigned int i;

	new->activate_at = cpns_after(cpns_ticks(set->atd));
	new->expire_at = cpns_after(cpns_ticks(set->lifetime));
	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (epoch && cpns_epoch_state(epoch) < CPNS_STATE_RXONLY)
			usable = true;
	}
	if (!usable || gap)
		new->activate_at = cpns_now();
	if (stage->evicted)
		dead_at = new->activate_at;
	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (!epoch)
			continue;
		if (gap) {
			cpns_epoch_kill(group, i, -EKEYEXPIRED,
					CPNS_REASON_NONE);
			continue;
		}
		WRITE_ONCE(epoch->rxonly_at,
			   min(epoch->rxonly_at, new->activate_at));
		WRITE_ONCE(epoch->dead_at, min(epoch->dead_at, dead_at));
	}
}

static int cpns_commit_new(struct cpns_stage *stage, struct cpns_net *cn,
			   const char **why)
{
	const struct cpns_message_set *set = &stage->set;
	struct cpns_group *group = stage->group;
	struct cpns_epoch *new = stage->epoch;
	struct cpns_evicted *evicted = NULL;
	struct cpns_reference *own;
	u16 sid = set->sid;
	int slot;

	own = stage->key ?
	      rcu_dereference_protected(stage->key->payload.rcu_data0, true) :
	      group->own;
	*why = "the group's key was revoked meanwhile";
	if (!own || own->why || group->gone)
		return -EKEYREVOKED;
	*why = "four epochs are in use";
	/* above a gap no older epoch stays */
	slot = set->epoch == group->highest + 1 ? cpns_slot_for_new(group) : 0;
	if (slot < 0)
		return slot;

	/* nothing fails from here on */
	if (!set->seal && !set->secret)
		sid = cpns_carried_sid(group);
	cpns_commit_times(stage);
	if (cpns_slot(group, slot))
		cpns_epoch_kill(group, slot, -EKEYEXPIRED, CPNS_REASON_NONE);
	new->sids[0] = sid;
	atomic64_set(&new->iv, (s64)((u64)sid << 48));
	rcu_assign_pointer(group->epoch[slot], new);
	stage->epoch = NULL;
	if (stage->evicted) {
		evicted = rcu_dereference_protected(group->evicted, true);
		rcu_assign_pointer(group->evicted, stage->evicted);
		stage->evicted = NULL;
	}
	group->highest = set->epoch;
	memcpy(group->highest_kcv, set->header->kcv, CPNS_KCV_SIZE);
	swap(group->kek, stage->kek);
	group->own = own;
	WRITE_ONCE(group->serial, own->serial);
	WRITE_ONCE(group->why, 0);
	if (evicted)
		kvfree_rcu(evicted, rcu);
	if (stage->fresh) {
		hlist_add_head_rcu(&cpns_group_hold(group)->node,
				   &cn->groups[group->tag[0]]);
		cn->count++;
	}
	return 0;
}

static int cpns_commit_reseal(struct cpns_stage *stage, const char **why)
{
	struct cpns_group *group = stage->group;
	struct cpns_epoch *epoch = NULL;
	unsigned int i, n;

	for (i = 0; i < CPNS_EPOCHS; i++) {
		epoch = cpns_slot(group, i);
		if (epoch && epoch->num == stage->set.epoch)
			break;
	}
	*why = "the epoch ended meanwhile";
	if (i == CPNS_EPOCHS)
		return -EKEYREVOKED;
	for (n = 0; n < CPNS_SIDS - 1 && epoch->sids[n]; n++)
		;
	if (cpns_epoch_sid(epoch) || !epoch->reset_reason)
		epoch->reset_from = cpns_epoch_sid(epoch);
	epoch->reset_reason = CPNS_REASON_NEW_SID;
	WRITE_ONCE(epoch->sids[n], stage->set.sid);
	clear_bit(0, &epoch->iv_low);
	clear_bit(1, &epoch->iv_low);
	atomic64_set(&epoch->iv, (s64)((u64)stage->set.sid << 48));
	swap(group->kek, stage->kek);
	return 0;
}

static int cpns_commit(struct cpns_stage *stage, struct cpns_net *cn,
		       const char **why)
{
	struct cpns_group *group = stage->group;
	int err;

	mutex_lock(&group->lock);
	if (atomic_read(&cpns_generation) != stage->generation) {
		*why = "this machine was cloned or resumed meanwhile";
		err = -EAGAIN;
	} else if (stage->reseal) {
		err = cpns_commit_reseal(stage, why);
	} else {
		err = cpns_commit_new(stage, cn, why);
	}
	mutex_unlock(&group->lock);
	return err;
}

static int cpns_stage_group(struct cpns_stage *stage, struct cpns_net *cn,
			    const char *sgid, const char **why)
{
	unsigned int max = cn->net->user_ns == &init_user_ns ?
			   CPNS_GROUPS_MAX : CPNS_GROUPS_MAX_USERNS;
	u8 digest[32];
	int err;

	err = cpns_sha256(sgid, strlen(sgid), digest);
	if (err)
		return err;
	*why = "HEADER is of another group than SGID";
	if (memcmp(digest, stage->set.header->tag, CPNS_TAG_SIZE))
		return -EKEYREJECTED;
	stage->group = cpns_group_by_tag(cn, digest);
	if (stage->group) {
		cpns_group_check_keys(stage->group);
		cpns_group_settle(stage->group);
		return 0;
	}
	*why = "too many groups in this namespace, ended ones included";
	if (cn->count >= max)
		return -ENOSPC;
	stage->fresh = true;
	stage->group = cpns_group_alloc(cn, sgid, digest);
	return stage->group ? 0 : -ENOMEM;
}

/* Returns 1 where the message changes nothing. */
static int cpns_stage_commit(struct cpns_stage *stage, struct cpns_net *cn,
			     const struct cpns_message_in *in,
			     const u16 *evicted, const char **why)
{
	struct cpns_group *group = stage->group;
	int err;

	err = cpns_stage_order(stage, why);
	if (err)
		return err;
	err = cpns_stage_keys(stage, cn, in, why);
	err = err ?: cpns_stage_epoch(stage, why);
	err = err ?: cpns_stage_evicted(stage, evicted, in->evicted);
	if (!err && !stage->reseal && READ_ONCE(group->why)) {
		stage->key = cpns_key_create(group);
		if (IS_ERR(stage->key)) {
			err = PTR_ERR(stage->key);
			stage->key = NULL;
			*why = "the group's key cannot be made";
		}
	}
	err = err ?: cpns_commit(stage, cn, why);
	if (stage->key) {
		if (err)
			key_revoke(stage->key);
		key_put(stage->key);
	}
	/* the key outlives the namespace, where nothing knows the group */
	if (err && stage->fresh)
		cpns_group_orphan(group);
	return err;
}

/**
 * cpns_group_set() - commit a GROUP_SET message, all or nothing
 * @cn: namespace, also the caller's
 * @in: attributes
 * @evicted: sender ids, @in->evicted of them
 * @group: set on success, held
 * @why: set to a text for the sender on failure
 *
 * Takes the configuration mutex. On return the epoch's state, its states and
 * its events are settled.
 *
 * Return: 0, -EINVAL malformed, -EKEYREJECTED forged, altered, replayed or not
 * for this node, -EKEYEXPIRED too old, -EKEYREVOKED revoked meanwhile, -EBUSY
 * four epochs in use, -ENOSPC too many groups, KEKs or sender ids, -EPERM
 * clear secret, -EAGAIN machine cloned meanwhile, -ENOMEM.
 */
int cpns_group_set(struct cpns_net *cn, const struct cpns_message_in *in,
		   const u16 *evicted, struct cpns_group **group,
		   const char **why)
{
	char sgid[CPNS_SGID_MAX + 1] = {};
	struct cpns_stage *stage;
	unsigned int i;
	int err;

	stage = kzalloc(sizeof(*stage), GFP_KERNEL);
	if (!stage)
		return -ENOMEM;
	err = cpns_message_check(in, &stage->set, why);
	if (err)
		goto out;
	memcpy(sgid, in->sgid, in->sgid_len);
	mutex_lock(&cn->config);
	stage->generation = atomic_read(&cpns_generation);
	err = cpns_stage_group(stage, cn, sgid, why);
	err = err ?: cpns_stage_commit(stage, cn, in, evicted, why);
	if (err >= 0) {
		cpns_group_settle(stage->group);
		for (i = 0; !err && !stage->reseal && i < in->evicted; i++)
			cpns_sa_sender_gone(stage->group, stage->set.epoch,
					    evicted[i]);
		cpns_watch_start(cn);
		*group = cpns_group_hold(stage->group);
		*why = NULL;
		err = 0;
	}
	mutex_unlock(&cn->config);
out:
	if (stage->group)
		cpns_group_put(stage->group);
	cpns_epoch_put(stage->epoch);
	kvfree(stage->evicted);
	kfree_sensitive(stage->kek);
	kfree_sensitive(stage);
	return err;
}
