// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl enrol --renew: another key and certificate by the ones that are
 * there (RFC 9148 /sren).
 *
 * Both files are written beside the old ones and synced first, then renamed,
 * the key's first: what a power cut may leave between the two renames is a
 * pair that does not fit, with node.pem.new beside it.  The next renewal, due
 * or not, ends that first.  One thread.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <openssl/err.h>

#include "command.h"
#include "config.h"
#include "enrol.h"
#include "pki.h"

struct renewal {
	struct config *config;
	struct identity_trust *trust;
	struct identity identity;
	struct enrol_session session;
	struct enrol_answer answer;
	char reason[512];
};

/* a certificate that waits beside its key, which is in place already */
static void end_earlier(const struct config *config)
{
	char fresh[PATH_MAX], reason[512];
	X509 *certificate;
	EVP_PKEY *key;

	snprintf(fresh, sizeof(fresh), "%s.new", config->cert);
	if (access(fresh, F_OK))
		return;
	certificate = pki_read_certificate(fresh, reason, sizeof(reason));
	key = pki_read_private_key(config->key, reason, sizeof(reason));
	if (certificate && key &&
	    X509_check_private_key(certificate, key) == 1 &&
	    rename(fresh, config->cert))
		command_complain("%s: %s", config->cert, strerror(errno));
	ERR_clear_error();
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static int read_own(struct renewal *renewal, bool if_due, bool *due)
{
	X509 *certificate = pki_read_certificate(renewal->config->cert,
						 renewal->reason,
						 sizeof(renewal->reason));
	time_t now = identity_certificate_time(), from = 0, to;
	struct tm begin;
	int error = 0;

	if (!certificate)
		return -ENOENT;
	to = pki_not_after(certificate);
	if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &begin) == 1)
		from = timegm(&begin);
	*due = !if_due || to - now < (to - from) / 3;
	if (identity_from_certificate(certificate, &renewal->identity) ||
	    renewal->identity.kind != IDENTITY_NODE) {
		snprintf(renewal->reason, sizeof(renewal->reason),
			 "%s is not a node's certificate",
			 renewal->config->cert);
		error = -EINVAL;
	}
	X509_free(certificate);
	return error;
}

static int connect_server(struct renewal *renewal)
{
	const struct config *config = renewal->config;
	struct transport_client_options options = {
		.cert = config->cert, .key = config->key,
		.uri = config->server, .server_id = config->server_id,
	};
	int error;

	error = identity_trust_open(&renewal->trust, config->ca, config->crl,
				    renewal->reason, sizeof(renewal->reason));
	if (error)
		return error;
	options.trust = renewal->trust;
	error = enrol_session_open(&renewal->session, &options);
	if (error)
		snprintf(renewal->reason, sizeof(renewal->reason), "%s",
			 renewal->session.reason);
	return error;
}

static int check(struct renewal *renewal, X509 *certificate, EVP_PKEY *key)
{
	struct identity found;
	int error;

	error = identity_verify(renewal->trust, certificate, NULL,
				IDENTITY_NODE, &found, renewal->reason,
				sizeof(renewal->reason));
	if (error)
		return error;
	if (!strcmp(found.id, renewal->identity.id) &&
	    X509_check_private_key(certificate, key) == 1)
		return 0;
	snprintf(renewal->reason, sizeof(renewal->reason),
		 "the certificate is for another node, or another key");
	return -EPROTO;
}

static int put_in_place(struct renewal *renewal, X509 *certificate,
			EVP_PKEY *key)
{
	char fresh_cert[PATH_MAX], fresh_key[PATH_MAX];
	const struct config *config = renewal->config;
	int error;

	snprintf(fresh_cert, sizeof(fresh_cert), "%s.new", config->cert);
	snprintf(fresh_key, sizeof(fresh_key), "%s.new", config->key);
	error = pki_write_private_key(fresh_key, key, true, renewal->reason,
				      sizeof(renewal->reason));
	if (!error)
		error = pki_write_certificate(fresh_cert, certificate, true,
					      renewal->reason,
					      sizeof(renewal->reason));
	if (!error) {
		pki_give_daemon(fresh_key);
		if (rename(fresh_key, config->key) ||
		    rename(fresh_cert, config->cert)) {
			error = -errno;
			snprintf(renewal->reason, sizeof(renewal->reason),
				 "%s: %s", config->cert, strerror(errno));
		}
	}
	if (error)
		unlink(fresh_key);
	return error;
}

static int renew(struct renewal *renewal)
{
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	int error = connect_server(renewal);

	if (error)
		return error;
	error = pki_make_key(&key, renewal->reason, sizeof(renewal->reason));
	if (error)
		return error;
	error = enrol_request(&renewal->session, ".well-known/est/sren", key,
			      &renewal->identity, &renewal->answer,
			      &certificate);
	if (error)
		snprintf(renewal->reason, sizeof(renewal->reason), "%s",
			 renewal->session.reason);
	else
		error = check(renewal, certificate, key);
	if (!error)
		error = put_in_place(renewal, certificate, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return error;
}

/**
 * enrol_renew() - renew this node's certificate
 * @if_due: only in the last third of its time
 *
 * Return: an exit code of wire.md section 6.
 */
int enrol_renew(bool if_due)
{
	static struct renewal renewal;
	int error, result;
	bool due = false;

	result = command_read_config(&renewal.config);
	if (result)
		return result;
	if (!renewal.config->server) {
		command_complain("no [gateway] server in cpnsd.conf");
		config_free(renewal.config);
		return COMMAND_CONFIGURATION;
	}
	identity_time_directory(renewal.config->state);
	end_earlier(renewal.config);
	error = read_own(&renewal, if_due, &due);
	if (!error && due)
		error = renew(&renewal);
	enrol_session_close(&renewal.session);
	identity_trust_close(renewal.trust);
	if (error)
		result = enrol_failed(renewal.config->server, error,
				      renewal.reason);
	else if (due)
		printf("%s: renewed; systemctl reload cpnsd\n",
		       renewal.config->cert);
	else
		printf("%s: not due yet\n", renewal.config->cert);
	config_free(renewal.config);
	return result;
}
