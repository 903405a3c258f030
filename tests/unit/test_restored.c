// SPDX-License-Identifier: GPL-2.0-only
/*
 * A server whose state was put back to an older copy: what members know that
 * it does not, by the epoch's number and by the roster's serial.  It asks, or
 * goes on above it; no key and no SID is used twice.
 */
#include "server_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"

#define GW1 ENTRY("gw1", "1", "")
#define GW2 ENTRY("gw2", "2", "delivery=\"push\"")
#define GW3 ENTRY("gw3", "3", "")

static char *two(void)
{
	return document_make(SGID, QUICK, GW1, GW2, NULL);
}

static void pull(struct fixture *fixture, struct peer *peer)
{
	peer_call(fixture, peer, METHOD_GET, GROUP, FORMAT_NONE, NULL, 0);
}

static void state_copy(struct fixture *fixture, const char *from,
		       const char *to)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "cd %s && rm -rf %s && cp -a %s %s", fixture->directory, to,
		 from, to);
	assert_int_equal(system(command), 0);
}

static void reconnected(struct fixture *fixture, struct peer *peer)
{
	while (!peer->connected)
		run_for(fixture, 0.02);
}

/* yesterday's copy of the state: members know more than the server */
static void test_restored(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	struct cskmf_group_view view;
	struct epoch_record record;
	unsigned int i;

	two_members(fixture, two());
	server_stop(fixture);
	state_copy(fixture, "state", "copy");
	server_start(fixture);
	peer_close(gw2);
	for (i = 0; i < 2; i++)
		assert_int_equal(smf_group_rekey(fixture->smf, SGID,
						 CSKMF_COMPROMISE, &updated,
						 reason), 0);
	peer_open(fixture, gw2, "gw2");
	reconnected(fixture, gw1);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	peer_register(fixture, gw2, NULL);
	peer_call(fixture, gw2, METHOD_GET, GROUP, FORMAT_NONE, NULL, 0);
	kernel_install(fixture, gw2, &gw2->answer);
	assert_int_equal(gw2->kernel.num, 3);
	server_stop(fixture);
	state_copy(fixture, "copy", "state");
	while (gw1->connected || gw2->connected)
		run_for(fixture, 0.02);
	server_start(fixture);
	reconnected(fixture, gw1);
	reconnected(fixture, gw2);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	assert_int_equal(view.num, 1);
	/* one alone may lie */
	peer_status(fixture, gw1, 3, 0);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	peer_status(fixture, gw1, 3, 0);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	peer_status(fixture, gw2, 3, 0);
	assert_refused(&gw2->answer, COAP_UNAVAILABLE, INT32_MIN);
	assert_non_null(strstr(gw2->answer.problem, "epoch 3"));
	/* nothing goes out, nothing is made, over a restart too */
	server_stop(fixture);
	while (gw1->connected || gw2->connected)
		run_for(fixture, 0.02);
	server_start(fixture);
	reconnected(fixture, gw1);
	pull(fixture, gw1);
	assert_refused(&gw1->answer, COAP_UNAVAILABLE, INT32_MIN);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), -ESTALE);
	assert_non_null(strstr(reason, "epoch 3"));
	assert_int_equal(smf_group_delete(fixture->smf, SGID, &updated.num,
					  reason), -ESTALE);
	run_for(fixture, 0.1);
	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	assert_int_equal(view.num, 1);
	assert_int_equal(view.held, 3);
	/* until told: above all that anybody has, and with a SEAL */
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_RESTORED,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 5);
	pull(fixture, gw1);
	assert_true(heard_has_seal(&gw1->answer));
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.num, 5);
	heard_record(&gw1->answer, &record);
	assert_int_equal(record.term, 2);
	epoch_record_free(&record);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_RESTORED,
					 &updated, reason), -EINVAL);
	peer_status(fixture, gw1, 5, 0);
	assert_int_equal(gw1->answer.code, COAP_CHANGED);
}

