// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ESP states that the module makes: SA_ADD, SA_DEL, SA_GET.
 *
 * Threading: one thread for each connection.  An SA never carries a key,
 * only which group, epoch and sender it belongs to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct sa_table {
	struct cpns_sa *states;
	size_t count, room;
};

static size_t address_size(sa_family_t family)
{
	return family == AF_INET ? 4 : 16;
}

static void put_group(struct nlmsghdr *request, const struct cpns_sa *sa)
{
	if (sa->sgid[0])
		mnl_attr_put_strz(request, CPNS_A_SGID, sa->sgid);
	else
		mnl_attr_put_u32(request, CPNS_A_SERIAL, (uint32_t)sa->serial);
}

static void put_mark(struct nlmsghdr *request, const struct cpns_sa *sa)
{
	if (!sa->mark_mask)
		return;
	mnl_attr_put_u32(request, CPNS_A_MARK, sa->mark_value);
	mnl_attr_put_u32(request, CPNS_A_MARK_MASK, sa->mark_mask);
}

static int check(struct cpns *connection, const struct cpns_sa *sa)
{
	if (!sa->sgid[0] && !sa->serial)
		return cpns_fail(connection, EINVAL,
				 "an SA needs a group or a serial number");
	if (sa->sgid[0] && cpns_check_sgid(connection, sa->sgid) < 0)
		return -EINVAL;
	if (sa->family != AF_INET && sa->family != AF_INET6)
		return cpns_fail(connection, EAFNOSUPPORT,
				 "an SA has IPv4 or IPv6 addresses");
	return 0;
}

/**
 * cpns_sa_add() - make an ESP state that uses a group's key
 * @connection: connection
 * @sa: the state; a SPI of 256 or more
 *
 * An outbound state of a pending epoch waits in the module until the epoch
 * is active.
 *
 * Return: 0; -EEXIST the SPI and destination are taken; -ENOKEY no such group
 * or epoch; -ESTALE an epoch that no longer sends; -EINVAL one's own SID
 * inbound; or another -errno.
 */
int cpns_sa_add(struct cpns *connection, const struct cpns_sa *sa)
{
	struct nlmsghdr *request;
	int result;

	result = check(connection, sa);
	if (result < 0)
		return result;
	request = cpns_request(connection, CPNS_CMD_SA_ADD, NLM_F_ACK);
	put_group(request, sa);
	mnl_attr_put_u32(request, CPNS_A_EPOCH, sa->epoch);
	mnl_attr_put_u16(request, CPNS_A_SID, sa->sid);
	mnl_attr_put_u8(request, CPNS_A_DIR,
			sa->outbound ? CPNS_DIR_OUT : CPNS_DIR_IN);
	mnl_attr_put(request, CPNS_A_SRC, address_size(sa->family), sa->source);
	mnl_attr_put(request, CPNS_A_DST, address_size(sa->family),
		     sa->destination);
	mnl_attr_put_u32(request, CPNS_A_SPI, htonl(sa->spi));
	mnl_attr_put_u32(request, CPNS_A_REQID, sa->reqid);
	mnl_attr_put_u8(request, CPNS_A_MODE,
			sa->transport ? CPNS_SA_MODE_TRANSPORT :
					CPNS_SA_MODE_TUNNEL);
	if (sa->window)
		mnl_attr_put_u32(request, CPNS_A_WINDOW, sa->window);
	if (sa->if_id)
		mnl_attr_put_u32(request, CPNS_A_IF_ID, sa->if_id);
	if (sa->key_bytes)
		mnl_attr_put_u8(request, CPNS_A_KEY_BYTES, sa->key_bytes);
	put_mark(request, sa);
	return cpns_transact(connection, request, NULL, NULL);
}

/**
 * cpns_sa_del() - delete a state that cpns_sa_add() made, or one that waits
 * @connection: connection
 * @sa: group, direction, SPI, destination and mark name it
 *
 * Return: 0, -ENOENT or -ESRCH where there is none, or another -errno.
 */
int cpns_sa_del(struct cpns *connection, const struct cpns_sa *sa)
{
	struct nlmsghdr *request;
	int result;

	result = check(connection, sa);
	if (result < 0)
		return result;
	request = cpns_request(connection, CPNS_CMD_SA_DEL, NLM_F_ACK);
	put_group(request, sa);
	mnl_attr_put_u8(request, CPNS_A_DIR,
			sa->outbound ? CPNS_DIR_OUT : CPNS_DIR_IN);
	mnl_attr_put_u32(request, CPNS_A_SPI, htonl(sa->spi));
	mnl_attr_put(request, CPNS_A_DST, address_size(sa->family),
		     sa->destination);
	put_mark(request, sa);
	return cpns_transact(connection, request, NULL, NULL);
}

