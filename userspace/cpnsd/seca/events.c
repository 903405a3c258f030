// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's events: what happened to epochs, keys and SAs.
 *
 * Runs in the loop's thread.  Events can be lost (-ENOBUFS); then every
 * group is looked at anew.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "seca/context.h"

#define HEAL_DELAY	0.2	/* a flush tells of each SA */
#define ACQUIRE_DELAY	2	/* after the loss of a key that is pushed */

static bool is_member(const struct group *group)
{
	return group->phase != GROUP_GONE && group->phase != GROUP_LEFT &&
	       !group->unusable;
}

/* the key has gone: push members get it again, pull members at need */
static void key_lost(struct group *group)
{
	group_look(group);
	if (!is_member(group) || group->live)
		return;
	follow_stop(group);
	if (group->properties->push && !group->acquiring &&
	    group->ended != group->chain.num &&
	    !loop_timer_active(&group->retry))
		loop_timer_start(&group->retry, seca_jitter(ACQUIRE_DELAY));
}

static void epoch_changed(struct group *group, const struct cpns_event *event)
{
	if (event->state == CPNS_STATE_DEAD)
		dataplane_epoch_end(group->seca->dataplane, group->sgid,
				    event->epoch);
	group_look(group);
	if (group->live)
		requests_answer(group);
	else
		key_lost(group);
}

/* node key or sender state are others': register, and join what is held */
static void identity_lost(struct seca *seca)
{
	struct seca_session *session;
	struct group *group, *next;

	HASH_ITER(hh, seca->groups, group, next) {
		group_look(group);
		group->wanted |= is_member(group) && group->live;
	}
	for (session = seca->sessions; session; session = session->next)
		gateway_smf_register(session);
}

static void node_changed(struct seca *seca, const struct cpns_event *event)
{
	struct seca_session *session;

	if (event->reason != CPNS_REASON_ROTATED) {
		identity_lost(seca);
		return;
	}
	/* leaf keys that are held stay good: only seals to come need it */
	for (session = seca->sessions; session; session = session->next)
		gateway_smf_register(session);
}

static void group_event(struct group *group, const struct cpns_event *event)
{
	switch (event->command) {
	case CPNS_CMD_EPOCH_CHANGE:
		epoch_changed(group, event);
		break;
	case CPNS_CMD_GROUP_GONE:
		key_lost(group);
		break;
	case CPNS_CMD_SENDER_RESET:
		/* our own GROUP_SET with a new Sender-ID says so, too */
		if (event->reason != CPNS_REASON_NEW_SID)
			identity_lost(group->seca);
		break;
	case CPNS_CMD_KEY_WANTED:
		group_need(group, "the kernel wants the key");
		break;
	case CPNS_CMD_IV_LOW:
		status_report_send(group, STATUS_IV_LOW);
		break;
	case CPNS_CMD_SA_SOFT:
		status_report_send(group, STATUS_SEQUENCE_LOW);
		break;
	case CPNS_CMD_SA_GONE:
		/* without a reason: the successor's took its place */
		if (event->reason == CPNS_REASON_NONE)
			break;
		__attribute__((fallthrough));
	case CPNS_CMD_SA_HARD:
		if (is_member(group) && group->traffic)
			loop_timer_start(&group->heal, HEAL_DELAY);
		break;
	case CPNS_CMD_ALARM:
		group_trouble(group, LOG_ALERT, "kernel: %s", event->message);
		break;
	}
}

static void event_came(void *context, const struct cpns_event *event)
{
	struct seca *seca = context;
	struct group *group = seca_group_find(seca, event->sgid);

	log_debug("kernel: %s group=%s", event->message, event->sgid);
	if (event->command == CPNS_CMD_NODE_CHANGE)
		node_changed(seca, event);
	else if (group)
		group_event(group, event);
	else if (event->command == CPNS_CMD_ALARM)
		log_message(LOG_ALERT, "ALARM: kernel: %s group=%s",
			    event->message, event->sgid);
}

static void resync(struct seca *seca)
{
	struct group *group, *next;

	log_warning("events of the kernel were lost: looking at all groups");
	HASH_ITER(hh, seca->groups, group, next) {
		group_look(group);
		if (!is_member(group))
			continue;
		if (!group->live) {
			key_lost(group);
			continue;
		}
		requests_answer(group);
		loop_timer_start(&group->heal, HEAL_DELAY);
	}
}

static void events_ready(void *context)
{
	struct seca *seca = context;
	int result = cpns_dispatch(seca->events, event_came, seca);

	if (result == -ENOBUFS)
		resync(seca);
	else if (result < 0)
		log_error("events of the kernel: %s", strerror(-result));
}

/**
 * events_open - listen to the kernel
 * @seca: the member side
 * @reason: why not
 * @room: bytes of @reason
 *
 * Return: 0 or -errno.
 */
int events_open(struct seca *seca, char *reason, size_t room)
{
	int error = cpns_events_open(&seca->events);

	if (error) {
		snprintf(reason, room, "no events of the kernel: %s",
			 strerror(-error));
		return error;
	}
	loop_fd_start(seca->loop, &seca->events_watch, cpns_fd(seca->events),
		      events_ready, seca);
	return 0;
}

/**
 * events_close - stop listening
 * @seca: the member side
 */
void events_close(struct seca *seca)
{
	loop_fd_stop(&seca->events_watch);
	if (seca->events)
		cpns_close(seca->events);
	seca->events = NULL;
}
