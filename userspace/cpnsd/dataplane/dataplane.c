// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gateway's data plane: keeps the kernel's policies and SAs in line with
 * what SECA knows of each group.
 *
 * In the loop's thread.  Every call works out what shall stand and applies
 * the difference to what the kernel has, so that a daemon that starts anew
 * takes over without a gap.  Policies and SAs stay when the daemon ends.
 */
#include "dataplane/dataplane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/internal.h"
#include "dataplane/multicast.h"
#include "dataplane/net.h"
#include "log.h"

static struct known_group *find_group(const struct dataplane *dataplane,
				      const char *sgid)
{
	struct known_group *group;

	for (group = dataplane->groups; group; group = group->next)
		if (!strcmp(group->sgid, sgid))
			return group;
	return NULL;
}

static void free_group(struct known_group *group)
{
	if (group->membership >= 0)
		close(group->membership);
	policy_list_free(&group->encrypt);
	free(group->tunnels);
	free(group->peers);
	free(group);
}

static void wanted(void *context, uint32_t reqid)
{
	struct dataplane *dataplane = context;
	struct known_group *group;

	for (group = dataplane->groups; group; group = group->next)
		if (group->reqid == reqid && group->encrypt.count) {
			dataplane->need(dataplane->context, group->sgid);
			return;
		}
}

/* the ways to servers of before that the table stands for no more */
static int forget_servers(const struct policy_list *before,
			  const struct block_table *table,
			  struct policy_list *removed)
{
	struct policy_list after = { 0 };
	int result = block_table_policies(table, &after);

	for (size_t i = 0; i < before->count && !result; i++)
		if (before->items[i].priority == POLICY_ALLOW &&
		    !policy_list_find(&after, &before->items[i]))
			result = policy_list_add(removed, &before->items[i]);
	policy_list_free(&after);
	return result;
}

/* a name that cannot be looked up leaves what block.conf says */
static int take_server(struct dataplane *dataplane, const char *uri,
		       struct policy_list *removed, char *reason, size_t room)
{
	struct policy_list before = { 0 };
	struct block_table found = { 0 };
	int result = uri ? server_addresses(uri, &found) : -EHOSTUNREACH;

	if (result == -EINVAL) {
		snprintf(reason, room, "server '%s' is not a coaps URI", uri);
		return result;
	}
	if (result < 0 || (found.servers_count ==
			   dataplane->blocks.servers_count &&
			   !memcmp(found.servers, dataplane->blocks.servers,
				   sizeof(found.servers))))
		return 0;
	result = block_table_policies(&dataplane->blocks, &before);
	memcpy(dataplane->blocks.servers, found.servers,
	       sizeof(found.servers));
	dataplane->blocks.servers_count = found.servers_count;
	if (!result)
		result = forget_servers(&before, &dataplane->blocks, removed);
	policy_list_free(&before);
	if (!result && dataplane->blocks.count)
		result = block_table_write(dataplane->block_path,
					   &dataplane->blocks);
	if (result < 0)
		snprintf(reason, room, "%s: %s", dataplane->block_path,
			 strerror(-result));
	return result;
}

static int open_parts(struct dataplane *dataplane,
		      const struct dataplane_options *options,
		      struct policy_list *removed, char *reason, size_t room)
{
	int result;

	if (asprintf(&dataplane->block_path, "%s/block.conf",
		     options->state_directory) < 0) {
		dataplane->block_path = NULL;
		return -ENOMEM;
	}
	result = block_table_read(dataplane->block_path, &dataplane->blocks,
				  reason, room);
	if (result < 0)
		return result;
	result = take_server(dataplane, options->server, removed, reason,
			     room);
	if (result < 0)
		return result;
	result = policy_table_open(&dataplane->policies);
	if (result < 0) {
		snprintf(reason, room, "the kernel's policies: %s",
			 strerror(-result));
		return result;
	}
	result = acquire_open(&dataplane->acquire, options->loop, wanted,
			      dataplane);
	if (result < 0) {
		snprintf(reason, room, "the kernel's ACQUIREs: %s",
			 strerror(-result));
		return result;
	}
	result = cpns_open(&dataplane->kernel);
	if (result < 0)
		snprintf(reason, room, "the module cpns_group: %s",
			 result == -ENOENT ? "not loaded" :
					     strerror(-result));
	return result;
}

