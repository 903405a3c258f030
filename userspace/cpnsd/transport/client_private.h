/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the client side share.  Loop's thread only.
 *
 * Ownership: the client owns its libcoap context, at most one session, and
 * the exchanges.  libcoap's events only set flags; sessions are released and
 * the owner is called from client_settle(), when libcoap does not run.
 */
#ifndef CPNSD_TRANSPORT_CLIENT_PRIVATE_H
#define CPNSD_TRANSPORT_CLIENT_PRIVATE_H

#include <coap3/coap.h>
#include <uthash.h>

#include "transport/client.h"
#include "transport/endpoint.h"
#include "transport/tls.h"

#define ADDRESSES_MAX	8
#define TOKEN_MAX	8

struct resolver;

struct resolved {
	struct sockaddr_storage address[ADDRESSES_MAX];
	socklen_t size[ADDRESSES_MAX];
	size_t count;
};

enum client_state {
	CLIENT_WAITING,			/* for the next attempt */
	CLIENT_RESOLVING,
	CLIENT_CONNECTING,
	CLIENT_CONNECTED,
};

struct transport_client {
	struct loop *loop;
	struct loop_fd readable;
	struct loop_timer retry;
	struct loop_timer patience;	/* for an attempt */
	struct loop_timer life;		/* keep-alive */
	struct loop_timer sweep;	/* requests without answer */
	struct loop_timer soon;		/* settle outside of a caller's call */
	coap_context_t *context;
	coap_session_t *session;
	struct tls_side tls;
	struct tls_credentials fresh;	/* for the next connection */
	struct tls_psk fresh_psk;
	struct transport_endpoint endpoint;
	char *uri, *server_id;
	struct resolver *resolver;
	struct resolved resolved;
	size_t next_address;
	enum client_state state;
	bool came, lost;		/* what libcoap's events said */
	bool releasing;
	const char *lost_reason;	/* where TLS has no words */
	char last_logged[TLS_REASON_MAX];
	unsigned int attempts;
	double connected_at;
	unsigned int pings;		/* without a sign of life since */
	unsigned int running;
	struct tls_side *entered_before;
	bool closing;
	struct transport_exchange *exchanges;
	void (*connected)(void *context);
	void (*disconnected)(void *context, const char *reason);
	void *owner;
};

struct transport_exchange {
	struct transport_client *client;
	uint8_t token[TOKEN_MAX];
	size_t token_size;
	bool observe;
	bool answered;			/* the first answer has come */
	bool in_done, cancelled;
	double deadline;
	uint32_t sequence;		/* DTLS: freshness of notifications */
	double sequence_at;
	void (*done)(void *context, const struct transport_response *response);
	void *context;
	UT_hash_handle hh;
};

/* client.c */
void client_lose(struct transport_client *client, const char *reason);
double client_back_off(unsigned int attempts);
void client_enter(struct transport_client *client);
void client_leave(struct transport_client *client);

/* client_response.c */
coap_response_t client_response(coap_session_t *session,
				const coap_pdu_t *sent,
				const coap_pdu_t *received,
				const coap_mid_t id);
void client_rejected(coap_session_t *session, const coap_pdu_t *sent,
		     const coap_nack_reason_t reason, const coap_mid_t id);
/* client_exchange.c */
void exchange_deliver(struct transport_exchange *exchange,
		      struct transport_response *response);
void exchanges_fail(struct transport_client *client, int error);
void exchanges_forget(struct transport_client *client);
void exchanges_sweep(void *context);

/* resolver.c */
int resolve_numeric(const struct transport_endpoint *endpoint,
		    struct resolved *result);
int resolver_start(struct resolver **resolver, struct loop *loop,
		   const struct transport_endpoint *endpoint,
		   void (*done)(void *context, const struct resolved *result,
				const char *reason),
		   void *context);
void resolver_cancel(struct resolver *resolver);

#endif
