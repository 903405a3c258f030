// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a member checks before its kernel sees anything (wire.md section 2,
 * "Receivers"): signature, signer, group, number, chain, shards, seal,
 * roster.  Records and rosters are signed by the real signer.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/sha.h>

#include "proto/key_schedule.h"
#include "seca/verify.h"
#include "signer_fixture.h"

#define SGID	"sip:sg-42@cpns.example"
#define SIGNER	"urn:cpns:signer:main"

static struct fixture_ca ca, other_ca;
static struct identity_trust *trust;
static struct signer signer, second_signer, foreign_signer, node_signer;
static char reason[384];
static const struct verify_policy *policy;
static struct verify_policy the_policy = { .sgid = SGID, .signer = SIGNER };

static void open_signer(struct fixture_ca *from, struct signer *made,
			const char *name, const char *uri, const char *eku)
{
	char certificate[128], key[128];

	fixture_issue(from, name, uri, eku, certificate, key);
	if (signer_open(made, certificate, key, reason, sizeof(reason)))
		fail_msg("signer_open: %s", reason);
}

static int set_up(void **state)
{
	fixture_ca_open(&ca);
	fixture_ca_open(&other_ca);
	open_signer(&ca, &signer, "signer", SIGNER, NULL);
	open_signer(&ca, &second_signer, "second", "urn:cpns:signer:second",
		    NULL);
	open_signer(&ca, &node_signer, "node", "urn:cpns:node:gw1",
		    "clientAuth");
	open_signer(&other_ca, &foreign_signer, "foreign", SIGNER, NULL);
	if (identity_trust_open(&trust, ca.file, NULL, reason, sizeof(reason)))
		fail_msg("%s", reason);
	the_policy.trust = trust;
	policy = &the_policy;
	return 0;
}

static int tear_down(void **state)
{
	identity_trust_close(trust);
	signer_close(&signer);
	signer_close(&second_signer);
	signer_close(&foreign_signer);
	signer_close(&node_signer);
	fixture_ca_close(&ca);
	fixture_ca_close(&other_ca);
	return 0;
}

/* one epoch as a server would make it, and the bytes that it sends */
struct epoch {
	struct epoch_record record;
	uint8_t shard[2 * CPNS_ITEM_SIZE];
	uint8_t shard_hash[32];
	uint8_t *bytes;
	size_t size;
	uint8_t hash[32];
};

static void make_epoch(struct epoch *epoch, uint32_t num,
		       const uint8_t prev[32], const struct signer *by)
{
	memset(epoch, 0, sizeof(*epoch));
	memset(epoch->shard, (int)num, sizeof(epoch->shard));
	SHA256(epoch->shard, sizeof(epoch->shard), epoch->shard_hash);
	strcpy(epoch->record.sgid, SGID);
	epoch->record.term = 1;
	epoch->record.num = num;
	if (prev)
		memcpy(epoch->record.prev, prev, 32);
	epoch->record.reason = num == 1 ? EPOCH_CREATE : EPOCH_TIMER;
	epoch->record.etag_size = 4;
	memcpy(epoch->record.etag, "etag", 4);
	epoch->record.suite = 1;
	memset(epoch->record.kcv, (int)num, sizeof(epoch->record.kcv));
	epoch->record.created = 1700000000 + num;
	epoch->record.lifetime = 86400;
	epoch->record.atd = 2;
	epoch->record.dtd = 5;
	epoch->record.shards = &epoch->shard_hash;
	epoch->record.shards_count = 1;
	assert_int_equal(epoch_record_sign(&epoch->record, by, &epoch->bytes,
					   &epoch->size, epoch->hash), 0);
}

static void sign_again(struct epoch *epoch, const struct signer *by)
{
	free(epoch->bytes);
	assert_int_equal(epoch_record_sign(&epoch->record, by, &epoch->bytes,
					   &epoch->size, epoch->hash), 0);
}

