// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CoAP server: opening, routes, libcoap's events, closing.
 *
 * Everything runs in the loop's thread: libcoap's epoll descriptor is one
 * watcher of the loop (it covers libcoap's timers too), notifications and
 * drops come from a timer of zero seconds.  transport_server_close() must
 * not be called from a handler.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "transport/server_private.h"

#define IDLE_SECONDS		240	/* nothing received: session freed */
#define FIRST_LIFE_CHECK	10.0
#define TURNS_MAX		8
#define PEERS_PER_REQUEST	64
#define PUSH_FIRST		0.5	/* s */

static void run_libcoap(struct transport_server *server)
{
	server->running++;
	coap_io_process(server->context, COAP_IO_NO_WAIT);
	server->running--;
}

/*
 * What is to be pushed goes out before anything is read, so that the last
 * observers do not wait for the reports of the first: for half a second, then
 * both take turns.
 */
static bool push_comes_first(const struct transport_server *server)
{
	return server->due && (!server->push_since ||
			       loop_boottime() - server->push_since <
			       PUSH_FIRST);
}

/*
 * While requests come, libcoap looks for more by itself: cheaper than by the
 * loop, whose other watchers wait for some turns at most.  With many peers it
 * is not: each time libcoap goes through all of its sessions.
 */
static void readable(void *context)
{
	struct transport_server *server = context;
	unsigned int turn;
	uint64_t before;

	if (push_comes_first(server))
		return;
	for (turn = 0; turn < TURNS_MAX; turn++) {
		before = server->requests;
		run_libcoap(server);
		if (server->due || server->peers_count >=
		    (server->requests - before) * PEERS_PER_REQUEST)
			break;
	}
}

static void later(void *context)
{
	struct transport_server *server = context;

	observations_notify_due(server);
	peers_probe(server);
	if (!server->due)
		server->push_since = 0.0;
	else if (!server->push_since)
		server->push_since = loop_boottime();
	if (push_comes_first(server))
		return;
	/* the last words to a dropped peer have been said */
	if (!server->due)
		peers_end_dropped(server);
	/* frees ended sessions, sets libcoap's timer anew */
	run_libcoap(server);
	server_psk_run(server);
}

static int event(coap_session_t *session, const coap_event_t event)
{
	struct transport_server *server;
	struct transport_peer *peer;
	char address[64];
	size_t size;

	server = coap_get_app_data(coap_session_get_context(session));
	peer = coap_session_get_app_data(session);
	switch (event) {
	case COAP_EVENT_SERVER_SESSION_NEW:
		peer_begin(server, session);
		break;
	case COAP_EVENT_DTLS_CONNECTED:
		/* looks at the key once more */
		peer = peer_of_session(server, session);
		tls_psk_forget(session);
		if (!peer)
			break;
		size = coap_print_addr(coap_session_get_addr_remote(session),
				       (unsigned char *)address,
				       sizeof(address) - 1);
		address[size < sizeof(address) ? size : 0] = '\0';
		log_info("%s %s connected from %s",
			 identity_kind_name(peer->identity.kind),
			 peer->identity.id, address);
		identity_time_save(0);
		break;
	case COAP_EVENT_DTLS_CLOSED:
	case COAP_EVENT_TCP_CLOSED:
	case COAP_EVENT_SESSION_CLOSED:
	case COAP_EVENT_SESSION_FAILED:
		/* nothing can be sent any more; the record goes with the session */
		while (peer && peer->observations)
			observation_end(peer->observations);
		break;
	case COAP_EVENT_SERVER_SESSION_DEL:
		tls_psk_forget(session);
		if (peer && peer->identity.kind != IDENTITY_NONE)
			log_info("%s %s disconnected",
				 identity_kind_name(peer->identity.kind),
				 peer->identity.id);
		if (peer)
			peer_free(peer);
		break;
	default:
		break;
	}
	return 0;
}

static void alive(coap_session_t *session, const coap_pdu_t *received,
		  const coap_mid_t id)
{
	struct transport_peer *peer = coap_session_get_app_data(session);

	if (!peer)
		return;
	peer->heard = loop_boottime();
	/* libcoap answers a ping */
	if (coap_pdu_get_code(received) == (coap_pdu_code_t)
	    COAP_SIGNALING_CODE_PING)
		peer_sends(peer, 0);
}

/* DTLS: a notification that was reset or never acknowledged */
static void rejected(coap_session_t *session, const coap_pdu_t *sent,
		     const coap_nack_reason_t reason, const coap_mid_t id)
{
	struct transport_peer *peer = coap_session_get_app_data(session);
	coap_bin_const_t token;

	if (!peer || !sent)
		return;
	token = coap_pdu_get_token(sent);
	observation_end_token(peer, NULL, &token, true);
}

/* a node's certificate here would be refused by every client: say it now */
static int check_own_certificate(struct transport_server *server,
				 const char *path, char *reason, size_t room)
{
	const struct tls_credentials *own = &server->tls.credentials;
	const uint8_t *at = own->certificate;
	struct identity identity;
	char cause[TLS_REASON_MAX];
	X509 *certificate;
	int result;

	certificate = d2i_X509(NULL, &at, (long)own->certificate_size);
	if (!certificate)
		return -EINVAL;
	result = identity_from_certificate(certificate, &identity);
	X509_free(certificate);
	if (result || identity.kind != IDENTITY_SERVER) {
		snprintf(reason, room,
			 "%s is not a server's certificate (urn:cpns:server:)",
			 path);
		return -EINVAL;
	}
	if (identity_verify_der(server->tls.trust, own->certificate,
				own->certificate_size, IDENTITY_SERVER,
				&identity, cause, sizeof(cause)))
		log_warning("%s: %s", path, cause);
	return 0;
}

/**
 * server_context_new - a libcoap context that serves our resources
 * @server: the server
 *
 * Returns it without keys and addresses, or NULL: out of memory.
 */
coap_context_t *server_context_new(struct transport_server *server)
{
	coap_context_t *context = coap_new_context(NULL);
	coap_resource_t *resource;
	int method;

	if (!context)
		return NULL;
	coap_set_app_data(context, server);
	/* blocks of either direction are ours: server_block.c, server_body.c */
	coap_context_set_block_mode(context, 0);
	coap_context_set_csm_max_message_size(context, MESSAGE_MAX);
	coap_context_set_session_timeout(context, IDLE_SECONDS);
	coap_context_set_max_handshake_sessions(context,
						server->handshakes_max);
	coap_register_event_handler(context, event);
	coap_register_ping_handler(context, alive);
	coap_register_pong_handler(context, alive);
	coap_register_nack_handler(context, rejected);

	resource = coap_resource_unknown_init2(server_handle, 0);
	if (!resource) {
		coap_free_context(context);
		return NULL;
	}
	for (method = METHOD_GET; method <= METHOD_IPATCH; method++)
		coap_register_request_handler(resource, (coap_request_t)method,
					      server_handle);
	coap_add_resource(context, resource);
	/* libcoap would answer this one itself, with an empty list */
	resource = coap_resource_init(coap_make_str_const(".well-known/core"),
				      0);
	if (!resource) {
		coap_free_context(context);
		return NULL;
	}
	coap_register_request_handler(resource, COAP_REQUEST_GET,
				      server_handle);
	coap_add_resource(context, resource);
	return context;
}

static int set_context_up(struct transport_server *server)
{
	server->context = server_context_new(server);
	if (!server->context)
		return -ENOMEM;
	return tls_server_adopt(server->context, &server->tls) ? 0 : -EINVAL;
}

/**
 * transport_server_open - listen for CoAP over TLS and DTLS
 * @server: result; transport_server_close() ends it
 * @options: files, addresses, trust; the trust and the loop outlive the
 *	server, the rest is copied or read now
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL for a bad address or certificate, -ENOMEM, or the errno
 * of a file or socket.
 */
int transport_server_open(struct transport_server **server,
			  const struct transport_server_options *options,
			  char *reason, size_t room)
{
	struct transport_server *fresh;
	int result;
	size_t i;

	*server = NULL;
	tls_start_libcoap();
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh) {
		snprintf(reason, room, "out of memory");
		return -ENOMEM;
	}
	fresh->loop = options->loop;
	fresh->tls.trust = options->trust;
	fresh->tls.server = true;
	server_set_limits(fresh);
	loop_timer_init(fresh->loop, &fresh->later, later, fresh);
	loop_timer_init(fresh->loop, &fresh->life, peers_check_life, fresh);

	result = tls_credentials_read(&fresh->tls.credentials, options->cert,
				      options->key, reason, room);
	if (!result)
		result = check_own_certificate(fresh, options->cert, reason,
					       room);
	if (result)
		goto fail;
	result = set_context_up(fresh);
	if (result) {
		snprintf(reason, room, "cannot set libcoap up");
		goto fail;
	}
	for (i = 0; i < options->listen_count; i++) {
		result = server_listen(fresh, fresh->context,
				       options->listen[i], reason, room);
		if (result)
			goto fail;
	}
	result = server_psk_open(fresh, options, reason, room);
	if (result)
		goto fail;
	loop_fd_start(fresh->loop, &fresh->readable,
		      coap_context_get_coap_fd(fresh->context), readable,
		      fresh);
	loop_timer_start(&fresh->life, FIRST_LIFE_CHECK);
	run_libcoap(fresh);
	*server = fresh;
	return 0;
fail:
	transport_server_close(fresh);
	return result;
}

