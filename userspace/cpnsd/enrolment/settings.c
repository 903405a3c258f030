// SPDX-License-Identifier: GPL-2.0-only
/*
 * The settings of an enrolled node on the wire; see settings.h.
 */
#include "enrolment/settings.h"

#include <errno.h>
#include <string.h>

#include "proto/cbor.h"

enum { NODE = 1, SERVER = 2, OSG_KEY = 3, SCHEME = 4, PORT = 5, ALL = 5 };

/**
 * node_settings_write() - encode
 * @settings: what to tell
 * @bytes: gets the CBOR; free() when done
 * @size: of @bytes
 *
 * Return: 0 or -ENOMEM.
 */
int node_settings_write(const struct node_settings *settings,
			uint8_t **bytes, size_t *size)
{
	struct cbor_writer writer;
	int error;

	cbor_writer_open(&writer);
	cbor_write_map(&writer, ALL);
	cbor_write_uint(&writer, NODE);
	cbor_write_text(&writer, settings->node);
	cbor_write_uint(&writer, SERVER);
	cbor_write_text(&writer, settings->server_id);
	cbor_write_uint(&writer, OSG_KEY);
	cbor_write_bytes(&writer, settings->osg_key,
			 sizeof(settings->osg_key));
	cbor_write_uint(&writer, SCHEME);
	cbor_write_text(&writer, settings->scheme);
	cbor_write_uint(&writer, PORT);
	cbor_write_uint(&writer, settings->port);
	error = cbor_writer_finish(&writer, bytes, size);
	cbor_writer_close(&writer);
	return error;
}

static unsigned int read_member(struct cbor_reader *reader, int64_t key,
				struct node_settings *settings)
{
	switch (key) {
	case NODE:
		cbor_read_text(reader, "node", settings->node,
			       sizeof(settings->node));
		break;
	case SERVER:
		cbor_read_text(reader, "server", settings->server_id,
			       sizeof(settings->server_id));
		break;
	case OSG_KEY:
		cbor_read_exactly(reader, "key", settings->osg_key,
				  sizeof(settings->osg_key));
		break;
	case SCHEME:
		cbor_read_text(reader, "scheme", settings->scheme,
			       sizeof(settings->scheme));
		break;
	case PORT:
		settings->port = (unsigned int)
			cbor_read_uint(reader, "port", 1, 65535);
		break;
	default:
		cbor_skip(reader);
		return 0;
	}
	return 1u << key;
}

/**
 * node_settings_read() - decode and check
 * @bytes: CBOR
 * @size: of @bytes
 * @settings: result
 * @reason: gets the cause of an error in words
 * @room: bytes of @reason
 *
 * Return: 0, -EBADMSG or -EINVAL.
 */
int node_settings_read(const uint8_t *bytes, size_t size,
		       struct node_settings *settings, char *reason,
		       size_t room)
{
	struct cbor_reader reader;
	struct identity server;
	unsigned int seen = 0;
	size_t pairs;

	memset(settings, 0, sizeof(*settings));
	cbor_reader_open(&reader, bytes, size, "settings", reason, room);
	pairs = cbor_read_map(&reader, "map");
	while (pairs-- && !reader.error)
		seen |= read_member(&reader, cbor_read_key(&reader), settings);
	if (!reader.error &&
	    (seen != (1u << NODE | 1u << SERVER | 1u << OSG_KEY |
		      1u << SCHEME | 1u << PORT) ||
	     !identity_id_valid(settings->node) ||
	     identity_parse(settings->server_id, &server) ||
	     server.kind != IDENTITY_SERVER ||
	     (strcmp(settings->scheme, "coaps+tcp") &&
	      strcmp(settings->scheme, "coaps"))))
		cbor_reader_fail(&reader, -EINVAL, "a member is missing or not of its kind");
	return reader.error;
}