static void make_roster(struct roster *roster, struct roster_sender senders[2],
			uint32_t num, uint64_t serial)
{
	static struct roster_address tunnels[2] = {
		{ AF_INET, { 192, 0, 2, 1 } }, { AF_INET, { 192, 0, 2, 2 } },
	};

	memset(roster, 0, sizeof(*roster));
	memset(senders, 0, 2 * sizeof(senders[0]));
	strcpy(roster->sgid, SGID);
	roster->term = 1;
	roster->num = num;
	roster->serial = serial;
	roster->senders = senders;
	roster->senders_count = 2;
	senders[0].sid = 1;
	strcpy(senders[0].node, "gw1");
	senders[1].sid = 2;
	strcpy(senders[1].node, "gw2");
	senders[0].tunnels = &tunnels[0];
	senders[1].tunnels = &tunnels[1];
	senders[0].tunnels_count = 1;
	senders[1].tunnels_count = 1;
}

/* an answer that brings an epoch; the caller may change it before encoding */
struct answer {
	struct response response;
	struct response_shard shard;
	uint8_t *roster;
	uint8_t *bytes;
	size_t size;
};

static void make_answer(struct answer *answer, struct epoch *epoch,
			uint64_t serial)
{
	struct roster_sender senders[2];
	struct response *response = &answer->response;
	struct roster roster;
	struct cpns_seal seal = {
		.aead = htobe16(CPNS_HPKE_AES_256_GCM),
		.mode = CPNS_HPKE_MODE_AUTH,
		.leaf_id = htobe32(7),
		.leaf_ver = htobe32(1),
		.sid = htobe16(1),
		.first_epoch = htobe32(epoch->record.num),
	};

	memset(answer, 0, sizeof(*answer));
	response->record = epoch->bytes;
	response->record_size = epoch->size;
	response->num = epoch->record.num;
	response->seconds_left = 86400;
	response->check_interval = 300;
	response->expiration_delta = 5;
	response->management.leaf_id = 7;
	answer->shard.index = 0;
	answer->shard.items = epoch->shard;
	answer->shard.size = sizeof(epoch->shard);
	response->management.shards = &answer->shard;
	response->management.shards_count = 1;
	response->has_sid = true;
	response->sid = 1;
	response->has_seal = true;
	assert_int_equal(group_tag(SGID, seal.tag), 0);
	memcpy(response->seal, &seal, sizeof(seal));
	make_roster(&roster, senders, epoch->record.num, serial);
	assert_int_equal(roster_sign(&roster, &signer, &answer->roster,
				     &response->roster_size), 0);
	response->roster = answer->roster;
}

static void encode_answer(struct answer *answer)
{
	free(answer->bytes);
	assert_int_equal(response_encode(&answer->response, &answer->bytes,
					 &answer->size), 0);
}

static void free_answer(struct answer *answer, struct epoch *epoch)
{
	free(answer->bytes);
	free(answer->roster);
	free(epoch->bytes);
}

static int check(const struct chain *chain, const struct answer *answer,
		 struct verified_response *verified)
{
	reason[0] = '\0';
	return verify_response(policy, chain, answer->bytes, answer->size,
			       verified, reason, sizeof(reason));
}

/* verified and remembered, as after an installation */
static enum verify_link take(struct chain *chain, struct epoch *epoch)
{
	struct verified_response verified;
	struct answer answer;
	enum verify_link link;
	int error;

	make_answer(&answer, epoch, chain->roster_serial + 1);
	encode_answer(&answer);
	error = check(chain, &answer, &verified);
	if (error)
		fail_msg("epoch %u refused: %s", epoch->record.num, reason);
	link = verified.link;
	assert_int_equal(verify_advance(chain, &verified), 0);
	verified_response_free(&verified);
	free(answer.bytes);
	free(answer.roster);
	return link;
}

