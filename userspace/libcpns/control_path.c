// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where the daemon of a network namespace listens.  The daemon, cpnsctl and
 * cpns-request-key derive the path from the namespace by this one rule.
 *
 * Threading: no state.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define CONTROL_PATH	"/run/cpns/cpnsd.sock"
#define CONTROL_IN_NET	"/run/cpns/net-%lu.sock"
/* a sysctl that the kernel has in its first network namespace only */
#define FIRST_NET_ONLY	"/proc/sys/net/core/netdev_max_backlog"

static int net_of(const char *process, struct stat *net)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/ns/net", process);
	return stat(path, net) ? -errno : 0;
}

/*
 * Init's namespace is the one without a number.  Only root may look at
 * process 1; others tell the first namespace by what only it has.
 */
static bool is_first(const struct stat *net, bool self)
{
	struct stat first;

	if (!net_of("1", &first))
		return net->st_dev == first.st_dev &&
		       net->st_ino == first.st_ino;
	return self && !access(FIRST_NET_ONLY, F_OK);
}

/**
 * cpns_control_path() - the control socket of a process's network namespace
 * @process: process id, or 0 for the caller
 * @path: filled: /run/cpns/cpnsd.sock in init's network namespace, else
 *	/run/cpns/net-<inode of the namespace>.sock
 * @room: bytes of @path
 *
 * Return: 0; -ESRCH or -ENOENT no such process; -EACCES it may not be looked
 * at; -ENAMETOOLONG.
 */
int cpns_control_path(pid_t process, char *path, size_t room)
{
	bool self = process == 0 || process == getpid();
	struct stat net;
	char name[16];
	int result, size;

	snprintf(name, sizeof(name), "%d", (int)process);
	/* the thread's own namespace, which may differ from the process's */
	result = net_of(self ? "thread-self" : name, &net);
	if (result < 0)
		return result;
	if (is_first(&net, self))
		size = snprintf(path, room, CONTROL_PATH);
	else
		size = snprintf(path, room, CONTROL_IN_NET,
				(unsigned long)net.st_ino);
	return size < 0 || (size_t)size >= room ? -ENAMETOOLONG : 0;
}
