// SPDX-License-Identifier: GPL-2.0-only
/*
 * No IV comes twice: one sender in one epoch encrypts through everything that
 * can, at the same time - AF_ALG sockets of two algorithms, messages, two
 * outbound ESP states, and kernel threads of the test module cpns_iv_load for
 * the bulk. Every IV is recorded, none is sampled: one bit a counter. Nor is a
 * counter lost: all of them up to the highest stand for an output, or for an
 * operation that failed and said so.
 *
 *   cpns-iv-a  10.9.0.1 fd09::1 ---- veth ---- (no address)  cpns-iv-b
 *
 * IVs of ESP are read from the packets that reach b, where no state and no
 * address takes them.
 *
 * CPNS_IV_COUNT: how many encryptions; default 10,000,000 on 6.12 and with
 * CPNS_SLOW=1, else 1,000,000; on a debug kernel, which is there for its
 * reports, 200,000. All of them have to come, within 400 seconds times the
 * slowness of the kernel. Without the test module 100,000, and the test counts
 * as skipped if nothing failed.
 * Needs the module with allow_raw=1, root, iproute2.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include "kselftest_harness.h"
#include "cpns_test.h"
#include "module/cpns_iv_load.h"

#define A "cpns-iv-a"
#define B "cpns-iv-b"
#define SGID "urn:cpns:test:iv-unique"
#define SID 0x0203
#define SPI4 0x4444
#define SPI6 0x6666
#define BATCH 32		/* packets under way */
#define SLICE 50000		/* encryptions of a kernel thread a call */
#define BULK_THREADS 2
#define SECONDS 400
#define LEAST 100u		/* encryptions of each path */
#define POLITE 10		/* nice value of all but the kernel threads */

enum path { SOCKETS, MESSAGES, STATES, PATHS };

static const char *const names[PATHS] = { "AF_ALG", "messages", "ESP" };

/* what one thread of ours saw; the bits are shared by all of them */
struct part {
	pthread_t thread;
	unsigned long done, failed, repeated, odd;
	int error;			/* first errno that should not come */
	double seconds;
};

static atomic_bool stop;
static _Atomic unsigned long *seen;
static unsigned long bits;
static int32_t serial;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static bool set_seen(unsigned long counter)
{
	unsigned long bit = 1UL << (counter % 64);

	return atomic_fetch_or(&seen[counter / 64], bit) & bit;
}

/* IV of 8 bytes: be16 SID | be48 counter */
static void take(struct part *part, const uint8_t iv[8])
{
	unsigned long counter = 0;

	part->done++;
	for (int i = 2; i < 8; i++)
		counter = counter << 8 | iv[i];
	if ((iv[0] << 8 | iv[1]) != SID || !counter || counter >= bits)
		part->odd++;
	else if (set_seen(counter))
		part->repeated++;
}

