// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's store: numbers never go back, whatever is done to it, and a
 * process killed between write and send finds what it wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "store/store.h"

#define SGID "sip:sg-42@cpns.example"

struct fixture {
	char directory[64];
	struct store *store;
};

static void reopen(struct fixture *fixture)
{
	char reason[256];

	store_close(fixture->store);
	if (store_open(&fixture->store, fixture->directory, reason,
		       sizeof(reason)))
		fail_msg("%s", reason);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	log_open("test", LOG_EMERG);
	assert_non_null(fixture);
	strcpy(fixture->directory, "/tmp/cpns-store-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	reopen(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[128];
	int result;

	store_close(fixture->store);
	snprintf(command, sizeof(command), "rm -r %s", fixture->directory);
	result = system(command);
	free(fixture);
	return result;
}

static struct store_group group_of(uint32_t num)
{
	struct store_group group = {
		.sgid = SGID,
		.term = 1,
		.num = num,
		.document = "<group/>",
		.document_size = 8,
		.roster_serial = num,
		.leaf_last = 2,
		.sid_last = 1,
	};

	memset(group.hash, (int)num, sizeof(group.hash));
	return group;
}

static struct store_epoch epoch_of(uint32_t num)
{
	static const uint8_t wrapped[OSG_WRAPPED_SIZE] = { 1, 2, 3 };
	struct store_epoch epoch = {
		.num = num,
		.record = "record",
		.record_size = 6,
		.created = 1000 + num,
		.lifetime = 60,
		.dtd = 5,
		.suite = 1,
		.wrapped = wrapped,
		.shards = "shards",
		.shards_size = 6,
	};

	memset(epoch.hash, (int)num, sizeof(epoch.hash));
	return epoch;
}

static int put_epoch(struct store *store, uint32_t num)
{
	struct store_group group = group_of(num);
	struct store_epoch epoch = epoch_of(num);
	int result;

	result = store_begin(store);
	if (result)
		return result;
	result = store_group_put(store, &group);
	if (!result)
		result = store_epoch_add(store, SGID, &epoch);
	if (result) {
		store_rollback(store);
		return result;
	}
	return store_commit(store);
}

static int note_group(void *context, const struct store_group *group)
{
	struct store_group *seen = context;

	*seen = *group;
	seen->sgid = SGID;
	assert_int_equal(group->document_size, 8);
	assert_memory_equal(group->document, "<group/>", 8);
	seen->document = NULL;
	return 0;
}

static uint32_t last_num(struct store *store)
{
	struct store_group seen = { };

	assert_int_equal(store_group_each(store, note_group, &seen), 0);
	return seen.num;
}

static int note_epoch(void *context, const struct store_epoch *epoch)
{
	struct store_epoch *seen = context;

	*seen = *epoch;
	seen->record = epoch->record_size == 6 ? "record" : NULL;
	seen->shards = NULL;
	seen->wrapped = epoch->wrapped ? "" : NULL;
	return 0;
}

static int count_record(void *context, const struct store_epoch *epoch)
{
	unsigned int *count = context;

	(*count)++;
	assert_null(epoch->wrapped);
	return 0;
}

static void test_round_trip(void **state)
{
	struct fixture *fixture = *state;
	struct store_epoch seen = { };

	assert_int_equal(store_epoch_latest(fixture->store, SGID, note_epoch,
					    &seen), -ENOENT);
	assert_int_equal(put_epoch(fixture->store, 1), 0);
	reopen(fixture);
	assert_int_equal(last_num(fixture->store), 1);
	assert_int_equal(store_epoch_latest(fixture->store, SGID, note_epoch,
					    &seen), 0);
	assert_int_equal(seen.num, 1);
	assert_int_equal(seen.created, 1001);
	assert_int_equal(seen.shards_size, 6);
	assert_non_null(seen.wrapped);
}

static void test_number_never_goes_back(void **state)
{
	struct fixture *fixture = *state;
	struct store_group group = group_of(6);
	struct store_epoch epoch = epoch_of(7);

	assert_int_equal(put_epoch(fixture->store, 7), 0);
	assert_int_not_equal(store_group_put(fixture->store, &group), 0);
	group = group_of(7);
	group.leaf_last = 1;
	assert_int_not_equal(store_group_put(fixture->store, &group), 0);
	group = group_of(7);
	group.roster_serial = 1;
	assert_int_not_equal(store_group_put(fixture->store, &group), 0);
	/* the same number twice, with whatever content */
	assert_int_equal(store_epoch_add(fixture->store, SGID, &epoch),
			 -EEXIST);
	assert_int_equal(last_num(fixture->store), 7);
	/* deleted is not forgotten */
	group = group_of(8);
	group.deleted = true;
	assert_int_equal(store_group_put(fixture->store, &group), 0);
	reopen(fixture);
	assert_int_equal(last_num(fixture->store), 8);
	assert_int_not_equal(put_epoch(fixture->store, 5), 0);
}

static void test_all_or_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct store_group group = group_of(2);

	assert_int_equal(put_epoch(fixture->store, 1), 0);
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_group_put(fixture->store, &group), 0);
	store_rollback(fixture->store);
	assert_int_equal(last_num(fixture->store), 1);
	/* a refused row takes the whole transaction with it */
	assert_int_equal(put_epoch(fixture->store, 1), -EEXIST);
	assert_int_equal(put_epoch(fixture->store, 2), 0);
}