static void refuse(const struct chain *chain, const struct answer *answer,
		   int error, const char *words)
{
	struct chain before = *chain;
	struct verified_response verified;
	int result = check(chain, answer, &verified);

	if (result != error || !strstr(reason, words))
		fail_msg("got %d '%s', not %d '%s'", result, reason, error,
			 words);
	assert_memory_equal(&before, chain, sizeof(before));
}

static void test_chain_is_followed(void **state)
{
	struct chain chain = { .sgid = SGID };
	struct epoch one, two;

	make_epoch(&one, 1, NULL, &signer);
	assert_int_equal(take(&chain, &one), LINK_FIRST);
	assert_int_equal(chain.num, 1);
	assert_int_equal(chain.linked_from, 1);
	assert_int_equal(chain.gap_from, 0);
	make_epoch(&two, 2, one.hash, &signer);
	assert_int_equal(take(&chain, &two), LINK_NEXT);
	assert_int_equal(chain.num, 2);
	assert_memory_equal(chain.hash, two.hash, 32);
	/* ECDSA signs anew: other bytes, the same record */
	sign_again(&two, &signer);
	assert_int_equal(take(&chain, &two), LINK_SAME);
	chain_free(&chain);
	free(one.bytes);
	free(two.bytes);
}

static void test_other_record_of_the_same_number(void **state)
{
	struct chain chain = { .sgid = SGID };
	struct epoch one, forged;
	struct answer answer;

	make_epoch(&one, 1, NULL, &signer);
	take(&chain, &one);
	make_epoch(&forged, 1, NULL, &signer);
	forged.record.created++;
	sign_again(&forged, &signer);
	make_answer(&answer, &forged, 5);
	encode_answer(&answer);
	refuse(&chain, &answer, -EKEYREJECTED, "another record of epoch 1");
	free_answer(&answer, &forged);
	chain_free(&chain);
	free(one.bytes);
}

static void test_broken_link_and_old_epoch(void **state)
{
	static const uint8_t wrong[32] = { 1 };
	struct chain chain = { .sgid = SGID };
	struct epoch one, two, forged;
	struct answer answer;

	make_epoch(&one, 1, NULL, &signer);
	make_epoch(&two, 2, one.hash, &signer);
	take(&chain, &one);
	make_epoch(&forged, 2, wrong, &signer);
	make_answer(&answer, &forged, 5);
	encode_answer(&answer);
	refuse(&chain, &answer, -EKEYREJECTED, "does not follow");
	free_answer(&answer, &forged);

	take(&chain, &two);
	make_answer(&answer, &one, 6);
	encode_answer(&answer);
	refuse(&chain, &answer, -ESTALE, "older than epoch 2");
	free_answer(&answer, &one);

	make_epoch(&forged, 3, two.hash, &signer);
	forged.record.term = 0;
	sign_again(&forged, &signer);
	make_answer(&answer, &forged, 6);
	encode_answer(&answer);
	refuse(&chain, &answer, -EKEYREJECTED, "term 0");
	free_answer(&answer, &forged);

	chain_free(&chain);
	free(two.bytes);
}

static void test_signers(void **state)
{
	static const struct {
		const struct signer *by;
		const char *words;
	} cases[] = {
		{ &second_signer, "signed by urn:cpns:signer:second" },
		{ &foreign_signer, "certificate" },
		{ &node_signer, "certificate" },
	};
	struct chain chain = { .sgid = SGID };
	struct epoch one;
	struct answer answer;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_epoch(&one, 1, NULL, cases[i].by);
		make_answer(&answer, &one, 1);
		encode_answer(&answer);
		refuse(&chain, &answer, -EKEYREJECTED, cases[i].words);
		free_answer(&answer, &one);
	}
}

static void test_wrong_group(void **state)
{
	struct chain chain = { .sgid = SGID };
	struct epoch one;
	struct answer answer;

	make_epoch(&one, 1, NULL, &signer);
	strcpy(one.record.sgid, "sip:sg-43@cpns.example");
	sign_again(&one, &signer);
	make_answer(&answer, &one, 1);
	encode_answer(&answer);
	refuse(&chain, &answer, -EKEYREJECTED, "group sip:sg-43");
	free_answer(&answer, &one);
}