/* members agree on a lie: the administrator knows better */
static void test_unfounded(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	two_members(fixture, two());
	peer_status(fixture, gw1, 9, 0);
	peer_status(fixture, &fixture->gw2, 8, 0);
	assert_refused(&fixture->gw2.answer, COAP_UNAVAILABLE, INT32_MIN);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_UNFOUNDED,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 1);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	/* forgotten: one alone is not believed again */
	peer_status(fixture, gw1, 9, 0);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
}

/*
 * The same, and no epoch since: members notice nothing by its number.  The SID
 * of who joined after the copy is given away again; the roster that says so
 * is newer than the one before, whatever serial the copy has.
 */
static void test_same_epoch(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	struct peer *gw3 = &fixture->gw3;
	struct roster before, after;
	uint16_t sid;

	assert_int_equal(create(fixture, document_make(SGID, QUICK, GW1, GW2,
						       GW3, NULL)), 1);
	server_stop(fixture);
	state_copy(fixture, "state", "copy");
	server_start(fixture);
	peer_open(fixture, gw1, "gw1");
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	peer_open(fixture, gw2, "gw2");
	peer_join(fixture, gw2, SGID, SGID, BOTH);
	kernel_install(fixture, gw2, &gw2->answer);
	sid = gw2->kernel.sid;
	heard_roster(&gw2->answer, &before);
	assert_int_equal(before.senders_count, 2);
	peer_close(gw2);
	peer_close(gw1);

	server_stop(fixture);
	state_copy(fixture, "copy", "state");
	/* the clock of the serials ticks once a second */
	run_for(fixture, 1.1);
	server_start(fixture);
	peer_open(fixture, gw3, "gw3");
	peer_join(fixture, gw3, SGID, SGID, BOTH);
	peer_open(fixture, gw1, "gw1");
	peer_join(fixture, gw1, SGID, SGID, BOTH);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.sid, sid);
	heard_roster(&gw1->answer, &after);
	assert_int_equal(after.num, before.num);
	assert_true(after.serial > before.serial);
	roster_free(&before);
	roster_free(&after);
}

static void disconnected(struct fixture *fixture)
{
	while (fixture->gw1.connected || fixture->gw2.connected)
		run_for(fixture, 0.02);
}

/* the state's epochs are so many seconds older */
static void state_age(struct fixture *fixture, unsigned int seconds)
{
	char path[128], change[128];
	sqlite3 *database;

	snprintf(path, sizeof(path), "%s/state/server.db",
		 fixture->directory);
	snprintf(change, sizeof(change),
		 "UPDATE epochs SET created = created - %u", seconds);
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, change, NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(database);
}

/* a start after @seconds, with members that live on */
static void start_after(struct fixture *fixture, unsigned int seconds)
{
	server_stop(fixture);
	state_age(fixture, seconds);
	disconnected(fixture);
	server_start(fixture);
	reconnected(fixture, &fixture->gw1);
	reconnected(fixture, &fixture->gw2);
}

static struct cskmf_group_view viewed(struct fixture *fixture)
{
	struct cskmf_group_view view;

	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	return view;
}

/*
 * A copy of yesterday, whose epoch is over: the next one would have a number
 * that members know another key of.  They are heard first.
 */
static void test_old_and_due(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	two_members(fixture, two());
	start_after(fixture, 90000);
	run_for(fixture, 0.3);
	assert_int_equal(viewed(fixture).num, 1);
	/* a key that is over is not given */
	pull(fixture, gw1);
	assert_refused(&gw1->answer, COAP_UNAVAILABLE, 4);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 1);
	assert_true(updated.pending && updated.due > 60);
	peer_status(fixture, gw1, 2, 0);
	peer_status(fixture, gw2, 2, 0);
	assert_refused(&gw2->answer, COAP_UNAVAILABLE, INT32_MIN);
	assert_int_equal(viewed(fixture).num, 1);
	assert_int_equal(viewed(fixture).held, 2);
	/* and what was wanted comes with what the administrator decides */
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_RESTORED,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 4);
	assert_false(updated.pending);
}

