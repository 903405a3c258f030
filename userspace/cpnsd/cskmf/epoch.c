// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making an epoch: flow steps 2, 5 and 6 of B.2.1.1 (3 and 4 are the OSG's).
 *
 * Membership is the group document's list: an entry added gets a leaf, an
 * entry gone loses it and its SIDs are evicted.  All of it is worked out on a
 * stage, stored in one transaction, and only then becomes the group.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cskmf/group.h"
#include "log.h"

struct stage {
	struct group *group;
	struct epoch_record record;
	struct osg_epoch epoch;
	struct member **listed;		/* in the order of the document */
	struct member **gone;		/* listed no more */
	size_t gone_count;
	bool same_list;			/* as in the latest epoch */
	struct osg_leaf *leaves;	/* as the shards will have them */
	size_t leaves_count;
	struct member **owners;		/* whose leaves they are */
	size_t fresh_from;		/* leaves from here on are new */
	struct osg_tree *tree;		/* NULL: point to point */
	bool planted;			/* ... a new one */
	uint32_t leaf_last;
	uint64_t roster_serial;
	bool joined, left;
};

static void stage_release(struct stage *stage)
{
	osg_epoch_release(&stage->epoch);
	osg_tree_free(stage->tree);
	free(stage->record.evicted);
	free(stage->record.shards);
	free(stage->listed);
	free(stage->gone);
	free(stage->leaves);
	free(stage->owners);
}

static void flow(const struct group *group, unsigned int step,
		 const char *from, const char *to, uint32_t num)
{
	struct log_flow line = {
		.role = "server",
		.flow = "B.2.1.1",
		.step = step,
		.from = from,
		.to = to,
		.sgid = group->sgid,
		.num = num,
	};

	log_flow_step(&line);
}

/* nobody came, went or gets another leaf: nothing to look for */
static int stage_same(struct stage *stage)
{
	const struct group *group = stage->group;

	stage->leaves = calloc(group->leaves_count + 1,
			       sizeof(*stage->leaves));
	if (!stage->leaves)
		return -ENOMEM;
	if (group->leaves_count)
		memcpy(stage->leaves, group->leaves,
		       group->leaves_count * sizeof(*stage->leaves));
	stage->leaves_count = group->leaves_count;
	stage->fresh_from = group->leaves_count;
	stage->same_list = true;
	return 0;
}

/*
 * Who is on the list and who is not, once for all that follows: to look each
 * member up in the document again took a tenth of a push to 1,000.  A member
 * that is new is made here, without a leaf until the stage is taken.
 */
static int stage_members(struct stage *stage)
{
	struct group *group = stage->group;
	const struct group_description *description = group->description;
	size_t count = description ? description->members_count : 0, i;
	struct member *member, *next;

	stage->listed = calloc(count + 1, sizeof(*stage->listed));
	stage->gone = calloc(HASH_COUNT(group->members) + 1,
			     sizeof(*stage->gone));
	if (!stage->listed || !stage->gone)
		return -ENOMEM;
	HASH_ITER(hh, group->members, member, next)
		member->listed = false;
	for (i = 0; i < count; i++) {
		member = member_get(group, description->members[i].node);
		if (!member)
			return -ENOMEM;
		member->listed = true;
		stage->listed[i] = member;
	}
	HASH_ITER(hh, group->members, member, next)
		if (!member->listed)
			stage->gone[stage->gone_count++] = member;
	return 0;
}

static int fresh_leaf(struct stage *stage, struct member *owner)
{
	struct osg_leaf *leaf = &stage->leaves[stage->leaves_count];
	int result;

	result = osg_leaf_create(stage->group->cskmf->options.osg,
				 stage->group->sgid, stage->leaf_last + 1,
				 leaf);
	if (result)
		return result;
	stage->leaf_last++;
	stage->owners[stage->leaves_count++] = owner;
	return 0;
}

