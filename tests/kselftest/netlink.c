// SPDX-License-Identifier: GPL-2.0-only
/*
 * The netlink family: who may ask, what is told where something is missing or
 * unknown, dumps larger than one buffer, other network namespaces, the limit
 * in an unprivileged user namespace; and that no answer holds a key. Needs the
 * module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "sealed.h"

#define NOBODY 65534
#define SID 3

FIXTURE(netlink)
{
	struct cpns_test test;
	struct cpns_test_epoch epoch;
	int32_t serial;
};

FIXTURE_SETUP(netlink)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, cpns_test_open(&self->test));
	self->epoch = (struct cpns_test_epoch) {
		.sgid = "urn:cpns:test:netlink", .number = 1, .sid = SID,
	};
	self->serial = cpns_test_group_set(&self->test, &self->epoch);
	ASSERT_GT(self->serial, 0) {
		TH_LOG("%s", self->test.text);
	}
}

FIXTURE_TEARDOWN(netlink)
{
	cpns_test_close(&self->test);
}

static int plain(struct cpns_test *test, uint8_t command, uint16_t flags)
{
	char buffer[CPNS_TEST_BUFFER];

	return cpns_test_talk(test, cpns_test_message(test, buffer, command,
						      flags), NULL, NULL);
}

/* number of the first that was not refused with EPERM, 0 if all were */
static int all_denied(struct cpns_test *test)
{
	for (uint8_t command = CPNS_CMD_NODE_GET; command <= CPNS_CMD_SA_GET;
	     command++) {
		bool dump_only = command == CPNS_CMD_SA_GET;

		if (!dump_only && plain(test, command, 0) != -EPERM)
			return command;
		if ((dump_only || command == CPNS_CMD_GROUP_GET) &&
		    plain(test, command, NLM_F_DUMP) != -EPERM)
			return 100 + command;
	}
	return 0;
}

static int as_nobody(void)
{
	struct cpns_test test, events;
	int ret;

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) || cpns_test_open(&test))
		return 255;
	ret = all_denied(&test);
	cpns_test_close(&test);
	if (!ret && cpns_test_events_open(&events) != -EPERM)
		ret = 254;
	return ret;
}

TEST_F_TIMEOUT(netlink, commands_need_cap_net_admin, 60)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(as_nobody());
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* root of a user namespace of its own is nobody in this network namespace */
TEST_F_TIMEOUT(netlink, root_elsewhere_may_not, 60)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct cpns_test test;

		if (unshare(CLONE_NEWUSER))
			_exit(253);
		_exit(cpns_test_open(&test) ? 255 : all_denied(&test));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

/* a socket handed over from another network namespace */
TEST_F_TIMEOUT(netlink, socket_of_another_namespace, 60)
{
	static const char text[] =
		"the socket is of another network namespace";

	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	for (uint8_t command = CPNS_CMD_NODE_GET; command < CPNS_CMD_SA_GET;
	     command++) {
		EXPECT_EQ(-EPERM, plain(&self->test, command, 0)) {
			TH_LOG("command %u", command);
		}
		EXPECT_STREQ(text, self->test.text);
	}
	EXPECT_EQ(-EPERM, plain(&self->test, CPNS_CMD_GROUP_GET, NLM_F_DUMP));
	EXPECT_STREQ(text, self->test.text);
	EXPECT_EQ(-EPERM, plain(&self->test, CPNS_CMD_SA_GET, NLM_F_DUMP));
	EXPECT_STREQ(text, self->test.text);
}

