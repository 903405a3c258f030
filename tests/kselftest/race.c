// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once on one group: epochs set, sender ids replaced, epochs
 * activated, the group revoked by command and by its key, states added, deleted
 * and flushed, traffic through them, sockets keyed and used, messages sealed
 * and opened, dumps, other namespaces made and ended, the module's removal
 * tried. No IV comes twice in an epoch, numbers only grow, what is opened is
 * what was sealed, only refusals that are documented come, the kernel does not
 * complain (the runner looks).
 *
 * CPNS_RACE_SECONDS: how long; default 10, on a debug kernel 60. Needs the
 * module with allow_raw=1 and root.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <keyutils.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "kselftest_harness.h"
#include "race.h"

#define SGID "urn:cpns:test:race"
#define SPI 0x1000
#define REQID 5
#define RECORDS 200000
#define ERRNOS 134
#define KEPT 6			/* sockets that stay open over epochs */

/* epoch and IV, as they stand before a message */
struct record {
	uint8_t bytes[CPNS_MESSAGE_HEADER_SIZE];
};

/* one of those that race */
struct racer {
	const char *name;
	void (*run)(struct racer *racer);
	pthread_t thread;
	struct record *record;
	size_t records;
	unsigned long calls;	/* that succeeded */
	unsigned int refused[ERRNOS];	/* as is documented, by errno */
	int unexpected;		/* first errno outside what is documented */
};

static atomic_bool stop;
static atomic_int serial, number = 1, own_sid = 1;
/* IVs that messages and sockets got, since the race began */
static atomic_uint message_ivs, socket_ivs;

static bool goes_on(const struct racer *racer)
{
	return !stop && !racer->unexpected;
}

/*
 * Count @ret, or keep it if it is an error outside @allowed. Who is refused
 * lets others run: else those who find no group leave no time to set one.
 */
static void judge(struct racer *racer, long ret, const int *allowed)
{
	if (ret >= 0) {
		racer->calls++;
		return;
	}
	for (; *allowed; allowed++)
		if (ret == -*allowed) {
			racer->refused[-ret]++;
			usleep(500);
			return;
		}
	if (!racer->unexpected)
		racer->unexpected = ret;
}

/* what use of a group may be told while it changes */
static const int use_errors[] = {
	EKEYREVOKED, EKEYEXPIRED, EKEYREJECTED, ENOKEY, ESTALE, 0
};

static void set_epochs(struct racer *racer)
{
	static const int allowed[] = { EBUSY, EKEYREVOKED, EKEYREJECTED,
				       EKEYEXPIRED, ENOSPC, 0 };
	struct cpns_test_epoch epoch = { .sgid = SGID, .dtd = 9 };
	struct cpns_test test;
	uint16_t round = 0;

	if (cpns_test_open(&test))
		return;
	while (goes_on(racer)) {
		int32_t ret;

		/* now a new epoch, now a new sender id, now the same again */
		epoch.number = number + (round % 3 == 0);
		epoch.sid = 100 + round - round % 2;
		round++;
		epoch.atd = round % 2;
		ret = cpns_test_group_set(&test, &epoch);
		if (ret > 0)
			serial = ret;
		if (ret >= 0) {
			number = epoch.number;
			own_sid = epoch.sid;
		}
		judge(racer, ret, allowed);
	}
	cpns_test_close(&test);
}

/*
 * A group lives for 90 ms. Where all is so slow that nobody could use it by
 * then it lives on until somebody has, or some seconds.
 */
static void let_it_live(const struct racer *racer)
{
	unsigned int messages = message_ivs, sockets = socket_ivs;

	usleep(90000);
	for (int i = 0; i < 300 && goes_on(racer); i++) {
		if (message_ivs - messages >= 4 && socket_ivs - sockets >= 4)
			break;
		usleep(10000);
	}
}

static void end_group(struct racer *racer)
{
	static const int allowed[] = { EKEYREVOKED, ENOKEY, EKEYEXPIRED, 0 };
	struct cpns_test test;

	if (cpns_test_open(&test))
		return;
	for (int i = 0; goes_on(racer); i++) {
		long ret;

		let_it_live(racer);
		switch (i % 4) {
		case 0:
			ret = cpns_test_group_revoke(&test, SGID);
			break;
		case 1:
			ret = keyctl_revoke(serial) ? -errno : 0;
			break;
		case 2:
			ret = keyctl_invalidate(serial) ? -errno : 0;
			break;
		default:
			ret = keyctl_set_timeout(serial, 1) ? -errno : 0;
		}
		judge(racer, ret, allowed);
	}
	cpns_test_close(&test);
}

