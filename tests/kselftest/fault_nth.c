// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations that fail in the commands of the netlink family, see
 * fault_each.h; SA_ADD is in fault_use.c.
 */
#define _GNU_SOURCE
#include "fault_each.h"

/* --- GROUP_SET --------------------------------------------------------- */

/* @self->set: SEAL with a leaf KEK of its own, an ITEM with the secret */
static int seal(struct fault_data *self, const char *sgid, uint32_t number,
		uint16_t sid)
{
	const struct cpns_test_epoch epoch = {
		.sgid = sgid, .number = number,
	};
	const struct cpns_test_leaf leaf = {
		.id = MEMBER_LEAF, .version = 1000 + number, .sid = sid,
	};
	int ret = cpns_test_set_begin(&self->set, &epoch);

	self->sid = sid;
	if (!ret)
		ret = cpns_test_set_seal(&self->set, self->member.node.public,
					 &leaf);
	if (!ret)
		ret = cpns_test_set_item(&self->set, 0, number, leaf.id,
					 leaf.version);
	return ret;
}

static int send_set(struct fault_data *self)
{
	int ret = cpns_test_set_send(&self->member.test, &self->set);

	return ret < 0 ? ret : 0;
}

static int prepare_group(struct fault_data *self, unsigned int n)
{
	snprintf(self->sgid, sizeof(self->sgid), "%s-%u", self->member.sgid, n);
	return seal(self, self->sgid, 1, 9);
}

static int verify_group(struct fault_data *self)
{
	/* its key's serial; an answer may have been lost */
	int ret = cpns_test_set_send(&self->member.test, &self->set);

	if (ret > 0)
		ret = cpns_test_works(ret, 1, 9);
	if (!ret)
		ret = cpns_test_group_revoke(&self->member.test, self->sgid);
	return ret;
}

TEST_F_TIMEOUT(fault, new_group, 900)
{
	static const struct operation operation = {
		prepare_group, send_set, verify_group,
	};

	fail_each(_metadata, self, &operation);
}

/* the epoch before ends at once: EVICTED */
static int prepare_epoch(struct fault_data *self, unsigned int n)
{
	int ret = seal(self, self->member.sgid, self->number + 1, MEMBER_SID);

	self->set.evicted[self->set.evicted_count++] = 1000 + n % 7;
	return ret;
}

/* this is now what refusals must leave as it is */
static int verify_epoch(struct fault_data *self)
{
	struct cpns_test_member *m = &self->member;
	int state = cpns_test_epoch_state(&m->test, m->sgid, self->number + 1);

	if (state != CPNS_STATE_ACTIVE)
		return state < 0 ? state : -EUCLEAN;
	self->number++;
	close(m->fd);
	m->fd = cpns_test_keyed(m->serial, 0, self->sid);
	if (m->fd < 0)
		return m->fd;
	state = cpns_test_line(m->serial, m->line);
	return state ? state : cpns_test_member_changed(m);
}

TEST_F_TIMEOUT(fault, next_epoch, 900)
{
	static const struct operation operation = {
		prepare_epoch, send_set, verify_epoch,
	};

	fail_each(_metadata, self, &operation);
}

/* a new epoch, then another sender id for it */
static int prepare_sender(struct fault_data *self, unsigned int n)
{
	int ret = prepare_epoch(self, n);

	if (!ret)
		ret = send_set(self);
	if (!ret)
		ret = verify_epoch(self);
	return ret ? ret : seal(self, self->member.sgid, self->number,
				MEMBER_SID + 1);
}

static int verify_sender(struct fault_data *self)
{
	struct cpns_test_member *m = &self->member;
	int ret = cpns_test_works(m->serial, self->number, MEMBER_SID + 1);

	/* the old sender id encrypts no more */
	return ret ? ret : cpns_test_works(m->serial, self->number,
					   MEMBER_SID) ? 0 : -EUCLEAN;
}

TEST_F_TIMEOUT(fault, new_sender_id, 900)
{
	static const struct operation operation = {
		prepare_sender, send_set, verify_sender,
	};

	fail_each(_metadata, self, &operation);
}

/* --- other commands ---------------------------------------------------- */

static int act_rotate(struct fault_data *self)
{
	return cpns_test_node(&self->member.test, CPNS_CMD_NODE_ROTATE, NULL);
}

/* a listener is told of it, or of having missed something (netlink(7)) */
static int verify_rotate(struct fault_data *self)
{
	struct cpns_test *events = &self->member.events;
	struct cpns_test_event event;
	int ret = cpns_test_event(events, CPNS_CMD_NODE_CHANGE, 2000, &event);
	int next;

	do
		next = cpns_test_event(events, CPNS_CMD_NODE_CHANGE, 0, &event);
	while (!next || next == -ENOBUFS);
	return ret == -ENOBUFS ? 0 : ret;
}

TEST_F_TIMEOUT(fault, node_rotate, 900)
{
	static const struct operation operation = {
		.act = act_rotate, .verify = verify_rotate,
	};

	fail_each(_metadata, self, &operation);
}

static int prepare_activate(struct fault_data *self, unsigned int n)
{
	const struct cpns_test_epoch epoch = {
		.sgid = self->sgid, .number = 2, .atd = 600, .dtd = 900,
		.sid = 9,
	};
	struct cpns_test *test = &self->member.test;
	int ret = prepare_group(self, n);

	if (!ret)
		ret = send_set(self);
	if (!ret)
		ret = cpns_test_group_set(test, &epoch);
	return ret < 0 ? ret : 0;
}

static int act_activate(struct fault_data *self)
{
	return cpns_test_epoch_activate(&self->member.test, self->sgid, 2);
}

static int verify_activate(struct fault_data *self)
{
	struct cpns_test *test = &self->member.test;

	if (cpns_test_epoch_state(test, self->sgid, 2) != CPNS_STATE_ACTIVE ||
	    cpns_test_epoch_state(test, self->sgid, 1) != CPNS_STATE_RXONLY)
		return -EUCLEAN;
	return cpns_test_group_revoke(test, self->sgid);
}

TEST_F_TIMEOUT(fault, epoch_activate, 900)
{
	static const struct operation operation = {
		prepare_activate, act_activate, verify_activate,
	};

	fail_each(_metadata, self, &operation);
}

static int prepare_revoke(struct fault_data *self, unsigned int n)
{
	int ret = prepare_group(self, n);

	return ret ? ret : send_set(self);
}

static int act_revoke(struct fault_data *self)
{
	return cpns_test_group_revoke(&self->member.test, self->sgid);
}

static int verify_revoke(struct fault_data *self)
{
	return cpns_test_epoch_state(&self->member.test, self->sgid, 1) ==
	       CPNS_STATE_NONE ? 0 : -EUCLEAN;
}

TEST_F_TIMEOUT(fault, group_revoke, 900)
{
	static const struct operation operation = {
		prepare_revoke, act_revoke, verify_revoke,
	};

	fail_each(_metadata, self, &operation);
}

TEST_HARNESS_MAIN
