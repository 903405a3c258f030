// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random input: numbers, and which part of the module comes next; see
 * random.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "random.h"

/* xorshift64*: the same everywhere */
static uint32_t next(struct cpns_random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return (random->state * 0x2545f4914f6cdd1dULL) >> 32;
}

uint32_t cpns_random_below(struct cpns_random *random, uint32_t limit)
{
	return next(random) % limit;
}

void cpns_random_bytes(struct cpns_random *random, void *bytes, size_t size)
{
	uint8_t *at = bytes;

	while (size--)
		*at++ = next(random);
}

uint32_t cpns_random_number(struct cpns_random *random)
{
	static const uint32_t limits[] = {
		0, 1, 2, 3, 4, 5, 8, 12, 16, 31, 32, 48, 64, 65, 76, 112, 128,
		255, 256, 1024, 1025, 4096, 32768, 65535, 65536, 0x7fffffff,
		0x80000000, 4294901760, 4294901761, 0xffffffff,
	};

	switch (cpns_random_below(random, 4)) {
	case 0:
		return next(random);
	case 1:
		return 1U << cpns_random_below(random, 32);
	default:
		return limits[cpns_random_below(random, sizeof(limits) /
						sizeof(limits[0]))];
	}
}

struct cpns_random_group *cpns_random_group(struct cpns_random *random)
{
	return &random->group[cpns_random_below(random, CPNS_RANDOM_GROUPS)];
}

/*
 * Other keys of the machine are not ours to try; the special ones are the
 * process's own.
 */
int32_t cpns_random_serial(struct cpns_random *random)
{
	static const int32_t others[] = { 0, -1, -2, 1, 0x7fffffff, INT32_MIN };

	switch (cpns_random_below(random, 16)) {
	case 0:
		return others[cpns_random_below(random, sizeof(others) /
						sizeof(others[0]))];
	case 1:
		return random->node.keyring;
	default:
		return cpns_random_group(random)->serial;
	}
}

void cpns_random_violated(struct cpns_random *random, const char *format, ...)
{
	va_list arguments;

	if (random->violated[0])
		return;
	va_start(arguments, format);
	vsnprintf(random->violated, sizeof(random->violated), format,
		  arguments);
	va_end(arguments);
}

void cpns_random_step(struct cpns_random *random)
{
	uint32_t part = cpns_random_below(random, 10);

	if (part < 7)
		cpns_random_netlink(random);
	else if (part < 9)
		cpns_random_key(random);
	else
		cpns_random_aead(random);
}

int cpns_random_open(struct cpns_random *random, uint64_t seed)
{
	uint8_t public_key[CPNS_X25519_SIZE];
	int ret;

	memset(random, 0, sizeof(*random));
	random->state = seed ? seed : 1;
	for (int i = 0; i < CPNS_RANDOM_SOCKETS; i++)
		random->aead[i] = -1;
	for (int i = 0; i < CPNS_RANDOM_GROUPS; i++)
		snprintf(random->group[i].sgid, sizeof(random->group[i].sgid),
			 "urn:cpns:test:random-%d", i);
	ret = cpns_test_open(&random->test);
	cpns_test_osg(0, random->osg, public_key);
	random->pinned = seed & 1;
	if (!ret && random->pinned)
		ret = cpns_test_pin(&random->test, public_key);
	return ret ? ret : cpns_test_node(&random->test, CPNS_CMD_NODE_GET,
					  &random->node);
}

void cpns_random_close(struct cpns_random *random)
{
	for (int i = 0; i < CPNS_RANDOM_SOCKETS; i++)
		if (random->aead[i] >= 0)
			close(random->aead[i]);
	cpns_test_close(&random->test);
}
