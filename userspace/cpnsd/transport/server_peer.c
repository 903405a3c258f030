// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peers of a server: one record for each session, made when it is
 * accepted (DTLS: when its handshake is through), freed when libcoap frees
 * the session; nameless until the handshake is through.
 *
 * Loop's thread only.  libcoap frees idle sessions itself; a session that
 * only sends (notifications) is found dead by our ping, so that nobody who
 * has vanished keeps an observation.
 */
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include "log.h"
#include "transport/server_private.h"

#define LIFE_SECONDS	10.0
#define HANDSHAKE_SECONDS 15.0
#define SILENT_PING	60.0		/* silent so long: ping */
#define SILENT_DEAD	150.0		/* silent so long: three pings lost */
#define UNREAD_PROBE	1048576		/* more of it: look whether it waits */
#define RECEIVED_PROBE	16384		/* the same */
#define RECEIVED_MAX	98304		/* of who does not read */
#define BESIDE_BODY	512		/* what libcoap keeps with a message */
#define OWN_ANSWERS	32		/* its own, bytes for each that came */

/* the source as IPv4 where a dual-stack listener shows it mapped */
static void copy_address(struct sockaddr_storage *to,
			 const coap_address_t *from)
{
	const struct sockaddr_in6 *six = &from->addr.sin6;
	struct sockaddr_in *four = (struct sockaddr_in *)to;

	memset(to, 0, sizeof(*to));
	if (from->addr.sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		four->sin_family = AF_INET;
		four->sin_port = six->sin6_port;
		memcpy(&four->sin_addr, &six->sin6_addr.s6_addr[12], 4);
		return;
	}
	memcpy(to, &from->addr, from->size < sizeof(*to) ?
				from->size : sizeof(*to));
}

static struct transport_peer *peer_new(struct transport_server *server,
				       coap_session_t *session)
{
	struct transport_peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->server = server;
	peer->session = session;
	peer->heard = loop_boottime();
	peer->reliable = coap_session_get_proto(session) == COAP_PROTO_TLS;
	copy_address(&peer->address, coap_session_get_addr_remote(session));
	peer->same_prev = peer;
	peer->same_next = peer;
	coap_session_set_app_data(session, peer);
	DL_APPEND(server->peers, peer);
	server->peers_count++;
	server->handshakes++;
	return peer;
}

/**
 * peer_begin - a TCP connection has been accepted
 * @server: the server
 * @session: of libcoap, its handshake has just begun
 *
 * Nobody is known before the handshake is through: who takes too long for
 * it, or comes when too many are under way, costs the oldest of them
 * its place, and connections over the limit of descriptors end at once (at
 * the limit itself accept() would fail over and over).
 */
void peer_begin(struct transport_server *server, coap_session_t *session)
{
	static struct log_limit limit;
	struct transport_peer *peer, *oldest;

	if (coap_session_get_proto(session) != COAP_PROTO_TLS)
		return;
	/*
	 * When the other side is quick and we are slow, libcoap accepts and
	 * ends the handshake in one go, and tells of the second first.
	 */
	if (coap_session_get_app_data(session))
		return;
	peer = peer_new(server, session);
	if (!peer)
		return;
	if (server->peers_count > server->peers_max) {
		log_limited(&limit, LOG_WARNING,
			    "too many sessions (%u): a new one is ended",
			    server->peers_max);
		peer->drop = true;
	} else if (server->handshakes > server->handshakes_max) {
		DL_FOREACH(server->peers, oldest) {
			if (oldest->identity.kind == IDENTITY_NONE &&
			    !oldest->drop)
				break;
		}
		if (oldest)
			oldest->drop = true;
	} else {
		return;
	}
	loop_timer_start(&server->later, 0);
}

static void ring_join(struct transport_peer *fresh,
		      struct transport_peer *other)
{
	fresh->same_prev = other;
	fresh->same_next = other->same_next;
	fresh->same_prev->same_next = fresh;
	fresh->same_next->same_prev = fresh;
}

