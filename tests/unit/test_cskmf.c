// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CSKMF behind a real server: pull, push, members in and out, SIDs,
 * roster, status, deletion.  Every key that is delivered is opened as the
 * member's kernel would open it.
 */
#include "server_fixture.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"
#include "cskmf/limit.h"
#include "hpke_open.h"
#include "proto/key_schedule.h"
#include "store/statement.h"

#define GW1 ENTRY("gw1", "1", "")
#define GW2 ENTRY("gw2", "2", "delivery=\"push\"")
#define GW3 ENTRY("gw3", "3", "")

static char *two(void)
{
	return document_make(SGID, QUICK, GW1, GW2, NULL);
}

static char *three(void)
{
	return document_make(SGID, QUICK, GW1, GW2, GW3, NULL);
}

static void pull(struct fixture *fixture, struct peer *peer)
{
	peer_call(fixture, peer, METHOD_GET, GROUP, FORMAT_NONE, NULL, 0);
}

static void test_pull(void **state)
{
	struct fixture *fixture = *state;
	struct epoch_record record;
	struct peer *gw1 = &fixture->gw1;

	assert_int_equal(create(fixture, two()), 1);
	peer_open(fixture, gw1, "gw1");
	/* without a node key there is nobody to seal to */
	pull(fixture, gw1);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	assert_int_equal(gw1->answer.code, COAP_CREATED);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.sid, 1);
	heard_record(&gw1->answer, &record);
	assert_int_equal(record.reason, EPOCH_CREATE);
	assert_int_equal(record.evicted_count, 0);
	assert_int_equal(record.etag_size, 8);
	epoch_record_free(&record);
	/* a second registration in the same epoch never has the same SID */
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	assert_int_equal(gw1->answer.code, COAP_CHANGED);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.sid, 2);
	/* a pull keeps it */
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.sid, 2);
	peer_call(fixture, gw1, METHOD_PUT, GROUP "|nodes|gw1", FORMAT_NONE,
		  NULL, 0);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.sid, 3);
	/* a new kernel counts IVs from the start: it gets another SID */
	peer_new_kernel(gw1);
	peer_register(fixture, gw1, NULL);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.sid, 4);
}

static void test_etag(void **state)
{
	struct fixture *fixture = *state;
	struct transport_segment path[2] = {
		{ (const uint8_t *)"ace-group", 9 },
		{ (const uint8_t *)SGID, strlen(SGID) },
	};
	struct peer *gw1 = &fixture->gw1;
	uint8_t etag[8];

	two_members(fixture, two());
	pull(fixture, gw1);
	assert_int_equal(gw1->answer.etag_size, 8);
	memcpy(etag, gw1->answer.etag, 8);
	pull(fixture, gw1);
	assert_memory_equal(gw1->answer.etag, etag, 8);
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	pull(fixture, gw1);
	assert_memory_not_equal(gw1->answer.etag, etag, 8);
	assert_int_equal(path[0].size, 9);
}

static void test_push(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	struct epoch_record record;

	two_members(fixture, two());
	peer_status(fixture, gw2, 1, 0);
	assert_int_equal(gw2->answer.code, COAP_CHANGED);
	peer_observe(fixture, gw1, GROUP "|roster", &gw1->roster, 1);
	update(fixture, three());
	wait_for(fixture, &gw2->key.count, 2);
	/* the kernel has the leaf KEK and epoch 1: no SEAL is needed */
	assert_false(heard_has_seal(&gw2->key));
	kernel_install(fixture, gw2, &gw2->key);
	assert_int_equal(gw2->kernel.num, 2);
	heard_record(&gw2->key, &record);
	assert_int_equal(record.reason, EPOCH_JOIN);
	assert_int_equal(record.evicted_count, 0);
	epoch_record_free(&record);
	/* gw1 hears by the roster and pulls */
	wait_for(fixture, &gw1->roster.count, 2);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.num, 2);
	peer_open(fixture, &fixture->gw3, "gw3");
	peer_join(fixture, &fixture->gw3, SGID, SGID, BOTH);
	kernel_install(fixture, &fixture->gw3, &fixture->gw3.answer);
	assert_int_equal(fixture->gw3.kernel.num, 2);
}

