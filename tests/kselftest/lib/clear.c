// SPDX-License-Identifier: GPL-2.0-only
/*
 * What leaves a device in clear, see clear.h: a packet socket whose filter
 * keeps nothing else, so that its buffer holds whatever a test sends by ESP.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include "clear.h"

#define LOAD(size, offset) BPF_STMT(BPF_LD | (size) | BPF_ABS, offset)
#define IF_NOT(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define IF(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0)

/* offsets are those of the IP header; jumps go to the last two lines */
static struct sock_filter in_clear[] = {
	LOAD(BPF_B, SKF_AD_OFF + SKF_AD_PKTTYPE),
	IF_NOT(PACKET_OUTGOING, 13),
	LOAD(BPF_H, SKF_AD_OFF + SKF_AD_PROTOCOL),
	IF_NOT(ETH_P_IP, 3),
	LOAD(BPF_B, offsetof(struct iphdr, protocol)),
	IF(IPPROTO_ESP, 9),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	IF_NOT(ETH_P_IPV6, 7),
	LOAD(BPF_B, offsetof(struct ip6_hdr, ip6_nxt)),
	IF(IPPROTO_ESP, 5),
	IF(IPPROTO_HOPOPTS, 4),		/* multicast listeners' reports */
	IF_NOT(IPPROTO_ICMPV6, 2),
	LOAD(BPF_B, sizeof(struct ip6_hdr)),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, MLD_LISTENER_QUERY, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

int cpns_test_clear_open(const char *device)
{
	const struct sock_fprog filter = {
		.len = sizeof(in_clear) / sizeof(in_clear[0]),
		.filter = in_clear,
	};
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(device),
	};
	/* of no protocol, so that nothing comes before the filter is there */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!address.sll_ifindex ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
		       sizeof(filter)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

int cpns_test_clear_seen(int fd)
{
	int seen = 0;
	char byte;

	while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0)
		seen++;
	return errno == EAGAIN ? seen : -errno;
}
