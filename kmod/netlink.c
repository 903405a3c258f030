// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink family "cpns": node, groups, epochs. Commands that concern
 * IPsec states are in esp_netlink.c. The contract is the YNL spec,
 * Documentation/netlink/specs/cpns.yaml; netlink_gen.c is generated from it.
 *
 * Requests run in parallel; cpns_net.config orders those that change things.
 */
#include <crypto/sha2.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>

#include "group.h"
#include "netlink_gen.h"

#ifdef CPNS_HAVE_SPLIT_OPS
#define cpns_genl_ops	genl_split_ops
#else
#define cpns_genl_ops	genl_ops
#endif

/* What came may be a secret, in whatever place. */
static void cpns_nl_wipe(const struct nlmsghdr *nlh)
{
	memzero_explicit(nlmsg_data(nlh) + GENL_HDRLEN,
			 nlmsg_len(nlh) - GENL_HDRLEN);
}

static int cpns_nl_refuse(struct netlink_ext_ack *extack, int err,
			  const char *why)
{
	if (extack)
		extack->_msg = why;
	return err;
}

/**
 * cpns_nl_check() - may this request go on?
 * @net: namespace of the socket
 * @nlh: request; wiped where it may not
 * @extack: gets the text
 *
 * Keys are made in, and permissions looked up for, the caller's namespace.
 *
 * Return: 0, -EPERM another namespace's socket, -EINVAL an attribute that is
 * another command's or repeated.
 */
int cpns_nl_check(const struct net *net, const struct nlmsghdr *nlh,
		  struct netlink_ext_ack *extack)
{
	u8 cmd = ((const struct genlmsghdr *)nlmsg_data(nlh))->cmd;
	const char *why = NULL;
	struct nlattr *attr;
	int rem, err = 0;
	u64 bit, seen = 0;

	if (!net_eq(net, current->nsproxy->net_ns))
		err = cpns_nl_refuse(extack, -EPERM,
				     "the socket is of another network namespace");
	nlmsg_for_each_attr(attr, nlh, GENL_HDRLEN, rem) {
		bit = BIT_ULL(nla_type(attr));
		if (!(cpns_nl_request[cmd] & bit))
			why = "the command has no such attribute";
		else if (seen & bit & ~cpns_nl_multi)
			why = "the attribute is there twice";
		seen |= bit;
	}
	if (!err && why)
		err = cpns_nl_refuse(extack, -EINVAL, why);
	if (err)
		cpns_nl_wipe(nlh);
	return err;
}

static int cpns_nl_pre_doit(const struct cpns_genl_ops *ops,
			    struct sk_buff *skb, struct genl_info *info)
{
	return cpns_nl_check(genl_info_net(info), info->nlhdr, info->extack);
}

static void cpns_nl_post_doit(const struct cpns_genl_ops *ops,
			      struct sk_buff *skb, struct genl_info *info)
{
	cpns_nl_wipe(info->nlhdr);
}

/* SGID without its final 0; len is 0 where the attribute is missing. */
static const char *cpns_nl_sgid(const struct nlattr *attr, unsigned int *len)
{
	const char *sgid = attr ? nla_data(attr) : NULL;

	*len = attr ? nla_len(attr) : 0;
	if (*len && !sgid[*len - 1])
		(*len)--;
	return sgid;
}

/**
 * cpns_nl_group() - the group that attributes sgid or serial name
 * @info: request, its namespace was checked
 *
 * Tombstones are found by sgid. Return: the group, held, or an error pointer
 * (-EINVAL neither attribute or malformed, -ENOKEY none such), with a text.
 */
struct cpns_group *cpns_nl_group(struct genl_info *info)
{
	struct cpns_net *cn = cpns_net(genl_info_net(info));
	struct nlattr *serial = info->attrs[CPNS_A_SERIAL];
	struct cpns_group *group;
	unsigned int len;
	const char *sgid = cpns_nl_sgid(info->attrs[CPNS_A_SGID], &len);
	u8 digest[32];

	if (sgid ? cpns_sgid_check(sgid, len) : !serial)
		return ERR_PTR(cpns_nl_refuse(info->extack, -EINVAL, sgid ?
					      "malformed SGID" :
					      "SGID or serial is missing"));
	if (sgid) {
		sha256(sgid, len, digest);
		group = cpns_group_by_tag(cn, digest);
	} else {
		group = cpns_group_by_serial(cn, nla_get_s32(serial));
	}
	if (!group)
		return ERR_PTR(cpns_nl_refuse(info->extack, -ENOKEY,
					      "no such group in this namespace"));
	return group;
}

