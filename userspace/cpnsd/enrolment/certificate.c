// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys and certificates; see certificate.h.
 *
 * Names go into subjectAltName through the GENERAL_NAME interface, not
 * through OpenSSL's configuration syntax, so that no name can add another.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "enrolment/certificate.h"

#define SERIAL_BITS	127
#define BACKDATE	3600		/* clocks differ */
#define DAY		86400

static int failed(char *reason, size_t room, const char *what)
{
	snprintf(reason, room, "%s: %s", what,
		 ERR_peek_last_error() ?
		 ERR_reason_error_string(ERR_peek_last_error()) :
		 "out of memory");
	ERR_clear_error();
	return -EIO;
}

/**
 * pki_make_key - a P-256 key pair for ES256
 * @key: result, EVP_PKEY_free() ends it
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0 or -EIO.
 */
int pki_make_key(EVP_PKEY **key, char *reason, size_t room)
{
	*key = EVP_EC_gen("P-256");
	return *key ? 0 : failed(reason, room, "cannot make a P-256 key");
}

/**
 * pki_make_osg_key - the OSG's static X25519 pair (RFC 9180, mode auth)
 * @key: result
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0 or -EIO.
 */
int pki_make_osg_key(EVP_PKEY **key, char *reason, size_t room)
{
	*key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	return *key ? 0 : failed(reason, room, "cannot make an X25519 key");
}

static bool set_serial(X509 *certificate)
{
	BIGNUM *number = BN_new();
	bool good;

	good = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE,
				 BN_RAND_BOTTOM_ANY) == 1 &&
	       BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return good;
}

static bool set_name(X509 *certificate, const char *common_name)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate),
					  "CN", MBSTRING_UTF8,
					  (const unsigned char *)common_name,
					  -1, -1, 0) == 1;
}

static bool set_times(X509 *certificate, time_t from, time_t to)
{
	return ASN1_TIME_set(X509_getm_notBefore(certificate), from) &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), to);
}

static bool add(X509 *certificate, X509 *issuer, int kind, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	bool good;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
	good = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool add_name(GENERAL_NAMES *names, int type, const void *bytes,
		     int size)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value;

	value = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING :
							 V_ASN1_IA5STRING);
	if (!name || !value || ASN1_STRING_set(value, bytes, size) != 1) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (!sk_GENERAL_NAME_push(names, name)) {
		GENERAL_NAME_free(name);
		return false;
	}
	return true;
}

/* an address, or a DNS name of letters, digits, "-" and "." */
static bool add_host(GENERAL_NAMES *names, const char *host)
{
	static const char host_characters[] = "-."
					      "0123456789"
					      "abcdefghijklmnopqrstuvwxyz"
					      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	unsigned char address[16];
	size_t size = strlen(host);

	if (inet_pton(AF_INET, host, address) == 1)
		return add_name(names, GEN_IPADD, address, 4);
	if (inet_pton(AF_INET6, host, address) == 1)
		return add_name(names, GEN_IPADD, address, 16);
	if (!size || size > 253 || strspn(host, host_characters) != size)
		return false;
	return add_name(names, GEN_DNS, host, (int)size);
}

static int add_names(X509 *certificate, const struct pki_subject *subject,
		     char *reason, size_t room)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	char uri[96];
	int result = 0;
	size_t i;

	identity_uri(&subject->identity, uri);
	if (!names || !add_name(names, GEN_URI, uri, (int)strlen(uri))) {
		result = failed(reason, room, "cannot write the name");
		goto out;
	}
	for (i = 0; i < subject->hosts_count; i++) {
		if (!add_host(names, subject->hosts[i])) {
			snprintf(reason, room,
				 "%s: neither an address nor a DNS name",
				 subject->hosts[i]);
			result = -EINVAL;
			goto out;
		}
	}
	if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0,
			      X509V3_ADD_DEFAULT) != 1)
		result = failed(reason, room, "cannot write the name");
out:
	GENERAL_NAMES_free(names);
	return result;
}

/**
 * pki_make_authority - a CA of its own, ten years
 * @certificate: result, self-signed
 * @key: result
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Its name has random digits, so that two CAs are told apart.
 *
 * Returns 0 or -EIO.
 */
