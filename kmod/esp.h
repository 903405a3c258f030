/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ESP states of the module: what esp.c and esp_netlink.c share.
 */
#ifndef _CPNS_ESP_H
#define _CPNS_ESP_H

#include "cpns.h"

#define CPNS_WINDOW_DEFAULT	128

/**
 * struct cpns_sa_config - what SA_ADD asks for
 * @dir: enum cpns_dir
 * @mode: enum cpns_sa_mode
 * @key_bytes: of the cipher, 16 or 32
 * @sid: whose traffic key
 * @family: AF_INET or AF_INET6
 * @src: outer source
 * @dst: outer destination, may be a multicast group
 * @spi: of the caller's choice, 256 and up
 * @reqid: ties the state to a policy's template
 * @window: replay window in packets, inbound only
 * @if_id: xfrm interface
 * @mark: value and mask
 */
struct cpns_sa_config {
	u8			dir;
	u8			mode;
	u8			key_bytes;
	u16			sid;
	u16			family;
	xfrm_address_t		src;
	xfrm_address_t		dst;
	__be32			spi;
	u32			reqid;
	u32			window;
	u32			if_id;
	struct xfrm_mark	mark;
};

/**
 * struct cpns_sa_id - what SA_DEL names
 * @dir: enum cpns_dir, 0 for any
 * @family: AF_INET or AF_INET6
 * @dst: outer destination
 * @spi: SPI
 * @mark: value and mask
 */
struct cpns_sa_id {
	u8			dir;
	u16			family;
	xfrm_address_t		dst;
	__be32			spi;
	struct xfrm_mark	mark;
};

/**
 * struct cpns_seen - highest sequence number of one sender to one destination
 * @node: in the group's sa_seen; sa_lock, as all below
 * @epoch: number
 * @sid: sender
 * @family: of @dst
 * @dst: outer destination
 * @seq: of states that are gone
 * @users: states that would add to it
 */
struct cpns_seen {
	struct list_head	node;
	u32			epoch;
	u16			sid;
	u16			family;
	xfrm_address_t		dst;
	u32			seq;
	unsigned int		users;
};

/**
 * struct cpns_sa - one state of the module
 * @node: in the group's sas; sa_lock, as all below
 * @x: held
 * @use: epoch and reference, held
 * @seen: inbound only
 * @sid: whose traffic key
 * @dir: enum cpns_dir
 * @key_bytes: of the cipher
 * @waiting: outbound of a pending epoch, xfrm has not got it yet
 * @soft: the soft limit was told
 * @gone: to be swept
 * @cmd: event of its end, 0 for none
 * @reason: enum cpns_reason of its end
 * @end_at: jiffies, 0 for never: a newer outbound state has taken over
 */
struct cpns_sa {
	struct list_head	node;
	struct xfrm_state	*x;
	struct cpns_use		use;
	struct cpns_seen	*seen;
	u16			sid;
	u8			dir;
	u8			key_bytes;
	bool			waiting;
	bool			soft;
	bool			gone;
	u8			cmd;
	u8			reason;
	unsigned long		end_at;
};

int cpns_sa_add(struct net *net, const struct cpns_use *use,
		const struct cpns_sa_config *config,
		struct netlink_ext_ack *extack);
int cpns_sa_del(struct cpns_group *group, const struct cpns_sa_id *id);
u32 cpns_sa_seq(struct xfrm_state *x, u8 dir);

#endif /* _CPNS_ESP_H */
