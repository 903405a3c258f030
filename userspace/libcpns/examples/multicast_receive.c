// SPDX-License-Identifier: GPL-2.0-only
/*
 * Example: hears what members tell a Service Group.  Requests the group's
 * key, joins a multicast address, opens what comes and prints it.  Packets
 * of others, and altered ones, are counted and dropped.
 *
 *	multicast_receive SGID ADDRESS PORT COUNT [INTERFACE-ADDRESS]
 */
#include <arpa/inet.h>
#include <cpns/cpns.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACKET_ROOM 2048

static int open_socket(const char *group, const char *port,
		       const char *interface)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct ip_mreq membership = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	at.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	if (inet_pton(AF_INET, group, &at.sin_addr) == 1 &&
	    (!interface ||
	     inet_pton(AF_INET, interface, &membership.imr_interface) == 1)) {
		membership.imr_multiaddr = at.sin_addr;
		if (!bind(fd, (struct sockaddr *)&at, sizeof(at)) &&
		    !setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership,
				sizeof(membership)))
			return fd;
	}
	close(fd);
	return -1;
}

/* 1 where a line was printed */
static int receive_one(int fd, int32_t key)
{
	unsigned char packet[PACKET_ROOM];
	char text[PACKET_ROOM];
	ssize_t size = recv(fd, packet, sizeof(packet), 0);

	if (size < 0)
		return -errno;
	size = cpns_open_message(key, packet, (size_t)size, text,
				 sizeof(text));
	/* the key has gone: what comes cannot be read any more */
	if (size == -EKEYREVOKED || size == -EKEYEXPIRED)
		return (int)size;
	if (size < 0) {
		fprintf(stderr, "dropped: %s\n", strerror((int)-size));
		return 0;
	}
	fwrite(text, 1, (size_t)size, stdout);
	fflush(stdout);
	return 1;
}

int main(int argc, char **argv)
{
	unsigned long wanted, heard = 0;
	int32_t key;
	int fd, result = 0;

	if (argc < 5 || argc > 6) {
		fprintf(stderr,
			"usage: %s SGID ADDRESS PORT COUNT [INTERFACE-ADDRESS]\n",
			argv[0]);
		return 2;
	}
	wanted = strtoul(argv[4], NULL, 10);
	key = cpns_key_request(argv[1], NULL);
	if (key < 0) {
		fprintf(stderr, "%s: no key: %s\n", argv[1], strerror(-key));
		return 1;
	}
	fd = open_socket(argv[2], argv[3], argv[5]);
	if (fd < 0) {
		perror("socket");
		return 1;
	}
	while (result >= 0 && heard < wanted) {
		result = receive_one(fd, key);
		heard += result > 0;
	}
	close(fd);
	if (result < 0)
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-result));
	return result < 0 ? 1 : 0;
}
