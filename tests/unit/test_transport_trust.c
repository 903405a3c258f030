// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may speak: certificates that must be refused, on both sides, each with
 * its reason; certificate time; revocation; protocol versions.  Foreign peers
 * are `openssl s_server` and `openssl s_client`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/pem.h>

#include "../../userspace/cpnsctl/pki.h"
#include "transport_fixture.h"

static struct seen seen;

static void expect_refusal(const char *name, const char *uri,
			   const char *server_id, const char *words)
{
	struct side side;

	side_open(&side, name, uri, server_id);
	side_wait_loss(&side);
	/*
	 * A name may have an address of the other family, where nobody
	 * listens; the client takes the next one at its next attempt.
	 */
	if (!strstr(side.reason, words) && strstr(uri, "//localhost:"))
		side_wait_loss(&side);
	if (!strstr(side.reason, words))
		fail_msg("reason \"%s\" has no \"%s\"", side.reason, words);
	assert_false(side.connected);
	side_close(&side);
}

static void test_names(void **state)
{
	struct identity identity;
	char uri[96];

	(void)state;
	assert_int_equal(identity_parse("urn:cpns:node:gw-1._x", &identity), 0);
	assert_int_equal(identity.kind, IDENTITY_NODE);
	assert_string_equal(identity.id, "gw-1._x");
	identity_uri(&identity, uri);
	assert_string_equal(uri, "urn:cpns:node:gw-1._x");
	assert_int_equal(identity_parse("urn:cpns:node:", &identity), -EINVAL);
	assert_int_equal(identity_parse("urn:cpns:node:a/b", &identity),
			 -EINVAL);
	assert_int_equal(identity_parse("urn:cpns:other:a", &identity),
			 -EINVAL);
	assert_int_equal(identity_parse("URN:cpns:node:a", &identity), -EINVAL);
	assert_int_equal(identity_parse("urn:cpns:node:a\nb", &identity),
			 -EINVAL);
	assert_false(identity_id_valid("01234567890123456789012345678901"
				       "23456789012345678901234567890123x"));
	assert_true(identity_id_valid("01234567890123456789012345678901"
				      "23456789012345678901234567890123"));
}

static int verify(const char *name, enum identity_kind kind, char *reason)
{
	struct identity identity;
	X509 *certificate;
	char text[256];
	int result;

	certificate = pki_read_certificate(fixture_file(name), text,
					   sizeof(text));
	assert_non_null(certificate);
	result = identity_verify(fixture_trust, certificate, NULL, kind,
				 &identity, reason, 256);
	assert_true(result == 0 || identity.kind == IDENTITY_NONE);
	X509_free(certificate);
	return result;
}

static void test_verify(void **state)
{
	char reason[256];

	(void)state;
	assert_int_equal(verify("gw1.pem", IDENTITY_NODE, reason), 0);
	assert_int_equal(verify("server.pem", IDENTITY_SERVER, reason), 0);
	assert_int_equal(verify("gw1.pem", IDENTITY_SERVER, reason), -EACCES);
	assert_non_null(strstr(reason, "server's certificate is a node's"));
	assert_int_equal(verify("server.pem", IDENTITY_NODE, reason), -EACCES);
	assert_int_equal(verify("gw1.pem", IDENTITY_SIGNER, reason), -EACCES);
	assert_int_equal(verify("gw1.pem", IDENTITY_SMF, reason), -EACCES);
	assert_int_equal(verify("old.pem", IDENTITY_NODE, reason),
			 -EKEYEXPIRED);
	assert_int_equal(verify("future.pem", IDENTITY_NODE, reason), -EACCES);
	assert_int_equal(verify("stranger.pem", IDENTITY_NODE, reason),
			 -EACCES);
	assert_string_equal(reason, "certificate is not signed by this CA");
	assert_int_equal(verify("ca.pem", IDENTITY_NODE, reason), -EINVAL);
}

/* a list that appears counts from the next check on; rubbish changes nothing */
static void test_revocation_list(void **state)
{
	char reason[256];
	FILE *file;

	(void)state;
	make_revocation_list("crl.pem", "gw1.pem");
	assert_int_equal(verify("gw1.pem", IDENTITY_NODE, reason),
			 -EKEYREVOKED);
	assert_int_equal(verify("gw2.pem", IDENTITY_NODE, reason), 0);
	file = fopen(fixture_file("crl.pem"), "w");
	fputs("rubbish\n", file);
	fclose(file);
	assert_int_equal(verify("gw1.pem", IDENTITY_NODE, reason),
			 -EKEYREVOKED);
	usleep(10000);
	make_revocation_list("crl.pem", NULL);
	assert_int_equal(verify("gw1.pem", IDENTITY_NODE, reason), 0);
}

