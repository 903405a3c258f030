/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The GROUP_SET message once its attributes are checked; no kernel types but
 * fixed-width integers, so that the parser also builds in user space.
 */
#ifndef _CPNS_MESSAGE_H
#define _CPNS_MESSAGE_H

#ifndef __KERNEL__
#include <stdbool.h>
#endif
#include <linux/types.h>
#include <linux/cpns.h>

/**
 * struct cpns_message_in - raw attributes of one GROUP_SET
 * @sgid: not terminated
 * @sgid_len: bytes, may include one final 0
 * @header: bytes or NULL, as all below
 * @header_len: bytes
 * @seal: bytes
 * @seal_len: bytes
 * @item: bytes of each
 * @item_len: bytes of each
 * @items: how many; larger than %CPNS_ITEMS_MAX if there were more
 * @evicted: how many there were
 * @secret: bytes
 * @secret_len: bytes
 * @sid: attribute SID
 * @elapsed: seconds
 * @has_sid: attribute SID is there
 * @allow_raw: @secret may be used
 */
struct cpns_message_in {
	const char	*sgid;
	unsigned int	sgid_len;
	const void	*header;
	unsigned int	header_len;
	const void	*seal;
	unsigned int	seal_len;
	const void	*item[CPNS_ITEMS_MAX];
	unsigned int	item_len[CPNS_ITEMS_MAX];
	unsigned int	items;
	unsigned int	evicted;
	const void	*secret;
	unsigned int	secret_len;
	__u16		sid;
	__u32		elapsed;
	bool		has_sid;
	bool		allow_raw;
};

/**
 * struct cpns_message_set - the same, checked, numbers in host order
 * @header: points into the message
 * @seal: points into the message, or NULL
 * @secret: points into the message, or NULL
 * @epoch: number
 * @atd: seconds from now
 * @dtd: seconds from now
 * @lifetime: seconds from now, U32_MAX for ever
 * @sid: own sender id if @seal or @secret is there
 * @suite: CPNS_SUITE_*
 */
struct cpns_message_set {
	const struct cpns_header	*header;
	const struct cpns_seal		*seal;
	const void			*secret;
	__u32				epoch;
	__u32				atd;
	__u32				dtd;
	__u32				lifetime;
	__u16				sid;
	__u8				suite;
};

int cpns_message_check(const struct cpns_message_in *in,
		       struct cpns_message_set *set, const char **why);
int cpns_sgid_check(const char *sgid, unsigned int len);

#endif /* _CPNS_MESSAGE_H */
