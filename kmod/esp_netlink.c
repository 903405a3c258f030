// SPDX-License-Identifier: GPL-2.0-only
/*
 * SA_ADD, SA_DEL and SA_GET: ESP states over netlink.
 *
 * Runs in the calling task, whose capability netlink.c's operation table has
 * checked, and whose attributes' ranges its policy has. Forms are checked here
 * as xfrm_user's verify_newsa_info() does, meaning in esp.c.
 */
#include <linux/slab.h>
#include <net/genetlink.h>
#include <net/ipv6.h>

#include "esp.h"
#include "netlink_gen.h"

#define CPNS_WINDOW_DEFAULT	128

static int cpns_nl_refuse(struct genl_info *info, int attr, const char *why)
{
	if (info->attrs[attr])
		NL_SET_BAD_ATTR(info->extack, info->attrs[attr]);
	info->extack->_msg = why;
	return -EINVAL;
}

static int cpns_nl_address(struct genl_info *info, int attr, u16 *family,
			   xfrm_address_t *address)
{
	const struct nlattr *nla = info->attrs[attr];

	if (!nla)
		return cpns_nl_refuse(info, attr, "an address is missing");
	memset(address, 0, sizeof(*address));
	if (nla_len(nla) == sizeof(address->a4)) {
		*family = AF_INET;
	} else if (nla_len(nla) == sizeof(address->in6)) {
		*family = AF_INET6;
	} else {
		return cpns_nl_refuse(info, attr,
				      "an address has 4 or 16 bytes");
	}
	memcpy(address, nla_data(nla), nla_len(nla));
	if (xfrm_addr_any(address, *family))
		return cpns_nl_refuse(info, attr, "address is unspecified");
	return 0;
}

static int cpns_nl_spi(struct genl_info *info, __be32 *spi)
{
	if (!info->attrs[CPNS_A_SPI])
		return cpns_nl_refuse(info, CPNS_A_SPI, "SPI is missing");
	*spi = nla_get_be32(info->attrs[CPNS_A_SPI]);
	if (ntohl(*spi) < 256)
		return cpns_nl_refuse(info, CPNS_A_SPI,
				      "SPIs below 256 are reserved (RFC 4303)");
	return 0;
}

static u8 cpns_nl_dir(const struct genl_info *info)
{
	const struct nlattr *nla = info->attrs[CPNS_A_DIR];

	return nla ? nla_get_u8(nla) : 0;
}

static u32 cpns_nl_u32(const struct genl_info *info, int attr, u32 none)
{
	return info->attrs[attr] ? nla_get_u32(info->attrs[attr]) : none;
}

/* masked, as xfrm keeps marks */
static void cpns_nl_mark(const struct genl_info *info, struct xfrm_mark *mark)
{
	mark->v = cpns_nl_u32(info, CPNS_A_MARK, 0);
	mark->m = cpns_nl_u32(info, CPNS_A_MARK_MASK,
			      info->attrs[CPNS_A_MARK] ? U32_MAX : 0);
	mark->v &= mark->m;
}

/* above 32 packets by a bitmap, with 32-bit sequence numbers all the same */
static int cpns_nl_window(struct genl_info *info, struct cpns_sa *sa)
{
	u32 window = cpns_nl_u32(info, CPNS_A_WINDOW, 0);
	struct xfrm_replay_state_esn *esn;
	struct xfrm_state *x = sa->x;
	size_t size;

	if (sa->dir == CPNS_DIR_OUT && window)
		return cpns_nl_refuse(info, CPNS_A_WINDOW,
				      "outbound states have no replay window");
	if (sa->dir == CPNS_DIR_OUT)
		return 0;
	window = window ?: CPNS_WINDOW_DEFAULT;
	if (window <= 32) {
		x->props.replay_window = window;
		return 0;
	}
	size = struct_size(esn, bmp, DIV_ROUND_UP(window, 32));
	esn = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!esn)
		return -ENOMEM;
	esn->bmp_len = DIV_ROUND_UP(window, 32);
	esn->replay_window = window;
	x->replay_esn = esn;
	x->preplay_esn = kmemdup(esn, size, GFP_KERNEL_ACCOUNT);
	return x->preplay_esn ? 0 : -ENOMEM;
}

