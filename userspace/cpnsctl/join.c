// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl join: this gateway acquires a group's key now, without waiting for
 * a need (OMA CPNS CR B.2.1.1 steps 8 to 11).
 *
 * Threading: one thread.
 */
#include "command.h"

int command_join(int argc, char **argv)
{
	struct command_options options = {
		.name = "join",
		.usage = "SGID",
		.help = "Acquires the key of a group of which this node is a member, and waits until\n"
			"the kernel has it.",
		.operands_min = 1, .operands_max = 1,
	};
	struct json_object *request;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	request = daemon_request("join");
	json_object_object_add(request, "sgid",
			       json_object_new_string(argv[first]));
	return daemon_tell(request);
}
