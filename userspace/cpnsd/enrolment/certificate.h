/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The small CA: how its keys and certificates are made, by `cpnsctl node
 * issue` and by the server's enrolment.
 *
 * Certificates as in wire.md section 1: ES256 on P-256, one urn:cpns: URI in
 * subjectAltName.  Private keys are freed through OpenSSL, which cleanses
 * them.  One thread; every function fills @reason on an error.
 */
#ifndef CPNSD_ENROLMENT_CERTIFICATE_H
#define CPNSD_ENROLMENT_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "transport/identity.h"

#define PKI_CA_DAYS	3650
#define PKI_DAYS	825
#define PKI_OSG_KEY_SIZE 32

struct pki_subject {
	struct identity identity;
	const char *const *hosts;	/* addresses and DNS names; server only */
	size_t hosts_count;
	time_t not_before, not_after;	/* 0: an hour ago, PKI_DAYS from now */
};

int pki_make_key(EVP_PKEY **key, char *reason, size_t room);
int pki_make_authority(X509 **certificate, EVP_PKEY **key, char *reason,
		       size_t room);
int pki_issue(X509 *authority, EVP_PKEY *authority_key, EVP_PKEY *key,
	      const struct pki_subject *subject, X509 **certificate,
	      char *reason, size_t room);
/* serial number in hexadecimal, OPENSSL_free() ends it; NULL: no memory */
char *pki_serial_text(const X509 *certificate);
/* end of its time in s since 1970, or -1 */
time_t pki_not_after(const X509 *certificate);
/* the OSG's static X25519 pair; NODE_PIN takes the public one */
int pki_make_osg_key(EVP_PKEY **key, char *reason, size_t room);
int pki_osg_public(EVP_PKEY *key, uint8_t public_key[PKI_OSG_KEY_SIZE]);

#endif
