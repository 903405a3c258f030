/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Enrolment (device ID and key assignment, AD 5.3.1.9), the server's side:
 * pre-shared keys of nodes, one-time tokens, EST over CoAP (RFC 9148).
 *
 * Off by default: pre-shared keys need [server] psk-listen, tokens that and
 * ca-key.  Loop's thread.
 */
#ifndef CPNSD_ENROLMENT_H
#define CPNSD_ENROLMENT_H

#include "config.h"
#include "control.h"
#include "kmc/kmc.h"
#include "store/store.h"
#include "transport/server.h"

struct enrolment;

struct enrolment_options {
	const struct config *config;
	struct kmc *kmc;
	struct store *store;
	uint8_t osg_key[32];		/* public, what nodes pin */
	bool (*revoked)(void *context, const char *node);
	void *context;
};

int enrolment_open(struct enrolment **enrolment,
		   const struct enrolment_options *options, char *reason,
		   size_t room);
void enrolment_close(struct enrolment *enrolment);
/* SIGHUP: another configuration, the file of keys read anew */
int enrolment_reload(struct enrolment *enrolment, const struct config *config,
		     char *reason, size_t room);

/* the transport's psk_key; @owner is the enrolment */
int enrolment_psk_key(void *owner, const struct identity *identity,
		      uint8_t key[PSK_KEY_MAX], size_t *size);
int enrolment_route(struct enrolment *enrolment,
		    struct transport_server *server);
int enrolment_register(struct enrolment *enrolment, struct control *control);
/* the node was revoked: its token ends */
void enrolment_revoke(struct enrolment *enrolment, const char *node);

#endif