/* who says nothing may have missed an epoch, so a push brings a SEAL */
static void test_push_after_silence(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw2 = &fixture->gw2;

	two_members(fixture, two());
	update(fixture, three());
	wait_for(fixture, &gw2->key.count, 2);
	kernel_install(fixture, gw2, &gw2->key);
	wait_for_num(fixture, 2);
	update(fixture, two());
	wait_for(fixture, &gw2->key.count, 3);
	assert_true(heard_has_seal(&gw2->key));
	kernel_install(fixture, gw2, &gw2->key);
	assert_int_equal(gw2->kernel.num, 3);
}

static void test_not_a_member(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw3 = &fixture->gw3;
	char words[128];

	assert_int_equal(create(fixture, two()), 1);
	peer_open(fixture, gw3, "gw3");
	peer_join(fixture, gw3, SGID, SGID, BOTH);
	assert_refused(&gw3->answer, COAP_FORBIDDEN, 0);
	strcpy(words, gw3->answer.problem);
	peer_join(fixture, gw3, "sip:none@cpns.example",
		  "sip:none@cpns.example", BOTH);
	assert_refused(&gw3->answer, COAP_FORBIDDEN, 0);
	assert_string_equal(gw3->answer.problem, words);
	peer_call(fixture, gw3, METHOD_GET, GROUP "|num", FORMAT_NONE, NULL,
		  0);
	assert_refused(&gw3->answer, COAP_FORBIDDEN, 0);
	peer_call(fixture, gw3, METHOD_GET, GROUP "|roster", FORMAT_NONE,
		  NULL, 0);
	assert_refused(&gw3->answer, COAP_FORBIDDEN, 0);
	peer_call(fixture, gw3, METHOD_GET, GROUP "|records?from=1",
		  FORMAT_NONE, NULL, 0);
	assert_refused(&gw3->answer, COAP_FORBIDDEN, 0);
	/* the server's SMF is no member either */
	peer_open(fixture, &fixture->ops, "ops");
	pull(fixture, &fixture->ops);
	assert_refused(&fixture->ops.answer, COAP_FORBIDDEN, 0);
}

static void test_bad_requests(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;

	two_members(fixture, two());
	peer_join(fixture, gw1, SGID, "sip:other@cpns.example", BOTH);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	assert_non_null(strstr(gw1->answer.problem, "scope"));
	peer_call(fixture, gw1, METHOD_POST, GROUP, FORMAT_GROUPCOMM,
		  "\xa2\x03", 2);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	peer_call(fixture, gw1, METHOD_POST, GROUP, FORMAT_OCTETS, "x", 1);
	assert_refused(&gw1->answer, COAP_UNSUPPORTED_FORMAT, INT32_MIN);
	peer_call(fixture, gw1, METHOD_DELETE, GROUP, FORMAT_NONE, NULL, 0);
	assert_int_equal(gw1->answer.code, COAP_METHOD_NOT_ALLOWED);
	peer_call(fixture, gw1, METHOD_PUT, GROUP "|num", FORMAT_NONE, NULL,
		  0);
	assert_int_equal(gw1->answer.code, COAP_METHOD_NOT_ALLOWED);
	peer_call(fixture, gw1, METHOD_GET, GROUP "|nothing", FORMAT_NONE,
		  NULL, 0);
	assert_refused(&gw1->answer, COAP_NOT_FOUND, INT32_MIN);
	peer_call(fixture, gw1, METHOD_GET, GROUP "|nodes|gw2", FORMAT_NONE,
		  NULL, 0);
	assert_refused(&gw1->answer, COAP_FORBIDDEN, INT32_MIN);
	peer_call(fixture, gw1, METHOD_GET, GROUP "|records?from=x",
		  FORMAT_NONE, NULL, 0);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	peer_call(fixture, gw1, METHOD_GET, "ace-group", FORMAT_NONE, NULL,
		  0);
	assert_refused(&gw1->answer, COAP_NOT_FOUND, INT32_MIN);
	/* nothing of it touched the group */
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.num, 1);
	assert_int_equal(gw1->kernel.sid, 1);
}

