// SPDX-License-Identifier: GPL-2.0-only
/*
 * The OMA group document: the walk from <group> down to each entry.
 *
 * The order of the children of <list-service> is a constraint of OMA's
 * schema (OMA-SUP-XSD_poc_listService) and is checked here.  Single-threaded.
 */
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "smf/document_parts.h"
#include "smf/document_xml.h"
#include "smf/group_document.h"

static const char *const no_attributes[] = { NULL };
static const char *const uri_attributes[] = { "uri", NULL };
static const char *const list_attributes[] = { "name", NULL };

/* node ids met so far, to find the one that stands twice */
struct met_node {
	UT_hash_handle hh;
	char node[IDENTITY_ID_MAX + 1];
	unsigned int line;
};

static void forget_nodes(struct met_node *met)
{
	struct met_node *one, *next;

	HASH_ITER(hh, met, one, next) {
		HASH_DEL(met, one);
		free(one);
	}
}

static int meet_node(struct met_node **met,
		     const struct group_member *member, xmlNode *node,
		     const struct document_error *error)
{
	struct met_node *one;

	HASH_FIND_STR(*met, member->node, one);
	if (one)
		return document_refuse(error, node,
				       "entry uri urn:cpns:node:%s twice, first in line %u",
				       member->node, one->line);
	one = calloc(1, sizeof(*one));
	if (!one)
		return -ENOMEM;
	strcpy(one->node, member->node);
	one->line = member->line;
	HASH_ADD_STR(*met, node, one);
	return 0;
}

static int read_entry_uri(xmlNode *node, struct group_member *member,
			  const struct document_error *error)
{
	char *uri = document_attribute(node, "uri");
	struct identity identity;
	int result = 0;

	if (!uri)
		return document_refuse(error, node, "<entry> has no uri");
	if (identity_parse(uri, &identity) || identity.kind != IDENTITY_NODE)
		result = document_refuse(error, node,
					 "entry uri \"%.80s\" is not a URI like urn:cpns:node:gw1",
					 uri);
	else
		strcpy(member->node, identity.id);
	xmlFree(uri);
	return result;
}

static int read_entry(xmlNode *node, const struct group_description *document,
		      struct group_member *member,
		      const struct document_error *error)
{
	bool ours = false;
	xmlNode *child;
	int result;

	result = document_known_attributes(node, uri_attributes, error);
	if (!result)
		result = read_entry_uri(node, member, error);
	if (result)
		return result;
	member->line = xmlGetLineNo(node);
	document_member_defaults(document, member);
	for (child = document_first(node); child;
	     child = document_next(child)) {
		if (document_is(child, NAMESPACE_GROUP_KEY, "member")) {
			if (ours)
				return document_refuse(error, child,
						       "<member> twice in one entry");
			ours = true;
			result = document_member(child, member, error);
			if (result)
				return result;
		} else if (document_is(child, NAMESPACE_GROUP_KEY, NULL) ||
			   document_is(child, NAMESPACE_LIST_SERVICE, NULL)) {
			return document_refuse(error, child,
					       "<%s> does not belong into an entry",
					       (char *)child->name);
		}
	}
	return 0;
}

static int read_list(xmlNode *list, struct group_description *document,
		     const struct document_error *error)
{
	struct group_member *members;
	struct met_node *met = NULL;
	xmlNode *child;
	size_t room = 0;
	int result;

	result = document_known_attributes(list, list_attributes, error);
	for (child = document_first(list); child && !result;
	     child = document_next(child)) {
		if (document_is(child, NAMESPACE_RESOURCE_LISTS,
				"display-name") ||
		    document_is(child, NAMESPACE_LIST_SERVICE, "display-name"))
			continue;
		if (!document_is(child, NAMESPACE_LIST_SERVICE, "entry")) {
			if (document_is(child, NAMESPACE_LIST_SERVICE, NULL) ||
			    document_is(child, NAMESPACE_GROUP_KEY, NULL) ||
			    document_is(child, NAMESPACE_RESOURCE_LISTS, NULL))
				result = document_refuse(error, child,
							 "<%s> in a list is not supported, only <entry>",
							 (char *)child->name);
			continue;
		}
		if (document->members_count == GROUP_DOCUMENT_MEMBERS_MAX) {
			result = document_refuse(error, child,
						 "more than %d entries",
						 GROUP_DOCUMENT_MEMBERS_MAX);
			break;
		}
		if (document->members_count == room) {
			room = room ? room * 2 : 16;
			members = reallocarray(document->members, room,
					       sizeof(*members));
			if (!members) {
				result = -ENOMEM;
				break;
			}
			document->members = members;
		}
		members = &document->members[document->members_count];
		memset(members, 0, sizeof(*members));
		/* counted first, so that an error does not leak its nets */
		document->members_count++;
		result = read_entry(child, document, members, error);
		if (!result)
			result = meet_node(&met, members, child, error);
	}
	forget_nodes(met);
	return result;
}

