// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generic netlink family "cpns": node, groups, epochs. Commands that concern
 * IPsec states are in esp_netlink.c. The contract is in the YNL spec,
 * Documentation/netlink/specs/cpns.yaml.
 *
 * Requests run in parallel; cpns_net.config orders those that change things.
 */
#include <linux/nsproxy.h>
#include <linux/slab.h>

#include "group.h"

static const struct nla_policy cpns_policy[CPNS_A_MAX + 1] = {
	[CPNS_A_SGID] = { .type = NLA_STRING, .len = CPNS_SGID_MAX + 1 },
	[CPNS_A_SERIAL] = { .type = NLA_S32 },
	[CPNS_A_HEADER] = NLA_POLICY_EXACT_LEN(CPNS_HEADER_SIZE),
	[CPNS_A_SEAL] = NLA_POLICY_EXACT_LEN(CPNS_SEAL_SIZE),
	[CPNS_A_ITEM] = NLA_POLICY_EXACT_LEN(CPNS_ITEM_SIZE),
	[CPNS_A_EVICTED] = { .type = NLA_U16 },
	[CPNS_A_ELAPSED] = { .type = NLA_U32 },
	[CPNS_A_SECRET] = NLA_POLICY_EXACT_LEN(CPNS_SECRET_SIZE),
	[CPNS_A_SID] = { .type = NLA_U16 },
	[CPNS_A_EPOCH] = { .type = NLA_U32 },
	[CPNS_A_PUBKEY] = NLA_POLICY_EXACT_LEN(CPNS_X25519_SIZE),
	[CPNS_A_DIR] = NLA_POLICY_RANGE(NLA_U8, CPNS_DIR_IN, CPNS_DIR_OUT),
	[CPNS_A_SRC] = { .type = NLA_BINARY, .len = 16 },
	[CPNS_A_DST] = { .type = NLA_BINARY, .len = 16 },
	[CPNS_A_SPI] = { .type = NLA_U32 },
	[CPNS_A_REQID] = { .type = NLA_U32 },
	[CPNS_A_MODE] = NLA_POLICY_MAX(NLA_U8, CPNS_SA_MODE_TUNNEL),
	[CPNS_A_WINDOW] = NLA_POLICY_MAX(NLA_U32, 1024),
	[CPNS_A_IF_ID] = { .type = NLA_U32 },
	[CPNS_A_MARK] = { .type = NLA_U32 },
	[CPNS_A_MARK_MASK] = { .type = NLA_U32 },
	[CPNS_A_KEY_BYTES] = { .type = NLA_U8 },
};

/**
 * cpns_nl_check_net() - refuse a socket of another namespace
 * @info: request
 *
 * Keys are made in, and permissions looked up for, the caller's namespace.
 *
 * Return: 0 or -EPERM.
 */
int cpns_nl_check_net(struct genl_info *info)
{
	if (net_eq(genl_info_net(info), current->nsproxy->net_ns))
		return 0;
	NL_SET_ERR_MSG(info->extack,
		       "the socket is of another network namespace");
	return -EPERM;
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
	char name[CPNS_SGID_MAX + 1] = {};
	struct cpns_group *group;
	unsigned int len;
	const char *sgid = cpns_nl_sgid(info->attrs[CPNS_A_SGID], &len);

	if (sgid) {
		if (cpns_sgid_check(sgid, len)) {
			NL_SET_ERR_MSG(info->extack, "malformed SGID");
			return ERR_PTR(-EINVAL);
		}
		memcpy(name, sgid, len);
		group = cpns_group_by_sgid(cn, name);
	} else if (info->attrs[CPNS_A_SERIAL]) {
		group = cpns_group_by_serial(cn,
					     nla_get_s32(info->attrs[CPNS_A_SERIAL]));
	} else {
		NL_SET_ERR_MSG(info->extack, "SGID or serial is missing");
		return ERR_PTR(-EINVAL);
	}
	if (group)
		return group;
	NL_SET_ERR_MSG(info->extack, "no such group in this namespace");
	return ERR_PTR(-ENOKEY);
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

static struct sk_buff *cpns_nl_new(struct genl_info *info, void **header)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!skb)
		return NULL;
	*header = genlmsg_put_reply(skb, info, &cpns_family, 0,
				    info->genlhdr->cmd);
	if (*header)
		return skb;
	nlmsg_free(skb);
	return NULL;
}