static int cpns_nl_key_bytes(struct genl_info *info, struct cpns_sa *sa)
{
	const struct nlattr *nla = info->attrs[CPNS_A_KEY_BYTES];
	u8 suite = sa->use.epoch->suite;

	sa->key_bytes = nla ? nla_get_u8(nla) :
			suite == CPNS_SUITE_AES_128_GCM ? 16 : 32;
	if (sa->key_bytes == 32 ||
	    (sa->key_bytes == 16 && suite != CPNS_SUITE_CHACHA20_POLY1305))
		return 0;
	return cpns_nl_refuse(info, CPNS_A_KEY_BYTES,
			      "the cipher has no keys of this size");
}

static int cpns_nl_addresses(struct genl_info *info, struct xfrm_state *x)
{
	u16 family = 0;
	bool bad;
	int err;

	err = cpns_nl_address(info, CPNS_A_SRC, &family, &x->props.saddr) ?:
	      cpns_nl_address(info, CPNS_A_DST, &x->props.family,
			      &x->id.daddr);
	if (err)
		return err;
	if (family != x->props.family)
		return cpns_nl_refuse(info, CPNS_A_DST,
				      "addresses of different families");
	bad = family == AF_INET ? ipv4_is_multicast(x->props.saddr.a4) ||
				  ipv4_is_lbcast(x->props.saddr.a4) :
				  ipv6_addr_is_multicast(&x->props.saddr.in6);
	if (bad)
		return cpns_nl_refuse(info, CPNS_A_SRC,
				      "source is a multicast address");
	return 0;
}

/* what the caller chooses */
static int cpns_nl_state(struct genl_info *info, struct cpns_sa *sa)
{
	const struct nlattr *mode = info->attrs[CPNS_A_MODE];
	const struct nlattr *sid = info->attrs[CPNS_A_SID];
	struct xfrm_state *x = sa->x;
	int err;

	sa->dir = cpns_nl_dir(info);
	if (!sa->dir)
		return cpns_nl_refuse(info, CPNS_A_DIR, "direction is missing");
	err = cpns_nl_addresses(info, x) ?: cpns_nl_spi(info, &x->id.spi) ?:
	      cpns_nl_window(info, sa) ?: cpns_nl_key_bytes(info, sa);
	if (err)
		return err;
	if (sid)
		sa->sid = nla_get_u16(sid);
	else if (sa->dir == CPNS_DIR_OUT)
		sa->sid = cpns_epoch_sid(sa->use.epoch);
	if (!sa->sid)
		return cpns_nl_refuse(info, CPNS_A_SID, "no sender id");

	x->id.proto = IPPROTO_ESP;
	x->props.reqid = cpns_nl_u32(info, CPNS_A_REQID, 0);
	x->if_id = cpns_nl_u32(info, CPNS_A_IF_ID, 0);
	cpns_nl_mark(info, &x->mark);
	if (mode && nla_get_u8(mode) == CPNS_SA_MODE_TRANSPORT) {
		x->props.mode = XFRM_MODE_TRANSPORT;
		x->sel.family = x->props.family;
	} else {	/* either family inside */
		x->props.mode = XFRM_MODE_TUNNEL;
		x->props.flags = XFRM_STATE_AF_UNSPEC;
	}
	return 0;
}

/* the state is made: if there is no room for an answer, there is none */
static void cpns_nl_reply_spi(struct genl_info *info, __be32 spi)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *head;

	if (!skb)
		return;
	head = genlmsg_put_reply(skb, info, &cpns_family, 0, CPNS_CMD_SA_ADD);
	if (!head || nla_put_be32(skb, CPNS_A_SPI, spi)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);
	genlmsg_reply(skb, info);
}

