/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the server side share.  Loop's thread only.
 *
 * Ownership: the server owns its libcoap context and the list of peers; a
 * peer hangs at its libcoap session (app data) and owns its observations and
 * kept answers; libcoap ends the session and tells us by an event.
 */
#ifndef CPNSD_TRANSPORT_SERVER_PRIVATE_H
#define CPNSD_TRANSPORT_SERVER_PRIVATE_H

#include <coap3/coap.h>
#include <uthash.h>
#include <utlist.h>

#include "transport/endpoint.h"
#include "transport/server.h"
#include "transport/tls.h"

#define ROUTES_MAX		16
#define LISTENING_MAX		16
#define SESSIONS_OF_ONE		4	/* of one node or SMF at a time */
#define OBSERVATIONS_MAX	8	/* of one node in one group */
#define KEPT_ANSWERS_MAX	4	/* of one session, for Block2 */
#define KEPT_SECONDS		60.0
#define TOKEN_MAX		8
#define UNREAD_MAX		(16u << 20) /* bytes that wait for one session */

struct transport_answer {
	int code;
	int format;
	uint8_t *body;
	size_t body_size;
	uint8_t etag[TRANSPORT_ETAG_MAX];
	size_t etag_size;
	struct {
		uint8_t bytes[255];
		uint8_t size;
	} location[TRANSPORT_SEGMENTS_MAX];
	size_t location_count;
};

/* a path or query as one byte string: u16 size and bytes of each segment */
struct segment_key {
	uint8_t *bytes;
	size_t size;
};

struct request_parts {
	struct transport_request request;
	struct transport_segment path[TRANSPORT_SEGMENTS_MAX];
	struct transport_segment query[TRANSPORT_SEGMENTS_MAX];
	struct transport_segment if_match[TRANSPORT_SEGMENTS_MAX];
	bool block2_asked;
	uint32_t block2_number;
	unsigned int block2_exponent;	/* size is 16 << exponent */
	int observe;			/* -1 none, 0 register, 1 end */
	bool block1_given, block1_more;
	uint32_t block1_number;
	unsigned int block1_exponent;	/* 7: BERT */
	uint32_t size1;			/* as the client says, 0: nothing */
};

struct observed_path;

struct observation {
	struct transport_peer *peer;
	struct observed_path *path;
	uint8_t token[TOKEN_MAX];
	size_t token_size;
	struct segment_key query;
	uint32_t sequence;		/* 24 bits, RFC 7641 */
	uint32_t round;			/* of the path, in which it was told */
	struct observation *prev, *next;		/* of the path */
	struct observation *peer_prev, *peer_next;
};

struct observed_path {
	struct segment_key key;
	uint32_t round;			/* changes of the path */
	struct observation *told;	/* in this round */
	struct observation *due;	/* not yet in this round */
	bool again;			/* changed while some were due */
	struct observed_path *due_prev, *due_next;	/* some are due */
	UT_hash_handle hh;
};

/* an answer that goes out in blocks */
struct kept_answer {
	enum transport_method method;
	struct segment_key path, query;
	int code, format;
	uint8_t *body;
	size_t body_size;
	uint8_t etag[TRANSPORT_ETAG_MAX];
	size_t etag_size;
	double until;
	struct kept_answer *prev, *next;
};

/* a request's body that comes in blocks */
struct incoming_body {
	enum transport_method method;
	struct segment_key path;
	uint8_t *bytes;
	size_t size, room;
};

struct transport_peer {
	struct transport_server *server;
	coap_session_t *session;
	struct identity identity;
	struct sockaddr_storage address;
	bool reliable;
	bool drop;			/* its session ends at the next turn */
	bool probe;			/* does anything wait for it? */
	double heard;			/* boottime of the last sign of life */
	double pinged;
	uint64_t written;		/* tls_written() of the last look */
	size_t unread;			/* bytes that wait, rather too many */
	size_t probed;			/* so many waited at the last probe */
	uint64_t received;		/* tls_received() of the last look */
	uint64_t cleared;		/* ... when nothing was found to wait */
	uint64_t blocked;		/* ... of the first probe that waited */
	uint64_t leaves;	/* tls_written() when what waited then is out */
	struct observation *observations;
	struct kept_answer *kept;
	unsigned int kept_count;
	struct incoming_body incoming;
	struct transport_peer *prev, *next;
	/* a ring: all sessions of the identity, mostly this one alone */
	struct transport_peer *same_prev, *same_next;
};

