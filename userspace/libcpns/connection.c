// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A connection to the kernel's generic netlink family `cpns`: opening,
 * asking, and the kernel's own words (extack) when it refuses.
 *
 * Threading: one thread at a time for each struct cpns.  cpns_close() owns
 * the freeing.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/**
 * cpns_fail() - remember why a call failed
 * @connection: connection
 * @error: positive errno
 * @format: words, as of printf(3)
 *
 * Return: -@error.
 */
int cpns_fail(struct cpns *connection, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(connection->error, sizeof(connection->error), format,
		  arguments);
	va_end(arguments);
	return -error;
}

/**
 * cpns_error() - the last failure in words
 * @connection: connection
 *
 * Return: the kernel's extended acknowledgement, or the library's words
 * where the kernel gave none.  Valid until the next call.
 */
const char *cpns_error(const struct cpns *connection)
{
	return connection ? connection->error : "not connected";
}

/**
 * cpns_check_sgid() - the grammar that the kernel demands of an SGID
 * @connection: connection
 * @sgid: Service Group identifier, OMA CPNS AD 5.3
 *
 * Return: 0 or -EINVAL.
 */
int cpns_check_sgid(struct cpns *connection, const char *sgid)
{
	size_t size;

	if (!sgid)
		return cpns_fail(connection, EINVAL, "no group is named");
	size = strnlen(sgid, CPNS_SGID_MAX + 1);
	if (size < 1 || size > CPNS_SGID_MAX)
		return cpns_fail(connection, EINVAL,
				 "a group identifier has 1 to %d bytes",
				 CPNS_SGID_MAX);
	for (size_t i = 0; i < size; i++)
		if (sgid[i] <= ' ' || sgid[i] > '~')
			return cpns_fail(connection, EINVAL,
					 "a group identifier has printable characters only");
	return 0;
}

/**
 * cpns_request() - begin a request in the connection's send buffer
 * @connection: connection
 * @command: CPNS_CMD_*
 * @flags: NLM_F_ACK or NLM_F_DUMP
 *
 * Return: the message, to which attributes may be put.
 */
struct nlmsghdr *cpns_request(struct cpns *connection, uint8_t command,
			      uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(connection->send);
	struct genlmsghdr *generic;

	message->nlmsg_type = connection->family;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++connection->sequence;
	generic = mnl_nlmsg_put_extra_header(message, sizeof(*generic));
	generic->cmd = command;
	generic->version = CPNS_GENL_VERSION;
	return message;
}

/* extack: NLMSGERR_ATTR_MSG among the TLVs that follow */
static bool take_words(struct cpns *connection, const void *start, size_t size)
{
	const struct nlattr *attribute = start;

	while (mnl_attr_ok(attribute, (int)size)) {
		size_t step = MNL_ALIGN(attribute->nla_len);

		if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
		    cpns_get_string(attribute, connection->error,
				    sizeof(connection->error)))
			return true;
		if (step >= size)
			break;
		size -= step;
		attribute = mnl_attr_next(attribute);
	}
	return false;
}

static void default_words(struct cpns *connection, int error)
{
	switch (error) {
	case EPERM:
		cpns_fail(connection, error,
			  "CAP_NET_ADMIN in this network namespace is needed");
		break;
	default:
		cpns_fail(connection, error, "%s", strerror(error));
	}
}

/* Returns 0 for an acknowledgement, -errno with words for a refusal. */
static int take_error(struct cpns *connection, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t size = mnl_nlmsg_get_payload_len(message);
	size_t skip = sizeof(*error);
	int code;

	if (size < sizeof(*error))
		return cpns_fail(connection, EBADMSG,
				 "the kernel's answer is cut off");
	code = -error->error;
	if (!code)
		return 0;
	/* the whole request is echoed unless the kernel capped it */
	if (!(message->nlmsg_flags & NLM_F_CAPPED)) {
		if (error->msg.nlmsg_len < sizeof(error->msg) ||
		    error->msg.nlmsg_len > size)
			skip = size;
		else
			skip += MNL_ALIGN(error->msg.nlmsg_len) -
				sizeof(error->msg);
	}
	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) || skip >= size ||
	    !take_words(connection, (const uint8_t *)error + skip, size - skip))
		default_words(connection, code);
	return -code;
}

/* NLMSG_DONE: an int, and TLVs where a dump failed */
static int take_done(struct cpns *connection, const struct nlmsghdr *message)
{
	const int *code = mnl_nlmsg_get_payload(message);
	size_t size = mnl_nlmsg_get_payload_len(message);

	if (size < sizeof(*code) || *code >= 0)
		return 0;
	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) ||
	    !take_words(connection, code + 1, size - sizeof(*code)))
		default_words(connection, -*code);
	return *code;
}

/*
 * One datagram of answers.  Returns 1 when the request is through, 0 when
 * more comes, -errno.
 */
