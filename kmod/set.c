// SPDX-License-Identifier: GPL-2.0-only
/*
 * GROUP_SET: the one writer. Everything that can fail happens in a stage of
 * its own, under the namespace's configuration mutex; then the group's lock is
 * taken, what may have changed meanwhile is checked again, and pointers and
 * numbers are stored. Nothing fails after the first store.
 */
#include <crypto/algapi.h>
#include <crypto/sha2.h>
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
 * @epoch: as it will be, held; where @reseal it only checks the KCV
 * @evicted: as it will be, or NULL where it does not change
 * @key: new key of the group, held, or NULL where it has a living one
 * @generation: of the machine, as of the beginning
 * @why: text for the sender
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
	const char		*why;
};

static int cpns_refuse(struct cpns_stage *stage, int err, const char *why)
{
	stage->why = why;
	return err;
}

static int cpns_kek_put(struct cpns_stage *stage, u32 id, u32 ver,
			const u8 *key)
{
	struct cpns_keks *kek = stage->kek;
	u32 i = 0;

	while (i < kek->count && kek->entry[i].id != id)
		i++;
	if (i < kek->count && ver < kek->entry[i].ver)
		return cpns_refuse(stage, -EKEYREJECTED,
				   "a KEK's version goes back");
	if (i == CPNS_KEKS)
		return cpns_refuse(stage, -ENOSPC, "more than 32 KEKs");
	if (i == kek->count)
		kek->count++;
	kek->entry[i].id = id;
	kek->entry[i].ver = ver;
	memcpy(kek->entry[i].key, key, CPNS_SECRET_SIZE);
	return 0;
}

/* The new leaf KEK takes the old one's place, under whatever id. */
static int cpns_kek_put_leaf(struct cpns_stage *stage,
			     const struct cpns_seal *seal, const u8 *key)
{
	u32 i, id = be32_to_cpu(seal->leaf_id);
	struct cpns_keks *kek = stage->kek;

	for (i = 0; kek->leaf != id && i < kek->count; i++)
		if (kek->entry[i].id == kek->leaf) {
			kek->entry[i] = kek->entry[--kek->count];
			memzero_explicit(&kek->entry[kek->count],
					 sizeof(kek->entry[0]));
		}
	kek->leaf = id;
	return cpns_kek_put(stage, id, be32_to_cpu(seal->leaf_ver), key);
}

/* One whose wrapping key this node does not have is for others. */
static int cpns_stage_item(struct cpns_stage *stage,
			   const struct cpns_item *item)
{
	u32 id = be32_to_cpu(item->id), wid = be32_to_cpu(item->wid);
	const struct cpns_header *header = stage->set.header;
	const struct kvec aad[] = {
		{ CPNS_AAD_ITEM, sizeof(CPNS_AAD_ITEM) - 1 },
		{ id ? (void *)header->tag : (void *)header,
		  id ? CPNS_TAG_SIZE : CPNS_HEADER_SIZE },
		{ (void *)&header->epoch, id ? sizeof(header->epoch) : 0 },
		{ (void *)item, 16 },
	};
	struct cpns_keks *kek = stage->kek;
	u8 key[CPNS_SECRET_SIZE];
	u32 i = 0;
	int err;

	while (i < kek->count && (kek->entry[i].id != wid ||
				  kek->entry[i].ver != be32_to_cpu(item->wver)))
		i++;
	if (i == kek->count)
		return 0;
	err = cpns_gcm_open(kek->entry[i].key, CPNS_SECRET_SIZE, item->nonce,
			    aad, ARRAY_SIZE(aad), item->ct, key);
	if (err == -EBADMSG)
		return cpns_refuse(stage, -EKEYREJECTED, id ?
				   "a wrapped KEK does not open" :
				   "the epoch secret does not open: HEADER or ITEM altered");
	if (!err && id) {
		err = cpns_kek_put(stage, id, be32_to_cpu(item->ver), key);
	} else if (!err) {
		memcpy(stage->secret, key, CPNS_SECRET_SIZE);
		stage->has_secret = true;
	}
	memzero_explicit(key, sizeof(key));
	return err;
}

