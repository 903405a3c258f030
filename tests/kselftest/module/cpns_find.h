/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test module cpns_find is asked and answers, by /dev/cpns_find.
 *
 * The bytes to be found come as their complement, so that neither the question
 * nor who looks is found.
 */
#ifndef CPNS_FIND_H
#define CPNS_FIND_H

#include <linux/types.h>

#define CPNS_FIND_PIECE		16

struct cpns_find {
	__u8	complement[2 * CPNS_FIND_PIECE];
	__u32	pieces;		/* how many of it, 1 or 2; each is looked for */
	__u32	tell;		/* where a piece is, to the kernel's log */
	/* answers, written back */
	__u32	slab;		/* places in memory of the slab allocator, */
				/* objects that were freed too */
	__u32	stack;		/* and on the caller's kernel stack */
};

#define CPNS_FIND_RUN	_IOWR('c', 0x9a, struct cpns_find)

#endif
