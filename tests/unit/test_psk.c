// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PSK port of a whole server: off by default, who is let in, what is the
 * same as with certificates, what is refused.  Foreign peers are openssl
 * s_client and libcoap's coap-client.
 */
#include "psk_peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/psk.h"

#define KEYS	"# nodes with a pre-shared key\n" \
		"gw1 = " GW1_KEY "\n" \
		"gw2=ffeeddccbbaa99887766554433221100\n"

static uint8_t key[64];
static size_t key_size;

static void test_identities(void **state)
{
	struct identity identity;

	assert_int_equal(psk_identity_parse("gw1", 3, &identity), 0);
	assert_int_equal(identity.kind, IDENTITY_NODE);
	assert_int_equal(psk_identity_parse("enrol:gw1", 9, &identity), 0);
	assert_int_equal(identity.kind, IDENTITY_ENROLLING);
	assert_string_equal(identity.id, "gw1");
	assert_int_equal(psk_identity_parse("enrol:", 6, &identity), -EINVAL);
	assert_int_equal(psk_identity_parse("", 0, &identity), -EINVAL);
	assert_int_equal(psk_identity_parse("gw1\0x", 5, &identity), -EINVAL);
	assert_int_equal(psk_identity_parse("smf:ops", 7, &identity), -EINVAL);
	assert_int_equal(psk_identity_parse("enrol:enrol:a", 13, &identity),
			 -EINVAL);
	/* no certificate and no document can name such a one */
	assert_int_equal(identity_parse("urn:cpns:enrolling node:a", &identity),
			 -EINVAL);
}

static int read_keys(const char *text, mode_t mode, char *reason)
{
	static const char path[] = "/tmp/cpns-psk-test";
	FILE *file = fopen(path, "w");
	struct psk_table *table;
	int result;

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, mode);
	result = psk_table_open(&table, path, reason, 256);
	psk_table_close(table);
	unlink(path);
	return result;
}

static void test_file(void **state)
{
	char reason[256];

	assert_int_equal(read_keys(KEYS, 0600, reason), 0);
	assert_int_equal(read_keys("", 0600, reason), 0);
	assert_int_equal(read_keys(KEYS, 0644, reason), -EACCES);
	assert_non_null(strstr(reason, "chmod 600"));
	assert_int_equal(read_keys("gw1 = 0011\n", 0600, reason), -EINVAL);
	assert_non_null(strstr(reason, ":1: a key is 32 to 128"));
	assert_int_equal(read_keys(KEYS "gw3 = 00112233445566778899aabbccddeefg\n",
				   0600, reason), -EINVAL);
	assert_non_null(strstr(reason, ":4:"));
	/* a reason never has a key in it */
	assert_null(strstr(reason, "0011"));
	assert_int_equal(read_keys(KEYS "gw1 = " GW1_KEY "\n", 0600, reason),
			 -EINVAL);
	assert_non_null(strstr(reason, "has a key already"));
	assert_int_equal(read_keys("a b = " GW1_KEY "\n", 0600, reason),
			 -EINVAL);
	assert_int_equal(read_keys("gw1\n", 0600, reason), -EINVAL);
	assert_int_equal(read_keys("gw1 = " GW1_KEY GW1_KEY "00\n", 0600,
				   reason), -EINVAL);
}

static void test_off_by_default(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer;

	/* a key that is right is worth nothing at the port for certificates */
	assert_false(psk_open(fixture, &peer, fixture->uri, "gw1", key,
			      key_size));
	assert_non_null(strstr(psk_reason,
			       "a certificate where a pre-shared key is to be used"));
}

static void join(struct fixture *fixture, const char *uri, int code)
{
	static struct peer peer;

	assert_true(psk_open(fixture, &peer, uri, "gw1", key, key_size));
	peer_register(fixture, &peer, NULL);
	peer_join(fixture, &peer, SGID, SGID, 3);
	assert_int_equal(peer.answer.code, code);
	kernel_install(fixture, &peer, &peer.answer);
	/* somebody else's place stays closed */
	peer_call(fixture, &peer, METHOD_GET, "smf|gw2", FORMAT_NONE, NULL, 0);
	assert_in_range(peer.answer.code, 401, 404);
	peer_call(fixture, &peer, METHOD_GET, "manage", FORMAT_NONE, NULL, 0);
	assert_in_range(peer.answer.code, 401, 404);
	peer_close(&peer);
}

static void test_join(void **state)
{
	struct fixture *fixture = *state;

	psk_server_start(fixture, KEYS, false);
	create(fixture, document_make(SGID, QUICK, ENTRY("gw1", "1", ""),
				      ENTRY("gw2", "2", ""), NULL));
	join(fixture, psk_uri, COAP_CREATED);
	join(fixture, psk_dtls_uri, COAP_CHANGED);
	/* the same node by certificate, beside it */
	peer_open(fixture, &fixture->gw2, "gw2");
	peer_register(fixture, &fixture->gw2, NULL);
	peer_join(fixture, &fixture->gw2, SGID, SGID, 3);
	assert_int_equal(fixture->gw2.answer.code, COAP_CREATED);
	peer_close(&fixture->gw2);
}

