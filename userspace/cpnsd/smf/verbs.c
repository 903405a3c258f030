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

static struct json_object *number(uint64_t value)
{
	return json_object_new_int64((int64_t)value);
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
	json_object_object_add(body, "sgid", json_object_new_string(sgid));
	json_object_object_add(body, "num", number(num));
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
	json_object_object_add(body, "sgid", json_object_new_string(sgid));
	json_object_object_add(body, "num", number(num));
	control_reply_ok(reply, body);
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
		if (!strcmp(json_object_get_string(value), "compromise")) {
			cause = CSKMF_COMPROMISE;
		} else if (strcmp(json_object_get_string(value), "timer")) {
			control_reply_error(reply, CONTROL_USAGE,
					    "reason is neither timer nor compromise");
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

	json_object_object_add(group, "sgid",
			       json_object_new_string(view->sgid));
	json_object_object_add(group, "num", number(view->num));
	json_object_object_add(group, "members",
			       number(view->description->members_count));
	json_object_object_add(group, "created", number(view->created));
	json_object_object_add(group, "seconds_left",
			       number(view->seconds_left));
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

	json_object_object_add(member, "node", json_object_new_string(node));
	if (cskmf_member_view(smf->cskmf, sgid, node, &view))
		return member;
	strcpy(peer.id, node);
	add_roles(member, view.entry->roles);
	json_object_object_add(member, "delivery",
			       json_object_new_string(view.entry->push ?
						      "push" : "pull"));
	json_object_object_add(member, "sid", number(view.sid));
	json_object_object_add(member, "reported", number(view.reported));
	json_object_object_add(member, "level",
			       number(nodes_level(cskmf_nodes(smf->cskmf),
						  node)));
	json_object_object_add(member, "leaf", number(view.leaf));
	json_object_object_add(member, "connected",
			       json_object_new_boolean(
				transport_server_connected(smf->server,
							   &peer)));
	return member;
}

static void add_parameters(struct json_object *body,
			   const struct group_description *description)
{
	static const char *const suites[] = {
		"", "aes-256-gcm", "aes-128-gcm", "chacha20-poly1305",
	};

	json_object_object_add(body, "suite",
			       json_object_new_string(
					suites[description->suite]));
	json_object_object_add(body, "lifetime",
			       number(description->lifetime));
	json_object_object_add(body, "atd", number(description->atd));
	json_object_object_add(body, "dtd", number(description->dtd));
	json_object_object_add(body, "min_level",
			       number(description->min_level));
	json_object_object_add(body, "max_senders",
			       number(description->max_senders));
	json_object_object_add(body, "location",
			       json_object_new_string(description->location));
	json_object_object_add(body, "signer",
			       json_object_new_string(description->signer));
	if (description->display_name)
		json_object_object_add(body, "display_name",
				       json_object_new_string(
						description->display_name));
}

static void group_show(void *context, const struct control_request *request,
		       struct control_reply *reply)
{
	const char *sgid = verb_text(request, "sgid", reply);
	const struct group_description *description;
	struct json_object *body, *members;
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
	json_object_object_add(body, "sgid", json_object_new_string(sgid));
	json_object_object_add(body, "num", number(view.num));
	json_object_object_add(body, "created", number(view.created));
	json_object_object_add(body, "seconds_left",
			       number(view.seconds_left));
	json_object_object_add(body, "pending",
			       json_object_new_boolean(view.pending));
	members = json_object_new_array();
	for (i = 0; i < description->members_count; i++)
		json_object_array_add(members,
				      show_member(smf, sgid,
						  description->members[i].node));
	json_object_object_add(body, "members", members);
	add_parameters(body, description);
	for (i = 0; i < GROUP_ETAG_SIZE; i++)
		sprintf(etag + 2 * i, "%02x", description->etag[i]);
	json_object_object_add(body, "etag", json_object_new_string(etag));
	json_object_object_add(body, "document",
			       json_object_new_string_len(
					description->document,
					(int)description->document_size));
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
