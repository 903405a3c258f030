// SPDX-License-Identifier: GPL-2.0-only
/*
 * What others do with keys at the same time: a request_key upcall that runs,
 * another module that registers a key type behind it, an administrator without
 * root's uid, as many groups as a namespace takes. Needs the module with
 * allow_raw=1, root, and an /etc and /run of its own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "member.h"

#define SERVICE 4711
#define RULE "/etc/request-key.d/cpns_group.conf"
#define HELPER "/run/cpns-test-slow-helper"
#define STARTED "/run/cpns-test-started"
#define UPCALL 8	/* seconds that the helper takes */

FIXTURE(concurrent)
{
	struct cpns_test_member member;
};

FIXTURE_SETUP(concurrent)
{
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "concurrent")) {
		TH_LOG("%s", self->member.test.text);
	}
}

FIXTURE_TEARDOWN(concurrent)
{
	cpns_test_member_end(&self->member);
}

static int write_file(const char *path, mode_t mode, const char *text)
{
	FILE *file = fopen(path, "w");
	int ret = file ? fputs(text, file) : -1;

	if (file && fclose(file))
		ret = -1;
	return ret < 0 ? -1 : chmod(path, mode);
}

/* serial of the key that the helper is to make, or -ETIME */
static int32_t under_construction(void)
{
	for (int i = 0; i < 200; i++) {
		FILE *file = fopen(STARTED, "r");
		int32_t serial = 0;

		if (file) {
			if (fscanf(file, "%d", &serial) != 1)
				serial = 0;
			fclose(file);
		}
		if (serial)
			return serial;
		usleep(100000);
	}
	return -ETIME;
}

static int sa_add_by_serial(struct cpns_test *test, int32_t serial)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message = cpns_test_message(test, buffer,
						     CPNS_CMD_SA_ADD, 0);
	uint32_t address = htonl(0xc0000201);

	mnl_attr_put_u32(message, CPNS_A_SERIAL, serial);
	mnl_attr_put_u8(message, CPNS_A_DIR, CPNS_DIR_OUT);
	mnl_attr_put(message, CPNS_A_SRC, 4, &address);
	mnl_attr_put(message, CPNS_A_DST, 4, &address);
	mnl_attr_put_u32(message, CPNS_A_SPI, htonl(0x1000));
	return cpns_test_talk(test, message, NULL, NULL);
}

static int64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/*
 * The requester holds the list of key types for reading during the upcall, the
 * module that registers one waits behind it, and every later reader behind
 * that. GROUP_SET must be none of them: the helper may wait for it.
 */
TEST_F_TIMEOUT(concurrent, group_set_during_an_upcall, 120)
{
	const struct cpns_test_epoch epoch = {
		.sgid = "urn:cpns:test:during", .number = 1, .sid = 4,
	};
	struct cpns_test_member *m = &self->member;
	char script[256];
	int32_t serial;
	int64_t begin;
	pid_t requester, loader;
	int status;

	mkdir("/etc/request-key.d", 0755);
	unlink(STARTED);
	snprintf(script, sizeof(script), "#!/bin/bash\n"
		 "echo $1 >" STARTED "\nsleep %d\n"
		 "printf 'REF\\1\\x%02x\\x%02x\\x%02x\\x%02x' |"
		 " keyctl pinstantiate $1 0\n", UPCALL, m->serial >> 24 & 255,
		 m->serial >> 16 & 255, m->serial >> 8 & 255, m->serial & 255);
	ASSERT_EQ(0, write_file(HELPER, 0755, script));
	ASSERT_EQ(0, write_file(RULE, 0644,
				"create cpns_group * * " HELPER " %k\n"));
	requester = fork();
	if (!requester)
		_exit(request_key("cpns_group", m->sgid, "",
				  KEY_SPEC_PROCESS_KEYRING) < 0);
	serial = under_construction();
	ASSERT_GT(serial, 0);
	begin = seconds_now();
	loader = fork();
	if (!loader)
		_exit(!!cpns_test_run("modprobe dns_resolver"));
	sleep(1);
	EXPECT_EQ(0, waitpid(loader, &status, WNOHANG));

	EXPECT_GT(cpns_test_group_set(&m->test, &epoch), 0) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_EQ(0, cpns_test_group_revoke(&m->test, epoch.sgid));
	/* nor does SA_ADD wait for the key that is made */
	EXPECT_EQ(-ENOKEY, sa_add_by_serial(&m->test, serial));
	EXPECT_STREQ("not a valid key of this type and namespace",
		     m->test.text);
	EXPECT_LT(seconds_now() - begin, UPCALL - 1);
	EXPECT_EQ(0, waitpid(requester, &status, WNOHANG));

	ASSERT_EQ(requester, waitpid(requester, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	ASSERT_EQ(loader, waitpid(loader, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	cpns_test_run("modprobe -r dns_resolver");
	unlink(RULE);
	unlink(HELPER);
	unlink(STARTED);
}

/* another uid with nothing but CAP_NET_ADMIN */
static int as_service(const struct cpns_test_epoch *epoch)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = 1 << CAP_NET_ADMIN,
		  .permitted = 1 << CAP_NET_ADMIN },
	};
	struct cpns_test test;
	int32_t serial;
	char line[256];

	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL) ||
	    setresgid(SERVICE, SERVICE, SERVICE) ||
	    setresuid(SERVICE, SERVICE, SERVICE) ||
	    syscall(SYS_capset, &header, data) ||
	    keyctl_join_session_keyring(NULL) < 0 || cpns_test_open(&test))
		return 1;
	serial = cpns_test_group_set(&test, epoch);
	if (serial < 0)
		return 2;
	/* it sets the group, but the key is root's */
	if (!cpns_test_line(serial, line) || !keyctl_revoke(serial) ||
	    !keyctl_setperm(serial, 0x3f3f3f3f) ||
	    !keyctl_chown(serial, SERVICE, -1) ||
	    !keyctl_set_timeout(serial, 1) || !keyctl_invalidate(serial))
		return 3;
	return 0;
}