/* what a killed process did: with commit it stands, without it never was */
static void child(const char *directory, uint32_t num, bool commit)
{
	struct store_group group = group_of(num);
	struct store_epoch epoch = epoch_of(num);
	struct store *store;
	char reason[256];

	if (store_open(&store, directory, reason, sizeof(reason)) ||
	    store_begin(store) || store_group_put(store, &group) ||
	    store_epoch_add(store, SGID, &epoch) ||
	    (commit && store_commit(store)))
		_exit(1);
	kill(getpid(), SIGKILL);
}

static void run_child(struct fixture *fixture, uint32_t num, bool commit)
{
	int status;
	pid_t pid;

	store_close(fixture->store);
	fixture->store = NULL;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(fixture->directory, num, commit);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	reopen(fixture);
}

static void test_killed(void **state)
{
	struct fixture *fixture = *state;
	struct store_epoch seen = { };

	assert_int_equal(put_epoch(fixture->store, 1), 0);
	run_child(fixture, 2, false);
	assert_int_equal(last_num(fixture->store), 1);
	run_child(fixture, 2, true);
	assert_int_equal(last_num(fixture->store), 2);
	assert_int_equal(store_epoch_latest(fixture->store, SGID, note_epoch,
					    &seen), 0);
	assert_int_equal(seen.num, 2);
	assert_int_equal(put_epoch(fixture->store, 2), -EEXIST);
}

/* secrets of older epochs go, records stay as long as they are served */
static void test_pruning(void **state)
{
	struct fixture *fixture = *state;
	unsigned int count = 0;
	uint32_t num;

	assert_int_equal(store_begin(fixture->store), 0);
	for (num = 1; num <= STORE_RECORDS_KEPT + 10; num++) {
		struct store_group group = group_of(num);
		struct store_epoch epoch = epoch_of(num);

		assert_int_equal(store_group_put(fixture->store, &group), 0);
		assert_int_equal(store_epoch_add(fixture->store, SGID,
						 &epoch), 0);
	}
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(store_records(fixture->store, SGID, 1, 100000,
				       count_record, &count), 0);
	assert_int_equal(count, STORE_RECORDS_KEPT);
	count = 0;
	assert_int_equal(store_records(fixture->store, SGID, num - 3, 64,
				       count_record, &count), 0);
	assert_int_equal(count, 3);
}

static int note_sender(void *context, const struct store_sender *sender)
{
	unsigned int *sum = context;

	*sum += sender->sid * 100 + sender->gone;
	return 0;
}

static int note_leaf(void *context, const struct store_leaf *leaf)
{
	unsigned int *sum = context;

	*sum += leaf->leaf.id * 100 + leaf->reported;
	return 0;
}

