// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening the store, its schema and its transactions: see store.h.
 *
 * One thread.  The store owns the connection and its prepared statements.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "store/statement.h"

#define STORE_VERSION	2

/*
 * Exclusive locking keeps a second server off the same state and WAL's index
 * in memory; synchronous FULL makes a commit durable before it returns; what
 * a statement may have to undo needs no file, a transaction is small.
 */
static const char settings[] =
	"PRAGMA locking_mode = EXCLUSIVE;"
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA secure_delete = ON;"
	"PRAGMA foreign_keys = ON;";

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS groups ("
	" sgid TEXT PRIMARY KEY, term INTEGER NOT NULL,"
	" num INTEGER NOT NULL, hash BLOB NOT NULL, document BLOB,"
	" roster_serial INTEGER NOT NULL, leaf_last INTEGER NOT NULL,"
	" sid_last INTEGER NOT NULL, deleted INTEGER NOT NULL"
	") WITHOUT ROWID;"
	/* the number grows whoever writes, this program's mistakes included */
	"CREATE TRIGGER IF NOT EXISTS number_grows BEFORE UPDATE ON groups"
	" WHEN NEW.num < OLD.num OR NEW.roster_serial < OLD.roster_serial"
	" OR NEW.leaf_last < OLD.leaf_last OR NEW.term < OLD.term"
	" BEGIN SELECT RAISE(ABORT, 'a number of the group would go back');"
	" END;"
	"CREATE TRIGGER IF NOT EXISTS groups_stay BEFORE DELETE ON groups"
	" BEGIN SELECT RAISE(ABORT, 'a group is kept for ever'); END;"
	"CREATE TABLE IF NOT EXISTS epochs ("
	" sgid TEXT NOT NULL REFERENCES groups, num INTEGER NOT NULL,"
	" record BLOB NOT NULL, hash BLOB NOT NULL,"
	" created INTEGER NOT NULL, lifetime INTEGER NOT NULL,"
	" atd INTEGER NOT NULL, dtd INTEGER NOT NULL,"
	" reason INTEGER NOT NULL, suite INTEGER NOT NULL,"
	" wrapped BLOB, shards BLOB, PRIMARY KEY (sgid, num)"
	") WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS leaves ("
	" sgid TEXT NOT NULL REFERENCES groups, node TEXT NOT NULL,"
	" id INTEGER NOT NULL, version INTEGER NOT NULL,"
	" wrapped BLOB NOT NULL, gone INTEGER NOT NULL,"
	" reported INTEGER NOT NULL, parent INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY (sgid, node)"
	") WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS leaf_ids ON leaves (sgid, id);"
	/* inner nodes of the key tree */
	"CREATE TABLE IF NOT EXISTS keks ("
	" sgid TEXT NOT NULL REFERENCES groups, id INTEGER NOT NULL,"
	" parent INTEGER NOT NULL, version INTEGER NOT NULL,"
	" wrapped BLOB NOT NULL, PRIMARY KEY (sgid, id)"
	") WITHOUT ROWID;"
	/* groups of which members know more than this server */
	"CREATE TABLE IF NOT EXISTS holds ("
	" sgid TEXT PRIMARY KEY REFERENCES groups, num INTEGER NOT NULL"
	") WITHOUT ROWID;"
	/* epochs that are to be made */
	"CREATE TABLE IF NOT EXISTS wants ("
	" sgid TEXT PRIMARY KEY REFERENCES groups, reason INTEGER NOT NULL,"
	" urgent INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS senders ("
	" sgid TEXT NOT NULL REFERENCES groups, sid INTEGER NOT NULL,"
	" node TEXT NOT NULL, num INTEGER NOT NULL, gone INTEGER NOT NULL,"
	" node_key BLOB NOT NULL, PRIMARY KEY (sgid, sid)"
	") WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS nodes ("
	" node TEXT PRIMARY KEY, registration BLOB, address TEXT NOT NULL,"
	" seen INTEGER NOT NULL, revoked INTEGER NOT NULL"
	") WITHOUT ROWID;"
	/*
	 * enrolment: tokens until their time ends, the key that one was used
	 * for, and what was issued
	 */
	"CREATE TABLE IF NOT EXISTS tokens ("
	" node TEXT PRIMARY KEY, wrapped BLOB NOT NULL,"
	" expires INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS token_uses ("
	" node TEXT PRIMARY KEY REFERENCES tokens ON DELETE CASCADE,"
	" key BLOB NOT NULL"
	") WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS certificates ("
	" serial TEXT PRIMARY KEY, node TEXT NOT NULL,"
	" issued INTEGER NOT NULL, expires INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS certificate_nodes ON certificates (node);"
	"PRAGMA user_version = 2;"
	"COMMIT;";

/* version 1 knew no key tree */
static const char from_version_1[] =
	"ALTER TABLE leaves ADD COLUMN parent INTEGER NOT NULL DEFAULT 0;";

static int read_version(sqlite3 *database)
{
	sqlite3_stmt *statement;
	int version = -EIO;

	if (sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement,
			       NULL) == SQLITE_OK) {
		if (sqlite3_step(statement) == SQLITE_ROW)
			version = sqlite3_column_int(statement, 0);
		sqlite3_finalize(statement);
	}
	return version;
}