/* each byte of the record flipped once: never accepted */
static void test_tampered_record(void **state)
{
	struct verified_response verified;
	struct chain chain = { .sgid = SGID };
	struct epoch one;
	struct answer answer;
	size_t i;

	make_epoch(&one, 1, NULL, &signer);
	for (i = 0; i < one.size; i += 3) {
		one.bytes[i] ^= 0x40;
		make_answer(&answer, &one, 1);
		encode_answer(&answer);
		assert_true(check(&chain, &answer, &verified) < 0);
		assert_true(reason[0]);
		free(answer.bytes);
		free(answer.roster);
		one.bytes[i] ^= 0x40;
	}
	free(one.bytes);
}

static void test_truncated_answer(void **state)
{
	struct verified_response verified;
	struct chain chain = { .sgid = SGID };
	struct epoch one;
	struct answer answer;
	size_t size;

	make_epoch(&one, 1, NULL, &signer);
	make_answer(&answer, &one, 1);
	encode_answer(&answer);
	size = answer.size;
	while (answer.size--)
		assert_int_equal(check(&chain, &answer, &verified), -EBADMSG);
	answer.size = size;
	free_answer(&answer, &one);
}

static void test_body_fits_record(void **state)
{
	struct chain chain = { .sgid = SGID };
	struct cpns_seal *seal;
	struct epoch one;
	struct answer answer;

	make_epoch(&one, 1, NULL, &signer);
	make_answer(&answer, &one, 1);
	seal = (struct cpns_seal *)answer.response.seal;

	answer.response.num = 2;
	encode_answer(&answer);
	refuse(&chain, &answer, -EBADMSG, "answer says epoch 2");
	answer.response.num = 1;

	answer.response.scheme = -65601;
	encode_answer(&answer);
	refuse(&chain, &answer, -EOPNOTSUPP, "scheme");
	answer.response.scheme = 0;

	one.shard[5] ^= 1;
	encode_answer(&answer);
	refuse(&chain, &answer, -EKEYREJECTED, "shard 0");
	one.shard[5] ^= 1;

	answer.shard.index = 1;
	encode_answer(&answer);
	refuse(&chain, &answer, -EBADMSG, "shard 1");
	answer.shard.index = 0;

	seal->tag[0] ^= 1;
	encode_answer(&answer);
	refuse(&chain, &answer, -EKEYREJECTED, "another group");
	seal->tag[0] ^= 1;

	seal->first_epoch = htobe32(2);
	encode_answer(&answer);
	refuse(&chain, &answer, -EKEYREJECTED, "epoch");
	seal->first_epoch = htobe32(1);

	seal->sid = htobe16(2);
	encode_answer(&answer);
	refuse(&chain, &answer, -EKEYREJECTED, "SID 2");
	seal->sid = htobe16(1);

	seal->leaf_id = htobe32(8);
	encode_answer(&answer);
	refuse(&chain, &answer, -EKEYREJECTED, "leaf");
	seal->leaf_id = htobe32(7);

	encode_answer(&answer);
	assert_int_equal(take(&chain, &one), LINK_FIRST);
	chain_free(&chain);
	free_answer(&answer, &one);
}

/* records 1 to 5 as /records?from= sends them, one replaced */
static int backfill(struct chain *chain, struct epoch *epochs, size_t first,
		    size_t count)
{
	struct record_bytes records[8];
	uint8_t *bytes;
	size_t size, i;
	int result;

	for (i = 0; i < count; i++) {
		records[i].bytes = epochs[first + i].bytes;
		records[i].size = epochs[first + i].size;
	}
	assert_int_equal(records_encode(records, count, &bytes, &size), 0);
	result = verify_backfill(policy, chain, bytes, size, reason,
				 sizeof(reason));
	free(bytes);
	return result;
}

