// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes of the store, and the one write that may wait for the next: see
 * store.h.
 *
 * One thread.  The store owns the copy of a node that waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/statement.h"

static int put(struct store *store, const struct store_node *node)
{
	return statement_run(store, NODE_PUT, "sbsii", node->node,
			     node->registration, node->registration_size,
			     node->address, node->seen,
			     (uint64_t)node->revoked);
}

int early_write(struct store *store)
{
	return store->early ? put(store, store->early) : 0;
}

void early_forget(struct store *store)
{
	free(store->early);
	store->early = NULL;
}

/* in one piece with what it points to */
static struct store_node *copy_of(const struct store_node *node)
{
	size_t name = strlen(node->node) + 1;
	size_t address = strlen(node->address) + 1;
	struct store_node *copy = malloc(sizeof(*copy) + name + address +
					 node->registration_size);
	char *at = (char *)(copy + 1);

	if (!copy)
		return NULL;
	*copy = *node;
	copy->node = memcpy(at, node->node, name);
	copy->address = memcpy(at + name, node->address, address);
	if (node->registration_size)
		copy->registration = memcpy(at + name + address,
					    node->registration,
					    node->registration_size);
	return copy;
}

static bool in_transaction(const struct store *store)
{
	return !sqlite3_get_autocommit(store->database);
}

int store_node_put(struct store *store, const struct store_node *node)
{
	int result = 0;

	/* what waits is older */
	if (!in_transaction(store))
		result = store_sync(store);
	return result ?: put(store, node);
}

int store_node_put_early(struct store *store, const struct store_node *node)
{
	int result;

	if (in_transaction(store))
		return put(store, node);
	result = store_sync(store);
	if (result)
		return result;
	store->early = copy_of(node);
	return store->early ? 0 : -ENOMEM;
}

int store_sync(struct store *store)
{
	int result = early_write(store);

	if (!result)
		early_forget(store);
	return result;
}

int store_node_each(struct store *store,
		    int (*each)(void *context, const struct store_node *node),
		    void *context)
{
	sqlite3_stmt *row = statement_row(store, NODE_EACH);
	struct store_node node = { };
	int more, result;

	for (more = statement_run(store, NODE_EACH, ""); more > 0;
	     more = statement_next(store, NODE_EACH)) {
		node.node = (const char *)sqlite3_column_text(row, 0);
		node.registration = sqlite3_column_blob(row, 1);
		node.registration_size = sqlite3_column_bytes(row, 1);
		node.address = (const char *)sqlite3_column_text(row, 2);
		node.seen = sqlite3_column_int64(row, 3);
		node.revoked = sqlite3_column_int(row, 4);
		result = each(context, &node);
		if (result) {
			statement_end(store, NODE_EACH);
			return result;
		}
	}
	return more;
}
