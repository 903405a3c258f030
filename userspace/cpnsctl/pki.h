/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files of the small CA of `cpnsctl node issue`; how its keys and
 * certificates are made is in enrolment/certificate.h.
 *
 * Certificates as in wire.md section 1: ES256 on P-256, one urn:cpns: URI in
 * subjectAltName.  Private keys are never on the command line, only in files
 * of mode 0600, and are freed through OpenSSL, which cleanses them.
 *
 * One thread; every function fills @reason on an error.
 */
#ifndef CPNSCTL_PKI_H
#define CPNSCTL_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrolment/certificate.h"
#include "transport/identity.h"

/* directories 0700, private files 0600, others 0644; never over a file
 * unless @force; complete and on disk, or not there
 */
int pki_make_directory(const char *path, char *reason, size_t room);
int pki_write_file(const char *path, const void *bytes, size_t size,
		   bool private_file, bool force, char *reason, size_t room);
int pki_write_certificate(const char *path, X509 *certificate, bool force,
			  char *reason, size_t room);
int pki_write_private_key(const char *path, EVP_PKEY *key, bool force,
			  char *reason, size_t room);
int pki_write_public_key(const char *path, EVP_PKEY *key, bool force,
			 char *reason, size_t room);

/* as root, a private file becomes the daemon's (user cpns, where it exists) */
void pki_give_daemon(const char *path);

int pki_certificate_pem(X509 *certificate, uint8_t **pem, size_t *size);
int pki_private_key_pem(EVP_PKEY *key, uint8_t **pem, size_t *size);
int pki_public_key_pem(EVP_PKEY *key, uint8_t **pem, size_t *size);
void pki_pem_free(uint8_t *pem, size_t size);	/* cleansed */

/* ca.crl, and the list of what was issued */
int pki_note_issued(const char *path, const X509 *certificate, char *reason,
		    size_t room);
int pki_note_serial(const char *path, const char *uri, const char *serial,
		    time_t end, char *reason, size_t room);
int pki_revoke(X509 *authority, EVP_PKEY *authority_key, const char *issued,
	       const char *uri, const char *path, unsigned int *count,
	       char *reason, size_t room);

X509 *pki_read_certificate(const char *path, char *reason, size_t room);
EVP_PKEY *pki_read_private_key(const char *path, char *reason, size_t room);
X509 *pki_parse_certificate(const uint8_t *pem, size_t size);
EVP_PKEY *pki_parse_private_key(const uint8_t *pem, size_t size);
EVP_PKEY *pki_parse_public_key(const uint8_t *pem, size_t size);

#endif
