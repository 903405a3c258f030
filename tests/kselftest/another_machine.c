// SPDX-License-Identifier: GPL-2.0-only
/*
 * A clone of this virtual machine, or one that resumes from hibernation, must
 * not count IVs from the same value: sender ids and node key are dropped, and
 * come anew. Needs the module with allow_raw=1, root, CPNS_BUILD.
 *
 * The test module cpns_vmfork tells the kernel of a fork as the driver of the
 * generation id does. Hibernation here fails where its first device refuses,
 * and is told as over all the same. Who has /dev/snapshot open is between the
 * begin and the end of hibernation, or of a resume. A machine that only sleeps
 * is the same one afterwards; it is put to sleep as far as the freezer, where
 * that is possible (PM_DEBUG).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/utsname.h>
#include "kselftest_harness.h"
#include "member.h"

FIXTURE(another)
{
	struct cpns_test_member member;
	struct cpns_test resets, gone;	/* listeners, each for one event */
	struct utsname name;
};

#define another_data _test_data_another

/* a member that has all that must not be used twice */
FIXTURE_SETUP(another)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_sa sa = {
		.epoch = MEMBER_EPOCH, .sid = MEMBER_SID, .dir = CPNS_DIR_OUT,
		.src = "10.9.0.1", .dst = "10.9.0.2", .spi = 0x1000,
		.reqid = 1, .mode = CPNS_SA_MODE_TUNNEL,
	};

	ASSERT_EQ(0, cpns_test_member_begin(m, "another")) {
		TH_LOG("%s", m->test.text);
	}
	ASSERT_EQ(0, cpns_test_events_open(&self->resets));
	ASSERT_EQ(0, cpns_test_events_open(&self->gone));
	sa.sgid = m->sgid;
	ASSERT_EQ(0, cpns_test_sa_add(&m->test, &sa)) {
		TH_LOG("%s", m->test.text);
	}
	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_ROTATE, NULL));
	ASSERT_EQ(0, cpns_test_event(&m->events, CPNS_CMD_NODE_CHANGE, 5000,
				     NULL));
	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_GET, &m->node));
	ASSERT_TRUE(m->node.has_previous);
	uname(&self->name);
}

FIXTURE_TEARDOWN(another)
{
	cpns_test_close(&self->resets);
	cpns_test_close(&self->gone);
	cpns_test_member_end(&self->member);
}

/* what both have in common; 0, or the number of the first that is wrong */
static int dropped(struct another_data *self, uint32_t reason,
		   const uint8_t before[CPNS_TEST_SEALED])
{
	struct cpns_test_member *m = &self->member;
	uint8_t sealed[CPNS_TEST_SEALED];
	struct cpns_test_event event;
	struct cpns_test_node node;

	if (cpns_test_event(&m->events, CPNS_CMD_NODE_CHANGE, 20000, &event) ||
	    event.reason != reason)
		return 1;
	if (cpns_test_event(&self->resets, CPNS_CMD_SENDER_RESET, 5000,
			    &event) ||
	    event.reason != reason || event.epoch != MEMBER_EPOCH)
		return 9;
	if (cpns_test_event(&self->gone, CPNS_CMD_SA_GONE, 5000, &event) ||
	    event.reason != CPNS_REASON_NEW_SID || event.spi != 0x1000 ||
	    cpns_test_sa_count(&m->test, m->sgid))
		return 10;
	/* sends no more, receives on */
	if (cpns_test_out(m->fd, sealed) != -ENOKEY)
		return 2;
	if (cpns_test_back(m->fd, before))
		return 3;
	/* the old seals open nothing, a new node key is made when asked for */
	if (cpns_test_member_sealed(m, MEMBER_EPOCH + 1, MEMBER_SID) ||
	    cpns_test_set_send(&m->test, &m->set) != -EKEYREJECTED)
		return 4;
	if (cpns_test_node(&m->test, CPNS_CMD_NODE_GET, &node) ||
	    node.has_previous ||
	    !memcmp(node.public, m->node.public, sizeof(node.public)))
		return 5;
	m->node = node;
	/* a new sender id, sealed to it, sends in the same epoch */
	if (cpns_test_member_sealed(m, MEMBER_EPOCH, MEMBER_SID + 1) ||
	    cpns_test_set_send(&m->test, &m->set) != m->serial)
		return 6;
	if (cpns_test_works(m->serial, MEMBER_EPOCH, MEMBER_SID + 1))
		return 7;
	/* the old one never again */
	if (cpns_test_member_sealed(m, MEMBER_EPOCH, MEMBER_SID) ||
	    cpns_test_set_send(&m->test, &m->set) != m->serial ||
	    cpns_test_out(m->fd, sealed) != -ENOKEY)
		return 8;
	return 0;
}

