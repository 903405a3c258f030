// SPDX-License-Identifier: GPL-2.0-only
/*
 * /smf/N: a node registers; the server's SMF tells a gateway's SMF of its
 * groups (flow step 7 of B.2.1.1 and B.2.1.2).
 *
 * What was told to whom is kept, so that a node hears of a change once and a
 * step is logged when it happens.  The loop's thread.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "proto/properties.h"
#include "proto/response.h"
#include "smf/group_document.h"
#include "smf/smf_private.h"

/* key: "<node> <sgid>"; neither has spaces */
#define TOLD_KEY_MAX (IDENTITY_ID_MAX + 1 + CPNS_SGID_MAX + 1)

struct told {
	UT_hash_handle hh;
	char key[TOLD_KEY_MAX];
	uint8_t etag[GROUP_ETAG_SIZE];
};

/* of each member with each epoch: snprintf() would be most of what that costs */
static void make_key(char key[TOLD_KEY_MAX], const char *node,
		     const char *sgid)
{
	size_t node_size = strnlen(node, IDENTITY_ID_MAX);
	size_t sgid_size = strnlen(sgid, CPNS_SGID_MAX);

	memcpy(key, node, node_size);
	key[node_size] = ' ';
	memcpy(key + node_size + 1, sgid, sgid_size);
	key[node_size + 1 + sgid_size] = '\0';
}

static struct told *find_told(const struct smf *smf, const char *node,
			      const char *sgid)
{
	char key[TOLD_KEY_MAX];
	struct told *told;

	make_key(key, node, sgid);
	HASH_FIND_STR(smf->told, key, told);
	return told;
}

static void forget(struct smf *smf, struct told *told)
{
	HASH_DEL(smf->told, told);
	free(told);
}

void notify_close(struct smf *smf)
{
	struct told *told, *next;

	HASH_ITER(hh, smf->told, told, next)
		forget(smf, told);
}

/* the list being made for one node */
struct list {
	struct smf *smf;
	const char *node;
	struct group_properties *groups;
	size_t count;
};

/* borrowed pointers; only the array of the others is the list's */
static void fill_nets(const struct smf *smf, const struct group_member *member,
		      bool own, struct roster_peer_nets *nets)
{
	const struct node *node;

	strcpy(nets->node, member->node);
	nets->tunnels = (struct roster_address *)member->tunnels;
	nets->tunnels_count = member->tunnels_count;
	nets->nets = own ? member->nets : member->told;
	nets->nets_count = own ? member->nets_count : member->told_count;
	if (!member->tunnel_dynamic)
		return;
	node = nodes_find(cskmf_nodes(smf->cskmf), member->node);
	if (node && node->address.family) {
		nets->tunnels = (struct roster_address *)&node->address;
		nets->tunnels_count = 1;
	}
}

static int fill_properties(struct list *list,
			   const struct group_description *description,
			   const struct group_member *own,
			   struct group_properties *group)
{
	const struct group_member *member;
	size_t i;

	strcpy(group->sgid, description->sgid);
	strcpy(group->location, description->location);
	group->push = own->push;
	group->roles = own->roles;
	strcpy(group->signer, description->signer);
	group->data_esp = description->data_esp;
	group->data_message = description->data_message;
	group->transport_mode = description->transport_mode;
	group->has_multicast = description->has_multicast;
	group->multicast = description->multicast;
	group->allow_default = description->allow_default;
	memcpy(group->etag, description->etag, sizeof(description->etag));
	group->etag_size = sizeof(description->etag);
	fill_nets(list->smf, own, true, &group->own);
	group->members = calloc(description->members_count,
				sizeof(*group->members));
	if (!group->members)
		return -ENOMEM;
	for (i = 0; i < description->members_count; i++) {
		member = &description->members[i];
		if (member != own && group_member_is_told_of(member))
			fill_nets(list->smf, member, false,
				  &group->members[group->members_count++]);
	}
	return 0;
}

