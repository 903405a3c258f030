// SPDX-License-Identifier: GPL-2.0-only
/*
 * One-time tokens and issued certificates in the store: see store.h.  One
 * thread.
 */
#include <errno.h>

#include "store/statement.h"

/* @more: what statement_run() gave */
static int64_t take_count(struct store *store, enum statement which, int more)
{
	int64_t count;

	if (more <= 0)
		return more ? more : -EIO;
	count = sqlite3_column_int64(statement_row(store, which), 0);
	statement_end(store, which);
	return count;
}

int store_token_put(struct store *store, const char *node,
		    const struct store_token *token, unsigned int most)
{
	int64_t count = take_count(store, TOKEN_COUNT,
				   statement_run(store, TOKEN_COUNT, ""));

	if (count < 0)
		return (int)count;
	if (count >= most)
		return -ENOSPC;
	return statement_run(store, TOKEN_PUT, "sbi", node, token->wrapped,
			     sizeof(token->wrapped), token->expires);
}

int store_token_get(struct store *store, const char *node,
		    struct store_token *token)
{
	sqlite3_stmt *row = statement_row(store, TOKEN_GET);
	int result = statement_run(store, TOKEN_GET, "s", node);

	if (result <= 0)
		return result ? result : -ENOENT;
	result = statement_exact(row, 0, token->wrapped,
				 sizeof(token->wrapped));
	token->expires = (uint64_t)sqlite3_column_int64(row, 1);
	token->used = sqlite3_column_type(row, 2) != SQLITE_NULL;
	if (!result && token->used)
		result = statement_exact(row, 2, token->key_hash,
					 sizeof(token->key_hash));
	statement_end(store, TOKEN_GET);
	return result;
}

int store_token_use(struct store *store, const char *node,
		    const uint8_t key_hash[STORE_KEY_HASH_SIZE])
{
	return statement_run(store, TOKEN_USE, "sb", node, key_hash,
			     (size_t)STORE_KEY_HASH_SIZE);
}

int store_token_remove(struct store *store, const char *node)
{
	return statement_run(store, TOKEN_REMOVE, "s", node);
}

int store_token_expire(struct store *store, uint64_t now)
{
	return statement_run(store, TOKEN_EXPIRE, "i", now);
}

int store_certificate_add(struct store *store,
			  const struct store_certificate *certificate)
{
	return statement_run(store, CERTIFICATE_ADD, "ssii",
			     certificate->serial, certificate->node,
			     certificate->issued, certificate->expires);
}

int store_certificate_each(struct store *store, const char *node,
			   int (*each)(void *context,
				       const struct store_certificate *one),
			   void *context)
{
	sqlite3_stmt *row = statement_row(store, CERTIFICATE_EACH);
	struct store_certificate one = { };
	int more, result;

	for (more = statement_run(store, CERTIFICATE_EACH, "s", node);
	     more > 0; more = statement_next(store, CERTIFICATE_EACH)) {
		one.serial = (const char *)sqlite3_column_text(row, 0);
		one.node = (const char *)sqlite3_column_text(row, 1);
		one.issued = (uint64_t)sqlite3_column_int64(row, 2);
		one.expires = (uint64_t)sqlite3_column_int64(row, 3);
		result = each(context, &one);
		if (result) {
			statement_end(store, CERTIFICATE_EACH);
			return result;
		}
	}
	return more;
}

int64_t store_certificate_count(struct store *store, const char *node,
				uint64_t since)
{
	return take_count(store, CERTIFICATE_COUNT,
			  statement_run(store, CERTIFICATE_COUNT, "si", node,
					since));
}

int store_certificate_expire(struct store *store, uint64_t now)
{
	return statement_run(store, CERTIFICATE_EXPIRE, "i", now);
}
