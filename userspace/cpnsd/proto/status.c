// SPDX-License-Identifier: GPL-2.0-only
/*
 * Body of PUT /ace-group/G/nodes/N/status, CDDL `status`: a member says
 * which epoch it has installed and what runs low.
 *
 * No state, any thread.
 */
#include <errno.h>
#include <string.h>

#include "proto/capabilities.h"
#include "proto/cbor.h"
#include "proto/response.h"

#define CONDITIONS_MAX \
	sizeof(((struct status_report *)0)->conditions)

/**
 * status_encode() - make a status report
 * @status: what to say
 * @bytes: gets the body, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int status_encode(const struct status_report *status,
		  uint8_t **bytes, size_t *size)
{
	struct cbor_writer writer;
	size_t i;

	if (!status->num || status->num > CPNS_EPOCH_MAX ||
	    status->conditions_count > CONDITIONS_MAX)
		return -EINVAL;
	cbor_writer_open(&writer);
	cbor_write_map(&writer, 1 + (size_t)status->has_capabilities +
		       (status->conditions_count != 0) +
		       (size_t)status->has_record);
	cbor_write_int(&writer, PARAMETER_NUM);
	cbor_write_uint(&writer, status->num);
	if (status->has_capabilities) {
		cbor_write_int(&writer, PARAMETER_CAPABILITIES);
		capabilities_write(&writer, &status->capabilities);
	}
	if (status->conditions_count) {
		cbor_write_int(&writer, PARAMETER_CONDITIONS);
		cbor_write_array(&writer, status->conditions_count);
	}
	for (i = 0; i < status->conditions_count; i++) {
		if (status->conditions[i] < STATUS_IV_LOW ||
		    status->conditions[i] > STATUS_INSTALL_FAILED)
			cbor_writer_fail(&writer, -EINVAL);
		cbor_write_uint(&writer, status->conditions[i]);
	}
	if (status->has_record) {
		cbor_write_int(&writer, PARAMETER_RECORD);
		cbor_write_bytes(&writer, status->record,
				 sizeof(status->record));
	}
	return cbor_writer_finish(&writer, bytes, size);
}

static void read_conditions(struct cbor_reader *reader,
			    struct status_report *status)
{
	size_t count, i;

	count = cbor_read_array(reader, "conditions", 1, CONDITIONS_MAX);
	for (i = 0; i < count; i++)
		status->conditions[i] = (uint8_t)
			cbor_read_uint(reader, "condition", STATUS_IV_LOW,
				       STATUS_INSTALL_FAILED);
	status->conditions_count = count;
}

/**
 * status_decode() - read a status report
 * @bytes: the body
 * @size: its bytes
 * @status: gets it
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0 or -EBADMSG.
 */
int status_decode(const uint8_t *bytes, size_t size,
		  struct status_report *status, char *reason, size_t room)
{
	struct cbor_reader reader;
	size_t pairs;

	memset(status, 0, sizeof(*status));
	if (cbor_reader_open(&reader, bytes, size, "status", reason, room))
		return reader.error;
	for (pairs = cbor_read_map(&reader, "status");
	     pairs && !reader.error; pairs--) {
		switch (cbor_read_key(&reader)) {
		case PARAMETER_NUM:
			status->num = (uint32_t)cbor_read_uint(&reader, "num",
							       1,
							       CPNS_EPOCH_MAX);
			break;
		case PARAMETER_CAPABILITIES:
			capabilities_read(&reader, &status->capabilities);
			status->has_capabilities = true;
			break;
		case PARAMETER_CONDITIONS:
			read_conditions(&reader, status);
			break;
		case PARAMETER_RECORD:
			cbor_read_exactly(&reader, "record", status->record,
					  sizeof(status->record));
			status->has_record = true;
			break;
		default:
			cbor_skip(&reader);
		}
	}
	if (!reader.error && !status->num)
		cbor_reader_fail(&reader, -EBADMSG, "num is missing");
	return reader.error;
}
