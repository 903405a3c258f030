/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The nets that must never be reached in clear, and the file block.conf that
 * keeps them over restarts and for `cpnsctl policy load`.
 *
 * One thread; the owner frees the table.  Entries leave it only by
 * block_table_open_group(), the administrator's `leave --open`, and where the
 * group's document makes a net this gateway's own.
 */
#ifndef CPNSD_DATAPLANE_BLOCK_TABLE_H
#define CPNSD_DATAPLANE_BLOCK_TABLE_H

#include <cpns/cpns.h>

#include "dataplane/policy.h"

#define BLOCK_SERVERS_MAX 8

struct block_entry {
	char sgid[CPNS_SGID_MAX + 1];
	struct roster_net net;
};

/* where the CSKMF is reached: allowed where an entry covers it */
struct block_server {
	uint8_t protocol;	/* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t port;
	struct roster_address address;
};

struct block_table {
	struct block_entry *entries;
	size_t count, room;
	struct block_server servers[BLOCK_SERVERS_MAX];
	size_t servers_count;
};

/* a file that does not exist is an empty table; reason names the line */
int block_table_read(const char *path, struct block_table *table,
		     char *reason, size_t room);
/* replaces the file whole: temporary file, fsync, rename */
int block_table_write(const char *path, const struct block_table *table);
void block_table_free(struct block_table *table);

/* 1 where it was new, 0 where it stood there, -errno */
int block_table_add(struct block_table *table, const char *sgid,
		    const struct roster_net *net);
/*
 * Takes a group's entries out; the policies that no other group needs are
 * added to removed.  -ENOENT: the group has none.
 */
int block_table_open_group(struct block_table *table, const char *sgid,
			   struct policy_list *removed);
int block_table_spare(struct block_table *table, const char *sgid,
		      const struct roster_net *own, size_t count,
		      struct policy_list *removed);
int block_table_add_server(struct block_table *table,
			   const struct block_server *server);

/* allow and block policies that the table stands for */
int block_table_policies(const struct block_table *table,
			 struct policy_list *list);

#endif
