# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A CPNS Server and many gateways g1, g2, ... in network namespaces of one
# guest, for measuring: tunnels 192.0.2.(100 + i), nets 10.i.0.0/24.  The
# module is loaded already.

bench_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=/run/cpns-bench
# shellcheck source=tests/netns/topology.sh
. "$bench_here/../../netns/topology.sh"
# shellcheck source=tests/netns/claims.sh
. "$bench_here/../../netns/claims.sh"

# a busy machine is no error of what is measured
patient() {
	wait_until 300 "$@"
}

gateways_down() {
	local ns
	for ns in server wan $(ip netns list | grep -o '^g[0-9]*'); do
		ip netns pids "$ns" 2>/dev/null | xargs -r kill 2>/dev/null
		ip netns del "$ns" 2>/dev/null
	done
	rm -rf "$lab"
}

# namespace NS ADDRESS: on the bridge
namespace() {
	ip netns add "$1"
	ip -n "$1" link set lo up
	in_ns "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	cable "$1" wan0 wan "to-$1"
	ip -n wan link set "to-$1" master br0
	ip -n "$1" addr add "$2/24" dev wan0
}

# gateways_up COUNT: daemons of the server and of g1 to gCOUNT, no group yet
gateways_up() {
	local i names=()
	for ((i = 1; i <= $1; i++)); do
		names+=("g$i")
	done
	mkdir -p "$lab"
	ip netns add wan
	ip -n wan link add br0 type bridge
	ip -n wan link set br0 up
	namespace server 192.0.2.10
	certificates "${names[@]}" || return
	server_configure
	daemon_start server || return
	for ((i = 1; i <= $1; i++)); do
		namespace "g$i" "192.0.2.$((100 + i))"
		in_ns "g$i" sysctl -qw net.ipv4.ip_forward=1
		gateway_configure "g$i" && daemon_start "g$i" || return
	done
}

# gateways_document SGID COUNT: by push, used at once
gateways_document() {
	local i
	echo '<group xmlns="urn:oma:xml:poc:list-service" xmlns:cpns="urn:cpns:xml:group-key:1">'
	echo " <list-service uri=\"$1\"><list>"
	for ((i = 1; i <= $2; i++)); do
		echo "<entry uri=\"urn:cpns:node:g$i\"><cpns:member delivery=\"push\" tunnel=\"192.0.2.$((100 + i))\" nets=\"10.$i.0.0/24\"/></entry>"
	done
	echo "</list><cpns:group-key location=\"coaps+tcp://192.0.2.10:5684/ace-group/$1\" signer=\"urn:cpns:signer:main\" atd=\"0\" dtd=\"2\" batch-ms=\"0\" delivery=\"push\" data=\"esp\"/></list-service></group>"
}

# group_begin SGID COUNT: until all of them send
group_begin() {
	local i
	gateways_document "$1" "$2" >"$lab/group.xml"
	in_ns server "$cpnsctl" group create "$lab/group.xml" >&2 || return
	for ((i = 1; i <= $2; i++)); do
		patient sends "g$i" "$1" || return
	done
}

sends() {
	[ "$(epoch_of "$1" "$2")" -gt 0 ]
}
