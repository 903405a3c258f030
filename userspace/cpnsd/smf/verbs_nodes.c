// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control verbs on nodes: node-list, node-revoke.
 *
 * The loop's thread.  A revoked node's session ends a moment after it was
 * told, so that an honest one hears that its groups are over.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "smf/smf_private.h"

#define DROP_AFTER 1.0	/* s */

struct json_object *answer_hexadecimal(const uint8_t *bytes, size_t size)
{
	char text[2 * 32 + 1] = "";
	size_t i;

	for (i = 0; i < size && i < 32; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	return json_object_new_string(text);
}

static void add_registration(struct json_object *body,
			     const struct registration *registration)
{
	static const char *const custodies[] = {
		"process", "kernel", "kernel+lockdown",
	};
	const struct capabilities *capabilities = &registration->capabilities;

	/* the public half of the kernel's node key */
	json_object_object_add(body, "node_key",
			       answer_hexadecimal(registration->node_key, 32));
	answer_text(body, "custody", custodies[capabilities->custody]);
	answer_bool(body, "pinned", capabilities->pinned);
}

static int list_node(void *context, const struct node *node)
{
	struct json_object *body = json_object_new_object();
	char address[INET6_ADDRSTRLEN] = "";

	answer_text(body, "node", node->id);
	if (node->address.family)
		inet_ntop(node->address.family, node->address.address,
			  address, sizeof(address));
	answer_text(body, "address", address);
	answer_number(body, "seen", node->seen);
	answer_bool(body, "revoked", node->revoked);
	if (node->registered)
		add_registration(body, &node->registration);
	return json_object_array_add(context, body);
}

static void node_list(void *context, const struct control_request *request,
		      struct control_reply *reply)
{
	struct json_object *body = json_object_new_object();
	struct json_object *nodes = json_object_new_array(), *node, *id;
	struct identity peer = { .kind = IDENTITY_NODE };
	struct smf *smf = context;
	size_t i;

	nodes_each(cskmf_nodes(smf->cskmf), list_node, nodes);
	for (i = 0; i < json_object_array_length(nodes); i++) {
		node = json_object_array_get_idx(nodes, i);
		json_object_object_get_ex(node, "node", &id);
		snprintf(peer.id, sizeof(peer.id), "%s",
			 json_object_get_string(id));
		answer_number(node, "level",
			      nodes_level(cskmf_nodes(smf->cskmf), peer.id));
		answer_bool(node, "connected",
			    transport_server_connected(smf->server, &peer));
	}
	json_object_object_add(body, "nodes", nodes);
	control_reply_ok(reply, body);
}

static void drop_now(void *context)
{
	struct identity peer = { .kind = IDENTITY_NONE };
	struct smf *smf = context;
	size_t i;

	for (i = 0; i < smf->to_drop_count; i++) {
		strcpy(peer.id, smf->to_drop[i]);
		peer.kind = IDENTITY_NODE;
		transport_server_drop(smf->server, &peer);
		peer.kind = IDENTITY_ENROLLING;
		transport_server_drop(smf->server, &peer);
	}
	free(smf->to_drop);
	smf->to_drop = NULL;
	smf->to_drop_count = 0;
}

static void drop_soon(struct smf *smf, const char *node)
{
	char (*list)[IDENTITY_ID_MAX + 1];

	list = reallocarray(smf->to_drop, smf->to_drop_count + 1,
			    sizeof(*list));
	if (!list)
		return;		/* refused everywhere all the same */
	smf->to_drop = list;
	strcpy(list[smf->to_drop_count++], node);
	loop_timer_init(smf->loop, &smf->dropping, drop_now, smf);
	loop_timer_start(&smf->dropping, DROP_AFTER);
}

/* issued over the network: the CA's host puts them onto its list */
static int list_certificate(void *context,
			    const struct store_certificate *certificate)
{
	struct json_object *one = json_object_new_object();

	answer_text(one, "serial", certificate->serial);
	answer_number(one, "expires", certificate->expires);
	return json_object_array_add(context, one);
}

static void node_revoke(void *context, const struct control_request *request,
			struct control_reply *reply)
{
	const char *node = verb_text(request, "node", reply);
	struct json_object *value, *body, *list;
	char reason[SMF_REASON_MAX] = "", **sgids;
	struct smf *smf = context;
	bool revoked = true;
	size_t i;
	int error;

	if (!node)
		return;
	if (!identity_id_valid(node)) {
		control_reply_error(reply, CONTROL_USAGE,
				    "\"%.80s\" is not a node id", node);
		return;
	}
	if (json_object_object_get_ex(request->body, "revoked", &value))
		revoked = json_object_get_boolean(value);
	error = smf_node_revoke(smf, node, revoked, &sgids, reason);
	list = json_object_new_array();
	for (i = 0; sgids && sgids[i]; i++) {
		json_object_array_add(list, json_object_new_string(sgids[i]));
		free(sgids[i]);
	}
	free(sgids);
	if (revoked) {
		enrolment_revoke(smf->enrolment, node);
		drop_soon(smf, node);
	}
	if (error) {
		json_object_put(list);
		verb_failed(reply, error, reason);
		return;
	}
	body = json_object_new_object();
	answer_text(body, "node", node);
	answer_bool(body, "revoked", revoked);
	json_object_object_add(body, "groups", list);
	list = json_object_new_array();
	store_certificate_each(smf->store, node, list_certificate, list);
	json_object_object_add(body, "certificates", list);
	control_reply_ok(reply, body);
}

int verbs_nodes_register(struct smf *smf)
{
	int result;

	result = control_register(smf->control, "node-list", true, node_list,
				  smf);
	if (!result)
		result = control_register(smf->control, "node-revoke", true,
					  node_revoke, smf);
	return result;
}
