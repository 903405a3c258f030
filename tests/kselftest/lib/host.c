// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands and network namespaces of the machine under test.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
#include "cpns_test.h"

int cpns_test_run(const char *format, ...)
{
	char command[2048], line[1024];
	va_list list;
	FILE *output;
	int size;

	va_start(list, format);
	size = vsnprintf(command, sizeof(command) - 8, format, list);
	va_end(list);
	if (size < 0 || size >= (int)sizeof(command) - 8)
		return -E2BIG;
	snprintf(command + size, 8, " 2>&1");
	fflush(stdout);
	output = popen(command, "r");
	if (!output)
		return -errno;
	while (fgets(line, sizeof(line), output))
		printf("# %s", line);
	size = pclose(output);
	return size < 0 ? -errno : WEXITSTATUS(size);
}

int cpns_test_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int cpns_test_enter(const char *name)
{
	char path[256];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (setns(fd, CLONE_NEWNET) < 0)
		ret = -errno;
	close(fd);
	return ret;
}
