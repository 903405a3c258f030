// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/cpns.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/linux/cpns_netlink.h>

/* Global operation policy for cpns */
const struct nla_policy cpns_nl_policy[CPNS_A_KEY_BYTES + 1] = {
	[CPNS_A_SGID] = { .type = NLA_STRING, .len = 255, },
	[CPNS_A_SERIAL] = { .type = NLA_S32, },
	[CPNS_A_HEADER] = NLA_POLICY_EXACT_LEN(48),
	[CPNS_A_SEAL] = NLA_POLICY_EXACT_LEN(112),
	[CPNS_A_ITEM] = NLA_POLICY_EXACT_LEN(76),
	[CPNS_A_EVICTED] = NLA_POLICY_MIN(NLA_U16, 1),
	[CPNS_A_ELAPSED] = { .type = NLA_U32, },
	[CPNS_A_SECRET] = NLA_POLICY_EXACT_LEN(32),
	[CPNS_A_SID] = { .type = NLA_U16, },
	[CPNS_A_EPOCH] = { .type = NLA_U32, },
	[CPNS_A_PUBKEY] = NLA_POLICY_EXACT_LEN(32),
	[CPNS_A_DIR] = NLA_POLICY_RANGE(NLA_U8, 1, 2),
	[CPNS_A_SRC] = { .type = NLA_BINARY, },
	[CPNS_A_DST] = { .type = NLA_BINARY, },
	[CPNS_A_SPI] = { .type = NLA_U32, },
	[CPNS_A_REQID] = { .type = NLA_U32, },
	[CPNS_A_MODE] = NLA_POLICY_MAX(NLA_U8, 1),
	[CPNS_A_WINDOW] = NLA_POLICY_MAX(NLA_U32, 1024),
	[CPNS_A_IF_ID] = { .type = NLA_U32, },
	[CPNS_A_MARK] = { .type = NLA_U32, },
	[CPNS_A_MARK_MASK] = { .type = NLA_U32, },
	[CPNS_A_KEY_BYTES] = { .type = NLA_U8, },
};

/* Ops table for cpns */
const struct genl_small_ops cpns_nl_ops[10] = {
	{
		.cmd	= CPNS_CMD_NODE_GET,
		.doit	= cpns_nl_node_get_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= CPNS_CMD_NODE_ROTATE,
		.doit	= cpns_nl_node_rotate_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= CPNS_CMD_NODE_PIN,
		.doit	= cpns_nl_node_pin_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= CPNS_CMD_GROUP_SET,
		.doit	= cpns_nl_group_set_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= CPNS_CMD_GROUP_GET,
		.doit	= cpns_nl_group_get_doit,
		.dumpit	= cpns_nl_group_get_dumpit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= CPNS_CMD_GROUP_REVOKE,
		.doit	= cpns_nl_group_revoke_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= CPNS_CMD_EPOCH_ACTIVATE,
		.doit	= cpns_nl_epoch_activate_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= CPNS_CMD_SA_ADD,
		.doit	= cpns_nl_sa_add_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= CPNS_CMD_SA_DEL,
		.doit	= cpns_nl_sa_del_doit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd	= CPNS_CMD_SA_GET,
		.dumpit	= cpns_nl_sa_get_dumpit,
		.flags	= GENL_UNS_ADMIN_PERM,
	},
};

/* Attributes that the request of a command may have */
const u64 cpns_nl_request[CPNS_CMD_MAX + 1] = {
	[CPNS_CMD_NODE_PIN] =
		BIT_ULL(CPNS_A_PUBKEY),
	[CPNS_CMD_GROUP_SET] =
		BIT_ULL(CPNS_A_SGID) |
		BIT_ULL(CPNS_A_HEADER) |
		BIT_ULL(CPNS_A_SEAL) |
		BIT_ULL(CPNS_A_ITEM) |
		BIT_ULL(CPNS_A_EVICTED) |
		BIT_ULL(CPNS_A_ELAPSED) |
		BIT_ULL(CPNS_A_SECRET) |
		BIT_ULL(CPNS_A_SID),
	[CPNS_CMD_GROUP_GET] =
		BIT_ULL(CPNS_A_SGID) |
		BIT_ULL(CPNS_A_SERIAL),
	[CPNS_CMD_GROUP_REVOKE] =
		BIT_ULL(CPNS_A_SGID) |
		BIT_ULL(CPNS_A_SERIAL),
	[CPNS_CMD_EPOCH_ACTIVATE] =
		BIT_ULL(CPNS_A_SGID) |
		BIT_ULL(CPNS_A_SERIAL) |
		BIT_ULL(CPNS_A_EPOCH),
	[CPNS_CMD_SA_ADD] =
		BIT_ULL(CPNS_A_SGID) |
		BIT_ULL(CPNS_A_SERIAL) |
		BIT_ULL(CPNS_A_EPOCH) |
		BIT_ULL(CPNS_A_SID) |
		BIT_ULL(CPNS_A_DIR) |
		BIT_ULL(CPNS_A_SRC) |
		BIT_ULL(CPNS_A_DST) |
		BIT_ULL(CPNS_A_SPI) |
		BIT_ULL(CPNS_A_REQID) |
		BIT_ULL(CPNS_A_MODE) |
		BIT_ULL(CPNS_A_WINDOW) |
		BIT_ULL(CPNS_A_IF_ID) |
		BIT_ULL(CPNS_A_MARK) |
		BIT_ULL(CPNS_A_MARK_MASK) |
		BIT_ULL(CPNS_A_KEY_BYTES),
	[CPNS_CMD_SA_DEL] =
		BIT_ULL(CPNS_A_SGID) |
		BIT_ULL(CPNS_A_SERIAL) |
		BIT_ULL(CPNS_A_DIR) |
		BIT_ULL(CPNS_A_SPI) |
		BIT_ULL(CPNS_A_DST) |
		BIT_ULL(CPNS_A_MARK) |
		BIT_ULL(CPNS_A_MARK_MASK),
	[CPNS_CMD_SA_GET] =
		BIT_ULL(CPNS_A_SGID) |
		BIT_ULL(CPNS_A_SERIAL),
};

/* Attributes that may be there more than once */
const u64 cpns_nl_multi =
	BIT_ULL(CPNS_A_ITEM) |
	BIT_ULL(CPNS_A_EVICTED) |
	BIT_ULL(CPNS_A_EPOCH_INFO);
