// SPDX-License-Identifier: GPL-2.0-only
/*
 * SEALs that are kept: each member's last one, for when it asks again; and
 * those made ahead of a push: where many observers of a group will need one,
 * the workers make them before the observers are told, and each delivery
 * finds its own.  One that does not fit any more is made again, alone.
 *
 * The loop's thread.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"

static bool has_session(const struct cskmf *cskmf, const char *node)
{
	struct identity peer = { .kind = IDENTITY_NODE };

	snprintf(peer.id, sizeof(peer.id), "%s", node);
	return cskmf->options.server &&
	       transport_server_connected(cskmf->options.server, &peer);
}

/*
 * One who is told by push and will get a SEAL with it, as far as can be told
 * cheaply: after most epochs of a key tree nobody does, and each look at
 * another table delays the push to all of a large group.
 */
static bool is_candidate(const struct group *group,
			 const struct member *member, const struct node **node)
{
	const struct cskmf *cskmf = group->cskmf;
	const struct group_member *entry;

	if (!member->leaf.id || !delivery_seals(group, member))
		return false;
	entry = member_entry(group, member->node);
	*node = nodes_find(cskmf->nodes, member->node);
	return entry && entry->push && *node && (*node)->registered &&
	       !(*node)->revoked && has_session(cskmf, member->node);
}

static void add_task(const struct group *group, const struct member *member,
		     const struct node *node, struct sealing_batch *batch)
{
	struct sealing_task *task = &batch->tasks[batch->count++];
	const struct sender *sender = sender_of(group, member->node);

	memcpy(task->node, member->node, sizeof(task->node));
	memcpy(task->node_key, node->registration.node_key, 32);
	task->leaf = member->leaf;
	task->sid = sender && !member->receiver_only ? sender->sid : 0;
}

bool presealed_start(struct group *group)
{
	const struct group_description *description = group->description;
	struct cskmf *cskmf = group->cskmf;
	struct sealing_batch *batch;
	struct member *member, *next;
	const struct node *node;

	/* those who missed epochs get theirs one by one */
	if (!description || group->presealed == group->num ||
	    group->few_seals ||
	    description->members_count < cskmf->presealed_from)
		return false;
	group->presealed = group->num;
	batch = sealing_new(group->sgid, group->num,
			    description->members_count);
	if (!batch)
		return false;
	HASH_ITER(hh, group->members, member, next)
		if (is_candidate(group, member, &node))
			add_task(group, member, node, batch);
	if (batch->count >= cskmf->presealed_from &&
	    !sealing_submit(cskmf->sealing, batch))
		return true;
	group->few_seals = batch->count < cskmf->presealed_from;
	sealing_free(batch);
	return false;
}

static void keep(struct group *group, const struct sealing_task *task)
{
	struct member *member = member_find(group, task->node);

	if (!member || task->error)
		return;
	if (!member->presealed)
		member->presealed = malloc(sizeof(*task));
	if (member->presealed)
		*member->presealed = *task;
}

void presealed_done(void *context, struct sealing_batch *batch)
{
	struct group *group = group_find(context, batch->sgid);
	size_t i;

	/* a later epoch's has its own batch, and tells by itself */
	if (group && group->num == batch->num && !group->deleted) {
		for (i = 0; i < batch->count; i++)
			keep(group, &batch->tasks[i]);
		group_tell(group, TELL_KEY);
	}
	sealing_free(batch);
}

/* made for this node key, leaf and SID, in this epoch */
static bool fits(const struct group *group, const struct member *member,
		 const uint8_t node_key[32], uint16_t sid)
{
	const struct sealing_task *task = member->presealed;
	uint32_t epoch;

	if (!task)
		return false;
	memcpy(&epoch, task->seal + 16, sizeof(epoch));
	return be32toh(epoch) == group->num && task->sid == sid &&
	       task->leaf.id == member->leaf.id &&
	       task->leaf.version == member->leaf.version &&
	       !memcmp(task->node_key, node_key, 32);
}

/*
 * The member's SEAL: the one that is there, or a fresh one, which is kept.
 * A member that asks again in the same epoch gets the same bytes: they tell
 * nobody more than the first time, and sealing is most of what a pull costs.
 */
int presealed_get(struct group *group, struct member *member,
		  const uint8_t node_key[32], uint16_t sid,
		  uint8_t seal[CPNS_SEAL_SIZE])
{
	struct sealing_task task = { .sid = sid, .leaf = member->leaf };
	int result;

	if (!fits(group, member, node_key, sid)) {
		result = osg_seal_leaf(group->cskmf->options.osg, group->sgid,
				       group->num, &member->leaf, sid,
				       node_key, task.seal);
		if (result)
			return result;
		memcpy(task.node, member->node, sizeof(task.node));
		memcpy(task.node_key, node_key, 32);
		keep(group, &task);
		memcpy(seal, task.seal, CPNS_SEAL_SIZE);
		return 0;
	}
	memcpy(seal, member->presealed->seal, CPNS_SEAL_SIZE);
	return 0;
}