static void test_removed_member(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	char reason[SMF_REASON_MAX];
	struct cskmf_updated updated;
	struct epoch_record record;
	struct roster roster;
	uint32_t leaf;
	uint16_t sid;

	two_members(fixture, two());
	leaf = gw2->kernel.leaf;
	sid = gw2->kernel.sid;
	update(fixture, document_make(SGID, QUICK, GW1, NULL));
	/* refused from this moment, before the epoch is made */
	pull(fixture, gw2);
	assert_refused(&gw2->answer, COAP_NOT_FOUND, 5);
	wait_for(fixture, &gw2->key.count, 2);
	assert_refused(&gw2->key, COAP_NOT_FOUND, 5);
	wait_for_num(fixture, 2);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	heard_record(&gw1->answer, &record);
	assert_int_equal(record.reason, EPOCH_LEAVE);
	assert_int_equal(record.evicted_count, 1);
	assert_int_equal(record.evicted[0], gw2->kernel.sid);
	assert_int_equal(record.shards_count, 1);
	epoch_record_free(&record);
	heard_roster(&gw1->answer, &roster);
	assert_int_equal(roster.num, 2);
	assert_int_equal(roster.senders_count, 1);
	assert_int_equal(roster.gone_count, 1);
	assert_int_equal(roster.gone[0], gw2->kernel.sid);
	roster_free(&roster);
	/* back again: another leaf, another KEK, another SID */
	update(fixture, two());
	wait_for_num(fixture, 3);
	pull(fixture, gw2);
	kernel_install(fixture, gw2, &gw2->answer);
	assert_int_not_equal(gw2->kernel.leaf, leaf);
	heard_record(&gw2->answer, &record);
	assert_int_equal(record.reason, EPOCH_JOIN);
	assert_int_equal(record.evicted_count, 0);
	epoch_record_free(&record);
	/* one that missed all this still hears that its SID went */
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), 0);
	wait_for_num(fixture, 4);
	pull(fixture, gw2);
	heard_roster(&gw2->answer, &roster);
	assert_int_equal(roster.num, 4);
	assert_int_equal(roster.senders_count, 2);
	assert_int_equal(roster.gone_count, 1);
	assert_int_equal(roster.gone[0], sid);
	roster_free(&roster);
}

static void test_leave_request(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw2 = &fixture->gw2;

	two_members(fixture, two());
	peer_call(fixture, gw2, METHOD_DELETE, GROUP "|nodes|gw2",
		  FORMAT_NONE, NULL, 0);
	assert_int_equal(gw2->answer.code, COAP_DELETED);
	wait_for_num(fixture, 2);
	pull(fixture, gw2);
	assert_refused(&gw2->answer, COAP_NOT_FOUND, 5);
}

static void test_deleted_group(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	char reason[SMF_REASON_MAX];
	struct epoch_record record;
	uint32_t num;

	two_members(fixture, two());
	assert_int_equal(smf_group_delete(fixture->smf, SGID, &num, reason),
			 0);
	assert_int_equal(num, 2);
	wait_for(fixture, &gw2->key.count, 2);
	assert_refused(&gw2->key, COAP_NOT_FOUND, 6);
	pull(fixture, gw1);
	assert_refused(&gw1->answer, COAP_NOT_FOUND, 6);
	peer_open(fixture, &fixture->gw3, "gw3");
	pull(fixture, &fixture->gw3);
	assert_refused(&fixture->gw3.answer, COAP_FORBIDDEN, 0);
	assert_int_equal(smf_group_delete(fixture->smf, SGID, &num, reason),
			 -ENOENT);
	/* a new life goes on counting, and its chain goes on too */
	assert_int_equal(create(fixture, two()), 3);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	heard_record(&gw1->answer, &record);
	assert_int_equal(record.num, 3);
	assert_int_equal(record.reason, EPOCH_CREATE);
	epoch_record_free(&record);
}