static void ring_leave(struct transport_peer *peer)
{
	peer->same_prev->same_next = peer->same_next;
	peer->same_next->same_prev = peer->same_prev;
}

/* one certificate in many hands, or a loop somewhere: the oldest goes */
static void limit_sessions(struct transport_peer *fresh)
{
	struct transport_peer *peer, *other = NULL, *oldest = NULL;
	unsigned int count = 0;

	DL_FOREACH(fresh->server->peers, peer) {
		if (peer->identity.kind != fresh->identity.kind ||
		    strcmp(peer->identity.id, fresh->identity.id) != 0)
			continue;
		if (peer != fresh)
			other = peer;
		if (peer->drop)
			continue;
		if (!oldest)
			oldest = peer;
		count++;
	}
	if (other)
		ring_join(fresh, other);
	if (count <= SESSIONS_OF_ONE)
		return;
	log_warning("%s %s has more than %d sessions: its oldest ends",
		    identity_kind_name(fresh->identity.kind),
		    fresh->identity.id, SESSIONS_OF_ONE);
	oldest->drop = true;
	loop_timer_start(&fresh->server->later, 0);
}

/**
 * peer_of_session - the record of a session whose handshake is through
 * @server: the server
 * @session: of libcoap
 *
 * Returns NULL if the handshake is not through, its peer may not be a
 * client, or memory is short.
 */
struct transport_peer *peer_of_session(struct transport_server *server,
				       coap_session_t *session)
{
	struct transport_peer *peer = coap_session_get_app_data(session);
	struct identity identity;

	if (peer && peer->identity.kind != IDENTITY_NONE)
		return peer;
	if (server_peer_identity(server, session, &identity) ||
	    (identity.kind != IDENTITY_NODE &&
	     identity.kind != IDENTITY_SMF &&
	     identity.kind != IDENTITY_ENROLLING))
		return NULL;
	if (!peer)
		peer = peer_new(server, session);
	if (!peer)
		return NULL;
	peer->identity = identity;
	peer->heard = loop_boottime();
	server->handshakes--;
	limit_sessions(peer);
	return peer;
}

/**
 * peer_free - forget a peer, its observations and kept answers
 * @peer: its session has ended or ends now
 */
void peer_free(struct transport_peer *peer)
{
	while (peer->observations)
		observation_end(peer->observations);
	block_forget(peer);
	body_forget(peer);
	tls_psk_forget(peer->session);
	coap_session_set_app_data(peer->session, NULL);
	ring_leave(peer);
	DL_DELETE(peer->server->peers, peer);
	peer->server->peers_count--;
	if (peer->identity.kind == IDENTITY_NONE)
		peer->server->handshakes--;
	free(peer);
}

static void end_unread(struct transport_peer *peer)
{
	static struct log_limit limit;

	log_limited(&limit, LOG_NOTICE,
		    "%s %s does not read what it is sent: session ended",
		    identity_kind_name(peer->identity.kind), peer->identity.id);
	peer->drop = true;
}

static void count_gone(struct transport_peer *peer)
{
	uint64_t written = tls_written(peer->session), gone;

	gone = written > peer->written ? written - peer->written : 0;
	peer->written = written;
	peer->unread = gone < peer->unread ? peer->unread - gone : 0;
	if (peer->probed > peer->unread)
		peer->probed = peer->unread;
}

/**
 * peer_sends - a message for a peer is about to be handed to libcoap
 * @peer: who gets it
 * @size: bytes of its body
 *
 * libcoap reads on where it cannot write, and keeps what it could not: who
 * asks and does not read would fill our memory.  What is counted here is too
 * much by some bytes a message, so that peers_probe() looks when it grows.
 */
void peer_sends(struct transport_peer *peer, size_t size)
{
	struct transport_server *server = peer->server;

	if (!peer->reliable || peer->drop)
		return;
	count_gone(peer);
	peer->unread += size + BESIDE_BODY;
	if (peer->unread > UNREAD_MAX) {
		end_unread(peer);
	} else if (peer->unread > peer->probed + UNREAD_PROBE) {
		peer->probe = true;
		server->probing = true;
	} else {
		return;
	}
	if (!loop_timer_active(&server->later))
		loop_timer_start(&server->later, 0);
}

