// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups, their epochs, made and to be made, in the store: see store.h.  One
 * thread.
 */
#include <errno.h>

#include "store/statement.h"

int store_group_put(struct store *store, const struct store_group *group)
{
	return statement_run(store, GROUP_PUT, "siibbiiii", group->sgid,
			     group->term, (uint64_t)group->num,
			     group->hash, sizeof(group->hash),
			     group->document, group->document_size,
			     group->roster_serial,
			     (uint64_t)group->leaf_last,
			     (uint64_t)group->sid_last,
			     (uint64_t)group->deleted);
}

int store_group_each(struct store *store,
		     int (*each)(void *context,
				 const struct store_group *group),
		     void *context)
{
	sqlite3_stmt *row = statement_row(store, GROUP_EACH);
	struct store_group group = { };
	int more, result;

	for (more = statement_run(store, GROUP_EACH, ""); more > 0;
	     more = statement_next(store, GROUP_EACH)) {
		group.sgid = (const char *)sqlite3_column_text(row, 0);
		group.term = sqlite3_column_int64(row, 1);
		group.num = sqlite3_column_int64(row, 2);
		result = statement_exact(row, 3, group.hash,
					 sizeof(group.hash));
		group.document = sqlite3_column_blob(row, 4);
		group.document_size = sqlite3_column_bytes(row, 4);
		group.roster_serial = sqlite3_column_int64(row, 5);
		group.leaf_last = sqlite3_column_int64(row, 6);
		group.sid_last = sqlite3_column_int64(row, 7);
		group.deleted = sqlite3_column_int(row, 8);
		if (!result)
			result = each(context, &group);
		if (result) {
			statement_end(store, GROUP_EACH);
			return result;
		}
	}
	return more;
}

int store_epoch_add(struct store *store, const char *sgid,
		    const struct store_epoch *epoch)
{
	uint64_t num = epoch->num;
	int result;

	result = statement_run(store, EPOCH_ADD, "sibbiiiiiibb", sgid, num,
			       epoch->record, epoch->record_size,
			       epoch->hash, sizeof(epoch->hash),
			       epoch->created, (uint64_t)epoch->lifetime,
			       (uint64_t)epoch->atd, (uint64_t)epoch->dtd,
			       (uint64_t)epoch->reason,
			       (uint64_t)epoch->suite,
			       epoch->wrapped,
			       (size_t)(epoch->wrapped ? OSG_WRAPPED_SIZE : 0),
			       epoch->shards, epoch->shards_size);
	if (!result)
		result = statement_run(store, EPOCH_STRIP, "si", sgid, num);
	if (!result)
		result = statement_run(store, EPOCH_PRUNE, "sii", sgid, num,
				       (uint64_t)STORE_RECORDS_KEPT);
	return result;
}

static int read_epoch(sqlite3_stmt *row, struct store_epoch *epoch)
{
	epoch->num = sqlite3_column_int64(row, 0);
	epoch->record = sqlite3_column_blob(row, 1);
	epoch->record_size = sqlite3_column_bytes(row, 1);
	epoch->created = sqlite3_column_int64(row, 3);
	epoch->lifetime = sqlite3_column_int64(row, 4);
	epoch->atd = sqlite3_column_int64(row, 5);
	epoch->dtd = sqlite3_column_int64(row, 6);
	epoch->reason = sqlite3_column_int(row, 7);
	epoch->suite = sqlite3_column_int(row, 8);
	epoch->wrapped = sqlite3_column_blob(row, 9);
	if (epoch->wrapped &&
	    sqlite3_column_bytes(row, 9) != OSG_WRAPPED_SIZE)
		return -EIO;
	epoch->shards = sqlite3_column_blob(row, 10);
	epoch->shards_size = sqlite3_column_bytes(row, 10);
	return statement_exact(row, 2, epoch->hash, sizeof(epoch->hash));
}

static int walk_epochs(struct store *store, enum statement which, int more,
		       int (*each)(void *context,
				   const struct store_epoch *epoch),
		       void *context)
{
	struct store_epoch epoch = { };
	int result;

	for (; more > 0; more = statement_next(store, which)) {
		result = read_epoch(statement_row(store, which), &epoch);
		if (!result)
			result = each(context, &epoch);
		if (result) {
			statement_end(store, which);
			return result;
		}
	}
	return more;
}

int store_epoch_latest(struct store *store, const char *sgid,
		       int (*each)(void *context,
				   const struct store_epoch *epoch),
		       void *context)
{
	int more = statement_run(store, EPOCH_LATEST, "s", sgid);

	if (!more)
		return -ENOENT;
	return walk_epochs(store, EPOCH_LATEST, more, each, context);
}

int store_records(struct store *store, const char *sgid, uint32_t from,
		  unsigned int most,
		  int (*each)(void *context,
			      const struct store_epoch *epoch),
		  void *context)
{
	int more = statement_run(store, EPOCH_RECORDS, "sii", sgid,
				 (uint64_t)from, (uint64_t)most);

	return walk_epochs(store, EPOCH_RECORDS, more, each, context);
}

int store_want_put(struct store *store, const char *sgid,
		   const struct store_want *want)
{
	return statement_run(store, WANT_PUT, "sii", sgid,
			     (uint64_t)want->reason, (uint64_t)want->urgent);
}

int store_want_remove(struct store *store, const char *sgid)
{
	return statement_run(store, WANT_REMOVE, "s", sgid);
}

int store_want_get(struct store *store, const char *sgid,
		   struct store_want *want)
{
	sqlite3_stmt *row = statement_row(store, WANT_EACH);
	int more = statement_run(store, WANT_EACH, "s", sgid);

	if (more <= 0)
		return more ? more : -ENOENT;
	want->reason = sqlite3_column_int(row, 0);
	want->urgent = sqlite3_column_int(row, 1);
	statement_end(store, WANT_EACH);
	return 0;
}
