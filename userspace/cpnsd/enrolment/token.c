// SPDX-License-Identifier: GPL-2.0-only
/*
 * One-time enrolment tokens; see token.h.
 *
 * PSK = HKDF-SHA256(salt "cpns enrol v1", token's 32 bytes, info "psk|" and
 * the node id): 256 random bits, which nobody guesses in the token's hour.
 */
#include "enrolment/token.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "proto/hpke.h"

#define SALT	"cpns enrol v1"
#define INFO	"psk|"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void write_secret(const uint8_t secret[TOKEN_SECRET_SIZE], char *text)
{
	uint32_t bits = 0;
	int count = 0;
	size_t i;

	for (i = 0; i < TOKEN_SECRET_SIZE; i++) {
		bits = bits << 8 | secret[i];
		for (count += 8; count >= 6; count -= 6)
			*text++ = digits[bits >> (count - 6) & 63];
	}
	*text++ = digits[bits << (6 - count) & 63];
	*text = '\0';
}

/* one text for one secret: left-over bits are to be zero */
static int read_secret(const char *text, uint8_t secret[TOKEN_SECRET_SIZE])
{
	uint32_t bits = 0;
	size_t i, used = 0;
	int count = 0;

	for (i = 0; i < TOKEN_SECRET_TEXT; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)(digit - digits);
		count += 6;
		if (count >= 8 && used < TOKEN_SECRET_SIZE) {
			count -= 8;
			secret[used++] = (uint8_t)(bits >> count);
		}
	}
	return bits & ((1u << count) - 1) ? -EINVAL : 0;
}

static int derive(const char *id, const uint8_t secret[TOKEN_SECRET_SIZE],
		  uint8_t psk[TOKEN_PSK_SIZE])
{
	char info[sizeof(INFO) + IDENTITY_ID_MAX];
	uint8_t prk[32];
	int error;

	snprintf(info, sizeof(info), INFO "%s", id);
	error = hkdf_extract((const uint8_t *)SALT, strlen(SALT), secret,
			     TOKEN_SECRET_SIZE, prk);
	if (!error)
		error = hkdf_expand(prk, (const uint8_t *)info, strlen(info),
				    psk, TOKEN_PSK_SIZE);
	OPENSSL_cleanse(prk, sizeof(prk));
	return error;
}

/**
 * token_make() - a fresh token for a node
 * @id: the node, a valid id
 * @text: gets the token; the caller's to wipe
 * @psk: gets the pre-shared key that it gives; the caller's to wipe
 *
 * Return: 0 or -EIO.
 */
int token_make(const char *id, char text[TOKEN_TEXT_SIZE],
	       uint8_t psk[TOKEN_PSK_SIZE])
{
	uint8_t secret[TOKEN_SECRET_SIZE];
	int error = -EIO;
	size_t used;

	if (identity_id_valid(id) &&
	    RAND_priv_bytes(secret, sizeof(secret)) == 1 &&
	    !derive(id, secret, psk)) {
		used = (size_t)snprintf(text, TOKEN_TEXT_SIZE,
					TOKEN_PREFIX "%s:", id);
		write_secret(secret, text + used);
		error = 0;
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	return error;
}

/**
 * token_parse() - what a token says
 * @text: the token
 * @identity: gets the node, of kind IDENTITY_ENROLLING
 * @psk: gets the pre-shared key; the caller's to wipe
 *
 * Return: 0 or -EINVAL.
 */
int token_parse(const char *text, struct identity *identity,
		uint8_t psk[TOKEN_PSK_SIZE])
{
	uint8_t secret[TOKEN_SECRET_SIZE];
	const char *id, *colon, *rest;
	int error = -EINVAL;

	memset(identity, 0, sizeof(*identity));
	if (strncmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)))
		return -EINVAL;
	id = text + strlen(TOKEN_PREFIX);
	colon = strchr(id, ':');
	if (!colon || (size_t)(colon - id) > IDENTITY_ID_MAX)
		return -EINVAL;
	memcpy(identity->id, id, (size_t)(colon - id));
	if (identity_id_valid(identity->id) &&
	    !read_secret(colon + 1, secret)) {
		rest = colon + 1 + TOKEN_SECRET_TEXT;
		while (isspace((unsigned char)*rest))
			rest++;
		if (!*rest)
			error = derive(identity->id, secret, psk);
	}
	OPENSSL_cleanse(secret, sizeof(secret));
	if (error)
		memset(identity, 0, sizeof(*identity));
	else
		identity->kind = IDENTITY_ENROLLING;
	return error ? -EINVAL : 0;
}
