# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# At each step of a flow a daemon stops behind the line of its log (stop_at.c);
# then the server or a gateway is killed, or the link goes.  What is killed is
# started again, as systemd would; everything else has to heal by itself, while
# a host sends all the time and the wire between the houses is captured.
#
# A script that sources this gives healing_run its rows on descriptor 4.

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"

lab_daemon_start=$(declare -f daemon_start)
eval "plain_$lab_daemon_start"
daemon_start() {
	CPNS_STOP_AT=$lab/$1.stop \
		LD_PRELOAD=$build/userspace/unit/libstop_at.so \
		plain_daemon_start "$@"
}

reached() {
	in_ns host1 ping -q -c 1 -W 1 10.2.0.2
}

not_reached() {
	! reached
}

lab_up reached < <(group_document "$sgid" esp)

server_tool() {
	in_ns server timeout 60 "$cpnsctl" "$@"
}

listed() {
	server_tool group show "$sgid"
}

number() {
	server_tool group show "$sgid" --json | python3 -c '
import json, sys
print(json.load(sys.stdin)["num"])'
}

stopped() {
	[ "$(awk '{ print $3 }' "/proc/$(daemon_pid "$1")/stat")" = T ]
}

ended() {
	! kill -0 "$(daemon_pid "$1")" 2>/dev/null
}

# harm WHAT STOPPED: and what is left of it afterwards goes on
harm() {
	case $1 in
	link) ip -n wan link set to-server down ;;
	*)
		kill -9 "$(daemon_pid "$1")"
		wait_until 10 ended "$1"
		;;
	esac
	kill -CONT "$(daemon_pid "$2")" 2>/dev/null
	sleep 1
}

# systemd and the cable
repair() {
	case $1 in
	link) ip -n wan link set to-server up ;;
	*) daemon_start "$1" ;;
	esac
}

# an admin who was told that it failed tries again; one who was not need not
accepted() {
	local code
	wait "$1"
	code=$?
	wait_until 30 server_tool status || return
	listed && return
	echo "group create had said $code, now again"
	[ "$code" != 0 ] && server_tool group create "$lab/group.xml"
}

# healed WHERE PATTERN WHAT: the group is made anew; daemon WHERE stops at
# PATTERN, WHAT is killed
healed() {
	local creating began
	[ "$number_before" = 0 ] || server_tool group delete "$sgid" || return
	wait_until 30 not_reached || return
	echo "*$2*" >"$lab/$1.stop"
	server_tool group create "$lab/group.xml" &
	creating=$!
	if ! wait_until 60 stopped "$1"; then
		echo "never came to $2"
		rm -f "$lab/$1.stop"
		return 1
	fi
	harm "$3" "$1"
	began=$SECONDS
	repair "$3" && accepted "$creating" && wait_until 90 reached || return
	printf '%d s' $((SECONDS - began)) >&3
	in_ns host2 ping -q -c 1 -W 2 10.1.0.2 && number_grew
}

number_before=$(number)
number_grew() {
	local now
	now=$(number)
	[ "$now" -gt "$number_before" ] && echo "$now" >"$lab/number"
}

nothing_clear() {
	local clear
	clear=$(count_packets wan 'ip and net 10.0.0.0/8')
	echo "$(count_packets wan esp) ESP, $clear clear" >&3
	[ "$clear" = 0 ] && [ "$(count_packets wan esp)" -gt 20 ]
}

no_alarm() {
	! grep -ih alarm "$lab"/gw?.log >&3
}

# healing_run: rows "WHERE|PATTERN|WHAT..." from descriptor 4
healing_run() {
	local where pattern harms what
	capture_start wan wan br0
	in_ns host1 ping -q -i 0.5 10.2.0.2 >/dev/null 2>&1 &
	in_ns host2 ping -q -i 0.5 10.1.0.2 >/dev/null 2>&1 &
	while IFS='|' read -r where pattern harms <&4; do
		for what in $harms; do
			claim "$where at \"$pattern\", $what goes" \
				healed "$where" "$pattern" "$what"
			[ ! -e "$lab/number" ] || number_before=$(cat "$lab/number")
		done
	done
	capture_stop wan
	claim "nothing left in clear at any time" nothing_clear
	claim "no alarm at any gateway" no_alarm
	claims_table
}
