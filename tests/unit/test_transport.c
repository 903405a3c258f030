// SPDX-License-Identifier: GPL-2.0-only
/*
 * CoAP over TLS as the daemon speaks it: requests, bodies, Observe,
 * reconnection; a real server and client on 127.0.0.1 in one loop.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport_fixture.h"
#include "transport/client_private.h"

static struct seen seen, other_seen;

static void test_methods(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment(SGID_PATH) };
	struct transport_call request = {
		.method = METHOD_POST, .path = path, .path_count = 2,
		.format = FORMAT_GROUPCOMM, .body = (const uint8_t *)"hello",
		.body_size = 5, .done = seen_done, .context = &seen,
	};
	struct side side;

	(void)state;
	side_open(&side, "gw1", fixture_uri, "urn:cpns:server:main");
	side_wait_connected(&side);
	fixture_value = 7;

	call(&side, METHOD_GET, path, 2, &seen);
	assert_int_equal(seen.error, 0);
	assert_int_equal(seen.code, COAP_CONTENT);
	assert_int_equal(seen.format, FORMAT_GROUPCOMM);
	assert_string_equal((char *)seen.body, "7 urn:cpns:node:gw1");
	assert_true(seen.ended);
	assert_int_equal(fixture_request.path_count, 2);
	assert_int_equal(fixture_request.address.ss_family, AF_INET);

	call_wait(&side, &request, &seen);
	assert_int_equal(seen.code, COAP_CREATED);
	assert_int_equal(seen.format, FORMAT_GROUPCOMM);
	assert_string_equal((char *)seen.body, "hello");

	request.method = METHOD_PUT;
	request.format = FORMAT_CBOR;
	call_wait(&side, &request, &seen);
	assert_int_equal(seen.code, COAP_CHANGED);
	assert_int_equal(fixture_request.format, FORMAT_CBOR);
	assert_memory_equal(fixture_stored, "hello", 5);

	call(&side, METHOD_DELETE, path, 2, &seen);
	assert_int_equal(seen.code, COAP_DELETED);

	path[0] = segment("nothing");
	call(&side, METHOD_GET, path, 2, &seen);
	assert_int_equal(seen.code, COAP_NOT_FOUND);
	assert_string_equal(seen.problem, "No such resource");
	assert_int_equal(seen.error_id, INT32_MIN);
	side_close(&side);
}

/* segments are raw bytes: nothing is decoded or split on the way */
static void test_raw_segments(void **state)
{
	static const char *const names[] = {
		SGID_PATH, "a/b", "100%25", "%", "gr\xc3\xbc\xc3\x9f", ".", "..",
		"", "a b?c#d&e=f", "\x01\xff",
	};
	struct side side;
	size_t i;

	(void)state;
	side_open(&side, "gw1", fixture_uri, "urn:cpns:server:main");
	side_wait_connected(&side);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct transport_segment path[2] = { segment("ace-group"),
						     segment(names[i]) };

		call(&side, METHOD_FETCH, path, 2, &seen);
		assert_int_equal(seen.code, COAP_CONTENT);
		assert_int_equal(seen.body_size, strlen(names[i]));
		assert_memory_equal(seen.body, names[i], strlen(names[i]));
	}
	side_close(&side);
}

static void test_query_and_etag(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment(SGID_PATH) };
	struct transport_call request = {
		.method = METHOD_GET, .path = path, .path_count = 2,
		.query = "from=3", .format = FORMAT_NONE,
		.etag = (const uint8_t *)"\0\0\0\x09", .etag_size = 4,
		.done = seen_done, .context = &seen,
	};
	struct side side;

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	fixture_value = 9;
	call_wait(&side, &request, &seen);
	assert_int_equal(fixture_request.query_count, 1);
	assert_int_equal(seen.code, COAP_VALID);
	assert_int_equal(seen.body_size, 0);
	fixture_value = 10;
	call_wait(&side, &request, &seen);
	assert_int_equal(seen.code, COAP_CONTENT);
	assert_int_equal(seen.etag[3], 10);
	side_close(&side);
}

