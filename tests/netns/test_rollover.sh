#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Twenty epochs under steady traffic both ways: no packet is lost, none comes
# twice, none is in clear.  Then one gateway is evicted while it sends.

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

epochs=20
rate=20

# all by push; epochs that can wait are DTD + 1 s apart
lab_up in_ns host1 ping -c 1 -W 1 10.2.0.2 < <(group_document "$sgid" esp |
	sed 's/delivery="pull"/delivery="push"/; s/atd="4" dtd="8"/atd="3" dtd="6"/')

receives() {
	[ -n "$(in_ns "$1" ss -Hlun 'sport = :9000')" ]
}

# traffic_start NAME FROM TO ADDRESS SECONDS
traffic_start() {
	ip netns exec "$3" "$here/sequence" receive "$4" 9000 "$lab/$1.json" &
	echo $! >"$lab/$1.receiver"
	wait_until 20 receives "$3"
	ip netns exec "$2" "$here/sequence" send "$4" 9000 "$rate" "$5" \
		>"$lab/$1.sent" &
	echo $! >"$lab/$1.sender"
}

traffic_stop() {
	kill "$(cat "$lab/$1.sender")" 2>/dev/null
	sleep 0.5
	kill "$(cat "$lab/$1.receiver")"
	wait "$(cat "$lab/$1.receiver")" 2>/dev/null
	return 0
}

of_traffic() {
	python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$lab/$1.json" "$2"
}

# whole NAME LEAST: at least so many came, none is missing between
whole() {
	echo "$(of_traffic "$1" count) came, $(of_traffic "$1" missing) lost, $(of_traffic "$1" twice) twice" >&3
	[ "$(of_traffic "$1" count)" -ge "$2" ] &&
		[ "$(of_traffic "$1" missing)" = 0 ] &&
		[ "$(of_traffic "$1" twice)" = 0 ] &&
		[ "$(of_traffic "$1" low)" -le 2 ]
}

errors_of() {
	in_ns "$1" awk '/^Xfrm.*(Error|Invalid|NoStates|Expired|Mismatch|NoPols|PolBlock)/ {
		sum += $2 } END { print sum + 0 }' /proc/net/xfrm_stat
}

has_epoch() {
	grep -qF "group $sgid: epoch $2 is in the kernel" "$lab/$1.log"
}

say "Nothing changes: the rate that this machine bears"
traffic_start there host1 host2 10.2.0.2 15
traffic_start back host2 host1 10.1.0.2 15
sleep 8
traffic_stop there
traffic_stop back
claim "host1 -> host2, $rate packets a second, one epoch" whole there 40
claim "host2 -> host1" whole back 40

