// SPDX-License-Identifier: GPL-2.0-only
/*
 * The blocking policies as a table (wire.md section 4): block out any -> net,
 * in and fwd net -> any, whatever the source, because NAT looks the policy up
 * again after rewriting it; and the way to the server where a net covers it.
 *
 * One thread; the owner frees the table.
 */
#include "dataplane/block_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/net.h"
#include "proto/nets.h"

static bool same_server(const struct block_server *a,
			const struct block_server *b)
{
	return a->protocol == b->protocol && a->port == b->port &&
	       net_address_equal(&a->address, &b->address);
}

/**
 * block_table_add() - never reach a net in clear
 * @table: table
 * @sgid: the group whose net it is
 * @net: a remote net, or a multicast group as a net of one address
 *
 * Return: 1 where it was new, 0 where it stood there, -ENOMEM.
 */
int block_table_add(struct block_table *table, const char *sgid,
		    const struct roster_net *net)
{
	struct block_entry *entry;

	for (size_t i = 0; i < table->count; i++)
		if (!strcmp(table->entries[i].sgid, sgid) &&
		    net_equal(&table->entries[i].net, net))
			return 0;
	if (table->count == table->room) {
		size_t room = table->room ? 2 * table->room : 16;
		void *grown = reallocarray(table->entries, room,
					   sizeof(*table->entries));

		if (!grown)
			return -ENOMEM;
		table->entries = grown;
		table->room = room;
	}
	entry = &table->entries[table->count++];
	memset(entry, 0, sizeof(*entry));
	snprintf(entry->sgid, sizeof(entry->sgid), "%s", sgid);
	entry->net = *net;
	return 1;
}

/**
 * block_table_add_server() - remember where the server is
 * @table: table
 * @server: protocol, address, port
 *
 * Return: 1 where it was new, 0 where it stood there, -ENOSPC.
 */
int block_table_add_server(struct block_table *table,
			   const struct block_server *server)
{
	for (size_t i = 0; i < table->servers_count; i++)
		if (same_server(&table->servers[i], server))
			return 0;
	if (table->servers_count == BLOCK_SERVERS_MAX)
		return -ENOSPC;
	table->servers[table->servers_count++] = *server;
	return 1;
}

static int add_blocks(const struct roster_net *net, struct policy_list *list)
{
	struct policy policy = { .priority = POLICY_BLOCK };
	int result;

	policy.direction = XFRM_POLICY_OUT;
	net_any(net->network.family, &policy.source);
	policy.destination = *net;
	result = policy_list_add(list, &policy);
	/* nothing comes from a multicast group, it only goes there */
	if (result || net_is_multicast(&net->network))
		return result;
	policy.source = *net;
	net_any(net->network.family, &policy.destination);
	policy.direction = XFRM_POLICY_IN;
	result = policy_list_add(list, &policy);
	if (result)
		return result;
	policy.direction = XFRM_POLICY_FWD;
	return policy_list_add(list, &policy);
}

static int add_allows(const struct block_server *server,
		      struct policy_list *list)
{
	struct policy policy = {
		.priority = POLICY_ALLOW,
		.protocol = server->protocol,
		.direction = XFRM_POLICY_OUT,
		.destination_port = server->port,
	};
	int result;

	net_any(server->address.family, &policy.source);
	net_of_address(&server->address, &policy.destination);
	result = policy_list_add(list, &policy);
	if (result)
		return result;
	policy.direction = XFRM_POLICY_IN;
	policy.source_port = server->port;
	policy.destination_port = 0;
	net_of_address(&server->address, &policy.source);
	net_any(server->address.family, &policy.destination);
	return policy_list_add(list, &policy);
}

static bool covered(const struct block_table *table,
		    const struct roster_address *address)
{
	for (size_t i = 0; i < table->count; i++)
		if (net_covers(&table->entries[i].net, address))
			return true;
	return false;
}

/**
 * block_table_policies() - the policies that the table stands for
 * @table: table
 * @list: added to, the allowing ones first
 *
 * Return: 0 or -ENOMEM.
 */
