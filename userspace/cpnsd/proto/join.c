// SPDX-License-Identifier: GPL-2.0-only
/*
 * Body of POST /ace-group/G, CDDL `join-request` (RFC 9594 4.3.1).
 *
 * No state, any thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"
#include "proto/capabilities.h"
#include "proto/cbor.h"
#include "proto/response.h"

#define ROLES_ALL	(ROLE_BIT_RECEIVER | ROLE_BIT_SENDER)
#define SCOPE_MAX	(CPNS_SGID_MAX + 16)

static int encode_scope(const struct join_request *request, uint8_t **bytes,
			size_t *size)
{
	struct cbor_writer writer;

	cbor_writer_open(&writer);
	cbor_write_array(&writer, 2);
	cbor_write_text(&writer, request->sgid);
	cbor_write_uint(&writer, request->roles);
	return cbor_writer_finish(&writer, bytes, size);
}

/**
 * join_request_encode() - make a join request
 * @request: what to ask for
 * @bytes: gets the body, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int join_request_encode(const struct join_request *request,
			uint8_t **bytes, size_t *size)
{
	struct cbor_writer writer;
	uint8_t *scope;
	size_t scope_size;
	int error;

	if (!sgid_valid(request->sgid) || !request->roles ||
	    request->roles & ~ROLES_ALL)
		return -EINVAL;
	error = encode_scope(request, &scope, &scope_size);
	if (error)
		return error;
	cbor_writer_open(&writer);
	cbor_write_map(&writer, request->has_node_key ? 3 : 2);
	cbor_write_int(&writer, PARAMETER_SCOPE);
	cbor_write_bytes(&writer, scope, scope_size);
	cbor_write_int(&writer, PARAMETER_CNONCE);
	cbor_write_bytes(&writer, request->cnonce, sizeof(request->cnonce));
	if (request->has_node_key) {
		cbor_write_int(&writer, PARAMETER_NODE_KEY);
		cbor_write_bytes(&writer, request->node_key,
				 sizeof(request->node_key));
	}
	free(scope);
	return cbor_writer_finish(&writer, bytes, size);
}

static void read_scope(struct cbor_reader *outer,
		       struct join_request *request)
{
	struct cbor_reader reader;
	const uint8_t *scope;
	size_t size;

	scope = cbor_read_bytes(outer, "scope", 1, SCOPE_MAX, &size);
	if (!scope)
		return;
	if (!cbor_reader_open(&reader, scope, size, "join request: scope",
			      outer->reason, outer->room)) {
		cbor_read_array(&reader, "scope", 2, 2);
		sgid_read(&reader, request->sgid);
		request->roles = (unsigned int)cbor_read_uint(&reader, "roles",
							      1, ROLES_ALL);
	}
	if (reader.error) {
		outer->error = reader.error;
		outer->at = outer->end;
	}
}

/**
 * join_request_decode() - read a join request
 * @bytes: the body
 * @size: its bytes
 * @request: gets it
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0 or -EBADMSG.
 */
int join_request_decode(const uint8_t *bytes, size_t size,
			struct join_request *request,
			char *reason, size_t room)
{
	bool has_scope = false, has_cnonce = false;
	struct cbor_reader reader;
	size_t pairs;

	memset(request, 0, sizeof(*request));
	if (cbor_reader_open(&reader, bytes, size, "join request", reason,
			     room))
		return reader.error;
	for (pairs = cbor_read_map(&reader, "join request");
	     pairs && !reader.error; pairs--) {
		switch (cbor_read_key(&reader)) {
		case PARAMETER_SCOPE:
			read_scope(&reader, request);
			has_scope = true;
			break;
		case PARAMETER_CNONCE:
			cbor_read_exactly(&reader, "cnonce", request->cnonce,
					  sizeof(request->cnonce));
			has_cnonce = true;
			break;
		case PARAMETER_NODE_KEY:
			cbor_read_exactly(&reader, "node key",
					  request->node_key,
					  sizeof(request->node_key));
			request->has_node_key = true;
			break;
		default:
			cbor_skip(&reader);
		}
	}
	if (!reader.error && !has_scope)
		cbor_reader_fail(&reader, -EBADMSG, "scope is missing");
	if (!reader.error && !has_cnonce)
		cbor_reader_fail(&reader, -EBADMSG, "cnonce is missing");
	return reader.error;
}
