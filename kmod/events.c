// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events to the netlink multicast group "events". From any context; an event
 * that cannot be allocated is lost, listeners then see it in GROUP_GET.
 */
#include "group.h"

static bool cpns_event_names_epoch(u8 cmd)
{
	return cmd != CPNS_CMD_GROUP_GONE && cmd != CPNS_CMD_NODE_CHANGE;
}

static int cpns_event_put_sa(struct sk_buff *skb, const struct cpns_event *event)
{
	unsigned int len = event->family == AF_INET6 ? 16 : 4;

	if (!event->dir)
		return 0;
	return nla_put_u8(skb, CPNS_A_DIR, event->dir) ?:
	       nla_put(skb, CPNS_A_SRC, len, &event->src) ?:
	       nla_put(skb, CPNS_A_DST, len, &event->dst) ?:
	       nla_put_be32(skb, CPNS_A_SPI, event->spi) ?:
	       nla_put_u32(skb, CPNS_A_REQID, event->reqid);
}

/**
 * cpns_event_send() - tell whoever listens in a namespace
 * @net: namespace
 * @event: what
 * @gfp: GFP_ATOMIC outside process context
 *
 * Where there is no memory for it, each listener gets ENOBUFS from its socket,
 * as with an event that found its buffer full, and asks for the state anew.
 */
void cpns_event_send(struct net *net, const struct cpns_event *event, gfp_t gfp)
{
	struct sk_buff *skb;
	void *header;
	int err = 0;

	if (!net || !genl_has_listeners(&cpns_family, net, 0))
		return;
	skb = genlmsg_new(NLMSG_GOODSIZE, gfp);
	if (!skb)
		goto lost;
	header = genlmsg_put(skb, 0, 0, &cpns_family, 0, event->cmd);
	if (!header)
		goto drop;
	if (event->group)
		err = cpns_nl_put_group(skb, event->group) ?:
		      nla_put(skb, CPNS_A_TAG, CPNS_TAG_SIZE,
			      event->group->tag);
	if (!err && cpns_event_names_epoch(event->cmd))
		err = nla_put_u32(skb, CPNS_A_EPOCH, event->epoch);
	if (!err && event->sid)
		err = nla_put_u16(skb, CPNS_A_SID, event->sid);
	if (!err && event->state)
		err = nla_put_u32(skb, CPNS_A_STATE, event->state);
	if (!err && event->reason)
		err = nla_put_u32(skb, CPNS_A_REASON, event->reason);
	if (!err && event->pubkey)
		err = nla_put(skb, CPNS_A_PUBKEY, CPNS_X25519_SIZE,
			      event->pubkey);
	if (err || cpns_event_put_sa(skb, event))
		goto drop;
	genlmsg_end(skb, header);
	genlmsg_multicast_netns(&cpns_family, net, skb, 0, 0, gfp);
	return;
drop:
	nlmsg_free(skb);
lost:
	genl_set_err(&cpns_family, net, 0, 0, -ENOBUFS);
}

/**
 * cpns_event_key_wanted() - tell that an epoch is asked for that is not there
 * @group: held
 * @num: number, 0 for any to send with
 *
 * At most once a second and group. Process context.
 */
void cpns_event_key_wanted(struct cpns_group *group, u32 num)
{
	const struct cpns_event event = {
		.cmd = CPNS_CMD_KEY_WANTED, .group = group, .epoch = num,
	};
	struct net *net = NULL;

	mutex_lock(&group->lock);
	if (group->net && time_after(jiffies, group->wanted_at + HZ)) {
		group->wanted_at = jiffies;
		net = maybe_get_net(group->net);
	}
	mutex_unlock(&group->lock);
	if (!net)
		return;
	cpns_event_send(net, &event, GFP_KERNEL);
	put_net(net);
}
