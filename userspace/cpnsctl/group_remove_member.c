// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl group remove-member: a node out of a group's document.
 *
 * Threading: one thread.
 */
#include "command.h"

int command_group_remove_member(int argc, char **argv)
{
	struct command_options options = {
		.name = "group remove-member",
		.usage = "SGID NODE",
		.help = "Takes a node out of a group's document. The others get a new epoch that the\n"
			"node cannot open.",
		.operands_min = 2, .operands_max = 2,
	};
	struct json_object *request;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	request = daemon_request("group-remove-member");
	json_object_object_add(request, "sgid",
			       json_object_new_string(argv[first]));
	json_object_object_add(request, "node",
			       json_object_new_string(argv[first + 1]));
	return daemon_tell(request);
}
