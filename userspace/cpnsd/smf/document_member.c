// SPDX-License-Identifier: GPL-2.0-only
/*
 * <cpns:member> of an entry, and what holds between all members.
 *
 * Single-threaded; writes into the caller's document only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/nets.h"
#include "proto/response.h"
#include "smf/document_parts.h"

static const char *const member_attributes[] = {
	"roles", "delivery", "tunnel", "nets", NULL,
};

static const char *const delivery_words[] = { "pull", "push", NULL };

void document_member_defaults(const struct group_description *document,
			      struct group_member *member)
{
	member->roles = ROLE_BIT_RECEIVER | ROLE_BIT_SENDER;
	member->push = document->push;
}

typedef int (*word_reader)(xmlNode *node, const char *word,
			   struct group_member *member,
			   const struct document_error *error);

/* calls @each for every word of an attribute's list */
static int read_words(xmlNode *node, const char *name,
		      struct group_member *member, word_reader each,
		      const struct document_error *error)
{
	char *text = document_attribute(node, name);
	char *word, *rest = NULL;
	int result = 0, count = 0;

	if (!text)
		return 0;
	for (word = strtok_r(text, " \t\r\n", &rest); word && !result;
	     word = strtok_r(NULL, " \t\r\n", &rest), count++)
		result = each(node, word, member, error);
	if (!result && !count)
		result = document_refuse(error, node, "%s is empty", name);
	xmlFree(text);
	return result;
}

static int each_role(xmlNode *node, const char *word,
		     struct group_member *member,
		     const struct document_error *error)
{
	unsigned int bit;

	if (!strcmp(word, "sender"))
		bit = ROLE_BIT_SENDER;
	else if (!strcmp(word, "receiver"))
		bit = ROLE_BIT_RECEIVER;
	else
		return document_refuse(error, node,
				       "roles: \"%.20s\" is neither sender nor receiver",
				       word);
	if (member->roles & bit)
		return document_refuse(error, node, "roles: %s twice", word);
	member->roles |= bit;
	return 0;
}

static int each_tunnel(xmlNode *node, const char *word,
		       struct group_member *member,
		       const struct document_error *error)
{
	struct roster_address *address;

	if (!strcmp(word, "dynamic")) {
		if (member->tunnels_count || member->tunnel_dynamic)
			return document_refuse(error, node,
					       "tunnel: dynamic stands alone");
		member->tunnel_dynamic = true;
		return 0;
	}
	if (member->tunnel_dynamic)
		return document_refuse(error, node,
				       "tunnel: dynamic stands alone");
	if (member->tunnels_count == GROUP_TUNNELS_MAX)
		return document_refuse(error, node,
				       "tunnel: more than %d addresses",
				       GROUP_TUNNELS_MAX);
	address = &member->tunnels[member->tunnels_count];
	if (roster_address_parse(word, address))
		return document_refuse(error, node,
				       "tunnel: \"%.60s\" is not an address",
				       word);
	member->tunnels_count++;
	return 0;
}

static int each_net(xmlNode *node, const char *word,
		    struct group_member *member,
		    const struct document_error *error)
{
	struct roster_net *nets;

	if (member->nets_count == GROUP_DOCUMENT_NETS_MAX)
		return document_refuse(error, node, "nets: more than %d",
				       GROUP_DOCUMENT_NETS_MAX);
	nets = realloc(member->nets,
		       (member->nets_count + 1) * sizeof(*nets));
	if (!nets)
		return -ENOMEM;
	member->nets = nets;
	if (!strchr(word, '/') ||
	    roster_net_parse(word, &nets[member->nets_count]))
		return document_refuse(error, node,
				       "nets: \"%.60s\" is not a net like 10.1.0.0/24 without host bits",
				       word);
	member->nets_count++;
	return 0;
}

int document_member(xmlNode *node, struct group_member *member,
		    const struct document_error *error)
{
	int delivery = member->push, result;
	char *roles;

	if (document_first(node))
		return document_refuse(error, document_first(node),
				       "<member> has no elements inside");
	result = document_known_attributes(node, member_attributes, error);
	if (result)
		return result;
	result = document_word(node, "delivery", delivery_words, &delivery,
			       error);
	if (result)
		return result;
	member->push = delivery;
	roles = document_attribute(node, "roles");
	if (roles)
		member->roles = 0;
	xmlFree(roles);
	result = read_words(node, "roles", member, each_role, error);
	if (!result)
		result = read_words(node, "tunnel", member, each_tunnel,
				    error);
	if (!result)
		result = read_words(node, "nets", member, each_net, error);
	return result;
}

#define NET_TEXT_SIZE	(INET6_ADDRSTRLEN + 4)

static const char *net_text(const struct roster_net *net,
			    char text[NET_TEXT_SIZE])
{
	char address[INET6_ADDRSTRLEN] = "";

	inet_ntop(net->network.family, net->network.address, address,
		  sizeof(address));
	snprintf(text, NET_TEXT_SIZE, "%s/%u", address, net->prefix);
	return text;
}

/* a net with its owner, for sorting */
struct owned_net {
	const struct roster_net *net;
	const struct group_member *owner;
};

