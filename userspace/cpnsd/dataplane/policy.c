// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies as values, and lists of them.
 *
 * Pure but for the memory of a list, which its owner frees.
 */
#include "dataplane/policy.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/net.h"

/**
 * policy_same_key() - does the kernel take the two for one?
 * @a: policy
 * @b: policy
 *
 * Return: whether direction and selector are equal.
 */
bool policy_same_key(const struct policy *a, const struct policy *b)
{
	return a->direction == b->direction && a->protocol == b->protocol &&
	       a->source_port == b->source_port &&
	       a->destination_port == b->destination_port &&
	       net_equal(&a->source, &b->source) &&
	       net_equal(&a->destination, &b->destination);
}

static bool tunnel_end_equal(const struct roster_address *a,
			     const struct roster_address *b)
{
	if (a->family == AF_UNSPEC || b->family == AF_UNSPEC)
		return a->family == b->family;
	return net_address_equal(a, b);
}

/**
 * policy_equal() - would putting one over the other change anything?
 * @a: policy
 * @b: policy
 *
 * Return: whether all is equal.
 */
bool policy_equal(const struct policy *a, const struct policy *b)
{
	if (!policy_same_key(a, b) || a->priority != b->priority)
		return false;
	if (a->priority != POLICY_ENCRYPT)
		return true;
	if (a->reqid != b->reqid || a->transport != b->transport)
		return false;
	return a->transport ||
	       (tunnel_end_equal(&a->tunnel_source, &b->tunnel_source) &&
		tunnel_end_equal(&a->tunnel_destination,
				 &b->tunnel_destination));
}

/**
 * policy_list_find() - the entry with the same key
 * @list: list
 * @key: direction and selector
 *
 * Return: entry of @list, or NULL.
 */
const struct policy *policy_list_find(const struct policy_list *list,
				      const struct policy *key)
{
	for (size_t i = 0; i < list->count; i++)
		if (policy_same_key(&list->items[i], key))
			return &list->items[i];
	return NULL;
}

/**
 * policy_list_add() - add a policy; of two with one key the stronger stays
 * @list: list
 * @policy: copied
 *
 * A block whose selector an encrypt policy has too needs no entry of its
 * own: while the template is required, nothing passes in clear.
 *
 * Return: 0 or -ENOMEM.
 */
int policy_list_add(struct policy_list *list, const struct policy *policy)
{
	struct policy *same = (struct policy *)policy_list_find(list, policy);

	if (same) {
		if (policy->priority < same->priority)
			*same = *policy;
		return 0;
	}
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		void *grown = reallocarray(list->items, room,
					   sizeof(*list->items));

		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->room = room;
	}
	list->items[list->count++] = *policy;
	return 0;
}

/**
 * policy_list_free() - free a list's entries
 * @list: list; empty afterwards
 */
void policy_list_free(struct policy_list *list)
{
	free(list->items);
	*list = (struct policy_list){ 0 };
}