static int highest(struct nlattr **a, void *context)
{
	if (a[CPNS_A_HIGHEST])
		*(uint32_t *)context = mnl_attr_get_u32(a[CPNS_A_HIGHEST]);
	return 0;
}

static void look(struct racer *racer)
{
	static const int allowed[] = { ENOKEY, ESTALE, EKEYREVOKED, EKEYEXPIRED,
				       0 };
	char buffer[CPNS_TEST_BUFFER], line[256];
	uint32_t before = 0, now = 0;
	struct cpns_test test;

	if (cpns_test_open(&test))
		return;
	while (goes_on(racer)) {
		struct nlmsghdr *message;

		message = cpns_test_message(&test, buffer, CPNS_CMD_GROUP_GET,
					    NLM_F_DUMP);
		judge(racer, cpns_test_talk(&test, message, highest, &now),
		      allowed);
		if (now < before)
			racer->unexpected = -ERANGE;
		before = now;
		judge(racer, cpns_test_epoch_activate(&test, SGID, number),
		      allowed);
		keyctl_read(serial, line, sizeof(line));
		usleep(3000);
		judge(racer, cpns_test_sa_count(&test, NULL), allowed);
	}
	cpns_test_close(&test);
}

static void keep_record(struct racer *racer, const void *epoch_and_iv)
{
	if (racer->records < RECORDS)
		memcpy(&racer->record[racer->records++], epoch_and_iv,
		       sizeof(struct record));
}

/* messages; what opens is what was sealed */
static void messages(struct racer *racer)
{
	uint8_t sealed[64], opened[64], text[4];

	for (uint32_t i = 0; goes_on(racer) && racer->records < RECORDS; i++) {
		long ret;

		memcpy(text, &i, sizeof(text));
		ret = keyctl_pkey_encrypt(serial, "enc=raw", text, sizeof(text),
					  sealed, sizeof(sealed));
		judge(racer, ret < 0 ? -errno : ret, use_errors);
		if (ret < 0)
			continue;
		keep_record(racer, sealed);
		message_ivs++;
		ret = keyctl_pkey_decrypt(serial, "enc=raw", sealed, ret,
					  opened, sizeof(opened));
		judge(racer, ret < 0 ? -errno : ret, use_errors);
		if (ret >= 0 && (ret != sizeof(text) ||
				 memcmp(text, opened, sizeof(text))))
			racer->unexpected = -EBADMSG;
	}
}

struct kept {
	int fd;
	uint32_t epoch;
	uint8_t text[12 + 16];
	uint8_t sealed[12 + 16 + 16];
};

/* a socket that may have been keyed for long; closed once it is of no use */
static void use_socket(struct racer *racer, struct kept *kept, uint32_t round)
{
	uint8_t opened[12 + 16];
	uint32_t header[3];
	int ret;

	memcpy(kept->text + 12, &round, sizeof(round));
	ret = cpns_test_aead(kept->fd, true, NULL, 0, 0, kept->text,
			     sizeof(kept->text), kept->sealed,
			     sizeof(kept->sealed));
	judge(racer, ret, use_errors);
	if (ret == -EKEYREVOKED) {
		close(kept->fd);
		kept->fd = -1;
	}
	if (ret < 0)
		return;
	header[0] = htonl(kept->epoch);
	memcpy(&header[1], kept->sealed + 4, 8);
	keep_record(racer, header);
	socket_ivs++;
	ret = cpns_test_aead(kept->fd, false, NULL, 0, 0, kept->sealed,
			     sizeof(kept->sealed), opened, sizeof(opened));
	judge(racer, ret, use_errors);
	if (ret >= 0 && memcmp(kept->text + 12, opened + 12, 16))
		racer->unexpected = -EBADMSG;
}

static void key_socket(struct racer *racer, struct kept *kept, uint32_t round)
{
	struct cpns_handle handle;

	if (kept->fd >= 0)
		close(kept->fd);
	kept->epoch = number;
	cpns_test_handle(&handle, serial, kept->epoch, own_sid,
			 CPNS_USE_AF_ALG, round % 2 ? 32 : 16);
	kept->fd = cpns_test_aead_socket("cpns(gcm(aes))", &handle,
					 sizeof(handle));
	judge(racer, kept->fd, use_errors);
}

static void sockets(struct racer *racer)
{
	struct kept kept[KEPT];

	for (int i = 0; i < KEPT; i++)
		kept[i] = (struct kept){ .fd = -1 };
	for (uint32_t i = 0; goes_on(racer) && racer->records < RECORDS; i++)
		for (uint32_t j = 0; j < KEPT; j++) {
			if (kept[j].fd < 0 || i % (7 * KEPT) == 7 * j)
				key_socket(racer, &kept[j], i);
			if (kept[j].fd >= 0)
				use_socket(racer, &kept[j], i);
		}
	for (int i = 0; i < KEPT; i++)
		if (kept[i].fd >= 0)
			close(kept[i].fd);
}

