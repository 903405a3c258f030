// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink requests: which attributes a command takes, and how often; that
 * nothing of a request stays behind (the error message gives the request's
 * buffer back, as the module left it); listeners that were too slow, dumps
 * that were interrupted, the end of the module. Needs the module with
 * allow_raw=1, root and CPNS_BUILD.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include "kselftest_harness.h"
#include "sealed.h"

#define SID 3

FIXTURE(request)
{
	struct cpns_test test;
	struct cpns_test_epoch epoch;
	int32_t serial;
};

FIXTURE_SETUP(request)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, cpns_test_open(&self->test));
	self->epoch = (struct cpns_test_epoch) {
		.sgid = "urn:cpns:test:request", .number = 1, .sid = SID,
	};
	self->serial = cpns_test_group_set(&self->test, &self->epoch);
	ASSERT_GT(self->serial, 0) {
		TH_LOG("%s", self->test.text);
	}
}

FIXTURE_TEARDOWN(request)
{
	cpns_test_close(&self->test);
}

/* error of a request, and whether its answer still holds the secret */
static int refused(struct cpns_test *test, struct nlmsghdr *message,
		   const uint8_t *secret, bool *found)
{
	char buffer[32768];
	struct nlmsghdr *answer = (void *)buffer;
	ssize_t size;

	*found = false;
	if (mnl_socket_sendto(test->socket, message, message->nlmsg_len) < 0)
		return -errno;
	do {
		size = mnl_socket_recvfrom(test->socket, buffer,
					   sizeof(buffer));
		if (size < 0)
			return -errno;
		for (int at = 0; secret && at <= CPNS_SECRET_SIZE - 8; at++)
			*found |= !!memmem(buffer, size, secret + at, 8);
	} while (answer->nlmsg_type != NLMSG_ERROR &&
		 answer->nlmsg_type != NLMSG_DONE);
	return ((struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error;
}

static void put_set(struct nlmsghdr *message,
		    const struct cpns_test_epoch *epoch, uint8_t *secret)
{
	struct cpns_header header;

	cpns_test_header(epoch, secret, &header);
	mnl_attr_put_strz(message, CPNS_A_SGID, epoch->sgid);
	mnl_attr_put(message, CPNS_A_HEADER, sizeof(header), &header);
	mnl_attr_put(message, CPNS_A_SECRET, CPNS_SECRET_SIZE, secret);
	mnl_attr_put_u16(message, CPNS_A_SID, epoch->sid);
}

TEST_F_TIMEOUT(request, refused_secret_is_wiped, 60)
{
	char buffer[CPNS_TEST_BUFFER];
	uint8_t secret[CPNS_SECRET_SIZE], other[CPNS_SECRET_SIZE] = { 9 };
	struct nlmsghdr *message;
	bool found;

	/* rolled back, after the secret was used */
	self->epoch.number = 7;
	ASSERT_EQ(self->serial, cpns_test_group_set(&self->test, &self->epoch));
	self->epoch.number = 3;
	message = cpns_test_message(&self->test, buffer, CPNS_CMD_GROUP_SET, 0);
	put_set(message, &self->epoch, secret);
	EXPECT_EQ(-EKEYREJECTED, refused(&self->test, message, secret, &found));
	EXPECT_FALSE(found);
	/* two of them */
	self->epoch.number = 8;
	message = cpns_test_message(&self->test, buffer, CPNS_CMD_GROUP_SET, 0);
	put_set(message, &self->epoch, secret);
	mnl_attr_put(message, CPNS_A_SECRET, CPNS_SECRET_SIZE, other);
	EXPECT_EQ(-EINVAL, refused(&self->test, message, secret, &found));
	EXPECT_FALSE(found);
	/* in other commands */
	for (int command = CPNS_CMD_NODE_GET; command < CPNS_CMD_SA_GET;
	     command++) {
		if (command == CPNS_CMD_GROUP_SET)
			continue;
		message = cpns_test_message(&self->test, buffer, command, 0);
		mnl_attr_put(message, CPNS_A_SECRET, CPNS_SECRET_SIZE, secret);
		EXPECT_EQ(-EINVAL, refused(&self->test, message, secret,
					   &found));
		EXPECT_FALSE(found) {
			TH_LOG("command %d", command);
		}
	}
	/* from a socket of another network namespace */
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	message = cpns_test_message(&self->test, buffer, CPNS_CMD_GROUP_SET, 0);
	put_set(message, &self->epoch, secret);
	EXPECT_EQ(-EPERM, refused(&self->test, message, secret, &found));
	EXPECT_FALSE(found);
}

/* what each command takes; the spec's lists, written a second time */
static const struct {
	uint8_t command;
	uint64_t attributes;
} takes[] = {
#define A(name) (1ULL << CPNS_A_##name)
	{ CPNS_CMD_NODE_GET, 0 },
	{ CPNS_CMD_NODE_ROTATE, 0 },
	{ CPNS_CMD_NODE_PIN, A(PUBKEY) },
	{ CPNS_CMD_GROUP_SET, A(SGID) | A(HEADER) | A(SEAL) | A(ITEM) |
	  A(EVICTED) | A(ELAPSED) | A(SECRET) | A(SID) },
	{ CPNS_CMD_GROUP_GET, A(SGID) | A(SERIAL) },
	{ CPNS_CMD_GROUP_REVOKE, A(SGID) | A(SERIAL) },
	{ CPNS_CMD_EPOCH_ACTIVATE, A(SGID) | A(SERIAL) | A(EPOCH) },
	{ CPNS_CMD_SA_DEL, A(SGID) | A(SERIAL) | A(DIR) | A(SPI) | A(DST) |
	  A(MARK) | A(MARK_MASK) },
	{ CPNS_CMD_SA_ADD, A(SGID) | A(SERIAL) | A(EPOCH) | A(SID) | A(DIR) |
	  A(SRC) | A(DST) | A(SPI) | A(REQID) | A(MODE) | A(WINDOW) |
	  A(IF_ID) | A(MARK) | A(MARK_MASK) | A(KEY_BYTES) },
	{ CPNS_CMD_SA_GET, A(SGID) | A(SERIAL) },
#undef A
};

/* bytes of an attribute that comes in, 0 for one that never does */
static size_t size_of(int attribute)
{
	switch (attribute) {
	case CPNS_A_SGID: return 8;
	case CPNS_A_HEADER: return CPNS_HEADER_SIZE;
	case CPNS_A_SEAL: return CPNS_SEAL_SIZE;
	case CPNS_A_ITEM: return CPNS_ITEM_SIZE;
	case CPNS_A_SECRET: return CPNS_SECRET_SIZE;
	case CPNS_A_PUBKEY: return CPNS_X25519_SIZE;
	case CPNS_A_EVICTED: case CPNS_A_SID: return 2;
	case CPNS_A_DIR: case CPNS_A_MODE: case CPNS_A_KEY_BYTES: return 1;
	case CPNS_A_SERIAL: case CPNS_A_ELAPSED: case CPNS_A_EPOCH:
	case CPNS_A_SRC: case CPNS_A_DST: case CPNS_A_SPI: case CPNS_A_REQID:
	case CPNS_A_WINDOW: case CPNS_A_IF_ID: case CPNS_A_MARK:
	case CPNS_A_MARK_MASK: return 4;
	}
	return 0;
}

static int one_attribute(struct cpns_test *test, uint8_t command, int attribute,
			 size_t size, int times)
{
	/* a number that is in range whatever it stands for */
	static const uint8_t one[256] = { 1 };
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	/* of states there are dumps only */
	message = cpns_test_message(test, buffer, command,
				    command == CPNS_CMD_SA_GET ? NLM_F_DUMP : 0);
	while (times--)
		mnl_attr_put(message, attribute, size, one);
	return cpns_test_talk(test, message, NULL, NULL);
}

TEST_F_TIMEOUT(request, attributes_of_other_commands, 60)
{
	struct cpns_test *test = &self->test;

	for (unsigned int i = 0; i < sizeof(takes) / sizeof(takes[0]); i++)
		for (int a = 1; a <= CPNS_A_MAX; a++) {
			if (!size_of(a))
				continue;
			one_attribute(test, takes[i].command, a, size_of(a), 1);
			EXPECT_EQ(!(takes[i].attributes >> a & 1),
				  !strcmp(test->text,
					  "the command has no such attribute")) {
				TH_LOG("command %d attribute %d: %s",
				       takes[i].command, a, test->text);
			}
			if (a == CPNS_A_ITEM || a == CPNS_A_EVICTED ||
			    !(takes[i].attributes >> a & 1))
				continue;
			EXPECT_EQ(-EINVAL, one_attribute(test, takes[i].command,
							 a, size_of(a), 2));
			EXPECT_STREQ("the attribute is there twice",
				     test->text);
		}
}

/* who asks for one group must not take all for it */
TEST_F_TIMEOUT(request, dump_of_groups_takes_no_attribute, 60)
{
	static const char text[] = "the dump is of all groups: no attributes";
	struct cpns_test *test = &self->test;
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	message = cpns_test_message(test, buffer, CPNS_CMD_GROUP_GET,
				    NLM_F_DUMP);
	EXPECT_EQ(0, cpns_test_talk(test, message, NULL, NULL));
	message = cpns_test_message(test, buffer, CPNS_CMD_GROUP_GET,
				    NLM_F_DUMP);
	mnl_attr_put_strz(message, CPNS_A_SGID, self->epoch.sgid);
	EXPECT_EQ(-EINVAL, cpns_test_talk(test, message, NULL, NULL));
	EXPECT_STREQ(text, test->text);
	message = cpns_test_message(test, buffer, CPNS_CMD_GROUP_GET,
				    NLM_F_DUMP);
	mnl_attr_put_u32(message, CPNS_A_SERIAL, self->serial);
	EXPECT_EQ(-EINVAL, cpns_test_talk(test, message, NULL, NULL));
	EXPECT_STREQ(text, test->text);
}

/* each attribute of another size is refused before the command looks at it */
TEST_F_TIMEOUT(request, attributes_of_other_sizes, 60)
{
	struct cpns_test *test = &self->test;

	for (int a = 1; a <= CPNS_A_MAX; a++) {
		size_t size = size_of(a);

		if (!size || a == CPNS_A_SGID || a == CPNS_A_SRC ||
		    a == CPNS_A_DST)
			continue;
		for (int off = -1; off <= 1; off += 2) {
			int ret = one_attribute(test, CPNS_CMD_GROUP_SET, a,
						size + off, 1);

			EXPECT_TRUE(ret == -ERANGE || ret == -EINVAL) {
				TH_LOG("attribute %d: %d", a, ret);
			}
			EXPECT_STRNE("", test->text);
			EXPECT_EQ(NULL, strstr(test->text, "SGID"));
		}
	}
}

TEST_F_TIMEOUT(request, slow_listener_learns_by_a_dump, 120)
{
	struct cpns_test events;
	struct cpns_test_event event;
	int size = 4096, ret = 0;

	ASSERT_EQ(0, cpns_test_events_open(&events));
	ASSERT_EQ(0, setsockopt(mnl_socket_get_fd(events.socket), SOL_SOCKET,
				SO_RCVBUF, &size, sizeof(size)));
	/* some 40 events, the listener sleeps */
	for (int i = 2; i < 22; i++) {
		self->epoch.number = i;
		ASSERT_EQ(self->serial,
			  cpns_test_group_set(&self->test, &self->epoch));
		ASSERT_EQ(0, cpns_test_epoch_activate(&self->test,
						      self->epoch.sgid, i));
	}
	for (int i = 0; i < 100 && ret != -ENOBUFS && ret != -ETIME; i++)
		ret = cpns_test_event(&events, CPNS_CMD_EPOCH_CHANGE, 3000,
				      &event);
	EXPECT_EQ(-ENOBUFS, ret);
	EXPECT_EQ(CPNS_STATE_ACTIVE, cpns_test_epoch_state(&self->test,
							   self->epoch.sgid,
							   21));
	EXPECT_EQ(CPNS_STATE_RXONLY, cpns_test_epoch_state(&self->test,
							   self->epoch.sgid,
							   20));
	/* and hears again what comes */
	while (!cpns_test_event(&events, CPNS_CMD_EPOCH_CHANGE, 500, &event))
		;
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, self->epoch.sgid));
	EXPECT_EQ(0, cpns_test_event(&events, CPNS_CMD_GROUP_GONE, 5000,
				     &event));
	cpns_test_close(&events);
}