TEST_F_TIMEOUT(netlink, missing_attributes, 60)
{
	static const struct {
		uint8_t command;
		const char *text;
	} cases[] = {
		{ CPNS_CMD_NODE_PIN, "public key is missing" },
		{ CPNS_CMD_GROUP_SET, "SGID must be 1 to 255 printable bytes "
				      "without spaces" },
		{ CPNS_CMD_GROUP_GET, "SGID or serial is missing" },
		{ CPNS_CMD_GROUP_REVOKE, "SGID or serial is missing" },
		{ CPNS_CMD_EPOCH_ACTIVATE, "epoch is missing" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(-EINVAL, plain(&self->test, cases[i].command, 0));
		EXPECT_STREQ(cases[i].text, self->test.text);
	}
	EXPECT_EQ(-EINVAL, plain(&self->test, CPNS_CMD_SA_ADD, 0));
	EXPECT_STRNE("", self->test.text);
	EXPECT_EQ(-EINVAL, plain(&self->test, CPNS_CMD_SA_DEL, 0));
	EXPECT_STRNE("", self->test.text);
	EXPECT_EQ(-EOPNOTSUPP, plain(&self->test, CPNS_CMD_SA_GET, 0));
	EXPECT_EQ(-EOPNOTSUPP, plain(&self->test, CPNS_CMD_NODE_GET,
				     NLM_F_DUMP));
	/* what is only an event, and what is no command at all */
	for (unsigned int i = CPNS_CMD_EPOCH_CHANGE; i < 256; i += 7)
		EXPECT_EQ(-EOPNOTSUPP, plain(&self->test, i, 0));
}

TEST_F_TIMEOUT(netlink, unknown_and_foreign_attributes, 60)
{
	static const uint16_t outward[] = {
		CPNS_A_TAG, CPNS_A_HIGHEST, CPNS_A_STATE, CPNS_A_EPOCH_INFO,
		CPNS_A_REASON, CPNS_A_PREVIOUS, CPNS_A_PIN, CPNS_A_FEATURES,
		CPNS_A_PACKETS, CPNS_A_BYTES, CPNS_A_SEQ,
	};
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	/* CPNS_A_PAD only stands in answers */
	for (int i = 0; i < 30; i += 4) {
		message = cpns_test_message(&self->test, buffer,
					    CPNS_CMD_GROUP_GET, 0);
		mnl_attr_put_strz(message, CPNS_A_SGID, self->epoch.sgid);
		mnl_attr_put_u32(message, CPNS_A_MAX + i, 1);
		EXPECT_EQ(-EINVAL, cpns_test_talk(&self->test, message, NULL,
						  NULL));
		EXPECT_STREQ("Unknown attribute type", self->test.text);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(outward); i++) {
		message = cpns_test_message(&self->test, buffer,
					    CPNS_CMD_GROUP_GET, 0);
		mnl_attr_put_strz(message, CPNS_A_SGID, self->epoch.sgid);
		mnl_attr_put_u32(message, outward[i], 1);
		EXPECT_EQ(-EINVAL, cpns_test_talk(&self->test, message, NULL,
						  NULL));
		EXPECT_STREQ("Unsupported attribute", self->test.text);
	}
	/* bytes behind the last attribute, an attribute cut short */
	message = cpns_test_message(&self->test, buffer, CPNS_CMD_NODE_GET, 0);
	memset(buffer + message->nlmsg_len, 0, 3);
	message->nlmsg_len += 3;
	EXPECT_EQ(-EINVAL, cpns_test_talk(&self->test, message, NULL, NULL));
	message = cpns_test_message(&self->test, buffer, CPNS_CMD_GROUP_GET, 0);
	mnl_attr_put_strz(message, CPNS_A_SGID, self->epoch.sgid);
	message->nlmsg_len -= 12;
	EXPECT_EQ(-EINVAL, cpns_test_talk(&self->test, message, NULL, NULL));
}

static int get_by_serial(struct cpns_test *test, int32_t serial)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message = cpns_test_message(test, buffer,
						     CPNS_CMD_GROUP_GET, 0);

	mnl_attr_put_u32(message, CPNS_A_SERIAL, serial);
	return cpns_test_talk(test, message, NULL, NULL);
}

TEST_F_TIMEOUT(netlink, get_by_serial, 60)
{
	EXPECT_EQ(0, get_by_serial(&self->test, self->serial));
	EXPECT_EQ(-ENOKEY, get_by_serial(&self->test, self->serial + 1));
	EXPECT_STREQ("no such group in this namespace", self->test.text);
	EXPECT_EQ(-ENOKEY, get_by_serial(&self->test, 0));
	EXPECT_EQ(-ENOKEY, get_by_serial(&self->test, -3));
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, self->epoch.sgid));
	EXPECT_EQ(-ENOKEY, get_by_serial(&self->test, self->serial));
}

struct dump {
	unsigned int groups, named;
	uint8_t seen[512];
};

static int count_group(struct nlattr **a, void *context)
{
	struct dump *dump = context;
	unsigned int number;

	dump->groups++;
	if (a[CPNS_A_SGID] && a[CPNS_A_TAG] && a[CPNS_A_HIGHEST] &&
	    a[CPNS_A_EPOCH_INFO] &&
	    sscanf(mnl_attr_get_str(a[CPNS_A_SGID]), "urn:cpns:many:%u",
		   &number) == 1 && number < sizeof(dump->seen)) {
		dump->named++;
		dump->seen[number]++;
	}
	return 0;
}

