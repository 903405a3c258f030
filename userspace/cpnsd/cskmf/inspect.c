// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking at the CSKMF's groups: see inspect.h.
 */
#include <errno.h>
#include <string.h>

#include "cskmf/group.h"

struct nodes *cskmf_nodes(struct cskmf *cskmf)
{
	return cskmf->nodes;
}

bool cskmf_may_register(struct cskmf *cskmf, const char *node)
{
	return limits_take(cskmf->limits, node, loop_boottime());
}

unsigned int cskmf_banned(const struct cskmf *cskmf)
{
	return limits_banned(cskmf->limits, loop_boottime());
}

const struct cskmf_counters *cskmf_counters(const struct cskmf *cskmf)
{
	return &cskmf->counters;
}

static void view_group(const struct group *group,
		       struct cskmf_group_view *view)
{
	view->sgid = group->sgid;
	view->num = group->num;
	view->description = group->description;
	view->created = group->created;
	view->seconds_left = group_seconds_left(group);
	view->reason = group->reason;
	view->pending = group->wanted;
	view->tree = group->tree;
	view->held = group->held;
}

int cskmf_group_view(struct cskmf *cskmf, const char *sgid,
		     struct cskmf_group_view *view)
{
	const struct group *group = group_find(cskmf, sgid);

	if (!group || group->deleted)
		return -ENOENT;
	view_group(group, view);
	return 0;
}

size_t cskmf_group_current(struct cskmf *cskmf, const char *sgid)
{
	const struct group *group = group_find(cskmf, sgid);
	struct member *member, *next;
	size_t count = 0;

	if (group)
		HASH_ITER(hh, group->members, member, next)
			count += member->leaf.id &&
				 member->reported == group->num;
	return count;
}

int cskmf_groups_each(struct cskmf *cskmf,
		      int (*each)(void *context,
				  const struct cskmf_group_view *view),
		      void *context)
{
	struct cskmf_group_view view;
	struct group *group, *next;
	int result;

	HASH_ITER(hh, cskmf->groups, group, next) {
		if (group->deleted)
			continue;
		view_group(group, &view);
		result = each(context, &view);
		if (result)
			return result;
	}
	return 0;
}

int cskmf_member_view(struct cskmf *cskmf, const char *sgid, const char *node,
		      struct cskmf_member_view *view)
{
	const struct group *group = group_find(cskmf, sgid);
	const struct member *member;
	const struct sender *sender;

	view->entry = group ? member_entry(group, node) : NULL;
	if (!view->entry)
		return -ENOENT;
	member = member_find(group, node);
	sender = sender_of(group, node);
	view->sid = sender ? sender->sid : 0;
	view->reported = member ? member->reported : 0;
	view->leaf = member ? member->leaf.id : 0;
	return 0;
}

bool cskmf_has_key(struct cskmf *cskmf, const char *sgid, const char *node)
{
	const struct group *group = group_find(cskmf, sgid);
	const struct member *member = group && !group->deleted ?
				      member_find(group, node) : NULL;

	return member && member->leaf.id;
}

void cskmf_address_changed(struct cskmf *cskmf, const char *node)
{
	const struct group_member *entry;
	struct group *group, *next;

	HASH_ITER(hh, cskmf->groups, group, next) {
		entry = member_entry(group, node);
		if (entry && entry->tunnel_dynamic && sender_of(group, node))
			roster_changed(group);
	}
}