/**
 * cpns_nl_put_group() - add what names a group: sgid, and serial if it lives
 * @skb: message
 * @group: held
 *
 * Any context. Return: 0 or -EMSGSIZE.
 */
int cpns_nl_put_group(struct sk_buff *skb, const struct cpns_group *group)
{
	key_serial_t serial = READ_ONCE(group->serial);

	return nla_put_string(skb, CPNS_A_SGID, group->sgid) ?:
	       (serial ? nla_put_s32(skb, CPNS_A_SERIAL, serial) : 0);
}

static struct sk_buff *cpns_nl_new(struct genl_info *info, void **header)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (skb)
		*header = genlmsg_put_reply(skb, info, &cpns_family, 0,
					    info->genlhdr->cmd);
	else
		cpns_nl_refuse(info->extack, -ENOMEM, "out of memory");
	return skb;
}

static int cpns_nl_reply(struct genl_info *info, struct sk_buff *skb,
			 void *header, int err)
{
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

static int cpns_nl_put_node(struct sk_buff *skb, const struct cpns_net *cn)
{
	u32 features = CPNS_FEATURES_TEMPLATE | CPNS_FEATURES_ESP |
		       CPNS_FEATURES_MESSAGE |
		       (cpns_allow_raw ? CPNS_FEATURES_ALLOW_RAW : 0) |
		       (cn->pinned ? CPNS_FEATURES_PINNED : 0);
	int err;

	err = nla_put(skb, CPNS_A_PUBKEY, CPNS_X25519_SIZE, cn->node.public) ?:
	      nla_put_u32(skb, CPNS_A_FEATURES, features) ?:
	      nla_put_s32(skb, CPNS_A_SERIAL, cpns_keyring_serial());
	if (!err && cn->previous.valid)
		err = nla_put(skb, CPNS_A_PREVIOUS, CPNS_X25519_SIZE,
			      cn->previous.public);
	if (!err && cn->pinned)
		err = nla_put(skb, CPNS_A_PIN, CPNS_X25519_SIZE, cn->pin);
	return err;
}

/* The answer is allocated first: who is refused finds the key as it was. */
static int cpns_nl_node(struct genl_info *info, bool rotate)
{
	struct cpns_net *cn = cpns_net(genl_info_net(info));
	const struct cpns_event event = {
		.cmd = CPNS_CMD_NODE_CHANGE, .pubkey = cn->node.public,
		.reason = CPNS_REASON_ROTATED,
	};
	struct sk_buff *skb;
	void *header;
	int err = 0;

	skb = cpns_nl_new(info, &header);
	if (!skb)
		return -ENOMEM;
	mutex_lock(&cn->config);
	cpns_node_expire(cn);
	if (rotate || !cn->node.valid)
		err = cpns_node_make(cn);
	if (err)
		cpns_nl_refuse(info->extack, err, "no usable random number");
	else if (rotate)
		cpns_event_send(cn->net, &event, GFP_KERNEL);
	err = err ?: cpns_nl_put_node(skb, cn);
	mutex_unlock(&cn->config);
	return cpns_nl_reply(info, skb, header, err);
}

int cpns_nl_node_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return cpns_nl_node(info, false);
}

int cpns_nl_node_rotate_doit(struct sk_buff *skb, struct genl_info *info)
{
	return cpns_nl_node(info, true);
}

int cpns_nl_node_pin_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_net *cn = cpns_net(genl_info_net(info));
	int err;

	if (!info->attrs[CPNS_A_PUBKEY])
		return cpns_nl_refuse(info->extack, -EINVAL,
				      "public key is missing");
	mutex_lock(&cn->config);
	err = cpns_node_pin(cn, nla_data(info->attrs[CPNS_A_PUBKEY]));
	mutex_unlock(&cn->config);
	if (err)
		cpns_nl_refuse(info->extack, err, err == -EPERM ?
			       "another key is pinned already" :
			       "not a public key");
	return err;
}

static void cpns_nl_bytes(const struct nlattr *attr, const void **data,
			  unsigned int *len)
{
	*data = attr ? nla_data(attr) : NULL;
	*len = attr ? nla_len(attr) : 0;
}

