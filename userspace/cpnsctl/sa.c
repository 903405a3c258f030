// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl sa: the ESP states that the module made.
 *
 * Threading: one thread.  A state shows whose key it uses, never a key.
 */
#include <inttypes.h>
#include <string.h>

#include "command.h"

struct listing {
	const char *sgid;		/* NULL: all */
	struct json_object *array;	/* NULL: for people */
	unsigned int count;
};

static struct json_object *to_json(const struct cpns_sa *sa,
				   const char *source, const char *destination)
{
	struct json_object *object = json_object_new_object();
	char spi[16];

	snprintf(spi, sizeof(spi), "0x%08x", sa->spi);
	json_add_text(object, "sgid", sa->sgid);
	json_add_text(object, "direction", sa->outbound ? "out" : "in");
	json_add_text(object, "spi", spi);
	json_add_text(object, "source", source);
	json_add_text(object, "destination", destination);
	json_add_number(object, "epoch", sa->epoch);
	json_add_text(object, "state", cpns_state_name(sa->state));
	json_add_number(object, "sid", sa->sid);
	json_add_number(object, "reqid", sa->reqid);
	json_add_text(object, "mode", sa->transport ? "transport" : "tunnel");
	json_add_number(object, "packets", sa->packets);
	json_add_number(object, "bytes", sa->bytes);
	json_add_number(object, "sequence", sa->sequence);
	return object;
}

static int each(void *context, const struct cpns_sa *sa)
{
	char source[64], destination[64];
	struct listing *listing = context;

	if (listing->sgid && strcmp(listing->sgid, sa->sgid))
		return 0;
	print_address(sa->family, sa->source, source, sizeof(source));
	print_address(sa->family, sa->destination, destination,
		      sizeof(destination));
	if (listing->array) {
		json_object_array_add(listing->array,
				      to_json(sa, source, destination));
		return 0;
	}
	printf("%ssa: %s %s -> %s spi 0x%08x\n", listing->count++ ? "\n" : "",
	       sa->outbound ? "out" : "in", source, destination, sa->spi);
	printf("  group: %s\n  epoch: %u (%s)\n  sender id: %u\n", sa->sgid,
	       sa->epoch, cpns_state_name(sa->state), sa->sid);
	printf("  mode: %s, reqid 0x%08x\n",
	       sa->transport ? "transport" : "tunnel", sa->reqid);
	printf("  traffic: %" PRIu64 " packets, %" PRIu64 " bytes, sequence %u\n",
	       sa->packets, sa->bytes, sa->sequence);
	return 0;
}

int command_sa(int argc, char **argv)
{
	bool json = false;
	struct command_options options = {
		.name = "sa",
		.usage = "[SGID] [--json]",
		.help = "Lists the ESP states that the kernel module made, of one group or of all.\n"
			"Needs no daemon.",
		.operands_max = 1, .json = &json,
	};
	struct listing listing = { 0 };
	struct cpns *connection;
	int exit_code, first = command_options(&options, argc, argv,
					       &exit_code);

	if (first < 0)
		return exit_code;
	exit_code = command_open_kernel(&connection);
	if (exit_code)
		return exit_code;
	listing.sgid = first < argc ? argv[first] : NULL;
	listing.array = json ? json_object_new_array() : NULL;
	exit_code = cpns_sa_list(connection, each, &listing);
	if (exit_code < 0)
		exit_code = command_kernel_failed(connection, exit_code,
						  "reading SAs");
	else if (json)
		print_json(json_object_get(listing.array));
	json_object_put(listing.array);
	cpns_close(connection);
	return exit_code;
}
