// SPDX-License-Identifier: GPL-2.0-only
/*
 * A copy of the machine starts: what it forgets, and what GROUP_SET is refused
 * that was on its way, in the first namespace.
 */
#include <linux/iopoll.h>
#include <linux/key-type.h>
#include <linux/random.h>

#include "groups.h"

static void start_copy(struct work_struct *unused)
{
	static const u8 identity[16] = { 'c', 'p', 'n', 's' };

	add_vmfork_randomness(identity, sizeof(identity));
}

static DECLARE_WORK(copy_work, start_copy);
static bool copy_wanted;

/*
 * In the middle of a GROUP_SET, once: what is told of a copy then waits for the
 * configuration mutex, and has raised the generation before.
 */
static void copy_meanwhile(void)
{
	int generation = atomic_read(&cpns_generation), now;

	if (!xchg(&copy_wanted, false))
		return;
	queue_work(system_unbound_wq, &copy_work);
	read_poll_timeout(atomic_read, now, now != generation, USEC_PER_MSEC,
			  60 * USEC_PER_SEC, false, &cpns_generation);
}

/* GROUP_SET waits for the group's work before it looks at the message's keys. */
static void work_and_copy(struct work_struct *work)
{
	copy_meanwhile();
	cpns_group_work(work);
}

/* A group's first GROUP_SET makes its key. */
static int (*instantiate)(struct key *key, struct key_preparsed_payload *prep);
static struct key *instantiated;

static int instantiate_and_copy(struct key *key,
				struct key_preparsed_payload *prep)
{
	copy_meanwhile();
	instantiated = key_get(key);
	return instantiate(key, prep);
}

static int set_and_copy(u32 num, u16 sid, struct cpns_group **group,
			const char **why)
{
	int err;

	copy_wanted = true;
	err = set_epoch(num, sid, 0, 3600, 1, group, why);
	flush_work(&copy_work);
	return err;
}

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

	start_copy(NULL);
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

#define MEANWHILE "this machine was cloned or resumed meanwhile"

/* What came sealed to the machine before is not for two machines now. */
static void copy_during_a_set(struct kunit *test)
{
	int generation = atomic_read(&cpns_generation);
	struct cpns_group *group, *other;
	struct cpns_epoch *epoch;
	const char *why = "";

	KUNIT_ASSERT_EQ(test, 0, set_epoch(40, 3, 0, 3600, 1, &group, &why));
	epoch = cpns_epoch_get(group, 40);
	KUNIT_ASSERT_NOT_NULL(test, epoch);
	group->work.work.func = work_and_copy;

	/* another epoch */
	KUNIT_EXPECT_EQ(test, -EAGAIN, set_and_copy(41, 3, &other, &why));
	KUNIT_EXPECT_STREQ(test, why, MEANWHILE);
	KUNIT_EXPECT_EQ(test, generation + 1, atomic_read(&cpns_generation));
	KUNIT_EXPECT_EQ(test, 40u, group->highest);
	KUNIT_EXPECT_EQ(test, CPNS_STATE_NONE, state_of(group, 41));
	KUNIT_EXPECT_EQ(test, CPNS_STATE_ACTIVE, state_of(group, 40));
	KUNIT_EXPECT_EQ(test, 0, sender_of(group, 40));

	/* another sender id for this one */
	KUNIT_EXPECT_EQ(test, -EAGAIN, set_and_copy(40, 4, &other, &why));
	KUNIT_EXPECT_STREQ(test, why, MEANWHILE);
	KUNIT_EXPECT_EQ(test, generation + 2, atomic_read(&cpns_generation));
	KUNIT_EXPECT_EQ(test, 40u, group->highest);
	KUNIT_EXPECT_FALSE(test, cpns_epoch_own_sid(epoch, 4));
	KUNIT_EXPECT_EQ(test, 0, sender_of(group, 40));
	cpns_epoch_put(epoch);

	/* each is good once more */
	group->work.work.func = cpns_group_work;
	KUNIT_EXPECT_EQ(test, 0, set_epoch(40, 4, 0, 3600, 1, &other, &why));
	cpns_group_put(other);
	KUNIT_EXPECT_EQ(test, 4, sender_of(group, 40));
	KUNIT_EXPECT_EQ(test, 0, set_epoch(41, 3, 0, 3600, 1, &other, &why));
	cpns_group_put(other);
	KUNIT_EXPECT_EQ(test, 41u, group->highest);
	KUNIT_EXPECT_EQ(test, 3, sender_of(group, 41));
	cpns_group_revoke(group);
	cpns_group_put(group);
}

/* The first GROUP_SET leaves neither a group nor a key that can be used. */
static void copy_during_the_first_set(struct kunit *test)
{
	struct cpns_net *cn = cpns_net(&init_net);
	unsigned int count = cn->count;
	struct cpns_group *group;
	const char *why = "";

	instantiate = cpns_key_type.instantiate;
	cpns_key_type.instantiate = instantiate_and_copy;
	KUNIT_EXPECT_EQ(test, -EAGAIN, set_and_copy(10, 3, &group, &why));
	cpns_key_type.instantiate = instantiate;
	KUNIT_EXPECT_STREQ(test, why, MEANWHILE);
	KUNIT_EXPECT_EQ(test, count, READ_ONCE(cn->count));
	KUNIT_EXPECT_NOT_NULL(test, instantiated);
	if (instantiated)
		KUNIT_EXPECT_EQ(test, -EKEYREVOKED,
				key_validate(instantiated));
	key_put(instantiated);

	/* lower than what was refused */
	KUNIT_ASSERT_EQ(test, 0, set_epoch(9, 3, 0, 3600, 1, &group, &why));
	KUNIT_EXPECT_EQ(test, 9u, group->highest);
	KUNIT_EXPECT_EQ(test, 3, sender_of(group, 9));
	cpns_group_revoke(group);
	cpns_group_put(group);
}

static struct kunit_case machine_cases[] = {
	KUNIT_CASE(copy_during_the_first_set),
	KUNIT_CASE(copy_of_the_machine),
	KUNIT_CASE(copy_during_a_set),
	{ }
};

static struct kunit_suite machine_suite = {
	.name = "cpns_machine",
	.test_cases = machine_cases,
};

kunit_test_suites(&machine_suite);
