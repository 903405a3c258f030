// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signed epoch record, from the carrier's bytes to the kernel's HEADER
 * (proto/cbor_reader.c, cose_verify.c, record.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/record.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	return signed_mutate(data, size, max_size, seed, "cpns-epoch-1");
}

static void check_accepted(const struct epoch_record *record)
{
	uint8_t header[CPNS_HEADER_SIZE];

	FUZZ_ASSERT(record->sgid[0] && strlen(record->sgid) <= CPNS_SGID_MAX);
	FUZZ_ASSERT(record->num >= 1 && record->num <= CPNS_EPOCH_MAX);
	FUZZ_ASSERT(record->etag_size <= EPOCH_ETAG_MAX);
	FUZZ_ASSERT(record->evicted_count <= EPOCH_EVICTED_MAX);
	FUZZ_ASSERT(record->shards_count <= EPOCH_SHARDS_MAX);
	FUZZ_ASSERT(record->reason == EPOCH_DELETE ||
		    record->dtd > record->atd);
	FUZZ_ASSERT(record->signer_certificate_size);
	/* what is believed could have been signed by the same rules */
	FUZZ_ASSERT(!epoch_record_fault(record));
	epoch_record_header(record, header);
	FUZZ_ASSERT(header[0] == 1 && header[1] == record->suite);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct epoch_record record;
	char reason[160] = "";
	int error;

	error = epoch_record_open(copy, size, &record, reason, sizeof(reason));
	FUZZ_ASSERT(!error || error == -EBADMSG || error == -EPROTO ||
		    error == -EKEYREJECTED);
	FUZZ_ASSERT(!error || reason[0]);
	free(copy);
	if (error)
		return 0;
	check_accepted(&record);
	epoch_record_free(&record);
	return 0;
}