int pki_make_authority(X509 **certificate, EVP_PKEY **key, char *reason,
		       size_t room)
{
	unsigned char random[4];
	time_t now = identity_certificate_time();
	char name[32];
	X509 *made = X509_new();

	*certificate = NULL;
	if (pki_make_key(key, reason, room)) {
		X509_free(made);
		return -EIO;
	}
	if (made && RAND_bytes(random, sizeof(random)) == 1) {
		snprintf(name, sizeof(name), "CPNS CA %02x%02x%02x%02x",
			 random[0], random[1], random[2], random[3]);
		if (X509_set_version(made, X509_VERSION_3) &&
		    set_serial(made) && set_name(made, name) &&
		    X509_set_issuer_name(made, X509_get_subject_name(made)) &&
		    set_times(made, now - BACKDATE,
			      now + (time_t)PKI_CA_DAYS * DAY) &&
		    X509_set_pubkey(made, *key) &&
		    add(made, made, NID_basic_constraints,
			"critical,CA:TRUE,pathlen:0") &&
		    add(made, made, NID_key_usage,
			"critical,keyCertSign,cRLSign") &&
		    add(made, made, NID_subject_key_identifier, "hash") &&
		    X509_sign(made, *key, EVP_sha256())) {
			*certificate = made;
			return 0;
		}
	}
	X509_free(made);
	EVP_PKEY_free(*key);
	*key = NULL;
	return failed(reason, room, "cannot make a CA");
}

static const char *extended_usage(enum identity_kind kind)
{
	switch (kind) {
	case IDENTITY_SERVER:
		return "serverAuth";
	case IDENTITY_NODE:
	case IDENTITY_SMF:
		return "clientAuth";
	default:
		return NULL;		/* signer: none */
	}
}

/**
 * pki_issue - a certificate for one identity
 * @authority: the CA's certificate
 * @authority_key: its key
 * @key: the subject's; only the public part is used
 * @subject: who, which hosts, from when to when
 * @certificate: result
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL for a bad host, or -EIO.
 */
int pki_issue(X509 *authority, EVP_PKEY *authority_key, EVP_PKEY *key,
	      const struct pki_subject *subject, X509 **certificate,
	      char *reason, size_t room)
{
	const char *usage = extended_usage(subject->identity.kind);
	time_t now = identity_certificate_time();
	time_t from = subject->not_before ? subject->not_before :
					    now - BACKDATE;
	time_t to = subject->not_after ? subject->not_after :
					 now + (time_t)PKI_DAYS * DAY;
	X509 *made = X509_new();
	int result = 0;

	*certificate = NULL;
	if (!made || !X509_set_version(made, X509_VERSION_3) ||
	    !set_serial(made) || !set_name(made, subject->identity.id) ||
	    !X509_set_issuer_name(made, X509_get_subject_name(authority)) ||
	    !set_times(made, from, to) || !X509_set_pubkey(made, key) ||
	    !add(made, authority, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add(made, authority, NID_key_usage, "critical,digitalSignature") ||
	    (usage && !add(made, authority, NID_ext_key_usage, usage)))
		result = failed(reason, room, "cannot make a certificate");
	if (!result)
		result = add_names(made, subject, reason, room);
	if (!result &&
	    (!add(made, authority, NID_subject_key_identifier, "hash") ||
	     !add(made, authority, NID_authority_key_identifier, "keyid") ||
	     !X509_sign(made, authority_key, EVP_sha256())))
		result = failed(reason, room, "cannot sign a certificate");
	if (result) {
		X509_free(made);
		return result;
	}
	*certificate = made;
	return 0;
}

/** pki_serial_text - the serial number as lists of certificates have it */
char *pki_serial_text(const X509 *certificate)
{
	BIGNUM *number;
	char *text;

	number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	text = number ? BN_bn2hex(number) : NULL;
	BN_free(number);
	return text;
}

/** pki_not_after - end of a certificate's time */
time_t pki_not_after(const X509 *certificate)
{
	struct tm end;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1)
		return -1;
	return timegm(&end);
}

/**
 * pki_osg_public - the 32 bytes that NODE_PIN takes
 * @key: X25519
 * @public_key: result
 *
 * Returns 0, or -EINVAL for a key of another kind.
 */
int pki_osg_public(EVP_PKEY *key, uint8_t public_key[PKI_OSG_KEY_SIZE])
{
	size_t size = PKI_OSG_KEY_SIZE;

	if (!EVP_PKEY_is_a(key, "X25519") ||
	    EVP_PKEY_get_raw_public_key(key, public_key, &size) != 1 ||
	    size != PKI_OSG_KEY_SIZE) {
		ERR_clear_error();
		return -EINVAL;
	}
	return 0;
}
