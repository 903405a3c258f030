// SPDX-License-Identifier: GPL-2.0-only
/*
 * Step 7 of both flows: the answer to /smf/N (proto/properties.c,
 * address.c). What is taken is written; read and written again that gives the
 * same bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/properties.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	return cbor_mutate(data, size, max_size, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size), *first, *second;
	size_t count, first_size, second_size;
	struct group_properties *groups;
	char reason[160] = "";
	int error;

	error = properties_decode(copy, size, &groups, &count, reason,
				  sizeof(reason));
	free(copy);
	FUZZ_ASSERT(!error || (error == -EBADMSG && reason[0]));
	if (error)
		return 0;
	FUZZ_ASSERT(!properties_encode(groups, count, &first, &first_size));
	properties_free(groups, count);
	FUZZ_ASSERT(!properties_decode(first, first_size, &groups, &count,
				       reason, sizeof(reason)));
	FUZZ_ASSERT(!properties_encode(groups, count, &second, &second_size));
	properties_free(groups, count);
	FUZZ_ASSERT(first_size == second_size &&
		    !memcmp(first, second, first_size));
	free(first);
	free(second);
	return 0;
}
