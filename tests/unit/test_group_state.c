// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a member remembers of a group over restarts, and key locations: the
 * number never goes back because of a file that is damaged, cut or another
 * group's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "proto/record.h"
#include "seca/chain.h"
#include "seca/location.h"
#include "signer_fixture.h"

#define SGID	"sip:sg-42@cpns.example"

static struct fixture_ca ca;
static struct signer signer;
static char reason[384];

static int set_up(void **state)
{
	char certificate[128], key[128];

	fixture_ca_open(&ca);
	fixture_issue(&ca, "signer", "urn:cpns:signer:main", NULL, certificate,
		      key);
	if (signer_open(&signer, certificate, key, reason, sizeof(reason)))
		fail_msg("%s", reason);
	return 0;
}

static int tear_down(void **state)
{
	signer_close(&signer);
	fixture_ca_close(&ca);
	return 0;
}

static void make_chain(struct chain *chain, uint32_t num)
{
	struct epoch_record record = {
		.sgid = SGID, .term = 1, .num = num, .suite = 1,
		.reason = EPOCH_TIMER, .created = 1700000000,
		.lifetime = 86400, .atd = 2, .dtd = 5, .etag_size = 1,
	};
	uint8_t shard[1][32] = { { 0 } };

	record.kcv[0] = 1;
	record.shards = shard;
	record.shards_count = 1;
	memset(chain, 0, sizeof(*chain));
	strcpy(chain->sgid, SGID);
	chain->term = 1;
	chain->num = num;
	chain->linked_from = 1;
	chain->roster_serial = 12;
	memset(chain->roster_hash, 0xab, 32);
	assert_int_equal(epoch_record_sign(&record, &signer, &chain->record,
					   &chain->record_size, chain->hash), 0);
	assert_int_equal(chain_set_roster(chain, (const uint8_t *)"roster", 6),
			 0);
}

static void chain_file(char path[160])
{
	char command[192];
	FILE *list;

	snprintf(command, sizeof(command), "ls %s/*.json", ca.directory);
	list = popen(command, "r");
	assert_non_null(list);
	assert_int_equal(fscanf(list, "%159s", path), 1);
	pclose(list);
}

static void test_unknown_group_is_empty(void **state)
{
	struct chain chain;

	assert_int_equal(chain_load(ca.directory, "sip:new@x.example", &chain,
				    reason, sizeof(reason)), 0);
	assert_int_equal(chain.num, 0);
	assert_string_equal(chain.sgid, "sip:new@x.example");
	chain_free(&chain);
}

static void test_saved_is_read_again(void **state)
{
	struct chain chain, again;
	struct stat status;
	char path[160];

	make_chain(&chain, 7);
	chain.left = true;
	chain.gap_from = 3;
	memset(chain.gap_hash, 0xcd, 32);
	if (chain_save(ca.directory, &chain, reason, sizeof(reason)))
		fail_msg("%s", reason);
	chain_file(path);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	if (chain_load(ca.directory, SGID, &again, reason, sizeof(reason)))
		fail_msg("%s", reason);
	assert_int_equal(again.num, 7);
	assert_int_equal(again.term, 1);
	assert_int_equal(again.linked_from, 1);
	assert_int_equal(again.gap_from, 3);
	assert_int_equal(again.roster_serial, 12);
	assert_true(again.left);
	assert_false(again.broken);
	assert_memory_equal(again.hash, chain.hash, 32);
	assert_memory_equal(again.gap_hash, chain.gap_hash, 32);
	assert_memory_equal(again.roster_hash, chain.roster_hash, 32);
	assert_int_equal(again.record_size, chain.record_size);
	assert_memory_equal(again.record, chain.record, chain.record_size);
	assert_int_equal(again.roster_size, 6);
	chain_free(&again);
	chain_free(&chain);
}

static char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "r");
	char *text = malloc(65536);

	assert_non_null(file);
	*size = fread(text, 1, 65536, file);
	fclose(file);
	return text;
}

static void write_file(const char *path, const char *text, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
}

/* cut at any place: an error that names the file, never "nothing known" */
static void test_cut_file_is_refused(void **state)
{
	struct chain chain, again;
	char path[160], *text;
	size_t size, cut;

	make_chain(&chain, 7);
	assert_int_equal(chain_save(ca.directory, &chain, reason,
				    sizeof(reason)), 0);
	chain_file(path);
	text = read_file(path, &size);
	for (cut = 0; cut + 2 < size; cut += 13) {
		write_file(path, text, cut);
		assert_int_equal(chain_load(ca.directory, SGID, &again, reason,
					    sizeof(reason)), -EUCLEAN);
		assert_non_null(strstr(reason, path));
	}
	write_file(path, text, size);
	assert_int_equal(chain_load(ca.directory, SGID, &again, reason,
				    sizeof(reason)), 0);
	chain_free(&again);
	chain_free(&chain);
	free(text);
}

static void replace_once(char *text, const char *from, const char *to)
{
	char *at = strstr(text, from);

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
}

/* what the admin or an alarm decided outlives the daemon */
static void test_decisions_are_kept(void **state)
{
	struct chain chain, again;
	char path[160], *text;
	size_t size;

	make_chain(&chain, 7);
	chain.left = true;
	chain.leave_due = true;
	chain.stopped = true;
	assert_int_equal(chain_save(ca.directory, &chain, reason,
				    sizeof(reason)), 0);
	assert_int_equal(chain_load(ca.directory, SGID, &again, reason,
				    sizeof(reason)), 0);
	assert_true(again.left && again.leave_due && again.stopped);
	chain_free(&again);
	/* a file of a version that did not know them */
	chain_file(path);
	text = read_file(path, &size);
	replace_once(text, "\"leave_due\"", "\"leave_xxx\"");
	replace_once(text, "\"stopped\"", "\"stoxxxx\"");
	write_file(path, text, size);
	assert_int_equal(chain_load(ca.directory, SGID, &again, reason,
				    sizeof(reason)), 0);
	assert_true(again.left && !again.leave_due && !again.stopped);
	chain_free(&again);
	chain_free(&chain);
	free(text);
}