static int add_group(void *context, const struct cskmf_group_view *view)
{
	struct list *list = context;
	struct group_properties *groups;
	struct cskmf_member_view member;

	/* a member without a leaf hears of the group with its epoch */
	if (cskmf_member_view(list->smf->cskmf, view->sgid, list->node,
			      &member) || !member.leaf)
		return 0;
	groups = reallocarray(list->groups, list->count + 1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	list->groups = groups;
	memset(&groups[list->count], 0, sizeof(*groups));
	list->count++;
	return fill_properties(list, view->description, member.entry,
			       &groups[list->count - 1]);
}

static int by_sgid(const void *one, const void *other)
{
	return strcmp(((const struct group_properties *)one)->sgid,
		      ((const struct group_properties *)other)->sgid);
}

/* own and members' arrays are borrowed: not properties_free() */
static void list_release(struct list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->groups[i].members);
	free(list->groups);
}

static void log_told(const struct group_properties *group, const char *node)
{
	struct log_flow line = {
		.role = "server",
		.flow = group->push ? "B.2.1.2" : "B.2.1.1",
		.step = 7,
		.from = "SMF",
		.to = "SMF",
		.sgid = group->sgid,
		.node = node,
	};

	log_flow_step(&line);
}

/* @anew: the node asked, so it hears all; else only what changed counts */
static void mark_told(struct list *list, bool anew)
{
	struct smf *smf = list->smf;
	struct told *told;
	size_t i;

	for (i = 0; i < list->count; i++) {
		told = find_told(smf, list->node, list->groups[i].sgid);
		if (told && !anew &&
		    !memcmp(told->etag, list->groups[i].etag,
			    sizeof(told->etag)))
			continue;
		log_told(&list->groups[i], list->node);
		if (!told) {
			told = calloc(1, sizeof(*told));
			if (!told)
				continue;	/* told once more, later */
			make_key(told->key, list->node, list->groups[i].sgid);
			HASH_ADD_STR(smf->told, key, told);
		}
		memcpy(told->etag, list->groups[i].etag, sizeof(told->etag));
	}
}

static void answer_list(struct smf *smf,
			const struct transport_request *request,
			struct transport_answer *answer)
{
	struct list list = { .smf = smf, .node = request->peer.id };
	uint8_t *bytes;
	size_t size;
	int result;

	result = cskmf_groups_each(smf->cskmf, add_group, &list);
	if (list.count)
		qsort(list.groups, list.count, sizeof(*list.groups), by_sgid);
	if (!result)
		result = properties_encode(list.groups, list.count, &bytes,
					   &size);
	if (!result) {
		result = size > TRANSPORT_BODY_MAX ? -E2BIG :
			 transport_answer_body(answer, FORMAT_CBOR, bytes,
					       size);
		free(bytes);
	}
	if (result) {
		log_error("node=%s: its list of groups is not told: %s",
			  list.node, strerror(-result));
		transport_answer_problem(answer, COAP_SERVER_ERROR,
					 strerror(-result), INT32_MIN);
	} else {
		transport_answer_code(answer, COAP_CONTENT);
		mark_told(&list, !request->notification);
	}
	list_release(&list);
}

static void notify_node(struct smf *smf, const char *node)
{
	struct transport_segment path[2] = {
		{ (const uint8_t *)"smf", 3 },
		{ (const uint8_t *)node, strlen(node) },
	};

	transport_server_notify(smf->server, path, 2);
}

/* a node whose tunnel end is another now */
struct moved {
	struct smf *smf;
	const char *node;
};

static int notify_others(void *context, const struct cskmf_group_view *view)
{
	const struct group_description *description = view->description;
	const struct group_member *entry, *other;
	const struct moved *moved = context;
	struct cskmf_member_view member;
	size_t i;

	entry = group_description_find(description, moved->node);
	if (!entry || !entry->tunnel_dynamic)
		return 0;
	for (i = 0; i < description->members_count; i++) {
		other = &description->members[i];
		if (other != entry &&
		    !cskmf_member_view(moved->smf->cskmf, view->sgid,
				       other->node, &member) && member.leaf)
			notify_node(moved->smf, other->node);
	}
	return 0;
}

