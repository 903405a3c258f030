// SPDX-License-Identifier: GPL-2.0-only
/*
 * ESP states by SA_ADD: traffic between two namespaces in every family and
 * mode, change of epochs without loss, replay, and every way to end. Needs the
 * module with allow_raw=1, root, iproute2, ping.
 *
 *   cpns-a  10.9.0.1 2001:db8:9::1 ---- veth ---- 10.9.0.2 2001:db8:9::2  cpns-b
 *   inner   10.1.0.1 2001:db8:1::1                10.2.0.1 2001:db8:2::1
 *
 * Sender 1 is a, sender 2 is b.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include "kselftest_harness.h"
#include "clear.h"
#include "cpns_test.h"

#define REQID 0x40000007
#define V4_A "10.9.0.1"
#define V4_B "10.9.0.2"
#define V6_A "2001:db8:9::1"
#define V6_B "2001:db8:9::2"

static const char *const names[2] = { "cpns-a", "cpns-b" };

FIXTURE(esp)
{
	struct cpns_test test[2];
	struct cpns_test events;
	char sgid[64];
	int32_t serial[2];
};

/* requests must come from the socket's namespace */
static struct cpns_test *in(struct cpns_test *test, int side)
{
	return cpns_test_enter(names[side]) ? NULL : &test[side];
}

static int epoch_set(struct cpns_test *test, const char *sgid, uint32_t number,
		     uint32_t atd, int32_t *serial)
{
	for (int side = 0; side < 2; side++) {
		struct cpns_test_epoch epoch = {
			.sgid = sgid, .number = number, .atd = atd,
			.dtd = atd + 3, .sid = side + 1,
		};

		serial[side] = cpns_test_group_set(in(test, side), &epoch);
		if (serial[side] < 0)
			return serial[side];
	}
	return 0;
}

/* both directions on both sides; SPIs tell epoch and sender */
static int pair_add(struct cpns_test *test, const char *sgid, uint32_t epoch,
		    const char *a, const char *b, uint8_t mode)
{
	for (int side = 0; side < 2; side++)
		for (int sender = 0; sender < 2; sender++) {
			struct cpns_test_sa sa = {
				.sgid = sgid, .epoch = epoch, .sid = sender + 1,
				.dir = side == sender ? CPNS_DIR_OUT :
							CPNS_DIR_IN,
				.src = sender ? b : a, .dst = sender ? a : b,
				.spi = 0x1000 * epoch + sender,
				.reqid = REQID, .mode = mode,
			};
			int ret = cpns_test_sa_add(in(test, side), &sa);

			if (ret)
				return ret;
		}
	return 0;
}

static int policies(const char *mode, const char *a, const char *b,
		    const char *inner_a, const char *inner_b)
{
	const char *outer[2] = { a, b }, *inner[2] = { inner_a, inner_b };
	int ret = 0;

	for (int side = 0; side < 2 && !ret; side++)
		ret = cpns_test_run("ip -n %s xfrm policy add dir out src %s dst %s tmpl src %s dst %s proto esp reqid %u mode %s && "
				    "ip -n %s xfrm policy add dir in src %s dst %s tmpl src %s dst %s proto esp reqid %u mode %s",
				    names[side], inner[side], inner[!side],
				    outer[side], outer[!side], REQID, mode,
				    names[side], inner[!side], inner[side],
				    outer[!side], outer[side], REQID, mode);
	return ret;
}

static int ping(const char *options, const char *address)
{
	return cpns_test_run("ip netns exec cpns-a ping -q -W 2 %s %s", options,
			     address);
}

/*
 * Packets that left cpns-a in clear since @fd was opened, and @target did not
 * answer; -ENODATA if a packet in clear would not even have been seen.
 */
static int left_in_clear(int fd, const char *target)
{
	int seen = ping("-c 1", target) ? cpns_test_clear_seen(fd) : -EPERM;

	cpns_test_run("ip -n cpns-a xfrm policy flush");
	ping("-c 1", target);
	if (!seen && cpns_test_clear_seen(fd) < 1)
		seen = -ENODATA;
	close(fd);
	return seen;
}

