// SPDX-License-Identifier: GPL-2.0-only
/*
 * A server whose machine loses its power: what rests on the disk of what was
 * answered.  No number goes back and no Sender-ID is given twice in an epoch,
 * waited for or not; who is not known any more comes back.
 */
#include "server_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cskmf/group.h"

#define GW1 ENTRY("gw1", "1", "")
#define GW2 ENTRY("gw2", "2", "")
#define GW3 ENTRY("gw3", "3", "")
#define SIDS	48u		/* a reserve of two beside the one given */

/* where the disk is copied to each time something was made durable */
static const char *disk_of;
static unsigned int syncs;
static unsigned int syncs_most;		/* 0: all are copied */

/* in the place of libc's, for SQLite: what comes later is lost in the copy */
int fdatasync(int file)
{
	char command[256];

	if (disk_of && (!syncs_most || syncs < syncs_most)) {
		snprintf(command, sizeof(command),
			 "cd %s && rm -rf disk && cp -a state disk", disk_of);
		assert_int_equal(system(command), 0);
		syncs++;
	}
	return (int)syscall(SYS_fdatasync, file);
}

static void copy(struct fixture *fixture, const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "cd %s && rm -rf %s && cp -a %s %s", fixture->directory, to,
		 from, to);
	assert_int_equal(system(command), 0);
}

/* from now on; what is there now is on it */
static void disk_watch(struct fixture *fixture)
{
	copy(fixture, "state", "disk");
	disk_of = fixture->directory;
	syncs = 0;
	syncs_most = 0;
}

static void run_with(struct fixture *fixture, const char *state)
{
	struct peer *peers[] = { &fixture->gw1, &fixture->gw2, &fixture->gw3 };
	size_t i;

	disk_of = NULL;
	server_stop(fixture);
	copy(fixture, state, "state");
	for (i = 0; i < 3; i++)
		while (peers[i]->connected)
			run_for(fixture, 0.02);
	server_start(fixture);
}

static void power_cut(struct fixture *fixture)
{
	run_with(fixture, "disk");
}

static void reconnected(struct fixture *fixture, struct peer *peer)
{
	while (!peer->connected)
		run_for(fixture, 0.02);
}

static void pull(struct fixture *fixture, struct peer *peer)
{
	peer_call(fixture, peer, METHOD_GET, GROUP, FORMAT_NONE, NULL, 0);
}

static char *two(void)
{
	return document_make(SGID, QUICK, GW1, ENTRY("gw2", "2",
						     "delivery=\"push\""),
			     NULL);
}

static void open_three(struct fixture *fixture)
{
	char key[100];

	snprintf(key, sizeof(key), QUICK " max-senders=\"%u\"", SIDS);
	assert_int_equal(create(fixture, document_make(SGID, key, GW1, GW2,
						       GW3, NULL)), 1);
	peer_open(fixture, &fixture->gw1, "gw1");
	peer_open(fixture, &fixture->gw2, "gw2");
	peer_open(fixture, &fixture->gw3, "gw3");
}

static uint16_t joined(struct fixture *fixture, struct peer *peer)
{
	peer_join(fixture, peer, SGID, SGID, BOTH);
	kernel_install(fixture, peer, &peer->answer);
	assert_int_not_equal(peer->kernel.sid, 0);
	return peer->kernel.sid;
}

/* a registered member asks for its key, as it does when it is back */
static uint16_t back(struct fixture *fixture, struct peer *peer)
{
	reconnected(fixture, peer);
	peer_register(fixture, peer, NULL);
	pull(fixture, peer);
	kernel_install(fixture, peer, &peer->answer);
	return peer->kernel.sid;
}

/* every Sender-ID that gw3 can get in this epoch, until there is none */
static unsigned int use_up(struct fixture *fixture, bool given[SIDS + 1])
{
	struct group *group = group_find(fixture->smf->cskmf, SGID);
	unsigned int count = 0;
	uint16_t sid;
	int result;

	memset(given, 0, SIDS + 1);
	for (;;) {
		result = sender_assign(group, "gw3", fixture->gw3.kernel.node_public,
				       true, &sid);
		if (result)
			break;
		assert_in_range(sid, 1, SIDS);
		assert_false(given[sid]);
		given[sid] = true;
		count++;
	}
	assert_int_equal(result, -EAGAIN);
	return count;
}

/*
 * A join with a new node key, then no power: key and Sender-ID are there.
 * Returns how often the disk was waited for.
 */
static unsigned int joined_and_off(struct fixture *fixture, unsigned int roles)
{
	struct peer *gw1 = &fixture->gw1;
	unsigned int waited;
	uint16_t sid;

	peer_new_kernel(gw1);
	disk_watch(fixture);
	peer_join(fixture, gw1, SGID, SGID, roles);
	waited = syncs;
	kernel_install(fixture, gw1, &gw1->answer);
	sid = gw1->kernel.sid;
	assert_int_equal(!sid, !(roles & ROLE_BIT_SENDER));
	power_cut(fixture);
	reconnected(fixture, gw1);
	pull(fixture, gw1);
	kernel_install(fixture, gw1, &gw1->answer);
	if (sid)
		assert_int_equal(gw1->kernel.sid, sid);
	return waited;
}

static void test_power_lost_after_join(void **state)
{
	struct fixture *fixture = *state;

	two_members(fixture, two());
	/* node key and Sender-ID at once; each waits for the disk else */
	assert_int_equal(joined_and_off(fixture, BOTH), 1);
	/* who gets no Sender-ID has a node key all the same */
	assert_true(joined_and_off(fixture, ROLE_BIT_RECEIVER) >= 1);
}

