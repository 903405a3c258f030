// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control verbs on members: group-add-member, group-remove-member.
 *
 * Both edit the group document and go the way of every update.  The loop's
 * thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "smf/group_document.h"
#include "smf/smf_private.h"

#define ATTRIBUTE_MAX 4096

/* a text, or an array of texts as a list with spaces; "" if not there */
static int read_list(const struct control_request *request, const char *name,
		     char text[ATTRIBUTE_MAX])
{
	struct json_object *value, *item;
	size_t count, i, used = 0;
	const char *word;

	*text = 0;
	if (!json_object_object_get_ex(request->body, name, &value) || !value)
		return 0;
	count = json_object_is_type(value, json_type_array) ?
		json_object_array_length(value) : 1;
	for (i = 0; i < count; i++) {
		item = json_object_is_type(value, json_type_array) ?
			json_object_array_get_idx(value, i) : value;
		if (!json_object_is_type(item, json_type_string))
			return -EINVAL;
		word = json_object_get_string(item);
		used += snprintf(text + used, ATTRIBUTE_MAX - used, "%s%s",
				 i ? " " : "", word);
		if (used >= ATTRIBUTE_MAX)
			return -E2BIG;
	}
	return 0;
}

static const char *or_none(const char *text)
{
	return *text ? text : NULL;
}

static void add_member(void *context, const struct control_request *request,
		       struct control_reply *reply)
{
	static const char *const names[] = {
		"tunnel", "nets", "delivery", "roles",
	};
	const char *sgid = verb_text(request, "sgid", reply);
	const char *node = sgid ? verb_text(request, "node", reply) : NULL;
	char values[4][ATTRIBUTE_MAX], reason[SMF_REASON_MAX] = "";
	struct group_document_entry entry = { .node = node };
	struct cskmf_updated updated;
	int error;
	size_t i;

	if (!node)
		return;
	for (i = 0; i < 4; i++) {
		if (!read_list(request, names[i], values[i]))
			continue;
		control_reply_error(reply, CONTROL_USAGE,
				    "%s: \"%s\" is no text or too long",
				    request->verb, names[i]);
		return;
	}
	entry.tunnel = or_none(values[0]);
	entry.nets = or_none(values[1]);
	entry.delivery = or_none(values[2]);
	entry.roles = or_none(values[3]);
	error = smf_member_add(context, sgid, &entry, &updated, reason);
	if (error)
		verb_failed(reply, error, reason);
	else
		wait_for_epoch(context, sgid, &updated, reply);
}

static void remove_member(void *context,
			  const struct control_request *request,
			  struct control_reply *reply)
{
	const char *sgid = verb_text(request, "sgid", reply);
	const char *node = sgid ? verb_text(request, "node", reply) : NULL;
	char reason[SMF_REASON_MAX] = "";
	struct cskmf_updated updated;
	int error;

	if (!node)
		return;
	error = smf_member_remove(context, sgid, node, CSKMF_DOCUMENT,
				  &updated, reason);
	if (error)
		verb_failed(reply, error, reason);
	else
		wait_for_epoch(context, sgid, &updated, reply);
}

int verbs_members_register(struct smf *smf)
{
	int result;

	result = control_register(smf->control, "group-add-member", true,
				  add_member, smf);
	if (!result)
		result = control_register(smf->control, "group-remove-member",
					  true, remove_member, smf);
	return result;
}
