// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many notifications at once: they come before what their receivers say to
 * them, and they do not keep others out for long.  A real server and client
 * on 127.0.0.1 in one loop.
 */
#include <stdio.h>
#include <string.h>

#include "transport_fixture.h"

#define GROUPS	2560		/* the server sends them in ten turns */

static unsigned int pushed;		/* notifications made */
static unsigned int pushed_at_report;	/* ... when the first report came */
static unsigned int reports;
static unsigned int told, answered;	/* what the client heard */
static unsigned int next_group, out_of_turn;	/* as they are made */
static bool endless;
static struct side side;

static void count_answer(void *context,
			 const struct transport_response *response)
{
	(void)context;
	assert_int_equal(response->error, 0);
	assert_int_equal(response->code, COAP_CHANGED);
	answered++;
}

static void send_report(void)
{
	struct transport_segment path[2] = { segment("push"),
					     segment("report") };
	struct transport_call report = {
		.method = METHOD_PUT, .path = path, .path_count = 2,
		.format = FORMAT_CBOR, .body = (const uint8_t *)"x",
		.body_size = 1, .done = count_answer,
	};
	struct transport_exchange *exchange;

	assert_int_equal(transport_client_call(side.client, &report,
					       &exchange), 0);
}

/* the first answer is to the request; what follows is pushed */
static void count_told(void *context,
		       const struct transport_response *response)
{
	bool *asked = context;

	if (response->error)
		return;
	if (*asked) {
		*asked = false;
		answered++;
		return;
	}
	if (!told++)
		send_report();
}

/* g0, g1, ...: in the order in which they became due */
static void note_turn(const struct transport_segment *name)
{
	char expected[8];

	snprintf(expected, sizeof(expected), "g%u", next_group++);
	out_of_turn += name->size != strlen(expected) ||
		       memcmp(name->bytes, expected, name->size) != 0;
}

static void serve(void *context, const struct transport_request *request,
		  struct transport_answer *answer)
{
	if (request->method == METHOD_PUT) {
		if (!reports++)
			pushed_at_report = pushed;
		endless = false;
		transport_answer_code(answer, COAP_CHANGED);
		return;
	}
	if (request->notification) {
		pushed++;
		note_turn(&request->path[1]);
	}
	transport_answer_code(answer, COAP_CONTENT);
	if (request->notification && endless)
		transport_server_notify(fixture_server, request->path,
					request->path_count);
}

static void observe_groups(unsigned int count)
{
	static char names[GROUPS][8];
	static bool asked[GROUPS];
	struct transport_exchange *exchange;
	unsigned int i;

	pushed = 0;
	next_group = 0;
	out_of_turn = 0;
	reports = 0;
	told = 0;
	answered = 0;
	fixture_server_start("coaps+tcp");
	assert_int_equal(transport_server_route(fixture_server, "push", serve,
						NULL), 0);
	side_open(&side, "gw1", fixture_uri, "urn:cpns:server:main");
	side_wait_connected(&side);
	for (i = 0; i < count; i++) {
		struct transport_segment path[2] = {
			segment("push"),
		};
		struct transport_call call = {
			.method = METHOD_GET, .path = path, .path_count = 2,
			.format = FORMAT_NONE, .observe = true,
			.done = count_told, .context = &asked[i],
		};

		snprintf(names[i], sizeof(names[i]), "g%u", i);
		path[1] = segment(names[i]);
		asked[i] = true;
		assert_int_equal(transport_client_call(side.client, &call,
						       &exchange), 0);
		run_until(&answered, i + 1, 10);
	}
	for (i = 0; i < count; i++) {
		struct transport_segment path[2] = {
			segment("push"), segment(names[i]),
		};

		transport_server_notify(fixture_server, path, 2);
	}
}

