// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inbound ESP states against packets made in userspace with the sender's
 * traffic key: replay windows, addresses of every kind, forged packets, states
 * that are added again; marks and xfrm interfaces both ways. Needs the module
 * with allow_raw=1, root and iproute2.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "kselftest_harness.h"
#include "xfrm.h"

#define SGID "urn:cpns:test:replay"
#define TOP 5000u

FIXTURE(replay)
{
	struct cpns_test test;
	struct cpns_test_sa in, out;
	struct cpns_test_esp esp;
};

FIXTURE_VARIANT(replay)
{
	const char *here, *there;
	uint32_t window;
	uint8_t suite;			/* 0: AES-256-GCM */
};

FIXTURE_VARIANT_ADD(replay, ipv4_32) { "10.9.0.1", "10.9.0.2", 32 };
FIXTURE_VARIANT_ADD(replay, ipv6_128) {
	"2001:db8:9::1", "2001:db8:9::2", 128
};

FIXTURE_VARIANT_ADD(replay, chacha20_ipv4_128) {
	"10.9.0.1", "10.9.0.2", 128, CPNS_SUITE_CHACHA20_POLY1305
};

FIXTURE_VARIANT_ADD(replay, ipv4_1024) { "10.9.0.1", "10.9.0.2", 1024 };
FIXTURE_VARIANT_ADD(replay, multicast4_64) { "239.1.2.3", "10.9.0.2", 64 };
FIXTURE_VARIANT_ADD(replay, multicast6_1024) {
	"ff05::1234", "2001:db8:9::2", 1024
};

static uint8_t aead_of(uint8_t suite)
{
	return suite == CPNS_SUITE_CHACHA20_POLY1305 ? CPNS_AEAD_RFC7539ESP :
						       CPNS_AEAD_RFC4106;
}

FIXTURE_SETUP(replay)
{
	const struct cpns_test_epoch epoch = {
		.sgid = SGID, .number = 1, .sid = 1, .suite = variant->suite,
	};

	ASSERT_EQ(0, cpns_test_lonely());
	ASSERT_EQ(0, cpns_test_open(&self->test));
	ASSERT_LT(0, cpns_test_group_set(&self->test, &epoch)) {
		TH_LOG("%s", self->test.text);
	}
	self->in = (struct cpns_test_sa){
		.sgid = SGID, .epoch = 1, .sid = 2, .dir = CPNS_DIR_IN,
		.src = variant->there, .dst = variant->here, .spi = 0x1001,
		.mode = CPNS_SA_MODE_TRANSPORT, .window = variant->window,
	};
	self->out = self->in;
	self->out.sid = 1;
	self->out.dir = CPNS_DIR_OUT;
	self->out.src = "10.9.0.1";
	self->out.dst = "10.9.0.2";
	self->out.spi = 0x1000;
	self->out.reqid = 77;
	self->out.window = 0;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->in)) {
		TH_LOG("%s", self->test.text);
	}
	ASSERT_EQ(0, cpns_test_esp_open(&self->esp, aead_of(variant->suite),
					&self->in));
}

FIXTURE_TEARDOWN(replay)
{
	close(self->esp.fd);
	cpns_test_close(&self->test);
}

static struct cpns_test_sa_state state_of(struct cpns_test *test,
					  const struct cpns_test_sa *sa)
{
	struct cpns_test_sa_state state = { 0 };

	cpns_test_sa_get(test, sa->spi, sa->dir, &state);
	return state;
}

/* was this one taken? */
static int taken(struct cpns_test *test, struct cpns_test_esp *esp,
		 uint32_t seq)
{
	uint64_t before = state_of(test, &esp->sa).packets, after;
	int ret = cpns_test_esp_send(esp, seq);

	if (ret)
		return ret;
	for (int i = 0; i < 20; i++) {
		after = state_of(test, &esp->sa).packets;
		if (after != before)
			return after - before;
		usleep(10000);
	}
	return 0;
}

#define TAKEN(seq) EXPECT_EQ(1, taken(&self->test, &self->esp, seq))
#define DROPPED(seq) EXPECT_EQ(0, taken(&self->test, &self->esp, seq))