say "$epochs epochs"
before=$(($(errors_of gw1) + $(errors_of gw2)))
capture_start rollover wan br0
traffic_start there host1 host2 10.2.0.2 600
traffic_start back host2 host1 10.1.0.2 600
roll() {
	local number
	for ((number = 2; number <= epochs + 1; number++)); do
		in_ns server "$cpnsctl" group rekey "$sgid" || return
		wait_until 20 has_epoch gw1 "$number" || return
		wait_until 20 has_epoch gw2 "$number" || return
	done
	wait_until 20 epoch_is gw1 "$sgid" $((epochs + 1)) &&
		wait_until 20 epoch_is gw2 "$sgid" $((epochs + 1)) || return
	echo "epoch $((epochs + 1))" >&3
}
claim "each is made, pushed and sent with" roll
# from the server's step 8, sending, to the gateway's, installing
slowest_push() {
	grep -hF "B.2.1.2 step 8" "$lab/server.log" "$lab/gw1.log" \
		"$lab/gw2.log" | python3 -c '
import re, sys
sent, slowest = {}, 0
for line in sys.stdin:
    where = re.search(r"num=(\d+) node=(\S+).*boottime_us=(\d+)", line)
    if not where:
        continue
    key, time = where.groups()[:2], int(where.group(3))
    if "server B.2.1.2" in line:
        sent.setdefault(key, time)
    elif key in sent and int(key[0]) > 1:
        slowest = max(slowest, time - sent[key])
print("%d ms" % (slowest / 1000))
sys.exit(slowest > 3000000)' >&3
}
claim "the slowest push is there before its epoch is sent with" slowest_push
sleep 4
traffic_stop there
traffic_stop back
capture_stop rollover
claim "host1 -> host2: no packet lost, none twice" whole there 400
claim "host2 -> host1: no packet lost, none twice" whole back 400
no_errors() {
	local after
	after=$(($(errors_of gw1) + $(errors_of gw2)))
	echo "errors in xfrm_stat: $before -> $after" >&3
	for ns in gw1 gw2; do
		in_ns "$ns" awk '$2 != 0' /proc/net/xfrm_stat
	done
	[ "$after" = "$before" ]
}
claim "the kernels count no error" no_errors
esp_only() {
	local clear esp
	clear=$(count_packets rollover 'net 10.0.0.0/8')
	esp=$(count_packets rollover esp)
	echo "$esp ESP, $clear clear, $(tcpdump -nr "$lab/rollover.pcap" esp 2>/dev/null | grep -o 'spi=0x[0-9a-f]*' | sort -u | wc -l) SPIs" >&3
	[ "$clear" = 0 ] && [ "$esp" -gt 800 ]
}
claim "between the gateways: ESP only" esp_only
few_states() {
	local count
	count=$(in_ns gw1 ip xfrm state count | grep -o 'SAD count [0-9]*' |
		cut -d' ' -f3)
	echo "$count SAs at gw1" >&3
	[ "$count" -le 8 ]
}
claim "old SAs are gone" few_states

say "gw3 comes, and is evicted while it sends; it does not obey"
gateway_configure gw3 >/dev/null 2>&1
daemon_start gw3
in_ns server "$cpnsctl" group add-member "$sgid" gw3 --tunnel 192.0.2.3 \
	--net 10.3.0.0/24 --delivery push
claim "host3 reaches host1" wait_until 40 in_ns host3 ping -c 1 -W 1 10.1.0.2
kill -STOP "$(daemon_pid gw3)"
last=$(in_ns gw1 "$cpnsctl" status --json | python3 -c 'import json, sys
print(max(e["number"] for g in json.load(sys.stdin)["groups"] for e in g["epochs"]))')
capture_start eviction wan br0
traffic_start evicted host3 host1 10.1.0.2 120
sending() {
	[ "$(count_packets eviction 'esp and src 192.0.2.3')" -gt 40 ]
}
wait_until 60 sending
in_ns server "$cpnsctl" node revoke gw3 ||
	in_ns server "$cpnsctl" group remove-member "$sgid" gw3
claim "gw1 has the epoch without it" wait_until 20 has_epoch gw1 $((last + 1))
sleep 4
traffic_stop evicted
capture_stop eviction
# the push as the server's flow log has it
dropped_in_time() {
	local pushed late
	pushed=$(grep -F "B.2.1.2 step 8" "$lab/server.log" |
		grep -F "num=$((last + 1)) " | grep -F "node=gw1" |
		sed -n 's/.*boottime_us=\([0-9]*\).*/\1/p' | head -n 1)
	late=$(($(of_traffic evicted last_us) - pushed))
	echo "last packet $((late / 1000)) ms after the push, $(of_traffic evicted count) came" >&3
	[ "$(of_traffic evicted count)" -gt 20 ] && [ "$late" -lt 1000000 ]
}
claim "its packets are dropped within one second of the push" dropped_in_time
still_sent() {
	local sent
	sent=$(count_packets eviction 'esp and src 192.0.2.3')
	echo "$sent sent, $(of_traffic evicted count) came" >&3
	[ "$sent" -gt $(($(of_traffic evicted count) + 20)) ]
}
claim "it did send on" still_sent
kill -CONT "$(daemon_pid gw3)"
in_clear() {
	local clear
	clear=$(count_packets eviction 'net 10.0.0.0/8')
	echo "$clear clear" >&3
	[ "$clear" = 0 ] && [ "$(count_packets eviction esp)" -gt 20 ]
}
claim "nothing in clear" in_clear
claims_table
