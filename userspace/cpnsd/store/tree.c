// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key trees and held groups in the store: see store.h.  One thread.
 */
#include <errno.h>

#include "store/statement.h"

int store_leaf_place(struct store *store, const char *sgid, uint32_t id,
		     uint32_t parent)
{
	return statement_run(store, LEAF_PLACE, "sii", sgid, (uint64_t)id,
			     (uint64_t)parent);
}

int store_kek_put(struct store *store, const char *sgid,
		  const struct store_kek *kek)
{
	return statement_run(store, KEK_PUT, "siiib", sgid, (uint64_t)kek->id,
			     (uint64_t)kek->parent, (uint64_t)kek->version,
			     kek->wrapped, sizeof(kek->wrapped));
}

int store_kek_remove(struct store *store, const char *sgid, uint32_t id)
{
	return statement_run(store, KEK_REMOVE, "si", sgid, (uint64_t)id);
}

int store_kek_clear(struct store *store, const char *sgid)
{
	int result = statement_run(store, KEK_CLEAR, "s", sgid);

	return result ? result : statement_run(store, KEK_UNPLACE, "s", sgid);
}

int store_kek_each(struct store *store, const char *sgid,
		   int (*each)(void *context, const struct store_kek *kek),
		   void *context)
{
	sqlite3_stmt *row = statement_row(store, KEK_EACH);
	struct store_kek kek = { };
	int more, result;

	for (more = statement_run(store, KEK_EACH, "s", sgid); more > 0;
	     more = statement_next(store, KEK_EACH)) {
		kek.id = sqlite3_column_int64(row, 0);
		kek.parent = sqlite3_column_int64(row, 1);
		kek.version = sqlite3_column_int64(row, 2);
		result = statement_exact(row, 3, kek.wrapped,
					 sizeof(kek.wrapped));
		if (!result)
			result = each(context, &kek);
		if (result) {
			statement_end(store, KEK_EACH);
			return result;
		}
	}
	return more;
}

int store_hold_put(struct store *store, const char *sgid, uint32_t num)
{
	return statement_run(store, HOLD_PUT, "si", sgid, (uint64_t)num);
}

int store_hold_remove(struct store *store, const char *sgid)
{
	return statement_run(store, HOLD_REMOVE, "s", sgid);
}

int store_hold_get(struct store *store, const char *sgid, uint32_t *num)
{
	int more = statement_run(store, HOLD_EACH, "s", sgid);

	*num = 0;
	if (more <= 0)
		return more;
	*num = sqlite3_column_int64(statement_row(store, HOLD_EACH), 0);
	statement_end(store, HOLD_EACH);
	return 0;
}
