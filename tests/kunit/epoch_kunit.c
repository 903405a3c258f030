// SPDX-License-Identifier: GPL-2.0-only
/*
 * Epochs: what state the clock gives, which one sends, what ends with a kill;
 * then GROUP_SET in steps, in the first namespace; and the end of the IVs.
 */
#include <crypto/sha2.h>

#include "groups.h"

static struct cpns_group *group_alone(struct kunit *test)
{
	struct cpns_group *group;
	u8 digest[32];

	sha256(SGID, strlen(SGID), digest);
	group = cpns_group_alloc(cpns_net(&init_net), SGID, digest);
	KUNIT_ASSERT_NOT_NULL(test, group);
	return group;
}

/* Half a minute: no test lasts that long, so that the clock does not matter. */
#define LATER	250
#define PAST	0
#define NEVER	CPNS_NEVER

static void state_by_the_clock(struct kunit *test)
{
	static const struct {
		u8 state;
		u32 activate, rxonly, dead, expire;
		enum cpns_state expected;
	} row[] = {
		{ CPNS_STATE_PENDING, NEVER, NEVER, NEVER, NEVER,
		  CPNS_STATE_PENDING },
		{ CPNS_STATE_PENDING, LATER, NEVER, NEVER, NEVER,
		  CPNS_STATE_PENDING },
		{ CPNS_STATE_PENDING, PAST, NEVER, NEVER, NEVER,
		  CPNS_STATE_ACTIVE },
		{ CPNS_STATE_PENDING, PAST, LATER, LATER, LATER,
		  CPNS_STATE_ACTIVE },
		{ CPNS_STATE_PENDING, PAST, PAST, LATER, NEVER,
		  CPNS_STATE_RXONLY },
		{ CPNS_STATE_PENDING, LATER, PAST, LATER, NEVER,
		  CPNS_STATE_RXONLY },
		{ CPNS_STATE_PENDING, PAST, PAST, PAST, NEVER,
		  CPNS_STATE_DEAD },
		{ CPNS_STATE_PENDING, LATER, NEVER, NEVER, PAST,
		  CPNS_STATE_DEAD },
		{ CPNS_STATE_ACTIVE, PAST, NEVER, NEVER, NEVER,
		  CPNS_STATE_ACTIVE },
		{ CPNS_STATE_ACTIVE, PAST, LATER, LATER, NEVER,
		  CPNS_STATE_ACTIVE },
		{ CPNS_STATE_ACTIVE, PAST, PAST, LATER, NEVER,
		  CPNS_STATE_RXONLY },
		{ CPNS_STATE_ACTIVE, PAST, NEVER, NEVER, PAST,
		  CPNS_STATE_DEAD },
		/* only forwards, whatever the times say */
		{ CPNS_STATE_RXONLY, PAST, NEVER, NEVER, NEVER,
		  CPNS_STATE_RXONLY },
		{ CPNS_STATE_RXONLY, LATER, LATER, LATER, LATER,
		  CPNS_STATE_RXONLY },
		{ CPNS_STATE_RXONLY, PAST, PAST, PAST, NEVER,
		  CPNS_STATE_DEAD },
		{ CPNS_STATE_DEAD, PAST, NEVER, NEVER, NEVER,
		  CPNS_STATE_DEAD },
		{ CPNS_STATE_DEAD, LATER, LATER, LATER, LATER,
		  CPNS_STATE_DEAD },
	};
	u32 now = cpns_now();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
#define AT(when) ((when) == LATER ? now + LATER : (when))
		const struct cpns_epoch epoch = {
			.state = row[i].state,
			.activate_at = AT(row[i].activate),
			.rxonly_at = AT(row[i].rxonly),
			.dead_at = AT(row[i].dead),
			.expire_at = AT(row[i].expire),
		};

		KUNIT_EXPECT_EQ_MSG(test, row[i].expected,
				    cpns_epoch_state(&epoch), "row %u", i);
	}
}

/* An epoch put into its group's list, newest first. */
static struct cpns_epoch *put_epoch(struct kunit *test,
				    struct cpns_group *group, u32 num, u8 state)
{
	struct cpns_epoch *epoch = cpns_epoch_alloc(group, num), *older;

	KUNIT_ASSERT_NOT_NULL(test, epoch);
	epoch->state = state;
	memset(epoch->prk, 0x5a, sizeof(epoch->prk));
	mutex_lock(&group->lock);
	list_for_each_entry(older, &group->epochs, node)
		if (older->num < num)
			break;
	list_add_tail_rcu(&epoch->node, &older->node);
	mutex_unlock(&group->lock);
	return epoch;
}

