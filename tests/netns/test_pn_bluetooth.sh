#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The security of a PN's Bluetooth, as BlueZ has it, decides over the key: the
# group asks for level 1. The kernel's Bluetooth, bluetoothd and two virtual
# controllers (btvirt), hci0 the house's and hci1 a device; both are this
# machine's, so each connection is told of twice.
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
# shellcheck source=tests/netns/link_level.sh
. "$(dirname "$0")/link_level.sh"

modules=$build/kselftest-bluetooth/$(uname -r)
if [ ! -e "$modules/hci_vhci.ko" ]; then
	echo "1..0 # SKIP Bluetooth is built for kernels whose source is installed: not for this one"
	exit 0
fi
pids=/run/cpns-bluetooth
log=/tmp/cpns-bluetooth
mkdir -p "$pids" "$log" /run/dbus

# begin NAME COMMAND...: its output is $log/NAME; it reads $input, or nothing
begin() {
	local name=$1
	shift
	# the background's own redirection comes when it comes
	: >"$log/$name"
	"$@" <>"${input:-/dev/null}" >"$log/$name" 2>&1 3>&- &
	echo $! >"$pids/$name"
	disown $!
}

# end NAME [SIGNAL]
end() {
	kill "-${2:-TERM}" "$(cat "$pids/$1")" 2>/dev/null
}

gone() {
	! kill -0 "$(cat "$pids/$1")" 2>/dev/null
}

end_bluetooth() {
	end bluetoothd CONT
	for name in l2test l2test_server bluetoothctl bluetoothd btvirt dbus-daemon; do
		end "$name"
		wait_until 10 gone "$name" || end "$name" KILL
	done
	umount /var/lib/bluetooth
	rmmod hci_vhci bluetooth
	rm -rf "$pids" /run/dbus/system_bus_socket
} 2>/dev/null
trap 'end_bluetooth; topology_down; rmmod cpns_group 2>/dev/null' EXIT

bluetoothd_start() {
	begin bluetoothd /usr/libexec/bluetooth/bluetoothd --nodetach
	wait_until 30 named
}

named() {
	gdbus introspect --system --dest org.bluez --object-path /org/bluez/hci1
}

tell() {
	echo "$1" >"$pids/commands"
}

said() {
	grep -aqF -- "$1" "$log/bluetoothctl"
}

address_of() {
	hciconfig "$1" | awk '/BD Address:/ { print $3 }'
}

both_powered() {
	[ "$(hciconfig | grep -c 'UP RUNNING')" = 2 ]
}

bluetooth_up() {
	modprobe -a ecdh_generic cmac ecb af_alg algif_hash algif_skcipher
	insmod "$modules/bluetooth.ko" && insmod "$modules/hci_vhci.ko" || return
	# no pairing is remembered
	mount -t tmpfs none /var/lib/bluetooth || return
	begin dbus-daemon dbus-daemon --system --nofork --nopidfile
	wait_until 10 test -S /run/dbus/system_bus_socket || return
	begin btvirt btvirt -l2
	bluetoothd_start || return
	mkfifo "$pids/commands"
	# of a device without keys: pairs with whoever asks
	input=$pids/commands begin bluetoothctl \
		bluetoothctl --agent NoInputNoOutput
	wait_until 10 said 'Agent registered' || return
	tell default-agent
	house=$(address_of hci0)
	device=$(address_of hci1)
	for address in "$house" "$device"; do
		tell "select $address"
		tell 'power on'
	done
	tell 'pairable on'
	wait_until 10 both_powered && discoverable
}

# the device, for some minutes
discoverable() {
	tell "select $device"
	tell 'discoverable on'
	tell "select $house"
	wait_until 20 scan_is_on
}

scan_is_on() {
	hciconfig hci1 | grep 'PSCAN ISCAN'
}