static int cpns_nl_node_reply(struct genl_info *info, struct cpns_net *cn)
{
	u32 features = CPNS_FEATURES_TEMPLATE | CPNS_FEATURES_ESP |
		       CPNS_FEATURES_MESSAGE;
	struct sk_buff *skb;
	void *header;
	int err;

	skb = cpns_nl_new(info, &header);
	if (!skb)
		return -ENOMEM;
	if (cpns_allow_raw)
		features |= CPNS_FEATURES_ALLOW_RAW;
	if (cn->pinned)
		features |= CPNS_FEATURES_PINNED;
	err = nla_put(skb, CPNS_A_PUBKEY, CPNS_X25519_SIZE, cn->node.public) ?:
	      nla_put_u32(skb, CPNS_A_FEATURES, features) ?:
	      nla_put_s32(skb, CPNS_A_SERIAL, cpns_keyring_serial());
	if (!err && cn->previous.valid)
		err = nla_put(skb, CPNS_A_PREVIOUS, CPNS_X25519_SIZE,
			      cn->previous.public);
	if (!err && cn->pinned)
		err = nla_put(skb, CPNS_A_PIN, CPNS_X25519_SIZE, cn->pin);
	return cpns_nl_reply(info, skb, header, err);
}

static int cpns_nl_node(struct sk_buff *skb, struct genl_info *info)
{
	bool rotate = info->genlhdr->cmd == CPNS_CMD_NODE_ROTATE;
	struct cpns_net *cn = cpns_net(genl_info_net(info));
	int err = cpns_nl_check_net(info);

	if (err)
		return err;
	mutex_lock(&cn->config);
	err = rotate ? cpns_node_rotate(cn) : cpns_node_make(cn);
	if (err)
		NL_SET_ERR_MSG(info->extack, "no usable random number");
	else
		err = cpns_nl_node_reply(info, cn);
	if (!err && rotate) {
		const struct cpns_event event = {
			.cmd = CPNS_CMD_NODE_CHANGE, .pubkey = cn->node.public,
			.reason = CPNS_REASON_ROTATED,
		};

		cpns_event_send(cn->net, &event, GFP_KERNEL);
	}
	mutex_unlock(&cn->config);
	return err;
}

static int cpns_nl_node_pin(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_net *cn = cpns_net(genl_info_net(info));
	int err = cpns_nl_check_net(info);

	if (err)
		return err;
	if (!info->attrs[CPNS_A_PUBKEY]) {
		NL_SET_ERR_MSG(info->extack, "public key is missing");
		return -EINVAL;
	}
	mutex_lock(&cn->config);
	err = cpns_node_pin(cn, nla_data(info->attrs[CPNS_A_PUBKEY]));
	mutex_unlock(&cn->config);
	if (err == -EPERM)
		NL_SET_ERR_MSG(info->extack, "another key is pinned already");
	else if (err)
		NL_SET_ERR_MSG(info->extack, "not a public key");
	return err;
}