TEST_F_TIMEOUT(replay, window, 120)
{
	const uint32_t window = variant->window;

	TAKEN(1);
	DROPPED(1);
	TAKEN(TOP);
	DROPPED(TOP);
	/* the oldest inside, once; what lies behind it never */
	TAKEN(TOP - window + 1);
	DROPPED(TOP - window + 1);
	DROPPED(TOP - window);
	DROPPED(TOP - window - 1);
	DROPPED(2);
	DROPPED(0);
	TAKEN(TOP - window / 2);
	DROPPED(TOP - window / 2);
	EXPECT_EQ(TOP, state_of(&self->test, &self->in).seq);
	/* the window moves */
	TAKEN(TOP + 3);
	DROPPED(TOP - window + 3);
	TAKEN(TOP - window + 4);
	DROPPED(TOP);
	TAKEN(TOP + 1);
}

/* a state that is added again takes nothing that came before */
TEST_F_TIMEOUT(replay, added_again, 120)
{
	TAKEN(TOP);
	ASSERT_EQ(0, cpns_test_sa_del(&self->test, &self->in));
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->in));
	EXPECT_EQ(TOP, state_of(&self->test, &self->in).seq);
	DROPPED(TOP);
	DROPPED(TOP - 1);
	TAKEN(TOP + 1);
	/* with another SPI and window, and by others' deletion, the same */
	ASSERT_EQ(0, cpns_test_run("ip xfrm state flush; sleep 0.5"));
	self->in.spi++;
	self->in.window = 32;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->in));
	EXPECT_EQ(TOP + 1, state_of(&self->test, &self->in).seq);
	self->esp.sa.spi++;
	DROPPED(TOP + 1);
	TAKEN(TOP + 2);
}

/* others delete it, and it is added before the module's work has come */
TEST_F_TIMEOUT(replay, added_again_at_once, 120)
{
	const struct xfrm_usersa_flush flush = { .proto = IPPROTO_ESP };

	TAKEN(TOP);
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, cpns_test_xfrm(XFRM_MSG_FLUSHSA, 0, &flush,
					    sizeof(flush), NULL));
		ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->in));
		EXPECT_EQ(TOP, state_of(&self->test, &self->in).seq);
	}
	DROPPED(TOP);
	TAKEN(TOP + 1);
}

/* what is kept is of one epoch, one sender and one destination */
TEST_F_TIMEOUT(replay, others_start_anew, 120)
{
	const struct cpns_test_epoch next = {
		.sgid = SGID, .number = 2, .sid = 1, .suite = variant->suite,
		.atd = 600, .dtd = 900,
	};
	struct cpns_test_sa others[3] = { self->in, self->in, self->in };
	struct cpns_test_esp other;

	TAKEN(TOP);
	ASSERT_EQ(0, cpns_test_sa_del(&self->test, &self->in));
	ASSERT_LT(0, cpns_test_group_set(&self->test, &next)) {
		TH_LOG("%s", self->test.text);
	}
	others[0].sid = 3;
	others[1].dst = variant->there;
	others[2].epoch = 2;
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, cpns_test_sa_add(&self->test, &others[i])) {
			TH_LOG("%s", self->test.text);
		}
		EXPECT_EQ(0u, state_of(&self->test, &others[i]).seq);
		/* nothing comes to another's address */
		if (others[i].dst == variant->here) {
			ASSERT_EQ(0, cpns_test_esp_open(&other,
							self->esp.aead,
							&others[i]));
			EXPECT_EQ(1, taken(&self->test, &other, 1));
			close(other.fd);
		}
		ASSERT_EQ(0, cpns_test_sa_del(&self->test, &others[i]));
	}
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->in));
	EXPECT_EQ(TOP, state_of(&self->test, &self->in).seq);
	DROPPED(1);
	DROPPED(TOP);
	TAKEN(TOP + 1);
}

static void step_clock(int seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += seconds;
	clock_settime(CLOCK_REALTIME, &now);
}

