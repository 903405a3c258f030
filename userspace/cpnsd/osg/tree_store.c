// SPDX-License-Identifier: GPL-2.0-only
/*
 * A key tree to the store and back.  The store is not trusted to hold a tree:
 * what comes back is checked before it is walked.  One thread at a time.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "osg/tree_internal.h"

/**
 * osg_tree_changes() - what differs from the tree that was copied or loaded
 * @tree: the tree, after osg_tree_create_group_key()
 * @each: gets a node to be written, or to be deleted where it is gone;
 *	leaves that are gone do not come
 * @context: for @each
 *
 * Return: 0, or what @each returned.
 */
int osg_tree_changes(const struct osg_tree *tree,
		     int (*each)(void *context,
				 const struct osg_tree_node *node),
		     void *context)
{
	const struct tree_node *from;
	struct osg_tree_node node;
	int result;
	size_t i;

	for (i = 1; i < tree->count; i++) {
		from = &tree->nodes[i];
		if (from->gone ? from->leaf || !from->stored :
				 from->stored && !from->moved && !from->change)
			continue;
		node.id = from->id;
		node.parent = from->parent ? tree->nodes[from->parent].id : 0;
		node.leaf = from->leaf;
		node.gone = from->gone;
		node.version = from->version;
		memcpy(node.wrapped, from->wrapped, sizeof(node.wrapped));
		result = each(context, &node);
		if (result)
			return result;
	}
	return 0;
}

/**
 * osg_tree_load() - a node comes from the store
 * @tree: a tree that nothing else was done to
 * @node: in any order; parents need not come first
 *
 * Return: 0, -ENOMEM, -EBADMSG a node without id.
 */
int osg_tree_load(struct osg_tree *tree, const struct osg_tree_node *node)
{
	uint32_t place;

	if (!node->id)
		return -EBADMSG;
	place = tree_append(tree, node->id, node->leaf);
	if (!place)
		return -ENOMEM;
	tree->nodes[place].version = node->version;
	/* an id until all are there */
	tree->nodes[place].parent = node->parent;
	memcpy(tree->nodes[place].wrapped, node->wrapped, OSG_WRAPPED_SIZE);
	tree->nodes[place].change = TREE_KEPT;
	tree->nodes[place].stored = true;
	return 0;
}

static int by_id(const void *one, const void *other)
{
	const struct tree_node *a = one, *b = other;

	return a->id < b->id ? -1 : a->id > b->id;
}

static int link_node(struct osg_tree *tree, uint32_t place)
{
	uint32_t id = tree->nodes[place].parent, parent;

	if (place > 1 && tree->nodes[place].id == tree->nodes[place - 1].id)
		return -EBADMSG;
	if (!id) {
		if (tree->root || tree->nodes[place].leaf)
			return -EBADMSG;
		tree->root = place;
		return 0;
	}
	parent = tree_find(tree, id);
	if (!parent || tree->nodes[parent].leaf ||
	    tree->nodes[parent].children == OSG_TREE_DEGREE)
		return -EBADMSG;
	tree_attach(tree, parent, place);
	tree->nodes[place].moved = false;
	return 0;
}

/* counts what can be reached: no more than one parent each, so no cycle */
static int check_below(struct osg_tree *tree, uint32_t place,
		       unsigned int depth, size_t *reached)
{
	const struct tree_node *node = &tree->nodes[place];
	unsigned int i;
	int error = 0;

	++*reached;
	if (depth > OSG_TREE_DEPTH_MAX || (!node->leaf && !node->children))
		return -EBADMSG;
	for (i = 0; i < node->children && !error; i++)
		error = check_below(tree, node->child[i], depth + 1, reached);
	tree_room(tree, place);
	return error;
}

/**
 * osg_tree_loaded() - all nodes are loaded
 * @tree: the tree
 * @epoch: the latest epoch, made with it
 *
 * Return: 0; -EBADMSG the nodes are not one tree.
 */
int osg_tree_loaded(struct osg_tree *tree, const struct osg_epoch *epoch)
{
	size_t reached = 0;
	int error = 0;
	uint32_t i;

	if (!tree->count)
		return -EBADMSG;
	qsort(tree->nodes + 1, tree->count - 1, sizeof(*tree->nodes), by_id);
	for (i = 1; i < tree->count && !error; i++)
		error = link_node(tree, i);
	if (!error && !tree->root)
		error = -EBADMSG;
	if (!error)
		error = check_below(tree, tree->root, 0, &reached);
	if (!error && reached != tree->count - 1)
		error = -EBADMSG;
	if (!error)
		tree_find_items(tree, epoch);
	return error;
}

/* where in the shards a node's ITEMs begin */
void tree_find_items(struct osg_tree *tree, const struct osg_epoch *epoch)
{
	size_t count = epoch->shards_size / CPNS_ITEM_SIZE, i;
	uint32_t id, place;

	for (i = 0; i < count; i++) {
		memcpy(&id, epoch->shards + i * CPNS_ITEM_SIZE, sizeof(id));
		place = id ? tree_find(tree, be32toh(id)) : 0;
		if (place && !tree->nodes[place].item)
			tree->nodes[place].item = (uint32_t)i + 1;
	}
}
