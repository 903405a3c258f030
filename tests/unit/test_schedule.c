// SPDX-License-Identifier: GPL-2.0-only
/*
 * When epochs are made: before the old one ends, whatever the clock is set to,
 * and after a restart as if there had been none.
 */
#include "server_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cskmf/group.h"

#define GW1 ENTRY("gw1", "1", "")
#define GW2 ENTRY("gw2", "2", "")
#define GW3 ENTRY("gw3", "3", "")
#define DAY 86400.0

/* in the place of libc's: what the wall clock is ahead of the true time */
static time_t ahead;

time_t time(time_t *seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += ahead;
	if (seconds)
		*seconds = now.tv_sec;
	return now.tv_sec;
}

/* the same for SQLite: of so many commits the last one fails */
static unsigned int fails_in;

int fdatasync(int file)
{
	if (fails_in && !--fails_in) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, file);
}

static struct group *the_group(struct fixture *fixture)
{
	return group_find(fixture->smf->cskmf, SGID);
}

/* seconds until something is done about the group's epoch */
static double renewed_in(struct fixture *fixture)
{
	struct group *group = the_group(fixture);

	assert_true(loop_timer_active(&group->timer));
	return ev_timer_remaining(fixture->loop.ev, &group->timer.timer);
}

/* a long ATD: the next epoch comes early, but not before older ones are dead */
static void test_long_activation(void **state)
{
	static const char key[] =
		"lifetime=\"300\" atd=\"200\" dtd=\"250\" batch-ms=\"0\"";
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	create(fixture, document_make(SGID, key, GW1, GW2, NULL));
	assert_in_range(renewed_in(fixture), 245, 251);
	/* this epoch is active at once, the next one will not be */
	assert_int_equal(smf_member_remove(fixture->smf, SGID, "gw2",
					   CSKMF_EVICT, &updated, reason), 0);
	assert_int_equal(updated.num, 2);
	assert_in_range(renewed_in(fixture), 90, 300 - 200 - 5);
}

/* nothing is written but the epoch: no want waits for the disk before it */
static void test_due_is_made_at_once(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	create(fixture, document_make(SGID, QUICK, GW1, NULL));
	run_for(fixture, 2.2);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_TIMER,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 2);
	assert_false(updated.pending);
	/* the next one has to wait */
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_TIMER,
					 &updated, reason), 0);
	assert_int_equal(updated.num, 2);
	assert_true(updated.pending);
}

/* and it reaches everybody before this one ends */
static void test_renewals_are_spaced(void **state)
{
	struct fixture *fixture = *state;

	create(fixture, document_make(SGID, "lifetime=\"60\" atd=\"54\" dtd=\"58\"",
				      GW1, NULL));
	assert_in_range(renewed_in(fixture), 50, 55);
	run_for(fixture, 1);
	assert_int_equal(the_group(fixture)->num, 1);
}

static uint32_t seconds_left(struct fixture *fixture)
{
	struct cskmf_group_view view;

	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	return view.seconds_left;
}

/* members' kernels do not look at the wall clock, so neither do we */
static void test_clock_is_set(void **state)
{
	struct fixture *fixture = *state;
	double due;

	ahead = 0;
	create(fixture, document_make(SGID, QUICK, GW1, NULL));
	due = renewed_in(fixture);
	ahead = 2 * DAY;
	assert_in_range(seconds_left(fixture), DAY - 10, DAY);
	schedule_arm(the_group(fixture));
	assert_in_range(renewed_in(fixture), due - 10, due + 1);
	ahead = -2 * DAY;
	assert_in_range(seconds_left(fixture), DAY - 10, DAY);
	the_group(fixture)->made_at -= DAY / 2;
	schedule_arm(the_group(fixture));
	assert_in_range(renewed_in(fixture), due - DAY / 2 - 10,
			due - DAY / 2 + 1);
	ahead = 0;
}

/* the age at a start is by the wall clock, there is no other that goes on */
static void test_age_at_start(void **state)
{
	struct fixture *fixture = *state;

	ahead = 0;
	create(fixture, document_make(SGID, QUICK, GW1, NULL));
	server_stop(fixture);
	ahead = DAY / 4;
	server_start(fixture);
	assert_in_range(seconds_left(fixture), DAY * 3 / 4 - 10, DAY * 3 / 4);
	/* set back: nothing gets younger */
	ahead = 0;
	wall_clock_set(fixture->smf->cskmf);
	assert_in_range(seconds_left(fixture), DAY * 3 / 4 - 10, DAY * 3 / 4);
	/* set right, it shows what was not known: no key for longer */
	ahead = DAY / 2;
	wall_clock_set(fixture->smf->cskmf);
	assert_in_range(seconds_left(fixture), DAY / 2 - 10, DAY / 2);
	assert_true(renewed_in(fixture) < DAY / 2);
	/* but what was made since then has its age by our own clock */
	the_group(fixture)->made_at -= DAY;
	the_group(fixture)->not_before = 0;
	schedule_arm(the_group(fixture));
	wait_for_num(fixture, 2);
	ahead = 2 * DAY;
	wall_clock_set(fixture->smf->cskmf);
	assert_in_range(seconds_left(fixture), DAY - 10, DAY);
	ahead = 0;
}

