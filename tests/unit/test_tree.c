// SPDX-License-Identifier: GPL-2.0-only
/*
 * The key tree by itself, with a real OSG and KMC: leaves come and go at
 * random, every member's kernel opens every epoch, who left opens none, who
 * came opens none of before; the tree stays shallow and survives the store.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "osg/tree.h"
#include "proto/capabilities.h"
#include "test_signer.h"
#include "tree_kernel.h"

#define SGID		"sip:sg-42@cpns.example"
#define MEMBERS_MAX	1200

struct member {
	struct osg_leaf leaf;
	struct tree_kernel kernel;
	uint32_t youngest;
};

static struct {
	struct test_signer files;
	struct kmc *kmc;
	struct osg *osg;
	uint8_t osg_public[32];
	/* the group */
	struct osg_tree *tree;
	struct member *members[MEMBERS_MAX];
	size_t count;
	uint32_t last, num;
	struct epoch_record record;
	struct osg_epoch epoch;
	unsigned int seals;		/* in the last epoch */
} test;

static int set_up(void **state)
{
	const struct kmc_options kmc = {
		.state_directory = test.files.directory,
	};
	struct osg_options options = { };
	char reason[512] = "";

	log_open("test", LOG_EMERG);
	test_signer_make(&test.files, "P-256");
	if (kmc_open(&test.kmc, &kmc, reason, sizeof(reason)))
		fail_msg("%s", reason);
	options.kmc = test.kmc;
	options.signer_cert = test.files.certificate_file;
	options.signer_key = test.files.key_file;
	options.osg_key = test.files.osg_key_file;
	if (osg_open(&test.osg, &options, reason, sizeof(reason)))
		fail_msg("%s", reason);
	osg_public_key(test.osg, test.osg_public);
	return 0;
}

static int tear_down(void **state)
{
	char path[128];

	osg_close(test.osg);
	kmc_close(test.kmc);
	snprintf(path, sizeof(path), "%s/kmc.key", test.files.directory);
	unlink(path);
	test_signer_remove(&test.files);
	return 0;
}

static int group_open(void **state)
{
	test.count = 0;
	test.last = 0;
	test.num = 0;
	return osg_tree_new(&test.tree);
}

static int group_close(void **state)
{
	osg_tree_free(test.tree);
	osg_epoch_release(&test.epoch);
	epoch_record_free(&test.record);
	memset(&test.record, 0, sizeof(test.record));
	while (test.count)
		free(test.members[--test.count]);
	return 0;
}

static void copy_tree(void)
{
	struct osg_tree *copy;

	assert_int_equal(osg_tree_copy(test.tree, &copy), 0);
	osg_tree_free(test.tree);
	test.tree = copy;
}

static void join(size_t count)
{
	struct osg_leaf leaves[MEMBERS_MAX];
	struct member *member;
	size_t i;

	for (i = 0; i < count; i++) {
		member = calloc(1, sizeof(*member));
		assert_non_null(member);
		tree_kernel_new(&member->kernel);
		assert_int_equal(osg_leaf_create(test.osg, SGID, ++test.last,
						 &member->leaf), 0);
		leaves[i] = member->leaf;
		test.members[test.count++] = member;
	}
	assert_int_equal(osg_tree_add(test.tree, leaves, count, 0,
				      &test.last), 0);
}

/* the caller frees it */
static struct member *leave(size_t index)
{
	struct member *member = test.members[index];

	assert_int_equal(osg_tree_remove(test.tree, member->leaf.id), 0);
	test.members[index] = test.members[--test.count];
	return member;
}

static void make_epoch(void)
{
	struct epoch_record record = {
		.sgid = SGID,
		.num = test.num + 1,
		.reason = EPOCH_TIMER,
		.suite = 1,
		.created = 1732000000,
		.lifetime = 86400,
		.dtd = 5,
	};

	memcpy(record.prev, test.epoch.payload_hash, 32);
	osg_epoch_release(&test.epoch);
	epoch_record_free(&test.record);
	assert_int_equal(osg_tree_create_group_key(test.osg, &record,
						   test.tree, &test.epoch),
			 0);
	assert_int_equal(record.scheme, SCHEME_LKH_4);
	epoch_record_free(&record);
	assert_int_equal(epoch_record_open(test.epoch.record,
					   test.epoch.record_size,
					   &test.record, NULL, 0), 0);
	test.num++;
}

