// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation of each of these operations fails once, one after the other
 * (/proc/self/fail-nth). An operation that fails says so with a clean errno
 * and changes nothing; the group works on; the same operation succeeds when
 * tried again. The runner looks at the kernel's log and at kmemleak.
 *
 * Needs the debug kernel, the module with allow_raw=1 and root; everywhere
 * else it is skipped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/if_alg.h>
#include "kselftest_harness.h"
#include "fault.h"
#include "member.h"

#ifndef SOL_ALG
#define SOL_ALG 279
#endif

/* no operation allocates this often */
#define MOST 600
#define TEXT (256 * 1024)
#define SA_SRC "192.0.2.1"
#define SA_DST "192.0.2.2"

FIXTURE(fault)
{
	struct cpns_test_member member;
	struct cpns_test_set set;	/* what is tried */
	struct cpns_test_sa sa;
	char sgid[96];			/* of the group that is tried */
	uint32_t number;		/* newest epoch of the member's group */
	uint16_t sid;
	int parent;			/* AF_ALG */
	char *before, *after;
};

FIXTURE_SETUP(fault)
{
	int ret = cpns_test_fault_ready();

	if (ret == -ENOENT)
		SKIP(return, "this kernel injects no faults");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, cpns_test_member_begin(&self->member, "fault")) {
		TH_LOG("%s", self->member.test.text);
	}
	self->number = MEMBER_EPOCH;
	self->parent = -1;
	self->before = malloc(TEXT);
	self->after = malloc(TEXT);
	ASSERT_NE(NULL, self->before);
	ASSERT_NE(NULL, self->after);
}

FIXTURE_TEARDOWN(fault)
{
	cpns_test_member_end(&self->member);
	free(self->before);
	free(self->after);
}

/* groups, node key, states */
static int look(FIXTURE_DATA(fault) *self, char *text)
{
	struct cpns_test *test = &self->member.test;
	struct cpns_test_node node;
	int ret = cpns_test_groups(test, text, TEXT - 256);
	size_t size = strlen(text);

	if (!ret)
		ret = cpns_test_node(test, CPNS_CMD_NODE_GET, &node);
	for (int i = 0; i < CPNS_X25519_SIZE; i++)
		size += sprintf(text + size, "%02x", node.public[i]);
	sprintf(text + size, " %d", cpns_test_sa_count(test, NULL));
	return ret;
}

struct operation {
	int (*prepare)(FIXTURE_DATA(fault) *self, unsigned int n);
	int (*act)(FIXTURE_DATA(fault) *self);
	/* what it did is there, whole; and make room for the next */
	int (*verify)(FIXTURE_DATA(fault) *self);
};

/*
 * -ENOBUFS: the answer itself had no memory, so that nobody can tell
 * the sender whether the request was carried out (netlink(7)).
 */
static void one_failure(struct __test_metadata *_metadata,
			FIXTURE_DATA(fault) *self,
			const struct operation *operation, unsigned int n,
			int ret)
{
	EXPECT_TRUE(ret == -ENOMEM || ret == -ENOBUFS) {
		TH_LOG("allocation %u: %s", n, strerror(-ret));
	}
	EXPECT_EQ(0, look(self, self->after));
	if (strcmp(self->before, self->after)) {
		EXPECT_EQ(-ENOBUFS, ret) {
			TH_LOG("after allocation %u failed: not %s but %s", n,
			       self->before, self->after);
		}
		return;
	}
	EXPECT_EQ(0, cpns_test_member_changed(&self->member)) {
		TH_LOG("after allocation %u failed", n);
	}
	ret = operation->act(self);
	EXPECT_EQ(0, ret) {
		TH_LOG("again, after allocation %u failed: %s, %s", n,
		       strerror(-ret), self->member.test.text);
	}
}

static void fail_each(struct __test_metadata *_metadata,
		      FIXTURE_DATA(fault) *self,
		      const struct operation *operation)
{
	unsigned int n, failures = 0;
	bool fired = true;
	int ret;

	for (n = 1; fired && n < MOST; n++) {
		if (operation->prepare)
			ASSERT_EQ(0, operation->prepare(self, n)) {
				TH_LOG("%s", self->member.test.text);
			}
		ASSERT_EQ(0, look(self, self->before));
		ASSERT_EQ(0, cpns_test_fault_arm(n));
		ret = operation->act(self);
		fired = cpns_test_fault_fired();
		if (!fired)
			EXPECT_EQ(0, ret);
		if (ret) {
			failures++;
			one_failure(_metadata, self, operation, n, ret);
		}
		if (operation->verify) {
			ret = operation->verify(self);
			ASSERT_EQ(0, ret) {
				TH_LOG("allocation %u, not whole: %s", n,
				       strerror(-ret));
			}
		}
	}
	EXPECT_FALSE(fired);
	EXPECT_GT(failures, 0);
	TH_LOG("%u allocations, %u of them were needed", n - 2, failures);
}

