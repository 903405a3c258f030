// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signed roster (proto/cbor_reader.c, cose_verify.c, roster.c,
 * address.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/address.h"
#include "proto/roster.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	return signed_mutate(data, size, max_size, seed, "cpns-roster-1");
}

static void check_sender(const struct roster_sender *sender)
{
	size_t i;

	FUZZ_ASSERT(sender->sid && sender->node[0]);
	FUZZ_ASSERT(sender->tunnels_count <= ADDRESS_TUNNELS_MAX);
	FUZZ_ASSERT(sender->nets_count <= ADDRESS_NETS_MAX);
	for (i = 0; i < sender->nets_count; i++)
		FUZZ_ASSERT(sender->nets[i].prefix <=
			    8 * address_size(&sender->nets[i].network));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	char reason[160] = "";
	struct roster roster;
	size_t i;
	int error;

	error = roster_open(copy, size, &roster, reason, sizeof(reason));
	FUZZ_ASSERT(!error || error == -EBADMSG || error == -EPROTO ||
		    error == -EKEYREJECTED);
	FUZZ_ASSERT(!error || reason[0]);
	free(copy);
	if (error)
		return 0;
	FUZZ_ASSERT(roster.sgid[0] && roster.num >= 1);
	for (i = 0; i < roster.senders_count; i++)
		check_sender(&roster.senders[i]);
	for (i = 0; i < roster.gone_count; i++)
		FUZZ_ASSERT(roster.gone[i]);
	roster_free(&roster);
	return 0;
}
