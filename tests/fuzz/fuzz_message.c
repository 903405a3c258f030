// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's parser of GROUP_SET, kmod/message.c itself: the input is the
 * attributes of a request, as netlink carries them and as cpns_nl_message()
 * in kmod/netlink.c takes them apart. Attributes are not held to the family's
 * policy here, so the parser sees every length.
 */
#include <endian.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod/message.h"
#include "fuzz.h"

#define COPIES_MAX	256

struct request {
	struct cpns_message_in in;
	void *copies[COPIES_MAX];
	size_t count;
};

static uint32_t number(const uint8_t *bytes, size_t size, size_t want)
{
	uint32_t value = 0;

	memcpy(&value, bytes, size < want ? size : want);
	return value;
}

static void take(struct request *request, unsigned int type,
		 const uint8_t *bytes, size_t size)
{
	struct cpns_message_in *in = &request->in;
	void *copy = fuzz_copy(bytes, size);

	request->copies[request->count++] = copy;
	switch (type) {
	case CPNS_A_SGID:
		in->sgid = copy;
		in->sgid_len = size;
		break;
	case CPNS_A_HEADER:
		in->header = copy;
		in->header_len = size;
		break;
	case CPNS_A_SEAL:
		in->seal = copy;
		in->seal_len = size;
		break;
	case CPNS_A_ITEM:
		if (in->items < CPNS_ITEMS_MAX) {
			in->item[in->items] = copy;
			in->item_len[in->items] = size;
		}
		in->items++;
		break;
	case CPNS_A_EVICTED:
		/* one attribute stands for many: 1,025 do not fit an input */
		in->evicted += 1 + number(bytes, size, 2) % 1024;
		break;
	case CPNS_A_ELAPSED:
		in->elapsed = number(bytes, size, 4);
		break;
	case CPNS_A_SECRET:
		in->secret = copy;
		in->secret_len = size;
		break;
	case CPNS_A_SID:
		in->sid = (__u16)number(bytes, size, 2);
		in->has_sid = true;
		break;
	case CPNS_A_FEATURES:		/* here: the module parameter */
		in->allow_raw = true;
		break;
	}
}

static void take_all(struct request *request, const uint8_t *data, size_t size)
{
	struct nlattr head;
	size_t length;

	while (size >= sizeof(head) && request->count < COPIES_MAX) {
		memcpy(&head, data, sizeof(head));
		length = head.nla_len;
		if (length < sizeof(head) || length > size)
			length = size;
		take(request, head.nla_type, data + sizeof(head),
		     length - sizeof(head));
		length = NLA_ALIGN(length) < size ? NLA_ALIGN(length) : size;
		data += length;
		size -= length;
	}
}

/* what set.c relies on without looking again */
static void check_accepted(const struct cpns_message_in *in,
			   const struct cpns_message_set *set)
{
	const struct cpns_header *header = in->header;
	unsigned int i;

	FUZZ_ASSERT(in->sgid_len >= 1 && in->sgid_len <= CPNS_SGID_MAX);
	FUZZ_ASSERT(!memchr(in->sgid, 0, in->sgid_len));
	FUZZ_ASSERT(set->header == in->header);
	FUZZ_ASSERT(in->header_len == CPNS_HEADER_SIZE);
	FUZZ_ASSERT(set->epoch >= 1 && set->epoch <= CPNS_EPOCH_MAX);
	FUZZ_ASSERT(set->epoch == be32toh(header->epoch));
	FUZZ_ASSERT(set->suite >= 1 && set->suite <= 3);
	FUZZ_ASSERT(set->atd <= set->dtd && set->lifetime);
	FUZZ_ASSERT(set->atd <= be32toh(header->atd));
	FUZZ_ASSERT(!header->lifetime ||
		    set->lifetime <= be32toh(header->lifetime));
	FUZZ_ASSERT(set->seal == in->seal);
	FUZZ_ASSERT(!set->seal || in->seal_len == CPNS_SEAL_SIZE);
	FUZZ_ASSERT(!(set->seal && set->secret));
	FUZZ_ASSERT(!set->secret || (in->allow_raw && !in->items));
	FUZZ_ASSERT(in->items <= CPNS_ITEMS_MAX);
	for (i = 0; i < in->items; i++)
		FUZZ_ASSERT(in->item_len[i] == CPNS_ITEM_SIZE);
	FUZZ_ASSERT(in->evicted <= CPNS_EVICTED_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request *request = calloc(1, sizeof(*request));
	struct cpns_message_set set;
	const char *why = "unset";
	int err;

	FUZZ_ASSERT(request);
	take_all(request, data, size);
	/* netlink.c leaves a final 0 out */
	if (request->in.sgid_len &&
	    !request->in.sgid[request->in.sgid_len - 1])
		request->in.sgid_len--;
	err = cpns_message_check(&request->in, &set, &why);
	FUZZ_ASSERT(!err == !why);
	FUZZ_ASSERT(!err || err == -EINVAL || err == -EPERM ||
		    err == -EKEYEXPIRED || err == -EKEYREJECTED);
	if (!err)
		check_accepted(&request->in, &set);
	while (request->count)
		free(request->copies[--request->count]);
	free(request);
	return 0;
}