static void test_status(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	struct cskmf_member_view view;
	struct epoch_record record;

	two_members(fixture, two());
	assert_int_equal(cskmf_member_view(fixture->smf->cskmf, SGID, "gw1",
					   &view), 0);
	assert_int_equal(view.reported, 0);
	peer_status(fixture, gw1, 1, 0);
	assert_int_equal(cskmf_member_view(fixture->smf->cskmf, SGID, "gw1",
					   &view), 0);
	assert_int_equal(view.reported, 1);
	peer_status(fixture, gw1, 2, 0);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	/* install failed: noted, no epoch for it */
	peer_status(fixture, gw1, 1, STATUS_INSTALL_FAILED);
	run_for(fixture, 0.1);
	assert_int_equal(gw2->key.count, 1);
	peer_status(fixture, gw1, 1, STATUS_IV_LOW);
	wait_for(fixture, &gw2->key.count, 2);
	heard_record(&gw2->key, &record);
	assert_int_equal(record.num, 2);
	assert_int_equal(record.reason, EPOCH_TIMER);
	epoch_record_free(&record);
	/* an old epoch's want makes none */
	peer_status(fixture, gw1, 1, STATUS_SPI_COLLISION);
	run_for(fixture, 0.1);
	assert_int_equal(gw2->key.count, 2);
	/* and one that comes again at once has to wait for the spacing */
	peer_status(fixture, gw1, 2, STATUS_SPI_COLLISION);
	run_for(fixture, 0.1);
	assert_int_equal(gw2->key.count, 2);
	wait_for(fixture, &gw2->key.count, 3);
}

static void test_security_level(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	struct capabilities capabilities = {
		.custody = CUSTODY_PROCESS,
	};

	create(fixture, document_make(SGID, QUICK " min-level=\"2\"", GW1,
				      NULL));
	peer_open(fixture, gw1, "gw1");
	peer_register(fixture, gw1, &capabilities);
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	assert_refused(&gw1->answer, COAP_FORBIDDEN, -65601);
	pull(fixture, gw1);
	assert_refused(&gw1->answer, COAP_FORBIDDEN, -65601);
	peer_observe(fixture, gw1, GROUP, &gw1->key, 0);
	assert_refused(&gw1->key, COAP_FORBIDDEN, -65601);
	peer_register(fixture, gw1, NULL);
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
}

/* both SIDs of a group for two, and one join too many */
static void use_up(struct fixture *fixture, struct peer *peer)
{
	peer_join(fixture, peer, SGID, SGID, BOTH);
	kernel_install(fixture, peer, &peer->answer);
	peer_join(fixture, peer, SGID, SGID, BOTH);
	kernel_install(fixture, peer, &peer->answer);
	assert_int_equal(peer->kernel.sid, 2);
	peer_join(fixture, peer, SGID, SGID, BOTH);
	assert_refused(&peer->answer, COAP_UNAVAILABLE, 4);
}

static void test_sids_used_up(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	struct cskmf_updated updated;
	char reason[SMF_REASON_MAX];

	create(fixture, document_make(SGID, QUICK " max-senders=\"2\"", GW1,
				      NULL));
	peer_open(fixture, gw1, "gw1");
	use_up(fixture, gw1);
	wait_for_num(fixture, 2);
	/* not before the old epoch's DTD is over */
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	assert_refused(&gw1->answer, COAP_UNAVAILABLE, 4);
	/* another epoch meanwhile does not begin it anew */
	run_for(fixture, 0.9);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 3);
	run_for(fixture, 0.2);
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_true(gw1->kernel.sid == 1 || gw1->kernel.sid == 2);
	assert_int_equal(gw1->kernel.num, 3);
}

