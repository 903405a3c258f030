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

static void write_message(int priority, const char *format, va_list arguments)
{
	char text[LOG_LINE_MAX - 64], line[LOG_LINE_MAX];

	if (priority > log_state.level)
		return;
	vsnprintf(text, sizeof(text), format, arguments);
	keep_one_line(text);
	snprintf(line, sizeof(line), "%s %s", log_state.role, text);
	write_line(priority, line, "");
}

/**
 * log_message - write one line
 * @priority: syslog(3) priority
 * @format: printf(3) format; control characters of the result become '?'
 */
void log_message(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_message(priority, format, arguments);
	va_end(arguments);
}

static bool may_write(struct log_limit *limit)
{
	struct timespec now;
	long passed;

	clock_gettime(CLOCK_BOOTTIME, &now);
	passed = now.tv_sec - limit->at;
	limit->at = now.tv_sec;
	limit->used -= passed < limit->used ? passed : limit->used;
	if (limit->used == LOG_BURST) {
		limit->left_out++;
		return false;
	}
	limit->used++;
	return true;
}

/**
 * log_limited - write one line, unless there were too many of its place
 * @limit: of the place, static
 * @priority: syslog(3) priority
 * @format: as for log_message()
 *
 * For what a peer can cause, so that nobody fills the log and pushes out what
 * others did; the next line that is written says how many were not.
 */
void log_limited(struct log_limit *limit, int priority, const char *format, ...)
{
	va_list arguments;

	if (priority > log_state.level || !may_write(limit))
		return;
	if (limit->left_out)
		log_message(priority,
			    "%u lines like the next one were left out",
			    limit->left_out);
	limit->left_out = 0;
	va_start(arguments, format);
	write_message(priority, format, arguments);
	va_end(arguments);
}

/* printf() for a line of each delivery would be a tenth of its cost */
struct line {
	char text[LOG_LINE_MAX];
	size_t size;
};

static void add(struct line *line, const char *text)
{
	for (; *text && line->size < sizeof(line->text) - 1; text++)
		line->text[line->size++] = *text;
}

static void add_number(struct line *line, uint64_t number)
{
	char digits[24], *at = digits + sizeof(digits) - 1;

	*at = 0;
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	add(line, at);
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
	struct line line = { .size = 0 };
	char fields[LOG_LINE_MAX];
	struct timespec now;
	int size;

	if (log_state.level < LOG_INFO)
		return;
	clock_gettime(CLOCK_BOOTTIME, &now);
	add(&line, step->role);
	add(&line, " ");
	add(&line, step->flow);
	add(&line, " step ");
	add_number(&line, step->step);
	add(&line, " ");
	add(&line, step->from);
	add(&line, "->");
	add(&line, step->to);
	add(&line, " group=");
	add(&line, step->sgid);
	if (step->num) {
		add(&line, " num=");
		add_number(&line, step->num);
	}
	if (step->node) {
		add(&line, " node=");
		add(&line, step->node);
	}
	add(&line, " boottime_us=");
	add_number(&line, (uint64_t)now.tv_sec * 1000000 +
		   (uint64_t)now.tv_nsec / 1000);
	line.text[line.size] = 0;
	keep_one_line(line.text);
	if (log_state.journal < 0) {
		write_line(LOG_INFO, line.text, "");
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
	write_line(LOG_INFO, line.text, fields);
}
