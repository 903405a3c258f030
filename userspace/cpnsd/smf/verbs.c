// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control verbs on whole groups: create, update, delete, list, show, rekey.
 *
 * The loop's thread.  Replies that tell of an epoch wait for it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/response.h"
#include "smf/group_document.h"
#include "smf/smf_private.h"

void verb_failed(struct control_reply *reply, int error, const char *reason)
{
	int code = CONTROL_FAILED;

	switch (error) {
	case -ENOENT:
		code = CONTROL_NOT_FOUND;
		break;
	case -EBADMSG:
	case -EEXIST:
	case -E2BIG:
	case -EFBIG:
	case -EOPNOTSUPP:
	case -ESTALE:
		code = CONTROL_REFUSED;
		break;
	}
	control_reply_error(reply, code, "%s",
			    *reason ? reason : strerror(-error));
}

const char *verb_text(const struct control_request *request, const char *name,
		      struct control_reply *reply)
{
	struct json_object *value;

	if (json_object_object_get_ex(request->body, name, &value) &&
	    json_object_is_type(value, json_type_string) &&
	    json_object_get_string_len(value) ==
	    (int)strlen(json_object_get_string(value)))
		return json_object_get_string(value);
	control_reply_error(reply, CONTROL_USAGE, "%s: no text \"%s\"",
			    request->verb, name);
	return NULL;
}

void answer_number(struct json_object *body, const char *name, uint64_t value)
{
	json_object_object_add(body, name,
			       json_object_new_int64((int64_t)value));
}

void answer_text(struct json_object *body, const char *name, const char *value)
{
	json_object_object_add(body, name, json_object_new_string(value));
}

void answer_bool(struct json_object *body, const char *name, bool value)
{
	json_object_object_add(body, name, json_object_new_boolean(value));
}

static void group_create(void *context, const struct control_request *request,
			 struct control_reply *reply)
{
	const char *document = verb_text(request, "document", reply);
	char reason[SMF_REASON_MAX] = "", sgid[CPNS_SGID_MAX + 1];
	struct json_object *body;
	uint32_t num;
	int error;

	if (!document)
		return;
	error = smf_group_create(context, document, strlen(document), sgid,
				 &num, reason);
	if (error) {
		verb_failed(reply, error, reason);
		return;
	}
	body = json_object_new_object();
	answer_text(body, "sgid", sgid);
	answer_number(body, "num", num);
	control_reply_ok(reply, body);
}

static void group_update(void *context, const struct control_request *request,
			 struct control_reply *reply)
{
	const char *sgid = verb_text(request, "sgid", reply);
	const char *document = sgid ? verb_text(request, "document", reply) :
				      NULL;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	int error;

	if (!document)
		return;
	error = smf_group_update(context, sgid, document, strlen(document),
				 CSKMF_DOCUMENT, &updated, reason);
	if (error)
		verb_failed(reply, error, reason);
	else
		wait_for_epoch(context, sgid, &updated, reply);
}

static void group_delete(void *context, const struct control_request *request,
			 struct control_reply *reply)
{
	const char *sgid = verb_text(request, "sgid", reply);
	char reason[SMF_REASON_MAX] = "";
	struct json_object *body;
	uint32_t num;
	int error;

	if (!sgid)
		return;
	error = smf_group_delete(context, sgid, &num, reason);
	if (error) {
		verb_failed(reply, error, reason);
		return;
	}
	body = json_object_new_object();
	answer_text(body, "sgid", sgid);
	answer_number(body, "num", num);
	control_reply_ok(reply, body);
}

static int rekey_cause(const char *text, enum cskmf_cause *cause)
{
	static const struct {
		const char *text;
		enum cskmf_cause cause;
	} causes[] = {
		{ "timer", CSKMF_TIMER },
		{ "compromise", CSKMF_COMPROMISE },
		{ "restored", CSKMF_RESTORED },
		{ "unfounded", CSKMF_UNFOUNDED },
	};
	size_t i;

	for (i = 0; i < sizeof(causes) / sizeof(*causes); i++) {
		if (strcmp(text, causes[i].text))
			continue;
		*cause = causes[i].cause;
		return 0;
	}
	return -EINVAL;
}

static void group_rekey(void *context, const struct control_request *request,
			struct control_reply *reply)
{
	const char *sgid = verb_text(request, "sgid", reply);
	enum cskmf_cause cause = CSKMF_TIMER;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	struct json_object *value;
	int error;

	if (!sgid)
		return;
	if (json_object_object_get_ex(request->body, "reason", &value) &&
	    value) {
		if (rekey_cause(json_object_get_string(value), &cause)) {
			control_reply_error(reply, CONTROL_USAGE,
					    "reason is none of timer, compromise, restored, unfounded");
			return;
		}
	}
	error = smf_group_rekey(context, sgid, cause, &updated, reason);
	if (error)
		verb_failed(reply, error, reason);
	else
		wait_for_epoch(context, sgid, &updated, reply);
}

