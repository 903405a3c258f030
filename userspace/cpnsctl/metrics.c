// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl metrics: the daemon's counters in text exposition format.
 *
 * Threading: one thread.
 */
#include "command.h"

static int print(const char *text, bool json)
{
	struct json_object *samples;

	if (!json) {
		fputs(text, stdout);
		return COMMAND_OK;
	}
	samples = metrics_to_json(text);
	if (!samples) {
		command_complain("the daemon's counters cannot be read");
		return COMMAND_FAILED;
	}
	print_json(samples);
	return COMMAND_OK;
}

int command_metrics(int argc, char **argv)
{
	bool json = false;
	struct command_options options = {
		.name = "metrics",
		.usage = "[--json]",
		.help = "Prints the daemon's counters in text exposition format, for a textfile\n"
			"collector.",
		.json = &json,
	};
	struct json_object *answer, *text;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	exit_code = daemon_ask(daemon_request("metrics"), &answer, false);
	if (!exit_code && json_object_object_get_ex(answer, "text", &text))
		exit_code = print(json_object_get_string(text), json);
	json_object_put(answer);
	return exit_code;
}