static void make_five(struct epoch epochs[5])
{
	unsigned int i;

	for (i = 0; i < 5; i++)
		make_epoch(&epochs[i], i + 1, i ? epochs[i - 1].hash : NULL,
			   &signer);
}

static void free_five(struct epoch epochs[5])
{
	unsigned int i;

	for (i = 0; i < 5; i++)
		free(epochs[i].bytes);
}

static void test_gap_is_filled(void **state)
{
	struct chain chain = { .sgid = SGID };
	struct epoch epochs[5];

	make_five(epochs);
	take(&chain, &epochs[0]);
	assert_int_equal(take(&chain, &epochs[4]), LINK_GAP);
	assert_int_equal(chain.gap_from, 2);
	assert_int_equal(backfill(&chain, epochs, 1, 2), 1);
	assert_int_equal(chain.gap_from, 4);
	assert_int_equal(backfill(&chain, epochs, 3, 2), 0);
	assert_int_equal(chain.gap_from, 0);
	assert_int_equal(chain.linked_from, 1);
	assert_false(chain.broken);
	chain_free(&chain);
	free_five(epochs);
}

static void test_joiner_fills_from_one(void **state)
{
	struct chain chain = { .sgid = SGID };
	struct epoch epochs[5];

	make_five(epochs);
	assert_int_equal(take(&chain, &epochs[4]), LINK_FIRST);
	assert_int_equal(chain.gap_from, 1);
	assert_int_equal(chain.linked_from, 5);
	assert_int_equal(backfill(&chain, epochs, 0, 5), 0);
	assert_int_equal(chain.linked_from, 1);
	chain_free(&chain);

	/* the server has forgotten 1 and 2 */
	memset(&chain, 0, sizeof(chain));
	strcpy(chain.sgid, SGID);
	take(&chain, &epochs[4]);
	assert_int_equal(backfill(&chain, epochs, 2, 3), 0);
	assert_int_equal(chain.linked_from, 3);
	chain_free(&chain);
	free_five(epochs);
}

static void test_backfill_contradicts(void **state)
{
	static const uint8_t wrong[32] = { 9 };
	struct chain chain = { .sgid = SGID };
	struct epoch epochs[5];

	make_five(epochs);
	take(&chain, &epochs[0]);
	take(&chain, &epochs[4]);
	free(epochs[2].bytes);
	make_epoch(&epochs[2], 3, wrong, &signer);
	assert_int_equal(backfill(&chain, epochs, 1, 4), -EKEYREJECTED);
	assert_true(chain.broken);
	chain_free(&chain);

	/* another history that ends in another record 5 */
	memset(&chain, 0, sizeof(chain));
	strcpy(chain.sgid, SGID);
	take(&chain, &epochs[4]);
	free(epochs[4].bytes);
	make_epoch(&epochs[4], 5, wrong, &signer);
	assert_int_equal(backfill(&chain, epochs, 4, 1), -EKEYREJECTED);
	assert_true(chain.broken);
	assert_int_equal(backfill(&chain, epochs, 0, 0), -ENODATA);
	chain_free(&chain);
	free_five(epochs);
}

static int check_roster(const struct chain *chain, const struct roster *roster,
			const struct signer *by, uint8_t hash[32])
{
	struct roster opened;
	uint8_t *bytes;
	size_t size;
	int result;

	assert_int_equal(roster_sign(roster, by, &bytes, &size), 0);
	reason[0] = '\0';
	result = verify_roster(policy, chain, bytes, size, &opened, hash,
			       reason, sizeof(reason));
	if (!result)
		roster_free(&opened);
	free(bytes);
	return result;
}

