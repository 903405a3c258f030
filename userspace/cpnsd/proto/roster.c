// SPDX-License-Identifier: GPL-2.0-only
/*
 * The signed roster: who sends with which Sender-ID from where.
 *
 * A SID that stands twice is not refused here: the receiver has to see it,
 * stop sending and raise the alarm.
 *
 * No state, any thread.  A decoded roster owns its arrays; see
 * roster_free().
 */
#include "proto/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"
#include "proto/cbor.h"
#include "proto/reason.h"

#define ROSTER_DOMAIN	"cpns-roster-1"
#define ROSTER_FIELDS	7

static void write_sender(struct cbor_writer *writer,
			 const struct roster_sender *sender)
{
	if (!sender->sid || !sender->node[0])
		cbor_writer_fail(writer, -EINVAL);
	cbor_write_array(writer, 4);
	cbor_write_uint(writer, sender->sid);
	cbor_write_text(writer, sender->node);
	tunnels_write(writer, sender->tunnels, sender->tunnels_count);
	nets_write(writer, sender->nets, sender->nets_count);
}

static int encode_payload(const struct roster *roster, uint8_t **bytes,
			  size_t *size)
{
	struct cbor_writer writer;
	size_t i;

	if (!sgid_valid(roster->sgid) || !roster->num ||
	    roster->num > CPNS_EPOCH_MAX ||
	    roster->senders_count > UINT16_MAX ||
	    roster->gone_count > UINT16_MAX)
		return -EINVAL;
	cbor_writer_open(&writer);
	cbor_write_array(&writer, ROSTER_FIELDS);
	cbor_write_text(&writer, ROSTER_DOMAIN);
	cbor_write_text(&writer, roster->sgid);
	cbor_write_uint(&writer, roster->term);
	cbor_write_uint(&writer, roster->num);
	cbor_write_uint(&writer, roster->serial);
	cbor_write_array(&writer, roster->senders_count);
	for (i = 0; i < roster->senders_count; i++)
		write_sender(&writer, &roster->senders[i]);
	cbor_write_array(&writer, roster->gone_count);
	for (i = 0; i < roster->gone_count; i++) {
		if (!roster->gone[i])
			cbor_writer_fail(&writer, -EINVAL);
		cbor_write_uint(&writer, roster->gone[i]);
	}
	return cbor_writer_finish(&writer, bytes, size);
}

/**
 * roster_sign() - make a signed roster
 * @roster: the senders; decoded-only fields are not looked at
 * @signer: who signs
 * @bytes: gets the COSE_Sign1, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0; -EINVAL a field out of its range; -ENOMEM; -EIO.
 */
int roster_sign(const struct roster *roster, const struct signer *signer,
		uint8_t **bytes, size_t *size)
{
	uint8_t *payload = NULL;
	size_t payload_size;
	int error;

	error = encode_payload(roster, &payload, &payload_size);
	if (error)
		return error;
	error = cose_sign1(signer, ROSTER_DOMAIN, payload, payload_size, bytes,
			   size);
	free(payload);
	return error;
}

static void read_senders(struct cbor_reader *reader, struct roster *roster)
{
	struct roster_sender *sender;
	size_t count, i;

	count = cbor_read_array(reader, "senders", 0, UINT16_MAX);
	if (!count)
		return;
	roster->senders = calloc(count, sizeof(*roster->senders));
	if (!roster->senders) {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		return;
	}
	roster->senders_count = count;
	for (i = 0; i < count && !reader->error; i++) {
		sender = &roster->senders[i];
		cbor_read_array(reader, "sender", 4, 4);
		sender->sid = (uint16_t)cbor_read_uint(reader, "sender: sid",
						       1, UINT16_MAX);
		cbor_read_text(reader, "sender: node", sender->node,
			       sizeof(sender->node));
		if (!reader->error && !sender->node[0])
			cbor_reader_fail(reader, -EBADMSG,
					 "sender: node: empty");
		tunnels_read(reader, &sender->tunnels, &sender->tunnels_count);
		nets_read(reader, &sender->nets, &sender->nets_count);
	}
}

static void read_gone(struct cbor_reader *reader, struct roster *roster)
{
	size_t count, i;

	count = cbor_read_array(reader, "gone", 0, UINT16_MAX);
	if (!count)
		return;
	roster->gone = calloc(count, sizeof(*roster->gone));
	if (!roster->gone) {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		return;
	}
	roster->gone_count = count;
	for (i = 0; i < count; i++)
		roster->gone[i] = (uint16_t)cbor_read_uint(reader, "gone: sid",
							   1, UINT16_MAX);
}

static int decode_payload(const struct cose_sign1_view *view,
			  struct roster *roster, char *reason, size_t room)
{
	struct cbor_reader reader;
	char domain[sizeof(ROSTER_DOMAIN)];

	if (cbor_reader_open(&reader, view->payload, view->payload_size,
			     "roster", reason, room))
		return reader.error;
	cbor_read_array(&reader, "roster", ROSTER_FIELDS, ROSTER_FIELDS);
	cbor_read_text(&reader, "domain", domain, sizeof(domain));
	if (!reader.error && strcmp(domain, ROSTER_DOMAIN))
		cbor_reader_fail(&reader, -EBADMSG,
				 "domain: not \"" ROSTER_DOMAIN "\"");
	sgid_read(&reader, roster->sgid);
	roster->term = cbor_read_uint(&reader, "term", 0, UINT64_MAX);
	roster->num = (uint32_t)cbor_read_uint(&reader, "num", 1,
					       CPNS_EPOCH_MAX);
	roster->serial = cbor_read_uint(&reader, "serial", 0, UINT64_MAX);
	read_senders(&reader, roster);
	read_gone(&reader, roster);
	return reader.error;
}

/**
 * roster_open() - check and decode a roster
 * @bytes: the roster as it came
 * @size: its bytes
 * @roster: gets the senders; roster_free() when done, not after an error
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Whether the certificate is the group's signer is for the caller.
 *
 * Return: 0; -EBADMSG malformed; -EPROTO another algorithm, crit or kid;
 * -EKEYREJECTED signature; -ENOMEM; -EIO.
 */
int roster_open(const uint8_t *bytes, size_t size, struct roster *roster,
		char *reason, size_t room)
{
	struct cose_sign1_view view;
	int error;

	memset(roster, 0, sizeof(*roster));
	error = cose_sign1_open(bytes, size, ROSTER_DOMAIN, &view, reason,
				room);
	if (error)
		return error;
	error = decode_payload(&view, roster, reason, room);
	if (error)
		goto fail;
	memcpy(roster->kid, view.kid, sizeof(roster->kid));
	roster->signer_certificate = malloc(view.certificate_size);
	if (!roster->signer_certificate) {
		error = reason_give(reason, room, -ENOMEM,
				    "roster: out of memory");
		goto fail;
	}
	memcpy(roster->signer_certificate, view.certificate,
	       view.certificate_size);
	roster->signer_certificate_size = view.certificate_size;
	return 0;
fail:
	roster_free(roster);
	return error;
}

/**
 * roster_free() - release what a roster owns
 * @roster: the roster, empty afterwards; the structure stays the caller's
 */
void roster_free(struct roster *roster)
{
	size_t i;

	for (i = 0; i < roster->senders_count; i++) {
		free(roster->senders[i].tunnels);
		free(roster->senders[i].nets);
	}
	free(roster->senders);
	free(roster->gone);
	free(roster->signer_certificate);
	memset(roster, 0, sizeof(*roster));
}
