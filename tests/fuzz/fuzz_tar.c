// SPDX-License-Identifier: GPL-2.0-only
/*
 * The archive that `cpnsctl node install` reads (cpnsctl/tar.c). What is
 * taken is packed again and read to the same files. The mutator sums headers
 * up anew, else nothing would pass.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tar.h"

#define BLOCK		512
#define CHECKSUM	148
#define CHECKSUM_SIZE	8

static const char *const names[] = {
	"ca.pem", "node.pem", "node.key", "osg.pub", NULL,
};

static bool is_header(const uint8_t *block)
{
	return !memcmp(block + 257, "ustar", 5);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	size_t at, i;

	size = LLVMFuzzerMutate(data, size, max_size);
	for (at = 0; seed % 8 && at + BLOCK <= size; at += BLOCK) {
		unsigned int sum = CHECKSUM_SIZE * ' ';
		char text[CHECKSUM_SIZE];

		if (!is_header(data + at))
			continue;
		for (i = 0; i < BLOCK; i++)
			if (i < CHECKSUM || i >= CHECKSUM + CHECKSUM_SIZE)
				sum += data[at + i];
		snprintf(text, sizeof(text), "%06o", sum);
		text[7] = ' ';
		memcpy(data + at + CHECKSUM, text, CHECKSUM_SIZE);
	}
	return size;
}

static void pack_again(const struct tar *tar)
{
	struct tar again;
	uint8_t *archive;
	char reason[128];
	size_t size, i;

	FUZZ_ASSERT(!tar_pack(tar, &archive, &size));
	FUZZ_ASSERT(size <= TAR_MAX);
	FUZZ_ASSERT(!tar_unpack(&again, archive, size, names, reason,
				sizeof(reason)));
	FUZZ_ASSERT(again.count == tar->count);
	for (i = 0; i < tar->count; i++)
		FUZZ_ASSERT(again.files[i].size == tar->files[i].size &&
			    !memcmp(again.files[i].bytes, tar->files[i].bytes,
				    tar->files[i].size));
	tar_free(&again);
	free(archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	char reason[128] = "";
	struct tar tar;
	int error;

	error = tar_unpack(&tar, copy, size, names, reason, sizeof(reason));
	free(copy);
	FUZZ_ASSERT(!error || (error == -EINVAL && reason[0]));
	if (!error)
		pack_again(&tar);
	tar_free(&tar);
	return 0;
}