static int read_sgid(xmlNode *service, struct group_description *document,
		     const struct document_error *error)
{
	char *uri = document_attribute(service, "uri");
	const char *c;
	int result = 0;

	if (!uri)
		return document_refuse(error, service,
				       "<list-service> has no uri");
	for (c = uri; *c > ' ' && *c < 0x7f; c++)
		continue;
	/* RFC 3986 has no such characters, and labels of metrics quote them */
	if (*c || c == uri || c - uri > CPNS_SGID_MAX || !strchr(uri, ':') ||
	    strpbrk(uri, "\"<>\\^`{|}"))
		result = document_refuse(error, service,
					 "uri of <list-service> is not a URI of 1 to %d printable characters",
					 CPNS_SGID_MAX);
	else
		strcpy(document->sgid, uri);
	xmlFree(uri);
	return result;
}

/* xs:sequence of list-service-type, in the order that is a must */
enum service_part {
	PART_DISPLAY_NAME, PART_LIST, PART_INVITE, PART_COUNT, PART_OTHER,
};

static const char *const service_parts[] = {
	"display-name", "list", "invite-members", "max-participant-count",
	NULL,
};

struct service {
	xmlNode *parts[PART_OTHER];
	xmlNode *group_key;
};

static int sort_other(xmlNode *child, struct service *service,
		      const struct document_error *error)
{
	if (document_is(child, NAMESPACE_GROUP_KEY, "group-key")) {
		if (service->group_key)
			return document_refuse(error, child,
					       "<group-key> twice");
		service->group_key = child;
		return 0;
	}
	if (document_is(child, NAMESPACE_GROUP_KEY, NULL) || !child->ns)
		return document_refuse(error, child, "unknown element <%s>",
				       (char *)child->name);
	return 0;		/* cp:ruleset and others' extensions */
}

static int sort_children(xmlNode *node, struct service *service,
			 const struct document_error *error)
{
	int next = PART_DISPLAY_NAME, part, result;
	xmlNode *child;

	for (child = document_first(node); child;
	     child = document_next(child)) {
		if (!document_is(child, NAMESPACE_LIST_SERVICE, NULL)) {
			next = PART_OTHER;
			result = sort_other(child, service, error);
			if (result)
				return result;
			continue;
		}
		for (part = 0; service_parts[part]; part++)
			if (!strcmp((char *)child->name, service_parts[part]))
				break;
		if (!service_parts[part])
			return document_refuse(error, child,
					       "unknown element <%s>",
					       (char *)child->name);
		if (service->parts[part])
			return document_refuse(error, child, "<%s> twice",
					       (char *)child->name);
		if (part < next)
			return document_refuse(error, child,
					       "<%s> is out of order: display-name, list, invite-members, max-participant-count, others",
					       (char *)child->name);
		service->parts[part] = child;
		next = part + 1;
	}
	return 0;
}

static int check_participants(xmlNode *node,
			      const struct group_description *document,
			      const struct document_error *error)
{
	char *text = (char *)xmlNodeGetContent(node);
	unsigned long most;
	char *end, *start;
	int result = 0;

	if (!text)
		return -ENOMEM;
	start = text + strspn(text, " \t\r\n");
	errno = 0;
	most = strtoul(start, &end, 10);
	if (*start < '0' || *start > '9' || errno ||
	    end[strspn(end, " \t\r\n")])
		result = document_refuse(error, node,
					 "max-participant-count is not a number");
	else if (document->members_count > most)
		result = document_refuse(error, node,
					 "%zu entries, max-participant-count is %lu",
					 document->members_count, most);
	xmlFree(text);
	return result;
}

static int compare_nodes(const void *one, const void *other)
{
	const struct group_member *const *a = one, *const *b = other;

	return strcmp((*a)->node, (*b)->node);
}

/* large groups ask often who is a member */
static int index_members(struct group_description *document)
{
	size_t i;

	document->by_node = calloc(document->members_count + 1,
				   sizeof(*document->by_node));
	if (!document->by_node)
		return -ENOMEM;
	for (i = 0; i < document->members_count; i++)
		document->by_node[i] = &document->members[i];
	qsort(document->by_node, document->members_count,
	      sizeof(*document->by_node), compare_nodes);
	return 0;
}

