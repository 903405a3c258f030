// SPDX-License-Identifier: GPL-2.0-only
/*
 * Step 7's properties: against another encoder, refusals.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/properties.h"
#include "vectors.h"

static void load(struct hex *body)
{
	struct vectors vectors;

	vectors_open(&vectors, "bodies.txt");
	vectors_find(&vectors, "properties");
	vectors_get(&vectors, "body", body);
	vectors_close(&vectors);
}

static void other_implementation(void **state)
{
	struct group_properties *groups;
	char reason[160] = "";
	size_t count, size;
	uint8_t *bytes;
	struct hex body;

	load(&body);
	if (properties_decode(body.bytes, body.size, &groups, &count, reason,
			      sizeof(reason)))
		fail_msg("%s", reason);
	assert_int_equal(count, 1);
	assert_string_equal(groups->sgid, "sip:sg-42@cpns.example");
	assert_string_equal(groups->location,
			    "coaps+tcp://192.0.2.10:5684/ace-group/sip:sg-42@cpns.example");
	assert_true(groups->push);
	assert_int_equal(groups->roles, 3);
	assert_string_equal(groups->signer, "urn:cpns:signer:main");
	assert_true(groups->data_esp);
	assert_false(groups->data_message);
	assert_false(groups->transport_mode);
	assert_true(groups->has_multicast);
	assert_int_equal(groups->multicast.address[0], 239);
	assert_false(groups->allow_default);
	assert_int_equal(groups->own.tunnels_count, 1);
	assert_int_equal(groups->own.nets_count, 1);
	assert_int_equal(groups->members_count, 1);
	assert_string_equal(groups->members[0].node, "gw2");
	assert_int_equal(groups->members[0].nets[0].prefix, 24);
	assert_int_equal(groups->etag_size, 4);
	assert_int_equal(properties_encode(groups, count, &bytes, &size), 0);
	assert_int_equal(size, body.size);
	assert_memory_equal(bytes, body.bytes, size);
	free(bytes);
	properties_free(groups, count);
}

static void no_groups(void **state)
{
	struct group_properties *groups;
	uint8_t *bytes;
	size_t size, count;

	assert_int_equal(properties_encode(NULL, 0, &bytes, &size), 0);
	assert_int_equal(size, 1);
	assert_int_equal(properties_decode(bytes, size, &groups, &count, NULL,
					   0), 0);
	assert_null(groups);
	assert_int_equal(count, 0);
	properties_free(groups, count);
	free(bytes);
}

static void every_truncation_is_refused(void **state)
{
	struct group_properties *groups;
	size_t count, i;
	struct hex body;

	load(&body);
	for (i = 0; i < body.size; i++) {
		assert_int_equal(properties_decode(body.bytes, i, &groups,
						   &count, NULL, 0),
				 -EBADMSG);
		assert_null(groups);
		assert_int_equal(count, 0);
	}
	body.bytes[body.size] = 0;
	assert_int_equal(properties_decode(body.bytes, body.size + 1, &groups,
					   &count, NULL, 0), -EBADMSG);
}

static void missing_fields_are_named(void **state)
{
	/* [{1: "sip:sg"}] */
	static const uint8_t body[] = {
		0x81, 0xa1, 0x01, 0x66, 's', 'i', 'p', ':', 's', 'g',
	};
	struct group_properties *groups;
	char reason[160];
	size_t count;

	assert_int_equal(properties_decode(body, sizeof(body), &groups,
					   &count, reason, sizeof(reason)),
			 -EBADMSG);
	assert_string_equal(reason, "properties: location is missing");
}

static void faults_are_not_encoded(void **state)
{
	struct group_properties group = {
		.sgid = "sip:sg", .roles = 3,
		.data_message = true,
	};
	uint8_t *bytes;
	size_t size;

	assert_int_equal(properties_encode(&group, 1, &bytes, &size), 0);
	free(bytes);
	group.roles = 0;
	assert_int_equal(properties_encode(&group, 1, &bytes, &size),
			 -EINVAL);
	group.roles = 1;
	group.data_message = false;
	assert_int_equal(properties_encode(&group, 1, &bytes, &size),
			 -EINVAL);
	group.data_message = true;
	strcpy(group.sgid, "two words");
	assert_int_equal(properties_encode(&group, 1, &bytes, &size),
			 -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_implementation),
		cmocka_unit_test(no_groups),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(missing_fields_are_named),
		cmocka_unit_test(faults_are_not_encoded),
	};

	return cmocka_run_group_tests_name("properties", tests, NULL, NULL);
}