static void *by_sockets(void *context)
{
	static const struct {
		const char *algorithm;
		uint8_t key_bytes;
	} kinds[] = {
		{ "cpns(gcm(aes))", 32 },
		{ "cpns(gcm(aes))", 16 },
		{ "cpns(rfc7539(chacha20,poly1305))", 32 },
	};
	struct part *part = context;
	uint8_t input[12 + 16] = { 0 }, out[12 + 16 + 16];
	double begin = now();
	int fd[3], ret = 0;

	setpriority(PRIO_PROCESS, 0, POLITE);
	for (int i = 0; i < 3; i++) {
		struct cpns_handle handle;

		cpns_test_handle(&handle, serial, 1, SID, CPNS_USE_AF_ALG,
				 kinds[i].key_bytes);
		fd[i] = cpns_test_aead_socket(kinds[i].algorithm, &handle,
					      sizeof(handle));
		if (fd[i] < 0)
			part->error = fd[i];
	}
	for (unsigned int i = 0; !stop && !part->error; i++) {
		ret = cpns_test_aead(fd[i % 3], true, NULL, 0, 0, input,
				     sizeof(input), out, sizeof(out));
		if (ret == sizeof(out) && !memcmp(out, "\0\0\0", 4))
			take(part, out + 4);
		else
			part->error = ret < 0 ? ret : -EIO;
	}
	for (int i = 0; i < 3; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	part->seconds = now() - begin;
	return NULL;
}

static void *by_messages(void *context)
{
	uint8_t sealed[CPNS_MESSAGE_HEADER_SIZE + 4 + 16];
	struct part *part = context;
	double begin = now();

	setpriority(PRIO_PROCESS, 0, POLITE);
	while (!stop && !part->error) {
		long ret = keyctl_pkey_encrypt(serial, "enc=raw", "text", 4,
					       sealed, sizeof(sealed));

		if (ret == sizeof(sealed))
			take(part, sealed + 4);
		else
			part->error = ret < 0 ? -errno : -EIO;
	}
	part->seconds = now() - begin;
	return NULL;
}

/* packets that arrive at b, without their link header */
static int capture_open(void)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};
	int size = 16 << 20, fd, ret = cpns_test_enter(B);

	if (ret)
		return ret;
	fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
	to.sll_ifindex = if_nametoindex("eth");
	if (fd < 0 || bind(fd, (void *)&to, sizeof(to)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		ret = -errno;
	return ret ? ret : fd;
}

/* one packet with ESP of ours; 0, 1 taken, or -errno */
static int capture_one(struct part *part, int fd, int milliseconds)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint8_t packet[512];
	uint32_t spi;
	ssize_t size;
	int at;

	if (poll(&wait, 1, milliseconds) != 1)
		return -ETIME;
	size = recv(fd, packet, sizeof(packet), 0);
	if (size < 0)
		return -errno;
	if (size >= 20 && packet[0] >> 4 == 4 && packet[9] == IPPROTO_ESP)
		at = (packet[0] & 15) * 4;
	else if (size >= 40 && packet[0] >> 4 == 6 && packet[6] == IPPROTO_ESP)
		at = 40;
	else
		return 0;
	if (size < at + 16)
		return -EMSGSIZE;
	memcpy(&spi, packet + at, 4);
	if (spi != htonl(at == 40 ? SPI6 : SPI4))
		return -EPROTO;
	take(part, packet + at + 8);
	return 1;
}

static int destination(int version)
{
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(9) };
	struct sockaddr_in to4 = { .sin_family = AF_INET,
				   .sin_port = htons(9) };
	int fd = socket(version == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	int ret;

	inet_pton(AF_INET6, "fd09::2", &to6.sin6_addr);
	inet_pton(AF_INET, "10.9.0.2", &to4.sin_addr);
	ret = version == 6 ? connect(fd, (void *)&to6, sizeof(to6)) :
			     connect(fd, (void *)&to4, sizeof(to4));
	return fd < 0 || ret ? -errno : fd;
}

/*
 * Batches are sent and then collected by the same thread: so none is dropped
 * for want of room, and one that does not come was lost in the kernel.
 */
static void *by_states(void *context)
{
	struct part *part = context;
	struct mmsghdr message[BATCH] = { 0 };
	struct iovec text = { .iov_base = "text", .iov_len = 4 };
	int capture = capture_open(), fd[2] = { -1, -1 };
	double begin = now();

	setpriority(PRIO_PROCESS, 0, POLITE);
	if (!cpns_test_enter(A)) {
		fd[0] = destination(4);
		fd[1] = destination(6);
	}
	for (int i = 0; i < BATCH; i++) {
		message[i].msg_hdr.msg_iov = &text;
		message[i].msg_hdr.msg_iovlen = 1;
	}
	part->error = capture < 0 ? capture : fd[0] < 0 || fd[1] < 0 ? -EIO : 0;
	for (unsigned int i = 0; !stop && !part->error; i++) {
		int sent = sendmmsg(fd[i % 2], message, BATCH, 0);

		if (sent < 0)
			part->error = -errno;
		for (int got = 0; got < sent && !part->error;) {
			int ret = capture_one(part, capture, 20000);

			part->error = ret < 0 ? ret : 0;
			got += ret;
		}
	}
	part->seconds = now() - begin;
	return NULL;
}

static void *(*const paths[PATHS])(void *) = {
	by_sockets, by_messages, by_states,
};