static int take_addresses(const struct nlattr **table, struct cpns_sa *sa)
{
	if (!table[CPNS_A_SRC])
		return -EBADMSG;
	sa->family = mnl_attr_get_payload_len(table[CPNS_A_SRC]) == 4 ?
		AF_INET : AF_INET6;
	if (!cpns_get_bytes(table[CPNS_A_SRC], sa->source,
			    address_size(sa->family)) ||
	    !cpns_get_bytes(table[CPNS_A_DST], sa->destination,
			    address_size(sa->family)))
		return -EBADMSG;
	return 0;
}

static int take_sa(const struct nlmsghdr *message, struct cpns_sa *sa)
{
	const struct nlattr *table[CPNS_A_MAX + 1];
	uint32_t value = 0;
	uint8_t byte = 0;

	memset(sa, 0, sizeof(*sa));
	if (cpns_attributes(message, table, CPNS_A_MAX + 1) < 0 ||
	    take_addresses(table, sa) < 0 ||
	    !cpns_get_u32(table[CPNS_A_SPI], &value) ||
	    !cpns_get_u8(table[CPNS_A_DIR], &byte))
		return -EBADMSG;
	sa->spi = ntohl(value);
	sa->outbound = byte == CPNS_DIR_OUT;
	byte = CPNS_SA_MODE_TUNNEL;
	cpns_get_u8(table[CPNS_A_MODE], &byte);
	sa->transport = byte == CPNS_SA_MODE_TRANSPORT;
	if (cpns_get_u32(table[CPNS_A_STATE], &value))
		sa->state = (uint8_t)value;
	cpns_get_string(table[CPNS_A_SGID], sa->sgid, sizeof(sa->sgid));
	cpns_get_s32(table[CPNS_A_SERIAL], &sa->serial);
	cpns_get_u32(table[CPNS_A_EPOCH], &sa->epoch);
	cpns_get_u16(table[CPNS_A_SID], &sa->sid);
	cpns_get_u32(table[CPNS_A_REQID], &sa->reqid);
	cpns_get_u32(table[CPNS_A_WINDOW], &sa->window);
	cpns_get_u32(table[CPNS_A_IF_ID], &sa->if_id);
	cpns_get_u32(table[CPNS_A_MARK], &sa->mark_value);
	cpns_get_u32(table[CPNS_A_MARK_MASK], &sa->mark_mask);
	cpns_get_u64(table[CPNS_A_PACKETS], &sa->packets);
	cpns_get_u64(table[CPNS_A_BYTES], &sa->bytes);
	cpns_get_u32(table[CPNS_A_SEQ], &sa->sequence);
	cpns_get_u8(table[CPNS_A_KEY_BYTES], &sa->key_bytes);
	return 0;
}

static int take_next(void *context, const struct nlmsghdr *message)
{
	struct sa_table *table = context;

	if (table->count == table->room) {
		size_t room = table->room ? 2 * table->room : 32;
		void *grown = reallocarray(table->states, room,
					   sizeof(*table->states));

		if (!grown)
			return -ENOMEM;
		table->states = grown;
		table->room = room;
	}
	return take_sa(message, &table->states[table->count++]);
}

/**
 * cpns_sa_list() - the module's own states in this namespace
 * @connection: connection; @each may use it, the list was taken before
 * @each: called for each state; another result than 0 ends the list
 * @context: for @each
 *
 * Return: 0, what @each returned, or -errno.
 */
int cpns_sa_list(struct cpns *connection,
		 int (*each)(void *context, const struct cpns_sa *sa),
		 void *context)
{
	struct sa_table table = { 0 };
	int result, attempt = 0;

	do {
		struct nlmsghdr *request;

		table.count = 0;
		request = cpns_request(connection, CPNS_CMD_SA_GET, NLM_F_DUMP);
		result = cpns_transact(connection, request, take_next, &table);
	} while (result == -EAGAIN && ++attempt < CPNS_DUMP_ATTEMPTS);
	for (size_t i = 0; !result && i < table.count; i++)
		result = each(context, &table.states[i]);
	free(table.states);
	return result;
}
