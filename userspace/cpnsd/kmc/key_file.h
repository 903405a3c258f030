/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small files of the KMC in the state directory: 0600, the daemon's own,
 * there as a whole or not at all.
 */
#ifndef CPNSD_KMC_KEY_FILE_H
#define CPNSD_KMC_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int key_file_read(const char *directory, const char *name, uint8_t *bytes,
		  size_t size, char *reason, size_t room);
bool key_file_is_empty(const char *directory, const char *name);
int key_file_create(const char *directory, const char *name,
		    const uint8_t *bytes, size_t size, char *reason,
		    size_t room);
int key_file_rename(const char *directory, const char *from, const char *to,
		    char *reason, size_t room);
int key_file_remove(const char *directory, const char *name, char *reason,
		    size_t room);

#endif