/* three buffers of 32 KiB and more: two are made ahead */
#define MANY 500
#define STATES 600
#define FIRST_SPI 0x1000

/* what a dump told; states by their SPIs */
struct dump {
	unsigned int answers, buffers;
	bool interrupted, done;
	uint8_t seen[STATES];
};

static int take_spi(const struct nlattr *attribute, void *context)
{
	struct dump *dump = context;
	uint32_t at;

	if (mnl_attr_get_type(attribute) != CPNS_A_SPI)
		return MNL_CB_OK;
	at = ntohl(mnl_attr_get_u32(attribute)) - FIRST_SPI;
	if (at < STATES)
		dump->seen[at]++;
	return MNL_CB_OK;
}

static void read_buffer(struct cpns_test *test, struct dump *dump)
{
	char buffer[32768];
	struct nlmsghdr *each = (void *)buffer;
	ssize_t size = mnl_socket_recvfrom(test->socket, buffer,
					   sizeof(buffer));
	int left = size;

	dump->buffers++;
	dump->done = size <= 0;
	for (; mnl_nlmsg_ok(each, left); each = mnl_nlmsg_next(each, &left)) {
		dump->interrupted |= !!(each->nlmsg_flags & NLM_F_DUMP_INTR);
		dump->done |= each->nlmsg_type == NLMSG_DONE;
		if (each->nlmsg_type != test->family)
			continue;
		dump->answers++;
		mnl_attr_parse(each, sizeof(struct genlmsghdr), take_spi,
			       dump);
	}
}

