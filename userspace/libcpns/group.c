// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Groups: setting an epoch (GROUP_SET), reading states, revoking.
 *
 * Threading: one thread for each connection.  A lab's epoch secret passes
 * through the connection's send buffer, which cpns_transact() wipes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct group_table {
	struct cpns_group_state *states;
	size_t count, room;
};

static int take_epoch(const struct nlattr *nest,
		      struct cpns_epoch_state *epoch)
{
	const struct nlattr *table[CPNS_E_MAX + 1] = { NULL };
	const struct nlattr *attribute;
	uint32_t value = 0;

	mnl_attr_for_each_nested(attribute, nest) {
		uint16_t type = mnl_attr_get_type(attribute);

		if (type <= CPNS_E_MAX)
			table[type] = attribute;
	}
	memset(epoch, 0, sizeof(*epoch));
	if (!cpns_get_u32(table[CPNS_E_NUM], &epoch->number) ||
	    !cpns_get_u32(table[CPNS_E_STATE], &value))
		return -EBADMSG;
	epoch->state = (uint8_t)value;
	if (cpns_get_u32(table[CPNS_E_SUITE], &value))
		epoch->suite = (uint8_t)value;
	cpns_get_u16(table[CPNS_E_SID], &epoch->sid);
	cpns_get_u64(table[CPNS_E_IVS], &epoch->iv_counter);
	cpns_get_bytes(table[CPNS_E_KCV], epoch->kcv, sizeof(epoch->kcv));
	cpns_get_u32(table[CPNS_E_ACTIVATE_IN], &epoch->activate_in);
	epoch->expires = UINT64_MAX;
	if (cpns_get_u32(table[CPNS_E_EXPIRES_IN], &value))
		epoch->expires = value;
	epoch->dead_in = UINT64_MAX;
	if (cpns_get_u32(table[CPNS_E_DEAD_IN], &value))
		epoch->dead_in = value;
	return 0;
}

static int take_group(const struct nlmsghdr *message,
		      struct cpns_group_state *state)
{
	const struct nlattr *table[CPNS_A_MAX + 1];
	const struct nlattr *attribute;

	memset(state, 0, sizeof(*state));
	if (cpns_attributes(message, table, CPNS_A_MAX + 1) < 0)
		return -EBADMSG;
	/* a tombstone may have no name left, its tag it always has */
	cpns_get_string(table[CPNS_A_SGID], state->sgid, sizeof(state->sgid));
	cpns_get_s32(table[CPNS_A_SERIAL], &state->serial);
	cpns_get_bytes(table[CPNS_A_TAG], state->tag, sizeof(state->tag));
	cpns_get_u32(table[CPNS_A_HIGHEST], &state->highest);
	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attribute) != CPNS_A_EPOCH_INFO ||
		    state->epochs_count == CPNS_EPOCHS_MAX)
			continue;
		if (take_epoch(attribute,
			       &state->epochs[state->epochs_count]) < 0)
			return -EBADMSG;
		state->epochs_count++;
	}
	return 0;
}

static int take_one(void *context, const struct nlmsghdr *message)
{
	return take_group(message, context);
}

static int take_next(void *context, const struct nlmsghdr *message)
{
	struct group_table *table = context;

	if (table->count == table->room) {
		size_t room = table->room ? 2 * table->room : 16;
		void *grown = reallocarray(table->states, room,
					   sizeof(*table->states));

		if (!grown)
			return -ENOMEM;
		table->states = grown;
		table->room = room;
	}
	return take_group(message, &table->states[table->count++]);
}

/**
 * cpns_group_set() - commit an epoch of a group, all or nothing
 * @connection: connection
 * @set: HEADER with SEAL and ITEMs, or with a lab's secret
 *
 * Return: 0; -EKEYREJECTED tampered, rolled back or not for this node;
 * -EBUSY no room for a fifth epoch; -ENOSPC too many groups; -EINVAL; -EPERM.
 */
