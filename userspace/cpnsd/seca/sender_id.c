// SPDX-License-Identifier: GPL-2.0-only
/*
 * A Sender-ID for a member that holds its key and cannot send with it.
 *
 * A push brings none where all were used up (wire.md section 3); the server
 * may have lost one in a power cut; the answer to a join may have been lost;
 * and the administrator may have made a receiver a sender.  All that such a
 * member sends is refused by its own kernel or dropped by the others, until it
 * joins anew.
 *
 * Runs in the loop's thread.  A timer paces the joins: each takes one more of
 * the group's Sender-IDs.  Two machines that bear one name take them from each
 * other, so that joins become rare which do not help.  The timer is not the
 * retry's: a lost key is got again without waiting for it.
 */
#include "seca/context.h"

#define JOIN_DELAY	1		/* an answer may be on its way */
#define JOIN_DOUBLINGS	10u		/* 17 minutes */
#define QUIET_SECONDS	3600

/**
 * sender_id_missing - does this member need another Sender-ID?
 * @group: as group_look() found it
 *
 * One that the roster does not mention at all is no reason.  The server may
 * have been put back to an older copy: it would give the Sender-IDs that it has
 * forgotten to others, in the same epoch.
 *
 * Return: true if it shall send, and the kernel holds a live epoch with no
 * Sender-ID or one that the roster says is gone.
 */
bool sender_id_missing(const struct group *group)
{
	if (group->phase != GROUP_HELD || !group->properties ||
	    group->sids_full == group->installed ||
	    !(group->properties->roles & ROLE_BIT_SENDER))
		return false;
	return !group->own_sid ||
	       (group->has_roster && group->roster.num == group->installed &&
		verify_sender_gone(&group->roster, group->own_sid));
}

/**
 * sender_id_look - join soon where a Sender-ID is missing
 * @group: as group_look() found it
 */
void sender_id_look(struct group *group)
{
	double now = loop_boottime();
	unsigned int shift;

	if (!sender_id_missing(group) || group->acquiring ||
	    loop_timer_active(&group->retry) ||
	    loop_timer_active(&group->sender_id))
		return;
	if (now - group->sid_joined_at > QUIET_SECONDS)
		group->sid_joins = 0;
	shift = group->sid_joins < JOIN_DOUBLINGS ? group->sid_joins :
						    JOIN_DOUBLINGS;
	group->sid_joins++;
	group->sid_joined_at = now;
	log_warning("group %s: no Sender-ID to send with (%u%s): joining anew",
		    group->sgid, group->own_sid,
		    group->own_sid ? " is gone" : "");
	loop_timer_start(&group->sender_id, seca_jitter(JOIN_DELAY << shift));
}

/**
 * sender_id_fired - join, if the Sender-ID is missing still
 * @context: the group
 */
void sender_id_fired(void *context)
{
	struct group *group = context;

	group_look(group);
	if (sender_id_missing(group))
		acquire_start(group, true);
}
