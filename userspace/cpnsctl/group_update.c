// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl group update: a new group document for a group.
 *
 * Threading: one thread.
 */
#include <stdlib.h>

#include "command.h"

int command_group_update(int argc, char **argv)
{
	struct command_options options = {
		.name = "group update",
		.usage = "SGID FILE.xml",
		.help = "Replaces a group's document. Members that come or go make a new epoch.\n"
			"FILE.xml may be - for standard input.",
		.operands_min = 2, .operands_max = 2,
	};
	struct json_object *request;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);
	char *document;
	size_t size;

	if (first < 0)
		return exit_code;
	exit_code = command_read_file(argv[first + 1], COMMAND_DOCUMENT_MAX,
				      &document, &size);
	if (exit_code)
		return exit_code;
	request = daemon_request("group-update");
	json_object_object_add(request, "sgid",
			       json_object_new_string(argv[first]));
	json_object_object_add(request, "document",
			       json_object_new_string_len(document,
							  (int)size));
	free(document);
	return daemon_tell(request);
}
