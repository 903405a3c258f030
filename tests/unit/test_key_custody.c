// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole server and the keys it keeps: with a PKCS#11 token (SoftHSM2) that
 * goes away and comes back, and from one storage key to the next, killed on
 * the way.  Members open what they are sent as their kernels would.
 */
#include "server_fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "token_fixture.h"

#define GW1 ENTRY("gw1", "1", "")
#define GW2 ENTRY("gw2", "2", "delivery=\"push\"")

static char uri[320];

static char *two(void)
{
	return document_make(SGID, QUICK, GW1, GW2, NULL);
}

static void need_token(struct fixture *fixture)
{
	if (!token_available())
		skip();
	token_make(fixture->directory);
	token_uri(fixture->directory, "", uri, sizeof(uri));
}

static void server_again(struct fixture *fixture, char *kmc, char *previous)
{
	server_stop(fixture);
	fixture->config.kmc = kmc;
	fixture->config.kmc_previous = previous;
	server_start(fixture);
}

static void server_refuses(struct fixture *fixture, const char *word)
{
	struct smf_options options = {
		.loop = &fixture->loop,
		.config = &fixture->config,
	};
	char reason[512] = "";
	struct smf *smf;

	assert_int_not_equal(smf_open(&smf, &options, reason, sizeof(reason)),
			     0);
	if (!strstr(reason, word))
		fail_msg("\"%s\" and not \"%s\"", reason, word);
}

static char *state_file(const struct fixture *fixture, const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/state/%s", fixture->directory, name);
	return path;
}

static void wish_for(const struct fixture *fixture, const char *name)
{
	FILE *file = fopen(state_file(fixture, name), "we");

	assert_non_null(file);
	fclose(file);
	assert_int_equal(chmod(state_file(fixture, name), 0600), 0);
}

/* the member's whole way, with a fresh kernel */
static void joins(struct fixture *fixture, struct peer *peer)
{
	peer_new_kernel(peer);
	peer_join(fixture, peer, SGID, SGID, BOTH);
	kernel_install(fixture, peer, &peer->answer);
}

static void connect_again(struct fixture *fixture, struct peer *peer,
			  const char *name)
{
	peer_close(peer);
	peer_open(fixture, peer, name);
}

static int rekey(struct fixture *fixture)
{
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;

	return smf_group_rekey(fixture->smf, SGID, CSKMF_COMPROMISE, &updated,
			       reason);
}

static bool kmc_metric(struct fixture *fixture)
{
	char *text = metrics_text(fixture->smf);
	bool in_reach;

	assert_non_null(text);
	assert_non_null(strstr(text, "\ncpns_server_kmc_in_reach "));
	in_reach = strstr(text, "\ncpns_server_kmc_in_reach 1\n");
	free(text);
	return in_reach;
}

static uint32_t num_now(struct fixture *fixture)
{
	struct cskmf_group_view view;

	assert_int_equal(cskmf_group_view(fixture->smf->cskmf, SGID, &view),
			 0);
	return view.num;
}

/* no new epochs, serving goes on, and when it is back the epoch comes */
static void test_token_away(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1, *gw2 = &fixture->gw2;
	char reason[SMF_REASON_MAX] = "", sgid[CPNS_SGID_MAX + 1];
	char *other;
	uint32_t num;

	need_token(fixture);
	server_again(fixture, uri, NULL);
	assert_int_equal(access(state_file(fixture, "kmc.token"), F_OK), 0);
	assert_int_equal(create(fixture, two()), 1);
	peer_open(fixture, gw1, "gw1");
	joins(fixture, gw1);
	token_unplug(fixture->directory);
	rekey(fixture);
	assert_int_equal(num_now(fixture), 1);
	assert_true(cskmf_counters(fixture->smf->cskmf)->epochs_failed > 0);
	assert_false(kmc_metric(fixture));
	/* who comes now is served: key, roster, number */
	peer_open(fixture, gw2, "gw2");
	joins(fixture, gw2);
	assert_int_equal(gw2->kernel.num, 1);
	peer_call(fixture, gw1, METHOD_GET, GROUP, FORMAT_NONE, NULL, 0);
	kernel_install(fixture, gw1, &gw1->answer);
	/* a group that needs a first key is refused */
	other = document_make("sip:other@cpns.example", QUICK, GW1, NULL);
	assert_int_not_equal(smf_group_create(fixture->smf, other,
					      strlen(other), sgid, &num,
					      reason), 0);
	assert_non_null(strstr(reason, "No such device"));
	token_plug(fixture->directory);
	/* the CSKMF tries again by itself */
	wait_for_num(fixture, 2);
	assert_true(kmc_metric(fixture));
	joins(fixture, gw1);
	assert_int_equal(gw1->kernel.num, 2);
}

