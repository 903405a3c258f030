/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for keys that live as long as the server: not swapped, not in a
 * core file, wiped when given back.
 */
#ifndef CPNSD_SECRET_MEMORY_H
#define CPNSD_SECRET_MEMORY_H

#include <stddef.h>

void *secret_memory_new(size_t size);
void secret_memory_free(void *memory, size_t size);

#endif
