/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * OMA Security Gateway (SEC_CF, AD 5.3.1.9.5.1): makes an epoch's secret by
 * way of the KMC, seals it to members and signs records and rosters.
 *
 * No secret leaves these functions but sealed.  State is the caller's
 * (CSKMF) to persist: wrapped keys come and go as opaque bytes.
 * Called by the CSKMF only; calls the KMC only.
 */
#ifndef CPNSD_OSG_H
#define CPNSD_OSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kmc/kmc.h"
#include "proto/record.h"
#include "proto/response.h"
#include "proto/roster.h"

#define OSG_WRAPPED_SIZE (KMC_KEY_SIZE + KMC_WRAP_OVERHEAD)

struct osg;

struct osg_options {
	struct kmc *kmc;
	const char *signer_cert, *signer_key;	/* PEM files */
	const char *osg_key;		/* X25519 private key, PEM */
	const char *lab_secrets;	/* NULL in earnest */
};

int osg_open(struct osg **osg, const struct osg_options *options,
	     char *reason, size_t room);
void osg_close(struct osg *osg);
void osg_public_key(const struct osg *osg, uint8_t key[32]);

/* one listed member's leaf: its KEK, wrapped under the KMC's storage key */
struct osg_leaf {
	uint32_t id;			/* 1.., never reused in a group */
	uint32_t version;
	uint8_t wrapped[OSG_WRAPPED_SIZE];
};

/* entry added to the group document: a leaf with a fresh KEK */
int osg_leaf_create(struct osg *osg, const char *sgid, uint32_t id,
		    struct osg_leaf *leaf);

/* a made epoch; released by osg_epoch_release() */
struct osg_epoch {
	uint8_t *record;		/* COSE_Sign1, as sent */
	size_t record_size;
	uint8_t payload_hash[32];	/* prev of the next one */
	uint8_t wrapped_secret[OSG_WRAPPED_SIZE];
	uint8_t *shards;		/* all shards' ITEMs, in leaf order */
	size_t shards_size;		/* CPNS_ITEM_SIZE each, 16 a shard */
};

/*
 * Flow steps 2 to 5 of B.2.1.1: KMC makes the secret; KCV, ITEMs of every
 * leaf, shard hashes and the signature are made here.  @record comes filled
 * but for kcv, scheme and shards.
 */
int osg_create_group_key(struct osg *osg, struct epoch_record *record,
			 const struct osg_leaf *leaves, size_t leaves_count,
			 struct osg_epoch *epoch);
void osg_epoch_release(struct osg_epoch *epoch);

/*
 * The 112 bytes of SEAL for one member: HPKE auth mode from the OSG's
 * static key to the member kernel's node key; plaintext is the leaf KEK.
 */
int osg_seal_leaf(struct osg *osg, const char *sgid, uint32_t epoch,
		  const struct osg_leaf *leaf, uint16_t sid,
		  const uint8_t node_key[32], uint8_t seal[112]);

/* shard index and bytes that hold one leaf's ITEM, for mgt_key_material */
int osg_member_shard(const struct osg_epoch *epoch,
		     const struct osg_leaf *leaves, size_t leaves_count,
		     uint32_t leaf_id, struct response_management *management);

int osg_sign_roster(struct osg *osg, const struct roster *roster,
		    uint8_t **signed_roster, size_t *size);

/* a wrapped key and its place, for when the KMC's storage key changes */
enum osg_wrapped_kind {
	OSG_WRAPPED_LEAF,
	OSG_WRAPPED_KEK,
	OSG_WRAPPED_EPOCH,
};

struct osg_wrapped {
	enum osg_wrapped_kind kind;
	const char *sgid;
	uint32_t id;			/* of the leaf or KEK; the epoch's num */
	uint32_t version;		/* of the leaf or KEK */
};

bool osg_rotating(const struct osg *osg);
int osg_rewrap(struct osg *osg, const struct osg_wrapped *key,
	       uint8_t wrapped[OSG_WRAPPED_SIZE]);
int osg_rotated(struct osg *osg, char *reason, size_t room);
bool osg_wrapped_is_ours(struct osg *osg, const struct osg_wrapped *key,
			 const uint8_t wrapped[OSG_WRAPPED_SIZE]);

/* reason 6: a record with an all-zero kcv that ends the group */
int osg_delete_group_key(struct osg *osg, struct epoch_record *record,
			 struct osg_epoch *epoch);

#endif
