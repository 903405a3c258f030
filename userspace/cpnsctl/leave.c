// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl leave: gives up a group's key; with --open, and only so, the
 * blocking policies go too.
 *
 * Threading: one thread.
 */
#include "command.h"

static bool take_option(void *context, int option, const char *argument)
{
	*(bool *)context = true;
	return true;
}

int command_leave(int argc, char **argv)
{
	static const struct option more[] = {
		{ "open", no_argument, NULL, 'O' },
		{ 0 }
	};
	bool open = false;
	struct command_options options = {
		.name = "leave",
		.usage = "SGID [--open]",
		.help = "Gives up a group's key on this node. Traffic to the members' nets stays\n"
			"blocked.\n\n"
			"  --open  take the blocks away: from then on that traffic goes in clear",
		.operands_min = 1, .operands_max = 1,
		.options = more, .option = take_option, .context = &open,
	};
	struct json_object *request, *answer, *told;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	request = daemon_request("leave");
	json_object_object_add(request, "sgid",
			       json_object_new_string(argv[first]));
	json_object_object_add(request, "open", json_object_new_boolean(open));
	exit_code = daemon_ask(request, &answer, false);
	if (!exit_code && json_object_object_get_ex(answer, "told", &told) &&
	    !json_object_get_boolean(told))
		printf("%s: left here, but the server was not told: %s\n"
		       "The daemon tells it as soon as it can.\n",
		       argv[first], json_text(answer, "why"));
	json_object_put(answer);
	return exit_code;
}