static void test_roster(void **state)
{
	struct chain chain = { .sgid = SGID, .num = 3, .term = 1 };
	struct roster_sender senders[2];
	struct roster roster;
	uint8_t hash[32], again[32];

	make_roster(&roster, senders, 3, 7);
	assert_int_equal(check_roster(&chain, &roster, &signer, hash), 0);
	chain.roster_serial = 7;
	memcpy(chain.roster_hash, hash, 32);
	assert_int_equal(check_roster(&chain, &roster, &signer, again), 0);
	assert_memory_equal(hash, again, 32);
	assert_int_equal(check_roster(&chain, &roster, &second_signer, hash),
			 -EKEYREJECTED);
	senders[1].sid = 9;
	assert_int_equal(check_roster(&chain, &roster, &signer, hash),
			 -EKEYREJECTED);
	assert_non_null(strstr(reason, "another roster 7"));
	roster.serial = 6;
	assert_int_equal(check_roster(&chain, &roster, &signer, hash), -ESTALE);
	/* a server whose state was put back gave this node's SID to another */
	the_policy.node = "gw3";
	the_policy.own_sid = 9;
	chain.num = roster.num;
	assert_int_equal(check_roster(&chain, &roster, &signer, hash),
			 -EADDRINUSE);
	assert_non_null(strstr(reason, "under node gw2"));
	roster.serial = 7;
	assert_int_equal(check_roster(&chain, &roster, &signer, hash),
			 -EADDRINUSE);
	/* in an earlier epoch it may have been another's */
	chain.num++;
	roster.serial = 6;
	assert_int_equal(check_roster(&chain, &roster, &signer, hash), -ESTALE);
	chain.num--;
	the_policy.own_sid = 10;
	assert_int_equal(check_roster(&chain, &roster, &signer, hash), -ESTALE);
	the_policy.own_sid = 0;
	roster.serial = 8;
	assert_int_equal(check_roster(&chain, &roster, &signer, hash), 0);
	strcpy(roster.sgid, "sip:other@cpns.example");
	assert_int_equal(check_roster(&chain, &roster, &signer, hash),
			 -EKEYREJECTED);
}

static void test_sender_ids(void **state)
{
	struct roster_sender senders[2];
	struct roster roster;

	make_roster(&roster, senders, 1, 1);
	assert_int_equal(verify_sender_ids(&roster, "gw1", 1, reason,
					   sizeof(reason)), 0);
	assert_int_equal(verify_sender_ids(&roster, "gw3", 0, reason,
					   sizeof(reason)), 0);
	assert_int_equal(verify_sender_ids(&roster, "gw1", 2, reason,
					   sizeof(reason)), -EADDRINUSE);
	assert_non_null(strstr(reason, "under node gw2"));
	senders[1].sid = 1;
	assert_int_equal(verify_sender_ids(&roster, "gw3", 0, reason,
					   sizeof(reason)), -EADDRINUSE);
	assert_non_null(strstr(reason, "twice"));
}

static void test_sender_gone(void **state)
{
	uint16_t gone[] = { 7, 3 };
	struct roster_sender senders[2];
	struct roster roster;

	make_roster(&roster, senders, 1, 1);
	roster.gone = gone;
	roster.gone_count = 2;
	assert_true(verify_sender_gone(&roster, 3));
	assert_true(verify_sender_gone(&roster, 7));
	/* another one's, an unknown one, none */
	assert_false(verify_sender_gone(&roster, 2));
	assert_false(verify_sender_gone(&roster, 9));
	assert_false(verify_sender_gone(&roster, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain_is_followed),
		cmocka_unit_test(test_other_record_of_the_same_number),
		cmocka_unit_test(test_broken_link_and_old_epoch),
		cmocka_unit_test(test_signers),
		cmocka_unit_test(test_wrong_group),
		cmocka_unit_test(test_tampered_record),
		cmocka_unit_test(test_truncated_answer),
		cmocka_unit_test(test_body_fits_record),
		cmocka_unit_test(test_gap_is_filled),
		cmocka_unit_test(test_joiner_fills_from_one),
		cmocka_unit_test(test_backfill_contradicts),
		cmocka_unit_test(test_roster),
		cmocka_unit_test(test_sender_ids),
		cmocka_unit_test(test_sender_gone),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
