/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The signed epoch record (wire.md section 2, CDDL `record` and `epoch`):
 * the same bytes for all members, over any carrier.
 *
 * Decoded structures own copies; *_free() gives them back.  Nothing here is
 * secret.
 */
#ifndef CPNSD_PROTO_RECORD_H
#define CPNSD_PROTO_RECORD_H

#include <cpns/cpns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/signer.h"

enum epoch_reason {
	EPOCH_CREATE, EPOCH_TIMER, EPOCH_JOIN, EPOCH_LEAVE, EPOCH_EVICT,
	EPOCH_COMPROMISE, EPOCH_DELETE,
};

#define EPOCH_EVICTED_MAX	1024
#define EPOCH_SHARDS_MAX	4096
#define EPOCH_ETAG_MAX		64

struct epoch_record {
	char sgid[CPNS_SGID_MAX + 1];
	uint64_t term;
	uint32_t num;
	uint8_t prev[32];
	uint8_t etag[EPOCH_ETAG_MAX];
	size_t etag_size;
	enum epoch_reason reason;
	uint8_t suite;
	uint8_t kcv[CPNS_KCV_SIZE];
	uint64_t created;		/* seconds, wall clock of the signer */
	uint32_t lifetime, atd, dtd;	/* seconds */
	uint16_t *evicted;
	size_t evicted_count;
	int32_t scheme;			/* 0 or -65601 */
	uint8_t (*shards)[32];		/* SHA-256 of each shard */
	size_t shards_count;
	/* filled by decoding */
	uint8_t payload_hash[32];	/* SHA-256 of the payload's bytes */
	uint8_t kid[8];
	uint8_t *signer_certificate;	/* first of x5chain, DER */
	size_t signer_certificate_size;
};

/* the field that cannot be signed and why, NULL if all can */
const char *epoch_record_fault(const struct epoch_record *record);

/* deterministic CBOR and ES256 signature; *bytes is malloc'ed */
int epoch_record_sign(const struct epoch_record *record,
		      const struct signer *signer,
		      uint8_t **bytes, size_t *size,
		      uint8_t payload_hash[32]);
/*
 * Strict decoding, signature checked with the certificate that the record
 * brings; whether that certificate is the group's signer is the caller's
 * business (identity_verify_der()).  -EBADMSG malformed, -EKEYREJECTED
 * signature, -EPROTO wrong algorithm, crit or kid; reason in words.
 */
int epoch_record_open(const uint8_t *bytes, size_t size,
		      struct epoch_record *record,
		      char *reason, size_t room);
void epoch_record_free(struct epoch_record *record);

/* the 48 bytes of HEADER that the kernel gets (architecture section 4) */
void epoch_record_header(const struct epoch_record *record,
			 uint8_t header[CPNS_HEADER_SIZE]);

#endif
