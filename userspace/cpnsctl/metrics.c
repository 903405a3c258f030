// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl metrics: the daemon's counters in text exposition format.
 *
 * Threading: one thread.
 */
#include "command.h"

int command_metrics(int argc, char **argv)
{
	struct command_options options = {
		.name = "metrics",
		.usage = "",
		.help = "Prints the daemon's counters in text exposition format, for a textfile\n"
			"collector.",
	};
	struct json_object *answer, *text;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	exit_code = daemon_ask(daemon_request("metrics"), &answer, false);
	if (!exit_code && json_object_object_get_ex(answer, "text", &text))
		fputs(json_object_get_string(text), stdout);
	json_object_put(answer);
	return exit_code;
}