/* Attributes into the form the parser takes; those that repeat, in order. */
static void cpns_nl_message(struct genl_info *info, struct cpns_message_in *in,
			    u16 *evicted)
{
	struct nlattr **attrs = info->attrs, *attr;
	int rem;

	in->allow_raw = cpns_allow_raw;
	in->sgid = cpns_nl_sgid(attrs[CPNS_A_SGID], &in->sgid_len);
	cpns_nl_bytes(attrs[CPNS_A_HEADER], &in->header, &in->header_len);
	cpns_nl_bytes(attrs[CPNS_A_SEAL], &in->seal, &in->seal_len);
	cpns_nl_bytes(attrs[CPNS_A_SECRET], &in->secret, &in->secret_len);
	in->has_sid = attrs[CPNS_A_SID];
	if (in->has_sid)
		in->sid = nla_get_u16(attrs[CPNS_A_SID]);
	if (attrs[CPNS_A_ELAPSED])
		in->elapsed = nla_get_u32(attrs[CPNS_A_ELAPSED]);
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) == CPNS_A_ITEM) {
			if (in->items < CPNS_ITEMS_MAX)
				cpns_nl_bytes(attr, &in->item[in->items],
					      &in->item_len[in->items]);
			in->items++;
		} else if (nla_type(attr) == CPNS_A_EVICTED) {
			if (in->evicted < CPNS_EVICTED_MAX)
				evicted[in->evicted] =
					be16_to_cpu(nla_get_be16(attr));
			in->evicted++;
		}
	}
}

static int cpns_nl_group_set_reply(struct genl_info *info,
				   struct cpns_group *group)
{
	const struct cpns_header *set = nla_data(info->attrs[CPNS_A_HEADER]);
	u32 num = be32_to_cpu(set->epoch);
	struct cpns_epoch *epoch = cpns_epoch_get(group, num);
	struct sk_buff *skb;
	void *header;
	int err = 0;

	skb = cpns_nl_new(info, &header);
	if (skb)	/* else it is committed all the same */
		err = cpns_nl_put_group(skb, group) ?:
		      nla_put_u32(skb, CPNS_A_EPOCH, num) ?:
		      nla_put_u32(skb, CPNS_A_STATE, epoch ?
				  cpns_epoch_state(epoch) : CPNS_STATE_NONE) ?:
		      nla_put_u16(skb, CPNS_A_SID,
				  epoch ? cpns_epoch_sid(epoch) : 0);
	cpns_epoch_put(epoch);
	return skb ? cpns_nl_reply(info, skb, header, err) : 0;
}

int cpns_nl_group_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_net *cn = cpns_net(genl_info_net(info));
	const char *why = "out of memory";
	struct cpns_message_in *in;
	struct cpns_group *group;
	int err = -ENOMEM;
	u16 *evicted;

	in = kzalloc(sizeof(*in), GFP_KERNEL);
	evicted = kmalloc_array(CPNS_EVICTED_MAX, sizeof(*evicted), GFP_KERNEL);
	if (in && evicted) {
		cpns_nl_message(info, in, evicted);
		err = cpns_group_set(cn, in, evicted, &group, &why);
	}
	kfree(evicted);
	kfree(in);
	if (!err) {
		err = cpns_nl_group_set_reply(info, group);
		cpns_group_put(group);
	} else {
		cpns_nl_refuse(info->extack, err, why);
	}
	return err;
}

static int cpns_nl_put_epoch(struct sk_buff *skb, struct cpns_epoch *epoch)
{
	struct nlattr *nest = nla_nest_start(skb, CPNS_A_EPOCH_INFO);
	enum cpns_state state = cpns_epoch_state(epoch);
	u32 dead_at = READ_ONCE(epoch->dead_at);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = nla_put_u32(skb, CPNS_E_NUM, epoch->num) ?:
	      nla_put_u32(skb, CPNS_E_STATE, state) ?:
	      nla_put_u32(skb, CPNS_E_SUITE, epoch->suite) ?:
	      nla_put_u16(skb, CPNS_E_SID, cpns_epoch_sid(epoch)) ?:
	      nla_put(skb, CPNS_E_KCV, CPNS_KCV_SIZE, epoch->kcv) ?:
	      nla_put_u32(skb, CPNS_E_ACTIVATE_IN,
			  state == CPNS_STATE_PENDING ?
			  cpns_seconds_to(READ_ONCE(epoch->activate_at)) : 0) ?:
	      nla_put_u64_64bit(skb, CPNS_E_IVS, cpns_epoch_ivs(epoch),
				CPNS_E_PAD);
	if (!err && dead_at != CPNS_NEVER)
		err = nla_put_u32(skb, CPNS_E_DEAD_IN,
				  cpns_seconds_to(dead_at));
	if (!err && epoch->expire_at != CPNS_NEVER)
		err = nla_put_u32(skb, CPNS_E_EXPIRES_IN,
				  cpns_seconds_to(epoch->expire_at));
	nla_nest_end(skb, nest);
	return err;
}

