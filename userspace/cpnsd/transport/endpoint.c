// SPDX-License-Identifier: GPL-2.0-only
/*
 * coaps+tcp://host[:port] and coaps://host[:port], as configured.
 *
 * Pure function.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/endpoint.h"

#define DEFAULT_PORT 5684

/* of a host; after a '%' the name of an interface, which may have others */
#define HOST_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
			"abcdefghijklmnopqrstuvwxyz0123456789-._~:"

/**
 * transport_endpoint_parse - read the URI of a listener or server
 * @uri: coaps+tcp://192.0.2.10:5684, coaps+tcp://[::]:5684, coaps://...;
 *	anything after the authority but one "/" is an error
 * @endpoint: result
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0 or -EINVAL.
 */
int transport_endpoint_parse(const char *uri,
			     struct transport_endpoint *endpoint,
			     char *reason, size_t room)
{
	const char *at, *end;
	size_t size, known;

	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->port = DEFAULT_PORT;
	if (!strncmp(uri, "coaps+tcp://", 12)) {
		endpoint->tls = true;
		at = uri + 12;
	} else if (!strncmp(uri, "coaps://", 8)) {
		at = uri + 8;
	} else {
		snprintf(reason, room,
			 "%s: neither coaps+tcp:// nor coaps://", uri);
		return -EINVAL;
	}

	if (*at == '[') {
		at++;
		end = strchr(at, ']');
	} else {
		end = at + strcspn(at, ":/");
	}
	size = end ? (size_t)(end - at) : 0;
	known = strspn(at, HOST_CHARACTERS);
	if (!size || size >= sizeof(endpoint->host) ||
	    (known < size && at[known] != '%')) {
		snprintf(reason, room, "%s: no valid host in it", uri);
		return -EINVAL;
	}
	memcpy(endpoint->host, at, size);
	at = end + (*end == ']');

	if (*at == ':') {
		char *stop;
		unsigned long port;

		port = strtoul(at + 1, &stop, 10);
		if (!isdigit((unsigned char)at[1]) || !port || port > 65535) {
			snprintf(reason, room, "%s: bad port", uri);
			return -EINVAL;
		}
		endpoint->port = (unsigned int)port;
		at = stop;
	}
	if (*at == '/')
		at++;
	if (*at) {
		snprintf(reason, room, "%s: nothing may follow the port", uri);
		return -EINVAL;
	}
	return 0;
}
