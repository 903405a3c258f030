// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pre-shared keys: identities and the file; see psk.h.
 *
 * The file's bytes go through one buffer that is cleansed; no key is in a
 * reason.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "transport/psk.h"

#define FILE_MAX	(1u << 20)
#define ENTRIES_MAX	4096

struct psk_entry {
	char id[IDENTITY_ID_MAX + 1];
	uint8_t key[PSK_KEY_MAX];
	size_t size;
};

struct psk_table {
	size_t count, room;
	struct psk_entry *entries;
};

/**
 * psk_identity_parse - who a PSK identity of the handshake is
 * @text: bytes as they came
 * @size: of @text
 * @identity: result, all zero on error
 *
 * Returns 0 or -EINVAL.
 */
int psk_identity_parse(const void *text, size_t size,
		       struct identity *identity)
{
	char copy[PSK_IDENTITY_MAX + 1];
	size_t prefix = strlen(PSK_ENROL);
	const char *id = copy;

	memset(identity, 0, sizeof(*identity));
	if (!size || size > PSK_IDENTITY_MAX || memchr(text, '\0', size))
		return -EINVAL;
	memcpy(copy, text, size);
	copy[size] = '\0';
	if (!strncmp(copy, PSK_ENROL, prefix))
		id += prefix;
	if (!identity_id_valid(id))
		return -EINVAL;
	identity->kind = id == copy ? IDENTITY_NODE : IDENTITY_ENROLLING;
	strcpy(identity->id, id);
	return 0;
}

/**
 * psk_identity_text - the PSK identity of a node
 * @identity: IDENTITY_NODE or IDENTITY_ENROLLING
 * @text: result
 */
void psk_identity_text(const struct identity *identity,
		       char text[PSK_IDENTITY_MAX + 1])
{
	snprintf(text, PSK_IDENTITY_MAX + 1, "%s%.*s",
		 identity->kind == IDENTITY_ENROLLING ? PSK_ENROL : "",
		 IDENTITY_ID_MAX, identity->id);
}