/* Attributes into the form the parser takes; those that repeat, in order. */
static void cpns_nl_message(struct genl_info *info, struct cpns_message_in *in,
			    u16 *evicted)
{
	struct nlattr **attrs = info->attrs, *attr;
	int rem;

	in->allow_raw = cpns_allow_raw;
	in->sgid = cpns_nl_sgid(attrs[CPNS_A_SGID], &in->sgid_len);
	if (attrs[CPNS_A_HEADER]) {
		in->header = nla_data(attrs[CPNS_A_HEADER]);
		in->header_len = nla_len(attrs[CPNS_A_HEADER]);
	}
	if (attrs[CPNS_A_SEAL]) {
		in->seal = nla_data(attrs[CPNS_A_SEAL]);
		in->seal_len = nla_len(attrs[CPNS_A_SEAL]);
	}
	if (attrs[CPNS_A_SECRET]) {
		in->secret = nla_data(attrs[CPNS_A_SECRET]);
		in->secret_len = nla_len(attrs[CPNS_A_SECRET]);
	}
	if (attrs[CPNS_A_SID]) {
		in->has_sid = true;
		in->sid = nla_get_u16(attrs[CPNS_A_SID]);
	}
	if (attrs[CPNS_A_ELAPSED])
		in->elapsed = nla_get_u32(attrs[CPNS_A_ELAPSED]);
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) == CPNS_A_ITEM) {
			if (in->items < CPNS_ITEMS_MAX) {
				in->item[in->items] = nla_data(attr);
				in->item_len[in->items] = nla_len(attr);
			}
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
	enum cpns_state state = CPNS_STATE_NONE;
	struct sk_buff *skb;
	void *header;
	u16 sid = 0;
	int err;

	if (epoch) {
		state = cpns_epoch_state(epoch);
		sid = cpns_epoch_sid(epoch);
	}
	cpns_epoch_put(epoch);
	skb = cpns_nl_new(info, &header);
	if (!skb)
		return 0;	/* committed all the same */
	err = cpns_nl_put_group(skb, group) ?:
	      nla_put_u32(skb, CPNS_A_EPOCH, num) ?:
	      nla_put_u32(skb, CPNS_A_STATE, state) ?:
	      nla_put_u16(skb, CPNS_A_SID, sid);
	return cpns_nl_reply(info, skb, header, err);
}

static int cpns_nl_group_set(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_net *cn = cpns_net(genl_info_net(info));
	struct cpns_message_in *in;
	struct cpns_group *group;
	const char *why = NULL;
	u16 *evicted;
	int err = cpns_nl_check_net(info);

	if (err)
		goto wipe;
	in = kzalloc(sizeof(*in), GFP_KERNEL);
	evicted = kmalloc_array(CPNS_EVICTED_MAX, sizeof(*evicted), GFP_KERNEL);
	err = -ENOMEM;
	if (!in || !evicted)
		goto out;
	cpns_nl_message(info, in, evicted);
	err = cpns_group_set(cn, in, evicted, &group, &why);
	if (err && info->extack)
		info->extack->_msg = err == -ENOMEM ? "out of memory" : why;
	if (!err) {
		err = cpns_nl_group_set_reply(info, group);
		cpns_group_put(group);
	}
out:
	kfree(evicted);
	kfree(in);
wipe:
	/* the request may hold a clear secret */
	if (info->attrs[CPNS_A_SECRET])
		memzero_explicit(nla_data(info->attrs[CPNS_A_SECRET]),
				 nla_len(info->attrs[CPNS_A_SECRET]));
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

static int cpns_nl_fill_group(struct sk_buff *skb, struct cpns_group *group)
{
	struct cpns_epoch *epoch;
	unsigned int i;
	int err;

	err = cpns_nl_put_group(skb, group) ?:
	      nla_put(skb, CPNS_A_TAG, CPNS_TAG_SIZE, group->tag) ?:
	      nla_put_u32(skb, CPNS_A_HIGHEST, READ_ONCE(group->highest));
	rcu_read_lock();
	epoch = cpns_epoch_shown(group);
	if (!err)
		err = nla_put_u32(skb, CPNS_A_EPOCH,
				  epoch && cpns_epoch_state(epoch) ==
				  CPNS_STATE_ACTIVE ? epoch->num : 0);
	for (i = 0; i < CPNS_EPOCHS && !err; i++) {
		epoch = rcu_dereference(group->epoch[i]);
		if (epoch)
			err = cpns_nl_put_epoch(skb, epoch);
	}
	rcu_read_unlock();
	return err;
}

static int cpns_nl_group_get(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_group *group;
	struct sk_buff *reply;
	void *header;
	int err = cpns_nl_check_net(info);

	if (err)
		return err;
	group = cpns_nl_group(info);
	if (IS_ERR(group))
		return PTR_ERR(group);
	reply = cpns_nl_new(info, &header);
	if (reply)
		err = cpns_nl_reply(info, reply, header,
				    cpns_nl_fill_group(reply, group));
	cpns_group_put(group);
	return reply ? err : -ENOMEM;
}

static int cpns_nl_group_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	struct cpns_net *cn = cpns_net(net);
	struct cpns_group *group;
	long bucket = cb->args[0], skip = cb->args[1], n;
	void *header;

	if (!net_eq(net, current->nsproxy->net_ns)) {
		NL_SET_ERR_MSG(cb->extack,
			       "the socket is of another network namespace");
		return -EPERM;
	}
	rcu_read_lock();
	for (; bucket < ARRAY_SIZE(cn->groups); bucket++, skip = 0) {
		n = 0;
		hlist_for_each_entry_rcu(group, &cn->groups[bucket], node) {
			if (n++ < skip)
				continue;
			header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
					     cb->nlh->nlmsg_seq, &cpns_family,
					     NLM_F_MULTI, CPNS_CMD_GROUP_GET);
			if (!header)
				goto full;
			if (cpns_nl_fill_group(skb, group)) {
				genlmsg_cancel(skb, header);
				goto full;
			}
			genlmsg_end(skb, header);
			skip = n;
		}
	}
