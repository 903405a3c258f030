// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control verb enrol-token {node, lifetime?} -> {node, token, expires,
 * listen}: a one-time token for a node.
 *
 * The loop's thread.  The token is in the answer alone, whose bytes the
 * control socket wipes.
 */
#include <errno.h>
#include <string.h>
#include <openssl/crypto.h>

#include "enrolment/enrolment_private.h"
#include "log.h"

#define LIFETIME	3600		/* s */
#define LIFETIME_MIN	60
#define LIFETIME_MAX	604800

static bool take_lifetime(const struct control_request *request,
			  struct control_reply *reply, int64_t *lifetime)
{
	struct json_object *value;

	*lifetime = LIFETIME;
	if (!json_object_object_get_ex(request->body, "lifetime", &value))
		return true;
	*lifetime = json_object_get_int64(value);
	if (json_object_is_type(value, json_type_int) &&
	    *lifetime >= LIFETIME_MIN && *lifetime <= LIFETIME_MAX)
		return true;
	control_reply_error(reply, CONTROL_USAGE,
			    "a token lives %d to %d seconds", LIFETIME_MIN,
			    LIFETIME_MAX);
	return false;
}

static const char *take_node(const struct control_request *request,
			     struct control_reply *reply)
{
	struct json_object *value;
	const char *node;

	if (json_object_object_get_ex(request->body, "node", &value) &&
	    json_object_is_type(value, json_type_string)) {
		node = json_object_get_string(value);
		if (identity_id_valid(node) &&
		    json_object_get_string_len(value) == (int)strlen(node))
			return node;
	}
	control_reply_error(reply, CONTROL_USAGE,
			    "enrol-token: no \"node\", or not a node id");
	return NULL;
}

static void answer_failure(struct control_reply *reply, const char *node,
			   int error)
{
	switch (error) {
	case -EACCES:
		control_reply_error(reply, CONTROL_REFUSED, "%s is revoked",
				    node);
		break;
	case -ENOSPC:
		control_reply_error(reply, CONTROL_REFUSED,
				    "%d tokens are out already, or no space is left",
				    TOKENS_MAX);
		break;
	default:
		control_reply_error(reply, CONTROL_FAILED, "no token: %s",
				    strerror(-error));
		break;
	}
}

static void enrol_token(void *context, const struct control_request *request,
			struct control_reply *reply)
{
	const char *node = take_node(request, reply);
	struct enrolment *enrolment = context;
	char token[TOKEN_TEXT_SIZE];
	struct json_object *body;
	uint64_t expires;
	int64_t lifetime;
	int error;

	if (!node || !take_lifetime(request, reply, &lifetime))
		return;
	if (!enrolment->ca || !enrolment->config->psk_listen_count) {
		control_reply_error(reply, CONTROL_CONFIGURATION,
				    "no enrolment: set ca-key and psk-listen in [server] of cpnsd.conf, then systemctl restart cpnsd");
		return;
	}
	error = tokens_issue(enrolment, node, (uint64_t)lifetime, token,
			     &expires);
	if (error) {
		answer_failure(reply, node, error);
		return;
	}
	log_info("node=%s a token for its enrolment was made", node);
	body = json_object_new_object();
	json_object_object_add(body, "node", json_object_new_string(node));
	json_object_object_add(body, "token", json_object_new_string(token));
	json_object_object_add(body, "expires",
			       json_object_new_int64((int64_t)expires));
	json_object_object_add(body, "listen",
			       json_object_new_string(enrolment->config->psk_listen[0]));
	OPENSSL_cleanse(token, sizeof(token));
	control_reply_ok(reply, body);
}

/**
 * enrolment_register() - take the verb
 * @enrolment: the enrolment
 * @control: the control socket
 *
 * Return: 0 or -errno.
 */
int enrolment_register(struct enrolment *enrolment, struct control *control)
{
	return control_register(control, "enrol-token", true, enrol_token,
				enrolment);
}
