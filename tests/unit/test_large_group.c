// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large groups behind a real server: from 257 members on with a key tree,
 * down to 192 without; pull and push as the members would get them, restarts
 * and kill -9.  Members are asked for their answers directly, not over 1,000
 * TLS sessions.
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

#include "cskmf/group.h"
#include "proto/capabilities.h"
#include "tree_kernel.h"

#define NODES 1100

struct node_kernel {
	struct tree_kernel kernel;
	bool listed;
};

static struct node_kernel members[NODES];
static struct sockaddr_storage session = { .ss_family = AF_INET };

static struct group *the_group(struct fixture *fixture)
{
	struct group *group = group_find(fixture->smf->cskmf, SGID);

	assert_non_null(group);
	return group;
}

static const char *name(size_t i)
{
	static char text[16];

	snprintf(text, sizeof(text), "n%zu", i);
	return text;
}

/* from @first on, @count of them */
static void list(size_t first, size_t count, bool listed)
{
	size_t i;

	for (i = first; i < first + count; i++)
		members[i].listed = listed;
}

static size_t listed(void)
{
	size_t count = 0, i;

	for (i = 0; i < NODES; i++)
		count += members[i].listed;
	return count;
}

/* receivers all but the first five */
static char *document(void)
{
	static char entries[128 * 1024];
	static char text[sizeof(entries) + 1024];
	size_t used = 0, i;

	for (i = 0; i < NODES; i++)
		if (members[i].listed)
			used += snprintf(entries + used,
					 sizeof(entries) - used,
					 "<entry uri=\"urn:cpns:node:n%zu\">"
					 "<cpns:member roles=\"%s\"/></entry>\n",
					 i, i < 5 ? "sender receiver" :
						    "receiver");
	snprintf(text, sizeof(text),
		 "<group xmlns=\"urn:oma:xml:poc:list-service\""
		 " xmlns:cpns=\"urn:cpns:xml:group-key:1\">"
		 "<list-service uri=\"" SGID "\"><list>\n%s</list>"
		 "<cpns:group-key signer=\"urn:cpns:signer:main\""
		 " location=\"coaps+tcp://127.0.0.1/ace-group/" SGID "\""
		 " data=\"message\" " QUICK "/></list-service></group>",
		 entries);
	return text;
}

static void register_all(struct fixture *fixture)
{
	struct registration registration = {
		.capabilities = { .custody = CUSTODY_KERNEL },
	};
	bool changed;
	size_t i;

	assert_int_equal(store_begin(fixture->smf->store), 0);
	for (i = 0; i < NODES; i++) {
		memcpy(registration.node_key, members[i].kernel.node_public,
		       32);
		assert_int_equal(nodes_register(cskmf_nodes(fixture->smf->cskmf),
						name(i), &registration,
						&session, &changed), 0);
	}
	assert_int_equal(store_commit(fixture->smf->store), 0);
}

static int open_large(void **state)
{
	size_t i;

	memset(members, 0, sizeof(members));
	for (i = 0; i < NODES; i++)
		tree_kernel_new(&members[i].kernel);
	if (fixture_open(state))
		return -1;
	register_all(*state);
	return 0;
}

/* the document as it is now, the epoch at once */
static void change(struct fixture *fixture, enum epoch_reason reason)
{
	uint32_t num = the_group(fixture)->num;

	update(fixture, document());
	if (the_group(fixture)->num == num)
		schedule_want(the_group(fixture), reason, true);
	assert_int_equal(the_group(fixture)->num, num + 1);
}

struct receipt {
	struct response response;
	struct epoch_record record;
};

static void ask(struct fixture *fixture, size_t i, enum delivery_kind kind,
		struct receipt *receipt)
{
	struct delivery delivery = { .kind = kind, .session = &session };
	char reason[256] = "";
	struct refusal refusal;
	uint8_t *bytes;
	size_t size;

	if (delivery_make(the_group(fixture), name(i), &delivery, &bytes,
			  &size, &refusal))
		fail_msg("%s: %s", name(i), refusal.title);
	assert_true(size <= TRANSPORT_BODY_MAX);
	if (response_decode(bytes, size, &receipt->response, reason,
			    sizeof(reason)))
		fail_msg("%s", reason);
	if (epoch_record_open(receipt->response.record,
			      receipt->response.record_size, &receipt->record,
			      reason, sizeof(reason)))
		fail_msg("%s", reason);
	assert_int_equal(receipt->response.scheme, receipt->record.scheme);
	free(bytes);
}

static void receipt_free(struct receipt *receipt)
{
	epoch_record_free(&receipt->record);
	response_free(&receipt->response);
}

/* asks and installs; true: there was a SEAL */
static bool install(struct fixture *fixture, size_t i, enum delivery_kind kind)
{
	struct receipt receipt;
	uint8_t osg[32];
	const char *why;
	bool sealed;

	osg_public_key(fixture->smf->osg, osg);
	ask(fixture, i, kind, &receipt);
	sealed = receipt.response.has_seal;
	why = tree_kernel_set(&members[i].kernel, &receipt.record,
			      sealed ? receipt.response.seal : NULL, osg,
			      &receipt.response.management);
	if (why)
		fail_msg("%s in epoch %u: %s", name(i), receipt.record.num,
			 why);
	receipt_free(&receipt);
	return sealed;
}

