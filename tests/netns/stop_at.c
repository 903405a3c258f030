// SPDX-License-Identifier: GPL-2.0-only
/*
 * For LD_PRELOAD: a daemon stops (SIGSTOP) right behind a line of its log that
 * the test waits for, so that a test can kill it, or something else, exactly
 * there.  $CPNS_STOP_AT names a file with a pattern as fnmatch(3) knows it;
 * it is removed when a line matches.  Without the file nothing happens.
 *
 * Any thread: state is on the stack.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_MAX_BYTES	1024

static int pattern_read(const char *path, char *pattern, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return 0;
	got = read(fd, pattern, size - 1);
	close(fd);
	if (got <= 0)
		return 0;
	pattern[got] = 0;
	pattern[strcspn(pattern, "\n")] = 0;
	return 1;
}

static void stop_where_asked(const struct iovec *parts, int count)
{
	const char *path = getenv("CPNS_STOP_AT");
	char pattern[256], line[LINE_MAX_BYTES];
	size_t size;

	if (!path || !count || !pattern_read(path, pattern, sizeof(pattern)))
		return;
	size = parts[0].iov_len < sizeof(line) ? parts[0].iov_len :
						 sizeof(line) - 1;
	memcpy(line, parts[0].iov_base, size);
	line[size] = 0;
	if (!fnmatch(pattern, line, 0) && !unlink(path))
		raise(SIGSTOP);
}

/* the daemon's log writes its lines by this call */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
	ssize_t (*real)(int fd, const struct iovec *parts, int count) =
		(ssize_t (*)(int, const struct iovec *, int))
		dlsym(RTLD_NEXT, "writev");
	ssize_t result = real(fd, parts, count);

	if (fd == STDERR_FILENO)
		stop_where_asked(parts, count);
	return result;
}
