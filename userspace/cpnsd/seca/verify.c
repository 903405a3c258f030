// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks of what a server, or anybody in its place, sends; see verify.h.
 *
 * One thread, no state.  Signatures are checked over the bytes as received;
 * nothing is encoded again.
 */
#include <endian.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/cpns.h>

#include "proto/capabilities.h"
#include "proto/key_schedule.h"
#include "verify.h"

#define SHARD_ITEMS_MAX		16

/* the certificate that came along is the group's signer's, and good */
static int verify_signer(const struct verify_policy *policy,
			 const uint8_t *certificate, size_t size,
			 char *reason, size_t room)
{
	struct identity identity;
	char cause[192] = "", uri[96];
	int error;

	if (!certificate || !size) {
		snprintf(reason, room, "no signer certificate came along");
		return -EKEYREJECTED;
	}
	error = identity_verify_der(policy->trust, certificate, size,
				    IDENTITY_SIGNER, &identity,
				    cause, sizeof(cause));
	if (error) {
		snprintf(reason, room, "signer's certificate: %s",
			 cause[0] ? cause : strerror(-error));
		return -EKEYREJECTED;
	}
	identity_uri(&identity, uri);
	if (strcmp(uri, policy->signer)) {
		snprintf(reason, room,
			 "signed by %s, the group's signer is %s", uri,
			 policy->signer);
		return -EKEYREJECTED;
	}
	return 0;
}

/* record opened, its signer and group checked; freed by the caller if 0 */
static int open_record(const struct verify_policy *policy,
		       const uint8_t *bytes, size_t size,
		       struct epoch_record *record, char *reason, size_t room)
{
	char cause[192] = "";
	int error;

	error = epoch_record_open(bytes, size, record, cause, sizeof(cause));
	if (error) {
		snprintf(reason, room, "record: %s", cause);
		return error;
	}
	error = verify_signer(policy, record->signer_certificate,
			      record->signer_certificate_size, reason, room);
	if (!error && strcmp(record->sgid, policy->sgid)) {
		snprintf(reason, room, "record is of group %s", record->sgid);
		error = -EKEYREJECTED;
	}
	if (!error && record->term > INT64_MAX) {
		snprintf(reason, room, "record's term is out of range");
		error = -EBADMSG;
	}
	if (error)
		epoch_record_free(record);
	return error;
}

static int verify_link(const struct chain *chain,
		       const struct epoch_record *record,
		       enum verify_link *link, char *reason, size_t room)
{
	static const uint8_t zero[32];

	if (record->num == 1 && memcmp(record->prev, zero, 32)) {
		snprintf(reason, room, "record 1 names a record before it");
		return -EKEYREJECTED;
	}
	if (!chain->num) {
		*link = LINK_FIRST;
		return 0;
	}
	if (record->term < chain->term) {
		snprintf(reason, room, "term %llu, the known one is %llu",
			 (unsigned long long)record->term,
			 (unsigned long long)chain->term);
		return -EKEYREJECTED;
	}
	if (record->num < chain->num) {
		snprintf(reason, room, "epoch %u is older than epoch %u",
			 record->num, chain->num);
		return -ESTALE;
	}
	if (record->num == chain->num) {
		*link = LINK_SAME;
		if (!memcmp(record->payload_hash, chain->hash, 32))
			return 0;
		snprintf(reason, room,
			 "another record of epoch %u than the one known",
			 record->num);
		return -EKEYREJECTED;
	}
	if (record->num > chain->num + 1) {
		*link = LINK_GAP;
		return 0;
	}
	*link = LINK_NEXT;
	if (!memcmp(record->prev, chain->hash, 32))
		return 0;
	snprintf(reason, room, "record %u does not follow the known record %u",
		 record->num, chain->num);
	return -EKEYREJECTED;
}

static int verify_shards(const struct response *response,
			 const struct epoch_record *record,
			 char *reason, size_t room)
{
	const struct response_management *management = &response->management;
	size_t items = management->path_size / CPNS_ITEM_SIZE, i;
	uint8_t hash[32];

	for (i = 0; i < management->shards_count; i++) {
		const struct response_shard *shard = &management->shards[i];

		if (shard->index >= record->shards_count ||
		    shard->size > SHARD_ITEMS_MAX * CPNS_ITEM_SIZE ||
		    shard->size % CPNS_ITEM_SIZE) {
			snprintf(reason, room, "shard %u is not the record's",
				 shard->index);
			return -EBADMSG;
		}
		SHA256(shard->items, shard->size, hash);
		if (memcmp(hash, record->shards[shard->index], 32)) {
			snprintf(reason, room,
				 "shard %u has not the hash that the record names",
				 shard->index);
			return -EKEYREJECTED;
		}
		items += shard->size / CPNS_ITEM_SIZE;
	}
	if (management->path_size % CPNS_ITEM_SIZE ||
	    items > CPNS_GROUP_SET_ITEMS) {
		snprintf(reason, room, "more than %d items, or part of one",
			 CPNS_GROUP_SET_ITEMS);
		return -EBADMSG;
	}
	return 0;
}

