// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node's key and the one before it, which opens seals for 300 s more, in a
 * namespace's part that nobody else knows.
 */
#include "group.h"
#include "vectors.h"

static struct cpns_net *net_alone(struct kunit *test)
{
	struct cpns_net *cn = kunit_kzalloc(test, sizeof(*cn), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, cn);
	cn->net = &init_net;
	mutex_init(&cn->config);
	INIT_DELAYED_WORK(&cn->watch, cpns_watch);
	return cn;
}

static bool wiped(const struct cpns_node_key *key)
{
	return !memchr_inv(key, 0, sizeof(*key));
}

static bool same_pair(const struct cpns_node_key *one,
		      const struct cpns_node_key *other)
{
	return one->valid && other->valid &&
	       !memcmp(one->secret, other->secret, sizeof(one->secret)) &&
	       !memcmp(one->public, other->public, sizeof(one->public));
}

static void rotated_node_key(struct kunit *test)
{
	static const u32 ticks = 2236;	/* 300 s of 2^27 ns, rounded up */
	struct cpns_net *cn = net_alone(test);
	struct cpns_node_key first, second, third;
	u32 before, after;

	mutex_lock(&cn->config);
	KUNIT_EXPECT_EQ(test, 0, cpns_node_make(cn));
	KUNIT_EXPECT_TRUE(test, cn->node.valid);
	KUNIT_EXPECT_FALSE(test, cn->previous.valid);
	first = cn->node;

	before = cpns_now();
	KUNIT_EXPECT_EQ(test, 0, cpns_node_make(cn));
	after = cpns_now();
	second = cn->node;
	KUNIT_EXPECT_TRUE(test, second.valid);
	KUNIT_EXPECT_FALSE(test, same_pair(&first, &second));
	KUNIT_EXPECT_TRUE(test, same_pair(&first, &cn->previous));
	KUNIT_EXPECT_GE(test, cn->previous.until, before + ticks);
	KUNIT_EXPECT_LE(test, cn->previous.until, after + ticks);

	/* never more than one */
	KUNIT_EXPECT_EQ(test, 0, cpns_node_make(cn));
	third = cn->node;
	KUNIT_EXPECT_TRUE(test, same_pair(&second, &cn->previous));

	cpns_node_expire(cn);
	KUNIT_EXPECT_TRUE(test, same_pair(&second, &cn->previous));
	cn->previous.until = cpns_now();
	cpns_node_expire(cn);
	KUNIT_EXPECT_TRUE(test, wiped(&cn->previous));
	KUNIT_EXPECT_TRUE(test, same_pair(&third, &cn->node));

	KUNIT_EXPECT_EQ(test, 0, cpns_node_make(cn));
	KUNIT_EXPECT_TRUE(test, same_pair(&third, &cn->previous));
	cpns_node_drop(cn);
	KUNIT_EXPECT_TRUE(test, wiped(&cn->node));
	KUNIT_EXPECT_TRUE(test, wiped(&cn->previous));
	mutex_unlock(&cn->config);
	cancel_delayed_work_sync(&cn->watch);
	memzero_explicit(&first, sizeof(first));
	memzero_explicit(&second, sizeof(second));
	memzero_explicit(&third, sizeof(third));
}

/* Whether or not anybody asks: the namespace's watch looks each second. */
static void wiped_by_the_watch(struct kunit *test)
{
	struct cpns_net *cn = net_alone(test);

	mutex_lock(&cn->config);
	KUNIT_EXPECT_EQ(test, 0, cpns_node_make(cn));
	KUNIT_EXPECT_EQ(test, 0, cpns_node_make(cn));
	mutex_unlock(&cn->config);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&cn->watch));

	/* it goes on looking as long as there is something to wipe */
	cancel_delayed_work_sync(&cn->watch);
	cpns_watch(&cn->watch.work);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&cn->watch));
	KUNIT_EXPECT_TRUE(test, cn->previous.valid);

	cancel_delayed_work_sync(&cn->watch);
	cn->previous.until = cpns_now();
	cpns_watch(&cn->watch.work);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&cn->watch));
	KUNIT_EXPECT_TRUE(test, wiped(&cn->previous));
	KUNIT_EXPECT_TRUE(test, cn->node.valid);
	cancel_delayed_work_sync(&cn->watch);
	cpns_node_drop(cn);
}

static void opens_until_its_end(struct kunit *test)
{
	static const u8 none[CPNS_SECRET_SIZE];
	const struct vector *v = vector_find(test, vectors_kernel_message,
					     "SEAL 112, AES-256-GCM, mode base");
	const struct cpns_seal *seal =
		(const void *)vector_exactly(test, v, "seal", CPNS_SEAL_SIZE);
	const u8 *kek = vector_exactly(test, v, "leaf_kek", 32);
	struct cpns_net *cn = net_alone(test);
	u8 leaf[CPNS_SECRET_SIZE] = {};
	const char *why;

	memcpy(cn->node.secret, vector_exactly(test, v, "node_private", 32),
	       32);
	memcpy(cn->node.public, vector_exactly(test, v, "node_public", 32), 32);
	cn->node.valid = true;

	mutex_lock(&cn->config);
	KUNIT_EXPECT_EQ(test, 0, cpns_node_open(cn, seal, leaf, &why));
	KUNIT_EXPECT_MEMEQ(test, leaf, kek, sizeof(leaf));
	KUNIT_EXPECT_EQ(test, 0, cpns_node_make(cn));
	memset(leaf, 0, sizeof(leaf));
	KUNIT_EXPECT_EQ(test, 0, cpns_node_open(cn, seal, leaf, &why));
	KUNIT_EXPECT_MEMEQ(test, leaf, kek, sizeof(leaf));

	cn->previous.until = cpns_now();
	memset(leaf, 0, sizeof(leaf));
	KUNIT_EXPECT_EQ(test, -EKEYREJECTED,
			cpns_node_open(cn, seal, leaf, &why));
	KUNIT_EXPECT_MEMEQ(test, leaf, none, sizeof(leaf));
	KUNIT_EXPECT_TRUE(test, wiped(&cn->previous));
	cpns_node_drop(cn);
	mutex_unlock(&cn->config);
	cancel_delayed_work_sync(&cn->watch);
}

static struct kunit_case node_cases[] = {
	KUNIT_CASE(rotated_node_key),
	KUNIT_CASE(wiped_by_the_watch),
	KUNIT_CASE(opens_until_its_end),
	{ }
};

static struct kunit_suite node_suite = {
	.name = "cpns_node",
	.test_cases = node_cases,
};

kunit_test_suites(&node_suite);
