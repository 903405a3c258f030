#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The data plane beyond IPv4 tunnels: IPv6, transport mode, a multicast group,
# a gateway that masquerades, a daemon that is stopped.  Packets arrive, or
# are blocked; none is in clear.  What two houses' packets hold tshark reads
# with the keys that follow from the lab's secret, and with none else.

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

six=sip:six@cpns.example
transport=sip:transport@cpns.example
multicast=sip:multicast@cpns.example
modprobe -aq nft_chain_nat nft_masq nft_ct nft_compat xfrm4_tunnel

pushed() {
	group_document "$1" esp | sed 's/delivery="pull"/delivery="push"/'
}

# shellcheck disable=SC2034 # of topology.sh
lab_secrets=$lab/epoch-secrets
lab_up in_ns host1 ping -c 1 -W 1 10.2.0.2 < <(pushed "$sgid")

create() {
	cat >"$lab/more.xml"
	in_ns server "$cpnsctl" group create "$lab/more.xml"
}

arrives() {
	local result
	result=$(in_ns "$1" ping -q -i 0.1 -c 15 -W 3 "${@:2}" |
		grep -o '[0-9]*% packet loss')
	echo "$result" >&3
	[ "$result" = "0% packet loss" ]
}

blocked() {
	! in_ns "$1" ping -q -i 0.2 -c 4 -W 1 "${@:2}"
}

# shown NAME FILTER FILTER: ESP of the first kind, nothing of the second
shown() {
	local esp clear
	esp=$(count_packets "$1" "$2")
	clear=$(count_packets "$1" "$3")
	echo "$esp ESP, $clear clear" >&3
	[ "$esp" -ge "${4:-20}" ] && [ "$clear" = 0 ]
}

say "tshark, told the keys that follow from the lab's secret"
# key_rows FROM DIGITS: rows of its table esp_sa for the states of gw1 that
# begin at that address, the epoch secret's digits translated
key_rows() {
	local sgid epoch secret src dst spi handle

	read -r sgid epoch secret < <(tail -n 1 "$lab_secrets")
	in_ns gw1 ip xfrm state | awk -v from="$1" '
		$1 == "src" { src = $2; dst = $4 }
		$1 == "proto" { spi = $4 }
		$1 == "aead" && src ~ from { print src, dst, spi, $3 }' |
		while read -r src dst spi handle; do
			/usr/bin/python3 "$top/tests/kselftest/lab_group.py" \
				tshark "$sgid" "$epoch" 1 \
				"$(tr 0-9a-f "${2:-0-9a-f}" <<<"$secret")" \
				"0x${handle:18:4}" "$src" "$dst" "$spi"
		done
}
# read_inside WANTED FROM [DIGITS]: pings with their pattern inside of ESP
read_inside() {
	local count rows=()

	mapfile -t rows < <(key_rows "${@:2}")
	[ "${#rows[@]}" -gt 0 ] || return
	count=$(tshark -n -r "$lab/inside.pcap" \
		-o esp.enable_encryption_decode:TRUE \
		"${rows[@]/#/-ouat:esp_sa:}" -T fields -E occurrence=l \
		-e ip.src -e ip.dst -e icmp.type -e data.data \
		-Y "esp && ip.addr == 10.1.0.2 && ip.addr == 10.2.0.2" |
		grep -c c0ffee42)
	echo "$count pings" >&3
	[ "$count" = "$1" ]
}
capture_start inside wan br0
ten_pings() {
	in_ns host1 ping -q -i 0.2 -c 10 -W 3 -p c0ffee42 10.2.0.2
}
claim "ten pings" ten_pings
all_captured() {
	[ "$(count_packets inside esp)" -ge 20 ]
}
wait_until 10 all_captured
capture_stop inside
claim "it reads each of them and each answer inside the tunnel" \
	read_inside 20 192.0.2
claim "with gw1's key what comes from host1" read_inside 10 192.0.2.1
claim "with keys of another secret nothing" read_inside 0 192.0.2 1-9a-f0