static int refuse(char *reason, size_t room, const char *path,
		  unsigned int line, const char *what)
{
	snprintf(reason, room, "%s:%u: %s", path, line, what);
	return -EINVAL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_key(struct psk_entry *entry, const char *hex, size_t size)
{
	size_t i;

	if (size % 2 || size / 2 < PSK_KEY_MIN || size / 2 > PSK_KEY_MAX)
		return -EINVAL;
	for (i = 0; i < size / 2; i++) {
		int high = hex_digit(hex[2 * i]);
		int low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		entry->key[i] = (uint8_t)(high << 4 | low);
	}
	entry->size = size / 2;
	return 0;
}

/* grown by hand: realloc(3) would leave a copy of the keys behind */
static int make_room(struct psk_table *table)
{
	size_t room = table->room ? 2 * table->room : 16;
	struct psk_entry *grown;

	if (table->count < table->room)
		return 0;
	if (table->count == ENTRIES_MAX)
		return -E2BIG;
	grown = OPENSSL_zalloc(room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	if (table->count)
		memcpy(grown, table->entries, table->count * sizeof(*grown));
	OPENSSL_clear_free(table->entries,
			   table->room * sizeof(*table->entries));
	table->entries = grown;
	table->room = room;
	return 0;
}

static size_t trimmed(const char **text, size_t size)
{
	while (size && isspace((unsigned char)**text)) {
		++*text;
		size--;
	}
	while (size && isspace((unsigned char)(*text)[size - 1]))
		size--;
	return size;
}

static int read_line(struct psk_table *table, const char *text, size_t size,
		     const char *path, unsigned int line, char *reason,
		     size_t room)
{
	struct psk_entry *entry;
	const char *sign, *hex;
	size_t id_size, hex_size, i;

	size = trimmed(&text, size);
	if (!size || *text == '#' || *text == ';')
		return 0;
	sign = memchr(text, '=', size);
	if (!sign)
		return refuse(reason, room, path, line,
			      "not of the form ID = HEX");
	hex = sign + 1;
	hex_size = trimmed(&hex, size - (size_t)(hex - text));
	id_size = trimmed(&text, (size_t)(sign - text));
	if (make_room(table))
		return refuse(reason, room, path, line,
			      "too many keys, or no memory");
	entry = &table->entries[table->count];
	if (id_size > IDENTITY_ID_MAX)
		id_size = 0;
	memcpy(entry->id, text, id_size);
	entry->id[id_size] = '\0';
	if (!identity_id_valid(entry->id))
		return refuse(reason, room, path, line, "not a node id");
	for (i = 0; i < table->count; i++)
		if (!strcmp(table->entries[i].id, entry->id))
			return refuse(reason, room, path, line,
				      "this node has a key already");
	if (read_key(entry, hex, hex_size))
		return refuse(reason, room, path, line,
			      "a key is 32 to 128 hexadecimal digits");
	table->count++;
	return 0;
}

static int read_lines(struct psk_table *table, const char *text, size_t size,
		      const char *path, char *reason, size_t room)
{
	unsigned int line = 0;
	int result = 0;

	while (size && !result) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		result = read_line(table, text, length, path, ++line, reason,
				   room);
		if (end)
			length++;
		text += length;
		size -= length;
	}
	return result;
}

/* whoever else can read a key has it, or could have put it there */
static int open_file(const char *path, size_t *size, char *reason, size_t room)
{
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;
	struct stat status;

	if (file < 0 || fstat(file, &status)) {
		error = -errno;
		snprintf(reason, room, "%s: %s", path, strerror(errno));
	} else if (!S_ISREG(status.st_mode) || status.st_size > FILE_MAX) {
		error = -EINVAL;
		snprintf(reason, room, "%s: not a file of keys", path);
	} else if (status.st_mode & 0037) {
		error = -EACCES;
		snprintf(reason, room,
			 "%s has mode %03o, others can get at the keys: chmod 600 %s",
			 path, (unsigned int)status.st_mode & 0777, path);
	}
	if (error) {
		if (file >= 0)
			close(file);
		return error;
	}
	*size = (size_t)status.st_size;
	return file;
}

/**
 * psk_table_open - read a file of pre-shared keys
 * @table: result; psk_table_close() ends it
 * @path: lines of the form ID = HEX; # and ; begin a comment
 * @reason: gets the cause of an error in words, with the line, never a key
 * @room: size of @reason
 *
 * Returns 0, -EINVAL, -EACCES for a file that others may read, -ENOMEM, or
 * the errno of the file.
 */
int psk_table_open(struct psk_table **table, const char *path, char *reason,
		   size_t room)
{
	struct psk_table *fresh;
	size_t size, got = 0;
	char *bytes;
	ssize_t part;
	int file, result;

	*table = NULL;
	file = open_file(path, &size, reason, room);
	if (file < 0)
		return file;
	fresh = calloc(1, sizeof(*fresh));
	bytes = OPENSSL_malloc(size + 1);
	if (!fresh || !bytes) {
		snprintf(reason, room, "out of memory");
		result = -ENOMEM;
		goto out;
	}
	do {
		part = read(file, bytes + got, size - got);
		if (part > 0)
			got += (size_t)part;
	} while (part > 0 || (part < 0 && errno == EINTR));
	if (part < 0) {
		result = -errno;
		snprintf(reason, room, "%s: %s", path, strerror(errno));
		goto out;
	}
	result = read_lines(fresh, bytes, got, path, reason, room);
out:
	close(file);
	OPENSSL_clear_free(bytes, size + 1);
	if (result)
		psk_table_close(fresh);
	else
		*table = fresh;
	return result;
}

/**
 * psk_table_close - wipe and free
 * @table: may be NULL
 */
void psk_table_close(struct psk_table *table)
{
	if (!table)
		return;
	OPENSSL_clear_free(table->entries,
			   table->room * sizeof(*table->entries));
	free(table);
}

/**
 * psk_table_find - the key of a node
 * @table: may be NULL: no keys
 * @id: the node
 * @key: result, the caller's to wipe
 * @size: of the key
 *
 * Returns 0 or -ENOENT.
 */
int psk_table_find(const struct psk_table *table, const char *id,
		   uint8_t key[PSK_KEY_MAX], size_t *size)
{
	size_t i;

	for (i = 0; table && i < table->count; i++) {
		if (strcmp(table->entries[i].id, id))
			continue;
		memcpy(key, table->entries[i].key, table->entries[i].size);
		*size = table->entries[i].size;
		return 0;
	}
	return -ENOENT;
}
