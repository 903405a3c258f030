// SPDX-License-Identifier: GPL-2.0-only
/*
 * Example: tells a Service Group something.  Requests the group's key, seals
 * each line of standard input to the group and sends it to a multicast
 * address.  No byte of the key is ever in this process.
 *
 *	multicast_send SGID ADDRESS PORT [INTERFACE-ADDRESS] <text
 */
#include <arpa/inet.h>
#include <cpns/cpns.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_ROOM	1024
#define SEALED_ROOM	(LINE_ROOM + 28)	/* cpns_seal(3) */

static int open_socket(const char *interface)
{
	struct in_addr address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || !interface)
		return fd;
	if (inet_pton(AF_INET, interface, &address) == 1 &&
	    !setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address,
			sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

static int send_line(int fd, const struct sockaddr_in *to, int32_t key,
		     const char *line)
{
	unsigned char sealed[SEALED_ROOM];
	ssize_t size = cpns_seal(key, line, strlen(line), sealed,
				 sizeof(sealed));

	if (size < 0)
		return (int)size;
	if (sendto(fd, sealed, (size_t)size, 0, (const struct sockaddr *)to,
		   sizeof(*to)) < 0)
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	char line[LINE_ROOM];
	int32_t key;
	int fd, error = 0;

	if (argc < 4 || argc > 5 ||
	    inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: %s SGID ADDRESS PORT [INTERFACE-ADDRESS]\n",
			argv[0]);
		return 2;
	}
	to.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
	/* sleeps until the daemon has pulled the key, if need be */
	key = cpns_key_request(argv[1], NULL);
	if (key < 0) {
		fprintf(stderr, "%s: no key: %s\n", argv[1], strerror(-key));
		return 1;
	}
	fd = open_socket(argv[4]);
	if (fd < 0) {
		perror("socket");
		return 1;
	}
	while (!error && fgets(line, sizeof(line), stdin))
		error = send_line(fd, &to, key, line);
	close(fd);
	if (error)
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-error));
	return error ? 1 : 0;
}