/* before the epoch was made, says the clock: its age is not known */
static void test_start_at_1970(void **state)
{
	struct fixture *fixture = *state;

	ahead = 0;
	create(fixture, document_make(SGID, QUICK, GW1, NULL));
	server_stop(fixture);
	ahead = -1800;
	server_start(fixture);
	assert_in_range(seconds_left(fixture), DAY - 10, DAY);
	/* so the next one comes soon */
	assert_in_range(renewed_in(fixture), 1, HOLD_BACK_SECONDS);
	/* still before */
	ahead = -900;
	wall_clock_set(fixture->smf->cskmf);
	assert_in_range(renewed_in(fixture), 1, HOLD_BACK_SECONDS);
	/* now it is known, and the key is good: nothing was wanted */
	ahead = 600;
	wall_clock_set(fixture->smf->cskmf);
	assert_in_range(seconds_left(fixture), DAY - 610, DAY - 600);
	assert_true(renewed_in(fixture) > DAY / 2);
	run_for(fixture, 0.3);
	assert_int_equal(the_group(fixture)->num, 1);
	ahead = 0;
}

/* the process ends as it stands; what it wrote is there */
static void killed(struct fixture *fixture)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "cd %s && rm -rf killed && cp -a state killed",
		 fixture->directory);
	assert_int_equal(system(command), 0);
	server_stop(fixture);
	snprintf(command, sizeof(command),
		 "cd %s && rm -rf state && mv killed state",
		 fixture->directory);
	assert_int_equal(system(command), 0);
	while (fixture->gw1.connected || fixture->gw2.connected)
		run_for(fixture, 0.02);
	server_start(fixture);
}

static void assert_pending(struct fixture *fixture, bool pending)
{
	struct cskmf_group_view view;

	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	assert_int_equal(view.pending, pending);
}

/* members are heard before what was wanted is made: hold.c */
static void heard_all(struct fixture *fixture)
{
	struct group *group = the_group(fixture);

	assert_true(renewed_in(fixture) > HOLD_BACK_SECONDS - 20);
	group->not_before = 0;
	schedule_arm(group);
}

/* another lifetime is an epoch for all, also after the end came first */
static void test_document_then_killed(void **state)
{
	struct fixture *fixture = *state;

	create(fixture, document_make(SGID, QUICK, GW1, NULL));
	update(fixture, document_make(SGID, QUICK " lifetime=\"3600\"", GW1,
				      NULL));
	assert_pending(fixture, true);
	killed(fixture);
	assert_pending(fixture, true);
	heard_all(fixture);
	wait_for_num(fixture, 2);
	assert_int_equal(the_group(fixture)->lifetime, 3600);
	assert_pending(fixture, false);
	/* wanted no more */
	killed(fixture);
	assert_pending(fixture, false);
}

static void test_rekey_then_killed(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	create(fixture, document_make(SGID, QUICK, GW1, NULL));
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_TIMER,
					 &updated, reason), 0);
	assert_true(updated.pending);
	killed(fixture);
	heard_all(fixture);
	wait_for_num(fixture, 2);
}

/* beside what a slow clock wants; that alone goes when it is set */
static void test_rekey_with_a_slow_clock(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	ahead = 0;
	create(fixture, document_make(SGID, QUICK, GW1, NULL));
	server_stop(fixture);
	ahead = -1800;
	server_start(fixture);
	assert_pending(fixture, true);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_TIMER,
					 &updated, reason), 0);
	assert_true(updated.pending && updated.due > 60);
	ahead = 0;
	killed(fixture);
	assert_pending(fixture, true);
	wall_clock_set(fixture->smf->cskmf);
	assert_pending(fixture, true);
	heard_all(fixture);
	wait_for_num(fixture, 2);
	/* wanted since the start: it waits no longer than for the clock */
	server_stop(fixture);
	ahead = -1800;
	server_start(fixture);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_TIMER,
					 &updated, reason), 0);
	assert_true(updated.due > 60);
	ahead = 0;
	wall_clock_set(fixture->smf->cskmf);
	wait_for_num(fixture, 3);
}

