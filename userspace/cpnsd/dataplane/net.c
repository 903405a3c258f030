// SPDX-License-Identifier: GPL-2.0-only
/*
 * Questions about addresses and nets, and their text.
 *
 * Pure functions, any thread.
 */
#include "dataplane/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/**
 * net_address_bytes() - bytes of an address of a family
 * @family: AF_INET or AF_INET6
 *
 * Return: 4 or 16.
 */
size_t net_address_bytes(sa_family_t family)
{
	return family == AF_INET ? 4 : 16;
}

bool net_address_equal(const struct roster_address *a,
		       const struct roster_address *b)
{
	return a->family == b->family &&
	       !memcmp(a->address, b->address, net_address_bytes(a->family));
}

bool net_equal(const struct roster_net *a, const struct roster_net *b)
{
	return a->prefix == b->prefix &&
	       net_address_equal(&a->network, &b->network);
}

/**
 * net_covers() - is the address in the net?
 * @net: net
 * @address: address
 *
 * Return: whether it is; never for different families.
 */
bool net_covers(const struct roster_net *net,
		const struct roster_address *address)
{
	size_t whole = net->prefix / 8;
	unsigned int rest = net->prefix % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (net->network.family != address->family)
		return false;
	if (memcmp(net->network.address, address->address, whole))
		return false;
	return !rest || !((net->network.address[whole] ^
			   address->address[whole]) & mask);
}

bool net_is_default(const struct roster_net *net)
{
	return net->prefix == 0;
}

bool net_is_multicast(const struct roster_address *address)
{
	if (address->family == AF_INET)
		return (address->address[0] & 0xf0) == 0xe0;
	return address->address[0] == 0xff;
}

/**
 * net_any() - the net of all addresses
 * @family: AF_INET or AF_INET6
 * @net: filled
 */
void net_any(sa_family_t family, struct roster_net *net)
{
	memset(net, 0, sizeof(*net));
	net->network.family = family;
}

/**
 * net_of_address() - the net of one address
 * @address: address
 * @net: filled
 */
void net_of_address(const struct roster_address *address,
		    struct roster_net *net)
{
	net->network = *address;
	net->prefix = (uint8_t)(8 * net_address_bytes(address->family));
}

const char *net_address_text(const struct roster_address *address, char *text)
{
	if (!inet_ntop(address->family, address->address, text, NET_TEXT_ROOM))
		strcpy(text, "?");
	return text;
}

const char *net_text(const struct roster_net *net, char *text)
{
	size_t used;

	net_address_text(&net->network, text);
	used = strlen(text);
	snprintf(text + used, NET_TEXT_ROOM - used, "/%u", net->prefix);
	return text;
}

/**
 * net_mapped() - an address as 16 bytes, IPv4 as ::ffff:a.b.c.d
 * @address: address
 * @mapped: filled
 */
void net_mapped(const struct roster_address *address, uint8_t mapped[16])
{
	if (address->family == AF_INET6) {
		memcpy(mapped, address->address, 16);
		return;
	}
	memset(mapped, 0, 10);
	memset(mapped + 10, 0xff, 2);
	memcpy(mapped + 12, address->address, 4);
}
