/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server's SMF from inside: one struct, its parts by file.  Internal to
 * smf/; the loop's thread.
 */
#ifndef CPNSD_SMF_SMF_PRIVATE_H
#define CPNSD_SMF_SMF_PRIVATE_H

#include <uthash.h>

#include "config.h"
#include "control.h"
#include "cskmf/cskmf.h"
#include "cskmf/inspect.h"
#include "enrolment/enrolment.h"
#include "kmc/kmc.h"
#include "loop.h"
#include "osg/osg.h"
#include "smf/smf.h"
#include "store/store.h"
#include "transport/identity.h"
#include "transport/server.h"

#define SMF_REASON_MAX	640

struct told;			/* notify.c: who was told what */
struct group_file;		/* directory.c: which file a group is in */
struct waiter;			/* waiting.c: replies that wait for an epoch */

struct smf {
	struct loop *loop;
	const struct config *config;
	struct control *control;
	struct identity_trust *trust;
	struct kmc *kmc;
	struct osg *osg;
	struct store *store;
	struct enrolment *enrolment;
	struct transport_server *server;
	struct cskmf *cskmf;
	char signer[96];	/* urn:cpns:signer:<id> of our records */
	double started;		/* boottime */
	struct told *told;
	struct group_file *files;
	struct waiter *waiters;
	struct loop_timer dropping;
	char (*to_drop)[IDENTITY_ID_MAX + 1];
	size_t to_drop_count;
};

/*
 * groups.c: what verbs and /manage do.  The group's file is written with it.
 * 0 or -errno with the reason in words.
 */
int smf_group_create(struct smf *smf, const char *text, size_t size,
		     char *sgid, uint32_t *num, char *reason);
int smf_group_update(struct smf *smf, const char *sgid, const char *text,
		     size_t size, enum cskmf_cause cause,
		     struct cskmf_updated *updated, char *reason);
int smf_group_rekey(struct smf *smf, const char *sgid, enum cskmf_cause cause,
		    struct cskmf_updated *updated, char *reason);
int smf_group_delete(struct smf *smf, const char *sgid, uint32_t *num,
		     char *reason);
struct group_document_entry;
int smf_member_add(struct smf *smf, const char *sgid,
		   const struct group_document_entry *entry,
		   struct cskmf_updated *updated, char *reason);
int smf_member_remove(struct smf *smf, const char *sgid, const char *node,
		      enum cskmf_cause cause, struct cskmf_updated *updated,
		      char *reason);
/* out of all groups at once; @sgids gets a list of strings, NULL-ended */
int smf_node_revoke(struct smf *smf, const char *node, bool revoked,
		    char ***sgids, char *reason);
/* the document's signer must be ours */
int smf_check_signer(const struct smf *smf,
		     const struct group_description *description,
		     char *reason);
/* list_room.c */
int smf_check_list_room(const struct smf *smf,
			const struct group_description *description,
			char *reason);

/* directory.c: [server] groups= */
struct file_change;		/* written beside, not yet in place */
int directory_prepare(struct smf *smf, const char *sgid, const char *text,
		      size_t size, struct file_change **change, char *reason);
void directory_finish(struct file_change *change, bool keep);
int directory_hide(struct smf *smf, const char *sgid, char *reason);
void directory_hidden(struct smf *smf, const char *sgid, bool deleted);
void directory_read(struct smf *smf, enum cskmf_cause cause);
void directory_close(struct smf *smf);

/* notify.c: /smf/N */
void notify_serve(void *context, const struct transport_request *request,
		  struct transport_answer *answer);
/* tells the nodes for which the group's properties are others now */
void notify_group(struct smf *smf, const char *sgid);
/* tells those only who were told of the group and are in it no more */
void notify_removed(struct smf *smf, const char *sgid);
void notify_close(struct smf *smf);

/* manage.c: /manage */
void manage_serve(void *context, const struct transport_request *request,
		  struct transport_answer *answer);
void manage_alert(struct smf *smf, const struct cskmf_alert *alert);
/* a group has come or gone */
void manage_list_changed(struct smf *smf);

/* metrics.c: the caller frees it; NULL: out of memory */
char *metrics_text(struct smf *smf);

/* verbs*.c: the control socket */
int verbs_register(struct smf *smf);
int verbs_members_register(struct smf *smf);
int verbs_nodes_register(struct smf *smf);
int verbs_server_register(struct smf *smf);
/* a member of the request as text; NULL and an error answer if not there */
const char *verb_text(const struct control_request *request, const char *name,
		      struct control_reply *reply);
/* members of an answer */
void answer_number(struct json_object *body, const char *name, uint64_t value);
void answer_text(struct json_object *body, const char *name,
		 const char *value);
struct json_object *answer_hexadecimal(const uint8_t *bytes, size_t size);
void answer_bool(struct json_object *body, const char *name, bool value);
void verb_failed(struct control_reply *reply, int error, const char *reason);

/* waiting.c: answers {sgid, num} when the epoch stands */
void wait_for_epoch(struct smf *smf, const char *sgid,
		    const struct cskmf_updated *updated,
		    struct control_reply *reply);
void waiting_alert(struct smf *smf, const struct cskmf_alert *alert);
void waiting_close(struct smf *smf);

#endif