/* whom a push brings no SID is no reason for another epoch, and another */
static void test_push_without_sid(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw2 = &fixture->gw2;

	create(fixture, document_make(SGID, QUICK " max-senders=\"2\"", GW2,
				      NULL));
	peer_open(fixture, gw2, "gw2");
	use_up(fixture, gw2);
	peer_observe(fixture, gw2, GROUP, &gw2->key, 0);
	wait_for_num(fixture, 2);
	run_for(fixture, 3);
	kernel_install(fixture, gw2, &gw2->key);
	assert_int_equal(gw2->kernel.num, 2);
	assert_int_equal(gw2->kernel.sid, 0);
	peer_join(fixture, gw2, SGID, SGID, BOTH);
	kernel_install(fixture, gw2, &gw2->answer);
	assert_int_not_equal(gw2->kernel.sid, 0);
	assert_int_equal(gw2->kernel.num, 2);
}

static void test_roles(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	struct roster roster;

	create(fixture, document_make(SGID, QUICK,
				      GW1, ENTRY("gw2", "2",
						 "roles=\"receiver\""),
				      NULL));
	peer_open(fixture, gw1, "gw1");
	peer_open(fixture, gw2, "gw2");
	peer_join(fixture, gw2, SGID, SGID, BOTH);
	assert_refused(&gw2->answer, COAP_BAD_REQUEST, 1);
	peer_join(fixture, gw2, SGID, SGID, ROLE_BIT_RECEIVER);
	kernel_install(fixture, gw2, &gw2->answer);
	assert_int_equal(gw2->kernel.sid, 0);
	peer_join(fixture, gw1, SGID, SGID, ROLE_BIT_RECEIVER);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.sid, 0);
	heard_roster(&gw1->answer, &roster);
	assert_int_equal(roster.senders_count, 0);
	roster_free(&roster);
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.sid, 1);
	heard_roster(&gw1->answer, &roster);
	assert_int_equal(roster.senders_count, 1);
	assert_string_equal(roster.senders[0].node, "gw1");
	assert_int_equal(roster.senders[0].nets_count, 1);
	assert_int_equal(roster.senders[0].tunnels_count, 1);
	roster_free(&roster);
}

static void test_compromise(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw2 = &fixture->gw2;
	char reason[SMF_REASON_MAX];
	struct cskmf_updated updated;
	struct epoch_record record;
	uint32_t leaf;

	two_members(fixture, document_make(SGID, "atd=\"10\" dtd=\"60\"", GW1,
					   GW2, NULL));
	peer_status(fixture, gw2, 1, 0);
	leaf = gw2->kernel.leaf;
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 2);
	assert_false(updated.pending);
	wait_for(fixture, &gw2->key.count, 2);
	assert_true(heard_has_seal(&gw2->key));
	kernel_install(fixture, gw2, &gw2->key);
	assert_int_not_equal(gw2->kernel.leaf, leaf);
	heard_record(&gw2->key, &record);
	assert_int_equal(record.reason, EPOCH_COMPROMISE);
	assert_int_equal(record.atd, 0);
	assert_int_equal(record.dtd, 1);
	epoch_record_free(&record);
}

/* num, prev and hash of each record, from the first one on */
static void test_chain(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	struct record_bytes records[64];
	struct epoch_record record;
	uint8_t prev[32] = { 0 };
	char reason[SMF_REASON_MAX];
	struct cskmf_updated updated;
	size_t count, i;
	uint32_t num;

	two_members(fixture, two());
	for (i = 0; i < 4; i++)
		assert_int_equal(smf_group_rekey(fixture->smf, SGID,
						 CSKMF_COMPROMISE, &updated,
						 reason), 0);
	peer_call(fixture, gw1, METHOD_GET, GROUP "|records?from=1",
		  FORMAT_NONE, NULL, 0);
	assert_int_equal(gw1->answer.code, COAP_CONTENT);
	assert_int_equal(records_decode(gw1->answer.body,
					gw1->answer.body_size, records, 64,
					&count), 0);
	assert_int_equal(count, 5);
	for (i = 0; i < count; i++) {
		assert_int_equal(epoch_record_open(records[i].bytes,
						   records[i].size, &record,
						   reason, sizeof(reason)),
				 0);
		assert_int_equal(record.num, i + 1);
		assert_memory_equal(record.prev, prev, 32);
		memcpy(prev, record.payload_hash, 32);
		epoch_record_free(&record);
	}
	peer_call(fixture, gw1, METHOD_GET, GROUP "|records?from=5",
		  FORMAT_NONE, NULL, 0);
	assert_int_equal(records_decode(gw1->answer.body,
					gw1->answer.body_size, records, 64,
					&count), 0);
	assert_int_equal(count, 1);
	peer_call(fixture, gw1, METHOD_GET, GROUP "|num", FORMAT_NONE, NULL,
		  0);
	assert_int_equal(num_decode(gw1->answer.body, gw1->answer.body_size,
				    &num), 0);
	assert_int_equal(num, 5);
}

