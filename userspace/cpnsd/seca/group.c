// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state machine of one Service Group on a member: listed, acquiring,
 * held, stopped, left, gone.
 *
 * Runs in the loop's thread.  Owns struct group; nothing frees a group but
 * group_free_all().
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seca/context.h"

#define HEAL_SECONDS 5			/* at most one mending in this time */

/**
 * seca_group_find - the group of an SGID
 * @seca: the member side
 * @sgid: its URI
 *
 * Return: the group, also one that is gone; or NULL.
 */
struct group *seca_group_find(struct seca *seca, const char *sgid)
{
	struct group *group;

	HASH_FIND_STR(seca->groups, sgid, group);
	return group;
}

/**
 * group_phase_name - for people
 * @group: the group
 *
 * Return: a word.
 */
const char *group_phase_name(const struct group *group)
{
	static const char *const names[] = {
		[GROUP_LISTED] = "listed", [GROUP_ACQUIRING] = "acquiring",
		[GROUP_HELD] = "held", [GROUP_STOPPED] = "stopped",
		[GROUP_LEFT] = "left", [GROUP_GONE] = "gone",
	};

	return group->unusable ? "unusable" : names[group->phase];
}

/**
 * group_trouble - log what is wrong with a group and keep it for `status`
 * @group: the group
 * @priority: syslog(3) priority; LOG_ALERT is an alarm
 * @format: printf(3) format of one line
 */
void group_trouble(struct group *group, int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(group->trouble, sizeof(group->trouble), format, arguments);
	va_end(arguments);
	log_message(priority, "%sgroup %s: %s",
		    priority == LOG_ALERT ? "ALARM: " : "", group->sgid,
		    group->trouble);
}

/**
 * group_look - ask the kernel what it holds of a group
 * @group: kernel, live, active, installed, own_sid and phase are set anew
 *
 * The kernel's word is the only truth about keys: the daemon counts nothing.
 */
void group_look(struct group *group)
{
	unsigned int i;

	group->live = false;
	group->active = false;
	group->installed = 0;
	group->own_sid = 0;
	if (cpns_group_get(group->seca->kernel, group->sgid, &group->kernel)) {
		memset(&group->kernel, 0, sizeof(group->kernel));
	} else {
		for (i = 0; i < group->kernel.epochs_count; i++) {
			const struct cpns_epoch_state *epoch =
				&group->kernel.epochs[i];

			if (epoch->state != CPNS_STATE_PENDING &&
			    epoch->state != CPNS_STATE_ACTIVE)
				continue;
			group->live = true;
			group->active |= epoch->state == CPNS_STATE_ACTIVE;
			if (epoch->number < group->installed)
				continue;
			group->installed = epoch->number;
			group->own_sid = epoch->sid;
		}
	}
	if (group->live && (group->phase == GROUP_LISTED ||
			    group->phase == GROUP_ACQUIRING))
		group->phase = GROUP_HELD;
	if (!group->live && group->phase == GROUP_HELD)
		group->phase = GROUP_LISTED;
}

/* this node's exchanges and timers for the group; the kernel is not touched */
static void stop_exchanges(struct group *group)
{
	acquire_cancel(group);
	push_stop(group);
	follow_stop(group);
	if (group->reporting)
		transport_cancel(group->reporting);
	group->reporting = NULL;
	loop_timer_stop(&group->retry);
	loop_timer_stop(&group->sender_id);
	loop_timer_stop(&group->heal);
	group->wanted = false;
}

static void init_timers(struct group *group)
{
	struct loop *loop = group->seca->loop;

	loop_timer_init(loop, &group->retry, acquire_retry_fired, group);
	loop_timer_init(loop, &group->sender_id, sender_id_fired, group);
	loop_timer_init(loop, &group->timeout, acquire_timed_out, group);
	loop_timer_init(loop, &group->behind, follow_behind_fired, group);
	loop_timer_init(loop, &group->poll, follow_poll_fired, group);
	loop_timer_init(loop, &group->heal, install_heal_fired, group);
	loop_timer_init(loop, &group->leave_again, leave_again_fired, group);
}

/* the roster of the last run mends SAs before a server answers */
static void restore_roster(struct group *group)
{
	char reason[SECA_REASON_MAX];

	if (!group->chain.roster)
		return;
	if (roster_open(group->chain.roster, group->chain.roster_size,
			&group->roster, reason, sizeof(reason)) == 0)
		group->has_roster = true;
}

/* an alarm outlives the daemon: IVs may have repeated, somebody must look */
static void stay_stopped(struct group *group)
{
	group->phase = GROUP_STOPPED;
	group_trouble(group, LOG_ALERT,
		      "traffic was stopped by an alarm before the daemon ended, and stays so: cpnsctl join %s",
		      group->sgid);
	group_close_traffic(group);
}

static struct group *group_create(struct seca *seca, const char *sgid)
{
	struct group *group = calloc(1, sizeof(*group));
	char reason[SECA_REASON_MAX];

