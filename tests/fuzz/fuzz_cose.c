// SPDX-License-Identifier: GPL-2.0-only
/*
 * COSE_Sign1 alone (proto/cose_verify.c): headers, x5chain, signature; any
 * payload.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/cose.h"
#include "proto/signer.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	return signed_mutate(data, size, max_size, seed, "cpns-epoch-1");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size), kid[COSE_KID_SIZE];
	struct cose_sign1_view view;
	char reason[160] = "";
	int error;

	error = cose_sign1_open(copy, size, "cpns-epoch-1", &view, reason,
				sizeof(reason));
	FUZZ_ASSERT(!error || error == -EBADMSG || error == -EPROTO ||
		    error == -EKEYREJECTED);
	FUZZ_ASSERT(!error || reason[0]);
	if (!error) {
		FUZZ_ASSERT(view.payload > copy &&
			    view.payload + view.payload_size < copy + size);
		FUZZ_ASSERT(view.certificate > copy &&
			    view.certificate + view.certificate_size <
			    copy + size);
		FUZZ_ASSERT(!cose_kid(view.certificate, view.certificate_size,
				      kid));
		FUZZ_ASSERT(!memcmp(kid, view.kid, sizeof(kid)));
	}
	free(copy);
	return 0;
}