/* is this one that we answer for?  reqid 0: of known groups only */
static bool is_ours(const struct dataplane *dataplane,
		    const struct policy *policy, uint32_t reqid)
{
	struct known_group *group;

	if (policy->priority != POLICY_ENCRYPT)
		return false;
	if (reqid && policy->reqid == reqid)
		return true;
	for (group = dataplane->groups; group; group = group->next)
		if (policy->reqid == group->reqid)
			return true;
	return false;
}

static int put_policies(struct dataplane *dataplane,
			const struct policy_list *shall,
			const struct policy_list *there)
{
	int failed = 0;

	/* the blocks stand before anything that lets through */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < shall->count; i++) {
			const struct policy *policy = &shall->items[i];
			bool encrypts = policy->priority == POLICY_ENCRYPT;
			const struct policy *same;
			int result;

			if (encrypts != pass)
				continue;
			same = policy_list_find(there, policy);
			if (same && policy_equal(same, policy))
				continue;
			result = policy_table_put(dataplane->policies, policy);
			if (result < 0 && !failed)
				failed = result;
		}
	return failed;
}

/*
 * Makes the kernel's policies what the blocks and the open groups need.
 * Deletes the encrypt policies of known groups, or with reqid where it is not
 * 0, that are not needed, and those of removed, and no other.
 */
static int apply_policies(struct dataplane *dataplane, uint32_t reqid,
			  const struct policy_list *removed)
{
	struct policy_list shall = { 0 }, there = { 0 };
	struct known_group *group;
	int result;

	result = block_table_policies(&dataplane->blocks, &shall);
	for (group = dataplane->groups; group && !result; group = group->next)
		for (size_t i = 0; i < group->encrypt.count && !result; i++)
			result = policy_list_add(&shall,
						 &group->encrypt.items[i]);
	if (!result)
		result = policy_table_read(dataplane->policies, &there);
	if (!result)
		result = put_policies(dataplane, &shall, &there);
	for (size_t i = 0; i < there.count && !result; i++) {
		const struct policy *policy = &there.items[i];

		if (policy_list_find(&shall, policy))
			continue;
		if (!is_ours(dataplane, policy, reqid) &&
		    !(removed && policy_list_find(removed, policy)))
			continue;
		result = policy_table_remove(dataplane->policies, policy);
		if (result == -ENOENT)
			result = 0;
	}
	policy_list_free(&shall);
	policy_list_free(&there);
	return result;
}

/**
 * dataplane_open() - open the data plane and install the blocks of before
 * @dataplane: the data plane
 * @options: loop, state directory, server, callback
 * @reason: words on failure
 * @room: bytes of @reason
 *
 * Return: 0 or -errno.
 */
int dataplane_open(struct dataplane **dataplane,
		   const struct dataplane_options *options,
		   char *reason, size_t room)
{
	struct dataplane *made = calloc(1, sizeof(*made));
	struct policy_list removed = { 0 };
	int result;

	*dataplane = NULL;
	snprintf(reason, room, "out of memory");
	if (!made)
		return -ENOMEM;
	made->loop = options->loop;
	made->need = options->need;
	made->context = options->context;
	result = open_parts(made, options, &removed, reason, room);
	if (!result) {
		result = apply_policies(made, 0, &removed);
		if (result < 0)
			snprintf(reason, room, "blocking policies: %s",
				 strerror(-result));
	}
	policy_list_free(&removed);
	if (result < 0) {
		dataplane_close(made);
		return result;
	}
	*dataplane = made;
	return 0;
}

