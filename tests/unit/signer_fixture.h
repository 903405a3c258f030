/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CA and certificates under it, made anew for a test in a directory of its
 * own; real X.509, real ES256 keys.
 */
#ifndef TESTS_UNIT_SIGNER_FIXTURE_H
#define TESTS_UNIT_SIGNER_FIXTURE_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture_ca {
	char directory[64];
	char file[96];			/* the CA's certificate, PEM */
	X509 *certificate;
	EVP_PKEY *key;
};

static inline void fixture_extension(X509 *certificate, X509 *issuer, int nid,
				     const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static inline X509 *fixture_certificate(EVP_PKEY *key, const char *name,
					X509 *issuer, EVP_PKEY *issuer_key,
					const char *usage, const char *eku,
					const char *uri)
{
	static long serial = 1;
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_NAME_new();
	char san[160];

	assert_non_null(certificate);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_subject_name(certificate, subject);
	X509_set_issuer_name(certificate, issuer ?
			     X509_get_subject_name(issuer) : subject);
	X509_NAME_free(subject);
	X509_set_pubkey(certificate, key);
	fixture_extension(certificate, issuer ? issuer : certificate,
			  NID_basic_constraints,
			  issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
	fixture_extension(certificate, certificate, NID_key_usage, usage);
	fixture_extension(certificate, issuer ? issuer : certificate,
			  NID_subject_key_identifier, "hash");
	if (eku)
		fixture_extension(certificate, certificate, NID_ext_key_usage,
				  eku);
	if (uri) {
		snprintf(san, sizeof(san), "URI:%s", uri);
		fixture_extension(certificate, certificate,
				  NID_subject_alt_name, san);
	}
	assert_true(X509_sign(certificate, issuer_key ? issuer_key : key,
			      EVP_sha256()) > 0);
	return certificate;
}

static inline void fixture_write_certificate(const char *path, X509 *certificate)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, certificate), 1);
	fclose(file);
}

static inline void fixture_ca_open(struct fixture_ca *ca)
{
	strcpy(ca->directory, "/tmp/cpns-test-XXXXXX");
	assert_non_null(mkdtemp(ca->directory));
	ca->key = EVP_EC_gen("P-256");
	assert_non_null(ca->key);
	ca->certificate = fixture_certificate(ca->key, "test CA", NULL, NULL,
					      "critical,keyCertSign,cRLSign",
					      NULL, NULL);
	snprintf(ca->file, sizeof(ca->file), "%s/ca.pem", ca->directory);
	fixture_write_certificate(ca->file, ca->certificate);
}

static inline void fixture_ca_close(struct fixture_ca *ca)
{
	char command[96];

	X509_free(ca->certificate);
	EVP_PKEY_free(ca->key);
	snprintf(command, sizeof(command), "rm -r %s", ca->directory);
	assert_int_equal(system(command), 0);
}

/* <directory>/<name>.pem and .key */
static inline void fixture_issue(struct fixture_ca *ca, const char *name,
				 const char *uri, const char *eku,
				 char certificate_file[128],
				 char key_file[128])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = fixture_certificate(key, name, ca->certificate,
						ca->key,
						"critical,digitalSignature",
						eku, uri);
	FILE *file;

	snprintf(certificate_file, 128, "%s/%s.pem", ca->directory, name);
	snprintf(key_file, 128, "%s/%s.key", ca->directory, name);
	fixture_write_certificate(certificate_file, certificate);
	file = fopen(key_file, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL,
					      NULL), 1);
	fclose(file);
	assert_int_equal(chmod(key_file, 0600), 0);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

#endif
