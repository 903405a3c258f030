// SPDX-License-Identifier: GPL-2.0-only
/*
 * A group's traffic: what the data plane is told of it, and stopping it.
 *
 * Runs in the loop's thread.  Whatever fails here leaves the blocks: nothing
 * goes out in clear.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "seca/context.h"

/* nets that another group had may be free now */
static void look_for_conflicts(struct seca *seca)
{
	struct group *group, *next;

	HASH_ITER(hh, seca->groups, group, next)
		if (group->conflict && !loop_timer_active(&seca->conflicts))
			loop_timer_start(&seca->conflicts, 0);
}

/**
 * group_conflicts_fired - try again what was refused for another's nets
 * @context: the member side
 */
void group_conflicts_fired(void *context)
{
	struct seca *seca = context;
	struct group *group, *next;

	HASH_ITER(hh, seca->groups, group, next) {
		if (!group->conflict || group->phase == GROUP_GONE ||
		    group->phase == GROUP_LEFT || group->phase == GROUP_STOPPED)
			continue;
		if (group_set_traffic(group))
			continue;
		log_notice("group %s: its nets are free now", group->sgid);
		group->trouble[0] = '\0';
		group_look(group);
		install_traffic(group);
	}
}

/* borrows the properties' arrays */
static struct dataplane_group describe(const struct group *group)
{
	const struct group_properties *properties = group->properties;
	struct dataplane_group set = {
		.transport = properties->transport_mode,
		.allow_default = properties->allow_default,
		.multicast_family = AF_UNSPEC,
		.local_nets = properties->own.nets,
		.local_nets_count = properties->own.nets_count,
		.tunnels = properties->own.tunnels,
		.tunnels_count = properties->own.tunnels_count,
		.remotes = properties->members,
		.remotes_count = properties->members_count,
	};

	snprintf(set.sgid, sizeof(set.sgid), "%s", group->sgid);
	if (properties->has_multicast) {
		set.multicast_family = properties->multicast.family;
		memcpy(set.multicast, properties->multicast.address, 16);
	}
	return set;
}

/**
 * group_block_traffic - the blocks alone, as the properties say
 * @group: stopped: what is new in its properties is blocked all the same
 *
 * Return: 0 or -errno, then the group is told to be in trouble.
 */
int group_block_traffic(struct group *group)
{
	const struct dataplane_group set = describe(group);
	char reason[SECA_REASON_MAX] = "";
	int error;

	if (!group->properties->data_esp)
		return 0;
	error = dataplane_group_block(group->seca->dataplane, &set, reason,
				      sizeof(reason));
	if (error)
		group_trouble(group, LOG_ERR, "policies: %s", reason);
	return error;
}

/**
 * group_set_traffic - blocks and encrypt policies as the properties say
 * @group: listed, held or acquiring
 *
 * Idempotent.  Groups of messages only have no policies.
 *
 * Return: 0 or -errno, then the group is told to be in trouble.
 */
int group_set_traffic(struct group *group)
{
	const struct dataplane_group set = describe(group);
	char reason[SECA_REASON_MAX] = "";
	int error;

	if (!group->properties->data_esp)
		return 0;
	error = dataplane_group_set(group->seca->dataplane, &set, reason,
				    sizeof(reason));
	group->conflict = error == -EEXIST;
	/* after a refusal the policies of before are still there */
	if (!error) {
		group->traffic = true;
		look_for_conflicts(group->seca);
	} else {
		group_trouble(group, LOG_ERR, "policies: %s",
			      reason[0] ? reason : strerror(-error));
	}
	return error;
}

/**
 * group_close_traffic - SAs and encrypt policies go, blocks stay
 * @group: the group
 */
void group_close_traffic(struct group *group)
{
	group->traffic = false;
	group->conflict = false;
	/* without properties: of an earlier run, which may have had ESP */
	if (!group->properties || group->properties->data_esp)
		dataplane_group_close(group->seca->dataplane, group->sgid);
	look_for_conflicts(group->seca);
}

/**
 * group_stop_sending - two senders share a Sender-ID: alarm, traffic closed
 * @group: the group; its key stays in the kernel
 * @why: for the log
 *
 * RFC 6054 section 3: with one SID twice IVs repeat.  A later roster or
 * epoch without the conflict opens the traffic again.
 */
void group_stop_sending(struct group *group, const char *why)
{
	group_trouble(group, LOG_ALERT, "%s; traffic stopped", why);
	group->phase = GROUP_STOPPED;
	group_close_traffic(group);
	group->chain.stopped = true;
	group_save(group);
}

/**
 * group_flow - log one step of B.2.1.1 or B.2.1.2
 * @group: the group
 * @flow: "B.2.1.1" or "B.2.1.2"
 * @step: its number
 * @from: SMF, SECA or CSKMF
 * @to: the same
 * @num: epoch, 0 for none
 */
void group_flow(const struct group *group, const char *flow, unsigned int step,
		const char *from, const char *to, uint32_t num)
{
	const struct log_flow line = {
		.role = group->seca->role,
		.flow = flow,
		.step = step,
		.from = from,
		.to = to,
		.sgid = group->sgid,
		.num = num,
		.node = group->seca->node,
	};

	log_flow_step(&line);
}

/**
 * group_call - a request below the group's key location
 * @group: the group
 * @call: filled but for the path
 * @below: path segments after /ace-group/G
 * @below_count: at most three
 * @exchange: the request under way, NULL on an error
 *
 * Return: 0, -ENOTCONN, or another -errno.
 */
int group_call(struct group *group, struct transport_call *call,
	       const char *const *below, size_t below_count,
	       struct transport_exchange **exchange)
{
	struct transport_segment path[TRANSPORT_SEGMENTS_MAX];
	size_t count = group->location.path_count, i;
	int error;

	*exchange = NULL;
	if (!group->session || !group->session->registered)
		return -ENOTCONN;
	memcpy(path, group->location.path, count * sizeof(path[0]));
	for (i = 0; i < below_count && count < TRANSPORT_SEGMENTS_MAX; i++) {
		path[count].bytes = (const uint8_t *)below[i];
		path[count++].size = strlen(below[i]);
	}
	call->path = path;
	call->path_count = count;
	error = transport_client_call(group->session->client, call, exchange);
	if (error)
		*exchange = NULL;
	return error;
}
