// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which nets of a member the others are told of, to block and to encrypt them
 * (wire.md section 4): all of a sender's, and what of a receiver's is nobody
 * else's.  A host in a sender's net, or a gateway that stands by for another,
 * may be listed as a receiver with nets that are somebody else's already;
 * those are reached through the other.  Of two receivers' nets the more
 * specific counts, of the same ones the first.  So every address of every
 * member's nets is told, and of one member only.
 *
 * Holds nothing but told of the members.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/nets.h"
#include "proto/response.h"
#include "smf/document_parts.h"

/* what a document may make of its receivers' nets: less than an answer's */
#define TOLD_MOST	65536

/* a net of a member, or the end of its tunnel */
struct claim {
	struct roster_net net;
	struct group_member *owner;
	bool firm;	/* a sender's net, or an end: nobody else's part */
};

struct claims {
	struct claim *items;
	size_t count;
	struct roster_net *holes;	/* room for as many */
};

static bool is_sender(const struct group_member *member)
{
	return member->roles & ROLE_BIT_SENDER;
}

/* a wider net before those in it; of the same one, firm and first come first */
static int compare(const void *one_pointer, const void *other_pointer)
{
	const struct claim *one = one_pointer, *other = other_pointer;
	int order = (int)one->net.network.family -
		    (int)other->net.network.family;

	if (!order)
		order = memcmp(one->net.network.address,
			       other->net.network.address,
			       sizeof(one->net.network.address));
	if (!order)
		order = (int)one->net.prefix - (int)other->net.prefix;
	if (!order)
		order = (int)other->firm - (int)one->firm;
	if (!order)
		order = one->owner < other->owner ? -1 :
			one->owner > other->owner;
	return order;
}

static void add_claim(struct claims *claims, struct group_member *owner,
		      const struct roster_address *network,
		      unsigned int prefix, bool firm)
{
	struct claim *claim = &claims->items[claims->count++];
	size_t size = network->family == AF_INET ? 4 : 16;

	claim->net.prefix = prefix;
	claim->net.network.family = network->family;
	memcpy(claim->net.network.address, network->address, size);
	claim->owner = owner;
	claim->firm = firm;
}

/*
 * The ends of the tunnels are reached beside the tunnels.  In transport mode,
 * and where the document allows it, they are not.
 */
static int collect(const struct group_description *document,
		   struct claims *claims)
{
	bool ends = !document->transport_mode && !document->allow_default;
	struct group_member *member;
	size_t count = 1, i, k;

	for (i = 0; i < document->members_count; i++)
		count += document->members[i].nets_count +
			 document->members[i].tunnels_count;
	claims->items = calloc(count, sizeof(*claims->items));
	claims->holes = calloc(count, sizeof(*claims->holes));
	if (!claims->items || !claims->holes)
		return -ENOMEM;
	for (i = 0; i < document->members_count; i++) {
		member = &document->members[i];
		for (k = 0; k < member->nets_count; k++)
			add_claim(claims, member, &member->nets[k].network,
				  member->nets[k].prefix, is_sender(member));
		for (k = 0; ends && k < member->tunnels_count; k++)
			add_claim(claims, member, &member->tunnels[k],
				  member->tunnels[k].family == AF_INET ? 32 :
									 128,
				  true);
	}
	qsort(claims->items, claims->count, sizeof(*claims->items), compare);
	return 0;
}

static int tell(struct group_member *member, const struct net_list *rest)
{
	struct roster_net *told;

	if (!rest->count)
		return 0;
	told = reallocarray(member->told, member->told_count + rest->count,
			    sizeof(*told));
	if (!told)
		return -ENOMEM;
	memcpy(told + member->told_count, rest->items,
	       rest->count * sizeof(*told));
	member->told = told;
	member->told_count += rest->count;
	return 0;
}

