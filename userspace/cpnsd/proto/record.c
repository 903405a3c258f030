// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signed epoch record: epoch structure to COSE_Sign1 and back.
 *
 * No state, any thread.  A decoded record owns its arrays; see
 * epoch_record_free().
 */
#include "proto/record.h"

#include <endian.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"
#include "proto/cbor.h"
#include "proto/key_schedule.h"
#include "proto/reason.h"

#define RECORD_DOMAIN	"cpns-epoch-1"
#define RECORD_FIELDS	16
#define SCHEME_LKH4	(-65601)
#define DELAY_MAX	UINT32_MAX

static bool all_zero(const uint8_t *bytes, size_t size)
{
	uint8_t sum = 0;

	while (size--)
		sum |= bytes[size];
	return !sum;
}

/**
 * epoch_record_fault() - what is wrong with an epoch's fields
 * @record: the epoch; decoded-only fields are not looked at
 *
 * Return: the field and its fault, NULL if the record can be signed.
 */
const char *epoch_record_fault(const struct epoch_record *record)
{
	bool deleted = record->reason == EPOCH_DELETE;
	bool no_key = all_zero(record->kcv, sizeof(record->kcv));

	if (!sgid_valid(record->sgid))
		return "sgid: empty, too long, or not printable ASCII without spaces";
	if (!record->num || record->num > CPNS_EPOCH_MAX)
		return "num: out of range";
	if (record->num == 1 && !all_zero(record->prev, sizeof(record->prev)))
		return "prev: not zero in the first epoch";
	if (record->etag_size > EPOCH_ETAG_MAX)
		return "etag: too long";
	if (record->reason > EPOCH_DELETE)
		return "reason: unknown";
	if (record->suite < 1 || record->suite > 3)
		return "suite: unknown";
	if (deleted != no_key)
		return deleted ? "kcv: a deleted group has none" :
				 "kcv: all zero, but the group is not deleted";
	if (!deleted && record->dtd <= record->atd)
		return "dtd: not more than atd";
	if (record->evicted_count > EPOCH_EVICTED_MAX)
		return "evicted: too many";
	if (record->scheme && record->scheme != SCHEME_LKH4)
		return "scheme: neither 0 nor -65601";
	if (record->shards_count > EPOCH_SHARDS_MAX)
		return "shards: too many";
	if (deleted && record->shards_count)
		return "shards: a deleted group has none";
	return NULL;
}

static int encode_payload(const struct epoch_record *record, uint8_t **bytes,
			  size_t *size)
{
	struct cbor_writer writer;
	size_t i;

	if (epoch_record_fault(record))
		return -EINVAL;
	cbor_writer_open(&writer);
	cbor_write_array(&writer, RECORD_FIELDS);
	cbor_write_text(&writer, RECORD_DOMAIN);
	cbor_write_text(&writer, record->sgid);
	cbor_write_uint(&writer, record->term);
	cbor_write_uint(&writer, record->num);
	cbor_write_bytes(&writer, record->prev, sizeof(record->prev));
	cbor_write_bytes(&writer, record->etag, record->etag_size);
	cbor_write_uint(&writer, record->reason);
	cbor_write_uint(&writer, record->suite);
	cbor_write_bytes(&writer, record->kcv, sizeof(record->kcv));
	cbor_write_uint(&writer, record->created);
	cbor_write_uint(&writer, record->lifetime);
	cbor_write_uint(&writer, record->atd);
	cbor_write_uint(&writer, record->dtd);
	cbor_write_array(&writer, record->evicted_count);
	for (i = 0; i < record->evicted_count; i++) {
		if (!record->evicted[i])
			cbor_writer_fail(&writer, -EINVAL);
		cbor_write_uint(&writer, record->evicted[i]);
	}
	cbor_write_int(&writer, record->scheme);
	cbor_write_array(&writer, record->shards_count);
	for (i = 0; i < record->shards_count; i++)
		cbor_write_bytes(&writer, record->shards[i], 32);
	return cbor_writer_finish(&writer, bytes, size);
}

/**
 * epoch_record_sign() - make the record of an epoch
 * @record: the epoch; decoded-only fields are not looked at
 * @signer: who signs
 * @bytes: gets the COSE_Sign1, to be released with free()
 * @size: gets its bytes
 * @payload_hash: gets SHA-256 of the payload, prev of the next record
 *
 * Return: 0; -EINVAL a field out of its range; -ENOMEM; -EIO.
 */
int epoch_record_sign(const struct epoch_record *record,
		      const struct signer *signer,
		      uint8_t **bytes, size_t *size,
		      uint8_t payload_hash[32])
{
	uint8_t *payload = NULL;
	size_t payload_size;
	int error;

	error = encode_payload(record, &payload, &payload_size);
	if (error)
		return error;
	if (!SHA256(payload, payload_size, payload_hash))
		error = -EIO;
	else
		error = cose_sign1(signer, RECORD_DOMAIN, payload,
				   payload_size, bytes, size);
	free(payload);
	return error;
}

static void read_evicted(struct cbor_reader *reader,
			 struct epoch_record *record)
{
	size_t count, i;

	count = cbor_read_array(reader, "evicted", 0, EPOCH_EVICTED_MAX);
	if (!count)
		return;
	record->evicted = calloc(count, sizeof(*record->evicted));
	if (!record->evicted) {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		return;
	}
	record->evicted_count = count;
	for (i = 0; i < count; i++)
		record->evicted[i] = (uint16_t)cbor_read_uint(reader,
							      "evicted: sid",
							      1, UINT16_MAX);
}

