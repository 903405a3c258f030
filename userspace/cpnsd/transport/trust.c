// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trust store: one CA file, an optional revocation list, and the checks
 * that every certificate goes through (wire.md section 1).
 *
 * Used from the loop's thread only.  The store belongs to the trust; the
 * list's file is read again when it has changed on disk, so that a
 * revocation counts from the next check on.  A list that cannot be read keeps
 * the one before it; one that is out of date refuses (fail closed).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "log.h"
#include "transport/identity.h"

struct identity_trust {
	X509_STORE *store;
	char *ca_file;
	char *crl_file;			/* NULL: no list */
	struct timespec crl_time;	/* of the file that was read */
	off_t crl_size;
	ino_t crl_inode;
};

__attribute__((format(printf, 3, 4)))
static void say(char *reason, size_t room, const char *format, ...)
{
	va_list list;

	if (!reason || !room)
		return;
	va_start(list, format);
	vsnprintf(reason, room, format, list);
	va_end(list);
}

static int add_authorities(X509_STORE *store, const char *path, char *reason,
			   size_t room)
{
	FILE *file = fopen(path, "re");
	unsigned int count = 0;
	X509 *certificate;
	int result = 0;

	if (!file) {
		result = -errno;
		say(reason, room, "%s: %s", path, strerror(-result));
		return result;
	}
	while ((certificate = PEM_read_X509(file, NULL, NULL, NULL))) {
		if (X509_check_ca(certificate) < 1) {
			say(reason, room, "%s: not a CA certificate", path);
			result = -EINVAL;
		} else if (X509_STORE_add_cert(store, certificate) != 1) {
			say(reason, room, "%s: out of memory", path);
			result = -ENOMEM;
		}
		X509_free(certificate);
		if (result)
			break;
		count++;
	}
	ERR_clear_error();
	fclose(file);
	if (!result && !count) {
		say(reason, room, "%s: no certificate in it", path);
		result = -EINVAL;
	}
	return result;
}

static int add_lists(X509_STORE *store, const char *path, char *reason,
		     size_t room)
{
	FILE *file = fopen(path, "re");
	unsigned int count = 0;
	X509_CRL *list;
	int result = 0;

	if (!file) {
		result = -errno;
		say(reason, room, "%s: %s", path, strerror(-result));
		return result;
	}
	while ((list = PEM_read_X509_CRL(file, NULL, NULL, NULL))) {
		if (X509_STORE_add_crl(store, list) != 1)
			result = -ENOMEM;
		X509_CRL_free(list);
		if (result)
			break;
		count++;
	}
	ERR_clear_error();
	fclose(file);
	if (!result && !count)
		result = -EINVAL;
	if (result)
		say(reason, room, "%s: no revocation list in it", path);
	return result;
}

static int build_store(struct identity_trust *trust, X509_STORE **result,
		       char *reason, size_t room)
{
	X509_STORE *store = X509_STORE_new();
	int error;

	if (!store)
		return -ENOMEM;
	error = add_authorities(store, trust->ca_file, reason, room);
	if (!error && trust->crl_file) {
		struct stat status;

		error = add_lists(store, trust->crl_file, reason, room);
		X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
		if (!error && !stat(trust->crl_file, &status)) {
			trust->crl_time = status.st_mtim;
			trust->crl_size = status.st_size;
			trust->crl_inode = status.st_ino;
		}
	}
	if (error) {
		X509_STORE_free(store);
		return error;
	}
	*result = store;
	return 0;
}

static void read_lists_again(struct identity_trust *trust)
{
	char reason[160] = "";
	struct stat status;
	X509_STORE *store;

	if (!trust->crl_file || stat(trust->crl_file, &status))
		return;
	if (status.st_mtim.tv_sec == trust->crl_time.tv_sec &&
	    status.st_mtim.tv_nsec == trust->crl_time.tv_nsec &&
	    status.st_size == trust->crl_size &&
	    status.st_ino == trust->crl_inode)
		return;
	if (build_store(trust, &store, reason, sizeof(reason))) {
		log_warning("revocation list not read again, the one before stays: %s",
			    reason);
		trust->crl_time = status.st_mtim;
		trust->crl_size = status.st_size;
		trust->crl_inode = status.st_ino;
		return;
	}
	X509_STORE_free(trust->store);
	trust->store = store;
}

