/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PKCS#11 token of SoftHSM2 in a temporary directory.
 */
#ifndef CPNS_TEST_TOKEN_FIXTURE_H
#define CPNS_TEST_TOKEN_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#define TOKEN_PIN "4711-secret"

/* where SoftHSM2 is not installed: nothing of this can be tested */
bool token_available(void);

/* below @directory, also its PIN's file; sets SOFTHSM2_CONF */
void token_make(const char *directory);
/* the URI of @directory's token; @more begins with a semicolon or is "" */
void token_uri(const char *directory, const char *more, char *uri,
	       size_t room);
/* the token is unplugged, plugged in again */
void token_unplug(const char *directory);
void token_plug(const char *directory);

#endif
