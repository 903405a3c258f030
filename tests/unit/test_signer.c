// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signer's certificate and key in files of their own, for unit tests.
 */
#include "test_signer.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void write_key(const char *path, EVP_PKEY *key)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL,
					      NULL), 1);
	fclose(file);
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_EXTENSION *san;
	X509_NAME *name;

	assert_non_null(certificate);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
				  "URI:urn:cpns:signer:test");
	assert_non_null(san);
	X509_add_ext(certificate, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

void test_signer_write(struct test_signer *test, const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);
	EVP_PKEY *osg_key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	X509 *certificate;
	FILE *file;

	assert_non_null(key);
	assert_non_null(osg_key);
	memset(test, 0, sizeof(*test));
	strcpy(test->directory, "/tmp/cpns-test-XXXXXX");
	assert_non_null(mkdtemp(test->directory));
	snprintf(test->certificate_file, sizeof(test->certificate_file),
		 "%s/signer.pem", test->directory);
	snprintf(test->key_file, sizeof(test->key_file), "%s/signer.key",
		 test->directory);
	snprintf(test->osg_key_file, sizeof(test->osg_key_file),
		 "%s/osg.key", test->directory);
	write_key(test->key_file, key);
	write_key(test->osg_key_file, osg_key);
	certificate = make_certificate(key);
	file = fopen(test->certificate_file, "we");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, certificate), 1);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
	EVP_PKEY_free(osg_key);
}

void test_signer_make(struct test_signer *test, const char *curve)
{
	char reason[512] = "";

	test_signer_write(test, curve);
	if (signer_open(&test->signer, test->certificate_file, test->key_file,
			reason, sizeof(reason)))
		fail_msg("%s", reason);
}

void test_signer_remove(struct test_signer *test)
{
	signer_close(&test->signer);
	unlink(test->certificate_file);
	unlink(test->key_file);
	unlink(test->osg_key_file);
	rmdir(test->directory);
}
