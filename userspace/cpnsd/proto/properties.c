// SPDX-License-Identifier: GPL-2.0-only
/*
 * Step 7 of both flows: a node's groups, as its SMF learns them from the
 * SMF of the CPNS Server (CR B.2.1.1, B.2.1.2).
 *
 * No state, any thread.  Decoded groups own their arrays; see
 * properties_free().
 */
#include "proto/properties.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"
#include "proto/cbor.h"

#define GROUPS_MAX	4096
#define MEMBERS_MAX	4096

enum {
	KEY_SGID = 1, KEY_LOCATION = 2, KEY_ROLES = 3, KEY_DELIVERY = -65610,
	KEY_SIGNER = -65611, KEY_DATA = -65612, KEY_MODE = -65613,
	KEY_MULTICAST = -65614, KEY_ALLOW_DEFAULT = -65615, KEY_OWN = -65616,
	KEY_MEMBERS = -65617, KEY_ETAG = -65618,
};

#define DATA_ESP	1u
#define DATA_MESSAGE	2u

enum {
	SEEN_SGID = 1, SEEN_LOCATION = 2, SEEN_ROLES = 4, SEEN_DELIVERY = 8,
	SEEN_SIGNER = 16, SEEN_DATA = 32, SEEN_MODE = 64,
	SEEN_ALLOW_DEFAULT = 128, SEEN_OWN = 256, SEEN_MEMBERS = 512,
	SEEN_ETAG = 1024, SEEN_ALL = 2047,
};

static void write_members(struct cbor_writer *writer,
			  const struct group_properties *group)
{
	const struct roster_peer_nets *member;
	size_t i;

	if (group->members_count > MEMBERS_MAX)
		cbor_writer_fail(writer, -EINVAL);
	cbor_write_array(writer, group->members_count);
	for (i = 0; i < group->members_count; i++) {
		member = &group->members[i];
		cbor_write_array(writer, 3);
		cbor_write_text(writer, member->node);
		tunnels_write(writer, member->tunnels, member->tunnels_count);
		nets_write(writer, member->nets, member->nets_count);
	}
}

static void write_group(struct cbor_writer *writer,
			const struct group_properties *group)
{
	if (!sgid_valid(group->sgid) || !group->roles || group->roles > 3 ||
	    (!group->data_esp && !group->data_message) ||
	    group->etag_size > sizeof(group->etag))
		cbor_writer_fail(writer, -EINVAL);
	cbor_write_map(writer, 11 + (size_t)group->has_multicast);
	cbor_write_int(writer, KEY_SGID);
	cbor_write_text(writer, group->sgid);
	cbor_write_int(writer, KEY_LOCATION);
	cbor_write_text(writer, group->location);
	cbor_write_int(writer, KEY_ROLES);
	cbor_write_uint(writer, group->roles);
	cbor_write_int(writer, KEY_DELIVERY);
	cbor_write_uint(writer, group->push);
	cbor_write_int(writer, KEY_SIGNER);
	cbor_write_text(writer, group->signer);
	cbor_write_int(writer, KEY_DATA);
	cbor_write_uint(writer, (group->data_esp ? DATA_ESP : 0) |
				(group->data_message ? DATA_MESSAGE : 0));
	cbor_write_int(writer, KEY_MODE);
	cbor_write_uint(writer, group->transport_mode);
	if (group->has_multicast) {
		cbor_write_int(writer, KEY_MULTICAST);
		address_write(writer, &group->multicast);
	}
	cbor_write_int(writer, KEY_ALLOW_DEFAULT);
	cbor_write_bool(writer, group->allow_default);
	cbor_write_int(writer, KEY_OWN);
	cbor_write_array(writer, 2);
	tunnels_write(writer, group->own.tunnels, group->own.tunnels_count);
	nets_write(writer, group->own.nets, group->own.nets_count);
	cbor_write_int(writer, KEY_MEMBERS);
	write_members(writer, group);
	cbor_write_int(writer, KEY_ETAG);
	cbor_write_bytes(writer, group->etag, group->etag_size);
}

/**
 * properties_encode() - make the answer to /smf/N
 * @groups: a node's groups in order of their SGID
 * @count: their number, may be 0
 * @bytes: gets the body, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0; -EINVAL a field out of its range; -ENOMEM.
 */
int properties_encode(const struct group_properties *groups, size_t count,
		      uint8_t **bytes, size_t *size)
{
	struct cbor_writer writer;
	size_t i;

	if (count > GROUPS_MAX)
		return -EINVAL;
	cbor_writer_open(&writer);
	cbor_write_array(&writer, count);
	for (i = 0; i < count; i++)
		write_group(&writer, &groups[i]);
	return cbor_writer_finish(&writer, bytes, size);
}

static void read_own(struct cbor_reader *reader,
		     struct group_properties *group)
{
	cbor_read_array(reader, "own", 2, 2);
	tunnels_read(reader, &group->own.tunnels, &group->own.tunnels_count);
	nets_read(reader, &group->own.nets, &group->own.nets_count);
}

static void read_members(struct cbor_reader *reader,
			 struct group_properties *group)
{
	struct roster_peer_nets *member;
	size_t count, i;

