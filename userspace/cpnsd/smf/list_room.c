// SPDX-License-Identifier: GPL-2.0-only
/*
 * A node hears of all its groups in one answer: would this document still let
 * every member's fit?  Found out before the document is taken, not when the
 * node asks.
 *
 * The loop's thread.  Holds nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smf/group_document.h"
#include "smf/smf_private.h"
#include "transport/message.h"

struct listed {
	const struct group_description *description;
	size_t size;
};

/* the group itself first, as it shall be; its entry as it is */
struct all_lists {
	struct listed *groups;
	size_t count;
	struct listed before;
};

static int add(struct all_lists *all,
	       const struct group_description *description)
{
	struct listed *groups;

	groups = reallocarray(all->groups, all->count + 1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	all->groups = groups;
	groups += all->count++;
	groups->description = description;
	groups->size = group_document_list_size(description);
	return 0;
}

static int add_other(void *context, const struct cskmf_group_view *view)
{
	struct all_lists *all = context;

	if (strcmp(view->sgid, all->groups->description->sgid))
		return add(all, view->description);
	all->before.description = view->description;
	all->before.size = group_document_list_size(view->description);
	return 0;
}

static size_t size_in(const struct listed *group, const char *node)
{
	const struct group_member *own;

	if (!group->description)
		return 0;
	own = group_description_find(group->description, node);
	return own ? group->size + group_document_own_size(own) : 0;
}

/* what becomes less is taken, however much it is */
static bool has_room(const struct all_lists *all, const char *node)
{
	size_t shall = size_in(all->groups, node), size = shall, i;

	for (i = 1; i < all->count; i++)
		size += size_in(&all->groups[i], node);
	return size <= TRANSPORT_BODY_MAX ||
	       shall <= size_in(&all->before, node);
}

/**
 * smf_check_list_room() - does the list of each member have room for it?
 * @smf: SMF
 * @description: of a group that is new or changes
 * @reason: SMF_REASON_MAX bytes; gets the cause in words
 *
 * Return: 0, -EBADMSG, -ENOMEM.
 */
int smf_check_list_room(const struct smf *smf,
			const struct group_description *description,
			char *reason)
{
	struct all_lists all = { 0 };
	const struct group_member *member;
	int result;
	size_t i;

	result = add(&all, description);
	if (!result)
		result = cskmf_groups_each(smf->cskmf, add_other, &all);
	/* a document alone is checked by its parser */
	for (i = 0; i < description->members_count && all.count > 1 &&
	     !result; i++) {
		member = &description->members[i];
		if (has_room(&all, member->node))
			continue;
		snprintf(reason, SMF_REASON_MAX,
			 "line %u: the list of all groups of %s has no room for this one (64 KiB): take it out of a group, or list receivers without nets",
			 member->line, member->node);
		result = -EBADMSG;
	}
	if (result == -ENOMEM)
		snprintf(reason, SMF_REASON_MAX, "out of memory");
	free(all.groups);
	return result;
}
