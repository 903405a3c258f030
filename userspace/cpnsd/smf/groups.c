// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the SMF does with groups: create, update, rekey, delete, members in
 * and out, nodes revoked.  Verbs, /manage, files and members' leave requests
 * all come through here (AD 5.3.1.7).
 *
 * The loop's thread.  Flow step 1 of B.2.1.1 is logged here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "smf/group_document.h"
#include "smf/smf_private.h"

static void log_request(const char *sgid)
{
	struct log_flow line = {
		.role = "server",
		.flow = "B.2.1.1",
		.step = 1,
		.from = "SMF",
		.to = "CSKMF",
		.sgid = sgid,
	};

	log_flow_step(&line);
}

int smf_check_signer(const struct smf *smf,
		     const struct group_description *description,
		     char *reason)
{
	if (!strcmp(description->signer, smf->signer))
		return 0;
	snprintf(reason, SMF_REASON_MAX,
		 "the document's signer is %s, this server signs as %s",
		 description->signer, smf->signer);
	return -EBADMSG;
}

/*
 * The document is good and ours; *description is the caller's.  Nobody is kept
 * in because the rest would be refused today: @less, one that was accepted, and
 * an entry is out.
 */
static int read_document(const struct smf *smf, const char *text, size_t size,
			 bool less, struct group_description **description,
			 char *reason)
{
	int result;

	result = (less ? group_document_parse_stored : group_document_parse)
		(text, size, description, reason, SMF_REASON_MAX);
	if (result)
		return result;
	result = smf_check_signer(smf, *description, reason);
	if (!result && !less)
		result = smf_check_list_room(smf, *description, reason);
	if (result)
		group_document_free(*description);
	return result;
}

int smf_group_create(struct smf *smf, const char *text, size_t size,
		     char *sgid, uint32_t *num, char *reason)
{
	struct group_description *description;
	struct cskmf_group_view view;
	struct file_change *change;
	int result;

	result = read_document(smf, text, size, false, &description, reason);
	if (result)
		return result;
	strcpy(sgid, description->sgid);
	group_document_free(description);
	if (!cskmf_group_view(smf->cskmf, sgid, &view)) {
		snprintf(reason, SMF_REASON_MAX,
			 "the group %s exists already", sgid);
		return -EEXIST;
	}
	result = directory_prepare(smf, sgid, text, size, &change, reason);
	if (result)
		return result;
	log_request(sgid);
	result = cskmf_create(smf->cskmf, text, size, num, reason,
			      SMF_REASON_MAX);
	directory_finish(change, !result);
	if (result)
		return result;
	log_info("group=%s created, num=%u", sgid, *num);
	manage_list_changed(smf);
	return 0;
}

static int update_group(struct smf *smf, const char *sgid, const char *text,
			size_t size, bool less, enum cskmf_cause cause,
			struct cskmf_updated *updated, char *reason)
{
	struct cskmf_update update = {
		.cause = cause,
		.document = text,
		.size = size,
	};
	struct group_description *description;
	struct cskmf_group_view view;
	struct file_change *change;
	int result;

	if (cskmf_group_view(smf->cskmf, sgid, &view)) {
		snprintf(reason, SMF_REASON_MAX, "no group %s", sgid);
		return -ENOENT;
	}
	result = read_document(smf, text, size, less, &description, reason);
	if (result)
		return result;
	group_document_free(description);
	result = directory_prepare(smf, sgid, text, size, &change, reason);
	if (result)
		return result;
	log_request(sgid);
	result = cskmf_update(smf->cskmf, sgid, &update, updated, reason,
			      SMF_REASON_MAX);
	directory_finish(change, !result);
	if (result)
		return result;
	/* who is out hears it now, the others with the epoch: step 7 after 6 */
	if (updated->pending)
		notify_removed(smf, sgid);
	else
		notify_group(smf, sgid);
	return 0;
}

int smf_group_update(struct smf *smf, const char *sgid, const char *text,
		     size_t size, enum cskmf_cause cause,
		     struct cskmf_updated *updated, char *reason)
{
	return update_group(smf, sgid, text, size, false, cause, updated,
			    reason);
}

int smf_group_rekey(struct smf *smf, const char *sgid, enum cskmf_cause cause,
		    struct cskmf_updated *updated, char *reason)
{
	struct cskmf_update update = { .cause = cause };
	struct cskmf_group_view view;

	if (cskmf_group_view(smf->cskmf, sgid, &view)) {
		snprintf(reason, SMF_REASON_MAX, "no group %s", sgid);
		return -ENOENT;
	}
	log_request(sgid);
	return cskmf_update(smf->cskmf, sgid, &update, updated, reason,
			    SMF_REASON_MAX);
}