static void test_big_bodies(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment("big") };
	static uint8_t body[BIG_SIZE];
	struct transport_call request = {
		.method = METHOD_PUT, .path = path, .path_count = 2,
		.format = FORMAT_OCTETS, .body = body,
		.body_size = sizeof(body), .done = seen_done, .context = &seen,
	};
	struct side side;
	size_t i;

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	call(&side, METHOD_GET, path, 2, &seen);
	assert_int_equal(seen.error, 0);
	assert_int_equal(seen.code, COAP_CONTENT);
	assert_int_equal(seen.body_size, BIG_SIZE);
	for (i = 0; i < BIG_SIZE; i++) {
		if (seen.body[i] != (uint8_t)(i * 7 + (i >> 8)))
			fail_msg("byte %zu is wrong", i);
	}
	for (i = 0; i < BIG_SIZE; i++)
		body[i] = (uint8_t)(i * 13 + (i >> 9));
	path[1] = segment("store");
	call_wait(&side, &request, &seen);
	assert_int_equal(seen.error, 0);
	assert_int_equal(seen.code, COAP_CHANGED);
	assert_int_equal(fixture_stored_size, BIG_SIZE);
	assert_memory_equal(fixture_stored, body, BIG_SIZE);
	side_close(&side);
}

/* more than the sockets hold: the server must wait and go on */
static void test_slow_reader(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment("big") };
	struct transport_call request = {
		.method = METHOD_GET, .path = path, .path_count = 2,
		.format = FORMAT_NONE, .done = seen_done, .context = &seen,
	};
	struct side side;
	unsigned int i;

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	memset(&seen, 0, sizeof(seen));
	for (i = 0; i < 200; i++)
		assert_int_equal(transport_client_call(side.client, &request,
						       NULL), 0);
	run_until(&seen.count, 200, 20);
	assert_int_equal(seen.error, 0);
	assert_int_equal(seen.body_size, BIG_SIZE);
	assert_int_equal(seen.body[54321],
			 (uint8_t)(54321 * 7 + (54321 >> 8)));
	side_close(&side);
}

static void observe(struct side *side, const struct transport_segment *path,
		    struct seen *result, struct transport_exchange **exchange)
{
	struct transport_call request = {
		.method = METHOD_GET, .path = path, .path_count = 2,
		.format = FORMAT_NONE, .observe = true, .done = seen_done,
		.context = result,
	};

	memset(result, 0, sizeof(*result));
	assert_int_equal(transport_client_call(side->client, &request,
					       exchange), 0);
	run_until(&result->count, 1, 10);
	assert_int_equal(result->code, COAP_CONTENT);
	assert_false(result->ended);
}

static void test_observe(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment(SGID_PATH) };
	struct transport_segment another[2] = { segment("ace-group"),
						segment("sip:other@x") };
	struct transport_exchange *first, *second, *third;
	static struct seen third_seen;
	struct side one, two;
	unsigned int i;

	(void)state;
	side_open(&one, "gw1", fixture_uri, NULL);
	side_open(&two, "gw2", fixture_uri, NULL);
	side_wait_connected(&one);
	side_wait_connected(&two);
	fixture_value = 1;
	observe(&one, path, &seen, &first);
	observe(&two, path, &other_seen, &second);
	observe(&two, another, &third_seen, &third);

	for (i = 2; i < 12; i++) {
		char text[64];

		fixture_value = i;
		/* two in one turn are one notification */
		transport_server_notify(fixture_server, path, 2);
		transport_server_notify(fixture_server, path, 2);
		run_until(&seen.count, i, 5);
		run_until(&other_seen.count, i, 5);
		assert_int_equal(seen.count, i);
		assert_int_equal(seen.notifications, i - 1);
		snprintf(text, sizeof(text), "%u urn:cpns:node:gw1 again", i);
		assert_string_equal((char *)seen.body, text);
		snprintf(text, sizeof(text), "%u urn:cpns:node:gw2 again", i);
		assert_string_equal((char *)other_seen.body, text);
	}
	assert_int_equal(third_seen.count, 1);

	transport_cancel(first);
	run_for(0.2);
	transport_server_notify(fixture_server, path, 2);
	run_until(&other_seen.count, i, 5);
	run_for(0.1);
	assert_int_equal(seen.count, i - 1);

	/* an error ends the observation: said once, then silence */
	fixture_answer_code = COAP_NOT_FOUND;
	transport_server_notify(fixture_server, path, 2);
	run_until(&other_seen.count, i + 1, 5);
	assert_int_equal(other_seen.code, COAP_NOT_FOUND);
	assert_true(other_seen.ended);
	assert_int_equal(other_seen.error_id, 6);
	assert_string_equal(other_seen.problem, "Group is gone");
	transport_server_notify(fixture_server, path, 2);
	run_for(0.2);
	assert_int_equal(other_seen.count, i + 1);
	fixture_answer_code = 0;

	transport_server_notify(fixture_server, another, 2);
	run_until(&third_seen.count, 2, 5);
	side_close(&two);
	side_close(&one);
	run_for(0.1);
	transport_server_notify(fixture_server, another, 2);
	run_for(0.1);
}