static int note_node(void *context, const struct store_node *node)
{
	assert_string_equal(node->node, "gw1");
	assert_int_equal(node->registration_size, 3);
	assert_true(node->revoked);
	(*(unsigned int *)context)++;
	return 0;
}

static void test_members(void **state)
{
	struct fixture *fixture = *state;
	struct store_leaf leaf = { .node = "gw1", .leaf = { .id = 4 } };
	struct store_sender sender = { .sid = 3, .node = "gw1", .num = 1 };
	struct store_node node = {
		.node = "gw1",
		.registration = "abc",
		.registration_size = 3,
		.address = "192.0.2.1",
	};
	unsigned int sum = 0;

	/* no row without its group */
	assert_int_not_equal(store_leaf_put(fixture->store, SGID, &leaf), 0);
	assert_int_equal(put_epoch(fixture->store, 1), 0);
	assert_int_equal(store_leaf_put(fixture->store, SGID, &leaf), 0);
	assert_int_equal(store_leaf_report(fixture->store, SGID, "gw1", 7),
			 0);
	assert_int_equal(store_leaf_each(fixture->store, SGID, note_leaf,
					 &sum), 0);
	assert_int_equal(sum, 407);
	assert_int_equal(store_sender_put(fixture->store, SGID, &sender), 0);
	sender.gone = 2;
	assert_int_equal(store_sender_put(fixture->store, SGID, &sender), 0);
	sum = 0;
	assert_int_equal(store_sender_each(fixture->store, SGID, note_sender,
					   &sum), 0);
	assert_int_equal(sum, 302);
	assert_int_equal(store_sender_remove(fixture->store, SGID, 3), 0);
	assert_int_equal(store_node_put(fixture->store, &node), 0);
	node.revoked = true;
	assert_int_equal(store_node_put(fixture->store, &node), 0);
	sum = 0;
	assert_int_equal(store_node_each(fixture->store, note_node, &sum), 0);
	assert_int_equal(sum, 1);
}

/* how often the store waits for the disk, in the place of libc's */
static unsigned int syncs;

int fdatasync(int file)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, file);
}

static unsigned int syncs_since_last(void)
{
	unsigned int count = syncs;

	syncs = 0;
	return count;
}