/*
 * A member's first Sender-ID waits for no disk, if one before it did.  The
 * power goes: it is not given again in this epoch, whoever asks, and those who
 * have heard of it are told that it is gone.
 */
static void test_first_sid_lost(void **state)
{
	struct fixture *fixture = *state;
	bool given[SIDS + 1];
	uint16_t kept, lost;
	struct roster roster;
	bool told = false;
	size_t i;

	open_three(fixture);
	disk_watch(fixture);
	kept = joined(fixture, &fixture->gw1);
	assert_int_equal(syncs, 1);
	lost = joined(fixture, &fixture->gw2);
	assert_int_equal(syncs, 1);
	heard_roster(&fixture->gw2.answer, &roster);
	/* nobody was told of what is in reserve */
	assert_int_equal(roster.senders_count, 2);
	assert_int_equal(roster.gone_count, 0);
	roster_free(&roster);
	power_cut(fixture);
	assert_int_equal(back(fixture, &fixture->gw1), kept);
	heard_roster(&fixture->gw1.answer, &roster);
	assert_int_equal(roster.senders_count, 1);
	for (i = 0; i < roster.gone_count; i++)
		told = told || roster.gone[i] == lost;
	assert_true(told);
	roster_free(&roster);
	assert_int_not_equal(back(fixture, &fixture->gw2), lost);
	use_up(fixture, given);
	assert_false(given[lost]);
	assert_false(given[kept]);
}

/* the serial of a roster that was told goes on from there */
static void test_serial_grows(void **state)
{
	struct fixture *fixture = *state;
	struct roster before, after;

	open_three(fixture);
	disk_watch(fixture);
	joined(fixture, &fixture->gw1);
	joined(fixture, &fixture->gw2);
	assert_int_equal(syncs, 1);
	heard_roster(&fixture->gw2.answer, &before);
	power_cut(fixture);
	back(fixture, &fixture->gw1);
	heard_roster(&fixture->gw1.answer, &after);
	assert_true(after.serial > before.serial);
	roster_free(&before);
	roster_free(&after);
}

/* what is in reserve stays so in the next epoch, and is on the disk as such */
static void test_reserve_of_next_epoch(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	bool given[SIDS + 1];
	uint16_t lost;

	open_three(fixture);
	joined(fixture, &fixture->gw1);
	disk_watch(fixture);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), 0);
	assert_true(syncs);
	syncs = 0;
	lost = joined(fixture, &fixture->gw2);
	assert_int_equal(syncs, 0);
	power_cut(fixture);
	/* SIDs of the epoch before are free again by then */
	run_for(fixture, 1.1);
	assert_int_not_equal(back(fixture, &fixture->gw2), lost);
	use_up(fixture, given);
	assert_false(given[lost]);
}

/* the SID that a member had must not return: a change of it waits */
static void test_change_waits(void **state)
{
	struct fixture *fixture = *state;
	uint16_t first, second;

	open_three(fixture);
	joined(fixture, &fixture->gw1);
	first = joined(fixture, &fixture->gw2);
	disk_watch(fixture);
	second = joined(fixture, &fixture->gw2);
	assert_int_equal(syncs, 1);
	assert_int_not_equal(first, second);
	power_cut(fixture);
	assert_int_equal(back(fixture, &fixture->gw2), second);
}

/* the end of the process alone takes nothing away */
static void test_killed(void **state)
{
	struct fixture *fixture = *state;
	bool given[SIDS + 1];
	uint16_t sid;

	open_three(fixture);
	joined(fixture, &fixture->gw1);
	disk_watch(fixture);
	sid = joined(fixture, &fixture->gw2);
	assert_int_equal(syncs, 0);
	copy(fixture, "state", "killed");
	run_with(fixture, "killed");
	assert_int_equal(back(fixture, &fixture->gw2), sid);
	use_up(fixture, given);
	assert_false(given[sid]);
}

/* a server that ends in order has lost none */
static void test_given_back(void **state)
{
	struct fixture *fixture = *state;
	bool given[SIDS + 1];

	open_three(fixture);
	joined(fixture, &fixture->gw1);
	server_stop(fixture);
	while (fixture->gw1.connected)
		run_for(fixture, 0.02);
	server_start(fixture);
	assert_int_equal(use_up(fixture, given), SIDS - 1);
}

/* the document is on the disk, the epoch that it wants is not */
static void test_eviction_lost(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	struct group *group;

	/* epochs that wait are a minute apart */
	create(fixture, document_make(SGID,
				      "atd=\"10\" dtd=\"60\" batch-ms=\"0\"",
				      GW1, GW2, NULL));
	peer_open(fixture, &fixture->gw1, "gw1");
	peer_open(fixture, &fixture->gw2, "gw2");
	peer_open(fixture, &fixture->gw3, "gw3");
	joined(fixture, &fixture->gw1);
	joined(fixture, &fixture->gw2);
	disk_watch(fixture);
	syncs_most = 1;
	assert_int_equal(smf_member_remove(fixture->smf, SGID, "gw2",
					   CSKMF_EVICT, &updated, reason), 0);
	assert_int_equal(updated.num, 2);
	power_cut(fixture);
	group = group_find(fixture->smf->cskmf, SGID);
	assert_int_equal(group->num, 1);
	assert_int_equal(group->description->members_count, 1);
	wait_for_num(fixture, 2);
	assert_int_equal(group->reason, EPOCH_EVICT);
	assert_int_equal(group->atd, 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power_lost_after_join),
		TEST(test_first_sid_lost),
		TEST(test_serial_grows),
		TEST(test_reserve_of_next_epoch),
		TEST(test_change_waits),
		TEST(test_killed),
		TEST(test_given_back),
		TEST(test_eviction_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