static void read_scheme(struct cbor_reader *reader,
			struct epoch_record *record)
{
	record->scheme = (int32_t)cbor_read_int(reader, "scheme", INT32_MIN,
						INT32_MAX);
	if (!reader->error && record->scheme && record->scheme != SCHEME_LKH4)
		cbor_reader_fail(reader, -EBADMSG,
				 "scheme: %d is neither 0 nor %d",
				 record->scheme, SCHEME_LKH4);
}

static void read_shards(struct cbor_reader *reader,
			struct epoch_record *record)
{
	size_t count, i;

	count = cbor_read_array(reader, "shards", 0, EPOCH_SHARDS_MAX);
	if (!count)
		return;
	record->shards = calloc(count, sizeof(*record->shards));
	if (!record->shards) {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		return;
	}
	record->shards_count = count;
	for (i = 0; i < count; i++)
		cbor_read_exactly(reader, "shard hash", record->shards[i], 32);
}

static int decode_payload(const struct cose_sign1_view *view,
			  struct epoch_record *record,
			  char *reason, size_t room)
{
	struct cbor_reader reader;
	char domain[sizeof(RECORD_DOMAIN)];
	const uint8_t *etag;
	const char *fault;

	if (cbor_reader_open(&reader, view->payload, view->payload_size,
			     "epoch record", reason, room))
		return reader.error;
	cbor_read_array(&reader, "epoch", RECORD_FIELDS, RECORD_FIELDS);
	cbor_read_text(&reader, "domain", domain, sizeof(domain));
	if (!reader.error && strcmp(domain, RECORD_DOMAIN))
		cbor_reader_fail(&reader, -EBADMSG,
				 "domain: not \"" RECORD_DOMAIN "\"");
	sgid_read(&reader, record->sgid);
	record->term = cbor_read_uint(&reader, "term", 0, UINT64_MAX);
	record->num = (uint32_t)cbor_read_uint(&reader, "num", 1,
					       CPNS_EPOCH_MAX);
	cbor_read_exactly(&reader, "prev", record->prev, 32);
	etag = cbor_read_bytes(&reader, "etag", 0, EPOCH_ETAG_MAX,
			       &record->etag_size);
	if (etag)
		memcpy(record->etag, etag, record->etag_size);
	record->reason = (enum epoch_reason)cbor_read_uint(&reader, "reason",
							   0, EPOCH_DELETE);
	record->suite = (uint8_t)cbor_read_uint(&reader, "suite", 1, 3);
	cbor_read_exactly(&reader, "kcv", record->kcv, CPNS_KCV_SIZE);
	record->created = cbor_read_uint(&reader, "created", 0, INT64_MAX);
	record->lifetime = (uint32_t)cbor_read_uint(&reader, "lifetime", 0,
						    UINT32_MAX);
	record->atd = (uint32_t)cbor_read_uint(&reader, "atd", 0, DELAY_MAX);
	record->dtd = (uint32_t)cbor_read_uint(&reader, "dtd", 0, DELAY_MAX);
	read_evicted(&reader, record);
	read_scheme(&reader, record);
	read_shards(&reader, record);
	fault = reader.error ? NULL : epoch_record_fault(record);
	if (fault)
		cbor_reader_fail(&reader, -EBADMSG, "%s", fault);
	return reader.error;
}

/**
 * epoch_record_open() - check and decode a record
 * @bytes: the record as it came
 * @size: its bytes
 * @record: gets the epoch; epoch_record_free() when done, not after an error
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Whether the certificate is the group's signer is for the caller.
 *
 * Return: 0; -EBADMSG malformed; -EPROTO another algorithm, crit or kid;
 * -EKEYREJECTED signature; -ENOMEM; -EIO.
 */
int epoch_record_open(const uint8_t *bytes, size_t size,
		      struct epoch_record *record, char *reason, size_t room)
{
	struct cose_sign1_view view;
	int error;

	memset(record, 0, sizeof(*record));
	error = cose_sign1_open(bytes, size, RECORD_DOMAIN, &view, reason,
				room);
	if (error)
		return error;
	error = decode_payload(&view, record, reason, room);
	if (!error && !SHA256(view.payload, view.payload_size,
			      record->payload_hash))
		error = reason_give(reason, room, -EIO,
				    "epoch record: SHA-256 failed");
	if (error)
		goto fail;
	memcpy(record->kid, view.kid, sizeof(record->kid));
	record->signer_certificate = malloc(view.certificate_size);
	if (!record->signer_certificate) {
		error = reason_give(reason, room, -ENOMEM,
				    "epoch record: out of memory");
		goto fail;
	}
	memcpy(record->signer_certificate, view.certificate,
	       view.certificate_size);
	record->signer_certificate_size = view.certificate_size;
	return 0;
fail:
	epoch_record_free(record);
	return error;
}

/**
 * epoch_record_free() - release what a record owns
 * @record: the record, empty afterwards; the structure stays the caller's
 */
void epoch_record_free(struct epoch_record *record)
{
	free(record->evicted);
	free(record->shards);
	free(record->signer_certificate);
	memset(record, 0, sizeof(*record));
}

/**
 * epoch_record_header() - HEADER of a record, for GROUP_SET
 * @record: the epoch
 * @header: gets 48 bytes; all zero, which no kernel takes, if SHA-256 failed
 */
void epoch_record_header(const struct epoch_record *record,
			 uint8_t header[CPNS_HEADER_SIZE])
{
	struct cpns_header fields = {
		.version = 1,
		.suite = record->suite,
		.epoch = htobe32(record->num),
		.atd = htobe32(record->atd),
		.dtd = htobe32(record->dtd),
		.lifetime = htobe32(record->lifetime),
	};

	memcpy(fields.kcv, record->kcv, sizeof(fields.kcv));
	if (group_tag(record->sgid, fields.tag))
		memset(&fields, 0, sizeof(fields));
	memcpy(header, &fields, CPNS_HEADER_SIZE);
}
