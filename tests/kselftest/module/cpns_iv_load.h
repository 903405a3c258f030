/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test module cpns_iv_load is told, and what it answers: for
 * iv_unique.c, by one file, /dev/cpns_iv_load.
 *
 * ioctl CPNS_IV_LOAD_RUN: returns when all its encryptions are done.
 * read, at any offset: the IV counters of all runs since the file was
 * opened, one bit a counter (bit 0 is never set), as the machine stores an
 * unsigned long; the lowest bit of the lowest byte is counter 0.
 */
#ifndef CPNS_IV_LOAD_H
#define CPNS_IV_LOAD_H

#include <linux/types.h>

#define CPNS_IV_LOAD_THREADS	8
#define CPNS_IV_LOAD_BITS	(1U << 27)

struct cpns_iv_load {
	__u8	handle[12];	/* struct cpns_handle: its key is the caller's */
	__u32	threads;	/* kernel threads, each with a tfm of its own */
	__u32	count;		/* encryptions a thread */
	__u32	bits;		/* highest counter to be recorded, plus one */
	/* answers, written back */
	__u32	done;		/* encryptions that succeeded */
	__u32	failed;		/* and that failed */
	__u32	repeated;	/* IVs that came a second time here */
	__u32	odd;		/* IVs without our SID or beyond @bits */
	__s32	error;		/* errno of the first that failed */
};

#define CPNS_IV_LOAD_RUN	_IOWR('c', 0x99, struct cpns_iv_load)

#endif
