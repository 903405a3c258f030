// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SQL of the store and the running of it: see statement.h.  One thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "log.h"
#include "store/statement.h"

static const char *const texts[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[GROUP_PUT] =
		"INSERT INTO groups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		" ON CONFLICT (sgid) DO UPDATE SET term = excluded.term,"
		" num = excluded.num, hash = excluded.hash,"
		" document = excluded.document,"
		" roster_serial = excluded.roster_serial,"
		" leaf_last = excluded.leaf_last,"
		" sid_last = excluded.sid_last, deleted = excluded.deleted",
	[GROUP_EACH] =
		"SELECT sgid, term, num, hash, document, roster_serial,"
		" leaf_last, sid_last, deleted FROM groups ORDER BY sgid",
	[EPOCH_ADD] =
		"INSERT INTO epochs VALUES"
		" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[EPOCH_STRIP] =
		"UPDATE epochs SET wrapped = NULL, shards = NULL"
		" WHERE sgid = ?1 AND num < ?2 AND wrapped IS NOT NULL",
	[EPOCH_PRUNE] =
		"DELETE FROM epochs WHERE sgid = ?1 AND num + ?3 <= ?2",
	[EPOCH_LATEST] =
		"SELECT num, record, hash, created, lifetime, atd, dtd,"
		" reason, suite, wrapped, shards FROM epochs"
		" WHERE sgid = ?1 ORDER BY num DESC LIMIT 1",
	[EPOCH_RECORDS] =
		"SELECT num, record, hash, created, lifetime, atd, dtd,"
		" reason, suite, NULL, NULL FROM epochs"
		" WHERE sgid = ?1 AND num >= ?2 ORDER BY num LIMIT ?3",
	[LEAF_PUT] =
		"INSERT INTO leaves VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		" ON CONFLICT (sgid, node) DO UPDATE SET id = excluded.id,"
		" version = excluded.version, wrapped = excluded.wrapped,"
		" gone = excluded.gone, reported = excluded.reported,"
		" parent = excluded.parent",
	[LEAF_PLACE] =
		"UPDATE leaves SET parent = ?3 WHERE sgid = ?1 AND id = ?2",
	[LEAF_REPORT] =
		"UPDATE leaves SET reported = ?3 WHERE sgid = ?1 AND node = ?2",
	[LEAF_EACH] =
		"SELECT node, id, version, wrapped, gone, reported, parent"
		" FROM leaves WHERE sgid = ?1 ORDER BY id",
	[KEK_PUT] =
		"INSERT INTO keks VALUES (?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT (sgid, id) DO UPDATE SET"
		" parent = excluded.parent, version = excluded.version,"
		" wrapped = excluded.wrapped",
	[KEK_REMOVE] = "DELETE FROM keks WHERE sgid = ?1 AND id = ?2",
	[KEK_CLEAR] = "DELETE FROM keks WHERE sgid = ?1",
	[KEK_UNPLACE] =
		"UPDATE leaves SET parent = 0 WHERE sgid = ?1 AND parent <> 0",
	[KEK_EACH] =
		"SELECT id, parent, version, wrapped FROM keks"
		" WHERE sgid = ?1 ORDER BY id",
	[HOLD_PUT] =
		"INSERT INTO holds VALUES (?1, ?2) ON CONFLICT (sgid)"
		" DO UPDATE SET num = max(num, excluded.num)",
	[HOLD_REMOVE] = "DELETE FROM holds WHERE sgid = ?1",
	[HOLD_EACH] = "SELECT num FROM holds WHERE sgid = ?1",
	[WANT_PUT] = "INSERT OR REPLACE INTO wants VALUES (?1, ?2, ?3)",
	[WANT_REMOVE] = "DELETE FROM wants WHERE sgid = ?1",
	[WANT_EACH] = "SELECT reason, urgent FROM wants WHERE sgid = ?1",
	[SENDER_PUT] =
		"INSERT INTO senders VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT (sgid, sid) DO UPDATE SET node = excluded.node,"
		" num = excluded.num, gone = excluded.gone,"
		" node_key = excluded.node_key",
	[SENDER_REMOVE] = "DELETE FROM senders WHERE sgid = ?1 AND sid = ?2",
	[SENDER_EACH] =
		"SELECT sid, node, num, gone, node_key FROM senders"
		" WHERE sgid = ?1 ORDER BY sid",
	[NODE_PUT] =
		"INSERT INTO nodes VALUES (?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT (node) DO UPDATE SET"
		" registration = excluded.registration,"
		" address = excluded.address, seen = excluded.seen,"
		" revoked = excluded.revoked",
	[NODE_EACH] =
		"SELECT node, registration, address, seen, revoked FROM nodes"
		" ORDER BY node",
	[TOKEN_PUT] =
		"INSERT OR REPLACE INTO tokens VALUES (?1, ?2, ?3)",
	[TOKEN_GET] =
		"SELECT wrapped, expires, key FROM tokens"
		" LEFT JOIN token_uses USING (node) WHERE node = ?1",
	[TOKEN_USE] = "INSERT INTO token_uses VALUES (?1, ?2)",
	[TOKEN_REMOVE] = "DELETE FROM tokens WHERE node = ?1",
	[TOKEN_EXPIRE] = "DELETE FROM tokens WHERE expires < ?1",
	[TOKEN_COUNT] =
		"SELECT count(*) FROM tokens"
		" WHERE node NOT IN (SELECT node FROM token_uses)",
	[CERTIFICATE_ADD] =
		"INSERT INTO certificates VALUES (?1, ?2, ?3, ?4)",
	[CERTIFICATE_EACH] =
		"SELECT serial, node, issued, expires FROM certificates"
		" WHERE node = ?1 ORDER BY issued, serial",
	[CERTIFICATE_COUNT] =
		"SELECT count(*) FROM certificates"
		" WHERE node = ?1 AND issued >= ?2",
	[CERTIFICATE_EXPIRE] = "DELETE FROM certificates WHERE expires < ?1",
};

