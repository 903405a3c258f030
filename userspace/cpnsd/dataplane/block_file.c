// SPDX-License-Identifier: GPL-2.0-only
/*
 * block.conf, one entry a line:
 *
 *	block <SGID> <net>
 *	allow tcp|udp <address> <port>
 *
 * The file is written whole or not at all.  A line that cannot be read is an
 * error: leaving it out would open what it closes.  The other lines are read
 * all the same, for who can block those at least.
 *
 * One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/block_table.h"
#include "dataplane/net.h"

static int read_block(char *rest, struct block_table *table)
{
	char *sgid = strsep(&rest, " "), *text = strsep(&rest, " ");
	struct roster_net net;

	if (!sgid || !text || rest || !sgid[0] ||
	    strlen(sgid) > CPNS_SGID_MAX || roster_net_parse(text, &net) < 0)
		return -EINVAL;
	return block_table_add(table, sgid, &net) < 0 ? -ENOMEM : 0;
}

static int read_allow(char *rest, struct block_table *table)
{
	char *protocol = strsep(&rest, " "), *address = strsep(&rest, " ");
	char *port = strsep(&rest, " "), *end;
	struct block_server server = { 0 };
	unsigned long number;

	if (!protocol || !address || !port || rest)
		return -EINVAL;
	if (!strcmp(protocol, "tcp"))
		server.protocol = IPPROTO_TCP;
	else if (!strcmp(protocol, "udp"))
		server.protocol = IPPROTO_UDP;
	else
		return -EINVAL;
	number = strtoul(port, &end, 10);
	if (*end || number < 1 || number > 65535 ||
	    roster_address_parse(address, &server.address) < 0)
		return -EINVAL;
	server.port = (uint16_t)number;
	return block_table_add_server(table, &server) < 0 ? -EINVAL : 0;
}

static int read_line(char *line, struct block_table *table)
{
	char *rest = line, *word;

	line[strcspn(line, "\n")] = '\0';
	if (!line[0] || line[0] == '#')
		return 0;
	word = strsep(&rest, " ");
	if (!strcmp(word, "block"))
		return read_block(rest, table);
	if (!strcmp(word, "allow"))
		return read_allow(rest, table);
	return -EINVAL;
}

/**
 * block_table_read() - read block.conf
 * @path: file
 * @table: filled, with a bad line's neighbours too; to be freed by
 *	block_table_free(), also after a failure
 * @reason: words, with the first bad line's number
 * @room: bytes of @reason
 *
 * Return: 0, also where there is no file; -EINVAL a bad line; or another
 * -errno.
 */
int block_table_read(const char *path, struct block_table *table,
		     char *reason, size_t room)
{
	unsigned int number = 0;
	char *line = NULL;
	size_t line_room = 0;
	int result = 0, error;
	FILE *file;

	*table = (struct block_table){ 0 };
	file = fopen(path, "re");
	if (!file) {
		if (errno == ENOENT)
			return 0;
		result = -errno;
		snprintf(reason, room, "%s: %s", path, strerror(-result));
		return result;
	}
	while (getline(&line, &line_room, file) > 0) {
		number++;
		error = read_line(line, table);
		if (!error || result)
			continue;
		result = error;
		snprintf(reason, room, "%s:%u: %s", path, number,
			 result == -EINVAL ?
			 "neither 'block SGID NET' nor 'allow tcp|udp ADDRESS PORT'" :
			 strerror(-result));
	}
	if (!result && ferror(file)) {
		result = -EIO;
		snprintf(reason, room, "%s: cannot be read", path);
	}
	free(line);
	fclose(file);
	return result;
}

static void print_table(FILE *file, const struct block_table *table)
{
	char text[NET_TEXT_ROOM];

	fputs("# Nets of group members, never to be reached in clear. Written by cpnsd,\n"
	      "# installed early at boot by `cpnsctl policy load`, emptied by\n"
	      "# `cpnsctl leave SGID --open`.\n", file);
	for (size_t i = 0; i < table->servers_count; i++) {
		const struct block_server *server = &table->servers[i];

		fprintf(file, "allow %s %s %u\n",
			server->protocol == IPPROTO_UDP ? "udp" : "tcp",
			net_address_text(&server->address, text),
			server->port);
	}
	for (size_t i = 0; i < table->count; i++)
		fprintf(file, "block %s %s\n", table->entries[i].sgid,
			net_text(&table->entries[i].net, text));
}

static int sync_directory(const char *path)
{
	char *copy = strdup(path);
	int fd, result = 0;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		result = -errno;
	if (fd >= 0)
		close(fd);
	free(copy);
	return result;
}

/**
 * block_table_write() - write block.conf, whole or not at all
 * @path: file, on a file system with atomic rename
 * @table: table
 *
 * Return: 0 or -errno; the old file stands after a failure.
 */
int block_table_write(const char *path, const struct block_table *table)
{
	char *temporary;
	int fd, result = 0;
	FILE *file;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file) {
		result = -errno;
		if (fd >= 0) {
			close(fd);
			unlink(temporary);
		}
		free(temporary);
		return result;
	}
	print_table(file, table);
	if (fchmod(fd, 0644) || fflush(file) || ferror(file) || fsync(fd))
		result = errno ? -errno : -EIO;
	if (fclose(file) && !result)
		result = -errno;
	if (!result && rename(temporary, path))
		result = -errno;
	if (result)
		unlink(temporary);
	else
		result = sync_directory(path);
	free(temporary);
	return result;
}
