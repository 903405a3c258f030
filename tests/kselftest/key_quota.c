// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose the keys of groups are: root's, whoever sets the group, and in nobody's
 * quota. Needs the module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <keyutils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "member.h"

#define NOBODY 65534
#define GROUPS 50

FIXTURE(quota)
{
	struct cpns_test_member member;
};

FIXTURE_SETUP(quota)
{
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "quota")) {
		TH_LOG("%s", self->member.test.text);
	}
}

FIXTURE_TEARDOWN(quota)
{
	cpns_test_member_end(&self->member);
}

/* keys and bytes of them that a user's quota has */
static int quota(uid_t uid, int *keys, int *bytes)
{
	FILE *users = fopen("/proc/key-users", "r");
	char line[128];
	unsigned int owner;
	int ret = -ENOENT;

	*keys = 0;
	*bytes = 0;
	while (users && ret && fgets(line, sizeof(line), users))
		if (sscanf(line, "%u: %*d %*d/%*d %d/%*d %d/%*d", &owner, keys,
			   bytes) == 3 && owner == uid)
			ret = 0;
	if (users)
		fclose(users);
	return ret;
}

/* as the daemon is: a user of its own with CAP_NET_ADMIN */
static int as_service(const struct cpns_test_member *m)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2] = {
		{ 1 << CAP_NET_ADMIN, 1 << CAP_NET_ADMIN, 0 },
	};
	struct cpns_test_epoch epoch = { .number = 1, .sid = 1 };
	struct cpns_test test;
	char sgid[96];

	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL) ||
	    setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) ||
	    syscall(SYS_capset, &head, caps) || cpns_test_open(&test))
		return 1;
	epoch.sgid = sgid;
	for (int i = 0; i < GROUPS; i++) {
		snprintf(sgid, sizeof(sgid), "%s-service-%d", m->sgid, i);
		if (cpns_test_group_set(&test, &epoch) <= 0)
			return 2;
	}
	cpns_test_close(&test);
	return 0;
}

/* whoever sets them, they are root's, and nobody's quota has them */
TEST_F_TIMEOUT(quota, no_key_is_in_it, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_epoch epoch = { .number = 1, .sid = 1 };
	int keys[2], bytes[2], keys_after, bytes_after, status;
	const uid_t users[2] = { 0, NOBODY };
	char sgid[96], *text;
	int32_t serial;
	pid_t child;

	for (int i = 0; i < 2; i++)
		quota(users[i], &keys[i], &bytes[i]);
	epoch.sgid = sgid;
	for (int i = 0; i < GROUPS; i++) {
		snprintf(sgid, sizeof(sgid), "%s-root-%d", m->sgid, i);
		ASSERT_GT(cpns_test_group_set(&m->test, &epoch), 0);
	}
	child = fork();
	if (!child)
		_exit(as_service(m));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, WEXITSTATUS(status));
	/* keys of other tests may go meanwhile, so it may be less */
	for (int i = 0; i < 2; i++) {
		quota(users[i], &keys_after, &bytes_after);
		EXPECT_LE(keys_after, keys[i]);
		EXPECT_LE(bytes_after, bytes[i]);
		TH_LOG("user %u: %d keys, %d after", users[i], keys[i],
		       keys_after);
	}
	snprintf(sgid, sizeof(sgid), "%s-service-%d", m->sgid, GROUPS - 1);
	serial = keyctl_search(m->node.keyring, "cpns_group", sgid, 0);
	ASSERT_GT(serial, 0);
	ASSERT_GT(keyctl_describe_alloc(serial, &text), 0);
	EXPECT_EQ(0, strncmp("cpns_group;0;0;0f2f0000;", text, 24));
	free(text);
}

TEST_HARNESS_MAIN
