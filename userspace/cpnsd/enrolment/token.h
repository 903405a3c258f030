/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One-time enrolment tokens: "cpns-enrol-1:<node id>:<base64url of 32
 * bytes>".
 *
 * The server keeps the pre-shared key that a token gives, never the token.
 * Pure functions, any thread; tokens and keys are the caller's to wipe.
 */
#ifndef CPNSD_ENROLMENT_TOKEN_H
#define CPNSD_ENROLMENT_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "transport/identity.h"

#define TOKEN_PREFIX		"cpns-enrol-1:"
#define TOKEN_SECRET_SIZE	32
#define TOKEN_SECRET_TEXT	43	/* base64url without padding */
#define TOKEN_TEXT_SIZE		(sizeof(TOKEN_PREFIX) + IDENTITY_ID_MAX + 1 + \
				 TOKEN_SECRET_TEXT)
#define TOKEN_PSK_SIZE		32

/* a fresh token; 0 or -EIO */
int token_make(const char *id, char text[TOKEN_TEXT_SIZE],
	       uint8_t psk[TOKEN_PSK_SIZE]);
/* 0 or -EINVAL; white space at the end is ignored */
int token_parse(const char *text, struct identity *identity,
		uint8_t psk[TOKEN_PSK_SIZE]);

#endif
