// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl node revoke: the server refuses a node from now on.
 *
 * Threading: one thread.
 */
#include "command.h"

int command_node_revoke(int argc, char **argv)
{
	struct command_options options = {
		.name = "node revoke",
		.usage = "NODE",
		.help = "The server refuses the node from now on and evicts it from every group; the\n"
			"others get new epochs at once.",
		.operands_min = 1, .operands_max = 1,
	};
	struct json_object *request;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	request = daemon_request("node-revoke");
	json_object_object_add(request, "node",
			       json_object_new_string(argv[first]));
	return daemon_tell(request);
}
