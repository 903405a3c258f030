// SPDX-License-Identifier: GPL-2.0-only
/*
 * GROUP_SET: how many a second, and what its parts cost, by messages that
 * differ in one part:
 *
 *   refused    another version in HEADER: netlink and the form's check
 *   secret     and key schedule, new epoch, commit, event
 *   item       and one ITEM, under the leaf KEK held since
 *   seal       and SEAL: HPKE
 *   items      SEAL and 64 ITEMs
 *   group      as secret, each of a group of its own: key in .cpns
 *
 * The messages are made before the clock runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include "bench.h"
#include "sealed.h"

#define MESSAGES	40	/* a round */
#define LEAF		3
#define KEK		0x100
#define SID		1

static struct cpns_test test;
static struct cpns_test_node node;

struct shape {
	const char *what;
	bool refused, secret, seal, own_group;
	unsigned int items;
	char sgid[MESSAGES * (BENCH_ROUNDS + 1)][40];
	struct cpns_test_set *set;
	unsigned long next;
};

static int leaf_seal(struct cpns_test_set *set, uint32_t version)
{
	const struct cpns_test_leaf leaf = {
		.id = LEAF, .version = version, .sid = SID,
	};

	return cpns_test_set_seal(set, node.public, &leaf);
}

/* the one before the last item gives a KEK that nobody needs */
static int items(struct cpns_test_set *set, unsigned int count, uint32_t number,
		 uint32_t leaf)
{
	int ret = 0;

	for (unsigned int i = 1; i < count && !ret; i++)
		ret = cpns_test_set_item(set, KEK + i % 16, i, LEAF, leaf);
	return ret ? ret : cpns_test_set_item(set, 0, number, LEAF, leaf);
}

static int make(struct shape *shape, unsigned long i)
{
	struct cpns_test_set *set = &shape->set[i];
	struct cpns_test_epoch epoch = {
		.number = shape->own_group ? 1 : i + 1, .dtd = 1,
	};
	/* where there is no SEAL the leaf KEK is that of the first message */
	bool seal = shape->seal || (shape->items && !i);
	uint32_t leaf = shape->seal ? i + 1 : 1;
	int ret;

	snprintf(shape->sgid[i], sizeof(shape->sgid[i]), "urn:cpns:bench:%s:%lu",
		 shape->what, shape->own_group ? i : 0);
	epoch.sgid = shape->sgid[i];
	ret = cpns_test_set_begin(set, &epoch);
	if (!ret && seal)
		ret = leaf_seal(set, leaf);
	if (!ret && shape->items)
		ret = items(set, shape->items, epoch.number, leaf);
	if (shape->secret) {
		set->secret = set->epoch_secret;
		set->has_sid = true;
		set->sid = SID;
	}
	if (shape->refused)
		((struct cpns_header *)set->header)->version = 2;
	return ret;
}

static int send_some(void *context, unsigned long count)
{
	struct shape *shape = context;
	int ret;

	while (count--) {
		ret = cpns_test_set_send(&test, &shape->set[shape->next++]);
		if (shape->refused ? ret != -EINVAL : ret < 0) {
			printf("# %s\n", test.text);
			return ret < 0 ? ret : -EIO;
		}
	}
	return 0;
}

static int measure(struct shape *shape)
{
	unsigned int rounds = bench_counting() ? BENCH_ROUNDS_COUNTED :
						 BENCH_ROUNDS;
	unsigned long total = MESSAGES * (rounds + 1);
	int ret = 0;

	shape->set = calloc(total, sizeof(*shape->set));
	if (!shape->set)
		return bench_failed("group_set", shape->what, -ENOMEM);
	for (unsigned long i = 0; i < total && !ret; i++)
		ret = make(shape, i);
	if (!ret)
		ret = send_some(shape, MESSAGES);	/* warm */
	if (ret)
		ret = bench_failed("group_set", shape->what, ret);
	else
		ret = bench_series("group_set", shape->what, "message",
				   send_some, shape, MESSAGES);
	free(shape->set);
	return ret;
}

int main(void)
{
	static struct shape shapes[] = {
		{ .what = "refused", .refused = true },
		{ .what = "secret", .secret = true },
		{ .what = "item", .items = 1 },
		{ .what = "seal", .items = 1, .seal = true },
		{ .what = "items", .items = CPNS_ITEMS_MAX, .seal = true },
		{ .what = "group", .secret = true, .own_group = true },
	};
	int ret;

	if (bench_check_counter("group_set"))
		return 1;
	if (unshare(CLONE_NEWNET))
		return 1;
	ret = cpns_test_open(&test);
	if (!ret)
		ret = cpns_test_node(&test, CPNS_CMD_NODE_GET, &node);
	if (ret)
		return bench_failed("group_set", "opening", ret) != 0;
	for (unsigned int i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (measure(&shapes[i]))
			return 1;
	cpns_test_close(&test);
	return 0;
}