/* --- GROUP_SET --------------------------------------------------------- */

/* @self->set: SEAL with a leaf KEK of its own, an ITEM with the secret */
static int seal(FIXTURE_DATA(fault) *self, const char *sgid, uint32_t number,
		uint16_t sid)
{
	const struct cpns_test_epoch epoch = {
		.sgid = sgid, .number = number,
	};
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = 1000 + number, .sid = sid,
	};
	int ret = cpns_test_set_begin(&self->set, &epoch);

	self->sid = sid;
	if (!ret)
		ret = cpns_test_set_seal(&self->set, self->member.node.public,
					 &leaf);
	if (!ret)
		ret = cpns_test_set_item(&self->set, 0, number, leaf.id,
					 leaf.version);
	return ret;
}

static int send_set(FIXTURE_DATA(fault) *self)
{
	int ret = cpns_test_set_send(&self->member.test, &self->set);

	return ret < 0 ? ret : 0;
}

static int prepare_group(FIXTURE_DATA(fault) *self, unsigned int n)
{
	snprintf(self->sgid, sizeof(self->sgid), "%s-%u", self->member.sgid, n);
	return seal(self, self->sgid, 1, 9);
}

static int verify_group(FIXTURE_DATA(fault) *self)
{
	/* its key's serial; an answer may have been lost */
	int ret = cpns_test_set_send(&self->member.test, &self->set);

	if (ret > 0)
		ret = cpns_test_works(ret, 1, 9);
	if (!ret)
		ret = cpns_test_group_revoke(&self->member.test, self->sgid);
	return ret;
}

TEST_F_TIMEOUT(fault, new_group, 900)
{
	static const struct operation operation = {
		prepare_group, send_set, verify_group,
	};

	fail_each(_metadata, self, &operation);
}

/* the epoch before ends at once: EVICTED */
static int prepare_epoch(FIXTURE_DATA(fault) *self, unsigned int n)
{
	int ret = seal(self, self->member.sgid, self->number + 1, MEMBER_SID);

	self->set.evicted[self->set.evicted_count++] = 1000 + n % 7;
	return ret;
}

/* this is now what refusals must leave as it is */
static int verify_epoch(FIXTURE_DATA(fault) *self)
{
	struct cpns_test_member *m = &self->member;
	int state = cpns_test_epoch_state(&m->test, m->sgid, self->number + 1);

	if (state != CPNS_STATE_ACTIVE)
		return state < 0 ? state : -EUCLEAN;
	self->number++;
	close(m->fd);
	m->fd = cpns_test_keyed(m->serial, 0, self->sid);
	if (m->fd < 0)
		return m->fd;
	state = cpns_test_line(m->serial, m->line);
	return state ? state : cpns_test_member_changed(m);
}

TEST_F_TIMEOUT(fault, next_epoch, 900)
{
	static const struct operation operation = {
		prepare_epoch, send_set, verify_epoch,
	};

	fail_each(_metadata, self, &operation);
}

/* a new epoch, then another sender id for it */
static int prepare_sender(FIXTURE_DATA(fault) *self, unsigned int n)
{
	int ret = prepare_epoch(self, n);

	if (!ret)
		ret = send_set(self);
	if (!ret)
		ret = verify_epoch(self);
	return ret ? ret : seal(self, self->member.sgid, self->number,
				MEMBER_SID + 1);
}

static int verify_sender(FIXTURE_DATA(fault) *self)
{
	struct cpns_test_member *m = &self->member;
	int ret = cpns_test_works(m->serial, self->number, MEMBER_SID + 1);

	/* the old sender id encrypts no more */
	return ret ? ret : cpns_test_works(m->serial, self->number,
					   MEMBER_SID) ? 0 : -EUCLEAN;
}

TEST_F_TIMEOUT(fault, new_sender_id, 900)
{
	static const struct operation operation = {
		prepare_sender, send_set, verify_sender,
	};

	fail_each(_metadata, self, &operation);
}

/* --- other commands ---------------------------------------------------- */

static int act_rotate(FIXTURE_DATA(fault) *self)
{
	return cpns_test_node(&self->member.test, CPNS_CMD_NODE_ROTATE, NULL);
}

TEST_F_TIMEOUT(fault, node_rotate, 900)
{
	static const struct operation operation = { .act = act_rotate };

	fail_each(_metadata, self, &operation);
}

static int prepare_activate(FIXTURE_DATA(fault) *self, unsigned int n)
{
	const struct cpns_test_epoch epoch = {
		.sgid = self->sgid, .number = 2, .atd = 600, .dtd = 900,
		.sid = 9,
	};
	struct cpns_test *test = &self->member.test;
	int ret = prepare_group(self, n);

	if (!ret)
		ret = send_set(self);
	if (!ret)
		ret = cpns_test_group_set(test, &epoch);
	return ret < 0 ? ret : 0;
}