static int take_answers(struct cpns *connection, size_t size,
			uint32_t sequence, cpns_answer answer, void *context,
			bool *interrupted)
{
	const struct nlmsghdr *message = (void *)connection->receive;
	int left = (int)size, result;

	for (; mnl_nlmsg_ok(message, left);
	     message = mnl_nlmsg_next(message, &left)) {
		if (!mnl_nlmsg_seq_ok(message, sequence))
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (message->nlmsg_type == NLMSG_ERROR) {
			result = take_error(connection, message);
			return result ? result : 1;
		}
		if (message->nlmsg_type == NLMSG_DONE) {
			result = take_done(connection, message);
			return result ? result : 1;
		}
		if (message->nlmsg_type < NLMSG_MIN_TYPE || !answer)
			continue;
		result = answer(context, message);
		if (result < 0)
			return cpns_fail(connection, -result,
					 "the kernel's answer cannot be read");
	}
	return 0;
}

/**
 * cpns_transact() - send a request and take all of its answers
 * @connection: connection
 * @request: what cpns_request() began; wiped when sent
 * @answer: called for each answer, NULL where none matters
 * @context: for @answer
 *
 * Return: 0, -EAGAIN where a dump was interrupted by a change (start again),
 * or the kernel's -errno with its words in cpns_error().
 */
int cpns_transact(struct cpns *connection, struct nlmsghdr *request,
		  cpns_answer answer, void *context)
{
	uint32_t sequence = request->nlmsg_seq;
	bool interrupted = false;
	ssize_t size;
	int result;

	connection->error[0] = '\0';
	size = mnl_socket_sendto(connection->socket, request,
				 request->nlmsg_len);
	result = errno;
	explicit_bzero(connection->send, sizeof(connection->send));
	if (size < 0)
		return cpns_fail(connection, result, "netlink: %s",
				 strerror(result));
	do {
		size = mnl_socket_recvfrom(connection->socket,
					   connection->receive,
					   sizeof(connection->receive));
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return cpns_fail(connection, errno, "netlink: %s",
					 strerror(errno));
		result = take_answers(connection, (size_t)size, sequence,
				      answer, context, &interrupted);
	} while (size < 0 || result == 0);
	if (result < 0)
		return result;
	if (interrupted)
		return cpns_fail(connection, EAGAIN,
				 "the table changed while it was read");
	return 0;
}

static void take_events_group(struct cpns *connection,
			      const struct nlattr *groups)
{
	const struct nlattr *group, *attribute;

	mnl_attr_for_each_nested(group, groups) {
		char name[GENL_NAMSIZ] = "";
		uint32_t id = 0;

		mnl_attr_for_each_nested(attribute, group) {
			switch (mnl_attr_get_type(attribute)) {
			case CTRL_ATTR_MCAST_GRP_NAME:
				cpns_get_string(attribute, name, sizeof(name));
				break;
			case CTRL_ATTR_MCAST_GRP_ID:
				cpns_get_u32(attribute, &id);
				break;
			}
		}
		if (!strcmp(name, CPNS_MCGRP_EVENTS))
			connection->events_group = id;
	}
}

static int take_family(void *context, const struct nlmsghdr *message)
{
	const struct nlattr *table[CTRL_ATTR_MCAST_GROUPS + 1];
	struct cpns *connection = context;

	if (cpns_attributes(message, table, CTRL_ATTR_MCAST_GROUPS + 1) < 0 ||
	    !cpns_get_u16(table[CTRL_ATTR_FAMILY_ID], &connection->family))
		return -EBADMSG;
	if (table[CTRL_ATTR_MCAST_GROUPS])
		take_events_group(connection, table[CTRL_ATTR_MCAST_GROUPS]);
	return 0;
}

static int resolve_family(struct cpns *connection)
{
	struct nlmsghdr *request;

	connection->family = GENL_ID_CTRL;
	request = cpns_request(connection, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, CPNS_GENL_NAME);
	return cpns_transact(connection, request, take_family, connection);
}

/**
 * cpns_open() - connect to the module in the caller's network namespace
 * @connection: the connection, to be closed with cpns_close(); NULL when this
 *	fails
 *
 * The kernel loads the module by the family's name where it is installed.
 *
 * Return: 0, -ENOENT where the kernel has no such family (no module), or
 * another -errno.
 */
int cpns_open(struct cpns **connection)
{
	struct cpns *made = calloc(1, sizeof(*made));
	int one = 1, result;

	*connection = NULL;
	if (!made)
		return -ENOMEM;
	made->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!made->socket ||
	    mnl_socket_bind(made->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		result = -errno;
		cpns_close(made);
		return result;
	}
	/* words and short acknowledgements; old kernels simply lack them */
	mnl_socket_setsockopt(made->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(made->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	result = resolve_family(made);
	if (result < 0) {
		cpns_close(made);
		return result;
	}
	*connection = made;
	return 0;
}

/**
 * cpns_close() - end a connection
 * @connection: connection, or NULL
 */
void cpns_close(struct cpns *connection)
{
	if (!connection)
		return;
	if (connection->socket)
		mnl_socket_close(connection->socket);
	explicit_bzero(connection, sizeof(*connection));
	free(connection);
}

/**
 * cpns_fd() - the descriptor to poll for events
 * @connection: a connection of cpns_events_open()
 *
 * Return: descriptor, owned by the connection.
 */
int cpns_fd(const struct cpns *connection)
{
	return mnl_socket_get_fd(connection->socket);
}
