// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes as they registered: see nodes.h.
 *
 * A node's registration is kept in the store in the bytes of the wire, so
 * that a later version reads what an earlier one wrote.
 */
#include <errno.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cskmf/nodes.h"
#include "log.h"

struct nodes {
	struct store *store;
	struct node *all;		/* none goes before the end */
	struct node *last;		/* found: one request asks often */
};

static struct node *find(struct nodes *nodes, const char *id)
{
	struct node *node;

	if (nodes->last && !strcmp(nodes->last->id, id))
		return nodes->last;
	HASH_FIND_STR(nodes->all, id, node);
	if (node)
		nodes->last = node;
	return node;
}

static int load(void *context, const struct store_node *stored)
{
	struct nodes *nodes = context;
	char reason[128];
	struct node *node;

	if (!identity_id_valid(stored->node))
		return -EIO;
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	strcpy(node->id, stored->node);
	if (stored->registration &&
	    registration_decode(stored->registration,
				stored->registration_size,
				&node->registration, reason, sizeof(reason)))
		log_warning("registration of %s is not used: %s", node->id,
			    reason);
	else
		node->registered = stored->registration;
	roster_address_parse(stored->address, &node->address);
	node->seen = stored->seen;
	node->revoked = stored->revoked;
	HASH_ADD_STR(nodes->all, id, node);
	return 0;
}

int nodes_open(struct nodes **nodes, struct store *store)
{
	int result;

	*nodes = calloc(1, sizeof(**nodes));
	if (!*nodes)
		return -ENOMEM;
	(*nodes)->store = store;
	result = store_node_each(store, load, *nodes);
	if (result) {
		nodes_close(*nodes);
		*nodes = NULL;
	}
	return result;
}

void nodes_close(struct nodes *nodes)
{
	struct node *node, *next;

	if (!nodes)
		return;
	HASH_ITER(hh, nodes->all, node, next) {
		HASH_DEL(nodes->all, node);
		free(node);
	}
	free(nodes);
}

const struct node *nodes_find(struct nodes *nodes, const char *id)
{
	return find(nodes, id);
}

bool nodes_revoked(struct nodes *nodes, const char *id)
{
	const struct node *node = find(nodes, id);

	return node && node->revoked;
}

static int save(struct nodes *nodes, const struct node *node, bool early)
{
	char address[INET6_ADDRSTRLEN] = "";
	struct store_node stored = {
		.node = node->id,
		.address = address,
		.seen = node->seen,
		.revoked = node->revoked,
	};
	uint8_t *bytes = NULL;
	size_t size = 0;
	int result;

	if (node->address.family)
		inet_ntop(node->address.family, node->address.address,
			  address, sizeof(address));
	if (node->registered) {
		result = registration_encode(&node->registration, &bytes,
					     &size);
		if (result)
			return result;
		stored.registration = bytes;
		stored.registration_size = size;
	}
	result = early ? store_node_put_early(nodes->store, &stored) :
			 store_node_put(nodes->store, &stored);
	free(bytes);
	return result;
}

/* stored first, then taken into the table; @early: nodes_set_key() */
static int put(struct nodes *nodes, struct node *changed, bool early)
{
	struct node *node;
	UT_hash_handle hh;
	int result;

	changed->seen = time(NULL);
	result = save(nodes, changed, early);
	if (result)
		return result;
	node = find(nodes, changed->id);
	if (node) {
		hh = node->hh;
		*node = *changed;
		node->hh = hh;
		return 0;
	}
	node = malloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	*node = *changed;
	HASH_ADD_STR(nodes->all, id, node);
	return 0;
}

/* a copy to work on, empty where the node was not heard of */
static struct node copy_of(struct nodes *nodes, const char *id)
{
	const struct node *node = find(nodes, id);
	struct node copy = { };

	if (node)
		copy = *node;
	else
		strncpy(copy.id, id, sizeof(copy.id) - 1);
	return copy;
}

static bool take_address(struct node *node,
			 const struct sockaddr_storage *from)
{
	struct roster_address address;
	bool changed;

	nodes_address(from, &address);
	changed = memcmp(&node->address, &address, sizeof(address));
	if (address.family)
		node->address = address;
	return address.family && changed;
}

int nodes_register(struct nodes *nodes, const char *id,
		   const struct registration *registration,
		   const struct sockaddr_storage *address,
		   bool *address_changed)
{
	struct node node = copy_of(nodes, id);

	node.registered = true;
	node.registration = *registration;
	*address_changed = take_address(&node, address);
	return put(nodes, &node, false);
}

int nodes_set_key(struct nodes *nodes, const char *id, const uint8_t key[32],
		  const struct sockaddr_storage *address)
{
	struct node node = copy_of(nodes, id);

	if (node.registered &&
	    !memcmp(node.registration.node_key, key, 32))
		return 0;
	node.registered = true;
	memcpy(node.registration.node_key, key, 32);
	take_address(&node, address);
	return put(nodes, &node, true);
}

bool nodes_has_capabilities(struct nodes *nodes, const char *id,
			    const struct capabilities *capabilities)
{
	const struct node *node = find(nodes, id);
	const struct capabilities *known;

	if (!node || !node->registered)
		return false;
	known = &node->registration.capabilities;
	return known->custody == capabilities->custody &&
	       known->secure_wan == capabilities->secure_wan &&
	       known->pinned == capabilities->pinned &&
	       known->links_count == capabilities->links_count &&
	       !memcmp(known->links, capabilities->links,
		       known->links_count * sizeof(*known->links));
}

int nodes_set_capabilities(struct nodes *nodes, const char *id,
			   const struct capabilities *capabilities)
{
	struct node node = copy_of(nodes, id);

	if (!node.registered)
		return -ENOENT;
	node.registration.capabilities = *capabilities;
	return put(nodes, &node, false);
}

int nodes_revoke(struct nodes *nodes, const char *id, bool revoked)
{
	struct node node = copy_of(nodes, id);

	node.revoked = revoked;
	return put(nodes, &node, false);
}

unsigned int nodes_level(struct nodes *nodes, const char *id)
{
	const struct node *node = find(nodes, id);

	if (!node || !node->registered)
		return 0;
	return capabilities_level(&node->registration.capabilities);
}

int nodes_each(const struct nodes *nodes,
	       int (*each)(void *context, const struct node *node),
	       void *context)
{
	struct node *node, *next;
	int result;

	HASH_ITER(hh, nodes->all, node, next) {
		result = each(context, node);
		if (result)
			return result;
	}
	return 0;
}

void nodes_address(const struct sockaddr_storage *from,
		   struct roster_address *address)
{
	static const uint8_t mapped[12] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
	};
	const uint8_t *bytes;

	memset(address, 0, sizeof(*address));
	if (from->ss_family == AF_INET) {
		address->family = AF_INET;
		memcpy(address->address,
		       &((const struct sockaddr_in *)from)->sin_addr, 4);
	} else if (from->ss_family == AF_INET6) {
		bytes = ((const struct sockaddr_in6 *)from)->sin6_addr.s6_addr;
		if (!memcmp(bytes, mapped, sizeof(mapped))) {
			address->family = AF_INET;
			memcpy(address->address, bytes + 12, 4);
		} else {
			address->family = AF_INET6;
			memcpy(address->address, bytes, 16);
		}
	}
}
