// SPDX-License-Identifier: GPL-2.0-only
/*
 * The configuration file: what is read, and that every mistake is named with
 * its line (design section 6: exit 78 with the line number).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"

static char path[64];
static char reason[256];

static int write_file(const char *text)
{
	int fd;

	strcpy(path, "/tmp/cpns-config-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return close(fd);
}

static struct config *read_good(const char *text)
{
	struct config *config;

	assert_int_equal(write_file(text), 0);
	if (config_read(path, &config, reason, sizeof(reason)))
		fail_msg("refused: %s", reason);
	unlink(path);
	return config;
}

static void read_bad(const char *text, const char *cause)
{
	struct config *config;

	assert_int_equal(write_file(text), 0);
	assert_int_equal(config_read(path, &config, reason, sizeof(reason)),
			 -EINVAL);
	assert_null(config);
	if (!strstr(reason, cause))
		fail_msg("'%s' does not say '%s'", reason, cause);
	unlink(path);
}

static void test_missing_file_gives_defaults(void **state)
{
	struct config *config;

	(void)state;
	assert_int_equal(config_read("/nonexistent/cpnsd.conf", &config,
				     reason, sizeof(reason)), 0);
	assert_int_equal(config->roles, 0);
	assert_string_equal(config->ca, "/nonexistent/ca.pem");
	assert_string_equal(config->state, "/var/lib/cpns");
	assert_int_equal(config->listen_count, 1);
	assert_string_equal(config->listen[0], "coaps+tcp://[::]:5684");
	config_free(config);
}

static void test_empty_file(void **state)
{
	struct config *config = read_good("");

	(void)state;
	assert_int_equal(config->roles, 0);
	config_free(config);
}

static void test_whole_file(void **state)
{
	struct config *config =
		read_good("[cpnsd]\nroles = server gateway\n"
			  "[tls]\nca = /c\ncert = /d\nkey = /e\ncrl =\n"
			  "[server]\n"
			  "listen = coaps+tcp://[::1]:5684 coaps://[::1]:5684\n"
			  "smf-allowed = urn:cpns:smf:a urn:cpns:smf:b\nstate = /s\n"
			  "[gateway]\nserver = coaps+tcp://192.0.2.10:5684\n"
			  "server-id = urn:cpns:server:main\n"
			  "links = wifi:weak  wire:strong\n"
			  "[access]\nsip:a@b = uid:0 gid:4\n");

	(void)state;
	assert_int_equal(config->roles, ROLE_SERVER | ROLE_GATEWAY);
	assert_string_equal(config->ca, "/c");
	assert_null(config->crl);
	assert_int_equal(config->listen_count, 2);
	assert_int_equal(config->smf_allowed_count, 2);
	assert_string_equal(config->smf_allowed[1], "urn:cpns:smf:b");
	assert_string_equal(config->server_id, "urn:cpns:server:main");
	assert_int_equal(config->links_count, 2);
	assert_int_equal(config->links[0].kind, 1);
	assert_int_equal(config->links[0].security, 1);
	assert_int_equal(config->links[1].kind, 3);
	assert_int_equal(config->links[1].security, 2);
	assert_string_equal(config->hostapd, "/run/hostapd");
	assert_true(config_may_request(config, "sip:a@b", 0, 0));
	assert_true(config_may_request(config, "sip:a@b", 77, 4));
	assert_false(config_may_request(config, "sip:a@b", 77, 5));
	config_free(config);
}

/* a URI has semicolons, and may be as long as inih takes lines */
static void test_kmc(void **state)
{
	char text[320], uri[190];
	struct config *config;

	(void)state;
	memset(uri, 'x', sizeof(uri) - 1);
	uri[sizeof(uri) - 1] = '\0';
	memcpy(uri, "pkcs11:token=kmc;object=",
	       strlen("pkcs11:token=kmc;object="));
	snprintf(text, sizeof(text),
		 "[server]\nkmc = %s\nkmc-previous = software\n", uri);
	config = read_good(text);
	assert_string_equal(config->kmc, uri);
	assert_string_equal(config->kmc_previous, "software");
	config_free(config);
	config = read_good("[server]\nkmc =\n");
	assert_null(config->kmc);
	config_free(config);
	read_bad("[server]\nkmc = hsm\n", ":2: the KMC");
}

static void test_access_default_is_root(void **state)
{
	struct config *config = read_good("");

	(void)state;
	assert_true(config_may_request(config, "sip:a@b", 0, 0));
	assert_false(config_may_request(config, "sip:a@b", 1000, 0));
	config_free(config);
}

static void test_access_list_can_exclude_root(void **state)
{
	struct config *config = read_good("[access]\nsip:a@b = uid:77\n");

	(void)state;
	assert_true(config_may_request(config, "sip:a@b", 77, 1));
	assert_false(config_may_request(config, "sip:a@b", 0, 0));
	config_free(config);
}

static void test_mistakes_are_named(void **state)
{
	(void)state;
	read_bad("[cpnsd]\nroles = servr\n", ":2: unknown role 'servr'");
	read_bad("[cpnsd]\nroles = server relay\n",
		 ":2: role 'relay' (distributed topology) is not in this version");
	read_bad("[cpnsd]\nroles = manager\n", ":2: role 'manager'");
	read_bad("[cpnsd]\n\nrole = server\n", ":3: unknown key 'role'");
	read_bad("[cpsd]\nroles = server\n", ":2: unknown section [cpsd]");
	read_bad("[server]\nlisten\n", ":2: not of the form");
	read_bad("[gateway]\nserver-id = urn:cpns:node:x\n",
		 ":2: server-id is not of the form");
	read_bad("[gateway]\nlinks = wifi\n", ":2: links are of the form");
	read_bad("[gateway]\nlinks = wifi:good\n", "links are of the form");
	read_bad("[gateway]\nlinks = :open\n", "links are of the form");
	read_bad("[gateway]\nlinks = wire:open wire:open wire:open wire:open wire:open wire:open wire:open wire:open wire:open wire:open\n",
		 "more than 9 links");
	read_bad("[cpnsd]\nroles = gateway\n", "need [gateway] server");
	read_bad("[access]\nsip:a@b = 0\n", "neither uid:");
	read_bad("[access]\nsip:a@b = uid:nobody-of-that-name\n",
		 "no such user");
}