static void test_certificate_time(void **state)
{
	mode_t mask = umask(077);
	struct stat status;
	char line[32] = "";
	FILE *file;

	(void)state;
	assert_true(identity_certificate_time() >= time(NULL));
	assert_int_equal(symlink(fixture_file("elsewhere"),
				 fixture_file("time.new")), 0);
	assert_int_equal(identity_time_save(time(NULL) + 100000), 0);
	umask(mask);
	/* root's tool may write it, the daemon has to read it */
	assert_int_equal(stat(fixture_file("time"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0644);
	assert_true(access(fixture_file("elsewhere"), F_OK) < 0);
	assert_true(identity_certificate_time() >= time(NULL) + 99990);
	identity_time_directory(fixture_directory);
	assert_true(identity_certificate_time() >= time(NULL) + 99990);
	file = fopen(fixture_file("time"), "r");
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	assert_true(atoll(line) >= time(NULL) + 99990);
	file = fopen(fixture_file("time"), "w");
	fputs("-5x\n", file);
	fclose(file);
	identity_time_directory(fixture_directory);
	assert_true(identity_certificate_time() <= time(NULL) + 5);
	unlink(fixture_file("time"));
}

static void test_members_refused(void **state)
{
	(void)state;
	/* the server's alert is what its client gets to see */
	expect_refusal("stranger", fixture_uri, NULL,
		       "certificate is not signed by this CA");
	expect_refusal("old", fixture_uri, NULL, "certificate expired");
	expect_refusal("server", fixture_uri, NULL, "server refuses us");
	make_revocation_list("crl.pem", "gw2.pem");
	expect_refusal("gw2", fixture_uri, NULL, "certificate revoked");
	make_revocation_list("crl.pem", NULL);
}

static void test_wrong_server(void **state)
{
	char uri[64];

	(void)state;
	expect_refusal("gw1", fixture_uri, "urn:cpns:server:other",
		       "server is urn:cpns:server:main, wanted is urn:cpns:server:other");
	snprintf(uri, sizeof(uri), "coaps+tcp://localhost:%u", fixture_port);
	expect_refusal("gw1", uri, NULL, "is not for host localhost");
	snprintf(uri, sizeof(uri), "coaps+tcp://127.0.0.1:%u", 1);
	expect_refusal("gw1", uri, NULL, "cannot connect");
}

static pid_t start_openssl(const char *const *arguments)
{
	pid_t child = fork();

	if (!child) {
		int nothing = open("/dev/null", O_RDWR);

		/* s_client ends when its input ends */
		dup2(nothing, 0);
		dup2(nothing, 1);
		dup2(nothing, 2);
		execvp("openssl", (char *const *)arguments);
		_exit(127);
	}
	return child;
}

static void serve_as(const char *name, char *uri, size_t room,
		     const char *version, const char *words)
{
	char port[8], cert[160], key[160];
	const char *const arguments[] = {
		"openssl", "s_server", "-accept", port, "-cert", cert, "-key",
		key, "-CAfile", fixture_file("ca.pem"), "-quiet", version, NULL,
	};
	struct side side;
	pid_t child;
	int input[2], status;

	snprintf(port, sizeof(port), "%u", fixture_port);
	snprintf(cert, sizeof(cert), "%s/%s.pem", fixture_directory, name);
	snprintf(key, sizeof(key), "%s/%s.key", fixture_directory, name);
	fixture_server_stop();
	assert_int_equal(pipe(input), 0);
	child = fork();
	if (!child) {
		int nothing = open("/dev/null", O_WRONLY);

		dup2(input[0], 0);
		close(input[1]);
		dup2(nothing, 1);
		dup2(nothing, 2);
		execvp("openssl", (char *const *)arguments);
		_exit(127);
	}
	snprintf(uri, room, "coaps+tcp://127.0.0.1:%u", fixture_port);
	side_open(&side, "gw1", uri, NULL);
	/* the server takes a moment to listen */
	do {
		side_wait_loss(&side);
	} while (strstr(side.reason, "cannot connect") && side.losses < 8);
	kill(child, SIGTERM);
	waitpid(child, &status, 0);
	close(input[0]);
	close(input[1]);
	if (!strstr(side.reason, words))
		fail_msg("reason \"%s\" has no \"%s\"", side.reason, words);
	assert_false(side.connected);
	side_close(&side);
}

/* what a member or a stranger could set up in the server's place */
static void test_posing_servers(void **state)
{
	char uri[64];

	(void)state;
	serve_as("posing", uri, sizeof(uri), "-tls1_3",
		 "server's certificate is a node's (urn:cpns:node:posing)");
	serve_as("elsewhere", uri, sizeof(uri), "-tls1_3",
		 "is not for host 127.0.0.1");
	serve_as("stranger", uri, sizeof(uri), "-tls1_3",
		 "certificate is not signed by this CA");
	serve_as("server", uri, sizeof(uri), "-tls1_2", "TLS alert");
	fixture_server_start("coaps+tcp");
}

static int ask_with(const char *version, const char *name)
{
	char address[32], cert[160], key[160];
	const char *const arguments[] = {
		"openssl", "s_client", "-connect", address, "-CAfile",
		fixture_file("ca.pem"), version, "-verify_return_error", "-cert", cert, "-key", key,
		NULL,
	};
	int status = -1, waited = 0;
	pid_t child;

	snprintf(address, sizeof(address), "127.0.0.1:%u", fixture_port);
	snprintf(cert, sizeof(cert), "%s/%s.pem", fixture_directory,
		 name);
	snprintf(key, sizeof(key), "%s/%s.key", fixture_directory,
		 name);
	child = start_openssl(arguments);
	while (waitpid(child, &status, WNOHANG) == 0 && waited++ < 100)
		run_for(0.1);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_old_tls_refused(void **state)
{
	(void)state;
	assert_int_equal(ask_with("-tls1_3", "gw1"), 0);
	assert_int_not_equal(ask_with("-tls1_2", "gw1"), 0);
}

/* a member's certificate is no server's: said at the start, not by clients */
static void test_server_refuses_nodes_certificate(void **state)
{
	const char *listen[1] = { "coaps+tcp://127.0.0.1:1" };
	struct transport_server_options options = {
		.loop = &fixture_loop, .trust = fixture_trust,
		.cert = fixture_file("gw1.pem"),
		.key = fixture_file("gw1.key"),
		.listen = listen, .listen_count = 1,
	};
	struct transport_server *server;
	char reason[256];

	(void)state;
	assert_int_equal(transport_server_open(&server, &options, reason,
					       sizeof(reason)), -EINVAL);
	assert_non_null(strstr(reason, "is not a server's certificate"));
	options.key = fixture_file("gw2.key");
	assert_int_equal(transport_server_open(&server, &options, reason,
					       sizeof(reason)), -EINVAL);
	assert_non_null(strstr(reason, "does not belong to"));
	options.cert = fixture_file("server.pem");
	options.key = fixture_file("server.key");
	listen[0] = "coap://127.0.0.1";
	assert_int_equal(transport_server_open(&server, &options, reason,
					       sizeof(reason)), -EINVAL);
	listen[0] = "coaps+tcp://127.0.0.1:5684/x";
	assert_int_equal(transport_server_open(&server, &options, reason,
					       sizeof(reason)), -EINVAL);
	listen[0] = fixture_uri;
	assert_int_equal(transport_server_open(&server, &options, reason,
					       sizeof(reason)), -EADDRINUSE);
}

static void test_revoked_and_dropped(void **state)
{
	struct transport_segment path[2] = { segment("ace-group"),
					     segment(SGID_PATH) };
	struct identity gw1 = { .kind = IDENTITY_NODE, .id = "gw1" };
	struct side side;

	(void)state;
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	call(&side, METHOD_GET, path, 2, &seen);
	assert_int_equal(seen.code, COAP_CONTENT);
	usleep(10000);
	make_revocation_list("crl.pem", "gw1.pem");
	transport_server_drop(fixture_server, &gw1);
	side_wait_loss(&side);
	side_wait_loss(&side);
	assert_non_null(strstr(side.reason, "certificate revoked"));
	side_close(&side);
	usleep(10000);
	make_revocation_list("crl.pem", NULL);
}

/* in a process of its own; how many of them the server has ended */
static int silent_crowd(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(fixture_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int crowd[180], ended = 0;
	unsigned int i;
	char byte;

	for (i = 0; i < 180; i++) {
		crowd[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(crowd[i], (struct sockaddr *)&address,
			    sizeof(address)))
			return 255;
	}
	sleep(2);
	for (i = 0; i < 180; i++)
		ended += recv(crowd[i], &byte, 1, MSG_DONTWAIT) == 0;
	return ended;
}

/*
 * Connections that never speak do not keep members out: the test's server
 * has descriptors for 128 handshakes (few_descriptors).
 */
static void test_silent_crowd(void **state)
{
	struct side side;
	pid_t child;
	int status = 0, waited = 0;

	(void)state;
	child = fork();
	if (!child)
		_exit(silent_crowd());
	run_for(1);
	side_open(&side, "gw1", fixture_uri, NULL);
	side_wait_connected(&side);
	while (waitpid(child, &status, WNOHANG) == 0 && waited++ < 100)
		run_for(0.1);
	assert_true(WIFEXITED(status));
	/* the oldest had to go, the others may stay for 15 s */
	assert_in_range(WEXITSTATUS(status), 50, 60);
	assert_true(side.connected);
	side_close(&side);
}

static int few_descriptors(void **state)
{
	struct rlimit limit = { 320, 320 };

	(void)state;
	fixture_server_stop();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	fixture_server_start("coaps+tcp");
	return 0;
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
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup(test_verify, start_server),
		cmocka_unit_test(test_revocation_list),
		cmocka_unit_test(test_certificate_time),
		cmocka_unit_test(test_members_refused),
		cmocka_unit_test(test_wrong_server),
		cmocka_unit_test(test_posing_servers),
		cmocka_unit_test(test_old_tls_refused),
		cmocka_unit_test(test_server_refuses_nodes_certificate),
		cmocka_unit_test(test_revoked_and_dropped),
		cmocka_unit_test_setup(test_silent_crowd, few_descriptors),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