/* what of SEAL stands in clear, and is authenticated only in the kernel */
static int verify_seal(const struct response *response,
		       const struct epoch_record *record,
		       char *reason, size_t room)
{
	struct cpns_seal seal;
	uint8_t tag[CPNS_TAG_SIZE];

	if (!response->has_seal)
		return 0;
	memcpy(&seal, response->seal, sizeof(seal));
	if (group_tag(record->sgid, tag))
		return -EINVAL;
	if (memcmp(seal.tag, tag, sizeof(tag)) ||
	    be32toh(seal.first_epoch) != record->num) {
		snprintf(reason, room, "seal is of another group or epoch");
		return -EKEYREJECTED;
	}
	if (be16toh(seal.sid) != (response->has_sid ? response->sid : 0)) {
		snprintf(reason, room,
			 "seal gives SID %u, the answer %u",
			 be16toh(seal.sid), response->sid);
		return -EKEYREJECTED;
	}
	if (be32toh(seal.leaf_id) != response->management.leaf_id) {
		snprintf(reason, room, "seal is of another leaf");
		return -EKEYREJECTED;
	}
	return 0;
}

static int verify_body(const struct response *response,
		       const struct epoch_record *record,
		       char *reason, size_t room)
{
	if (response->num != record->num) {
		snprintf(reason, room, "answer says epoch %u, its record %u",
			 response->num, record->num);
		return -EBADMSG;
	}
	if (response->scheme != record->scheme ||
	    (record->scheme != SCHEME_POINT_TO_POINT &&
	     record->scheme != SCHEME_LKH_4)) {
		snprintf(reason, room, "rekeying scheme %d is not known here",
			 response->scheme);
		return -EOPNOTSUPP;
	}
	if (record->suite < CPNS_SUITE_AES_256_GCM ||
	    record->suite > CPNS_SUITE_CHACHA20_POLY1305) {
		snprintf(reason, room, "suite %u is not known here",
			 record->suite);
		return -EOPNOTSUPP;
	}
	if (record->dtd <= record->atd) {
		snprintf(reason, room, "deactivation is not after activation");
		return -EBADMSG;
	}
	return verify_shards(response, record, reason, room) ?:
		verify_seal(response, record, reason, room);
}

/**
 * verify_response - check an answer or notification of /ace-group/G
 * @policy: whose signature counts
 * @chain: what is known of the group
 * @bytes: the body as received
 * @size: its size
 * @verified: the result, freed by verified_response_free() if 0 is returned
 * @reason: what is wrong, in words
 * @room: bytes of @reason
 *
 * RFC 9594 section 4.3.1 and 4.3.2 with the signed record of this system.
 * A gap is no error here: whether it may be installed depends on how the
 * answer came (verified->link).
 *
 * Return: 0; -EBADMSG malformed; -EKEYREJECTED signature, signer, group,
 * hash or chain (worth an alarm); -ESTALE an older epoch; -EADDRINUSE as
 * verify_roster(); -EOPNOTSUPP scheme or suite; -EINVAL.
 */
int verify_response(const struct verify_policy *policy,
		    const struct chain *chain,
		    const uint8_t *bytes, size_t size,
		    struct verified_response *verified,
		    char *reason, size_t room)
{
	char cause[192] = "";
	int error;

	memset(verified, 0, sizeof(*verified));
	error = response_decode(bytes, size, &verified->response, cause,
				sizeof(cause));
	if (error) {
		snprintf(reason, room, "answer: %s", cause);
		return error;
	}
	error = open_record(policy, verified->response.record,
			    verified->response.record_size, &verified->record,
			    reason, room);
	if (error) {
		response_free(&verified->response);
		return error;
	}
	error = verify_link(chain, &verified->record, &verified->link, reason,
			    room);
	if (!error)
		error = verify_body(&verified->response, &verified->record,
				    reason, room);
	if (!error && verified->response.roster) {
		error = verify_roster(policy, chain, verified->response.roster,
				      verified->response.roster_size,
				      &verified->roster, verified->roster_hash,
				      reason, room);
		verified->has_roster = !error;
	}
	if (!error && verified->has_roster &&
	    verified->roster.num != verified->record.num) {
		snprintf(reason, room, "roster is of epoch %u, the record of %u",
			 verified->roster.num, verified->record.num);
		error = -EBADMSG;
	}
	if (error)
		verified_response_free(verified);
	return error;
}

