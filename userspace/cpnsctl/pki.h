/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The small CA of `cpnsctl node issue`: keys, certificates, their files.
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
/* the OSG's static X25519 pair; NODE_PIN takes the public one */
int pki_make_osg_key(EVP_PKEY **key, char *reason, size_t room);

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
int pki_revoke(X509 *authority, EVP_PKEY *authority_key, const char *issued,
	       const char *uri, const char *path, unsigned int *count,
	       char *reason, size_t room);

X509 *pki_read_certificate(const char *path, char *reason, size_t room);
EVP_PKEY *pki_read_private_key(const char *path, char *reason, size_t room);
X509 *pki_parse_certificate(const uint8_t *pem, size_t size);
EVP_PKEY *pki_parse_private_key(const uint8_t *pem, size_t size);
EVP_PKEY *pki_parse_public_key(const uint8_t *pem, size_t size);
int pki_osg_public(EVP_PKEY *key, uint8_t public_key[PKI_OSG_KEY_SIZE]);

#endif
