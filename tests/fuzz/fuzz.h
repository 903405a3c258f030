/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzz targets share.
 *
 * libFuzzer calls LLVMFuzzerTestOneInput() for each input, in one thread; a
 * failed FUZZ_ASSERT() is a finding, as is every word of the sanitizers.
 * Mutators are deterministic in their seed, but for ECDSA's random number.
 */
#ifndef CPNS_FUZZ_H
#define CPNS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed);
/* libFuzzer's own mutations, with the dictionary */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* what must hold for every input */
#define FUZZ_ASSERT(condition) do { \
	if (!(condition)) \
		fuzz_violated(#condition, __FILE__, __LINE__); \
} while (0)

_Noreturn void fuzz_violated(const char *condition, const char *file,
			     int line);

/* like malloc() and memcpy(), never NULL, and exact: overreads are seen */
void *fuzz_copy(const void *bytes, size_t size);
/* the same with a final 0 */
char *fuzz_text(const uint8_t *bytes, size_t size);
/* the input as a file; path_room of 64 is enough; -1 is never given */
int fuzz_file(const uint8_t *bytes, size_t size, char path[64]);

/* cbor_mutator.c: mutates the tree, so that most results are well-formed */
size_t cbor_mutate(uint8_t *data, size_t size, size_t max_size,
		   unsigned int seed);
/*
 * The same for a COSE_Sign1 with @external_aad; most results get a signature
 * that matches the certificate of the seeds, so that what stands behind the
 * signature is reached.
 */
size_t signed_mutate(uint8_t *data, size_t size, size_t max_size,
		     unsigned int seed, const char *external_aad);

#endif
