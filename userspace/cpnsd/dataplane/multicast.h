/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Membership of a multicast group, so that its ESP packets reach this host.
 * The kernel ends it with the descriptor.
 */
#ifndef CPNSD_DATAPLANE_MULTICAST_H
#define CPNSD_DATAPLANE_MULTICAST_H

#include "proto/roster.h"

/* a descriptor to be closed, or -errno */
int multicast_join(const struct roster_address *group,
		   const struct roster_address *tunnels, size_t count);

#endif
