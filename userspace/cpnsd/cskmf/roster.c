// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signed roster: who sends with which SID from where.
 *
 * Its serial is in the store before the roster that bears it is signed.  A
 * member off the list is gone from the roster at once, before the epoch that
 * evicts it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cskmf/group.h"
#include "proto/response.h"

/*
 * A member joins anew where the roster says that its Sender-ID is gone.  For so
 * many epochs it hears of that, should it miss some, or not get through.
 */
#define GONE_EPOCHS	16

/**
 * roster_next_serial() - above all that were given out, here or elsewhere
 * @group: the group
 *
 * A server whose state was put back to an older copy does not know the last
 * rosters; their serials came from the clock too.  So what changes after that
 * is news to all members, one that has to stop using a SID given away again
 * among them (RFC 6054, wire.md section 3).
 *
 * Return: the serial of the next roster.
 */
uint64_t roster_next_serial(const struct group *group)
{
	uint64_t clock = (uint64_t)time(NULL) << ROSTER_CLOCK_SHIFT;

	return group->roster_serial < clock ? clock : group->roster_serial + 1;
}

int roster_changed(struct group *group)
{
	struct store_group changes;
	int result;

	group_stored(group, &changes);
	changes.roster_serial = roster_next_serial(group);
	result = group_put(group, &changes);
	if (result)
		return result;
	group->roster_serial = changes.roster_serial;
	free(group->roster);
	group->roster = NULL;
	group_tell(group, TELL_ROSTER);
	return 0;
}

/* pointers go into description and node table: borrowed */
static void fill_sender(const struct group *group,
			const struct sender *sender,
			const struct group_member *entry,
			struct roster_sender *line)
{
	const struct node *node;

	line->sid = sender->sid;
	strcpy(line->node, sender->node);
	line->nets = entry->nets;
	line->nets_count = entry->nets_count;
	line->tunnels = (struct roster_address *)entry->tunnels;
	line->tunnels_count = entry->tunnels_count;
	if (!entry->tunnel_dynamic)
		return;
	node = nodes_find(group->cskmf->nodes, sender->node);
	if (node && node->address.family) {
		line->tunnels = (struct roster_address *)&node->address;
		line->tunnels_count = 1;
	}
}

static int make(struct group *group)
{
	const struct group_member *entry;
	const struct sender *sender;
	struct roster roster = {
		.term = group->term,
		.num = group->num,
		.serial = group->roster_serial,
	};
	int result = -ENOMEM;
	size_t i;

	strcpy(roster.sgid, group->sgid);
	roster.senders = calloc(group->senders_count + 1,
				sizeof(*roster.senders));
	roster.gone = calloc(group->senders_count + 1, sizeof(*roster.gone));
	if (!roster.senders || !roster.gone)
		goto out;
	for (i = 0; i < group->senders_count; i++) {
		sender = &group->senders[i];
		if (sender->reserved)
			continue;
		entry = member_entry(group, sender->node);
		if (!sender->gone && entry && entry->roles & ROLE_BIT_SENDER)
			fill_sender(group, sender, entry,
				    &roster.senders[roster.senders_count++]);
		else if ((!sender->gone ||
			  sender->gone + GONE_EPOCHS >= group->num) &&
			 roster.gone_count < ROSTER_GONE_MOST)
			roster.gone[roster.gone_count++] = sender->sid;
	}
	result = osg_sign_roster(group->cskmf->options.osg, &roster,
				 &group->roster, &group->roster_size);
out:
	free(roster.senders);
	free(roster.gone);
	return result;
}

int roster_get(struct group *group, const uint8_t **bytes, size_t *size)
{
	int result = group->roster ? 0 : make(group);

	if (result)
		return result;
	*bytes = group->roster;
	*size = group->roster_size;
	return 0;
}
