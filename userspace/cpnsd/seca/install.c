// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a checked answer into the kernel: GROUP_SET, then the SAs of the
 * roster, then the status report.
 *
 * Runs in the loop's thread.  The seal and the items pass through as opaque
 * bytes: nothing here could open them.  Whatever is refused, here or in the
 * kernel, leaves the established epoch untouched.
 */
#include <errno.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seca/context.h"

static struct verify_policy policy_of(const struct group *group)
{
	return (struct verify_policy) {
		.sgid = group->sgid,
		.signer = group->properties->signer,
		.trust = group->seca->trust,
		.node = group->seca->node,
		.own_sid = group->own_sid,
	};
}

/* path first, then the shards, as the kernel takes them: one pass */
static uint8_t *collect_items(const struct response_management *management,
			      size_t *count)
{
	size_t size = management->path_size, i;
	uint8_t *items, *at;

	for (i = 0; i < management->shards_count; i++)
		size += management->shards[i].size;
	*count = size / CPNS_ITEM_SIZE;
	items = malloc(size ? size : 1);
	if (!items)
		return NULL;
	if (management->path_size)
		memcpy(items, management->path, management->path_size);
	at = items + management->path_size;
	for (i = 0; i < management->shards_count; i++) {
		memcpy(at, management->shards[i].items,
		       management->shards[i].size);
		at += management->shards[i].size;
	}
	return items;
}

static int set_in_kernel(struct group *group,
			 const struct verified_response *verified,
			 char *reason, size_t room)
{
	const struct response *response = &verified->response;
	uint8_t header[CPNS_HEADER_SIZE];
	struct cpns_group_set set = {
		.sgid = group->sgid,
		.header = header,
		.seal = response->has_seal ? response->seal : NULL,
		.evicted = verified->record.evicted,
		.evicted_count = verified->record.evicted_count,
		.elapsed = response->age,
	};
	uint8_t *items;
	int error;

	epoch_record_header(&verified->record, header);
	items = collect_items(&response->management, &set.items_count);
	if (!items) {
		snprintf(reason, room, "no memory");
		return -ENOMEM;
	}
	set.items = items;
	error = cpns_group_set(group->seca->kernel, &set);
	if (error)
		snprintf(reason, room, "the kernel refuses epoch %u: %s (%s)",
			 verified->record.num, cpns_error(group->seca->kernel),
			 strerror(-error));
	free(items);
	return error;
}

/* the kernel holds this very epoch: nothing to set without a new seal */
static int is_held(const struct group *group,
		   const struct verified_response *verified,
		   bool *held, char *reason, size_t room)
{
	unsigned int i;

	*held = false;
	for (i = 0; i < group->kernel.epochs_count; i++) {
		const struct cpns_epoch_state *epoch = &group->kernel.epochs[i];

		if (epoch->number != verified->record.num ||
		    (epoch->state != CPNS_STATE_PENDING &&
		     epoch->state != CPNS_STATE_ACTIVE))
			continue;
		if (memcmp(epoch->kcv, verified->record.kcv, CPNS_KCV_SIZE)) {
			snprintf(reason, room,
				 "epoch %u of the kernel has another key than its record",
				 epoch->number);
			return -EKEYREJECTED;
		}
		*held = true;
	}
	return 0;
}

/* a step that only a pull with a new seal can make: -EAGAIN */
static int check_step(const struct group *group,
		      const struct verified_response *verified, bool unasked,
		      bool held, char *reason, size_t room)
{
	uint32_t num = verified->record.num;

	if (verified->link == LINK_GAP && unasked) {
		snprintf(reason, room,
			 "epochs %u to %u are missing before pushed epoch %u",
			 group->chain.num + 1, num - 1, num);
		return -EAGAIN;
	}
	if (!verified->response.has_seal && !held &&
	    (!group->live || num != group->installed + 1)) {
		snprintf(reason, room,
			 "epoch %u came without a seal and the kernel holds epoch %u",
			 num, group->installed);
		return -EAGAIN;
	}
	return 0;
}

static void take_roster(struct group *group, struct roster *roster)
{
	if (group->has_roster)
		roster_free(&group->roster);
	group->roster = *roster;
	group->has_roster = true;
	memset(roster, 0, sizeof(*roster));
}