/**
 * peers_probe - find out for whom nothing waits
 * @server: the server; neither libcoap nor a handler is running
 *
 * A ping leaves at once only where nothing is before it.  A Pong would say
 * less: it can be sent without reading anything.  What libcoap answers by
 * itself, an unknown option say, is not counted: who sends much of whatever
 * it is and is found not to read ends, too.  It has read where all is out that
 * can have waited when it was found so first.
 */
void peers_probe(struct transport_server *server)
{
	struct transport_peer *peer, *next;
	uint64_t received;

	if (!server->probing)
		return;
	server->probing = false;
	DL_FOREACH_SAFE(server->peers, peer, next) {
		if (!peer->probe)
			continue;
		peer->probe = false;
		count_gone(peer);
		tls_ping(peer->session);
		received = tls_received(peer->session);
		if (tls_written(peer->session) > peer->written) {
			peer->unread = 0;
			peer->blocked = 0;
			peer->cleared = received;
		} else if (!peer->blocked || peer->written > peer->leaves) {
			peer->blocked = received;
			peer->leaves = peer->written + peer->unread +
				       OWN_ANSWERS * (received - peer->cleared);
		} else if (received > peer->blocked + RECEIVED_MAX) {
			end_unread(peer);
		}
		peer->probed = peer->unread;
	}
}

/**
 * peers_end_dropped - end the sessions that transport_server_drop() marked
 * @server: the server; none of its handlers is running
 */
void peers_end_dropped(struct transport_server *server)
{
	struct transport_peer *peer, *next;

	DL_FOREACH_SAFE(server->peers, peer, next) {
		if (!peer->drop)
			continue;
		peer->drop = false;
		/* the record goes when libcoap frees the session */
		coap_session_disconnected(peer->session, COAP_NACK_RST);
	}
}

static void check_received(struct transport_peer *peer)
{
	uint64_t received = tls_received(peer->session);

	if (peer->blocked || received > peer->received + RECEIVED_PROBE) {
		peer->probe = true;
		peer->server->probing = true;
	}
	peer->received = received;
}

/**
 * peers_check_life - ping the silent, end the dead; every 10 s
 * @context: the server
 */
void peers_check_life(void *context)
{
	struct transport_server *server = context;
	struct transport_peer *peer, *next;
	double now = loop_boottime();

	loop_timer_start(&server->life, LIFE_SECONDS);
	DL_FOREACH_SAFE(server->peers, peer, next) {
		if (!peer->reliable)
			continue;
		if (peer->identity.kind == IDENTITY_NONE) {
			if (peer->heard + HANDSHAKE_SECONDS < now)
				coap_session_disconnected(peer->session,
							  COAP_NACK_TLS_FAILED);
		} else if (peer->heard + SILENT_DEAD < now) {
			log_info("%s %s does not answer pings: session ended",
				 identity_kind_name(peer->identity.kind),
				 peer->identity.id);
			coap_session_disconnected(peer->session,
						  COAP_NACK_NOT_DELIVERABLE);
		} else if (peer->heard + SILENT_PING < now &&
			   peer->pinged + SILENT_PING / 2 < now) {
			peer->pinged = now;
			tls_ping(peer->session);
		} else {
			check_received(peer);
		}
	}
	/* frees ended sessions */
	if (!loop_timer_active(&server->later))
		loop_timer_start(&server->later, 0);
}

/**
 * transport_server_connected - whether a peer has a session
 * @server: the server
 * @peer: whose
 *
 * Returns true from the end of the handshake until the session is freed.
 */
bool transport_server_connected(const struct transport_server *server,
				const struct identity *peer)
{
	const struct transport_peer *at;

	DL_FOREACH(server->peers, at) {
		if (at->identity.kind == peer->kind && !at->drop &&
		    !strcmp(at->identity.id, peer->id))
			return true;
	}
	return false;
}
