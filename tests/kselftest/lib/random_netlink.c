// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random netlink messages: a right one of some command, altered in a few
 * places, or attributes by chance, or bytes by chance. The message goes to the
 * family "cpns" whatever else is altered.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include "random.h"

#define BUFFER		24576
#define SOCKET_LIFE	256	/* messages until the next socket */
#define HEAD		(NLMSG_HDRLEN + sizeof(struct genlmsghdr))

struct message {
	union {
		struct nlmsghdr header;
		uint8_t bytes[BUFFER];
	};
	size_t size;
	struct cpns_random_group *group;
	uint32_t number;		/* GROUP_SET: highest if accepted */
	uint32_t leaf;			/* its leaf KEK's version */
};

static struct nlmsghdr *begin(struct cpns_random *r, struct message *m,
			      uint8_t command, uint16_t flags)
{
	memset(m->bytes, 0, HEAD);
	m->group = cpns_random_group(r);
	m->number = 0;
	return cpns_test_message(&r->test, m->bytes, command, flags);
}

static void put_group(struct cpns_random *r, struct message *m)
{
	if (cpns_random_below(r, 3) || !m->group->serial)
		mnl_attr_put_strz(&m->header, CPNS_A_SGID, m->group->sgid);
	else
		mnl_attr_put_u32(&m->header, CPNS_A_SERIAL, m->group->serial);
}

/* sealed as an OSG does it; the group's last leaf KEK stays where there is one */
static int sealed(struct cpns_random *r, struct message *m,
		  const struct cpns_test_epoch *epoch)
{
	struct cpns_test_leaf leaf = {
		.id = 3, .sid = 1 + cpns_random_below(r, 9),
		.aead = 1 + cpns_random_below(r, 2),
		.version = m->group->leaf,
		.sender = r->pinned || cpns_random_below(r, 2) ? r->osg : NULL,
	};
	int ret = cpns_test_set_begin(&r->set, epoch);

	if (!leaf.version || cpns_random_below(r, 2)) {
		leaf.version = epoch->number;
		ret = ret ? ret : cpns_test_set_seal(&r->set, r->node.public,
						     &leaf);
	}
	m->leaf = leaf.version;
	if (!cpns_random_below(r, 3)) {
		ret = ret ? ret : cpns_test_set_item(&r->set, 7, epoch->number,
						     3, leaf.version);
		ret = ret ? ret : cpns_test_set_item(&r->set, 0, epoch->number,
						     7, epoch->number);
	} else {
		ret = ret ? ret : cpns_test_set_item(&r->set, 0, epoch->number,
						     3, leaf.version);
	}
	if (ret)
		return ret;
	mnl_attr_put(&m->header, CPNS_A_HEADER, r->set.header_size,
		     r->set.header);
	if (r->set.seal_size)
		mnl_attr_put(&m->header, CPNS_A_SEAL, r->set.seal_size,
			     r->set.seal);
	for (unsigned int i = 0; i < r->set.items; i++)
		mnl_attr_put(&m->header, CPNS_A_ITEM, r->set.item_size,
			     r->set.item[i]);
	return 0;
}

static int in_clear(struct cpns_random *r, struct message *m,
		    const struct cpns_test_epoch *epoch)
{
	uint8_t secret[CPNS_SECRET_SIZE];
	struct cpns_header header;
	int ret = cpns_test_header(epoch, secret, &header);

	if (ret)
		return ret;
	m->leaf = 0;
	mnl_attr_put(&m->header, CPNS_A_HEADER, sizeof(header), &header);
	mnl_attr_put(&m->header, CPNS_A_SECRET, sizeof(secret), secret);
	mnl_attr_put_u16(&m->header, CPNS_A_SID, 1 + cpns_random_below(r, 9));
	return 0;
}

