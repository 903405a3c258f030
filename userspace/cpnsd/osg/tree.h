/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Key tree of a large group (LKH, RFC 2627, degree 4; rekeying scheme
 * -65601): a leaf for each member, a KEK at each inner node, the epoch secret
 * under the root.
 *
 * The tree is a value: the CSKMF copies it, changes the copy, makes an epoch
 * with it, stores what changed and only then lets go of the old one.  The
 * same changes in the same order give the same tree, also after it was
 * stored and loaded in between.  Keys in it are wrapped by the KMC.
 *
 * One thread at a time.
 */
#ifndef CPNSD_OSG_TREE_H
#define CPNSD_OSG_TREE_H

#include <stdbool.h>

#include "osg/osg.h"

#define OSG_TREE_DEGREE		4
/* inner nodes above a leaf: with it they fill a member kernel's KEK table */
#define OSG_TREE_DEPTH_MAX	31
/* a tree from the upper number of members on, none from the lower one down */
#define OSG_TREE_FROM		257
#define OSG_TREE_DOWN_TO	192
/* more of them than one answer can hold: then each member gets its path */
#define OSG_TREE_SHARDS_MAX	256

struct osg_tree;

int osg_tree_new(struct osg_tree **tree);
void osg_tree_free(struct osg_tree *tree);

/*
 * A copy in which nothing counts as changed.  0 or -ENOMEM.
 */
int osg_tree_copy(const struct osg_tree *tree, struct osg_tree **copy);

/*
 * Adds leaves, those from @fresh_from on as joining with the epoch to come.
 * Ids grow, above all ids of the tree; inner nodes take the next ones after
 * *@last.  0, -EINVAL, -ENOMEM, -EOVERFLOW.
 */
int osg_tree_add(struct osg_tree *tree, const struct osg_leaf *leaves,
		 size_t count, size_t fresh_from, uint32_t *last);

/* a leaf leaves: 0, -ENOENT */
int osg_tree_remove(struct osg_tree *tree, uint32_t leaf_id);

/* the inner nodes above a leaf; 0: no such leaf */
unsigned int osg_tree_depth(const struct osg_tree *tree, uint32_t leaf_id);
/* the youngest inner node above a leaf: it changes when there is a new one */
uint32_t osg_tree_youngest(const struct osg_tree *tree, uint32_t leaf_id);
size_t osg_tree_leaves(const struct osg_tree *tree);

/*
 * Makes an epoch with fresh keys on the paths that changed (flow steps 2 to 5
 * of B.2.1.1); else as osg_create_group_key(), whose errors these are.  After
 * an error @tree is good for nothing but osg_tree_free().
 */
int osg_tree_create_group_key(struct osg *osg, struct epoch_record *record,
			      struct osg_tree *tree, struct osg_epoch *epoch);

/*
 * mgt_key_material of one member: at most CPNS_GROUP_SET_ITEMS ITEMs.  With
 * @whole_path all keys of the path, for a kernel that has none but the leaf's;
 * else the shards with what changed, where those are few enough.  0, -ENOENT,
 * -EBADMSG, -ENOMEM.
 */
int osg_tree_member(struct osg *osg, const char *sgid, uint32_t num,
		    const struct osg_tree *tree,
		    const struct osg_epoch *epoch, uint32_t leaf_id,
		    bool whole_path, struct response_management *management);

/* a node as it is stored */
struct osg_tree_node {
	uint32_t id, parent;		/* parent 0: the root */
	bool leaf;			/* then only id and parent count */
	bool gone;
	uint32_t version;
	uint8_t wrapped[OSG_WRAPPED_SIZE];
};

/* what is to be stored of the changes; @each returns 0 to go on */
int osg_tree_changes(const struct osg_tree *tree,
		     int (*each)(void *context,
				 const struct osg_tree_node *node),
		     void *context);

/*
 * From the store: all nodes in any order, then the epoch they are of.
 * -EBADMSG where they are not one tree.
 */
int osg_tree_load(struct osg_tree *tree, const struct osg_tree_node *node);
int osg_tree_loaded(struct osg_tree *tree, const struct osg_epoch *epoch);

#endif