say "IPv6, in tunnels over IPv6"
for ns in gw1 gw2 host1 host2; do
	in_ns "$ns" sysctl -qw net.ipv6.conf.all.disable_ipv6=0
done
for i in 1 2; do
	in_ns "gw$i" sysctl -qw net.ipv6.conf.all.forwarding=1
	ip -n "gw$i" addr add "2001:db8:9::$i/64" dev wan0 nodad
	ip -n "gw$i" addr add "2001:db8:$i::1/64" dev lan0 nodad
	ip -n "host$i" addr add "2001:db8:$i::2/64" dev eth0 nodad
	ip -n "host$i" -6 route add default via "2001:db8:$i::1"
	ip -n "gw$i" -6 route add "2001:db8:$((3 - i))::/64" \
		via "2001:db8:9::$((3 - i))"
done
capture_start six wan br0
claim "before there is a group the houses speak in clear" \
	wait_until 10 in_ns host1 ping -c 1 -W 1 2001:db8:2::2
capture_stop six
capture_start six wan br0
pushed "$six" | sed 's/tunnel="192.0.2.\([12]\)"/tunnel="2001:db8:9::\1"/
	s|nets="10.\([12]\).0.0/24"|nets="2001:db8:\1::/64"|' | create
six_encrypted() {
	in_ns gw1 ip xfrm state | grep -q 'src 2001:db8:9::1 dst 2001:db8:9::2' &&
		in_ns host1 ping -c 1 -W 1 2001:db8:2::2
}
claim "host1 reaches host2 through the group" wait_until 40 six_encrypted
capture_stop six
capture_start six wan br0
claim "without loss" arrives host1 2001:db8:2::2
claim "and back" arrives host2 2001:db8:1::2
capture_stop six
claim "between the gateways: ESP only" shown six 'ip6 and esp' \
	'net 2001:db8:1::/64 or net 2001:db8:2::/64'

say "Transport mode between the gateways themselves"
ip -n gw1 addr add 192.0.2.101/24 dev wan0
ip -n gw2 addr add 192.0.2.102/24 dev wan0
pushed "$transport" | sed 's/tunnel="192.0.2.\([12]\)"/tunnel="192.0.2.10\1"/
	s|nets="10.\([12]\).0.0/24"|nets="192.0.2.10\1/32"|
	s/mode="tunnel"/mode="transport"/' | create
encrypted_hosts() {
	in_ns gw1 ip xfrm state | grep -q 'src 192.0.2.101 dst 192.0.2.102' &&
		in_ns gw1 ping -c 1 -W 1 -I 192.0.2.101 192.0.2.102
}
claim "gw1 reaches gw2" wait_until 40 encrypted_hosts
mode_transport() {
	in_ns gw1 ip xfrm state | grep -A 1 'src 192.0.2.101 dst 192.0.2.102' |
		grep -q 'mode transport'
}
claim "with SAs in transport mode" mode_transport
capture_start transport wan br0
claim "without loss" arrives gw1 -I 192.0.2.101 192.0.2.102
claim "from another of its addresses it is blocked" \
	blocked gw1 -I 192.0.2.1 192.0.2.102
capture_stop transport
claim "between them: ESP only" shown transport \
	'esp and host 192.0.2.101' 'host 192.0.2.102 and icmp'

say "A multicast group"
for i in 1 2; do
	ip -n "gw$i" addr add "192.0.2.11$i/24" dev wan0
done
pushed "$multicast" | sed 's/tunnel="192.0.2.\([12]\)"/tunnel="192.0.2.11\1"/
	s|nets="10.\([12]\).0.0/24"|nets="192.0.2.11\1/32"|
	s/mode="tunnel"/mode="transport" multicast="239.192.7.7"/' | create
