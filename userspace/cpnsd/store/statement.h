/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Prepared statements of the store.  Internal to store/; one thread.
 */
#ifndef CPNSD_STORE_STATEMENT_H
#define CPNSD_STORE_STATEMENT_H

#include <sqlite3.h>

#include "store/store.h"

enum statement {
	BEGIN, COMMIT, ROLLBACK,
	GROUP_PUT, GROUP_EACH,
	EPOCH_ADD, EPOCH_STRIP, EPOCH_PRUNE, EPOCH_LATEST, EPOCH_RECORDS,
	LEAF_PUT, LEAF_PLACE, LEAF_REPORT, LEAF_EACH,
	KEK_PUT, KEK_REMOVE, KEK_CLEAR, KEK_UNPLACE, KEK_EACH,
	HOLD_PUT, HOLD_REMOVE, HOLD_EACH,
	WANT_PUT, WANT_REMOVE, WANT_EACH,
	SENDER_PUT, SENDER_REMOVE, SENDER_EACH,
	NODE_PUT, NODE_EACH,
	TOKEN_PUT, TOKEN_GET, TOKEN_USE, TOKEN_REMOVE, TOKEN_EXPIRE, TOKEN_COUNT,
	CERTIFICATE_ADD, CERTIFICATE_EACH, CERTIFICATE_COUNT,
	CERTIFICATE_EXPIRE,
	STATEMENTS,
};

struct store {
	sqlite3 *database;
	sqlite3_stmt *statements[STATEMENTS];
	uint64_t errors;
	bool relaxed;			/* synchronous is NORMAL */
	struct store_node *early;	/* to be written, or NULL: nodes.c */
};

/* what store_node_put_early() keeps goes into the transaction that is open */
int early_write(struct store *store);
/* it is durable, or nobody will ask */
void early_forget(struct store *store);

/* counts and logs SQLite's last error; the -errno for it */
int store_failed(struct store *store, const char *doing);
/* commits wait for the disk again */
int store_strict(struct store *store);

int statements_prepare(struct store *store);
void statements_finalize(struct store *store);

/*
 * Binds by @format and steps once: i u64, s text, b bytes and size_t.
 * Returns 0 done, 1 a row stands, -errno.  Ends with statement_end() if a
 * row stands.
 */
int statement_run(struct store *store, enum statement which,
		  const char *format, ...);
/* the next row: 1, 0 at the end, -errno */
int statement_next(struct store *store, enum statement which);
void statement_end(struct store *store, enum statement which);
sqlite3_stmt *statement_row(struct store *store, enum statement which);

/* a column of exactly @size bytes; -EIO if it is another size */
int statement_exact(sqlite3_stmt *row, int column, void *bytes, size_t size);

#endif
