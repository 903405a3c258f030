// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where secrets stand in the kernel's memory, and that they are wiped: the
 * test module cpns_find looks through all of the slab allocator's pages, freed
 * objects too, and the stack of the task that asked for what made the secret.
 * Each test finds its secret while it has to be there, so that finding nothing
 * afterwards says something. Needs the module with allow_raw=1, and root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libmnl/libmnl.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include "kselftest_harness.h"
#include "member.h"
#include "module/cpns_find.h"

#define SID	9
#define SPI	0x7700
/* of one key: its two halves of 16 bytes are looked for */
#define ONCE	2

FIXTURE(wiped)
{
	struct cpns_test_member m;
	uint8_t secret[CPNS_SECRET_SIZE];	/* of an epoch made here */
	int fd;
};

static int find_open(void)
{
	const char *build = getenv("CPNS_BUILD");
	struct utsname name;

	uname(&name);
	if (access("/sys/module/cpns_find", F_OK) &&
	    cpns_test_run("insmod %s/kselftest-module/%s/cpns_find.ko",
			  build ? build : ".", name.release))
		return -ENOENT;
	return open("/dev/cpns_find", O_RDWR | O_CLOEXEC);
}

FIXTURE_SETUP(wiped)
{
	ASSERT_EQ(0, cpns_test_member_begin(&self->m, "wiped")) {
		TH_LOG("%s", self->m.test.text);
	}
	ASSERT_EQ((ssize_t)sizeof(self->secret),
		  getrandom(self->secret, sizeof(self->secret), 0));
	self->fd = find_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(wiped)
{
	close(self->fd);
	cpns_test_member_end(&self->m);
}

/* places in the slab allocator's memory and on this task's kernel stack */
static int found(int fd, const uint8_t *key, size_t size, bool tell)
{
	struct cpns_find find = {
		.pieces = size / CPNS_FIND_PIECE, .tell = tell,
	};

	for (size_t i = 0; i < size; i++)
		find.complement[i] = ~key[i];
	if (ioctl(fd, CPNS_FIND_RUN, &find) < 0)
		return -errno;
	if (tell && (find.slab || find.stack))
		printf("# slab %u, stack %u\n", find.slab, find.stack);
	return find.slab + find.stack;
}

/* what ends in the kernel's own time; 0, or how often it is still there */
static int stays(int fd, const uint8_t *key, size_t size)
{
	int count = 1;

	for (int i = 0; count > 0 && i < 20; i++) {
		count = found(fd, key, size, false);
		if (count)
			usleep(500000);
	}
	return count ? found(fd, key, size, true) : 0;
}

#define EXPECT_THERE(times, key) \
	EXPECT_EQ(times, found(self->fd, key, sizeof(key), false))
#define EXPECT_WIPED(key) \
	EXPECT_EQ(0, found(self->fd, key, sizeof(key), true))

/* a clear secret as epoch @number, which follows at once */
static int32_t set_secret(struct cpns_test_member *m, uint32_t number,
			  const uint8_t *secret)
{
	const struct cpns_test_epoch epoch = {
		.sgid = m->sgid, .number = number, .dtd = 1, .sid = SID,
		.secret = secret,
	};

	return cpns_test_group_set(&m->test, &epoch);
}

/* the group's next message, with the epoch secret made here */
static int sealed(struct cpns_test_member *m, uint32_t number,
		  const uint8_t *secret)
{
	const struct cpns_test_epoch epoch = {
		.sgid = m->sgid, .number = number, .dtd = 1, .secret = secret,
	};
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = number, .sid = SID,
	};
	int ret = cpns_test_set_begin(&m->set, &epoch);

	if (!ret)
		ret = cpns_test_set_seal(&m->set, m->node.public, &leaf);
	if (!ret)
		ret = cpns_test_set_item(&m->set, 0, number, MEMBER_LEAF,
					 number);
	return ret;
}

/* The request has it in clear: its buffer, the stage and the stack. */
TEST_F_TIMEOUT(wiped, epoch_secret, 300)
{
	struct cpns_test_member *m = &self->m;
	uint8_t prk[CPNS_SECRET_SIZE], other[CPNS_SECRET_SIZE];

	ASSERT_EQ(0, cpns_test_prk(m->sgid, 6, self->secret, prk));
	EXPECT_WIPED(prk);
	ASSERT_GT(set_secret(m, 6, self->secret), 0) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_WIPED(self->secret);
	EXPECT_THERE(ONCE, prk);

	/* it lives as long as its epoch, who holds that or not */
	EXPECT_GE(cpns_test_keyed(m->serial, 6, SID), 0);
	ASSERT_EQ((ssize_t)sizeof(other), getrandom(other, sizeof(other), 0));
	ASSERT_GT(set_secret(m, 7, other), 0);
	EXPECT_EQ(0, stays(self->fd, prk, sizeof(prk)));
	EXPECT_EQ(CPNS_STATE_NONE, cpns_test_epoch_state(&m->test, m->sgid, 6));

	ASSERT_EQ(0, cpns_test_prk(m->sgid, 7, other, prk));
	EXPECT_THERE(ONCE, prk);
	ASSERT_EQ(0, cpns_test_group_revoke(&m->test, m->sgid));
	EXPECT_WIPED(prk);
	EXPECT_WIPED(other);
}