static void group_set(struct cpns_random *r, struct message *m)
{
	static const uint8_t steps[] = { 0, 1, 1, 1, 1, 2 };
	struct cpns_test_epoch epoch = { 0 };
	uint32_t evicted;

	begin(r, m, CPNS_CMD_GROUP_SET, 0);
	epoch.sgid = m->group->sgid;
	epoch.number = m->group->highest + steps[cpns_random_below(r, 6)];
	epoch.number += !epoch.number;
	epoch.atd = cpns_random_below(r, 3);
	epoch.dtd = epoch.atd + 1 + cpns_random_below(r, 3);
	epoch.lifetime = cpns_random_below(r, 4) ? 0 :
			 1 + cpns_random_below(r, 4);
	epoch.suite = 1 + cpns_random_below(r, 3);
	m->number = epoch.number;
	mnl_attr_put_strz(&m->header, CPNS_A_SGID, epoch.sgid);
	if (cpns_random_below(r, 4) ? in_clear(r, m, &epoch) :
				      sealed(r, m, &epoch))
		cpns_random_violated(r, "no message can be made");
	evicted = cpns_random_below(r, 8) ? 0 : cpns_random_below(r, 9);
	if (evicted && !cpns_random_below(r, 32))
		evicted = 1000 + cpns_random_below(r, 50);
	while (evicted--)
		mnl_attr_put_u16(&m->header, CPNS_A_EVICTED,
				 htons(1 + cpns_random_below(r, 9)));
	if (!cpns_random_below(r, 4))
		mnl_attr_put_u32(&m->header, CPNS_A_ELAPSED,
				 cpns_random_below(r, 4));
}

static void put_address(struct cpns_random *r, struct message *m, uint16_t type,
			bool wide)
{
	uint8_t address[16] = { 192, 0, 2, 1 + cpns_random_below(r, 3) };

	if (wide) {
		address[0] = 0xfd;
		address[1] = 0;
		address[15] = 1 + cpns_random_below(r, 3);
	} else if (type == CPNS_A_DST && !cpns_random_below(r, 4)) {
		address[0] = 239;
	}
	mnl_attr_put(&m->header, type, wide ? 16 : 4, address);
}

/* of few destinations and SPIs, so that the same states come again */
static void state(struct cpns_random *r, struct message *m, uint8_t command)
{
	bool wide = !cpns_random_below(r, 3);

	begin(r, m, command, 0);
	put_group(r, m);
	mnl_attr_put_u8(&m->header, CPNS_A_DIR, 1 + cpns_random_below(r, 2));
	put_address(r, m, CPNS_A_DST, wide);
	mnl_attr_put_u32(&m->header, CPNS_A_SPI,
			 htonl(4096 + cpns_random_below(r, 8)));
	if (!cpns_random_below(r, 4))
		mnl_attr_put_u32(&m->header, CPNS_A_MARK,
				 cpns_random_below(r, 2));
	if (command == CPNS_CMD_SA_DEL)
		return;
	put_address(r, m, CPNS_A_SRC, wide);
	mnl_attr_put_u32(&m->header, CPNS_A_EPOCH, cpns_random_below(r, 2) ?
			 m->group->highest : 0);
	mnl_attr_put_u16(&m->header, CPNS_A_SID, 1 + cpns_random_below(r, 9));
	mnl_attr_put_u8(&m->header, CPNS_A_MODE, cpns_random_below(r, 2));
	mnl_attr_put_u32(&m->header, CPNS_A_REQID, cpns_random_number(r));
	if (!cpns_random_below(r, 3))
		mnl_attr_put_u32(&m->header, CPNS_A_WINDOW,
				 cpns_random_below(r, 1030));
	if (!cpns_random_below(r, 8))
		mnl_attr_put_u32(&m->header, CPNS_A_IF_ID,
				 cpns_random_below(r, 3));
}

static void node(struct cpns_random *r, struct message *m)
{
	uint8_t public_key[CPNS_X25519_SIZE];

	switch (cpns_random_below(r, 16)) {
	case 0:
		begin(r, m, CPNS_CMD_NODE_PIN, 0);
		cpns_random_bytes(r, public_key, sizeof(public_key));
		/* 0, 1: points of small order are no keys */
		if (!r->pinned)
			memset(public_key, 0, sizeof(public_key));
		public_key[0] &= 1;
		mnl_attr_put(&m->header, CPNS_A_PUBKEY, sizeof(public_key),
			     public_key);
		break;
	case 1:
		begin(r, m, CPNS_CMD_NODE_ROTATE, 0);
		break;
	default:
		begin(r, m, CPNS_CMD_NODE_GET, 0);
	}
}

