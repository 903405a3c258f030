// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing back: one entry more or less, all else of the document kept.
 *
 * The text is read into a tree again, changed and written; the result must
 * pass the same parser before anybody sees it.  Single-threaded.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smf/document_xml.h"
#include "smf/group_document.h"

static xmlNode *find_child(const xmlNode *parent, const char *name)
{
	xmlNode *child;

	for (child = document_first(parent); child;
	     child = document_next(child))
		if (document_is(child, NAMESPACE_LIST_SERVICE, name))
			break;
	return child;
}

static xmlNode *find_list(xmlDoc *xml)
{
	xmlNode *service = find_child(xmlDocGetRootElement(xml),
				      "list-service");

	return service ? find_child(service, "list") : NULL;
}

static xmlNode *find_entry(const xmlNode *list, const char *node)
{
	struct identity identity;
	xmlNode *child;
	char *uri;
	bool same;

	for (child = document_first(list); child;
	     child = document_next(child)) {
		if (!document_is(child, NAMESPACE_LIST_SERVICE, "entry"))
			continue;
		uri = document_attribute(child, "uri");
		same = uri && !identity_parse(uri, &identity) &&
		       identity.kind == IDENTITY_NODE &&
		       !strcmp(identity.id, node);
		xmlFree(uri);
		if (same)
			break;
	}
	return child;
}

/* the tree as text, valid or refused; @less: accepted once, an entry is out */
static int write_back(xmlDoc *xml, bool less, char **text, size_t *size,
		      char *reason, size_t room)
{
	struct group_description *check;
	xmlChar *dumped = NULL;
	int length = 0, result;

	xmlDocDumpMemoryEnc(xml, &dumped, &length, "UTF-8");
	if (!dumped || length <= 0)
		return -ENOMEM;
	result = (less ? group_document_parse_stored : group_document_parse)
		((char *)dumped, length, &check, reason, room);
	if (!result) {
		*text = check->document;	/* malloc'ed, unlike libxml2's own */
		*size = check->document_size;
		check->document = NULL;
		group_document_free(check);
	}
	xmlFree(dumped);
	return result;
}

static int set_attribute(xmlNode *node, const char *name, const char *value)
{
	if (!value)
		return 0;
	return xmlNewProp(node, (const xmlChar *)name,
			  (const xmlChar *)value) ? 0 : -ENOMEM;
}

static int append_entry(xmlDoc *xml, xmlNode *list,
			const struct group_document_entry *entry)
{
	char uri[sizeof("urn:cpns:node:") + IDENTITY_ID_MAX];
	xmlNode *node, *member;
	xmlNs *ours;
	int result;

	snprintf(uri, sizeof(uri), "urn:cpns:node:%s", entry->node);
	node = xmlNewChild(list, list->ns, (const xmlChar *)"entry", NULL);
	if (!node || set_attribute(node, "uri", uri))
		return -ENOMEM;
	xmlAddNextSibling(node, xmlNewDocText(xml, (const xmlChar *)"\n"));
	ours = xmlSearchNsByHref(xml, list,
				 (const xmlChar *)NAMESPACE_GROUP_KEY);
	if (!ours || !ours->prefix)
		ours = xmlNewNs(node, (const xmlChar *)NAMESPACE_GROUP_KEY,
				(const xmlChar *)"cpns");
	if (!ours)
		return -ENOMEM;
	member = xmlNewChild(node, ours, (const xmlChar *)"member", NULL);
	if (!member)
		return -ENOMEM;
	result = set_attribute(member, "roles", entry->roles);
	if (!result)
		result = set_attribute(member, "delivery", entry->delivery);
	if (!result)
		result = set_attribute(member, "tunnel", entry->tunnel);
	if (!result)
		result = set_attribute(member, "nets", entry->nets);
	return result;
}

int group_document_add_member(const struct group_description *document,
			      const struct group_document_entry *entry,
			      char **text, size_t *size,
			      char *reason, size_t room)
{
	const struct document_error error = { reason, room, false };
	xmlNode *list;
	xmlDoc *xml;
	int result;

	if (!identity_id_valid(entry->node)) {
		snprintf(reason, room, "\"%.80s\" is not a node id",
			 entry->node);
		return -EBADMSG;
	}
	if (group_description_find(document, entry->node)) {
		snprintf(reason, room, "%s is a member already", entry->node);
		return -EEXIST;
	}
	result = document_xml_read(document->document, document->document_size, &xml,
				   &error);
	if (result)
		return result;
	list = find_list(xml);
	result = list ? append_entry(xml, list, entry) : -EBADMSG;
	if (!result)
		result = write_back(xml, false, text, size, reason, room);
	xmlFreeDoc(xml);
	return result;
}

int group_document_remove_member(const struct group_description *document,
				 const char *node, char **text, size_t *size,
				 char *reason, size_t room)
{
	const struct document_error error = { reason, room, false };
	xmlNode *list, *entry;
	xmlDoc *xml;
	int result;

	if (!group_description_find(document, node)) {
		snprintf(reason, room, "%.80s is not a member", node);
		return -ENOENT;
	}
	result = document_xml_read(document->document, document->document_size, &xml,
				   &error);
	if (result)
		return result;
	list = find_list(xml);
	entry = list ? find_entry(list, node) : NULL;
	if (entry) {
		xmlUnlinkNode(entry);
		xmlFreeNode(entry);
		result = write_back(xml, true, text, size, reason, room);
	} else {
		result = -EBADMSG;
	}
	xmlFreeDoc(xml);
	return result;
}