/**
 * verified_response_free - give the result of verify_response() back
 * @verified: the result
 */
void verified_response_free(struct verified_response *verified)
{
	if (verified->has_roster)
		roster_free(&verified->roster);
	epoch_record_free(&verified->record);
	response_free(&verified->response);
	memset(verified, 0, sizeof(*verified));
}

/**
 * verify_roster - check a signed roster
 * @policy: whose signature counts, and this node's Sender-ID
 * @chain: what is known; the roster's serial number only grows
 * @bytes: COSE_Sign1 as received
 * @size: its size
 * @roster: the result, freed by roster_free() if 0 is returned
 * @hash: SHA-256 of its payload
 * @reason: what is wrong, in words
 * @room: bytes of @reason
 *
 * A Sender-ID never serves two nodes within an epoch, so a roster of this epoch
 * that has another node under ours counts however old its serial is: the
 * server's state was put back, and it gave out once more what is in use.
 *
 * Return: 0; -EBADMSG; -EKEYREJECTED signature, signer, group, or the same
 * serial number with other contents; -ESTALE an older roster; -EADDRINUSE such
 * a one, where another node has this node's Sender-ID.
 */
int verify_roster(const struct verify_policy *policy,
		  const struct chain *chain, const uint8_t *bytes, size_t size,
		  struct roster *roster, uint8_t hash[32],
		  char *reason, size_t room)
{
	struct cose_sign1_view view;
	char cause[192] = "";
	int error, old = 0;

	error = roster_open(bytes, size, roster, cause, sizeof(cause));
	if (error) {
		snprintf(reason, room, "roster: %s", cause);
		return error;
	}
	error = verify_signer(policy, roster->signer_certificate,
			      roster->signer_certificate_size, reason, room);
	if (!error && strcmp(roster->sgid, policy->sgid)) {
		snprintf(reason, room, "roster is of group %s", roster->sgid);
		error = -EKEYREJECTED;
	}
	/* ECDSA signs anew each time: what is compared is the payload */
	if (!error)
		error = cose_sign1_open(bytes, size, "cpns-roster-1", &view,
					reason, room);
	if (!error)
		SHA256(view.payload, view.payload_size, hash);
	if (!error && (roster->serial > INT64_MAX ||
		       roster->term < chain->term)) {
		snprintf(reason, room, "roster's term or serial is out of range");
		error = -EKEYREJECTED;
	}
	if (!error && roster->serial < chain->roster_serial) {
		snprintf(reason, room, "roster %llu is older than roster %llu",
			 (unsigned long long)roster->serial,
			 (unsigned long long)chain->roster_serial);
		old = -ESTALE;
	}
	if (!error && chain->roster_serial &&
	    roster->serial == chain->roster_serial &&
	    memcmp(hash, chain->roster_hash, 32)) {
		snprintf(reason, room, "another roster %llu than the one known",
			 (unsigned long long)roster->serial);
		old = -EKEYREJECTED;
	}
	if (old && roster->num == chain->num && policy->own_sid)
		error = verify_sender_ids(roster, policy->node,
					  policy->own_sid, reason, room);
	if (!error)
		error = old;
	if (error)
		roster_free(roster);
	return error;
}

/**
 * verify_sender_ids - nobody else sends as this node, nobody twice
 * @roster: verified
 * @node: this node's id
 * @own_sid: the Sender-ID that the kernel holds, 0 for none
 * @reason: what is wrong, in words
 * @room: bytes of @reason
 *
 * RFC 6054: two senders with one SID repeat IVs.  wire.md section 4: then
 * stop sending, and raise the alarm.
 *
 * Return: 0 or -EADDRINUSE.
 */
int verify_sender_ids(const struct roster *roster, const char *node,
		      uint16_t own_sid, char *reason, size_t room)
{
	uint8_t seen[65536 / 8] = { 0 };
	size_t i;

	for (i = 0; i < roster->senders_count; i++) {
		const struct roster_sender *sender = &roster->senders[i];
		uint8_t bit = (uint8_t)(1u << (sender->sid & 7));

		if (seen[sender->sid >> 3] & bit) {
			snprintf(reason, room, "SID %u stands twice in the roster",
				 sender->sid);
			return -EADDRINUSE;
		}
		seen[sender->sid >> 3] |= bit;
		if (own_sid && sender->sid == own_sid &&
		    strcmp(sender->node, node)) {
			snprintf(reason, room,
				 "this node's SID %u stands under node %s in the roster",
				 own_sid, sender->node);
			return -EADDRINUSE;
		}
	}
	return 0;
}

