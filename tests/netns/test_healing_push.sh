#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# At every step by which a gateway is pushed to, 7 and 8 of flow B.2.1.2 (8 at
# the server, which sends, and at the gateway, which installs), the server, the
# gateway and the link go away: the state heals by itself, and nothing is sent
# in clear.
#
# One kernel is enough: 6.12

# shellcheck source=tests/netns/healing.sh
. "$(dirname "$0")/healing.sh"

healing_run 4<<-END
	server|B.2.1.2 step 7 *node=gw2|server gw2 link
	server|B.2.1.2 step 8 *node=gw2|server gw2 link
	gw2|B.2.1.2 step 8 |server gw2 link
END