/**
 * identity_trust_open - read the CA and the revocation list
 * @trust: result; identity_trust_close() ends it
 * @ca_file: PEM, one or more CA certificates
 * @crl_file: PEM, or NULL or "": no revocation check
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL, -ENOMEM or the errno of opening a file.
 */
int identity_trust_open(struct identity_trust **trust, const char *ca_file,
			const char *crl_file, char *reason, size_t room)
{
	struct identity_trust *fresh;
	int result = -ENOMEM;

	*trust = NULL;
	say(reason, room, "out of memory");
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->ca_file = strdup(ca_file ? ca_file : "");
	if (crl_file && *crl_file)
		fresh->crl_file = strdup(crl_file);
	if (fresh->ca_file && (fresh->crl_file || !crl_file || !*crl_file))
		result = build_store(fresh, &fresh->store, reason, room);
	if (result) {
		identity_trust_close(fresh);
		return result;
	}
	say(reason, room, "%s", "");
	*trust = fresh;
	return 0;
}

/**
 * identity_trust_close - end a trust store
 * @trust: may be NULL
 */
void identity_trust_close(struct identity_trust *trust)
{
	if (!trust)
		return;
	X509_STORE_free(trust->store);
	free(trust->ca_file);
	free(trust->crl_file);
	free(trust);
}

/**
 * identity_trust_store - the store for a caller's own chain checks
 * @trust: the trust; keeps the store
 *
 * The store may be another one after the next check: take a reference if it
 * is to be kept.
 */
X509_STORE *identity_trust_store(struct identity_trust *trust)
{
	read_lists_again(trust);
	return trust->store;
}

static int explain(X509_STORE_CTX *context, char *reason,
		   size_t room)
{
	int error = X509_STORE_CTX_get_error(context);

	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		say(reason, room, "certificate has expired");
		return -EKEYEXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		say(reason, room,
		    "certificate is not valid yet: is the clock right?");
		return -EACCES;
	case X509_V_ERR_CERT_REVOKED:
		say(reason, room, "certificate is revoked");
		return -EKEYREVOKED;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		say(reason, room, "revocation list is out of date");
		return -EACCES;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		say(reason, room, "no revocation list of the certificate's issuer");
		return -EACCES;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_AKID_SKID_MISMATCH:
		say(reason, room, "certificate is not signed by this CA");
		return -EACCES;
	default:
		say(reason, room, "certificate is refused: %s",
		    X509_verify_cert_error_string(error));
		return -EACCES;
	}
}

static int check_chain(struct identity_trust *trust, X509 *certificate,
		       STACK_OF(X509) *chain, char *reason, size_t room)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int result;

	if (!context || X509_STORE_CTX_init(context, identity_trust_store(trust),
					    certificate, chain) != 1) {
		X509_STORE_CTX_free(context);
		say(reason, room, "out of memory");
		return -ENOMEM;
	}
	param = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(param, identity_certificate_time());
	X509_VERIFY_PARAM_set_depth(param, 4);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	if (X509_verify_cert(context) == 1)
		result = 0;
	else
		result = explain(context, reason, room);
	X509_STORE_CTX_free(context);
	ERR_clear_error();
	return result;
}

