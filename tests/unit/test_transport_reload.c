// SPDX-License-Identifier: GPL-2.0-only
/*
 * What SIGHUP may change under a server and its clients while sessions go
 * on, and how many sessions one node may have.
 */
#include "transport_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/server_private.h"

static struct seen seen;
static char second_uri[64];

static int reload(const char *name, const char *const *listen, size_t count,
		  char *reason, size_t room)
{
	char cert[64], key[64];
	struct transport_server_options options = {
		.listen = listen, .listen_count = count,
	};

	snprintf(cert, sizeof(cert), "%s.pem", name);
	snprintf(key, sizeof(key), "%s.key", name);
	options.cert = fixture_file(cert);
	options.key = fixture_file(key);
	return transport_server_reload(fixture_server, &options, reason, room);
}

static void expect_served(struct side *side)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment(SGID_PATH) };

	call(side, METHOD_GET, path, 2, &seen);
	assert_int_equal(seen.code, COAP_CONTENT);
}

static void test_certificate(void **state)
{
	const char *const listen[] = { fixture_uri };
	struct side before, after;
	char reason[256] = "";

	(void)state;
	side_open(&before, "gw1", fixture_uri, NULL);
	side_wait_connected(&before);
	/* one for another host: newcomers see it, the session does not */
	assert_int_equal(reload("elsewhere", listen, 1, reason,
				sizeof(reason)), 0);
	side_open(&after, "gw2", fixture_uri, NULL);
	side_wait_loss(&after);
	assert_non_null(strstr(after.reason, "is not for host"));
	expect_served(&before);
	assert_int_equal(reload("server", listen, 1, reason, sizeof(reason)),
			 0);
	side_wait_connected(&after);
	expect_served(&after);
	assert_int_equal(before.losses, 0);
	side_close(&before);
	side_close(&after);
}

static void test_refused_keeps_the_old(void **state)
{
	const char *const listen[] = { fixture_uri };
	struct side side;
	char reason[256] = "";

	(void)state;
	assert_int_equal(reload("gw1", listen, 1, reason, sizeof(reason)),
			 -EINVAL);
	assert_int_equal(reload("missing", listen, 1, reason, sizeof(reason)),
			 -ENOENT);
	assert_int_equal(chmod(fixture_file("server.key"), 0644), 0);
	assert_int_equal(reload("server", listen, 1, reason, sizeof(reason)),
			 -EACCES);
	assert_non_null(strstr(reason, "chmod 600"));
	assert_int_equal(chmod(fixture_file("server.key"), 0640), 0);
	assert_int_equal(reload("server", listen, 1, reason, sizeof(reason)),
			 0);
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	expect_served(&side);
	side_close(&side);
}

static void find_second_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size),
			 0);
	close(fd);
	snprintf(second_uri, sizeof(second_uri), "coaps+tcp://127.0.0.1:%u",
		 ntohs(address.sin_port));
}

static void test_addresses(void **state)
{
	const char *listen[2] = { fixture_uri, second_uri };
	struct side first, second;
	char reason[256] = "";

	(void)state;
	find_second_port();
	side_open(&first, "gw1", fixture_uri, NULL);
	side_wait_connected(&first);
	assert_int_equal(reload("server", listen, 2, reason, sizeof(reason)),
			 0);
	side_open(&second, "gw2", second_uri, NULL);
	side_wait_connected(&second);
	expect_served(&second);
	/* an address that cannot be had changes nothing */
	listen[0] = "coaps+tcp://192.0.2.77:5684";
	assert_true(reload("server", listen, 2, reason, sizeof(reason)) < 0);
	expect_served(&first);
	listen[0] = fixture_uri;
	assert_int_equal(reload("server", listen, 1, reason, sizeof(reason)),
			 0);
	side_wait_loss(&second);
	expect_served(&first);
	assert_int_equal(first.losses, 0);
	side_close(&first);
	side_close(&second);
}

static void test_client_certificate(void **state)
{
	struct identity gw1 = { .kind = IDENTITY_NODE, .id = "gw1" };
	struct side side;
	char reason[256] = "";

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	expect_served(&side);
	assert_string_equal(fixture_peer, "urn:cpns:node:gw1");
	assert_int_equal(transport_client_reload(side.client,
						 fixture_file("gw1.pem"),
						 fixture_file("gw2.key"),
						 reason, sizeof(reason)),
			 -EINVAL);
	assert_int_equal(transport_client_reload(side.client,
						 fixture_file("gw2.pem"),
						 fixture_file("gw2.key"),
						 reason, sizeof(reason)), 0);
	expect_served(&side);
	assert_string_equal(fixture_peer, "urn:cpns:node:gw1");
	transport_server_drop(fixture_server, &gw1);
	side_wait_loss(&side);
	side_wait_connected(&side);
	expect_served(&side);
	assert_string_equal(fixture_peer, "urn:cpns:node:gw2");
	side_close(&side);
}

static void test_revocation_list_anew(void **state)
{
	struct side side;
	char reason[256] = "";

	(void)state;
	make_revocation_list("later.pem", "gw1.pem");
	assert_int_equal(identity_trust_reload(fixture_trust,
					       fixture_file("ca.pem"),
					       fixture_file("none.pem"),
					       reason, sizeof(reason)),
			 -ENOENT);
	assert_int_equal(identity_trust_reload(fixture_trust,
					       fixture_file("ca.pem"),
					       fixture_file("later.pem"),
					       reason, sizeof(reason)), 0);
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_loss(&side);
	assert_non_null(strstr(side.reason, "revoked"));
	side_close(&side);
	assert_int_equal(identity_trust_reload(fixture_trust,
					       fixture_file("ca.pem"),
					       fixture_file("crl.pem"),
					       reason, sizeof(reason)), 0);
}

static void test_sessions_of_one_node(void **state)
{
	struct side sides[SESSIONS_OF_ONE + 1], other;
	unsigned int i;

	(void)state;
	side_open(&other, "gw2", fixture_uri, NULL);
	side_wait_connected(&other);
	for (i = 0; i < SESSIONS_OF_ONE; i++) {
		side_open(&sides[i], "gw1", fixture_uri, NULL);
		side_wait_connected(&sides[i]);
	}
	assert_int_equal(sides[0].losses, 0);
	side_open(&sides[i], "gw1", fixture_uri, NULL);
	side_wait_connected(&sides[i]);
	run_until(&sides[0].losses, 1, 10);
	expect_served(&sides[i]);
	assert_int_equal(other.losses, 0);
	for (i = 0; i <= SESSIONS_OF_ONE; i++)
		side_close(&sides[i]);
	side_close(&other);
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
		cmocka_unit_test_setup(test_certificate, start_server),
		cmocka_unit_test(test_refused_keeps_the_old),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_client_certificate),
		cmocka_unit_test(test_revocation_list_anew),
		cmocka_unit_test(test_sessions_of_one_node),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
