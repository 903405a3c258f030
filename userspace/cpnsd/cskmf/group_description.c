// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking into a group description: see group_description.h.  Holds nothing.
 */
#include <string.h>

#include "cskmf/group_description.h"

const struct group_member *
group_description_find(const struct group_description *description,
		       const char *node)
{
	size_t i;

	for (i = 0; i < description->members_count; i++)
		if (!strcmp(description->members[i].node, node))
			return &description->members[i];
	return NULL;
}
