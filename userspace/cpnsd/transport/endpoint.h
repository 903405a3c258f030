/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a server listens or is, as configured: coaps+tcp://host:port.
 */
#ifndef CPNSD_TRANSPORT_ENDPOINT_H
#define CPNSD_TRANSPORT_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

struct transport_endpoint {
	bool tls;			/* over TCP; else DTLS */
	char host[256];			/* without brackets */
	unsigned int port;
};

int transport_endpoint_parse(const char *uri,
			     struct transport_endpoint *endpoint,
			     char *reason, size_t room);

#endif