static void test_restart(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;

	two_members(fixture, two());
	peer_status(fixture, gw1, 1, 0);
	server_stop(fixture);
	server_start(fixture);
	peer_close(gw2);
	while (gw1->connected)
		run_for(fixture, 0.02);
	while (!gw1->connected)
		run_for(fixture, 0.02);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.num, 1);
	assert_int_equal(gw1->kernel.sid, 1);
	/* the next registration does not get a SID of before */
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.sid, 3);
	update(fixture, three());
	wait_for_num(fixture, 2);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.num, 2);
}

/* a document stored, its epoch not: made after the restart */
static void test_restart_with_an_epoch_due(void **state)
{
	struct fixture *fixture = *state;
	struct cskmf_updated updated;
	struct group *group;

	create(fixture, document_make(SGID, "atd=\"0\" dtd=\"1\" batch-ms=\"60000\"",
				      GW1, GW2, NULL));
	updated = update(fixture, document_make(SGID, QUICK " data=\"esp\"",
						GW1, GW3, NULL));
	assert_true(updated.pending);
	assert_int_equal(updated.num, 1);
	server_stop(fixture);
	server_start(fixture);
	/* as if all members had been heard */
	group = group_find(fixture->smf->cskmf, SGID);
	group->not_before = 0;
	schedule_arm(group);
	wait_for_num(fixture, 2);
	peer_open(fixture, &fixture->gw3, "gw3");
	peer_join(fixture, &fixture->gw3, SGID, SGID, BOTH);
	kernel_install(fixture, &fixture->gw3, &fixture->gw3.answer);
}

/* changes within the window are one epoch, and those are DTD + 1 s apart */
static void test_batch(void **state)
{
	struct fixture *fixture = *state;
	struct cskmf_group_view view;

	create(fixture, document_make(SGID, QUICK, GW1, NULL));
	update(fixture, document_make(SGID, QUICK, GW1, GW2, NULL));
	update(fixture, three());
	run_for(fixture, 1.0);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	assert_int_equal(view.num, 1);
	assert_true(view.pending);
	wait_for_num(fixture, 2);
	run_for(fixture, 2.2);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	assert_int_equal(view.num, 2);
	assert_false(view.pending);
}

/* listed, but the epoch with its leaf is still to come */
static void test_member_before_its_epoch(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw2 = &fixture->gw2;

	create(fixture, document_make(SGID, QUICK, GW1, NULL));
	peer_open(fixture, gw2, "gw2");
	update(fixture, two());
	peer_join(fixture, gw2, SGID, SGID, BOTH);
	assert_refused(&gw2->answer, COAP_UNAVAILABLE, 4);
	wait_for_num(fixture, 2);
	peer_join(fixture, gw2, SGID, SGID, BOTH);
	kernel_install(fixture, gw2, &gw2->answer);
}

