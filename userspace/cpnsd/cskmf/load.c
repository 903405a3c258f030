// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the store into memory at start, and what a crash left undone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"
#include "log.h"

struct loading {
	struct cskmf *cskmf;
	struct group *group;
	char *reason;
	size_t room;
};

static int load_group(void *context, const struct store_group *stored)
{
	struct loading *loading = context;
	struct cskmf *cskmf = loading->cskmf;
	const struct cskmf_events *events = &cskmf->options.events;
	struct group *group;
	char reason[200];
	int result;

	group = group_add(cskmf, stored->sgid);
	if (!group)
		return -ENOMEM;
	group->term = stored->term;
	group->num = stored->num;
	memcpy(group->hash, stored->hash, sizeof(group->hash));
	group->roster_serial = stored->roster_serial;
	group->serial_stored = stored->roster_serial;
	group->leaf_last = stored->leaf_last;
	group->sid_last = stored->sid_last;
	group->deleted = stored->deleted;
	if (group->deleted)
		return 0;
	result = events->describe(events->context, stored->document,
				  stored->document_size, &group->description,
				  reason, sizeof(reason));
	if (result)
		snprintf(loading->reason, loading->room,
			 "the stored document of group %s is not good: %s",
			 group->sgid, reason);
	return result;
}

static void *copy(const void *bytes, size_t size)
{
	void *copied = malloc(size ? size : 1);

	if (copied && size)
		memcpy(copied, bytes, size);
	return copied;
}

/* else the first member that asks would be the one to find out */
static bool is_ours(const struct loading *loading,
		    const struct store_epoch *stored)
{
	const struct osg_wrapped key = {
		.kind = OSG_WRAPPED_EPOCH,
		.sgid = loading->group->sgid,
		.id = stored->num,
	};

	return osg_wrapped_is_ours(loading->cskmf->options.osg, &key,
				   stored->wrapped);
}

static int load_epoch(void *context, const struct store_epoch *stored)
{
	struct loading *loading = context;
	struct group *group = loading->group;
	struct osg_epoch *epoch = &group->epoch;

	if (stored->num != group->num)
		return -EIO;
	epoch->record = copy(stored->record, stored->record_size);
	epoch->record_size = stored->record_size;
	epoch->shards = copy(stored->shards, stored->shards_size);
	epoch->shards_size = stored->shards_size;
	if (!epoch->record || !epoch->shards)
		return -ENOMEM;
	memcpy(epoch->payload_hash, stored->hash, sizeof(stored->hash));
	if (stored->wrapped) {
		memcpy(epoch->wrapped_secret, stored->wrapped,
		       OSG_WRAPPED_SIZE);
		if (!group->deleted && !is_ours(loading, stored))
			return -EKEYREJECTED;
	}
	group->reason = stored->reason;
	group->created = stored->created;
	group->lifetime = stored->lifetime;
	group->atd = stored->atd;
	group->dtd = stored->dtd;
	group->made_at = loop_boottime();
	wall_clock_age(group);
	group->older_dead_at = group->made_at + group->dtd;
	group->not_before = loop_boottime() + HOLD_BACK_SECONDS;
	return 0;
}

static int load_node(struct group *group, const struct osg_tree_node *node)
{
	int result = group->tree ? 0 : osg_tree_new(&group->tree);

	return result ? result : osg_tree_load(group->tree, node);
}

/* rows come by leaf id, the order of the shards */
static int load_leaf(void *context, const struct store_leaf *stored)
{
	struct loading *loading = context;
	struct group *group = loading->group;
	struct member *member = member_get(group, stored->node);
	struct osg_tree_node node = { .leaf = true };
	struct osg_leaf *leaves;

	if (!member)
		return -ENOMEM;
	if (stored->gone)
		return 0;
	member->leaf = stored->leaf;
	member->reported = stored->reported;
	leaves = reallocarray(group->leaves, group->leaves_count + 1,
			      sizeof(*leaves));
	if (!leaves)
		return -ENOMEM;
	leaves[group->leaves_count++] = stored->leaf;
	group->leaves = leaves;
	if (!stored->parent)
		return 0;
	node.id = stored->leaf.id;
	node.parent = stored->parent;
	node.version = stored->leaf.version;
	memcpy(node.wrapped, stored->leaf.wrapped, sizeof(node.wrapped));
	return load_node(group, &node);
}