/* the module for the bulk; -1 where it was not built for this kernel */
static int bulk_open(void)
{
	const char *build = getenv("CPNS_BUILD");
	struct utsname kernel;
	int fd = -1;

	uname(&kernel);
	if (build && !cpns_test_run("insmod %s/kselftest-module/%s/cpns_iv_load.ko",
				    build, kernel.release))
		fd = open("/dev/cpns_iv_load", O_RDWR);
	return fd;
}

static unsigned long wanted(bool bulk)
{
	const char *count = getenv("CPNS_IV_COUNT");
	const char *slow = getenv("CPNS_SLOW");
	const char *debug = getenv("CPNS_DEBUG_KERNEL");
	struct utsname kernel;

	uname(&kernel);
	if (count)
		return strtoul(count, NULL, 10);
	if (!bulk)
		return 100000;
	if (debug && strcmp(debug, "0"))
		return 200000;
	if ((slow && !strcmp(slow, "1")) || !strncmp(kernel.release, "6.12.", 5))
		return 10000000;
	return 1000000;
}

static int network(void)
{
	return cpns_test_run("set -e\n"
		"for n in " A " " B "; do ip netns del $n 2>/dev/null || true; ip netns add $n; done\n"
		"ip netns exec " B " sysctl -qw net.ipv6.conf.default.disable_ipv6=1\n"
		"ip -n " A " link add eth address 02:00:00:00:00:01 type veth "
			"peer name eth address 02:00:00:00:00:02 netns " B "\n"
		"ip -n " A " link set lo up; ip -n " A " link set eth up; ip -n " B " link set eth up\n"
		"ip -n " A " addr add 10.9.0.1/24 dev eth; ip -n " A " addr add fd09::1/64 dev eth nodad\n"
		"for to in 10.9.0.2 fd09::2; do\n"
		"ip -n " A " neigh add $to lladdr 02:00:00:00:00:02 dev eth nud permanent; done\n"
		"ip -n " A " xfrm policy add dir out src 10.9.0.1 dst 10.9.0.2 "
			"tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid 4 mode transport\n"
		"ip -n " A " xfrm policy add dir out src fd09::1 dst fd09::2 "
			"tmpl src fd09::1 dst fd09::2 proto esp reqid 6 mode transport\n");
}

static int states(struct cpns_test *test)
{
	struct cpns_test_sa sa = {
		.sgid = SGID, .epoch = 1, .sid = SID, .dir = CPNS_DIR_OUT,
		.src = "10.9.0.1", .dst = "10.9.0.2", .spi = SPI4, .reqid = 4,
		.mode = CPNS_SA_MODE_TRANSPORT,
	};
	int ret = cpns_test_sa_add(test, &sa);

	sa.src = "fd09::1";
	sa.dst = "fd09::2";
	sa.spi = SPI6;
	sa.reqid = 6;
	return ret ? ret : cpns_test_sa_add(test, &sa);
}

/* the kernel threads' record joins ours; number of counters in both */
static long join_record(int fd)
{
	unsigned long size = bits / 8, repeated = 0;
	unsigned long *record = malloc(size);

	if (!record || pread(fd, record, size, 0) != (ssize_t)size) {
		free(record);
		return -EIO;
	}
	for (unsigned long i = 0; i < bits / 64; i++) {
		unsigned long before = atomic_fetch_or(&seen[i], record[i]);

		repeated += __builtin_popcountl(before & record[i]);
	}
	free(record);
	return repeated;
}

/* how many counters there are, and the highest */
static unsigned long count_seen(unsigned long *highest)
{
	unsigned long count = 0;

	for (unsigned long i = 0; i < bits / 64; i++) {
		if (!seen[i])
			continue;
		count += __builtin_popcountl(seen[i]);
		*highest = i * 64 + 63 - __builtin_clzl(seen[i]);
	}
	return count;
}

static unsigned long sum(const struct part *part)
{
	unsigned long done = 0;

	for (int i = 0; i < PATHS; i++)
		done += part[i].done;
	return done;
}