/* a text for what has none yet */
static int cpns_nl_explain(struct genl_info *info, int err)
{
	static const struct {
		int		err;
		const char	*why;
	} texts[] = {
		{ -EEXIST, "SPI and destination are taken" },
		{ -EKEYEXPIRED, "the epoch's lifetime or sequence numbers are used up" },
		{ -EKEYREVOKED, "the group or the key was revoked" },
		{ -EKEYREJECTED, "the sender was evicted" },
		{ -ESTALE, "the epoch is not sent with any more" },
		{ -ENOKEY, "this node has no sender id in the epoch" },
		{ -EPROTONOSUPPORT, "no ESP for this family and mode" },
		{ -ENOENT, "this kernel lacks the cipher" },
		{ -EOPNOTSUPP, "this kernel lacks the cipher" },
		{ -ENOMEM, "out of memory" },
	};
	unsigned int i;

	for (i = 0; err && !info->extack->_msg && i < ARRAY_SIZE(texts); i++)
		if (texts[i].err == err)
			info->extack->_msg = texts[i].why;
	if (err && !info->extack->_msg)
		NL_SET_ERR_MSG(info->extack, "the state could not be set up");
	return err;
}

int cpns_nl_sa_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_sa *sa;
	__be32 spi;
	int err;

	sa = kzalloc(sizeof(*sa), GFP_KERNEL_ACCOUNT);
	if (!sa)
		return cpns_nl_explain(info, -ENOMEM);
	err = cpns_use_info(info, &sa->use);
	if (!err) {
		sa->x = xfrm_state_alloc(genl_info_net(info));
		err = sa->x ? cpns_nl_state(info, sa) : -ENOMEM;
	}
	if (!err) {
		spi = sa->x->id.spi;
		err = cpns_sa_add(sa, info->extack);
	}
	if (err) {
		cpns_sa_free(sa);
		return cpns_nl_explain(info, err);
	}
	cpns_nl_reply_spi(info, spi);
	return 0;
}

int cpns_nl_sa_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cpns_sa_match match = { .dir = cpns_nl_dir(info), .silent = true };
	struct cpns_group *group;
	int err;

	err = cpns_nl_address(info, CPNS_A_DST, &match.family, &match.dst) ?:
	      cpns_nl_spi(info, &match.spi);
	if (err)
		return err;
	cpns_nl_mark(info, &match.mark);
	group = cpns_nl_group(info);
	if (IS_ERR(group))
		return PTR_ERR(group);
	err = cpns_sa_end(group, &match);
	cpns_group_put(group);
	if (err)
		NL_SET_ERR_MSG(info->extack, "the group has no such state");
	return err;
}

static int cpns_nl_put_address(struct sk_buff *skb, int attr,
			       const xfrm_address_t *address, u16 family)
{
	return nla_put(skb, attr, family == AF_INET ? sizeof(address->a4) :
						      sizeof(address->in6),
		       address);
}

