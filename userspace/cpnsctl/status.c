// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl status: what the kernel has, and what the daemon says if one runs.
 *
 * Threading: one thread.  The kernel's part needs no daemon.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

struct counts {
	const char *sgid;
	unsigned int in, out;
};

struct listing {
	struct cpns *connection;
	struct json_object *groups;	/* NULL: for people */
};

static const struct {
	uint32_t bit;
	const char *name;
} features[] = {
	{ CPNS_FEATURES_TEMPLATE, "template" },
	{ CPNS_FEATURES_ESP, "esp" },
	{ CPNS_FEATURES_MESSAGE, "message" },
	{ CPNS_FEATURES_ALLOW_RAW, "allow-raw" },
};

#define FEATURES (sizeof(features) / sizeof(features[0]))

static int count_sa(void *context, const struct cpns_sa *sa)
{
	struct counts *counts = context;

	if (!strcmp(sa->sgid, counts->sgid)) {
		counts->in += !sa->outbound;
		counts->out += sa->outbound;
	}
	return 0;
}

static struct json_object *node_json(const struct cpns_node *node)
{
	struct json_object *object = json_object_new_object();
	struct json_object *names = json_object_new_array();

	for (size_t i = 0; i < FEATURES; i++) {
		const char *name = features[i].name;

		if (node->features & features[i].bit)
			json_object_array_add(names,
					      json_object_new_string(name));
	}
	json_object_object_add(object, "public_key",
			       json_hex(node->public_key,
					sizeof(node->public_key)));
	json_object_object_add(object, "pinned",
			       json_object_new_boolean(node->pinned));
	json_object_object_add(object, "pin", node->pinned ?
			       json_hex(node->pin, sizeof(node->pin)) : NULL);
	json_object_object_add(object, "previous_key", node->has_previous ?
			       json_hex(node->previous,
					sizeof(node->previous)) : NULL);
	json_object_object_add(object, "features", names);
	json_add_number(object, "keyring", node->keyring);
	return object;
}

static void print_node(const struct cpns_node *node)
{
	printf("node\n  public key: ");
	print_hex(stdout, node->public_key, sizeof(node->public_key));
	printf("\n  pinned: ");
	if (node->pinned)
		print_hex(stdout, node->pin, sizeof(node->pin));
	else
		printf("no");
	printf("\n  features:");
	for (size_t i = 0; i < FEATURES; i++)
		if (node->features & features[i].bit)
			printf(" %s", features[i].name);
	printf("\n  keyring: .cpns (%d)\n", node->keyring);
}

static struct json_object *seconds_json(uint64_t seconds)
{
	return seconds == UINT64_MAX ? NULL : json_object_new_uint64(seconds);
}

static struct json_object *epoch_json(const struct cpns_epoch_state *epoch)
{
	struct json_object *object = json_object_new_object();

	json_add_number(object, "number", epoch->number);
	json_add_text(object, "state", cpns_state_name(epoch->state));
	json_add_text(object, "suite", cpns_suite_name(epoch->suite));
	json_add_number(object, "sid", epoch->sid);
	json_add_number(object, "ivs", epoch->iv_counter);
	json_add_number(object, "activate_in", epoch->activate_in);
	json_object_object_add(object, "dead_in",
			       seconds_json(epoch->dead_in));
	json_object_object_add(object, "expires_in",
			       seconds_json(epoch->expires));
	/* the first half, as `keyctl print` shows it */
	json_object_object_add(object, "kcv", json_hex(epoch->kcv, 8));
	return object;
}

static void print_epoch(const struct cpns_epoch_state *epoch)
{
	printf("  epoch %u: %s, %s, ", epoch->number,
	       cpns_state_name(epoch->state), cpns_suite_name(epoch->suite));
	if (epoch->sid)
		printf("sender id %u, %" PRIu64 " IVs used", epoch->sid,
		       epoch->iv_counter);
	else
		printf("receives only");
	if (epoch->state == CPNS_STATE_PENDING) {
		printf(", active in ");
		print_seconds(stdout, epoch->activate_in);
	}
	if (epoch->dead_in != UINT64_MAX) {
		printf(", ends in ");
		print_seconds(stdout, epoch->dead_in);
	}
	printf("\n    expires in: ");
	print_seconds(stdout, epoch->expires);
	printf("\n    kcv: ");
	print_hex(stdout, epoch->kcv, 8);
	putchar('\n');
}

static struct json_object *group_json(const struct cpns_group_state *state,
				      const struct counts *counts)
{
	struct json_object *object = json_object_new_object();
	struct json_object *epochs = json_object_new_array();
	struct json_object *sas = json_object_new_object();

	for (unsigned int i = 0; i < state->epochs_count; i++)
		json_object_array_add(epochs, epoch_json(&state->epochs[i]));
	json_add_number(sas, "in", counts->in);
	json_add_number(sas, "out", counts->out);
	json_add_text(object, "sgid", state->sgid);
	json_object_object_add(object, "serial", state->serial ?
			       json_object_new_int(state->serial) : NULL);
	json_object_object_add(object, "tag",
			       json_hex(state->tag, sizeof(state->tag)));
	json_add_number(object, "highest", state->highest);
	json_object_object_add(object, "epochs", epochs);
	json_object_object_add(object, "sas", sas);
	return object;
}

static int each_group(void *context, const struct cpns_group_state *state)
{
	struct counts counts = { .sgid = state->sgid };
	struct listing *listing = context;
	int result;

	result = cpns_sa_list(listing->connection, count_sa, &counts);
	if (result < 0)
		return result;
	if (listing->groups) {
		json_object_array_add(listing->groups,
				      group_json(state, &counts));
		return 0;
	}
	printf("\ngroup: %s\n", state->sgid);
	if (state->serial)
		printf("  key: %d\n", state->serial);
	else
		printf("  key: none, ended at epoch %u\n", state->highest);
	for (unsigned int i = 0; i < state->epochs_count; i++)
		print_epoch(&state->epochs[i]);
	if (counts.in || counts.out)
		printf("  sas: %u in, %u out\n", counts.in, counts.out);
	return 0;
}