/* xfrm sends with the state that was added last, by the clock on the wall */
TEST_F_TIMEOUT(replay, clock_steps_back, 120)
{
	const struct cpns_test_epoch next = {
		.sgid = SGID, .number = 2, .sid = 1, .atd = 30, .dtd = 60,
	};
	struct cpns_test_sa newer = self->out;

	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out));
	ASSERT_EQ(0, cpns_test_run("ip xfrm policy add dir out src 0.0.0.0/0 dst 10.9.0.2/32 "
				   "tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid 77"));
	ASSERT_LT(0, cpns_test_group_set(&self->test, &next)) {
		TH_LOG("%s", self->test.text);
	}
	newer.epoch = 2;
	newer.spi++;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &newer));
	step_clock(-3600);
	EXPECT_EQ(0, cpns_test_epoch_activate(&self->test, SGID, 2));
	EXPECT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	step_clock(3600);
	EXPECT_EQ(1u, state_of(&self->test, &newer).packets);
}

/* what is forged moves no window: key, sender, SPI */
TEST_F_TIMEOUT(replay, forged, 120)
{
	TAKEN(10);
	self->esp.key[0] ^= 1;
	DROPPED(TOP);
	self->esp.key[0] ^= 1;
	self->esp.sa.sid++;	/* any IV will do, it is not a secret */
	EXPECT_EQ(1, taken(&self->test, &self->esp, 11));
	self->esp.sa.sid--;
	EXPECT_EQ(11u, state_of(&self->test, &self->in).seq);
	self->esp.sa.spi += 5;
	ASSERT_EQ(0, cpns_test_esp_send(&self->esp, 12));
	self->esp.sa.spi -= 5;
	TAKEN(12);
	/* revoked: at the next packet */
	ASSERT_EQ(0, cpns_test_group_revoke(&self->test, SGID));
	ASSERT_EQ(0, cpns_test_esp_send(&self->esp, 13));
	EXPECT_EQ(0, cpns_test_sa_count(&self->test, NULL));
}

/* a tap on what leaves by a device, without link-level headers */
static int tap(const char *device)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(device),
	};
	const struct timeval limit = { .tv_sec = 5 };
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    bind(fd, (const void *)&address, sizeof(address))) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* the next IPv4 packet with ESP in it, from its SPI on; bytes or -errno */
static ssize_t next_esp(int fd, uint8_t *packet, size_t room)
{
	const size_t head = 20;
	ssize_t got;

	while ((got = recv(fd, packet, room, 0)) >= 0)
		if (got > (ssize_t)head && packet[0] == 0x45 &&
		    packet[9] == IPPROTO_ESP) {
			memmove(packet, packet + head, got - head);
			return got - head;
		}
	return -errno;
}

/* what the kernel sends, an independent program opens with the derived key */
TEST_F_TIMEOUT(replay, sent_opens, 120)
{
	const uint8_t iv[8] = { 0, 1, 0, 0, 0, 0, 0, 1 };
	struct cpns_test_esp sender;
	uint8_t packet[512], text[512];
	ssize_t size;
	int fd;

	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out)) {
		TH_LOG("%s", self->test.text);
	}
	ASSERT_EQ(0, cpns_test_run("ip xfrm policy add dir out src 0.0.0.0/0 dst 10.9.0.2/32 "
				   "tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid 77"));
	ASSERT_EQ(0, cpns_test_esp_open(&sender, self->esp.aead, &self->out));
	fd = tap("void");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	size = next_esp(fd, packet, sizeof(packet));
	ASSERT_GT(size, 0) {
		TH_LOG("%s", strerror(-size));
	}
	EXPECT_EQ(0, memcmp(packet + 8, iv, sizeof(iv)));
	size = cpns_test_esp_decrypt(&sender, packet, size, text);
	/* UDP with its 10 bytes, padding 1 2 .., its length, next header */
	ASSERT_LE(8 + 10 + 2, size);
	EXPECT_EQ(9, text[3]);
	EXPECT_EQ(8 + 10, text[5]);
	EXPECT_EQ(size - 8 - 10 - 2, text[size - 2]);
	EXPECT_EQ(IPPROTO_UDP, text[size - 1]);
	packet[20] ^= 1;
	EXPECT_EQ(-EBADMSG, cpns_test_esp_decrypt(&sender, packet,
						  size + 8 + 8 + 16, text));
	close(sender.fd);
	close(fd);
}

static int mark(int fd, int value)
{
	return setsockopt(fd, SOL_SOCKET, SO_MARK, &value, sizeof(value));
}