static int load_kek(void *context, const struct store_kek *stored)
{
	struct osg_tree_node node = {
		.id = stored->id,
		.parent = stored->parent,
		.version = stored->version,
	};
	struct loading *loading = context;

	memcpy(node.wrapped, stored->wrapped, sizeof(node.wrapped));
	return load_node(loading->group, &node);
}

static int load_sender(void *context, const struct store_sender *stored)
{
	struct loading *loading = context;
	struct group *group = loading->group;
	struct sender *senders;

	senders = reallocarray(group->senders, group->senders_count + 1,
			       sizeof(*senders));
	if (!senders)
		return -ENOMEM;
	group->senders = senders;
	senders += group->senders_count++;
	memset(senders, 0, sizeof(*senders));
	senders->sid = stored->sid;
	strncpy(senders->node, stored->node, sizeof(senders->node) - 1);
	senders->num = stored->num;
	senders->gone = stored->gone;
	memcpy(senders->node_key, stored->node_key, 32);
	return 0;
}

/* what the end of the process left undone: made by the loop, not here */
static int load_want(struct group *group)
{
	struct store_want want = { .reason = EPOCH_TIMER };
	bool by_clock;
	int result;

	result = store_want_get(group->cskmf->options.store, group->sgid,
				&want);
	/* an older program's store does not tell what its document wants */
	if (result == -ENOENT && group_settled(group) &&
	    !wall_clock_behind(group))
		return 0;
	if (result && result != -ENOENT)
		return result;
	if (want.reason > EPOCH_DELETE)
		return -EIO;
	group->urgent = want.urgent;
	by_clock = result && group_settled(group);
	group->wanted_at_start = !by_clock;
	schedule_promised(group, want.reason, false);
	group->wanted_by_clock = by_clock;
	return 0;
}

static int load_parts(struct loading *loading)
{
	struct store *store = loading->cskmf->options.store;
	struct group *group = loading->group;
	int result;

	result = store_epoch_latest(store, group->sgid, load_epoch, loading);
	if (!result)
		result = store_leaf_each(store, group->sgid, load_leaf,
					 loading);
	if (!result)
		result = store_kek_each(store, group->sgid, load_kek, loading);
	if (!result && group->tree)
		result = osg_tree_loaded(group->tree, &group->epoch);
	if (!result)
		result = store_sender_each(store, group->sgid, load_sender,
					   loading);
	if (!result)
		result = store_hold_get(store, group->sgid, &group->held);
	if (!result && !group->deleted)
		result = load_want(group);
	if (result == -EKEYREJECTED)
		snprintf(loading->reason, loading->room,
			 "the keys of group %s are not under the KMC's storage key: is its file (kmc.key, kmc.token) the one of this store? After a change of kmc, kmc-previous tells what it was",
			 group->sgid);
	else if (result)
		snprintf(loading->reason, loading->room,
			 "group %s cannot be loaded from the store: %s",
			 group->sgid, strerror(-result));
	return result;
}

int groups_load(struct cskmf *cskmf, char *reason, size_t room)
{
	struct loading loading = {
		.cskmf = cskmf,
		.reason = reason,
		.room = room,
	};
	struct group *group, *next;
	int result;

	result = store_group_each(cskmf->options.store, load_group, &loading);
	HASH_ITER(hh, cskmf->groups, group, next) {
		if (result)
			return result;
		loading.group = group;
		result = load_parts(&loading);
		if (!result)
			schedule_arm(group);
	}
	return result;
}
