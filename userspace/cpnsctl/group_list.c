// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl group list: the server's groups.
 *
 * Threading: one thread.
 */
#include "command.h"

static void print_groups(struct json_object *groups)
{
	size_t count = json_object_array_length(groups);

	for (size_t i = 0; i < count; i++) {
		struct json_object *group =
			json_object_array_get_idx(groups, i);

		printf("group: %s\n  epoch: %s\n  members: %s\n",
		       json_text(group, "sgid"), json_text(group, "num"),
		       json_text(group, "members"));
	}
}

int command_group_list(int argc, char **argv)
{
	bool json = false;
	struct command_options options = {
		.name = "group list",
		.usage = "[--json]",
		.help = "Lists the groups of the server in this network namespace.",
		.json = &json,
	};
	struct json_object *answer, *groups;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	exit_code = daemon_ask(daemon_request("group-list"), &answer, false);
	if (!exit_code) {
		if (json)
			print_json(json_object_get(answer));
		else if (json_object_object_get_ex(answer, "groups", &groups) &&
			 json_object_is_type(groups, json_type_array))
			print_groups(groups);
	}
	json_object_put(answer);
	return exit_code;
}
