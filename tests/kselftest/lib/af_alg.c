// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_ALG with a handle where a key would stand.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/if_alg.h>
#include "cpns_test.h"

#ifndef SOL_ALG
#define SOL_ALG 279
#endif

void cpns_test_handle(struct cpns_handle *handle, int32_t serial,
		      uint32_t epoch, uint16_t sid, uint8_t use,
		      uint8_t key_bytes)
{
	handle->serial = htonl(serial);
	handle->epoch = htonl(epoch);
	handle->sid = htons(sid);
	handle->use = use;
	handle->key_bytes = key_bytes;
}

int cpns_test_aead_socket(const char *algorithm, const void *key, size_t size)
{
	struct sockaddr_alg name = {
		.salg_family = AF_ALG,
		.salg_type = "aead",
	};
	int parent, child = -1;

	strncpy((char *)name.salg_name, algorithm, sizeof(name.salg_name) - 1);
	parent = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (parent < 0)
		return -errno;
	if (!bind(parent, (void *)&name, sizeof(name)) &&
	    !setsockopt(parent, SOL_ALG, ALG_SET_KEY, key, size) &&
	    !setsockopt(parent, SOL_ALG, ALG_SET_AEAD_AUTHSIZE, NULL, 16))
		child = accept(parent, NULL, 0);
	if (child < 0)
		child = -errno;
	close(parent);
	return child;
}

int cpns_test_aead_send(int fd, bool encrypt, const void *iv, size_t iv_size,
			size_t aad_size, const void *input, size_t size,
			int flags)
{
	char control[CMSG_SPACE(4) + CMSG_SPACE(4) +
		     CMSG_SPACE(sizeof(struct af_alg_iv) + 16)] = { 0 };
	struct iovec part = { .iov_base = (void *)input, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *each = CMSG_FIRSTHDR(&message);
	uint32_t operation = encrypt ? ALG_OP_ENCRYPT : ALG_OP_DECRYPT;
	uint32_t associated = aad_size;

	if (iv_size > 16)
		return -EINVAL;
	each->cmsg_level = SOL_ALG;
	each->cmsg_type = ALG_SET_OP;
	each->cmsg_len = CMSG_LEN(4);
	memcpy(CMSG_DATA(each), &operation, 4);
	each = CMSG_NXTHDR(&message, each);
	each->cmsg_level = SOL_ALG;
	each->cmsg_type = ALG_SET_AEAD_ASSOCLEN;
	each->cmsg_len = CMSG_LEN(4);
	memcpy(CMSG_DATA(each), &associated, 4);
	if (iv) {
		struct af_alg_iv *vector;

		each = CMSG_NXTHDR(&message, each);
		each->cmsg_level = SOL_ALG;
		each->cmsg_type = ALG_SET_IV;
		each->cmsg_len = CMSG_LEN(sizeof(*vector) + iv_size);
		vector = (void *)CMSG_DATA(each);
		vector->ivlen = iv_size;
		memcpy(vector->iv, iv, iv_size);
	} else {
		message.msg_controllen = 2 * CMSG_SPACE(4);
	}
	return sendmsg(fd, &message, flags) < 0 ? -errno : 0;
}

int cpns_test_aead(int fd, bool encrypt, const void *iv, size_t iv_size,
		   size_t aad_size, const void *input, size_t size, void *out,
		   size_t out_size)
{
	ssize_t got;
	int ret;

	ret = cpns_test_aead_send(fd, encrypt, iv, iv_size, aad_size, input,
				  size, 0);
	if (ret)
		return ret;
	/* exactly the output: more would block */
	got = read(fd, out, out_size);
	return got < 0 ? -errno : got;
}
