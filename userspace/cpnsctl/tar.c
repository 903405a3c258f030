// SPDX-License-Identifier: GPL-2.0-only
/*
 * See tar.h.  An archive is read from strangers' hands: every number is
 * checked before it is used, names must be on the caller's list, and nothing
 * is written here.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <openssl/crypto.h>

#include "tar.h"

#define BLOCK 512

/* field offsets and sizes of a ustar header */
struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];			/* "ustar" and NUL */
	char version[2];		/* "00" */
	char user[32];
	char group[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char padding[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a ustar header is one block");

/**
 * tar_add - add a file
 * @tar: all zero at first
 * @name: without directory
 * @mode: permission bits
 * @bytes: copied
 * @size: at most TAR_FILE_MAX
 *
 * Returns 0, -ENOSPC, -EEXIST, -EMSGSIZE or -ENOMEM.
 */
int tar_add(struct tar *tar, const char *name, unsigned int mode,
	    const void *bytes, size_t size)
{
	struct tar_file *file = &tar->files[tar->count];

	if (tar->count == TAR_FILES_MAX)
		return -ENOSPC;
	if (tar_find(tar, name))
		return -EEXIST;
	if (size > TAR_FILE_MAX || strlen(name) >= sizeof(file->name))
		return -EMSGSIZE;
	file->bytes = OPENSSL_malloc(size + 1);
	if (!file->bytes)
		return -ENOMEM;
	memcpy(file->bytes, bytes, size);
	file->bytes[size] = '\0';
	file->size = size;
	file->mode = mode;
	strcpy(file->name, name);
	tar->count++;
	return 0;
}

/**
 * tar_find - a file by its name
 * @tar: the archive
 * @name: whole name
 *
 * Returns NULL if it is not there; its bytes are followed by a NUL.
 */
const struct tar_file *tar_find(const struct tar *tar, const char *name)
{
	size_t i;

	for (i = 0; i < tar->count; i++) {
		if (!strcmp(tar->files[i].name, name))
			return &tar->files[i];
	}
	return NULL;
}

static unsigned long sum(const struct header *header)
{
	const uint8_t *bytes = (const uint8_t *)header;
	unsigned long total = 0;
	size_t i;

	for (i = 0; i < sizeof(*header); i++) {
		if (i >= offsetof(struct header, checksum) &&
		    i < offsetof(struct header, type))
			total += ' ';
		else
			total += bytes[i];
	}
	return total;
}

static size_t padded(size_t size)
{
	return (size + BLOCK - 1) / BLOCK * BLOCK;
}

static void fill_header(struct header *header, const struct tar_file *file)
{
	memset(header, 0, sizeof(*header));
	strcpy(header->name, file->name);
	snprintf(header->mode, sizeof(header->mode), "%07o", file->mode & 0777);
	memcpy(header->uid, "0000000", 8);
	memcpy(header->gid, "0000000", 8);
	snprintf(header->size, sizeof(header->size), "%011zo", file->size);
	snprintf(header->mtime, sizeof(header->mtime), "%011llo",
		 (unsigned long long)time(NULL));
	header->type = '0';
	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
	memcpy(header->user, "root", 5);
	memcpy(header->group, "root", 5);
	snprintf(header->checksum, sizeof(header->checksum), "%06lo",
		 sum(header) & 0777777);
	header->checksum[7] = ' ';
}

/**
 * tar_pack - the archive as bytes
 * @tar: what is in it
 * @archive: result; OPENSSL_clear_free() ends it
 * @size: of @archive
 *
 * Returns 0 or -ENOMEM.
 */
int tar_pack(const struct tar *tar, uint8_t **archive, size_t *size)
{
	size_t total = 2 * BLOCK, i;
	uint8_t *at;

	for (i = 0; i < tar->count; i++)
		total += BLOCK + padded(tar->files[i].size);
	at = OPENSSL_zalloc(total);
	if (!at)
		return -ENOMEM;
	*archive = at;
	*size = total;
	for (i = 0; i < tar->count; i++) {
		fill_header((struct header *)at, &tar->files[i]);
		at += BLOCK;
		memcpy(at, tar->files[i].bytes, tar->files[i].size);
		at += padded(tar->files[i].size);
	}
	return 0;
}

/* digits up to a space or NUL, nothing else */
static int read_octal(const char *field, size_t size, unsigned long *value)
{
	size_t i = 0;

	*value = 0;
	while (i < size && field[i] == ' ')
		i++;
	if (i == size || field[i] < '0' || field[i] > '7')
		return -EINVAL;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) {
		if (*value > 0777777777777ul >> 3)
			return -EINVAL;
		*value = *value << 3 | (unsigned long)(field[i] - '0');
	}
	return i == size || field[i] == ' ' || !field[i] ? 0 : -EINVAL;
}

static const char *check_header(const struct header *header,
				const char *const *names, unsigned long *size)
{
	unsigned long checksum;
	size_t i;

	if (memcmp(header->magic, "ustar", 5) != 0)
		return "not a ustar archive";
	if (read_octal(header->checksum, sizeof(header->checksum), &checksum) ||
	    checksum != sum(header))
		return "a header's checksum is wrong";
	if (header->type != '0' && header->type != '\0')
		return "something other than a plain file is in it";
	if (header->prefix[0] || header->link[0] ||
	    !memchr(header->name, '\0', sizeof(header->name)))
		return "a name is too long";
	if (read_octal(header->size, sizeof(header->size), size) ||
	    *size > TAR_FILE_MAX)
		return "a file is too large";
	for (i = 0; names[i]; i++) {
		if (!strcmp(names[i], header->name))
			return NULL;
	}
	return "a file that does not belong there";
}

static bool is_zero(const uint8_t *block)
{
	size_t i;

	for (i = 0; i < BLOCK; i++) {
		if (block[i])
			return false;
	}
	return true;
}

/**
 * tar_unpack - read an archive
 * @tar: result; tar_free() ends it, also after an error
 * @archive: the bytes
 * @size: of @archive
 * @names: the only names that may occur, each once
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int tar_unpack(struct tar *tar, const uint8_t *archive, size_t size,
	       const char *const *names, char *reason, size_t room)
{
	size_t at = 0;
	int result;

	memset(tar, 0, sizeof(*tar));
	while (at + BLOCK <= size && !is_zero(archive + at)) {
		struct header header;
		unsigned long length = 0;
		const char *wrong;

		memcpy(&header, archive + at, BLOCK);
		at += BLOCK;
		wrong = check_header(&header, names, &length);
		if (!wrong && padded(length) > size - at)
			wrong = "it ends in the middle of a file";
		if (wrong) {
			snprintf(reason, room, "%s", wrong);
			return -EINVAL;
		}
		result = tar_add(tar, header.name, 0600, archive + at, length);
		if (result) {
			snprintf(reason, room, "%s: %s", header.name,
				 result == -EEXIST ? "twice in it" :
				 strerror(-result));
			return result == -ENOMEM ? result : -EINVAL;
		}
		at += padded(length);
	}
	/* the end is two blocks of zeros; more zeros pad a tape's record */
	if (size - at < 2 * BLOCK || !is_zero(archive + at) ||
	    !is_zero(archive + at + BLOCK)) {
		snprintf(reason, room, "it has no end");
		return -EINVAL;
	}
	return 0;
}

/**
 * tar_free - free all files, cleansed
 * @tar: may be all zero
 */
void tar_free(struct tar *tar)
{
	while (tar->count) {
		struct tar_file *file = &tar->files[--tar->count];

		OPENSSL_clear_free(file->bytes, file->size + 1);
	}
}
