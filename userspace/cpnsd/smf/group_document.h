/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The OMA group document (application/vnd.oma.poc.groups+xml) with our part
 * in the schema's extension slots (wire description section 5).
 *
 * Parsing is strict and touches neither network nor file system: no DTD, no
 * entities, at most 1 MiB, at most 16 levels.  A struct group_document is
 * immutable once parsed: a change of its members gives new text, which is
 * parsed anew.  It belongs to whoever parsed it.
 */
#ifndef CPNSD_SMF_GROUP_DOCUMENT_H
#define CPNSD_SMF_GROUP_DOCUMENT_H

#include <cpns/cpns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/roster.h"
#include "transport/identity.h"

#define GROUP_DOCUMENT_MAX		(1024 * 1024)	/* bytes */
#define GROUP_DOCUMENT_DEPTH_MAX	16
#define GROUP_DOCUMENT_ETAG_SIZE	8
#define GROUP_DOCUMENT_LOCATION_MAX	1024
#define GROUP_DOCUMENT_MEMBERS_MAX	65535
#define GROUP_DOCUMENT_TUNNELS_MAX	4
#define GROUP_DOCUMENT_NETS_MAX		64
#define GROUP_DOCUMENT_SENDERS_ESP_MAX	4096

enum group_topology {
	TOPOLOGY_CENTRAL,	/* the CPNS Server holds CSKMF and OSG */
	TOPOLOGY_DIRECT,	/* a Group Key Manager delivers by itself */
	TOPOLOGY_INDIRECT,	/* ... by way of a central server node */
};

enum group_encap {
	ENCAP_NONE,
	ENCAP_UDP,
};

/* one <entry> */
struct group_document_member {
	char node[IDENTITY_ID_MAX + 1];
	unsigned int roles;			/* ROLE_BIT_* of response.h */
	bool push;				/* delivery */
	bool tunnel_dynamic;			/* the session's address */
	struct roster_address tunnels[GROUP_DOCUMENT_TUNNELS_MAX];
	size_t tunnels_count;
	struct roster_net *nets;
	size_t nets_count;
	unsigned int line;
};

struct group_document {
	char *text;				/* as it was read */
	size_t size;
	uint8_t etag[GROUP_DOCUMENT_ETAG_SIZE];	/* of the text */
	char sgid[CPNS_SGID_MAX + 1];
	char *display_name;			/* NULL: none */
	struct group_document_member *members;	/* in document order */
	size_t members_count;
	/* <cpns:group-key> */
	char location[GROUP_DOCUMENT_LOCATION_MAX];
	char signer[96];
	uint8_t suite;
	uint32_t lifetime, atd, dtd;		/* seconds */
	uint32_t batch_ms;
	bool push;
	unsigned int min_level;
	unsigned int max_senders;
	enum group_topology topology;
	bool data_esp, data_message;
	bool transport_mode;
	bool has_multicast;
	struct roster_address multicast;
	char manager[IDENTITY_ID_MAX + 1];	/* node id, "": none */
	enum group_encap encap;
	bool allow_default;
};

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
			 struct group_document **document,
			 char *reason, size_t room);
void group_document_free(struct group_document *document);

/* NULL if @node is not on the list */
const struct group_document_member *
group_document_find(const struct group_document *document, const char *node);

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
int group_document_add_member(const struct group_document *document,
			      const struct group_document_entry *entry,
			      char **text, size_t *size,
			      char *reason, size_t room);

/* the document without one entry: 0, -ENOENT, -EBADMSG, -ENOMEM */
int group_document_remove_member(const struct group_document *document,
				 const char *node, char **text, size_t *size,
				 char *reason, size_t room);

#endif
