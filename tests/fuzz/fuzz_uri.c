// SPDX-License-Identifier: GPL-2.0-only
/*
 * Short texts that others write: key locations (seca/location.c), endpoints
 * (transport/endpoint.c), identities (transport/identity.c), nets and
 * addresses (proto/address.c), lines of /proc/keys (request-key/requester.c).
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proto/roster.h"
#include "requester.h"
#include "seca/location.h"
#include "transport/endpoint.h"
#include "transport/identity.h"

static void location(const char *text)
{
	struct location *found = malloc(sizeof(*found));
	char reason[128] = "";
	size_t i;

	FUZZ_ASSERT(found);
	if (location_parse(text, found, reason, sizeof(reason))) {
		FUZZ_ASSERT(reason[0]);
	} else {
		FUZZ_ASSERT(found->path_count <= LOCATION_SEGMENTS_MAX);
		FUZZ_ASSERT(strlen(found->origin) < LOCATION_ORIGIN_MAX - 1);
		for (i = 0; i < found->path_count; i++)
			FUZZ_ASSERT(found->path[i].bytes >= found->text &&
				    found->path[i].bytes +
				    found->path[i].size <=
				    found->text + LOCATION_TEXT_MAX);
	}
	free(found);
}

static void endpoint(const char *text)
{
	struct transport_endpoint found;
	char reason[128] = "";

	if (transport_endpoint_parse(text, &found, reason, sizeof(reason)))
		FUZZ_ASSERT(reason[0]);
	else
		FUZZ_ASSERT(found.host[0] && found.port >= 1 &&
			    found.port <= 65535);
}

static void identity(const char *text)
{
	struct identity found;
	char uri[96];

	if (identity_parse(text, &found))
		return;
	FUZZ_ASSERT(identity_id_valid(found.id));
	identity_uri(&found, uri);
	FUZZ_ASSERT(!strcmp(uri, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct roster_address address;
	struct roster_net net;
	pid_t pid = 0;

	location(text);
	endpoint(text);
	identity(text);
	roster_address_parse(text, &address);
	if (!roster_net_parse(text, &net))
		FUZZ_ASSERT(net.prefix <= 128);
	if (!requester_pid_of_line(text, 0x1234, &pid))
		FUZZ_ASSERT(pid > 0);
	free(text);
	return 0;
}