FIXTURE_SETUP(esp)
{
	snprintf(self->sgid, sizeof(self->sgid), "urn:cpns:test:esp-%d",
		 getpid());
	cpns_test_run("ip netns del cpns-a 2>/dev/null; ip netns del cpns-b 2>/dev/null; true");
	/* few processes: each takes a second on a debug kernel */
	ASSERT_EQ(0, cpns_test_run("set -e; ip netns add cpns-a; ip netns add cpns-b\n"
		"ip -n cpns-a link add eth type veth peer name eth netns cpns-b\n"
		"for n in 1:2:a 2:1:b; do x=${n%%%%:*}; n=${n#*:}; y=${n%%%%:*}\n"
		"ip -n cpns-${n#*:} -batch - <<END\n"
		"link set lo up\n"
		"addr add 10.9.0.$x/24 dev eth\n"
		"addr add 2001:db8:9::$x/64 dev eth nodad\n"
		"addr add 10.$x.0.1/32 dev lo\n"
		"addr add 2001:db8:$x::1/128 dev lo nodad\n"
		"link set eth up\n"
		"route add 10.$y.0.0/24 via 10.9.0.$y src 10.$x.0.1\n"
		"route add 2001:db8:$y::/64 via 2001:db8:9::$y src 2001:db8:$x::1\n"
		"END\n"
		"done"));
	for (int side = 0; side < 2; side++) {
		ASSERT_EQ(0, cpns_test_enter(names[side]));
		ASSERT_EQ(0, cpns_test_open(&self->test[side]));
	}
	ASSERT_EQ(0, cpns_test_enter(names[0]));
	ASSERT_EQ(0, cpns_test_events_open(&self->events));
	ASSERT_EQ(0, epoch_set(self->test, self->sgid, 1, 0, self->serial));
}

FIXTURE_TEARDOWN(esp)
{
	for (int side = 0; side < 2; side++)
		cpns_test_close(&self->test[side]);
	cpns_test_close(&self->events);
	/* with states alive: the namespace's end must end them */
	cpns_test_run("ip netns del cpns-a; ip netns del cpns-b");
}

FIXTURE_VARIANT(esp)
{
	uint8_t mode;
	bool v6;
};

FIXTURE_VARIANT_ADD(esp, tunnel4) { CPNS_SA_MODE_TUNNEL, false };
FIXTURE_VARIANT_ADD(esp, transport6) { CPNS_SA_MODE_TRANSPORT, true };

struct world {
	const char *a, *b, *mode, *inner_a, *inner_b, *target;
};

static struct world world_of(uint8_t mode, bool v6)
{
	struct world world = { V4_A, V4_B, "tunnel", "10.1.0.0/24",
			       "10.2.0.0/24", "10.2.0.1" };

	if (v6) {
		world.a = V6_A;
		world.b = V6_B;
		world.inner_a = "2001:db8:1::/64";
		world.inner_b = "2001:db8:2::/64";
		world.target = "2001:db8:2::1";
	}
	if (mode == CPNS_SA_MODE_TRANSPORT) {
		world.mode = "transport";
		world.inner_a = world.a;
		world.inner_b = world.b;
		world.target = world.b;
	}
	return world;
}

#define ESTABLISH(self, variant, world) do {				\
	world = world_of((variant)->mode, (variant)->v6);		\
	ASSERT_EQ(0, pair_add((self)->test, (self)->sgid, 1, world.a,	\
			      world.b, (variant)->mode));		\
	ASSERT_EQ(0, policies(world.mode, world.a, world.b,		\
			      world.inner_a, world.inner_b));		\
	ASSERT_EQ(0, ping("-c 3 -i 0.2", world.target));		\
} while (0)