static int dump_groups(struct cpns_test *test, struct dump *dump)
{
	char buffer[CPNS_TEST_BUFFER];

	memset(dump, 0, sizeof(*dump));
	return cpns_test_talk(test,
			      cpns_test_message(test, buffer,
						CPNS_CMD_GROUP_GET, NLM_F_DUMP),
			      count_group, dump);
}

#define MANY 300

TEST_F_TIMEOUT(netlink, dump_of_many_groups, 300)
{
	char sgid[64];
	struct dump dump;

	/* more than fits into one buffer of 32 KiB, several to a bucket */
	self->epoch.sgid = sgid;
	for (int i = 0; i < MANY; i++) {
		snprintf(sgid, sizeof(sgid), "urn:cpns:many:%d", i);
		ASSERT_GT(cpns_test_group_set(&self->test, &self->epoch), 0) {
			TH_LOG("%s", self->test.text);
		}
	}
	ASSERT_EQ(0, dump_groups(&self->test, &dump));
	EXPECT_EQ(MANY + 1, (int)dump.groups);
	EXPECT_EQ(MANY, (int)dump.named);
	for (int i = 0; i < MANY; i++)
		EXPECT_EQ(1, dump.seen[i]);
}

TEST_F_TIMEOUT(netlink, other_namespaces_see_nothing, 60)
{
	struct cpns_test other, events;
	struct cpns_test_node here, there;
	struct cpns_test_epoch next = self->epoch;
	struct dump dump;

	ASSERT_EQ(0, cpns_test_node(&self->test, CPNS_CMD_NODE_GET, &here));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, cpns_test_open(&other));
	ASSERT_EQ(0, cpns_test_events_open(&events));
	ASSERT_EQ(0, dump_groups(&other, &dump));
	EXPECT_EQ(0, (int)dump.groups);
	EXPECT_EQ(-ENOKEY, get_by_serial(&other, self->serial));
	EXPECT_EQ(-ENOKEY, cpns_test_group_revoke(&other, next.sgid));
	ASSERT_EQ(0, cpns_test_node(&other, CPNS_CMD_NODE_GET, &there));
	EXPECT_NE(0, memcmp(here.public, there.public, 32));
	/* the same name is another group, and its number starts anew */
	ASSERT_GT(cpns_test_group_set(&other, &next), 0);
	EXPECT_EQ(0, cpns_test_event(&events, CPNS_CMD_EPOCH_CHANGE, 5000,
				     NULL));
	EXPECT_EQ(0, cpns_test_group_revoke(&other, next.sgid));
	/* a key of another namespace is no key here */
	EXPECT_EQ(-EACCES, cpns_test_keyed(self->serial, 0, SID));
	cpns_test_close(&events);
	cpns_test_close(&other);
}

/* does an answer hold 8 bytes in a row of what must stay inside? */
struct search {
	uint8_t secret[3][32];
	unsigned int answers, found;
};

static int search_answer(struct nlattr **a, void *context)
{
	struct search *search = context;

	search->answers++;
	for (int i = 1; i <= CPNS_A_MAX; i++)
		for (int k = 0; a[i] && k < 3; k++)
			for (int at = 0; at <= 24; at++)
				search->found +=
					memmem(mnl_attr_get_payload(a[i]),
					       mnl_attr_get_payload_len(a[i]),
					       search->secret[k] + at, 8) !=
					NULL;
	return 0;
}

static int search_command(struct cpns_test *test, uint8_t command,
			  uint16_t flags, const char *sgid,
			  struct search *search)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	message = cpns_test_message(test, buffer, command, flags);
	if (sgid)
		mnl_attr_put_strz(message, CPNS_A_SGID, sgid);
	return cpns_test_talk(test, message, search_answer, search);
}

