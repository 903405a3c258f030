// SPDX-License-Identifier: GPL-2.0-only
/*
 * OSG with a real KMC: an epoch is made, and members open what they get the
 * way their kernels do: SEAL to leaf KEK, ITEM to epoch secret, KCV.
 */
#include <endian.h>
#include <errno.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hpke_open.h"
#include "osg/osg.h"
#include "proto/aead.h"
#include "proto/key_schedule.h"
#include "test_signer.h"

#define SGID	"sip:sg-42@cpns.example"

static struct {
	struct test_signer files;
	struct kmc *kmc;
	struct osg *osg;
	char lab_file[128];
} test;

static struct osg *open_osg(const char *lab_secrets)
{
	struct osg_options options = {
		.kmc = test.kmc,
		.signer_cert = test.files.certificate_file,
		.signer_key = test.files.key_file,
		.osg_key = test.files.osg_key_file,
		.lab_secrets = lab_secrets,
	};
	char reason[512] = "";
	struct osg *osg;

	if (osg_open(&osg, &options, reason, sizeof(reason)))
		fail_msg("%s", reason);
	return osg;
}

static int set_up(void **state)
{
	const struct kmc_options kmc = {
		.state_directory = test.files.directory,
	};
	char reason[512] = "";

	test_signer_make(&test.files, "P-256");
	snprintf(test.lab_file, sizeof(test.lab_file), "%s/lab",
		 test.files.directory);
	if (kmc_open(&test.kmc, &kmc, reason, sizeof(reason)))
		fail_msg("%s", reason);
	test.osg = open_osg(NULL);
	return 0;
}

static int tear_down(void **state)
{
	char path[128];

	osg_close(test.osg);
	kmc_close(test.kmc);
	unlink(test.lab_file);
	snprintf(path, sizeof(path), "%s/kmc.key", test.files.directory);
	unlink(path);
	test_signer_remove(&test.files);
	return 0;
}

static void fill(struct epoch_record *record, uint32_t num)
{
	memset(record, 0, sizeof(*record));
	strcpy(record->sgid, SGID);
	record->num = num;
	record->reason = num == 1 ? EPOCH_CREATE : EPOCH_TIMER;
	record->suite = 1;
	record->created = 1732000000;
	record->lifetime = 86400;
	record->atd = 2;
	record->dtd = 5;
}

/* SEAL to leaf KEK, as the member's kernel does (mode auth, pinned) */
static void open_seal(const uint8_t seal[CPNS_SEAL_SIZE],
		      const uint8_t node[32], uint8_t kek[32])
{
	uint8_t osg_public[32], info[24];

	osg_public_key(test.osg, osg_public);
	memcpy(info, "cpns leaf v1", 12);
	assert_int_equal(group_tag(SGID, info + 12), 0);
	assert_memory_equal(seal + 20, info + 12, 12);
	assert_int_equal(hpke_open(2, node, osg_public, seal + 32, info, 24,
				   seal, 32, seal + 64, 48, kek), 0);
}

/* the first ITEM of @leaf in a shard to the epoch secret */
static int open_item(const struct response_management *management,
		     const uint8_t header[CPNS_HEADER_SIZE],
		     const struct osg_leaf *leaf, const uint8_t kek[32],
		     uint8_t secret[32])
{
	const struct response_shard *shard = management->shards;
	uint8_t aad[12 + CPNS_HEADER_SIZE + 16];
	const uint8_t *item;
	uint32_t wid;
	size_t at;

	memcpy(aad, "cpns item v1", 12);
	memcpy(aad + 12, header, CPNS_HEADER_SIZE);
	for (at = 0; at < shard->size; at += CPNS_ITEM_SIZE) {
		item = shard->items + at;
		memcpy(&wid, item + 8, 4);
		if (be32toh(wid) != leaf->id)
			continue;
		memcpy(aad + 60, item, 16);
		return aes_gcm_open(kek, 32, item + 16, aad, sizeof(aad),
				    item + 28, 48, secret);
	}
	return -ENOENT;
}

