// SPDX-License-Identifier: GPL-2.0-only
/*
 * Group tag, KCV, traffic keys, HEADER, SEAL and ITEM against the bytes that
 * an independent implementation made: tests/vectors/kernel-message.txt.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hpke_open.h"
#include "proto/aead.h"
#include "proto/key_schedule.h"
#include "proto/record.h"
#include "vectors.h"

static struct {
	char sgid[CPNS_SGID_MAX + 1];
	uint8_t tag[CPNS_TAG_SIZE], secret[32], header[CPNS_HEADER_SIZE];
	uint8_t kcv[CPNS_KCV_SIZE];
	uint32_t epoch;
	struct vectors vectors;
} group;

static int open_vectors(void **state)
{
	struct hex sgid;

	vectors_open(&group.vectors, "kernel-message.txt");
	vectors_find(&group.vectors, "group:");
	vectors_get(&group.vectors, "sgid", &sgid);
	memcpy(group.sgid, sgid.bytes, sgid.size);
	vectors_get_exactly(&group.vectors, "tag", group.tag, CPNS_TAG_SIZE);
	vectors_find(&group.vectors, "epoch secret;");
	group.epoch = (uint32_t)vectors_number(&group.vectors, "epoch");
	vectors_get_exactly(&group.vectors, "secret", group.secret, 32);
	vectors_get_exactly(&group.vectors, "kcv", group.kcv, CPNS_KCV_SIZE);
	vectors_find(&group.vectors, "HEADER");
	vectors_get_exactly(&group.vectors, "header", group.header,
			    CPNS_HEADER_SIZE);
	return 0;
}

static int close_vectors(void **state)
{
	vectors_close(&group.vectors);
	return 0;
}

static void tag_and_kcv(void **state)
{
	uint8_t tag[CPNS_TAG_SIZE], kcv[CPNS_KCV_SIZE];

	assert_int_equal(group_tag(group.sgid, tag), 0);
	assert_memory_equal(tag, group.tag, sizeof(tag));
	assert_int_equal(key_schedule_kcv(tag, group.epoch, group.secret, kcv),
			 0);
	assert_memory_equal(kcv, group.kcv, sizeof(kcv));
	assert_int_equal(key_schedule_kcv(tag, group.epoch + 1, group.secret,
					  kcv), 0);
	assert_memory_not_equal(kcv, group.kcv, sizeof(kcv));
}

static void header(void **state)
{
	struct epoch_record record = {
		.num = group.epoch, .suite = 1, .lifetime = 86400, .atd = 2,
		.dtd = 5,
	};
	uint8_t bytes[CPNS_HEADER_SIZE];

	memcpy(record.sgid, group.sgid, sizeof(record.sgid));
	memcpy(record.kcv, group.kcv, sizeof(record.kcv));
	epoch_record_header(&record, bytes);
	assert_memory_equal(bytes, group.header, sizeof(bytes));
}

static void traffic_keys(void **state)
{
	struct vectors *vectors = &group.vectors;
	uint8_t key[36], key_bytes, use, aead;
	struct hex expected;
	unsigned int count = 0;
	uint16_t sid;

	vectors->next = vectors->text;
	while (vectors_next(vectors, "traffic_key")) {
		vectors_get(vectors, "traffic_key", &expected);
		key_bytes = (uint8_t)vectors_number(vectors, "key_bytes");
		use = (uint8_t)vectors_number(vectors, "use");
		aead = (uint8_t)vectors_number(vectors, "aead_id");
		sid = (uint16_t)vectors_number(vectors, "sid");
		assert_int_equal(key_schedule_traffic_key(group.tag,
							  group.epoch,
							  group.secret, use,
							  aead, sid, key_bytes,
							  key, expected.size),
				 0);
		assert_memory_equal(key, expected.bytes, expected.size);
		count++;
	}
	assert_int_equal(count, 9);
	/* wrong sizes, ciphers without 16-byte keys, unknown AEADs */
	assert_int_equal(key_schedule_traffic_key(group.tag, 1, group.secret,
						  1, 2, 1, 32, key, 32),
			 -EINVAL);
	assert_int_equal(key_schedule_traffic_key(group.tag, 1, group.secret,
						  2, 1, 1, 24, key, 24),
			 -EINVAL);
	assert_int_equal(key_schedule_traffic_key(group.tag, 1, group.secret,
						  2, 3, 1, 16, key, 16),
			 -EINVAL);
	assert_int_equal(key_schedule_traffic_key(group.tag, 1, group.secret,
						  2, 5, 1, 32, key, 32),
			 -EINVAL);
}

