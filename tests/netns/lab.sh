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
