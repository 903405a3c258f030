// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's one-time tokens: made, looked up at handshakes, used up by the
 * certificate that they were made for (est.c).
 *
 * Loop's thread.  What is stored is the pre-shared key that a token gives,
 * wrapped by the KMC.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/crypto.h>

#include "enrolment/enrolment_private.h"
#include "log.h"
#include "loop.h"

#define LABEL "enrolment token of "

_Static_assert(TOKEN_PSK_SIZE == KMC_KEY_SIZE, "wrapped like a key");

static void make_label(const char *node,
		       char label[sizeof(LABEL) + IDENTITY_ID_MAX])
{
	snprintf(label, sizeof(LABEL) + IDENTITY_ID_MAX, LABEL "%s", node);
}

/**
 * tokens_issue() - make a node's token; one before it ends
 * @enrolment: with an authority
 * @node: the node's id
 * @lifetime: s
 * @text: gets the token; the caller's to wipe
 * @expires: gets the end of its time, s since 1970
 *
 * Return: 0; -EACCES the node is revoked; -ENOSPC too many are out; -EIO.
 */
int tokens_issue(struct enrolment *enrolment, const char *node,
		 uint64_t lifetime, char text[TOKEN_TEXT_SIZE],
		 uint64_t *expires)
{
	char label[sizeof(LABEL) + IDENTITY_ID_MAX];
	uint8_t psk[TOKEN_PSK_SIZE];
	struct store_token token;
	uint64_t now = (uint64_t)time(NULL);
	int error;

	if (enrolment->revoked(enrolment->context, node))
		return -EACCES;
	error = store_token_expire(enrolment->store, now);
	if (!error)
		error = token_make(node, text, psk);
	if (!error) {
		make_label(node, label);
		token.expires = now + lifetime;
		*expires = token.expires;
		error = kmc_wrap(enrolment->kmc, label, psk, token.wrapped);
		if (!error)
			error = store_token_put(enrolment->store, node, &token,
						TOKENS_MAX);
	}
	OPENSSL_cleanse(psk, sizeof(psk));
	if (error)
		OPENSSL_cleanse(text, TOKEN_TEXT_SIZE);
	tokens_forget_tries(enrolment, node);
	return error;
}

static int get_token(struct enrolment *enrolment, const char *node,
		     struct store_token *token)
{
	int error = store_token_get(enrolment->store, node, token);

	if (error)
		return error;
	return token->expires < (uint64_t)time(NULL) ? -ETIME : 0;
}

/**
 * tokens_check() - may this node's token still be used
 * @enrolment: with an authority
 * @node: the node, whose session was agreed with it
 *
 * Return: 0; -ENOENT used already; -ETIME too old; -EACCES revoked; -EIO.
 */
int tokens_check(struct enrolment *enrolment, const char *node)
{
	struct store_token token;

	if (enrolment->revoked(enrolment->context, node))
		return -EACCES;
	return get_token(enrolment, node, &token);
}

static bool too_often(struct enrolment *enrolment, const char *node)
{
	double now = loop_boottime();
	struct token_tries *tries;

	HASH_FIND_STR(enrolment->tries, node, tries);
	if (!tries) {
		/* as many as there are tokens, and those are limited */
		tries = calloc(1, sizeof(*tries));
		if (!tries)
			return true;
		strcpy(tries->node, node);
		tries->since = now;
		HASH_ADD_STR(enrolment->tries, node, tries);
	}
	if (tries->since + TRIES_SECONDS < now) {
		tries->since = now;
		tries->count = 0;
	}
	return ++tries->count > TRIES_MAX;
}

/**
 * tokens_psk() - the pre-shared key of a node's token
 * @enrolment: with an authority
 * @node: who comes with it, as it says
 * @key: gets the key; the caller's to wipe
 * @size: of @key
 *
 * Return: 0; -ENOENT no token; -ETIME too old; -EAGAIN more than TRIES_MAX
 * handshakes in TRIES_SECONDS; -EIO.
 */
int tokens_psk(struct enrolment *enrolment, const char *node,
	       uint8_t key[PSK_KEY_MAX], size_t *size)
{
	char label[sizeof(LABEL) + IDENTITY_ID_MAX];
	struct store_token token;
	int error = get_token(enrolment, node, &token);

	if (error)
		return error;
	if (too_often(enrolment, node))
		return -EAGAIN;
	make_label(node, label);
	*size = TOKEN_PSK_SIZE;
	return kmc_unwrap(enrolment->kmc, label, token.wrapped, key);
}

/**
 * tokens_forget_tries() - count a node's handshakes anew
 * @enrolment: the enrolment
 * @node: its token was made or used
 */
void tokens_forget_tries(struct enrolment *enrolment, const char *node)
{
	struct token_tries *tries;

	HASH_FIND_STR(enrolment->tries, node, tries);
	if (!tries)
		return;
	HASH_DEL(enrolment->tries, tries);
	free(tries);
}

/**
 * tokens_close() - forget what is in memory
 * @enrolment: is being closed
 */
void tokens_close(struct enrolment *enrolment)
{
	struct token_tries *tries, *next;

	HASH_ITER(hh, enrolment->tries, tries, next) {
		HASH_DEL(enrolment->tries, tries);
		free(tries);
	}
}
