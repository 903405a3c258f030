// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's one-time tokens: made, looked up at handshakes, used up by the
 * certificate that they were made for (est.c).  A token that was used is
 * kept until its time ends, for the key that it was used for and no other: a
 * node whose answer was lost on the way asks again with that key.
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
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "enrolment/enrolment_private.h"
#include "log.h"

#define LABEL "enrolment token of "

_Static_assert(TOKEN_PSK_SIZE == KMC_KEY_SIZE, "wrapped like a key");

static void make_label(const char *node,
		       char label[sizeof(LABEL) + IDENTITY_ID_MAX])
{
	snprintf(label, sizeof(LABEL) + IDENTITY_ID_MAX, LABEL "%s", node);
}

/* they were agreed with the token before: this one is not theirs to use */
static void end_sessions(struct enrolment *enrolment, const char *node)
{
	struct identity peer = { .kind = IDENTITY_ENROLLING };

	if (!enrolment->server)
		return;
	snprintf(peer.id, sizeof(peer.id), "%s", node);
	transport_server_drop(enrolment->server, &peer);
}

/**
 * tokens_issue() - make a node's token; one before it ends, and its sessions
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
		if (!error)
			end_sessions(enrolment, node);
	}
	OPENSSL_cleanse(psk, sizeof(psk));
	if (error)
		OPENSSL_cleanse(text, TOKEN_TEXT_SIZE);
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
 * tokens_check() - may this node's token still be used, for some key
 * @enrolment: with an authority
 * @node: the node, whose session was agreed with it
 *
 * Return: 0; -ENOENT not there any more; -ETIME too old; -EACCES revoked;
 * -EIO.
 */
int tokens_check(struct enrolment *enrolment, const char *node)
{
	struct store_token token;

	if (enrolment->revoked(enrolment->context, node))
		return -EACCES;
	return get_token(enrolment, node, &token);
}

/**
 * tokens_check_key() - may it be used for this key
 * @enrolment: with an authority
 * @node: the node
 * @key: the public key to be certified
 * @key_hash: gets what store_token_use() wants: SHA-256 of @key's
 *	SubjectPublicKeyInfo
 *
 * Return: 0 it was not used yet; 1 it was, for this key; -EEXIST it was, for
 * another; or the errors of tokens_check().
 */
int tokens_check_key(struct enrolment *enrolment, const char *node,
		     EVP_PKEY *key, uint8_t key_hash[STORE_KEY_HASH_SIZE])
{
	struct store_token token;
	uint8_t *bytes = NULL;
	int size = i2d_PUBKEY(key, &bytes);
	int error = size > 0 && SHA256(bytes, (size_t)size, key_hash) ?
		    get_token(enrolment, node, &token) : -ENOMEM;

	OPENSSL_free(bytes);
	if (error || !token.used)
		return error;
	return memcmp(token.key_hash, key_hash, STORE_KEY_HASH_SIZE) ?
	       -EEXIST : 1;
}

/**
 * tokens_psk() - the pre-shared key of a node's token
 * @enrolment: with an authority
 * @node: who comes with it, as it says
 * @key: gets the key; the caller's to wipe
 * @size: of @key
 *
 * Tries are not counted: nobody guesses 256 bits, but who knows a node's id
 * could use up its tries.
 *
 * Return: 0; -ENOENT no token; -ETIME too old; -EIO.
 */
int tokens_psk(struct enrolment *enrolment, const char *node,
	       uint8_t key[PSK_KEY_MAX], size_t *size)
{
	char label[sizeof(LABEL) + IDENTITY_ID_MAX];
	struct store_token token;
	int error = get_token(enrolment, node, &token);

	if (error)
		return error;
	make_label(node, label);
	*size = TOKEN_PSK_SIZE;
	return kmc_unwrap(enrolment->kmc, label, token.wrapped, key);
}
