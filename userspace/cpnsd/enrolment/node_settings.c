// SPDX-License-Identifier: GPL-2.0-only
/*
 * /enrolment: what a node needs besides its certificate.
 *
 * Loop's thread.  The session, agreed with the token or with certificates,
 * is what makes it authentic; nothing of it is secret.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>

#include "enrolment/enrolment_private.h"
#include "enrolment/settings.h"
#include "transport/endpoint.h"

static bool read_server_id(const char *path, char uri[96])
{
	FILE *file = fopen(path, "re");
	X509 *certificate = NULL;
	struct identity identity;
	bool good = false;

	if (!file)
		return false;
	certificate = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	if (certificate &&
	    !identity_from_certificate(certificate, &identity) &&
	    identity.kind == IDENTITY_SERVER) {
		identity_uri(&identity, uri);
		good = true;
	}
	X509_free(certificate);
	return good;
}

/**
 * node_settings_serve() - GET of /enrolment
 * @context: the enrolment
 * @request: of a node, or of one that comes with a token
 * @answer: to fill
 */
void node_settings_serve(void *context,
			 const struct transport_request *request,
			 struct transport_answer *answer)
{
	const struct enrolment *enrolment = context;
	struct node_settings settings = { .port = 0 };
	struct transport_endpoint endpoint;
	uint8_t *bytes = NULL;
	char reason[128];
	size_t size = 0;

	if (request->path_count != 1) {
		transport_answer_problem(answer, COAP_NOT_FOUND,
					 "No such resource", INT32_MIN);
		return;
	}
	if (request->method != METHOD_GET) {
		transport_answer_problem(answer, COAP_METHOD_NOT_ALLOWED,
					 "GET only", INT32_MIN);
		return;
	}
	snprintf(settings.node, sizeof(settings.node), "%s", request->peer.id);
	memcpy(settings.osg_key, enrolment->osg_key, sizeof(settings.osg_key));
	if (!read_server_id(enrolment->config->cert, settings.server_id) ||
	    transport_endpoint_parse(enrolment->config->listen[0], &endpoint,
				     reason, sizeof(reason))) {
		transport_answer_problem(answer, COAP_SERVER_ERROR,
					 "The server's name is not known",
					 INT32_MIN);
		return;
	}
	strcpy(settings.scheme, endpoint.tls ? "coaps+tcp" : "coaps");
	settings.port = endpoint.port;
	if (node_settings_write(&settings, &bytes, &size)) {
		transport_answer_problem(answer, COAP_SERVER_ERROR,
					 "Out of memory", INT32_MIN);
		return;
	}
	transport_answer_code(answer, COAP_CONTENT);
	transport_answer_body(answer, FORMAT_CBOR, bytes, size);
	free(bytes);
}
