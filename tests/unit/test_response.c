// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bodies of the join exchange against another encoder (tests/vectors/
 * bodies.txt), there and back, and refusals that name the field.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/cbor.h"
#include "proto/response.h"
#include "vectors.h"

static void load(const char *title, struct hex *body)
{
	struct vectors vectors;

	vectors_open(&vectors, "bodies.txt");
	vectors_find(&vectors, title);
	vectors_get(&vectors, "body", body);
	vectors_close(&vectors);
}

static void same(const uint8_t *bytes, size_t size, const struct hex *body)
{
	assert_int_equal(size, body->size);
	assert_memory_equal(bytes, body->bytes, size);
}

static void check_capabilities(const struct capabilities *capabilities)
{
	assert_int_equal(capabilities->custody, CUSTODY_LOCKDOWN);
	assert_int_equal(capabilities->links_count, 2);
	assert_int_equal(capabilities->links[0].kind, 3);
	assert_int_equal(capabilities->links[0].security, 2);
	assert_int_equal(capabilities->links[1].kind, 1);
	assert_int_equal(capabilities->links[1].security, 1);
	assert_true(capabilities->secure_wan);
	assert_false(capabilities->pinned);
}

static void registrations(void **state)
{
	struct registration registration;
	struct hex body;
	uint8_t *bytes;
	size_t size, i;

	load("registration", &body);
	assert_int_equal(registration_decode(body.bytes, body.size,
					     &registration, NULL, 0), 0);
	check_capabilities(&registration.capabilities);
	assert_int_equal(registration.addresses_count, 2);
	assert_int_equal(registration.addresses[1].family, AF_INET6);
	assert_int_equal(registration_encode(&registration, &bytes, &size),
			 0);
	same(bytes, size, &body);
	free(bytes);
	for (i = 0; i < body.size; i++)
		assert_int_equal(registration_decode(body.bytes, i,
						     &registration, NULL, 0),
				 -EBADMSG);
}

static void join_requests(void **state)
{
	/* {6: cnonce}, {3: << ["", 4] >>, 6: cnonce} */
	static const uint8_t no_scope[3 + 16] = { 0xa1, 0x06, 0x50 };
	static const uint8_t no_sgid[8 + 16] = {
		0xa2, 0x03, 0x43, 0x82, 0x60, 0x04, 0x06, 0x50,
	};
	struct join_request request;
	char reason[160];
	struct hex body;
	uint8_t *bytes;
	size_t size, i;

	load("join request", &body);
	assert_int_equal(join_request_decode(body.bytes, body.size, &request,
					     NULL, 0), 0);
	assert_string_equal(request.sgid, "sip:sg-42@cpns.example");
	assert_int_equal(request.roles, ROLE_BIT_RECEIVER | ROLE_BIT_SENDER);
	assert_true(request.has_node_key);
	assert_int_equal(join_request_encode(&request, &bytes, &size), 0);
	same(bytes, size, &body);
	free(bytes);
	for (i = 0; i < body.size; i++)
		assert_int_equal(join_request_decode(body.bytes, i, &request,
						     NULL, 0), -EBADMSG);
	/* without a scope: {6: cnonce} */
	assert_int_equal(join_request_decode(no_scope, sizeof(no_scope),
					     &request, reason,
					     sizeof(reason)), -EBADMSG);
	assert_string_equal(reason, "join request: scope is missing");
	/* what cannot be said */
	strcpy(request.sgid, "sip:sg");
	request.roles = 0;
	assert_int_equal(join_request_encode(&request, &bytes, &size),
			 -EINVAL);
	request.roles = 4;
	assert_int_equal(join_request_encode(&request, &bytes, &size),
			 -EINVAL);
	/* an empty SGID inside the scope: the cause comes from inside */
	assert_int_equal(join_request_decode(no_sgid, sizeof(no_sgid),
					     &request, reason,
					     sizeof(reason)), -EBADMSG);
	assert_string_equal(reason,
			    "join request: scope: sgid: empty, or not printable ASCII without spaces");
}