full:
	rcu_read_unlock();
	cb->args[0] = bucket;
	cb->args[1] = skip;
	return skb->len;
}

static int cpns_nl_group_revoke(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_group *group;
	int err = cpns_nl_check_net(info);

	if (err)
		return err;
	group = cpns_nl_group(info);
	if (IS_ERR(group))
		return PTR_ERR(group);
	cpns_group_revoke(group);
	cpns_group_put(group);
	return 0;
}

static int cpns_nl_epoch_activate(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_group *group;
	int err = cpns_nl_check_net(info);

	if (err)
		return err;
	if (!info->attrs[CPNS_A_EPOCH]) {
		NL_SET_ERR_MSG(info->extack, "epoch is missing");
		return -EINVAL;
	}
	group = cpns_nl_group(info);
	if (IS_ERR(group))
		return PTR_ERR(group);
	err = cpns_epoch_activate(group, nla_get_u32(info->attrs[CPNS_A_EPOCH]));
	if (err == -ENOKEY)
		NL_SET_ERR_MSG(info->extack, "the group has no such epoch");
	else if (err)
		NL_SET_ERR_MSG(info->extack, "a newer epoch is active");
	cpns_group_put(group);
	return err;
}

#define CPNS_OP(_cmd, _doit, _dumpit) {					\
	.cmd = _cmd, .doit = _doit, .dumpit = _dumpit,			\
	.flags = GENL_UNS_ADMIN_PERM,					\
}

static const struct genl_small_ops cpns_ops[] = {
	CPNS_OP(CPNS_CMD_NODE_GET, cpns_nl_node, NULL),
	CPNS_OP(CPNS_CMD_NODE_ROTATE, cpns_nl_node, NULL),
	CPNS_OP(CPNS_CMD_NODE_PIN, cpns_nl_node_pin, NULL),
	CPNS_OP(CPNS_CMD_GROUP_SET, cpns_nl_group_set, NULL),
	CPNS_OP(CPNS_CMD_GROUP_GET, cpns_nl_group_get, cpns_nl_group_dump),
	CPNS_OP(CPNS_CMD_GROUP_REVOKE, cpns_nl_group_revoke, NULL),
	CPNS_OP(CPNS_CMD_EPOCH_ACTIVATE, cpns_nl_epoch_activate, NULL),
	CPNS_OP(CPNS_CMD_SA_ADD, cpns_nl_sa_add, NULL),
	CPNS_OP(CPNS_CMD_SA_DEL, cpns_nl_sa_del, NULL),
	CPNS_OP(CPNS_CMD_SA_GET, NULL, cpns_nl_sa_get_dump),
};

static const struct genl_multicast_group cpns_mcgrps[] = {
	{
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
	.maxattr	= CPNS_A_MAX,
	.policy		= cpns_policy,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.small_ops	= cpns_ops,
	.n_small_ops	= ARRAY_SIZE(cpns_ops),
	.mcgrps		= cpns_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(cpns_mcgrps),
#ifdef CPNS_HAVE_RESV_START_OP
	.resv_start_op	= CPNS_CMD_NODE_GET,
#endif
};

int __init cpns_netlink_init(void)
{
	return genl_register_family(&cpns_family);
}

void cpns_netlink_exit(void)
{
	genl_unregister_family(&cpns_family);
}
