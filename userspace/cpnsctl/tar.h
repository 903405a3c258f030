/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A few small files in one ustar archive (POSIX.1-2017 pax, "ustar
 * Interchange Format"), made and read in memory.
 *
 * No links, directories, devices or long names: an archive with any of them
 * is refused.  One thread; pure functions.
 */
#ifndef CPNSCTL_TAR_H
#define CPNSCTL_TAR_H

#include <stddef.h>
#include <stdint.h>

#define TAR_FILES_MAX	8
#define TAR_FILE_MAX	16384
#define TAR_MAX		(TAR_FILES_MAX * (TAR_FILE_MAX + 512) + 10240)

struct tar_file {
	char name[32];
	unsigned int mode;
	uint8_t *bytes;			/* cleansed by tar_free() */
	size_t size;
};

struct tar {
	struct tar_file files[TAR_FILES_MAX];
	size_t count;
};

int tar_add(struct tar *tar, const char *name, unsigned int mode,
	    const void *bytes, size_t size);
const struct tar_file *tar_find(const struct tar *tar, const char *name);
int tar_pack(const struct tar *tar, uint8_t **archive, size_t *size);
/* names: the only ones that may occur, ended by NULL */
int tar_unpack(struct tar *tar, const uint8_t *archive, size_t size,
	       const char *const *names, char *reason, size_t room);
void tar_free(struct tar *tar);

#endif