# connect PSM: to that service, and stays. A controller may be busy with what
# was before: l2test ends then, says why, and begins anew. So it does when BlueZ
# does not hear of both ends: the kernel leaves one out now and then, for good.
connect() {
	local try
	for try in 1 2 3 4 5; do
		begin l2test l2test -i hci0 -n -P "$1" "$device"
		wait_until 20 connected_or_gone
		grep -q 'Connected to' "$log/l2test" && wait_until 5 told &&
			return
		echo "try $try: $(cat "$log/l2test")"
		bluez_objects
		end l2test
		wait_until 10 not_connected
		sleep 1
	done
	return 1
}

bluez_objects() {
	gdbus call --system --dest org.bluez --object-path / --method \
		org.freedesktop.DBus.ObjectManager.GetManagedObjects
}

# told: BlueZ, of both ends
told() {
	[ "$(bluez_objects | grep -o "'Connected': <true>" | wc -l)" = 2 ]
}

connected_or_gone() {
	grep -q 'Connected to' "$log/l2test" || gone l2test
}
# needs no pairing, is bluetoothd's
discovery=1
# of l2test
service=4097

# connected [WORD]: the kernel has it (and says so of it)
connected() {
	[ "$(hcitool con | grep ACL | grep -c -- "${1:-}")" = 2 ]
}

not_connected() {
	! hcitool con | grep ACL
}

link_lines() {
	in_ns gw1 "$cpnsctl" status | tee /dev/stderr | grep '^  link: '
}

# links_are SECURITY: the connection, from both of its ends
links_are() {
	[ "$(link_lines | sort)" = "$(printf '  link: bluetooth %s (BlueZ %s)\n' \
		"$1" "$house" "$1" "$device" | sort)" ]
}

no_links() {
	[ -z "$(link_lines)" ]
}

link_says() {
	link_lines | grep -qx "  link: bluetooth open (BlueZ $1)"
}

seen() {
	wait_until 30 links_are "$1" && wait_until 20 level_is "$2"
}

unseen() {
	wait_until 30 no_links && wait_until 20 level_is 2
}

bluetooth_up >"$log/up" 2>&1 || {
	sed 's/^/# /' "$log"/*
	echo "Bail out! no Bluetooth to test with"
	exit 1
}

level_lab_up

claim "two adapters and no device connected: no link, level 2" unseen
claim "the gateway gets the key" in_ns gw1 "$cpnsctl" join "$sgid"
claim "a device connects without pairing" connect "$discovery"
claim "... an open link, of which the server hears" seen open 0
ask_for_new_key
claim "... the next key is refused" wait_until 60 refused

tell "pair $device"
claim "it pairs" wait_until 30 said 'Pairing successful'
claim "... a strong link" seen strong 2
claim "... which the kernel has encrypted" connected ENCRYPT
claim "... and the gateway gets the new key" wait_until 90 new_key

end l2test
claim "it disconnects: no link" unseen
begin l2test_server l2test -i hci1 -d -P "$service"
wait_until 20 grep -q 'Waiting for connection' "$log/l2test_server"
claim "it connects, paired as it is" connect "$service"
claim "... a strong link" seen strong 2
claim "... which is encrypted again" connected ENCRYPT

end bluetoothd KILL
claim "bluetoothd dies, the kernel keeps the connection" connected
gone_seen() {
	wait_until 30 link_says 'has gone' && wait_until 20 level_is 0
}
claim "... an open link" gone_seen
bluetoothd_start
claim "it is back: as strong as before" seen strong 2

end bluetoothd STOP
kill "$(daemon_pid gw1)"
daemon_start gw1
hung_seen() {
	wait_until 30 link_says 'does not answer' && wait_until 20 level_is 0
}
claim "bluetoothd hangs when the daemon starts: an open link" hung_seen
end bluetoothd CONT
claim "... until it answers" seen strong 2

tell "select $house"
tell "remove $device"
tell "select $device"
tell "remove $house"
claim "the pairing is removed: no link" unseen
wait_until 10 not_connected
discoverable
claim "the device connects anew" connect "$discovery"
claim "... an open link" seen open 0
end bluetoothd
claim "bluetoothd is stopped in order and ends the connection" \
	wait_until 20 not_connected
claim "... no link" unseen
claims_table