/**
 * transport_server_reload - take another certificate, key and addresses
 * @server: the server; none of its handlers is running
 * @options: cert, key and listen count, the rest stays
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Sessions stay, but for those of an address that is listened on no more.
 *
 * Returns 0 or the errors of transport_server_open(); then the old ones stay.
 */
int transport_server_reload(struct transport_server *server,
			    const struct transport_server_options *options,
			    char *reason, size_t room)
{
	struct tls_credentials before = server->tls.credentials;
	int result;

	result = tls_credentials_read(&server->tls.credentials, options->cert,
				      options->key, reason, room);
	if (!result)
		result = check_own_certificate(server, options->cert, reason,
					       room);
	if (!result && !tls_server_adopt(server->context, &server->tls)) {
		snprintf(reason, room, "libcoap does not take the certificate");
		result = -EINVAL;
	}
	if (result) {
		tls_credentials_wipe(&server->tls.credentials);
		server->tls.credentials = before;
		tls_server_adopt(server->context, &server->tls);
		return result;
	}
	tls_credentials_wipe(&before);
	result = server_listen_anew(server, options->listen,
				    options->listen_count, reason, room);
	run_libcoap(server);
	return result;
}

/**
 * transport_server_close - end all sessions and stop listening
 * @server: may be NULL; none of its handlers is running
 */