/* who flaps is kept out for a while; who has a key goes on pulling it */
static void test_too_often(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	struct limits *limits;
	unsigned int i;

	two_members(fixture, two());
	for (i = 0; i < LIMIT_BURST && gw1->answer.code != 429; i++)
		peer_join(fixture, gw1, SGID, SGID, ROLE_BIT_RECEIVER);
	for (i = 0; i < 20 && gw1->answer.code != 429; i++)
		peer_join(fixture, gw1, SGID, SGID, ROLE_BIT_RECEIVER);
	assert_refused(&gw1->answer, COAP_TOO_MANY_REQUESTS, INT32_MIN);
	assert_int_equal(cskmf_banned(fixture->smf->cskmf), 1);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	peer_join(fixture, &fixture->gw2, SGID, SGID, BOTH);
	assert_int_equal(fixture->gw2.answer.code, COAP_CHANGED);

	assert_int_equal(limits_open(&limits), 0);
	for (i = 0; i < LIMIT_BURST; i++)
		assert_true(limits_take(limits, "gw1", 100));
	assert_false(limits_take(limits, "gw1", 100));
	assert_true(limits_take(limits, "gw2", 100));
	/* banned although a token is there */
	assert_false(limits_take(limits, "gw1", 100 + LIMIT_BAN / 2));
	assert_int_equal(limits_banned(limits, 100 + LIMIT_BAN / 2), 1);
	assert_true(limits_take(limits, "gw1", 101 + LIMIT_BAN));
	assert_int_equal(limits_banned(limits, 101 + LIMIT_BAN), 0);
	limits_close(limits);
}

static void report_capabilities(struct fixture *fixture, struct peer *peer,
				enum capability_custody custody,
				uint8_t condition)
{
	struct status_report report = {
		.num = 1,
		.conditions = { condition },
		.conditions_count = !!condition,
		.has_capabilities = true,
		.capabilities.custody = custody,
	};
	char path[320];
	uint8_t *bytes;
	size_t size;

	assert_int_equal(status_encode(&report, &bytes, &size), 0);
	snprintf(path, sizeof(path), GROUP "|nodes|%s|status", peer->name);
	peer_call(fixture, peer, METHOD_PUT, path, FORMAT_GROUPCOMM, bytes,
		  size);
	free(bytes);
}

/* what is stored already costs no disk, what flaps is limited */
static void test_capabilities_reported(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	struct member *member;
	int before;
	unsigned int i;

	two_members(fixture, two());
	report_capabilities(fixture, gw1, CUSTODY_KERNEL, 0);
	assert_int_equal(gw1->answer.code, COAP_CHANGED);
	before = sqlite3_total_changes(fixture->smf->store->database);
	for (i = 0; i < 2 * LIMIT_BURST; i++)
		report_capabilities(fixture, gw1, CUSTODY_KERNEL, 0);
	assert_int_equal(gw1->answer.code, COAP_CHANGED);
	assert_int_equal(sqlite3_total_changes(fixture->smf->store->database),
			 before);
	for (i = 0; i < 2 * LIMIT_BURST && gw1->answer.code != 429; i++)
		report_capabilities(fixture, gw1, i % 2 ? CUSTODY_KERNEL :
							  CUSTODY_PROCESS, 0);
	assert_refused(&gw1->answer, COAP_TOO_MANY_REQUESTS, INT32_MIN);
	assert_true(i >= LIMIT_BURST - 20);
	/* a report of the epoch goes on, also the one that was refused */
	peer_status(fixture, gw1, 1, 0);
	assert_int_equal(gw1->answer.code, COAP_CHANGED);
	member = member_find(group_find(fixture->smf->cskmf, SGID), "gw1");
	member->reported = 0;
	report_capabilities(fixture, gw1, CUSTODY_LOCKDOWN, STATUS_IV_LOW);
	assert_refused(&gw1->answer, COAP_TOO_MANY_REQUESTS, INT32_MIN);
	assert_int_equal(member->reported, 1);
	wait_for_num(fixture, 2);
}

