// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cpns netlink family for tests, over libmnl: requests with the extended
 * acknowledgement's text kept, groups with a known secret, SAs, events.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include "cpns_test.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

struct family {
	uint16_t id;
	uint32_t events;
};

static int group_attribute(const struct nlattr *attribute, void *context)
{
	struct family *family = context;
	const struct nlattr *inner;
	const char *name = "";
	uint32_t id = 0;

	mnl_attr_for_each_nested(inner, attribute) {
		if (mnl_attr_get_type(inner) == CTRL_ATTR_MCAST_GRP_NAME)
			name = mnl_attr_get_str(inner);
		else if (mnl_attr_get_type(inner) == CTRL_ATTR_MCAST_GRP_ID)
			id = mnl_attr_get_u32(inner);
	}
	if (!strcmp(name, CPNS_MCGRP_EVENTS))
		family->events = id;
	return MNL_CB_OK;
}

static int family_attribute(const struct nlattr *attribute, void *context)
{
	struct family *family = context;

	if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID)
		family->id = mnl_attr_get_u16(attribute);
	else if (mnl_attr_get_type(attribute) == CTRL_ATTR_MCAST_GROUPS)
		mnl_attr_parse_nested(attribute, group_attribute, family);
	return MNL_CB_OK;
}

static int family_answer(const struct nlmsghdr *message, void *context)
{
	if (message->nlmsg_type == GENL_ID_CTRL)
		mnl_attr_parse(message, sizeof(struct genlmsghdr),
			       family_attribute, context);
	return MNL_CB_OK;
}

/*
 * Keep the text that came with an error: attributes after the echoed header,
 * or after the number that ends a dump.
 */
static void keep_text(struct cpns_test *test, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t offset = sizeof(error->error);
	const struct nlattr *attribute;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (message->nlmsg_type == NLMSG_ERROR)
		offset = message->nlmsg_flags & NLM_F_CAPPED ? sizeof(*error) :
			 sizeof(error->error) + error->msg.nlmsg_len;
	mnl_attr_for_each(attribute, message, offset)
		if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
			strncpy(test->text, mnl_attr_get_str(attribute),
				sizeof(test->text) - 1);
}

struct answer {
	int (*each)(struct nlattr **attributes, void *context);
	void *context;
};