static int read_service(xmlNode *node, struct group_description *document,
			const struct document_error *error)
{
	struct service service = { { NULL }, NULL };
	char *name;
	int result;

	result = document_known_attributes(node, uri_attributes, error);
	if (!result)
		result = read_sgid(node, document, error);
	if (!result)
		result = sort_children(node, &service, error);
	if (result)
		return result;
	if (!service.group_key)
		return document_refuse(error, node,
				       "<list-service> has no <group-key> of %s",
				       NAMESPACE_GROUP_KEY);
	if (!service.parts[PART_LIST])
		return document_refuse(error, node,
				       "<list-service> has no <list>");
	if (service.parts[PART_DISPLAY_NAME]) {
		name = (char *)
			xmlNodeGetContent(service.parts[PART_DISPLAY_NAME]);
		document->display_name = name ? strdup(name) : NULL;
		xmlFree(name);
		if (!document->display_name)
			return -ENOMEM;
	}
	result = document_group_key(service.group_key, document, error);
	if (!result)
		result = read_list(service.parts[PART_LIST], document, error);
	if (!result && service.parts[PART_COUNT])
		result = check_participants(service.parts[PART_COUNT],
					    document, error);
	if (!result)
		result = index_members(document);
	if (!result)
		result = document_check_members(document, error);
	if (!result)
		result = document_tell_nets(document, error);
	if (!result && !error->stored)
		result = document_check_roster(document, error);
	return result;
}

static int read_group(xmlDoc *xml, struct group_description *document,
		      const struct document_error *error)
{
	xmlNode *root = xmlDocGetRootElement(xml);
	xmlNode *service;
	int result;

	if (xml->encoding && strcasecmp((char *)xml->encoding, "UTF-8") &&
	    strcasecmp((char *)xml->encoding, "US-ASCII"))
		return document_refuse(error, root,
				       "the encoding is %.20s, not UTF-8",
				       (char *)xml->encoding);
	if (!document_is(root, NAMESPACE_LIST_SERVICE, "group"))
		return document_refuse(error, root,
				       "the document is not a <group> of %s",
				       NAMESPACE_LIST_SERVICE);
	result = document_known_attributes(root, no_attributes, error);
	if (result)
		return result;
	service = document_first(root);
	if (!document_is(service, NAMESPACE_LIST_SERVICE, "list-service"))
		return document_refuse(error, service ? service : root,
				       "<group> has no <list-service>");
	if (document_next(service))
		return document_refuse(error, document_next(service),
				       "<group> has more than one <list-service>");
	return read_service(service, document, error);
}

static int parse(const char *text, size_t size,
		 struct group_description **document,
		 const struct document_error *error)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	struct group_description *parsed;
	xmlDoc *xml;
	int result;

	*document = NULL;
	if (error->room)
		*error->reason = 0;
	result = document_xml_read(text, size, &xml, error);
	if (result)
		return result;
	parsed = calloc(1, sizeof(*parsed));
	if (parsed)
		parsed->document = malloc(size + 1);
	if (!parsed || !parsed->document) {
		result = -ENOMEM;
		goto out;
	}
	memcpy(parsed->document, text, size);
	parsed->document[size] = 0;
	parsed->document_size = size;
	SHA256((const uint8_t *)text, size, hash);
	memcpy(parsed->etag, hash, sizeof(parsed->etag));
	result = read_group(xml, parsed, error);
out:
	xmlFreeDoc(xml);
	if (result)
		group_document_free(parsed);
	else
		*document = parsed;
	if (result == -ENOMEM)
		snprintf(error->reason, error->room, "out of memory");
	return result;
}

int group_document_parse(const char *text, size_t size,
			 struct group_description **document,
			 char *reason, size_t room)
{
	const struct document_error error = { reason, room, false };

	return parse(text, size, document, &error);
}

int group_document_parse_stored(const char *text, size_t size,
				struct group_description **document,
				char *reason, size_t room)
{
	const struct document_error error = { reason, room, true };

	return parse(text, size, document, &error);
}

void group_document_free(struct group_description *document)
{
	size_t i;

	if (!document)
		return;
	for (i = 0; i < document->members_count; i++) {
		if (document->members[i].told != document->members[i].nets)
			free(document->members[i].told);
		free(document->members[i].nets);
	}
	free(document->members);
	free(document->by_node);
	free(document->display_name);
	free(document->document);
	free(document);
}