static void report_all(struct fixture *fixture)
{
	struct status_report report = { .num = the_group(fixture)->num };
	struct refusal refusal;
	uint8_t *bytes;
	size_t size, i;

	assert_int_equal(status_encode(&report, &bytes, &size), 0);
	assert_int_equal(store_begin(fixture->smf->store), 0);
	for (i = 0; i < NODES; i++)
		if (members[i].listed &&
		    status_report(the_group(fixture), name(i), bytes, size,
				  &refusal))
			fail_msg("%s", refusal.title);
	assert_int_equal(store_commit(fixture->smf->store), 0);
	free(bytes);
}

/* all listed members; how many SEALs it took */
static size_t install_all(struct fixture *fixture, enum delivery_kind kind)
{
	size_t seals = 0, i, first = NODES;

	for (i = 0; i < NODES; i++) {
		if (!members[i].listed)
			continue;
		seals += install(fixture, i, kind);
		if (first == NODES)
			first = i;
		assert_memory_equal(members[i].kernel.secret,
				    members[first].kernel.secret, 32);
		assert_int_equal(members[i].kernel.num,
				 the_group(fixture)->num);
	}
	report_all(fixture);
	return seals;
}

/* who is out, with all that everybody else gets to see */
static void assert_shut_out(struct fixture *fixture,
			    const struct tree_kernel *out)
{
	struct group *group = the_group(fixture);
	size_t size = group->epoch.shards_size, i;
	struct response_management *management;
	struct epoch_record record;
	struct receipt receipt;
	uint8_t *items;

	items = malloc(size + NODES * 8 * CPNS_ITEM_SIZE);
	assert_non_null(items);
	memcpy(items, group->epoch.shards, size);
	assert_int_equal(epoch_record_open(group->epoch.record,
					   group->epoch.record_size, &record,
					   NULL, 0), 0);
	for (i = 0; i < NODES; i++) {
		if (!members[i].listed)
			continue;
		ask(fixture, i, DELIVER_PULL, &receipt);
		management = &receipt.response.management;
		memcpy(items + size, management->path, management->path_size);
		size += management->path_size;
		receipt_free(&receipt);
	}
	assert_false(tree_attack(out, &record, items, size));
	epoch_record_free(&record);
	free(items);
}

static void group_of(struct fixture *fixture, size_t count)
{
	struct tree_kernel out, joiner;
	struct group *group;
	size_t i;

	list(0, count, true);
	assert_int_equal(create(fixture, document()), 1);
	group = the_group(fixture);
	assert_non_null(group->tree);
	assert_int_equal(group->epoch.shards_size, CPNS_ITEM_SIZE);
	assert_int_equal(install_all(fixture, DELIVER_JOIN), count);

	/* one joins: a SEAL for it and for whose leaf made room, at most */
	list(count, 1, true);
	change(fixture, EPOCH_JOIN);
	assert_in_range(group->epoch.shards_size / CPNS_ITEM_SIZE, 1, 10);
	joiner = members[count].kernel;
	assert_in_range(install_all(fixture, DELIVER_PUSH), 1, 2);
	assert_int_equal(joiner.num, 0);

	/* one is thrown out */
	list(count / 2, 1, false);
	out = members[count / 2].kernel;
	change(fixture, EPOCH_EVICT);
	assert_in_range(group->epoch.shards_size / CPNS_ITEM_SIZE, 1, 25);
	assert_in_range(install_all(fixture, DELIVER_PUSH), 0, 3);
	assert_shut_out(fixture, &out);

	/* a batch, both ways */
	for (i = 0; i < 10; i++)
		list(20 + 11 * i, 1, false);
	out = members[20].kernel;
	list(count + 1, 30, true);
	change(fixture, EPOCH_LEAVE);
	/* no more than the changed leaves' neighbours and the new members */
	assert_in_range(install_all(fixture, DELIVER_PUSH), 30, 90);
	assert_shut_out(fixture, &out);

	/* the timer's epoch costs one ITEM and no SEAL */
	schedule_want(group, EPOCH_TIMER, true);
	assert_int_equal(group->epoch.shards_size, CPNS_ITEM_SIZE);
	assert_int_equal(install_all(fixture, DELIVER_PUSH), 0);

	/* the server starts anew and goes on with the same tree */
	server_stop(fixture);
	server_start(fixture);
	group = the_group(fixture);
	assert_non_null(group->tree);
	assert_int_equal(osg_tree_leaves(group->tree), listed());
	assert_int_equal(install_all(fixture, DELIVER_PULL), listed());
	list(33, 1, false);
	out = members[33].kernel;
	change(fixture, EPOCH_EVICT);
	assert_in_range(install_all(fixture, DELIVER_PUSH), 0, 3);
	assert_shut_out(fixture, &out);

	/* after a compromise nobody's keys are trusted */
	out = members[40].kernel;
	schedule_want(group, EPOCH_COMPROMISE, true);
	assert_int_equal(group->epoch.shards_size, CPNS_ITEM_SIZE);
	assert_int_equal(install_all(fixture, DELIVER_PUSH), listed());
	assert_shut_out(fixture, &out);

	/* one that was away for two epochs */
	schedule_want(group, EPOCH_TIMER, true);
	schedule_want(group, EPOCH_TIMER, true);
	assert_true(install(fixture, 50, DELIVER_PUSH));
}