/* an early write waits for nothing; the commit behind it, or the asker, does */
static void test_early(void **state)
{
	struct fixture *fixture = *state;
	struct store_group group = group_of(1);
	struct store_node node = {
		.node = "gw1",
		.registration = "abc",
		.registration_size = 3,
		.address = "192.0.2.1",
		.revoked = true,
	};
	unsigned int seen = 0;

	assert_int_equal(store_node_put(fixture->store, &node), 0);
	assert_true(syncs_since_last() >= 1);
	assert_int_equal(store_node_put_early(fixture->store, &node), 0);
	assert_int_equal(syncs_since_last(), 0);
	/* what follows is as durable as ever, and takes it along */
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_group_put(fixture->store, &group), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(syncs_since_last(), 1);
	assert_int_equal(store_sync(fixture->store), 0);
	assert_int_equal(syncs_since_last(), 0);
	/* it waits on where what follows is undone */
	node.address = "192.0.2.2";
	assert_int_equal(store_node_put_early(fixture->store, &node), 0);
	assert_int_equal(store_begin(fixture->store), 0);
	store_rollback(fixture->store);
	assert_int_equal(syncs_since_last(), 0);
	assert_int_equal(store_sync(fixture->store), 0);
	assert_true(syncs_since_last() >= 1);
	assert_int_equal(store_sync(fixture->store), 0);
	assert_int_equal(syncs_since_last(), 0);
	/* within a transaction it is one of its writes */
	node.address = "192.0.2.4";
	assert_int_equal(store_begin(fixture->store), 0);
	assert_int_equal(store_node_put_early(fixture->store, &node), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(syncs_since_last(), 1);
	/* an older one does not come back over a newer one */
	node.revoked = false;
	assert_int_equal(store_node_put_early(fixture->store, &node), 0);
	node.revoked = true;
	node.address = "192.0.2.5";
	assert_int_equal(store_node_put(fixture->store, &node), 0);
	assert_true(syncs_since_last() >= 1);
	reopen(fixture);
	assert_int_equal(store_node_each(fixture->store, note_node, &seen), 0);
	assert_int_equal(seen, 1);
}

/* waits for nothing; what follows does again, and takes it along */
static void test_relaxed(void **state)
{
	struct fixture *fixture = *state;
	struct store_group group = group_of(1);
	struct store_node node = {
		.node = "gw1",
		.registration = "abc",
		.registration_size = 3,
		.address = "",
		.revoked = true,
	};
	unsigned int seen = 0;

	assert_int_equal(store_group_put(fixture->store, &group), 0);
	assert_true(syncs_since_last() >= 1);
	assert_int_equal(store_begin_relaxed(fixture->store), 0);
	assert_int_equal(store_node_put(fixture->store, &node), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(syncs_since_last(), 0);
	/* a write by itself, a transaction, and one behind an undone one */
	group.num++;
	assert_int_equal(store_group_put(fixture->store, &group), 0);
	assert_int_equal(syncs_since_last(), 1);
	assert_int_equal(store_begin_relaxed(fixture->store), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(store_begin(fixture->store), 0);
	group.num++;
	assert_int_equal(store_group_put(fixture->store, &group), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(syncs_since_last(), 1);
	assert_int_equal(store_begin_relaxed(fixture->store), 0);
	node.node = "gw2";
	assert_int_equal(store_node_put(fixture->store, &node), 0);
	store_rollback(fixture->store);
	assert_int_equal(syncs_since_last(), 0);
	group.num++;
	assert_int_equal(store_group_put(fixture->store, &group), 0);
	assert_int_equal(syncs_since_last(), 1);
	/* not within another one, and that one is as it was */
	assert_int_equal(store_begin(fixture->store), 0);
	assert_true(store_begin_relaxed(fixture->store) < 0);
	group.num++;
	assert_int_equal(store_group_put(fixture->store, &group), 0);
	assert_int_equal(store_commit(fixture->store), 0);
	assert_int_equal(syncs_since_last(), 1);
	reopen(fixture);
	assert_int_equal(store_node_each(fixture->store, note_node, &seen), 0);
	assert_int_equal(seen, 1);
}

static int note_kek(void *context, const struct store_kek *kek)
{
	assert_int_equal(kek->wrapped[3], 4);
	*(uint32_t *)context += kek->id * 1000 + kek->parent * 100 +
				kek->version;
	return 0;
}

static int note_parent(void *context, const struct store_leaf *leaf)
{
	*(uint32_t *)context += leaf->parent;
	return 0;
}

static void test_tree(void **state)
{
	struct fixture *fixture = *state;
	struct store_kek kek = { .id = 7, .version = 1, .wrapped = { 0, 0, 0,
								    4 } };
	struct store_leaf leaf = { .node = "gw1", .leaf = { .id = 5 } };
	uint32_t sum = 0, num;

	/* a tree belongs to a group */
	assert_int_equal(store_kek_put(fixture->store, SGID, &kek), -EEXIST);
	assert_int_equal(put_epoch(fixture->store, 1), 0);
	assert_int_equal(store_leaf_put(fixture->store, SGID, &leaf), 0);
	assert_int_equal(store_kek_put(fixture->store, SGID, &kek), 0);
	kek.id = 8;
	kek.parent = 7;
	assert_int_equal(store_kek_put(fixture->store, SGID, &kek), 0);
	kek.version = 2;
	assert_int_equal(store_kek_put(fixture->store, SGID, &kek), 0);
	assert_int_equal(store_leaf_place(fixture->store, SGID, 5, 8), 0);
	reopen(fixture);
	assert_int_equal(store_kek_each(fixture->store, SGID, note_kek, &sum),
			 0);
	assert_int_equal(sum, 15703);
	sum = 0;
	assert_int_equal(store_leaf_each(fixture->store, SGID, note_parent,
					 &sum), 0);
	assert_int_equal(sum, 8);
	assert_int_equal(store_kek_remove(fixture->store, SGID, 8), 0);
	sum = 0;
	store_kek_each(fixture->store, SGID, note_kek, &sum);
	assert_int_equal(sum, 7001);
	assert_int_equal(store_kek_clear(fixture->store, SGID), 0);
	sum = 0;
	store_kek_each(fixture->store, SGID, note_kek, &sum);
	store_leaf_each(fixture->store, SGID, note_parent, &sum);
	assert_int_equal(sum, 0);
	assert_int_equal(store_hold_get(fixture->store, SGID, &num), 0);
	assert_int_equal(num, 0);
	assert_int_equal(store_hold_put(fixture->store, SGID, 9), 0);
	assert_int_equal(store_hold_put(fixture->store, SGID, 8), 0);
	assert_int_equal(store_hold_get(fixture->store, SGID, &num), 0);
	assert_int_equal(num, 9);
	assert_int_equal(store_hold_remove(fixture->store, SGID), 0);
	assert_int_equal(store_hold_get(fixture->store, SGID, &num), 0);
	assert_int_equal(num, 0);
}

/* an epoch to be made is one that is wanted, and the last word counts */
static void test_wants(void **state)
{
	struct fixture *fixture = *state;
	struct store_want want = { .reason = 3 };

	assert_int_equal(put_epoch(fixture->store, 1), 0);
	assert_int_equal(store_want_get(fixture->store, SGID, &want), -ENOENT);
	assert_int_equal(store_want_put(fixture->store, SGID, &want), 0);
	want = (struct store_want){ .reason = 4, .urgent = true };
	assert_int_equal(store_want_put(fixture->store, SGID, &want), 0);
	reopen(fixture);
	want = (struct store_want){ };
	assert_int_equal(store_want_get(fixture->store, SGID, &want), 0);
	assert_int_equal(want.reason, 4);
	assert_true(want.urgent);
	assert_int_equal(store_want_remove(fixture->store, SGID), 0);
	assert_int_equal(store_want_get(fixture->store, SGID, &want), -ENOENT);
}

/* a state of before the key tree is taken over */
static void test_version_1(void **state)
{
	struct fixture *fixture = *state;
	struct store_leaf leaf = { .node = "gw1", .leaf = { .id = 5 } };
	uint32_t sum = 0;
	sqlite3 *database;
	char path[128];

	assert_int_equal(put_epoch(fixture->store, 3), 0);
	assert_int_equal(store_leaf_put(fixture->store, SGID, &leaf), 0);
	store_close(fixture->store);
	fixture->store = NULL;
	snprintf(path, sizeof(path), "%s/server.db", fixture->directory);
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database,
				      "ALTER TABLE leaves DROP COLUMN parent;"
				      "DROP TABLE keks; DROP TABLE holds;"
				      "DROP TABLE wants;"
				      "PRAGMA user_version = 1;",
				      NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
	reopen(fixture);
	assert_int_equal(last_num(fixture->store), 3);
	assert_int_equal(store_leaf_each(fixture->store, SGID, note_parent,
					 &sum), 0);
	assert_int_equal(store_leaf_place(fixture->store, SGID, 5, 8), 0);
	assert_int_equal(store_leaf_each(fixture->store, SGID, note_parent,
					 &sum), 0);
	assert_int_equal(sum, 8);
}

static void test_one_process(void **state)
{
	struct fixture *fixture = *state;
	struct store *other;
	struct stat status;
	char reason[256], path[128];

	assert_int_equal(put_epoch(fixture->store, 1), 0);
	assert_int_equal(store_open(&other, fixture->directory, reason,
				    sizeof(reason)), -EBUSY);
	assert_null(other);
	snprintf(path, sizeof(path), "%s/server.db", fixture->directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_number_never_goes_back,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_killed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_pruning, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_members, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_early, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_relaxed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_tree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_version_1, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_one_process, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
