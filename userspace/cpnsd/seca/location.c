// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key locations taken apart; see location.h.
 *
 * Pure functions.  Percent-encoding exists in text URIs only: the segments
 * that come out are the raw bytes of the Uri-Path options (RFC 7252 6.4).
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "location.h"

#define COAPS_PORT 5684

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "192.0.2.10", "[2001:db8::1]:5684", "server.example:5684" */
static int parse_authority(const char *scheme, const char *text, size_t size,
			   struct location *location)
{
	unsigned long port = COAPS_PORT;
	size_t host = size, i;
	char *end;

	if (size && text[0] == '[') {
		const char *close = memchr(text, ']', size);

		if (!close)
			return -EINVAL;
		host = (size_t)(close - text) + 1;
	} else {
		const char *colon = memchr(text, ':', size);

		if (colon)
			host = (size_t)(colon - text);
	}
	if (!host || host > 255)
		return -EINVAL;
	if (host < size) {
		if (text[host] != ':' || host + 1 == size ||
		    !isdigit((unsigned char)text[host + 1]))
			return -EINVAL;
		port = strtoul(text + host + 1, &end, 10);
		if (end != text + size || !port || port > 65535)
			return -EINVAL;
	}
	for (i = 0; i < host; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-._~[]:", text[i]))
			return -EINVAL;
	snprintf(location->origin, sizeof(location->origin), "%s://%.*s:%lu",
		 scheme, (int)host, text, port);
	for (i = 0; location->origin[i]; i++)
		location->origin[i] =
			(char)tolower((unsigned char)location->origin[i]);
	return 0;
}

static int parse_segment(const char *text, size_t size, uint8_t *out,
			 size_t *used)
{
	size_t i;

	*used = 0;
	for (i = 0; i < size; i++) {
		int high, low;

		if (text[i] != '%') {
			out[(*used)++] = (uint8_t)text[i];
			continue;
		}
		if (size - i < 3)
			return -EINVAL;
		high = hex_digit(text[i + 1]);
		low = hex_digit(text[i + 2]);
		if (high < 0 || low < 0)
			return -EINVAL;
		out[(*used)++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	return *used > TRANSPORT_SEGMENT_MAX - 1 ? -EINVAL : 0;
}

static int parse_path(const char *path, struct location *location)
{
	uint8_t *out = location->text;

	while (*path == '/') {
		size_t size = strcspn(++path, "/"), used;
		struct transport_segment *segment;

		/* a final slash names no segment of its own */
		if (!size && !path[0])
			break;
		if (!size || location->path_count == LOCATION_SEGMENTS_MAX)
			return -EINVAL;
		if (parse_segment(path, size, out, &used))
			return -EINVAL;
		segment = &location->path[location->path_count++];
		segment->bytes = out;
		segment->size = used;
		out += used;
		path += size;
	}
	return 0;
}

/**
 * location_parse - take a coaps+tcp or coaps URI apart
 * @uri: for example "coaps+tcp://192.0.2.10:5684/ace-group/sip:sg@x.example"
 * @location: the result; origin is in lower case and always names a port, so
 *	that equal servers compare equal
 * @reason: what is wrong with it, in words
 * @room: bytes of @reason
 *
 * User information, query and fragment are refused.
 *
 * Return: 0 or -EINVAL.
 */
int location_parse(const char *uri, struct location *location,
		   char *reason, size_t room)
{
	static const char *const schemes[] = { "coaps+tcp", "coaps" };
	const char *rest = NULL;
	size_t i, authority;

	memset(location, 0, sizeof(*location));
	if (strlen(uri) >= LOCATION_TEXT_MAX) {
		snprintf(reason, room, "key location is longer than %d bytes",
			 LOCATION_TEXT_MAX - 1);
		return -EINVAL;
	}
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t size = strlen(schemes[i]);

		if (!strncasecmp(uri, schemes[i], size) &&
		    !strncmp(uri + size, "://", 3)) {
			rest = uri + size + 3;
			break;
		}
	}
	if (!rest) {
		snprintf(reason, room,
			 "'%s' is neither a coaps+tcp:// nor a coaps:// URI", uri);
		return -EINVAL;
	}
	authority = strcspn(rest, "/");
	if (strpbrk(rest + authority, "?#") ||
	    parse_authority(schemes[i], rest, authority, location) ||
	    parse_path(rest + authority, location)) {
		snprintf(reason, room,
			 "'%s' is not a key location of the form coaps+tcp://HOST:PORT/PATH",
			 uri);
		return -EINVAL;
	}
	return 0;
}