static int32_t serial_of(struct cpns_test *test,
			 const struct cpns_test_epoch *epoch)
{
	/* the same epoch again: success, no change, the serial */
	return cpns_test_group_set(test, epoch);
}

TEST_F_TIMEOUT(concurrent, service_user_sets_root_revokes, 60)
{
	const struct cpns_test_epoch epoch = {
		.sgid = "urn:cpns:test:service", .number = 3, .sid = 4,
	};
	struct cpns_test_member *m = &self->member;
	char line[256], *text;
	pid_t child = fork();
	int32_t serial;
	int status;

	if (!child)
		_exit(as_service(&epoch));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, WEXITSTATUS(status));
	serial = serial_of(&m->test, &epoch);
	ASSERT_GT(serial, 0);
	ASSERT_GT(keyctl_describe_alloc(serial, &text), 0);
	EXPECT_EQ(0, strncmp("cpns_group;0;0;", text, 15)) {
		TH_LOG("%s", text);
	}
	free(text);
	ASSERT_EQ(0, cpns_test_line(serial, line));
	EXPECT_EQ(0, strncmp("epoch=3 state=active ", line, 21));
	EXPECT_EQ(0, cpns_test_works(serial, 0, 4));
	EXPECT_EQ(0, keyctl_revoke(serial));
	EXPECT_EQ(CPNS_STATE_NONE, cpns_test_epoch_state(&m->test, epoch.sgid,
							 3));
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

#define MOST 4096

TEST_F_TIMEOUT(concurrent, most_groups_of_a_namespace, 500)
{
	struct cpns_test_member *m = &self->member;
	char sgid[64];
	struct cpns_test_epoch epoch = {
		.sgid = sgid, .number = 1, .sid = 4,
	};

	/* the fixture's is one of them */
	for (int i = 1; i < MOST; i++) {
		snprintf(sgid, sizeof(sgid), "urn:cpns:most:%d", i);
		ASSERT_GT(cpns_test_group_set(&m->test, &epoch), 0) {
			TH_LOG("%d: %s", i, m->test.text);
		}
	}
	snprintf(sgid, sizeof(sgid), "urn:cpns:most:%d", MOST);
	EXPECT_EQ(-ENOSPC, cpns_test_group_set(&m->test, &epoch));
	EXPECT_STREQ("too many groups in this namespace, ended ones included",
		     m->test.text);
	/* a tombstone counts, and those there are go on */
	ASSERT_EQ(0, cpns_test_group_revoke(&m->test, "urn:cpns:most:17"));
	EXPECT_EQ(-ENOSPC, cpns_test_group_set(&m->test, &epoch));
	snprintf(sgid, sizeof(sgid), "urn:cpns:most:%d", MOST - 1);
	epoch.number = 2;
	EXPECT_GT(cpns_test_group_set(&m->test, &epoch), 0);
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

TEST_HARNESS_MAIN
