/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * certs-only PKCS #7 (RFC 5652, RFC 7030 4.1.3): a bag of certificates, as
 * EST has them.  Pure functions, any thread.
 */
#ifndef CPNSD_ENROLMENT_CERTS_ONLY_H
#define CPNSD_ENROLMENT_CERTS_ONLY_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

/* DER; OPENSSL_free() ends it */
int certs_only_write(const struct stack_st_X509 *certificates, uint8_t **bytes,
		     size_t *size);
/* 1 to @most certificates; sk_X509_pop_free() ends them */
int certs_only_read(const uint8_t *bytes, size_t size, int most,
		    struct stack_st_X509 **certificates);

#endif
