// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certification requests; see request.h.
 *
 * Who a node is was settled by its session.  A request brings a key and the
 * proof that its sender has the private part; names in it are compared, never
 * taken over, and any other extension that it asks for is left out.
 *
 * Pure functions, any thread.
 */
#include "enrolment/request.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "proto/reason.h"

static bool add_alternative_name(X509_REQ *request, const char *uri)
{
	struct stack_st_X509_EXTENSION *extensions = NULL;
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();
	bool good = false;

	if (names && name && value && ASN1_STRING_set(value, uri, -1)) {
		GENERAL_NAME_set0_value(name, GEN_URI, value);
		value = NULL;
		if (sk_GENERAL_NAME_push(names, name)) {
			name = NULL;
			good = X509V3_add1_i2d(&extensions,
					       NID_subject_alt_name, names, 0,
					       X509V3_ADD_DEFAULT) == 1 &&
			       X509_REQ_add_extensions(request,
						       extensions) == 1;
		}
	}
	ASN1_IA5STRING_free(value);
	GENERAL_NAME_free(name);
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return good;
}

/**
 * request_make() - ask for a certificate
 * @key: P-256 key pair, made on this device
 * @identity: of kind IDENTITY_NODE
 * @bytes: gets the DER; OPENSSL_free() when done
 * @size: of @bytes
 *
 * Return: 0 or -EIO.
 */
int request_make(EVP_PKEY *key, const struct identity *identity,
		 uint8_t **bytes, size_t *size)
{
	X509_REQ *request = X509_REQ_new();
	char uri[96];
	int length = -1;

	*bytes = NULL;
	identity_uri(identity, uri);
	if (request && X509_REQ_set_version(request, X509_REQ_VERSION_1) &&
	    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request),
				       "CN", MBSTRING_UTF8,
				       (const uint8_t *)identity->id, -1, -1,
				       0) == 1 &&
	    X509_REQ_set_pubkey(request, key) &&
	    add_alternative_name(request, uri) &&
	    X509_REQ_sign(request, key, EVP_sha256()))
		length = i2d_X509_REQ(request, bytes);
	X509_REQ_free(request);
	ERR_clear_error();
	if (length <= 0)
		return -EIO;
	*size = (size_t)length;
	return 0;
}

static bool is_p256(EVP_PKEY *key)
{
	char group[32];
	size_t size;

	return key && EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
					      group, sizeof(group), &size) &&
	       !strcmp(group, "prime256v1");
}

/* 1 it is @text alone, 0 none is there, -EINVAL another or something besides */
static int compare_common_name(X509_REQ *request, const char *text)
{
	X509_NAME *name = X509_REQ_get_subject_name(request);
	int count = X509_NAME_entry_count(name);
	unsigned char *utf8 = NULL;
	int size, same;

	if (!count)
		return 0;
	if (count != 1 ||
	    X509_NAME_get_index_by_NID(name, NID_commonName, -1) != 0)
		return -EINVAL;
	size = ASN1_STRING_to_UTF8(&utf8,
				   X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, 0)));
	same = size == (int)strlen(text) && !memcmp(utf8, text, (size_t)size);
	OPENSSL_free(utf8);
	return same ? 1 : -EINVAL;
}

static int compare_names(const GENERAL_NAMES *names, const char *uri)
{
	const GENERAL_NAME *name;
	const ASN1_IA5STRING *value;

	if (sk_GENERAL_NAME_num(names) != 1)
		return -EINVAL;
	name = sk_GENERAL_NAME_value(names, 0);
	if (name->type != GEN_URI)
		return -EINVAL;
	value = name->d.uniformResourceIdentifier;
	return ASN1_STRING_length(value) == (int)strlen(uri) &&
	       !memcmp(ASN1_STRING_get0_data(value), uri, strlen(uri)) ?
		1 : -EINVAL;
}

/* as compare_common_name() */
static int compare_alternative_name(X509_REQ *request, const char *uri)
{
	struct stack_st_X509_EXTENSION *extensions;
	GENERAL_NAMES *names;
	int result = 0, critical = -1;

	extensions = X509_REQ_get_extensions(request);
	names = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical,
			       NULL);
	if (names)
		result = compare_names(names, uri);
	else if (critical != -1)	/* more than one, or not to be read */
		result = -EINVAL;
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return result;
}

static int check(X509_REQ *request, const struct identity *identity,
		 bool exact, char *reason, size_t room)
{
	EVP_PKEY *key = X509_REQ_get0_pubkey(request);
	int subject, alternative;
	char uri[96];

	identity_uri(identity, uri);
	if (!is_p256(key))
		return reason_give(reason, room, -EINVAL,
				   "the key is not on P-256");
	if (X509_REQ_verify(request, key) != 1)
		return reason_give(reason, room, -EBADMSG,
				   "the request's signature is wrong");
	subject = compare_common_name(request, identity->id);
	alternative = compare_alternative_name(request, uri);
	if (subject < 0 || (exact && !subject))
		return reason_give(reason, room, -EPERM,
				   "the request's subject is not CN=%s",
				   identity->id);
	if (alternative < 0 || (exact && !alternative))
		return reason_give(reason, room, -EPERM,
				   "the request's subjectAltName is not %s",
				   uri);
	return 0;
}

/**
 * request_check() - look through a node's request
 * @bytes: DER
 * @size: of @bytes; nothing may stand behind the request
 * @identity: of kind IDENTITY_NODE, settled by the session
 * @exact: names have to be there, as in a renewal (RFC 7030 4.2.2)
 * @key: gets the public key; EVP_PKEY_free() when done
 * @reason: gets the cause in words
 * @room: bytes of @reason
 *
 * Return: 0; -E2BIG; -EINVAL no request or another kind of key; -EBADMSG
 * its signature is wrong; -EPERM it names somebody else.
 */
int request_check(const uint8_t *bytes, size_t size,
		  const struct identity *identity, bool exact, EVP_PKEY **key,
		  char *reason, size_t room)
{
	const uint8_t *at = bytes;
	X509_REQ *request;
	int error;

	*key = NULL;
	if (size > REQUEST_MAX)
		return reason_give(reason, room, -E2BIG,
				   "the request has more than %d bytes",
				   REQUEST_MAX);
	request = size ? d2i_X509_REQ(NULL, &at, (long)size) : NULL;
	if (!request || at != bytes + size)
		error = reason_give(reason, room, -EINVAL,
				    "not a PKCS #10 request");
	else
		error = check(request, identity, exact, reason, room);
	if (!error)
		*key = X509_REQ_get_pubkey(request);
	X509_REQ_free(request);
	ERR_clear_error();
	return error ? error : *key ? 0 : -ENOMEM;
}
