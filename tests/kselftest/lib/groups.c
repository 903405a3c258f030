// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups and SAs for tests: GROUP_SET with a known secret, SA_ADD, SA_DEL,
 * SA_GET.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include "cpns_test.h"

void cpns_test_secret(uint32_t number, uint8_t secret[CPNS_SECRET_SIZE])
{
	for (int i = 0; i < CPNS_SECRET_SIZE; i++)
		secret[i] = number * 37 + i;
}

static int take_serial(struct nlattr **a, void *context)
{
	if (a[CPNS_A_SERIAL])
		*(int32_t *)context = mnl_attr_get_u32(a[CPNS_A_SERIAL]);
	return 0;
}

int cpns_test_header(const struct cpns_test_epoch *epoch,
		     uint8_t secret[CPNS_SECRET_SIZE],
		     struct cpns_header *header)
{
	*header = (struct cpns_header) {
		.version = 1,
		.suite = epoch->suite ? epoch->suite
				      : CPNS_SUITE_AES_256_GCM,
		.epoch = htonl(epoch->number),
		.atd = htonl(epoch->atd),
		.dtd = htonl(epoch->dtd ? epoch->dtd : epoch->atd + 1),
		.lifetime = htonl(epoch->lifetime),
	};
	if (epoch->secret)
		memcpy(secret, epoch->secret, CPNS_SECRET_SIZE);
	else
		cpns_test_secret(epoch->number, secret);
	cpns_test_tag(epoch->sgid, header->tag);
	return cpns_test_kcv(epoch->sgid, epoch->number, secret, header->kcv);
}

int32_t cpns_test_group_set(struct cpns_test *test,
			    const struct cpns_test_epoch *epoch)
{
	uint8_t secret[CPNS_SECRET_SIZE];
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;
	struct cpns_header header;
	int32_t serial = 0;
	int ret;

	ret = cpns_test_header(epoch, secret, &header);
	if (ret)
		return ret;
	message = cpns_test_message(test, buffer, CPNS_CMD_GROUP_SET, 0);
	mnl_attr_put_strz(message, CPNS_A_SGID, epoch->sgid);
	mnl_attr_put(message, CPNS_A_HEADER, sizeof(header), &header);
	mnl_attr_put(message, CPNS_A_SECRET, sizeof(secret), secret);
	mnl_attr_put_u16(message, CPNS_A_SID, epoch->sid);
	if (epoch->evicted)
		mnl_attr_put_u16(message, CPNS_A_EVICTED,
				 htons(epoch->evicted));
	ret = cpns_test_talk(test, message, take_serial, &serial);
	return ret ? ret : serial;
}

int cpns_test_group_revoke(struct cpns_test *test, const char *sgid)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	message = cpns_test_message(test, buffer, CPNS_CMD_GROUP_REVOKE, 0);
	mnl_attr_put_strz(message, CPNS_A_SGID, sgid);
	return cpns_test_talk(test, message, NULL, NULL);
}

int cpns_test_epoch_activate(struct cpns_test *test, const char *sgid,
			     uint32_t number)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	message = cpns_test_message(test, buffer, CPNS_CMD_EPOCH_ACTIVATE, 0);
	mnl_attr_put_strz(message, CPNS_A_SGID, sgid);
	mnl_attr_put_u32(message, CPNS_A_EPOCH, number);
	return cpns_test_talk(test, message, NULL, NULL);
}

struct find_epoch {
	uint32_t number;
	int state;
};

static int epoch_attribute(const struct nlattr *attribute, void *context)
{
	struct find_epoch *find = context;
	uint32_t number = 0, state = 0;
	const struct nlattr *inner;

	if (mnl_attr_get_type(attribute) != CPNS_A_EPOCH_INFO)
		return MNL_CB_OK;
	mnl_attr_for_each_nested(inner, attribute) {
		if (mnl_attr_get_type(inner) == CPNS_E_NUM)
			number = mnl_attr_get_u32(inner);
		else if (mnl_attr_get_type(inner) == CPNS_E_STATE)
			state = mnl_attr_get_u32(inner);
	}
	if (number == find->number)
		find->state = state;
	return MNL_CB_OK;
}

/* EPOCH_INFO comes several times: look at the whole message behind a[] */
static int find_epoch(struct nlattr **a, void *context)
{
	struct nlattr *first = NULL;

	/* the table keeps the last one; walk from the first attribute we have */
	for (int i = 1; i <= CPNS_A_MAX; i++)
		if (a[i] && (!first || a[i] < first))
			first = a[i];
	for (struct nlattr *each = first; each && each <= a[CPNS_A_EPOCH_INFO];
	     each = mnl_attr_next(each))
		epoch_attribute(each, context);
	return 0;
}

int cpns_test_epoch_state(struct cpns_test *test, const char *sgid,
			  uint32_t number)
{
	struct find_epoch find = { .number = number };
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;
	int ret;

	message = cpns_test_message(test, buffer, CPNS_CMD_GROUP_GET, 0);
	mnl_attr_put_strz(message, CPNS_A_SGID, sgid);
	ret = cpns_test_talk(test, message, find_epoch, &find);
	return ret ? ret : find.state;
}

