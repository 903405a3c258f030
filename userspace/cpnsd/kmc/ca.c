// SPDX-License-Identifier: GPL-2.0-only
/*
 * The certification authority behind the KMC; see ca.h.
 *
 * The loop's thread.  The key is OpenSSL's, which cleanses it when it is
 * freed; the server forbids core dumps and ptrace for the whole process.
 */
#include "kmc/ca.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrolment/certificate.h"
#include "proto/private_key.h"
#include "proto/reason.h"

#define CERTIFICATES_MAX	4
#define DAY			86400

struct kmc_ca {
	struct stack_st_X509 *certificates;
	EVP_PKEY *key;
};

static int read_certificates(struct kmc_ca *ca, const char *path, char *reason,
			     size_t room)
{
	FILE *file = fopen(path, "re");
	X509 *certificate;
	int error = 0;

	if (!file)
		return reason_give(reason, room, -errno, "%s: %s", path,
				   strerror(errno));
	ca->certificates = sk_X509_new_null();
	while (!error && ca->certificates &&
	       (certificate = PEM_read_X509(file, NULL, NULL, NULL))) {
		if (X509_check_ca(certificate) < 1 ||
		    sk_X509_num(ca->certificates) == CERTIFICATES_MAX)
			error = -EINVAL;
		if (error || !sk_X509_push(ca->certificates, certificate))
			X509_free(certificate);
	}
	fclose(file);
	ERR_clear_error();
	if (error || sk_X509_num(ca->certificates) < 1)
		return reason_give(reason, room, -EINVAL,
				   "%s: not one to %d CA certificates", path,
				   CERTIFICATES_MAX);
	return 0;
}

/**
 * kmc_ca_open() - take the authority's certificate and key
 * @ca: gets it; kmc_ca_close() when done
 * @certificate_file: PEM, the authority's own certificate first
 * @key_file: PEM, closed to others
 * @reason: gets the cause in words
 * @room: bytes of @reason
 *
 * Return: 0; -EINVAL they do not belong together or are none; -EACCES others
 * can read the key; or what opening them gave.
 */
int kmc_ca_open(struct kmc_ca **ca, const char *certificate_file,
		const char *key_file, char *reason, size_t room)
{
	struct kmc_ca *opened = calloc(1, sizeof(*opened));
	int error;

	*ca = NULL;
	if (!opened)
		return reason_give(reason, room, -ENOMEM, "out of memory");
	error = read_certificates(opened, certificate_file, reason, room);
	if (!error)
		error = private_key_read(key_file, &opened->key, reason, room);
	if (!error &&
	    X509_check_private_key(sk_X509_value(opened->certificates, 0),
				   opened->key) != 1) {
		ERR_clear_error();
		error = reason_give(reason, room, -EINVAL,
				    "%s does not belong to %s", key_file,
				    certificate_file);
	}
	if (error)
		kmc_ca_close(opened);
	else
		*ca = opened;
	return error;
}

/**
 * kmc_ca_close() - forget the authority's key, cleansed
 * @ca: may be NULL
 */
void kmc_ca_close(struct kmc_ca *ca)
{
	if (!ca)
		return;
	sk_X509_pop_free(ca->certificates, X509_free);
	EVP_PKEY_free(ca->key);
	free(ca);
}

/**
 * kmc_ca_certificates() - what nodes are to trust
 * @ca: the authority; keeps them
 *
 * Return: at least one certificate, the one that issues first.
 */
const struct stack_st_X509 *kmc_ca_certificates(const struct kmc_ca *ca)
{
	return ca->certificates;
}

/**
 * kmc_ca_issue() - certify a node's key
 * @ca: the authority
 * @key: the node's; only its public part is there
 * @identity: of kind IDENTITY_NODE; nothing else is certified here
 * @days: life, cut where the authority's own ends
 * @certificate: gets it; X509_free() when done
 * @reason: gets the cause in words
 * @room: bytes of @reason
 *
 * Return: 0, -EINVAL, -EKEYEXPIRED the authority itself has expired, -EIO.
 */
int kmc_ca_issue(struct kmc_ca *ca, EVP_PKEY *key,
		 const struct identity *identity, unsigned int days,
		 X509 **certificate, char *reason, size_t room)
{
	X509 *own = sk_X509_value(ca->certificates, 0);
	time_t now = identity_certificate_time();
	time_t end = pki_not_after(own);
	struct pki_subject subject = {
		.identity = *identity,
		.not_after = now + (time_t)days * DAY,
	};

	*certificate = NULL;
	if (identity->kind != IDENTITY_NODE)
		return reason_give(reason, room, -EINVAL,
				   "only nodes are certified");
	if (end <= now)
		return reason_give(reason, room, -EKEYEXPIRED,
				   "the CA's certificate has expired");
	if (subject.not_after > end)
		subject.not_after = end;
	return pki_issue(own, ca->key, key, &subject, certificate, reason,
			 room);
}
