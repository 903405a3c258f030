// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which SAs a group needs in one epoch (wire.md section 4): inbound for each
 * other sender at each own tunnel address, outbound towards each peer's
 * tunnel address, and one more of each for a multicast group.
 *
 * Pure but for the lists' memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/net.h"
#include "dataplane/plan.h"
#include "dataplane/tag.h"

/**
 * state_equal() - is it the same SA?
 * @a: SA
 * @b: SA
 *
 * Return: whether direction, epoch, sender, SPI, ends, reqid and mode agree.
 */
bool state_equal(const struct cpns_sa *a, const struct cpns_sa *b)
{
	size_t size = net_address_bytes(a->family);

	return a->outbound == b->outbound && a->epoch == b->epoch &&
	       a->sid == b->sid && a->spi == b->spi &&
	       a->family == b->family && a->reqid == b->reqid &&
	       a->transport == b->transport &&
	       !memcmp(a->source, b->source, size) &&
	       !memcmp(a->destination, b->destination, size);
}

const struct cpns_sa *state_list_find(const struct state_list *list,
				      const struct cpns_sa *state)
{
	for (size_t i = 0; i < list->count; i++)
		if (state_equal(&list->items[i], state))
			return &list->items[i];
	return NULL;
}

/**
 * state_list_add() - add an SA once
 * @list: list
 * @state: copied
 *
 * Return: 0 or -ENOMEM.
 */
int state_list_add(struct state_list *list, const struct cpns_sa *state)
{
	if (state_list_find(list, state))
		return 0;
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		void *grown = reallocarray(list->items, room,
					   sizeof(*list->items));

		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->room = room;
	}
	list->items[list->count++] = *state;
	return 0;
}

void state_list_free(struct state_list *list)
{
	free(list->items);
	*list = (struct state_list){ 0 };
}

static int add_state(const struct plan_states *plan, bool outbound,
		     uint16_t sid, const struct roster_address *source,
		     const struct roster_address *destination,
		     struct state_list *list)
{
	struct cpns_sa state = {
		.epoch = plan->epoch,
		.sid = sid,
		.outbound = outbound,
		.transport = plan->transport,
		.family = destination->family,
		.reqid = dataplane_reqid(plan->sgid),
	};
	uint8_t tag[CPNS_TAG_SIZE], mapped[16];

	snprintf(state.sgid, sizeof(state.sgid), "%s", plan->sgid);
	memcpy(state.source, source->address, sizeof(state.source));
	memcpy(state.destination, destination->address,
	       sizeof(state.destination));
	net_mapped(destination, mapped);
	if (!dataplane_tag(plan->sgid, tag))
		return -EIO;
	state.spi = dataplane_spi(tag, plan->epoch, sid, mapped);
	if (!state.spi || !state.reqid)
		return -EIO;
	return state_list_add(list, &state);
}

static const struct roster_address *
of_family(const struct roster_address *addresses, size_t count,
	  sa_family_t family)
{
	for (size_t i = 0; i < count; i++)
		if (addresses[i].family == family)
			return &addresses[i];
	return NULL;
}

static bool is_own(const struct plan_states *plan,
		   const struct roster_sender *sender)
{
	if (sender->sid == plan->own_sid)
		return true;
	/* an entry of before this gateway's last registration */
	for (size_t i = 0; i < sender->tunnels_count; i++)
		for (size_t j = 0; j < plan->tunnels_count; j++)
			if (net_address_equal(&sender->tunnels[i],
					      &plan->tunnels[j]))
				return true;
	return false;
}

static int add_inbound(const struct plan_states *plan,
		       const struct roster_sender *sender,
		       struct state_list *list)
{
	const struct roster_address *source;
	int result = 0;

	for (size_t i = 0; i < plan->tunnels_count && !result; i++) {
		const struct roster_address *own = &plan->tunnels[i];

		source = of_family(sender->tunnels, sender->tunnels_count,
				   own->family);
		if (source)
			result = add_state(plan, false, sender->sid, source,
					   own, list);
	}
	source = of_family(sender->tunnels, sender->tunnels_count,
			   plan->multicast.family);
	if (!result && plan->multicast.family != AF_UNSPEC && source)
		result = add_state(plan, false, sender->sid, source,
				   &plan->multicast, list);
	return result;
}

static int add_outbound(const struct plan_states *plan,
			const struct roster_address *peers, size_t count,
			struct state_list *list)
{
	int result = 0;

	for (size_t i = 0; i < count && !result; i++) {
		const struct roster_address *own =
			of_family(plan->tunnels, plan->tunnels_count,
				  peers[i].family);

		if (own && !net_address_equal(own, &peers[i]))
			result = add_state(plan, true, plan->own_sid, own,
					   &peers[i], list);
	}
	return result;
}

/**
 * plan_sas() - the SAs of one epoch
 * @plan: who sends and receives
 * @list: added to, inbound ones first
 *
 * Return: 0 or -errno.
 */
int plan_sas(const struct plan_states *plan, struct state_list *list)
{
	const struct roster *roster = plan->roster;
	int result = 0;

	for (size_t i = 0; i < roster->senders_count && !result; i++)
		if (!is_own(plan, &roster->senders[i]))
			result = add_inbound(plan, &roster->senders[i], list);
	if (!plan->own_sid || !plan->may_send)
		return result;
	for (size_t i = 0; i < roster->senders_count && !result; i++)
		if (!is_own(plan, &roster->senders[i]))
			result = add_outbound(plan, roster->senders[i].tunnels,
					      roster->senders[i].tunnels_count,
					      list);
	if (!result)
		result = add_outbound(plan, plan->peers, plan->peers_count,
				      list);
	if (!result && plan->multicast.family != AF_UNSPEC)
		result = add_outbound(plan, &plan->multicast, 1, list);
	return result;
}