static void full_response(void **state)
{
	struct response response;
	char reason[160] = "";
	struct hex body;
	uint8_t *bytes;
	size_t size, i;

	load("response with everything", &body);
	if (response_decode(body.bytes, body.size, &response, reason,
			    sizeof(reason)))
		fail_msg("%s", reason);
	assert_int_equal(response.record_size, 8);
	assert_memory_equal(response.record, "a record", 8);
	assert_int_equal(response.num, 7);
	assert_int_equal(response.seconds_left, 86000);
	assert_int_equal(response.check_interval, 300);
	assert_int_equal(response.expiration_delta, 5);
	assert_int_equal(response.scheme, 0);
	assert_int_equal(response.management.leaf_id, 3);
	assert_int_equal(response.management.path_size, CPNS_ITEM_SIZE);
	assert_int_equal(response.management.shards_count, 1);
	assert_int_equal(response.management.shards[0].index, 1);
	assert_int_equal(response.management.shards[0].size, CPNS_ITEM_SIZE);
	assert_true(response.has_sid);
	assert_int_equal(response.sid, 258);
	assert_true(response.has_seal);
	assert_int_equal(response.roster_size, 8);
	assert_int_equal(response.age, 400);
	assert_int_equal(response_encode(&response, &bytes, &size), 0);
	same(bytes, size, &body);
	free(bytes);
	response_free(&response);
	for (i = 0; i < body.size; i++) {
		assert_int_equal(response_decode(body.bytes, i, &response,
						 NULL, 0), -EBADMSG);
		assert_null(response.record);
	}
}

static void least_response(void **state)
{
	struct response response;
	struct hex body;
	uint8_t *bytes;
	size_t size;

	load("response with the least", &body);
	assert_int_equal(response_decode(body.bytes, body.size, &response,
					 NULL, 0), 0);
	assert_int_equal(response.scheme, -65601);
	assert_false(response.has_sid);
	assert_false(response.has_seal);
	assert_null(response.roster);
	assert_null(response.management.path);
	assert_int_equal(response.management.shards_count, 0);
	assert_int_equal(response_encode(&response, &bytes, &size), 0);
	same(bytes, size, &body);
	free(bytes);
	response_free(&response);
}

static void changed_response(size_t at, uint8_t byte, const char *word)
{
	struct response response;
	char reason[160] = "";
	struct hex body;

	load("response with the least", &body);
	body.bytes[at] = byte;
	if (response_decode(body.bytes, body.size, &response, reason,
			    sizeof(reason)) != -EBADMSG ||
	    !strstr(reason, word))
		fail_msg("byte %zu: \"%s\" has no \"%s\"", at, reason, word);
}

static void refused_responses(void **state)
{
	/* a9 07 3a 00 01 00 40 08 48 <8> 09 07 0a 3a 00 01 00 40 0c 00 ... */
	changed_response(1, 0x06, "gkty is missing");
	changed_response(6, 0x41, "gkty");
	changed_response(7, 0x07, "twice");
	changed_response(18, 0x00, "num");
	changed_response(24, 0x41, "ace_groupcomm_profile");
	changed_response(28, 0xa1, "");
}

static void management_limits(void **state)
{
	static uint8_t items[17 * CPNS_ITEM_SIZE];
	struct response_shard shards[5] = {
		{ .items = items, .size = 16 * CPNS_ITEM_SIZE },
		{ .index = 1, .items = items, .size = 16 * CPNS_ITEM_SIZE },
		{ .index = 2, .items = items, .size = 16 * CPNS_ITEM_SIZE },
		{ .index = 3, .items = items, .size = 16 * CPNS_ITEM_SIZE },
		{ .index = 4, .items = items, .size = CPNS_ITEM_SIZE },
	};
	struct response response = {
		.record = items, .record_size = 1, .num = 1,
		.management.shards = shards, .management.shards_count = 4,
	}, back;
	uint8_t *bytes;
	size_t size;

	assert_int_equal(response_encode(&response, &bytes, &size), 0);
	assert_int_equal(response_decode(bytes, size, &back, NULL, 0), 0);
	response_free(&back);
	free(bytes);
	/* 65 ITEMs: more than a GROUP_SET takes */
	response.management.shards_count = 5;
	assert_int_equal(response_encode(&response, &bytes, &size), -EINVAL);
	/* 17 in a shard */
	response.management.shards_count = 1;
	shards[0].size = 17 * CPNS_ITEM_SIZE;
	assert_int_equal(response_encode(&response, &bytes, &size), -EINVAL);
	/* not whole ITEMs */
	shards[0].size = CPNS_ITEM_SIZE - 1;
	assert_int_equal(response_encode(&response, &bytes, &size), -EINVAL);
	/* no record, no number, SID 0 */
	shards[0].size = CPNS_ITEM_SIZE;
	response.has_sid = true;
	assert_int_equal(response_encode(&response, &bytes, &size), -EINVAL);
	response.has_sid = false;
	response.num = 0;
	assert_int_equal(response_encode(&response, &bytes, &size), -EINVAL);
}

