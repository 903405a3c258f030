// SPDX-License-Identifier: GPL-2.0-only
/*
 * Security Agent of a PN GW or PNE (SEC_CF): opens what the member side
 * needs, in the order that leaves no moment without blocks, and closes it.
 *
 * Runs in the loop's thread.  See context.h for who owns what.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "seca/context.h"

/**
 * seca_jitter - spread a delay by a tenth up and down
 * @seconds: the delay
 *
 * Return: 0.9 to 1.1 of it.
 */
double seca_jitter(double seconds)
{
	uint16_t random = 32768;

	if (RAND_bytes((uint8_t *)&random, sizeof(random)) != 1)
		return seconds;
	return seconds * (0.9 + 0.2 * random / 65535);
}

static int read_own_identity(struct seca *seca, char *reason, size_t room)
{
	struct identity identity;
	X509 *certificate = NULL;
	int error = -EINVAL;
	FILE *file;

	if (seca->config->psk_identity) {
		snprintf(seca->node, sizeof(seca->node), "%s",
			 seca->config->psk_identity);
		return 0;
	}
	file = fopen(seca->config->cert, "re");
	if (!file) {
		error = -errno;
		snprintf(reason, room, "%s: %s (cpnsctl node install)",
			 seca->config->cert, strerror(-error));
		return error;
	}
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (!certificate)
		snprintf(reason, room, "%s: not a PEM certificate",
			 seca->config->cert);
	else if (identity_from_certificate(certificate, &identity) ||
		 identity.kind != IDENTITY_NODE)
		snprintf(reason, room, "%s: not a node's certificate (no urn:cpns:node: URI)",
			 seca->config->cert);
	else
		error = 0;
	X509_free(certificate);
	if (!error)
		snprintf(seca->node, sizeof(seca->node), "%s", identity.id);
	return error;
}

static int make_directory(const char *path, char *reason, size_t room)
{
	if (mkdir(path, 0700) && errno != EEXIST) {
		int error = -errno;

		snprintf(reason, room, "%s: %s", path, strerror(-error));
		return error;
	}
	return 0;
}

static int open_state(struct seca *seca, char *reason, size_t room)
{
	int error;

	if (snprintf(seca->directory, sizeof(seca->directory), "%s/groups",
		     seca->config->state) >= (int)sizeof(seca->directory)) {
		snprintf(reason, room, "[gateway] state: path is too long");
		return -ENAMETOOLONG;
	}
	error = make_directory(seca->config->state, reason, room);
	if (error)
		return error;
	identity_time_directory(seca->config->state);
	return make_directory(seca->directory, reason, room);
}

static int open_kernel(struct seca *seca, char *reason, size_t room)
{
	int error = cpns_open(&seca->kernel);

	if (error) {
		snprintf(reason, room,
			 "no netlink family cpns: %s (is cpns_group.ko loaded? modprobe cpns_group)",
			 strerror(-error));
		return error;
	}
	error = seca_node_look(seca, NULL, reason, room);
	if (error)
		return error;
	if (!seca->node_state.pinned)
		log_warning("the OSG's key is not pinned in the kernel: cpnsctl node pin");
	return events_open(seca, reason, room);
}

static int open_links(struct seca *seca, char *reason, size_t room)
{
	const struct pn_links_options options = {
		.loop = seca->loop,
		.config = seca->config,
		.changed = seca_links_changed,
		.context = seca,
	};

	if (!pn_links_open(&seca->links, &options))
		return seca_node_look(seca, NULL, reason, room);
	snprintf(reason, room, "no memory");
	return -ENOMEM;
}

static void traffic_needs_key(void *context, const char *sgid)
{
	struct group *group = seca_group_find(context, sgid);

	if (group)
		group_need(group, "traffic");
}

static int open_dataplane(struct seca *seca, char *reason, size_t room)
{
	const struct dataplane_options options = {
		.loop = seca->loop,
		.state_directory = seca->config->state,
		.server = seca->config->server,
		.need = traffic_needs_key,
		.context = seca,
	};

	return dataplane_open(&seca->dataplane, &options, reason, room);
}

