/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside libcpns: one request at a time over a generic netlink socket.
 *
 * A struct cpns is used by one thread; it owns its socket and its two
 * buffers.  The send buffer is wiped after every request, because a lab's
 * GROUP_SET may hold an epoch secret.
 */
#ifndef CPNS_INTERNAL_H
#define CPNS_INTERNAL_H

#include <cpns/cpns.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#define CPNS_SEND_ROOM		16384
#define CPNS_RECEIVE_ROOM	32768
/* a dump that the kernel marks as interrupted is started again */
#define CPNS_DUMP_ATTEMPTS	8

struct cpns {
	struct mnl_socket *socket;
	uint16_t family;
	uint32_t events_group;
	uint32_t sequence;
	char error[256];
	uint8_t send[CPNS_SEND_ROOM] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint8_t receive[CPNS_RECEIVE_ROOM]
		__attribute__((aligned(NLMSG_ALIGNTO)));
};

typedef int (*cpns_answer)(void *context, const struct nlmsghdr *message);

struct nlmsghdr *cpns_request(struct cpns *connection, uint8_t command,
			      uint16_t flags);
int cpns_transact(struct cpns *connection, struct nlmsghdr *request,
		  cpns_answer answer, void *context);
int cpns_fail(struct cpns *connection, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int cpns_check_sgid(struct cpns *connection, const char *sgid);

/* attributes of one message; unknown ones are left out */
int cpns_attributes(const struct nlmsghdr *message,
		    const struct nlattr **table, size_t count);
bool cpns_get_u8(const struct nlattr *attribute, uint8_t *value);
bool cpns_get_u16(const struct nlattr *attribute, uint16_t *value);
bool cpns_get_u32(const struct nlattr *attribute, uint32_t *value);
bool cpns_get_u64(const struct nlattr *attribute, uint64_t *value);
bool cpns_get_s32(const struct nlattr *attribute, int32_t *value);
bool cpns_get_bytes(const struct nlattr *attribute, void *bytes, size_t size);
bool cpns_get_string(const struct nlattr *attribute, char *text, size_t room);

/* the suite that a key's status line names; 0 where it names none */
unsigned int cpns_status_suite(const char *line);

#endif