static int cpns_nl_put_state(struct sk_buff *skb, struct cpns_group *group)
{
	struct cpns_epoch *epoch;
	int err;

	rcu_read_lock();
	epoch = cpns_epoch_shown(group);
	err = cpns_nl_put_group(skb, group) ?:
	      nla_put(skb, CPNS_A_TAG, CPNS_TAG_SIZE, group->tag) ?:
	      nla_put_u32(skb, CPNS_A_HIGHEST, READ_ONCE(group->highest)) ?:
	      nla_put_u32(skb, CPNS_A_EPOCH, epoch && cpns_epoch_state(epoch) ==
			  CPNS_STATE_ACTIVE ? epoch->num : 0);
	list_for_each_entry_rcu(epoch, &group->epochs, node)
		err = err ?: cpns_nl_put_epoch(skb, epoch);
	rcu_read_unlock();
	return err;
}

int cpns_nl_group_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_group *group = cpns_nl_group(info);
	struct sk_buff *reply;
	int err = -ENOMEM;
	void *header;

	if (IS_ERR(group))
		return PTR_ERR(group);
	reply = cpns_nl_new(info, &header);
	if (reply)
		err = cpns_nl_reply(info, reply, header,
				    cpns_nl_put_state(reply, group));
	cpns_group_put(group);
	return err;
}

/* Groups never leave the table; one that is added is told as an interruption. */
int cpns_nl_group_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	struct cpns_net *cn = cpns_net(net);
	struct cpns_group *group;
	long skip, n;
	void *header;
	int err;

	err = cpns_nl_check(net, cb->nlh, cb->extack);
	if (!err && nlmsg_attrlen(cb->nlh, GENL_HDRLEN))
		err = cpns_nl_refuse(cb->extack, -EINVAL,
				     "the dump is of all groups: no attributes");
	if (err)
		return err;
	cb->seq = READ_ONCE(cn->count) + 1;
	rcu_read_lock();
	for (; cb->args[0] < ARRAY_SIZE(cn->groups); cb->args[0]++) {
		n = 0;
		skip = cb->args[1];
		hlist_for_each_entry_rcu(group, &cn->groups[cb->args[0]], node) {
			if (n++ < skip)
				continue;
			header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
					     cb->nlh->nlmsg_seq, &cpns_family,
					     NLM_F_MULTI, CPNS_CMD_GROUP_GET);
			if (!header)
				goto full;
			if (cpns_nl_put_state(skb, group)) {
				genlmsg_cancel(skb, header);
				goto full;
			}
			genl_dump_check_consistent(cb, header);
			genlmsg_end(skb, header);
			cb->args[1] = n;
		}
		cb->args[1] = 0;
	}
full:
	rcu_read_unlock();
	return skb->len;
}

int cpns_nl_group_revoke_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_group *group = cpns_nl_group(info);

	if (IS_ERR(group))
		return PTR_ERR(group);
	cpns_group_revoke(group);
	cpns_group_put(group);
	return 0;
}

int cpns_nl_epoch_activate_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_group *group;
	int err;

	if (!info->attrs[CPNS_A_EPOCH])
		return cpns_nl_refuse(info->extack, -EINVAL,
				      "epoch is missing");
	group = cpns_nl_group(info);
	if (IS_ERR(group))
		return PTR_ERR(group);
	err = cpns_epoch_activate(group, nla_get_u32(info->attrs[CPNS_A_EPOCH]));
	if (err)
		cpns_nl_refuse(info->extack, err, err == -ENOKEY ?
			       "the group has no such epoch" :
			       "a newer epoch is active");
	cpns_group_put(group);
	return err;
}

static const struct genl_multicast_group cpns_mcgrps[] = {
	[CPNS_NLGRP_EVENTS] = {
		.name = CPNS_MCGRP_EVENTS,
#ifdef GENL_MCAST_CAP_NET_ADMIN
		.flags = GENL_MCAST_CAP_NET_ADMIN,
#else
		.flags = GENL_UNS_ADMIN_PERM,
#endif
	},
};

struct genl_family cpns_family __ro_after_init = {
	.name		= CPNS_GENL_NAME,
	.version	= CPNS_GENL_VERSION,
	.maxattr	= ARRAY_SIZE(cpns_nl_policy) - 1,
	.policy		= cpns_nl_policy,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.pre_doit	= cpns_nl_pre_doit,
	.post_doit	= cpns_nl_post_doit,
	.small_ops	= cpns_nl_ops,
	.n_small_ops	= ARRAY_SIZE(cpns_nl_ops),
	.mcgrps		= cpns_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(cpns_mcgrps),
#ifdef CPNS_HAVE_RESV_START_OP
	.resv_start_op	= CPNS_CMD_NODE_GET,
#endif
};
