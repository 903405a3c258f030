// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the server is, from its URI: policy 100 lets it through where a
 * group's net covers it (wire.md section 4).
 *
 * Called once, before the loop runs: looking up a name may block.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/internal.h"
#include "log.h"

struct server_uri {
	char host[256];
	char port[6];
	uint8_t protocol;
};

static int read_scheme(const char **rest, struct server_uri *uri)
{
	static const struct {
		const char *scheme;
		uint8_t protocol;
		const char *port;
	} schemes[] = {
		{ "coaps+tcp://", IPPROTO_TCP, "5684" },
		{ "coaps://", IPPROTO_UDP, "5684" },
	};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t size = strlen(schemes[i].scheme);

		if (strncmp(*rest, schemes[i].scheme, size))
			continue;
		*rest += size;
		uri->protocol = schemes[i].protocol;
		strcpy(uri->port, schemes[i].port);
		return 0;
	}
	return -EINVAL;
}

static int read_uri(const char *text, struct server_uri *uri)
{
	bool literal;
	size_t size;

	if (read_scheme(&text, uri) < 0)
		return -EINVAL;
	literal = *text == '[';
	if (literal)
		text++;
	size = strcspn(text, literal ? "]" : ":/");
	if (!size || size >= sizeof(uri->host) || (literal && !text[size]))
		return -EINVAL;
	memcpy(uri->host, text, size);
	uri->host[size] = '\0';
	text += size + literal;
	if (*text == ':') {
		size = strcspn(++text, "/");
		if (!size || size >= sizeof(uri->port) ||
		    strspn(text, "0123456789") < size)
			return -EINVAL;
		memcpy(uri->port, text, size);
		uri->port[size] = '\0';
		text += size;
	}
	return *text && *text != '/' ? -EINVAL : 0;
}

static void take_address(const struct sockaddr *from,
			 struct block_server *server)
{
	server->address.family = from->sa_family;
	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *address = (const void *)from;

		memcpy(server->address.address, &address->sin_addr, 4);
		server->port = ntohs(address->sin_port);
	} else {
		const struct sockaddr_in6 *address = (const void *)from;

		memcpy(server->address.address, &address->sin6_addr, 16);
		server->port = ntohs(address->sin6_port);
	}
}

/**
 * server_addresses() - add the server's addresses to the table
 * @uri: coaps+tcp://192.0.2.10:5684, or coaps://..., or with a name
 * @table: gets them
 *
 * Return: 0; -EINVAL not such a URI; -EHOSTUNREACH a name that is not known
 * (only a net that covers the server makes that matter).
 */
int server_addresses(const char *uri, struct block_table *table)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list, *each;
	struct server_uri server = { 0 };
	int result;

	if (read_uri(uri, &server) < 0)
		return -EINVAL;
	hints.ai_socktype = server.protocol == IPPROTO_TCP ? SOCK_STREAM :
							     SOCK_DGRAM;
	result = getaddrinfo(server.host, server.port, &hints, &list);
	if (result) {
		log_warning("server %s: %s", server.host,
			    gai_strerror(result));
		return -EHOSTUNREACH;
	}
	for (each = list; each; each = each->ai_next) {
		struct block_server entry = { .protocol = server.protocol };

		if (each->ai_family != AF_INET && each->ai_family != AF_INET6)
			continue;
		take_address(each->ai_addr, &entry);
		if (block_table_add_server(table, &entry) < 0)
			break;
	}
	freeaddrinfo(list);
	return 0;
}
