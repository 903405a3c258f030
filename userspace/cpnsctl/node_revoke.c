// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl node revoke: the server refuses a node from now on, and its
 * certificates go onto the CA's revocation list where the CA is.
 *
 * Threading: one thread.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "command.h"
#include "pki.h"

static const char *file(const char *name, char path[512])
{
	snprintf(path, 512, "%s/%s", command_config_directory(), name);
	return path;
}

/* 0 also where this is not the CA's host, or the CA knows no such node */
static int write_list(const char *node)
{
	struct identity identity = { .kind = IDENTITY_NODE };
	char issued[512], list[512], path[512], uri[96], reason[512] = "";
	EVP_PKEY *key = NULL;
	unsigned int count;
	X509 *authority;
	int error = -EIO;

	if (access(file("ca.key", path), F_OK) ||
	    access(file("issued", issued), F_OK))
		return 0;
	snprintf(identity.id, sizeof(identity.id), "%s", node);
	identity_uri(&identity, uri);
	file("ca.crl", list);
	authority = pki_read_certificate(file("ca.pem", path), reason,
					 sizeof(reason));
	if (authority)
		key = pki_read_private_key(file("ca.key", path), reason,
					   sizeof(reason));
	if (key)
		error = pki_revoke(authority, key, issued, uri, list, &count,
				   reason, sizeof(reason));
	X509_free(authority);
	EVP_PKEY_free(key);
	if (!error)
		printf("%s: %u of %s on it\n", list, count, node);
	else
		command_complain("%s", reason);
	return error == -ENOENT ? 0 : error;
}

/* what the server issued itself is to be on the CA's list of issues, too */
static void note_enrolled(const char *node, struct json_object *answer)
{
	struct identity identity = { .kind = IDENTITY_NODE };
	char path[512], uri[96], reason[512];
	struct json_object *list, *one;
	size_t i;

	if (access(file("ca.key", path), F_OK) ||
	    !json_object_object_get_ex(answer, "certificates", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	snprintf(identity.id, sizeof(identity.id), "%s", node);
	identity_uri(&identity, uri);
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *expires;

		one = json_object_array_get_idx(list, i);
		if (json_object_object_get_ex(one, "expires", &expires) &&
		    pki_note_serial(file("issued", path), uri,
				    json_text(one, "serial"),
				    json_object_get_int64(expires), reason,
				    sizeof(reason)))
			command_complain("%s", reason);
	}
}

int command_node_revoke(int argc, char **argv)
{
	struct command_options options = {
		.name = "node revoke",
		.usage = "NODE",
		.help = "The server refuses the node from now on and evicts it from every group; the\n"
			"others get new epochs at once. On the CA's host its certificates go onto the\n"
			"revocation list ca.crl too, for servers with `crl = ` in their configuration:\n"
			"they take the list as it is at the next handshake.",
		.operands_min = 1, .operands_max = 1,
	};
	struct json_object *request, *answer = NULL;
	int exit_code, error, first = command_options(&options, argc, argv,
						      &exit_code);

	if (first < 0)
		return exit_code;
	if (!identity_id_valid(argv[first])) {
		command_complain("\"%.80s\" is not a node id", argv[first]);
		return COMMAND_USAGE;
	}
	request = daemon_request("node-revoke");
	json_object_object_add(request, "node",
			       json_object_new_string(argv[first]));
	exit_code = daemon_ask(request, &answer, false);
	note_enrolled(argv[first], answer);
	json_object_put(answer);
	error = write_list(argv[first]);
	return exit_code ? exit_code : error ? COMMAND_FAILED : COMMAND_OK;
}