static int put_address(struct nlmsghdr *message, uint16_t type,
		       const char *text)
{
	uint8_t address[16];

	if (inet_pton(AF_INET, text, address) == 1)
		mnl_attr_put(message, type, 4, address);
	else if (inet_pton(AF_INET6, text, address) == 1)
		mnl_attr_put(message, type, 16, address);
	else
		return -EINVAL;
	return 0;
}

int cpns_test_sa_add(struct cpns_test *test, const struct cpns_test_sa *sa)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	message = cpns_test_message(test, buffer, CPNS_CMD_SA_ADD, 0);
	if (sa->serial)
		mnl_attr_put_u32(message, CPNS_A_SERIAL, sa->serial);
	else
		mnl_attr_put_strz(message, CPNS_A_SGID, sa->sgid);
	mnl_attr_put_u32(message, CPNS_A_EPOCH, sa->epoch);
	mnl_attr_put_u16(message, CPNS_A_SID, sa->sid);
	mnl_attr_put_u8(message, CPNS_A_DIR, sa->dir);
	if (put_address(message, CPNS_A_SRC, sa->src) ||
	    put_address(message, CPNS_A_DST, sa->dst))
		return -EINVAL;
	mnl_attr_put_u32(message, CPNS_A_SPI, htonl(sa->spi));
	mnl_attr_put_u32(message, CPNS_A_REQID, sa->reqid);
	mnl_attr_put_u8(message, CPNS_A_MODE, sa->mode);
	if (sa->window)
		mnl_attr_put_u32(message, CPNS_A_WINDOW, sa->window);
	if (sa->if_id)
		mnl_attr_put_u32(message, CPNS_A_IF_ID, sa->if_id);
	if (sa->mark) {
		mnl_attr_put_u32(message, CPNS_A_MARK, sa->mark);
		mnl_attr_put_u32(message, CPNS_A_MARK_MASK, sa->mark_mask);
	}
	return cpns_test_talk(test, message, NULL, NULL);
}

int cpns_test_sa_del(struct cpns_test *test, const struct cpns_test_sa *sa)
{
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;

	message = cpns_test_message(test, buffer, CPNS_CMD_SA_DEL, 0);
	mnl_attr_put_strz(message, CPNS_A_SGID, sa->sgid);
	mnl_attr_put_u8(message, CPNS_A_DIR, sa->dir);
	mnl_attr_put_u32(message, CPNS_A_SPI, htonl(sa->spi));
	if (put_address(message, CPNS_A_DST, sa->dst))
		return -EINVAL;
	if (sa->mark) {
		mnl_attr_put_u32(message, CPNS_A_MARK, sa->mark);
		mnl_attr_put_u32(message, CPNS_A_MARK_MASK, sa->mark_mask);
	}
	return cpns_test_talk(test, message, NULL, NULL);
}

struct find_sa {
	uint32_t spi;
	uint8_t dir;
	int count;
	bool found;
	struct cpns_test_sa_state state;
};

static int find_sa(struct nlattr **a, void *context)
{
	struct find_sa *find = context;

	find->count++;
	if (!a[CPNS_A_SPI] || !a[CPNS_A_DIR] ||
	    ntohl(mnl_attr_get_u32(a[CPNS_A_SPI])) != find->spi ||
	    mnl_attr_get_u8(a[CPNS_A_DIR]) != find->dir)
		return 0;
	find->found = true;
	if (a[CPNS_A_STATE])
		find->state.state = mnl_attr_get_u32(a[CPNS_A_STATE]);
	if (a[CPNS_A_PACKETS])
		find->state.packets = mnl_attr_get_u64(a[CPNS_A_PACKETS]);
	if (a[CPNS_A_BYTES])
		find->state.bytes = mnl_attr_get_u64(a[CPNS_A_BYTES]);
	if (a[CPNS_A_SEQ])
		find->state.seq = mnl_attr_get_u32(a[CPNS_A_SEQ]);
	if (a[CPNS_A_WINDOW])
		find->state.window = mnl_attr_get_u32(a[CPNS_A_WINDOW]);
	return 0;
}

int cpns_test_sa_get(struct cpns_test *test, uint32_t spi, uint8_t dir,
		     struct cpns_test_sa_state *state)
{
	struct find_sa find = { .spi = spi, .dir = dir };
	char buffer[CPNS_TEST_BUFFER];
	struct nlmsghdr *message;
	int ret;

	message = cpns_test_message(test, buffer, CPNS_CMD_SA_GET, NLM_F_DUMP);
	ret = cpns_test_talk(test, message, find_sa, &find);
	if (ret)
		return ret;
	if (!find.found)
		return -ENOENT;
	if (state)
		*state = find.state;
	return 0;
}

int cpns_test_sa_count(struct cpns_test *test, const char *sgid)
{
	char buffer[CPNS_TEST_BUFFER];
	struct find_sa find = { 0 };
	struct nlmsghdr *message;
	int ret;

	message = cpns_test_message(test, buffer, CPNS_CMD_SA_GET, NLM_F_DUMP);
	if (sgid)
		mnl_attr_put_strz(message, CPNS_A_SGID, sgid);
	ret = cpns_test_talk(test, message, find_sa, &find);
	return ret ? ret : find.count;
}