TEST_F_TIMEOUT(esp, carries_and_shows_no_key, 180)
{
	struct cpns_test_sa_state state;
	uint8_t key[36], secret[CPNS_SECRET_SIZE];
	char handle[32], hex[80];
	struct world world;

	ESTABLISH(self, variant, world);
	ASSERT_EQ(0, cpns_test_sa_get(in(self->test, 0), 0x1000, CPNS_DIR_OUT,
				      &state));
	EXPECT_LE(3u, state.packets);
	EXPECT_EQ(CPNS_STATE_ACTIVE, (int)state.state);
	EXPECT_EQ(state.packets, state.seq);
	ASSERT_EQ(0, cpns_test_sa_get(in(self->test, 1), 0x1000, CPNS_DIR_IN,
				      &state));
	EXPECT_LE(3u, state.packets);
	EXPECT_EQ(128u, state.window);
	/* larger than a page: fragments, several pieces in a list */
	EXPECT_EQ(0, ping("-c 2 -i 0.2 -s 6000", world.target));

	cpns_test_secret(1, secret);
	ASSERT_EQ(0, cpns_test_traffic_key(self->sgid, 1, secret, CPNS_USE_ESP,
					   CPNS_AEAD_RFC4106, 1, 32, key, 36));
	for (int i = 0; i < 8; i++)
		sprintf(hex + 2 * i, "%02x", key[i]);
	snprintf(handle, sizeof(handle), "0x%08x0000000100010120",
		 self->serial[0]);
	EXPECT_EQ(0, cpns_test_run("ip -n cpns-a xfrm state | grep -q 'aead rfc4106(gcm(aes)) %s 128'",
				   handle));
	EXPECT_EQ(1, cpns_test_run("ip -n cpns-a xfrm state | grep -i '%s'",
				   hex));
}

TEST_F_TIMEOUT(esp, next_epoch_without_loss, 180)
{
	struct cpns_test_event event;
	struct world world;

	ESTABLISH(self, variant, world);
	ASSERT_EQ(0, epoch_set(self->test, self->sgid, 2, 8, self->serial));
	ASSERT_EQ(0, pair_add(self->test, self->sgid, 2, world.a, world.b,
			      variant->mode));
	/* prepared: ours knows it, xfrm does not */
	EXPECT_EQ(4, cpns_test_sa_count(in(self->test, 0), self->sgid));
	EXPECT_EQ(1, cpns_test_run("ip -n cpns-a xfrm state | grep 'spi 0x00002000'"));
	EXPECT_EQ(0, cpns_test_run("ip netns exec cpns-a ping -q -i 0.04 -c 250 -W 10 %s | tee /dev/stderr | grep -q ' 0%% packet loss'",
				   world.target));
	EXPECT_EQ(0, cpns_test_run("ip -n cpns-a xfrm state | grep -q 'spi 0x00002000'"));
	/* the old outbound one goes first, then with the epoch the inbound */
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_GONE, 5000,
				     &event));
	EXPECT_EQ(0x1000u, event.spi);
	EXPECT_EQ(CPNS_DIR_OUT, event.dir);
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_GONE, 9000,
				     &event));
	EXPECT_EQ(0x1001u, event.spi);
	EXPECT_EQ(2, cpns_test_sa_count(in(self->test, 0), self->sgid));
	EXPECT_EQ(0, ping("-c 1", world.target));
}

TEST_F_TIMEOUT(esp, revoke_stops_closed, 180)
{
	struct cpns_test_event event;
	struct world world;
	int clear;

	ESTABLISH(self, variant, world);
	clear = in(self->test, 0) ? cpns_test_clear_open("eth") : -1;
	ASSERT_GE(clear, 0);
	ASSERT_EQ(0, cpns_test_group_revoke(in(self->test, 0), self->sgid));
	EXPECT_EQ(0, left_in_clear(clear, world.target));
	EXPECT_EQ(0, cpns_test_sa_count(in(self->test, 0), NULL));
	EXPECT_EQ(1, cpns_test_run("ip -n cpns-a xfrm state | grep 'aead'"));
	EXPECT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_GONE, 1000,
				     &event));
	EXPECT_EQ(CPNS_REASON_REVOKED, (int)event.reason);
	EXPECT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_GROUP_GONE, 1000,
				     &event));
}