	if (!group)
		return NULL;
	group->seca = seca;
	snprintf(group->sgid, sizeof(group->sgid), "%s", sgid);
	init_timers(group);
	HASH_ADD_STR(seca->groups, sgid, group);
	if (chain_load(seca->directory, sgid, &group->chain, reason,
		       sizeof(reason))) {
		group->unusable = true;
		snprintf(group->chain.sgid, sizeof(group->chain.sgid), "%s",
			 sgid);
		group_trouble(group, LOG_ALERT, "%s", reason);
	}
	restore_roster(group);
	if (group->chain.left)
		group->phase = GROUP_LEFT;
	else if (group->chain.stopped)
		stay_stopped(group);
	return group;
}

/* where the key is fetched: the address of the group's properties */
static void adopt_location(struct group *group)
{
	struct seca_session *before = group->session;
	char reason[SECA_REASON_MAX] = "";

	group->session = NULL;
	if (!location_parse(group->properties->location, &group->location,
			    reason, sizeof(reason))) {
		if (group->location.path_count)
			group->session = session_for(group->seca,
						     group->location.origin,
						     reason, sizeof(reason));
		else
			snprintf(reason, sizeof(reason),
				 "key location '%.256s' has no path",
				 group->properties->location);
	}
	if (!group->session)
		group_trouble(group, LOG_ERR, "%s", reason);
	if (before && before != group->session)
		stop_exchanges(group);
}

/* takes the contents of @entry and leaves it empty */
static void group_adopt(struct group *group, struct group_properties *entry)
{
	struct group_properties *properties = malloc(sizeof(*properties));

	if (!properties) {
		group_trouble(group, LOG_ERR, "no memory for its properties");
		return;
	}
	*properties = *entry;
	memset(entry, 0, sizeof(*entry));
	properties_free(group->properties, group->properties ? 1 : 0);
	group->properties = properties;
	if (group->phase == GROUP_GONE) {
		group->phase = group->chain.left ? GROUP_LEFT : GROUP_LISTED;
		group->trouble[0] = '\0';
	}
	adopt_location(group);
	if (group->phase == GROUP_LEFT) {
		if (group->session && group->session->registered)
			leave_send(group);
		return;
	}
	if (group->phase == GROUP_STOPPED)
		group_block_traffic(group);
	else
		group_set_traffic(group);
	if (!properties->push)
		push_stop(group);
	group_look(group);
	if (group->live)
		install_traffic(group);
	if (group->session && group->session->registered)
		group_ready(group);
	sender_id_look(group);
}

static bool is_listed(const char *sgid, const struct group_properties *list,
		      size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(list[i].sgid, sgid))
			return true;
	return false;
}

/**
 * group_list_apply - what the server's SMF says of this node's groups
 * @seca: the member side
 * @list: from properties_decode(); its contents are taken over
 * @count: of @list
 *
 * A new group is blocked before anything else; one that is not in the list
 * any more ends, and stays blocked.
 */
void group_list_apply(struct seca *seca, struct group_properties *list,
		      size_t count)
{
	struct group *group, *next;
	size_t i;

	HASH_ITER(hh, seca->groups, group, next)
		if (group->phase != GROUP_GONE &&
		    !is_listed(group->sgid, list, count))
			group_gone(group, "the server's SMF does not list it any more");
	for (i = 0; i < count; i++) {
		group = seca_group_find(seca, list[i].sgid);
		if (!group) {
			group = group_create(seca, list[i].sgid);
			if (group)
				log_notice("group %s: listed, key by %s, at %s",
					   group->sgid,
					   list[i].push ? "push" : "pull",
					   list[i].location);
		}
		if (group)
			group_adopt(group, &list[i]);
		else
			log_error("group %s: no memory", list[i].sgid);
	}
}

static int end_if_forgotten(void *context, const struct cpns_group_state *state)
{
	struct seca *seca = context;
	char reason[SECA_REASON_MAX];
	struct chain chain;
	struct group *group;
	bool ours;

	if (!state->serial || seca_group_find(seca, state->sgid))
		return 0;
	/* a key that others have set is none of our business */
	ours = chain_load(seca->directory, state->sgid, &chain, reason,
			  sizeof(reason)) || chain.num;
	chain_free(&chain);
	if (!ours)
		return 0;
	group = group_create(seca, state->sgid);
	if (group)
		group_gone(group, "its key is in the kernel, and the server's SMF does not list it");
	return 0;
}

/**
 * groups_end_forgotten - end groups that only the kernel still knows
 * @seca: the member side; the server's list has just come
 *
 * A daemon that was down, or lost its list, missed that the server took this
 * node out; the records that it kept say which keys were its own.
 */
void groups_end_forgotten(struct seca *seca)
{
	struct cpns *kernel;
	int error = cpns_open(&kernel);

	/* a connection of its own: ending a group talks to the kernel, too */
	if (!error) {
		error = cpns_group_list(kernel, end_if_forgotten, seca);
		cpns_close(kernel);
	}
	if (error)
		log_warning("groups in the kernel are not known: %s",
			    strerror(-error));
}

