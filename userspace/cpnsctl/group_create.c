// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl group create: a group document to the SMF of this server
 * (OMA CPNS AD 5.3.1.7, CR B.2.1.1 step 1).
 *
 * Threading: one thread.
 */
#include <stdlib.h>

#include "command.h"

int command_group_create(int argc, char **argv)
{
	struct command_options options = {
		.name = "group create",
		.usage = "FILE.xml",
		.help = "Makes a Service Group from its group document (application/vnd.oma.poc.groups+xml)\n"
			"and its first epoch. FILE.xml may be - for standard input.\n"
			"The server's daemon must run in this network namespace.",
		.operands_min = 1, .operands_max = 1,
	};
	struct json_object *request, *answer, *sgid, *num;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);
	char *document;
	size_t size;

	if (first < 0)
		return exit_code;
	exit_code = command_read_file(argv[first], COMMAND_DOCUMENT_MAX,
				      &document, &size);
	if (exit_code)
		return exit_code;
	request = daemon_request("group-create");
	json_object_object_add(request, "document",
			       json_object_new_string_len(document,
							  (int)size));
	free(document);
	exit_code = daemon_ask(request, &answer, false);
	if (!exit_code && json_object_object_get_ex(answer, "sgid", &sgid)) {
		printf("%s", json_object_get_string(sgid));
		if (json_object_object_get_ex(answer, "num", &num))
			printf(" epoch %s", json_object_get_string(num));
		putchar('\n');
	}
	json_object_put(answer);
	return exit_code;
}
