/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The OMA group document (application/vnd.oma.poc.groups+xml) with our part
 * in the schema's extension slots (wire description section 5).
 *
 * Parsing is strict and touches neither network nor file system: no DTD, no
 * entities, at most 1 MiB, at most 16 levels.  What comes out is immutable: a
 * change of the members gives new text, which is parsed anew.
 */
#ifndef CPNSD_SMF_GROUP_DOCUMENT_H
#define CPNSD_SMF_GROUP_DOCUMENT_H

#include <stddef.h>

#include "cskmf/group_description.h"

#define GROUP_DOCUMENT_MAX		(1024 * 1024)	/* bytes */
#define GROUP_DOCUMENT_DEPTH_MAX	16
#define GROUP_DOCUMENT_MEMBERS_MAX	65535
#define GROUP_DOCUMENT_NETS_MAX		64
#define GROUP_DOCUMENT_SENDERS_ESP_MAX	4096

/**
 * group_document_parse() - check a group document and read it
 * @text: UTF-8 bytes, need not end with 0
 * @size: bytes of @text
 * @document: gets the document; the caller frees it
 * @reason: gets line and cause in words on error
 * @room: bytes of @reason
 *
 * Return: 0, -EBADMSG where the document is refused, -EFBIG above 1 MiB,
 * -ENOMEM.  AD 5.3.1.1.5.1 (data in the group description).
 */
int group_document_parse(const char *text, size_t size,
			 struct group_description **document,
			 char *reason, size_t room);
/*
 * The same for a document that was accepted before: one of an older version
 * is not refused for its receivers' nets or the size of its lists.
 */
int group_document_parse_stored(const char *text, size_t size,
				struct group_description **document,
				char *reason, size_t room);
void group_document_free(struct group_description *document);
/* has nets that the other members must know of, or sends */
bool group_member_is_told_of(const struct group_member *member);

size_t group_document_list_size(const struct group_description *document);
size_t group_document_own_size(const struct group_member *own);

/* what `cpnsctl group add-member` says of a new entry; NULL: left out */
struct group_document_entry {
	const char *node;
	const char *tunnel, *nets, *delivery, *roles;
};

/**
 * group_document_add_member() - the document with one more entry
 * @document: left as it is
 * @entry: attribute values as they would stand in the document
 * @text: gets the new text, malloc'ed, already found valid
 * @size: bytes of @text
 * @reason: gets the cause in words on error
 * @room: bytes of @reason
 *
 * All other content of the document stays as it is.
 * Return: 0, -EEXIST, -EBADMSG where the result would be refused, -ENOMEM.
 */
int group_document_add_member(const struct group_description *document,
			      const struct group_document_entry *entry,
			      char **text, size_t *size,
			      char *reason, size_t room);

/* the document without one entry: 0, -ENOENT, -EBADMSG, -ENOMEM */
int group_document_remove_member(const struct group_description *document,
				 const char *node, char **text, size_t *size,
				 char *reason, size_t room);

#endif