/**
 * group_ready - the group's server can be asked now
 * @group: its session is registered; called again after each reconnection
 *
 * Push: observe, which brings the key.  Pull: nothing is fetched before it
 * is needed, but a key that is held is kept up to date.
 */
void group_ready(struct group *group)
{
	if (group->phase == GROUP_LEFT)
		leave_send(group);
	if (group->phase == GROUP_GONE || group->phase == GROUP_LEFT ||
	    group->unusable || !group->session)
		return;
	group_look(group);
	if (group->properties->push)
		push_start(group);
	if (group->live)
		follow_start(group);
	if (group->wanted) {
		group->wanted = false;
		acquire_start(group, true);
	}
	status_session_ready(group);
}

/**
 * group_session_lost - every exchange of the group has ended
 * @group: keeps its key; what was under way is done again at reconnection
 */
void group_session_lost(struct group *group)
{
	if (group->acquiring)
		group->wanted = true;
	group->acquiring = NULL;
	group->pushing = NULL;
	group->following = NULL;
	group->polling = NULL;
	group->backfilling = NULL;
	group->reporting = NULL;
	group->leaving = NULL;
	loop_timer_stop(&group->timeout);
	loop_timer_stop(&group->behind);
	loop_timer_stop(&group->poll);
	loop_timer_stop(&group->retry);
	loop_timer_stop(&group->sender_id);
}

/**
 * group_need - somebody wants to encrypt or decrypt: acquire the key
 * @group: the group
 * @why: what showed the need, for the log
 *
 * AD 5.3.1.7.1.1.1, pull: "delivered only when it is needed".  While the
 * group's last attempt is backing off nothing is asked anew.
 */
void group_need(struct group *group, const char *why)
{
	double now = loop_boottime();
	bool join;

	if (group->phase == GROUP_GONE || group->phase == GROUP_LEFT ||
	    group->phase == GROUP_STOPPED || group->unusable)
		return;
	group_look(group);
	if (group->live) {
		if (group->traffic && now - group->healed_at >= HEAL_SECONDS)
			loop_timer_start(&group->heal, 0);
		return;
	}
	if (group->acquiring || loop_timer_active(&group->retry))
		return;
	if (!group->session || !group->session->registered) {
		if (!group->wanted)
			log_warning("group %s: key needed (%s), no server connected",
				    group->sgid, why);
		group->wanted = true;
		return;
	}
	log_notice("group %s: key needed (%s)", group->sgid, why);
	join = group->ended != group->chain.num || !group->ended;
	acquire_start(group, join);
}

static void end_key(struct group *group)
{
	int error;

	stop_exchanges(group);
	group_close_traffic(group);
	error = cpns_group_revoke(group->seca->kernel, group->sgid);
	if (error && error != -ENOENT && error != -ENOKEY &&
	    error != -EKEYREVOKED)
		log_error("group %s: kernel does not revoke: %s", group->sgid,
			  cpns_error(group->seca->kernel));
	group_look(group);
}

/**
 * group_gone - not this node's group any more: deleted, removed, evicted
 * @group: its key is revoked, its traffic closed; blocks stay
 * @why: for the log
 */
void group_gone(struct group *group, const char *why)
{
	if (group->phase == GROUP_GONE)
		return;
	log_notice("group %s: gone: %s; key revoked, traffic stays blocked",
		   group->sgid, why);
	snprintf(group->trouble, sizeof(group->trouble), "%s", why);
	group->phase = GROUP_GONE;
	end_key(group);
	if (group->chain.leave_due || group->chain.stopped) {
		group->chain.leave_due = false;
		group->chain.stopped = false;
		group_save(group);
	}
	requests_refuse(group->seca, group->sgid, ENOKEY, why);
}

/**
 * group_save - keep what is to be known of the group after a restart
 * @group: its file is written anew
 */
void group_save(struct group *group)
{
	char reason[SECA_REASON_MAX];

	if (chain_save(group->seca->directory, &group->chain, reason,
		       sizeof(reason)))
		log_error("group %s: state not saved: %s", group->sgid, reason);
}

/**
 * group_leave - the admin's `leave`: no key, no acquiring, till `join`
 * @group: its key is revoked; blocks stay
 */
void group_leave(struct group *group)
{
	if (group->phase != GROUP_GONE)
		group->phase = GROUP_LEFT;
	group->chain.left = true;
	/* with the key its Sender-ID is given up, too */
	group->chain.stopped = false;
	end_key(group);
	if (!group->unusable)
		group_save(group);
	requests_refuse(group->seca, group->sgid, EACCES,
			"this node has left the group");
}

/**
 * group_free_all - give all groups back at the end of the daemon
 * @seca: the member side
 *
 * The kernel's keys, SAs and policies stay: traffic goes on without us.
 */
void group_free_all(struct seca *seca)
{
	struct group *group, *next;

	HASH_ITER(hh, seca->groups, group, next) {
		HASH_DEL(seca->groups, group);
		stop_exchanges(group);
		leave_forget(group);
		if (group->has_roster)
			roster_free(&group->roster);
		if (group->properties)
			properties_free(group->properties, 1);
		chain_free(&group->chain);
		free(group);
	}
}