/* the families and modes the variants leave out, over other epochs' SPIs */
TEST_F_TIMEOUT(esp, other_family_in_the_same_namespaces, 180)
{
	struct world world = world_of(variant->mode, !variant->v6);

	ASSERT_EQ(0, pair_add(self->test, self->sgid, 1, world.a, world.b,
			      variant->mode));
	ASSERT_EQ(0, policies(world.mode, world.a, world.b, world.inner_a,
			      world.inner_b));
	EXPECT_EQ(0, ping("-c 2 -i 0.2", world.target));
}

/* the four states of pair_add(), one of them */
static struct cpns_test_sa one_of(const char *sgid, const struct world *world,
				  uint8_t mode, uint16_t sid, uint8_t dir)
{
	struct cpns_test_sa sa = {
		.sgid = sgid, .epoch = 1, .sid = sid, .dir = dir,
		.src = sid == 1 ? world->a : world->b,
		.dst = sid == 1 ? world->b : world->a,
		.spi = 0x1000 + sid - 1, .reqid = REQID, .mode = mode,
	};

	return sa;
}

TEST_F_TIMEOUT(esp, added_again_continues, 180)
{
	struct cpns_test_sa_state before, after;
	struct cpns_test_sa sa;
	struct world world;

	ESTABLISH(self, variant, world);
	sa = one_of(self->sgid, &world, variant->mode, 1, CPNS_DIR_OUT);
	ASSERT_EQ(0, cpns_test_sa_get(in(self->test, 0), sa.spi, sa.dir,
				      &before));
	ASSERT_EQ(0, cpns_test_sa_del(&self->test[0], &sa));
	ASSERT_EQ(0, cpns_test_sa_add(&self->test[0], &sa));
	ASSERT_EQ(0, cpns_test_sa_get(&self->test[0], sa.spi, sa.dir, &after));
	EXPECT_LE(before.seq, after.seq);
	EXPECT_EQ(0, ping("-c 2 -i 0.2", world.target));

	sa.dir = CPNS_DIR_IN;
	ASSERT_EQ(0, cpns_test_sa_get(in(self->test, 1), sa.spi, sa.dir,
				      &before));
	EXPECT_LT(0u, before.seq);
	ASSERT_EQ(0, cpns_test_sa_del(&self->test[1], &sa));
	ASSERT_EQ(0, cpns_test_sa_add(&self->test[1], &sa));
	ASSERT_EQ(0, cpns_test_sa_get(&self->test[1], sa.spi, sa.dir, &after));
	EXPECT_EQ(before.seq, after.seq);
	EXPECT_EQ(0, ping("-c 2 -i 0.2", world.target));
}

TEST_F_TIMEOUT(esp, flushed_stops_closed, 180)
{
	struct cpns_test_event event;
	struct world world;
	int clear;

	ESTABLISH(self, variant, world);
	clear = in(self->test, 0) ? cpns_test_clear_open("eth") : -1;
	ASSERT_GE(clear, 0);
	ASSERT_EQ(0, cpns_test_run("ip -n cpns-a xfrm state flush"));
	ASSERT_EQ(0, cpns_test_event(&self->events, CPNS_CMD_SA_GONE, 2000,
				     &event));
	EXPECT_EQ(0, left_in_clear(clear, world.target));
}

FIXTURE(form)
{
	struct cpns_test test[2];
	struct cpns_test events;
	char sgid[64];
	int32_t serial[2];
	struct cpns_test_sa out, in;
};