/* scalars and lists of scalars, two deep: the shape is the daemon's */
static void print_member(const char *name, struct json_object *value,
			 int indent)
{
	if (json_object_is_type(value, json_type_array)) {
		size_t count = json_object_array_length(value);

		for (size_t i = 0; i < count; i++)
			print_member(name, json_object_array_get_idx(value, i),
				     indent);
		return;
	}
	if (json_object_is_type(value, json_type_object)) {
		printf("%*s%s:\n", indent, "", name);
		json_object_object_foreach(value, inner, member)
			print_member(inner, member, indent + 2);
		return;
	}
	printf("%*s%s: %s\n", indent, "", name,
	       value ? json_object_get_string(value) : "-");
}

static bool is_true(struct json_object *object, const char *name)
{
	struct json_object *member;

	return json_object_object_get_ex(object, name, &member) &&
	       json_object_get_boolean(member);
}

/* what the kernel cannot know: how the keys come, and what is in the way */
static void print_member_groups(struct json_object *groups)
{
	size_t count = json_object_array_length(groups);

	for (size_t i = 0; i < count; i++) {
		struct json_object *group =
			json_object_array_get_idx(groups, i);

		printf("  group: %s\n    %s, delivery %s, chain %s\n",
		       json_text(group, "sgid"), json_text(group, "phase"),
		       json_text(group, "delivery"),
		       json_text(group, "chain"));
		if (json_object_object_get_ex(group, "trouble", NULL))
			printf("    trouble: %s\n",
			       json_text(group, "trouble"));
	}
}

static void print_links(struct json_object *links)
{
	size_t count = json_object_array_length(links);

	for (size_t i = 0; i < count; i++) {
		struct json_object *link = json_object_array_get_idx(links, i);

		printf("  link: %s %s (%s)\n", json_text(link, "kind"),
		       json_text(link, "security"), json_text(link, "source"));
	}
}

static void print_member_side(struct json_object *member)
{
	struct json_object *server, *links, *groups;

	printf("  %s: %s, security level %s\n", json_text(member, "role"),
	       json_text(member, "node"), json_text(member, "level"));
	if (json_object_object_get_ex(member, "server", &server))
		printf("  server: %s, %s\n", json_text(server, "uri"),
		       is_true(server, "registered") ? "registered" :
		       is_true(server, "connected") ? "connected" :
						      "not connected");
	if (json_object_object_get_ex(member, "links", &links) &&
	    json_object_is_type(links, json_type_array))
		print_links(links);
	if (json_object_object_get_ex(member, "groups", &groups) &&
	    json_object_is_type(groups, json_type_array))
		print_member_groups(groups);
}

static void print_daemon(struct json_object *daemon)
{
	struct json_object *side;

	if (!daemon) {
		printf("\ndaemon: not running\n");
		return;
	}
	printf("\ndaemon: running\n");
	if (json_object_object_get_ex(daemon, "member", &side))
		print_member_side(side);
	if (json_object_object_get_ex(daemon, "server", &side))
		print_member("server", side, 2);
}

/*
 * Adds what one side of the daemon says; a side that its roles lack is left
 * out.  Returns false where no daemon answers.
 */
static bool ask_side(struct json_object *daemon, const char *verb,
		     const char *name)
{
	struct json_object *answer;
	int result = daemon_ask(daemon_request(verb), &answer, true);

	if (result == COMMAND_OK) {
		json_object_object_del(answer, "ok");
		json_object_object_add(daemon, name, json_object_get(answer));
	}
	/* a refusal is an answer too, as from a daemon of another role */
	if (answer) {
		json_object_put(answer);
		return true;
	}
	return false;
}

static struct json_object *ask_daemon(void)
{
	struct json_object *daemon = json_object_new_object();

	if (ask_side(daemon, "server-status", "server") &&
	    ask_side(daemon, "member-status", "member"))
		return daemon;
	json_object_put(daemon);
	return NULL;
}

static int show(struct cpns *connection, bool json)
{
	struct listing listing = { .connection = connection };
	struct json_object *whole, *daemon;
	struct cpns_node node;
	int result = cpns_node_get(connection, &node);

	if (result < 0)
		return command_kernel_failed(connection, result, "status");
	if (json)
		listing.groups = json_object_new_array();
	else
		print_node(&node);
	result = cpns_group_list(connection, each_group, &listing);
	if (result < 0) {
		json_object_put(listing.groups);
		return command_kernel_failed(connection, result, "status");
	}
	daemon = ask_daemon();
	if (!json) {
		print_daemon(daemon);
		json_object_put(daemon);
		return COMMAND_OK;
	}
	whole = json_object_new_object();
	json_object_object_add(whole, "node", node_json(&node));
	json_object_object_add(whole, "groups", listing.groups);
	json_object_object_add(whole, "daemon", daemon);
	print_json(whole);
	return COMMAND_OK;
}

int command_status(int argc, char **argv)
{
	bool json = false;
	struct command_options options = {
		.name = "status",
		.usage = "[--json]",
		.help = "Shows this node's key, the groups and their epochs as the kernel has them, and\n"
			"what the daemon says if one runs. Needs CAP_NET_ADMIN.",
		.json = &json,
	};
	struct cpns *connection;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	exit_code = command_open_kernel(&connection);
	if (exit_code)
		return exit_code;
	exit_code = show(connection, json);
	cpns_close(connection);
	return exit_code;
}