/* what changes behind the first buffer: a group comes, or a state goes */
struct change {
	struct cpns_test *writer;
	const struct cpns_test_epoch *added;
	const struct cpns_test_sa *deleted;
};

static int dump_all(struct cpns_test *test, uint8_t command,
		    const struct change *change, struct dump *dump)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message = cpns_test_message(test, buffer, command,
						     NLM_F_DUMP);
	int ret = 0;

	memset(dump, 0, sizeof(*dump));
	if (mnl_socket_sendto(test->socket, message, message->nlmsg_len) < 0)
		return -errno;
	while (!dump->done) {
		read_buffer(test, dump);
		if (change && change->added)
			ret = cpns_test_group_set(change->writer,
						  change->added);
		else if (change)
			ret = cpns_test_sa_del(change->writer,
					       change->deleted);
		if (ret < 0)
			return ret;
		change = NULL;
	}
	return 0;
}

TEST_F_TIMEOUT(request, interrupted_dump_says_so, 300)
{
	struct cpns_test_epoch epoch = self->epoch;
	const struct change change = {
		.writer = &self->test, .added = &epoch,
	};
	struct cpns_test reader;
	struct dump dump;
	char sgid[64];

	ASSERT_EQ(0, cpns_test_open(&reader));
	epoch.sgid = sgid;
	for (int i = 0; i < MANY; i++) {
		snprintf(sgid, sizeof(sgid), "urn:cpns:dump:%d", i);
		ASSERT_GT(cpns_test_group_set(&self->test, &epoch), 0);
	}
	ASSERT_EQ(0, dump_all(&reader, CPNS_CMD_GROUP_GET, NULL, &dump));
	EXPECT_EQ(MANY + 1, (int)dump.answers);
	EXPECT_FALSE(dump.interrupted);
	/* a group comes while it runs: all the old ones are told all the same */
	snprintf(sgid, sizeof(sgid), "urn:cpns:dump:late");
	ASSERT_EQ(0, dump_all(&reader, CPNS_CMD_GROUP_GET, &change, &dump));
	EXPECT_GE((int)dump.answers, MANY + 1);
	EXPECT_TRUE(dump.interrupted);
	ASSERT_EQ(0, dump_all(&reader, CPNS_CMD_GROUP_GET, NULL, &dump));
	EXPECT_EQ(MANY + 2, (int)dump.answers);
	EXPECT_FALSE(dump.interrupted);
	cpns_test_close(&reader);
}

