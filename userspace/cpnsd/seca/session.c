// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions to the servers: the configured one, and one for each other server
 * that a key location names.
 *
 * Runs in the loop's thread.  struct seca owns the sessions; none is closed
 * before the daemon ends, groups may point to them.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seca/context.h"

static void session_connected(void *context)
{
	struct seca_session *session = context;

	session->connected = true;
	session->failures = 0;
	gateway_smf_register(session);
}

static void session_disconnected(void *context, const char *reason)
{
	struct seca_session *session = context;
	struct seca *seca = session->seca;
	struct group *group, *next;

	/* the transport tells of each attempt that fails */
	if (session->connected)
		log_warning("%s lost: %s; keys in the kernel serve until their lifetime ends",
			    session->origin,
			    reason && *reason ? reason : "no reason given");
	session->connected = false;
	session->registered = false;
	loop_timer_stop(&session->retry);
	gateway_smf_session_lost(session);
	HASH_ITER(hh, seca->groups, group, next)
		if (group->session == session)
			group_session_lost(group);
}

static void session_retry(void *context)
{
	gateway_smf_register(context);
}

/**
 * session_psk - read this node's pre-shared key
 * @config: with a psk-identity
 * @key: result, the caller's to wipe
 * @size: of the key
 * @reason: why not
 * @room: bytes of @reason
 *
 * Return: 0, or the errors of psk_table_open() and psk_table_find().
 */
int session_psk(const struct config *config, uint8_t key[PSK_KEY_MAX],
		size_t *size, char *reason, size_t room)
{
	struct psk_table *table;
	int error = psk_table_open(&table, config->psk_file, reason, room);

	if (error)
		return error;
	error = psk_table_find(table, config->psk_identity, key, size);
	if (error)
		snprintf(reason, room, "%s has no key of %s",
			 config->psk_file, config->psk_identity);
	psk_table_close(table);
	return error;
}

/* origins of location_parse(), which always have a port: the same host? */
static bool same_host(const char *a, const char *b)
{
	const char *host_a = strstr(a, "://"), *host_b = strstr(b, "://");
	size_t size_a, size_b;

	if (!host_a || !host_b)
		return false;
	size_a = (size_t)(strrchr(host_a, ':') - host_a);
	size_b = (size_t)(strrchr(host_b, ':') - host_b);
	return size_a == size_b && !memcmp(host_a, host_b, size_a);
}

static int session_open(struct seca *seca, const char *uri, const char *origin,
			const char *server_id, struct seca_session **opened,
			char *reason, size_t room)
{
	struct transport_client_options options = {
		.loop = seca->loop,
		.trust = seca->trust,
		.cert = seca->config->cert,
		.key = seca->config->key,
		.ca = seca->config->ca,
		.uri = uri,
		.server_id = server_id,
		.connected = session_connected,
		.disconnected = session_disconnected,
	};
	struct seca_session *session = calloc(1, sizeof(*session));
	uint8_t key[PSK_KEY_MAX];
	int error;

	*opened = NULL;
	if (!session) {
		snprintf(reason, room, "no memory");
		return -ENOMEM;
	}
	if (seca->config->psk_identity) {
		error = session_psk(seca->config, key, &options.psk_key_size,
				    reason, room);
		if (error) {
			free(session);
			return error;
		}
		options.psk_identity = seca->config->psk_identity;
		options.psk_key = key;
	}
	session->seca = seca;
	snprintf(session->origin, sizeof(session->origin), "%s", origin);
	loop_timer_init(seca->loop, &session->retry, session_retry, session);
	options.context = session;
	/* connected() may come before open returns: be in the list by then */
	session->next = seca->sessions;
	seca->sessions = session;
	session->home = !seca->home;
	if (session->home)
		seca->home = session;
	error = transport_client_open(&session->client, &options, reason, room);
	OPENSSL_cleanse(key, sizeof(key));
	if (error) {
		seca->sessions = session->next;
		if (seca->home == session)
			seca->home = NULL;
		free(session);
		return error;
	}
	*opened = session;
	return 0;
}

/**
 * session_home - open the session to the configured CPNS Server
 * @seca: the member side
 * @reason: why not
 * @room: bytes of @reason
 *
 * Return: 0 or -errno.  That the server does not answer is no error: the
 * transport tries again for ever.
 */
int session_home(struct seca *seca, char *reason, size_t room)
{
	struct location server;
	struct seca_session *session;
	int error;

	error = location_parse(seca->config->server, &server, reason, room);
	if (error)
		return error;
	if (server.path_count) {
		snprintf(reason, room, "[gateway] server: %s has a path",
			 seca->config->server);
		return -EINVAL;
	}
	return session_open(seca, seca->config->server, server.origin,
			    seca->config->server_id, &session, reason, room);
}

/**
 * session_for - the session to the server of a key location
 * @seca: the member side
 * @origin: of location_parse()
 * @reason: why not
 * @room: bytes of @reason
 *
 * Another server than the configured one may have any id, but must prove the
 * host name or address of the location with a certificate of the same CA.
 * With a pre-shared key, a location on the configured server's host is served
 * at its PSK port: locations name the port for certificates.
 *
 * Return: the session, opened when it is the first use, or NULL.
 */
struct seca_session *session_for(struct seca *seca, const char *origin,
				 char *reason, size_t room)
{
	struct seca_session *session;

	for (session = seca->sessions; session; session = session->next)
		if (!strcmp(session->origin, origin))
			return session;
	if (seca->config->psk_identity && seca->home &&
	    same_host(seca->home->origin, origin))
		return seca->home;
	session_open(seca, origin, origin, NULL, &session, reason, room);
	return session;
}

/**
 * session_close_all - end all sessions
 * @seca: the member side; groups must not call any more
 */
void session_close_all(struct seca *seca)
{
	struct seca_session *session;

	while ((session = seca->sessions)) {
		seca->sessions = session->next;
		loop_timer_stop(&session->retry);
		transport_client_close(session->client);
		free(session);
	}
	seca->home = NULL;
}
