// SPDX-License-Identifier: GPL-2.0-only
/*
 * SA_ADD near the end of the sequence numbers, 2^32 packets from their
 * beginning, in the first namespace.
 */
#include <linux/iopoll.h>
#include <linux/module.h>

#include "esp.h"
#include "groups.h"
#include "netlink_gen.h"

/* Outbound from 192.0.2.1 to 192.0.2.2, as netlink.c hands it over. */
static int sa_add(struct kunit *test, u32 spi, const char **why)
{
	static const __be32 src = cpu_to_be32(0xc0000201);
	static const __be32 dst = cpu_to_be32(0xc0000202);
	struct sk_buff *skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	struct nlattr *attrs[CPNS_A_MAX + 1];
	struct netlink_ext_ack extack = {};
	/* the answer is for a port that nobody has */
	struct genl_info info = {
		.snd_portid = U32_MAX,
		.family = &cpns_family,
		.attrs = attrs,
		.extack = &extack,
	};
	int err;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	genl_info_net_set(&info, &init_net);
	err = nla_put_string(skb, CPNS_A_SGID, SGID) ?:
	      nla_put_u8(skb, CPNS_A_DIR, CPNS_DIR_OUT) ?:
	      nla_put(skb, CPNS_A_SRC, sizeof(src), &src) ?:
	      nla_put(skb, CPNS_A_DST, sizeof(dst), &dst) ?:
	      nla_put_be32(skb, CPNS_A_SPI, cpu_to_be32(spi)) ?:
	      nla_parse(attrs, CPNS_A_MAX, (void *)skb->data, skb->len, NULL,
			NULL);
	KUNIT_EXPECT_EQ(test, 0, err);
	if (!err)
		err = cpns_nl_sa_add_doit(skb, &info);
	*why = extack._msg;
	nlmsg_free(skb);
	return err;
}

static void count_ivs(struct cpns_group *group, u16 sid, u64 taken)
{
	struct cpns_epoch *epoch = cpns_epoch_get(group, 0);

	if (epoch)
		atomic64_set(&epoch->iv, (s64)((u64)sid << 48 | taken));
	cpns_epoch_put(epoch);
}

/* The group's only state; others only read the list here. */
static struct xfrm_state *only_state(struct kunit *test,
				     struct cpns_group *group)
{
	struct cpns_sa *sa;

	KUNIT_ASSERT_TRUE(test, list_is_singular(&group->sas));
	sa = list_first_entry(&group->sas, struct cpns_sa, node);
	return sa->x;
}

static void sequence_numbers_end(struct kunit *test)
{
	static const u64 hard = 0xffffffffULL - 0x10000;
	int references = module_refcount(THIS_MODULE), now;
	struct cpns_group *group;
	struct xfrm_state *x;
	const char *why = "";

	KUNIT_ASSERT_EQ(test, 0, set_epoch(1, 3, 0, 3600, 1, &group, &why));
	count_ivs(group, 3, hard);
	KUNIT_EXPECT_EQ(test, -EKEYEXPIRED, sa_add(test, 256, &why));
	KUNIT_EXPECT_STREQ(test, why, "the epoch's lifetime or sequence numbers are used up");
	/* where the counter has more bits than a sequence number, too */
	count_ivs(group, 3, BIT_ULL(32) + 1);
	KUNIT_EXPECT_EQ(test, -EKEYEXPIRED, sa_add(test, 256, &why));
	count_ivs(group, 3, 0xffffffffffffULL);
	KUNIT_EXPECT_EQ(test, -EKEYEXPIRED, sa_add(test, 256, &why));
	KUNIT_EXPECT_TRUE(test, list_empty(&group->sas));

	/* there is one packet left, and the state for it */
	count_ivs(group, 3, hard - 1);
	KUNIT_EXPECT_EQ(test, 0, sa_add(test, 256, &why));
	x = only_state(test, group);
	KUNIT_EXPECT_EQ(test, (u32)hard - 1, cpns_sa_seq(x, CPNS_DIR_OUT));
	KUNIT_EXPECT_EQ(test, 1ULL, x->lft.hard_packet_limit);
	KUNIT_EXPECT_EQ(test, 1ULL, x->lft.soft_packet_limit);
	KUNIT_EXPECT_EQ(test, 0, cpns_sa_end(group, &(struct cpns_sa_match){
							.silent = true }));

	/* far from the end both limits are where they should be */
	count_ivs(group, 3, 1000);
	KUNIT_EXPECT_EQ(test, 0, sa_add(test, 256, &why));
	x = only_state(test, group);
	KUNIT_EXPECT_EQ(test, 1000u, cpns_sa_seq(x, CPNS_DIR_OUT));
	KUNIT_EXPECT_EQ(test, hard - 1000, x->lft.hard_packet_limit);
	KUNIT_EXPECT_EQ(test, 0xffffffffULL / 4 * 3 - 1000,
			x->lft.soft_packet_limit);
	cpns_group_revoke(group);
	cpns_group_put(group);
	/* xfrm frees states later, and with them what holds the module */
	KUNIT_EXPECT_EQ(test, 0, read_poll_timeout(module_refcount, now,
						   now <= references,
						   10 * USEC_PER_MSEC,
						   60 * USEC_PER_SEC, false,
						   THIS_MODULE));
}

static struct kunit_case esp_cases[] = {
	KUNIT_CASE(sequence_numbers_end),
	{ }
};

static struct kunit_suite esp_suite = {
	.name = "cpns_esp",
	.test_cases = esp_cases,
};

kunit_test_suites(&esp_suite);