static void test_big_notifications(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment("big") };
	struct transport_exchange *exchange;
	struct side side;
	unsigned int i;

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	observe(&side, path, &seen, &exchange);
	for (i = 2; i < 30; i++) {
		transport_server_notify(fixture_server, path, 2);
		run_until(&seen.count, i, 5);
		assert_int_equal(seen.body_size, BIG_SIZE);
		assert_int_equal(seen.body[12345],
				 (uint8_t)(12345 * 7 + (12345 >> 8)));
	}
	side_close(&side);
}

/* eight observations of one node in one group; the ninth is a plain GET */
static void test_observation_limit(void **state)
{
	struct transport_call request = {
		.method = METHOD_GET, .format = FORMAT_NONE, .observe = true,
		.done = seen_done, .context = &seen, .path_count = 3,
	};
	struct side side;
	unsigned int i;

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	for (i = 0; i < 9; i++) {
		char name[8];
		struct transport_segment path[3] = { segment("ace-group"),
						     segment(SGID_PATH) };

		snprintf(name, sizeof(name), "r%u", i);
		path[2] = segment(name);
		request.path = path;
		call_wait(&side, &request, &seen);
		assert_int_equal(seen.code, COAP_CONTENT);
		assert_int_equal(seen.ended, i == 8);
	}
	side_close(&side);
}

/* another session of it has none of its own, another node has */
static void test_observation_limit_of_node(void **state)
{
	static const char *const nodes[] = { "gw1", "gw1", "gw2" };
	struct transport_segment path[3] = { segment("ace-group"),
					     segment(SGID_PATH) };
	struct transport_call request = {
		.method = METHOD_GET, .format = FORMAT_NONE, .observe = true,
		.done = seen_done, .context = &seen, .path = path,
		.path_count = 3,
	};
	struct side sides[3];
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		side_open(&sides[i], nodes[i], fixture_uri, NULL);
		side_wait_connected(&sides[i]);
	}
	for (i = 0; i < 10; i++) {
		char name[8];

		snprintf(name, sizeof(name), "r%u", i / 2);
		path[2] = segment(name);
		call_wait(&sides[i % 2], &request, &seen);
		assert_int_equal(seen.code, COAP_CONTENT);
		assert_int_equal(seen.ended, i >= 8);
	}
	call_wait(&sides[2], &request, &seen);
	assert_false(seen.ended);
	/* what one session gives up is there for the other */
	side_close(&sides[0]);
	run_for(0.2);
	call_wait(&sides[1], &request, &seen);
	assert_false(seen.ended);
	/* five of them there; and one that comes later counts again */
	side_open(&sides[0], "gw1", fixture_uri, NULL);
	side_wait_connected(&sides[0]);
	for (i = 0; i < 4; i++) {
		char name[8];

		snprintf(name, sizeof(name), "r%u", i);
		path[2] = segment(name);
		call_wait(&sides[0], &request, &seen);
		assert_int_equal(seen.ended, i == 3);
	}
	side_close(&sides[0]);
	side_close(&sides[1]);
	side_close(&sides[2]);
}

static void test_reconnect(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment(SGID_PATH) };
	struct transport_exchange *exchange;
	struct transport_call request = {
		.method = METHOD_GET, .path = path, .path_count = 2,
		.format = FORMAT_NONE, .done = seen_done,
		.context = &other_seen,
	};
	struct side side;

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	observe(&side, path, &seen, &exchange);
	fixture_server_stop();
	run_until(&seen.count, 2, 5);
	assert_int_equal(seen.error, -ECONNRESET);
	assert_true(seen.ended);
	assert_false(side.connected);
	assert_int_equal(transport_client_call(side.client, &request, NULL),
			 -ENOTCONN);
	run_for(1.0);
	fixture_server_start("coaps+tcp");
	side_wait_connected(&side);
	observe(&side, path, &seen, &exchange);
	transport_server_notify(fixture_server, path, 2);
	run_until(&seen.count, 2, 5);
	side_close(&side);
}