/* a state with a mark is for packets that bear it */
TEST_F_TIMEOUT(replay, marks, 120)
{
	ASSERT_EQ(0, cpns_test_sa_del(&self->test, &self->in));
	self->in.mark = 0x11;
	self->in.mark_mask = 0xff;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->in));
	DROPPED(1);
	ASSERT_EQ(0, mark(self->esp.fd, 0x12));
	DROPPED(1);
	ASSERT_EQ(0, mark(self->esp.fd, 0x311));
	TAKEN(1);

	self->out.mark = 0x11;
	self->out.mark_mask = 0xff;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out));
	ASSERT_EQ(0, cpns_test_run("ip xfrm policy add dir out src 0.0.0.0/0 dst 10.9.0.2/32 "
				   "mark 0x11 mask 0xff "
				   "tmpl src 10.9.0.1 dst 10.9.0.2 proto esp reqid 77"));
	ASSERT_EQ(0, cpns_test_udp("10.9.0.2", 10));
	EXPECT_EQ(0u, state_of(&self->test, &self->out).packets);
	ASSERT_EQ(0, cpns_test_run("ping -m 17 -c 1 -W 1 10.9.0.2 >/dev/null; true"));
	EXPECT_EQ(1u, state_of(&self->test, &self->out).packets);
}

/* a state with an if_id is for the xfrm interface of that id */
TEST_F_TIMEOUT(replay, interfaces, 120)
{
	struct cpns_test_sa other;

	self->out.if_id = 42;
	self->out.mode = CPNS_SA_MODE_TUNNEL;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &self->out)) {
		TH_LOG("%s", self->test.text);
	}
	other = self->out;
	other.if_id = 43;
	other.spi += 7;
	ASSERT_EQ(0, cpns_test_sa_add(&self->test, &other));
	ASSERT_EQ(0, cpns_test_run("set -e; ip link add cpns42 type xfrm dev void if_id 42\n"
				   "ip link set cpns42 up\n"
				   "ip route add 10.8.0.0/24 dev cpns42 src 10.9.0.1\n"
				   "for i in 42 43; do ip xfrm policy add dir out src 0.0.0.0/0 "
				   "dst 10.8.0.0/24 if_id $i tmpl src 10.9.0.1 dst 10.9.0.2 "
				   "proto esp reqid 77 mode tunnel; done"));
	ASSERT_EQ(0, cpns_test_udp("10.8.0.9", 10));
	EXPECT_EQ(1u, state_of(&self->test, &self->out).packets);
	EXPECT_EQ(0u, state_of(&self->test, &other).packets);
}

/* and it is that interface which takes what comes for it */
TEST(interfaces_inbound)
{
	static const uint32_t interfaces[] = { 0, 43, 42 };
	const struct cpns_test_epoch epoch = {
		.sgid = SGID, .number = 1, .sid = 1,
	};
	struct cpns_test_sa in = {
		.sgid = SGID, .epoch = 1, .sid = 2, .dir = CPNS_DIR_IN,
		.src = "10.9.0.2", .dst = "10.9.0.1", .spi = 0x1001,
		.mode = CPNS_SA_MODE_TRANSPORT,
	};
	struct cpns_test_esp esp;
	struct cpns_test test;

	ASSERT_EQ(0, cpns_test_lonely());
	ASSERT_EQ(0, cpns_test_run("ip link add cpns42 type xfrm dev void if_id 42 && "
				   "ip link set cpns42 up"));
	ASSERT_EQ(0, cpns_test_open(&test));
	ASSERT_LT(0, cpns_test_group_set(&test, &epoch)) {
		TH_LOG("%s", test.text);
	}
	ASSERT_EQ(0, cpns_test_esp_open(&esp, CPNS_AEAD_RFC4106, &in));
	for (int i = 0; i < 3; i++) {
		in.if_id = interfaces[i];
		ASSERT_EQ(0, cpns_test_sa_add(&test, &in)) {
			TH_LOG("%s", test.text);
		}
		EXPECT_EQ(1, taken(&test, &esp, i + 1));
		/* bytes and packets that it received */
		EXPECT_EQ(0, cpns_test_run("grep -Eq 'cpns42: +[0-9]+ +%d ' /proc/net/dev",
					   in.if_id == 42)) {
			TH_LOG("if_id %u", in.if_id);
		}
		ASSERT_EQ(0, cpns_test_sa_del(&test, &in));
	}
	close(esp.fd);
	cpns_test_close(&test);
}

TEST_HARNESS_MAIN
