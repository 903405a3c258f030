// SPDX-License-Identifier: GPL-2.0-only
/*
 * ESP by the module's states against the same states by `ip xfrm state add`
 * with a plain key: packets carried from one namespace to another, each
 * encrypted, sent over veth, decrypted and received, on one processor.
 *
 *   cpns-bench-a  10.9.0.1 ------ veth ------ 10.9.0.2  cpns-bench-b
 *   ours          10.1.0.1                    10.2.0.1
 *   the peer's    10.1.1.1                    10.2.1.1
 *
 * Both pairs of states stand all the time and have the same algorithm, key
 * size, mode and replay window. Sizes are those of the inner IPv4 packet. All
 * packets must arrive.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include "bench.h"
#include "cpns_test.h"

#define SGID		"urn:cpns:bench:esp"
#define REQID		0x40000001
#define PEER_REQID	0x2001
#define HEADERS		28	/* IPv4 and UDP */
#define BURST		16	/* well below a socket's buffer */

struct flow {
	int from, to;
	size_t size;
};

static const char *const names[2] = { "cpns-bench-a", "cpns-bench-b" };

static int namespaces(void)
{
	return cpns_test_run("for n in a b; do ip netns del cpns-bench-$n 2>/dev/null; done; set -e\n"
		"for n in a b; do ip netns add cpns-bench-$n; ip -n cpns-bench-$n link set lo up; done\n"
		"ip -n cpns-bench-a link add eth type veth peer name eth netns cpns-bench-b\n"
		"for n in 1:2:a 2:1:b; do x=${n%%%%:*}; n=${n#*:}; y=${n%%%%:*}; s=cpns-bench-${n#*:}\n"
		"ip -n $s addr add 10.9.0.$x/24 dev eth\n"
		"ip -n $s addr add 10.$x.0.1/32 dev lo; ip -n $s addr add 10.$x.1.1/32 dev lo\n"
		"ip -n $s link set eth up\n"
		"ip -n $s route add 10.$y.0.0/16 via 10.9.0.$y\n"
		"for net in 0:%u 1:%u; do for dir in out in; do\n"
		"case $dir in out) a=$x b=$y;; *) a=$y b=$x;; esac\n"
		"ip -n $s xfrm policy add dir $dir src 10.$a.${net%%%%:*}.0/24 dst 10.$b.${net%%%%:*}.0/24 tmpl src 10.9.0.$a dst 10.9.0.$b proto esp reqid ${net#*:} mode tunnel\n"
		"done; done; done", REQID, PEER_REQID);
}

/* `ip xfrm` with a key of random bytes, as many as ours have */
static int peer_states(void)
{
	return cpns_test_run("set -e; key=0x$(od -An -tx1 -N36 /dev/urandom | tr -d ' \\n')\n"
		"for s in a b; do ip -n cpns-bench-$s xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x2000 reqid %u mode tunnel flag af-unspec aead 'rfc4106(gcm(aes))' $key 128 $( [ $s = a ] || echo replay-window 128 )\n"
		"done", PEER_REQID);
}

static int our_states(void)
{
	for (int side = 0; side < 2; side++) {
		struct cpns_test_epoch epoch = {
			.sgid = SGID, .number = 1, .sid = side + 1,
		};
		struct cpns_test_sa sa = {
			.sgid = SGID, .epoch = 1, .sid = 1,
			.dir = side ? CPNS_DIR_IN : CPNS_DIR_OUT,
			.src = "10.9.0.1", .dst = "10.9.0.2",
			.spi = 0x1000, .reqid = REQID,
			.mode = CPNS_SA_MODE_TUNNEL,
		};
		struct cpns_test test;
		int ret;

		ret = cpns_test_enter(names[side]);
		if (!ret)
			ret = cpns_test_open(&test);
		if (ret)
			return ret;
		ret = cpns_test_group_set(&test, &epoch);
		if (ret >= 0)
			ret = cpns_test_sa_add(&test, &sa);
		if (ret < 0)
			printf("# %s\n", test.text);
		cpns_test_close(&test);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* UDP from namespace a to b, both ends in this process */
static int flow_open(struct flow *flow, int net)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(4000) };
	struct sockaddr_in to = from;
	char text[32];
	int ret;

	snprintf(text, sizeof(text), "10.1.%d.1", net);
	inet_pton(AF_INET, text, &from.sin_addr);
	snprintf(text, sizeof(text), "10.2.%d.1", net);
	inet_pton(AF_INET, text, &to.sin_addr);
	ret = cpns_test_enter(names[1]);
	if (ret)
		return ret;
	flow->to = socket(AF_INET, SOCK_DGRAM, 0);
	if (flow->to < 0 || bind(flow->to, (void *)&to, sizeof(to)))
		return -errno;
	ret = cpns_test_enter(names[0]);
	if (ret)
		return ret;
	flow->from = socket(AF_INET, SOCK_DGRAM, 0);
	if (flow->from < 0 || bind(flow->from, (void *)&from, sizeof(from)) ||
	    connect(flow->from, (void *)&to, sizeof(to)))
		return -errno;
	return 0;
}

static int carry(void *context, unsigned long count)
{
	struct flow *flow = context;
	char packet[1500];
	struct timeval patience = { .tv_sec = 5 };
	unsigned long sent = 0;

	memset(packet, 0x5a, sizeof(packet));
	setsockopt(flow->to, SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	while (sent < count) {
		unsigned int burst = count - sent < BURST ? count - sent : BURST;

		for (unsigned int i = 0; i < burst; i++)
			if (send(flow->from, packet, flow->size, 0) < 0)
				return -errno;
		for (unsigned int i = 0; i < burst; i++)
			if (recv(flow->to, packet, sizeof(packet), 0) !=
			    (ssize_t)flow->size)
				return errno ? -errno : -EIO;
		sent += burst;
	}
	return 0;
}

/* neither side may have passed the other's states, or xfrm altogether */
static int check_states(void)
{
	return cpns_test_run("set -e; for spi in 0x1000 0x2000; do ip -n cpns-bench-b -s xfrm state get src 10.9.0.1 dst 10.9.0.2 proto esp spi $spi | grep -A1 'lifetime current' | grep -E ' [1-9][0-9]+\\(packets\\)'; done");
}

int main(void)
{
	static const struct {
		size_t size;
		const char *what;
	} cases[] = {
		{ 1400, "1400 bytes" }, { 64, "64 bytes" },
	};
	struct flow ours, peer;
	int ret;

	ret = bench_check_counter("esp");
	if (ret)
		return 1;
	if (namespaces() || peer_states())
		return 1;
	ret = our_states();
	if (!ret)
		ret = flow_open(&ours, 0);
	if (!ret)
		ret = flow_open(&peer, 1);
	if (ret)
		return bench_failed("esp", "setting up", ret) != 0;
	for (unsigned int i = 0; i < 2; i++) {
		const struct bench_pair pair = {
			.bench = "esp", .what = cases[i].what, .unit = "packet",
			.ours = carry, .ours_context = &ours,
			.peer = carry, .peer_context = &peer,
			.peer_name = "ip xfrm", .least = 0.90,
		};

		ours.size = cases[i].size - HEADERS;
		peer.size = ours.size;
		if (bench_pair(&pair))
			return 1;
	}
	ret = check_states();
	cpns_test_run("for n in a b; do ip netns del cpns-bench-$n; done");
	if (ret)
		return bench_failed("esp", "a flow that missed its states",
				    -EPROTO) != 0;
	return 0;
}
