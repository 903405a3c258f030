// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys of a key tree: fresh ones on the paths that changed, wrapped for those
 * who may have them, and the paths of single members.
 *
 * Where members only joined below a node, its new key is wrapped under the
 * one before it, which the joiners never had.  Where a member left, or the
 * node is new, it is wrapped under each child's key, which the leaver never
 * had.  The epoch secret is wrapped under the root alone.  ITEMs go bottom
 * up, so that a member's kernel takes them in one pass.
 *
 * One thread at a time.  A key is in the clear only on the stack of these
 * functions and is wiped on every path.
 */
#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "osg/tree_internal.h"
#include "proto/capabilities.h"
#include "proto/key_schedule.h"

struct emission {
	struct osg *osg;
	struct osg_tree *tree;
	const struct epoch_record *record;
	uint8_t header[CPNS_HEADER_SIZE];
	uint8_t *items;
	size_t count, space;
	bool overflow;		/* the shards would not fit into an answer */
};

static void kek_label(char label[OSG_LABEL_MAX], const char *sgid,
		      const struct tree_node *node)
{
	snprintf(label, OSG_LABEL_MAX, "%s %s %u %u",
		 node->leaf ? "leaf" : "kek", sgid, node->id, node->version);
}

/* the caller wipes @key */
static int unwrap(struct osg *osg, const char *sgid,
		  const struct tree_node *node, uint8_t key[KMC_KEY_SIZE])
{
	char label[OSG_LABEL_MAX];
	int error;

	kek_label(label, sgid, node);
	error = kmc_unwrap(osg->kmc, label, node->wrapped, key);
	if (error)
		log_error("OSG: group %s: key %u version %u of the tree does not unwrap",
			  sgid, node->id, node->version);
	return error;
}

static int add_item(struct emission *emission, uint32_t id, uint32_t version,
		    const struct tree_node *wrapping,
		    const uint8_t wrapping_key[KMC_KEY_SIZE],
		    const uint8_t key[KMC_KEY_SIZE])
{
	const struct item_parameters parameters = {
		.id = id,
		.version = version,
		.wrapping_id = wrapping->id,
		.wrapping_version = wrapping->version,
	};
	size_t space = emission->space ? 2 * emission->space : 64;
	uint8_t *items;

	/* room is kept for the epoch secret */
	if (id && emission->count >=
	    OSG_TREE_SHARDS_MAX * OSG_SHARD_ITEMS - 1)
		emission->overflow = true;
	if (id && emission->overflow)
		return 0;
	if (emission->count == emission->space) {
		items = reallocarray(emission->items, space, CPNS_ITEM_SIZE);
		if (!items)
			return -ENOMEM;
		emission->items = items;
		emission->space = space;
	}
	return item_make(&parameters, emission->header, wrapping_key, key,
			 emission->items +
			 emission->count++ * CPNS_ITEM_SIZE);
}

/* under the key of before, which whoever joins does not have */
static int wrap_forward(struct emission *emission,
			const struct tree_node *node,
			const uint8_t key[KMC_KEY_SIZE])
{
	uint8_t before[KMC_KEY_SIZE];
	int error;

	error = unwrap(emission->osg, emission->record->sgid, node, before);
	if (!error)
		error = add_item(emission, node->id, node->version + 1, node,
				 before, key);
	OPENSSL_cleanse(before, sizeof(before));
	return error;
}

/* has somebody below who had keys before this epoch */
static bool has_elders(const struct tree_node *nodes,
		       const struct tree_node *node)
{
	unsigned int i;

	if (node->leaf)
		return !node->joins;
	if (node->change != TREE_FRESH)
		return true;
	for (i = 0; i < node->children; i++)
		if (has_elders(nodes, &nodes[node->child[i]]))
			return true;
	return false;
}

static int wrap_under_children(struct emission *emission,
			       const struct tree_node *node,
			       const uint8_t key[KMC_KEY_SIZE])
{
	const struct tree_node *nodes = emission->tree->nodes, *child;
	uint8_t wrapping[KMC_KEY_SIZE];
	int error = 0;
	unsigned int i;

	for (i = 0; i < node->children && !error; i++) {
		child = &nodes[node->child[i]];
		if (!has_elders(nodes, child))
			continue;
		error = unwrap(emission->osg, emission->record->sgid, child,
			       wrapping);
		if (!error)
			error = add_item(emission, node->id, node->version + 1,
					 child, wrapping, key);
	}
	OPENSSL_cleanse(wrapping, sizeof(wrapping));
	return error;
}

