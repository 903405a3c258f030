# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # cpnsctl and sgid come from lab.sh
#
# A group that asks for level 1, gotten by pull, and gw1, whose PN's links
# decide. Sourced after lab.sh.

both_listed() {
	logged gw1 "listed" && logged gw2 "listed"
}

level_lab_up() {
	lab_up both_listed < <(group_document "$sgid" esp |
		sed 's/delivery="push"/delivery="pull"/; s/suite="1"/suite="1" min-level="1"/')
}

# level_is NUMBER: what the server knows of gw1
level_is() {
	in_ns server "$cpnsctl" node list --json | python3 -c '
import json, sys
for node in json.load(sys.stdin)["nodes"]:
    if node["node"].endswith("gw1"):
        print(node["level"])' | grep -qx "$1"
}

# epoch 2 is made; gw1 asks for it
ask_for_new_key() {
	in_ns server "$cpnsctl" group rekey "$sgid" >/dev/null
	in_ns gw1 "$cpnsctl" join "$sgid" >/dev/null 2>&1
}

refused() {
	logged gw1 "security level 0 is below the group's 1"
}

new_key() {
	in_ns gw1 "$cpnsctl" join "$sgid" && epoch_is gw1 "$sgid" 2
}
