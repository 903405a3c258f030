/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A group of the first namespace with epochs in it, for the suites.
 */
#ifndef _CPNS_KUNIT_GROUPS_H
#define _CPNS_KUNIT_GROUPS_H

#include <kunit/test.h>

#include "group.h"

/* each suite has its own: the numbers of a group's epochs only go forwards */
#define SGID "urn:cpns:kunit:" KBUILD_BASENAME

/*
 * GROUP_SET with a clear secret, all of whose bytes are @secret_byte; @group is
 * held on success.
 */
int set_epoch_of(const char *sgid, u32 num, u16 sid, u32 atd, u32 dtd,
		 u8 secret_byte, struct cpns_group **group, const char **why);

static inline int set_epoch(u32 num, u16 sid, u32 atd, u32 dtd, u8 secret_byte,
			    struct cpns_group **group, const char **why)
{
	return set_epoch_of(SGID, num, sid, atd, dtd, secret_byte, group, why);
}

/* of an epoch of the group: CPNS_STATE_NONE, or 0, where it is not there */
enum cpns_state state_of(struct cpns_group *group, u32 num);
u16 sender_of(struct cpns_group *group, u32 num);

#endif /* _CPNS_KUNIT_GROUPS_H */
