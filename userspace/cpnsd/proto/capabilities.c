// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a node can do, CDDL `caps`, and the security level that follows.
 *
 * No state, any thread.
 */
#include "proto/capabilities.h"

#include <errno.h>
#include <string.h>

enum capability_key {
	KEY_CUSTODY = 1, KEY_LINKS, KEY_SECURE_WAN, KEY_PINNED,
};

#define LINK_KIND_NONE		0
#define LINK_KIND_MAX		3
#define LINK_OPEN		0
#define LINK_WEAK		1
#define LINK_STRONG		2

/**
 * capabilities_level() - security level of a node (CR 5.3.1.9.1)
 * @capabilities: what it reported
 *
 * Return: 0 custody in a process or an open link; 1 a weak link, or the
 * OSG's key not pinned; 2 kernel custody, pinned, all links strong; 3 the
 * same with lockdown.
 */
unsigned int capabilities_level(const struct capabilities *capabilities)
{
	uint8_t weakest = LINK_STRONG;
	size_t i;

	for (i = 0; i < capabilities->links_count &&
	     i < CAPABILITY_LINKS_MAX; i++) {
		if (capabilities->links[i].kind == LINK_KIND_NONE)
			continue;
		if (capabilities->links[i].security < weakest)
			weakest = capabilities->links[i].security;
	}
	if (capabilities->custody == CUSTODY_PROCESS || weakest == LINK_OPEN)
		return 0;
	if (weakest == LINK_WEAK || !capabilities->pinned)
		return 1;
	return capabilities->custody == CUSTODY_LOCKDOWN ? 3 : 2;
}

/**
 * capabilities_write() - append `caps`
 * @writer: the writer; fails with -EINVAL on values out of range
 * @capabilities: what to write
 */
void capabilities_write(struct cbor_writer *writer,
			const struct capabilities *capabilities)
{
	size_t i;

	if (capabilities->custody > CUSTODY_LOCKDOWN ||
	    capabilities->links_count > CAPABILITY_LINKS_MAX) {
		cbor_writer_fail(writer, -EINVAL);
		return;
	}
	cbor_write_map(writer, 4);
	cbor_write_int(writer, KEY_CUSTODY);
	cbor_write_uint(writer, capabilities->custody);
	cbor_write_int(writer, KEY_LINKS);
	cbor_write_array(writer, capabilities->links_count);
	for (i = 0; i < capabilities->links_count; i++) {
		if (capabilities->links[i].kind > LINK_KIND_MAX ||
		    capabilities->links[i].security > LINK_STRONG)
			cbor_writer_fail(writer, -EINVAL);
		cbor_write_array(writer, 2);
		cbor_write_uint(writer, capabilities->links[i].kind);
		cbor_write_uint(writer, capabilities->links[i].security);
	}
	cbor_write_int(writer, KEY_SECURE_WAN);
	cbor_write_bool(writer, capabilities->secure_wan);
	cbor_write_int(writer, KEY_PINNED);
	cbor_write_bool(writer, capabilities->pinned);
}

static void read_links(struct cbor_reader *reader,
		       struct capabilities *capabilities)
{
	size_t count, i;

	count = cbor_read_array(reader, "links", 0, CAPABILITY_LINKS_MAX);
	for (i = 0; i < count && !reader->error; i++) {
		cbor_read_array(reader, "link", 2, 2);
		capabilities->links[i].kind =
			(uint8_t)cbor_read_uint(reader, "link: kind", 0,
						LINK_KIND_MAX);
		capabilities->links[i].security =
			(uint8_t)cbor_read_uint(reader, "link: security", 0,
						LINK_STRONG);
	}
	capabilities->links_count = count;
}

/**
 * capabilities_read() - read `caps`
 * @reader: the reader
 * @capabilities: gets them
 */
void capabilities_read(struct cbor_reader *reader,
		       struct capabilities *capabilities)
{
	unsigned int seen = 0;
	int64_t key;
	size_t pairs;

	memset(capabilities, 0, sizeof(*capabilities));
	for (pairs = cbor_read_map(reader, "capabilities");
	     pairs && !reader->error; pairs--) {
		key = cbor_read_key(reader);
		if (key >= KEY_CUSTODY && key <= KEY_PINNED)
			seen |= 1u << key;
		switch (key) {
		case KEY_CUSTODY:
			capabilities->custody = (enum capability_custody)
				cbor_read_uint(reader, "custody", 0,
					       CUSTODY_LOCKDOWN);
			break;
		case KEY_LINKS:
			read_links(reader, capabilities);
			break;
		case KEY_SECURE_WAN:
			capabilities->secure_wan =
				cbor_read_bool(reader, "secure WAN");
			break;
		case KEY_PINNED:
			capabilities->pinned = cbor_read_bool(reader,
							      "pinned");
			break;
		default:
			cbor_skip(reader);
		}
	}
	if (!reader->error && seen != 0x1e)
		cbor_reader_fail(reader, -EBADMSG,
				 "capabilities: custody, links, secure WAN or pinned is missing");
}
