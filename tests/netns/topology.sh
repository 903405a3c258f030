# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Two houses, a server and a bridge, in network namespaces:
#
#                     server 192.0.2.10
#                        |
#   ------------------ bridge (namespace wan) --------------------
#     |                    |                     |
#    gw1 192.0.2.1        gw2 192.0.2.2         gw3 192.0.2.3
#     |  10.1.0.1          |  10.2.0.1           |  10.3.0.1
#    host1 10.1.0.2       host2 10.2.0.2        host3 10.3.0.2
#
# The hosts run none of our software.  Everything lives below $lab.

lab=${lab:-/run/cpns-lab}
top=${top:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
build=${CPNS_BUILD:-$top/build}
cpnsd=$build/userspace/cpnsd/cpnsd
# what gateways run, where it is another than the server's, and their role
gateway_cpnsd=
gateway_roles=gateway
cpnsctl=$build/userspace/cpnsctl/cpnsctl
export PATH=$build/userspace/cpnsctl:$PATH

# the namespaces hold only programs that this library started
topology_down() {
	local ns
	for ns in server gw1 gw2 gw3 host1 host2 host3 wan; do
		ip netns pids "$ns" 2>/dev/null | xargs -r kill 2>/dev/null
	done
	sleep 0.5
	for ns in server gw1 gw2 gw3 host1 host2 host3 wan; do
		ip netns pids "$ns" 2>/dev/null | xargs -r kill -9 2>/dev/null
		ip netns del "$ns" 2>/dev/null
	done
	return 0
}

in_ns() {
	ip netns exec "$@"
}

# cable NS1 IF1 NS2 IF2
cable() {
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
}

topology_up() {
	local ns i
	mkdir -p "$lab"
	for ns in wan server gw1 gw2 gw3 host1 host2 host3; do
		ip netns add "$ns"
		ip -n "$ns" link set lo up
		in_ns "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	done
	ip -n wan link add br0 type bridge
	ip -n wan link set br0 up
	cable server wan0 wan to-server
	ip -n wan link set to-server master br0
	ip -n server addr add 192.0.2.10/24 dev wan0
	for i in 1 2 3; do
		cable "gw$i" wan0 wan "to-gw$i"
		ip -n wan link set "to-gw$i" master br0
		ip -n "gw$i" addr add "192.0.2.$i/24" dev wan0
		cable "gw$i" lan0 "host$i" eth0
		ip -n "gw$i" addr add "10.$i.0.1/24" dev lan0
		ip -n "host$i" addr add "10.$i.0.2/24" dev eth0
		ip -n "host$i" route add default via "10.$i.0.1"
		in_ns "gw$i" sysctl -qw net.ipv4.ip_forward=1
		for ns in 1 2 3; do
			[ "$ns" = "$i" ] ||
				ip -n "gw$i" route add "10.$ns.0.0/24" via "192.0.2.$ns"
		done
	done
}

# module_load: the module of this kernel and what it stands on
module_load() {
	local module

	module=$build/kmod/$(uname -r)/cpns_group.ko
	modprobe -a xfrm_user esp4 esp6 gcm ccm authenc aesni_intel \
		libcurve25519 curve25519-x86_64 chacha20poly1305 algif_aead 2>/dev/null
	modinfo -F depends "$module" | tr , '\n' | xargs -r modprobe -a 2>/dev/null
	insmod "$module" "$@"
}

# certificates NODE...: the CA, the server's own and one archive for each node
certificates() {
	local node
	$cpnsctl --config-dir "$lab/server" node issue --server main \
		--san 192.0.2.10 || return
	for node in "$@"; do
		$cpnsctl --config-dir "$lab/server" node issue "$node" \
			--out "$lab/$node.tar" || return
	done
}

# server_configure: keys at rest, documents and state below $lab/server
server_configure() {
	mkdir -p "$lab/server/groups.d" "$lab/server/state"
	cat >"$lab/server/cpnsd.conf" <<-END
	[cpnsd]
	roles = server
	[server]
	listen = ${lab_listen:-coaps+tcp://192.0.2.10:5684}
	groups = $lab/server/groups.d
	state = $lab/server/state
	$([ -z "${lab_secrets:-}" ] || echo "lab-secrets = $lab_secrets")
	END
}

# gateway_configure NODE: unpacks its archive there and pins its kernel
gateway_configure() {
	mkdir -p "$lab/$1/state"
	in_ns "$1" "$cpnsctl" --config-dir "$lab/$1" node install "$lab/$1.tar" ||
		return
	cat >"$lab/$1/cpnsd.conf" <<-END
	[cpnsd]
	roles = $gateway_roles
	[gateway]
	server = ${lab_server:-coaps+tcp://192.0.2.10:5684}
	server-id = urn:cpns:server:main
	state = $lab/$1/state
	END
}

# daemon_start NS [OPTIONS...]: its log is $lab/NS.log
daemon_start() {
	local ns=$1 before program=$cpnsd
	[ "$ns" = server ] || program=${gateway_cpnsd:-$cpnsd}
	shift
	before=$(starts "$ns")
	# not in_ns: a function's $! would be a shell's, not the daemon's; nor
	# may it keep the descriptor of a claim's note, which would wait for it
	ip netns exec "$ns" "$program" --config-dir "$lab/$ns" "$@" \
		>>"$lab/$ns.log" 2>&1 3>&- &
	echo $! >"$lab/$ns.pid"
	wait_until 30 more_starts "$ns" "$before"
}

starts() {
	[ -e "$lab/$1.log" ] || touch "$lab/$1.log"
	grep -c 'cpnsd .* started' "$lab/$1.log"
}

more_starts() {
	[ "$(starts "$1")" -gt "$2" ]
}

daemon_pid() {
	cat "$lab/$1.pid"
}

# logged NS TEXT: a line of that daemon's log has this text
logged() {
	grep -qF -- "$2" "$lab/$1.log"
}

# epoch_of NS SGID: number of the epoch that is sent with, by our own tool
epoch_of() {
	in_ns "$1" "$cpnsctl" status --json |
		python3 -c '
import json, sys
for group in json.load(sys.stdin)["groups"]:
    if group["sgid"] == sys.argv[1]:
        print(max([e["number"] for e in group["epochs"]
                   if e["state"] == "active"] or [0]))' "$2"
}

epoch_is() {
	[ "$(epoch_of "$1" "$2")" = "$3" ]
}

# xfrm_counter NS NAME: one line of /proc/net/xfrm_stat
xfrm_counter() {
	in_ns "$1" awk -v name="$2" '$1 == name { print $2 }' /proc/net/xfrm_stat
}

# capture_start NAME NS INTERFACE: to $lab/NAME.pcap
capture_start() {
	: >"$lab/$1.tcpdump"
	ip netns exec "$2" tcpdump -i "$3" -U -w "$lab/$1.pcap" -Z root \
		>/dev/null 2>"$lab/$1.tcpdump" &
	echo $! >"$lab/$1.capture"
	wait_until 10 grep -q listening "$lab/$1.tcpdump"
}

# the kernel gives tcpdump what it has caught after a second at the latest
capture_stop() {
	sleep 1.5
	kill -INT "$(cat "$lab/$1.capture")" 2>/dev/null
	wait "$(cat "$lab/$1.capture")" 2>/dev/null
	return 0
}

# packets NAME FILTER: how many of a capture match a display filter
packets() {
	tshark -r "$lab/$1.pcap" -Y "$2" 2>/dev/null | wc -l
}

# count_packets NAME FILTER: the same with a capture filter, which takes no
# seconds on an emulated machine
count_packets() {
	tcpdump -nr "$lab/$1.pcap" "$2" 2>/dev/null | wc -l
}

# clear_packets NAME: of the houses' nets outside of ESP
clear_packets() {
	packets "$1" '(ip.addr == 10.0.0.0/8) && !esp'
}
