// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which ESP states end with what: a sender id that was replaced, a sender that
 * was evicted, a reference that was revoked, an epoch that is overtaken or
 * whose lifetime is over. All others stay. Needs the module with allow_raw=1,
 * root, request-key(8), iproute2, and an /etc and /run of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <keyutils.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include "kselftest_harness.h"
#include "member.h"
#include "xfrm.h"

#define RULE "/etc/request-key.d/cpns_group.conf"
#define HELPER "/run/cpns-test-helper"
#define PLAIN "aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128"
#define OUT 0x1000
#define IN 0x2000

FIXTURE(ends)
{
	struct cpns_test_member m;
	struct cpns_test_sa out, in;
};

FIXTURE_SETUP(ends)
{
	ASSERT_EQ(0, cpns_test_member_begin(&self->m, "ends")) {
		TH_LOG("%s", self->m.test.text);
	}
	self->out = (struct cpns_test_sa){
		.sgid = self->m.sgid, .epoch = MEMBER_EPOCH, .sid = MEMBER_SID,
		.dir = CPNS_DIR_OUT, .src = "192.0.2.1", .dst = "192.0.2.2",
		.spi = OUT, .reqid = 5, .mode = CPNS_SA_MODE_TUNNEL,
	};
	self->in = self->out;
	self->in.dir = CPNS_DIR_IN;
	self->in.sid = MEMBER_SID + 100;
	self->in.src = "192.0.2.2";
	self->in.dst = "192.0.2.1";
	self->in.spi = IN;
}

FIXTURE_TEARDOWN(ends)
{
	cpns_test_member_end(&self->m);
}

static bool there(struct cpns_test_member *m, uint32_t spi, uint8_t dir)
{
	struct cpns_test_sa_state state;

	return !cpns_test_sa_get(&m->test, spi, dir, &state);
}

#define ADD(member, sa) do {						\
	struct cpns_test *_test = &(member)->test;			\
									\
	ASSERT_EQ(0, cpns_test_sa_add(_test, sa)) {			\
		TH_LOG("%s", _test->text);				\
	}								\
} while (0)

#define GONE(member, which, why) do {					\
	struct cpns_test_event _event;					\
									\
	ASSERT_EQ(0, cpns_test_event(&(member)->events,			\
				     CPNS_CMD_SA_GONE, 5000, &_event));	\
	EXPECT_EQ(which, _event.spi);					\
	EXPECT_EQ(why, (int)_event.reason);				\
} while (0)

TEST_F_TIMEOUT(ends, replaced_sender_id, 120)
{
	struct cpns_test_member *m = &self->m;

	ADD(m, &self->out);
	ADD(m, &self->in);
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH, MEMBER_SID + 1));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	GONE(m, OUT, CPNS_REASON_NEW_SID);
	EXPECT_FALSE(there(m, OUT, CPNS_DIR_OUT));
	EXPECT_TRUE(there(m, IN, CPNS_DIR_IN));
	/* the old id is refused, the new one sends */
	EXPECT_EQ(-EINVAL, cpns_test_sa_add(&m->test, &self->out));
	self->out.sid = MEMBER_SID + 1;
	ADD(m, &self->out);

	/* one that waits goes too, the active epoch's stays */
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, 55));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	self->out.epoch++;
	self->out.sid = 55;
	self->out.spi++;
	ADD(m, &self->out);
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, 56));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	GONE(m, OUT + 1, CPNS_REASON_NEW_SID);
	EXPECT_TRUE(there(m, OUT, CPNS_DIR_OUT));
	EXPECT_TRUE(there(m, IN, CPNS_DIR_IN));
	EXPECT_EQ(2, cpns_test_sa_count(&m->test, NULL));
}

TEST_F_TIMEOUT(ends, evicted_sender, 120)
{
	struct cpns_test_member *m = &self->m;

	ADD(m, &self->out);
	ADD(m, &self->in);
	self->in.sid++;
	self->in.spi++;
	ADD(m, &self->in);
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, MEMBER_SID));
	m->set.evicted[0] = MEMBER_SID + 100;
	m->set.evicted_count = 1;
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	GONE(m, IN, CPNS_REASON_EVICTED);
	EXPECT_TRUE(there(m, OUT, CPNS_DIR_OUT));
	EXPECT_TRUE(there(m, IN + 1, CPNS_DIR_IN));
	EXPECT_EQ(2, cpns_test_sa_count(&m->test, NULL));
	/* nor can it be added again; in the new epoch it is another's id */
	self->in.sid--;
	self->in.spi--;
	EXPECT_EQ(-EKEYREJECTED, cpns_test_sa_add(&m->test, &self->in));
	EXPECT_STREQ("the sender was evicted", m->test.text);
	self->in.epoch++;
	ADD(m, &self->in);
}

