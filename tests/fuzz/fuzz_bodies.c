// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bodies of the join exchange (proto/registration.c, join.c, response.c,
 * management.c, status.c, problem.c, records.c): every input is given to each
 * decoder. What one of them takes, its encoder writes; read and written again
 * that gives the same bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/response.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	return cbor_mutate(data, size, max_size, seed);
}

static void same(uint8_t *first, size_t first_size, uint8_t *second,
		 size_t second_size)
{
	FUZZ_ASSERT(first_size == second_size &&
		    !memcmp(first, second, first_size));
	free(first);
	free(second);
}

static void no_free(void *decoded)
{
	(void)decoded;
}

static void free_response(void *decoded)
{
	response_free(decoded);
}

/* decode, encode, decode, encode: the two encodings are equal */
#define ROUND_TRIP(type, name, release) do { \
	size_t first_size = 0, second_size = 0; \
	uint8_t *first = NULL, *second = NULL; \
	char reason[160] = ""; \
	type decoded; \
	int error = name##_decode(copy, size, &decoded, reason, \
				  sizeof(reason)); \
	FUZZ_ASSERT(!error || (error == -EBADMSG && reason[0])); \
	if (error) \
		break; \
	FUZZ_ASSERT(!name##_encode(&decoded, &first, &first_size)); \
	release(&decoded); \
	FUZZ_ASSERT(!name##_decode(first, first_size, &decoded, reason, \
				   sizeof(reason))); \
	FUZZ_ASSERT(!name##_encode(&decoded, &second, &second_size)); \
	release(&decoded); \
	same(first, first_size, second, second_size); \
} while (0)

static void problem(const uint8_t *copy, size_t size)
{
	size_t again_size;
	char title[64], title_again[64];
	int32_t id, id_again;
	uint8_t *again;

	if (problem_decode(copy, size, title, sizeof(title), &id))
		return;
	FUZZ_ASSERT(strlen(title) < sizeof(title));
	/* a title that was cut may end within a character */
	if (strlen(title) == sizeof(title) - 1)
		return;
	FUZZ_ASSERT(!problem_encode(title, id, &again, &again_size));
	FUZZ_ASSERT(!problem_decode(again, again_size, title_again,
				    sizeof(title_again), &id_again));
	FUZZ_ASSERT(id == id_again && !strcmp(title, title_again));
	free(again);
}

static void records(const uint8_t *copy, size_t size)
{
	struct record_bytes found[64];
	size_t count, again_size, i;
	uint8_t *again;

	if (records_decode(copy, size, found, 64, &count))
		return;
	FUZZ_ASSERT(count <= 64);
	for (i = 0; i < count; i++)
		FUZZ_ASSERT(found[i].size && found[i].bytes > copy &&
			    found[i].bytes + found[i].size <= copy + size);
	FUZZ_ASSERT(!records_encode(found, count, &again, &again_size));
	FUZZ_ASSERT(again_size == size && !memcmp(again, copy, size));
	free(again);
}

static void num(const uint8_t *copy, size_t size)
{
	size_t again_size;
	uint8_t *again;
	uint32_t number;

	if (num_decode(copy, size, &number))
		return;
	FUZZ_ASSERT(!num_encode(number, &again, &again_size));
	FUZZ_ASSERT(again_size == size && !memcmp(again, copy, size));
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);

	ROUND_TRIP(struct registration, registration, no_free);
	ROUND_TRIP(struct join_request, join_request, no_free);
	ROUND_TRIP(struct response, response, free_response);
	ROUND_TRIP(struct status_report, status, no_free);
	problem(copy, size);
	records(copy, size);
	num(copy, size);
	free(copy);
	return 0;
}
