// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl monitor: the kernel's events as they come.
 *
 * Threading: one thread; ends by a signal.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "command.h"

struct monitor {
	const char *sgid;	/* NULL: all */
	bool json;
};

static void print_as_json(const struct cpns_event *event, const char *when)
{
	struct json_object *object = json_object_new_object();

	json_add_text(object, "time", when);
	json_add_text(object, "event", cpns_event_name(event->command));
	if (event->sgid[0])
		json_add_text(object, "sgid", event->sgid);
	if (event->epoch)
		json_add_number(object, "epoch", event->epoch);
	if (event->command == CPNS_CMD_EPOCH_CHANGE)
		json_add_text(object, "state", cpns_state_name(event->state));
	if (event->sid)
		json_add_number(object, "sid", event->sid);
	if (event->spi)
		json_add_number(object, "spi", event->spi);
	if (event->direction)
		json_add_text(object, "direction",
			      event->direction == CPNS_DIR_OUT ? "out" : "in");
	if (event->reason)
		json_add_text(object, "reason",
			      cpns_reason_name(event->reason));
	/* one line an event, for reading as they come */
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void take_event(void *context, const struct cpns_event *event)
{
	const struct monitor *monitor = context;
	struct timespec now;
	char when[32], stamp[48];
	struct tm local;

	if (monitor->sgid && strcmp(monitor->sgid, event->sgid))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &local);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &local);
	snprintf(stamp, sizeof(stamp), "%s.%03ldZ", when,
		 now.tv_nsec / 1000000);
	if (monitor->json)
		print_as_json(event, stamp);
	else
		printf("%s %s%s%s\n", stamp, event->message,
		       event->sgid[0] ? " group=" : "", event->sgid);
	fflush(stdout);
}

static int watch(struct cpns *connection, struct monitor *monitor)
{
	struct pollfd wait = { .fd = cpns_fd(connection), .events = POLLIN };

	for (;;) {
		int result;

		if (poll(&wait, 1, -1) < 0 && errno != EINTR)
			return COMMAND_FAILED;
		result = cpns_dispatch(connection, take_event, monitor);
		if (result == -ENOBUFS)
			command_complain("%s", cpns_error(connection));
		else if (result < 0)
			return command_kernel_failed(connection, result,
						     "events");
		if (ferror(stdout))
			return COMMAND_FAILED;
	}
}

int command_monitor(int argc, char **argv)
{
	struct monitor monitor = { 0 };
	struct command_options options = {
		.name = "monitor",
		.usage = "[SGID] [--json]",
		.help = "Prints the events of the kernel module as they come, one a line, until it is\n"
			"interrupted. Needs no daemon.",
		.operands_max = 1, .json = &monitor.json,
	};
	struct cpns *connection;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	monitor.sgid = first < argc ? argv[first] : NULL;
	exit_code = cpns_events_open(&connection);
	if (exit_code == -ENOENT) {
		command_complain("the kernel has no netlink family 'cpns': modprobe cpns_group");
		return COMMAND_NO_MODULE;
	}
	if (exit_code < 0) {
		command_complain("the kernel's events: %s",
				 strerror(-exit_code));
		return command_exit_of(exit_code);
	}
	exit_code = watch(connection, &monitor);
	cpns_close(connection);
	return exit_code;
}
