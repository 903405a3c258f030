/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/cpns.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_CPNS_NETLINK_H
#define _UAPI_LINUX_CPNS_NETLINK_H

#define CPNS_GENL_NAME		"cpns"
#define CPNS_GENL_VERSION	1

/**
 * enum cpns_state - State of an epoch; states only advance.
 * @CPNS_STATE_NONE: no such epoch
 * @CPNS_STATE_PENDING: decrypts only, waits for its activation time
 * @CPNS_STATE_ACTIVE: encrypts and decrypts
 * @CPNS_STATE_RXONLY: decrypts only, a newer epoch is active
 * @CPNS_STATE_DEAD: wiped
 */
enum cpns_state {
	CPNS_STATE_NONE,
	CPNS_STATE_PENDING,
	CPNS_STATE_ACTIVE,
	CPNS_STATE_RXONLY,
	CPNS_STATE_DEAD,
};

enum cpns_dir {
	CPNS_DIR_IN = 1,
	CPNS_DIR_OUT,
};

enum cpns_sa_mode {
	CPNS_SA_MODE_TRANSPORT,
	CPNS_SA_MODE_TUNNEL,
};

/**
 * enum cpns_features - What this module can do.
 * @CPNS_FEATURES_TEMPLATE: crypto template cpns(X) for AF_ALG
 * @CPNS_FEATURES_ESP: IPsec states
 * @CPNS_FEATURES_MESSAGE: KEYCTL_PKEY_ENCRYPT and _DECRYPT on the key
 * @CPNS_FEATURES_ALLOW_RAW: the module parameter allow_raw is set, epoch
 *   secrets in clear are accepted
 * @CPNS_FEATURES_PINNED: a static key of the OSG is pinned in this namespace
 */
enum cpns_features {
	CPNS_FEATURES_TEMPLATE = 1,
	CPNS_FEATURES_ESP = 2,
	CPNS_FEATURES_MESSAGE = 4,
	CPNS_FEATURES_ALLOW_RAW = 8,
	CPNS_FEATURES_PINNED = 16,
};

/**
 * enum cpns_reason - Why an event was raised.
 * @CPNS_REASON_NONE: no cause to tell
 * @CPNS_REASON_REVOKED: GROUP_REVOKE, or the key in .cpns was revoked or
 *   invalidated
 * @CPNS_REASON_EXPIRED: lifetime over or the key in .cpns timed out
 * @CPNS_REASON_KCV_MISMATCH: the same epoch number was offered with another
 *   key check value
 * @CPNS_REASON_ROLLBACK: an epoch at or below the highest one was offered
 * @CPNS_REASON_OWN_SID: an inbound state was asked for with this node's own
 *   sender id
 * @CPNS_REASON_VM_FORK: this virtual machine was cloned or restored from a
 *   snapshot
 * @CPNS_REASON_RESUME: this machine hibernates, or resumed from hibernation
 * @CPNS_REASON_NEW_SID: a new seal replaced this node's sender id in the epoch
 * @CPNS_REASON_EVICTED: the sender was evicted
 * @CPNS_REASON_DELETED: somebody else deleted or flushed the state
 * @CPNS_REASON_ROTATED: NODE_ROTATE made a new node key
 * @CPNS_REASON_EXHAUSTED: sequence numbers or IVs are used up
 */
enum cpns_reason {
	CPNS_REASON_NONE,
	CPNS_REASON_REVOKED,
	CPNS_REASON_EXPIRED,
	CPNS_REASON_KCV_MISMATCH,
	CPNS_REASON_ROLLBACK,
	CPNS_REASON_OWN_SID,
	CPNS_REASON_VM_FORK,
	CPNS_REASON_RESUME,
	CPNS_REASON_NEW_SID,
	CPNS_REASON_EVICTED,
	CPNS_REASON_DELETED,
	CPNS_REASON_ROTATED,
	CPNS_REASON_EXHAUSTED,
};

enum {
	CPNS_A_SGID = 1,
	CPNS_A_SERIAL,
	CPNS_A_TAG,
	CPNS_A_HEADER,
	CPNS_A_SEAL,
	CPNS_A_ITEM,
	CPNS_A_EVICTED,
	CPNS_A_ELAPSED,
	CPNS_A_SECRET,
	CPNS_A_SID,
	CPNS_A_EPOCH,
	CPNS_A_HIGHEST,
	CPNS_A_STATE,
	CPNS_A_EPOCH_INFO,
	CPNS_A_REASON,
	CPNS_A_PUBKEY,
	CPNS_A_PREVIOUS,
	CPNS_A_PIN,
	CPNS_A_FEATURES,
	CPNS_A_DIR,
	CPNS_A_SRC,
	CPNS_A_DST,
	CPNS_A_SPI,
	CPNS_A_REQID,
	CPNS_A_MODE,
	CPNS_A_WINDOW,
	CPNS_A_IF_ID,
	CPNS_A_MARK,
	CPNS_A_MARK_MASK,
	CPNS_A_PACKETS,
	CPNS_A_BYTES,
	CPNS_A_SEQ,
	CPNS_A_KEY_BYTES,
	CPNS_A_PAD,

	__CPNS_A_MAX,
	CPNS_A_MAX = (__CPNS_A_MAX - 1)
};

enum {
	CPNS_E_NUM = 1,
	CPNS_E_STATE,
	CPNS_E_SUITE,
	CPNS_E_SID,
	CPNS_E_KCV,
	CPNS_E_ACTIVATE_IN,
	CPNS_E_DEAD_IN,
	CPNS_E_EXPIRES_IN,
	CPNS_E_IVS,
	CPNS_E_PAD,

	__CPNS_E_MAX,
	CPNS_E_MAX = (__CPNS_E_MAX - 1)
};

enum cpns_cmd {
	CPNS_CMD_NODE_GET = 1,
	CPNS_CMD_NODE_ROTATE,
	CPNS_CMD_NODE_PIN,
	CPNS_CMD_GROUP_SET,
	CPNS_CMD_GROUP_GET,
	CPNS_CMD_GROUP_REVOKE,
	CPNS_CMD_EPOCH_ACTIVATE,
	CPNS_CMD_SA_ADD,
	CPNS_CMD_SA_DEL,
	CPNS_CMD_SA_GET,
	CPNS_CMD_EPOCH_CHANGE,
	CPNS_CMD_GROUP_GONE,
	CPNS_CMD_SENDER_RESET,
	CPNS_CMD_NODE_CHANGE,
	CPNS_CMD_KEY_WANTED,
	CPNS_CMD_IV_LOW,
	CPNS_CMD_SA_SOFT,
	CPNS_CMD_SA_HARD,
	CPNS_CMD_SA_GONE,
	CPNS_CMD_ALARM,

	__CPNS_CMD_MAX,
	CPNS_CMD_MAX = (__CPNS_CMD_MAX - 1)
};

#define CPNS_MCGRP_EVENTS	"events"

#endif /* _UAPI_LINUX_CPNS_NETLINK_H */
