// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CSKMF's four operations: create, update, delete, deliver.
 *
 * Threading: the loop's thread.  Owns groups and node table; borrows OSG,
 * store and transport.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cskmf/group.h"
#include "log.h"

int cskmf_open(struct cskmf **cskmf, const struct cskmf_options *options,
	       char *reason, size_t room)
{
	struct cskmf *opened = calloc(1, sizeof(*opened));
	int result;

	*cskmf = NULL;
	if (!opened)
		return -ENOMEM;
	opened->options = *options;
	loop_timer_init(options->loop, &opened->telling, groups_tell, opened);
	loop_timer_init(options->loop, &opened->saving, reports_save, opened);
	*reason = 0;
	opened->presealed_from = SEALING_FROM;
	result = wall_clock_open(opened);
	if (!result)
		result = limits_open(&opened->limits);
	if (!result)
		result = sealing_open(&opened->sealing, options->loop,
				      options->osg, presealed_done, opened);
	if (!result)
		result = nodes_open(&opened->nodes, options->store);
	if (!result)
		result = rewrap_keys(opened, reason, room);
	if (!result)
		result = groups_load(opened, reason, room);
	if (!result && options->server)
		result = transport_server_route(options->server, "ace-group",
						cskmf_serve, opened);
	if (result) {
		if (!*reason)
			snprintf(reason, room, "CSKMF: %s",
				 strerror(-result));
		cskmf_close(opened);
		return result;
	}
	*cskmf = opened;
	return 0;
}

void cskmf_close(struct cskmf *cskmf)
{
	struct group *group, *next;

	if (!cskmf)
		return;
	loop_timer_stop(&cskmf->telling);
	if (loop_timer_active(&cskmf->saving))
		reports_save(cskmf);
	loop_timer_stop(&cskmf->saving);
	wall_clock_close(cskmf);
	sealing_close(cskmf->sealing);
	HASH_ITER(hh, cskmf->groups, group, next) {
		reserve_give_back(group);
		group_free(group);
	}
	nodes_close(cskmf->nodes);
	limits_close(cskmf->limits);
	free(cskmf);
}

