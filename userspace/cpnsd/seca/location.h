/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Key locations: the URI in a group's properties that says where its Group
 * Key is fetched ("with address provided in group description", CR B.2.1.1
 * step 8), taken apart into a server and a path.
 */
#ifndef CPNSD_SECA_LOCATION_H
#define CPNSD_SECA_LOCATION_H

#include <stddef.h>
#include <stdint.h>

#include "transport/message.h"

/* three are left for /nodes/N/status below the group's resource */
#define LOCATION_SEGMENTS_MAX	(TRANSPORT_SEGMENTS_MAX - 3)
#define LOCATION_ORIGIN_MAX	320
#define LOCATION_TEXT_MAX	1024

/* the path points into text: not to be copied by assignment */
struct location {
	char origin[LOCATION_ORIGIN_MAX];	/* coaps+tcp://192.0.2.10:5684 */
	uint8_t text[LOCATION_TEXT_MAX];
	struct transport_segment path[LOCATION_SEGMENTS_MAX];
	size_t path_count;
};

int location_parse(const char *uri, struct location *location,
		   char *reason, size_t room);

#endif
