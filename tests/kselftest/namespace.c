// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network namespace ends with groups, references and IPsec states alive:
 * nothing is left, nothing warns (the runner looks at the kernel's log and
 * unloads the module afterwards). Keys stay in their namespace. Needs the
 * module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <keyutils.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "sealed.h"

#define SID 3

FIXTURE(namespace)
{
	struct cpns_test test;
	int32_t serial;
};

FIXTURE_SETUP(namespace)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
}

FIXTURE_TEARDOWN(namespace)
{
	cpns_test_close(&self->test);
}

/* a group with an active and a pending epoch, states of both directions */
static int32_t populate(struct cpns_test *test, const char *sgid, uint32_t spi)
{
	struct cpns_test_epoch epoch = {
		.sgid = sgid, .number = 1, .sid = SID,
	};
	struct cpns_test_sa sa = {
		.sgid = sgid, .epoch = 1, .sid = SID, .dir = CPNS_DIR_OUT,
		.src = "192.0.2.1", .dst = "192.0.2.2", .spi = spi,
		.reqid = 5, .mode = CPNS_SA_MODE_TUNNEL,
	};
	int32_t serial = cpns_test_group_set(test, &epoch), ret;

	if (serial < 0)
		return serial;
	epoch.number = 2;
	epoch.atd = 600;
	epoch.dtd = 900;
	ret = cpns_test_group_set(test, &epoch);
	ret = ret < 0 ? ret : cpns_test_sa_add(test, &sa);
	if (ret)
		return ret;
	sa.dir = CPNS_DIR_IN;
	sa.sid = SID + 1;
	sa.src = "192.0.2.2";
	sa.dst = "192.0.2.1";
	ret = cpns_test_sa_add(test, &sa);
	/* waits for its epoch */
	sa.epoch = 2;
	sa.sid = SID;
	sa.dir = CPNS_DIR_OUT;
	sa.src = "192.0.2.1";
	sa.dst = "192.0.2.2";
	sa.spi = spi + 0x10000;
	ret = ret ? ret : cpns_test_sa_add(test, &sa);
	return ret ? ret : serial;
}

/* once nobody is in it, a namespace's end takes a while */
static int wait_for_revoked(int32_t serial)
{
	char line[256];
	int ret = 0;

	for (int i = 0; i < 200; i++) {
		ret = cpns_test_line(serial, line);
		if (ret)
			break;
		usleep(100000);
	}
	return ret;
}

TEST_F_TIMEOUT(namespace, ends_with_groups_and_states, 120)
{
	int32_t serial[8];
	char sgid[64];
	int ret;

	ASSERT_EQ(0, cpns_test_open(&self->test));
	for (int i = 0; i < 8; i++) {
		snprintf(sgid, sizeof(sgid), "urn:cpns:namespace:%d", i);
		serial[i] = populate(&self->test, sgid, 0x1000 + i);
		ASSERT_GT(serial[i], 0) {
			TH_LOG("%d %s", serial[i], self->test.text);
		}
	}
	EXPECT_EQ(24, cpns_test_sa_count(&self->test, NULL));
	cpns_test_close(&self->test);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	for (int i = 0; i < 8; i++) {
		ret = wait_for_revoked(serial[i]);
		/* its key may be gone for good */
		EXPECT_TRUE(ret == -EKEYREVOKED || ret == -ENOKEY) {
			TH_LOG("%d", ret);
		}
	}
	/* the name is free again, from epoch 1 on */
	ASSERT_EQ(0, cpns_test_open(&self->test));
	EXPECT_GT(populate(&self->test, "urn:cpns:namespace:0", 0x1000), 0);
}

/* an open socket keeps its namespace, and with it the group */
TEST_F_TIMEOUT(namespace, lives_with_its_sockets, 60)
{
	uint8_t sealed[CPNS_TEST_SEALED];
	int32_t serial;
	int fd;

	ASSERT_EQ(0, cpns_test_open(&self->test));
	serial = populate(&self->test, "urn:cpns:namespace:socket", 0x1000);
	ASSERT_GT(serial, 0);
	fd = cpns_test_keyed(serial, 0, SID);
	ASSERT_GE(fd, 0);
	cpns_test_close(&self->test);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	sleep(2);
	EXPECT_EQ(0, cpns_test_out(fd, sealed));
	EXPECT_EQ(0, cpns_test_back(fd, sealed));
	close(fd);
	EXPECT_NE(0, wait_for_revoked(serial));
}

static int sa_by_serial(struct cpns_test *test, int32_t serial)
{
	const uint8_t src[4] = { 192, 0, 2, 1 }, dst[4] = { 192, 0, 2, 2 };
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	message = cpns_test_message(test, buffer, CPNS_CMD_SA_ADD, 0);
	mnl_attr_put_u32(message, CPNS_A_SERIAL, serial);
	mnl_attr_put_u32(message, CPNS_A_EPOCH, 1);
	mnl_attr_put_u16(message, CPNS_A_SID, SID);
	mnl_attr_put_u8(message, CPNS_A_DIR, CPNS_DIR_OUT);
	mnl_attr_put(message, CPNS_A_SRC, 4, src);
	mnl_attr_put(message, CPNS_A_DST, 4, dst);
	mnl_attr_put_u32(message, CPNS_A_SPI, htonl(0x2000));
	mnl_attr_put_u32(message, CPNS_A_REQID, 5);
	mnl_attr_put_u8(message, CPNS_A_MODE, CPNS_SA_MODE_TRANSPORT);
	return cpns_test_talk(test, message, NULL, NULL);
}

