/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who asked for the key that is under construction.
 *
 * Threading: one thread.  The requester sleeps in request_key(2) until the
 * key is answered, so its process id cannot be taken by another meanwhile.
 */
#ifndef REQUEST_KEY_REQUESTER_H
#define REQUEST_KEY_REQUESTER_H

#include <cpns/cpns.h>
#include <sys/types.h>

#define REQUESTER_GROUPS_MAX 256

struct requester {
	int32_t key;			/* under construction */
	char sgid[CPNS_SGID_MAX + 1];	/* its description */
	pid_t pid;			/* thread that called request_key(2) */
	uid_t uid;			/* file system ids, the key's owner */
	gid_t gid;
	gid_t groups[REQUESTER_GROUPS_MAX];
	size_t groups_count;
};

/* 0 or -errno */
int requester_find(int32_t key, struct requester *requester);
int requester_pid_of_line(const char *line, int32_t key, pid_t *pid);

#endif
