/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The signed roster (wire.md section 2, CDDL `roster`): who sends with which
 * Sender-ID from where.
 */
#ifndef CPNSD_PROTO_ROSTER_H
#define CPNSD_PROTO_ROSTER_H

#include <cpns/cpns.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proto/signer.h"

struct roster_address {
	sa_family_t family;		/* AF_INET or AF_INET6 */
	uint8_t address[16];
};

struct roster_net {
	uint8_t prefix;			/* bits */
	struct roster_address network;
};

/*
 * Sender-IDs gone that a roster tells of: as many as an ESP group can have.
 * A receiver keeps no state for one that is neither in use nor gone.
 */
#define ROSTER_GONE_MOST	4096

struct roster_sender {
	uint16_t sid;
	char node[65];
	struct roster_address *tunnels;
	size_t tunnels_count;
	struct roster_net *nets;
	size_t nets_count;
};

struct roster {
	char sgid[CPNS_SGID_MAX + 1];
	uint64_t term;
	uint32_t num;
	uint64_t serial;
	struct roster_sender *senders;
	size_t senders_count;
	uint16_t *gone;
	size_t gone_count;
	/* filled by decoding */
	uint8_t kid[8];
	uint8_t *signer_certificate;
	size_t signer_certificate_size;
};

/* one other member's nets and tunnel ends, for the data plane */
struct roster_peer_nets {
	char node[65];
	struct roster_address *tunnels;
	size_t tunnels_count;
	struct roster_net *nets;
	size_t nets_count;
};

int roster_sign(const struct roster *roster, const struct signer *signer,
		uint8_t **bytes, size_t *size);
int roster_open(const uint8_t *bytes, size_t size, struct roster *roster,
		char *reason, size_t room);
void roster_free(struct roster *roster);

/* "10.1.0.0/24", "192.0.2.1"; -EINVAL on host bits or nonsense */
int roster_net_parse(const char *text, struct roster_net *net);
int roster_address_parse(const char *text, struct roster_address *address);

#endif