static void member_opens(const struct osg_epoch *epoch,
			 const struct osg_leaf *leaves, size_t count,
			 const struct osg_leaf *leaf)
{
	uint8_t node[32], node_public[32], seal[CPNS_SEAL_SIZE], kek[32];
	uint8_t header[CPNS_HEADER_SIZE], secret[32], kcv[CPNS_KCV_SIZE];
	uint8_t tag[CPNS_TAG_SIZE], hash[32];
	struct response_management management;
	struct epoch_record record;

	assert_int_equal(epoch_record_open(epoch->record, epoch->record_size,
					   &record, NULL, 0), 0);
	assert_memory_equal(record.payload_hash, epoch->payload_hash, 32);
	assert_memory_equal(record.kid, test.files.signer.kid, 8);
	epoch_record_header(&record, header);
	x25519_pair(node, node_public);
	assert_int_equal(osg_seal_leaf(test.osg, SGID, record.num, leaf, 7,
				       node_public, seal), 0);
	open_seal(seal, node, kek);
	assert_int_equal(osg_member_shard(epoch, leaves, count, leaf->id,
					  &management), 0);
	assert_int_equal(management.leaf_id, leaf->id);
	assert_null(management.path);
	/* the shard is the one that the record was signed with */
	SHA256(management.shards->items, management.shards->size, hash);
	assert_memory_equal(hash, record.shards[management.shards->index],
			    32);
	assert_int_equal(open_item(&management, header, leaf, kek, secret),
			 0);
	assert_int_equal(group_tag(SGID, tag), 0);
	assert_int_equal(key_schedule_kcv(tag, record.num, secret, kcv), 0);
	assert_memory_equal(kcv, record.kcv, CPNS_KCV_SIZE);
	response_management_free(&management);
	epoch_record_free(&record);
}

static void make_leaves(struct osg_leaf *leaves, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		assert_int_equal(osg_leaf_create(test.osg, SGID,
						 (uint32_t)i + 1, &leaves[i]),
				 0);
}

static void group_of(size_t count)
{
	struct osg_leaf *leaves = calloc(count, sizeof(*leaves));
	struct epoch_record record;
	struct osg_epoch epoch;

	make_leaves(leaves, count);
	fill(&record, 1);
	assert_int_equal(osg_create_group_key(test.osg, &record, leaves,
					      count, &epoch), 0);
	assert_int_equal(record.shards_count, (count + 15) / 16);
	assert_int_equal(epoch.shards_size, count * CPNS_ITEM_SIZE);
	member_opens(&epoch, leaves, count, &leaves[0]);
	member_opens(&epoch, leaves, count, &leaves[count - 1]);
	member_opens(&epoch, leaves, count, &leaves[count / 2]);
	epoch_record_free(&record);
	osg_epoch_release(&epoch);
	free(leaves);
}

static void groups_of_all_sizes(void **state)
{
	group_of(1);
	group_of(2);
	group_of(16);
	group_of(17);
	group_of(256);
}

static void group_without_members(void **state)
{
	struct response_management management;
	struct epoch_record record, back;
	struct osg_epoch epoch;

	fill(&record, 1);
	assert_int_equal(osg_create_group_key(test.osg, &record, NULL, 0,
					      &epoch), 0);
	assert_int_equal(epoch_record_open(epoch.record, epoch.record_size,
					   &back, NULL, 0), 0);
	assert_int_equal(back.shards_count, 0);
	assert_int_equal(osg_member_shard(&epoch, NULL, 0, 1, &management),
			 -ENOENT);
	epoch_record_free(&back);
	osg_epoch_release(&epoch);
}

static void too_many_members(void **state)
{
	struct osg_leaf *leaves = calloc(257, sizeof(*leaves));
	struct epoch_record record;
	struct osg_epoch epoch;

	fill(&record, 1);
	assert_int_equal(osg_create_group_key(test.osg, &record, leaves, 257,
					      &epoch), -E2BIG);
	assert_null(epoch.record);
	free(leaves);
}