FIXTURE_SETUP(form)
{
	snprintf(self->sgid, sizeof(self->sgid), "urn:cpns:test:form-%d",
		 getpid());
	for (int side = 0; side < 2; side++) {
		cpns_test_run("ip netns del %s 2>/dev/null; ip netns add %s; ip -n %s link set lo up",
			      names[side], names[side], names[side]);
		ASSERT_EQ(0, cpns_test_enter(names[side]));
		ASSERT_EQ(0, cpns_test_open(&self->test[side]));
	}
	ASSERT_EQ(0, cpns_test_enter(names[0]));
	ASSERT_EQ(0, cpns_test_events_open(&self->events));
	ASSERT_EQ(0, epoch_set(self->test, self->sgid, 1, 0, self->serial));
	ASSERT_EQ(0, cpns_test_enter(names[0]));
	self->out = (struct cpns_test_sa){
		.sgid = self->sgid, .epoch = 1, .sid = 1, .dir = CPNS_DIR_OUT,
		.src = V4_A, .dst = V4_B, .spi = 0x1000, .reqid = REQID,
		.mode = CPNS_SA_MODE_TUNNEL,
	};
	self->in = self->out;
	self->in.sid = 2;
	self->in.dir = CPNS_DIR_IN;
	self->in.src = V4_B;
	self->in.dst = V4_A;
	self->in.spi = 0x1001;
}

FIXTURE_TEARDOWN(form)
{
	for (int side = 0; side < 2; side++)
		cpns_test_close(&self->test[side]);
	cpns_test_close(&self->events);
	cpns_test_run("ip netns del cpns-a; ip netns del cpns-b");
}

TEST_F_TIMEOUT(form, delete, 180)
{
	struct cpns_test_sa other = self->in;

	ASSERT_EQ(0, cpns_test_sa_add(&self->test[0], &self->in));
	other.spi++;
	EXPECT_EQ(-ENOENT, cpns_test_sa_del(&self->test[0], &other));
	other = self->in;
	other.dir = CPNS_DIR_OUT;
	EXPECT_EQ(-ENOENT, cpns_test_sa_del(&self->test[0], &other));
	EXPECT_EQ(0, cpns_test_sa_del(&self->test[0], &self->in));
	EXPECT_EQ(-ENOENT, cpns_test_sa_del(&self->test[0], &self->in));
	EXPECT_EQ(1, cpns_test_run("ip -n cpns-a xfrm state | grep aead"));
	/* one that waits */
	ASSERT_EQ(0, epoch_set(self->test, self->sgid, 2, 100, self->serial));
	ASSERT_EQ(0, cpns_test_enter(names[0]));
	self->out.epoch = 2;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test[0], &self->out));
	EXPECT_EQ(-EEXIST, cpns_test_sa_add(&self->test[0], &self->out));
	EXPECT_EQ(0, cpns_test_sa_del(&self->test[0], &self->out));
	EXPECT_EQ(0, cpns_test_sa_count(&self->test[0], NULL));
	/* past active: no more */
	ASSERT_EQ(0, cpns_test_epoch_activate(&self->test[0], self->sgid, 2));
	self->out.epoch = 1;
	EXPECT_EQ(-ESTALE, cpns_test_sa_add(&self->test[0], &self->out));
}

TEST_F_TIMEOUT(form, others_delete, 180)
{
	static const char *const ways[] = {
		"ip -n cpns-a xfrm state flush",
		"ip -n cpns-a xfrm state deleteall",
		"ip -n cpns-a xfrm state delete src " V4_A " dst " V4_B " proto esp spi 0x1000 && "
		"ip -n cpns-a xfrm state delete src " V4_B " dst " V4_A " proto esp spi 0x1001",
	};
	struct cpns_test_event event;

	for (unsigned int i = 0; i < 3; i++) {
		ASSERT_EQ(0, cpns_test_sa_add(&self->test[0], &self->out));
		ASSERT_EQ(0, cpns_test_sa_add(&self->test[0], &self->in));
		ASSERT_EQ(2, cpns_test_sa_count(&self->test[0], NULL));
		ASSERT_EQ(0, cpns_test_run("%s", ways[i]));
		for (int j = 0; j < 2; j++) {
			ASSERT_EQ(0, cpns_test_event(&self->events,
						     CPNS_CMD_SA_GONE, 2000,
						     &event));
			EXPECT_EQ(CPNS_REASON_DELETED, (int)event.reason);
			EXPECT_EQ(1u, event.epoch);
		}
		EXPECT_EQ(0, cpns_test_sa_count(&self->test[0], NULL));
	}
}