/* a state that goes moves those behind it: told, and the next dump is whole */
TEST_F_TIMEOUT(request, interrupted_dump_of_states, 300)
{
	struct cpns_test_epoch other = self->epoch;
	struct cpns_test_sa sa = {
		.epoch = 1, .sid = SID + 1, .dir = CPNS_DIR_IN,
		.src = "192.0.2.2", .dst = "192.0.2.1", .reqid = 5,
		.mode = CPNS_SA_MODE_TUNNEL,
	};
	const struct change change = {
		.writer = &self->test, .deleted = &sa,
	};
	struct cpns_test reader;
	struct dump dump;

	other.sgid = "urn:cpns:test:request-other";
	ASSERT_GT(cpns_test_group_set(&self->test, &other), 0);
	/* the last one is the first of its group's list */
	for (int i = STATES - 1; i >= 0; i--) {
		sa.sgid = i % 4 ? self->epoch.sgid : other.sgid;
		sa.spi = FIRST_SPI + i;
		ASSERT_EQ(0, cpns_test_sa_add(&self->test, &sa)) {
			TH_LOG("%d: %s", i, self->test.text);
		}
	}
	ASSERT_EQ(0, cpns_test_open(&reader));
	ASSERT_EQ(0, dump_all(&reader, CPNS_CMD_SA_GET, NULL, &dump));
	EXPECT_GT((int)dump.buffers, 3);
	EXPECT_EQ(STATES, (int)dump.answers);
	EXPECT_FALSE(dump.interrupted);
	for (int i = 0; i < STATES; i++)
		EXPECT_EQ(1, dump.seen[i]);

	sa.sgid = self->epoch.sgid;
	sa.spi = FIRST_SPI + STATES - 1;
	ASSERT_EQ(0, dump_all(&reader, CPNS_CMD_SA_GET, &change, &dump)) {
		TH_LOG("%s", self->test.text);
	}
	EXPECT_TRUE(dump.interrupted);
	ASSERT_EQ(0, dump_all(&reader, CPNS_CMD_SA_GET, NULL, &dump));
	EXPECT_EQ(STATES - 1, (int)dump.answers);
	EXPECT_FALSE(dump.interrupted);
	for (int i = 0; i < STATES; i++)
		EXPECT_EQ(i < STATES - 1, dump.seen[i]);
	/* of one group, by its name */
	EXPECT_EQ(STATES / 4, cpns_test_sa_count(&reader, other.sgid));
	cpns_test_close(&reader);
}