/* the workers' SEALs are as good, and there when the push goes out */
static void test_sealed_by_workers(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw2 = &fixture->gw2;
	struct cskmf_updated updated;
	char reason[SMF_REASON_MAX];
	struct member *member;
	unsigned int i;

	two_members(fixture, two());
	peer_status(fixture, gw2, 1, 0);
	fixture->smf->cskmf->presealed_from = 1;
	for (i = 0; i < 3; i++) {
		assert_int_equal(smf_group_rekey(fixture->smf, SGID,
						 CSKMF_COMPROMISE, &updated,
						 reason), 0);
		wait_for(fixture, &gw2->key.count, i + 2);
		assert_true(heard_has_seal(&gw2->key));
		kernel_install(fixture, gw2, &gw2->key);
		assert_int_equal(gw2->kernel.num, i + 2);
		member = member_find(group_find(fixture->smf->cskmf, SGID),
				     "gw2");
		/* kept for when it asks again */
		assert_int_equal(member->presealed->leaf.id,
				 gw2->kernel.leaf);
		assert_int_equal(member->sealed.leaf_id, gw2->kernel.leaf);
	}
	/* the end comes while workers seal */
	smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE, &updated,
			reason);
	server_stop(fixture);
	server_start(fixture);
}

struct batches {
	unsigned int done, errors;
	struct sealing_batch *last;
};

static void batch_done(void *context, struct sealing_batch *batch)
{
	struct batches *batches = context;
	size_t i;

	for (i = 0; i < batch->count; i++)
		batches->errors += batch->tasks[i].error != 0;
	sealing_free(batches->last);
	batches->last = batch;
	batches->done++;
}

static void test_sealing_pool(void **state)
{
	struct fixture *fixture = *state;
	struct osg *osg = fixture->smf->osg;
	uint8_t node[32], node_public[32], kek[32], own[32], info[24];
	struct batches batches = { };
	struct sealing_batch *batch;
	struct sealing_task *task;
	struct sealing *sealing;
	struct osg_leaf leaf;
	size_t i, round;

	x25519_pair(node, node_public);
	osg_public_key(osg, own);
	memcpy(info, "cpns leaf v1", 12);
	group_tag(SGID, info + 12);
	assert_int_equal(osg_leaf_create(osg, SGID, 5, &leaf), 0);
	assert_int_equal(sealing_open(&sealing, &fixture->loop, osg,
				      batch_done, &batches), 0);
	batch = sealing_new(SGID, 1, 0);
	assert_int_equal(sealing_submit(sealing, batch), -EINVAL);
	sealing_free(batch);
	for (round = 0; round < 5; round++) {
		batch = sealing_new(SGID, 7, 100);
		for (i = 0; i < 100; i++) {
			task = &batch->tasks[batch->count++];
			task->leaf = leaf;
			task->sid = i;
			memcpy(task->node_key, node_public, 32);
		}
		if (round == 4)		/* one of small order fails alone */
			memset(batch->tasks[50].node_key, 0, 32);
		assert_int_equal(sealing_submit(sealing, batch), 0);
	}
	wait_for(fixture, &batches.done, 5);
	assert_int_equal(batches.errors, 1);
	for (i = 0; i < 100; i++) {
		task = &batches.last->tasks[i];
		if (task->error)
			continue;
		assert_int_equal(hpke_open(2, node, own, task->seal + 32,
					   info, 24, task->seal, 32,
					   task->seal + 64, 48, kek), 0);
		assert_int_equal(task->seal[13], i);
	}
	/* closed with work left: nothing hangs, nothing leaks */
	batch = sealing_new(SGID, 8, 100);
	for (i = 0; i < 100; i++) {
		batch->tasks[i] = batches.last->tasks[0];
		batch->count++;
	}
	assert_int_equal(sealing_submit(sealing, batch), 0);
	sealing_close(sealing);
	sealing_free(batches.last);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pull),
		TEST(test_etag),
		TEST(test_push),
		TEST(test_push_after_silence),
		TEST(test_not_a_member),
		TEST(test_bad_requests),
		TEST(test_removed_member),
		TEST(test_leave_request),
		TEST(test_deleted_group),
		TEST(test_status),
		TEST(test_security_level),
		TEST(test_sids_used_up),
		TEST(test_push_without_sid),
		TEST(test_roles),
		TEST(test_compromise),
		TEST(test_chain),
		TEST(test_restart),
		TEST(test_restart_with_an_epoch_due),
		TEST(test_batch),
		TEST(test_member_before_its_epoch),
		TEST(test_too_often),
		TEST(test_capabilities_reported),
		TEST(test_sealed_by_workers),
		TEST(test_sealing_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
