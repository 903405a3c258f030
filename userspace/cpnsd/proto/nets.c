// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nets within nets: see nets.h.
 */
#include "proto/nets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool bit_of(const struct roster_net *net, unsigned int bit)
{
	return net->network.address[bit / 8] >> (7 - bit % 8) & 1;
}

bool roster_net_within(const struct roster_net *inner,
		       const struct roster_net *outer)
{
	const uint8_t *one = inner->network.address;
	const uint8_t *other = outer->network.address;
	unsigned int whole = outer->prefix / 8, rest = outer->prefix % 8;

	if (inner->network.family != outer->network.family ||
	    inner->prefix < outer->prefix || memcmp(one, other, whole))
		return false;
	return !rest || !((one[whole] ^ other[whole]) >> (8 - rest));
}

int net_list_add(struct net_list *list, const struct roster_net *net)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		void *grown = reallocarray(list->items, room,
					   sizeof(*list->items));

		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->room = room;
	}
	list->items[list->count++] = *net;
	return 0;
}

void net_list_free(struct net_list *list)
{
	free(list->items);
	*list = (struct net_list){ 0 };
}

/* the holes of the lower half before those of the upper: how many they are */
static size_t part_holes(struct roster_net *holes, size_t count,
			 unsigned int bit)
{
	size_t lower = 0, i;

	for (i = 0; i < count; i++) {
		const struct roster_net hole = holes[i];

		if (bit_of(&hole, bit))
			continue;
		holes[i] = holes[lower];
		holes[lower++] = hole;
	}
	return lower;
}

int net_list_add_rest(struct net_list *list, const struct roster_net *net,
		      struct roster_net *holes, size_t count)
{
	struct roster_net half = *net;
	size_t lower, i;
	int result;

	if (!count)
		return net_list_add(list, net);
	for (i = 0; i < count; i++)
		if (holes[i].prefix <= net->prefix)
			return 0;
	lower = part_holes(holes, count, net->prefix);
	half.prefix++;
	result = net_list_add_rest(list, &half, holes, lower);
	if (result)
		return result;
	half.network.address[net->prefix / 8] |= 0x80 >> net->prefix % 8;
	return net_list_add_rest(list, &half, holes + lower, count - lower);
}

int net_list_add_others(struct net_list *list, const struct roster_net *net,
			const struct roster_net *own, size_t count)
{
	struct roster_net *holes = calloc(count + 1, sizeof(*holes));
	size_t within = 0, i;
	int result;

	if (!holes)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		if (roster_net_within(&own[i], net))
			holes[within++] = own[i];
	result = net_list_add_rest(list, net, holes, within);
	free(holes);
	return result;
}
