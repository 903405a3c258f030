// SPDX-License-Identifier: GPL-2.0-only
/*
 * The member's verbs on the control socket: member-status, join, leave,
 * policy-load, request-key; status and metrics where no server has them.
 *
 * Runs in the loop's thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_label.h"
#include "seca/context.h"

static void add_string(struct json_object *object, const char *name,
		       const char *text)
{
	json_object_object_add(object, name, json_object_new_string(text));
}

static void add_number(struct json_object *object, const char *name,
		       uint64_t number)
{
	json_object_object_add(object, name, json_object_new_uint64(number));
}

static const char *key_state_name(const struct group *group)
{
	if (group->active)
		return "active";
	return group->live ? "pending" : "none";
}

/* whether the hashes link everything that was ever told of the group */
static const char *chain_name(const struct chain *chain)
{
	if (chain->broken)
		return "broken";
	if (!chain->num)
		return "none";
	return chain->gap_from || chain->linked_from != 1 ?
		"unverified" : "verified";
}

static struct json_object *describe_group(struct group *group)
{
	struct json_object *object = json_object_new_object();
	const struct group_properties *properties = group->properties;

	group_look(group);
	add_string(object, "sgid", group->sgid);
	add_number(object, "num", group->installed);
	add_string(object, "state", key_state_name(group));
	add_string(object, "phase", group_phase_name(group));
	add_number(object, "sid", group->own_sid);
	add_number(object, "serial", group->live ?
		   (uint64_t)group->kernel.serial : 0);
	add_string(object, "chain", chain_name(&group->chain));
	json_object_object_add(object, "traffic",
			       json_object_new_boolean(group->traffic));
	if (properties) {
		add_string(object, "delivery",
			   properties->push ? "push" : "pull");
		json_object_object_add(object, "sender",
				       json_object_new_boolean(properties->roles &
							       ROLE_BIT_SENDER));
		add_string(object, "location", properties->location);
		add_string(object, "signer", properties->signer);
	}
	if (group->has_roster) {
		add_number(object, "roster", group->roster.serial);
		add_number(object, "senders", group->roster.senders_count);
	}
	if (group->trouble[0])
		add_string(object, "trouble", group->trouble);
	return object;
}

static struct json_object *describe_node(struct seca *seca)
{
	struct json_object *object = json_object_new_object();
	struct json_object *server = json_object_new_object();
	struct json_object *groups = json_object_new_array();
	struct group *group, *next;

	add_string(server, "uri", seca->home->origin);
	json_object_object_add(server, "connected",
			       json_object_new_boolean(seca->home->connected));
	json_object_object_add(server, "registered",
			       json_object_new_boolean(seca->home->registered));
	json_object_object_add(object, "server", server);
	add_string(object, "role", seca->role);
	add_string(object, "node", seca->node);
	add_number(object, "level", capabilities_level(&seca->capabilities));
	json_object_object_add(object, "pinned",
			       json_object_new_boolean(seca->capabilities.pinned));
	json_object_object_add(object, "links", pn_links_describe(seca->links));
	HASH_ITER(hh, seca->groups, group, next)
		if (group->phase != GROUP_GONE)
			json_object_array_add(groups, describe_group(group));
	json_object_object_add(object, "groups", groups);
	return object;
}

static void status_verb(void *context, const struct control_request *request,
			struct control_reply *reply)
{
	control_reply_ok(reply, describe_node(context));
}

/* the name and the group, which are followed by more labels or the value */
static void group_metric(FILE *out, const char *name, const struct group *group)
{
	fprintf(out, "%s{group=", name);
	metrics_label(out, group->sgid);
}

/* OpenMetrics text: counts and states, no ids of nodes */
static void metrics_verb(void *context, const struct control_request *request,
			 struct control_reply *reply)
{
	struct seca *seca = context;
	struct json_object *answer;
	struct group *group, *next;
	size_t size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		control_reply_error(reply, CONTROL_FAILED, "no memory");
		return;
	}
	fprintf(out, "# TYPE cpns_server_connected gauge\ncpns_server_connected %d\n",
		transport_client_is_connected(seca->home->client));
	fputs("# TYPE cpns_group_epoch gauge\n", out);
	HASH_ITER(hh, seca->groups, group, next) {
		group_look(group);
		group_metric(out, "cpns_group_epoch", group);
		fprintf(out, ",state=\"%s\"} %u\n", key_state_name(group),
			group->installed);
	}
	fputs("# TYPE cpns_group_senders gauge\n", out);
	HASH_ITER(hh, seca->groups, group, next) {
		group_metric(out, "cpns_group_senders", group);
		fprintf(out, "} %zu\n", group->has_roster ?
			group->roster.senders_count : 0);
	}
	fputs("# TYPE cpns_group_trouble gauge\n", out);
	HASH_ITER(hh, seca->groups, group, next) {
		group_metric(out, "cpns_group_trouble", group);
		fprintf(out, "} %d\n", group->trouble[0] != '\0');
	}
	fclose(out);
	answer = json_object_new_object();
	add_string(answer, "text", text);
	free(text);
	control_reply_ok(reply, answer);
}

