/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hears the kernel's ACQUIRE: a packet met an encrypt policy and no SA.
 *
 * In the loop's thread; the owner closes it.
 */
#ifndef CPNSD_DATAPLANE_ACQUIRE_H
#define CPNSD_DATAPLANE_ACQUIRE_H

#include <stdint.h>

#include "loop.h"

struct acquire;

/* wanted() gets the reqid of the policy's template */
int acquire_open(struct acquire **acquire, struct loop *loop,
		 void (*wanted)(void *context, uint32_t reqid), void *context);
void acquire_close(struct acquire *acquire);

#endif