static void seals(void **state)
{
	struct vectors *vectors = &group.vectors;
	uint8_t node[32], ephemeral[32], kek[32];
	uint8_t expected[CPNS_SEAL_SIZE], seal[CPNS_SEAL_SIZE];
	struct seal_parameters parameters;
	const struct hpke_sender *sender;
	struct hpke_sender osg;
	unsigned int count = 0;

	vectors->next = vectors->text;
	while (vectors_next(vectors, "seal")) {
		memset(&parameters, 0, sizeof(parameters));
		parameters.aead = (uint16_t)vectors_number(vectors, "aead");
		parameters.mode = (uint8_t)vectors_number(vectors, "mode");
		parameters.leaf_id = (uint32_t)vectors_number(vectors,
							      "leaf_id");
		parameters.leaf_version =
			(uint32_t)vectors_number(vectors, "leaf_version");
		parameters.sid = (uint16_t)vectors_number(vectors, "sid");
		parameters.first_epoch = group.epoch;
		memcpy(parameters.tag, group.tag, CPNS_TAG_SIZE);
		vectors_get_exactly(vectors, "node_public", node, 32);
		vectors_get_exactly(vectors, "ephemeral_private", ephemeral,
				    32);
		vectors_get_exactly(vectors, "leaf_kek", kek, 32);
		vectors_get_exactly(vectors, "seal", expected,
				    CPNS_SEAL_SIZE);
		sender = NULL;
		if (vectors_has(vectors, "osg_private")) {
			vectors_get_exactly(vectors, "osg_private",
					    osg.private_key, 32);
			vectors_get_exactly(vectors, "osg_public",
					    osg.public_key, 32);
			sender = &osg;
		}
		assert_int_equal(seal_make_vector(&parameters, node, sender,
						  ephemeral, kek, seal), 0);
		assert_memory_equal(seal, expected, CPNS_SEAL_SIZE);
		/* mode and key have to agree */
		parameters.mode ^= 2;
		assert_int_equal(seal_make_vector(&parameters, node, sender,
						  ephemeral, kek, seal),
				 -EINVAL);
		count++;
	}
	assert_int_equal(count, 4);
}

static void fresh_seal_opens(void **state)
{
	struct seal_parameters parameters = {
		.aead = 2, .mode = 2, .leaf_id = 1, .leaf_version = 1,
		.sid = 1, .first_epoch = group.epoch,
	};
	uint8_t node[32], node_public[32];
	struct hpke_sender osg;
	uint8_t kek[32] = { 42 }, got[32], info[24];
	uint8_t seal[CPNS_SEAL_SIZE];

	memcpy(parameters.tag, group.tag, CPNS_TAG_SIZE);
	memcpy(info, "cpns leaf v1", 12);
	memcpy(info + 12, group.tag, 12);
	x25519_pair(node, node_public);
	x25519_pair(osg.private_key, osg.public_key);
	assert_int_equal(seal_make(&parameters, node_public, &osg, kek, seal),
			 0);
	assert_int_equal(hpke_open(2, node, osg.public_key, seal + 32, info,
				   24, seal, 32, seal + 64, 48, got), 0);
	assert_memory_equal(got, kek, 32);
	/* a changed SID does not open */
	seal[13] ^= 1;
	assert_int_equal(hpke_open(2, node, osg.public_key, seal + 32, info,
				   24, seal, 32, seal + 64, 48, got), -EBADMSG);
}