int block_table_policies(const struct block_table *table,
			 struct policy_list *list)
{
	int result = 0;

	for (size_t i = 0; i < table->servers_count && !result; i++)
		if (covered(table, &table->servers[i].address))
			result = add_allows(&table->servers[i], list);
	for (size_t i = 0; i < table->count && !result; i++)
		result = add_blocks(&table->entries[i].net, list);
	return result;
}

/* what the table stood for before and does not stand for any more */
static int add_removed(const struct policy_list *before,
		       const struct block_table *table,
		       struct policy_list *removed)
{
	struct policy_list after = { 0 };
	int result = block_table_policies(table, &after);

	for (size_t i = 0; i < before->count && !result; i++)
		if (!policy_list_find(&after, &before->items[i]))
			result = policy_list_add(removed, &before->items[i]);
	policy_list_free(&after);
	return result;
}

/**
 * block_table_open_group() - take a group's entries out
 * @table: table
 * @sgid: the group
 * @removed: gets the policies that nothing in the table stands for any more
 *
 * Return: 0, -ENOENT the group has no entries, -ENOMEM.
 */
int block_table_open_group(struct block_table *table, const char *sgid,
			   struct policy_list *removed)
{
	struct policy_list before = { 0 };
	size_t kept = 0;
	int result = block_table_policies(table, &before);

	for (size_t i = 0; i < table->count && !result; i++)
		if (strcmp(table->entries[i].sgid, sgid))
			table->entries[kept++] = table->entries[i];
	if (!result && kept == table->count)
		result = -ENOENT;
	if (!result) {
		table->count = kept;
		result = add_removed(&before, table, removed);
	}
	policy_list_free(&before);
	return result;
}

/* an entry without the own nets: 1 where it is another now */
static int spare_entry(const struct block_entry *entry,
		       const struct roster_net *own, size_t count,
		       struct block_table *spared)
{
	struct net_list rest = { 0 };
	int result = net_list_add_others(&rest, &entry->net, own, count);
	bool changed;

	changed = rest.count != 1 || !net_equal(rest.items, &entry->net);
	for (size_t i = 0; i < rest.count && result >= 0; i++)
		result = block_table_add(spared, entry->sgid, &rest.items[i]);
	net_list_free(&rest);
	return result < 0 ? result : changed;
}

/**
 * block_table_spare() - a net that became this gateway's own is its own
 * @table: table
 * @sgid: the group; other groups' entries are left alone
 * @own: this gateway's nets
 * @count: of them
 * @removed: gets the policies that nothing in the table stands for any more
 *
 * What the entries have beside the own nets stays blocked.
 *
 * Return: 1 where any entry changed, 0, or -ENOMEM, then none did.
 */
int block_table_spare(struct block_table *table, const char *sgid,
		      const struct roster_net *own, size_t count,
		      struct policy_list *removed)
{
	struct block_table spared = { 0 };
	struct policy_list before = { 0 };
	int result = 0, changed = 0;

	for (size_t i = 0; i < table->count && result >= 0; i++) {
		const struct block_entry *entry = &table->entries[i];

		if (strcmp(entry->sgid, sgid))
			result = block_table_add(&spared, entry->sgid,
						 &entry->net);
		else
			result = spare_entry(entry, own, count, &spared);
		changed |= result > 0 && !strcmp(entry->sgid, sgid);
	}
	if (result >= 0 && changed)
		result = block_table_policies(table, &before);
	if (result >= 0 && changed) {
		free(table->entries);
		table->entries = spared.entries;
		table->count = spared.count;
		table->room = spared.room;
		spared.entries = NULL;
		result = add_removed(&before, table, removed);
	}
	policy_list_free(&before);
	block_table_free(&spared);
	return result < 0 ? result : changed;
}

/**
 * block_table_free() - free the entries
 * @table: table; empty afterwards
 */
void block_table_free(struct block_table *table)
{
	free(table->entries);
	*table = (struct block_table){ 0 };
}