static void statuses(void **state)
{
	static const uint8_t short_record[] = {
		0xa2, 9, 1, 0x3a, 0, 1, 0, 0x53, 0x47, 1, 2, 3, 4, 5, 6, 7,
	};
	struct status_report status;
	char reason[160];
	struct hex body;
	uint8_t *bytes;
	size_t size;

	load("status", &body);
	assert_int_equal(status_decode(body.bytes, body.size, &status, NULL,
				       0), 0);
	assert_int_equal(status.num, 7);
	assert_true(status.has_capabilities);
	check_capabilities(&status.capabilities);
	assert_int_equal(status.conditions_count, 2);
	assert_int_equal(status.conditions[0], STATUS_IV_LOW);
	assert_int_equal(status.conditions[1], STATUS_INSTALL_FAILED);
	assert_int_equal(status_encode(&status, &bytes, &size), 0);
	same(bytes, size, &body);
	free(bytes);

	load("status with the least", &body);
	assert_int_equal(status_decode(body.bytes, body.size, &status, NULL,
				       0), 0);
	assert_int_equal(status.num, CPNS_EPOCH_MAX);
	assert_int_equal(status_encode(&status, &bytes, &size), 0);
	same(bytes, size, &body);
	free(bytes);

	assert_false(status.has_record);
	status.has_record = true;
	memset(status.record, 7, sizeof(status.record));
	assert_int_equal(status_encode(&status, &bytes, &size), 0);
	memset(&status, 0, sizeof(status));
	assert_int_equal(status_decode(bytes, size, &status, NULL, 0), 0);
	assert_true(status.has_record);
	assert_int_equal(status.record[7], 7);
	free(bytes);
	/* seven bytes are no hash of ours */
	assert_int_equal(status_decode(short_record, sizeof(short_record),
				       &status, NULL, 0), -EBADMSG);
	assert_int_equal(status_decode((const uint8_t *)"\xa0", 1, &status,
				       reason, sizeof(reason)), -EBADMSG);
	assert_string_equal(reason, "status: num is missing");
	status.num = 1;
	status.conditions_count = 1;
	status.conditions[0] = 5;
	assert_int_equal(status_encode(&status, &bytes, &size), -EINVAL);
}

static void levels(void **state)
{
	struct capabilities capabilities = {
		.custody = CUSTODY_KERNEL, .pinned = true, .links_count = 2,
		.links = { { 3, 2 }, { 1, 2 } },
	};

	assert_int_equal(capabilities_level(&capabilities), 2);
	capabilities.custody = CUSTODY_LOCKDOWN;
	assert_int_equal(capabilities_level(&capabilities), 3);
	capabilities.pinned = false;
	assert_int_equal(capabilities_level(&capabilities), 1);
	capabilities.pinned = true;
	capabilities.links[1].security = 1;
	assert_int_equal(capabilities_level(&capabilities), 1);
	capabilities.links[1].security = 0;
	assert_int_equal(capabilities_level(&capabilities), 0);
	/* no link at all is not an open one */
	capabilities.links[1].kind = 0;
	assert_int_equal(capabilities_level(&capabilities), 3);
	capabilities.custody = CUSTODY_PROCESS;
	assert_int_equal(capabilities_level(&capabilities), 0);
}

