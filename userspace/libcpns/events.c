// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernel's events: multicast group `events` of the family.
 *
 * Threading: a connection of its own, not blocking; the caller polls
 * cpns_fd() and calls cpns_dispatch() in one thread.  Events can be lost
 * when nobody reads: -ENOBUFS says so, the dumps then tell the truth.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define EVENTS_BUFFER (1 << 20)

/**
 * cpns_events_open() - a connection that hears the kernel's events
 * @connection: the connection, to be closed with cpns_close()
 *
 * Return: 0; -ENOENT no module; -EPERM without CAP_NET_ADMIN; or another
 * -errno.
 */
int cpns_events_open(struct cpns **connection)
{
	int room = EVENTS_BUFFER;
	struct cpns *made;
	int result, fd;

	*connection = NULL;
	result = cpns_open(&made);
	if (result < 0)
		return result;
	fd = mnl_socket_get_fd(made->socket);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (!made->events_group) {
		result = -ENOENT;
	} else if (mnl_socket_setsockopt(made->socket,
					 NETLINK_ADD_MEMBERSHIP,
					 &made->events_group,
					 sizeof(made->events_group)) < 0 ||
		   fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		result = -errno;
	}
	if (result < 0) {
		cpns_close(made);
		return result;
	}
	*connection = made;
	return 0;
}

static void take_addresses(const struct nlattr **table,
			   struct cpns_event *event)
{
	const struct nlattr *any = table[CPNS_A_DST] ? table[CPNS_A_DST] :
						       table[CPNS_A_SRC];
	size_t size;

	if (!any)
		return;
	size = mnl_attr_get_payload_len(any);
	if (size != 4 && size != 16)
		return;
	event->family = size == 4 ? AF_INET : AF_INET6;
	cpns_get_bytes(table[CPNS_A_SRC], event->source, size);
	cpns_get_bytes(table[CPNS_A_DST], event->destination, size);
}

/* one line for people: what happened to which epoch, sender, SA, and why */
static void put_words(struct cpns_event *event)
{
	char *to = event->message;
	size_t room = sizeof(event->message);
	int used = snprintf(to, room, "%s", cpns_event_name(event->command));

#define ADD(...) \
	do { \
		if (used >= 0 && (size_t)used < room) \
			used += snprintf(to + used, room - used, __VA_ARGS__); \
	} while (0)
	if (event->epoch)
		ADD(" epoch=%u", event->epoch);
	if (event->command == CPNS_CMD_EPOCH_CHANGE)
		ADD(" state=%s", cpns_state_name(event->state));
	if (event->sid)
		ADD(" sid=%u", event->sid);
	if (event->direction)
		ADD(" dir=%s", event->direction == CPNS_DIR_OUT ? "out" : "in");
	if (event->spi)
		ADD(" spi=0x%08x", event->spi);
	if (event->reason != CPNS_REASON_NONE)
		ADD(" reason=%s", cpns_reason_name(event->reason));
#undef ADD
}

static int take_event(const struct nlmsghdr *message, struct cpns_event *event)
{
	const struct genlmsghdr *generic = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[CPNS_A_MAX + 1];
	uint32_t value = 0;

	memset(event, 0, sizeof(*event));
	if (cpns_attributes(message, table, CPNS_A_MAX + 1) < 0)
		return -EBADMSG;
	event->command = generic->cmd;
	cpns_get_string(table[CPNS_A_SGID], event->sgid, sizeof(event->sgid));
	cpns_get_s32(table[CPNS_A_SERIAL], &event->serial);
	cpns_get_u32(table[CPNS_A_EPOCH], &event->epoch);
	if (cpns_get_u32(table[CPNS_A_STATE], &value))
		event->state = (uint8_t)value;
	cpns_get_u16(table[CPNS_A_SID], &event->sid);
	if (cpns_get_u32(table[CPNS_A_SPI], &value))
		event->spi = ntohl(value);
	cpns_get_u8(table[CPNS_A_DIR], &event->direction);
	cpns_get_u32(table[CPNS_A_REASON], &event->reason);
	cpns_get_u32(table[CPNS_A_REQID], &event->reqid);
	take_addresses(table, event);
	put_words(event);
	return 0;
}

/**
 * cpns_dispatch() - take the events that are there
 * @connection: of cpns_events_open()
 * @event: called for each; must not close @connection
 * @context: for @event
 *
 * Return: number of events; -ENOBUFS when some were lost: resync by
 * cpns_group_list() and cpns_sa_list(), then go on; or another -errno.
 */
int cpns_dispatch(struct cpns *connection,
		  void (*event)(void *context, const struct cpns_event *event),
		  void *context)
{
	int count = 0;

	for (;;) {
		const struct nlmsghdr *message;
		struct cpns_event made;
		ssize_t size;
		int left;

		size = mnl_socket_recvfrom(connection->socket,
					   connection->receive,
					   sizeof(connection->receive));
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && errno == EAGAIN)
			return count;
		if (size < 0)
			return cpns_fail(connection, errno,
					 errno == ENOBUFS ?
					 "events of the kernel were lost" :
					 "netlink: %m");
		left = (int)size;
		message = (void *)connection->receive;
		for (; mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left)) {
			if (message->nlmsg_type != connection->family ||
			    take_event(message, &made) < 0)
				continue;
			event(context, &made);
			count++;
		}
	}
}