/* as server_listen() takes it, its interface being there or not */
static void test_addresses_to_listen_on(void **state)
{
	static const char *const bad[] = {
		"foo", "http://192.0.2.1", "coap://192.0.2.1", "coaps+tcp://",
		"coaps+tcp://[::1", "coaps+tcp://[::1]5684",
		"coaps+tcp://[::1]:0", "coaps+tcp://[::1]:65536",
		"coaps+tcp://[::1]:+1", "coaps+tcp://[::1]:5684/x",
		"coaps+tcp://localhost", "coaps+tcp://[192.0.2.256]",
		"coaps+tcp://[%lo]", "coaps+tcp://[::]:5684 foo",
	};
	struct config *config =
		read_good("[server]\nlisten = coaps+tcp://192.0.2.1\n"
			  "listen = coaps://[fe80::1%no-such]:5685/\n"
			  "psk-listen =\npsk-listen = coaps+tcp://[::]:1\n");
	char text[128];
	size_t i;

	(void)state;
	assert_int_equal(config->listen_count, 2);
	assert_string_equal(config->listen[1],
			    "coaps://[fe80::1%no-such]:5685/");
	assert_int_equal(config->psk_listen_count, 1);
	config_free(config);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "[server]\nlisten = %s\n",
			 bad[i]);
		read_bad(text, ":2: ");
		snprintf(text, sizeof(text), "[server]\n\npsk-listen = %s\n",
			 bad[i]);
		read_bad(text, ":3: ");
	}
	read_bad("[server]\nlisten = foo\n",
		 ":2: foo: neither coaps+tcp:// nor coaps://");
	read_bad("[server]\nlisten = coaps+tcp://localhost\n",
		 ":2: coaps+tcp://localhost: an address of numbers is needed");
}

static void test_address_of_the_server(void **state)
{
	static const char *const good[] = {
		"coaps+tcp://192.0.2.10:5684", "coaps://192.0.2.10",
		"coaps+tcp://server_1.cpns.example/", "coaps://[2001:DB8::1]:9",
	};
	static const char *const bad[] = {
		"http://x", "coaps+tcp:/x", "coaps+tcp://", "coaps+tcp://:5684",
		"coaps+tcp://u@x", "coaps+tcp://a b", "coaps+tcp://x?y",
		"coaps+tcp://x: 5684", "coaps+tcp://x:", "coaps+tcp://x:-1",
		"coaps+tcp://x:5684x", "coaps+tcp://x/ace-group",
		"coaps+tcp://[fe80::1%eth0]",
	};
	struct config *config;
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "[gateway]\nserver = %s\n",
			 good[i]);
		config = read_good(text);
		assert_string_equal(config->server, good[i]);
		config_free(config);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "[gateway]\nserver = %s\n",
			 bad[i]);
		read_bad(text, ":2: ");
	}
	config = read_good("[gateway]\nserver =\n");
	assert_null(config->server);
	config_free(config);
	read_bad("[gateway]\nserver = http://x\n",
		 ":2: http://x: neither coaps+tcp:// nor coaps://");
	read_bad("[gateway]\nserver = coaps+tcp://[fe80::1%eth0]\n",
		 "no interface may stand in it");
}

static void read_state(const char *text, const char *wanted)
{
	char directory[256];

	assert_int_equal(write_file(text), 0);
	config_state(path, directory, sizeof(directory));
	assert_string_equal(directory, wanted);
	unlink(path);
}

/* what is blocked must not depend on the rest of the file */
static void test_state_in_spite_of_mistakes(void **state)
{
	char directory[256];

	(void)state;
	config_state("/nonexistent/cpnsd.conf", directory, sizeof(directory));
	assert_string_equal(directory, CONFIG_STATE);
	read_state("[cpnsd]\nroles = servr\n", CONFIG_STATE);
	read_state("[gateway]\nstate =\n", CONFIG_STATE);
	read_state("[tls]\nstate = /elsewhere\n", CONFIG_STATE);
	read_state("[cpnsd]\nroles = servr\nwhat\n[gateway]\nstate = /s\n",
		   "/s");
	read_state("[server]\nstate = /s\n[access]\nsip:a@b = gid:nobody-of-that-name\n",
		   "/s");
}

static void test_unreadable_file(void **state)
{
	struct config *config;

	(void)state;
	assert_int_equal(config_read("/", &config, reason, sizeof(reason)) < 0,
			 1);
	assert_null(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_file_gives_defaults),
		cmocka_unit_test(test_empty_file),
		cmocka_unit_test(test_whole_file),
		cmocka_unit_test(test_kmc),
		cmocka_unit_test(test_access_default_is_root),
		cmocka_unit_test(test_access_list_can_exclude_root),
		cmocka_unit_test(test_mistakes_are_named),
		cmocka_unit_test(test_addresses_to_listen_on),
		cmocka_unit_test(test_address_of_the_server),
		cmocka_unit_test(test_state_in_spite_of_mistakes),
		cmocka_unit_test(test_unreadable_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
