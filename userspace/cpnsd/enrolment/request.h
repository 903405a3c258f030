/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Certification requests (PKCS #10, RFC 2986) of nodes: made on the node,
 * checked by the server.
 */
#ifndef CPNSD_ENROLMENT_REQUEST_H
#define CPNSD_ENROLMENT_REQUEST_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/identity.h"

#define REQUEST_MAX	4096		/* bytes of DER */

/* DER of a request for @identity with @key; OPENSSL_free() ends it */
int request_make(EVP_PKEY *key, const struct identity *identity,
		 uint8_t **bytes, size_t *size);
/*
 * @exact: subject and subjectAltName are to be there (RFC 7030 4.2.2, for
 * renewals); else what is there may not contradict.  @key: EVP_PKEY_free().
 */
int request_check(const uint8_t *bytes, size_t size,
		  const struct identity *identity, bool exact, EVP_PKEY **key,
		  char *reason, size_t room);

#endif