/* numbers that are not the signed record's */
static void test_turned_back_file_is_refused(void **state)
{
	struct chain chain, again;
	char path[160], *text;
	size_t size;

	make_chain(&chain, 7);
	assert_int_equal(chain_save(ca.directory, &chain, reason,
				    sizeof(reason)), 0);
	chain_file(path);
	text = read_file(path, &size);
	replace_once(text, "\"num\":7", "\"num\":6");
	write_file(path, text, size);
	assert_int_equal(chain_load(ca.directory, SGID, &again, reason,
				    sizeof(reason)), -EUCLEAN);
	replace_once(text, "\"num\":6", "\"num\":7");
	replace_once(text, "sg-42", "sg-43");
	write_file(path, text, size);
	assert_int_equal(chain_load(ca.directory, SGID, &again, reason,
				    sizeof(reason)), -EUCLEAN);
	chain_free(&chain);
	free(text);
}

/* a crash between writing and renaming leaves the old state */
static void test_power_cut_leaves_the_old_state(void **state)
{
	struct chain chain, again;
	char path[160], temporary[176];

	make_chain(&chain, 8);
	assert_int_equal(chain_save(ca.directory, &chain, reason,
				    sizeof(reason)), 0);
	chain_file(path);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	write_file(temporary, "{ \"sgid\": ", 10);
	assert_int_equal(chain_load(ca.directory, SGID, &again, reason,
				    sizeof(reason)), 0);
	assert_int_equal(again.num, 8);
	chain_free(&again);
	chain_free(&chain);
	make_chain(&chain, 9);
	assert_int_equal(chain_save(ca.directory, &chain, reason,
				    sizeof(reason)), 0);
	assert_int_equal(access(temporary, F_OK), -1);
	assert_int_equal(chain_load(ca.directory, SGID, &again, reason,
				    sizeof(reason)), 0);
	assert_int_equal(again.num, 9);
	chain_free(&again);
	chain_free(&chain);
}

static void test_unwritable_directory(void **state)
{
	struct chain chain;

	make_chain(&chain, 7);
	assert_true(chain_save("/nonexistent/cpns", &chain, reason,
			       sizeof(reason)) < 0);
	assert_true(reason[0]);
	chain_free(&chain);
}

static void check_segment(const struct location *location, size_t i,
			  const char *text)
{
	assert_int_equal(location->path[i].size, strlen(text));
	assert_memory_equal(location->path[i].bytes, text, strlen(text));
}

static void test_locations(void **state)
{
	struct location location;

	assert_int_equal(0, location_parse("coaps+tcp://192.0.2.10:5684/ace-group/"
					   "sip:sg-42@cpns.example", &location,
					   reason, sizeof(reason)));
	assert_string_equal(location.origin, "coaps+tcp://192.0.2.10:5684");
	assert_int_equal(location.path_count, 2);
	check_segment(&location, 0, "ace-group");
	check_segment(&location, 1, "sip:sg-42@cpns.example");

	assert_int_equal(0, location_parse("COAPS+TCP://Server.Example/ace-group/"
					   "a%2Fb%25%c3%A4/", &location,
					   reason, sizeof(reason)));
	assert_string_equal(location.origin,
			    "coaps+tcp://server.example:5684");
	assert_int_equal(location.path_count, 2);
	check_segment(&location, 1, "a/b%\xc3\xa4");

	assert_int_equal(location_parse("coaps://[2001:DB8::1]:9", &location,
					reason, sizeof(reason)), 0);
	assert_string_equal(location.origin, "coaps://[2001:db8::1]:9");
	assert_int_equal(location.path_count, 0);
}

static void test_bad_locations(void **state)
{
	static const char *const bad[] = {
		"", "http://192.0.2.1/x", "coaps+tcp:/x", "coaps+tcp:///x",
		"coaps+tcp://u@192.0.2.1/x", "coaps+tcp://192.0.2.1:0/x",
		"coaps+tcp://192.0.2.1:65536/x", "coaps+tcp://192.0.2.1:5684x/x",
		"coaps+tcp://192.0.2.1:/x", "coaps+tcp://[2001:db8::1/x",
		"coaps+tcp://192.0.2.1/a//b", "coaps+tcp://192.0.2.1/a?b=c",
		"coaps+tcp://192.0.2.1/a#b", "coaps+tcp://192.0.2.1/%4",
		"coaps+tcp://192.0.2.1/%zz", "coaps+tcp://192.0.2.1/1/2/3/4/5/6",
		"coaps+tcp://a b/x",
	};
	struct location location;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (location_parse(bad[i], &location, reason,
				   sizeof(reason)) != -EINVAL)
			fail_msg("accepted: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_group_is_empty),
		cmocka_unit_test(test_saved_is_read_again),
		cmocka_unit_test(test_cut_file_is_refused),
		cmocka_unit_test(test_decisions_are_kept),
		cmocka_unit_test(test_turned_back_file_is_refused),
		cmocka_unit_test(test_power_cut_leaves_the_old_state),
		cmocka_unit_test(test_unwritable_directory),
		cmocka_unit_test(test_locations),
		cmocka_unit_test(test_bad_locations),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
