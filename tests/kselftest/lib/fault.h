/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection for tests: the n-th allocation of the calling thread fails.
 * Kernels built without it (the stock ones) have no /proc/self/fail-nth.
 */
#ifndef CPNS_TEST_FAULT_H
#define CPNS_TEST_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include "cpns_test.h"

/* make allocations that may sleep fail too; -ENOENT: not this kernel */
int cpns_test_fault_ready(void);
/* the @n-th allocation of this thread from now on fails, once */
int cpns_test_fault_arm(unsigned int n);
/* end it; true if an allocation failed */
bool cpns_test_fault_fired(void);

/*
 * What GROUP_GET tells of all groups of the namespace, as text, without what
 * runs by itself (seconds, IVs). -E2BIG if it does not fit.
 */
int cpns_test_groups(struct cpns_test *test, char *text, size_t size);

#endif
