// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options, files and failures, the same for every command of cpnsctl.
 *
 * Threading: one thread (getopt keeps its state in globals).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "config.h"

#define OPTIONS_MAX 16
#define LIST_OPTIONS 1

static void print_help(FILE *out, const struct command_options *options)
{
	fprintf(out, "usage: cpnsctl %s %s\n", options->name, options->usage);
	if (out == stdout)
		fprintf(out, "\n%s\n", options->help);
}

static void all_options(const struct command_options *options,
			struct option *all)
{
	size_t count = 0;

	all[count++] = (struct option){ "help", no_argument, NULL, 'h' };
	all[count++] = (struct option){ "list-options", no_argument, NULL,
					LIST_OPTIONS };
	all[count++] = (struct option){ "config-dir", required_argument, NULL,
					'c' };
	if (options->json)
		all[count++] = (struct option){ "json", no_argument, NULL,
						'j' };
	if (options->options)
		for (size_t i = 0; options->options[i].name; i++)
			if (count < OPTIONS_MAX)
				all[count++] = options->options[i];
	all[count] = (struct option){ 0 };
}

/* for completion/generate: one a line, with "=" where an argument follows */
static void list_options(const struct option *all)
{
	for (; all->name; all++)
		if (all->val != LIST_OPTIONS)
			printf("--%s%s\n", all->name, all->has_arg ? "=" : "");
}

/**
 * command_options() - read a command's options
 * @options: what the command takes
 * @argc: its words
 * @argv: its words, the verb first; operands are moved to the end
 * @exit_code: set when the command is at its end
 *
 * Return: index of the first operand, or -1 when help or usage was printed.
 */
int command_options(const struct command_options *options, int argc,
		    char **argv, int *exit_code)
{
	struct option all[OPTIONS_MAX + 1];
	int option, operands;

	*exit_code = COMMAND_USAGE;
	all_options(options, all);
	optind = 0;
	while ((option = getopt_long(argc, argv, "h", all, NULL)) != -1) {
		switch (option) {
		case 'h':
			print_help(stdout, options);
			*exit_code = COMMAND_OK;
			return -1;
		case LIST_OPTIONS:
			list_options(all);
			*exit_code = COMMAND_OK;
			return -1;
		case 'c':
			command_set_config_directory(optarg);
			break;
		case 'j':
			*options->json = true;
			break;
		case '?':
			print_help(stderr, options);
			return -1;
		default:
			if (options->option(options->context, option, optarg))
				break;
			print_help(stderr, options);
			return -1;
		}
	}
	operands = argc - optind;
	if (operands < options->operands_min ||
	    operands > options->operands_max) {
		print_help(stderr, options);
		return -1;
	}
	return optind;
}

/**
 * command_exit_of() - the exit code of an errno
 * @error: -errno
 *
 * Return: an exit code of wire.md section 6.
 */
int command_exit_of(int error)
{
	switch (-error) {
	case 0:
		return COMMAND_OK;
	case ENOKEY:
	case ENOENT:
	case ESRCH:
		return COMMAND_NOT_FOUND;
	case EPERM:
	case EACCES:
	case EKEYREJECTED:
		return COMMAND_REFUSED;
	case ETIMEDOUT:
		return COMMAND_TIMED_OUT;
	default:
		return COMMAND_FAILED;
	}
}

/**
 * command_open_kernel() - open the kernel's family `cpns`
 * @connection: the connection
 *
 * Return: 0, or an exit code after complaining.
 */
int command_open_kernel(struct cpns **connection)
{
	int result = cpns_open(connection);

	if (!result)
		return COMMAND_OK;
	if (result == -ENOENT) {
		command_complain("the kernel has no netlink family 'cpns': modprobe cpns_group");
		return COMMAND_NO_MODULE;
	}
	command_complain("the kernel's netlink family 'cpns': %s",
			 strerror(-result));
	return command_exit_of(result);
}

/**
 * command_kernel_failed() - complain with the kernel's words
 * @connection: connection that failed
 * @error: -errno
 * @what: what was tried
 *
 * Return: the exit code.
 */
int command_kernel_failed(const struct cpns *connection, int error,
			  const char *what)
{
	command_complain("%s: %s", what, cpns_error(connection));
	return command_exit_of(error);
}

/**
 * command_read_config() - read the daemon's configuration file
 * @config: the result, for config_free()
 *
 * Return: 0, or exit code 78 after complaining.
 */
int command_read_config(struct config **config)
{
	char path[512], error[512] = "";

	snprintf(path, sizeof(path), "%s/cpnsd.conf",
		 command_config_directory());
	if (!config_read(path, config, error, sizeof(error)))
		return COMMAND_OK;
	command_complain("%s", error);
	return COMMAND_CONFIGURATION;
}

/**
 * command_read_file() - a whole file as a string
 * @path: file, or "-" for standard input
 * @limit: most bytes that are taken
 * @text: the file, malloc'ed and terminated; NULL after a failure
 * @size: bytes that were read
 *
 * Return: 0, or an exit code after complaining.
 */
int command_read_file(const char *path, size_t limit, char **text,
		      size_t *size)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;

	*text = NULL;
	if (!file) {
		bool none = errno == ENOENT;

		command_complain("%s: %m", path);
		return none ? COMMAND_NOT_FOUND : COMMAND_FAILED;
	}
	*text = malloc(limit + 2);
	if (*text) {
		*size = fread(*text, 1, limit + 1, file);
		(*text)[*size] = '\0';
	}
	if (!*text || ferror(file) || *size > limit) {
		command_complain("%s: %s", path, !*text ? "out of memory" :
				 ferror(file) ? "cannot be read" : "too long");
		free(*text);
		*text = NULL;
	}
	if (file != stdin)
		fclose(file);
	return *text ? COMMAND_OK : COMMAND_FAILED;
}
