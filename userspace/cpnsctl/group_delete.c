// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl group delete: the end of a group and of its keys.
 *
 * Threading: one thread.
 */
#include "command.h"

int command_group_delete(int argc, char **argv)
{
	struct command_options options = {
		.name = "group delete",
		.usage = "SGID",
		.help = "Ends a Service Group: its keys are revoked on every member, traffic between\n"
			"them stops. Nothing falls back to clear.",
		.operands_min = 1, .operands_max = 1,
	};
	struct json_object *request;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	request = daemon_request("group-delete");
	json_object_object_add(request, "sgid",
			       json_object_new_string(argv[first]));
	return daemon_tell(request);
}
