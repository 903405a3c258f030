// SPDX-License-Identifier: GPL-2.0-only
/*
 * Identities as URIs and in certificates: urn:cpns:<kind>:<id>.
 *
 * Pure functions on what they are given; nothing is kept.  A certificate has
 * exactly one URI of ours; none, two, or one with an embedded NUL is no
 * identity.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/x509v3.h>

#include "transport/identity.h"

#define URN_PREFIX "urn:cpns:"

static const char *const kind_names[] = {
	[IDENTITY_NONE] = "none",
	[IDENTITY_NODE] = "node",
	[IDENTITY_SERVER] = "server",
	[IDENTITY_SIGNER] = "signer",
	[IDENTITY_SMF] = "smf",
	[IDENTITY_ENROLLING] = "enrolling node",
};

/**
 * identity_kind_name - the word of a kind as it stands in the URI
 * @kind: which kind
 *
 * Returns a static string.
 */
const char *identity_kind_name(enum identity_kind kind)
{
	if ((size_t)kind >= sizeof(kind_names) / sizeof(kind_names[0]))
		return "none";
	return kind_names[kind];
}

/**
 * identity_id_valid - is this an id as certificates and paths may have it
 * @id: NUL-ended string
 *
 * Returns true for [A-Za-z0-9._-]{1,64}.
 */
bool identity_id_valid(const char *id)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t size = strnlen(id, IDENTITY_ID_MAX + 1);

	return size >= 1 && size <= IDENTITY_ID_MAX &&
	       strspn(id, allowed) == size;
}

/**
 * identity_parse - read urn:cpns:<kind>:<id>
 * @uri: NUL-ended string
 * @identity: result, all zero on error
 *
 * Returns 0 or -EINVAL.
 */
int identity_parse(const char *uri, struct identity *identity)
{
	size_t prefix = strlen(URN_PREFIX);
	unsigned int kind;

	memset(identity, 0, sizeof(*identity));
	if (strncmp(uri, URN_PREFIX, prefix) != 0)
		return -EINVAL;
	uri += prefix;

	for (kind = IDENTITY_NODE; kind <= IDENTITY_SMF; kind++) {
		size_t size = strlen(kind_names[kind]);

		if (strncmp(uri, kind_names[kind], size) != 0 ||
		    uri[size] != ':')
			continue;
		if (!identity_id_valid(uri + size + 1))
			return -EINVAL;
		identity->kind = kind;
		strcpy(identity->id, uri + size + 1);
		return 0;
	}
	return -EINVAL;
}

/**
 * identity_uri - write urn:cpns:<kind>:<id>
 * @identity: what to write
 * @uri: result, NUL-ended
 */
void identity_uri(const struct identity *identity, char uri[96])
{
	snprintf(uri, 96, URN_PREFIX "%s:%.*s",
		 identity_kind_name(identity->kind), IDENTITY_ID_MAX,
		 identity->id);
}

/**
 * identity_from_certificate - the identity that a certificate asserts
 * @certificate: not verified here
 * @identity: result, all zero on error
 *
 * Only URIs of subjectAltName count (wire.md section 1), and only one may be
 * ours.
 *
 * Returns 0 or -EINVAL.
 */
int identity_from_certificate(X509 *certificate, struct identity *identity)
{
	GENERAL_NAMES *names;
	int found = 0;
	int i;

	memset(identity, 0, sizeof(*identity));
	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	if (!names)
		return -EINVAL;

	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_IA5STRING *value;
		const char *text;
		size_t size;

		if (name->type != GEN_URI)
			continue;
		value = name->d.uniformResourceIdentifier;
		text = (const char *)ASN1_STRING_get0_data(value);
		size = (size_t)ASN1_STRING_length(value);
		if (size < strlen(URN_PREFIX) ||
		    memcmp(text, URN_PREFIX, strlen(URN_PREFIX)) != 0)
			continue;
		/* OpenSSL ends its strings with a NUL of its own */
		if (strlen(text) != size || identity_parse(text, identity)) {
			found = -1;
			break;
		}
		found++;
	}
	GENERAL_NAMES_free(names);

	if (found != 1) {
		memset(identity, 0, sizeof(*identity));
		return -EINVAL;
	}
	return 0;
}