/* a SEAL where the CSKMF would send one: new, or a new node above the leaf */
static void member_installs(struct member *member)
{
	uint32_t youngest = osg_tree_youngest(test.tree, member->leaf.id);
	bool sealed = !member->kernel.num || youngest != member->youngest;
	struct response_management management;
	uint8_t seal[CPNS_SEAL_SIZE];
	const char *why;

	if (sealed)
		assert_int_equal(osg_seal_leaf(test.osg, SGID, test.num,
					       &member->leaf, 7,
					       member->kernel.node_public,
					       seal), 0);
	assert_int_equal(osg_tree_member(test.osg, SGID, test.num, test.tree,
					 &test.epoch, member->leaf.id, sealed,
					 &management), 0);
	why = tree_kernel_set(&member->kernel, &test.record,
			      sealed ? seal : NULL, test.osg_public,
			      &management);
	if (why)
		fail_msg("leaf %u in epoch %u: %s", member->leaf.id, test.num,
			 why);
	response_management_free(&management);
	member->youngest = youngest;
	test.seals += sealed;
}

static void all_install(void)
{
	size_t i;

	test.seals = 0;
	for (i = 0; i < test.count; i++)
		member_installs(test.members[i]);
	for (i = 1; i < test.count; i++)
		assert_memory_equal(test.members[i]->kernel.secret,
				    test.members[0]->kernel.secret, 32);
}

/* everything that goes over the wire in this epoch: shards and all paths */
static uint8_t *all_public(size_t *size)
{
	struct response_management management;
	uint8_t *items;
	size_t i;

	items = malloc(test.epoch.shards_size +
		       test.count * 32 * CPNS_ITEM_SIZE);
	assert_non_null(items);
	memcpy(items, test.epoch.shards, test.epoch.shards_size);
	*size = test.epoch.shards_size;
	for (i = 0; i < test.count; i++) {
		assert_int_equal(osg_tree_member(test.osg, SGID, test.num,
						 test.tree, &test.epoch,
						 test.members[i]->leaf.id,
						 true, &management), 0);
		memcpy(items + *size, management.path, management.path_size);
		*size += management.path_size;
		response_management_free(&management);
	}
	return items;
}

static unsigned int deepest(void)
{
	unsigned int most = 0, depth;
	size_t i;

	for (i = 0; i < test.count; i++) {
		depth = osg_tree_depth(test.tree, test.members[i]->leaf.id);
		assert_true(depth);
		if (depth > most)
			most = depth;
	}
	return most;
}

static size_t items_made(void)
{
	return test.epoch.shards_size / CPNS_ITEM_SIZE;
}

/* a group of @count: one joins, one leaves, and only paths change */
static void group_of(size_t count, unsigned int depth)
{
	struct tree_kernel before;
	struct member *gone;
	uint8_t *items;
	size_t size;

	join(count);
	make_epoch();
	/* nobody has a key yet, so nothing but the secret goes to all */
	assert_int_equal(items_made(), 1);
	all_install();
	assert_int_equal(test.seals, count);
	assert_in_range(deepest(), depth - 1, depth);

	/* nothing changes: one ITEM */
	copy_tree();
	make_epoch();
	assert_int_equal(items_made(), 1);
	all_install();
	assert_int_equal(test.seals, 0);
	items = all_public(&size);

	/* a join: one ITEM a level, and the leaf that made room */
	copy_tree();
	join(1);
	make_epoch();
	assert_in_range(items_made(), 2, depth + 2);
	all_install();
	assert_in_range(test.seals, 1, 2);
	/* the joiner, with all that was said in the epoch before */
	before = test.members[test.count - 1]->kernel;
	test.record.num--;
	assert_false(tree_attack(&before, &test.record, items, size));
	test.record.num++;
	free(items);

	/* a leave: at most four a level, and who left gets nothing */
	copy_tree();
	gone = leave(count / 2);
	make_epoch();
	assert_in_range(items_made(), 2, 4 * (depth + 1));
	all_install();
	assert_in_range(test.seals, 0, 3);
	items = all_public(&size);
	assert_false(tree_attack(&gone->kernel, &test.record, items, size));
	/* the attack is one: a member's keys do open it */
	assert_true(tree_attack(&test.members[0]->kernel, &test.record, items,
				size));
	free(items);
	free(gone);
}

static void three_hundred(void **state)
{
	group_of(300, 5);
}

static void thousand(void **state)
{
	group_of(1000, 5);
}

static void one_and_two(void **state)
{
	struct member *gone;

	join(1);
	make_epoch();
	all_install();
	copy_tree();
	join(1);
	make_epoch();
	all_install();
	copy_tree();
	gone = leave(0);
	make_epoch();
	all_install();
	free(gone);
	assert_int_equal(osg_tree_leaves(test.tree), 1);
	gone = leave(0);
	free(gone);
	assert_int_equal(osg_tree_leaves(test.tree), 0);
	osg_epoch_release(&test.epoch);
	assert_int_equal(osg_tree_create_group_key(test.osg, &test.record,
						   test.tree, &test.epoch),
			 -EINVAL);
}

