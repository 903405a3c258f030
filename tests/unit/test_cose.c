// SPDX-License-Identifier: GPL-2.0-only
/*
 * COSE_Sign1 with ES256: the working group's examples, our own signatures
 * there and back, and each thing that is refused.
 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/cbor.h"
#include "proto/cose.h"
#include "proto/signer.h"
#include "test_signer.h"
#include "vectors.h"

static EVP_PKEY *public_key(const struct vectors *vectors)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM *parameters;
	uint8_t point[65] = { 4 };

	vectors_get_exactly(vectors, "x", point + 1, 32);
	vectors_get_exactly(vectors, "y", point + 33, 32);
	OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
					"prime256v1", 0);
	OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY,
					 point, sizeof(point));
	parameters = OSSL_PARAM_BLD_to_param(builder);
	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY,
					   parameters), 1);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	return key;
}

/* the parts of a COSE_Sign1 without our profile of it */
static void verify_example(const struct vectors *vectors, bool valid)
{
	const uint8_t *header, *payload, *signature;
	size_t header_size, payload_size, size;
	struct hex message, external, expected;
	struct cbor_reader reader;
	EVP_PKEY *key = public_key(vectors);
	uint8_t *text;

	vectors_get(vectors, "message", &message);
	vectors_get(vectors, "external", &external);
	vectors_get(vectors, "to_be_signed", &expected);
	assert_int_equal(cbor_reader_open(&reader, message.bytes,
					  message.size, "example", NULL, 0),
			 0);
	cbor_read_tag(&reader, "tag", COSE_TAG_SIGN1);
	cbor_read_array(&reader, "message", 4, 4);
	header = cbor_read_bytes(&reader, "header", 0, SIZE_MAX, &header_size);
	cbor_skip(&reader);
	payload = cbor_read_bytes(&reader, "payload", 0, SIZE_MAX,
				  &payload_size);
	signature = cbor_read_bytes(&reader, "signature", 64, 64, &size);
	assert_int_equal(reader.error, 0);
	/* the examples write an empty protected map as A0 and sign it as '' */
	if (header_size == 1 && header[0] == 0xa0)
		header_size = 0;
	assert_int_equal(cose_to_be_signed(header, header_size,
					   external.bytes, external.size,
					   payload, payload_size, &text,
					   &size), 0);
	if (valid) {
		assert_int_equal(size, expected.size);
		assert_memory_equal(text, expected.bytes, size);
	}
	assert_int_equal(cose_es256_verify(key, text, size, signature),
			 valid ? 0 : -EKEYREJECTED);
	free(text);
	EVP_PKEY_free(key);
}

static void working_group_examples(void **state)
{
	struct cose_sign1_view view;
	unsigned int valid = 0, count = 0;
	struct vectors vectors;
	struct hex message;
	char reason[160];
	int error;

	vectors_open(&vectors, "cose-es256.txt");
	while (vectors_next(&vectors, "message")) {
		count++;
		vectors_get(&vectors, "message", &message);
		error = cose_sign1_open(message.bytes, message.size, "", &view,
					reason, sizeof(reason));
		if (!strncmp(vectors.title, "sign-fail-01", 12)) {
			assert_int_equal(error, -EBADMSG);
			assert_non_null(strstr(reason, "tag 18 expected"));
			continue;
		}
		if (!strncmp(vectors.title, "sign-fail-03", 12)) {
			assert_int_equal(error, -EPROTO);
			assert_non_null(strstr(reason, "alg -999"));
			continue;
		}
		if (!strncmp(vectors.title, "sign-fail-04", 12)) {
			assert_int_equal(error, -EBADMSG);
			assert_non_null(strstr(reason, "alg"));
			continue;
		}
		/* no kid of ours, no certificate: never taken as it is */
		assert_int_equal(error, -EPROTO);
		valid += vectors_number(&vectors, "valid") != 0;
		verify_example(&vectors,
			       vectors_number(&vectors, "valid") != 0);
	}
	assert_int_equal(count, 9);
	assert_int_equal(valid, 3);
	vectors_close(&vectors);
}