static int open_all(struct seca *seca, char *reason, size_t room)
{
	int error;

	error = open_state(seca, reason, room) ?:
		read_own_identity(seca, reason, room) ?:
		identity_trust_open(&seca->trust, seca->config->ca,
				    seca->config->crl, reason, room) ?:
		open_kernel(seca, reason, room) ?:
		open_links(seca, reason, room) ?:
		open_dataplane(seca, reason, room) ?:
		session_home(seca, reason, room);
	if (error)
		return error;
	loop_timer_init(seca->loop, &seca->conflicts, group_conflicts_fired,
			seca);
	/* the last run's list: blocks and SAs before the server answers */
	gateway_smf_restore(seca);
	arrivals_open(seca);
	error = seca_verbs_register(seca);
	if (error)
		snprintf(reason, room, "control verbs: %s", strerror(-error));
	return error;
}

/**
 * seca_open - start the member side of the daemon
 * @seca: the result, to be closed with seca_close()
 * @options: loop, configuration and control socket, which outlive it
 * @reason: why not
 * @room: bytes of @reason
 *
 * That the server cannot be reached is no error.
 *
 * Return: 0; -ENOENT without the kernel module; or another -errno.
 */
int seca_open(struct seca **seca, const struct seca_options *options,
	      char *reason, size_t room)
{
	struct seca *made = calloc(1, sizeof(*made));
	int error;

	*seca = NULL;
	if (!made) {
		snprintf(reason, room, "no memory");
		return -ENOMEM;
	}
	made->loop = options->loop;
	made->config = options->config;
	made->control = options->control;
	made->role = options->config->roles & ROLE_GATEWAY ? "gateway" : "pne";
	if (!options->config->server) {
		snprintf(reason, room, "[gateway] server is missing");
		free(made);
		return -EINVAL;
	}
	error = open_all(made, reason, room);
	if (error) {
		seca_close(made);
		return error;
	}
	*seca = made;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void reload_psk(struct seca *seca)
{
	char reason[SECA_REASON_MAX] = "out of memory";
	struct seca_session *session;
	uint8_t key[PSK_KEY_MAX];
	size_t size;
	int error;

	error = session_psk(seca->config, key, &size, reason, sizeof(reason));
	for (session = seca->sessions; session && !error;
	     session = session->next)
		error = transport_client_reload_psk(session->client, key,
						    size);
	OPENSSL_cleanse(key, sizeof(key));
	if (error)
		log_error("the pre-shared key stays as it was: %s", reason);
}

/**
 * seca_reload - take over a configuration that was read again
 * @seca: from seca_open(), or NULL
 * @config: valid until the next call; the access list and the revocation list
 *	count at once, certificate and key at the next connection, the
 *	server's address at the next start
 */
void seca_reload(struct seca *seca, const struct config *config)
{
	struct seca_session *session;
	char reason[SECA_REASON_MAX] = "";

	if (!seca)
		return;
	if (!same_text(seca->config->server, config->server) ||
	    !same_text(seca->config->server_id, config->server_id) ||
	    !same_text(seca->config->state, config->state) ||
	    !same_text(seca->config->psk_identity, config->psk_identity))
		log_warning("[gateway] server, server-id and state, and psk-identity, change with a restart only");
	seca->config = config;
	pn_links_reload(seca->links, config);
	if (identity_trust_reload(seca->trust, config->ca, config->crl, reason,
				  sizeof(reason)))
		log_error("CA and revocation list stay as they were: %s",
			  reason);
	if (config->psk_identity) {
		reload_psk(seca);
		return;
	}
	for (session = seca->sessions; session; session = session->next)
		if (transport_client_reload(session->client, config->cert,
					    config->key, reason,
					    sizeof(reason)))
			log_error("certificate and key stay as they were: %s",
				  reason);
}

/**
 * seca_close - end the member side
 * @seca: from seca_open(), or NULL
 *
 * Keys, SAs and policies stay in the kernel: the traffic outlives the daemon,
 * and so do the blocks.
 */
void seca_close(struct seca *seca)
{
	if (!seca)
		return;
	seca->closing = true;
	pn_links_close(seca->links);
	seca->links = NULL;
	if (seca->conflicts.loop)
		loop_timer_stop(&seca->conflicts);
	arrivals_close(seca);
	requests_close(seca);
	gateway_smf_close(seca);
	group_free_all(seca);
	session_close_all(seca);
	if (seca->dataplane)
		dataplane_close(seca->dataplane);
	events_close(seca);
	if (seca->kernel)
		cpns_close(seca->kernel);
	identity_trust_close(seca->trust);
	free(seca);
}
