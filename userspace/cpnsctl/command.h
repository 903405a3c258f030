/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the commands of cpnsctl share: options, exit codes, printing, and the
 * conversation with the daemon.
 *
 * A command is a function in a file of its own; it gets its own words (the
 * verb is argv[0]) and returns an exit code of enum command_exit.  Answers go
 * to standard output, everything else to standard error.
 *
 * Threading: one thread, one command for each process.
 */
#ifndef CPNSCTL_COMMAND_H
#define CPNSCTL_COMMAND_H

#include <cpns/cpns.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

struct config;

/* a group document, as the server takes it */
#define COMMAND_DOCUMENT_MAX (1u << 20)

/* wire.md section 6; the daemon answers with the same numbers */
enum command_exit {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1,
	COMMAND_USAGE = 2,
	COMMAND_NO_DAEMON = 3,
	COMMAND_NOT_FOUND = 4,
	COMMAND_REFUSED = 5,
	COMMAND_TIMED_OUT = 6,
	COMMAND_NO_MODULE = 7,
	COMMAND_CONFIGURATION = 78,
};

/* one entry of the table; words are "group" and "create", or "status", NULL */
struct command {
	const char *noun, *verb;
	int (*run)(int argc, char **argv);
	const char *arguments;
	const char *summary;
};

/* --config-dir, before or after the verb; default /etc/cpns */
const char *command_config_directory(void);
void command_set_config_directory(const char *directory);

/*
 * The options that every command takes are --help, --config-dir and, where
 * json is not NULL, --json; further ones are handed to option(), which returns false for
 * a bad argument.  Returns the index of the first operand, or -1 after
 * printing help or usage: then *exit_code is the command's.
 */
struct command_options {
	const char *name;	/* "group create" */
	const char *usage;	/* "FILE.xml" */
	const char *help;	/* what it does, options */
	int operands_min, operands_max;
	const struct option *options;	/* ended by { 0 }, val >= 'A', or NULL */
	bool (*option)(void *context, int val, const char *argument);
	void *context;
	bool *json;
};

int command_options(const struct command_options *options, int argc,
		    char **argv, int *exit_code);

/* standard error, with the program's name */
void command_complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
int command_exit_of(int error);	/* of a -errno */
/* opens the kernel's family; complains and gives the exit code if not */
int command_open_kernel(struct cpns **connection);
int command_kernel_failed(const struct cpns *connection, int error,
			  const char *what);
/* reads cpnsd.conf of the configuration directory; 0 or 78 */
int command_read_config(struct config **config);
/* a whole file, terminated, at most limit bytes; 0 or an exit code */
int command_read_file(const char *path, size_t limit, char **text,
		      size_t *size);

/* printing.c */
void print_json(struct json_object *object);	/* takes it over */
void print_hex(FILE *out, const uint8_t *bytes, size_t size);
/* a member as text, "-" where it is missing or null; for printf */
const char *json_text(struct json_object *object, const char *name);
void json_add_text(struct json_object *object, const char *name,
		   const char *text);
void json_add_number(struct json_object *object, const char *name,
		     uint64_t number);
struct json_object *json_hex(const uint8_t *bytes, size_t size);
void print_seconds(FILE *out, uint64_t seconds);
const char *print_address(sa_family_t family, const uint8_t *address,
			  char *text, size_t room);

/* daemon.c */
struct json_object *daemon_request(const char *verb);
/*
 * Sends the request (taken over) to the daemon of this network namespace.
 * Returns an exit code; *answer is the daemon's object, also for refusals,
 * whose text was printed unless quiet.
 */
int daemon_ask(struct json_object *request, struct json_object **answer,
	       bool quiet);
/* the same for commands whose answer is just "done" */
int daemon_tell(struct json_object *request);

/* metrics_json.c: [{name, labels, value}, ...]; NULL for what is not that */
struct json_object *metrics_to_json(const char *text);

int command_doctor(int argc, char **argv);
int command_enrol(int argc, char **argv);
int command_group_add_member(int argc, char **argv);
int command_group_create(int argc, char **argv);
int command_group_delete(int argc, char **argv);
int command_group_list(int argc, char **argv);
int command_group_rekey(int argc, char **argv);
int command_group_remove_member(int argc, char **argv);
int command_group_show(int argc, char **argv);
int command_group_update(int argc, char **argv);
int command_join(int argc, char **argv);
int command_leave(int argc, char **argv);
int command_metrics(int argc, char **argv);
int command_monitor(int argc, char **argv);
int command_node_install(int argc, char **argv);
int command_node_issue(int argc, char **argv);
int command_node_list(int argc, char **argv);
int command_node_pin(int argc, char **argv);
int command_node_revoke(int argc, char **argv);
int command_policy_load(int argc, char **argv);
int command_sa(int argc, char **argv);
int command_status(int argc, char **argv);

#endif
