// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dump is refused without an echo of its request. What stays of the request
 * in the kernel shows a tap on netlink: its packets share the request's memory,
 * and are looked at after the answer. Needs the module with allow_raw=1, root,
 * iproute2 and the kernel's module nlmon.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include "kselftest_harness.h"
#include "cpns_test.h"

#define SGID "urn:cpns:test:tap"

FIXTURE(tap)
{
	struct cpns_test test;
	uint8_t secret[CPNS_SECRET_SIZE];
	int fd;
};

FIXTURE_SETUP(tap)
{
	const struct cpns_test_epoch epoch = {
		.sgid = SGID, .number = 1, .sid = 3,
	};
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
	};

	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, cpns_test_open(&self->test));
	ASSERT_GT(cpns_test_group_set(&self->test, &epoch), 0) {
		TH_LOG("%s", self->test.text);
	}
	cpns_test_secret(77, self->secret);
	ASSERT_EQ(0, cpns_test_run("ip link add tap type nlmon && ip link set tap up"));
	self->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	ASSERT_GE(self->fd, 0);
	to.sll_ifindex = if_nametoindex("tap");
	ASSERT_EQ(0, bind(self->fd, (void *)&to, sizeof(to)));
}

FIXTURE_TEARDOWN(tap)
{
	close(self->fd);
	cpns_test_close(&self->test);
}

/* requests to the family since the last look; with 8 of these bytes in a row? */
static unsigned int requests(int fd, uint16_t family, const void *bytes,
			     size_t size, bool *found)
{
	uint8_t buffer[CPNS_TEST_BUFFER];
	const struct nlmsghdr *message = (void *)buffer;
	unsigned int count = 0;
	ssize_t got;

	*found = false;
	while ((got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		if (got < (ssize_t)sizeof(*message) ||
		    message->nlmsg_type != family ||
		    !(message->nlmsg_flags & NLM_F_REQUEST))
			continue;
		count++;
		for (size_t at = 0; at + 8 <= size; at++)
			*found |= !!memmem(buffer, got,
					   (const uint8_t *)bytes + at, 8);
	}
	return count;
}

TEST_F_TIMEOUT(tap, refused_dump_is_wiped, 60)
{
	static const uint8_t commands[] = {
		CPNS_CMD_GROUP_GET, CPNS_CMD_SA_GET,
	};
	struct cpns_test *test = &self->test;
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;
	bool found;

	/* what was not refused is there: so the tap sees what there is */
	requests(self->fd, test->family, "", 0, &found);
	EXPECT_EQ(0, cpns_test_sa_count(test, SGID));
	EXPECT_EQ(1, (int)requests(self->fd, test->family, SGID, strlen(SGID),
				   &found));
	EXPECT_TRUE(found);

	/* a second time from another network namespace than the socket's */
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			ASSERT_EQ(0, unshare(CLONE_NEWNET));
		message = cpns_test_message(test, buffer, commands[i % 2],
					    NLM_F_DUMP);
		mnl_attr_put_strz(message, CPNS_A_SGID, SGID);
		mnl_attr_put(message, CPNS_A_SECRET, sizeof(self->secret),
			     self->secret);
		EXPECT_EQ(i < 2 ? -EINVAL : -EPERM,
			  cpns_test_talk(test, message, NULL, NULL));
		EXPECT_EQ(1, (int)requests(self->fd, test->family,
					   self->secret, sizeof(self->secret),
					   &found));
		EXPECT_FALSE(found) {
			TH_LOG("request %d", i);
		}
	}
}

TEST_HARNESS_MAIN