/* what the document may ask for and this version has not */
static int check_supported(const struct group_description *description,
			   char *reason, size_t room)
{
	if (description->topology != TOPOLOGY_CENTRAL) {
		snprintf(reason, room,
			 "topology direct and indirect are not in this version, only central");
		return -EOPNOTSUPP;
	}
	if (description->encap != ENCAP_NONE) {
		snprintf(reason, room,
			 "encap=\"udp\" is not in this version");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int describe(struct cskmf *cskmf, const void *document, size_t size,
		    struct group_description **description,
		    char *reason, size_t room)
{
	const struct cskmf_events *events = &cskmf->options.events;
	int result;

	result = events->describe(events->context, document, size,
				  description, reason, room);
	if (result)
		return result;
	result = check_supported(*description, reason, room);
	if (result)
		events->forget(events->context, *description);
	return result;
}

static int gone(const char *sgid, char *reason, size_t room)
{
	snprintf(reason, room, "no group %s", sgid);
	return -ENOENT;
}

int cskmf_create(struct cskmf *cskmf, const void *document, size_t size,
		 uint32_t *num, char *reason, size_t room)
{
	const struct cskmf_events *events = &cskmf->options.events;
	struct group_description *description;
	struct group *group;
	bool deleted;
	int result;

	result = describe(cskmf, document, size, &description, reason, room);
	if (result)
		return result;
	group = group_find(cskmf, description->sgid);
	if (group && !group->deleted) {
		snprintf(reason, room, "the group %s exists already",
			 description->sgid);
		events->forget(events->context, description);
		return -EEXIST;
	}
	deleted = group;
	if (!group)
		group = group_add(cskmf, description->sgid);
	if (!group) {
		events->forget(events->context, description);
		return -ENOMEM;
	}
	group->deleted = false;
	group->description = description;
	result = epoch_make(group, EPOCH_CREATE);
	if (!result) {
		*num = group->num;
		return 0;
	}
	snprintf(reason, room, "no Group Key for %s: %s", group->sgid,
		 strerror(-result));
	if (deleted) {
		group->deleted = true;
		group->description = NULL;
		events->forget(events->context, description);
	} else {
		group_free(group);
	}
	return result;
}

/* what makes an epoch although the members are the same */
static bool same_parameters(const struct group_description *one,
			    const struct group_description *other)
{
	return one->suite == other->suite &&
	       one->lifetime == other->lifetime && one->atd == other->atd &&
	       one->dtd == other->dtd;
}

/* does the group's document, which was @old, want an epoch? */
static bool wants_epoch(const struct group *group,
			const struct group_description *old,
			enum cskmf_cause cause, enum epoch_reason *reason)
{
	*reason = EPOCH_TIMER;
	if (group_settled(group))
		return !same_parameters(group->description, old);
	*reason = cause == CSKMF_EVICT ? EPOCH_EVICT : EPOCH_LEAVE;
	return true;
}

/*
 * The new document counts from here on; stored with the roster's serial and
 * the epoch that it wants: whoever is evicted has this key until then.
 */
static int take_document(struct group *group,
			 struct group_description *description,
			 enum cskmf_cause cause)
{
	const struct cskmf_events *events = &group->cskmf->options.events;
	struct store *store = group->cskmf->options.store;
	struct group_description *old = group->description;
	uint64_t serial = group->roster_serial;
	enum epoch_reason reason;
	bool wanted;
	int result;

	result = store_begin(store);
	if (result)
		return result;
	group->description = description;
	wanted = wants_epoch(group, old, cause, &reason);
	result = roster_changed(group);		/* stores the group */
	if (!result && wanted)
		result = schedule_promise(group, reason,
					  reason == EPOCH_EVICT);
	if (result)
		store_rollback(store);
	else
		result = store_commit(store);
	if (result) {
		group->description = old;
		group->roster_serial = serial;
		return result;
	}
	events->forget(events->context, old);
	group->alert.list_changed = true;
	group->same_list = false;
	/* a failure here leaves a SID that its owner may not use: harmless */
	senders_retire(group);
	if (!wanted)
		return 0;
	group->wanted_at_start |= cause == CSKMF_AT_START;
	schedule_promised(group, reason, reason == EPOCH_EVICT);
	return 0;
}

static int update_document(struct group *group,
			   const struct cskmf_update *update,
			   char *reason, size_t room)
{
	struct cskmf *cskmf = group->cskmf;
	const struct cskmf_events *events = &cskmf->options.events;
	struct group_description *description;
	int result;

	result = describe(cskmf, update->document, update->size, &description,
			  reason, room);
	if (result)
		return result;
	if (strcmp(description->sgid, group->sgid)) {
		snprintf(reason, room,
			 "the document is of the group %s, not of %s",
			 description->sgid, group->sgid);
		events->forget(events->context, description);
		return -EBADMSG;
	}
	result = take_document(group, description, update->cause);
	if (result) {
		events->forget(events->context, description);
		snprintf(reason, room, "the document is not stored: %s",
			 strerror(-result));
		return result;
	}
	return 0;
}

int cskmf_update(struct cskmf *cskmf, const char *sgid,
		 const struct cskmf_update *update,
		 struct cskmf_updated *updated, char *reason, size_t room)
{
	struct group *group = group_find(cskmf, sgid);
	int result;

	if (!group || group->deleted)
		return gone(sgid, reason, room);
	if (update->cause == CSKMF_RESTORED || update->cause == CSKMF_UNFOUNDED)
		result = hold_end(group, update->cause == CSKMF_RESTORED,
				  reason, room);
	else
		result = hold_check(group, reason, room);
	if (result)
		return result;
	if (update->document) {
		result = update_document(group, update, reason, room);
		if (result)
			return result;
	}
	if (update->cause == CSKMF_TIMER)
		schedule_request(group, EPOCH_TIMER, false);
	else if (update->cause == CSKMF_EVICT && !update->document)
		schedule_request(group, EPOCH_EVICT, true);
	else if (update->cause == CSKMF_COMPROMISE)
		schedule_request(group, EPOCH_COMPROMISE, true);
	updated->num = group->num;
	updated->pending = group->wanted;
	updated->due = group->wanted ? schedule_due(group) : 0;
	return 0;
}

int cskmf_delete(struct cskmf *cskmf, const char *sgid, uint32_t *num,
		 char *reason, size_t room)
{
	struct group *group = group_find(cskmf, sgid);
	int result;

	if (!group || group->deleted)
		return gone(sgid, reason, room);
	result = hold_check(group, reason, room);
	if (result)
		return result;
	result = epoch_end(group);
	if (result)
		snprintf(reason, room, "the group %s is not deleted: %s",
			 sgid, strerror(-result));
	else
		*num = group->num;
	return result;
}

int cskmf_deliver(struct cskmf *cskmf, const char *sgid)
{
	struct group *group = group_find(cskmf, sgid);

	if (!group || group->deleted)
		return -ENOENT;
	group_tell(group, TELL_KEY | TELL_NUM | TELL_ROSTER);
	return 0;
}
