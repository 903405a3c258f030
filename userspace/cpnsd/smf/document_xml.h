/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Safe reading of XML for the group document: what libxml2 does not refuse
 * by itself, and typed attributes whose errors name line and cause.
 *
 * Internal to smf/; single-threaded.
 */
#ifndef CPNSD_SMF_DOCUMENT_XML_H
#define CPNSD_SMF_DOCUMENT_XML_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>

#define NAMESPACE_LIST_SERVICE	"urn:oma:xml:poc:list-service"
#define NAMESPACE_RESOURCE_LISTS "urn:ietf:params:xml:ns:resource-lists"
#define NAMESPACE_GROUP_KEY	"urn:cpns:xml:group-key:1"

/* where the words of an error go */
struct document_error {
	char *reason;
	size_t room;
	bool stored;	/* accepted once: not refused for what is asked since */
};

/* writes "line <n>: <words>"; always gives -EBADMSG */
int document_refuse(const struct document_error *error, const xmlNode *node,
		    const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * document_xml_read() - bytes into a tree, or a refusal
 * @text: bytes
 * @size: their count
 * @xml: gets the tree; xmlFreeDoc()
 * @error: where the cause goes
 *
 * Refused: a DTD, hence every entity of one's own, and more than
 * GROUP_DOCUMENT_DEPTH_MAX levels.  Nothing is fetched.
 * Return: 0, -EFBIG, -EBADMSG, -ENOMEM.
 */
int document_xml_read(const char *text, size_t size, xmlDoc **xml,
		      const struct document_error *error);

bool document_is(const xmlNode *node, const char *namespace,
		 const char *name);
/* first, next child that is an element */
xmlNode *document_first(const xmlNode *node);
xmlNode *document_next(const xmlNode *node);

/* an attribute without namespace; xmlFree(); NULL: not there */
char *document_attribute(xmlNode *node, const char *name);

/* every attribute without a namespace must be in @known (NULL-ended) */
int document_known_attributes(xmlNode *node, const char *const *known,
			      const struct document_error *error);

/* decimal without sign; @value is left alone where there is no attribute */
int document_number(xmlNode *node, const char *name, unsigned long least,
		    unsigned long most, unsigned long *value,
		    const struct document_error *error);
/* index in @words (NULL-ended); @value is left alone without attribute */
int document_word(xmlNode *node, const char *name, const char *const *words,
		  int *value, const struct document_error *error);

#endif