static void there_and_back(void **state)
{
	struct test_signer *test = *state;
	struct cose_sign1_view view;
	uint8_t *bytes;
	size_t size;

	assert_int_equal(cose_sign1(&test->signer, "domain",
				    (const uint8_t *)"payload", 7, &bytes,
				    &size), 0);
	assert_int_equal(cose_sign1_open(bytes, size, "domain", &view, NULL,
					 0), 0);
	assert_int_equal(view.payload_size, 7);
	assert_memory_equal(view.payload, "payload", 7);
	assert_int_equal(view.certificate_size,
			 test->signer.certificate_size);
	assert_memory_equal(view.certificate, test->signer.certificate,
			    view.certificate_size);
	assert_memory_equal(view.kid, test->signer.kid, 8);
	/* another external_aad: another kind of message */
	assert_int_equal(cose_sign1_open(bytes, size, "domains", &view, NULL,
					 0), -EKEYREJECTED);
	free(bytes);
}

static void every_changed_byte_is_refused(void **state)
{
	struct test_signer *test = *state;
	struct cose_sign1_view view;
	char reason[160];
	uint8_t *bytes;
	size_t size, i;
	int error;

	assert_int_equal(cose_sign1(&test->signer, "domain",
				    (const uint8_t *)"payload", 7, &bytes,
				    &size), 0);
	for (i = 0; i < size; i++) {
		bytes[i] ^= 0x01;
		reason[0] = '\0';
		error = cose_sign1_open(bytes, size, "domain", &view, reason,
					sizeof(reason));
		if (error != -EBADMSG && error != -EPROTO &&
		    error != -EKEYREJECTED)
			fail_msg("byte %zu changed: %d", i, error);
		assert_true(reason[0]);
		bytes[i] ^= 0x01;
	}
	free(bytes);
}

static void every_truncation_is_refused(void **state)
{
	struct test_signer *test = *state;
	struct cose_sign1_view view;
	uint8_t *bytes, *cut;
	size_t size, i;

	assert_int_equal(cose_sign1(&test->signer, "domain",
				    (const uint8_t *)"payload", 7, &bytes,
				    &size), 0);
	for (i = 0; i < size; i++) {
		cut = malloc(i ? i : 1);
		memcpy(cut, bytes, i);
		assert_int_equal(cose_sign1_open(cut, i, "domain", &view,
						 NULL, 0), -EBADMSG);
		free(cut);
	}
	free(bytes);
}

static void signer_files(void **state)
{
	struct test_signer *test = *state, other;
	struct signer signer;
	char reason[512];

	test_signer_make(&other, "P-256");
	/* a key that is not the certificate's */
	assert_int_equal(signer_open(&signer, test->certificate_file,
				     other.key_file, reason, sizeof(reason)),
			 -EINVAL);
	assert_non_null(strstr(reason, "not the key of the certificate"));
	/* files in each other's place */
	assert_int_equal(signer_open(&signer, test->key_file,
				     test->key_file, reason, sizeof(reason)),
			 -EINVAL);
	assert_non_null(strstr(reason, "no certificate in PEM"));
	assert_int_equal(signer_open(&signer, test->certificate_file,
				     "/nonexistent", reason, sizeof(reason)),
			 -ENOENT);
	assert_non_null(strstr(reason, "/nonexistent"));
	/* a key that others may read */
	assert_int_equal(chmod(other.key_file, 0604), 0);
	assert_int_equal(signer_open(&signer, other.certificate_file,
				     other.key_file, reason, sizeof(reason)),
			 -EACCES);
	assert_non_null(strstr(reason, "others cannot read"));
	test_signer_remove(&other);
}

static void other_curves_are_refused(void **state)
{
	struct test_signer other;
	struct signer signer;
	char reason[512];

	test_signer_write(&other, "P-384");
	assert_int_equal(signer_open(&signer, other.certificate_file,
				     other.key_file, reason, sizeof(reason)),
			 -EINVAL);
	assert_non_null(strstr(reason, "P-256"));
	test_signer_remove(&other);
}

static int make_signer(void **state)
{
	static struct test_signer test;

	test_signer_make(&test, "P-256");
	*state = &test;
	return 0;
}

static int remove_signer(void **state)
{
	test_signer_remove(*state);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(working_group_examples),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(every_changed_byte_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(signer_files),
		cmocka_unit_test(other_curves_are_refused),
	};

	return cmocka_run_group_tests_name("cose", tests, make_signer,
					   remove_signer);
}
