// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl group rekey: a new epoch now.
 *
 * Threading: one thread.
 */
#include "command.h"

static bool take_option(void *context, int option, const char *argument)
{
	*(const char **)context = option == 'R' ? "restored" :
				  option == 'U' ? "unfounded" : "compromise";
	return true;
}

int command_group_rekey(int argc, char **argv)
{
	static const struct option more[] = {
		{ "compromise", no_argument, NULL, 'C' },
		{ "restored", no_argument, NULL, 'R' },
		{ "unfounded", no_argument, NULL, 'U' },
		{ 0 }
	};
	const char *reason = "timer";
	struct command_options options = {
		.name = "group rekey",
		.usage = "SGID [--compromise | --restored | --unfounded]",
		.help = "Makes a new epoch of a group without changing its members.\n\n"
			"  --compromise  the current key is known to others: the new epoch is used at\n"
			"                once and the old one dies, packets under way are lost\n"
			"  --restored    members have later epochs than the server, whose state was\n"
			"                restored from a copy: go on above their numbers, all keys new\n"
			"  --unfounded   they say so, and it is not true: go on as before",
		.operands_min = 1, .operands_max = 1,
		.options = more, .option = take_option, .context = &reason,
	};
	struct json_object *request;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	request = daemon_request("group-rekey");
	json_object_object_add(request, "sgid",
			       json_object_new_string(argv[first]));
	json_object_object_add(request, "reason",
			       json_object_new_string(reason));
	return daemon_tell(request);
}