static void by_chance(struct cpns_random *r, struct message *m)
{
	uint8_t payload[256];
	uint32_t count;

	begin(r, m, cpns_random_below(r, 2 * CPNS_CMD_MAX),
	      cpns_random_below(r, 3) ? 0 : NLM_F_DUMP);
	for (count = cpns_random_below(r, 20); count; count--) {
		uint32_t size = cpns_random_below(r, 8) ?
				cpns_random_below(r, 40) :
				cpns_random_below(r, sizeof(payload));

		cpns_random_bytes(r, payload, size);
		mnl_attr_put(&m->header,
			     cpns_random_below(r, CPNS_A_MAX + 3), size,
			     payload);
	}
}

static void right_one(struct cpns_random *r, struct message *m)
{
	static const uint8_t others[] = {
		CPNS_CMD_GROUP_GET, CPNS_CMD_GROUP_GET, CPNS_CMD_EPOCH_ACTIVATE,
		CPNS_CMD_EPOCH_ACTIVATE, CPNS_CMD_GROUP_REVOKE,
	};
	uint32_t what = cpns_random_below(r, 16);

	if (what < 8) {
		group_set(r, m);
	} else if (what < 11) {
		state(r, m, CPNS_CMD_SA_ADD);
	} else if (what == 11) {
		state(r, m, CPNS_CMD_SA_DEL);
	} else if (what == 12) {
		begin(r, m, cpns_random_below(r, 2) ? CPNS_CMD_GROUP_GET :
		      CPNS_CMD_SA_GET, NLM_F_DUMP);
		if (cpns_random_below(r, 2))
			put_group(r, m);
	} else if (what == 13) {
		node(r, m);
	} else if (what == 14) {
		by_chance(r, m);
	} else {
		begin(r, m, others[cpns_random_below(r, sizeof(others))], 0);
		put_group(r, m);
		mnl_attr_put_u32(&m->header, CPNS_A_EPOCH, m->group->highest);
	}
}

/* one of the attributes, also where a length was altered before; or NULL */
static struct nlattr *one_attribute(struct cpns_random *r, struct message *m)
{
	struct nlattr *found = NULL;
	size_t at = HEAD;
	uint32_t count = 0;

	while (at + NLA_HDRLEN <= m->size) {
		struct nlattr *each = (void *)(m->bytes + at);

		if (!cpns_random_below(r, ++count))
			found = each;
		at += each->nla_len < NLA_HDRLEN ? NLA_HDRLEN :
		      NLA_ALIGN(each->nla_len);
	}
	return found;
}

/* bytes of @attribute that lie in the message */
static size_t whole(const struct message *m, const struct nlattr *attribute)
{
	size_t left = m->size - ((const uint8_t *)attribute - m->bytes);
	size_t size = NLA_ALIGN(attribute->nla_len);

	return size < NLA_HDRLEN ? NLA_HDRLEN : size < left ? size : left;
}

static void alter_payload(struct cpns_random *r, struct message *m,
			  struct nlattr *attribute)
{
	uint8_t *payload = (uint8_t *)(attribute + 1);
	size_t size = whole(m, attribute) - NLA_HDRLEN;
	uint32_t number = htonl(cpns_random_number(r));
	size_t at;

	if (!size)
		return;
	at = cpns_random_below(r, size);
	if (cpns_random_below(r, 2))
		payload[at] ^= 1 << cpns_random_below(r, 8);
	else
		memcpy(payload + at / 4 * 4, &number,
		       size - at / 4 * 4 < 4 ? size - at / 4 * 4 : 4);
}

static void repeat(struct cpns_random *r, struct message *m,
		   const struct nlattr *attribute)
{
	size_t size = whole(m, attribute);
	uint32_t times = cpns_random_below(r, 8) ? 1 : 70;

	for (; times && m->size + size <= BUFFER; times--) {
		memcpy(m->bytes + m->size, attribute, size);
		m->size += size;
	}
	m->header.nlmsg_len = m->size;
}

static void take_out(struct message *m, struct nlattr *attribute)
{
	size_t size = whole(m, attribute);
	uint8_t *at = (uint8_t *)attribute;

	memmove(at, at + size, m->bytes + m->size - at - size);
	m->size -= size;
	m->header.nlmsg_len = m->size;
}