TEST_F_TIMEOUT(netlink, no_answer_holds_a_key, 60)
{
	struct cpns_test *test = &self->test;
	const char *sgid = self->epoch.sgid;
	struct search search = { 0 };
	struct cpns_test listener;
	char datagram[4096];
	ssize_t size;
	int events = 0;
	const struct cpns_test_sa sa = {
		.sgid = sgid, .epoch = 1, .sid = SID, .dir = CPNS_DIR_OUT,
		.src = "192.0.2.1", .dst = "192.0.2.2", .spi = 0x1000,
		.reqid = 5, .mode = CPNS_SA_MODE_TRANSPORT,
	};

	ASSERT_EQ(0, cpns_test_events_open(&listener));
	cpns_test_secret(1, search.secret[0]);
	ASSERT_EQ(0, cpns_test_traffic_key(sgid, 1, search.secret[0],
					   CPNS_USE_ESP, CPNS_AEAD_RFC4106, SID,
					   32, search.secret[1], 32));
	ASSERT_EQ(0, cpns_test_traffic_key(sgid, 1, search.secret[0],
					   CPNS_USE_AF_ALG, CPNS_AEAD_GCM, SID,
					   32, search.secret[2], 32));
	ASSERT_EQ(0, cpns_test_sa_add(test, &sa)) {
		TH_LOG("%s", test->text);
	}
	EXPECT_EQ(0, search_command(test, CPNS_CMD_NODE_GET, 0, NULL, &search));
	EXPECT_EQ(0, search_command(test, CPNS_CMD_GROUP_GET, 0, sgid,
				    &search));
	EXPECT_EQ(0, search_command(test, CPNS_CMD_GROUP_GET, NLM_F_DUMP, NULL,
				    &search));
	EXPECT_EQ(0, search_command(test, CPNS_CMD_SA_GET, NLM_F_DUMP, NULL,
				    &search));
	EXPECT_EQ(4, (int)search.answers);
	EXPECT_EQ(0, (int)search.found);

	/* and events: whole datagrams */
	ASSERT_EQ(0, cpns_test_group_revoke(test, sgid));
	for (size = 1; size > 0; events++) {
		size = recv(mnl_socket_get_fd(listener.socket), datagram,
			    sizeof(datagram), MSG_DONTWAIT);
		for (int i = 0; i < 3 * 25 && size > 0; i++)
			EXPECT_EQ(NULL, memmem(datagram, size,
					       search.secret[i / 25] + i % 25,
					       8));
	}
	EXPECT_GT(events, 2);
	cpns_test_close(&listener);
}

/* unshare -Urn of an unprivileged user; 0 or the line that went wrong */
static int limited(void)
{
	struct cpns_test_epoch epoch = { .number = 1, .sid = 1 };
	struct cpns_test_node node;
	struct cpns_test test;
	int32_t serial = 0;
	char sgid[64], line[256];

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return 1;
	/* else /proc/self is root's */
	if (prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return 2;
	cpns_test_write("/proc/self/setgroups", "deny");
	snprintf(line, sizeof(line), "0 %d 1", NOBODY);
	if (cpns_test_write("/proc/self/uid_map", line) ||
	    cpns_test_write("/proc/self/gid_map", line))
		return 3;
	if (cpns_test_open(&test) ||
	    cpns_test_node(&test, CPNS_CMD_NODE_GET, &node))
		return 4;
	epoch.sgid = sgid;
	for (int i = 0; i < 64; i++) {
		snprintf(sgid, sizeof(sgid), "urn:cpns:limited:%d", i);
		serial = cpns_test_group_set(&test, &epoch);
		if (serial <= 0)
			return 5;
	}
	snprintf(sgid, sizeof(sgid), "urn:cpns:limited:64");
	if (cpns_test_group_set(&test, &epoch) != -ENOSPC ||
	    strcmp(test.text, "too many groups in this namespace, ended ones "
			      "included"))
		return 6;
	/* tombstones count, new epochs of known groups go on */
	snprintf(sgid, sizeof(sgid), "urn:cpns:limited:63");
	if (cpns_test_group_revoke(&test, sgid))
		return 7;
	epoch.number = 2;
	if (cpns_test_group_set(&test, &epoch) <= 0)
		return 8;
	/* keys belong to the machine's root, who is another one */
	if (cpns_test_line(serial, line) != -EACCES)
		return 9;
	return 0;
}

TEST_F_TIMEOUT(netlink, unprivileged_user_namespace, 120)
{
	pid_t child;
	int status;

	cpns_test_write("/proc/sys/kernel/unprivileged_userns_clone", "1");
	child = fork();
	if (!child)
		_exit(limited());
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_F_TIMEOUT(netlink, events_reach_subscribers, 60)
{
	struct cpns_test first, second;
	struct cpns_test_event event;

	ASSERT_EQ(0, cpns_test_events_open(&first));
	ASSERT_EQ(0, cpns_test_events_open(&second));
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, self->epoch.sgid));
	EXPECT_EQ(0, cpns_test_event(&first, CPNS_CMD_GROUP_GONE, 5000,
				     &event));
	EXPECT_EQ(0, cpns_test_event(&second, CPNS_CMD_GROUP_GONE, 5000,
				     &event));
	/* who asked gets the answer only */
	EXPECT_EQ(-ETIME, cpns_test_event(&self->test, CPNS_CMD_GROUP_GONE,
					  100, &event));
	cpns_test_close(&first);
	cpns_test_close(&second);
}

TEST_HARNESS_MAIN
