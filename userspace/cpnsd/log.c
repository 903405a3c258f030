// SPDX-License-Identifier: GPL-2.0-only
/*
 * Log lines: to standard error, or to the journal when standard error is
 * connected to it ($JOURNAL_STREAM).
 *
 * The journal's native protocol (a datagram of FIELD=value lines) is public
 * and stable; speaking it here keeps libsystemd off OpenWrt.  One thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define LOG_LINE_MAX 1024

static struct {
	const char *role;
	int level;
	int journal;		/* socket, or -1 */
} log_state = { .role = "cpnsd", .level = LOG_INFO, .journal = -1 };

/* true when standard error is the journal's stream, as systemd says */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
		return false;
	return !fstat(STDERR_FILENO, &status) &&
	       status.st_dev == device && status.st_ino == inode;
}

/**
 * log_open - choose where lines go and which
 * @role: "server", "gateway", ...: stands before each line; kept by pointer
 * @level: the least important syslog(3) priority that is still written
 */
void log_open(const char *role, int level)
{
	struct sockaddr_un address = {
		.sun_family = AF_UNIX,
		.sun_path = "/run/systemd/journal/socket",
	};

	log_state.role = role;
	log_state.level = level;
	if (log_state.journal >= 0 || !stderr_is_journal())
		return;
	log_state.journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (log_state.journal >= 0 &&
	    connect(log_state.journal, (struct sockaddr *)&address,
		    sizeof(address))) {
		close(log_state.journal);
		log_state.journal = -1;
	}
}

static void write_line(int priority, const char *line, const char *fields)
{
	const struct iovec whole[] = {
		{ (void *)line, strlen(line) }, { (void *)"\n", 1 },
	};
	char datagram[2 * LOG_LINE_MAX];
	int size;

	if (log_state.journal >= 0) {
		size = snprintf(datagram, sizeof(datagram),
				"PRIORITY=%d\nSYSLOG_IDENTIFIER=cpnsd\nMESSAGE=%s\n%s",
				priority, line, fields);
		if (size > 0 && (size_t)size < sizeof(datagram) &&
		    send(log_state.journal, datagram, (size_t)size,
			 MSG_NOSIGNAL) == size)
			return;
	}
	/* in one piece, and without what stdio does for a line of an answer */
	(void)!writev(STDERR_FILENO, whole, 2);
}

/* a peer's text must not start a line or a journal field of its own */
static void keep_one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

/**
 * log_message - write one line
 * @priority: syslog(3) priority
 * @format: printf(3) format; control characters of the result become '?'
 */
void log_message(int priority, const char *format, ...)
{
	char text[LOG_LINE_MAX - 64], line[LOG_LINE_MAX];
	va_list arguments;

	if (priority > log_state.level)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	keep_one_line(text);
	snprintf(line, sizeof(line), "%s %s", log_state.role, text);
	write_line(priority, line, "");
}

/**
 * log_flow_step - write one step of a flow (wire.md section 6)
 * @step: what happened; only what is there is written
 *
 * The line ends with boottime in microseconds, so that lines of several
 * daemons on one machine can be put in order.
 */
void log_flow_step(const struct log_flow *step)
{
	char line[LOG_LINE_MAX], fields[LOG_LINE_MAX];
	char num[24] = "", node[80] = "";
	struct timespec now;
	int size;

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (step->num)
		snprintf(num, sizeof(num), " num=%u", step->num);
	if (step->node)
		snprintf(node, sizeof(node), " node=%s", step->node);
	snprintf(line, sizeof(line), "%s %s step %u %s->%s group=%s%s%s boottime_us=%lld",
		 step->role, step->flow, step->step, step->from, step->to,
		 step->sgid, num, node,
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	keep_one_line(line);
	if (log_state.journal < 0) {
		write_line(LOG_INFO, line, "");
		return;
	}
	size = snprintf(fields, sizeof(fields),
			"CPNS_FLOW=%s\nCPNS_STEP=%u\nCPNS_GROUP=%s\n",
			step->flow, step->step, step->sgid);
	if (step->num && size > 0 && (size_t)size < sizeof(fields))
		size += snprintf(fields + size, sizeof(fields) - (size_t)size,
				 "CPNS_EPOCH=%u\n", step->num);
	if (step->node && size > 0 && (size_t)size < sizeof(fields))
		snprintf(fields + size, sizeof(fields) - (size_t)size,
			 "CPNS_NODE=%s\n", step->node);
	write_line(LOG_INFO, line, fields);
}