static u32 got(struct cpns_group *group, u32 num)
{
	struct cpns_epoch *epoch = cpns_epoch_get(group, num);
	u32 found = epoch ? epoch->num : 0;

	cpns_epoch_put(epoch);
	return found;
}

static u32 shown(struct cpns_group *group)
{
	struct cpns_epoch *epoch;
	u32 num;

	rcu_read_lock();
	epoch = cpns_epoch_shown(group);
	num = epoch ? epoch->num : 0;
	rcu_read_unlock();
	return num;
}

static void which_one_sends(struct kunit *test)
{
	struct cpns_group *group = group_alone(test);
	struct cpns_epoch *epoch, *next, *newest;

	KUNIT_EXPECT_EQ(test, 0u, got(group, 0));
	KUNIT_EXPECT_EQ(test, 0u, shown(group));
	put_epoch(test, group, 8, CPNS_STATE_PENDING);
	KUNIT_EXPECT_EQ(test, 0u, got(group, 0));
	KUNIT_EXPECT_EQ(test, 8u, shown(group));
	put_epoch(test, group, 5, CPNS_STATE_RXONLY);
	KUNIT_EXPECT_EQ(test, 0u, got(group, 0));
	put_epoch(test, group, 6, CPNS_STATE_ACTIVE);
	KUNIT_EXPECT_EQ(test, 6u, got(group, 0));
	KUNIT_EXPECT_EQ(test, 6u, shown(group));
	/* two at a time, between activation and the group's work */
	newest = put_epoch(test, group, 7, CPNS_STATE_ACTIVE);
	KUNIT_EXPECT_EQ(test, 7u, got(group, 0));
	KUNIT_EXPECT_EQ(test, 5u, got(group, 5));
	KUNIT_EXPECT_EQ(test, 8u, got(group, 8));
	KUNIT_EXPECT_EQ(test, 0u, got(group, 9));

	mutex_lock(&group->lock);
	cpns_epoch_kill(newest, -EKEYREVOKED, CPNS_REASON_REVOKED);
	epoch = group->dead;
	mutex_unlock(&group->lock);
	KUNIT_EXPECT_EQ(test, 6u, got(group, 0));
	KUNIT_EXPECT_EQ(test, 0u, got(group, 7));
	KUNIT_EXPECT_EQ(test, 7u, epoch->num);
	KUNIT_EXPECT_EQ(test, CPNS_STATE_DEAD, cpns_epoch_state(epoch));
	KUNIT_EXPECT_EQ(test, -EKEYREVOKED, epoch->why);
	KUNIT_EXPECT_NULL(test, memchr_inv(epoch->prk, 0, sizeof(epoch->prk)));

	/* the work would do this; the group is in no table */
	mutex_lock(&group->lock);
	list_for_each_entry_safe(epoch, next, &group->epochs, node)
		cpns_epoch_kill(epoch, -EKEYREVOKED, CPNS_REASON_REVOKED);
	while ((epoch = group->dead)) {
		group->dead = epoch->dead_next;
		cpns_epoch_put(epoch);
	}
	mutex_unlock(&group->lock);
	cpns_group_put(group);
}

static void own_sender_ids(struct kunit *test)
{
	struct cpns_epoch epoch = { .sids = { 3, 9 } };

	KUNIT_EXPECT_TRUE(test, cpns_epoch_own_sid(&epoch, 3));
	KUNIT_EXPECT_TRUE(test, cpns_epoch_own_sid(&epoch, 9));
	KUNIT_EXPECT_FALSE(test, cpns_epoch_own_sid(&epoch, 4));
	KUNIT_EXPECT_FALSE(test, cpns_epoch_own_sid(&epoch, 0));
}

