// SPDX-License-Identifier: GPL-2.0-only
/*
 * A copy of the machine starts: what it forgets, in the first namespace.
 */
#include <linux/random.h>

#include "groups.h"

static u32 keys_of_node(struct cpns_net *cn)
{
	u32 valid;

	mutex_lock(&cn->config);
	valid = cn->node.valid;
	mutex_unlock(&cn->config);
	return valid;
}

/*
 * What vmgenid calls when the hypervisor started a copy of this machine: two
 * machines must not count IVs from the same value.
 */
static void copy_of_the_machine(struct kunit *test)
{
	static const u8 identity[16] = { 'c', 'p', 'n', 's' };
	struct cpns_net *cn = cpns_net(&init_net);
	int generation = atomic_read(&cpns_generation);
	struct cpns_group *group, *other;
	const char *why;

	KUNIT_ASSERT_EQ(test, 0, set_epoch(30, 3, 0, 60, 1, &group, &why));
	mutex_lock(&cn->config);
	KUNIT_EXPECT_EQ(test, 0, cpns_node_make(cn));
	mutex_unlock(&cn->config);
	KUNIT_EXPECT_EQ(test, 1u, keys_of_node(cn));
	KUNIT_EXPECT_EQ(test, 3, sender_of(group, 30));

	add_vmfork_randomness(identity, sizeof(identity));
	KUNIT_EXPECT_EQ(test, generation + 1, atomic_read(&cpns_generation));
	KUNIT_EXPECT_EQ(test, 0u, keys_of_node(cn));
	KUNIT_EXPECT_EQ(test, 0, sender_of(group, 30));
	KUNIT_EXPECT_EQ(test, CPNS_STATE_ACTIVE, state_of(group, 30));

	/* the old sender id is spent, another one sends again */
	KUNIT_EXPECT_EQ(test, 0, set_epoch(30, 3, 0, 60, 1, &other, &why));
	cpns_group_put(other);
	KUNIT_EXPECT_EQ(test, 0, sender_of(group, 30));
	KUNIT_EXPECT_EQ(test, 0, set_epoch(30, 4, 0, 60, 1, &other, &why));
	cpns_group_put(other);
	KUNIT_EXPECT_EQ(test, 4, sender_of(group, 30));
	cpns_group_revoke(group);
	cpns_group_put(group);
}

static struct kunit_case machine_cases[] = {
	KUNIT_CASE(copy_of_the_machine),
	{ }
};

static struct kunit_suite machine_suite = {
	.name = "cpns_machine",
	.test_cases = machine_cases,
};

kunit_test_suites(&machine_suite);