/* one that waits for the spacing of epochs */
static void test_report_then_killed(void **state)
{
	struct fixture *fixture = *state;

	two_members(fixture, document_make(SGID, QUICK, GW1, GW2, NULL));
	peer_status(fixture, &fixture->gw1, 1, STATUS_SPI_COLLISION);
	wait_for_num(fixture, 2);
	peer_status(fixture, &fixture->gw1, 2, STATUS_SPI_COLLISION);
	assert_pending(fixture, true);
	killed(fixture);
	heard_all(fixture);
	wait_for_num(fixture, 3);
}

#define SLOW "atd=\"10\" dtd=\"60\" batch-ms=\"0\""

/* what cannot wait does not when it is tried again */
static void test_eviction_again(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	struct group *group;

	create(fixture, document_make(SGID, SLOW, GW1, GW2, NULL));
	group = the_group(fixture);
	/* the document is stored, the epoch is not */
	fails_in = 2;
	assert_int_equal(smf_member_remove(fixture->smf, SGID, "gw2",
					   CSKMF_EVICT, &updated, reason), 0);
	assert_true(updated.pending);
	assert_true(updated.due <= 0);
	assert_int_equal(group->num, 1);
	wait_for_num(fixture, 2);
	assert_int_equal(group->reason, EPOCH_EVICT);
	assert_int_equal(group->atd, 0);
	/* gw2 had no Sender-ID by which kernels know that its key is dead */
	assert_int_equal(group->dtd, 1);
	/* and the next one waits again, until the old key is dead */
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_TIMER,
					 &updated, reason), 0);
	assert_in_range(updated.due * 1000, 1000, 2000);
	wait_for_num(fixture, 3);
	assert_int_equal(group->dtd, 60);
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_TIMER,
					 &updated, reason), 0);
	assert_true(updated.due > 50);
}

/* out of the document already, and still with the key: now it is urgent */
static void test_revoked_while_leaving(void **state)
{
	static const char key[] = "atd=\"10\" dtd=\"300\" batch-ms=\"0\"";
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "", **sgids;
	struct cskmf_updated updated;
	struct group *group;

	create(fixture, document_make(SGID, key, GW1,
				      ENTRY("gw2", "2", "roles=\"receiver\""),
				      NULL));
	assert_int_equal(smf_member_remove(fixture->smf, SGID, "gw2",
					   CSKMF_DOCUMENT, &updated, reason),
			 0);
	assert_int_equal(updated.num, 1);
	assert_true(updated.pending && updated.due > 290);
	assert_int_equal(smf_node_revoke(fixture->smf, "gw2", true, &sgids,
					 reason), 0);
	group = the_group(fixture);
	assert_int_equal(group->num, 2);
	assert_int_equal(group->reason, EPOCH_EVICT);
	assert_int_equal(group->atd, 0);
	assert_int_equal(group->dtd, 1);
	assert_pending(fixture, false);
	assert_non_null(sgids);
	assert_string_equal(sgids[0], SGID);
	assert_null(sgids[1]);
	free(sgids[0]);
	free(sgids);
	/* it has nothing any more */
	assert_int_equal(smf_node_revoke(fixture->smf, "gw2", true, &sgids,
					 reason), 0);
	assert_null(sgids);
	assert_int_equal(group->num, 2);
}

/* others that come meanwhile do not put it off */
static void test_retry_is_not_put_off(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	double before;

	create(fixture, document_make(SGID, SLOW, GW1, NULL));
	the_group(fixture)->num = CPNS_EPOCH_MAX;
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), 0);
	before = renewed_in(fixture);
	assert_true(before > 4);
	run_for(fixture, 1);
	schedule_want(the_group(fixture), EPOCH_TIMER, false);
	assert_true(renewed_in(fixture) < before - 0.5);
	the_group(fixture)->num = 1;
}

static void test_compromise_then_killed(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	create(fixture, document_make(SGID, SLOW, GW1, NULL));
	the_group(fixture)->num = CPNS_EPOCH_MAX;
	assert_int_equal(smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE,
					 &updated, reason), 0);
	the_group(fixture)->num = 1;
	killed(fixture);
	wait_for_num(fixture, 2);
	assert_int_equal(the_group(fixture)->reason, EPOCH_COMPROMISE);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_long_activation),
		TEST(test_due_is_made_at_once),
		TEST(test_renewals_are_spaced),
		TEST(test_clock_is_set),
		TEST(test_age_at_start),
		TEST(test_start_at_1970),
		TEST(test_document_then_killed),
		TEST(test_rekey_then_killed),
		TEST(test_rekey_with_a_slow_clock),
		TEST(test_report_then_killed),
		TEST(test_eviction_again),
		TEST(test_revoked_while_leaving),
		TEST(test_retry_is_not_put_off),
		TEST(test_compromise_then_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