static void set_in_steps(struct kunit *test)
{
	struct cpns_group *group, *other;
	const char *why;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, set_epoch(10, 3, 0, 60, 1, &group, &why));
	KUNIT_EXPECT_EQ(test, CPNS_STATE_ACTIVE, state_of(group, 10));

	KUNIT_ASSERT_EQ(test, 0, set_epoch(11, 3, 60, 120, 2, &other, &why));
	KUNIT_EXPECT_PTR_EQ(test, group, other);
	cpns_group_put(other);
	KUNIT_EXPECT_EQ(test, CPNS_STATE_ACTIVE, state_of(group, 10));
	KUNIT_EXPECT_EQ(test, CPNS_STATE_PENDING, state_of(group, 11));

	/* rolled back, altered, and once more */
	KUNIT_EXPECT_EQ(test, -EKEYREJECTED,
			set_epoch(10, 3, 0, 60, 1, &other, &why));
	KUNIT_EXPECT_EQ(test, -EKEYREJECTED,
			set_epoch(11, 3, 60, 120, 9, &other, &why));
	KUNIT_EXPECT_EQ(test, 0, set_epoch(11, 3, 60, 120, 2, &other, &why));
	cpns_group_put(other);
	KUNIT_EXPECT_EQ(test, 11u, group->highest);

	KUNIT_EXPECT_EQ(test, -ENOKEY, cpns_epoch_activate(group, 12));
	KUNIT_EXPECT_EQ(test, 0, cpns_epoch_activate(group, 11));
	KUNIT_EXPECT_EQ(test, CPNS_STATE_RXONLY, state_of(group, 10));
	KUNIT_EXPECT_EQ(test, CPNS_STATE_ACTIVE, state_of(group, 11));
	KUNIT_EXPECT_EQ(test, -ESTALE, cpns_epoch_activate(group, 10));

	/* four sender ids an epoch, each once */
	for (i = 4; i < 7; i++) {
		KUNIT_EXPECT_EQ(test, 0, set_epoch(11, i, 60, 120, 2, &other,
						   &why));
		cpns_group_put(other);
		KUNIT_EXPECT_EQ(test, i, sender_of(group, 11));
	}
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			set_epoch(11, 7, 60, 120, 2, &other, &why));
	KUNIT_EXPECT_EQ(test, 6, sender_of(group, 11));

	/* above a gap nothing older stays */
	KUNIT_EXPECT_EQ(test, 0, set_epoch(20, 3, 60, 120, 4, &other, &why));
	cpns_group_put(other);
	KUNIT_EXPECT_EQ(test, CPNS_STATE_NONE, state_of(group, 10));
	KUNIT_EXPECT_EQ(test, CPNS_STATE_NONE, state_of(group, 11));
	KUNIT_EXPECT_EQ(test, CPNS_STATE_ACTIVE, state_of(group, 20));

	/* never more than four */
	for (i = 21; i < 24; i++) {
		KUNIT_EXPECT_EQ(test, 0, set_epoch(i, 3, 60, 120, 5, &other,
						   &why));
		cpns_group_put(other);
	}
	KUNIT_EXPECT_EQ(test, -EBUSY,
			set_epoch(24, 3, 60, 120, 5, &other, &why));

	cpns_group_revoke(group);
	KUNIT_EXPECT_EQ(test, -EKEYREVOKED, group->why);
	for (i = 20; i < 24; i++)
		KUNIT_EXPECT_EQ(test, CPNS_STATE_NONE, state_of(group, i));
	KUNIT_EXPECT_EQ(test, -EKEYREJECTED,
			set_epoch(22, 3, 0, 60, 5, &other, &why));
	cpns_group_put(group);
}

/*
 * The last IV of a sender id is given, and then none: the word does not count
 * into the sender id. This one makes it a negative number.
 */
static void iv_counter_ends(struct kunit *test)
{
	static const u64 last = 0xffffffffffffULL, word = 0x8001ULL << 48;
	struct cpns_group *group = kunit_kzalloc(test, sizeof(*group),
						 GFP_KERNEL);
	struct cpns_epoch epoch = { .group = group };
	const struct cpns_use use = { .epoch = &epoch };
	unsigned int i;
	__be64 iv;

	KUNIT_ASSERT_NOT_NULL(test, group);
	atomic64_set(&epoch.iv, word | (last - 1));
	KUNIT_EXPECT_EQ(test, 0, cpns_next_iv(&use, 0x8001, &iv));
	KUNIT_EXPECT_EQ(test, word | last, be64_to_cpu(iv));
	for (i = 0; i < 3; i++) {
		iv = 0;
		KUNIT_EXPECT_EQ(test, -EKEYEXPIRED,
				cpns_next_iv(&use, 0x8001, &iv));
		KUNIT_EXPECT_EQ(test, 0ULL, be64_to_cpu(iv));
		KUNIT_EXPECT_EQ(test, word | last,
				(u64)atomic64_read(&epoch.iv));
	}
	KUNIT_EXPECT_EQ(test, 0x8001, cpns_epoch_sid(&epoch));
	KUNIT_EXPECT_EQ(test, last, cpns_epoch_ivs(&epoch));

	/* of a replaced sender id there is none, of the new one the first */
	KUNIT_EXPECT_EQ(test, -ENOKEY, cpns_next_iv(&use, 0x8002, &iv));
	atomic64_set(&epoch.iv, 0x8002ULL << 48);
	KUNIT_EXPECT_EQ(test, -ENOKEY, cpns_next_iv(&use, 0x8001, &iv));
	KUNIT_EXPECT_EQ(test, 0ULL, cpns_epoch_ivs(&epoch));
	KUNIT_EXPECT_EQ(test, 0, cpns_next_iv(&use, 0x8002, &iv));
	KUNIT_EXPECT_EQ(test, 0x8002ULL << 48 | 1, be64_to_cpu(iv));

	/* nor without a sender id */
	atomic64_set(&epoch.iv, 0);
	KUNIT_EXPECT_EQ(test, -ENOKEY, cpns_next_iv(&use, 0x8002, &iv));
	KUNIT_EXPECT_EQ(test, -ENOKEY, cpns_next_iv(&use, 0, &iv));
	KUNIT_EXPECT_EQ(test, 0LL, atomic64_read(&epoch.iv));
}