/* by family, address, then the wider net first: overlaps become neighbours */
static int compare_nets(const void *one_pointer, const void *other_pointer)
{
	const struct roster_net *one =
		((const struct owned_net *)one_pointer)->net;
	const struct roster_net *other =
		((const struct owned_net *)other_pointer)->net;
	int order = (int)one->network.family - (int)other->network.family;

	if (!order)
		order = memcmp(one->network.address, other->network.address,
			       one->network.family == AF_INET ? 4 : 16);
	if (!order)
		order = (int)one->prefix - (int)other->prefix;
	return order;
}

int document_refuse_line(const struct document_error *error, unsigned int line,
			 const char *format, ...)
{
	va_list arguments;
	int used = snprintf(error->reason, error->room, "line %u: ", line);

	if (used > 0 && (size_t)used < error->room) {
		va_start(arguments, format);
		vsnprintf(error->reason + used, error->room - used, format,
			  arguments);
		va_end(arguments);
	}
	return -EBADMSG;
}

/*
 * Sorted nets are nested or apart, so it is enough to compare each with the
 * ones that still enclose it: @open is that stack, one for each prefix
 * length at most.
 */
static int check_overlap(struct owned_net *nets, size_t count,
			 const struct document_error *error)
{
	char one[NET_TEXT_SIZE], other[NET_TEXT_SIZE];
	const struct owned_net *open[130];
	size_t depth = 0, i, k;

	for (i = 0; i < count; i++) {
		while (depth && !roster_net_within(nets[i].net,
						   open[depth - 1]->net))
			depth--;
		for (k = 0; k < depth; k++)
			if (open[k]->owner != nets[i].owner)
				return document_refuse_line(error,
							    nets[i].owner->line,
							    "nets: %s of %s overlaps %s of %s",
							    net_text(nets[i].net, one),
							    nets[i].owner->node,
							    net_text(open[k]->net, other),
							    open[k]->owner->node);
		/* equal nets of one owner add nothing to the stack */
		if (!depth || open[depth - 1]->net->prefix !=
		    nets[i].net->prefix)
			open[depth++] = &nets[i];
	}
	return 0;
}

static int check_nets(const struct group_description *document,
		      const struct document_error *error)
{
	const struct group_member *member;
	struct owned_net *nets;
	size_t count = 0, used = 0, i, k;
	int result;

	for (i = 0; i < document->members_count; i++)
		count += document->members[i].nets_count;
	if (!count)
		return 0;
	nets = calloc(count, sizeof(*nets));
	if (!nets)
		return -ENOMEM;
	for (i = 0; i < document->members_count; i++) {
		member = &document->members[i];
		if (!(member->roles & ROLE_BIT_SENDER))
			continue;
		for (k = 0; k < member->nets_count; k++, used++) {
			nets[used].net = &member->nets[k];
			nets[used].owner = member;
		}
	}
	qsort(nets, used, sizeof(*nets), compare_nets);
	result = check_overlap(nets, used, error);
	free(nets);
	return result;
}

/*
 * A net around the tunnel's own end would catch the tunnel in itself.  In
 * transport mode there is no tunnel: the net is the member's own address.
 */
int document_check_net(const struct group_member *member,
		       const struct roster_net *net, bool transport,
		       const struct document_error *error)
{
	struct roster_net end = { 0 };
	char text[NET_TEXT_SIZE];
	size_t i;

	if (!net->prefix)
		return document_refuse_line(error, member->line,
					    "nets: %s of %s is a default route and allow-default is not set",
					    net_text(net, text), member->node);
	for (i = 0; i < member->tunnels_count && !transport; i++) {
		end.network = member->tunnels[i];
		end.prefix = end.network.family == AF_INET ? 32 : 128;
		if (roster_net_within(&end, net))
			return document_refuse_line(error, member->line,
						    "nets: %s of %s covers its own tunnel address and allow-default is not set",
						    net_text(net, text),
						    member->node);
	}
	return 0;
}

static int check_sender(const struct group_description *document,
			const struct group_member *member,
			const struct document_error *error)
{
	int result = 0;
	size_t i;

	if (document->data_esp && !member->tunnels_count &&
	    !member->tunnel_dynamic)
		return document_refuse_line(error, member->line,
					    "%s sends ESP and has no tunnel",
					    member->node);
	if (document->data_esp && !member->nets_count)
		return document_refuse_line(error, member->line,
					    "%s sends ESP and has no nets",
					    member->node);
	for (i = 0; i < member->nets_count && !result; i++)
		if (!document->allow_default)
			result = document_check_net(member, &member->nets[i],
						    document->transport_mode,
						    error);
	return result;
}

int document_check_members(const struct group_description *document,
			   const struct document_error *error)
{
	const struct group_member *member;
	size_t i, senders = 0;
	int result;

	for (i = 0; i < document->members_count; i++) {
		member = &document->members[i];
		if (!(member->roles & ROLE_BIT_SENDER))
			continue;
		if (++senders > document->max_senders)
			return document_refuse_line(error, member->line,
						    "more senders than max-senders %u",
						    document->max_senders);
		result = check_sender(document, member, error);
		if (result)
			return result;
	}
	if (*document->manager &&
	    !group_description_find(document, document->manager)) {
		snprintf(error->reason, error->room,
			 "the manager %s is not on the list",
			 document->manager);
		return -EBADMSG;
	}
	return check_nets(document, error);
}
