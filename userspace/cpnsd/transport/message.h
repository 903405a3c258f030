/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests and answers as the functions see them: no libcoap type passes
 * this border.  Byte strings are borrowed for the time of the call.
 */
#ifndef CPNSD_TRANSPORT_MESSAGE_H
#define CPNSD_TRANSPORT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "transport/identity.h"

/* RFC 7252 codes as class * 100 + detail: 205 is 2.05 */
enum {
	COAP_CREATED = 201, COAP_DELETED = 202, COAP_VALID = 203,
	COAP_CHANGED = 204, COAP_CONTENT = 205,
	COAP_BAD_REQUEST = 400, COAP_UNAUTHORIZED = 401,
	COAP_BAD_OPTION = 402, COAP_FORBIDDEN = 403, COAP_NOT_FOUND = 404,
	COAP_METHOD_NOT_ALLOWED = 405, COAP_NOT_ACCEPTABLE = 406,
	COAP_CONFLICT = 409,
	COAP_PRECONDITION_FAILED = 412, COAP_TOO_LARGE = 413,
	COAP_UNSUPPORTED_FORMAT = 415, COAP_TOO_MANY_REQUESTS = 429,
	COAP_SERVER_ERROR = 500, COAP_UNAVAILABLE = 503,
};

enum transport_method {
	METHOD_GET = 1, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_FETCH,
	METHOD_PATCH, METHOD_IPATCH,
};

/* content formats */
enum {
	FORMAT_NONE = -1,
	FORMAT_LINK = 40,
	FORMAT_OCTETS = 42,
	FORMAT_CBOR = 60,
	FORMAT_PROBLEM = 257,		/* RFC 9290 */
	FORMAT_GROUPCOMM = 261,		/* RFC 9594 */
	FORMAT_CERTS_ONLY = 281,	/* RFC 9148: PKCS #7, certs-only */
	FORMAT_PKCS10 = 286,
	FORMAT_CERTIFICATE = 287,	/* application/pkix-cert */
	FORMAT_GROUP_DOCUMENT = 65001,	/* application/vnd.oma.poc.groups+xml,
					 * from the experimental range
					 */
};

#define TRANSPORT_SEGMENTS_MAX	8
#define TRANSPORT_SEGMENT_MAX	256
#define TRANSPORT_ETAG_MAX	8
#define TRANSPORT_BODY_MAX	65536

struct transport_segment {
	const uint8_t *bytes;		/* raw, not NUL-ended */
	size_t size;
};

#endif
