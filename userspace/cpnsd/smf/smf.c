// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server side as a whole: opens KMC, OSG, store, enrolment, transport,
 * CSKMF in that order and closes them in the reverse one.
 *
 * Threading: the loop's thread.  The SMF owns all of them; loop, control
 * socket and configuration are the daemon's.
 */
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cskmf/nodes.h"
#include "log.h"
#include "smf/group_document.h"
#include "smf/smf_private.h"

static int describe(void *context, const void *document, size_t size,
		    struct group_description **description,
		    char *reason, size_t room)
{
	/* a new one went through read_document() */
	return group_document_parse_stored(document, size, description, reason,
					   room);
}

static void forget(void *context, struct group_description *description)
{
	group_document_free(description);
}

/* the CSKMF's alert: flow step 6 came to us; step 7 goes out from here */
static void alert(void *context, const struct cskmf_alert *alert)
{
	struct smf *smf = context;

	if (!alert->error) {
		if (alert->list_changed)
			notify_group(smf, alert->sgid);
		manage_alert(smf, alert);
	}
	waiting_alert(smf, alert);
}

static int leave(void *context, const char *sgid, const char *node)
{
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	int error;

	log_info("group=%s node=%s asks to leave", sgid, node);
	error = smf_member_remove(context, sgid, node, CSKMF_DOCUMENT,
				  &updated, reason);
	if (error)
		log_error("group=%s node=%s is not taken out: %s", sgid, node,
			  reason);
	return error;
}

/* the URI in the certificate that members will check our records with */
static int read_signer(struct smf *smf, char *reason, size_t room)
{
	FILE *file = fopen(smf->config->signer_cert, "re");
	X509 *certificate = NULL;
	struct identity identity;
	int result = -EINVAL;

	if (!file) {
		result = -errno;
		snprintf(reason, room, "%s: %s", smf->config->signer_cert,
			 strerror(errno));
		return result;
	}
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (certificate &&
	    !identity_from_certificate(certificate, &identity) &&
	    identity.kind == IDENTITY_SIGNER) {
		identity_uri(&identity, smf->signer);
		result = 0;
	} else {
		snprintf(reason, room,
			 "%s is not a signer's certificate (urn:cpns:signer:)",
			 smf->config->signer_cert);
	}
	X509_free(certificate);
	return result;
}

static int open_keys(struct smf *smf, char *reason, size_t room)
{
	const struct config *config = smf->config;
	struct osg_options options = {
		.signer_cert = config->signer_cert,
		.signer_key = config->signer_key,
		.osg_key = config->osg_key,
		.lab_secrets = config->lab_secrets,
	};
	const struct kmc_options kmc = {
		.state_directory = config->state,
		.provider = config->kmc,
		.previous = config->kmc_previous,
	};
	int result;

	if (mkdir(config->state, 0700) && errno != EEXIST) {
		result = -errno;
		snprintf(reason, room, "%s: %s", config->state,
			 strerror(errno));
		return result;
	}
	result = kmc_open(&smf->kmc, &kmc, reason, room);
	if (result)
		return result;
	options.kmc = smf->kmc;
	result = osg_open(&smf->osg, &options, reason, room);
	if (!result)
		result = read_signer(smf, reason, room);
	return result;
}

static struct transport_server_options transport_options(const struct smf *smf)
{
	const struct config *config = smf->config;

	return (struct transport_server_options) {
		.loop = smf->loop,
		.trust = smf->trust,
		.cert = config->cert,
		.key = config->key,
		.ca = config->ca,
		.listen = (const char *const *)config->listen,
		.listen_count = config->listen_count,
		.psk_listen = (const char *const *)config->psk_listen,
		.psk_listen_count = config->psk_listen_count,
		.psk_key = enrolment_psk_key,
		.psk_owner = smf->enrolment,
	};
}

static int open_transport(struct smf *smf, char *reason, size_t room)
{
	const struct config *config = smf->config;
	struct transport_server_options options;
	int result;

	identity_time_directory(config->state);
	result = identity_trust_open(&smf->trust, config->ca, config->crl,
				     reason, room);
	if (result)
		return result;
	options = transport_options(smf);
	return transport_server_open(&smf->server, &options, reason, room);
}

/* cpnsctl node revoke counts at once, with a revocation list or without */
static bool is_revoked(void *context, const struct identity *peer)
{
	const struct smf *smf = context;

	return peer->kind == IDENTITY_NODE &&
	       nodes_revoked(cskmf_nodes(smf->cskmf), peer->id);
}

/* the same at the PSK port; until the CSKMF has its list, nobody is let in */
static bool node_revoked(void *context, const char *node)
{
	const struct smf *smf = context;

	return !smf->cskmf || nodes_revoked(cskmf_nodes(smf->cskmf), node);
}

