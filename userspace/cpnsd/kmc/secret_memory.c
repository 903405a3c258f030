// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for long-lived keys: pages of its own, locked, left out of core
 * files and of children, wiped when given back.
 *
 * No state, any thread.  The caller keeps the size.
 */
#include "kmc/secret_memory.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <sys/mman.h>

/**
 * secret_memory_new() - take memory for keys
 * @size: bytes
 *
 * Return: zeroed memory; NULL with errno: ENOMEM, or EPERM or EAGAIN if
 * RLIMIT_MEMLOCK does not let it be locked.
 */
void *secret_memory_new(size_t size)
{
	void *memory;
	int error;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return NULL;
	if (mlock(memory, size) || madvise(memory, size, MADV_DONTDUMP) ||
	    madvise(memory, size, MADV_WIPEONFORK)) {
		error = errno;
		munmap(memory, size);
		errno = error;
		return NULL;
	}
	return memory;
}

/**
 * secret_memory_free() - wipe and give back
 * @memory: of secret_memory_new(), may be NULL
 * @size: as there
 */
void secret_memory_free(void *memory, size_t size)
{
	if (!memory)
		return;
	OPENSSL_cleanse(memory, size);
	munmap(memory, size);
}
