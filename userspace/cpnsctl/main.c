// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl: the administrator's tool for group keys.
 *
 * This file has the table of commands and finds the one that is meant.
 * Threading: one thread.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static const char *config_directory = "/etc/cpns";

static const struct command commands[] = {
	{ "status", NULL, command_status, "[--json]",
	  "node, groups, epochs and SAs as the kernel has them" },
	{ "group", "create", command_group_create, "FILE.xml",
	  "make a Service Group from its group document" },
	{ "group", "show", command_group_show, "SGID [--json]",
	  "one group and its members" },
	{ "group", "list", command_group_list, "[--json]",
	  "the server's groups" },
	{ "group", "update", command_group_update, "SGID FILE.xml",
	  "replace a group's document" },
	{ "group", "delete", command_group_delete, "SGID",
	  "end a group and its keys" },
	{ "group", "add-member", command_group_add_member,
	  "SGID NODE [OPTIONS]", "add a node to a group" },
	{ "group", "remove-member", command_group_remove_member, "SGID NODE",
	  "take a node out of a group" },
	{ "group", "rekey", command_group_rekey, "SGID [--compromise]",
	  "make a new epoch now" },
	{ "node", "issue", command_node_issue, "NODE --out FILE.tar",
	  "make the certificate of a node or a server" },
	{ "node", "install", command_node_install, "FILE.tar",
	  "install what `node issue` made on this node" },
	{ "node", "list", command_node_list, "[--json]",
	  "nodes that the server knows" },
	{ "node", "revoke", command_node_revoke, "NODE",
	  "refuse a node from now on" },
	{ "node", "pin", command_node_pin, "[--key FILE]",
	  "pin the OSG's key in this kernel" },
	{ "enrol", NULL, command_enrol, "SERVER --token-file FILE",
	  "get this node's certificate by a one-time token" },
	{ "join", NULL, command_join, "SGID",
	  "acquire a group's key now" },
	{ "leave", NULL, command_leave, "SGID [--open]",
	  "give up a group's key" },
	{ "policy", "load", command_policy_load, "[--file FILE]",
	  "install the blocking policies without a daemon" },
	{ "sa", NULL, command_sa, "[SGID] [--json]",
	  "the module's ESP states" },
	{ "metrics", NULL, command_metrics, "[--json]",
	  "the daemon's counters in text exposition format" },
	{ "monitor", NULL, command_monitor, "[SGID] [--json]",
	  "events of the kernel as they come" },
	{ "doctor", NULL, command_doctor, "[--json]",
	  "look for what is missing, and name the command that mends it" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/**
 * command_config_directory() - where certificates and cpnsd.conf are
 *
 * Return: the argument of --config-dir, or /etc/cpns.
 */
const char *command_config_directory(void)
{
	return config_directory;
}

/**
 * command_set_config_directory() - take the argument of --config-dir
 * @directory: lives as long as the process
 */
void command_set_config_directory(const char *directory)
{
	config_directory = directory;
}

/**
 * command_complain() - a line for people, on standard error
 * @format: as of printf(3), without line feed
 */
void command_complain(const char *format, ...)
{
	va_list arguments;

	fputs("cpnsctl: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static void help(FILE *out)
{
	fputs("usage: cpnsctl [--config-dir DIR] COMMAND [ARGUMENTS]\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++) {
		char words[96];

		snprintf(words, sizeof(words), "%s%s%s %s", commands[i].noun,
			 commands[i].verb ? " " : "",
			 commands[i].verb ? commands[i].verb : "",
			 commands[i].arguments);
		fprintf(out, "  %-38s %s\n", words, commands[i].summary);
	}
	fputs("\nEvery command has --help. Exit codes: 0 done, 1 failed, 2 usage, 3 no daemon,\n"
	      "4 not found, 5 refused, 6 timed out, 7 no module, 78 configuration.\n",
	      out);
}

/* for completion/generate: command, arguments and summary, tabs between */
static void list_commands(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		printf("%s%s%s\t%s\t%s\n", commands[i].noun,
		       commands[i].verb ? " " : "",
		       commands[i].verb ? commands[i].verb : "",
		       commands[i].arguments, commands[i].summary);
}

/* the words of this noun, when the verb is missing or wrong */
static int usage_of_noun(const char *noun)
{
	bool known = false;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].noun, noun))
			continue;
		known = true;
		fprintf(stderr, "usage: cpnsctl %s %s %s\n", noun,
			commands[i].verb ? commands[i].verb : "",
			commands[i].arguments);
	}
	if (!known)
		command_complain("unknown command '%s' (cpnsctl --help)", noun);
	return COMMAND_USAGE;
}

static int run(int argc, char **argv)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *command = &commands[i];
		int words = command->verb ? 2 : 1;

		if (argc < words || strcmp(argv[0], command->noun) ||
		    (command->verb && strcmp(argv[1], command->verb)))
			continue;
		return command->run(argc - words + 1, argv + words - 1);
	}
	return usage_of_noun(argv[0]);
}

/* options that stand before the command */
static int global_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config-dir", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "list-commands", no_argument, NULL, 'l' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	int option;

	while ((option = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			command_set_config_directory(optarg);
			break;
		case 'h':
			help(stdout);
			exit(COMMAND_OK);
		case 'l':
			list_commands();
			exit(COMMAND_OK);
		case 'V':
			puts(CPNS_VERSION);
			exit(COMMAND_OK);
		default:
			exit(COMMAND_USAGE);
		}
	}
	return optind;
}

int main(int argc, char **argv)
{
	int first = global_options(argc, argv), result;

	if (first == argc) {
		help(stderr);
		return COMMAND_USAGE;
	}
	if (!strcmp(argv[first], "help")) {
		help(stdout);
		return COMMAND_OK;
	}
	result = run(argc - first, argv + first);
	if (fflush(stdout) || ferror(stdout)) {
		command_complain("standard output: %m");
		return result ? result : COMMAND_FAILED;
	}
	return result;
}