static void test_push_before_reports(void **state)
{
	(void)state;
	endless = false;
	observe_groups(GROUPS);
	run_until(&answered, GROUPS + 1, 20);
	run_until(&told, GROUPS, 20);
	assert_int_equal(reports, 1);
	assert_int_equal(pushed_at_report, GROUPS);
	assert_int_equal(out_of_turn, 0);
	side_close(&side);
}

/* one that is due again whenever it was sent */
static void test_endless_push(void **state)
{
	(void)state;
	endless = true;
	observe_groups(1);
	run_until(&answered, 1 + 1, 10);
	assert_int_equal(reports, 1);
	assert_true(pushed_at_report > 1);
	side_close(&side);
}

/* --- several observers of one path --- */

#define SIDES	3

static uint8_t version;			/* of what they observe */
static unsigned int changes;		/* to come during the notifications */
static struct side sides[SIDES];
static struct seen heard[SIDES];

static void serve_version(void *context,
			  const struct transport_request *request,
			  struct transport_answer *answer)
{
	(void)context;
	transport_answer_code(answer, COAP_CONTENT);
	assert_int_equal(transport_answer_body(answer, FORMAT_CBOR, &version,
					       1), 0);
	if (!request->notification)
		return;
	pushed++;
	if (changes) {
		changes--;
		version++;
		transport_server_notify(fixture_server, request->path,
					request->path_count);
	}
}

static void observe_version(unsigned int i, const char *node)
{
	struct transport_segment path[2] = { segment("push"), segment("x") };
	struct transport_call request = {
		.method = METHOD_GET, .format = FORMAT_NONE, .observe = true,
		.done = seen_done, .context = &heard[i], .path = path,
		.path_count = 2,
	};

	side_open(&sides[i], node, fixture_uri, "urn:cpns:server:main");
	side_wait_connected(&sides[i]);
	call_wait(&sides[i], &request, &heard[i]);
	assert_int_equal(heard[i].code, COAP_CONTENT);
}

static void observe_versions(void)
{
	static const char *const nodes[SIDES] = { "gw1", "gw1", "gw2" };
	unsigned int i;

	pushed = 0;
	version = 1;
	changes = 0;
	memset(heard, 0, sizeof(heard));
	fixture_server_start("coaps+tcp");
	assert_int_equal(transport_server_route(fixture_server, "push",
						serve_version, NULL), 0);
	for (i = 0; i < SIDES; i++)
		observe_version(i, nodes[i]);
}

static void change_version(void)
{
	struct transport_segment path[2] = { segment("push"), segment("x") };

	version++;
	transport_server_notify(fixture_server, path, 2);
}

/* who has heard of the first change hears of the second, nobody twice */
static void test_change_while_told(void **state)
{
	unsigned int i;

	(void)state;
	observe_versions();
	changes = 1;
	change_version();
	change_version();
	run_until(&pushed, SIDES + 1, 5);
	run_for(0.3);
	assert_int_equal(pushed, SIDES + 1);
	for (i = 0; i < SIDES; i++) {
		assert_int_equal(heard[i].body[0], version);
		side_close(&sides[i]);
	}
}

/* one that ends with its turn to come takes nobody's turn with it */
static void test_end_while_due(void **state)
{
	(void)state;
	observe_versions();
	change_version();
	side_close(&sides[0]);
	run_until(&heard[2].notifications, 1, 5);
	run_until(&heard[1].notifications, 1, 5);
	/* all gone with their turn to come, and one that comes after them */
	change_version();
	side_close(&sides[1]);
	side_close(&sides[2]);
	run_for(0.3);
	observe_version(0, "gw1");
	pushed = 0;
	change_version();
	run_until(&pushed, 1, 5);
	run_for(0.2);
	assert_int_equal(pushed, 1);
	assert_int_equal(heard[0].body[0], version);
	side_close(&sides[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_push_before_reports),
		cmocka_unit_test(test_endless_push),
		cmocka_unit_test(test_change_while_told),
		cmocka_unit_test(test_end_while_due),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
