// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl group show: one group of the server and its members.
 *
 * Threading: one thread.
 */
#include "command.h"

/* a list of words, or one */
static void print_words(struct json_object *object, const char *name)
{
	struct json_object *list;
	size_t count;

	if (!json_object_object_get_ex(object, name, &list) ||
	    !json_object_is_type(list, json_type_array)) {
		printf(" %s", json_text(object, name));
		return;
	}
	count = json_object_array_length(list);
	for (size_t i = 0; i < count; i++) {
		struct json_object *word = json_object_array_get_idx(list, i);

		printf(" %s", json_object_get_string(word));
	}
}

static void print_member(struct json_object *member)
{
	struct json_object *connected = NULL;

	json_object_object_get_ex(member, "connected", &connected);
	printf("\n  member: %s\n    roles:", json_text(member, "node"));
	print_words(member, "roles");
	printf("\n    delivery: %s\n", json_text(member, "delivery"));
	printf("    sender id: %s\n    has epoch: %s\n    security level: %s\n",
	       json_text(member, "sid"), json_text(member, "reported"),
	       json_text(member, "level"));
	printf("    connected: %s\n",
	       json_object_get_boolean(connected) ? "yes" : "no");
}

static void print_group(struct json_object *group)
{
	struct json_object *members, *left;
	size_t count = 0;

	printf("group: %s\n  epoch: %s\n", json_text(group, "sgid"),
	       json_text(group, "num"));
	if (json_object_object_get_ex(group, "seconds_left", &left)) {
		printf("  expires in: ");
		print_seconds(stdout, (uint64_t)json_object_get_int64(left));
		putchar('\n');
	}
	printf("  key location: %s\n  signer: %s\n",
	       json_text(group, "location"), json_text(group, "signer"));
	if (json_object_object_get_ex(group, "members", &members) &&
	    json_object_is_type(members, json_type_array))
		count = json_object_array_length(members);
	for (size_t i = 0; i < count; i++)
		print_member(json_object_array_get_idx(members, i));
}

static bool take_option(void *context, int option, const char *argument)
{
	*(bool *)context = true;
	return true;
}

int command_group_show(int argc, char **argv)
{
	static const struct option more[] = {
		{ "document", no_argument, NULL, 'D' },
		{ 0 }
	};
	bool json = false, document = false;
	struct command_options options = {
		.name = "group show",
		.usage = "SGID [--document] [--json]",
		.help = "Shows a group of the server, its members and which epoch each has reported.\n\n"
			"  --document  print the group document instead",
		.operands_min = 1, .operands_max = 1, .json = &json,
		.options = more, .option = take_option, .context = &document,
	};
	struct json_object *request, *answer;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	request = daemon_request("group-show");
	json_object_object_add(request, "sgid",
			       json_object_new_string(argv[first]));
	exit_code = daemon_ask(request, &answer, false);
	if (!exit_code) {
		if (json)
			print_json(json_object_get(answer));
		else if (document)
			puts(json_text(answer, "document"));
		else
			print_group(answer);
	}
	json_object_put(answer);
	return exit_code;
}
