// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signed epoch record: against one that python3-cbor2 encoded and
 * python3-cryptography signed, there and back, and each refusal.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/record.h"
#include "test_signer.h"
#include "vectors.h"

static void check_fields(const struct epoch_record *record)
{
	assert_string_equal(record->sgid, "sip:sg-42@cpns.example");
	assert_int_equal(record->term, 1);
	assert_int_equal(record->num, 7);
	assert_int_equal(record->etag_size, 5);
	assert_memory_equal(record->etag, "\1etag", 5);
	assert_int_equal(record->reason, EPOCH_LEAVE);
	assert_int_equal(record->suite, 1);
	assert_int_equal(record->created, 1732000000);
	assert_int_equal(record->lifetime, 86400);
	assert_int_equal(record->atd, 2);
	assert_int_equal(record->dtd, 5);
	assert_int_equal(record->evicted_count, 2);
	assert_int_equal(record->evicted[0], 258);
	assert_int_equal(record->evicted[1], 3);
	assert_int_equal(record->scheme, 0);
	assert_int_equal(record->shards_count, 2);
}

static void other_implementation(void **state)
{
	struct test_signer *test = *state;
	struct cose_sign1_view view;
	struct epoch_record record;
	struct vectors vectors;
	struct hex bytes, payload, expected;
	uint8_t hash[32], *again;
	char reason[160] = "";
	size_t size;

	vectors_open(&vectors, "bodies.txt");
	vectors_find(&vectors, "signed record");
	vectors_get(&vectors, "record", &bytes);
	vectors_get(&vectors, "payload", &payload);
	if (epoch_record_open(bytes.bytes, bytes.size, &record, reason,
			      sizeof(reason)))
		fail_msg("%s", reason);
	check_fields(&record);
	vectors_get(&vectors, "payload_hash", &expected);
	assert_memory_equal(record.payload_hash, expected.bytes, 32);
	vectors_get(&vectors, "kid", &expected);
	assert_memory_equal(record.kid, expected.bytes, 8);
	vectors_get(&vectors, "certificate", &expected);
	assert_int_equal(record.signer_certificate_size, expected.size);
	assert_memory_equal(record.signer_certificate, expected.bytes,
			    expected.size);
	/* signed again here, the payload has the same bytes */
	assert_int_equal(epoch_record_sign(&record, &test->signer, &again,
					   &size, hash), 0);
	assert_memory_equal(hash, record.payload_hash, 32);
	assert_int_equal(cose_sign1_open(again, size, "cpns-epoch-1", &view,
					 NULL, 0), 0);
	assert_int_equal(view.payload_size, payload.size);
	assert_memory_equal(view.payload, payload.bytes, payload.size);
	free(again);
	epoch_record_free(&record);
	vectors_close(&vectors);
}

static void chain_of_two(void **state)
{
	struct epoch_record record;
	struct vectors vectors;
	struct hex bytes, certificate;

	vectors_open(&vectors, "bodies.txt");
	vectors_find(&vectors, "signed record");
	vectors_get(&vectors, "x5chain_of_two", &bytes);
	vectors_get(&vectors, "certificate", &certificate);
	assert_int_equal(epoch_record_open(bytes.bytes, bytes.size, &record,
					   NULL, 0), 0);
	assert_int_equal(record.signer_certificate_size, certificate.size);
	assert_memory_equal(record.signer_certificate, certificate.bytes,
			    certificate.size);
	epoch_record_free(&record);
	vectors_close(&vectors);
}

/* title of the vector, errno, a word of the cause */
static const struct {
	const char *title;
	int error;
	const char *word;
} refusals[] = {
	{ "another algorithm", -EPROTO, "alg -8" },
	{ "no algorithm", -EPROTO, "alg is missing" },
	{ "crit", -EPROTO, "crit" },
	{ "another kid", -EPROTO, "kid" },
	{ "a short kid", -EPROTO, "kid of 7 bytes" },
	{ "no kid", -EPROTO, "kid is missing" },
	{ "another's certificate", -EKEYREJECTED, "signature" },
	{ "a roster's external_aad", -EKEYREJECTED, "signature" },
	{ "COSE_Mac0's tag", -EBADMSG, "tag 18" },
	{ "no certificate", -EBADMSG, "x5chain" },
	{ "another domain", -EBADMSG, "domain" },
	{ "a field missing", -EBADMSG, "array of 15" },
	{ "a field too many", -EBADMSG, "array of 17" },
	{ "num 0", -EBADMSG, "num" },
	{ "num too large", -EBADMSG, "num" },
	{ "reason 7", -EBADMSG, "reason" },
	{ "suite 4", -EBADMSG, "suite" },
	{ "kcv zero", -EBADMSG, "kcv" },
	{ "prev in the first epoch", -EBADMSG, "prev" },
	{ "dtd not above atd", -EBADMSG, "dtd" },
	{ "evicted sid 0", -EBADMSG, "evicted" },
	{ "scheme 5", -EBADMSG, "scheme" },
	{ "a short shard hash", -EBADMSG, "shard" },
	{ "an SGID with a space", -EBADMSG, "sgid" },
	{ "a number in place of the SGID", -EBADMSG, "sgid" },
	{ "bytes after the payload", -EBADMSG, "trail" },
	{ "bytes after the message", -EBADMSG, "trail" },
};