/* member "sgid" of a request; refused here when it is not there */
static const char *request_sgid(const struct control_request *request,
				struct control_reply *reply)
{
	struct json_object *member;
	const char *sgid;

	if (json_object_object_get_ex(request->body, "sgid", &member) &&
	    json_object_is_type(member, json_type_string)) {
		sgid = json_object_get_string(member);
		if (*sgid && strlen(sgid) <= CPNS_SGID_MAX)
			return sgid;
	}
	control_reply_error(reply, CONTROL_USAGE,
			    "sgid is missing or not 1 to %d bytes",
			    CPNS_SGID_MAX);
	return NULL;
}

static void come_back(struct group *group)
{
	leave_forget(group);
	group->phase = GROUP_LISTED;
	group->chain.left = false;
	group->chain.leave_due = false;
	group_save(group);
	group_set_traffic(group);
	if (group->properties->push && group->session &&
	    group->session->registered)
		push_start(group);
}

static void join_verb(void *context, const struct control_request *request,
		      struct control_reply *reply)
{
	struct seca *seca = context;
	const char *sgid = request_sgid(request, reply);
	struct group *group = sgid ? seca_group_find(seca, sgid) : NULL;

	if (!sgid)
		return;
	/* stopped: only a Sender-ID of its own may open the traffic again */
	if (group && !group->unusable && group->phase == GROUP_STOPPED) {
		requests_join_anew(group, reply);
		return;
	}
	if (group && !group->unusable && group->phase == GROUP_LEFT)
		come_back(group);
	requests_key(seca, sgid, "join", reply);
}

static void leave_verb(void *context, const struct control_request *request,
		       struct control_reply *reply)
{
	struct seca *seca = context;
	const char *sgid = request_sgid(request, reply);
	struct group *group = sgid ? seca_group_find(seca, sgid) : NULL;
	struct json_object *member;
	bool open;
	int error = 0;

	if (!sgid)
		return;
	open = json_object_object_get_ex(request->body, "open", &member) &&
	       json_object_get_boolean(member);
	if (!group && !open) {
		control_reply_error(reply, CONTROL_NOT_FOUND,
				    "no group %s on node %s", sgid, seca->node);
		return;
	}
	if (open) {
		if (group && group->phase != GROUP_GONE)
			leave_start(group, NULL);
		error = dataplane_group_open_traffic(seca->dataplane, sgid);
		if (!error)
			log_notice("group %s: blocks taken away by leave --open",
				   sgid);
	}
	if (error)
		control_reply_error(reply, error == -ENOENT ?
				    CONTROL_NOT_FOUND : CONTROL_FAILED,
				    "blocks of group %s: %s", sgid,
				    strerror(-error));
	else if (!group || group->phase == GROUP_GONE)
		control_reply_ok(reply, NULL);
	else
		leave_start(group, reply);
}

static void policy_load_verb(void *context,
			     const struct control_request *request,
			     struct control_reply *reply)
{
	struct seca *seca = context;
	struct json_object *answer;
	struct group *group, *next;
	unsigned int done = 0, failed = 0;

	HASH_ITER(hh, seca->groups, group, next) {
		if (group->phase == GROUP_GONE || group->phase == GROUP_LEFT)
			continue;
		if (group->phase == GROUP_STOPPED ?
		    group_block_traffic(group) : group_set_traffic(group)) {
			failed++;
			continue;
		}
		done++;
		group_look(group);
		install_traffic(group);
	}
	if (failed) {
		control_reply_error(reply, CONTROL_FAILED,
				    "policies of %u groups could not be set, see the log",
				    failed);
		return;
	}
	answer = json_object_new_object();
	add_number(answer, "groups", done);
	control_reply_ok(reply, answer);
}

/**
 * seca_verbs_register - take the member's verbs
 * @seca: the member side
 *
 * A server in the same process has taken `status` and `metrics` already.
 *
 * Return: 0 or -errno.
 */
int seca_verbs_register(struct seca *seca)
{
	static const struct {
		const char *name;
		bool admin, shared;
		control_handler handler;
	} verbs[] = {
		{ "member-status", false, false, status_verb },
		{ "status", false, true, status_verb },
		{ "metrics", false, true, metrics_verb },
		{ "join", true, false, join_verb },
		{ "leave", true, false, leave_verb },
		{ "policy-load", true, false, policy_load_verb },
		{ "request-key", false, false, requests_key_verb },
	};
	size_t i;
	int error;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		error = control_register(seca->control, verbs[i].name,
					 verbs[i].admin, verbs[i].handler,
					 seca);
		if (error && !verbs[i].shared)
			return error;
	}
	return 0;
}
