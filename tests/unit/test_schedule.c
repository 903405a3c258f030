// SPDX-License-Identifier: GPL-2.0-only
/*
 * When epochs are made: before the old one ends, whatever the clock is set to,
 * and after a restart as if there had been none.
 */
#include "server_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"

#define GW1 ENTRY("gw1", "1", "")
#define GW2 ENTRY("gw2", "2", "")
#define GW3 ENTRY("gw3", "3", "")
#define DAY 86400.0

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

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_long_activation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