/* SEAL and ITEMs into KEK table and epoch secret. */
static int cpns_stage_keys(struct cpns_stage *stage, struct cpns_net *cn,
			   const struct cpns_message_in *in)
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
		*stage->kek = *group->kek;
	mutex_unlock(&group->lock);
	if (stage->set.secret) {
		memcpy(stage->secret, stage->set.secret, CPNS_SECRET_SIZE);
		stage->has_secret = true;
		return 0;
	}
	if (seal) {
		err = cpns_node_open(cn, seal, leaf, &stage->why) ?:
		      cpns_kek_put_leaf(stage, seal, leaf);
		memzero_explicit(leaf, sizeof(leaf));
	}
	for (i = 0; i < in->items && !err; i++)
		err = cpns_stage_item(stage, in->item[i]);
	return err;
}

/* The epoch secret turns into the PRK and is wiped; HEADER's KCV must fit. */
static int cpns_stage_epoch(struct cpns_stage *stage)
{
	const struct cpns_header *header = stage->set.header;
	const struct kvec secret = { stage->secret, CPNS_SECRET_SIZE };
	const struct kvec info = { CPNS_INFO_KCV, sizeof(CPNS_INFO_KCV) - 1 };
	u8 salt[CPNS_TAG_SIZE + sizeof(header->epoch)];
	struct cpns_epoch *epoch;

	if (!stage->has_secret)
		return cpns_refuse(stage, -EKEYREJECTED,
				   "no ITEM gives the epoch secret to this node");
	epoch = cpns_epoch_alloc(stage->group, stage->set.epoch);
	if (!epoch)
		return -ENOMEM;
	stage->epoch = epoch;
	epoch->suite = stage->set.suite;
	memcpy(salt, header->tag, CPNS_TAG_SIZE);
	memcpy(salt + CPNS_TAG_SIZE, &header->epoch, sizeof(header->epoch));
	cpns_hkdf_extract(salt, sizeof(salt), &secret, 1, epoch->prk);
	memzero_explicit(stage->secret, CPNS_SECRET_SIZE);
	cpns_hkdf_expand(epoch->prk, &info, 1, epoch->kcv, CPNS_KCV_SIZE);
	if (crypto_memneq(epoch->kcv, header->kcv, CPNS_KCV_SIZE))
		return cpns_refuse(stage, -EKEYREJECTED,
				   "the key check value does not match the epoch secret");
	return 0;
}