/* states of this epoch and the next, taken away again by every means */
static void states(struct racer *racer)
{
	static const int allowed[] = { EKEYREVOKED, EKEYEXPIRED, EKEYREJECTED,
				       ENOKEY, ESTALE, EEXIST, ENOENT, EINVAL,
				       ESRCH, 0 };
	struct cpns_test test;

	if (cpns_test_open(&test))
		return;
	for (unsigned int i = 0; goes_on(racer); i++) {
		struct cpns_test_sa sa = {
			.sgid = SGID, .epoch = number, .sid = own_sid,
			.dir = CPNS_DIR_OUT, .src = "192.0.2.1",
			.dst = "192.0.2.2", .spi = SPI + i % 4, .reqid = REQID,
			.mode = CPNS_SA_MODE_TRANSPORT,
		};

		judge(racer, cpns_test_sa_add(&test, &sa), allowed);
		if (i % 5 == 0)
			judge(racer, cpns_test_sa_del(&test, &sa), allowed);
		sa.dir = CPNS_DIR_IN;
		sa.sid = 7;
		sa.src = "192.0.2.2";
		sa.dst = "192.0.2.1";
		sa.spi += 0x100;
		judge(racer, cpns_test_sa_add(&test, &sa), allowed);
		if (i % 3 == 0)
			judge(racer, cpns_test_sa_del(&test, &sa), allowed);
		if (i % 64 == 0)
			judge(racer, race_flush_states(), allowed);
	}
	cpns_test_close(&test);
}

/* through whatever outbound state there is; none is an error of send() */
static void traffic(struct racer *racer)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "192.0.2.2", &to.sin_addr);
	while (goes_on(racer)) {
		if (sendto(fd, "race", 4, MSG_DONTWAIT, (void *)&to,
			   sizeof(to)) == 4)
			racer->calls++;
		usleep(2000);
	}
	close(fd);
}

/*
 * A child's namespace with a group, states and a socket ends with the child. It
 * goes before the threads, so that many of them come and go.
 */
static void child(void)
{
	struct cpns_test_epoch epoch = { .sgid = SGID, .number = 1, .sid = 9 };
	struct cpns_test_sa sa = {
		.sgid = SGID, .epoch = 1, .sid = 9, .dir = CPNS_DIR_OUT,
		.src = "192.0.2.1", .dst = "192.0.2.2", .spi = SPI,
		.reqid = REQID, .mode = CPNS_SA_MODE_TUNNEL,
	};
	struct cpns_test test;
	struct cpns_handle handle;
	int32_t key;

	if (setpriority(PRIO_PROCESS, 0, -20) || unshare(CLONE_NEWNET) ||
	    cpns_test_open(&test))
		_exit(1);
	key = cpns_test_group_set(&test, &epoch);
	if (key < 0 || cpns_test_sa_add(&test, &sa))
		_exit(2);
	epoch.number = 2;
	sa.epoch = 2;
	epoch.atd = 1;
	sa.spi++;
	if (cpns_test_group_set(&test, &epoch) < 0 ||
	    cpns_test_sa_add(&test, &sa))
		_exit(3);
	cpns_test_handle(&handle, key, 1, 9, CPNS_USE_AF_ALG, 32);
	if (cpns_test_aead_socket("cpns(gcm(aes))", &handle,
				  sizeof(handle)) < 0)
		_exit(4);
	_exit(0);
}

static void namespaces(struct racer *racer)
{
	while (goes_on(racer)) {
		pid_t pid = fork();
		int status;

		if (!pid)
			child();
		if (waitpid(pid, &status, 0) != pid || status)
			racer->unexpected = -ECHILD;
		racer->calls++;
		usleep(50000);
	}
}

/* refused, because a socket of this test holds the module */
static void unload(struct racer *racer)
{
	while (goes_on(racer)) {
		if (!syscall(SYS_delete_module, "cpns_group", O_NONBLOCK))
			racer->unexpected = -EOWNERDEAD;
		else if (errno != EWOULDBLOCK && errno != EBUSY)
			racer->unexpected = -errno;
		racer->calls++;
		usleep(30000);
	}
}

static void *run(void *context)
{
	struct racer *racer = context;

	racer->run(racer);
	return NULL;
}