TEST_F_TIMEOUT(another, clone_of_a_virtual_machine, 120)
{
	const char *build = getenv("CPNS_BUILD");
	struct cpns_test_member *m = &self->member;
	uint8_t sealed[CPNS_TEST_SEALED];
	char path[512];

	snprintf(path, sizeof(path), "%s/kselftest-module/%s/cpns_vmfork.ko",
		 build ? build : "", self->name.release);
	/* the check builds it; without it nothing was tested */
	ASSERT_EQ(0, access(path, R_OK)) {
		TH_LOG("no %s: make kselftest", path);
	}
	if (cpns_test_run("grep -qw add_vmfork_randomness /proc/kallsyms"))
		SKIP(return, "this kernel is told of no fork");
	ASSERT_EQ(0, cpns_test_out(m->fd, sealed));
	/* does its work at load, and does not stay */
	EXPECT_NE(0, cpns_test_run("insmod %s", path));
	EXPECT_EQ(0, dropped(self, CPNS_REASON_VM_FORK, sealed));
}

TEST_F_TIMEOUT(another, resume_from_hibernation, 120)
{
	struct cpns_test_member *m = &self->member;
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd;

	if (cpns_test_run("grep -qw disk /sys/power/state"))
		SKIP(return, "this kernel does not hibernate");
	ASSERT_EQ(0, cpns_test_out(m->fd, sealed));
	fd = open("/sys/power/state", O_WRONLY);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-1, write(fd, "disk", 4));
	close(fd);
	EXPECT_EQ(0, dropped(self, CPNS_REASON_RESUME, sealed));
}

/* from its begin on nothing is sent, and no sender id taken, before its end */
static int dropped_between(struct another_data *self, int mode)
{
	struct cpns_test_member *m = &self->member;
	uint8_t before[CPNS_TEST_SEALED], sealed[CPNS_TEST_SEALED];
	struct cpns_test_event event;
	struct cpns_test_node node;
	int fd, ret = 0;

	if (cpns_test_out(m->fd, before))
		return 11;
	fd = open("/dev/snapshot", mode);
	if (fd < 0)
		return -errno;
	if (cpns_test_event(&m->events, CPNS_CMD_NODE_CHANGE, 5000, &event) ||
	    event.reason != CPNS_REASON_RESUME)
		ret = 12;
	else if (cpns_test_out(m->fd, sealed) != -ENOKEY)
		ret = 13;
	else if (cpns_test_back(m->fd, before))
		ret = 14;
	else if (cpns_test_node(&m->test, CPNS_CMD_NODE_GET, &node))
		ret = 15;
	if (!ret) {
		m->node = node;
		if (cpns_test_member_sealed(m, MEMBER_EPOCH, MEMBER_SID + 1) ||
		    cpns_test_set_send(&m->test, &m->set) != -EAGAIN ||
		    strcmp("this machine hibernates", m->test.text))
			ret = 16;
	}
	close(fd);
	return ret ? ret : dropped(self, CPNS_REASON_RESUME, before);
}

TEST_F_TIMEOUT(another, hibernates, 120)
{
	int ret = dropped_between(self, O_RDONLY);

	if (ret == -ENOENT)
		SKIP(return, "this kernel has no /dev/snapshot");
	EXPECT_EQ(0, ret);
}

TEST_F_TIMEOUT(another, restores, 120)
{
	int ret = dropped_between(self, O_WRONLY);

	if (ret == -ENOENT)
		SKIP(return, "this kernel has no /dev/snapshot");
	EXPECT_EQ(0, ret);
}

TEST_F_TIMEOUT(another, sleep_changes_nothing, 120)
{
	struct cpns_test_member *m = &self->member;
	struct cpns_test_event event;
	struct cpns_test_node node;
	int ret = cpns_test_write("/sys/power/pm_test", "freezer");

	if (ret == -ENOENT)
		SKIP(return, "this kernel cannot pretend to sleep");
	ASSERT_EQ(0, ret);
	ret = cpns_test_write("/sys/power/state", "freeze");
	EXPECT_EQ(0, cpns_test_write("/sys/power/pm_test", "none"));
	ASSERT_EQ(0, ret);
	EXPECT_NE(0, cpns_test_event(&m->events, CPNS_CMD_NODE_CHANGE, 1000,
				     &event));
	EXPECT_EQ(0, cpns_test_member_changed(m));
	ASSERT_EQ(0, cpns_test_node(&m->test, CPNS_CMD_NODE_GET, &node));
	EXPECT_EQ(0, memcmp(node.public, m->node.public, sizeof(node.public)));
	/* what was sealed to its node key before opens */
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, MEMBER_SID));
	EXPECT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
}

TEST_HARNESS_MAIN