void transport_server_close(struct transport_server *server)
{
	if (!server)
		return;
	if (server->readable.loop)
		loop_fd_stop(&server->readable);
	loop_timer_stop(&server->later);
	loop_timer_stop(&server->life);
	while (server->peers)
		peer_free(server->peers);
	if (server->context) {
		coap_register_event_handler(server->context, NULL);
		coap_register_nack_handler(server->context, NULL);
		coap_free_context(server->context);
	}
	server_psk_close(server);
	while (server->listening_count)
		free(server->listening[--server->listening_count].uri);
	while (server->routes_count)
		free(server->routes[--server->routes_count].first);
	tls_credentials_wipe(&server->tls.credentials);
	free(server);
}

static int add_route(struct transport_server *server, const char *first,
		     bool enrolling, transport_handler handler, void *context)
{
	size_t i;

	for (i = 0; i < server->routes_count; i++) {
		if (!strcmp(server->routes[i].first, first))
			return -EEXIST;
	}
	if (server->routes_count == ROUTES_MAX)
		return -ENOSPC;
	server->routes[i].first = strdup(first);
	if (!server->routes[i].first)
		return -ENOMEM;
	server->routes[i].enrolling = enrolling;
	server->routes[i].handler = handler;
	server->routes[i].context = context;
	server->routes_count++;
	return 0;
}

/**
 * transport_server_bar - keep peers out although their certificates are good
 * @server: the server
 * @barred: asked at each handshake, in the loop's thread; NULL: nobody is
 * @context: for @barred
 */
void transport_server_bar(struct transport_server *server,
			  bool (*barred)(void *context,
					 const struct identity *peer),
			  void *context)
{
	server->tls.barred = barred;
	server->tls.barred_context = context;
}

/**
 * transport_server_route - serve every path whose first segment is @first
 * @server: the server
 * @first: copied; "ace-group"
 * @handler: runs in the loop's thread for requests and notifications
 * @context: for @handler
 *
 * Returns 0, -EEXIST, -ENOSPC or -ENOMEM.
 */
int transport_server_route(struct transport_server *server, const char *first,
			   transport_handler handler, void *context)
{
	return add_route(server, first, false, handler, context);
}

/**
 * transport_server_route_enrolling - serve nodes that come with a token, too
 * @server: the server
 * @first: copied; ".well-known"
 * @handler: as for transport_server_route()
 * @context: for @handler
 *
 * Every other route is refused to them before its handler sees them.
 *
 * Returns as transport_server_route().
 */
int transport_server_route_enrolling(struct transport_server *server,
				     const char *first,
				     transport_handler handler, void *context)
{
	return add_route(server, first, true, handler, context);
}

/**
 * transport_server_drop - end the sessions of a node, after what is due
 * @server: the server
 * @peer: whose; after its revocation or eviction
 *
 * Requests of the node are refused from now on; notifications that are due
 * already go out first, then the sessions end.
 */
void transport_server_drop(struct transport_server *server,
			   const struct identity *peer)
{
	struct transport_peer *at;

	DL_FOREACH(server->peers, at) {
		if (at->identity.kind == peer->kind &&
		    !strcmp(at->identity.id, peer->id))
			at->drop = true;
	}
	loop_timer_start(&server->later, 0);
}
