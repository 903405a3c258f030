// SPDX-License-Identifier: GPL-2.0-only
/*
 * When epochs are made: before the old one ends, whatever the clock is set to,
 * and after a restart as if there had been none.
 */
#include "server_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* a long ATD: the next epoch is in use before this one ends */
static void test_long_activation(void **state)
{
	static const char key[] =
		"lifetime=\"300\" atd=\"200\" dtd=\"250\" batch-ms=\"0\"";
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	create(fixture, document_make(SGID, key, GW1, GW2, NULL));
	assert_in_range(renewed_in(fixture), 90, 300 - 200 - 5);
	/* this epoch is active at once, the next one will not be */
	assert_int_equal(smf_member_remove(fixture->smf, SGID, "gw2",
					   CSKMF_EVICT, &updated, reason), 0);
	assert_int_equal(updated.num, 2);
	assert_in_range(renewed_in(fixture), 90, 300 - 200 - 5);
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
	assert_true(renewed_in(fixture) < 60);
	ahead = 0;
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_long_activation),
		TEST(test_clock_is_set),
		TEST(test_age_at_start),
		TEST(test_start_at_1970),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