static void items(void **state)
{
	struct vectors *vectors = &group.vectors;
	uint8_t wrapping[32], key[32], nonce[12];
	uint8_t expected[CPNS_ITEM_SIZE], item[CPNS_ITEM_SIZE];
	struct item_parameters parameters;
	unsigned int count = 0;

	vectors->next = vectors->text;
	while (vectors_next(vectors, "item")) {
		parameters.id = (uint32_t)vectors_number(vectors, "id");
		parameters.version = (uint32_t)vectors_number(vectors,
							      "version");
		parameters.wrapping_id =
			(uint32_t)vectors_number(vectors, "wrapping_id");
		parameters.wrapping_version =
			(uint32_t)vectors_number(vectors, "wrapping_version");
		vectors_get_exactly(vectors, "wrapping_key", wrapping, 32);
		vectors_get_exactly(vectors, "key", key, 32);
		vectors_get_exactly(vectors, "nonce", nonce, 12);
		vectors_get_exactly(vectors, "item", expected,
				    CPNS_ITEM_SIZE);
		assert_int_equal(item_make_vector(&parameters, group.header,
						  wrapping, nonce, key, item),
				 0);
		assert_memory_equal(item, expected, CPNS_ITEM_SIZE);
		count++;
	}
	assert_int_equal(count, 3);
}

static void fresh_item_opens(void **state)
{
	struct item_parameters parameters = {
		.version = group.epoch, .wrapping_id = 3,
		.wrapping_version = 2,
	};
	uint8_t wrapping[32] = { 1 }, key[32] = { 2 }, got[32];
	uint8_t item[2][CPNS_ITEM_SIZE], aad[12 + 48 + 16];

	assert_int_equal(item_make(&parameters, group.header, wrapping, key,
				   item[0]), 0);
	assert_int_equal(item_make(&parameters, group.header, wrapping, key,
				   item[1]), 0);
	assert_memory_not_equal(item[0] + 16, item[1] + 16, 12);
	memcpy(aad, "cpns item v1", 12);
	memcpy(aad + 12, group.header, 48);
	memcpy(aad + 60, item[0], 16);
	assert_int_equal(aes_gcm_open(wrapping, 32, item[0] + 16, aad,
				      sizeof(aad), item[0] + 28, 48, got), 0);
	assert_memory_equal(got, key, 32);
	/* a changed HEADER does not open */
	aad[12 + 8] ^= 1;
	assert_int_equal(aes_gcm_open(wrapping, 32, item[0] + 16, aad,
				      sizeof(aad), item[0] + 28, 48, got),
			 -EBADMSG);
}

static void messages(void **state)
{
	struct vectors *vectors = &group.vectors;
	uint8_t key[32], nonce[12] = { 0 }, got[64];
	struct hex message, iv, text;
	unsigned int count = 0;

	assert_int_equal(key_schedule_traffic_key(group.tag, group.epoch,
						  group.secret,
						  CPNS_USE_MESSAGE,
						  CPNS_AEAD_GCM, 0x0102, 32,
						  key, 32), 0);
	vectors->next = vectors->text;
	while (vectors_next(vectors, "message")) {
		vectors_get(vectors, "message", &message);
		vectors_get(vectors, "iv", &iv);
		vectors_get(vectors, "text", &text);
		assert_int_equal(message.size,
				 CPNS_MESSAGE_HEADER_SIZE + text.size + 16);
		memcpy(nonce + 4, iv.bytes, 8);
		assert_int_equal(aes_gcm_open(key, 32, nonce,
					      message.bytes + 4, 8,
					      message.bytes + 12,
					      message.size - 12, got), 0);
		assert_memory_equal(got, text.bytes, text.size);
		count++;
	}
	assert_int_equal(count, 2);
}

static void handles(void **state)
{
	struct cpns_handle handle = {
		.serial = htobe32(0x12345678), .epoch = htobe32(group.epoch),
		.sid = htobe16(0x0102), .use = CPNS_USE_ESP, .key_bytes = 32,
	};
	uint8_t expected[CPNS_HANDLE_SIZE];

	vectors_find(&group.vectors, "handle 12");
	vectors_get_exactly(&group.vectors, "handle", expected,
			    CPNS_HANDLE_SIZE);
	assert_memory_equal(&handle, expected, CPNS_HANDLE_SIZE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tag_and_kcv),
		cmocka_unit_test(header),
		cmocka_unit_test(traffic_keys),
		cmocka_unit_test(seals),
		cmocka_unit_test(fresh_seal_opens),
		cmocka_unit_test(items),
		cmocka_unit_test(fresh_item_opens),
		cmocka_unit_test(messages),
		cmocka_unit_test(handles),
	};

	return cmocka_run_group_tests_name("key_schedule", tests,
					   open_vectors, close_vectors);
}
