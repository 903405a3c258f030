/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Group tag, KCV and the bytes that the member's kernel opens: SEAL and
 * ITEM (architecture section 4).  The server's side of them.
 */
#ifndef CPNSD_PROTO_KEY_SCHEDULE_H
#define CPNSD_PROTO_KEY_SCHEDULE_H

#include <cpns/cpns.h>
#include <stdint.h>

#include "proto/hpke.h"

/* SHA-256(SGID)[0..12] */
int group_tag(const char *sgid, uint8_t tag[CPNS_TAG_SIZE]);

/* PRK = Extract(tag | be32 epoch, secret); KCV = Expand(PRK, label, 16) */
int key_schedule_kcv(const uint8_t tag[CPNS_TAG_SIZE], uint32_t epoch,
		     const uint8_t secret[32], uint8_t kcv[CPNS_KCV_SIZE]);
int key_schedule_traffic_key(const uint8_t tag[CPNS_TAG_SIZE], uint32_t epoch,
			     const uint8_t secret[32], uint8_t use,
			     uint8_t aead_id, uint16_t sid, uint8_t key_bytes,
			     uint8_t *key, size_t size);

struct seal_parameters {
	uint16_t aead;			/* 1 AES-128-GCM, 2 AES-256-GCM */
	uint8_t mode;			/* 0 base, 2 auth */
	uint32_t leaf_id, leaf_version;
	uint16_t sid;
	uint32_t first_epoch;
	uint8_t tag[CPNS_TAG_SIZE];
};

/* sender: X25519 key pair for auth mode, else NULL */
int seal_make(const struct seal_parameters *parameters,
	      const uint8_t node_key[32],
	      const struct hpke_sender *sender,
	      const uint8_t leaf_kek[32], uint8_t seal[CPNS_SEAL_SIZE]);

int seal_make_vector(const struct seal_parameters *parameters,
		     const uint8_t node_key[32],
		     const struct hpke_sender *sender,
		     const uint8_t *ephemeral, const uint8_t leaf_kek[32],
		     uint8_t seal[CPNS_SEAL_SIZE]);

struct item_parameters {
	uint32_t id, version;		/* id 0: the epoch secret */
	uint32_t wrapping_id, wrapping_version;
};

/* nonce from the DRBG; header is used for id 0, tag and epoch otherwise */
int item_make(const struct item_parameters *parameters,
	      const uint8_t header[CPNS_HEADER_SIZE],
	      const uint8_t wrapping_key[32], const uint8_t key[32],
	      uint8_t item[CPNS_ITEM_SIZE]);
int item_make_vector(const struct item_parameters *parameters,
		     const uint8_t header[CPNS_HEADER_SIZE],
		     const uint8_t wrapping_key[32], const uint8_t nonce[12],
		     const uint8_t key[32], uint8_t item[CPNS_ITEM_SIZE]);

#endif
