// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module is removed while keys of its type are being made: by a helper of
 * request-key(8), by add_key(2) in a loop. Removal waits or is refused, callers
 * get an error, the kernel does not complain (the runner looks). Needs the
 * module with allow_raw=1, root, CPNS_BUILD, and an /etc and /run of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <keyutils.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "member.h"

#define RULE "/etc/request-key.d/cpns_group.conf"
#define HELPER "/run/cpns-test-unload-helper"
#define STARTED "/run/cpns-test-unload-started"
#define ANSWER "/run/cpns-test-unload-answer"
#define RING KEY_SPEC_PROCESS_KEYRING
#define ROUNDS 5

static int insert_module(void)
{
	struct utsname name;

	uname(&name);
	return cpns_test_run("insmod %s/kmod/%s/cpns_group.ko allow_raw=1",
			     getenv("CPNS_BUILD"), name.release);
}

static int write_file(const char *path, mode_t mode, const char *text)
{
	FILE *file = fopen(path, "w");
	int ret = file ? fputs(text, file) : -1;

	if (file && fclose(file))
		ret = -1;
	return ret < 0 ? -1 : chmod(path, mode);
}

/* the key is under construction until the helper has tried and failed */
TEST(while_a_helper_makes_a_reference)
{
	static struct cpns_test_member m;
	char script[512];
	pid_t requester;
	int status;

	if (!getenv("CPNS_BUILD"))
		SKIP(return, "no CPNS_BUILD");
	ASSERT_EQ(0, cpns_test_member_begin(&m, "unload")) {
		TH_LOG("%s", m.test.text);
	}
	close(m.fd);	/* holds the module */
	mkdir("/etc/request-key.d", 0755);
	unlink(STARTED);
	unlink(ANSWER);
	snprintf(script, sizeof(script), "#!/bin/bash\n"
		 "echo $1 >" STARTED "\nsleep 5\n"
		 "printf 'REF\\1\\x%02x\\x%02x\\x%02x\\x%02x' |"
		 " keyctl pinstantiate $1 0 || echo refused >" ANSWER "\n",
		 m.serial >> 24 & 255, m.serial >> 16 & 255,
		 m.serial >> 8 & 255, m.serial & 255);
	ASSERT_EQ(0, write_file(HELPER, 0755, script));
	ASSERT_EQ(0, write_file(RULE, 0644,
				"create cpns_group * * " HELPER " %k\n"));
	requester = fork();
	if (!requester)
		_exit(request_key("cpns_group", m.sgid, "", RING) >= 0);
	for (int i = 0; i < 200 && access(STARTED, F_OK); i++)
		usleep(100000);
	ASSERT_EQ(0, access(STARTED, F_OK));
	EXPECT_EQ(0, cpns_test_run("rmmod cpns_group"));
	ASSERT_EQ(requester, waitpid(requester, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, access(ANSWER, F_OK));
	unlink(RULE);
	unlink(HELPER);
	unlink(STARTED);
	unlink(ANSWER);
	cpns_test_close(&m.events);
	cpns_test_close(&m.test);
	ASSERT_EQ(0, insert_module());
}

/*
 * With pauses: a call that gives way where it may sleep holds the module, so
 * two that never pause can keep rmmod out for good.
 */
static int add_keys(void)
{
	for (unsigned int n = 0;; n++) {
		if (n % 64 == 63)
			usleep(2000);
		if (add_key("cpns_group", "urn:cpns:unload", "x", 1, RING) >= 0)
			return 1;
		/* refused, going, gone */
		if (errno != EOPNOTSUPP && errno != ENOPKG && errno != ENODEV &&
		    errno != EINVAL)
			return errno;
	}
}

TEST(while_keys_are_added)
{
	pid_t child[2];
	int status;

	if (!getenv("CPNS_BUILD"))
		SKIP(return, "no CPNS_BUILD");
	for (int i = 0; i < 2; i++) {
		child[i] = fork();
		if (!child[i])
			_exit(add_keys());
	}
	for (int i = 0; i < ROUNDS; i++) {
		int ret = 1;

		usleep(200000);
		/* refused while a call is in the type's code */
		for (int n = 0; n < 50 && ret; n++)
			ret = cpns_test_run("rmmod cpns_group");
		EXPECT_EQ(0, ret);
		if (ret)
			break;
		usleep(200000);
		EXPECT_EQ(0, insert_module());
	}
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, waitpid(child[i], &status, WNOHANG)) {
			TH_LOG("add_key: errno %d", WEXITSTATUS(status));
		}
		kill(child[i], SIGKILL);
		waitpid(child[i], &status, 0);
	}
}

TEST_HARNESS_MAIN