static int list_one(void *context, const struct cskmf_group_view *view)
{
	struct json_object *group = json_object_new_object();

	answer_text(group, "sgid", view->sgid);
	answer_number(group, "num", view->num);
	answer_number(group, "members", view->description->members_count);
	answer_number(group, "created", view->created);
	answer_number(group, "seconds_left", view->seconds_left);
	return json_object_array_add(context, group);
}

static int by_sgid(const void *one, const void *other)
{
	struct json_object *const *a = one, *const *b = other;
	struct json_object *first, *second;

	json_object_object_get_ex(*a, "sgid", &first);
	json_object_object_get_ex(*b, "sgid", &second);
	return strcmp(json_object_get_string(first),
		      json_object_get_string(second));
}

static void group_list(void *context, const struct control_request *request,
		       struct control_reply *reply)
{
	struct json_object *body = json_object_new_object();
	struct json_object *groups = json_object_new_array();
	struct smf *smf = context;

	cskmf_groups_each(smf->cskmf, list_one, groups);
	json_object_array_sort(groups, by_sgid);
	json_object_object_add(body, "groups", groups);
	control_reply_ok(reply, body);
}

static void add_roles(struct json_object *member, unsigned int roles)
{
	struct json_object *list = json_object_new_array();

	if (roles & ROLE_BIT_SENDER)
		json_object_array_add(list, json_object_new_string("sender"));
	if (roles & ROLE_BIT_RECEIVER)
		json_object_array_add(list,
				      json_object_new_string("receiver"));
	json_object_object_add(member, "roles", list);
}

static struct json_object *show_member(struct smf *smf, const char *sgid,
				       const char *node)
{
	struct identity peer = { .kind = IDENTITY_NODE };
	struct json_object *member = json_object_new_object();
	struct cskmf_member_view view;

	answer_text(member, "node", node);
	if (cskmf_member_view(smf->cskmf, sgid, node, &view))
		return member;
	strcpy(peer.id, node);
	add_roles(member, view.entry->roles);
	answer_text(member, "delivery", view.entry->push ? "push" : "pull");
	answer_number(member, "sid", view.sid);
	answer_number(member, "reported", view.reported);
	answer_number(member, "level",
		      nodes_level(cskmf_nodes(smf->cskmf), node));
	answer_number(member, "leaf", view.leaf);
	answer_bool(member, "connected",
		    transport_server_connected(smf->server, &peer));
	return member;
}

static void add_parameters(struct json_object *body,
			   const struct group_description *description)
{
	static const char *const suites[] = {
		"", "aes-256-gcm", "aes-128-gcm", "chacha20-poly1305",
	};

	answer_text(body, "suite", suites[description->suite]);
	answer_number(body, "lifetime", description->lifetime);
	answer_number(body, "atd", description->atd);
	answer_number(body, "dtd", description->dtd);
	answer_number(body, "min_level", description->min_level);
	answer_number(body, "max_senders", description->max_senders);
	answer_text(body, "location", description->location);
	answer_text(body, "signer", description->signer);
	if (description->display_name)
		answer_text(body, "display_name", description->display_name);
}

static void group_show(void *context, const struct control_request *request,
		       struct control_reply *reply)
{
	const char *sgid = verb_text(request, "sgid", reply);
	const struct group_description *description;
	struct json_object *body, *members, *member, *document;
	struct cskmf_group_view view;
	struct smf *smf = context;
	char etag[2 * GROUP_ETAG_SIZE + 1];
	size_t i;

	if (!sgid)
		return;
	if (cskmf_group_view(smf->cskmf, sgid, &view)) {
		control_reply_error(reply, CONTROL_NOT_FOUND, "no group %s",
				    sgid);
		return;
	}
	description = view.description;
	body = json_object_new_object();
	answer_text(body, "sgid", sgid);
	answer_number(body, "num", view.num);
	answer_number(body, "created", view.created);
	answer_number(body, "seconds_left", view.seconds_left);
	answer_bool(body, "pending", view.pending);
	answer_bool(body, "key_tree", view.tree);
	if (view.held)
		answer_number(body, "held", view.held);
	members = json_object_new_array();
	for (i = 0; i < description->members_count; i++) {
		member = show_member(smf, sgid, description->members[i].node);
		json_object_array_add(members, member);
	}
	json_object_object_add(body, "members", members);
	add_parameters(body, description);
	for (i = 0; i < GROUP_ETAG_SIZE; i++)
		sprintf(etag + 2 * i, "%02x", description->etag[i]);
	answer_text(body, "etag", etag);
	document = json_object_new_string_len(description->document,
					      (int)description->document_size);
	json_object_object_add(body, "document", document);
	control_reply_ok(reply, body);
}

int verbs_register(struct smf *smf)
{
	static const struct {
		const char *verb;
		control_handler handler;
	} verbs[] = {
		{ "group-create", group_create },
		{ "group-update", group_update },
		{ "group-delete", group_delete },
		{ "group-rekey", group_rekey },
		{ "group-list", group_list },
		{ "group-show", group_show },
	};
	int result = 0;
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(*verbs) && !result; i++)
		result = control_register(smf->control, verbs[i].verb, true,
					  verbs[i].handler, smf);
	return result;
}
