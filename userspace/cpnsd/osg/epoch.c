// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making an epoch: secret, KCV, ITEMs, shards, signed record (B.2.1.1 steps 2
 * to 5; steps 3 and 4 are logged here, 2 and 5 by the CSKMF).  Point to point
 * there is one ITEM for each leaf; those of a key tree are made elsewhere.
 *
 * One thread at a time.  The secret and the KEKs are in the clear only on
 * the stack of these functions and are wiped on every path.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "osg/tree_internal.h"
#include "proto/key_schedule.h"

#define SHARD_SIZE	((size_t)OSG_SHARD_ITEMS * CPNS_ITEM_SIZE)

static size_t shards_for(size_t size)
{
	return (size + SHARD_SIZE - 1) / SHARD_SIZE;
}

static void log_step(const struct epoch_record *record, unsigned int step,
		     const char *from, const char *to)
{
	struct log_flow flow = {
		.role = "server", .flow = "B.2.1.1", .step = step,
		.from = from, .to = to, .sgid = record->sgid,
		.num = record->num,
	};

	log_flow_step(&flow);
}

/* the OSG asks, the KMC answers; the secret is kept wrapped */
static int obtain_secret(struct osg *osg, const struct epoch_record *record,
			 uint8_t secret[KMC_KEY_SIZE],
			 uint8_t wrapped[OSG_WRAPPED_SIZE])
{
	char label[OSG_LABEL_MAX];
	int error;

	log_step(record, 3, "OSG", "KMC");
	error = kmc_generate(osg->kmc, secret);
	if (error)
		return error;
	log_step(record, 4, "KMC", "OSG");
	snprintf(label, sizeof(label), "epoch %s %u", record->sgid,
		 record->num);
	return kmc_wrap(osg->kmc, label, secret, wrapped);
}

/* what the ITEMs of a group without key tree are made of */
struct point_to_point {
	const struct osg_leaf *leaves;
	size_t leaves_count;
};

static int leaf_item(struct osg *osg, const struct epoch_record *record,
		     const struct osg_leaf *leaf,
		     const uint8_t header[CPNS_HEADER_SIZE],
		     const uint8_t secret[KMC_KEY_SIZE], uint8_t *item)
{
	const struct item_parameters parameters = {
		.id = 0,
		.version = record->num,
		.wrapping_id = leaf->id,
		.wrapping_version = leaf->version,
	};
	uint8_t kek[KMC_KEY_SIZE];
	int error;

	error = osg_leaf_unwrap(osg, record->sgid, leaf, kek);
	if (error)
		log_error("OSG: group %s: KEK of leaf %u version %u does not unwrap",
			  record->sgid, leaf->id, leaf->version);
	else
		error = item_make(&parameters, header, kek, secret, item);
	OPENSSL_cleanse(kek, sizeof(kek));
	return error;
}

static int make_items(struct osg *osg, void *context,
		      const struct epoch_record *record,
		      const uint8_t secret[KMC_KEY_SIZE],
		      struct osg_epoch *epoch)
{
	const struct point_to_point *members = context;
	uint8_t header[CPNS_HEADER_SIZE];
	size_t i;
	int error = 0;

	if (!members->leaves_count)
		return 0;
	epoch->shards = calloc(members->leaves_count, CPNS_ITEM_SIZE);
	if (!epoch->shards)
		return -ENOMEM;
	epoch->shards_size = members->leaves_count * CPNS_ITEM_SIZE;
	epoch_record_header(record, header);
	for (i = 0; i < members->leaves_count && !error; i++)
		error = leaf_item(osg, record, &members->leaves[i], header,
				  secret, epoch->shards + i * CPNS_ITEM_SIZE);
	return error;
}

static int hash_shards(struct epoch_record *record,
		       const struct osg_epoch *epoch)
{
	size_t left = epoch->shards_size, size, i;
	const uint8_t *at = epoch->shards;

	if (!left)
		return 0;
	record->shards = calloc(shards_for(left), sizeof(*record->shards));
	if (!record->shards)
		return -ENOMEM;
	record->shards_count = shards_for(left);
	for (i = 0; i < record->shards_count; i++, at += size, left -= size) {
		size = left < SHARD_SIZE ? left : SHARD_SIZE;
		if (!SHA256(at, size, record->shards[i]))
			return -EIO;
	}
	return 0;
}

static int sign(struct osg *osg, const struct epoch_record *record,
		struct osg_epoch *epoch)
{
	const char *fault = epoch_record_fault(record);

	if (fault) {
		log_error("OSG: group %s: epoch %u is not signed: %s",
			  record->sgid, record->num, fault);
		return -EINVAL;
	}
	return epoch_record_sign(record, &osg->signer, &epoch->record,
				 &epoch->record_size, epoch->payload_hash);
}

static int make_epoch(struct osg *osg, struct epoch_record *record,
		      epoch_items items, void *context,
		      struct osg_epoch *epoch)
{
	uint8_t secret[KMC_KEY_SIZE], tag[CPNS_TAG_SIZE];
	int error;

	error = obtain_secret(osg, record, secret, epoch->wrapped_secret);
	if (!error)
		error = group_tag(record->sgid, tag);
	if (!error)
		error = key_schedule_kcv(tag, record->num, secret,
					 record->kcv);
	if (!error)
		error = items(osg, context, record, secret, epoch);
	if (!error)
		error = hash_shards(record, epoch);
	if (!error)
		error = sign(osg, record, epoch);
	if (!error)
		error = osg_lab_secret(osg, record->sgid, record->num,
				       secret);
	OPENSSL_cleanse(secret, sizeof(secret));
	return error;
}

