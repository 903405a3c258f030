// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl node issue --enrol-token: a one-time token for a node's enrolment,
 * from the server's daemon.
 *
 * The token goes into a file of mode 0600 or to standard output, never onto a
 * command line; its bytes here are wiped.  One thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "command.h"
#include "node_issue_token.h"
#include "pki.h"

static int write_token(const char *path, const char *token, bool force)
{
	char line[256], reason[512] = "";
	int size = snprintf(line, sizeof(line), "%s\n", token), error = 0;

	if (size < 0 || size >= (int)sizeof(line)) {
		command_complain("the daemon's token cannot be read");
		error = -EPROTO;
	} else if (!strcmp(path, "-")) {
		/* stdio's buffer would keep it */
		fflush(stdout);
		if (write(STDOUT_FILENO, line, (size_t)size) != size) {
			command_complain("standard output: %m");
			error = -EIO;
		}
	} else {
		error = pki_write_file(path, line, (size_t)size, true, force,
				       reason, sizeof(reason));
		if (error)
			command_complain("%s", reason);
	}
	OPENSSL_cleanse(line, sizeof(line));
	return error == -EEXIST ? COMMAND_REFUSED : command_exit_of(error);
}

/* the port of the daemon's address, for the line that tells what to do */
static const char *port_of(const char *listen)
{
	const char *colon = strrchr(listen, ':');

	return colon && strspn(colon + 1, "0123456789") == strlen(colon + 1) ?
	       colon : ":5685";
}

static void tell(struct json_object *answer, const char *node,
		 const char *path)
{
	struct json_object *value;
	char until[64] = "";
	time_t expires;

	if (json_object_object_get_ex(answer, "expires", &value)) {
		expires = (time_t)json_object_get_int64(value);
		strftime(until, sizeof(until), ", until %Y-%m-%d %H:%M:%S %Z",
			 localtime(&expires));
	}
	/* standard output may be the token's */
	fprintf(stderr,
		"%s: for node %s, once%s; keep it secret. On the device:\n"
		"  cpnsctl enrol %s://SERVER%s --token-file FILE\n",
		path, node, until,
		strncmp(json_text(answer, "listen"), "coaps:", 6) ?
		"coaps+tcp" : "coaps", port_of(json_text(answer, "listen")));
}

/**
 * node_issue_token() - have the server's daemon make a token
 * @node: the node, a valid id
 * @path: file for the token, "-" for standard output
 * @lifetime: seconds, or NULL
 * @force: replace @path
 *
 * Return: an exit code of wire.md section 6.
 */
int node_issue_token(const char *node, const char *path, const char *lifetime,
		     bool force)
{
	struct json_object *request, *answer, *value;
	const char *token;
	char *end;
	int result;

	if (!force && strcmp(path, "-") && !access(path, F_OK)) {
		command_complain("%s is there already; --force replaces it",
				 path);
		return COMMAND_REFUSED;
	}
	request = daemon_request("enrol-token");
	json_add_text(request, "node", node);
	if (lifetime) {
		json_add_number(request, "lifetime",
				strtoul(lifetime, &end, 10));
		if (*end || !*lifetime) {
			command_complain("--lifetime: not a number of seconds");
			json_object_put(request);
			return COMMAND_USAGE;
		}
	}
	result = daemon_ask(request, &answer, false);
	if (!result) {
		if (json_object_object_get_ex(answer, "token", &value)) {
			token = json_object_get_string(value);
			result = write_token(path, token, force);
			OPENSSL_cleanse((char *)(uintptr_t)token,
					strlen(token));
		} else {
			command_complain("the daemon's answer has no token");
			result = COMMAND_FAILED;
		}
		if (!result)
			tell(answer, node, path);
	}
	json_object_put(answer);
	return result;
}
