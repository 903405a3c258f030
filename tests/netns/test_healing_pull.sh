#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# At every step by which a gateway pulls, 7 to 11 of flow B.2.1.1, the server,
# the gateway and the link go away: the state heals by itself, and nothing is
# sent in clear.
#
# One kernel is enough: 6.12

# shellcheck source=tests/netns/healing.sh
. "$(dirname "$0")/healing.sh"

healing_run 4<<-END
	server|B.2.1.1 step 7 *node=gw1|server gw1 link
	gw1|B.2.1.1 step 8 |server gw1 link
	gw1|B.2.1.1 step 9 |server gw1 link
	server|B.2.1.1 step 10 *node=gw1|server gw1 link
	gw1|B.2.1.1 step 11 |server gw1 link
END