/**
 * dataplane_close() - let go; policies and SAs stay as they are
 * @dataplane: data plane, or NULL
 */
void dataplane_close(struct dataplane *dataplane)
{
	if (!dataplane)
		return;
	while (dataplane->groups) {
		struct known_group *group = dataplane->groups;

		dataplane->groups = group->next;
		free_group(group);
	}
	acquire_close(dataplane->acquire);
	policy_table_close(dataplane->policies);
	cpns_close(dataplane->kernel);
	block_table_free(&dataplane->blocks);
	policy_list_free(&dataplane->spared);
	free(dataplane->block_path);
	free(dataplane);
}

/* of two groups with the same pair of nets, the kernel could serve one */
static int check_conflicts(const struct dataplane *dataplane,
			   const struct known_group *made, char *reason,
			   size_t room)
{
	const struct known_group *group;

	for (group = dataplane->groups; group; group = group->next) {
		if (!strcmp(group->sgid, made->sgid))
			continue;
		for (size_t i = 0; i < made->encrypt.count; i++) {
			const struct policy *policy = &made->encrypt.items[i];
			char from[NET_TEXT_ROOM], to[NET_TEXT_ROOM];

			if (!policy_list_find(&group->encrypt, policy))
				continue;
			snprintf(reason, room,
				 "%s to %s is encrypted by group %s already",
				 net_text(&policy->source, from),
				 net_text(&policy->destination, to),
				 group->sgid);
			return -EEXIST;
		}
	}
	return 0;
}

static int take_peers(const struct dataplane_group *from,
		      struct known_group *to)
{
	size_t count = 0;

	for (size_t i = 0; i < from->remotes_count; i++)
		count += from->remotes[i].tunnels_count;
	to->tunnels = calloc(from->tunnels_count + 1, sizeof(*to->tunnels));
	to->peers = calloc(count + 1, sizeof(*to->peers));
	if (!to->tunnels || !to->peers)
		return -ENOMEM;
	for (size_t i = 0; i < from->tunnels_count; i++)
		to->tunnels[to->tunnels_count++] = from->tunnels[i];
	for (size_t i = 0; i < from->remotes_count; i++)
		for (size_t j = 0; j < from->remotes[i].tunnels_count; j++)
			to->peers[to->peers_count++] =
				from->remotes[i].tunnels[j];
	return 0;
}

static struct known_group *make_group(const struct dataplane_group *from)
{
	struct known_group *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	made->membership = -1;
	snprintf(made->sgid, sizeof(made->sgid), "%s", from->sgid);
	made->reqid = dataplane_reqid(from->sgid);
	made->transport = from->transport;
	if (from->multicast_family != AF_UNSPEC) {
		made->multicast.family = from->multicast_family;
		memcpy(made->multicast.address, from->multicast, 16);
	}
	if (!made->reqid || take_peers(from, made) < 0 ||
	    plan_encrypt(from, &made->encrypt) < 0) {
		free_group(made);
		return NULL;
	}
	return made;
}

static void join_multicast(struct known_group *group)
{
	if (group->multicast.family == AF_UNSPEC)
		return;
	group->membership = multicast_join(&group->multicast, group->tunnels,
					   group->tunnels_count);
	if (group->membership < 0)
		log_warning("group %s: its multicast group is not joined: %s",
			    group->sgid, strerror(-group->membership));
}

/* the new entry in the place of the old one */
static void replace_group(struct dataplane *dataplane,
			  struct known_group *made)
{
	struct known_group **link = &dataplane->groups;

	while (*link && strcmp((*link)->sgid, made->sgid))
		link = &(*link)->next;
	if (*link) {
		struct known_group *old = *link;

		made->next = old->next;
		*link = made;
		free_group(old);
	} else {
		*link = made;
	}
}