int cpns_group_set(struct cpns *connection, const struct cpns_group_set *set)
{
	struct nlmsghdr *request;
	int result;

	result = cpns_check_sgid(connection, set->sgid);
	if (result < 0)
		return result;
	if (!set->header)
		return cpns_fail(connection, EINVAL, "HEADER is missing");
	if (set->items_count > CPNS_GROUP_SET_ITEMS)
		return cpns_fail(connection, E2BIG, "more than %d ITEMs",
				 CPNS_GROUP_SET_ITEMS);
	if (set->evicted_count > CPNS_EVICTED_MAX)
		return cpns_fail(connection, E2BIG,
				 "more than %d evicted senders",
				 CPNS_EVICTED_MAX);
	request = cpns_request(connection, CPNS_CMD_GROUP_SET, NLM_F_ACK);
	mnl_attr_put_strz(request, CPNS_A_SGID, set->sgid);
	mnl_attr_put(request, CPNS_A_HEADER, CPNS_HEADER_SIZE, set->header);
	if (set->seal)
		mnl_attr_put(request, CPNS_A_SEAL, CPNS_SEAL_SIZE, set->seal);
	for (size_t i = 0; i < set->items_count; i++)
		mnl_attr_put(request, CPNS_A_ITEM, CPNS_ITEM_SIZE,
			     set->items + i * CPNS_ITEM_SIZE);
	for (size_t i = 0; i < set->evicted_count; i++)
		mnl_attr_put_u16(request, CPNS_A_EVICTED,
				 htons(set->evicted[i]));
	if (set->elapsed)
		mnl_attr_put_u32(request, CPNS_A_ELAPSED, set->elapsed);
	if (set->secret) {
		mnl_attr_put(request, CPNS_A_SECRET, CPNS_SECRET_SIZE,
			     set->secret);
		mnl_attr_put_u16(request, CPNS_A_SID, set->sid);
	}
	return cpns_transact(connection, request, NULL, NULL);
}

/**
 * cpns_group_get() - state of one group
 * @connection: connection
 * @sgid: the group
 * @state: filled; serial 0 for a tombstone
 *
 * Return: 0, -ENOKEY or -ENOENT where the kernel knows no such group, or
 * another -errno.
 */
int cpns_group_get(struct cpns *connection, const char *sgid,
		   struct cpns_group_state *state)
{
	struct nlmsghdr *request;
	int result;

	result = cpns_check_sgid(connection, sgid);
	if (result < 0)
		return result;
	request = cpns_request(connection, CPNS_CMD_GROUP_GET, NLM_F_ACK);
	mnl_attr_put_strz(request, CPNS_A_SGID, sgid);
	memset(state, 0, sizeof(*state));
	return cpns_transact(connection, request, take_one, state);
}

/**
 * cpns_group_list() - states of all groups of the namespace
 * @connection: connection; @each may use it, the list was taken before
 * @each: called for each group; another result than 0 ends the list
 * @context: for @each
 *
 * Return: 0, what @each returned, or -errno.
 */
int cpns_group_list(struct cpns *connection,
		    int (*each)(void *context,
				const struct cpns_group_state *state),
		    void *context)
{
	struct group_table table = { 0 };
	int result, attempt = 0;

	do {
		struct nlmsghdr *request;

		table.count = 0;
		request = cpns_request(connection, CPNS_CMD_GROUP_GET,
				       NLM_F_DUMP);
		result = cpns_transact(connection, request, take_next, &table);
	} while (result == -EAGAIN && ++attempt < CPNS_DUMP_ATTEMPTS);
	for (size_t i = 0; !result && i < table.count; i++)
		result = each(context, &table.states[i]);
	free(table.states);
	return result;
}

/**
 * cpns_group_revoke() - end a group on this node
 * @connection: connection
 * @sgid: the group
 *
 * Its epochs are wiped, its SAs deleted, its key revoked.
 *
 * Return: 0 or -errno.
 */
int cpns_group_revoke(struct cpns *connection, const char *sgid)
{
	struct nlmsghdr *request;
	int result;

	result = cpns_check_sgid(connection, sgid);
	if (result < 0)
		return result;
	request = cpns_request(connection, CPNS_CMD_GROUP_REVOKE, NLM_F_ACK);
	mnl_attr_put_strz(request, CPNS_A_SGID, sgid);
	return cpns_transact(connection, request, NULL, NULL);
}

/**
 * cpns_epoch_activate() - send with a pending epoch now
 * @connection: connection
 * @sgid: the group
 * @epoch: its number
 *
 * Return: 0; -ENOKEY no such epoch; -ESTALE past active; or another -errno.
 */
int cpns_epoch_activate(struct cpns *connection, const char *sgid,
			uint32_t epoch)
{
	struct nlmsghdr *request;
	int result;

	result = cpns_check_sgid(connection, sgid);
	if (result < 0)
		return result;
	request = cpns_request(connection, CPNS_CMD_EPOCH_ACTIVATE, NLM_F_ACK);
	mnl_attr_put_strz(request, CPNS_A_SGID, sgid);
	mnl_attr_put_u32(request, CPNS_A_EPOCH, epoch);
	return cpns_transact(connection, request, NULL, NULL);
}
