/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the key tree share; not for others.
 *
 * Nodes lie in one array by growing id and name each other by their place in
 * it; place 0 is nobody.  A node that is gone keeps its place until the tree
 * is copied.
 */
#ifndef CPNSD_OSG_TREE_INTERNAL_H
#define CPNSD_OSG_TREE_INTERNAL_H

#include "osg/osg_internal.h"
#include "osg/tree.h"

/* what the epoch to come does to an inner node's key */
enum tree_change {
	TREE_KEPT,
	TREE_FORWARD,	/* members join below: wrapped under the old one */
	TREE_FRESH,	/* members left below, or the node is new */
};

struct tree_node {
	uint32_t id, version;
	uint32_t parent;
	uint32_t child[OSG_TREE_DEGREE];	/* by growing id */
	uint32_t item;		/* its first ITEM in the shards, from 1 on */
	uint8_t wrapped[OSG_WRAPPED_SIZE];
	uint8_t children;
	uint8_t room;		/* how far down the next leaf finds a place */
	uint8_t change;
	bool leaf;
	bool joins;		/* a leaf without keys of before */
	bool stored;		/* the store knows it */
	bool moved;		/* ... under another parent */
	bool gone;
};

struct osg_tree {
	struct tree_node *nodes;
	size_t count, space;	/* the first one is nobody */
	uint32_t root;
	size_t leaves;
};

/* place of an id; 0: not there */
uint32_t tree_find(const struct osg_tree *tree, uint32_t id);
/* the new node's place; 0: out of memory */
uint32_t tree_append(struct osg_tree *tree, uint32_t id, bool leaf);
void tree_room(struct osg_tree *tree, uint32_t place);
/* puts @child below @parent, by growing id */
void tree_attach(struct osg_tree *tree, uint32_t parent, uint32_t child);
void tree_detach(struct osg_tree *tree, uint32_t child);
void tree_find_items(struct osg_tree *tree, const struct osg_epoch *epoch);

/* epoch.c: ITEMs of an epoch into @epoch->shards */
typedef int (*epoch_items)(struct osg *osg, void *context,
			   const struct epoch_record *record,
			   const uint8_t secret[KMC_KEY_SIZE],
			   struct osg_epoch *epoch);
int osg_make_epoch(struct osg *osg, struct epoch_record *record,
		   int32_t scheme, epoch_items items, void *context,
		   struct osg_epoch *epoch);

#endif