static void remember(struct group *group, struct verified_response *verified)
{
	char reason[SECA_REASON_MAX];

	if (verify_advance(&group->chain, verified)) {
		log_error("group %s: no memory for its record", group->sgid);
		return;
	}
	if (verified->has_roster) {
		take_roster(group, &verified->roster);
		verified->has_roster = false;
	}
	if (chain_save(group->seca->directory, &group->chain, reason,
		       sizeof(reason)))
		log_error("group %s: state not saved: %s", group->sgid, reason);
}

/* after GROUP_SET: SAs, report, those who wait */
static void established(struct group *group, bool set)
{
	if (group->phase == GROUP_STOPPED)
		group->phase = GROUP_LISTED;
	if (group->chain.stopped) {
		group->chain.stopped = false;
		group_save(group);
	}
	group_look(group);
	if (set) {
		group->trouble[0] = '\0';
		/* what was wrong before is not wrong with this one */
		group->conditions = 0;
		group->conditions_sent = 0;
		log_notice("group %s: epoch %u is in the kernel, SID %u",
			   group->sgid, group->installed, group->own_sid);
	}
	if (!group->traffic)
		group_set_traffic(group);
	install_traffic(group);
	if (set)
		status_report_send(group, 0);
	follow_start(group);
	sender_id_look(group);
	requests_answer(group);
}

static int install_verified(struct group *group,
			    struct verified_response *verified, bool unasked,
			    char *reason, size_t room)
{
	uint16_t own_sid;
	bool held, set;
	int error;

	if (verified->record.reason == EPOCH_DELETE) {
		remember(group, verified);
		group_gone(group, "its last record deletes it");
		return 0;
	}
	group_look(group);
	error = is_held(group, verified, &held, reason, room);
	if (error)
		return error;
	error = check_step(group, verified, unasked, held, reason, room);
	if (error)
		return error;
	own_sid = verified->response.has_seal ? verified->response.sid :
						group->own_sid;
	if (verified->has_roster) {
		error = verify_sender_ids(&verified->roster, group->seca->node,
					  own_sid, reason, room);
		if (error)
			return error;
	}
	/* a seal for what is held changes nothing but the Sender-ID */
	set = !held || (verified->response.has_seal &&
			own_sid != group->own_sid);
	if (set) {
		error = set_in_kernel(group, verified, reason, room);
		if (error) {
			/* no room for one more Sender-ID: a new epoch has */
			if (error == -ENOSPC && held)
				group->sids_full = verified->record.num;
			status_report_send(group, error == -ENOSPC && held ?
					   STATUS_IV_LOW :
					   STATUS_INSTALL_FAILED);
			return error;
		}
	}
	remember(group, verified);
	group_look(group);
	if (!group->live) {
		group->ended = verified->record.num;
		snprintf(reason, room,
			 "epoch %u was ended in this kernel (revoked or expired): the next epoch brings a key",
			 group->ended);
		return -EKEYREVOKED;
	}
	established(group, set);
	return set;
}

/* two senders with one SID repeat IVs (RFC 6054, wire.md section 4) */
static void stop_where_shared(struct group *group, int result,
			      const char *reason)
{
	if (result == -EADDRINUSE && group->phase != GROUP_STOPPED)
		group_stop_sending(group, reason);
}

/**
 * install_response - check an answer of /ace-group/G and give it to the kernel
 * @group: the group
 * @body: as received
 * @size: its size
 * @unasked: a notification: a gap is not installed
 * @reason: why not
 * @room: bytes of @reason
 *
 * Refusals are logged here, as alarms where a signature, a chain or a key
 * check value is wrong, but for -EAGAIN, which only says: pull with a join.
 *
 * Return: 1 when an epoch or a seal was installed, 0 when all was known;
 * -EAGAIN; -EKEYREVOKED the kernel has ended this epoch for good; or the
 * errors of verify_response() and GROUP_SET.
 */
int install_response(struct group *group, const uint8_t *body, size_t size,
		     bool unasked, char *reason, size_t room)
{
	struct verify_policy policy = policy_of(group);
	struct verified_response verified;
	int result;

	if (group->unusable) {
		snprintf(reason, room, "its state cannot be trusted");
		return -EUCLEAN;
	}
	result = verify_response(&policy, &group->chain, body, size, &verified,
				 reason, room);
	if (!result) {
		if (verified.record.num > group->known)
			group->known = verified.record.num;
		result = install_verified(group, &verified, unasked, reason,
					  room);
		verified_response_free(&verified);
	}
	stop_where_shared(group, result, reason);
	if (result == -EKEYREVOKED)
		group_trouble(group, LOG_WARNING, "%s", reason);
	else if (result < 0 && result != -EAGAIN && result != -EADDRINUSE)
		group_trouble(group, result == -EKEYREJECTED ? LOG_ALERT :
			      result == -ESTALE ? LOG_WARNING : LOG_ERR,
			      "%s; refused, %s", reason, group->live ?
			      "the established epoch stays" :
			      "no key is installed");
	return result;
}

