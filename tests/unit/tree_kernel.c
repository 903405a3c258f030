// SPDX-License-Identifier: GPL-2.0-only
/*
 * See tree_kernel.h.
 */
#include "tree_kernel.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hpke_open.h"
#include "proto/aead.h"
#include "proto/key_schedule.h"

struct numbers {
	uint32_t id, version, wrapping_id, wrapping_version;
};

static struct numbers numbers_of(const uint8_t *item)
{
	struct numbers numbers;

	memcpy(&numbers, item, sizeof(numbers));
	numbers.id = be32toh(numbers.id);
	numbers.version = be32toh(numbers.version);
	numbers.wrapping_id = be32toh(numbers.wrapping_id);
	numbers.wrapping_version = be32toh(numbers.wrapping_version);
	return numbers;
}

/* aad = "cpns item v1" | (HEADER, or tag and epoch) | the four numbers */
static int open_item(const uint8_t *item, const struct epoch_record *record,
		     const uint8_t wrapping[32], uint8_t key[32])
{
	uint8_t header[CPNS_HEADER_SIZE], aad[12 + CPNS_HEADER_SIZE + 16];
	size_t size = 12;

	epoch_record_header(record, header);
	memcpy(aad, "cpns item v1", 12);
	if (numbers_of(item).id) {
		memcpy(aad + size, header + 20, 12);
		memcpy(aad + size + 12, header + 4, 4);
		size += 16;
	} else {
		memcpy(aad + size, header, CPNS_HEADER_SIZE);
		size += CPNS_HEADER_SIZE;
	}
	memcpy(aad + size, item, 16);
	return aes_gcm_open(wrapping, 32, item + 16, aad, size + 16,
			    item + 28, 48, key);
}

static bool secret_is_right(const struct epoch_record *record,
			    const uint8_t secret[32])
{
	uint8_t tag[CPNS_TAG_SIZE], kcv[CPNS_KCV_SIZE];

	assert_int_equal(group_tag(record->sgid, tag), 0);
	assert_int_equal(key_schedule_kcv(tag, record->num, secret, kcv), 0);
	return !memcmp(kcv, record->kcv, CPNS_KCV_SIZE);
}

void tree_kernel_new(struct tree_kernel *kernel)
{
	memset(kernel, 0, sizeof(*kernel));
	x25519_pair(kernel->node, kernel->node_public);
}

static struct tree_kek *find(struct tree_kernel *kernel, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < kernel->keks; i++)
		if (kernel->kek[i].id == id)
			return &kernel->kek[i];
	return NULL;
}

static const char *put(struct tree_kernel *kernel, uint32_t id,
		       uint32_t version, const uint8_t key[32])
{
	struct tree_kek *kek = find(kernel, id);

	if (kek && version < kek->version)
		return "a KEK's version goes back";
	if (!kek && kernel->keks == KERNEL_KEKS)
		return "more than 32 KEKs";
	if (!kek)
		kek = &kernel->kek[kernel->keks++];
	kek->id = id;
	kek->version = version;
	memcpy(kek->key, key, 32);
	return NULL;
}

static const char *take_seal(struct tree_kernel *kernel,
			     const struct epoch_record *record,
			     const uint8_t *seal, const uint8_t osg_public[32])
{
	uint8_t info[24], key[32];
	uint32_t numbers[2], first;
	struct tree_kek *old;

	memcpy(info, "cpns leaf v1", 12);
	assert_int_equal(group_tag(record->sgid, info + 12), 0);
	memcpy(numbers, seal + 4, sizeof(numbers));
	memcpy(&first, seal + 16, sizeof(first));
	if (be32toh(first) != record->num)
		return "SEAL of another epoch";
	if (hpke_open(2, kernel->node, osg_public, seal + 32, info, 24, seal,
		      32, seal + 64, 48, key))
		return "SEAL does not open";
	/* a new epoch's SEAL empties the table, another one replaces the leaf */
	if (record->num != kernel->num)
		kernel->keks = 0;
	old = find(kernel, kernel->leaf);
	if (old)
		*old = kernel->kek[--kernel->keks];
	kernel->leaf = be32toh(numbers[0]);
	kernel->seals++;
	return put(kernel, kernel->leaf, be32toh(numbers[1]), key);
}

