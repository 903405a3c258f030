/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random and half-right input to everything that the module takes: netlink,
 * the key type, handles of AF_ALG. All of it follows from the seed, but for
 * what the kernel itself makes at random (node keys, serial numbers, times).
 *
 * A struct cpns_random belongs to one thread and to the network namespace in
 * which it was opened, and names only groups of that one.
 */
#ifndef CPNS_TEST_RANDOM_H
#define CPNS_TEST_RANDOM_H

#include "sealed.h"

#define CPNS_RANDOM_GROUPS	6
#define CPNS_RANDOM_SOCKETS	4

struct cpns_random_group {
	char sgid[64];
	int32_t serial;			/* 0: not set yet */
	uint32_t highest;
	uint32_t leaf;			/* version of its leaf KEK */
};

struct cpns_random {
	uint64_t state;
	struct cpns_test test;
	unsigned int socket_used;	/* times, until there is another one */
	struct cpns_test_node node;
	uint8_t osg[CPNS_X25519_SIZE];	/* private */
	bool pinned;			/* to it */
	struct cpns_random_group group[CPNS_RANDOM_GROUPS];
	int aead[CPNS_RANDOM_SOCKETS];
	struct cpns_test_set set;
	/* what came of it */
	unsigned long sent;		/* messages; the kernel took them */
	unsigned long accepted, refused;
	unsigned long calls, calls_accepted;
	unsigned long keyed, operations;
	/* what must not be, in words; the first one stays */
	char violated[128];
};

/* every second seed has a pinned OSG */
int cpns_random_open(struct cpns_random *random, uint64_t seed);
void cpns_random_close(struct cpns_random *random);
/* one message, key call or handle */
void cpns_random_step(struct cpns_random *random);

/* the parts */
void cpns_random_netlink(struct cpns_random *random);
void cpns_random_key(struct cpns_random *random);
void cpns_random_aead(struct cpns_random *random);

uint32_t cpns_random_below(struct cpns_random *random, uint32_t limit);
void cpns_random_bytes(struct cpns_random *random, void *bytes, size_t size);
/* limits of fields, powers of two and their neighbours */
uint32_t cpns_random_number(struct cpns_random *random);
struct cpns_random_group *cpns_random_group(struct cpns_random *random);
/* of a key that random calls may be made on */
int32_t cpns_random_serial(struct cpns_random *random);
__attribute__((format(printf, 2, 3)))
void cpns_random_violated(struct cpns_random *random, const char *format, ...);

#endif
