// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the server listens, and how much it takes.
 *
 * Loop's thread only, at opening and when the configuration is read again.
 */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "transport/server_private.h"

#define HANDSHAKES_MAX		4096	/* all gateways, after a restart */
#define SESSIONS_MAX		(1u << 20)
#define DESCRIPTORS_WANTED	65536
#define BACKLOG			1024
#define OTHER_DESCRIPTORS	64	/* what the daemon needs besides sessions */

/**
 * server_set_limits - how many sessions and handshakes there may be
 * @server: the server
 *
 * A session is a descriptor: the process' soft limit is raised as far as the
 * system lets us.
 */
void server_set_limits(struct transport_server *server)
{
	rlim_t most = OTHER_DESCRIPTORS * 2;
	struct rlimit limit;

	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		most = limit.rlim_cur;
		if (most < DESCRIPTORS_WANTED) {
			limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ?
					 limit.rlim_max : DESCRIPTORS_WANTED;
			if (!setrlimit(RLIMIT_NOFILE, &limit))
				most = limit.rlim_cur;
		}
	}
	if (most > SESSIONS_MAX)
		most = SESSIONS_MAX;
	server->peers_max = most > 2 * OTHER_DESCRIPTORS ?
			    (unsigned int)most - OTHER_DESCRIPTORS :
			    OTHER_DESCRIPTORS;
	server->handshakes_max = server->peers_max / 2 < HANDSHAKES_MAX ?
				 server->peers_max / 2 : HANDSHAKES_MAX;
}

/*
 * libcoap listens with a backlog of five: when all gateways come back after a
 * restart, most of them would wait for seconds until TCP tries again.  It
 * does not tell its socket either; it is the descriptor that was free before,
 * which is checked.
 */
static void deepen_backlog(int fd, const coap_address_t *address)
{
	struct sockaddr_storage bound;
	socklen_t size = sizeof(bound);
	socklen_t length = sizeof(int);
	int listening = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) ||
	    !listening ||
	    getsockname(fd, (struct sockaddr *)&bound, &size) ||
	    size != address->size || memcmp(&bound, &address->addr, size) ||
	    listen(fd, BACKLOG))
		log_warning("the backlog of a listening socket stays short");
}

/**
 * server_listen - listen on one address
 * @server: the server
 * @context: its libcoap context for certificates or for PSK, set up
 * @uri: coaps+tcp://[::]:5684; the address in numbers
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL, or the errno of the socket.
 */
int server_listen(struct transport_server *server, coap_context_t *context,
		  const char *uri, char *reason, size_t room)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	};
	struct transport_endpoint endpoint;
	struct addrinfo *found = NULL;
	coap_endpoint_t *made;
	coap_address_t address;
	char port[8], *text;
	int next_fd, result;

	result = transport_endpoint_parse(uri, &endpoint, reason, room);
	if (result)
		return result;
	snprintf(port, sizeof(port), "%u", endpoint.port);
	hints.ai_socktype = endpoint.tls ? SOCK_STREAM : SOCK_DGRAM;
	if (getaddrinfo(endpoint.host, port, &hints, &found) || !found) {
		snprintf(reason, room, "%s: an address of numbers is needed",
			 uri);
		return -EINVAL;
	}
	coap_address_init(&address);
	address.size = found->ai_addrlen;
	memcpy(&address.addr, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);

	text = server->listening_count < LISTENING_MAX ? strdup(uri) : NULL;
	if (!text) {
		snprintf(reason, room, "%s: too many addresses, or no memory",
			 uri);
		return -ENOMEM;
	}
	next_fd = dup(coap_context_get_coap_fd(context));
	if (next_fd >= 0)
		close(next_fd);
	errno = 0;
	made = coap_new_endpoint(context, &address,
				 endpoint.tls ? COAP_PROTO_TLS :
						COAP_PROTO_DTLS);
	if (!made) {
		result = errno ? -errno : -EADDRINUSE;
		snprintf(reason, room, "cannot listen on %s: %s", uri,
			 strerror(-result));
		free(text);
		return result;
	}
	server->listening[server->listening_count].uri = text;
	server->listening[server->listening_count].psk =
		context == server->psk_coap;
	server->listening[server->listening_count++].endpoint = made;
	if (endpoint.tls)
		deepen_backlog(next_fd, &address);
	return 0;
}

/* by port and protocol; a session too many only has to come again */
static bool came_there(const struct transport_peer *peer, const char *uri)
{
	const coap_address_t *local = coap_session_get_addr_local(peer->session);
	struct transport_endpoint endpoint;
	char reason[128];

	return !transport_endpoint_parse(uri, &endpoint, reason,
					 sizeof(reason)) &&
	       endpoint.tls == peer->reliable &&
	       endpoint.port == coap_address_get_port(local);
}

/**
 * server_listen_end - listen no more on one address
 * @server: none of its handlers is running
 * @index: of its list; libcoap ends the sessions that came there
 */
void server_listen_end(struct transport_server *server, size_t index)
{
	struct transport_peer *peer, *next;

	/* libcoap frees the endpoint's sessions and tells of none */
	DL_FOREACH_SAFE(server->peers, peer, next) {
		if (!came_there(peer, server->listening[index].uri))
			continue;
		coap_session_disconnected(peer->session, COAP_NACK_RST);
		peer_free(peer);
	}
	coap_free_endpoint(server->listening[index].endpoint);
	free(server->listening[index].uri);
	server->listening[index] =
		server->listening[--server->listening_count];
}

static bool is_listed(const char *uri, const char *const *listen, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(listen[i], uri))
			return true;
	return false;
}

/**
 * server_listen_anew - listen on these addresses and no others
 * @server: none of its handlers is running
 * @listen: URIs
 * @count: of @listen
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * New addresses come first: where one fails nothing has changed.  The PSK
 * port stays as it is.
 *
 * Returns 0 or the errors of server_listen().
 */
int server_listen_anew(struct transport_server *server,
		       const char *const *listen, size_t count,
		       char *reason, size_t room)
{
	size_t before = server->listening_count, i, j;
	int result = 0;

	for (i = 0; i < count && !result; i++) {
		for (j = 0; j < server->listening_count; j++)
			if (!strcmp(server->listening[j].uri, listen[i]))
				break;
		if (j == server->listening_count)
			result = server_listen(server, server->context,
					       listen[i], reason, room);
	}
	while (result && server->listening_count > before)
		server_listen_end(server, server->listening_count - 1);
	for (i = server->listening_count; !result && i--;)
		if (!server->listening[i].psk &&
		    !is_listed(server->listening[i].uri, listen, count))
			server_listen_end(server, i);
	return result;
}