/* joins and leaves mixed, from a seed; all who ever left try each epoch */
static void random_changes(void **state)
{
	struct member *gone[512];
	size_t gone_count = 0, size, i, round, leaves;
	uint8_t *items;

	srand(20241122);
	join(64);
	make_epoch();
	all_install();
	for (round = 0; round < 40; round++) {
		copy_tree();
		leaves = (size_t)rand() % 9;
		for (i = 0; i < leaves && test.count > 3; i++)
			gone[gone_count++] =
				leave((size_t)rand() % test.count);
		join((size_t)rand() % 9 + (leaves == 0));
		make_epoch();
		all_install();
		assert_in_range(deepest(), 2, 6);
		items = all_public(&size);
		for (i = gone_count > 12 ? gone_count - 12 : 0;
		     i < gone_count; i++)
			assert_false(tree_attack(&gone[i]->kernel,
						 &test.record, items, size));
		free(items);
	}
	while (gone_count)
		free(gone[--gone_count]);
}

/* whole subtrees go: the tree gets less deep, not only thinner */
static void shrinking(void **state)
{
	unsigned int before;
	size_t i;

	join(500);
	make_epoch();
	all_install();
	before = deepest();
	copy_tree();
	for (i = 0; i < 490; i++)
		free(leave(0));
	make_epoch();
	all_install();
	assert_in_range(deepest(), 1, before);
	assert_int_equal(osg_tree_leaves(test.tree), 10);
}

struct image {
	struct osg_tree_node nodes[2 * MEMBERS_MAX];
	size_t count;
};

static int note(void *context, const struct osg_tree_node *node)
{
	struct image *image = context;
	size_t i;

	for (i = 0; i < image->count; i++)
		if (image->nodes[i].id == node->id)
			break;
	if (node->gone) {
		assert_in_range(i, 0, image->count - 1);
		image->nodes[i] = image->nodes[--image->count];
		return 0;
	}
	if (i == image->count)
		image->count++;
	image->nodes[i] = *node;
	return 0;
}

static void forget_leaf(struct image *image, uint32_t id)
{
	size_t i;

	for (i = 0; i < image->count; i++)
		if (image->nodes[i].id == id)
			image->nodes[i] = image->nodes[--image->count];
}

/* leaves' keys are the store's own rows */
static void add_leaf_keys(struct image *image)
{
	size_t i, j;

	for (i = 0; i < image->count; i++)
		for (j = 0; j < test.count; j++)
			if (image->nodes[i].id == test.members[j]->leaf.id) {
				image->nodes[i].version =
					test.members[j]->leaf.version;
				memcpy(image->nodes[i].wrapped,
				       test.members[j]->leaf.wrapped,
				       OSG_WRAPPED_SIZE);
			}
}

static int load(const struct image *image, struct osg_tree **tree)
{
	size_t i;
	int error;

	assert_int_equal(osg_tree_new(tree), 0);
	for (i = 0; i < image->count; i++)
		assert_int_equal(osg_tree_load(*tree, &image->nodes[i]), 0);
	error = osg_tree_loaded(*tree, &test.epoch);
	if (error)
		osg_tree_free(*tree);
	return error;
}

