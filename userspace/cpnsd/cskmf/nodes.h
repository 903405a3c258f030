/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nodes as they registered: node key, capabilities (AD 5.3.1.1.5.1: security
 * level by way of the Device Capabilities Function), address, revocation.
 *
 * The SMF writes it (PUT /smf/N), the CSKMF reads it.  Each change is in the
 * store before the function returns.  The loop's thread.
 */
#ifndef CPNSD_CSKMF_NODES_H
#define CPNSD_CSKMF_NODES_H

#include "cskmf/hash.h"
#include "loop.h"
#include "proto/response.h"
#include "store/store.h"
#include "transport/identity.h"

struct nodes;

struct node {
	UT_hash_handle hh;
	char id[IDENTITY_ID_MAX + 1];
	bool registered;
	struct registration registration;
	struct roster_address address;		/* family 0: never seen */
	uint64_t seen;				/* s, wall clock */
	bool revoked;
};

int nodes_open(struct nodes **nodes, struct store *store);
void nodes_close(struct nodes *nodes);

/* NULL: not heard of */
const struct node *nodes_find(struct nodes *nodes, const char *id);
bool nodes_revoked(struct nodes *nodes, const char *id);

/*
 * What a node says at PUT /smf/N, and from where.  @address_changed: a
 * dynamic tunnel of it is another, for rosters and for what others are told.
 */
int nodes_register(struct nodes *nodes, const char *id,
		   const struct registration *registration,
		   const struct sockaddr_storage *address,
		   bool *address_changed);
/*
 * A node key that came with a join request; not stored before the Sender-ID
 * that follows, or store_sync().
 */
int nodes_set_key(struct nodes *nodes, const char *id, const uint8_t key[32],
		  const struct sockaddr_storage *address);
/* capabilities that came with a status report; are they stored already? */
bool nodes_has_capabilities(struct nodes *nodes, const char *id,
			    const struct capabilities *capabilities);
int nodes_set_capabilities(struct nodes *nodes, const char *id,
			   const struct capabilities *capabilities);
int nodes_revoke(struct nodes *nodes, const char *id, bool revoked);

/* 0 where the node has not registered */
unsigned int nodes_level(struct nodes *nodes, const char *id);

int nodes_each(const struct nodes *nodes,
	       int (*each)(void *context, const struct node *node),
	       void *context);

/* IPv4-mapped addresses come out as IPv4 */
void nodes_address(const struct sockaddr_storage *from,
		   struct roster_address *address);

#endif
