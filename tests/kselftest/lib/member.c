// SPDX-License-Identifier: GPL-2.0-only
/*
 * A member with one established group, see member.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "member.h"

int cpns_test_member_next(struct cpns_test_member *member, uint32_t number)
{
	/* long enough for the epoch before to stay */
	const struct cpns_test_epoch epoch = {
		.sgid = member->sgid, .number = number, .atd = 600, .dtd = 1200,
	};

	return cpns_test_set_begin(&member->set, &epoch);
}

int cpns_test_member_sealed(struct cpns_test_member *member, uint32_t number,
			    uint16_t sid)
{
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = number, .sid = sid,
	};
	int ret = cpns_test_member_next(member, number);

	if (!ret)
		ret = cpns_test_set_seal(&member->set, member->node.public,
					 &leaf);
	if (!ret)
		ret = cpns_test_set_item(&member->set, 0, number, MEMBER_LEAF,
					 number);
	return ret;
}

static int establish(struct cpns_test_member *member)
{
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = 1, .sid = MEMBER_SID,
	};
	int ret = cpns_test_member_next(member, MEMBER_EPOCH);

	if (!ret)
		ret = cpns_test_set_seal(&member->set, member->node.public,
					 &leaf);
	if (!ret)
		ret = cpns_test_set_item(&member->set, MEMBER_KEK, 9,
					 MEMBER_LEAF, 1);
	if (!ret)
		ret = cpns_test_set_item(&member->set, 0, MEMBER_EPOCH,
					 MEMBER_KEK, 9);
	if (ret)
		return ret;
	member->serial = cpns_test_set_send(&member->test, &member->set);
	return member->serial < 0 ? member->serial : 0;
}

int cpns_test_member_begin(struct cpns_test_member *member, const char *name)
{
	int ret;

	memset(member, 0, sizeof(*member));
	member->fd = -1;
	snprintf(member->sgid, sizeof(member->sgid), "urn:cpns:test:%s-%d",
		 name, getpid());
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	ret = cpns_test_open(&member->test);
	if (!ret)
		ret = cpns_test_events_open(&member->events);
	if (!ret)
		ret = cpns_test_node(&member->test, CPNS_CMD_NODE_GET,
				     &member->node);
	if (!ret)
		ret = establish(member);
	if (!ret)
		ret = cpns_test_line(member->serial, member->line);
	if (ret)
		return ret;
	member->fd = cpns_test_keyed(member->serial, 0, MEMBER_SID);
	return member->fd < 0 ? member->fd : 0;
}

void cpns_test_member_end(struct cpns_test_member *member)
{
	if (member->fd >= 0)
		close(member->fd);
	cpns_test_group_revoke(&member->test, member->sgid);
	cpns_test_close(&member->events);
	cpns_test_close(&member->test);
}

int cpns_test_member_changed(struct cpns_test_member *member)
{
	uint8_t sealed[CPNS_TEST_SEALED];
	char line[256];
	int ret = cpns_test_line(member->serial, line);

	if (!ret && strcmp(line, member->line))
		ret = -EUCLEAN;
	if (!ret)
		ret = cpns_test_out(member->fd, sealed);
	if (!ret)
		ret = cpns_test_back(member->fd, sealed);
	return ret;
}
