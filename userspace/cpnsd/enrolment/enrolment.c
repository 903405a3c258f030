// SPDX-License-Identifier: GPL-2.0-only
/*
 * Enrolment as a whole: opening, the keys of the PSK port, routes; see
 * enrolment.h.
 *
 * Loop's thread.  Owns the authority and the table of pre-shared keys; KMC,
 * store and configuration are the server's.
 */
#include "enrolment/enrolment_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/*
 * The file need not be there where tokens alone are used; where neither is,
 * a PSK port could let nobody in.
 */
static int read_keys(const struct config *config, struct psk_table **keys,
		     char *reason, size_t room)
{
	int error;

	*keys = NULL;
	if (!config->psk_listen_count)
		return 0;
	error = psk_table_open(keys, config->psk_file, reason, room);
	return error == -ENOENT && config->ca_key ? 0 : error;
}

/**
 * enrolment_open() - start what the configuration asks for
 * @enrolment: gets it; enrolment_close() when done
 * @options: all that is pointed to outlives it
 * @reason: gets the cause in words
 * @room: bytes of @reason
 *
 * Return: 0, -ENOMEM, or the errors of psk_table_open() and kmc_ca_open().
 */
int enrolment_open(struct enrolment **enrolment,
		   const struct enrolment_options *options, char *reason,
		   size_t room)
{
	struct enrolment *opened = calloc(1, sizeof(*opened));
	const struct config *config = options->config;
	int error;

	*enrolment = NULL;
	if (!opened)
		return -ENOMEM;
	opened->config = config;
	opened->kmc = options->kmc;
	opened->store = options->store;
	opened->revoked = options->revoked;
	opened->context = options->context;
	memcpy(opened->osg_key, options->osg_key, sizeof(opened->osg_key));
	error = read_keys(config, &opened->keys, reason, room);
	if (!error && config->ca_key)
		error = kmc_ca_open(&opened->ca, config->ca, config->ca_key,
				    reason, room);
	if (error)
		enrolment_close(opened);
	else
		*enrolment = opened;
	return error;
}

/**
 * enrolment_close() - end it; keys are wiped
 * @enrolment: may be NULL; the transport asks for no key any more
 */
void enrolment_close(struct enrolment *enrolment)
{
	if (!enrolment)
		return;
	psk_table_close(enrolment->keys);
	kmc_ca_close(enrolment->ca);
	free(enrolment);
}

/**
 * enrolment_reload() - take another configuration
 * @enrolment: may be NULL
 * @config: lives as long as the old one would have
 * @reason: gets the cause in words
 * @room: bytes of @reason
 *
 * The keys of nodes count from the next handshake on; psk-listen and ca-key
 * change with a restart only.
 *
 * Return: 0, or the errors of psk_table_open(); then the old keys stay.
 */
int enrolment_reload(struct enrolment *enrolment, const struct config *config,
		     char *reason, size_t room)
{
	struct psk_table *fresh;
	int error;

	if (!enrolment)
		return 0;
	if (config->psk_listen_count != enrolment->config->psk_listen_count ||
	    !config->ca_key != !enrolment->config->ca_key)
		log_warning("[server] psk-listen and ca-key change with a restart only");
	enrolment->config = config;
	error = read_keys(config, &fresh, reason, room);
	if (error)
		return error;
	psk_table_close(enrolment->keys);
	enrolment->keys = fresh;
	return 0;
}

/**
 * enrolment_psk_key() - the key of a PSK identity
 * @owner: the enrolment
 * @identity: who comes
 * @key: gets the key; the caller's to wipe
 * @size: of @key
 *
 * Return: 0; -ENOENT none is known; -EACCES the node is revoked; -ETIME the
 * token is too old; -EIO.
 */
int enrolment_psk_key(void *owner, const struct identity *identity,
		      uint8_t key[PSK_KEY_MAX], size_t *size)
{
	struct enrolment *enrolment = owner;

	if (enrolment->revoked(enrolment->context, identity->id))
		return -EACCES;
	if (identity->kind == IDENTITY_NODE)
		return psk_table_find(enrolment->keys, identity->id, key,
				      size);
	if (identity->kind != IDENTITY_ENROLLING || !enrolment->ca)
		return -ENOENT;
	return tokens_psk(enrolment, identity->id, key, size);
}

/**
 * enrolment_route() - serve /.well-known and /enrolment
 * @enrolment: nothing is served without ca-key
 * @server: the transport
 *
 * Return: 0 or the errors of transport_server_route().
 */
int enrolment_route(struct enrolment *enrolment,
		    struct transport_server *server)
{
	int error;

	if (!enrolment->ca)
		return 0;
	enrolment->server = server;
	error = transport_server_route_enrolling(server, ".well-known",
						 est_serve, enrolment);
	if (error)
		return error;
	return transport_server_route_enrolling(server, "enrolment",
						node_settings_serve,
						enrolment);
}

/**
 * enrolment_revoke() - the token of a revoked node ends
 * @enrolment: may be NULL
 * @node: which
 */
void enrolment_revoke(struct enrolment *enrolment, const char *node)
{
	if (enrolment)
		store_token_remove(enrolment->store, node);
}
