#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# At every step by which the server makes a Group Key, 1 to 6 of flow B.2.1.1,
# the server, a gateway and the link go away: the state heals by itself, and
# nothing is sent in clear.
#
# One kernel is enough: 6.1

# shellcheck source=tests/netns/healing.sh
. "$(dirname "$0")/healing.sh"

healing_run 4<<-END
	server|B.2.1.1 step 1 |server gw1 gw2 link
	server|B.2.1.1 step 2 |server gw1 gw2 link
	server|B.2.1.1 step 3 |server gw1 gw2 link
	server|B.2.1.1 step 4 |server gw1 gw2 link
	server|B.2.1.1 step 5 |server gw1 gw2 link
	server|B.2.1.1 step 6 |server gw1 gw2 link
END
