/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Peers of the PSK port for the tests of a whole server: our own client, and
 * programs that are not ours.  One process, one loop.
 */
#ifndef CPNS_TEST_PSK_PEERS_H
#define CPNS_TEST_PSK_PEERS_H

#include "server_fixture.h"

#define GW1_KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

extern char psk_uri[64], psk_dtls_uri[64];

/* the server again, with a PSK port (TLS and DTLS) and these keys */
void psk_server_start(struct fixture *fixture, const char *keys, bool enrolment);
void psk_server_stop(struct fixture *fixture);
/* false: refused, and why is in psk_reason */
bool psk_open(struct fixture *fixture, struct peer *peer, const char *uri,
	      const char *identity, const void *key, size_t size);
extern char psk_reason[256];
/* a program's exit status, the server running meanwhile; output in a file */
int psk_program(struct fixture *fixture, const char *output,
		const char *const *arguments);
size_t from_hex(const char *hex, uint8_t *bytes);

#endif
