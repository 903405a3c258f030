// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl node list: the nodes that registered with this server.
 *
 * Threading: one thread.
 */
#include <string.h>

#include "command.h"

static void print_node(struct json_object *node)
{
	printf("node: %s\n", json_text(node, "node"));
	json_object_object_foreach(node, name, value) {
		if (!strcmp(name, "node"))
			continue;
		printf("  %s: %s\n", name, json_object_get_string(value));
	}
}

int command_node_list(int argc, char **argv)
{
	bool json = false;
	struct command_options options = {
		.name = "node list",
		.usage = "[--json]",
		.help = "Lists the nodes that the server knows, by their registrations.",
		.json = &json,
	};
	struct json_object *answer, *nodes;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);
	size_t count = 0;

	if (first < 0)
		return exit_code;
	exit_code = daemon_ask(daemon_request("node-list"), &answer, false);
	if (!exit_code && json) {
		print_json(json_object_get(answer));
	} else if (!exit_code) {
		if (json_object_object_get_ex(answer, "nodes", &nodes) &&
		    json_object_is_type(nodes, json_type_array))
			count = json_object_array_length(nodes);
		for (size_t i = 0; i < count; i++)
			print_node(json_object_array_get_idx(nodes, i));
	}
	json_object_put(answer);
	return exit_code;
}
