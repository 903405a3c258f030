// SPDX-License-Identifier: GPL-2.0-only
/*
 * mgt_key_material (RFC 9594 label 27), CDDL `mgt`: a member's leaf, the
 * ITEMs of its path and the shards that hold its ITEMs.
 *
 * No state, any thread.  Sealed bytes only; a decoded structure owns them.
 */
#include "proto/management.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/record.h"

#define SHARD_SIZE_MAX		(RESPONSE_SHARD_ITEMS * CPNS_ITEM_SIZE)
#define MANAGEMENT_ITEMS_MAX	CPNS_GROUP_SET_ITEMS

static bool management_encodable(const struct response_management *management)
{
	size_t items = management->path_size / CPNS_ITEM_SIZE, i;

	if (management->path_size % CPNS_ITEM_SIZE)
		return false;
	for (i = 0; i < management->shards_count; i++) {
		if (!management->shards[i].size ||
		    management->shards[i].size % CPNS_ITEM_SIZE ||
		    management->shards[i].size > SHARD_SIZE_MAX ||
		    management->shards[i].index >= EPOCH_SHARDS_MAX)
			return false;
		items += management->shards[i].size / CPNS_ITEM_SIZE;
	}
	return items <= MANAGEMENT_ITEMS_MAX;
}

/**
 * management_encode() - make mgt_key_material
 * @management: leaf, path and shards
 * @bytes: gets the encoding, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0; -EINVAL not whole ITEMs, or more than a GROUP_SET takes;
 * -ENOMEM.
 */
int management_encode(const struct response_management *management,
		      uint8_t **bytes, size_t *size)
{
	struct cbor_writer writer;
	size_t i;

	if (!management_encodable(management))
		return -EINVAL;
	cbor_writer_open(&writer);
	cbor_write_array(&writer, 3);
	cbor_write_uint(&writer, management->leaf_id);
	cbor_write_bytes(&writer, management->path, management->path_size);
	cbor_write_array(&writer, management->shards_count);
	for (i = 0; i < management->shards_count; i++) {
		cbor_write_array(&writer, 2);
		cbor_write_uint(&writer, management->shards[i].index);
		cbor_write_bytes(&writer, management->shards[i].items,
				 management->shards[i].size);
	}
	return cbor_writer_finish(&writer, bytes, size);
}

static uint8_t *read_items(struct cbor_reader *reader, const char *what,
			   size_t min, size_t max, size_t *size)
{
	const uint8_t *found;
	uint8_t *items;

	found = cbor_read_bytes(reader, what, min, max, size);
	if (!found || !*size)
		return NULL;
	if (*size % CPNS_ITEM_SIZE) {
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: %zu bytes are not whole ITEMs of %d",
				 what, *size, CPNS_ITEM_SIZE);
		*size = 0;
		return NULL;
	}
	items = malloc(*size);
	if (items) {
		memcpy(items, found, *size);
	} else {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		*size = 0;
	}
	return items;
}

static void read_shards(struct cbor_reader *reader,
			struct response_management *management)
{
	struct response_shard *shard;
	size_t count, i;

	count = cbor_read_array(reader, "shards", 0, MANAGEMENT_ITEMS_MAX);
	if (!count)
		return;
	management->shards = calloc(count, sizeof(*management->shards));
	if (!management->shards) {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		return;
	}
	management->shards_count = count;
	for (i = 0; i < count && !reader->error; i++) {
		shard = &management->shards[i];
		cbor_read_array(reader, "shard", 2, 2);
		shard->index = (uint32_t)cbor_read_uint(reader, "shard: index",
							0,
							EPOCH_SHARDS_MAX - 1);
		shard->items = read_items(reader, "shard: ITEMs",
					  CPNS_ITEM_SIZE, SHARD_SIZE_MAX,
					  &shard->size);
	}
}

/**
 * management_decode() - read mgt_key_material
 * @bytes: the encoding
 * @size: its bytes
 * @management: gets copies; response_management_free() when done, also after
 *	an error
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0, -EBADMSG or -ENOMEM.
 */
int management_decode(const uint8_t *bytes, size_t size,
		      struct response_management *management,
		      char *reason, size_t room)
{
	struct cbor_reader reader;

	memset(management, 0, sizeof(*management));
	if (cbor_reader_open(&reader, bytes, size, "mgt_key_material", reason,
			     room))
		return reader.error;
	cbor_read_array(&reader, "mgt_key_material", 3, 3);
	management->leaf_id = (uint32_t)cbor_read_uint(&reader, "leaf id", 0,
						       UINT32_MAX);
	management->path = read_items(&reader, "path", 0,
				      MANAGEMENT_ITEMS_MAX * CPNS_ITEM_SIZE,
				      &management->path_size);
	read_shards(&reader, management);
	if (!reader.error && !management_encodable(management))
		cbor_reader_fail(&reader, -EBADMSG, "more than %d ITEMs",
				 MANAGEMENT_ITEMS_MAX);
	return reader.error;
}

/**
 * response_management_free() - release what mgt_key_material owns
 * @management: the structure, empty afterwards
 */
void response_management_free(struct response_management *management)
{
	size_t i;

	for (i = 0; i < management->shards_count; i++)
		free(management->shards[i].items);
	free(management->shards);
	free(management->path);
	memset(management, 0, sizeof(*management));
}
