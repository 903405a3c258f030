/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses and nets inside CBOR (CDDL `ip` and `sender` of the design): what roster,
 * registration and properties share.
 */
#ifndef CPNSD_PROTO_ADDRESS_H
#define CPNSD_PROTO_ADDRESS_H

#include "proto/cbor.h"
#include "proto/roster.h"

#define ADDRESS_TUNNELS_MAX	16
#define ADDRESS_NETS_MAX	1024

size_t address_size(const struct roster_address *address);
void address_write(struct cbor_writer *writer,
		   const struct roster_address *address);
void address_read(struct cbor_reader *reader, const char *what,
		  struct roster_address *address);
void tunnels_write(struct cbor_writer *writer,
		   const struct roster_address *tunnels, size_t count);
void tunnels_read(struct cbor_reader *reader, struct roster_address **tunnels,
		  size_t *count);
void nets_write(struct cbor_writer *writer, const struct roster_net *nets,
		size_t count);
void nets_read(struct cbor_reader *reader, struct roster_net **nets,
	       size_t *count);
void sgid_read(struct cbor_reader *reader, char sgid[CPNS_SGID_MAX + 1]);
bool sgid_valid(const char *sgid);

#endif
