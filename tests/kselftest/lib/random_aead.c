// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random handles where AF_ALG takes a key, and requests on what was keyed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/if_alg.h>
#include "random.h"

#ifndef SOL_ALG
#define SOL_ALG 279
#endif

#define ADDED	64
#define TEXT	300

/* few, and never a wrong one: each name is a search by modprobe(8) */
static const char *const names[CPNS_RANDOM_SOCKETS] = {
	"cpns(gcm(aes))", "cpns(rfc4106(gcm(aes)))",
	"cpns(rfc7539(chacha20,poly1305))",
	"cpns(rfc7539esp(chacha20,poly1305))",
};

static int open_one(struct cpns_random *r, uint32_t which)
{
	struct sockaddr_alg name = {
		.salg_family = AF_ALG, .salg_type = "aead",
	};
	int fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy((char *)name.salg_name, names[which]);
	if (fd < 0 || bind(fd, (void *)&name, sizeof(name))) {
		cpns_random_violated(r, "%s: %s", names[which],
				     strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	r->aead[which] = fd;
	return fd;
}

static size_t handle(struct cpns_random *r, uint32_t which, uint8_t bytes[32])
{
	const struct cpns_random_group *group = cpns_random_group(r);
	uint32_t epoch = cpns_random_below(r, 2) ? 0 :
			 group->highest - cpns_random_below(r, 3);
	size_t size = CPNS_HANDLE_SIZE;

	cpns_random_bytes(r, bytes, 32);
	cpns_test_handle((void *)bytes, group->serial, epoch,
			 1 + cpns_random_below(r, 9),
			 cpns_random_below(r, 4) ? CPNS_USE_AF_ALG :
			 1 + cpns_random_below(r, 3),
			 which < 2 && cpns_random_below(r, 2) ? 16 : 32);
	switch (cpns_random_below(r, 6)) {
	case 0:
		bytes[cpns_random_below(r, size)] ^=
			1 << cpns_random_below(r, 8);
		break;
	case 1:
		size = cpns_random_below(r, 33);
		break;
	}
	return size;
}

/* exactly the output is read: more would wait for ever */
static void request(struct cpns_random *r, int fd)
{
	bool encrypt = cpns_random_below(r, 2);
	size_t added = cpns_random_below(r, ADDED);
	size_t size = added + cpns_random_below(r, TEXT - ADDED);
	size_t iv_size = cpns_random_below(r, 3) ? 0 : cpns_random_below(r, 17);
	uint8_t in[TEXT], out[TEXT + 16], iv[16] = { 0 };
	int ret;

	memset(in, 0, sizeof(in));
	if (!cpns_random_below(r, 2))
		cpns_random_bytes(r, in, sizeof(in));
	if (!cpns_random_below(r, 2))
		cpns_random_bytes(r, iv, sizeof(iv));
	if (!encrypt && size < 16)
		return;
	r->operations++;
	ret = cpns_test_aead(fd, encrypt, iv_size ? iv : NULL, iv_size, added,
			     in, size, out, encrypt ? size + 16 : size - 16);
	if (!encrypt && ret > 0)
		cpns_random_violated(r, "bytes by chance were decrypted");
}

void cpns_random_aead(struct cpns_random *random)
{
	uint32_t which = cpns_random_below(random, CPNS_RANDOM_SOCKETS);
	int parent = random->aead[which], child;
	uint8_t bytes[32];
	size_t size = handle(random, which, bytes);

	if (parent < 0)
		parent = open_one(random, which);
	if (parent < 0)
		return;
	if (!cpns_random_below(random, 16)) {
		setsockopt(parent, SOL_ALG, ALG_SET_AEAD_AUTHSIZE, NULL,
			   cpns_random_below(random, 40));
		return;
	}
	random->calls++;
	if (setsockopt(parent, SOL_ALG, ALG_SET_KEY, bytes, size))
		return;
	random->keyed++;
	child = accept(parent, NULL, NULL);
	if (child < 0)
		return;
	request(random, child);
	close(child);
}