static int renew(struct emission *emission, struct tree_node *node)
{
	struct osg *osg = emission->osg;
	uint8_t key[KMC_KEY_SIZE];
	char label[OSG_LABEL_MAX];
	int error;

	if (node->version == UINT32_MAX)
		return -EOVERFLOW;
	error = kmc_generate(osg->kmc, key);
	if (error)
		return error;
	if (node->change == TREE_FORWARD)
		error = wrap_forward(emission, node, key);
	else
		error = wrap_under_children(emission, node, key);
	if (!error) {
		node->version++;
		kek_label(label, emission->record->sgid, node);
		error = kmc_wrap(osg->kmc, label, key, node->wrapped);
	}
	OPENSSL_cleanse(key, sizeof(key));
	return error;
}

/* no deeper than OSG_TREE_DEPTH_MAX */
static int renew_below(struct emission *emission, uint32_t place)
{
	struct tree_node *node = &emission->tree->nodes[place];
	unsigned int i;
	int error = 0;

	if (node->leaf || node->change == TREE_KEPT)
		return 0;
	for (i = 0; i < node->children && !error; i++)
		error = renew_below(emission, node->child[i]);
	return error ? error : renew(emission, node);
}

static int wrap_secret(struct emission *emission,
		       const uint8_t secret[KMC_KEY_SIZE])
{
	const struct tree_node *root =
		&emission->tree->nodes[emission->tree->root];
	uint8_t key[KMC_KEY_SIZE];
	int error;

	if (emission->overflow)
		emission->count = 0;
	error = unwrap(emission->osg, emission->record->sgid, root, key);
	if (!error)
		error = add_item(emission, 0, emission->record->num, root,
				 key, secret);
	OPENSSL_cleanse(key, sizeof(key));
	return error;
}

static int make_items(struct osg *osg, void *context,
		      const struct epoch_record *record,
		      const uint8_t secret[KMC_KEY_SIZE],
		      struct osg_epoch *epoch)
{
	struct emission emission = {
		.osg = osg,
		.tree = context,
		.record = record,
	};
	int error;

	epoch_record_header(record, emission.header);
	error = renew_below(&emission, emission.tree->root);
	if (!error)
		error = wrap_secret(&emission, secret);
	epoch->shards = emission.items;
	epoch->shards_size = emission.count * CPNS_ITEM_SIZE;
	if (!error)
		tree_find_items(emission.tree, epoch);
	return error;
}

/**
 * osg_tree_create_group_key() - make an epoch with a key tree
 * @osg: the OSG
 * @record: as for osg_create_group_key(); its scheme becomes -65601
 * @tree: with the leaves of all listed members; gets fresh keys where its
 *	leaves changed
 * @epoch: gets record, ITEMs and the wrapped secret
 *
 * Return: 0; -EINVAL a tree without leaves, a field of @record; -EBADMSG a
 * key that is not this group's; -EOVERFLOW versions are used up; -EIO,
 * -ENOMEM.
 */
int osg_tree_create_group_key(struct osg *osg, struct epoch_record *record,
			      struct osg_tree *tree, struct osg_epoch *epoch)
{
	memset(epoch, 0, sizeof(*epoch));
	if (!tree->root)
		return -EINVAL;
	return osg_make_epoch(osg, record, SCHEME_LKH_4, make_items, tree,
			      epoch);
}

/* @item as path: @node under the key of its child on the way */
static int path_item(struct osg *osg, const char *sgid,
		     const uint8_t header[CPNS_HEADER_SIZE],
		     const struct tree_node *node,
		     const struct tree_node *child, uint8_t *item)
{
	const struct item_parameters parameters = {
		.id = node->id,
		.version = node->version,
		.wrapping_id = child->id,
		.wrapping_version = child->version,
	};
	uint8_t key[KMC_KEY_SIZE], wrapping[KMC_KEY_SIZE];
	int error;

	error = unwrap(osg, sgid, node, key);
	if (!error)
		error = unwrap(osg, sgid, child, wrapping);
	if (!error)
		error = item_make(&parameters, header, wrapping, key, item);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(wrapping, sizeof(wrapping));
	return error;
}

/* an ITEM of an inner key is bound to tag and epoch, not to all of HEADER */
static void partial_header(const char *sgid, uint32_t num,
			   uint8_t header[CPNS_HEADER_SIZE])
{
	struct epoch_record record = { .num = num };

	snprintf(record.sgid, sizeof(record.sgid), "%s", sgid);
	epoch_record_header(&record, header);
}

static int make_path(struct osg *osg, const char *sgid, uint32_t num,
		     const struct osg_tree *tree, uint32_t leaf,
		     struct response_management *management)
{
	const struct tree_node *nodes = tree->nodes;
	uint8_t header[CPNS_HEADER_SIZE];
	uint32_t place;
	size_t size = 0;
	int error = 0;

