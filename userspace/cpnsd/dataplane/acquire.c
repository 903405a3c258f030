// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's ACQUIRE (multicast group XFRMNLGRP_ACQUIRE of NETLINK_XFRM):
 * the need that starts a pull, OMA CPNS CR B.2.1.1.
 *
 * libnl-xfrm has no such message, so it is read with libnl's core.  In the
 * loop's thread.  The kernel sends one a policy and 30 s, and no SA is made
 * from it here: what waits is satisfied when the module makes one.
 */
#include "dataplane/acquire.h"

#include <errno.h>
#include <linux/xfrm.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>

#include "log.h"

#define ACQUIRE_BUFFER (256 * 1024)

struct acquire {
	struct nl_sock *socket;
	struct loop_fd watch;
	void (*wanted)(void *context, uint32_t reqid);
	void *context;
};

static int take_message(struct nl_msg *message, void *context)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *table[XFRMA_MAX + 1];
	struct acquire *acquire = context;
	const struct xfrm_user_tmpl *template;

	if (header->nlmsg_type != XFRM_MSG_ACQUIRE)
		return NL_OK;
	if (nlmsg_parse(header, sizeof(struct xfrm_user_acquire), table,
			XFRMA_MAX, NULL) < 0)
		return NL_SKIP;
	if (!table[XFRMA_TMPL] ||
	    nla_len(table[XFRMA_TMPL]) < (int)sizeof(*template))
		return NL_SKIP;
	template = nla_data(table[XFRMA_TMPL]);
	acquire->wanted(acquire->context, template->reqid);
	return NL_OK;
}

static void ready(void *context)
{
	struct acquire *acquire = context;
	int result = nl_recvmsgs_default(acquire->socket);

	/* lost ones come again: the packet that needs it is sent again */
	if (result < 0 && result != -NLE_AGAIN)
		log_warning("the kernel's ACQUIREs: %s", nl_geterror(result));
}

/**
 * acquire_open() - hear ACQUIREs of this network namespace
 * @acquire: the listener
 * @loop: the daemon's loop
 * @wanted: called for each
 * @context: for @wanted
 *
 * Return: 0; -EPERM without CAP_NET_ADMIN; or another -errno.
 */
int acquire_open(struct acquire **acquire, struct loop *loop,
		 void (*wanted)(void *context, uint32_t reqid), void *context)
{
	struct acquire *made = calloc(1, sizeof(*made));
	int result = -ENOMEM;

	*acquire = NULL;
	if (!made)
		return -ENOMEM;
	made->wanted = wanted;
	made->context = context;
	made->socket = nl_socket_alloc();
	if (!made->socket)
		goto free;
	nl_socket_disable_seq_check(made->socket);
	nl_socket_modify_cb(made->socket, NL_CB_VALID, NL_CB_CUSTOM,
			    take_message, made);
	errno = 0;
	if (nl_connect(made->socket, NETLINK_XFRM) < 0 ||
	    nl_socket_add_membership(made->socket, XFRMNLGRP_ACQUIRE) < 0 ||
	    nl_socket_set_nonblocking(made->socket) < 0) {
		result = errno ? -errno : -EIO;
		goto free;
	}
	nl_socket_set_buffer_size(made->socket, ACQUIRE_BUFFER, 0);
	loop_fd_start(loop, &made->watch, nl_socket_get_fd(made->socket),
		      ready, made);
	*acquire = made;
	return 0;
free:
	if (made->socket)
		nl_socket_free(made->socket);
	free(made);
	return result;
}

/**
 * acquire_close() - stop listening
 * @acquire: listener, or NULL
 */
void acquire_close(struct acquire *acquire)
{
	if (!acquire)
		return;
	loop_fd_stop(&acquire->watch);
	nl_socket_free(acquire->socket);
	free(acquire);
}