static void numbers(void **state)
{
	uint32_t num = 1;
	uint8_t *bytes;
	size_t size;

	assert_int_equal(num_encode(CPNS_EPOCH_MAX, &bytes, &size), 0);
	assert_int_equal(num_decode(bytes, size, &num), 0);
	assert_int_equal(num, CPNS_EPOCH_MAX);
	free(bytes);
	assert_int_equal(num_encode(0, &bytes, &size), -EINVAL);
	assert_int_equal(num_decode((const uint8_t *)"\0", 1, &num), -EBADMSG);
	assert_int_equal(num_decode((const uint8_t *)"\x01\x01", 2, &num),
			 -EBADMSG);
	assert_int_equal(num_decode(NULL, 0, &num), -EBADMSG);
}

static void chains_of_records(void **state)
{
	struct record_bytes records[64], one;
	struct hex body;
	uint8_t *bytes;
	size_t count, size;

	load("records", &body);
	assert_int_equal(records_decode(body.bytes, body.size, records, 64,
					&count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(records[0].size, body.size - 1);
	assert_ptr_equal(records[0].bytes, body.bytes + 1);
	one = records[0];
	assert_int_equal(records_encode(&one, 1, &bytes, &size), 0);
	same(bytes, size, &body);
	free(bytes);
	/* half a record cannot go into an array */
	one.size--;
	assert_int_equal(records_encode(&one, 1, &bytes, &size), -EINVAL);
	assert_int_equal(records_encode(NULL, 65, &bytes, &size), -EINVAL);
	/* more than there is room for */
	assert_int_equal(records_decode((const uint8_t *)"\x82\0\0", 3,
					records, 1, &count), -EBADMSG);
	assert_int_equal(records_encode(NULL, 0, &bytes, &size), 0);
	assert_int_equal(records_decode(bytes, size, records, 64, &count), 0);
	assert_int_equal(count, 0);
	free(bytes);
}

static void problems(void **state)
{
	char title[64], little[8];
	int32_t error_id;
	struct hex body;
	uint8_t *bytes;
	size_t size;

	load("problem", &body);
	assert_int_equal(problem_encode("not a member any more", 5, &bytes,
					&size), 0);
	same(bytes, size, &body);
	assert_int_equal(problem_decode(bytes, size, title, sizeof(title),
					&error_id), 0);
	assert_string_equal(title, "not a member any more");
	assert_int_equal(error_id, 5);
	/* a title longer than the room is cut, the error stays */
	assert_int_equal(problem_decode(bytes, size, little, sizeof(little),
					&error_id), 0);
	assert_string_equal(little, "not a m");
	assert_int_equal(error_id, 5);
	assert_int_equal(problem_decode(bytes, size - 1, title, sizeof(title),
					&error_id), -EBADMSG);
	assert_int_equal(error_id, PROBLEM_NO_ERROR_ID);
	free(bytes);
	assert_int_equal(problem_encode("bad", PROBLEM_NO_ERROR_ID, &bytes,
					&size), 0);
	assert_int_equal(problem_decode(bytes, size, title, sizeof(title),
					&error_id), 0);
	assert_string_equal(title, "bad");
	assert_int_equal(error_id, PROBLEM_NO_ERROR_ID);
	free(bytes);
	assert_int_equal(problem_encode(NULL, -65604, &bytes, &size), 0);
	assert_int_equal(problem_decode(bytes, size, title, sizeof(title),
					&error_id), 0);
	assert_int_equal(error_id, -65604);
	assert_string_equal(title, "");
	free(bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(registrations),
		cmocka_unit_test(join_requests),
		cmocka_unit_test(full_response),
		cmocka_unit_test(least_response),
		cmocka_unit_test(refused_responses),
		cmocka_unit_test(management_limits),
		cmocka_unit_test(statuses),
		cmocka_unit_test(levels),
		cmocka_unit_test(numbers),
		cmocka_unit_test(chains_of_records),
		cmocka_unit_test(problems),
	};

	return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