static int act_activate(FIXTURE_DATA(fault) *self)
{
	return cpns_test_epoch_activate(&self->member.test, self->sgid, 2);
}

static int verify_activate(FIXTURE_DATA(fault) *self)
{
	struct cpns_test *test = &self->member.test;

	if (cpns_test_epoch_state(test, self->sgid, 2) != CPNS_STATE_ACTIVE ||
	    cpns_test_epoch_state(test, self->sgid, 1) != CPNS_STATE_RXONLY)
		return -EUCLEAN;
	return cpns_test_group_revoke(test, self->sgid);
}

TEST_F_TIMEOUT(fault, epoch_activate, 900)
{
	static const struct operation operation = {
		prepare_activate, act_activate, verify_activate,
	};

	fail_each(_metadata, self, &operation);
}

static int prepare_revoke(FIXTURE_DATA(fault) *self, unsigned int n)
{
	int ret = prepare_group(self, n);

	return ret ? ret : send_set(self);
}

static int act_revoke(FIXTURE_DATA(fault) *self)
{
	return cpns_test_group_revoke(&self->member.test, self->sgid);
}

static int verify_revoke(FIXTURE_DATA(fault) *self)
{
	return cpns_test_epoch_state(&self->member.test, self->sgid, 1) ==
	       CPNS_STATE_NONE ? 0 : -EUCLEAN;
}

TEST_F_TIMEOUT(fault, group_revoke, 900)
{
	static const struct operation operation = {
		prepare_revoke, act_revoke, verify_revoke,
	};

	fail_each(_metadata, self, &operation);
}

/* --- SA_ADD ------------------------------------------------------------ */

static int prepare_sa(FIXTURE_DATA(fault) *self, unsigned int n)
{
	self->sa.spi = 0x1000 + n;
	return 0;
}

static int act_sa(FIXTURE_DATA(fault) *self)
{
	return cpns_test_sa_add(&self->member.test, &self->sa);
}

static int verify_sa(FIXTURE_DATA(fault) *self)
{
	struct cpns_test *test = &self->member.test;
	int ret = cpns_test_sa_get(test, self->sa.spi, self->sa.dir, NULL);

	if (!ret)
		ret = cpns_test_sa_del(test, &self->sa);
	if (!ret && cpns_test_run("ip xfrm state | grep ."))
		return cpns_test_sa_count(test, NULL) ? -EUCLEAN : 0;
	return ret ? ret : -EUCLEAN;
}

TEST_F_TIMEOUT(fault, sa_add_in, 900)
{
	static const struct operation operation = {
		prepare_sa, act_sa, verify_sa,
	};

	self->sa = (struct cpns_test_sa) {
		.sgid = self->member.sgid, .epoch = MEMBER_EPOCH, .sid = 44,
		.dir = CPNS_DIR_IN, .mode = CPNS_SA_MODE_TUNNEL,
		.src = SA_SRC, .dst = SA_DST, .reqid = 9, .window = 64,
	};
	fail_each(_metadata, self, &operation);
}

/* --- AF_ALG ------------------------------------------------------------ */

static int prepare_key(FIXTURE_DATA(fault) *self, unsigned int n)
{
	struct sockaddr_alg name = {
		.salg_family = AF_ALG,
		.salg_type = "aead",
		.salg_name = "cpns(gcm(aes))",
	};

	self->parent = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return self->parent < 0 ||
	       bind(self->parent, (void *)&name, sizeof(name)) ? -errno : 0;
}

static int act_key(FIXTURE_DATA(fault) *self)
{
	struct cpns_handle handle;

	cpns_test_handle(&handle, self->member.serial, 0, MEMBER_SID,
			 CPNS_USE_AF_ALG, 32);
	return setsockopt(self->parent, SOL_ALG, ALG_SET_KEY, &handle,
			  sizeof(handle)) ? -errno : 0;
}

static int verify_key(FIXTURE_DATA(fault) *self)
{
	uint8_t sealed[CPNS_TEST_SEALED];
	int fd, ret;

	if (setsockopt(self->parent, SOL_ALG, ALG_SET_AEAD_AUTHSIZE, NULL, 16))
		return -errno;
	fd = accept(self->parent, NULL, 0);
	close(self->parent);
	ret = fd < 0 ? -errno : cpns_test_out(fd, sealed);
	if (!ret)
		ret = cpns_test_back(self->member.fd, sealed);
	close(fd);
	return ret;
}

TEST_F_TIMEOUT(fault, af_alg_set_key, 900)
{
	static const struct operation operation = {
		prepare_key, act_key, verify_key,
	};

	fail_each(_metadata, self, &operation);
}

TEST_HARNESS_MAIN