/* @claim without others' of those in it, that follow it */
static int tell_rest(struct claims *claims, const struct claim *claim,
		     size_t within, size_t *total,
		     const struct document_error *error)
{
	struct net_list rest = { 0 };
	size_t holes = 0, i;
	int result;

	for (i = 1; i <= within; i++)
		if (claim[i].firm || (claim[i].owner != claim->owner &&
				      claim[i].net.prefix > claim->net.prefix))
			claims->holes[holes++] = claim[i].net;
	result = net_list_add_rest(&rest, &claim->net, claims->holes, holes);
	*total += rest.count;
	if (!result && *total > TOLD_MOST && !error->stored)
		result = document_refuse_line(error, claim->owner->line,
					      "nets: what %s has beside the others' nets is too many of them",
					      claim->owner->node);
	if (!result)
		result = tell(claim->owner, &rest);
	net_list_free(&rest);
	return result;
}

/* as of a sender: nothing that would shut a gateway out */
static int check(const struct group_description *document,
		 const struct claim *claim, const struct document_error *error)
{
	if (document->allow_default || error->stored)
		return 0;
	return document_check_net(claim->owner, &claim->net,
				  document->transport_mode, error);
}

/* a receiver's own end is no reason to leave its net out without a word */
static int check_within(const struct group_description *document,
			const struct claim *claim, size_t within,
			const struct document_error *error)
{
	int result = 0;
	size_t i;

	for (i = 1; i <= within && !result; i++)
		if (!claim[i].firm && claim[i].owner == claim->owner)
			result = check(document, &claim[i], error);
	return result;
}

/* those in it follow it, as claims are nested or apart */
static size_t count_within(const struct claims *claims, size_t at)
{
	const struct claim *claim = &claims->items[at];
	size_t within = 0;

	while (at + within + 1 < claims->count &&
	       roster_net_within(&claim[within + 1].net, &claim->net))
		within++;
	return within;
}

/* is it said already by the narrowest net around it? */
static bool is_told_by(const struct claim *claim, const struct claim *around)
{
	return claim->owner == around->owner ||
	       claim->net.prefix == around->net.prefix;
}

static int tell_receivers(const struct group_description *document,
			  struct claims *claims,
			  const struct document_error *error)
{
	/* around the one looked at, the narrowest last: a prefix each */
	const struct claim *open[130];
	size_t depth = 0, i, within, total = 0;
	int result = 0;

	for (i = 0; i < claims->count && !result; i++) {
		const struct claim *claim = &claims->items[i];

		while (depth && !roster_net_within(&claim->net,
						   &open[depth - 1]->net))
			depth--;
		if (claim->firm) {
			within = count_within(claims, i);
			result = check_within(document, claim, within, error);
			i += within;
			continue;
		}
		/* stored before this was refused: left out, as it was then */
		if (!claim->net.prefix && error->stored &&
		    !document->allow_default)
			continue;
		if (depth && is_told_by(claim, open[depth - 1]))
			continue;
		open[depth++] = claim;
		result = check(document, claim, error);
		if (!result)
			result = tell_rest(claims, claim,
					   count_within(claims, i), &total,
					   error);
	}
	return result;
}

int document_tell_nets(struct group_description *document,
		       const struct document_error *error)
{
	struct claims claims = { 0 };
	struct group_member *member;
	int result;
	size_t i;

	for (i = 0; i < document->members_count; i++) {
		member = &document->members[i];
		if (!is_sender(member))
			continue;
		member->told = member->nets;
		member->told_count = member->nets_count;
	}
	result = collect(document, &claims);
	if (!result)
		result = tell_receivers(document, &claims, error);
	free(claims.items);
	free(claims.holes);
	return result;
}

/**
 * group_member_is_told_of() - is this one in the list that the others get?
 * @member: of a group document
 *
 * Return: true for senders, and for whoever has nets of its own or a tunnel.
 */
bool group_member_is_told_of(const struct group_member *member)
{
	return is_sender(member) || member->told_count ||
	       member->tunnels_count || member->tunnel_dynamic;
}