static void tell(const struct racer *racer, char *text, size_t size)
{
	size_t at = snprintf(text, size, "%s: %lu calls", racer->name,
			     racer->calls);

	for (int i = 0; i < ERRNOS && at < size; i++)
		if (racer->refused[i])
			at += snprintf(text + at, size - at, ", %u %s",
				       racer->refused[i], strerrorname_np(i));
	if (racer->unexpected && at < size)
		snprintf(text + at, size - at, ", then %s",
			 strerror(-racer->unexpected));
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct record));
}

/* how many of all records came before */
static int repeated(const struct racer *racers, size_t count, size_t *total)
{
	struct record *all;
	int twice = 0;

	*total = 0;
	for (size_t i = 0; i < count; i++)
		*total += racers[i].records;
	all = malloc((*total + 1) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	*total = 0;
	for (size_t i = 0; i < count; i++) {
		memcpy(all + *total, racers[i].record,
		       racers[i].records * sizeof(*all));
		*total += racers[i].records;
	}
	qsort(all, *total, sizeof(*all), compare);
	for (size_t i = 1; i < *total; i++)
		twice += !compare(&all[i - 1], &all[i]);
	free(all);
	return twice;
}

FIXTURE(race)
{
	struct cpns_test test;
	int32_t holder;			/* its socket holds the module */
	int fd;
};

FIXTURE_SETUP(race)
{
	const struct cpns_test_epoch first = {
		.sgid = SGID, .number = 1, .sid = 1,
	};
	const struct cpns_test_epoch holder = {
		.sgid = SGID ":holder", .number = 1, .sid = 1,
	};
	const struct cpns_test_sa sa = {
		.sgid = SGID ":holder", .epoch = 1, .sid = 1,
		.dir = CPNS_DIR_OUT, .src = "192.0.2.1", .dst = "192.0.2.2",
		.spi = SPI, .reqid = REQID, .mode = CPNS_SA_MODE_TRANSPORT,
	};

	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, cpns_test_run("set -e; ip link set lo up; ip link add eth type dummy\n"
		"ip addr add 192.0.2.1/24 dev eth; ip link set eth up\n"
		"ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev eth nud permanent\n"
		"ip xfrm policy add dir out src 192.0.2.1 dst 192.0.2.2 "
		"tmpl src 192.0.2.1 dst 192.0.2.2 proto esp reqid %d mode transport",
		REQID));
	ASSERT_EQ(0, cpns_test_open(&self->test));
	self->holder = cpns_test_group_set(&self->test, &holder);
	ASSERT_GT(self->holder, 0);
	self->fd = cpns_test_keyed(self->holder, 1, 1);
	ASSERT_GE(self->fd, 0);
	/* the first state waits for modprobe: ten seconds among the racers */
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &sa));
	ASSERT_EQ(0, cpns_test_sa_del(&self->test, &sa));
	serial = cpns_test_group_set(&self->test, &first);
	ASSERT_GT(serial, 0);
}

FIXTURE_TEARDOWN(race)
{
	close(self->fd);
	cpns_test_close(&self->test);
}

TEST_F_TIMEOUT(race, everything_at_once, 400)
{
	struct racer racers[] = {
		{ "set", set_epochs }, { "revoke", end_group }, { "look", look },
		{ "look again", look }, { "messages", messages },
		{ "more messages", messages }, { "sockets", sockets },
		{ "more sockets", sockets }, { "states", states },
		{ "traffic", traffic }, { "namespaces", namespaces },
		{ "unload", unload },
	};
	const size_t count = sizeof(racers) / sizeof(racers[0]);
	uint8_t sealed[CPNS_TEST_SEALED];
	char text[512];
	size_t total;

	for (size_t i = 0; i < count; i++) {
		racers[i].record = calloc(RECORDS, sizeof(struct record));
		ASSERT_NE(NULL, racers[i].record);
	}
	for (size_t i = 0; i < count; i++)
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, run,
					    &racers[i]));
	sleep(race_seconds());
	stop = true;
	for (size_t i = 0; i < count; i++) {
		pthread_join(racers[i].thread, NULL);
		EXPECT_EQ(0, racers[i].unexpected);
		EXPECT_LT(0u, racers[i].calls);
		tell(&racers[i], text, sizeof(text));
		TH_LOG("%s", text);
	}
	EXPECT_EQ(0, repeated(racers, count, &total));
	TH_LOG("%zu IVs, epoch %d", total, number);
	EXPECT_LT(100u, total);
	/* the neighbour saw nothing of it */
	EXPECT_EQ(0, cpns_test_out(self->fd, sealed));
	EXPECT_EQ(0, cpns_test_back(self->fd, sealed));
	for (size_t i = 0; i < count; i++)
		free(racers[i].record);
}

TEST_HARNESS_MAIN