/* at activation the waiting one is in at once, the old one goes 200 ms later */
TEST_F_TIMEOUT(ends, overtaken_sender, 120)
{
	struct cpns_test_member *m = &self->m;
	struct timespec before, after;
	long milliseconds;

	ADD(m, &self->out);
	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, MEMBER_SID));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	self->out.epoch++;
	self->out.spi++;
	ADD(m, &self->out);
	EXPECT_EQ(1, cpns_test_run("ip xfrm state | grep 'spi 0x00001001'"));
	clock_gettime(CLOCK_MONOTONIC, &before);
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid,
					      MEMBER_EPOCH + 1));
	EXPECT_EQ(0, cpns_test_run("ip xfrm state | grep -q 'spi 0x00001001'"));
	GONE(m, OUT, CPNS_REASON_NONE);
	clock_gettime(CLOCK_MONOTONIC, &after);
	milliseconds = (after.tv_sec - before.tv_sec) * 1000 +
		       (after.tv_nsec - before.tv_nsec) / 1000000;
	EXPECT_LE(190, milliseconds);
	EXPECT_TRUE(there(m, OUT + 1, CPNS_DIR_OUT));
	EXPECT_EQ(1, cpns_test_sa_count(&m->test, NULL));
}

/* two that wait are told apart by their marks, as xfrm tells them apart */
TEST_F_TIMEOUT(ends, waiting_with_marks, 120)
{
	struct cpns_test_member *m = &self->m;

	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, MEMBER_SID));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	self->out.epoch++;
	self->out.mark_mask = 0xff;
	for (self->out.mark = 1; self->out.mark <= 2; self->out.mark++)
		ADD(m, &self->out);
	self->out.mark = 1;
	EXPECT_EQ(-EEXIST, cpns_test_sa_add(&m->test, &self->out));
	/* what the mask leaves out does not count */
	self->out.mark = 0x1ff;
	ADD(m, &self->out);
	EXPECT_EQ(-EEXIST, cpns_test_sa_add(&m->test, &self->out));
	self->out.mark = 0x2ff;
	EXPECT_EQ(-EEXIST, cpns_test_sa_add(&m->test, &self->out));
	EXPECT_EQ(0, cpns_test_sa_del(&m->test, &self->out));
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid,
					      MEMBER_EPOCH + 1));
	EXPECT_EQ(0, cpns_test_run("[ $(ip xfrm state | grep -c 'mark 0x[12]/0xff') = 2 ]"));
	EXPECT_EQ(2, cpns_test_sa_count(&m->test, NULL));
}

/* somebody took the SPI while the state waited: told, not silent */
TEST_F_TIMEOUT(ends, spi_taken_meanwhile, 120)
{
	struct cpns_test_member *m = &self->m;

	ASSERT_EQ(0, cpns_test_member_sealed(m, MEMBER_EPOCH + 1, MEMBER_SID));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set));
	self->out.epoch++;
	ADD(m, &self->out);
	ASSERT_EQ(0, cpns_test_run("ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp "
				   "spi 0x1000 mode tunnel " PLAIN));
	ASSERT_EQ(0, cpns_test_epoch_activate(&m->test, m->sgid,
					      MEMBER_EPOCH + 1));
	GONE(m, OUT, CPNS_REASON_NONE);
	EXPECT_EQ(0, cpns_test_sa_count(&m->test, NULL));
}

static int write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	int ret = -1;

	if (file) {
		ret = fputs(text, file);
		fclose(file);
	}
	return ret < 0 ? -1 : chmod(path, 0755);
}

/* request_key(2), answered with a REF by a helper of this test */
static int32_t reference(struct cpns_test_member *m)
{
	char callout[32];
	int32_t key;

	mkdir("/etc/request-key.d", 0755);
	if (write_file(RULE, "create cpns_group * * " HELPER " %k %c\n") ||
	    write_file(HELPER, "#!/bin/bash\n"
		       "printf \"$(sed 's/../\\\\x&/g' <<<\"$2\")\" |\n"
		       "	keyctl pinstantiate $1 0\n"))
		return -errno;
	snprintf(callout, sizeof(callout), "52454601%08x", m->serial);
	key = request_key("cpns_group", m->sgid, callout,
			  KEY_SPEC_PROCESS_KEYRING);
	if (key < 0)
		key = -errno;
	unlink(RULE);
	unlink(HELPER);
	return key;
}