/* who listens learns of the end of the groups when the module goes */
TEST_F_TIMEOUT(request, removed_module_tells_its_groups, 120)
{
	/* the namespaces of other tests take a while to end */
	static const char remove[] =
		"timeout 60 sh -c 'until rmmod cpns_group; do sleep 0.1; done'";
	const char *build = getenv("CPNS_BUILD");
	struct cpns_test_event event;
	struct cpns_test events;
	struct utsname name;
	uint8_t osg[32], public[32];
	struct cpns_test_node node;

	if (!build)
		SKIP(return, "no CPNS_BUILD");
	uname(&name);
	cpns_test_osg(1, osg, public);
	ASSERT_EQ(0, cpns_test_pin(&self->test, public));
	ASSERT_EQ(0, cpns_test_events_open(&events));
	ASSERT_EQ(0, cpns_test_run("%s", remove));
	EXPECT_EQ(0, cpns_test_event(&events, CPNS_CMD_EPOCH_CHANGE, 5000,
				     &event));
	EXPECT_EQ(CPNS_STATE_DEAD, (int)event.state);
	EXPECT_EQ(0, cpns_test_event(&events, CPNS_CMD_GROUP_GONE, 5000,
				     &event));
	EXPECT_EQ(CPNS_REASON_REVOKED, (int)event.reason);
	cpns_test_close(&events);
	ASSERT_EQ(0, cpns_test_run("insmod %s/kmod/%s/cpns_group.ko allow_raw=1",
				   build, name.release));
	/* a pin lasts as long as the module: who may load one may replace it */
	ASSERT_EQ(0, cpns_test_open(&events));
	ASSERT_EQ(0, cpns_test_node(&events, CPNS_CMD_NODE_GET, &node));
	EXPECT_FALSE(node.has_pin);
	cpns_test_close(&events);
}

TEST_HARNESS_MAIN