/* The old list's entries that still matter, and the message's. */
static int cpns_stage_evicted(struct cpns_stage *stage, const u16 *sid,
			      unsigned int sids)
{
	struct cpns_group *group = stage->group;
	const struct cpns_evicted *old;
	struct cpns_evicted *new;
	struct cpns_epoch *epoch;
	u32 i, n = 0, oldest = U32_MAX;

	if (!sids || stage->reseal)
		return 0;
	old = rcu_dereference_protected(group->evicted, true);
	new = kvzalloc(struct_size(new, entry, sids + (old ? old->count : 0)),
		       GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	mutex_lock(&group->lock);
	list_for_each_entry(epoch, &group->epochs, node)
		oldest = epoch->num;
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

static int cpns_refuse_alarm(struct cpns_stage *stage, const char *why,
			     enum cpns_reason reason)
{
	const struct cpns_event event = {
		.cmd = CPNS_CMD_ALARM, .group = stage->group,
		.epoch = stage->set.epoch, .reason = reason,
	};

	cpns_event_send(stage->group->net, &event, GFP_KERNEL);
	return cpns_refuse(stage, -EKEYREJECTED, why);
}

/*
 * Where the message stands to what was committed before. Returns 1 where it
 * changes nothing, 0 where it goes on.
 */
static int cpns_stage_order(struct cpns_stage *stage)
{
	const struct cpns_message_set *set = &stage->set;
	struct cpns_group *group = stage->group;
	bool sealed = set->seal || set->secret;
	struct cpns_epoch *epoch;
	int err = 1;

	if (set->epoch < group->highest)
		return cpns_refuse_alarm(stage,
					 "epoch is lower than one committed before",
					 CPNS_REASON_ROLLBACK);
	if (set->epoch > group->highest) {
		if (sealed || set->epoch == group->highest + 1)
			return 0;
		return cpns_refuse(stage, -EKEYREJECTED,
				   "a gap in the epochs needs a SEAL");
	}
	if (memcmp(set->header->kcv, group->highest_kcv, CPNS_KCV_SIZE))
		return cpns_refuse_alarm(stage,
					 "the same epoch with another key check value",
					 CPNS_REASON_KCV_MISMATCH);
	epoch = cpns_epoch_get(group, set->epoch);
	if (epoch && sealed && set->sid &&
	    cpns_epoch_state(epoch) != CPNS_STATE_DEAD &&
	    !cpns_epoch_own_sid(epoch, set->sid)) {
		stage->reseal = true;
		err = 0;
		if (READ_ONCE(epoch->sids[CPNS_SIDS - 1]))
			err = cpns_refuse(stage, -ENOSPC,
					  "four sender ids were used in this epoch");
	}
	cpns_epoch_put(epoch);
	return err;
}

static int cpns_commit_new(struct cpns_stage *stage, struct cpns_net *cn)
{
	const struct cpns_message_set *set = &stage->set;
	struct cpns_epoch *epoch, *next, *new = stage->epoch;
	struct cpns_group *group = stage->group;
	bool gap = set->epoch != group->highest + 1, usable = false;
	struct cpns_evicted *evicted = NULL;
	struct cpns_reference *own;
	unsigned int count = 0;
	u16 sid = set->sid;
	u32 dead_at;

	own = stage->key ?
	      rcu_dereference_protected(stage->key->payload.rcu_data0, true) :
	      group->own;
	if (!own || own->why || group->gone)
		return cpns_refuse(stage, -EKEYREVOKED,
				   "the group's key was revoked meanwhile");
	list_for_each_entry(epoch, &group->epochs, node) {
		count++;
		usable |= cpns_epoch_state(epoch) < CPNS_STATE_RXONLY;
	}
	/* the newest one's sender id stays where the message has none */
	epoch = list_first_entry_or_null(&group->epochs, struct cpns_epoch,
					 node);
	if (epoch && !set->seal && !set->secret)
		sid = cpns_epoch_sid(epoch);
	epoch = NULL;
	if (count == CPNS_EPOCHS && !gap) {
		epoch = list_last_entry(&group->epochs, struct cpns_epoch,
					node);
		if (cpns_epoch_state(epoch) < CPNS_STATE_RXONLY)
			return cpns_refuse(stage, -EBUSY,
					   "four epochs are in use");
	}

	/* nothing fails from here on */
	if (epoch)
		cpns_epoch_kill(epoch, -EKEYEXPIRED, CPNS_REASON_NONE);
	new->activate_at = usable && !gap ? cpns_after(cpns_ticks(set->atd)) :
			   cpns_now();
	new->expire_at = cpns_after(cpns_ticks(set->lifetime));
	dead_at = stage->evicted ? new->activate_at :
		  cpns_after(cpns_ticks(set->dtd));
	list_for_each_entry_safe(epoch, next, &group->epochs, node) {
		WRITE_ONCE(epoch->rxonly_at,
			   min(epoch->rxonly_at, new->activate_at));
		WRITE_ONCE(epoch->dead_at, min(epoch->dead_at, dead_at));
		if (gap)
			cpns_epoch_kill(epoch, -EKEYEXPIRED, CPNS_REASON_NONE);
	}
	new->sids[0] = sid;
	atomic64_set(&new->iv, (s64)((u64)sid << 48));
	list_add_rcu(&new->node, &group->epochs);
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
		WRITE_ONCE(cn->count, cn->count + 1);
	}
	return 0;
}

/* Only leaf KEK, sender id and counter are replaced. */
static int cpns_commit_reseal(struct cpns_stage *stage)
{
	struct cpns_group *group = stage->group;
	struct cpns_epoch *epoch;
	unsigned int n = 0;

	list_for_each_entry(epoch, &group->epochs, node) {
		if (epoch->num != stage->set.epoch)
			continue;
		while (n < CPNS_SIDS - 1 && epoch->sids[n])
			n++;
		if (cpns_epoch_sid(epoch) || !epoch->reset_reason)
			epoch->reset_from = cpns_epoch_sid(epoch);
		epoch->reset_reason = CPNS_REASON_NEW_SID;
		WRITE_ONCE(epoch->sids[n], stage->set.sid);
		WRITE_ONCE(epoch->iv_low, 0);
		atomic64_set(&epoch->iv, (s64)((u64)stage->set.sid << 48));
		swap(group->kek, stage->kek);
		return 0;
	}
	return cpns_refuse(stage, -EKEYREVOKED, "the epoch ended meanwhile");
}

static int cpns_commit(struct cpns_stage *stage, struct cpns_net *cn)
{
	struct cpns_group *group = stage->group;
	int err;

	mutex_lock(&group->lock);
	if (READ_ONCE(cpns_hibernates))
		err = cpns_refuse(stage, -EAGAIN, "this machine hibernates");
	else if (atomic_read(&cpns_generation) != stage->generation)
		err = cpns_refuse(stage, -EAGAIN,
				  "this machine was cloned or resumed meanwhile");
	else if (stage->reseal)
		err = cpns_commit_reseal(stage);
	else
		err = cpns_commit_new(stage, cn);
	mutex_unlock(&group->lock);
	return err;
}

static int cpns_stage_group(struct cpns_stage *stage, struct cpns_net *cn,
			    const struct cpns_message_in *in)
{
	char sgid[CPNS_SGID_MAX + 1] = {};
	u8 digest[32];

	if (cn->exiting)
		return cpns_refuse(stage, -ENODEV, "the module is removed");
	memcpy(sgid, in->sgid, in->sgid_len);
	sha256(sgid, in->sgid_len, digest);
	if (memcmp(digest, stage->set.header->tag, CPNS_TAG_SIZE))
		return cpns_refuse(stage, -EKEYREJECTED,
				   "HEADER is of another group than SGID");
	stage->group = cpns_group_by_tag(cn, digest);
	if (stage->group) {
		cpns_group_check_keys(stage->group);
		cpns_group_settle(stage->group);
		return 0;
	}
	if (cn->count >= (cn->net->user_ns == &init_user_ns ?
			  CPNS_GROUPS_MAX : CPNS_GROUPS_MAX_USERNS))
		return cpns_refuse(stage, -ENOSPC,
				   "too many groups in this namespace, ended ones included");
	stage->fresh = true;
	stage->group = cpns_group_alloc(cn, sgid, digest);
	return stage->group ? 0 : -ENOMEM;
}

/* Returns 1 where the message changes nothing. */
static int cpns_stage_commit(struct cpns_stage *stage, struct cpns_net *cn,
			     const struct cpns_message_in *in,
			     const u16 *evicted)
{
	struct cpns_group *group = stage->group;
	int err;

	err = cpns_stage_order(stage);
	if (err)
		return err;
	err = cpns_stage_keys(stage, cn, in) ?: cpns_stage_epoch(stage) ?:
	      cpns_stage_evicted(stage, evicted, in->evicted);
	if (!err && !stage->reseal && READ_ONCE(group->why)) {
		stage->key = cpns_key_create(group);
		if (IS_ERR(stage->key)) {
			err = cpns_refuse(stage, PTR_ERR(stage->key),
					  "the group's key cannot be made");
			stage->key = NULL;
		}
	}
	err = err ?: cpns_commit(stage, cn);
	if (err && stage->key)
		key_revoke(stage->key);
	key_put(stage->key);
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
 * clear secret, -EAGAIN machine cloned meanwhile or hibernating, -ENODEV module
 * removed, -ENOMEM.
 */
int cpns_group_set(struct cpns_net *cn, const struct cpns_message_in *in,
		   const u16 *evicted, struct cpns_group **group,
		   const char **why)
{
	struct cpns_stage *stage = kzalloc(sizeof(*stage), GFP_KERNEL);
	int err;

	*why = "out of memory";
	if (!stage)
		return -ENOMEM;
	err = cpns_message_check(in, &stage->set, &stage->why);
	if (err)
		goto out;
	mutex_lock(&cn->config);
	stage->generation = atomic_read(&cpns_generation);
	err = cpns_stage_group(stage, cn, in) ?:
	      cpns_stage_commit(stage, cn, in, evicted);
	if (err >= 0) {
		cpns_group_settle(stage->group);
		if (!err && in->evicted)
			cpns_sa_end(stage->group, &(struct cpns_sa_match){
					.evicted = true, .dir = CPNS_DIR_IN,
					.reason = CPNS_REASON_EVICTED });
		cpns_watch_start(cn);
		*group = cpns_group_hold(stage->group);
		err = 0;
	}
	mutex_unlock(&cn->config);
out:
	if (err != -ENOMEM)
		*why = stage->why;
	if (stage->group)
		cpns_group_put(stage->group);
	cpns_epoch_put(stage->epoch);
	kvfree(stage->evicted);
	kfree_sensitive(stage->kek);
	kfree_sensitive(stage);
	return err;
}
