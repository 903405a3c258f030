// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Words for the numbers of the uapi.
 *
 * Threading: constant tables, no state.
 */
#include "internal.h"

#define NAME(table, number) \
	((number) < sizeof(table) / sizeof((table)[0]) && (table)[number] ? \
	 (table)[number] : "unknown")

/**
 * cpns_state_name() - name of an epoch's state
 * @state: enum cpns_state
 *
 * Return: the word that `keyctl print` shows, "unknown" for others.
 */
const char *cpns_state_name(unsigned int state)
{
	static const char *const names[] = {
		[CPNS_STATE_NONE] = "none",
		[CPNS_STATE_PENDING] = "pending",
		[CPNS_STATE_ACTIVE] = "active",
		[CPNS_STATE_RXONLY] = "rxonly",
		[CPNS_STATE_DEAD] = "dead",
	};

	return NAME(names, state);
}

/**
 * cpns_suite_name() - name of a cipher suite
 * @suite: CPNS_SUITE_*
 *
 * Return: its name, "unknown" for others.
 */
const char *cpns_suite_name(unsigned int suite)
{
	static const char *const names[] = {
		[CPNS_SUITE_AES_256_GCM] = "AES-256-GCM",
		[CPNS_SUITE_AES_128_GCM] = "AES-128-GCM",
		[CPNS_SUITE_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
	};

	return NAME(names, suite);
}

/**
 * cpns_event_name() - name of an event
 * @command: CPNS_CMD_* of the event
 *
 * Return: its name in the netlink specification, "unknown" for others.
 */
const char *cpns_event_name(unsigned int command)
{
	static const char *const names[] = {
		[CPNS_CMD_EPOCH_CHANGE] = "epoch-change",
		[CPNS_CMD_GROUP_GONE] = "group-gone",
		[CPNS_CMD_SENDER_RESET] = "sender-reset",
		[CPNS_CMD_NODE_CHANGE] = "node-change",
		[CPNS_CMD_KEY_WANTED] = "key-wanted",
		[CPNS_CMD_IV_LOW] = "iv-low",
		[CPNS_CMD_SA_SOFT] = "sa-soft",
		[CPNS_CMD_SA_HARD] = "sa-hard",
		[CPNS_CMD_SA_GONE] = "sa-gone",
		[CPNS_CMD_ALARM] = "alarm",
	};

	return NAME(names, command);
}

/**
 * cpns_reason_name() - why an event was raised
 * @reason: enum cpns_reason
 *
 * Return: its name in the netlink specification, "unknown" for others.
 */
const char *cpns_reason_name(unsigned int reason)
{
	static const char *const names[] = {
		[CPNS_REASON_NONE] = "none",
		[CPNS_REASON_REVOKED] = "revoked",
		[CPNS_REASON_EXPIRED] = "expired",
		[CPNS_REASON_KCV_MISMATCH] = "kcv-mismatch",
		[CPNS_REASON_ROLLBACK] = "rollback",
		[CPNS_REASON_OWN_SID] = "own-sid",
		[CPNS_REASON_VM_FORK] = "vm-fork",
		[CPNS_REASON_RESUME] = "resume",
		[CPNS_REASON_NEW_SID] = "new-sid",
		[CPNS_REASON_EVICTED] = "evicted",
		[CPNS_REASON_DELETED] = "deleted",
		[CPNS_REASON_ROTATED] = "rotated",
		[CPNS_REASON_EXHAUSTED] = "exhausted",
	};

	return NAME(names, reason);
}
