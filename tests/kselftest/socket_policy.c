// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP_XFRM_POLICY and IPV6_XFRM_POLICY: anybody may give a socket of his own
 * user namespace a policy, and xfrm asks every manager for it, the module's
 * too, which has none. Needs the module and root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <unistd.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "cpns_test.h"

#define NOBODY	65534

/* errno of the policy as nobody, 0 if it is taken; -1 the kernel failed */
static int ask(int family, size_t size)
{
	const struct xfrm_userpolicy_info policy = {
		.sel.family = family, .dir = XFRM_POLICY_OUT,
		.action = XFRM_POLICY_ALLOW, .share = XFRM_SHARE_ANY,
		.lft = { .soft_byte_limit = XFRM_INF,
			 .hard_byte_limit = XFRM_INF,
			 .soft_packet_limit = XFRM_INF,
			 .hard_packet_limit = XFRM_INF },
	};
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	int name = family == AF_INET ? IP_XFRM_POLICY : IPV6_XFRM_POLICY;
	int fd, status;
	pid_t pid = fork();

	if (!pid) {
		if (setresuid(NOBODY, NOBODY, NOBODY) ||
		    unshare(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(255);
		fd = socket(family, SOCK_DGRAM, 0);
		if (fd < 0)
			_exit(254);
		_exit(setsockopt(fd, level, name, &policy, size) ? errno : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

#define EXPECT_BOTH(error, size) do {					\
	EXPECT_EQ(error, ask(AF_INET, size));				\
	EXPECT_EQ(error, ask(AF_INET6, size));				\
} while (0)

#define WHOLE sizeof(struct xfrm_userpolicy_info)

TEST(policy_of_a_socket)
{
	cpns_test_run("modprobe -q xfrm_user");
	EXPECT_BOTH(EINVAL, 1);
	EXPECT_BOTH(0, WHOLE);
}

/* the module's manager is the only one, then the first */
TEST(policy_without_xfrm_user)
{
	if (cpns_test_run("grep -q '^xfrm_user ' /proc/modules || modprobe xfrm_user; "
			  "modprobe -r xfrm_user"))
		SKIP(return, "xfrm_user is built in");
	EXPECT_BOTH(EINVAL, 1);
	EXPECT_BOTH(EINVAL, WHOLE);
	ASSERT_EQ(0, cpns_test_run("modprobe xfrm_user"));
	EXPECT_BOTH(EINVAL, 1);
	EXPECT_BOTH(0, WHOLE);
}

TEST_HARNESS_MAIN