TEST_F_TIMEOUT(form, marks_interfaces_windows, 180)
{
	struct cpns_test_sa_state state;
	struct cpns_test_sa marked = self->in;

	marked.mark = 0x11;
	marked.mark_mask = 0xff;
	marked.if_id = 42;
	marked.window = 1024;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test[0], &marked));
	EXPECT_EQ(0, cpns_test_run("ip -n cpns-a xfrm state | tr -d '\\n' | "
				   "grep 'replay_window 1024' | grep 'mark 0x11/0xff' | "
				   "grep -q 'if_id 0x2a'"));
	ASSERT_EQ(0, cpns_test_sa_get(&self->test[0], marked.spi, CPNS_DIR_IN,
				      &state));
	EXPECT_EQ(1024u, state.window);
	EXPECT_EQ(-ENOENT, cpns_test_sa_del(&self->test[0], &self->in));
	EXPECT_EQ(0, cpns_test_sa_del(&self->test[0], &marked));
	self->in.window = 32;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test[0], &self->in));
	ASSERT_EQ(0, cpns_test_sa_get(&self->test[0], marked.spi, CPNS_DIR_IN,
				      &state));
	EXPECT_EQ(32u, state.window);
}

TEST_F_TIMEOUT(form, holds_the_module, 180)
{
	ASSERT_EQ(0, cpns_test_sa_add(&self->test[0], &self->in));
	EXPECT_EQ(-1, syscall(SYS_delete_module, "cpns_group", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
}

/* one outbound state for the group, one inbound for each sender */
TEST_F_TIMEOUT(form, multicast, 180)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(5000) };
	struct timeval patience = { .tv_sec = 3 };
	struct ip_mreqn group = { 0 };
	int receiver, sender;
	char got[16];

	inet_pton(AF_INET, "239.1.1.1", &to.sin_addr);
	group.imr_multiaddr = to.sin_addr;
	self->out.dst = "239.1.1.1";
	self->out.mode = CPNS_SA_MODE_TRANSPORT;
	self->in = self->out;
	self->in.dir = CPNS_DIR_IN;
	ASSERT_EQ(0, cpns_test_run("set -e; ip -n cpns-a link add eth type veth peer name eth netns cpns-b\n"
		"for n in a b; do ip -n cpns-$n link set eth up; done\n"
		"ip -n cpns-a addr add 10.9.0.1/24 dev eth; ip -n cpns-b addr add 10.9.0.2/24 dev eth\n"
		"for n in a:out b:in; do ip -n cpns-${n%%:*} xfrm policy add dir ${n#*:} src 10.9.0.1 dst 239.1.1.1 "
		"tmpl src 10.9.0.1 dst 239.1.1.1 proto esp reqid %u mode transport; done", REQID));
	ASSERT_EQ(0, cpns_test_sa_add(&self->test[0], &self->out)) {
		TH_LOG("%s", self->test[0].text);
	}
	sender = socket(AF_INET, SOCK_DGRAM, 0);
	group.imr_ifindex = if_nametoindex("eth");
	ASSERT_EQ(0, setsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &group,
				sizeof(group)));

	ASSERT_EQ(0, cpns_test_enter(names[1]));
	ASSERT_EQ(0, cpns_test_sa_add(&self->test[1], &self->in));
	receiver = socket(AF_INET, SOCK_DGRAM, 0);
	ASSERT_EQ(0, bind(receiver, (void *)&to, sizeof(to)));
	group.imr_ifindex = if_nametoindex("eth");
	ASSERT_EQ(0, setsockopt(receiver, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group,
				sizeof(group)));
	setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	ASSERT_EQ(5, sendto(sender, "hello", 5, 0, (void *)&to, sizeof(to)));
	EXPECT_EQ(5, recv(receiver, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(got, "hello", 5));
	close(receiver);
	close(sender);
}

TEST_HARNESS_MAIN
