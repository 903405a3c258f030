// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shape of a key tree: leaves come and go, the tree stays shallow.
 *
 * A new leaf goes to the place nearest to the root, so that the depth grows
 * with the logarithm of the largest number of leaves there ever was; an inner
 * node that is left with one child gives it its own place.  One thread at a
 * time; no key is looked at here.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "osg/tree_internal.h"

/**
 * osg_tree_new() - a tree without leaves
 * @tree: gets it; osg_tree_free() when done
 *
 * Return: 0 or -ENOMEM.
 */
int osg_tree_new(struct osg_tree **tree)
{
	*tree = calloc(1, sizeof(**tree));
	return *tree ? 0 : -ENOMEM;
}

/**
 * osg_tree_free() - give a tree back
 * @tree: may be NULL
 */
void osg_tree_free(struct osg_tree *tree)
{
	if (!tree)
		return;
	free(tree->nodes);
	free(tree);
}

uint32_t tree_find(const struct osg_tree *tree, uint32_t id)
{
	size_t low = 1, high = tree->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (tree->nodes[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low >= tree->count || tree->nodes[low].id != id ||
	    tree->nodes[low].gone)
		return 0;
	return (uint32_t)low;
}

static uint32_t find_leaf(const struct osg_tree *tree, uint32_t id)
{
	uint32_t place = tree_find(tree, id);

	return place && tree->nodes[place].leaf ? place : 0;
}

static bool make_space(struct osg_tree *tree, size_t count)
{
	size_t space = tree->space ? tree->space : 64;
	struct tree_node *nodes;

	while (space < count)
		space *= 2;
	if (space == tree->space)
		return true;
	nodes = reallocarray(tree->nodes, space, sizeof(*nodes));
	if (!nodes)
		return false;
	if (!tree->count) {
		memset(nodes, 0, sizeof(*nodes));
		tree->count = 1;
	}
	tree->nodes = nodes;
	tree->space = space;
	return true;
}

uint32_t tree_append(struct osg_tree *tree, uint32_t id, bool leaf)
{
	struct tree_node *node;

	if (!make_space(tree, tree->count + 1))
		return 0;
	node = &tree->nodes[tree->count];
	memset(node, 0, sizeof(*node));
	node->id = id;
	node->leaf = leaf;
	node->room = leaf ? 1 : 0;
	node->change = leaf ? TREE_KEPT : TREE_FRESH;
	tree->leaves += leaf;
	return (uint32_t)tree->count++;
}

/*
 * In half steps, so that a free place in an inner node comes before the
 * splitting of a leaf that is as deep as it.
 */
void tree_room(struct osg_tree *tree, uint32_t place)
{
	struct tree_node *node = &tree->nodes[place];
	unsigned int i, least = UINT8_MAX - 2, room;

	if (node->leaf)
		return;
	for (i = 0; i < node->children; i++) {
		room = tree->nodes[node->child[i]].room;
		if (room < least)
			least = room;
	}
	node->room = node->children < OSG_TREE_DEGREE ? 0 :
						       (uint8_t)(least + 2);
}

void tree_attach(struct osg_tree *tree, uint32_t parent, uint32_t child)
{
	struct tree_node *node = &tree->nodes[parent];
	unsigned int at = node->children++;

	for (; at && node->child[at - 1] > child; at--)
		node->child[at] = node->child[at - 1];
	node->child[at] = child;
	tree->nodes[child].parent = parent;
	tree->nodes[child].moved = true;
}

void tree_detach(struct osg_tree *tree, uint32_t child)
{
	struct tree_node *node = &tree->nodes[tree->nodes[child].parent];
	unsigned int at = 0;

	while (node->child[at] != child)
		at++;
	for (node->children--; at < node->children; at++)
		node->child[at] = node->child[at + 1];
	tree->nodes[child].parent = 0;
}

/* from @place to the root */
static void mark(struct osg_tree *tree, uint32_t place,
		 enum tree_change change)
{
	for (; place; place = tree->nodes[place].parent) {
		if (tree->nodes[place].change < change)
			tree->nodes[place].change = change;
		tree_room(tree, place);
	}
}

static uint32_t inner_node(struct osg_tree *tree, uint32_t *last)
{
	uint32_t place = *last == UINT32_MAX ? 0 :
					      tree_append(tree, *last + 1,
							  false);

	if (place)
		++*last;
	return place;
}

static uint32_t nearest_child(const struct osg_tree *tree, uint32_t place)
{
	const struct tree_node *node = &tree->nodes[place];
	uint32_t nearest = node->child[0];
	unsigned int i;

	for (i = 1; i < node->children; i++)
		if (tree->nodes[node->child[i]].room <
		    tree->nodes[nearest].room)
			nearest = node->child[i];
	return nearest;
}

/* the inner node that the leaf goes under; 0: out of memory */
static uint32_t find_place(struct osg_tree *tree, uint32_t *last)
{
	uint32_t place = tree->root, child, inner;

	if (!place) {
		place = inner_node(tree, last);
		tree->root = place;
		return place;
	}
	while (tree->nodes[place].children == OSG_TREE_DEGREE) {
		child = nearest_child(tree, place);
		if (!tree->nodes[child].leaf) {
			place = child;
			continue;
		}
		inner = inner_node(tree, last);
		if (!inner)
			return 0;
		tree_detach(tree, child);
		tree_attach(tree, place, inner);
		tree_attach(tree, inner, child);
		return inner;
	}
	return place;
}

static unsigned int depth_of(const struct osg_tree *tree, uint32_t place)
{
	unsigned int depth = 0;

	while ((place = tree->nodes[place].parent))
		depth++;
	return depth;
}

static int place_leaf(struct osg_tree *tree, uint32_t leaf, uint32_t *last)
{
	uint32_t parent = find_place(tree, last);

	if (!parent)
		return -ENOMEM;
	tree_attach(tree, parent, leaf);
	mark(tree, parent, tree->nodes[leaf].joins ? TREE_FORWARD :
						     TREE_FRESH);
	return depth_of(tree, leaf) > OSG_TREE_DEPTH_MAX ? -EOVERFLOW : 0;
}

/**
 * osg_tree_add() - leaves come
 * @tree: the tree
 * @leaves: by growing id, all of them above the ids in @tree
 * @count: their number
 * @fresh_from: those before are of members that have their leaf KEK already
 * @last: last id given in the group, leaves' ids included; new inner nodes
 *	take the next ones
 *
 * Return: 0; -EINVAL ids that do not grow; -ENOMEM; -EOVERFLOW no id left, or
 * more levels than a member's kernel can hold.
 */
int osg_tree_add(struct osg_tree *tree, const struct osg_leaf *leaves,
		 size_t count, size_t fresh_from, uint32_t *last)
{
	uint32_t before, first, place;
	int error = 0;
	size_t i;

	if (!count)
		return 0;
	if (!make_space(tree, tree->count + 2 * count + 2))
		return -ENOMEM;
	first = (uint32_t)tree->count;
	before = tree->nodes[tree->count - 1].id;
	for (i = 0; i < count; i++) {
		if (leaves[i].id <= before || leaves[i].id > *last)
			return -EINVAL;
		before = leaves[i].id;
		place = tree_append(tree, leaves[i].id, true);
		tree->nodes[place].version = leaves[i].version;
		memcpy(tree->nodes[place].wrapped, leaves[i].wrapped,
		       OSG_WRAPPED_SIZE);
		tree->nodes[place].joins = i >= fresh_from;
	}
	for (i = 0; i < count && !error; i++)
		error = place_leaf(tree, first + (uint32_t)i, last);
	return error;
}

static void take_out(struct osg_tree *tree, uint32_t place)
{
	struct tree_node *node = &tree->nodes[place];

	if (node->parent)
		tree_detach(tree, place);
	else
		tree->root = 0;
	node->gone = true;
	node->children = 0;
	OPENSSL_cleanse(node->wrapped, sizeof(node->wrapped));
}

/* the only child takes the place of its parent */
static void lift(struct osg_tree *tree, uint32_t place)
{
	uint32_t child = tree->nodes[place].child[0];
	uint32_t above = tree->nodes[place].parent;

	tree_detach(tree, child);
	take_out(tree, place);
	if (above)
		tree_attach(tree, above, child);
	else
		tree->root = child;
	tree->nodes[child].moved = true;
}

/**
 * osg_tree_remove() - a leaf goes
 * @tree: the tree
 * @leaf_id: the leaf
 *
 * All keys that its member knows are marked to be made anew.
 *
 * Return: 0 or -ENOENT.
 */
int osg_tree_remove(struct osg_tree *tree, uint32_t leaf_id)
{
	uint32_t place = find_leaf(tree, leaf_id), above;
	struct tree_node *node;

	if (!place)
		return -ENOENT;
	above = tree->nodes[place].parent;
	take_out(tree, place);
	tree->leaves--;
	mark(tree, above, TREE_FRESH);
	while (above) {
		place = above;
		node = &tree->nodes[place];
		above = node->parent;
		if (!node->children)
			take_out(tree, place);
		else if (node->children == 1 &&
			 (above || !tree->nodes[node->child[0]].leaf))
			lift(tree, place);
		else
			break;
	}
	/* places came free where nodes went */
	mark(tree, tree->nodes[place].gone ? tree->root : place, TREE_KEPT);
	return 0;
}

/**
 * osg_tree_copy() - a copy, all of it as stored
 * @tree: the tree
 * @copy: gets the copy, without the places of nodes that are gone
 *
 * Return: 0 or -ENOMEM.
 */
int osg_tree_copy(const struct osg_tree *tree, struct osg_tree **copy)
{
	uint32_t *places = calloc(tree->count + 1, sizeof(*places));
	struct osg_tree *made;
	struct tree_node *node;
	unsigned int i;
	size_t from;

	if (!places || osg_tree_new(&made)) {
		free(places);
		return -ENOMEM;
	}
	if (!make_space(made, tree->count + 1)) {
		osg_tree_free(made);
		free(places);
		return -ENOMEM;
	}
	for (from = 1; from < tree->count; from++) {
		if (tree->nodes[from].gone)
			continue;
		places[from] = (uint32_t)made->count;
		made->nodes[made->count++] = tree->nodes[from];
	}
	for (from = 1; from < made->count; from++) {
		node = &made->nodes[from];
		node->parent = places[node->parent];
		for (i = 0; i < node->children; i++)
			node->child[i] = places[node->child[i]];
		node->change = TREE_KEPT;
		node->item = 0;
		node->joins = false;
		node->moved = false;
		node->stored = true;
	}
	made->root = places[tree->root];
	made->leaves = tree->leaves;
	free(places);
	*copy = made;
	return 0;
}

unsigned int osg_tree_depth(const struct osg_tree *tree, uint32_t leaf_id)
{
	uint32_t place = find_leaf(tree, leaf_id);

	return place ? depth_of(tree, place) : 0;
}

uint32_t osg_tree_youngest(const struct osg_tree *tree, uint32_t leaf_id)
{
	uint32_t place = find_leaf(tree, leaf_id), youngest = 0;

	if (!place)
		return 0;
	while ((place = tree->nodes[place].parent))
		if (tree->nodes[place].id > youngest)
			youngest = tree->nodes[place].id;
	return youngest;
}

size_t osg_tree_leaves(const struct osg_tree *tree)
{
	return tree->leaves;
}