static void removed_member_cannot_open(void **state)
{
	uint8_t node[32], node_public[32], seal[CPNS_SEAL_SIZE], kek[32];
	uint8_t header[CPNS_HEADER_SIZE], secret[32];
	struct response_management management;
	struct epoch_record first, second;
	struct osg_epoch one, two;
	struct osg_leaf leaves[3];
	size_t i;

	make_leaves(leaves, 3);
	fill(&first, 1);
	assert_int_equal(osg_create_group_key(test.osg, &first, leaves, 3,
					      &one), 0);
	x25519_pair(node, node_public);
	assert_int_equal(osg_seal_leaf(test.osg, SGID, 1, &leaves[2], 7,
				       node_public, seal), 0);
	open_seal(seal, node, kek);

	fill(&second, 2);
	second.reason = EPOCH_LEAVE;
	memcpy(second.prev, one.payload_hash, 32);
	assert_int_equal(osg_create_group_key(test.osg, &second, leaves, 2,
					      &two), 0);
	assert_memory_not_equal(first.kcv, second.kcv, CPNS_KCV_SIZE);
	assert_int_equal(osg_member_shard(&two, leaves, 2, leaves[2].id,
					  &management), -ENOENT);
	/* with the shard of another and the KEK it had: nothing opens */
	assert_int_equal(osg_member_shard(&two, leaves, 2, leaves[0].id,
					  &management), 0);
	epoch_record_header(&second, header);
	assert_int_equal(open_item(&management, header, &leaves[2], kek,
				   secret), -ENOENT);
	for (i = 0; i < 2; i++)
		assert_int_equal(open_item(&management, header, &leaves[i],
					   kek, secret), -EBADMSG);
	response_management_free(&management);
	member_opens(&two, leaves, 2, &leaves[1]);
	epoch_record_free(&first);
	epoch_record_free(&second);
	osg_epoch_release(&one);
	osg_epoch_release(&two);
}

static void seals_are_fresh_and_bound(void **state)
{
	uint8_t node[32], node_public[32], seal[2][CPNS_SEAL_SIZE], kek[32];
	uint8_t zero[32] = { 0 }, osg_public[32], info[24];
	struct osg_leaf leaf;

	make_leaves(&leaf, 1);
	x25519_pair(node, node_public);
	assert_int_equal(osg_seal_leaf(test.osg, SGID, 3, &leaf, 7,
				       node_public, seal[0]), 0);
	assert_int_equal(osg_seal_leaf(test.osg, SGID, 3, &leaf, 8,
				       node_public, seal[1]), 0);
	assert_memory_not_equal(seal[0] + 32, seal[1] + 32, 32);
	/* aead 2, mode auth, leaf 1 version 1, SID 7, epoch 3 */
	assert_memory_equal(seal[0],
			    "\0\2\2\0\0\0\0\1\0\0\0\1\0\7\0\0\0\0\0\3", 20);
	/* the bytes before enc of one do not fit the other */
	osg_public_key(test.osg, osg_public);
	memcpy(info, "cpns leaf v1", 12);
	group_tag(SGID, info + 12);
	assert_int_equal(hpke_open(2, node, osg_public, seal[0] + 32, info,
				   24, seal[1], 32, seal[0] + 64, 48, kek),
			 -EBADMSG);
	/* a leaf of another group, a node key of small order */
	assert_int_equal(osg_seal_leaf(test.osg, "sip:other", 3, &leaf, 7,
				       node_public, seal[0]), -EBADMSG);
	assert_int_equal(osg_seal_leaf(test.osg, SGID, 3, &leaf, 7, zero,
				       seal[0]), -EINVAL);
	leaf.version = 2;
	assert_int_equal(osg_seal_leaf(test.osg, SGID, 3, &leaf, 7,
				       node_public, seal[0]), -EBADMSG);
	assert_int_equal(osg_leaf_create(test.osg, SGID, 0, &leaf), -EINVAL);
}

static void wrong_leaves_make_no_epoch(void **state)
{
	struct epoch_record record;
	struct osg_epoch epoch;
	struct osg_leaf leaf;

	make_leaves(&leaf, 1);
	leaf.wrapped[20] ^= 1;
	fill(&record, 1);
	assert_int_equal(osg_create_group_key(test.osg, &record, &leaf, 1,
					      &epoch), -EBADMSG);
	assert_null(epoch.record);
	assert_null(epoch.shards);
	epoch_record_free(&record);
}

static void wrong_records_make_no_epoch(void **state)
{
	struct epoch_record record;
	struct osg_epoch epoch;

	fill(&record, 1);
	record.dtd = record.atd;
	assert_int_equal(osg_create_group_key(test.osg, &record, NULL, 0,
					      &epoch), -EINVAL);
	fill(&record, 1);
	record.reason = EPOCH_DELETE;
	assert_int_equal(osg_create_group_key(test.osg, &record, NULL, 0,
					      &epoch), -EINVAL);
	assert_null(epoch.record);
}

