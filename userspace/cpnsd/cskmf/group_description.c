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
	size_t low = 0, high = description->members_count, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = strcmp(description->by_node[middle]->node, node);
		if (!order)
			return description->by_node[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
