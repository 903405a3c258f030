/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What leaves a device in clear. A ping without an answer says nothing of it:
 * the other side drops what came in clear, too.
 */
#ifndef CPNS_TEST_CLEAR_H
#define CPNS_TEST_CLEAR_H

/*
 * Watches what leaves @device of the calling thread's network namespace from
 * now on; a file descriptor, the caller closes it, or -errno.
 */
int cpns_test_clear_open(const char *device);
/*
 * Number of IP packets since the last call that were neither ESP nor what IPv6
 * itself tells its neighbours; -errno.
 */
int cpns_test_clear_seen(int fd);

#endif
