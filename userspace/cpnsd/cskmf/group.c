// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups and members in memory, and telling observers what changed.
 *
 * Telling is put off to the loop: an operation may run inside a request's
 * handler, where the transport must not be entered again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"
#include "log.h"

struct group *group_find(struct cskmf *cskmf, const char *sgid)
{
	struct group *group;

	HASH_FIND_STR(cskmf->groups, sgid, group);
	return group;
}

struct group *group_add(struct cskmf *cskmf, const char *sgid)
{
	struct group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->cskmf = cskmf;
	group->term = 1;
	group->alert.list_changed = true;
	strncpy(group->sgid, sgid, sizeof(group->sgid) - 1);
	loop_timer_init(cskmf->options.loop, &group->timer, schedule_fire,
			group);
	HASH_ADD_STR(cskmf->groups, sgid, group);
	return group;
}

void group_free(struct group *group)
{
	struct cskmf *cskmf = group->cskmf;
	struct member *member, *next;

	loop_timer_stop(&group->timer);
	HASH_DEL(cskmf->groups, group);
	HASH_ITER(hh, group->members, member, next) {
		HASH_DEL(group->members, member);
		free(member->presealed);
		free(member);
	}
	if (group->description)
		cskmf->options.events.forget(cskmf->options.events.context,
					     group->description);
	osg_epoch_release(&group->epoch);
	free(group->senders);
	free(group->leaves);
	osg_tree_free(group->tree);
	free(group->roster);
	free(group);
}

struct member *member_find(const struct group *group, const char *node)
{
	struct member *member;

	HASH_FIND_STR(group->members, node, member);
	return member;
}

struct member *member_get(struct group *group, const char *node)
{
	struct member *member = member_find(group, node);

	if (member)
		return member;
	member = calloc(1, sizeof(*member));
	if (!member)
		return NULL;
	strncpy(member->node, node, sizeof(member->node) - 1);
	HASH_ADD_STR(group->members, node, member);
	return member;
}

const struct group_member *member_entry(const struct group *group,
					const char *node)
{
	if (!group->description || group->deleted)
		return NULL;
	return group_description_find(group->description, node);
}

bool group_settled(const struct group *group)
{
	const struct group_description *description = group->description;
	const struct member *member;
	size_t i;

	for (i = 0; i < description->members_count; i++) {
		member = member_find(group, description->members[i].node);
		if (!member || !member->leaf.id)
			return false;
	}
	return group->leaves_count == description->members_count;
}

void group_stored(const struct group *group, struct store_group *stored)
{
	memset(stored, 0, sizeof(*stored));
	stored->sgid = group->sgid;
	stored->term = group->term;
	stored->num = group->num;
	memcpy(stored->hash, group->hash, sizeof(stored->hash));
	if (group->description) {
		stored->document = group->description->document;
		stored->document_size = group->description->document_size;
	}
	stored->roster_serial = group->roster_serial;
	stored->leaf_last = group->leaf_last;
	stored->sid_last = group->sid_last;
	stored->deleted = group->deleted;
}

int group_put(struct group *group, const struct store_group *changes)
{
	struct store_group row = *changes;

	/* it may know of more than was given out, never of less */
	if (row.roster_serial < group->serial_stored)
		row.roster_serial = group->serial_stored;
	return store_group_put(group->cskmf->options.store, &row);
}

uint32_t group_age(const struct group *group)
{
	double age = loop_boottime() - group->made_at;

	if (age <= 0)
		return 0;
	return age < UINT32_MAX ? (uint32_t)age : UINT32_MAX;
}

uint32_t group_seconds_left(const struct group *group)
{
	uint32_t age = group_age(group);

	return age < group->lifetime ? group->lifetime - age : 0;
}

void group_tell(struct group *group, unsigned int what)
{
	group->tell |= what;
	if (!loop_timer_active(&group->cskmf->telling))
		loop_timer_start(&group->cskmf->telling, 0);
}

static void notify(struct group *group, const char *below)
{
	struct transport_server *server = group->cskmf->options.server;
	struct transport_segment path[3] = {
		{ (const uint8_t *)"ace-group", 9 },
		{ (const uint8_t *)group->sgid, strlen(group->sgid) },
	};
	size_t count = 2;

	if (!server)
		return;
	if (below) {
		path[2].bytes = (const uint8_t *)below;
		path[2].size = strlen(below);
		count = 3;
	}
	transport_server_notify(server, path, count);
}

/* the SMF hears first: step 7 of both flows comes before the key itself */
static void tell(struct group *group)
{
	const struct cskmf_events *events = &group->cskmf->options.events;
	unsigned int what = group->tell;
	struct cskmf_alert alert = group->alert;

	group->tell = 0;
	if (what & TELL_ALERT && !alert.error)
		group->alert.list_changed = false;
	if (what & TELL_ALERT)
		events->alert(events->context, &alert);
	if (what & TELL_KEY && !presealed_start(group))
		notify(group, NULL);
	if (what & TELL_NUM)
		notify(group, "num");
	if (what & TELL_ROSTER)
		notify(group, "roster");
}

void groups_tell(void *context)
{
	struct cskmf *cskmf = context;
	struct group *group, *next;

	HASH_ITER(hh, cskmf->groups, group, next)
		if (group->tell)
			tell(group);
}
