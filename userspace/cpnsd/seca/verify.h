/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is checked before the kernel sees anything of an answer: record,
 * signer, group, number, chain, shards, seal's header, roster (wire.md
 * section 2, "Receivers").
 *
 * Functions over what was received and what is remembered (struct chain);
 * only verify_advance() and verify_backfill() change the latter.  Nothing
 * here is secret.
 */
#ifndef CPNSD_SECA_VERIFY_H
#define CPNSD_SECA_VERIFY_H

#include <stdbool.h>

#include "proto/record.h"
#include "proto/response.h"
#include "proto/roster.h"
#include "seca/chain.h"
#include "transport/identity.h"

/* who may sign for this group: from the group's properties */
struct verify_policy {
	const char *sgid;
	const char *signer;		/* urn:cpns:signer:main */
	struct identity_trust *trust;
	const char *node;		/* this node's id ... */
	uint16_t own_sid;		/* ... and what it sends with, or 0 */
};

enum verify_link {
	LINK_FIRST,		/* nothing was known of this group */
	LINK_SAME,		/* the record that is known already */
	LINK_NEXT,		/* known number + 1, its prev fits */
	LINK_GAP,		/* records between are missing */
};

struct verified_response {
	struct response response;
	struct epoch_record record;
	enum verify_link link;
	bool has_roster;
	struct roster roster;
	uint8_t roster_hash[32];
};

int verify_response(const struct verify_policy *policy,
		    const struct chain *chain,
		    const uint8_t *bytes, size_t size,
		    struct verified_response *verified,
		    char *reason, size_t room);
void verified_response_free(struct verified_response *verified);

int verify_roster(const struct verify_policy *policy,
		  const struct chain *chain, const uint8_t *bytes, size_t size,
		  struct roster *roster, uint8_t hash[32],
		  char *reason, size_t room);

/* one's own Sender-ID in a roster; 0: does not send */
int verify_sender_ids(const struct roster *roster, const char *node,
		      uint16_t own_sid, char *reason, size_t room);

/* the server has taken that Sender-ID away */
bool verify_sender_gone(const struct roster *roster, uint16_t own_sid);

/* an answer of /records?from=: closes chain->gap_from */
int verify_backfill(const struct verify_policy *policy, struct chain *chain,
		    const uint8_t *bytes, size_t size,
		    char *reason, size_t room);

/* what chain becomes once a verified record is installed */
int verify_advance(struct chain *chain,
		   const struct verified_response *verified);

#endif
