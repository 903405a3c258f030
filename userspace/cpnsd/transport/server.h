/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CoAP server side: TLS with client certificates, or with pre-shared keys
 * on a port of their own, resources, Observe.
 *
 * Handlers run in the loop's thread.  An observed resource is served by the
 * same GET handler for the first answer and for each notification
 * (request->notification), once for each observer, so that each member gets
 * its own bytes.
 */
#ifndef CPNSD_TRANSPORT_SERVER_H
#define CPNSD_TRANSPORT_SERVER_H

#include "loop.h"
#include "transport/message.h"
#include "transport/psk.h"

struct transport_server;
struct transport_peer;

struct transport_request {
	enum transport_method method;
	struct identity peer;		/* verified */
	const struct transport_peer *from; /* whose session; NULL: we notify */
	struct sockaddr_storage address;
	const struct transport_segment *path;
	size_t path_count;
	const struct transport_segment *query;
	size_t query_count;
	int format;			/* content format or FORMAT_NONE */
	int accept;			/* the same that is asked for */
	const uint8_t *body;
	size_t body_size;
	const uint8_t *etag;		/* of the request, or NULL */
	size_t etag_size;
	/* If-Match: one of them is to be the resource's, an empty one fits */
	const struct transport_segment *if_match;
	size_t if_match_count;
	bool psk;			/* came by the PSK port */
	bool observe;			/* registration of an observation */
	bool notification;		/* we notify: no request came */
};

/* is the certificate that the session began with still good? */
int transport_request_check(const struct transport_request *request);

/* what a handler fills */
struct transport_answer;
void transport_answer_code(struct transport_answer *answer, int code);
int transport_answer_body(struct transport_answer *answer, int format,
			  const void *body, size_t size);
int transport_answer_take(struct transport_answer *answer, int format,
			  uint8_t *body, size_t size);
void transport_answer_etag(struct transport_answer *answer,
			   const uint8_t *etag, size_t size);
void transport_answer_location(struct transport_answer *answer,
			       const struct transport_segment *path,
			       size_t count);
/*
 * An error with RFC 9290 problem details; error_id is RFC 9594's
 * ace-groupcomm-error, or INT32_MIN for none.
 */
void transport_answer_problem(struct transport_answer *answer, int code,
			      const char *title, int32_t error_id);

typedef void (*transport_handler)(void *context,
				  const struct transport_request *request,
				  struct transport_answer *answer);

struct transport_server_options {
	struct loop *loop;
	struct identity_trust *trust;
	const char *cert, *key, *ca;	/* PEM files */
	const char *const *listen;	/* coaps+tcp://[::]:5684, ... */
	size_t listen_count;
	/* a port of its own for pre-shared keys; count 0: none */
	const char *const *psk_listen;
	size_t psk_listen_count;
	/*
	 * The key of an identity, asked for at each handshake: 0 or -ENOENT,
	 * -EACCES revoked, -ETIME too late.
	 */
	int (*psk_key)(void *owner, const struct identity *identity,
		       uint8_t key[PSK_KEY_MAX], size_t *size);
	void *psk_owner;
};

int transport_server_open(struct transport_server **server,
			  const struct transport_server_options *options,
			  char *reason, size_t room);
/* SIGHUP: cert, key and listen of @options; sessions stay */
int transport_server_reload(struct transport_server *server,
			    const struct transport_server_options *options,
			    char *reason, size_t room);
void transport_server_close(struct transport_server *server);

/*
 * Whom @barred names gets through no handshake from now on ("certificate
 * revoked"), without a revocation list; sessions that are there stay.
 */
void transport_server_bar(struct transport_server *server,
			  bool (*barred)(void *context,
					 const struct identity *peer),
			  void *context);

/* serves every path whose first segment is @first: "ace-group" */
int transport_server_route(struct transport_server *server, const char *first,
			   transport_handler handler, void *context);
/* the same, and for IDENTITY_ENROLLING too, who gets nothing else */
int transport_server_route_enrolling(struct transport_server *server,
				     const char *first,
				     transport_handler handler, void *context);

/* notify the observers of one path; cheap if there are none */
void transport_server_notify(struct transport_server *server,
			     const struct transport_segment *path,
			     size_t count);
/* has a session now */
bool transport_server_connected(const struct transport_server *server,
				const struct identity *peer);
/* end one node's session: after revocation or eviction */
void transport_server_drop(struct transport_server *server,
			   const struct identity *peer);

#endif
