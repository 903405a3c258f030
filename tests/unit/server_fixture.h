/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A whole CPNS Server (SMF, CSKMF, OSG, KMC, store, transport) in a temporary
 * directory, and members that speak CoAP over TLS to it and open what they
 * are sent as their kernels would.  One process, one loop.
 */
#ifndef CPNS_TEST_SERVER_FIXTURE_H
#define CPNS_TEST_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cskmf/inspect.h"
#include "loop.h"
#include "proto/properties.h"
#include "proto/record.h"
#include "proto/response.h"
#include "smf/smf_private.h"
#include "transport/client.h"

#define SGID "sip:sg-42@cpns.example"
#define GROUP "ace-group|" SGID
#define BOTH (ROLE_BIT_RECEIVER | ROLE_BIT_SENDER)

struct heard {
	unsigned int count;
	int code, error, format;
	int32_t error_id;
	char problem[128];
	uint8_t etag[8];
	size_t etag_size, body_size;
	uint8_t body[65536];
};

/* what a member's kernel holds */
struct kernel {
	uint8_t node[32], node_public[32];
	uint8_t kek[32];
	uint32_t leaf;
	uint32_t num;
	uint16_t sid;
	uint8_t hash[32];
	unsigned int seals;
};

struct peer {
	char name[32];
	struct transport_client *client;
	bool connected;
	unsigned int refusals;			/* sessions that did not open */
	char refusal[160];			/* why the last one did not */
	struct kernel kernel;
	const uint8_t *if_match;	/* of the next peer_call()s, 8 bytes */
	struct heard answer;		/* of the last peer_call() */
	struct heard key, roster, list;	/* observations */
	struct transport_exchange *observing[3];
};

struct fixture {
	char directory[64];
	char uri[64];
	struct loop loop;
	struct config config;
	char *listen;
	struct identity_trust *trust;
	struct smf *smf;
	struct peer gw1, gw2, gw3, ops;
};

extern const char *fixture_scheme;	/* "coaps+tcp", before fixture_open() */
int fixture_open(void **state);
int fixture_close(void **state);
void server_start(struct fixture *fixture);
void server_stop(struct fixture *fixture);

/* the group's document: @key are attributes of <group-key>, @entries lines */
char *document_make(const char *sgid, const char *key, ...)
	__attribute__((sentinel));
#define ENTRY(node, number, more) \
	"<entry uri=\"urn:cpns:node:" node "\"><cpns:member " more \
	" tunnel=\"192.0.2." number "\" nets=\"10." number ".0.0/24\"/></entry>"
#define QUICK "atd=\"0\" dtd=\"1\" batch-ms=\"0\""

/* all fail the test when they do not come about */
uint32_t create(struct fixture *fixture, char *document);
struct cskmf_updated update(struct fixture *fixture, char *document);
void wait_for(struct fixture *fixture, const unsigned int *count,
	      unsigned int wanted);
void wait_for_num(struct fixture *fixture, uint32_t num);
void run_for(struct fixture *fixture, double seconds);

void peer_open(struct fixture *fixture, struct peer *peer, const char *name);
/* the server lets it not in, and says this */
void peer_open_refused(struct fixture *fixture, struct peer *peer,
		       const char *name, const char *word);
void peer_close(struct peer *peer);
/* path as text with '|' between segments, e.g. "ace-group|" SGID "|num" */
void peer_call(struct fixture *fixture, struct peer *peer,
	       enum transport_method method, const char *path, int format,
	       const void *body, size_t size);
void peer_observe(struct fixture *fixture, struct peer *peer,
		  const char *path, struct heard *heard, unsigned int slot);
void peer_register(struct fixture *fixture, struct peer *peer,
		   const struct capabilities *capabilities);
void peer_join(struct fixture *fixture, struct peer *peer, const char *sgid,
	       const char *scope, unsigned int roles);
void peer_status(struct fixture *fixture, struct peer *peer, uint32_t num,
		 uint8_t condition);
void peer_new_kernel(struct peer *peer);
/* gw1 and gw2 of a new group: one has pulled, the other observes */
void two_members(struct fixture *fixture, char *document);

/* a response: checked, opened, installed; fails the test where it is wrong */
void kernel_install(struct fixture *fixture, struct peer *peer,
		    const struct heard *heard);
/* the record of the last installed response; epoch_record_free() */
void heard_record(const struct heard *heard, struct epoch_record *record);
void heard_roster(const struct heard *heard, struct roster *roster);
bool heard_has_seal(const struct heard *heard);
/* a refusal with this code and error id, and no key */
void assert_refused(const struct heard *heard, int code, int32_t error_id);

#endif
