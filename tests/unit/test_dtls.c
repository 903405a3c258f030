// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole server over DTLS 1.2 (coaps://): pull, push, answers in blocks,
 * reports, a server that goes and comes back.  The same handlers answer as
 * over TCP, so this is about what carries them.
 */
#include "server_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GW1 ENTRY("gw1", "1", "")
#define GW2 ENTRY("gw2", "2", "delivery=\"push\"")
#define GW3 ENTRY("gw3", "3", "")

static int open_dtls(void **state)
{
	fixture_scheme = "coaps";
	return fixture_open(state);
}

static char *two(void)
{
	return document_make(SGID, QUICK, GW1, GW2, NULL);
}

static char *three(void)
{
	return document_make(SGID, QUICK, GW1, GW2, GW3, NULL);
}

static void test_pull_and_push(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	struct cskmf_member_view view;

	two_members(fixture, two());
	peer_status(fixture, gw1, 1, 0);
	assert_int_equal(gw1->answer.code, COAP_CHANGED);
	assert_int_equal(cskmf_member_view(fixture->smf->cskmf, SGID, "gw1",
					   &view), 0);
	assert_int_equal(view.reported, 1);
	update(fixture, three());
	wait_for(fixture, &gw2->key.count, 2);
	kernel_install(fixture, gw2, &gw2->key);
	assert_int_equal(gw2->kernel.num, 2);
	peer_call(fixture, gw1, METHOD_GET, GROUP, FORMAT_NONE, NULL, 0);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.num, 2);
	/* who leaves by itself */
	peer_call(fixture, gw1, METHOD_DELETE, GROUP "|nodes|gw1",
		  FORMAT_NONE, NULL, 0);
	assert_int_equal(gw1->answer.code, COAP_DELETED);
	wait_for(fixture, &gw2->key.count, 3);
	peer_call(fixture, gw1, METHOD_GET, GROUP, FORMAT_NONE, NULL, 0);
	assert_refused(&gw1->answer, COAP_NOT_FOUND, 5);
}

static void test_strangers(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw3 = &fixture->gw3;
	char reason[SMF_REASON_MAX], **sgids;
	size_t i;

	two_members(fixture, two());
	peer_open(fixture, gw3, "gw3");
	peer_call(fixture, gw3, METHOD_GET, GROUP, FORMAT_NONE, NULL, 0);
	assert_refused(&gw3->answer, COAP_FORBIDDEN, 0);
	peer_close(gw3);
	assert_int_equal(smf_node_revoke(fixture->smf, "gw3", true, &sgids,
					 reason), 0);
	for (i = 0; sgids && sgids[i]; i++)
		free(sgids[i]);
	free(sgids);
	peer_open_refused(fixture, gw3, "gw3", "revoked");
	/* a signer is no client */
	peer_open_refused(fixture, gw3, "signer", "");
}

/* a record, a shard and a roster of a thousand bytes each go in blocks */
static void test_blocks(void **state)
{
	static char text[65536];
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	char *document = two(), *end = strstr(document, "</list>");
	size_t used = (size_t)(end - document), i;

	memcpy(text, document, used);
	for (i = 0; i < 240; i++)
		used += snprintf(text + used, sizeof(text) - used,
				 "<entry uri=\"urn:cpns:node:n%zu\"><cpns:member roles=\"receiver\"/></entry>",
				 i);
	snprintf(text + used, sizeof(text) - used, "%s", end);
	assert_int_equal(create(fixture, text), 1);
	peer_open(fixture, gw1, "gw1");
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
	/* more than a datagram of 1,280 bytes, and a block of 1,024, holds */
	assert_true(gw1->answer.body_size > 2 * 1024);
	peer_observe(fixture, gw1, GROUP, &gw1->key, 0);
	assert_true(gw1->key.body_size > 2 * 1024);
	fixture->gw1.key.count = 0;
	update(fixture, two());
	wait_for(fixture, &gw1->key.count, 1);
	kernel_install(fixture, gw1, &gw1->key);
	assert_int_equal(gw1->kernel.num, 2);
	peer_call(fixture, gw1, METHOD_GET, GROUP "|records?from=1",
		  FORMAT_NONE, NULL, 0);
	assert_int_equal(gw1->answer.code, COAP_CONTENT);
	assert_true(gw1->answer.body_size > 1024);
}

static void test_server_comes_back(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	double end = loop_boottime() + 20;

	two_members(fixture, two());
	server_stop(fixture);
	while ((gw1->connected || gw2->connected) && loop_boottime() < end)
		run_for(fixture, 0.05);
	assert_false(gw1->connected || gw2->connected);
	server_start(fixture);
	end = loop_boottime() + 30;
	while ((!gw1->connected || !gw2->connected) && loop_boottime() < end)
		run_for(fixture, 0.05);
	assert_true(gw1->connected && gw2->connected);
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
	peer_observe(fixture, gw2, GROUP, &gw2->key, 0);
	kernel_install(fixture, gw2, &gw2->key);
	gw2->key.count = 0;
	update(fixture, three());
	wait_for(fixture, &gw2->key.count, 1);
	kernel_install(fixture, gw2, &gw2->key);
	assert_int_equal(gw2->kernel.num, 2);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_dtls, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pull_and_push),
		TEST(test_strangers),
		TEST(test_blocks),
		TEST(test_server_comes_back),
	};

	return cmocka_run_group_tests_name("dtls", tests, NULL, NULL);
}