static void deleted_group(void **state)
{
	struct epoch_record record, back;
	struct osg_epoch epoch;

	fill(&record, 4);
	record.prev[0] = 1;
	record.kcv[0] = 1;
	assert_int_equal(osg_delete_group_key(test.osg, &record, &epoch), 0);
	assert_int_equal(epoch_record_open(epoch.record, epoch.record_size,
					   &back, NULL, 0), 0);
	assert_int_equal(back.reason, EPOCH_DELETE);
	assert_int_equal(back.num, 4);
	assert_null(epoch.shards);
	epoch_record_free(&back);
	osg_epoch_release(&epoch);
}

static void rosters(void **state)
{
	struct roster_sender sender = { .sid = 1, .node = "gw1" };
	struct roster roster = {
		.sgid = SGID, .num = 1, .senders = &sender,
		.senders_count = 1,
	}, back;
	uint8_t *bytes;
	size_t size;

	assert_int_equal(osg_sign_roster(test.osg, &roster, &bytes, &size),
			 0);
	assert_int_equal(roster_open(bytes, size, &back, NULL, 0), 0);
	assert_memory_equal(back.kid, test.files.signer.kid, 8);
	roster_free(&back);
	free(bytes);
}

static void laboratory(void **state)
{
	char sgid[256], hex[128], line[512];
	uint8_t secret[32], tag[CPNS_TAG_SIZE], kcv[CPNS_KCV_SIZE];
	struct epoch_record record;
	struct osg_epoch epoch;
	struct stat status;
	unsigned int num, byte, i;
	struct osg *osg;
	FILE *file;

	osg = open_osg(test.lab_file);
	fill(&record, 1);
	assert_int_equal(osg_create_group_key(osg, &record, NULL, 0, &epoch),
			 0);
	osg_epoch_release(&epoch);
	osg_close(osg);
	assert_int_equal(stat(test.lab_file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	file = fopen(test.lab_file, "re");
	assert_non_null(fgets(line, sizeof(line), file));
	assert_null(fgets(sgid, sizeof(sgid), file));
	fclose(file);
	if (sscanf(line, "%255s %u %127s", sgid, &num, hex) != 3)
		fail_msg("not SGID, number and secret");
	assert_string_equal(sgid, SGID);
	assert_int_equal(num, 1);
	assert_int_equal(strlen(hex), 64);
	for (i = 0; i < 32; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			fail_msg("not hex");
		secret[i] = (uint8_t)byte;
	}
	group_tag(SGID, tag);
	assert_int_equal(key_schedule_kcv(tag, 1, secret, kcv), 0);
	assert_memory_equal(kcv, record.kcv, CPNS_KCV_SIZE);
}

static void wrong_key_files(void **state)
{
	struct osg_options options = {
		.kmc = test.kmc,
		.signer_cert = test.files.certificate_file,
		.signer_key = test.files.key_file,
		.osg_key = test.files.key_file,
	};
	char reason[512] = "";
	struct osg *osg;

	assert_int_equal(osg_open(&osg, &options, reason, sizeof(reason)),
			 -EINVAL);
	assert_non_null(strstr(reason, "X25519"));
	assert_null(osg);
	options.osg_key = "/nonexistent";
	assert_int_equal(osg_open(&osg, &options, reason, sizeof(reason)),
			 -ENOENT);
	options.osg_key = test.files.osg_key_file;
	options.signer_key = test.files.osg_key_file;
	assert_int_equal(osg_open(&osg, &options, reason, sizeof(reason)),
			 -EINVAL);
	assert_non_null(strstr(reason, "P-256"));
	assert_int_equal(chmod(test.files.osg_key_file, 0644), 0);
	options.signer_key = test.files.key_file;
	assert_int_equal(osg_open(&osg, &options, reason, sizeof(reason)),
			 -EACCES);
	assert_int_equal(chmod(test.files.osg_key_file, 0600), 0);
	osg_close(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_of_all_sizes),
		cmocka_unit_test(group_without_members),
		cmocka_unit_test(too_many_members),
		cmocka_unit_test(removed_member_cannot_open),
		cmocka_unit_test(seals_are_fresh_and_bound),
		cmocka_unit_test(wrong_leaves_make_no_epoch),
		cmocka_unit_test(wrong_records_make_no_epoch),
		cmocka_unit_test(deleted_group),
		cmocka_unit_test(rosters),
		cmocka_unit_test(laboratory),
		cmocka_unit_test(wrong_key_files),
	};

	return cmocka_run_group_tests_name("osg", tests, set_up, tear_down);
}
