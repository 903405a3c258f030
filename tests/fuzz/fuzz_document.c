// SPDX-License-Identifier: GPL-2.0-only
/*
 * The group document (smf/group_document.c, document_*.c, over libxml2):
 * reading, and the two changes that write it back.
 */
#include <errno.h>
#include <libxml/xmlmemory.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "smf/group_document.h"

static void check_accepted(const struct group_description *document)
{
	size_t i;

	FUZZ_ASSERT(document->sgid[0] && document->signer[0]);
	FUZZ_ASSERT(document->suite >= 1 && document->suite <= 3);
	FUZZ_ASSERT(document->atd < document->dtd && document->dtd <= 300);
	FUZZ_ASSERT(document->lifetime >= 60 && document->lifetime <= 604800);
	FUZZ_ASSERT(document->data_esp || document->data_message);
	FUZZ_ASSERT(document->max_senders);
	for (i = 0; i < document->members_count; i++) {
		const struct group_member *member = &document->members[i];

		FUZZ_ASSERT(identity_id_valid(member->node));
		FUZZ_ASSERT(member->tunnels_count <= GROUP_TUNNELS_MAX);
		FUZZ_ASSERT(member->nets_count <= GROUP_DOCUMENT_NETS_MAX);
		FUZZ_ASSERT(group_description_find(document, member->node) ==
			    member);
	}
}

static void parse_again(const char *text, size_t size, size_t members)
{
	struct group_description *document;
	char reason[256] = "";

	FUZZ_ASSERT(!group_document_parse(text, size, &document, reason,
					  sizeof(reason)));
	FUZZ_ASSERT(document->members_count == members);
	group_document_free(document);
}

static void add(const struct group_description *document)
{
	const struct group_document_entry entry = {
		.node = "fuzz-node", .tunnel = "192.0.2.99",
		.nets = "10.99.0.0/24", .delivery = "push",
		.roles = "sender receiver",
	};
	char reason[256] = "", *text;
	size_t size;
	int error;

	error = group_document_add_member(document, &entry, &text, &size,
					  reason, sizeof(reason));
	FUZZ_ASSERT(!error || error == -EBADMSG || error == -EEXIST ||
		    error == -EFBIG);
	FUZZ_ASSERT(!error || reason[0]);
	if (error)
		return;
	parse_again(text, size, document->members_count + 1);
	free(text);
}

static void take_out(const struct group_description *document)
{
	char reason[256] = "", *text;
	size_t size;
	int error;

	if (!document->members_count)
		return;
	error = group_document_remove_member(document,
					     document->members[0].node, &text,
					     &size, reason, sizeof(reason));
	FUZZ_ASSERT(!error || error == -EBADMSG || error == -EFBIG);
	FUZZ_ASSERT(!error || reason[0]);
	if (error)
		return;
	parse_again(text, size, document->members_count - 1);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size), reason[256] = "";
	struct group_description *document;
	int error;

	error = group_document_parse(copy, size, &document, reason,
				     sizeof(reason));
	free(copy);
	FUZZ_ASSERT(!error || error == -EBADMSG || error == -EFBIG);
	FUZZ_ASSERT(!error || reason[0]);
	if (error)
		return 0;
	check_accepted(document);
	add(document);
	take_out(document);
	group_document_free(document);
	return 0;
}