/* longer from attempt to attempt, and not for all members the same */
static void test_back_off(void **state)
{
	static const double most[] = { 0.5, 1, 2, 4, 8, 16, 32, 60, 60 };
	double delay, least, longest;
	unsigned int attempt, i;

	for (attempt = 0; attempt < 9; attempt++) {
		least = client_back_off(attempt);
		longest = least;
		for (i = 0; i < 1000; i++) {
			delay = client_back_off(attempt);
			least = delay < least ? delay : least;
			longest = delay > longest ? delay : longest;
		}
		assert_true(least >= most[attempt] * 0.4);
		assert_true(longest <= most[attempt]);
		assert_true(longest - least > most[attempt] * 0.4);
	}
	delay = client_back_off(4000000000u);
	assert_true(delay >= 30 && delay <= 60);
}

static void test_drop(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment(SGID_PATH) };
	struct identity gw1 = { .kind = IDENTITY_NODE, .id = "gw1" };
	struct transport_exchange *exchange;
	struct side side;

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	observe(&side, path, &seen, &exchange);
	/* its last words come before the end */
	fixture_answer_code = COAP_NOT_FOUND;
	transport_server_notify(fixture_server, path, 2);
	transport_server_drop(fixture_server, &gw1);
	run_until(&side.losses, 1, 5);
	assert_int_equal(seen.code, COAP_NOT_FOUND);
	assert_int_equal(seen.error, 0);
	fixture_answer_code = 0;
	/* content is not sent to one that is dropped */
	side_wait_connected(&side);
	observe(&side, path, &seen, &exchange);
	transport_server_notify(fixture_server, path, 2);
	transport_server_drop(fixture_server, &gw1);
	run_until(&side.losses, 2, 5);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.error, -ECONNRESET);
	side_close(&side);
}

/* closing from a callback, and with requests under way */
static void close_in_done(void *context,
			  const struct transport_response *response)
{
	struct side *side = context;

	transport_client_close(side->client);
	side->client = NULL;
	side->losses = 1;
}

static void test_close_in_callback(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment(SGID_PATH) };
	struct side side;
	struct transport_call request = {
		.method = METHOD_GET, .path = path, .path_count = 2,
		.format = FORMAT_NONE, .done = close_in_done,
		.context = &side,
	};

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	assert_int_equal(transport_client_call(side.client, &request, NULL), 0);
	run_until(&side.losses, 1, 5);
	side_close(&side);
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	assert_int_equal(transport_client_call(side.client, &request, NULL), 0);
	side_close(&side);
	run_for(0.1);
}

/* thin: DTLS 1.2 with blocks in both directions and Observe */
static void test_dtls(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment(SGID_PATH) };
	struct transport_exchange *exchange;
	struct side side;

	(void)state;
	fixture_server_start("coaps");
	side_open(&side, "gw1", fixture_uri, "urn:cpns:server:main");
	side_wait_connected(&side);
	fixture_value = 3;
	observe(&side, path, &seen, &exchange);
	transport_server_notify(fixture_server, path, 2);
	run_until(&seen.count, 2, 5);
	path[1] = segment("big");
	call(&side, METHOD_GET, path, 2, &other_seen);
	assert_int_equal(other_seen.body_size, BIG_SIZE);
	assert_int_equal(other_seen.body[54321],
			 (uint8_t)(54321 * 7 + (54321 >> 8)));
	side_close(&side);
	fixture_server_start("coaps+tcp");
}

static int start_server(void **state)
{
	(void)state;
	fixture_server_start("coaps+tcp");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_methods, start_server),
		cmocka_unit_test(test_raw_segments),
		cmocka_unit_test(test_query_and_etag),
		cmocka_unit_test(test_big_bodies),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_big_notifications),
		cmocka_unit_test(test_observation_limit),
		cmocka_unit_test(test_observation_limit_of_node),
		cmocka_unit_test(test_reconnect),
		cmocka_unit_test(test_back_off),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_close_in_callback),
		cmocka_unit_test(test_dtls),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