/* without the token the server does not start: no key comes from elsewhere */
static void test_start_without_token(void **state)
{
	struct fixture *fixture = *state;

	need_token(fixture);
	server_again(fixture, uri, NULL);
	create(fixture, two());
	server_stop(fixture);
	/* of the fixture's own start */
	assert_int_equal(unlink(state_file(fixture, "kmc.key")), 0);
	token_unplug(fixture->directory);
	server_refuses(fixture, "PKCS#11");
	assert_int_not_equal(access(state_file(fixture, "kmc.key"), F_OK), 0);
	token_plug(fixture->directory);
	/* nor with another provider that knows nothing of these keys */
	fixture->config.kmc = NULL;
	server_refuses(fixture, "kmc-previous");
	fixture->config.kmc = uri;
	server_start(fixture);
	assert_int_equal(num_now(fixture), 1);
	peer_open(fixture, &fixture->gw1, "gw1");
	joins(fixture, &fixture->gw1);
}

/* software to token and back; what was at rest still opens */
static void test_move_into_the_token(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;

	need_token(fixture);
	create(fixture, two());
	server_again(fixture, uri, "software");
	assert_int_not_equal(access(state_file(fixture, "kmc.key"), F_OK), 0);
	peer_open(fixture, gw1, "gw1");
	joins(fixture, gw1);
	assert_int_equal(gw1->kernel.num, 1);
	server_again(fixture, uri, NULL);
	rekey(fixture);
	server_again(fixture, "software", uri);
	assert_int_not_equal(access(state_file(fixture, "kmc.token"), F_OK),
			     0);
	connect_again(fixture, gw1, "gw1");
	joins(fixture, gw1);
	assert_int_equal(gw1->kernel.num, 2);
}

/* as many as go without a key tree, so that there is something to wrap anew */
static char *large(size_t members)
{
	static char text[256 * 1024];
	size_t used, i;

	used = snprintf(text, sizeof(text),
			"<group xmlns=\"urn:oma:xml:poc:list-service\""
			" xmlns:cpns=\"urn:cpns:xml:group-key:1\">"
			"<list-service uri=\"" SGID "\"><list>" GW1);
	for (i = 0; i < members; i++)
		used += snprintf(text + used, sizeof(text) - used,
				 "<entry uri=\"urn:cpns:node:n%zu\">"
				 "<cpns:member roles=\"receiver\"/></entry>\n",
				 i);
	used += snprintf(text + used, sizeof(text) - used,
			 "</list><cpns:group-key signer=\"urn:cpns:signer:main\""
			 " location=\"coaps+tcp://127.0.0.1/ace-group/" SGID
			 "\" " QUICK "/></list-service></group>");
	assert_true(used < sizeof(text));
	return text;
}

/*
 * Killed at any moment of the change: the next start finds it not begun, or
 * begun, or done, and ends it.  At the end no older key is left.
 */
static void test_killed_while_rotating(void **state)
{
	struct fixture *fixture = *state;
	struct peer *gw1 = &fixture->gw1;
	int round, status;
	pid_t child;

	create(fixture, large(255));
	peer_open(fixture, gw1, "gw1");
	joins(fixture, gw1);
	peer_close(gw1);
	for (round = 0; round < 12; round++) {
		server_stop(fixture);
		wish_for(fixture, "kmc.key.new");
		child = fork();
		if (!child) {
			server_start(fixture);
			_exit(0);
		}
		usleep(1500u * (unsigned int)round * (unsigned int)round);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		server_start(fixture);
		assert_int_equal(num_now(fixture), 1);
		assert_int_not_equal(access(state_file(fixture,
						       "kmc.key.new"), F_OK),
				     0);
	}
	peer_open(fixture, gw1, "gw1");
	joins(fixture, gw1);
	rekey(fixture);
	assert_int_equal(num_now(fixture), 2);
	joins(fixture, gw1);
	assert_int_equal(gw1->kernel.num, 2);
}

/* the key's file of another day: said at start, not at the first join */
static void test_wrong_key_file(void **state)
{
	struct fixture *fixture = *state;
	char kept[160];

	create(fixture, two());
	server_stop(fixture);
	snprintf(kept, sizeof(kept), "%s/kept", fixture->directory);
	assert_int_equal(rename(state_file(fixture, "kmc.key"), kept), 0);
	server_refuses(fixture, "kmc.key");
	assert_int_equal(rename(kept, state_file(fixture, "kmc.key")), 0);
	server_start(fixture);
	assert_int_equal(num_now(fixture), 1);
}

/* a deleted group's last record and former members hold no keys */
static void test_rotation_with_what_is_gone(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX] = "";
	uint32_t num;

	create(fixture, two());
	update(fixture, document_make(SGID, QUICK, GW2, NULL));
	wait_for_num(fixture, 2);
	assert_int_equal(smf_group_delete(fixture->smf, SGID, &num, reason),
			 0);
	wish_for(fixture, "kmc.key.new");
	server_again(fixture, NULL, NULL);
	assert_int_not_equal(access(state_file(fixture, "kmc.key.new"), F_OK),
			     0);
	assert_int_equal(create(fixture, two()), num + 1);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_token_away),
		TEST(test_start_without_token),
		TEST(test_move_into_the_token),
		TEST(test_killed_while_rotating),
		TEST(test_wrong_key_file),
		TEST(test_rotation_with_what_is_gone),
	};

	return cmocka_run_group_tests_name("key_custody", tests, NULL, NULL);
}