TEST_F_TIMEOUT(namespace, keys_stay_in_it, 60)
{
	char sealed[CPNS_MESSAGE_HEADER_SIZE + 4 + 16], text[4];
	struct cpns_test other = { 0 };
	int32_t serial;

	ASSERT_EQ(0, cpns_test_open(&self->test));
	serial = populate(&self->test, "urn:cpns:namespace:here", 0x1000);
	ASSERT_GT(serial, 0);
	ASSERT_EQ((long)sizeof(sealed),
		  keyctl_pkey_encrypt(serial, "enc=raw", "text", 4, sealed,
				      sizeof(sealed)));
	ASSERT_EQ(4, keyctl_pkey_decrypt(serial, "enc=raw", sealed,
					 sizeof(sealed), text, sizeof(text)));
	EXPECT_EQ(0, sa_by_serial(&self->test, serial)) {
		TH_LOG("%s", self->test.text);
	}
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, cpns_test_open(&other));
	EXPECT_EQ(-EACCES, cpns_test_keyed(serial, 0, SID));
	EXPECT_EQ(-1, keyctl_pkey_encrypt(serial, "enc=raw", "text", 4, sealed,
					  sizeof(sealed)));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, keyctl_pkey_decrypt(serial, "enc=raw", sealed,
					  sizeof(sealed), text, sizeof(text)));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-ENOKEY, sa_by_serial(&other, serial));
	EXPECT_STREQ("not a valid key of this type and namespace", other.text);
	EXPECT_EQ(0, cpns_test_sa_count(&other, NULL));
	cpns_test_close(&other);
}

/* killed in the middle of whatever it does */
TEST_F_TIMEOUT(namespace, ends_under_load, 120)
{
	for (int round = 0; round < 4; round++) {
		pid_t child = fork();

		if (!child) {
			struct cpns_test test;
			char sgid[64];

			if (unshare(CLONE_NEWNET) || cpns_test_open(&test))
				_exit(1);
			for (int i = 0; i < 4000; i++) {
				snprintf(sgid, sizeof(sgid), "urn:load:%d", i);
				populate(&test, sgid, 0x1000 + i);
			}
			_exit(0);
		}
		usleep(700000 + round * 130000);
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, NULL, 0));
	}
}

/*
 * KiB of kernel memory that cannot be reclaimed. What was freed goes first:
 * slabs without an object, and the objects that KASAN keeps for a while.
 */
static long slab(void)
{
	char line[256];
	long size = -1;
	FILE *info;

	cpns_test_run("for cache in /sys/kernel/slab/*/shrink; do echo 1 >$cache; done");
	info = fopen("/proc/meminfo", "r");
	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "SUnreclaim: %ld", &size) == 1)
			break;
	if (info)
		fclose(info);
	return size;
}

static int round_of_groups(int count)
{
	struct cpns_test_epoch epoch = { .number = 1, .sid = SID };
	struct cpns_test test;
	int32_t serial = 0;
	char sgid[64];

	if (unshare(CLONE_NEWNET) || cpns_test_open(&test))
		return -1;
	epoch.sgid = sgid;
	for (int i = 0; i < count; i++) {
		snprintf(sgid, sizeof(sgid), "urn:cpns:round:%d", i);
		serial = cpns_test_group_set(&test, &epoch);
		if (serial < 0)
			return -1;
	}
	cpns_test_close(&test);
	if (unshare(CLONE_NEWNET))
		return -1;
	return wait_for_revoked(serial) ? 0 : -1;
}

/* some 3 KiB a group: 1,000 left behind would be seen */
TEST_F_TIMEOUT(namespace, memory_is_freed, 300)
{
	char old[32] = "300";
	FILE *delay = fopen("/proc/sys/kernel/keys/gc_delay", "r+");
	long before, after = 0;

	/* revoked keys are otherwise kept for minutes */
	ASSERT_NE(NULL, delay);
	ASSERT_NE(NULL, fgets(old, sizeof(old), delay));
	rewind(delay);
	fputs("0\n", delay);
	fflush(delay);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, round_of_groups(200));
	sleep(3);
	before = slab();
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, round_of_groups(200));
	for (int i = 0; i < 20; i++) {
		sleep(1);
		after = slab();
		if (after < before + 1200)
			break;
	}
	rewind(delay);
	fputs(old, delay);
	fclose(delay);
	EXPECT_LT(after, before + 1200) {
		TH_LOG("%ld KiB before, %ld after", before, after);
	}
}

TEST_HARNESS_MAIN
