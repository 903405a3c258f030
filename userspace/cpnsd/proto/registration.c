// SPDX-License-Identifier: GPL-2.0-only
/*
 * Body of PUT /smf/N, CDDL `registration`: node key, capabilities,
 * addresses.
 *
 * No state, any thread.
 */
#include <errno.h>
#include <string.h>

#include "proto/address.h"
#include "proto/capabilities.h"
#include "proto/cbor.h"
#include "proto/response.h"

#define ADDRESSES_MAX \
	(sizeof(((struct registration *)0)->addresses) / \
	 sizeof(((struct registration *)0)->addresses[0]))

/**
 * registration_encode() - make a registration
 * @registration: what to say
 * @bytes: gets the body, to be released with free()
 * @size: gets its bytes
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int registration_encode(const struct registration *registration,
			uint8_t **bytes, size_t *size)
{
	struct cbor_writer writer;
	size_t i;

	if (registration->addresses_count > ADDRESSES_MAX)
		return -EINVAL;
	cbor_writer_open(&writer);
	cbor_write_map(&writer, registration->addresses_count ? 3 : 2);
	cbor_write_int(&writer, PARAMETER_NODE_KEY);
	cbor_write_bytes(&writer, registration->node_key, 32);
	cbor_write_int(&writer, PARAMETER_CAPABILITIES);
	capabilities_write(&writer, &registration->capabilities);
	if (registration->addresses_count) {
		cbor_write_int(&writer, PARAMETER_ADDRESSES);
		cbor_write_array(&writer, registration->addresses_count);
	}
	for (i = 0; i < registration->addresses_count; i++)
		address_write(&writer, &registration->addresses[i]);
	return cbor_writer_finish(&writer, bytes, size);
}

static void read_addresses(struct cbor_reader *reader,
			   struct registration *registration)
{
	size_t count, i;

	count = cbor_read_array(reader, "addresses", 1, ADDRESSES_MAX);
	for (i = 0; i < count && !reader->error; i++)
		address_read(reader, "address", &registration->addresses[i]);
	registration->addresses_count = count;
}

/**
 * registration_decode() - read a registration
 * @bytes: the body
 * @size: its bytes
 * @registration: gets it
 * @reason: gets the cause in words, may be NULL
 * @room: bytes of @reason
 *
 * Return: 0 or -EBADMSG.
 */
int registration_decode(const uint8_t *bytes, size_t size,
			struct registration *registration,
			char *reason, size_t room)
{
	bool has_key = false, has_capabilities = false;
	struct cbor_reader reader;
	size_t pairs;

	memset(registration, 0, sizeof(*registration));
	if (cbor_reader_open(&reader, bytes, size, "registration", reason,
			     room))
		return reader.error;
	for (pairs = cbor_read_map(&reader, "registration");
	     pairs && !reader.error; pairs--) {
		switch (cbor_read_key(&reader)) {
		case PARAMETER_NODE_KEY:
			cbor_read_exactly(&reader, "node key",
					  registration->node_key, 32);
			has_key = true;
			break;
		case PARAMETER_CAPABILITIES:
			capabilities_read(&reader,
					  &registration->capabilities);
			has_capabilities = true;
			break;
		case PARAMETER_ADDRESSES:
			read_addresses(&reader, registration);
			break;
		default:
			cbor_skip(&reader);
		}
	}
	if (!reader.error && !has_key)
		cbor_reader_fail(&reader, -EBADMSG, "node key is missing");
	if (!reader.error && !has_capabilities)
		cbor_reader_fail(&reader, -EBADMSG,
				 "capabilities are missing");
	return reader.error;
}