/* 0 when it is in force now, 1 when it is of an epoch still to come */
static int roster_verified(struct group *group, struct roster *roster,
			   const uint8_t hash[32], const uint8_t *body,
			   size_t size, char *reason, size_t room)
{
	int error;

	if (roster->num > group->chain.num) {
		follow_behind(group, roster->num);
		return 1;
	}
	if (roster->num < group->chain.num) {
		snprintf(reason, room, "roster is of epoch %u, known is %u",
			 roster->num, group->chain.num);
		return -ESTALE;
	}
	group_look(group);
	error = verify_sender_ids(roster, group->seca->node, group->own_sid,
				  reason, room);
	if (error)
		return error;
	error = chain_set_roster(&group->chain, body, size);
	if (error)
		return error;
	group->chain.roster_serial = roster->serial;
	memcpy(group->chain.roster_hash, hash, 32);
	take_roster(group, roster);
	return 0;
}

/**
 * install_roster - check a roster and set the SAs of its senders
 * @group: the group
 * @body: COSE_Sign1 as received
 * @size: its size
 * @reason: why not
 * @room: bytes of @reason
 *
 * A roster of a newer epoch is what tells a pull member of that epoch.
 *
 * Return: 0, 1 when the epoch has to be pulled first, or -errno.
 */
int install_roster(struct group *group, const uint8_t *body, size_t size,
		   char *reason, size_t room)
{
	struct verify_policy policy = policy_of(group);
	struct roster roster;
	uint8_t hash[32];
	int result;

	result = verify_roster(&policy, &group->chain, body, size, &roster,
			       hash, reason, room);
	if (!result) {
		result = roster_verified(group, &roster, hash, body, size,
					 reason, room);
		roster_free(&roster);
	}
	stop_where_shared(group, result, reason);
	if (result < 0 && result != -EADDRINUSE)
		group_trouble(group, result == -EKEYREJECTED ? LOG_ALERT :
			      LOG_WARNING, "%s; refused", reason);
	if (result)
		return result;
	if (chain_save(group->seca->directory, &group->chain, reason, room))
		log_error("group %s: state not saved: %s", group->sgid, reason);
	established(group, false);
	return 0;
}

static void set_epoch(struct group *group, uint32_t num, uint16_t own_sid)
{
	char reason[SECA_REASON_MAX] = "";
	int error;

	error = dataplane_epoch_set(group->seca->dataplane, group->sgid, num,
				    own_sid, &group->roster, reason,
				    sizeof(reason));
	if (!error)
		return;
	group_trouble(group, LOG_ERR, "SAs of epoch %u: %s", num,
		      reason[0] ? reason : strerror(-error));
	status_report_send(group, error == -EEXIST ? STATUS_SPI_COLLISION :
						     STATUS_INSTALL_FAILED);
}

/**
 * install_traffic - the SAs of the newest epoch, as the roster says
 * @group: does nothing without a live epoch, its roster and the policies
 */
void install_traffic(struct group *group)
{
	if (group->live && group->traffic && group->has_roster &&
	    group->roster.num == group->installed)
		set_epoch(group, group->installed, group->own_sid);
}

/**
 * install_heal_fired - somebody took SAs away: set them again
 * @context: the group
 *
 * Epochs that are only received with are let run out.
 */
void install_heal_fired(void *context)
{
	struct group *group = context;
	unsigned int i;

	group->healed_at = loop_boottime();
	group_look(group);
	if (!group->live || !group->traffic || !group->has_roster)
		return;
	for (i = 0; i < group->kernel.epochs_count; i++) {
		const struct cpns_epoch_state *epoch = &group->kernel.epochs[i];

		if (epoch->state == CPNS_STATE_PENDING ||
		    epoch->state == CPNS_STATE_ACTIVE)
			set_epoch(group, epoch->number, epoch->sid);
	}
}