int smf_group_delete(struct smf *smf, const char *sgid, uint32_t *num,
		     char *reason)
{
	int result = directory_hide(smf, sgid, reason);

	if (result)
		return result;
	result = cskmf_delete(smf->cskmf, sgid, num, reason, SMF_REASON_MAX);
	directory_hidden(smf, sgid, !result);
	if (result)
		return result;
	log_info("group=%s deleted, num=%u", sgid, *num);
	notify_group(smf, sgid);
	manage_list_changed(smf);
	return 0;
}

int smf_member_add(struct smf *smf, const char *sgid,
		   const struct group_document_entry *entry,
		   struct cskmf_updated *updated, char *reason)
{
	struct cskmf_group_view view;
	char *text;
	size_t size;
	int result;

	result = cskmf_group_view(smf->cskmf, sgid, &view);
	if (result) {
		snprintf(reason, SMF_REASON_MAX, "no group %s", sgid);
		return result;
	}
	result = group_document_add_member(view.description, entry, &text,
					   &size, reason, SMF_REASON_MAX);
	if (result)
		return result;
	result = smf_group_update(smf, sgid, text, size, CSKMF_DOCUMENT,
				  updated, reason);
	free(text);
	return result;
}

int smf_member_remove(struct smf *smf, const char *sgid, const char *node,
		      enum cskmf_cause cause, struct cskmf_updated *updated,
		      char *reason)
{
	struct cskmf_group_view view;
	char *text;
	size_t size;
	int result;

	result = cskmf_group_view(smf->cskmf, sgid, &view);
	if (result) {
		snprintf(reason, SMF_REASON_MAX, "no group %s", sgid);
		return result;
	}
	result = group_document_remove_member(view.description, node, &text,
					      &size, reason, SMF_REASON_MAX);
	if (result)
		return result;
	result = update_group(smf, sgid, text, size, true, cause, updated,
			      reason);
	free(text);
	return result;
}

/* the groups that a node is to be put out of, before any of them changes */
struct listing {
	struct smf *smf;
	const char *node;
	char **sgids;
	size_t count;
};

static int list_group(void *context, const struct cskmf_group_view *view)
{
	struct listing *listing = context;
	char **sgids;

	if (!group_description_find(view->description, listing->node) &&
	    !cskmf_has_key(listing->smf->cskmf, view->sgid, listing->node))
		return 0;
	sgids = reallocarray(listing->sgids, listing->count + 2,
			     sizeof(*sgids));
	if (!sgids)
		return -ENOMEM;
	listing->sgids = sgids;
	sgids[listing->count] = strdup(view->sgid);
	if (!sgids[listing->count])
		return -ENOMEM;
	sgids[++listing->count] = NULL;
	return 0;
}

/* one that left and waits for the epoch without it is not listed any more */
static int evict(struct smf *smf, const char *sgid, const char *node,
		 char *reason)
{
	struct cskmf_member_view member;
	struct cskmf_updated updated;

	if (cskmf_member_view(smf->cskmf, sgid, node, &member))
		return smf_group_rekey(smf, sgid, CSKMF_EVICT, &updated,
				       reason);
	return smf_member_remove(smf, sgid, node, CSKMF_EVICT, &updated,
				 reason);
}

int smf_node_revoke(struct smf *smf, const char *node, bool revoked,
		    char ***sgids, char *reason)
{
	struct listing listing = { .smf = smf, .node = node };
	char cause[SMF_REASON_MAX] = "";
	int result, error;
	size_t i;

	*sgids = NULL;
	/* first the flag: whatever fails below, the node gets no key more */
	result = nodes_revoke(cskmf_nodes(smf->cskmf), node, revoked);
	if (result) {
		snprintf(reason, SMF_REASON_MAX,
			 "the revocation is not stored: %s",
			 strerror(-result));
		return result;
	}
	log_notice("node=%s %s", node, revoked ? "revoked" :
						 "is allowed again");
	if (!revoked)
		return 0;
	result = cskmf_groups_each(smf->cskmf, list_group, &listing);
	/* a group that cannot do without it must not keep it in the others */
	for (i = 0; i < listing.count; i++) {
		error = evict(smf, listing.sgids[i], node, cause);
		if (!error)
			continue;
		log_error("group=%s node=%s is revoked and not evicted: %s",
			  listing.sgids[i], node, cause);
		if (!result)
			snprintf(reason, SMF_REASON_MAX,
				 "revoked, but not evicted from %s: %.300s",
				 listing.sgids[i], cause);
		result = error;
	}
	*sgids = listing.sgids;
	return result;
}
