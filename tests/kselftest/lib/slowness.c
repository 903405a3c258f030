// SPDX-License-Identifier: GPL-2.0-only
/*
 * A slow kernel's factor for what a test may take: CPNS_TEST_SLOWNESS, set by
 * tests/vm/run for the debug kernel. The harness's time-outs go through here
 * (linked with --wrap=alarm).
 */
#include <stdlib.h>
#include <unistd.h>
#include "cpns_test.h"

unsigned int cpns_test_slowness(void)
{
	const char *factor = getenv("CPNS_TEST_SLOWNESS");
	int times = factor ? atoi(factor) : 1;

	return times > 1 ? times : 1;
}

unsigned int __wrap_alarm(unsigned int seconds)
{
	return __real_alarm(seconds * cpns_test_slowness());
}