multicast_ready() {
	in_ns gw1 ip xfrm state | grep -q 'dst 239.192.7.7' &&
		in_ns gw2 ip xfrm state | grep -q 'src 192.0.2.111 dst 239.192.7.7'
}
claim "both have its SAs" wait_until 40 multicast_ready
capture_start multicast wan br0
# told NAME FROM TO: packets to the group are heard there
told() {
	ip netns exec "gw$3" "$here/sequence" receive 239.192.7.7 9000 \
		"$lab/$1.json" "192.0.2.11$3" &
	local listener=$!
	sleep 2
	in_ns "gw$2" "$here/sequence" send 239.192.7.7 9000 10 4 "192.0.2.11$2" \
		>"$lab/$1.sent"
	sleep 1
	kill $listener
	wait $listener 2>/dev/null
	echo "$(cat "$lab/$1.sent") sent, $(cat "$lab/$1.json")" >&3
	[ "$(cat "$lab/$1.sent")" -gt 20 ] &&
		grep -qF "\"count\": $(cat "$lab/$1.sent")," "$lab/$1.json"
}
claim "gw2 hears all that gw1 tells the group" told one 1 2
claim "gw1 hears all that gw2 tells the group" told two 2 1
capture_stop multicast
claim "on the wire: ESP to the group only" shown multicast \
	'esp and dst 239.192.7.7' 'dst 239.192.7.7 and udp'

say "A gateway that masquerades, as OpenWrt does"
masquerade() {
	in_ns gw1 nft -f - <<-END
	table ip nat {
	 chain postrouting {
	  type nat hook postrouting priority srcnat; policy accept;
	  $1
	  oifname "wan0" masquerade
	 }
	}
	END
}
block_count() {
	xfrm_counter gw1 XfrmOutPolBlock
}
before=$(block_count)
claim "the gateway masquerades" masquerade ""
capture_start masquerade wan br0
claim "with masquerading of everything the houses are cut off" \
	blocked host1 10.2.0.2
told_so() {
	echo "XfrmOutPolBlock $before -> $(block_count)" >&3
	[ "$(block_count)" -gt "$before" ]
}
claim "the kernel counts what it blocked" told_so
doctor_says() {
	in_ns gw1 "$cpnsctl" --config-dir "$lab/gw1" doctor >"$lab/doctor"
	grep -iE -m 1 "$1" "$lab/doctor" >&3
	grep -qiE "$1" "$lab/doctor"
}
claim "cpnsctl doctor names it" doctor_says 'blocked.*masquerad'
in_ns gw1 nft flush table ip nat
masquerade "rt ipsec exists accept"
claim "with its exemption for IPsec they speak again" \
	wait_until 10 in_ns host1 ping -c 1 -W 1 10.2.0.2
claim "without loss" arrives host1 10.2.0.2
capture_stop masquerade
claim "nothing was in clear, rewritten or not" shown masquerade esp \
	'net 10.0.0.0/8 or (icmp and host 192.0.2.1)'
in_ns gw1 nft delete table ip nat

say "The daemon is stopped as systemctl does, under traffic"
capture_start stopped wan br0
in_ns host1 ping -q -i 0.1 -c 60 -W 3 10.2.0.2 >"$lab/stopped" 2>&1 &
pinging=$!
sleep 1
kill "$(daemon_pid gw1)"
wait_until 10 eval '! kill -0 "$(daemon_pid gw1)"'
wait "$pinging"
no_loss() {
	grep -o '[0-9]* packets transmitted.*loss' "$lab/stopped" >&3
	grep -q ' 0% packet loss' "$lab/stopped"
}
claim "traffic goes on: the kernel has key, SAs and policies" no_loss
in_ns gw1 ip xfrm state flush
claim "without SAs it stops" blocked host1 10.2.0.2
claim "a net of nobody's SA, too" blocked host2 10.1.0.2
capture_stop stopped
claim "nothing in clear" shown stopped esp 'net 10.0.0.0/8'
in_ns gw1 ip xfrm policy add src 10.77.1.0/24 dst 10.77.2.0/24 dir out \
	priority 1000 tmpl src 192.0.2.1 dst 192.0.2.77 proto esp mode tunnel
daemon_start gw1
claim "after its start the daemon mends the SAs" \
	wait_until 40 in_ns host1 ping -c 1 -W 1 10.2.0.2
claim "an administrator's own IPsec policy is left alone" \
	eval 'in_ns gw1 ip xfrm policy | grep -q 10.77.2.0/24'
claims_table
