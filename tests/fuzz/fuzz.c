// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helpers of the fuzz targets; see fuzz.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

void fuzz_violated(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: violated: %s\n", file, line, condition);
	abort();
}

void *fuzz_copy(const void *bytes, size_t size)
{
	void *copy = malloc(size);

	FUZZ_ASSERT(copy || !size);
	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

char *fuzz_text(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_ASSERT(text);
	if (size)
		memcpy(text, bytes, size);
	text[size] = '\0';
	return text;
}

int fuzz_file(const uint8_t *bytes, size_t size, char path[64])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	FUZZ_ASSERT(fd >= 0);
	FUZZ_ASSERT(write(fd, bytes, size) == (ssize_t)size);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}
