// SPDX-License-Identifier: GPL-2.0-only
/*
 * sd_notify(3)'s datagrams without libsystemd; see notify.h.  One thread.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"

static struct loop_timer watchdog;
static double watchdog_period;

/**
 * notify_send - tell the service manager something
 * @format: lines of the protocol, as "READY=1\nSTATUS=%u groups"
 */
void notify_send(const char *format, ...)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	char text[512];
	va_list arguments;
	socklen_t size;
	int fd;

	if (!path || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, strlen(path));
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			   strlen(path));

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* a service manager that went away is no reason to stop */
	(void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		      (struct sockaddr *)&address, size);
	close(fd);
}

static void watchdog_fire(void *context)
{
	(void)context;
	notify_send("WATCHDOG=1");
	loop_timer_start(&watchdog, watchdog_period);
}

/**
 * notify_watchdog_start - feed systemd's watchdog while the loop turns
 * @loop: the daemon's loop
 */
void notify_watchdog_start(struct loop *loop)
{
	const char *period = getenv("WATCHDOG_USEC");

	if (!period || atof(period) <= 0.)
		return;
	watchdog_period = atof(period) / 2e6;
	loop_timer_init(loop, &watchdog, watchdog_fire, NULL);
	loop_timer_start(&watchdog, watchdog_period);
}

/**
 * notify_watchdog_stop - before the loop is closed
 */
void notify_watchdog_stop(void)
{
	loop_timer_stop(&watchdog);
}