/* no copy, only a long way down: all say so, or time is over */
static void test_only_due(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	struct group *group;

	two_members(fixture, two());
	start_after(fixture, 85000);
	run_for(fixture, 0.3);
	/* it lasts until then */
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	assert_int_equal(gw1->kernel.num, 1);
	peer_status(fixture, gw1, 1, 0);
	peer_status(fixture, gw1, 1, 0);
	run_for(fixture, 0.1);
	assert_int_equal(viewed(fixture).num, 1);
	peer_status(fixture, gw2, 1, 0);
	wait_for_num(fixture, 2);

	start_after(fixture, 85000);
	run_for(fixture, 0.3);
	assert_int_equal(viewed(fixture).num, 2);
	group = group_find(fixture->smf->cskmf, SGID);
	assert_true(group->not_before > loop_boottime() + 60);
	group->not_before = loop_boottime() + 0.5;
	schedule_arm(group);
	wait_for_num(fixture, 3);

	/* what is not due and not wanted waits for nobody */
	start_after(fixture, 100);
	update(fixture, document_make(SGID, QUICK, GW1, GW2, GW3, NULL));
	wait_for_num(fixture, 4);
}

static void file_put(struct fixture *fixture, const char *document)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/sip%%3Asg-42@cpns.example.xml",
		 fixture->config.groups);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(document, file);
	assert_int_equal(fclose(file), 0);
}

/*
 * The state alone is a copy, the group's file is of today: what it lists more
 * has made an epoch already, whose number must not come again.
 */
static void test_newer_document(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw3 = &fixture->gw3;
	struct cskmf_group_view view;

	two_members(fixture, two());
	file_put(fixture, document_make(SGID, QUICK, GW1, GW2, GW3, NULL));
	start_after(fixture, 100);
	run_for(fixture, 2.5);
	view = viewed(fixture);
	assert_int_equal(view.num, 1);
	assert_int_equal(view.description->members_count, 3);
	assert_true(view.pending);
	/* nor after another start */
	start_after(fixture, 100);
	run_for(fixture, 0.3);
	assert_int_equal(viewed(fixture).num, 1);
	peer_status(fixture, gw1, 2, 0);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	/* who joined after the copy is a witness, too */
	peer_open(fixture, gw3, "gw3");
	peer_status(fixture, gw3, 1, 0);
	assert_refused(&gw3->answer, COAP_BAD_REQUEST, INT32_MIN);
	assert_int_equal(viewed(fixture).held, 0);
	peer_status(fixture, gw3, 2, 0);
	assert_refused(&gw3->answer, COAP_UNAVAILABLE, INT32_MIN);
	assert_int_equal(viewed(fixture).held, 2);
	assert_int_equal(viewed(fixture).num, 1);
}

/* no copy: a document that was changed while the server was down */
static void test_changed_while_down(void **state)
{
	struct fixture *fixture = *state;
	struct group *group;

	two_members(fixture, document_make(SGID, QUICK, GW1, GW2, GW3, NULL));
	file_put(fixture, two());
	start_after(fixture, 100);
	run_for(fixture, 0.3);
	assert_int_equal(viewed(fixture).num, 1);
	peer_status(fixture, &fixture->gw1, 1, 0);
	run_for(fixture, 0.1);
	assert_int_equal(viewed(fixture).num, 1);
	peer_status(fixture, &fixture->gw2, 1, 0);
	wait_for_num(fixture, 2);
	/* or time is over */
	file_put(fixture, document_make(SGID, QUICK, GW1, GW2, GW3, NULL));
	start_after(fixture, 100);
	run_for(fixture, 0.3);
	assert_int_equal(viewed(fixture).num, 2);
	group = group_find(fixture->smf->cskmf, SGID);
	assert_true(group->not_before > loop_boottime() + 60);
	group->not_before = loop_boottime() + 0.5;
	schedule_arm(group);
	wait_for_num(fixture, 3);
}

