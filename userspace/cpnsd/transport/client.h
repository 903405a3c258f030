/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CoAP client side: one session to a server, kept alive, reconnected
 * with jittered back-off.
 *
 * Requests made while not connected fail at once with -ENOTCONN.  When the
 * session is lost every request under way and every observation ends with
 * error -ECONNRESET; the owner observes again from its connected callback.
 */
#ifndef CPNSD_TRANSPORT_CLIENT_H
#define CPNSD_TRANSPORT_CLIENT_H

#include "loop.h"
#include "transport/message.h"

struct transport_client;
struct transport_exchange;		/* a request under way or observation */

struct transport_response {
	int error;			/* -errno, or 0 and the rest is valid */
	int code;
	int format;
	const uint8_t *body;		/* whole, blocks put together */
	size_t body_size;
	const uint8_t *etag;
	size_t etag_size;
	bool notification;		/* of an observation, after the first */
	bool ended;			/* the last one: the exchange is over when
					 * done returns; an observation goes on
					 * while this is false
					 */
	const char *problem;		/* title of RFC 9290, or "" */
	int32_t error_id;		/* RFC 9594 4.1.2, or INT32_MIN */
};

struct transport_client_options {
	struct loop *loop;
	struct identity_trust *trust;
	const char *cert, *key, *ca;	/* PEM files */
	/* or a pre-shared key: then no certificates, on neither side */
	const char *psk_identity;
	const uint8_t *psk_key;
	size_t psk_key_size;
	const char *uri;		/* coaps+tcp://192.0.2.10:5684 */
	const char *server_id;		/* urn:cpns:server:main, or NULL: any */
	void (*connected)(void *context);
	/* session lost, or an attempt failed; the next one comes by itself */
	void (*disconnected)(void *context, const char *reason);
	void *context;
};

int transport_client_open(struct transport_client **client,
			  const struct transport_client_options *options,
			  char *reason, size_t room);
/* another certificate and key, from the next connection on */
int transport_client_reload(struct transport_client *client, const char *cert,
			    const char *key, char *reason, size_t room);
int transport_client_reload_psk(struct transport_client *client,
				const uint8_t *key, size_t size);
void transport_client_close(struct transport_client *client);
bool transport_client_is_connected(const struct transport_client *client);

struct transport_call {
	enum transport_method method;
	const struct transport_segment *path;
	size_t path_count;
	const char *query;		/* NULL or "from=3" */
	int format;
	const uint8_t *body;
	size_t body_size;
	const uint8_t *etag;
	size_t etag_size;
	const uint8_t *if_match;	/* NULL, or the tag that is expected */
	size_t if_match_size;
	int accept;			/* content format or 0: any */
	bool observe;
	void (*done)(void *context, const struct transport_response *response);
	void *context;
};

/* the exchange ends by itself (not observe) or by transport_cancel() */
int transport_client_call(struct transport_client *client,
			  const struct transport_call *call,
			  struct transport_exchange **exchange);
void transport_cancel(struct transport_exchange *exchange);

#endif
