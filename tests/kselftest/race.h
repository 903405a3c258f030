/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What race.c and race_unload.c share; each is a program of its own.
 */
#ifndef CPNS_RACE_H
#define CPNS_RACE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include "sealed.h"

/* how long to race */
static inline unsigned int race_seconds(void)
{
	const char *seconds = getenv("CPNS_RACE_SECONDS");
	const char *debug = getenv("CPNS_DEBUG_KERNEL");

	if (seconds && atoi(seconds) > 0)
		return atoi(seconds);
	return debug && !strcmp(debug, "1") ? 60 : 10;
}

/* XFRM_MSG_FLUSHSA of ESP in the caller's namespace, as `ip xfrm` does it */
static inline int race_flush_states(void)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct xfrm_usersa_flush *flush;
	struct mnl_socket *socket;
	int ret = 0;

	message->nlmsg_type = XFRM_MSG_FLUSHSA;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	flush = mnl_nlmsg_put_extra_header(message, sizeof(*flush));
	flush->proto = IPPROTO_ESP;
	socket = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, message, message->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(socket, buffer, sizeof(buffer)) < 0)
		ret = -errno;
	else
		ret = ((struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
	mnl_socket_close(socket);
	return ret;
}

#endif
