// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answer to POST and GET of /ace-group/G and body of its notifications, CDDL
 * `response` (RFC 9594 4.3.1): the signed record and, beside it, what only
 * this member can open.
 *
 * Whether num is the record's, and the record the group's, is for the caller,
 * who opens the record.
 *
 * No state, any thread.  A decoded response owns its byte strings.
 */
#include "proto/response.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/capabilities.h"
#include "proto/cbor.h"
#include "proto/management.h"

#define SIGNED_MAX	65536	/* bytes of a body */

/* RFC 9594 Table 7: group policies */
#define POLICY_CHECK_INTERVAL	1
#define POLICY_EXPIRATION_DELTA	2

enum {
	SEEN_GKTY = 1, SEEN_KEY = 2, SEEN_NUM = 4, SEEN_PROFILE = 8,
	SEEN_EXI = 16, SEEN_POLICIES = 32, SEEN_SCHEME = 64,
	SEEN_MANAGEMENT = 128, SEEN_AGE = 256, SEEN_ALL = 511,
};

/**
 * response_encode() - make a response
 * @response: what to say
 * @bytes: gets the body, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int response_encode(const struct response *response,
		    uint8_t **bytes, size_t *size)
{
	struct cbor_writer writer;
	uint8_t *management;
	size_t management_size;
	int error;

	if (!response->record_size || !response->num ||
	    response->num > CPNS_EPOCH_MAX ||
	    (response->has_sid && !response->sid) ||
	    (response->scheme != SCHEME_POINT_TO_POINT &&
	     response->scheme != SCHEME_LKH_4))
		return -EINVAL;
	error = management_encode(&response->management, &management,
				  &management_size);
	if (error)
		return error;
	cbor_writer_open(&writer);
	cbor_write_map(&writer, 9 + (size_t)response->has_sid +
		       response->has_seal + (response->roster_size != 0));
	cbor_write_int(&writer, PARAMETER_GKTY);
	cbor_write_int(&writer, GKTY_WRAPPED_EPOCH);
	cbor_write_int(&writer, PARAMETER_KEY);
	cbor_write_bytes(&writer, response->record, response->record_size);
	cbor_write_int(&writer, PARAMETER_NUM);
	cbor_write_uint(&writer, response->num);
	cbor_write_int(&writer, PARAMETER_PROFILE);
	cbor_write_int(&writer, PROFILE_CPNS_IPSEC);
	cbor_write_int(&writer, PARAMETER_EXI);
	cbor_write_uint(&writer, response->seconds_left);
	cbor_write_int(&writer, PARAMETER_POLICIES);
	cbor_write_map(&writer, 2);
	cbor_write_int(&writer, POLICY_CHECK_INTERVAL);
	cbor_write_uint(&writer, response->check_interval);
	cbor_write_int(&writer, POLICY_EXPIRATION_DELTA);
	cbor_write_uint(&writer, response->expiration_delta);
	cbor_write_int(&writer, PARAMETER_REKEYING_SCHEME);
	cbor_write_int(&writer, response->scheme);
	cbor_write_int(&writer, PARAMETER_MANAGEMENT);
	cbor_write_bytes(&writer, management, management_size);
	free(management);
	if (response->has_sid) {
		cbor_write_int(&writer, PARAMETER_SID);
		cbor_write_uint(&writer, response->sid);
	}
	if (response->has_seal) {
		cbor_write_int(&writer, PARAMETER_SEAL);
		cbor_write_bytes(&writer, response->seal, CPNS_SEAL_SIZE);
	}
	if (response->roster_size) {
		cbor_write_int(&writer, PARAMETER_ROSTER);
		cbor_write_bytes(&writer, response->roster,
				 response->roster_size);
	}
	cbor_write_int(&writer, PARAMETER_AGE);
	cbor_write_uint(&writer, response->age);
	return cbor_writer_finish(&writer, bytes, size);
}

static uint8_t *read_copy(struct cbor_reader *reader, const char *what,
			  size_t *size)
{
	const uint8_t *found;
	uint8_t *copy;

	found = cbor_read_bytes(reader, what, 1, SIGNED_MAX, size);
	if (!found)
		return NULL;
	copy = malloc(*size);
	if (copy) {
		memcpy(copy, found, *size);
	} else {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		*size = 0;
	}
	return copy;
}

static void read_constant(struct cbor_reader *reader, const char *what,
			  int64_t expected)
{
	int64_t found = cbor_read_int(reader, what, INT64_MIN + 1, INT64_MAX);

	if (!reader->error && found != expected)
		cbor_reader_fail(reader, -EBADMSG, "%s: %lld expected, %lld found",
				 what, (long long)expected, (long long)found);
}

static void read_policies(struct cbor_reader *reader,
			  struct response *response)
{
	unsigned int seen = 0;
	size_t pairs;

	for (pairs = cbor_read_map(reader, "group_policies");
	     pairs && !reader->error; pairs--) {
		switch (cbor_read_key(reader)) {
		case POLICY_CHECK_INTERVAL:
			response->check_interval = (uint32_t)
				cbor_read_uint(reader, "check interval", 0,
					       UINT32_MAX);
			seen |= 1;
			break;
		case POLICY_EXPIRATION_DELTA:
			response->expiration_delta = (uint32_t)
				cbor_read_uint(reader, "expiration delta", 0,
					       UINT32_MAX);
			seen |= 2;
			break;
		default:
			cbor_skip(reader);
		}
	}
	if (!reader->error && seen != 3)
		cbor_reader_fail(reader, -EBADMSG,
				 "group_policies: 1 or 2 is missing");
}

static void read_scheme(struct cbor_reader *reader, struct response *response)
{
	response->scheme = (int32_t)cbor_read_int(reader, "rekeying_scheme",
						  INT32_MIN, INT32_MAX);
	if (!reader->error && response->scheme != SCHEME_POINT_TO_POINT &&
	    response->scheme != SCHEME_LKH_4)
		cbor_reader_fail(reader, -EBADMSG,
				 "rekeying_scheme: %d is unknown",
				 response->scheme);
}

static void read_management(struct cbor_reader *reader,
			    struct response *response)
{
	const uint8_t *found;
	size_t size;
	int error;

	found = cbor_read_bytes(reader, "mgt_key_material", 1, SIGNED_MAX,
				&size);
	if (!found)
		return;
	error = management_decode(found, size, &response->management,
				  reader->reason, reader->room);
	if (error) {
		reader->error = error;
		reader->at = reader->end;
	}
}

static unsigned int read_pair(struct cbor_reader *reader,
			      struct response *response)
{
	switch (cbor_read_key(reader)) {
	case PARAMETER_GKTY:
		read_constant(reader, "gkty", GKTY_WRAPPED_EPOCH);
		return SEEN_GKTY;
	case PARAMETER_KEY:
		response->record = read_copy(reader, "key",
					     &response->record_size);
		return SEEN_KEY;
	case PARAMETER_NUM:
		response->num = (uint32_t)cbor_read_uint(reader, "num", 1,
							 CPNS_EPOCH_MAX);
		return SEEN_NUM;
	case PARAMETER_PROFILE:
		read_constant(reader, "ace_groupcomm_profile",
			      PROFILE_CPNS_IPSEC);
		return SEEN_PROFILE;
	case PARAMETER_EXI:
		response->seconds_left = (uint32_t)
			cbor_read_uint(reader, "exi", 0, UINT32_MAX);
		return SEEN_EXI;
	case PARAMETER_POLICIES:
		read_policies(reader, response);
		return SEEN_POLICIES;
	case PARAMETER_REKEYING_SCHEME:
		read_scheme(reader, response);
		return SEEN_SCHEME;
	case PARAMETER_MANAGEMENT:
		read_management(reader, response);
		return SEEN_MANAGEMENT;
	case PARAMETER_SID:
		response->sid = (uint16_t)cbor_read_uint(reader, "sid", 1,
							 UINT16_MAX);
		response->has_sid = true;
		return 0;
	case PARAMETER_SEAL:
		cbor_read_exactly(reader, "seal", response->seal,
				  CPNS_SEAL_SIZE);
		response->has_seal = true;
		return 0;
	case PARAMETER_ROSTER:
		response->roster = read_copy(reader, "roster",
					     &response->roster_size);
		return 0;
	case PARAMETER_AGE:
		response->age = (uint32_t)cbor_read_uint(reader, "age", 0,
							 UINT32_MAX);
		return SEEN_AGE;
	default:
		cbor_skip(reader);
		return 0;
	}
}

static const char *missing_name(unsigned int seen)
{
	static const char * const names[] = {
		"gkty", "key", "num", "ace_groupcomm_profile", "exi",
		"group_policies", "rekeying_scheme", "mgt_key_material", "age",
		NULL,
	};
	size_t i;

	for (i = 0; names[i] && seen & 1u << i; i++)
		;
	return names[i];
}

/**
 * response_decode() - read a response
 * @bytes: the body
 * @size: its bytes
 * @response: gets copies; response_free() when done, not after an error
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0, -EBADMSG or -ENOMEM.
 */
int response_decode(const uint8_t *bytes, size_t size,
		    struct response *response, char *reason, size_t room)
{
	struct cbor_reader reader;
	unsigned int seen = 0;
	size_t pairs;

	memset(response, 0, sizeof(*response));
	if (cbor_reader_open(&reader, bytes, size, "response", reason, room))
		return reader.error;
	for (pairs = cbor_read_map(&reader, "response");
	     pairs && !reader.error; pairs--)
		seen |= read_pair(&reader, response);
	if (!reader.error && seen != SEEN_ALL)
		cbor_reader_fail(&reader, -EBADMSG, "%s is missing",
				 missing_name(seen));
	if (reader.error)
		response_free(response);
	return reader.error;
}

/**
 * response_free() - release what a response owns
 * @response: the response, empty afterwards
 */
void response_free(struct response *response)
{
	response_management_free(&response->management);
	free(response->record);
	free(response->roster);
	memset(response, 0, sizeof(*response));
}