static int cpns_nl_put_state(struct sk_buff *skb, const struct cpns_sa *sa)
{
	struct xfrm_state *x = sa->x;
	struct xfrm_lifetime_cur life;

	spin_lock_bh(&x->lock);
	life = x->curlft;
	spin_unlock_bh(&x->lock);

	return nla_put_u32(skb, CPNS_A_EPOCH, sa->use.epoch->num) ||
	       nla_put_u16(skb, CPNS_A_SID, sa->sid) ||
	       nla_put_u32(skb, CPNS_A_STATE,
			   sa->waiting ? CPNS_STATE_PENDING :
					 cpns_epoch_state(sa->use.epoch)) ||
	       nla_put_u8(skb, CPNS_A_DIR, sa->dir) ||
	       cpns_nl_put_address(skb, CPNS_A_SRC, &x->props.saddr,
				   x->props.family) ||
	       cpns_nl_put_address(skb, CPNS_A_DST, &x->id.daddr,
				   x->props.family) ||
	       nla_put_be32(skb, CPNS_A_SPI, x->id.spi) ||
	       nla_put_u32(skb, CPNS_A_REQID, x->props.reqid) ||
	       nla_put_u8(skb, CPNS_A_MODE,
			  x->props.mode == XFRM_MODE_TUNNEL ?
			  CPNS_SA_MODE_TUNNEL : CPNS_SA_MODE_TRANSPORT) ||
	       nla_put_u32(skb, CPNS_A_WINDOW,
			   x->replay_esn ? x->replay_esn->replay_window :
					   x->props.replay_window) ||
	       nla_put_u32(skb, CPNS_A_IF_ID, x->if_id) ||
	       nla_put_u32(skb, CPNS_A_MARK, x->mark.v) ||
	       nla_put_u32(skb, CPNS_A_MARK_MASK, x->mark.m) ||
	       nla_put_u64_64bit(skb, CPNS_A_PACKETS, life.packets,
				 CPNS_A_PAD) ||
	       nla_put_u64_64bit(skb, CPNS_A_BYTES, life.bytes, CPNS_A_PAD) ||
	       nla_put_u32(skb, CPNS_A_SEQ, cpns_sa_seq(x, sa->dir)) ||
	       nla_put_u8(skb, CPNS_A_KEY_BYTES, sa->key_bytes) ?
	       -EMSGSIZE : 0;
}

static int cpns_nl_put_sa(struct sk_buff *skb, struct netlink_callback *cb,
			  struct cpns_group *group, const struct cpns_sa *sa)
{
	void *head = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				 cb->nlh->nlmsg_seq, &cpns_family, NLM_F_MULTI,
				 CPNS_CMD_SA_GET);

	if (!head)
		return -EMSGSIZE;
	if (cpns_nl_put_group(skb, group) || cpns_nl_put_state(skb, sa)) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genl_dump_check_consistent(cb, head);
	genlmsg_end(skb, head);
	return 0;
}

/* one group's states from the cb->args[2]th on */
static int cpns_nl_dump_group(struct sk_buff *skb, struct netlink_callback *cb,
			      struct cpns_group *group)
{
	struct cpns_sa *sa;
	long at = 0;
	int err = 0;

	mutex_lock(&group->sa_lock);
	list_for_each_entry(sa, &group->sas, node) {
		if (at++ < cb->args[2])
			continue;
		err = cpns_nl_put_sa(skb, cb, group, sa);
		if (err)
			break;
		cb->args[2] = at;
	}
	mutex_unlock(&group->sa_lock);
	return err;
}

/* is the group the one that was asked for, if one was? */
static bool cpns_nl_wanted(const struct cpns_group *group,
			   struct nlattr *const *tb)
{
	if (tb[CPNS_A_SGID] && nla_strcmp(tb[CPNS_A_SGID], group->sgid))
		return false;
	return !tb[CPNS_A_SERIAL] ||
	       nla_get_s32(tb[CPNS_A_SERIAL]) == READ_ONCE(group->serial);
}

/* args[0] is a bucket, args[1] a group in it, args[2] a state in that one */
int cpns_nl_sa_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	struct cpns_net *cn = cpns_net(net);
	struct nlattr *tb[CPNS_A_MAX + 1];
	struct cpns_group *group;
	int err;

	err = cpns_nl_check(net, cb->nlh, cb->extack) ?:
	      genlmsg_parse(cb->nlh, &cpns_family, tb, cpns_family.maxattr,
			    cpns_family.policy, cb->extack);
	if (err)
		return err;
	/* what changes meanwhile is told as an interruption */
	cb->seq = atomic_read(&cpns_sa_changes) ?: 1;
	while ((group = cpns_sa_group(cn, &cb->args[0], &cb->args[1]))) {
		err = cpns_nl_wanted(group, tb) ?
		      cpns_nl_dump_group(skb, cb, group) : 0;
		cpns_group_put(group);
		if (err)
			break;
		cb->args[1]++;
		cb->args[2] = 0;
	}
	return skb->len ?: err;
}
