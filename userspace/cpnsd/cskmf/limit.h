/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often a node may do what costs the server or all other members much:
 * register, join, change its capabilities.  A node that flaps is kept out for a
 * while.
 *
 * The loop's thread.
 */
#ifndef CPNSD_CSKMF_LIMIT_H
#define CPNSD_CSKMF_LIMIT_H

#include <stdbool.h>

#define LIMIT_BURST	120.0	/* at once */
#define LIMIT_RATE	2.0	/* a second, on and on */
#define LIMIT_BAN	30.0	/* s for who uses up all of it */
/* nodes remembered; above it those who have been quiet are forgotten */
#define LIMIT_NODES	4096

struct limits;

int limits_open(struct limits **limits);
void limits_close(struct limits *limits);

/*
 * One more of @node at @now (boottime)?  False: not now; out of memory counts
 * as yes.
 */
bool limits_take(struct limits *limits, const char *node, double now);

/* nodes that are kept out at @now */
unsigned int limits_banned(const struct limits *limits, double now);

#endif
