// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checks that every certificate goes through, of peers and of signers
 * (wire.md section 1): chain, time, revocation, kind, key usage.
 *
 * Used from the loop's thread only; nothing is kept.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "transport/identity.h"

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
		       struct stack_st_X509 *chain, char *reason, size_t room)
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
		    struct stack_st_X509 *chain, enum identity_kind kind,
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
