// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control verbs on the server as a whole: server-status (also as `status`)
 * and metrics.
 *
 * The loop's thread.  In a process that is a gateway too, `status` and
 * `metrics` are the server's: its role is opened first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smf/smf_private.h"

static int count_group(void *context, const struct cskmf_group_view *view)
{
	(*(int64_t *)context)++;
	return 0;
}

static int count_node(void *context, const struct node *node)
{
	(*(int64_t *)context)++;
	return 0;
}

struct counter {
	const char *name;
	uint64_t value;
};

#define COUNTERS 6

static void list_counters(const struct smf *smf, struct counter all[COUNTERS])
{
	const struct cskmf_counters *counters = cskmf_counters(smf->cskmf);
	const struct counter list[COUNTERS] = {
		{ "epochs", counters->epochs },
		{ "joins", counters->joins },
		{ "pulls", counters->pulls },
		{ "pushes", counters->pushes },
		{ "refusals", counters->refusals },
		{ "seals", counters->seals },
	};

	memcpy(all, list, sizeof(list));
}

static void add_counters(struct json_object *body, const struct smf *smf)
{
	struct json_object *list = json_object_new_object();
	struct counter all[COUNTERS];
	size_t i;

	list_counters(smf, all);
	for (i = 0; i < COUNTERS; i++)
		answer_number(list, all[i].name, all[i].value);
	json_object_object_add(body, "counters", list);
}

static void server_status(void *context,
			  const struct control_request *request,
			  struct control_reply *reply)
{
	struct json_object *body = json_object_new_object();
	struct json_object *listen = json_object_new_array(), *uri;
	struct smf *smf = context;
	int64_t groups = 0, nodes = 0;
	uint8_t key[32];
	size_t i;

	for (i = 0; i < smf->config->listen_count; i++) {
		uri = json_object_new_string(smf->config->listen[i]);
		json_object_array_add(listen, uri);
	}
	cskmf_groups_each(smf->cskmf, count_group, &groups);
	nodes_each(cskmf_nodes(smf->cskmf), count_node, &nodes);
	osg_public_key(smf->osg, key);
	json_object_object_add(body, "listen", listen);
	answer_text(body, "signer", smf->signer);
	json_object_object_add(body, "osg_key", answer_hexadecimal(key, 32));
	answer_number(body, "groups", groups);
	answer_number(body, "nodes", nodes);
	answer_number(body, "uptime",
		      (uint64_t)(loop_boottime() - smf->started));
	add_counters(body, smf);
	control_reply_ok(reply, body);
}

static void metrics(void *context, const struct control_request *request,
		    struct control_reply *reply)
{
	struct json_object *body;
	char *text = metrics_text(context);

	if (!text) {
		control_reply_error(reply, CONTROL_FAILED, "out of memory");
		return;
	}
	body = json_object_new_object();
	answer_text(body, "text", text);
	free(text);
	control_reply_ok(reply, body);
}

int verbs_server_register(struct smf *smf)
{
	int result;

	result = control_register(smf->control, "server-status", false,
				  server_status, smf);
	if (!result)
		result = control_register(smf->control, "status", false,
					  server_status, smf);
	if (!result)
		result = control_register(smf->control, "metrics", false,
					  metrics, smf);
	return result;
}