static int open_enrolment(struct smf *smf, char *reason, size_t room)
{
	struct enrolment_options options = {
		.config = smf->config,
		.kmc = smf->kmc,
		.store = smf->store,
		.revoked = node_revoked,
		.context = smf,
	};

	osg_public_key(smf->osg, options.osg_key);
	return enrolment_open(&smf->enrolment, &options, reason, room);
}

static int open_cskmf(struct smf *smf, char *reason, size_t room)
{
	struct cskmf_options options = {
		.loop = smf->loop,
		.osg = smf->osg,
		.store = smf->store,
		.server = smf->server,
		.events = {
			.describe = describe,
			.forget = forget,
			.alert = alert,
			.leave = leave,
			.context = smf,
		},
	};
	int result;

	result = cskmf_open(&smf->cskmf, &options, reason, room);
	if (!result)
		transport_server_bar(smf->server, is_revoked, smf);
	return result;
}

static int open_surface(struct smf *smf)
{
	int result;

	result = transport_server_route(smf->server, "smf", notify_serve,
					smf);
	if (!result)
		result = transport_server_route(smf->server, "manage",
						manage_serve, smf);
	if (!result)
		result = enrolment_route(smf->enrolment, smf->server);
	if (!result && smf->control) {
		result = verbs_register(smf);
		if (!result)
			result = enrolment_register(smf->enrolment,
						    smf->control);
		if (!result)
			result = verbs_members_register(smf);
		if (!result)
			result = verbs_nodes_register(smf);
		if (!result)
			result = verbs_server_register(smf);
	}
	return result;
}

/**
 * smf_open() - start the server side
 * @smf: gets it; smf_close() when done
 * @options: loop, configuration and control socket outlive it
 * @reason: gets the cause in words on error
 * @room: bytes of @reason
 *
 * Return: 0, or -errno of the part that did not open.
 */
int smf_open(struct smf **smf, const struct smf_options *options,
	     char *reason, size_t room)
{
	struct smf *opened = calloc(1, sizeof(*opened));
	int result;

	*smf = NULL;
	if (!opened)
		return -ENOMEM;
	*reason = 0;
	opened->loop = options->loop;
	opened->config = options->config;
	opened->control = options->control;
	opened->started = loop_boottime();
	loop_timer_init(opened->loop, &opened->dropping, NULL, NULL);
	result = open_keys(opened, reason, room);
	if (!result)
		result = store_open(&opened->store, options->config->state,
				    reason, room);
	if (!result)
		result = open_enrolment(opened, reason, room);
	if (!result)
		result = open_transport(opened, reason, room);
	if (!result)
		result = open_cskmf(opened, reason, room);
	if (!result)
		result = open_surface(opened);
	if (result) {
		if (!*reason)
			snprintf(reason, room, "server: %s",
				 strerror(-result));
		smf_close(opened);
		return result;
	}
	directory_read(opened, CSKMF_AT_START);
	*smf = opened;
	return 0;
}

/**
 * smf_close() - end the server side
 * @smf: may be NULL; none of its handlers is running
 *
 * Sessions end; all that members know of is in the store.
 */
void smf_close(struct smf *smf)
{
	if (!smf)
		return;
	loop_timer_stop(&smf->dropping);
	waiting_close(smf);
	/* the transport's handlers point into the CSKMF, so it goes first */
	transport_server_close(smf->server);
	enrolment_close(smf->enrolment);
	cskmf_close(smf->cskmf);
	store_close(smf->store);
	osg_close(smf->osg);
	kmc_close(smf->kmc);
	identity_trust_close(smf->trust);
	notify_close(smf);
	directory_close(smf);
	free(smf->to_drop);
	free(smf);
}

/**
 * smf_reload() - take another configuration
 * @smf: the server side
 * @config: lives as long as the old one would have
 *
 * Group documents are read again and smf-allowed counts at once;
 * certificate, key, CA, revocation list and addresses, too; sessions stay.
 * The OSG's and the signer's keys change with a restart only.
 *
 * Return: 0 or -errno, then what is named in the log is as before.
 */
int smf_reload(struct smf *smf, const struct config *config)
{
	struct transport_server_options options;
	char reason[256] = "";
	int result;

	smf->config = config;
	directory_read(smf, CSKMF_DOCUMENT);
	result = identity_trust_reload(smf->trust, config->ca, config->crl,
				       reason, sizeof(reason));
	if (result)
		log_error("CA and revocation list stay as they were: %s",
			  reason);
	if (enrolment_reload(smf->enrolment, config, reason, sizeof(reason)))
		log_error("pre-shared keys stay as they were: %s", reason);
	options = transport_options(smf);
	result = transport_server_reload(smf->server, &options, reason,
					 sizeof(reason));
	if (result)
		log_error("certificate, key or addresses stay as they were: %s",
			  reason);
	return result;
}