struct transport_server {
	struct loop *loop;
	struct loop_fd readable;
	struct loop_timer later;	/* notifications and drops */
	struct loop_timer life;		/* pings of silent peers */
	coap_context_t *context;
	struct tls_side tls;
	/* server_psk.c: NULL where there is no PSK port */
	coap_context_t *psk_coap;
	struct loop_fd psk_readable;
	struct tls_side psk_tls;
	int (*psk_key)(void *owner, const struct identity *identity,
		       uint8_t key[PSK_KEY_MAX], size_t *size);
	void *psk_owner;
	struct {
		char *uri;
		bool psk;
		coap_endpoint_t *endpoint;
	} listening[LISTENING_MAX];
	size_t listening_count;
	struct {
		char *first;
		bool enrolling;		/* for IDENTITY_ENROLLING, too */
		transport_handler handler;
		void *context;
	} routes[ROUTES_MAX];
	size_t routes_count;
	struct transport_peer *peers;
	unsigned int peers_count, peers_max;
	unsigned int handshakes, handshakes_max; /* peers without identity */
	struct observed_path *paths;
	struct observed_path *due;
	double push_since;		/* boot time; 0: nothing was left due */
	bool probing;			/* a peer has probe set */
	struct observation *notifying;	/* NULL when it has gone meanwhile */
	uint64_t requests;		/* that reached a handler */
	unsigned int running;		/* calls of libcoap and handlers under way */
};

/* server.c */
coap_context_t *server_context_new(struct transport_server *server);

/* server_psk.c */
int server_psk_open(struct transport_server *server,
		    const struct transport_server_options *options,
		    char *reason, size_t room);
void server_psk_run(struct transport_server *server);
void server_psk_close(struct transport_server *server);
int server_peer_identity(struct transport_server *server,
			 coap_session_t *session, struct identity *identity);

/* server_listen.c */
void server_set_limits(struct transport_server *server);
int server_listen(struct transport_server *server, coap_context_t *context,
		  const char *uri, char *reason, size_t room);
int server_listen_anew(struct transport_server *server,
		       const char *const *listen, size_t count,
		       char *reason, size_t room);
void server_listen_end(struct transport_server *server, size_t index);

/* server_peer.c */
void peer_begin(struct transport_server *server, coap_session_t *session);
struct transport_peer *peer_of_session(struct transport_server *server,
				       coap_session_t *session);
void peer_free(struct transport_peer *peer);
void peer_sends(struct transport_peer *peer, size_t size);
void peers_probe(struct transport_server *server);
void peers_end_dropped(struct transport_server *server);
void peers_check_life(void *context);

/* server_request.c */
void server_handle(coap_resource_t *resource, coap_session_t *session,
		   const coap_pdu_t *pdu, const coap_string_t *query,
		   coap_pdu_t *response);
void server_dispatch(struct transport_server *server,
		     const struct transport_request *request,
		     struct transport_answer *answer);
int segment_key_make(const struct transport_segment *segments, size_t count,
		     struct segment_key *key);
size_t segment_key_split(const struct segment_key *key,
			 struct transport_segment *segments);
void segment_key_free(struct segment_key *key);
bool segment_key_equal(const struct segment_key *a,
		       const struct segment_key *b);

/* server_answer.c */
void answer_open(struct transport_answer *answer);
void answer_close(struct transport_answer *answer);
bool answer_write(const struct transport_answer *answer, coap_pdu_t *pdu,
		  int64_t observe, bool block, uint32_t number, bool more,
		  unsigned int exponent, size_t offset, size_t size);
void answer_send(struct transport_peer *peer,
		 const struct request_parts *parts,
		 struct transport_answer *answer, coap_pdu_t *pdu,
		 int64_t observe);

/* server_block.c */
void block_keep(struct transport_peer *peer,
		const struct transport_request *request,
		struct transport_answer *answer);
bool block_find(struct transport_peer *peer,
		const struct transport_request *request,
		struct transport_answer *answer);
void block_forget(struct transport_peer *peer);

/* server_body.c */
#define COAP_CONTINUE 231	/* RFC 7959 2.9.1 */
int body_take(struct transport_peer *peer, struct request_parts *parts,
	      const coap_pdu_t *pdu);
void body_acknowledge(const struct request_parts *parts, coap_pdu_t *response);
void body_forget(struct transport_peer *peer);

/* server_observe.c */
struct observation *observation_add(struct transport_peer *peer,
				    const struct request_parts *parts,
				    const coap_bin_const_t *token);
void observation_end(struct observation *observation);
void observation_end_token(struct transport_peer *peer,
			   const struct request_parts *parts,
			   const coap_bin_const_t *token, bool any_path);
void observations_notify_due(struct transport_server *server);

#endif
