// SPDX-License-Identifier: GPL-2.0-only
/*
 * All wrapped keys of the store through one function, in one transaction:
 * see store.h.  One thread.
 */
#include <errno.h>
#include <string.h>

#include "store/statement.h"

struct rewrapping {
	int (*rewrap)(void *context, const struct osg_wrapped *key,
		      uint8_t wrapped[OSG_WRAPPED_SIZE]);
	void *context;
	int error;
};

/* rewrap(kind, sgid, id, version, wrapped) in SQL */
static void rewrap_one(sqlite3_context *call, int count,
		       sqlite3_value **values)
{
	struct rewrapping *rewrapping = sqlite3_user_data(call);
	struct osg_wrapped key = {
		.kind = sqlite3_value_int(values[0]),
		.sgid = (const char *)sqlite3_value_text(values[1]),
		.id = (uint32_t)sqlite3_value_int64(values[2]),
		.version = (uint32_t)sqlite3_value_int64(values[3]),
	};
	const void *stored = sqlite3_value_blob(values[4]);
	uint8_t wrapped[OSG_WRAPPED_SIZE];
	int result = -EIO;

	if (key.sgid && stored &&
	    sqlite3_value_bytes(values[4]) == (int)sizeof(wrapped)) {
		memcpy(wrapped, stored, sizeof(wrapped));
		result = rewrapping->rewrap(rewrapping->context, &key,
					    wrapped);
	}
	if (result < 0) {
		rewrapping->error = result;
		sqlite3_result_error(call, "a key at rest does not unwrap",
				     -1);
		return;
	}
	sqlite3_result_blob(call, wrapped, sizeof(wrapped), SQLITE_TRANSIENT);
}

static int run_all(struct store *store, struct rewrapping *rewrapping)
{
	/*
	 * The last record of a deleted group has no key.  Enrolment tokens
	 * live for an hour and are made anew.
	 */
	static const char format[] =
		"BEGIN IMMEDIATE;"
		"UPDATE leaves SET wrapped ="
		" rewrap(%d, sgid, id, version, wrapped) WHERE NOT gone;"
		"UPDATE keks SET wrapped ="
		" rewrap(%d, sgid, id, version, wrapped);"
		"UPDATE epochs SET wrapped = rewrap(%d, sgid, num, 0, wrapped)"
		" WHERE wrapped IS NOT NULL AND reason <> %d;"
		"DELETE FROM tokens;"
		"COMMIT;";
	char *text;
	int code;

	text = sqlite3_mprintf(format, OSG_WRAPPED_LEAF, OSG_WRAPPED_KEK,
			       OSG_WRAPPED_EPOCH, EPOCH_DELETE);
	if (!text)
		return -ENOMEM;
	code = sqlite3_exec(store->database, text, NULL, NULL, NULL);
	sqlite3_free(text);
	if (code == SQLITE_OK)
		return 0;
	store_rollback(store);
	return rewrapping->error ? rewrapping->error : -EIO;
}

int store_rewrap(struct store *store,
		 int (*rewrap)(void *context, const struct osg_wrapped *key,
			       uint8_t wrapped[OSG_WRAPPED_SIZE]),
		 void *context)
{
	struct rewrapping rewrapping = {
		.rewrap = rewrap,
		.context = context,
	};
	int result;

	if (sqlite3_create_function(store->database, "rewrap", 5,
				    SQLITE_UTF8 | SQLITE_DIRECTONLY,
				    &rewrapping, rewrap_one, NULL,
				    NULL) != SQLITE_OK)
		return -ENOMEM;
	result = run_all(store, &rewrapping);
	sqlite3_create_function(store->database, "rewrap", 5, SQLITE_UTF8,
				NULL, NULL, NULL, NULL);
	/* what was under the older key does not stay in the journal */
	if (!result && sqlite3_exec(store->database,
				    "PRAGMA wal_checkpoint(TRUNCATE)", NULL,
				    NULL, NULL) != SQLITE_OK)
		result = -EIO;
	return result;
}
