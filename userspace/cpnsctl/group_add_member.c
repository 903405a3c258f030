// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl group add-member: a node into a group's document.
 *
 * Threading: one thread.
 */
#include "command.h"

static bool take_option(void *context, int option, const char *argument)
{
	struct json_object *request = context, *nets;

	switch (option) {
	case 'T':
		json_object_object_add(request, "tunnel",
				       json_object_new_string(argument));
		return true;
	case 'N':
		if (!json_object_object_get_ex(request, "nets", &nets)) {
			nets = json_object_new_array();
			json_object_object_add(request, "nets", nets);
		}
		json_object_array_add(nets, json_object_new_string(argument));
		return true;
	case 'D':
		json_object_object_add(request, "delivery",
				       json_object_new_string(argument));
		return true;
	case 'R':
		json_object_object_add(request, "roles",
				       json_object_new_string(argument));
		return true;
	default:
		return false;
	}
}

int command_group_add_member(int argc, char **argv)
{
	static const struct option more[] = {
		{ "tunnel", required_argument, NULL, 'T' },
		{ "net", required_argument, NULL, 'N' },
		{ "delivery", required_argument, NULL, 'D' },
		{ "roles", required_argument, NULL, 'R' },
		{ 0 }
	};
	struct json_object *request = daemon_request("group-add-member");
	struct command_options options = {
		.name = "group add-member",
		.usage = "SGID NODE [--tunnel ADDRESS] [--net NET]... [--delivery pull|push] [--roles ROLES]",
		.help = "Adds a node to a group's document; the group gets a new epoch.\n\n"
			"  --tunnel ADDRESS   outer address of its ESP packets, or `dynamic`\n"
			"  --net NET          a net behind it; may be given again\n"
			"  --delivery WAY     pull or push; default as the group says\n"
			"  --roles ROLES      \"sender receiver\" (default), sender or receiver",
		.operands_min = 2, .operands_max = 2,
		.options = more, .option = take_option, .context = request,
	};
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0) {
		json_object_put(request);
		return exit_code;
	}
	json_object_object_add(request, "sgid",
			       json_object_new_string(argv[first]));
	json_object_object_add(request, "node",
			       json_object_new_string(argv[first + 1]));
	return daemon_tell(request);
}