static const char *take_item(struct tree_kernel *kernel,
			     const struct epoch_record *record,
			     const uint8_t *item, bool *has_secret)
{
	struct numbers numbers = numbers_of(item);
	struct tree_kek *wrapping = find(kernel, numbers.wrapping_id);
	uint8_t key[32];

	if (!wrapping || wrapping->version != numbers.wrapping_version)
		return NULL;
	if (open_item(item, record, wrapping->key, key))
		return "an ITEM does not open";
	if (numbers.id)
		return put(kernel, numbers.id, numbers.version, key);
	memcpy(kernel->secret, key, 32);
	*has_secret = true;
	return NULL;
}

static const char *take_items(struct tree_kernel *kernel,
			      const struct epoch_record *record,
			      const uint8_t *items, size_t size,
			      bool *has_secret)
{
	const char *why = NULL;
	size_t at;

	for (at = 0; at < size && !why; at += CPNS_ITEM_SIZE)
		why = take_item(kernel, record, items + at, has_secret);
	return why;
}

const char *tree_kernel_set(struct tree_kernel *kernel,
			    const struct epoch_record *record,
			    const uint8_t *seal, const uint8_t osg_public[32],
			    const struct response_management *management)
{
	size_t items = management->path_size / CPNS_ITEM_SIZE, i;
	struct tree_kernel stage = *kernel;
	const char *why = NULL;
	bool has_secret = false;

	if (record->num > kernel->num + 1 && !seal)
		return "a gap without SEAL";
	if (seal)
		why = take_seal(&stage, record, seal, osg_public);
	if (!why)
		why = take_items(&stage, record, management->path,
				 management->path_size, &has_secret);
	for (i = 0; i < management->shards_count && !why; i++) {
		items += management->shards[i].size / CPNS_ITEM_SIZE;
		why = take_items(&stage, record, management->shards[i].items,
				 management->shards[i].size, &has_secret);
	}
	if (!why && items > 64)
		why = "more than 64 ITEMs";
	if (!why && !has_secret)
		why = "no ITEM gives the epoch secret";
	if (!why && !secret_is_right(record, stage.secret))
		why = "the key check value does not match";
	if (why)
		return why;
	stage.num = record->num;
	*kernel = stage;
	return NULL;
}

/* no table of 32 holds an attacker back: all keys that ever came out count */
bool tree_attack(const struct tree_kernel *kernel,
		 const struct epoch_record *record,
		 const uint8_t *items, size_t size)
{
	size_t count = kernel->keks, at, i;
	uint8_t (*keys)[32], key[32];
	bool *opened, more = true, got = false;

	keys = calloc(count + size / CPNS_ITEM_SIZE + 1, sizeof(*keys));
	opened = calloc(size / CPNS_ITEM_SIZE + 1, sizeof(*opened));
	assert_non_null(keys);
	assert_non_null(opened);
	for (i = 0; i < count; i++)
		memcpy(keys[i], kernel->kek[i].key, 32);
	while (more && !got) {
		more = false;
		for (at = 0; at < size && !got; at += CPNS_ITEM_SIZE) {
			for (i = 0; i < count && !opened[at / CPNS_ITEM_SIZE];
			     i++) {
				if (open_item(items + at, record, keys[i],
					      key))
					continue;
				opened[at / CPNS_ITEM_SIZE] = true;
				memcpy(keys[count++], key, 32);
				got = !numbers_of(items + at).id;
				more = true;
				break;
			}
		}
	}
	free(keys);
	free(opened);
	return got;
}