static int set_up(struct store *store, const char *path, char *reason,
		  size_t room)
{
	int version;

	if (sqlite3_open_v2(path, &store->database,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->database, settings, NULL, NULL,
			 NULL) != SQLITE_OK)
		goto refused;
	version = read_version(store->database);
	if (version > STORE_VERSION) {
		snprintf(reason, room,
			 "%s is of version %d, this program knows %d", path,
			 version, STORE_VERSION);
		return -EPROTO;
	}
	if (version == 1 && sqlite3_exec(store->database, from_version_1, NULL,
					 NULL, NULL) != SQLITE_OK)
		goto refused;
	if (sqlite3_exec(store->database, schema, NULL, NULL,
			 NULL) != SQLITE_OK)
		goto refused;
	if (statements_prepare(store)) {
		snprintf(reason, room, "%s has another schema: %s", path,
			 sqlite3_errmsg(store->database));
		return -EIO;
	}
	return 0;
refused:
	snprintf(reason, room, "%s: %s", path,
		 sqlite3_errmsg(store->database));
	return (sqlite3_errcode(store->database) & 0xff) == SQLITE_BUSY ?
		-EBUSY : -EIO;
}

int store_open(struct store **store, const char *state_directory,
	       char *reason, size_t room)
{
	struct store *opened = calloc(1, sizeof(*opened));
	char path[4096];
	mode_t mask;
	int result;

	*store = NULL;
	if (!opened)
		return -ENOMEM;
	if (snprintf(path, sizeof(path), "%s/server.db", state_directory) >=
	    (int)sizeof(path)) {
		free(opened);
		snprintf(reason, room, "the state directory's name is too long");
		return -ENAMETOOLONG;
	}
	if (mkdir(state_directory, 0700) && errno != EEXIST) {
		result = -errno;
		snprintf(reason, room, "%s: %s", state_directory,
			 strerror(errno));
		free(opened);
		return result;
	}
	mask = umask(0077);
	result = set_up(opened, path, reason, room);
	umask(mask);
	if (result)
		store_close(opened);
	else
		*store = opened;
	return result;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_sync(store);
	early_forget(store);
	statements_finalize(store);
	sqlite3_close(store->database);
	free(store);
}

uint64_t store_errors(const struct store *store)
{
	return store->errors;
}

int store_begin(struct store *store)
{
	int result = statement_run(store, BEGIN, "");

	if (result)
		return result;
	result = early_write(store);
	if (result)
		store_rollback(store);
	return result;
}

/* SQLite takes it between transactions only */
static int set(struct store *store, const char *pragma)
{
	return sqlite3_exec(store->database, pragma, NULL, NULL,
			    NULL) == SQLITE_OK ?
		0 : store_failed(store, pragma);
}

int store_strict(struct store *store)
{
	int result = set(store, "PRAGMA synchronous = FULL");

	if (!result)
		store->relaxed = false;
	return result;
}

int store_begin_relaxed(struct store *store)
{
	int result = set(store, "PRAGMA synchronous = NORMAL");

	if (result)
		return result;
	result = store_begin(store);
	store->relaxed = true;
	if (result)
		store_strict(store);
	return result;
}

int store_commit(struct store *store)
{
	int result = statement_run(store, COMMIT, "");

	if (result) {
		store_rollback(store);
		return result;
	}
	early_forget(store);
	if (store->relaxed)
		store_strict(store);
	return 0;
}

void store_rollback(struct store *store)
{
	if (!sqlite3_get_autocommit(store->database))
		statement_run(store, ROLLBACK, "");
	if (store->relaxed)
		store_strict(store);
}