int store_failed(struct store *store, const char *doing)
{
	int code = sqlite3_extended_errcode(store->database);

	store->errors++;
	log_error("store: %s: %s", doing, sqlite3_errmsg(store->database));
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	default:
		return -EIO;
	}
}

int statements_prepare(struct store *store)
{
	int i;

	for (i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(store->database, texts[i], -1,
				       SQLITE_PREPARE_PERSISTENT,
				       &store->statements[i],
				       NULL) != SQLITE_OK)
			return store_failed(store, texts[i]);
	return 0;
}

void statements_finalize(struct store *store)
{
	int i;

	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(store->statements[i]);
}

static int bind_all(sqlite3_stmt *statement, const char *format,
		    va_list *arguments)
{
	const void *bytes;
	uint64_t number;
	int i, code = SQLITE_OK;

	for (i = 1; *format && code == SQLITE_OK; format++, i++) {
		switch (*format) {
		case 'i':
			number = va_arg(*arguments, uint64_t);
			code = sqlite3_bind_int64(statement, i,
						  (sqlite3_int64)number);
			break;
		case 's':
			code = sqlite3_bind_text(statement, i,
						 va_arg(*arguments,
							const char *), -1,
						 SQLITE_STATIC);
			break;
		case 'b':
			bytes = va_arg(*arguments, const void *);
			code = sqlite3_bind_blob64(statement, i, bytes,
						   va_arg(*arguments, size_t),
						   SQLITE_STATIC);
			break;
		}
	}
	return code;
}

int statement_run(struct store *store, enum statement which,
		  const char *format, ...)
{
	sqlite3_stmt *statement = store->statements[which];
	va_list arguments;
	int code, result;

	/* where it could not be done when that transaction ended */
	if (store->relaxed && sqlite3_get_autocommit(store->database)) {
		result = store_strict(store);
		if (result)
			return result;
	}
	va_start(arguments, format);
	code = bind_all(statement, format, &arguments);
	va_end(arguments);
	if (code != SQLITE_OK) {
		statement_end(store, which);
		return store_failed(store, texts[which]);
	}
	return statement_next(store, which);
}

int statement_next(struct store *store, enum statement which)
{
	int result;

	switch (sqlite3_step(store->statements[which])) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		result = 0;
		break;
	default:
		result = store_failed(store, texts[which]);
	}
	statement_end(store, which);
	return result;
}

void statement_end(struct store *store, enum statement which)
{
	sqlite3_reset(store->statements[which]);
	sqlite3_clear_bindings(store->statements[which]);
}

sqlite3_stmt *statement_row(struct store *store, enum statement which)
{
	return store->statements[which];
}

int statement_exact(sqlite3_stmt *row, int column, void *bytes, size_t size)
{
	if ((size_t)sqlite3_column_bytes(row, column) != size)
		return -EIO;
	memcpy(bytes, sqlite3_column_blob(row, column), size);
	return 0;
}
