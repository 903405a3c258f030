// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mutator that knows CBOR: it takes a message apart into a tree, also where
 * a byte string holds CBOR, alters a few items and writes the tree again. So
 * counts and lengths fit, unless they are what is altered.
 *
 * One thread; the tree is static and borrows the input's bytes.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"

#define NODES_MAX	1024
#define DEPTH_MAX	12
#define INPUT_MAX	65536
#define STRING_MAX	4096

enum { MAJOR_UINT, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY,
	MAJOR_MAP, MAJOR_TAG, MAJOR_OTHER };

/* an item: a head, then bytes or children; or its encoding as it came */
struct node {
	unsigned int major;
	uint64_t value;			/* number, length, count or tag */
	unsigned int extra;		/* 24..27: length of the head; or 0 */
	int count_error;		/* added to the count or length */
	bool raw;			/* start..end stand for all */
	const uint8_t *start, *end;	/* in the input */
	const uint8_t *bytes;		/* of a string without children */
	struct node *first, *next;
};

static struct node nodes[NODES_MAX];
static size_t nodes_count;
static uint8_t input[INPUT_MAX], output[2 * INPUT_MAX];
static uint8_t strings[4][STRING_MAX];
static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
	/* xorshift64* */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

static const uint8_t *read_head(const uint8_t *at, const uint8_t *end,
				struct node *node)
{
	unsigned int info, size, i;

	if (at == end)
		return NULL;
	node->major = *at >> 5;
	info = *at++ & 0x1f;
	node->value = info;
	if (info < 24)
		return at;
	if (info > 27)
		return NULL;
	size = 1u << (info - 24);
	if ((size_t)(end - at) < size)
		return NULL;
	node->value = 0;
	for (i = 0; i < size; i++)
		node->value = node->value << 8 | *at++;
	if (node->major == MAJOR_OTHER)
		node->extra = info;
	return at;
}

static const uint8_t *read_item(const uint8_t *at, const uint8_t *end,
				unsigned int depth, struct node **made);

static const uint8_t *read_children(const uint8_t *at, const uint8_t *end,
				    unsigned int depth, struct node *node)
{
	uint64_t count = node->value, i;
	struct node **link = &node->first;

	if (node->major == MAJOR_TAG)
		count = 1;
	else if (count > NODES_MAX)
		return NULL;
	else if (node->major == MAJOR_MAP)
		count *= 2;
	for (i = 0; i < count && at; i++) {
		at = read_item(at, end, depth + 1, link);
		if (at)
			link = &(*link)->next;
	}
	return at;
}

/* CBOR in a byte string: the head of an array, a map or a tag, and no rest */
static void read_inside(struct node *node, unsigned int depth)
{
	const uint8_t *end = node->bytes + node->value;
	size_t before = nodes_count;
	struct node *inside;

	if (node->value < 3 || *node->bytes >> 5 < MAJOR_ARRAY ||
	    *node->bytes >> 5 > MAJOR_TAG)
		return;
	if (read_item(node->bytes, end, depth + 1, &inside) == end)
		node->first = inside;
	else
		nodes_count = before;
}

static const uint8_t *read_item(const uint8_t *at, const uint8_t *end,
				unsigned int depth, struct node **made)
{
	struct node *node;

	if (nodes_count == NODES_MAX || depth > DEPTH_MAX)
		return NULL;
	node = &nodes[nodes_count++];
	memset(node, 0, sizeof(*node));
	node->start = at;
	at = read_head(at, end, node);
	if (!at)
		return NULL;
	switch (node->major) {
	case MAJOR_BYTES:
	case MAJOR_TEXT:
		if (node->value > (size_t)(end - at))
			return NULL;
		node->bytes = at;
		at += node->value;
		if (node->major == MAJOR_BYTES)
			read_inside(node, depth);
		break;
	case MAJOR_ARRAY:
	case MAJOR_MAP:
	case MAJOR_TAG:
		at = read_children(at, end, depth, node);
		break;
	}
	node->end = at;
	*made = node;
	return at;
}

static uint8_t *put(uint8_t *at, const uint8_t *end, const void *bytes,
		    size_t size)
{
	if (!at || (size_t)(end - at) < size)
		return NULL;
	if (size)
		memcpy(at, bytes, size);
	return at + size;
}

static uint8_t *write_head(uint8_t *at, const uint8_t *end, unsigned int major,
			   uint64_t value, unsigned int least)
{
	unsigned int info, size, i;
	uint8_t head[9];

	info = value > UINT32_MAX ? 27 : value > UINT16_MAX ? 26 :
	       value > UINT8_MAX ? 25 : value > 23 ? 24 : 0;
	if (info < least)
		info = least;
	size = info ? 1u << (info - 24) : 0;
	head[0] = (uint8_t)(major << 5 | (info ? info : value));
	for (i = 0; i < size; i++)
		head[1 + i] = (uint8_t)(value >> (8 * (size - 1 - i)));
	return put(at, end, head, 1 + size);
}

