// SPDX-License-Identifier: GPL-2.0-only
/*
 * Safe reading of XML: see document_xml.h.
 *
 * libxml2 builds the tree through its own SAX2 handlers; two of them are
 * wrapped, so that a DTD or too deep a nesting stops the parser at once
 * rather than after the whole text has been digested.
 */
#include <errno.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smf/document_xml.h"
#include "smf/group_document.h"

/* hung into the parser context for the time of one parse */
struct reading {
	const char *stopped;		/* why we stopped the parser */
	int line;
};

int document_refuse(const struct document_error *error, const xmlNode *node,
		    const char *format, ...)
{
	va_list arguments;
	int used = 0;

	if (!error->room)
		return -EBADMSG;
	if (node)
		used = snprintf(error->reason, error->room, "line %ld: ",
				xmlGetLineNo(node));
	if (used < 0 || (size_t)used >= error->room)
		return -EBADMSG;
	va_start(arguments, format);
	vsnprintf(error->reason + used, error->room - used, format, arguments);
	va_end(arguments);
	return -EBADMSG;
}

static void stop(xmlParserCtxt *parser, const char *why)
{
	struct reading *reading = parser->_private;

	if (!reading->stopped) {
		reading->stopped = why;
		reading->line = xmlSAX2GetLineNumber(parser);
	}
	xmlStopParser(parser);
}

static void on_subset(void *context, const xmlChar *name,
		      const xmlChar *external, const xmlChar *system)
{
	stop(context, "a document type declaration is not allowed");
}

static void on_element(void *context, const xmlChar *name,
		       const xmlChar *prefix, const xmlChar *uri,
		       int namespaces_count, const xmlChar **namespaces,
		       int attributes_count, int defaulted_count,
		       const xmlChar **attributes)
{
	xmlParserCtxt *parser = context;

	if (parser->nodeNr >= GROUP_DOCUMENT_DEPTH_MAX) {
		stop(parser, "more than 16 levels of elements");
		return;
	}
	xmlSAX2StartElementNs(context, name, prefix, uri, namespaces_count,
			      namespaces, attributes_count, defaulted_count,
			      attributes);
}

static int parse_error(xmlParserCtxt *parser, const struct reading *reading,
		       const struct document_error *error)
{
	const xmlError *last = xmlCtxtGetLastError(parser);
	const char *message;
	int length;

	if (reading->stopped) {
		snprintf(error->reason, error->room, "line %d: %s",
			 reading->line, reading->stopped);
		return -EBADMSG;
	}
	if (last && last->code == XML_ERR_NO_MEMORY)
		return -ENOMEM;
	message = last && last->message ? last->message : "not XML";
	length = strcspn(message, "\n");
	snprintf(error->reason, error->room, "line %d: not well-formed: %.*s",
		 last ? last->line : 1, length, message);
	return -EBADMSG;
}

int document_xml_read(const char *text, size_t size, xmlDoc **xml,
		      const struct document_error *error)
{
	struct reading reading = { NULL, 0 };
	xmlParserCtxt *parser;
	int result;

	*xml = NULL;
	if (size > GROUP_DOCUMENT_MAX) {
		snprintf(error->reason, error->room,
			 "the document has %zu bytes, at most %d are allowed",
			 size, GROUP_DOCUMENT_MAX);
		return -EFBIG;
	}
	if (!size)
		return document_refuse(error, NULL,
				       "line 1: the document is empty");
	if (memchr(text, 0, size))
		return document_refuse(error, NULL,
				       "line 1: the document has a zero byte");
	parser = xmlCreateMemoryParserCtxt(text, (int)size);
	if (!parser)
		return -ENOMEM;
	parser->_private = &reading;
	xmlCtxtUseOptions(parser, XML_PARSE_NONET | XML_PARSE_NOERROR |
			  XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES |
			  XML_PARSE_NOCDATA);
	parser->sax->internalSubset = on_subset;
	parser->sax->startElementNs = on_element;
	xmlParseDocument(parser);
	if (!parser->wellFormed || reading.stopped ||
	    !parser->nsWellFormed || !parser->myDoc ||
	    !xmlDocGetRootElement(parser->myDoc)) {
		result = parse_error(parser, &reading, error);
		xmlFreeDoc(parser->myDoc);
	} else {
		*xml = parser->myDoc;
		result = 0;
	}
	parser->myDoc = NULL;
	xmlFreeParserCtxt(parser);
	return result;
}

bool document_is(const xmlNode *node, const char *namespace, const char *name)
{
	return node && node->type == XML_ELEMENT_NODE && node->ns &&
	       !strcmp((const char *)node->ns->href, namespace) &&
	       (!name || !strcmp((const char *)node->name, name));
}

static xmlNode *element_from(xmlNode *node)
{
	while (node && node->type != XML_ELEMENT_NODE)
		node = node->next;
	return node;
}

xmlNode *document_first(const xmlNode *node)
{
	return element_from(node->children);
}

xmlNode *document_next(const xmlNode *node)
{
	return element_from(node->next);
}

char *document_attribute(xmlNode *node, const char *name)
{
	return (char *)xmlGetNoNsProp(node, (const xmlChar *)name);
}

int document_known_attributes(xmlNode *node, const char *const *known,
			      const struct document_error *error)
{
	const xmlAttr *attribute;
	const char *name;
	size_t i;

	for (attribute = node->properties; attribute;
	     attribute = attribute->next) {
		name = (const char *)attribute->name;
		if (attribute->ns &&
		    strcmp((const char *)attribute->ns->href,
			   NAMESPACE_GROUP_KEY))
			continue;	/* someone else's extension */
		for (i = 0; known[i] && !attribute->ns; i++)
			if (!strcmp(name, known[i]))
				break;
		if (attribute->ns || !known[i])
			return document_refuse(error, node,
					       "unknown attribute \"%s\" of <%s>",
					       name, (char *)node->name);
	}
	return 0;
}

int document_number(xmlNode *node, const char *name, unsigned long least,
		    unsigned long most, unsigned long *value,
		    const struct document_error *error)
{
	char *text = document_attribute(node, name);
	unsigned long number;
	int result = 0;
	size_t length;

	if (!text)
		return 0;
	length = strlen(text);
	if (!length || length > 9 ||
	    strspn(text, "0123456789") != length) {
		result = document_refuse(error, node,
					 "%s=\"%.20s\" is not a number",
					 name, text);
		goto out;
	}
	number = strtoul(text, NULL, 10);
	if (number < least || number > most) {
		result = document_refuse(error, node,
					 "%s=\"%s\" is not between %lu and %lu",
					 name, text, least, most);
		goto out;
	}
	*value = number;
out:
	xmlFree(text);
	return result;
}

int document_word(xmlNode *node, const char *name, const char *const *words,
		  int *value, const struct document_error *error)
{
	char *text = document_attribute(node, name);
	char list[128] = "";
	size_t used = 0;
	int i;

	if (!text)
		return 0;
	for (i = 0; words[i]; i++) {
		if (!strcmp(text, words[i])) {
			*value = i;
			xmlFree(text);
			return 0;
		}
		if (used < sizeof(list))
			used += snprintf(list + used, sizeof(list) - used,
					 "%s%s", i ? ", " : "", words[i]);
	}
	document_refuse(error, node, "%s=\"%.40s\" is none of: %s", name, text,
			list);
	xmlFree(text);
	return -EBADMSG;
}