/**
 * verify_sender_gone - is what this node sends dropped by all the others?
 * @roster: verified
 * @own_sid: the Sender-ID that the kernel holds, 0 for none
 *
 * So it is where a power cut has taken the server's memory of this node's
 * join, and where the answer that brought another Sender-ID was lost (wire.md
 * section 4, "gone: deleted").
 *
 * Return: true if the Sender-ID is gone.
 */
bool verify_sender_gone(const struct roster *roster, uint16_t own_sid)
{
	size_t i;

	for (i = 0; own_sid && i < roster->gone_count; i++)
		if (roster->gone[i] == own_sid)
			return true;
	return false;
}

/**
 * verify_advance - remember a record that was installed
 * @chain: what is known; changed
 * @verified: the answer that was installed
 *
 * Return: 0 or -ENOMEM, nothing changed then.
 */
int verify_advance(struct chain *chain,
		   const struct verified_response *verified)
{
	const struct epoch_record *record = &verified->record;
	int error;

	error = chain_set_record(chain, verified->response.record,
				 verified->response.record_size);
	if (!error && verified->has_roster)
		error = chain_set_roster(chain, verified->response.roster,
					 verified->response.roster_size);
	if (error)
		return error;
	if (verified->has_roster) {
		chain->roster_serial = verified->roster.serial;
		memcpy(chain->roster_hash, verified->roster_hash, 32);
	}
	switch (verified->link) {
	case LINK_FIRST:
		chain->linked_from = record->num;
		chain->gap_from = record->num > 1 ? 1 : 0;
		memset(chain->gap_hash, 0, 32);
		break;
	case LINK_GAP:
		/* an older gap stays: it is filled from its own beginning */
		if (!chain->gap_from) {
			chain->gap_from = chain->num + 1;
			memcpy(chain->gap_hash, chain->hash, 32);
		}
		break;
	case LINK_SAME:
	case LINK_NEXT:
		break;
	}
	chain->term = record->term;
	chain->num = record->num;
	memcpy(chain->hash, record->payload_hash, 32);
	return 0;
}

/* one more record of the gap; 1 when it was the newest one */
static int backfill_one(struct chain *chain, const struct epoch_record *record,
			bool first, char *reason, size_t room)
{
	bool linked = record->num == chain->gap_from;

	/* the server keeps no records for ever: older ones may be gone */
	if (!linked && (!first || record->num < chain->gap_from)) {
		snprintf(reason, room, "records are not in order at %u",
			 record->num);
		return -EBADMSG;
	}
	if (linked && memcmp(record->prev, chain->gap_hash, 32)) {
		snprintf(reason, room, "record %u does not follow record %u",
			 record->num, record->num - 1);
		return -EKEYREJECTED;
	}
	if (record->num > chain->num ||
	    (record->num == chain->num &&
	     memcmp(record->payload_hash, chain->hash, 32))) {
		snprintf(reason, room,
			 "another record of epoch %u than the one installed",
			 record->num);
		return -EKEYREJECTED;
	}
	if (!linked || record->num == 1)
		chain->linked_from = record->num;
	if (record->num == chain->num) {
		chain->gap_from = 0;
		return 1;
	}
	chain->gap_from = record->num + 1;
	memcpy(chain->gap_hash, record->payload_hash, 32);
	return 0;
}

/**
 * verify_backfill - take an answer of /records?from=<gap_from> into the chain
 * @policy: whose signature counts
 * @chain: what is known; gap_from, gap_hash and linked_from move on
 * @bytes: the body as received: at most 64 records
 * @size: its size
 * @reason: what is wrong, in words
 * @room: bytes of @reason
 *
 * Return: 0 when the chain is linked up to its newest record, 1 when more
 * records are owed, -ENODATA when the server sent none, -EBADMSG, or
 * -EKEYREJECTED when the records contradict what is known (chain->broken is
 * set then: an alarm).
 */
int verify_backfill(const struct verify_policy *policy, struct chain *chain,
		    const uint8_t *bytes, size_t size,
		    char *reason, size_t room)
{
	struct record_bytes records[64];
	size_t count, i;
	int error, last = 0;

	error = records_decode(bytes, size, records, 64, &count);
	if (error) {
		snprintf(reason, room, "not an array of records");
		return error;
	}
	if (!count) {
		snprintf(reason, room, "no records from %u on", chain->gap_from);
		return -ENODATA;
	}
	for (i = 0; i < count && !last; i++) {
		struct epoch_record record;

		error = open_record(policy, records[i].bytes, records[i].size,
				    &record, reason, room);
		if (error)
			return error;
		last = backfill_one(chain, &record, i == 0, reason, room);
		epoch_record_free(&record);
		if (last < 0) {
			chain->broken |= last == -EKEYREJECTED;
			return last;
		}
	}
	return !last;
}
