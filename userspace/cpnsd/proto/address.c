// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses, nets and SGIDs: text, CBOR and back.
 *
 * No state, any thread.  Arrays that a reader makes belong to the structure
 * they are put into, also when reading fails later.
 */
#include "proto/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/**
 * address_size() - bytes of an address
 * @address: the address
 *
 * Return: 4, 16, or 0 if it is neither IPv4 nor IPv6.
 */
size_t address_size(const struct roster_address *address)
{
	switch (address->family) {
	case AF_INET:
		return 4;
	case AF_INET6:
		return 16;
	default:
		return 0;
	}
}

/* no bit of the address stands beyond the prefix */
static bool net_valid(const struct roster_net *net)
{
	size_t size = address_size(&net->network), i;
	uint8_t mask;

	if (!size || net->prefix > size * 8)
		return false;
	for (i = net->prefix / 8; i < size; i++) {
		mask = 0xff;
		if (i == net->prefix / 8)
			mask >>= net->prefix % 8;
		if (net->network.address[i] & mask)
			return false;
	}
	return true;
}

/**
 * roster_address_parse() - text to address
 * @text: "192.0.2.1" or "2001:db8::1"
 * @address: gets it
 *
 * Return: 0 or -EINVAL.
 */
int roster_address_parse(const char *text, struct roster_address *address)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, address->address) == 1)
		address->family = AF_INET;
	else if (inet_pton(AF_INET6, text, address->address) == 1)
		address->family = AF_INET6;
	else
		return -EINVAL;
	return 0;
}

/**
 * roster_net_parse() - text to net
 * @text: "10.1.0.0/24", "2001:db8::/32"; without a prefix one address
 * @net: gets it
 *
 * Return: 0; -EINVAL on nonsense or bits beyond the prefix.
 */
int roster_net_parse(const char *text, struct roster_net *net)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	size_t size = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long prefix;
	char *end;

	memset(net, 0, sizeof(*net));
	if (size >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, size);
	address[size] = '\0';
	if (roster_address_parse(address, &net->network))
		return -EINVAL;
	prefix = address_size(&net->network) * 8;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		prefix = strtoul(slash + 1, &end, 10);
		if (*end || prefix > 128)
			return -EINVAL;
	}
	net->prefix = (uint8_t)prefix;
	return net_valid(net) ? 0 : -EINVAL;
}

/**
 * address_write() - append an `ip`
 * @writer: the writer; fails with -EINVAL on an unknown family
 * @address: the address
 */
void address_write(struct cbor_writer *writer,
		   const struct roster_address *address)
{
	size_t size = address_size(address);

	if (!size)
		cbor_writer_fail(writer, -EINVAL);
	cbor_write_bytes(writer, address->address, size);
}

/**
 * address_read() - read an `ip`
 * @reader: the reader
 * @what: name of the field, for causes
 * @address: gets it
 */
void address_read(struct cbor_reader *reader, const char *what,
		  struct roster_address *address)
{
	const uint8_t *bytes;
	size_t size;

	memset(address, 0, sizeof(*address));
	bytes = cbor_read_bytes(reader, what, 4, 16, &size);
	if (!bytes)
		return;
	if (size != 4 && size != 16) {
		cbor_reader_fail(reader, -EBADMSG,
				 "%s: an address of %zu bytes", what, size);
		return;
	}
	address->family = size == 4 ? AF_INET : AF_INET6;
	memcpy(address->address, bytes, size);
}

/**
 * tunnels_write() - append an array of `ip`
 * @writer: the writer
 * @tunnels: addresses
 * @count: their number
 */
void tunnels_write(struct cbor_writer *writer,
		   const struct roster_address *tunnels, size_t count)
{
	size_t i;

	if (count > ADDRESS_TUNNELS_MAX)
		cbor_writer_fail(writer, -EINVAL);
	cbor_write_array(writer, count);
	for (i = 0; i < count; i++)
		address_write(writer, &tunnels[i]);
}

/**
 * tunnels_read() - read an array of `ip`
 * @reader: the reader
 * @tunnels: gets an array to be released with free(), or NULL
 * @count: gets their number
 */
void tunnels_read(struct cbor_reader *reader, struct roster_address **tunnels,
		  size_t *count)
{
	size_t i, total;

	*tunnels = NULL;
	*count = 0;
	total = cbor_read_array(reader, "tunnels", 0, ADDRESS_TUNNELS_MAX);
	if (!total)
		return;
	*tunnels = calloc(total, sizeof(**tunnels));
	if (!*tunnels) {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		return;
	}
	*count = total;
	for (i = 0; i < total; i++)
		address_read(reader, "tunnel", &(*tunnels)[i]);
}

/**
 * nets_write() - append an array of nets, [prefix, ip] each
 * @writer: the writer; fails with -EINVAL on bits beyond the prefix
 * @nets: nets
 * @count: their number
 */
void nets_write(struct cbor_writer *writer, const struct roster_net *nets,
		size_t count)
{
	size_t i;

	if (count > ADDRESS_NETS_MAX)
		cbor_writer_fail(writer, -EINVAL);
	cbor_write_array(writer, count);
	for (i = 0; i < count; i++) {
		if (!net_valid(&nets[i]))
			cbor_writer_fail(writer, -EINVAL);
		cbor_write_array(writer, 2);
		cbor_write_uint(writer, nets[i].prefix);
		address_write(writer, &nets[i].network);
	}
}

/**
 * nets_read() - read an array of nets
 * @reader: the reader
 * @nets: gets an array to be released with free(), or NULL
 * @count: gets their number
 */
void nets_read(struct cbor_reader *reader, struct roster_net **nets,
	       size_t *count)
{
	struct roster_net *net;
	size_t i, total;

	*nets = NULL;
	*count = 0;
	total = cbor_read_array(reader, "nets", 0, ADDRESS_NETS_MAX);
	if (!total)
		return;
	*nets = calloc(total, sizeof(**nets));
	if (!*nets) {
		cbor_reader_fail(reader, -ENOMEM, "out of memory");
		return;
	}
	*count = total;
	for (i = 0; i < total && !reader->error; i++) {
		net = &(*nets)[i];
		cbor_read_array(reader, "net", 2, 2);
		net->prefix = (uint8_t)cbor_read_uint(reader, "net: prefix",
						      0, 128);
		address_read(reader, "net: address", &net->network);
		if (!reader->error && !net_valid(net))
			cbor_reader_fail(reader, -EBADMSG,
					 "net: bits beyond the prefix");
	}
}

/**
 * sgid_valid() - is this an SGID that a key can be named by?
 * @sgid: text
 *
 * Return: whether it has 1 to 255 printable ASCII characters, no space.
 */
bool sgid_valid(const char *sgid)
{
	size_t size = strnlen(sgid, CPNS_SGID_MAX + 1), i;

	if (!size || size > CPNS_SGID_MAX)
		return false;
	for (i = 0; i < size; i++) {
		if (sgid[i] <= ' ' || sgid[i] > '~')
			return false;
	}
	return true;
}

/**
 * sgid_read() - read an SGID
 * @reader: the reader
 * @sgid: gets it
 */
void sgid_read(struct cbor_reader *reader, char sgid[CPNS_SGID_MAX + 1])
{
	cbor_read_text(reader, "sgid", sgid, CPNS_SGID_MAX + 1);
	if (!reader->error && !sgid_valid(sgid))
		cbor_reader_fail(reader, -EBADMSG,
				 "sgid: empty, or not printable ASCII without spaces");
}