/* on a busy machine the kernel threads may be through before the others begin */
static bool each_has_run(const struct part *part)
{
	for (int i = 0; i < PATHS; i++)
		if (part[i].done <= LEAST)
			return false;
	return true;
}

FIXTURE(unique)
{
	struct cpns_test test;
	int bulk;
};

FIXTURE_SETUP(unique)
{
	self->bulk = bulk_open();
	ASSERT_EQ(0, network());
	ASSERT_EQ(0, cpns_test_enter(A));
	ASSERT_EQ(0, cpns_test_open(&self->test));
}

FIXTURE_TEARDOWN(unique)
{
	cpns_test_close(&self->test);
	cpns_test_run("ip netns del " A "; ip netns del " B);
	if (self->bulk >= 0) {
		close(self->bulk);
		cpns_test_run("rmmod cpns_iv_load");
	}
}

TEST_F_TIMEOUT(unique, no_iv_twice_and_none_lost, 580)
{
	const struct cpns_test_epoch epoch = {
		.sgid = SGID, .number = 1, .sid = SID,
	};
	struct cpns_iv_load load = { .threads = BULK_THREADS, .count = SLICE };
	unsigned long bulk = 0, failed = 0, total, target, highest = 0;
	struct part part[PATHS] = { 0 };
	int fd = self->bulk;
	double begin, end;

	target = wanted(fd >= 0);
	/* beyond the target run what is under way, and the last slices */
	bits = (target + target / 4 + 4 * SLICE + 1000000) & ~63UL;
	seen = calloc(bits / 64, sizeof(*seen));
	ASSERT_NE(NULL, seen);
	serial = cpns_test_group_set(&self->test, &epoch);
	ASSERT_GT(serial, 0);
	ASSERT_EQ(0, states(&self->test)) {
		TH_LOG("%s", self->test.text);
	}
	cpns_test_handle((void *)load.handle, serial, 1, SID, CPNS_USE_AF_ALG,
			 32);
	load.bits = bits;

	begin = now();
	end = begin + SECONDS * cpns_test_slowness();
	for (int i = 0; i < PATHS; i++)
		ASSERT_EQ(0, pthread_create(&part[i].thread, NULL, paths[i],
					    &part[i]));
	while (fd >= 0 && bulk + sum(part) < target && now() < end) {
		ASSERT_EQ(0, ioctl(fd, CPNS_IV_LOAD_RUN, &load));
		EXPECT_EQ(0, load.error);
		EXPECT_EQ(0u, load.repeated);
		EXPECT_EQ(0u, load.odd);
		bulk += load.done;
		failed += load.failed;
		if (load.error || load.repeated || load.odd)
			break;
	}
	while (fd < 0 && sum(part) < target && now() < end)
		usleep(100000);
	while (!each_has_run(part) && now() < end)
		usleep(100000);
	stop = true;
	for (int i = 0; i < PATHS; i++) {
		pthread_join(part[i].thread, NULL);
		EXPECT_EQ(0, part[i].error);
		EXPECT_EQ(0u, part[i].repeated);
		EXPECT_EQ(0u, part[i].odd);
		EXPECT_LT(LEAST, part[i].done);
		failed += part[i].failed;
		TH_LOG("%s: %lu, %.0f a second", names[i], part[i].done,
		       part[i].done / part[i].seconds);
	}
	total = bulk + sum(part);
	TH_LOG("%d kernel threads: %lu, %.0f a second",
	       fd < 0 ? 0 : BULK_THREADS, bulk, bulk / (now() - begin));
	if (fd >= 0)
		EXPECT_EQ(0, join_record(fd));
	EXPECT_EQ(total, count_seen(&highest));
	EXPECT_EQ(total + failed, highest);
	EXPECT_LE(target, total);
	TH_LOG("%lu encryptions of %lu wanted, in %.0f s: %lu different IVs, highest %lu",
	       total, target, now() - begin, count_seen(&highest), highest);
	free((void *)seen);
	if (fd < 0 && _metadata->exit_code == KSFT_PASS)
		SKIP(return, "no cpns_iv_load for this kernel: %lu encryptions only",
		     total);
}

TEST_HARNESS_MAIN