static int one_attribute(const struct nlattr *attribute, void *context)
{
	const struct nlattr **table = context;

	if (mnl_attr_get_type(attribute) <= CPNS_A_MAX)
		table[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

static int talk(struct cpns_test *test, struct nlmsghdr *message,
		mnl_cb_t raw, struct answer *answer)
{
	char buffer[32768];
	unsigned int sequence = message->nlmsg_seq;

	test->text[0] = 0;
	if (mnl_socket_sendto(test->socket, message, message->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t size = mnl_socket_recvfrom(test->socket, buffer,
						   sizeof(buffer));
		struct nlmsghdr *each = (void *)buffer;
		int left = size;

		if (size < 0)
			return -errno;
		for (; mnl_nlmsg_ok(each, left);
		     each = mnl_nlmsg_next(each, &left)) {
			struct nlattr *table[CPNS_A_MAX + 1] = { 0 };
			int ret;

			if (each->nlmsg_seq != sequence)
				continue;
			if (each->nlmsg_type == NLMSG_ERROR ||
			    each->nlmsg_type == NLMSG_DONE) {
				keep_text(test, each);
				return ((struct nlmsgerr *)
					mnl_nlmsg_get_payload(each))->error;
			}
			if (raw) {
				raw(each, answer->context);
				continue;
			}
			if (!answer->each)
				continue;
			mnl_attr_parse(each, sizeof(struct genlmsghdr),
				       one_attribute, table);
			ret = answer->each(table, answer->context);
			if (ret < 0)
				return ret;
		}
	}
}

static struct nlmsghdr *begin(struct cpns_test *test, void *buffer,
			      uint16_t type, uint8_t command, uint8_t version,
			      uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	if (!(flags & NLM_F_DUMP))
		message->nlmsg_flags |= NLM_F_ACK;
	message->nlmsg_seq = ++test->sequence;
	genl = mnl_nlmsg_put_extra_header(message, sizeof(*genl));
	genl->cmd = command;
	genl->version = version;
	return message;
}

int cpns_test_open(struct cpns_test *test)
{
	struct family family = { 0 };
	struct answer answer = { .context = &family };
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;
	int one = 1, ret;

	memset(test, 0, sizeof(*test));
	test->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!test->socket)
		return -errno;
	if (mnl_socket_bind(test->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		goto close;
	}
	mnl_socket_setsockopt(test->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	message = begin(test, buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, CPNS_GENL_NAME);
	ret = talk(test, message, family_answer, &answer);
	if (!ret && !family.id)
		ret = -ENOENT;
	if (ret)
		goto close;
	test->family = family.id;
	test->events = family.events;
	return 0;
close:
	cpns_test_close(test);
	return ret;
}

void cpns_test_close(struct cpns_test *test)
{
	if (test->socket)
		mnl_socket_close(test->socket);
	test->socket = NULL;
}

struct nlmsghdr *cpns_test_message(struct cpns_test *test, void *buffer,
				   uint8_t command, uint16_t flags)
{
	return begin(test, buffer, test->family, command, CPNS_GENL_VERSION,
		     flags);
}

int cpns_test_talk(struct cpns_test *test, struct nlmsghdr *message,
		   int (*each)(struct nlattr **attributes, void *context),
		   void *context)
{
	struct answer answer = { .each = each, .context = context };

	return talk(test, message, NULL, &answer);
}

int cpns_test_events_open(struct cpns_test *test)
{
	int ret = cpns_test_open(test);

	if (ret)
		return ret;
	if (mnl_socket_setsockopt(test->socket, NETLINK_ADD_MEMBERSHIP,
				  &test->events, sizeof(test->events)) < 0) {
		ret = -errno;
		cpns_test_close(test);
	}
	return ret;
}

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void take_bytes(const struct nlattr *attribute, void *bytes,
		       size_t size)
{
	if (attribute && mnl_attr_get_payload_len(attribute) == size)
		memcpy(bytes, mnl_attr_get_payload(attribute), size);
}

static void take_address(const struct nlattr *attribute, char text[46])
{
	if (attribute)
		inet_ntop(mnl_attr_get_payload_len(attribute) == 4 ? AF_INET :
			  AF_INET6, mnl_attr_get_payload(attribute), text, 46);
}

static void take_event(const struct nlmsghdr *message,
		       struct cpns_test_event *event)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(message);
	struct nlattr *a[CPNS_A_MAX + 1] = { 0 };

	mnl_attr_parse(message, sizeof(*genl), one_attribute, a);
	memset(event, 0, sizeof(*event));
	event->command = genl->cmd;
	if (a[CPNS_A_EPOCH])
		event->epoch = mnl_attr_get_u32(a[CPNS_A_EPOCH]);
	if (a[CPNS_A_REASON])
		event->reason = mnl_attr_get_u32(a[CPNS_A_REASON]);
	if (a[CPNS_A_SPI])
		event->spi = ntohl(mnl_attr_get_u32(a[CPNS_A_SPI]));
	if (a[CPNS_A_STATE])
		event->state = mnl_attr_get_u32(a[CPNS_A_STATE]);
	if (a[CPNS_A_SID])
		event->sid = mnl_attr_get_u16(a[CPNS_A_SID]);
	if (a[CPNS_A_DIR])
		event->dir = mnl_attr_get_u8(a[CPNS_A_DIR]);
	if (a[CPNS_A_SGID])
		strncpy(event->sgid, mnl_attr_get_str(a[CPNS_A_SGID]),
			sizeof(event->sgid) - 1);
	if (a[CPNS_A_SERIAL])
		event->serial = mnl_attr_get_u32(a[CPNS_A_SERIAL]);
	if (a[CPNS_A_REQID])
		event->reqid = mnl_attr_get_u32(a[CPNS_A_REQID]);
	take_bytes(a[CPNS_A_TAG], event->tag, sizeof(event->tag));
	take_bytes(a[CPNS_A_PUBKEY], event->pubkey, sizeof(event->pubkey));
	take_address(a[CPNS_A_SRC], event->src);
	take_address(a[CPNS_A_DST], event->dst);
}

int cpns_test_event(struct cpns_test *test, uint8_t command, int milliseconds,
		    struct cpns_test_event *event)
{
	int64_t end = milliseconds_now() +
		      (int64_t)milliseconds * cpns_test_slowness();
	struct cpns_test_event dropped;

	for (;;) {
		struct pollfd wait = {
			.fd = mnl_socket_get_fd(test->socket),
			.events = POLLIN,
		};
		int64_t left = end - milliseconds_now();
		char buffer[CPNS_TEST_BUFFER];
		ssize_t size;

		if (left < 0 || poll(&wait, 1, left) == 0)
			return -ETIME;
		/* each event is a datagram of its own */
		size = mnl_socket_recvfrom(test->socket, buffer,
					   sizeof(buffer));
		if (size < 0)
			return -errno;
		take_event((void *)buffer, event ? event : &dropped);
		if ((event ? event : &dropped)->command == command)
			return 0;
	}
}