static int compare_leaves(const void *one, const void *other)
{
	const struct member *const *a = one, *const *b = other;

	return (*a)->leaf.id < (*b)->leaf.id ? -1 :
	       (*a)->leaf.id > (*b)->leaf.id;
}

/*
 * Members that stay keep their leaves, in the order of their ids; new ones
 * follow.  After a compromise nobody's KEK is trusted: all are new.
 */
static int stage_leaves(struct stage *stage, bool all_fresh)
{
	size_t listed = stage->group->description->members_count, count = 0, i;
	struct member *member;
	int result = 0;

	stage->leaves = calloc(listed + 1, sizeof(*stage->leaves));
	stage->owners = calloc(listed + 1, sizeof(*stage->owners));
	if (!stage->leaves || !stage->owners)
		return -ENOMEM;
	for (i = 0; i < stage->gone_count; i++)
		stage->left = stage->left || stage->gone[i]->leaf.id;
	for (i = 0; i < listed && !all_fresh; i++)
		if (stage->listed[i]->leaf.id)
			stage->owners[count++] = stage->listed[i];
	qsort(stage->owners, count, sizeof(*stage->owners), compare_leaves);
	for (i = 0; i < count; i++)
		stage->leaves[i] = stage->owners[i]->leaf;
	stage->leaves_count = count;
	stage->fresh_from = count;
	for (i = 0; i < listed && !result; i++) {
		member = stage->listed[i];
		if (!member->leaf.id)
			stage->joined = true;
		else if (!all_fresh)
			continue;
		result = fresh_leaf(stage, member);
	}
	return result;
}