/* what is new in it stands in the file before it does in the kernel */
static int keep_blocks(struct dataplane *dataplane,
		       const struct dataplane_group *group, char *reason,
		       size_t room)
{
	int result = plan_blocks(group, &dataplane->blocks);

	/* what a full disk refused is written with the next attempt */
	dataplane->blocks_unsaved |= result != 0;
	if (result >= 0 && dataplane->blocks_unsaved)
		result = block_table_write(dataplane->block_path,
					   &dataplane->blocks);
	if (result < 0)
		snprintf(reason, room, "%s: %s", dataplane->block_path,
			 strerror(-result));
	else
		dataplane->blocks_unsaved = false;
	return result;
}

/*
 * The blocks of nets that are this gateway's own now go, first from the kernel
 * and then from the file, so that the daemon finds what it did not finish.
 */
static int apply_group(struct dataplane *dataplane,
		       const struct dataplane_group *group, uint32_t reqid)
{
	int spared, result;

	spared = block_table_spare(&dataplane->blocks, group->sgid,
				   group->local_nets, group->local_nets_count,
				   &dataplane->spared);
	dataplane->blocks_unsaved |= spared > 0;
	result = apply_policies(dataplane, reqid, &dataplane->spared);
	if (result)
		return result;
	policy_list_free(&dataplane->spared);
	if (spared >= 0 && dataplane->blocks_unsaved) {
		spared = block_table_write(dataplane->block_path,
					   &dataplane->blocks);
		dataplane->blocks_unsaved = spared < 0;
	}
	return spared < 0 ? spared : 0;
}

/* the group among those whose encrypt policies stand, or why not */
static int take_group(struct dataplane *dataplane,
		      const struct dataplane_group *group, char *reason,
		      size_t room)
{
	struct known_group *made;
	int result;

	result = plan_check_nets(group, reason, room);
	if (result < 0)
		return result;
	made = make_group(group);
	if (!made) {
		snprintf(reason, room, "out of memory");
		return -ENOMEM;
	}
	result = check_conflicts(dataplane, made, reason, room);
	if (result < 0) {
		free_group(made);
		return result;
	}
	join_multicast(made);
	replace_group(dataplane, made);
	return 0;
}

/**
 * dataplane_group_block() - the blocks of a group, and nothing that opens
 * @dataplane: data plane
 * @group: what its properties say
 * @reason: words on failure
 * @room: bytes of @reason
 *
 * Return: 0 or -errno.
 */
int dataplane_group_block(struct dataplane *dataplane,
			  const struct dataplane_group *group,
			  char *reason, size_t room)
{
	int kept = keep_blocks(dataplane, group, reason, room);
	int result = apply_group(dataplane, group, 0);

	if (result < 0)
		snprintf(reason, room, "%s", strerror(-result));
	return kept < 0 ? kept : result;
}

/**
 * dataplane_group_set() - blocks and encrypt policies of a group
 * @dataplane: data plane
 * @group: what its properties say (CR B.2.1.1 step 7)
 * @reason: words on failure
 * @room: bytes of @reason
 *
 * The blocks are written to block.conf and stand before the group's first
 * key is there, and also where the group is refused.  Its former policies
 * stay after a refusal.
 *
 * Return: 0; -EINVAL nets that would shut this gateway out; -EEXIST another
 * group encrypts between the same nets; or another -errno.
 */
int dataplane_group_set(struct dataplane *dataplane,
			const struct dataplane_group *group,
			char *reason, size_t room)
{
	uint32_t reqid = 0;
	int refused, result;

	refused = keep_blocks(dataplane, group, reason, room);
	if (refused >= 0)
		refused = take_group(dataplane, group, reason, room);
	if (refused >= 0)
		reqid = dataplane_reqid(group->sgid);
	result = apply_group(dataplane, group, reqid);
	if (refused < 0) {
		if (result < 0)
			log_error("group %s: blocking policies: %s",
				  group->sgid, strerror(-result));
		return refused;
	}
	if (result < 0)
		snprintf(reason, room, "policies: %s", strerror(-result));
	return result;
}