/**
 * osg_make_epoch() - make an epoch, whatever its ITEMs are
 * @osg: the OSG
 * @record: as for osg_create_group_key()
 * @scheme: of the record
 * @items: makes the ITEMs, once the record's KCV is there
 * @context: for @items
 * @epoch: gets it; empty after an error
 *
 * Return: 0 or -errno.
 */
int osg_make_epoch(struct osg *osg, struct epoch_record *record,
		   int32_t scheme, epoch_items items, void *context,
		   struct osg_epoch *epoch)
{
	int error;

	memset(epoch, 0, sizeof(*epoch));
	if (record->reason == EPOCH_DELETE)
		return -EINVAL;
	free(record->shards);
	record->shards = NULL;
	record->shards_count = 0;
	record->scheme = scheme;
	error = make_epoch(osg, record, items, context, epoch);
	if (error)
		osg_epoch_release(epoch);
	return error;
}

/**
 * osg_create_group_key() - make an epoch (B.2.1.1 steps 2 to 5)
 * @osg: the OSG
 * @record: filled but for kcv, scheme and shards, which are set here; it
 *	owns the shard hashes: epoch_record_free()
 * @leaves: every listed member's leaf, in an order that the caller keeps
 * @leaves_count: their number, at most 256
 * @epoch: gets record, ITEMs and the wrapped secret; osg_epoch_release()
 *	when done, not after an error
 *
 * Return: 0; -E2BIG more members than point to point may have; -EINVAL a
 * field of @record; -EBADMSG a leaf that is not this group's; -EIO the
 * generator failed; -ENOMEM.
 */
int osg_create_group_key(struct osg *osg, struct epoch_record *record,
			 const struct osg_leaf *leaves, size_t leaves_count,
			 struct osg_epoch *epoch)
{
	struct point_to_point members = { leaves, leaves_count };

	memset(epoch, 0, sizeof(*epoch));
	if (leaves_count > OSG_POINT_TO_POINT_MAX) {
		log_error("OSG: group %s: %zu members; point to point is for %d at most",
			  record->sgid, leaves_count, OSG_POINT_TO_POINT_MAX);
		return -E2BIG;
	}
	return osg_make_epoch(osg, record, 0, make_items, &members, epoch);
}

/**
 * osg_delete_group_key() - make the record that ends a group
 * @osg: the OSG
 * @record: filled; reason, kcv, scheme and shards are set here
 * @epoch: gets the record; osg_epoch_release() when done, not after an error
 *
 * Return: 0; -EINVAL a field of @record; -ENOMEM; -EIO.
 */
int osg_delete_group_key(struct osg *osg, struct epoch_record *record,
			 struct osg_epoch *epoch)
{
	int error;

	memset(epoch, 0, sizeof(*epoch));
	free(record->shards);
	record->shards = NULL;
	record->shards_count = 0;
	record->scheme = 0;
	record->reason = EPOCH_DELETE;
	memset(record->kcv, 0, sizeof(record->kcv));
	error = sign(osg, record, epoch);
	if (error)
		osg_epoch_release(epoch);
	return error;
}

/**
 * osg_epoch_release() - give back what an epoch owns
 * @epoch: the epoch, empty afterwards
 */
void osg_epoch_release(struct osg_epoch *epoch)
{
	free(epoch->record);
	free(epoch->shards);
	memset(epoch, 0, sizeof(*epoch));
}

/**
 * osg_member_shard() - mgt_key_material for one member
 * @epoch: a made epoch
 * @leaves: as it was made with, in the same order
 * @leaves_count: their number
 * @leaf_id: the member's leaf
 * @management: gets the whole shard with the member's ITEM, so that its hash
 *	can be checked; no path; response_management_free() when done
 *
 * Return: 0; -ENOENT the leaf is not in this epoch; -EINVAL @leaves are not
 * this epoch's; -ENOMEM.
 */
int osg_member_shard(const struct osg_epoch *epoch,
		     const struct osg_leaf *leaves, size_t leaves_count,
		     uint32_t leaf_id, struct response_management *management)
{
	size_t position, start, size;
	struct response_shard *shard;

	memset(management, 0, sizeof(*management));
	if (epoch->shards_size != leaves_count * CPNS_ITEM_SIZE)
		return -EINVAL;
	for (position = 0; position < leaves_count; position++) {
		if (leaves[position].id == leaf_id)
			break;
	}
	if (position == leaves_count)
		return -ENOENT;
	start = position / OSG_SHARD_ITEMS * OSG_SHARD_ITEMS * CPNS_ITEM_SIZE;
	size = epoch->shards_size - start;
	if (size > OSG_SHARD_ITEMS * CPNS_ITEM_SIZE)
		size = OSG_SHARD_ITEMS * CPNS_ITEM_SIZE;
	shard = calloc(1, sizeof(*shard));
	if (!shard)
		return -ENOMEM;
	shard->items = malloc(size);
	if (!shard->items) {
		free(shard);
		return -ENOMEM;
	}
	memcpy(shard->items, epoch->shards + start, size);
	shard->index = (uint32_t)(position / OSG_SHARD_ITEMS);
	shard->size = size;
	management->leaf_id = leaf_id;
	management->shards = shard;
	management->shards_count = 1;
	return 0;
}