static void refused(void **state)
{
	struct epoch_record record;
	struct vectors vectors;
	char title[160], reason[160];
	struct hex bytes;
	size_t i;
	int error;

	vectors_open(&vectors, "bodies.txt");
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		snprintf(title, sizeof(title), "refused record: %s",
			 refusals[i].title);
		vectors_find(&vectors, title);
		vectors_get(&vectors, "refused", &bytes);
		reason[0] = '\0';
		error = epoch_record_open(bytes.bytes, bytes.size, &record,
					  reason, sizeof(reason));
		if (error != refusals[i].error ||
		    !strstr(reason, refusals[i].word))
			fail_msg("%s: %d, \"%s\"", title, error, reason);
		/* nothing is left behind */
		assert_null(record.evicted);
		assert_null(record.shards);
		assert_null(record.signer_certificate);
	}
	vectors_close(&vectors);
}

static void fill(struct epoch_record *record)
{
	memset(record, 0, sizeof(*record));
	strcpy(record->sgid, "sip:sg-1@cpns.example");
	record->num = 1;
	record->suite = 1;
	record->kcv[3] = 1;
	record->lifetime = 60;
	record->dtd = 1;
}

static void faults_are_not_signed(void **state)
{
	struct test_signer *test = *state;
	struct epoch_record record;
	uint8_t hash[32], *bytes;
	size_t size;

	fill(&record);
	assert_null(epoch_record_fault(&record));
	record.num = 0;
	assert_int_equal(epoch_record_sign(&record, &test->signer, &bytes,
					   &size, hash), -EINVAL);
	assert_non_null(strstr(epoch_record_fault(&record), "num"));
	fill(&record);
	record.suite = 0;
	assert_non_null(strstr(epoch_record_fault(&record), "suite"));
	fill(&record);
	record.sgid[0] = '\0';
	assert_non_null(strstr(epoch_record_fault(&record), "sgid"));
	fill(&record);
	record.kcv[3] = 0;
	assert_non_null(strstr(epoch_record_fault(&record), "kcv"));
	fill(&record);
	record.atd = 1;
	assert_non_null(strstr(epoch_record_fault(&record), "dtd"));
	fill(&record);
	record.prev[31] = 1;
	assert_non_null(strstr(epoch_record_fault(&record), "prev"));
	fill(&record);
	record.reason = EPOCH_DELETE;
	assert_non_null(strstr(epoch_record_fault(&record), "kcv"));
	fill(&record);
	record.scheme = 1;
	assert_non_null(strstr(epoch_record_fault(&record), "scheme"));
}

static void deleted_group(void **state)
{
	struct test_signer *test = *state;
	struct epoch_record record, back;
	uint8_t hash[32], *bytes;
	size_t size;

	fill(&record);
	record.reason = EPOCH_DELETE;
	memset(record.kcv, 0, sizeof(record.kcv));
	record.num = 9;
	record.prev[0] = 1;
	record.dtd = 0;
	assert_int_equal(epoch_record_sign(&record, &test->signer, &bytes,
					   &size, hash), 0);
	assert_int_equal(epoch_record_open(bytes, size, &back, NULL, 0), 0);
	assert_int_equal(back.reason, EPOCH_DELETE);
	assert_memory_equal(back.payload_hash, hash, 32);
	epoch_record_free(&back);
	free(bytes);
}

static void largest_record(void **state)
{
	struct test_signer *test = *state;
	struct epoch_record record, back;
	uint8_t hash[32], *bytes;
	size_t size, i;

	fill(&record);
	memset(record.sgid, 'x', CPNS_SGID_MAX);
	record.num = CPNS_EPOCH_MAX;
	record.term = UINT64_MAX;
	record.etag_size = EPOCH_ETAG_MAX;
	record.evicted_count = EPOCH_EVICTED_MAX;
	record.evicted = calloc(EPOCH_EVICTED_MAX, sizeof(*record.evicted));
	for (i = 0; i < EPOCH_EVICTED_MAX; i++)
		record.evicted[i] = (uint16_t)(UINT16_MAX - i);
	record.scheme = -65601;
	record.shards_count = 1024;
	record.shards = calloc(1024, 32);
	assert_int_equal(epoch_record_sign(&record, &test->signer, &bytes,
					   &size, hash), 0);
	assert_int_equal(epoch_record_open(bytes, size, &back, NULL, 0), 0);
	assert_int_equal(back.evicted_count, EPOCH_EVICTED_MAX);
	assert_memory_equal(back.evicted, record.evicted,
			    EPOCH_EVICTED_MAX * sizeof(*back.evicted));
	assert_int_equal(back.scheme, -65601);
	assert_true(back.term == UINT64_MAX);
	epoch_record_free(&back);
	epoch_record_free(&record);
	free(bytes);
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
		cmocka_unit_test(other_implementation),
		cmocka_unit_test(chain_of_two),
		cmocka_unit_test(refused),
		cmocka_unit_test(faults_are_not_signed),
		cmocka_unit_test(deleted_group),
		cmocka_unit_test(largest_record),
	};

	return cmocka_run_group_tests_name("record", tests, make_signer,
					   remove_signer);
}
