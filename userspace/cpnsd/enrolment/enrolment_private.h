/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server's enrolment from inside.  Loop's thread.
 */
#ifndef CPNSD_ENROLMENT_PRIVATE_H
#define CPNSD_ENROLMENT_PRIVATE_H

#include "enrolment/enrolment.h"
#include "enrolment/token.h"
#include "kmc/ca.h"
#include "transport/psk.h"

#define TOKENS_MAX	1024
#define CERTIFICATES_A_DAY 16		/* of one node, renewals too */

struct enrolment {
	const struct config *config;
	struct kmc *kmc;
	struct kmc_ca *ca;		/* NULL: no enrolment */
	struct store *store;
	struct psk_table *keys;		/* NULL: none */
	struct transport_server *server; /* NULL: not routed yet, no sessions */
	uint8_t osg_key[32];
	bool (*revoked)(void *context, const char *node);
	void *context;
};

/* tokens.c */
int tokens_issue(struct enrolment *enrolment, const char *node,
		 uint64_t lifetime, char text[TOKEN_TEXT_SIZE],
		 uint64_t *expires);
/* 0, -ENOENT, -ETIME, -EACCES revoked */
int tokens_check(struct enrolment *enrolment, const char *node);
/* 0; 1 used for this very key already; -EEXIST for another; or an error */
int tokens_check_key(struct enrolment *enrolment, const char *node,
		     EVP_PKEY *key, uint8_t key_hash[STORE_KEY_HASH_SIZE]);
int tokens_psk(struct enrolment *enrolment, const char *node,
	       uint8_t key[PSK_KEY_MAX], size_t *size);

/* est.c: /.well-known */
void est_serve(void *context, const struct transport_request *request,
	       struct transport_answer *answer);
/* node_settings.c: /enrolment */
void node_settings_serve(void *context,
			 const struct transport_request *request,
			 struct transport_answer *answer);

#endif
