// SPDX-License-Identifier: GPL-2.0-only
/*
 * block.conf (dataplane/block_file.c, block_table.c): reading, and the
 * policies that stand for it. A file that is taken is written; read again, it
 * holds as many entries.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/block_table.h"
#include "fuzz.h"

/* in memory where there is such a folder */
static const char *written(void)
{
	static char path[64];

	if (!path[0])
		snprintf(path, sizeof(path), "%s/cpns-fuzz-block.%d",
			 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm",
			 (int)getpid());
	return path;
}

static void write_and_read(const struct block_table *table)
{
	struct block_table again;
	char reason[256] = "";

	FUZZ_ASSERT(!block_table_write(written(), table));
	FUZZ_ASSERT(!block_table_read(written(), &again, reason,
				      sizeof(reason)));
	unlink(written());
	FUZZ_ASSERT(again.count == table->count &&
		    again.servers_count == table->servers_count);
	block_table_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_list removed = { 0 }, list = { 0 };
	struct block_table table;
	char path[64], reason[256] = "";
	int fd = fuzz_file(data, size, path), result;

	result = block_table_read(path, &table, reason, sizeof(reason));
	FUZZ_ASSERT(!result || (result == -EINVAL && reason[0]));
	FUZZ_ASSERT(!block_table_policies(&table, &list));
	/* one of sixteen: the file is synced to its medium */
	if (!result && size % 16 == 0)
		write_and_read(&table);
	if (table.count) {
		char *sgid = strdup(table.entries[0].sgid);

		FUZZ_ASSERT(!block_table_open_group(&table, sgid, &removed));
		free(sgid);
	}
	policy_list_free(&removed);
	policy_list_free(&list);
	block_table_free(&table);
	close(fd);
	return 0;
}