/* urgent, and no reason to make a second key of a number */
static void test_low_is_held_back(void **state)
{
	struct fixture *fixture = *state;

	two_members(fixture, two());
	start_after(fixture, 85000);
	peer_status(fixture, &fixture->gw1, 1, STATUS_IV_LOW);
	run_for(fixture, 0.3);
	assert_int_equal(viewed(fixture).num, 1);
	assert_true(viewed(fixture).pending);
	peer_status(fixture, &fixture->gw2, 1, 0);
	wait_for_num(fixture, 2);
	/* nothing is due: at once */
	start_after(fixture, 100);
	peer_status(fixture, &fixture->gw1, 2, STATUS_IV_LOW);
	wait_for_num(fixture, 3);
}

/* a member that was restarted, too, has no key, and says what it knows */
static void test_known_not_held(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	struct group *group;

	two_members(fixture, two());
	start_after(fixture, 90000);
	peer_status(fixture, gw1, 1, STATUS_INSTALL_FAILED);
	assert_int_equal(gw1->answer.code, COAP_CHANGED);
	group = group_find(fixture->smf->cskmf, SGID);
	assert_int_equal(member_find(group, "gw1")->reported, 0);
	assert_int_equal(viewed(fixture).num, 1);
	peer_status(fixture, gw2, 1, STATUS_INSTALL_FAILED);
	wait_for_num(fixture, 2);

	start_after(fixture, 90000);
	peer_status(fixture, gw1, 3, STATUS_INSTALL_FAILED);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	peer_status(fixture, gw2, 3, STATUS_INSTALL_FAILED);
	assert_refused(&gw2->answer, COAP_UNAVAILABLE, INT32_MIN);
	assert_int_equal(viewed(fixture).held, 3);
}

/* who is out is out at once; a number used twice shows by its record */
static void test_eviction_is_not_held_back(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	two_members(fixture, two());
	start_after(fixture, 85000);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_TIMER,
					 &updated, reason), 0);
	assert_true(updated.pending && updated.due > 60);
	assert_int_equal(smf_member_remove(fixture->smf, SGID, "gw2",
					   CSKMF_EVICT, &updated, reason), 0);
	assert_int_equal(updated.num, 2);
	assert_false(updated.pending);
}

/*
 * The same number, another key: an epoch was made before anybody was heard.
 * Members have that of before and say so by its record.
 */
static void test_other_epoch(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	two_members(fixture, two());
	server_stop(fixture);
	state_copy(fixture, "state", "copy");
	disconnected(fixture);
	server_start(fixture);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), 0);
	reconnected(fixture, gw1);
	reconnected(fixture, gw2);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	pull(fixture, gw2);
	kernel_install(fixture, gw2, &gw2->answer);
	peer_status(fixture, gw1, 2, 0);
	assert_int_equal(gw1->answer.code, COAP_CHANGED);
	server_stop(fixture);
	state_copy(fixture, "copy", "state");
	disconnected(fixture);
	server_start(fixture);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 2);
	reconnected(fixture, gw1);
	reconnected(fixture, gw2);
	peer_status(fixture, gw1, 2, 0);
	assert_refused(&gw1->answer, COAP_BAD_REQUEST, INT32_MIN);
	peer_status(fixture, gw2, 2, 0);
	assert_refused(&gw2->answer, COAP_UNAVAILABLE, INT32_MIN);
	assert_int_equal(viewed(fixture).held, 2);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_RESTORED,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 4);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	peer_status(fixture, gw1, 4, 0);
	assert_int_equal(gw1->answer.code, COAP_CHANGED);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_restored),
		TEST(test_unfounded),
		TEST(test_same_epoch),
		TEST(test_old_and_due),
		TEST(test_only_due),
		TEST(test_newer_document),
		TEST(test_changed_while_down),
		TEST(test_low_is_held_back),
		TEST(test_known_not_held),
		TEST(test_eviction_is_not_held_back),
		TEST(test_other_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