TEST_F_TIMEOUT(ends, revoked_reference, 120)
{
	struct cpns_test_member *m = &self->m;
	int32_t key = reference(m);

	ASSERT_GT(key, 0) {
		TH_LOG("request_key: %s", strerror(-key));
	}
	ASSERT_NE(m->serial, key);
	ADD(m, &self->out);
	ADD(m, &self->in);
	self->in.serial = key;
	self->in.sid++;
	self->in.spi++;
	ADD(m, &self->in);
	self->out.serial = key;
	self->out.spi++;
	ADD(m, &self->out);
	ASSERT_EQ(0, keyctl_revoke(key));
	GONE(m, IN + 1, CPNS_REASON_REVOKED);
	GONE(m, OUT + 1, CPNS_REASON_REVOKED);
	EXPECT_TRUE(there(m, OUT, CPNS_DIR_OUT));
	EXPECT_TRUE(there(m, IN, CPNS_DIR_IN));
	EXPECT_EQ(2, cpns_test_sa_count(&m->test, NULL));
	EXPECT_EQ(-ENOKEY, cpns_test_sa_add(&m->test, &self->out));
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

/* a socket for what comes to port 9 */
static int receiver(void)
{
	const struct sockaddr_in here = {
		.sin_family = AF_INET, .sin_port = htons(9),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const void *)&here, sizeof(here))) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* size of the next packet within that time, or -errno */
static int received(int fd, int milliseconds)
{
	const struct timeval limit = {
		.tv_sec = milliseconds / 1000,
		.tv_usec = milliseconds % 1000 * 1000,
	};
	char data[64];
	ssize_t got;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return -errno;
	got = recv(fd, data, sizeof(data), 0);
	return got < 0 ? -errno : got;
}

/* not only at the next packet: xfrm has them no more, either way */
TEST(end_of_lifetime)
{
	const struct cpns_test_epoch epoch = {
		.sgid = "urn:cpns:test:lifetime", .number = 1, .sid = 1,
		.lifetime = 3 * cpns_test_slowness(),
	};
	struct cpns_test_sa out = {
		.sgid = epoch.sgid, .epoch = 1, .sid = 1, .dir = CPNS_DIR_OUT,
		.src = "10.9.0.1", .dst = "10.9.0.2", .spi = OUT, .reqid = 5,
		.mode = CPNS_SA_MODE_TRANSPORT,
	}, in = out;
	struct cpns_test_member m = { 0 };
	struct cpns_test_sa_state state;
	struct cpns_test_esp esp;
	int fd;

	in.dir = CPNS_DIR_IN;
	in.sid = 2;
	in.src = "10.9.0.2";
	in.dst = "10.9.0.1";
	in.spi = IN;
	ASSERT_EQ(0, cpns_test_lonely());
	ASSERT_EQ(0, cpns_test_run("ip xfrm policy add dir out src 0.0.0.0/0 dst 10.9.0.2/32 "
				   "tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid 5"));
	ASSERT_EQ(0, cpns_test_open(&m.test));
	ASSERT_EQ(0, cpns_test_events_open(&m.events));
	fd = receiver();
	ASSERT_GE(fd, 0);

	ASSERT_LT(0, cpns_test_group_set(&m.test, &epoch)) {
		TH_LOG("%s", m.test.text);
	}
	ADD(&m, &out);
	ADD(&m, &in);
	ASSERT_EQ(0, cpns_test_esp_open(&esp, CPNS_AEAD_RFC4106, &in));
	ASSERT_EQ(0, cpns_test_esp_send(&esp, 1));
	EXPECT_EQ(0, received(fd, 2000));
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	ASSERT_EQ(0, cpns_test_sa_get(&m.test, OUT, CPNS_DIR_OUT, &state));
	EXPECT_EQ(1u, state.packets);

	GONE(&m, OUT, CPNS_REASON_EXPIRED);
	GONE(&m, IN, CPNS_REASON_EXPIRED);
	EXPECT_EQ(CPNS_STATE_NONE, cpns_test_epoch_state(&m.test, epoch.sgid,
							 1));
	EXPECT_EQ(0, cpns_test_sa_count(&m.test, NULL));
	EXPECT_EQ(1, cpns_test_run("ip xfrm state | grep 'proto esp'"));
	ASSERT_EQ(0, cpns_test_esp_send(&esp, 2));
	EXPECT_EQ(-EAGAIN, received(fd, 300));
	EXPECT_EQ(-EKEYEXPIRED, cpns_test_sa_add(&m.test, &in)) {
		TH_LOG("%s", m.test.text);
	}
	close(esp.fd);
	close(fd);
	cpns_test_close(&m.events);
	cpns_test_close(&m.test);
}

TEST_HARNESS_MAIN