/* Refused before the secret is looked at, and after. */
TEST_F_TIMEOUT(wiped, refused_secret, 300)
{
	struct cpns_test_member *m = &self->m;
	uint8_t prk[CPNS_SECRET_SIZE];
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	/* the key check value of another secret */
	ASSERT_EQ(0, cpns_test_member_next(m, 6));
	m->set.secret = self->secret;
	m->set.has_sid = true;
	m->set.sid = SID;
	EXPECT_REFUSED(m, -EKEYREJECTED,
		       "the key check value does not match the epoch secret");
	ASSERT_EQ(0, cpns_test_prk(m->sgid, 6, self->secret, prk));
	EXPECT_WIPED(self->secret);
	EXPECT_WIPED(prk);

	/* no sender id */
	m->set.has_sid = false;
	EXPECT_REFUSED(m, -EINVAL,
		       "SECRET stands alone with SID, and has 32 bytes");
	EXPECT_WIPED(self->secret);

	/* a command that has no secret */
	message = cpns_test_message(&m->test, buffer, CPNS_CMD_GROUP_REVOKE, 0);
	mnl_attr_put_strz(message, CPNS_A_SGID, m->sgid);
	mnl_attr_put(message, CPNS_A_SECRET, sizeof(self->secret),
		     self->secret);
	EXPECT_EQ(-EINVAL, cpns_test_talk(&m->test, message, NULL, NULL));
	EXPECT_WIPED(self->secret);
	EXPECT_EQ(0, cpns_test_member_changed(m));
}

/* What SEAL and ITEM carry: the KEK table has its keys once, nothing else. */
TEST_F_TIMEOUT(wiped, wrapping_keys, 300)
{
	struct cpns_test_member *m = &self->m;
	uint8_t leaf[CPNS_SECRET_SIZE], kek[CPNS_SECRET_SIZE];
	uint8_t next[CPNS_SECRET_SIZE];

	cpns_test_kek(MEMBER_LEAF, 1, leaf);
	cpns_test_kek(MEMBER_KEK, 9, kek);
	EXPECT_THERE(ONCE, leaf);
	EXPECT_THERE(ONCE, kek);

	/* a new epoch's SEAL empties the table */
	cpns_test_kek(MEMBER_LEAF, 6, next);
	ASSERT_EQ(0, sealed(m, 6, self->secret));
	ASSERT_EQ(m->serial, cpns_test_set_send(&m->test, &m->set)) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_THERE(ONCE, next);
	EXPECT_WIPED(leaf);
	EXPECT_WIPED(kek);
	EXPECT_WIPED(self->secret);

	/* a message that is refused in its last ITEM has opened the others */
	cpns_test_kek(MEMBER_LEAF, 7, leaf);
	cpns_test_kek(MEMBER_KEK, 10, kek);
	ASSERT_EQ((ssize_t)sizeof(self->secret),
		  getrandom(self->secret, sizeof(self->secret), 0));
	ASSERT_EQ(0, sealed(m, 7, self->secret));
	ASSERT_EQ(0, cpns_test_set_item(&m->set, MEMBER_KEK, 10, MEMBER_LEAF,
					7));
	m->set.item[1][CPNS_ITEM_SIZE - 1] ^= 1;
	EXPECT_EQ(-EKEYREJECTED, cpns_test_set_send(&m->test, &m->set));
	EXPECT_STREQ("a wrapped KEK does not open", m->test.text);
	EXPECT_WIPED(leaf);
	EXPECT_WIPED(kek);
	EXPECT_WIPED(self->secret);
	EXPECT_THERE(ONCE, next);

	ASSERT_EQ(0, cpns_test_group_revoke(&m->test, m->sgid));
	EXPECT_WIPED(next);
}

/* The inner cipher's schedule begins with the key, and goes with its socket. */
TEST_F_TIMEOUT(wiped, traffic_key, 300)
{
	struct cpns_test_member *m = &self->m;
	uint8_t key[32];
	int fd;

	ASSERT_GT(set_secret(m, 6, self->secret), 0);
	ASSERT_EQ(0, cpns_test_traffic_key(m->sgid, 6, self->secret,
					   CPNS_USE_AF_ALG, CPNS_AEAD_GCM, SID,
					   sizeof(key), key, sizeof(key)));
	EXPECT_WIPED(key);
	fd = cpns_test_keyed(m->serial, 6, SID);
	ASSERT_GE(fd, 0);
	EXPECT_GE(found(self->fd, key, sizeof(key), false), 1);
	close(fd);
	EXPECT_EQ(0, stays(self->fd, key, sizeof(key)));
}

/* Of a state: the cipher's again, and goes with the state. */
TEST_F_TIMEOUT(wiped, traffic_key_of_a_state, 300)
{
	const struct cpns_test_sa sa = {
		.sgid = self->m.sgid, .epoch = 6, .sid = SID,
		.dir = CPNS_DIR_OUT, .src = "192.0.2.1", .dst = "192.0.2.2",
		.spi = SPI, .mode = CPNS_SA_MODE_TUNNEL,
	};
	struct cpns_test_member *m = &self->m;
	uint8_t key[36];

	ASSERT_GT(set_secret(m, 6, self->secret), 0);
	ASSERT_EQ(0, cpns_test_traffic_key(m->sgid, 6, self->secret,
					   CPNS_USE_ESP, CPNS_AEAD_RFC4106, SID,
					   32, key, sizeof(key)));
	ASSERT_EQ(0, cpns_test_sa_add(&m->test, &sa)) {
		TH_LOG("%s", m->test.text);
	}
	EXPECT_GE(found(self->fd, key, 32, false), 1);
	ASSERT_EQ(0, cpns_test_sa_del(&m->test, &sa));
	EXPECT_EQ(0, stays(self->fd, key, 32));
}

TEST_HARNESS_MAIN
