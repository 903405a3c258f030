/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * COSE_Sign1 (RFC 9052) with ES256, as records and rosters use it:
 * protected {1: -7, 4: kid}, unprotected {33: x5chain}, external_aad the
 * payload's first element, kid = SHA-256(signer certificate)[0..8].
 */
#ifndef CPNSD_PROTO_SIGNER_H
#define CPNSD_PROTO_SIGNER_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

struct signer {
	EVP_PKEY *key;
	uint8_t *certificate;		/* DER */
	size_t certificate_size;
	uint8_t kid[8];
};

int signer_open(struct signer *signer, const char *certificate_file,
		const char *key_file, char *reason, size_t room);
void signer_close(struct signer *signer);

int cose_sign1(const struct signer *signer, const char *external_aad,
	       const uint8_t *payload, size_t payload_size,
	       uint8_t **bytes, size_t *size);

/* pointers go into @bytes */
struct cose_sign1_view {
	const uint8_t *payload;
	size_t payload_size;
	const uint8_t *certificate;
	size_t certificate_size;
	uint8_t kid[8];
};

int cose_sign1_open(const uint8_t *bytes, size_t size,
		    const char *external_aad, struct cose_sign1_view *view,
		    char *reason, size_t room);

#endif
