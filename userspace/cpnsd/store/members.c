// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaves and senders in the store: see store.h.  One thread.
 */
#include <errno.h>

#include "store/statement.h"

int store_leaf_put(struct store *store, const char *sgid,
		   const struct store_leaf *leaf)
{
	return statement_run(store, LEAF_PUT, "ssiibiii", sgid, leaf->node,
			     (uint64_t)leaf->leaf.id,
			     (uint64_t)leaf->leaf.version,
			     leaf->leaf.wrapped, sizeof(leaf->leaf.wrapped),
			     (uint64_t)leaf->gone, (uint64_t)leaf->reported,
			     (uint64_t)leaf->parent);
}

int store_leaf_report(struct store *store, const char *sgid,
		      const char *node, uint32_t reported)
{
	return statement_run(store, LEAF_REPORT, "ssi", sgid, node,
			     (uint64_t)reported);
}

int store_leaf_each(struct store *store, const char *sgid,
		    int (*each)(void *context, const struct store_leaf *leaf),
		    void *context)
{
	sqlite3_stmt *row = statement_row(store, LEAF_EACH);
	struct store_leaf leaf = { };
	int more, result;

	for (more = statement_run(store, LEAF_EACH, "s", sgid); more > 0;
	     more = statement_next(store, LEAF_EACH)) {
		leaf.node = (const char *)sqlite3_column_text(row, 0);
		leaf.leaf.id = sqlite3_column_int64(row, 1);
		leaf.leaf.version = sqlite3_column_int64(row, 2);
		result = statement_exact(row, 3, leaf.leaf.wrapped,
					 sizeof(leaf.leaf.wrapped));
		leaf.gone = sqlite3_column_int(row, 4);
		leaf.reported = sqlite3_column_int64(row, 5);
		leaf.parent = sqlite3_column_int64(row, 6);
		if (!result)
			result = each(context, &leaf);
		if (result) {
			statement_end(store, LEAF_EACH);
			return result;
		}
	}
	return more;
}

int store_sender_put(struct store *store, const char *sgid,
		     const struct store_sender *sender)
{
	return statement_run(store, SENDER_PUT, "sisiib", sgid,
			     (uint64_t)sender->sid, sender->node,
			     (uint64_t)sender->num, (uint64_t)sender->gone,
			     sender->node_key, sizeof(sender->node_key));
}

int store_sender_remove(struct store *store, const char *sgid, uint16_t sid)
{
	return statement_run(store, SENDER_REMOVE, "si", sgid, (uint64_t)sid);
}

int store_sender_each(struct store *store, const char *sgid,
		      int (*each)(void *context,
				  const struct store_sender *sender),
		      void *context)
{
	sqlite3_stmt *row = statement_row(store, SENDER_EACH);
	struct store_sender sender = { };
	int more, result;

	for (more = statement_run(store, SENDER_EACH, "s", sgid); more > 0;
	     more = statement_next(store, SENDER_EACH)) {
		sender.sid = sqlite3_column_int(row, 0);
		sender.node = (const char *)sqlite3_column_text(row, 1);
		sender.num = sqlite3_column_int64(row, 2);
		sender.gone = sqlite3_column_int64(row, 3);
		result = statement_exact(row, 4, sender.node_key,
					 sizeof(sender.node_key));
		if (!result)
			result = each(context, &sender);
		if (result) {
			statement_end(store, SENDER_EACH);
			return result;
		}
	}
	return more;
}
