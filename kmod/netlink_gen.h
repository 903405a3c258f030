/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/cpns.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_CPNS_GEN_H
#define _LINUX_CPNS_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/cpns_netlink.h>

/* Global operation policy for cpns */
extern const struct nla_policy cpns_nl_policy[CPNS_A_KEY_BYTES + 1];

/* Ops table for cpns */
extern const struct genl_small_ops cpns_nl_ops[10];

int cpns_nl_node_get_doit(struct sk_buff *skb, struct genl_info *info);
int cpns_nl_node_rotate_doit(struct sk_buff *skb, struct genl_info *info);
int cpns_nl_node_pin_doit(struct sk_buff *skb, struct genl_info *info);
int cpns_nl_group_set_doit(struct sk_buff *skb, struct genl_info *info);
int cpns_nl_group_get_doit(struct sk_buff *skb, struct genl_info *info);
int cpns_nl_group_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int cpns_nl_group_revoke_doit(struct sk_buff *skb, struct genl_info *info);
int cpns_nl_epoch_activate_doit(struct sk_buff *skb, struct genl_info *info);
int cpns_nl_sa_add_doit(struct sk_buff *skb, struct genl_info *info);
int cpns_nl_sa_del_doit(struct sk_buff *skb, struct genl_info *info);
int cpns_nl_sa_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

extern const u64 cpns_nl_request[CPNS_CMD_MAX + 1];
extern const u64 cpns_nl_multi;

enum {
	CPNS_NLGRP_EVENTS,
};

#endif /* _LINUX_CPNS_GEN_H */