/* the document is the same, so this is no step 7; its ETag does not tell */
static void address_changed(struct smf *smf, const char *node)
{
	struct moved moved = { .smf = smf, .node = node };

	cskmf_address_changed(smf->cskmf, node);
	cskmf_groups_each(smf->cskmf, notify_others, &moved);
}

static void take_registration(struct smf *smf,
			      const struct transport_request *request,
			      struct transport_answer *answer)
{
	struct registration registration;
	bool moved;
	char reason[128];
	int result;

	if (!cskmf_may_register(smf->cskmf, request->peer.id)) {
		transport_answer_problem(answer, COAP_TOO_MANY_REQUESTS,
					 "too many registrations, wait",
					 INT32_MIN);
		return;
	}
	if (registration_decode(request->body, request->body_size,
				&registration, reason, sizeof(reason))) {
		transport_answer_problem(answer, COAP_BAD_REQUEST, reason,
					 INT32_MIN);
		return;
	}
	result = nodes_register(cskmf_nodes(smf->cskmf), request->peer.id,
				&registration, &request->address,
				&moved);
	if (result) {
		transport_answer_problem(answer, COAP_SERVER_ERROR,
					 "the registration is not stored",
					 INT32_MIN);
		return;
	}
	if (moved)
		address_changed(smf, request->peer.id);
	transport_answer_code(answer, COAP_CHANGED);
}

void notify_serve(void *context, const struct transport_request *request,
		  struct transport_answer *answer)
{
	const struct transport_segment *node = &request->path[1];
	const char *id = request->peer.id;
	struct smf *smf = context;

	if (request->path_count != 2) {
		transport_answer_problem(answer, COAP_NOT_FOUND,
					 "no such resource", INT32_MIN);
	} else if (request->peer.kind != IDENTITY_NODE ||
		   node->size != strlen(id) ||
		   memcmp(node->bytes, id, node->size)) {
		transport_answer_problem(answer, COAP_FORBIDDEN,
					 "a node's resource is its own only",
					 INT32_MIN);
	} else if (nodes_revoked(cskmf_nodes(smf->cskmf), id)) {
		transport_answer_problem(answer, COAP_FORBIDDEN,
					 "the node is revoked", INT32_MIN);
	} else if (request->method == METHOD_PUT) {
		take_registration(smf, request, answer);
	} else if (request->method == METHOD_GET) {
		answer_list(smf, request, answer);
	} else {
		transport_answer_code(answer, COAP_METHOD_NOT_ALLOWED);
	}
}

void notify_removed(struct smf *smf, const char *sgid)
{
	struct cskmf_member_view member;
	struct told *told, *next;
	char node[IDENTITY_ID_MAX + 1];
	const char *space;

	HASH_ITER(hh, smf->told, told, next) {
		space = strchr(told->key, ' ');
		if (strcmp(space + 1, sgid))
			continue;
		snprintf(node, sizeof(node), "%.*s",
			 (int)(space - told->key), told->key);
		if (!cskmf_member_view(smf->cskmf, sgid, node, &member))
			continue;
		forget(smf, told);
		notify_node(smf, node);
	}
}

void notify_group(struct smf *smf, const char *sgid)
{
	const struct group_description *description;
	struct cskmf_member_view member;
	struct cskmf_group_view view;
	const struct told *told;
	const char *node;
	size_t i;

	notify_removed(smf, sgid);
	if (cskmf_group_view(smf->cskmf, sgid, &view))
		return;
	description = view.description;
	for (i = 0; i < description->members_count; i++) {
		node = description->members[i].node;
		told = find_told(smf, node, sgid);
		if (told && !memcmp(told->etag, description->etag,
				    sizeof(told->etag)))
			continue;
		if (!cskmf_member_view(smf->cskmf, sgid, node, &member) &&
		    member.leaf)
			notify_node(smf, node);
	}
}
