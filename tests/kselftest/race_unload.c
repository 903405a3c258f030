// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module goes and comes again, many times, under those who use it: groups
 * set, messages, sockets, states, namespaces that end. Removal is refused or
 * complete; nobody gets wrong data, only refusals; the kernel does not complain
 * (the runner looks).
 *
 * Workers are processes: what hangs is killed, and its namespace ends with it.
 * CPNS_RACE_SECONDS as in race.c. Needs root, CPNS_BUILD, the module.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "race.h"

#define SID 5

/* one of those that use the module; in memory shared with the test */
struct worker {
	const char *name;
	int (*round)(struct cpns_test *test, const char *sgid, int32_t key,
		     uint32_t epoch);
	pid_t pid;
	unsigned long done;	/* rounds without a refusal */
	unsigned long refused;
	int unexpected;
};

/* gone, going, or come again without the group */
static bool is_refusal(int ret)
{
	static const int errors[] = {
		ENOENT, ENOKEY, EKEYREVOKED, EKEYEXPIRED, EKEYREJECTED, ESTALE,
		EOPNOTSUPP, EINVAL, ENODEV, EPERM, EBUSY, EACCES, ENOPKG,
		ESRCH, EEXIST,
	};

	for (unsigned int i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (ret == -errors[i])
			return true;
	return false;
}

static int messages(struct cpns_test *test, const char *sgid, int32_t key,
		    uint32_t epoch)
{
	uint8_t sealed[64], opened[64];
	long ret;

	for (int i = 0; i < 8; i++) {
		ret = keyctl_pkey_encrypt(key, "enc=raw", "unload", 6, sealed,
					  sizeof(sealed));
		if (ret < 0)
			return -errno;
		ret = keyctl_pkey_decrypt(key, "enc=raw", sealed, ret, opened,
					  sizeof(opened));
		if (ret < 0)
			return -errno;
		if (ret != 6 || memcmp(opened, "unload", 6))
			return -EBADMSG;
	}
	return 0;
}

static int sockets(struct cpns_test *test, const char *sgid, int32_t key,
		   uint32_t epoch)
{
	return cpns_test_works(key, epoch, SID);
}

static int states(struct cpns_test *test, const char *sgid, int32_t key,
		  uint32_t epoch)
{
	struct cpns_test_sa sa = {
		.sgid = sgid, .epoch = epoch, .sid = SID, .dir = CPNS_DIR_OUT,
		.src = "192.0.2.1", .dst = "192.0.2.2", .spi = 0x1000,
		.reqid = 5, .mode = CPNS_SA_MODE_TUNNEL,
	};
	int ret = cpns_test_sa_add(test, &sa);

	usleep(1000);
	/* by ours, or by others */
	if (!ret && epoch % 2)
		ret = cpns_test_sa_del(test, &sa);
	else
		race_flush_states();
	return ret;
}

/* the group is left to the end of its namespace, or of the module */
static int namespaces(struct cpns_test *test, const char *sgid, int32_t key,
		      uint32_t epoch)
{
	return unshare(CLONE_NEWNET) ? -errno : 0;
}

static void work(struct worker *worker)
{
	struct cpns_test_epoch epoch = { .number = 0, .sid = SID };
	char sgid[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET))
		_exit(1);
	snprintf(sgid, sizeof(sgid), "urn:cpns:unload:%d", getpid());
	epoch.sgid = sgid;
	while (!worker->unexpected) {
		struct cpns_test test;
		int ret = cpns_test_open(&test);

		if (!ret) {
			epoch.number++;
			epoch.dtd = 2;
			ret = cpns_test_group_set(&test, &epoch);
			if (ret > 0)
				cpns_test_epoch_activate(&test, sgid,
							 epoch.number);
			else
				epoch.number = 0;
			if (ret > 0)
				ret = worker->round(&test, sgid, ret,
						    epoch.number);
			cpns_test_close(&test);
		}
		if (ret >= 0)
			worker->done++;
		else if (is_refusal(ret))
			worker->refused++;
		else
			worker->unexpected = ret;
	}
	_exit(1);
}

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = 0;

	if (fd < 0 || syscall(SYS_finit_module, fd, "allow_raw=1", 0))
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

/* wait until @worker did something since it had done @before */
static int wait_for(struct worker *worker, unsigned long before)
{
	for (int i = 0; i < 2000; i++) {
		if (__atomic_load_n(&worker->done, __ATOMIC_RELAXED) > before)
			return 0;
		usleep(10000);
	}
	return -ETIME;
}

TEST(gone_and_come)
{
	static const struct worker kinds[] = {
		{ "messages", messages }, { "sockets", sockets },
		{ "states", states }, { "namespaces", namespaces },
	};
	const char *build = getenv("CPNS_BUILD");
	const int count = sizeof(kinds) / sizeof(kinds[0]);
	unsigned int removed = 0, refused = 0;
	char path[PATH_MAX];
	struct utsname kernel;
	struct worker *worker;
	time_t end;

	if (!build)
		SKIP(return, "CPNS_BUILD is not set");
	uname(&kernel);
	snprintf(path, sizeof(path), "%s/kmod/%s/cpns_group.ko", build,
		 kernel.release);
	worker = mmap(NULL, sizeof(kinds), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, worker);
	memcpy(worker, kinds, sizeof(kinds));
	for (int i = 0; i < count; i++) {
		/* not both of them into the memory they share */
		pid_t pid = fork();

		if (!pid)
			work(&worker[i]);
		worker[i].pid = pid;
	}
	end = time(NULL) + race_seconds();
	while (time(NULL) < end) {
		/* each of them is in the middle of it once a time */
		int which = removed % count;

		EXPECT_EQ(0, wait_for(&worker[which], worker[which].done));
		while (syscall(SYS_delete_module, "cpns_group", O_NONBLOCK)) {
			ASSERT_TRUE(errno == EWOULDBLOCK || errno == EBUSY) {
				TH_LOG("rmmod: %s", strerror(errno));
			}
			refused++;
			usleep(500 + refused * 37 % 900);
			ASSERT_GT(end + 60, time(NULL));
		}
		removed++;
		ASSERT_EQ(0, load(path));
	}
	for (int i = 0; i < count; i++) {
		EXPECT_EQ(0, worker[i].unexpected);
		EXPECT_EQ(0, wait_for(&worker[i], worker[i].done));
		ASSERT_LT(0, worker[i].pid);
		kill(worker[i].pid, SIGKILL);
		waitpid(worker[i].pid, NULL, 0);
		TH_LOG("%s: %lu rounds, %lu refused%s%s", worker[i].name,
		       worker[i].done, worker[i].refused,
		       worker[i].unexpected ? ", then " : "",
		       worker[i].unexpected ? strerror(-worker[i].unexpected)
					    : "");
	}
	TH_LOG("%u times removed, %u times refused", removed, refused);
	EXPECT_LT(0u, removed);
}

TEST_HARNESS_MAIN