static bool may_send(struct dataplane *dataplane, const char *sgid,
		     uint32_t epoch)
{
	struct cpns_group_state state;

	if (cpns_group_get(dataplane->kernel, sgid, &state) < 0)
		return false;
	for (unsigned int i = 0; i < state.epochs_count; i++)
		if (state.epochs[i].number == epoch)
			return state.epochs[i].state == CPNS_STATE_PENDING ||
			       state.epochs[i].state == CPNS_STATE_ACTIVE;
	return false;
}

/**
 * dataplane_epoch_set() - SAs for every sender of the roster in one epoch
 * @dataplane: data plane
 * @sgid: the group, known by dataplane_group_set()
 * @epoch: number of an epoch that the kernel has
 * @own_sid: this gateway's sender id, 0 if it does not send
 * @roster: verified
 * @reason: words on failure
 * @room: bytes of @reason
 *
 * Return: 0; -ENOENT the group is not known; -EEXIST an SPI collides (status
 * 3, RFC 9594 node status of the design); or another -errno.
 */
int dataplane_epoch_set(struct dataplane *dataplane, const char *sgid,
			uint32_t epoch, uint16_t own_sid,
			const struct roster *roster,
			char *reason, size_t room)
{
	const struct known_group *group = find_group(dataplane, sgid);
	struct plan_states plan = {
		.sgid = sgid,
		.epoch = epoch,
		.own_sid = own_sid,
		.roster = roster,
	};

	if (!group) {
		snprintf(reason, room, "group %s has no policies yet", sgid);
		return -ENOENT;
	}
	plan.transport = group->transport;
	plan.multicast = group->multicast;
	plan.tunnels = group->tunnels;
	plan.tunnels_count = group->tunnels_count;
	plan.peers = group->peers;
	plan.peers_count = group->peers_count;
	plan.may_send = own_sid && may_send(dataplane, sgid, epoch);
	return states_apply(dataplane, &plan, reason, room);
}

/**
 * dataplane_epoch_end() - delete the SAs of an epoch
 * @dataplane: data plane
 * @sgid: the group
 * @epoch: number
 */
void dataplane_epoch_end(struct dataplane *dataplane, const char *sgid,
			 uint32_t epoch)
{
	if (epoch)
		states_end(dataplane, sgid, epoch);
}

/**
 * dataplane_group_close() - the key is gone: end SAs and encrypt policies
 * @dataplane: data plane
 * @sgid: the group
 *
 * The blocks stay: traffic stops, it never falls back to clear.
 */
void dataplane_group_close(struct dataplane *dataplane, const char *sgid)
{
	struct known_group **link = &dataplane->groups;
	int result;

	while (*link && strcmp((*link)->sgid, sgid))
		link = &(*link)->next;
	if (*link) {
		struct known_group *group = *link;

		*link = group->next;
		free_group(group);
	}
	result = apply_policies(dataplane, dataplane_reqid(sgid), NULL);
	if (result < 0)
		log_error("group %s: encrypt policies: %s", sgid,
			  strerror(-result));
	states_end(dataplane, sgid, 0);
}

/**
 * dataplane_group_open_traffic() - the administrator's `leave --open`
 * @dataplane: data plane
 * @sgid: the group
 *
 * Return: 0; -ENOENT nothing of the group is blocked; or another -errno.
 */
int dataplane_group_open_traffic(struct dataplane *dataplane,
				 const char *sgid)
{
	struct policy_list removed = { 0 };
	int result;

	dataplane_group_close(dataplane, sgid);
	result = block_table_open_group(&dataplane->blocks, sgid, &removed);
	/* the file first: what it still says comes back at the next start */
	if (!result)
		result = block_table_write(dataplane->block_path,
					   &dataplane->blocks);
	if (!result)
		result = apply_policies(dataplane, 0, &removed);
	policy_list_free(&removed);
	return result;
}