static void test_300(void **state)
{
	group_of(*state, 300);
}

static void test_1000(void **state)
{
	group_of(*state, 1000);
}

/* 256, 257, 193, 192 and up again */
static void test_border(void **state)
{
	struct fixture *fixture = *state;
	char reason[SMF_REASON_MAX];
	struct group *group;
	uint32_t num;

	list(0, 256, true);
	create(fixture, document());
	group = the_group(fixture);
	assert_null(group->tree);
	assert_int_equal(install_all(fixture, DELIVER_PULL), 256);
	list(256, 1, true);
	change(fixture, EPOCH_JOIN);
	assert_non_null(group->tree);
	assert_int_equal(install_all(fixture, DELIVER_PUSH), 257);
	list(100, 64, false);
	change(fixture, EPOCH_LEAVE);
	assert_non_null(group->tree);
	install_all(fixture, DELIVER_PUSH);
	assert_int_equal(listed(), 193);
	list(99, 1, false);
	change(fixture, EPOCH_LEAVE);
	assert_null(group->tree);
	/* the leaf KEKs are the same: nobody needs a SEAL */
	assert_in_range(install_all(fixture, DELIVER_PUSH), 0, 192);
	server_stop(fixture);
	server_start(fixture);
	group = the_group(fixture);
	assert_null(group->tree);
	install_all(fixture, DELIVER_PULL);
	list(300, 70, true);
	change(fixture, EPOCH_JOIN);
	assert_non_null(group->tree);
	install_all(fixture, DELIVER_PUSH);
	/* the end of the group, and a life after it */
	assert_int_equal(smf_group_delete(fixture->smf, SGID, &num, reason),
			 0);
	assert_null(group->tree);
	server_stop(fixture);
	server_start(fixture);
	assert_int_equal(create(fixture, document()), num + 1);
	assert_non_null(the_group(fixture)->tree);
	install_all(fixture, DELIVER_PULL);
}

/* until it is killed, in the child */
static void change_for_ever(struct fixture *fixture, int told)
{
	size_t i = 0;

	for (;;) {
		list(10 + i % 200, 1, false);
		list(300 + i % 200, 1, true);
		change(fixture, EPOCH_EVICT);
		if (write(told, &the_group(fixture)->num, 4) != 4)
			_exit(1);
		list(10 + i % 200, 1, true);
		list(300 + i % 200, 1, false);
		change(fixture, EPOCH_EVICT);
		if (write(told, &the_group(fixture)->num, 4) != 4)
			_exit(1);
		i++;
	}
}

static uint32_t last_told(int from)
{
	uint32_t num = 0, next;

	while (read(from, &next, 4) == 4)
		num = next;
	return num;
}

/* who is listed is what the stored document says */
static void list_as_stored(struct fixture *fixture)
{
	size_t i;

	for (i = 0; i < NODES; i++)
		members[i].listed = member_entry(the_group(fixture), name(i));
}

static void ask_for_storage_key(const struct fixture *fixture)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/kmc.key.new", fixture->config.state);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
}

static void test_kill(void **state)
{
	struct fixture *fixture = *state;
	uint32_t told, before;
	int pipes[2], round, status;
	pid_t child;

	list(0, 280, true);
	create(fixture, document());
	install_all(fixture, DELIVER_JOIN);
	for (round = 0; round < 4; round++) {
		before = the_group(fixture)->num;
		server_stop(fixture);
		/* with another storage key, all of the tree is wrapped anew */
		if (round % 2)
			ask_for_storage_key(fixture);
		assert_int_equal(pipe(pipes), 0);
		child = fork();
		if (!child) {
			close(pipes[0]);
			server_start(fixture);
			change_for_ever(fixture, pipes[1]);
		}
		close(pipes[1]);
		usleep(150000 + 130000 * round);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		told = last_told(pipes[0]);
		close(pipes[0]);
		server_start(fixture);
		/* nothing that was told is lost */
		assert_true(the_group(fixture)->num >= told);
		assert_true(the_group(fixture)->num >= before);
		list_as_stored(fixture);
		/* as if all members had been heard */
		the_group(fixture)->not_before = 0;
		if (!group_settled(the_group(fixture)))
			schedule_want(the_group(fixture), EPOCH_LEAVE, true);
		assert_int_equal(osg_tree_leaves(the_group(fixture)->tree),
				 listed());
		install_all(fixture, DELIVER_PULL);
		schedule_want(the_group(fixture), EPOCH_TIMER, true);
		install_all(fixture, DELIVER_PUSH);
	}
	assert_true(the_group(fixture)->num > 10);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, open_large, fixture_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_300),
		TEST(test_1000),
		TEST(test_border),
		TEST(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