static atomic_t works = ATOMIC_INIT(0);

static void counted_work(struct work_struct *work)
{
	atomic_inc(&works);
	cpns_group_work(work);
}

/* Take an IV where so many were taken, and wait for the work it may start. */
static int take_iv(struct cpns_group *group, const struct cpns_use *use,
		   u16 sid, u64 taken)
{
	__be64 iv;
	int err;

	atomic64_set(&use->epoch->iv, (s64)((u64)sid << 48 | taken));
	err = cpns_next_iv(use, sid, &iv);
	flush_work(&group->work.work);
	return err;
}

/* At 3/4 of the IVs the work is told, once for each sender id, and tells it. */
static void iv_low_is_told_once(struct kunit *test)
{
	static const u64 threshold = 3ULL << 46;
	static const u16 sid[] = { 3, 4 };
	struct cpns_group *group, *other;
	struct cpns_use use = { };
	const char *why;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, 0, set_epoch(40, sid[0], 0, 3600, 1, &group,
					   &why));
	use.epoch = cpns_epoch_get(group, 40);
	KUNIT_ASSERT_NOT_NULL(test, use.epoch);
	/* nothing is due for an hour: it runs when it is kicked */
	group->work.work.func = counted_work;
	for (i = 0; i < ARRAY_SIZE(sid); i++) {
		if (i) {
			KUNIT_EXPECT_EQ(test, 0, set_epoch(40, sid[i], 0, 3600,
							   1, &other, &why));
			cpns_group_put(other);
		}
		KUNIT_EXPECT_EQ(test, 0UL, READ_ONCE(use.epoch->iv_low));
		atomic_set(&works, 0);
		KUNIT_EXPECT_EQ(test, 0, take_iv(group, &use, sid[i], 0));
		KUNIT_EXPECT_EQ(test, 0, take_iv(group, &use, sid[i],
						 threshold - 100));
		KUNIT_EXPECT_EQ(test, 0UL, READ_ONCE(use.epoch->iv_low));
		KUNIT_EXPECT_EQ(test, 0, atomic_read(&works));

		KUNIT_EXPECT_EQ(test, 0, take_iv(group, &use, sid[i],
						 threshold));
		KUNIT_EXPECT_EQ(test, BIT(0) | BIT(1),
				READ_ONCE(use.epoch->iv_low));
		KUNIT_EXPECT_EQ(test, 1, atomic_read(&works));
		KUNIT_EXPECT_EQ(test, 0, take_iv(group, &use, sid[i],
						 threshold + 1));
		KUNIT_EXPECT_EQ(test, 0, take_iv(group, &use, sid[i],
						 threshold + 100));
		KUNIT_EXPECT_EQ(test, 1, atomic_read(&works));
	}
	group->work.work.func = cpns_group_work;
	cpns_epoch_put(use.epoch);
	cpns_group_revoke(group);
	cpns_group_put(group);
}

static struct kunit_case epoch_cases[] = {
	KUNIT_CASE(state_by_the_clock),
	KUNIT_CASE(which_one_sends),
	KUNIT_CASE(own_sender_ids),
	KUNIT_CASE(set_in_steps),
	KUNIT_CASE(iv_counter_ends),
	KUNIT_CASE(iv_low_is_told_once),
	{ }
};

static struct kunit_suite epoch_suite = {
	.name = "cpns_epoch",
	.test_cases = epoch_cases,
};

kunit_test_suites(&epoch_suite);
