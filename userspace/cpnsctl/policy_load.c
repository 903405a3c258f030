// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl policy load: installs the blocking policies of block.conf without a
 * daemon, early at boot (cpns-block.service): nothing leaves in clear before
 * the daemon is there, or without it.
 *
 * Threading: one thread.
 */
#include <string.h>

#include "command.h"
#include "config.h"
#include "dataplane/block_table.h"

static bool take_option(void *context, int option, const char *argument)
{
	*(const char **)context = argument;
	return true;
}

/* what stands with a template already is stronger than a block */
static int install(const struct policy_list *shall, unsigned int *count)
{
	struct policy_list there = { 0 };
	struct policy_table *table;
	int result = policy_table_open(&table);

	if (result < 0)
		return result;
	result = policy_table_read(table, &there);
	/* one that is refused must not leave the others out */
	for (size_t i = 0; i < shall->count; i++) {
		const struct policy *policy = &shall->items[i];
		const struct policy *same = policy_list_find(&there, policy);
		int error;

		if (same && same->priority <= policy->priority)
			continue;
		error = policy_table_put(table, policy);
		*count += !error;
		result = result ? result : error;
	}
	policy_list_free(&there);
	policy_table_close(table);
	return result;
}

static int load(const char *path)
{
	struct policy_list shall = { 0 };
	struct block_table table;
	unsigned int count = 0;
	char reason[512] = "";
	int result, unread;

	/* what can be read is blocked, whatever else stands there */
	unread = block_table_read(path, &table, reason, sizeof(reason));
	if (unread < 0)
		command_complain("%s", reason);
	result = block_table_policies(&table, &shall);
	if (!result && shall.count)
		result = install(&shall, &count);
	if (result < 0)
		command_complain("blocking policies: %s", strerror(-result));
	else
		printf("%zu policies stand, %u of them new\n", shall.count,
		       count);
	policy_list_free(&shall);
	block_table_free(&table);
	return unread < 0 ? COMMAND_CONFIGURATION : command_exit_of(result);
}

/* A mistake in cpnsd.conf is told and opens nothing. */
static int load_state(void)
{
	char config_path[512], state[512], path[600];
	struct config *config;
	int loaded, exit_code = command_read_config(&config);

	config_free(config);
	snprintf(config_path, sizeof(config_path), "%s/cpnsd.conf",
		 command_config_directory());
	config_state(config_path, state, sizeof(state));
	snprintf(path, sizeof(path), "%s/block.conf", state);
	loaded = load(path);
	return exit_code ? exit_code : loaded;
}

int command_policy_load(int argc, char **argv)
{
	static const struct option more[] = {
		{ "file", required_argument, NULL, 'F' },
		{ 0 }
	};
	const char *path = NULL;
	struct command_options options = {
		.name = "policy load",
		.usage = "[--file FILE]",
		.help = "Installs the blocking policies that cpnsd kept, without any daemon. Needs no\n"
			"module. Run early at boot by cpns-block.service.\n\n"
			"  --file FILE  default block.conf in the state directory of cpnsd.conf",
		.options = more, .option = take_option, .context = &path,
	};
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	return path ? load(path) : load_state();
}
