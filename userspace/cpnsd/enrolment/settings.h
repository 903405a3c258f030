/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a node needs besides its certificate, GET of /enrolment, in CBOR:
 *
 *	settings = { 1: tstr,		; node id
 *		     2: tstr,		; server, urn:cpns:server:<id>
 *		     3: bstr .size 32,	; the OSG's X25519 key, to be pinned
 *		     4: tstr,		; scheme of the port for certificates
 *		     5: 1..65535 }	; that port
 *
 * Pure functions, any thread.
 */
#ifndef CPNSD_ENROLMENT_SETTINGS_H
#define CPNSD_ENROLMENT_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "transport/identity.h"

struct node_settings {
	char node[IDENTITY_ID_MAX + 1];
	char server_id[96];
	uint8_t osg_key[32];
	char scheme[12];		/* coaps+tcp or coaps */
	unsigned int port;
};

/* malloc'ed */
int node_settings_write(const struct node_settings *settings,
			uint8_t **bytes, size_t *size);
int node_settings_read(const uint8_t *bytes, size_t size,
		       struct node_settings *settings, char *reason,
		       size_t room);

#endif