static int compare_ids(const void *one, const void *other)
{
	const uint32_t *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

/* by growing id, so that the same changes always make the same tree */
static int prune(struct stage *stage)
{
	size_t count = 0, i;
	uint32_t *ids;
	int result = 0;

	ids = calloc(stage->gone_count + 1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (i = 0; i < stage->gone_count; i++)
		if (stage->gone[i]->leaf.id)
			ids[count++] = stage->gone[i]->leaf.id;
	qsort(ids, count, sizeof(*ids), compare_ids);
	for (i = 0; i < count && !result; i++)
		result = osg_tree_remove(stage->tree, ids[i]);
	free(ids);
	return result;
}

/* point to point or key tree: changed only here, with an epoch */
static int stage_tree(struct stage *stage, bool all_fresh)
{
	const struct group *group = stage->group;
	size_t from = stage->fresh_from;
	int result;

	if (stage->leaves_count < OSG_TREE_FROM &&
	    (!group->tree || stage->leaves_count <= OSG_TREE_DOWN_TO))
		return 0;
	if (!group->tree || all_fresh) {
		stage->planted = true;
		result = osg_tree_new(&stage->tree);
		return result ? result :
			osg_tree_add(stage->tree, stage->leaves,
				     stage->leaves_count, from,
				     &stage->leaf_last);
	}
	result = osg_tree_copy(group->tree, &stage->tree);
	if (!result)
		result = prune(stage);
	if (!result)
		result = osg_tree_add(stage->tree, stage->leaves + from,
				      stage->leaves_count - from, 0,
				      &stage->leaf_last);
	return result;
}

/* all SIDs that a member who left may still know how to send with */
static int stage_evicted(struct stage *stage)
{
	const struct group *group = stage->group;
	struct epoch_record *record = &stage->record;
	size_t i;

	record->evicted = calloc(group->senders_count + 1,
				 sizeof(*record->evicted));
	if (!record->evicted)
		return -ENOMEM;
	for (i = 0; i < group->senders_count; i++) {
		if (!*group->senders[i].node ||
		    member_entry(group, group->senders[i].node))
			continue;
		/* gone before the epoch that ends now began: dead already */
		if (group->senders[i].gone &&
		    group->senders[i].gone < group->num)
			continue;
		if (record->evicted_count == EPOCH_EVICTED_MAX) {
			log_warning("group=%s more than %d SIDs to evict, the older epochs end at once anyway",
				    group->sgid, EPOCH_EVICTED_MAX);
			break;
		}
		record->evicted[record->evicted_count++] =
			group->senders[i].sid;
	}
	return 0;
}

/* the reason that weighs most; what really happened wins over what was said */
static enum epoch_reason weigh(const struct stage *stage,
			       enum epoch_reason reason)
{
	if (!stage->group->num || stage->group->deleted)
		return EPOCH_CREATE;
	if (reason == EPOCH_CREATE || reason == EPOCH_COMPROMISE ||
	    (reason == EPOCH_EVICT && stage->left))
		return reason;
	if (stage->left)
		return EPOCH_LEAVE;
	return stage->joined ? EPOCH_JOIN : EPOCH_TIMER;
}

static void stage_record(struct stage *stage, enum epoch_reason reason)
{
	const struct group *group = stage->group;
	const struct group_description *description = group->description;
	struct epoch_record *record = &stage->record;
	bool evicts = reason == EPOCH_EVICT || reason == EPOCH_COMPROMISE;
	uint64_t now = time(NULL);

	memcpy(record->sgid, group->sgid, sizeof(record->sgid));
	record->term = group->term;
	record->num = group->num + 1;
	memcpy(record->prev, group->hash, sizeof(record->prev));
	record->reason = reason;
	record->created = now > group->created ? now : group->created;
	if (!description)
		return;
	memcpy(record->etag, description->etag, sizeof(description->etag));
	record->etag_size = sizeof(description->etag);
	record->suite = description->suite;
	record->lifetime = description->lifetime;
	/* the least that a record may have: whose key it was, sends with it */
	record->atd = evicts ? 0 : description->atd;
	record->dtd = evicts ? 1 : description->dtd;
}

static int store_leaves(struct stage *stage)
{
	struct group *group = stage->group;
	struct store *store = group->cskmf->options.store;
	struct store_leaf row;
	int result = 0;
	size_t i;

	for (i = 0; i < stage->gone_count && !result; i++) {
		if (!stage->gone[i]->leaf.id)
			continue;
		memset(&row, 0, sizeof(row));
		row.node = stage->gone[i]->node;
		row.leaf.id = stage->gone[i]->leaf.id;
		row.gone = true;
		result = store_leaf_put(store, group->sgid, &row);
	}
	for (i = stage->fresh_from; i < stage->leaves_count && !result; i++) {
		memset(&row, 0, sizeof(row));
		row.node = stage->owners[i]->node;
		row.leaf = stage->leaves[i];
		row.reported = stage->owners[i]->reported;
		result = store_leaf_put(store, group->sgid, &row);
	}
	return result;
}

static int store_node(void *context, const struct osg_tree_node *node)
{
	const struct group *group = context;
	struct store *store = group->cskmf->options.store;
	struct store_kek row = {
		.id = node->id,
		.parent = node->parent,
		.version = node->version,
	};

	if (node->leaf)
		return store_leaf_place(store, group->sgid, node->id,
					node->parent);
	if (node->gone)
		return store_kek_remove(store, group->sgid, node->id);
	memcpy(row.wrapped, node->wrapped, sizeof(row.wrapped));
	return store_kek_put(store, group->sgid, &row);
}

static int store_tree(struct stage *stage)
{
	struct group *group = stage->group;
	int result = 0;

	if (group->tree && (!stage->tree || stage->planted))
		result = store_kek_clear(group->cskmf->options.store,
					 group->sgid);
	if (!result && stage->tree)
		result = osg_tree_changes(stage->tree, store_node, group);
	return result;
}

/* with the new epoch; one in reserve stays so, as gone in that one */
static bool goes(const struct group *group, const struct sender *sender)
{
	return sender->reserved ||
	       (!sender->gone && !member_entry(group, sender->node));
}

/*
 * An evicted SID counts as gone in the new epoch, not in the one before: it
 * may return in the one after the new one at the earliest.  Its owner is
 * forgotten, so that it is not evicted again.
 */
static int store_senders(struct stage *stage)
{
	struct group *group = stage->group;
	struct store_sender row = { };
	const struct sender *sender;
	int result = 0;
	size_t i;

	for (i = 0; i < group->senders_count && !result; i++) {
		sender = &group->senders[i];
		if (!goes(group, sender))
			continue;
		row.sid = sender->sid;
		row.node = "";
		row.num = sender->num;
		row.gone = stage->record.num;
		memcpy(row.node_key, sender->node_key, sizeof(row.node_key));
		result = store_sender_put(group->cskmf->options.store,
					  group->sgid, &row);
	}
	return result;
}

static int store_stage(struct stage *stage)
{
	struct group *group = stage->group;
	struct store *store = group->cskmf->options.store;
	const struct epoch_record *record = &stage->record;
	struct store_group changes;
	struct store_epoch row = {
		.num = record->num,
		.record = stage->epoch.record,
		.record_size = stage->epoch.record_size,
		.created = record->created,
		.lifetime = record->lifetime,
		.atd = record->atd,
		.dtd = record->dtd,
		.reason = record->reason,
		.suite = record->suite,
		.wrapped = stage->epoch.wrapped_secret,
		.shards = stage->epoch.shards,
		.shards_size = stage->epoch.shards_size,
	};
	int result;

	memcpy(row.hash, stage->epoch.payload_hash, sizeof(row.hash));
	group_stored(group, &changes);
	changes.num = record->num;
	memcpy(changes.hash, row.hash, sizeof(changes.hash));
	changes.roster_serial = roster_next_serial(group);
	stage->roster_serial = changes.roster_serial;
	changes.leaf_last = stage->leaf_last;
	changes.deleted = record->reason == EPOCH_DELETE;
	result = store_begin(store);
	if (result)
		return result;
	result = group_put(group, &changes);
	if (!result)
		result = store_epoch_add(store, group->sgid, &row);
	if (!result)
		result = store_leaves(stage);
	if (!result)
		result = store_tree(stage);
	if (!result)
		result = store_senders(stage);
	if (!result)
		result = store_hold_remove(store, group->sgid);
	if (!result)
		result = store_want_remove(store, group->sgid);
	if (result) {
		store_rollback(store);
		return result;
	}
	return store_commit(store);
}

/* nothing here fails: members were made before the stage was stored */
static void take(struct stage *stage)
{
	struct group *group = stage->group;
	const struct epoch_record *record = &stage->record;
	size_t i;

	for (i = 0; i < stage->gone_count; i++) {
		OPENSSL_cleanse(&stage->gone[i]->leaf,
				sizeof(stage->gone[i]->leaf));
		stage->gone[i]->reported = 0;
	}
	for (i = 0; i < stage->leaves_count && !stage->same_list; i++)
		stage->owners[i]->leaf = stage->leaves[i];
	group->few_seals = group->few_seals && stage->same_list;
	group->same_list = !group->deleted && group->description;
	for (i = 0; i < group->senders_count; i++) {
		if (!goes(group, &group->senders[i]))
			continue;
		group->senders[i].gone = record->num;
		*group->senders[i].node = 0;
	}
	osg_epoch_release(&group->epoch);
	group->epoch = stage->epoch;
	memset(&stage->epoch, 0, sizeof(stage->epoch));
	free(group->leaves);
	group->leaves = stage->leaves;
	group->leaves_count = stage->leaves_count;
	stage->leaves = NULL;
	osg_tree_free(group->tree);
	group->tree = stage->tree;
	stage->tree = NULL;
	memcpy(group->hash, group->epoch.payload_hash, sizeof(group->hash));
	group->num = record->num;
	group->reason = record->reason;
	group->created = record->created;
	group->older_dead_at = group->made_at + group->dtd;
	group->made_at = loop_boottime();
	group->lifetime = record->lifetime;
	group->atd = record->atd;
	group->dtd = record->dtd;
	group->roster_serial = stage->roster_serial;
	group->leaf_last = stage->leaf_last;
	free(group->roster);
	group->roster = NULL;
	group->aged_by_wall = false;
	group->wanted = false;
	group->urgent = false;
	group->wanted_at_start = false;
	group->wanted_by_clock = false;
	group->retry_at = 0;
	group->cskmf->counters.epochs++;
}

static void announce(const struct stage *stage)
{
	struct group *group = stage->group;
	struct cskmf_alert *alert = &group->alert;

	alert->sgid = group->sgid;
	alert->num = group->num;
	alert->reason = group->reason;
	alert->error = 0;
	if (stage->joined || stage->left || group->deleted)
		alert->list_changed = true;
	group_tell(group, TELL_ALERT | TELL_KEY | TELL_NUM | TELL_ROSTER);
}

static int make_key(struct stage *stage)
{
	struct osg *osg = stage->group->cskmf->options.osg;

	if (stage->tree)
		return osg_tree_create_group_key(osg, &stage->record,
						 stage->tree, &stage->epoch);
	return osg_create_group_key(osg, &stage->record, stage->leaves,
				    stage->leaves_count, &stage->epoch);
}

int epoch_make(struct group *group, enum epoch_reason reason)
{
	struct stage stage = {
		.group = group,
		.leaf_last = group->leaf_last,
	};
	int result;

	if (group->num >= CPNS_EPOCH_MAX) {
		log_error("group=%s has used up its epoch numbers",
			  group->sgid);
		return -EOVERFLOW;
	}
	if (group->same_list && reason != EPOCH_COMPROMISE) {
		result = stage_same(&stage);
	} else {
		result = stage_members(&stage);
		if (!result)
			result = stage_leaves(&stage,
					      reason == EPOCH_COMPROMISE);
	}
	if (!result)
		result = stage_tree(&stage, reason == EPOCH_COMPROMISE);
	if (!result)
		result = stage_evicted(&stage);
	if (result)
		goto out;
	reason = weigh(&stage, reason);
	stage_record(&stage, reason);
	flow(group, 2, "CSKMF", "OSG", 0);
	result = make_key(&stage);
	if (result) {
		log_error("group=%s: the OSG made no key: %s", group->sgid,
			  strerror(-result));
		goto out;
	}
	flow(group, 5, "OSG", "CSKMF", stage.record.num);
	result = store_stage(&stage);
	if (result) {
		log_error("group=%s num=%u is not stored and not used: %s",
			  group->sgid, stage.record.num, strerror(-result));
		goto out;
	}
	take(&stage);
	flow(group, 6, "CSKMF", "SMF", group->num);
	announce(&stage);
	schedule_arm(group);
out:
	stage_release(&stage);
	return result;
}

/*
 * The last record of a group.  Its members become former ones: with the
 * description gone nobody is listed any more.
 */
int epoch_end(struct group *group)
{
	const struct cskmf_events *events = &group->cskmf->options.events;
	struct group_description *description = group->description;
	struct stage stage = {
		.group = group,
		.leaf_last = group->leaf_last,
	};
	int result;

	stage_record(&stage, EPOCH_DELETE);
	group->description = NULL;
	result = stage_members(&stage);
	if (!result)
		result = stage_evicted(&stage);
	if (!result)
		result = osg_delete_group_key(group->cskmf->options.osg,
					      &stage.record, &stage.epoch);
	if (!result)
		result = store_stage(&stage);
	if (result) {
		group->description = description;
		log_error("group=%s is not deleted: %s", group->sgid,
			  strerror(-result));
		goto out;
	}
	take(&stage);
	group->deleted = true;
	events->forget(events->context, description);
	announce(&stage);
	loop_timer_stop(&group->timer);
out:
	stage_release(&stage);
	return result;
}