static void alter_header(struct cpns_random *r, struct message *m)
{
	struct genlmsghdr *genl = mnl_nlmsg_get_payload(&m->header);

	switch (cpns_random_below(r, 6)) {
	case 0:
		genl->cmd = cpns_random_below(r, CPNS_CMD_MAX + 3);
		break;
	case 1:
		genl->version = cpns_random_number(r);
		break;
	case 2:
		genl->reserved = cpns_random_number(r);
		break;
	case 3:
		m->header.nlmsg_flags = cpns_random_number(r);
		break;
	case 4:
		m->header.nlmsg_len = cpns_random_number(r);
		break;
	default:
		/* cut short, or junk behind it */
		m->size = cpns_random_below(r, 2) ?
			  cpns_random_below(r, m->size + 1) :
			  m->size + cpns_random_below(r, 16);
		if (m->size > BUFFER)
			m->size = BUFFER;
		m->header.nlmsg_len = m->size;
	}
}

static void alter(struct cpns_random *r, struct message *m)
{
	struct nlattr *attribute = one_attribute(r, m);
	uint32_t what = cpns_random_below(r, 16);

	if (what < 2 || !attribute)
		alter_header(r, m);
	else if (what < 10)
		alter_payload(r, m, attribute);
	else if (what == 10)
		attribute->nla_len += cpns_random_below(r, 9) - 4;
	else if (what == 11)
		attribute->nla_len = cpns_random_number(r);
	else if (what == 12)
		attribute->nla_type = cpns_random_below(r, CPNS_A_MAX + 3) |
				      cpns_random_below(r, 4) << 14;
	else if (what == 13)
		repeat(r, m, attribute);
	else
		take_out(m, attribute);
}

static void accepted(struct message *m)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(&m->header);

	if (genl->cmd != CPNS_CMD_GROUP_SET)
		return;
	if (m->number > m->group->highest)
		m->group->highest = m->number;
	if (m->number)
		m->group->leaf = m->leaf;
}

static void look_at(struct cpns_random *r, struct message *m,
		    const struct nlmsghdr *answer)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(answer);
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(answer);
	const struct nlattr *attribute;

	if (answer->nlmsg_type == NLMSG_ERROR ||
	    answer->nlmsg_type == NLMSG_DONE) {
		if (error->error > 0 || error->error < -4095)
			cpns_random_violated(r, "answer %d", error->error);
		r->accepted += !error->error;
		r->refused += !!error->error;
		if (!error->error && answer->nlmsg_type == NLMSG_ERROR)
			accepted(m);
		return;
	}
	if (answer->nlmsg_type != r->test.family)
		return;
	/* what names the group's key comes with GROUP_SET's answer */
	mnl_attr_for_each(attribute, answer, sizeof(*genl)) {
		if (mnl_attr_get_type(attribute) == CPNS_A_SECRET)
			cpns_random_violated(r, "a secret in an answer");
		if (genl->cmd == CPNS_CMD_GROUP_SET &&
		    mnl_attr_get_type(attribute) == CPNS_A_SERIAL &&
		    m->number)
			m->group->serial = mnl_attr_get_u32(attribute);
	}
}

/* requests are served while they are sent; a dump needs to be read on */
static void take_answers(struct cpns_random *r, struct message *m)
{
	static uint8_t buffer[32768];
	int fd = mnl_socket_get_fd(r->test.socket);
	ssize_t size;

	while ((size = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		const struct nlmsghdr *each = (void *)buffer;
		int left = size;

		for (; mnl_nlmsg_ok(each, left);
		     each = mnl_nlmsg_next(each, &left))
			look_at(r, m, each);
		/* some dumps are left in the middle */
		if (!cpns_random_below(r, 64))
			break;
	}
}

static void another_socket(struct cpns_random *r)
{
	unsigned long sequence = r->test.sequence;

	r->socket_used = 0;
	cpns_test_close(&r->test);
	if (cpns_test_open(&r->test))
		cpns_random_violated(r, "no netlink socket");
	r->test.sequence = sequence;
	/* rotated, perhaps */
	if (cpns_test_node(&r->test, CPNS_CMD_NODE_GET, &r->node))
		cpns_random_violated(r, "NODE_GET: %s", r->test.text);
}

void cpns_random_netlink(struct cpns_random *r)
{
	static struct message m;
	uint32_t count = cpns_random_below(r, 4);

	if (++r->socket_used == SOCKET_LIFE)
		another_socket(r);
	right_one(r, &m);
	m.size = m.header.nlmsg_len;
	while (count--)
		alter(r, &m);
	/* what has no bytes is no message */
	if (send(mnl_socket_get_fd(r->test.socket), m.bytes, m.size, 0) < 0)
		return;
	r->sent++;
	take_answers(r, &m);
}