static uint8_t *write_item(const struct node *node, uint8_t *at,
			   const uint8_t *end)
{
	const struct node *child;
	uint64_t value = node->value;
	uint8_t *inside;

	if (node->raw)
		return put(at, end, node->start,
			   (size_t)(node->end - node->start));
	if (node->major == MAJOR_ARRAY || node->major == MAJOR_MAP) {
		value = 0;
		for (child = node->first; child; child = child->next)
			value++;
		if (node->major == MAJOR_MAP)
			value = (value + 1) / 2;
	} else if (node->major == MAJOR_BYTES && node->first) {
		/* written behind the longest head, then moved */
		if (!at || end - at < 9)
			return NULL;
		inside = write_item(node->first, at + 9, end);
		if (!inside)
			return NULL;
		value = (uint64_t)(inside - at - 9);
		inside = at + 9;
		at = write_head(at, end, node->major,
				value + (uint64_t)node->count_error,
				node->extra);
		if (!at)
			return NULL;
		memmove(at, inside, value);
		return at + value;
	}
	at = write_head(at, end, node->major,
			value + (uint64_t)node->count_error, node->extra);
	if (node->major == MAJOR_BYTES || node->major == MAJOR_TEXT)
		return put(at, end, node->bytes, node->value);
	for (child = node->first; child && at; child = child->next)
		at = write_item(child, at, end);
	return at;
}

static uint64_t interesting(void)
{
	static const uint64_t limits[] = {
		0, 1, 2, 3, 4, 7, 16, 23, 24, 31, 32, 48, 64, 65, 76, 112, 128,
		255, 256, 1024, 1025, 4096, 4097, 65534, 65535, 65536, 65600,
		65609, 65618, 604800, 0x7fffffff, 0x80000000, 4294901760,
		4294901761, 0xffffffff, 0x100000000, INT64_MAX,
		(uint64_t)INT64_MAX + 1, UINT64_MAX,
	};

	return limits[pick(sizeof(limits) / sizeof(limits[0]))];
}

static void mutate_number(struct node *node)
{
	switch (pick(4)) {
	case 0:
		node->value += pick(2) ? 1 : (uint64_t)-1;
		break;
	case 1:
		node->value ^= 1ULL << pick(33);
		break;
	case 2:
		node->major ^= 1;
		break;
	default:
		node->value = interesting();
	}
}

static void mutate_string(struct node *node, uint8_t *room)
{
	size_t size = node->value < STRING_MAX ? node->value : STRING_MAX;

	memset(room, 0, STRING_MAX);
	if (size)
		memcpy(room, node->bytes, size);
	switch (pick(4)) {
	case 0:
		node->value = interesting() % (STRING_MAX + 1);
		break;
	case 1:
		node->value = size ? size - 1 : 1;
		break;
	default:
		node->value = LLVMFuzzerMutate(room, size, STRING_MAX);
	}
	node->bytes = room;
	node->first = NULL;
}

static void take_raw(struct node *node, const struct node *other)
{
	node->raw = true;
	node->start = other->start;
	node->end = other->end;
}

static void mutate_list(struct node *node)
{
	struct node **link = &node->first, *child, *copy;
	size_t count = 0, at;

	for (child = node->first; child; child = child->next)
		count++;
	if (!count)
		return;
	for (at = pick((uint32_t)count); at; at--)
		link = &(*link)->next;
	child = *link;
	switch (pick(3)) {
	case 0:				/* delete */
		*link = child->next;
		break;
	case 1:				/* twice */
		if (nodes_count == NODES_MAX)
			return;
		copy = &nodes[nodes_count++];
		memset(copy, 0, sizeof(*copy));
		take_raw(copy, child);
		copy->next = child->next;
		child->next = copy;
		break;
	default:			/* swap with the next one */
		if (!child->next)
			return;
		*link = child->next;
		child->next = (*link)->next;
		(*link)->next = child;
	}
}

static void mutate_node(struct node *node, uint8_t *room)
{
	uint32_t what = pick(16);

	if (what == 0) {
		take_raw(node, &nodes[pick((uint32_t)nodes_count)]);
	} else if (what == 1) {
		node->extra = 24 + pick(4);
	} else if (what == 2) {
		node->count_error = pick(2) ? 1 : -1;
	} else if (what == 3) {
		node->major = pick(8);
		node->first = NULL;
		node->bytes = room;
		node->value = pick(24);
		memset(room, 'a', 24);
	} else if (node->major <= MAJOR_NEGATIVE || node->major >= MAJOR_TAG) {
		mutate_number(node);
	} else if (node->major <= MAJOR_TEXT) {
		mutate_string(node, room);
	} else {
		mutate_list(node);
	}
}

size_t cbor_mutate(uint8_t *data, size_t size, size_t max_size,
		   unsigned int seed)
{
	size_t room = max_size < sizeof(output) ? max_size : sizeof(output);
	uint32_t changes, i, parsed;
	struct node *root;
	uint8_t *end;

	random_state = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	nodes_count = 0;
	if (!size || size > INPUT_MAX || !pick(8))
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(input, data, size);
	if (!read_item(input, input + size, 0, &root))
		return LLVMFuzzerMutate(data, size, max_size);
	/* nodes that mutations add have no item of their own to alter */
	parsed = (uint32_t)nodes_count;
	changes = 1 + pick(4);
	for (i = 0; i < changes; i++)
		mutate_node(&nodes[pick(parsed)], strings[i]);
	end = write_item(root, output, output + sizeof(output));
	if (!end || end == output || (size_t)(end - output) > room)
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(data, output, (size_t)(end - output));
	return (size_t)(end - output);
}