/* the rows of all changes give the tree back, and it goes on the same way */
static void stored_and_loaded(void **state)
{
	static struct image image, one, other;
	struct osg_tree *loaded, *copy;
	struct osg_leaf fresh;
	struct member *gone;
	uint32_t last[2];
	size_t round;

	image.count = 0;
	join(270);
	make_epoch();
	all_install();
	assert_int_equal(osg_tree_changes(test.tree, note, &image), 0);
	for (round = 0; round < 6; round++) {
		copy_tree();
		gone = leave(17 * round + 5);
		forget_leaf(&image, gone->leaf.id);
		free(gone);
		join(round);
		make_epoch();
		all_install();
		assert_int_equal(osg_tree_changes(test.tree, note, &image),
				 0);
		/* logarithmic, not all of it */
		one.count = 0;
		osg_tree_changes(test.tree, note, &one);
		assert_in_range(one.count, 1, 7 * (round + 2));
	}
	add_leaf_keys(&image);
	assert_int_equal(load(&image, &loaded), 0);
	assert_int_equal(osg_tree_copy(test.tree, &copy), 0);
	last[0] = test.last + 1;
	last[1] = test.last + 1;
	assert_int_equal(osg_leaf_create(test.osg, SGID, last[0], &fresh), 0);
	assert_int_equal(osg_tree_remove(copy, test.members[3]->leaf.id), 0);
	assert_int_equal(osg_tree_remove(loaded, test.members[3]->leaf.id),
			 0);
	assert_int_equal(osg_tree_add(copy, &fresh, 1, 0, &last[0]), 0);
	assert_int_equal(osg_tree_add(loaded, &fresh, 1, 0, &last[1]), 0);
	assert_int_equal(last[0], last[1]);
	one.count = 0;
	other.count = 0;
	osg_tree_changes(copy, note, &one);
	osg_tree_changes(loaded, note, &other);
	assert_int_equal(one.count, other.count);
	assert_memory_equal(one.nodes, other.nodes,
			    one.count * sizeof(*one.nodes));
	osg_tree_free(copy);
	osg_tree_free(test.tree);
	test.tree = loaded;
	gone = test.members[3];
	test.members[3] = test.members[--test.count];
	free(gone);
	make_epoch();
	all_install();
}

/* rows that are no tree are refused, not walked */
static void bad_rows(void **state)
{
	static struct image image, bad;
	struct osg_tree *loaded;
	size_t i, inner = 0, leaf = 0;

	image.count = 0;
	join(20);
	make_epoch();
	osg_tree_changes(test.tree, note, &image);
	add_leaf_keys(&image);
	for (i = 0; i < image.count; i++) {
		if (image.nodes[i].leaf)
			leaf = i;
		else if (image.nodes[i].parent)
			inner = i;
	}
	assert_int_equal(load(&image, &loaded), 0);
	osg_tree_free(loaded);
	bad = image;
	bad.nodes[inner].parent = 0;			/* two roots */
	assert_int_equal(load(&bad, &loaded), -EBADMSG);
	bad = image;
	bad.nodes[inner].parent = bad.nodes[inner].id;	/* a circle */
	assert_int_equal(load(&bad, &loaded), -EBADMSG);
	bad = image;
	bad.nodes[leaf].parent = 4711;			/* nobody */
	assert_int_equal(load(&bad, &loaded), -EBADMSG);
	bad = image;
	bad.nodes[inner].parent = bad.nodes[leaf].id;	/* below a leaf */
	assert_int_equal(load(&bad, &loaded), -EBADMSG);
	bad = image;
	bad.nodes[inner].id = bad.nodes[leaf].id;	/* twice */
	assert_int_equal(load(&bad, &loaded), -EBADMSG);
	bad.count = 0;
	assert_int_equal(load(&bad, &loaded), -EBADMSG);
	/* a key that is not the place's makes no epoch */
	bad = image;
	bad.nodes[leaf].wrapped[7] ^= 1;
	assert_int_equal(load(&bad, &loaded), 0);
	osg_tree_free(test.tree);
	test.tree = loaded;
	for (i = 0; i < test.count; i++)
		if (test.members[i]->leaf.id != bad.nodes[leaf].id)
			free(leave(i--));
	osg_epoch_release(&test.epoch);
	assert_int_equal(osg_tree_create_group_key(test.osg, &test.record,
						   test.tree, &test.epoch),
			 -EBADMSG);
}

static void wrong_calls(void **state)
{
	struct response_management management;
	struct osg_leaf leaves[2] = { { .id = 2 }, { .id = 1 } };
	uint32_t last = 2;

	assert_int_equal(osg_tree_add(test.tree, leaves, 2, 0, &last),
			 -EINVAL);
	assert_int_equal(osg_tree_remove(test.tree, 77), -ENOENT);
	osg_tree_free(test.tree);
	assert_int_equal(osg_tree_new(&test.tree), 0);
	join(2);
	make_epoch();
	assert_int_equal(osg_tree_member(test.osg, SGID, 1, test.tree,
					 &test.epoch, 77, true, &management),
			 -ENOENT);
	/* an inner node is not a leaf */
	assert_int_equal(osg_tree_member(test.osg, SGID, 1, test.tree,
					 &test.epoch, test.last, true,
					 &management), -ENOENT);
	assert_int_equal(osg_tree_remove(test.tree, test.last), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, group_open, group_close)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_and_two),
		TEST(three_hundred),
		TEST(thousand),
		TEST(random_changes),
		TEST(shrinking),
		TEST(stored_and_loaded),
		TEST(bad_rows),
		TEST(wrong_calls),
	};

	return cmocka_run_group_tests_name("tree", tests, set_up, tear_down);
}
