# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the tests of this folder start from: the topology with one group of two
# gateways, its daemons, and claims in the Test Anything Protocol.  The lab
# goes down with the script that sources this.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export CPNS_CLAIMS=tap
# shellcheck source=tests/netns/topology.sh
. "$here/topology.sh"
# shellcheck source=tests/netns/claims.sh
. "$here/claims.sh"
# shellcheck source=tests/netns/group_document.sh
. "$here/group_document.sh"

# shellcheck disable=SC2034 # of the scripts that source this
sgid=sip:sg-42@cpns.example
trap 'topology_down; rmmod cpns_group 2>/dev/null' EXIT

lab_start() {
	local gateway
	topology_down
	rm -rf "$lab"
	module_load && topology_up && certificates gw1 gw2 gw3 || return
	server_configure
	daemon_start server || return
	for gateway in gw1 gw2; do
		gateway_configure "$gateway" && daemon_start "$gateway" || return
	done
	cat >"$lab/group.xml"
	in_ns server "$cpnsctl" group create "$lab/group.xml"
}

# lab_up COMMAND...: the lab with the group document on standard input, as
# soon as the command succeeds; without it there is nothing to test
lab_up() {
	lab_start >/tmp/lab-start.out 2>&1 && wait_until 40 "$@" && return
	sed 's/^/# /' /tmp/lab-start.out
	tail -n 20 "$lab"/*.log | sed 's/^/# /'
	echo "Bail out! no group to test with"
	exit 1
}

# member_of NAMESPACE FIELD...: what its daemon says of its groups, one a line
member_of() {
	in_ns "$1" "$cpnsctl" status --json | python3 -c '
import json, sys
for group in json.load(sys.stdin)["daemon"]["member"]["groups"]:
    print(*(group[field] for field in sys.argv[1:]))' "${@:2}"
}

# sid_of NAMESPACE: the Sender-ID it seals under
sid_of() {
	member_of "$1" sid
}

# all_listed: both gateways have the group from the server, for lab_up
all_listed() {
	logged gw1 "group $sgid: listed" && logged gw2 "group $sgid: listed"
}
