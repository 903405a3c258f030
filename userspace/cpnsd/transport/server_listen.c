// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the server listens, and how much it takes.
 *
 * Loop's thread only, at opening.
 */
#include <errno.h>
#include <netdb.h>
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
 * @server: its libcoap context is set up
 * @uri: coaps+tcp://[::]:5684; the address in numbers
 * @reason: gets the cause of an error in words
 * @room: size of @reason
 *
 * Returns 0, -EINVAL, or the errno of the socket.
 */
int server_listen(struct transport_server *server, const char *uri,
		  char *reason, size_t room)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	};
	struct transport_endpoint endpoint;
	struct addrinfo *found = NULL;
	coap_address_t address;
	char port[8];
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

	next_fd = dup(coap_context_get_coap_fd(server->context));
	if (next_fd >= 0)
		close(next_fd);
	errno = 0;
	if (!coap_new_endpoint(server->context, &address,
			       endpoint.tls ? COAP_PROTO_TLS :
					      COAP_PROTO_DTLS)) {
		result = errno ? -errno : -EADDRINUSE;
		snprintf(reason, room, "cannot listen on %s: %s", uri,
			 strerror(-result));
		return result;
	}
	if (endpoint.tls)
		deepen_backlog(next_fd, &address);
	return 0;
}