	count = cbor_read_array(reader, "members", 0, MEMBERS_MAX);
	if (!count)
		return;
	group->members = calloc(count, sizeof(*group->members));
	if (!group->members) {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		return;
	}
	group->members_count = count;
	for (i = 0; i < count && !reader->error; i++) {
		member = &group->members[i];
		cbor_read_array(reader, "member", 3, 3);
		cbor_read_text(reader, "member: node", member->node,
			       sizeof(member->node));
		tunnels_read(reader, &member->tunnels, &member->tunnels_count);
		nets_read(reader, &member->nets, &member->nets_count);
	}
}

static void read_data(struct cbor_reader *reader,
		      struct group_properties *group)
{
	uint64_t data = cbor_read_uint(reader, "data", 1,
				       DATA_ESP | DATA_MESSAGE);

	group->data_esp = data & DATA_ESP;
	group->data_message = data & DATA_MESSAGE;
}

static void read_etag(struct cbor_reader *reader,
		      struct group_properties *group)
{
	const uint8_t *etag;

	etag = cbor_read_bytes(reader, "etag", 0, sizeof(group->etag),
			       &group->etag_size);
	if (etag)
		memcpy(group->etag, etag, group->etag_size);
}

static unsigned int read_pair(struct cbor_reader *reader,
			      struct group_properties *group)
{
	switch (cbor_read_key(reader)) {
	case KEY_SGID:
		sgid_read(reader, group->sgid);
		return SEEN_SGID;
	case KEY_LOCATION:
		cbor_read_text(reader, "location", group->location,
			       sizeof(group->location));
		return SEEN_LOCATION;
	case KEY_ROLES:
		group->roles = (unsigned int)cbor_read_uint(reader, "roles",
							    1, 3);
		return SEEN_ROLES;
	case KEY_DELIVERY:
		group->push = cbor_read_uint(reader, "delivery", 0, 1);
		return SEEN_DELIVERY;
	case KEY_SIGNER:
		cbor_read_text(reader, "signer", group->signer,
			       sizeof(group->signer));
		return SEEN_SIGNER;
	case KEY_DATA:
		read_data(reader, group);
		return SEEN_DATA;
	case KEY_MODE:
		group->transport_mode = cbor_read_uint(reader, "mode", 0, 1);
		return SEEN_MODE;
	case KEY_MULTICAST:
		address_read(reader, "multicast", &group->multicast);
		group->has_multicast = true;
		return 0;
	case KEY_ALLOW_DEFAULT:
		group->allow_default = cbor_read_bool(reader, "allow-default");
		return SEEN_ALLOW_DEFAULT;
	case KEY_OWN:
		read_own(reader, group);
		return SEEN_OWN;
	case KEY_MEMBERS:
		read_members(reader, group);
		return SEEN_MEMBERS;
	case KEY_ETAG:
		read_etag(reader, group);
		return SEEN_ETAG;
	default:
		cbor_skip(reader);
		return 0;
	}
}

static void read_group(struct cbor_reader *reader,
		       struct group_properties *group)
{
	static const char * const names[] = {
		"sgid", "location", "roles", "delivery", "signer", "data",
		"mode", "allow-default", "own", "members", "etag", NULL,
	};
	unsigned int seen = 0;
	size_t pairs, i;

	for (pairs = cbor_read_map(reader, "group"); pairs && !reader->error;
	     pairs--)
		seen |= read_pair(reader, group);
	for (i = 0; names[i]; i++) {
		if (!reader->error && !(seen & 1u << i))
			cbor_reader_fail(reader, -EBADMSG, "%s is missing",
					 names[i]);
	}
}

/**
 * properties_decode() - read the answer to /smf/N
 * @bytes: the body
 * @size: its bytes
 * @groups: gets an array; properties_free() when done, not after an error
 * @count: gets the number of groups
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0, -EBADMSG or -ENOMEM.
 */
int properties_decode(const uint8_t *bytes, size_t size,
		      struct group_properties **groups, size_t *count,
		      char *reason, size_t room)
{
	struct cbor_reader reader;
	size_t total, i;

	*groups = NULL;
	*count = 0;
	if (cbor_reader_open(&reader, bytes, size, "properties", reason, room))
		return reader.error;
	total = cbor_read_array(&reader, "properties", 0, GROUPS_MAX);
	if (!total)
		return reader.error;
	*groups = calloc(total, sizeof(**groups));
	if (!*groups)
		return cbor_reader_fail(&reader, -ENOMEM, "out of memory");
	*count = total;
	for (i = 0; i < total && !reader.error; i++)
		read_group(&reader, &(*groups)[i]);
	if (reader.error) {
		properties_free(*groups, *count);
		*groups = NULL;
		*count = 0;
	}
	return reader.error;
}

static void free_peer(struct roster_peer_nets *peer)
{
	free(peer->tunnels);
	free(peer->nets);
}

/**
 * properties_free() - release decoded groups
 * @groups: the array, may be NULL
 * @count: its entries
 */
void properties_free(struct group_properties *groups, size_t count)
{
	size_t i, j;

	for (i = 0; groups && i < count; i++) {
		free_peer(&groups[i].own);
		for (j = 0; j < groups[i].members_count; j++)
			free_peer(&groups[i].members[j]);
		free(groups[i].members);
	}
	free(groups);
}