	partial_header(sgid, num, header);
	for (place = leaf; nodes[place].parent; place = nodes[place].parent)
		size += CPNS_ITEM_SIZE;
	management->path = malloc(size ? size : 1);
	if (!management->path)
		return -ENOMEM;
	management->path_size = 0;
	for (place = leaf; nodes[place].parent && !error;
	     place = nodes[place].parent) {
		error = path_item(osg, sgid, header,
				  &nodes[nodes[place].parent], &nodes[place],
				  management->path + management->path_size);
		management->path_size += CPNS_ITEM_SIZE;
	}
	return error;
}

static int add_shard(const struct osg_epoch *epoch, size_t index,
		     struct response_management *management)
{
	const size_t whole = (size_t)OSG_SHARD_ITEMS * CPNS_ITEM_SIZE;
	size_t size = epoch->shards_size - index * whole;
	struct response_shard *shard;

	shard = reallocarray(management->shards, management->shards_count + 1,
			     sizeof(*shard));
	if (!shard)
		return -ENOMEM;
	management->shards = shard;
	shard += management->shards_count;
	shard->index = (uint32_t)index;
	shard->size = size < whole ? size : whole;
	shard->items = malloc(shard->size);
	if (!shard->items)
		return -ENOMEM;
	management->shards_count++;
	memcpy(shard->items, epoch->shards + index * whole, shard->size);
	return 0;
}

/* the ITEM that gives @node to those below @child; 0: none, else from 1 on */
static size_t find_item(const struct osg_epoch *epoch,
			const struct tree_node *node,
			const struct tree_node *child)
{
	size_t count = epoch->shards_size / CPNS_ITEM_SIZE, i;
	uint32_t numbers[4];

	for (i = node->item - 1; i < count; i++) {
		memcpy(numbers, epoch->shards + i * CPNS_ITEM_SIZE,
		       sizeof(numbers));
		if (be32toh(numbers[0]) != node->id)
			break;
		if (be32toh(numbers[2]) == child->id ||
		    be32toh(numbers[2]) == node->id)
			return i + 1;
	}
	return 0;
}

/*
 * The shards with what changed on a member's path, in their order, and the
 * last one, which has the epoch secret.  -ENOENT: not to be had that way.
 */
static int make_shards(const struct osg_tree *tree,
		       const struct osg_epoch *epoch, uint32_t leaf,
		       struct response_management *management)
{
	const size_t last = (epoch->shards_size / CPNS_ITEM_SIZE - 1) /
			    OSG_SHARD_ITEMS;
	bool wanted[OSG_TREE_SHARDS_MAX] = { false };
	const struct tree_node *node, *child;
	size_t item, shards = 0, i;
	int error = 0;

	for (child = &tree->nodes[leaf]; child->parent; child = node) {
		node = &tree->nodes[child->parent];
		if (node->change == TREE_KEPT)
			continue;
		item = node->item ? find_item(epoch, node, child) : 0;
		if (!item)
			return -ENOENT;
		wanted[(item - 1) / OSG_SHARD_ITEMS] = true;
	}
	wanted[last] = true;
	for (i = 0; i <= last; i++)
		shards += wanted[i];
	if (shards * OSG_SHARD_ITEMS > CPNS_GROUP_SET_ITEMS)
		return -ENOENT;
	for (i = 0; i <= last && !error; i++)
		if (wanted[i])
			error = add_shard(epoch, i, management);
	return error;
}

/**
 * osg_tree_member() - mgt_key_material for one member of a large group
 * @osg: the OSG
 * @sgid: the group
 * @num: number of @epoch
 * @tree: the tree that @epoch was made with
 * @epoch: a made epoch
 * @leaf_id: the member's leaf
 * @whole_path: its kernel has the leaf KEK alone
 * @management: gets it; response_management_free() when done
 *
 * Return: 0; -ENOENT the leaf is not in this tree; -EBADMSG a key that is
 * not this group's; -EINVAL; -ENOMEM; -EIO.
 */
int osg_tree_member(struct osg *osg, const char *sgid, uint32_t num,
		    const struct osg_tree *tree,
		    const struct osg_epoch *epoch, uint32_t leaf_id,
		    bool whole_path, struct response_management *management)
{
	uint32_t leaf = tree_find(tree, leaf_id);
	int error = -ENOENT;

	memset(management, 0, sizeof(*management));
	if (!leaf || !tree->nodes[leaf].leaf)
		return -ENOENT;
	if (!epoch->shards_size)
		return -EINVAL;
	if (!whole_path)
		error = make_shards(tree, epoch, leaf, management);
	if (error == -ENOENT) {
		error = make_path(osg, sgid, num, tree, leaf, management);
		if (!error)
			error = add_shard(epoch, (epoch->shards_size /
						  CPNS_ITEM_SIZE - 1) /
					  OSG_SHARD_ITEMS, management);
	}
	if (error)
		response_management_free(management);
	management->leaf_id = leaf_id;
	return error;
}
