// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signed roster: against one of another implementation, there and back,
 * refusals; addresses and nets from text.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/roster.h"
#include "test_signer.h"
#include "vectors.h"

static void other_implementation(void **state)
{
	struct test_signer *test = *state;
	struct cose_sign1_view view;
	struct vectors vectors;
	struct hex bytes, payload;
	char reason[160] = "";
	struct roster roster;
	uint8_t *again;
	size_t size;

	vectors_open(&vectors, "bodies.txt");
	vectors_find(&vectors, "signed roster");
	vectors_get(&vectors, "roster", &bytes);
	vectors_get(&vectors, "payload", &payload);
	if (roster_open(bytes.bytes, bytes.size, &roster, reason,
			sizeof(reason)))
		fail_msg("%s", reason);
	assert_string_equal(roster.sgid, "sip:sg-42@cpns.example");
	assert_int_equal(roster.num, 7);
	assert_int_equal(roster.serial, 12);
	assert_int_equal(roster.senders_count, 2);
	assert_int_equal(roster.senders[0].sid, 258);
	assert_string_equal(roster.senders[1].node, "gw2");
	assert_int_equal(roster.senders[1].tunnels_count, 2);
	assert_int_equal(roster.senders[1].tunnels[0].family, AF_INET);
	assert_int_equal(roster.senders[1].tunnels[1].family, AF_INET6);
	assert_int_equal(roster.senders[0].nets_count, 2);
	assert_int_equal(roster.senders[0].nets[1].prefix, 16);
	assert_int_equal(roster.gone_count, 2);
	assert_int_equal(roster.gone[1], 4);
	/* signed again here, the payload has the same bytes */
	assert_int_equal(roster_sign(&roster, &test->signer, &again, &size),
			 0);
	assert_int_equal(cose_sign1_open(again, size, "cpns-roster-1", &view,
					 NULL, 0), 0);
	assert_int_equal(view.payload_size, payload.size);
	assert_memory_equal(view.payload, payload.bytes, payload.size);
	free(again);
	roster_free(&roster);
	vectors_close(&vectors);
}

static void refused(void **state)
{
	struct roster roster;
	struct vectors vectors;
	unsigned int count = 0;
	struct hex bytes;
	char reason[160];

	vectors_open(&vectors, "bodies.txt");
	while (vectors_next(&vectors, "refused")) {
		if (strncmp(vectors.title, "refused roster", 14))
			continue;
		vectors_get(&vectors, "refused", &bytes);
		reason[0] = '\0';
		if (roster_open(bytes.bytes, bytes.size, &roster, reason,
				sizeof(reason)) != -EBADMSG || !reason[0])
			fail_msg("%s is not refused", vectors.title);
		assert_null(roster.senders);
		count++;
	}
	assert_int_equal(count, 7);
	/* a record is not a roster */
	vectors_find(&vectors, "signed record");
	vectors_get(&vectors, "record", &bytes);
	assert_int_equal(roster_open(bytes.bytes, bytes.size, &roster, NULL,
				     0), -EKEYREJECTED);
	vectors_close(&vectors);
}

static void duplicate_sids_are_shown(void **state)
{
	struct test_signer *test = *state;
	struct roster_sender senders[2] = {
		{ .sid = 1, .node = "gw1" }, { .sid = 1, .node = "gw2" },
	};
	struct roster roster = {
		.sgid = "sip:sg", .num = 1, .senders = senders,
		.senders_count = 2,
	}, back;
	uint8_t *bytes;
	size_t size;

	assert_int_equal(roster_sign(&roster, &test->signer, &bytes, &size),
			 0);
	assert_int_equal(roster_open(bytes, size, &back, NULL, 0), 0);
	assert_int_equal(back.senders[0].sid, back.senders[1].sid);
	roster_free(&back);
	free(bytes);
}

static void faults_are_not_signed(void **state)
{
	struct test_signer *test = *state;
	struct roster_net net = { .prefix = 8 };
	struct roster_sender sender = {
		.sid = 1, .node = "gw1", .nets = &net, .nets_count = 1,
	};
	struct roster roster = {
		.sgid = "sip:sg", .num = 1, .senders = &sender,
		.senders_count = 1,
	};
	uint8_t *bytes;
	size_t size;

	/* a net of no family */
	assert_int_equal(roster_sign(&roster, &test->signer, &bytes, &size),
			 -EINVAL);
	assert_int_equal(roster_net_parse("10.0.0.0/8", &net), 0);
	net.network.address[3] = 1;
	assert_int_equal(roster_sign(&roster, &test->signer, &bytes, &size),
			 -EINVAL);
	net.network.address[3] = 0;
	sender.sid = 0;
	assert_int_equal(roster_sign(&roster, &test->signer, &bytes, &size),
			 -EINVAL);
	sender.sid = 1;
	assert_int_equal(roster_sign(&roster, &test->signer, &bytes, &size),
			 0);
	free(bytes);
}

static void nets_from_text(void **state)
{
	static const char * const bad[] = {
		"", "/", "10.1.0.0/", "10.1.0.0/33", "10.1.0.1/24",
		"10.1.0.0/-1", "10.1.0.0/+8", "10.1.0.0/ 8", "10.1.0.0/8x",
		"10.1.0.0/8/8", "10.1.0/24", "2001:db8::/129", "2001:db8::1/64",
		"gw1/24", "10.1.0.128/24", "0.0.0.1/0",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8",
		"10.1.0.0/99999999999999999999",
	};
	struct roster_net net;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (roster_net_parse(bad[i], &net) != -EINVAL)
			fail_msg("\"%s\" is taken", bad[i]);
	}
	assert_int_equal(roster_net_parse("10.1.0.0/24", &net), 0);
	assert_int_equal(net.prefix, 24);
	assert_int_equal(net.network.family, AF_INET);
	assert_memory_equal(net.network.address, "\x0a\x01\0\0", 4);
	assert_int_equal(roster_net_parse("10.1.0.128/25", &net), 0);
	assert_int_equal(roster_net_parse("0.0.0.0/0", &net), 0);
	assert_int_equal(roster_net_parse("192.0.2.1", &net), 0);
	assert_int_equal(net.prefix, 32);
	assert_int_equal(roster_net_parse("2001:db8::/32", &net), 0);
	assert_int_equal(net.network.family, AF_INET6);
	assert_int_equal(roster_net_parse("::1/128", &net), 0);
}

static void addresses_from_text(void **state)
{
	struct roster_address address;

	assert_int_equal(roster_address_parse("192.0.2.1", &address), 0);
	assert_int_equal(address.family, AF_INET);
	assert_int_equal(roster_address_parse("2001:db8::2", &address), 0);
	assert_int_equal(address.family, AF_INET6);
	assert_int_equal(roster_address_parse("192.0.2.1/32", &address),
			 -EINVAL);
	assert_int_equal(roster_address_parse("192.0.2.256", &address),
			 -EINVAL);
	assert_int_equal(roster_address_parse("dynamic", &address), -EINVAL);
	assert_int_equal(roster_address_parse("", &address), -EINVAL);
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
		cmocka_unit_test(refused),
		cmocka_unit_test(duplicate_sids_are_shown),
		cmocka_unit_test(faults_are_not_signed),
		cmocka_unit_test(nets_from_text),
		cmocka_unit_test(addresses_from_text),
	};

	return cmocka_run_group_tests_name("roster", tests, make_signer,
					   remove_signer);
}