/* EKU and key usage for each kind; wire.md section 1 */
static int check_usage(X509 *certificate, enum identity_kind kind,
		       char *reason, size_t room)
{
	uint32_t flags = X509_get_extension_flags(certificate);
	uint32_t extended = X509_get_extended_key_usage(certificate);
	uint32_t usage = X509_get_key_usage(certificate);
	bool has_extended = flags & EXFLAG_XKUSAGE;
	EVP_PKEY *key = X509_get0_pubkey(certificate);

	if (flags & (EXFLAG_INVALID | EXFLAG_CA)) {
		say(reason, room, "not an end entity's certificate");
		return -EINVAL;
	}
	switch (kind) {
	case IDENTITY_SERVER:
		if (has_extended && (extended & XKU_SSL_SERVER))
			return 0;
		say(reason, room, "certificate lacks extended key usage serverAuth");
		return -EACCES;
	case IDENTITY_NODE:
	case IDENTITY_SMF:
		if (has_extended && (extended & XKU_SSL_CLIENT))
			return 0;
		say(reason, room, "certificate lacks extended key usage clientAuth");
		return -EACCES;
	case IDENTITY_SIGNER:
		if (has_extended) {
			say(reason, room,
			    "a signer's certificate has no extended key usage");
			return -EACCES;
		}
		if (!(flags & EXFLAG_KUSAGE) || !(usage & KU_DIGITAL_SIGNATURE)) {
			say(reason, room,
			    "certificate lacks key usage digitalSignature");
			return -EACCES;
		}
		if (!key || !EVP_PKEY_is_a(key, "EC") ||
		    EVP_PKEY_get_bits(key) != 256) {
			say(reason, room, "a signer's key is not P-256");
			return -EACCES;
		}
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * identity_verify - all checks of a peer's or signer's certificate
 * @trust: CA and revocation list
 * @certificate: what the peer or the COSE header brought
 * @chain: certificates in between, untrusted; may be NULL
 * @kind: the kind that is expected here
 * @identity: result, all zero on error
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Chain, time and revocation first, then the URI's kind, then key usage: a
 * member's certificate offered as a server's is refused by the second.
 *
 * Returns 0, -EACCES, -EKEYEXPIRED, -EKEYREVOKED, -EINVAL or -ENOMEM.
 */
int identity_verify(struct identity_trust *trust, X509 *certificate,
		    STACK_OF(X509) *chain, enum identity_kind kind,
		    struct identity *identity, char *reason, size_t room)
{
	struct identity found;
	char uri[96];
	int result;

	memset(identity, 0, sizeof(*identity));
	result = check_chain(trust, certificate, chain, reason, room);
	if (result)
		return result;
	if (identity_from_certificate(certificate, &found)) {
		say(reason, room,
		    "certificate has no urn:cpns: URI in subjectAltName, or more than one");
		return -EINVAL;
	}
	if (found.kind != kind) {
		identity_uri(&found, uri);
		say(reason, room,
		    "%s's certificate is a %s's (%s): refused",
		    identity_kind_name(kind), identity_kind_name(found.kind),
		    uri);
		return -EACCES;
	}
	result = check_usage(certificate, kind, reason, room);
	if (result)
		return result;
	*identity = found;
	return 0;
}

/**
 * identity_verify_der - identity_verify() for a DER certificate without chain
 * @trust: CA and revocation list
 * @certificate: DER
 * @size: of @certificate; nothing may stand behind it
 * @kind: the kind that is expected
 * @identity: result
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns as identity_verify().
 */
int identity_verify_der(struct identity_trust *trust,
			const uint8_t *certificate, size_t size,
			enum identity_kind kind, struct identity *identity,
			char *reason, size_t room)
{
	const uint8_t *at = certificate;
	X509 *parsed;
	int result;

	memset(identity, 0, sizeof(*identity));
	parsed = size <= 65536 ? d2i_X509(NULL, &at, (long)size) : NULL;
	if (!parsed || at != certificate + size) {
		X509_free(parsed);
		ERR_clear_error();
		say(reason, room, "not a certificate");
		return -EINVAL;
	}
	result = identity_verify(trust, parsed, NULL, kind, identity, reason,
				 room);
	X509_free(parsed);
	return result;
}