/* a push reaches a member at either port */
static void test_push(void **state)
{
	struct fixture *fixture = *state;
	static struct peer peer;
	uint32_t num;

	assert_true(psk_open(fixture, &peer, psk_uri, "gw1", key, key_size));
	peer_register(fixture, &peer, NULL);
	peer_join(fixture, &peer, SGID, SGID, 3);
	kernel_install(fixture, &peer, &peer.answer);
	peer_observe(fixture, &peer, "ace-group|" SGID, &peer.key, 0);
	num = peer.kernel.num;
	update(fixture, document_make(SGID, QUICK, ENTRY("gw1", "1", ""),
				      NULL));
	wait_for(fixture, &peer.key.count, 2);
	kernel_install(fixture, &peer, &peer.key);
	assert_true(peer.kernel.num > num);
	peer_close(&peer);
}

static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	char wrong[256], other[64];
	struct peer peer;

	memset(other, 7, sizeof(other));
	assert_false(psk_open(fixture, &peer, psk_uri, "gw1", other, 32));
	snprintf(wrong, sizeof(wrong), "%s", psk_reason);
	assert_non_null(strstr(wrong, "no such identity, or another key"));
	assert_false(psk_open(fixture, &peer, psk_uri, "nobody", key,
			      key_size));
	/* a stranger does not learn who has a key */
	assert_string_equal(wrong, psk_reason);
	assert_false(psk_open(fixture, &peer, psk_uri, "gw2", key, key_size));
	assert_string_equal(wrong, psk_reason);
	/* tokens need an authority */
	assert_false(psk_open(fixture, &peer, psk_uri, "enrol:gw1", key,
			      key_size));
	assert_string_equal(wrong, psk_reason);
	assert_false(psk_open(fixture, &peer, psk_dtls_uri, "gw1", other, 32));
}

static int s_client(struct fixture *fixture, const char *version,
		    const char *hex, const char *more, const char *value)
{
	char address[32], output[128];
	const char *const arguments[] = {
		"openssl", "s_client", "-connect", address, version, "-psk",
		hex, "-psk_identity", "gw1", more, value, NULL,
	};

	snprintf(address, sizeof(address), "127.0.0.1:%s",
		 strrchr(psk_uri, ':') + 1);
	snprintf(output, sizeof(output), "%s/output", fixture->directory);
	return psk_program(fixture, output, arguments);
}

static int coap_client(struct fixture *fixture, const char *base,
		       const char *hex, const char *text)
{
	char uri[160], output[128], got[4096] = "";
	const char *const arguments[] = {
		"coap-client-openssl", "-B", "5", "-v", "0", "-u", "gw1", "-k",
		hex, uri, NULL,
	};
	FILE *file;
	int result;

	snprintf(uri, sizeof(uri), "%s/.well-known/core", base);
	snprintf(output, sizeof(output), "%s/output", fixture->directory);
	result = psk_program(fixture, output, arguments);
	file = fopen(output, "r");
	assert_non_null(file);
	if (fread(got, 1, sizeof(got) - 1, file) == 0)
		got[0] = '\0';
	fclose(file);
	if (getenv("TEST_DEBUG"))
		fputs(got, stderr);
	return result ? result : !strstr(got, text);
}

static void test_openssl(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(s_client(fixture, "-tls1_3", GW1_KEY, NULL, NULL), 0);
	assert_int_not_equal(s_client(fixture, "-tls1_3", "00112233", NULL,
				      NULL), 0);
	assert_int_not_equal(s_client(fixture, "-tls1_2", GW1_KEY, NULL, NULL),
			     0);
	/* DTLS: forward secrecy or nothing */
	assert_int_equal(s_client(fixture, "-dtls1_2", GW1_KEY, "-cipher",
				  "ECDHE-PSK-CHACHA20-POLY1305"), 0);
	assert_int_not_equal(s_client(fixture, "-dtls1_2", GW1_KEY, "-cipher",
				      "PSK-AES128-GCM-SHA256"), 0);
}

static void test_coap_client(void **state)
{
	struct fixture *fixture = *state;

	psk_server_start(fixture, "gw1 = 30313233343536373839616263646566\n",
			 true);
	/* it knows pre-shared keys up to TLS 1.2 only, so DTLS it is */
	assert_int_equal(coap_client(fixture, psk_dtls_uri, "0123456789abcdef",
				     "</.well-known/est/sen>"), 0);
	assert_int_not_equal(coap_client(fixture, psk_dtls_uri,
					 "0123456789abcdeF",
					 "</.well-known/est/sen>"), 0);
}

static void test_revoked(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "", **sgids;
	struct peer peer;
	size_t i;

	psk_server_start(fixture, KEYS, false);
	assert_true(psk_open(fixture, &peer, psk_uri, "gw1", key, key_size));
	peer_close(&peer);
	assert_int_equal(smf_node_revoke(fixture->smf, "gw1", true, &sgids,
					 reason), 0);
	for (i = 0; sgids && sgids[i]; i++)
		free(sgids[i]);
	free(sgids);
	assert_false(psk_open(fixture, &peer, psk_uri, "gw1", key, key_size));
	assert_false(psk_open(fixture, &peer, psk_dtls_uri, "gw1", key,
			      key_size));
	psk_server_stop(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_off_by_default),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_openssl),
		cmocka_unit_test(test_coap_client),
		cmocka_unit_test(test_revoked),
	};

	key_size = from_hex(GW1_KEY, key);
	return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
