/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pre-shared keys (RFC 8446 external PSK over TCP, RFC 5489 ECDHE-PSK over
 * DTLS): who an identity is, and the file that keys stand in.
 *
 * An identity is a node's id, or "enrol:" and the id of a node that comes
 * with a one-time token.  Loop's thread; a table owns its keys and wipes
 * them.
 */
#ifndef CPNSD_TRANSPORT_PSK_H
#define CPNSD_TRANSPORT_PSK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/identity.h"

#define PSK_KEY_MIN	16
#define PSK_KEY_MAX	64
#define PSK_ENROL	"enrol:"
#define PSK_IDENTITY_MAX (sizeof(PSK_ENROL) - 1 + IDENTITY_ID_MAX)

/* 0 or -EINVAL; kind is IDENTITY_NODE or IDENTITY_ENROLLING */
int psk_identity_parse(const void *text, size_t size,
		       struct identity *identity);
void psk_identity_text(const struct identity *identity,
		       char text[PSK_IDENTITY_MAX + 1]);

struct psk_table;

/* lines "id = hex", mode 0600 or 0640 */
int psk_table_open(struct psk_table **table, const char *path, char *reason,
		   size_t room);
void psk_table_close(struct psk_table *table);
/* 0 or -ENOENT */
int psk_table_find(const struct psk_table *table, const char *id,
		   uint8_t key[PSK_KEY_MAX], size_t *size);

#endif
