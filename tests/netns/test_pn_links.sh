#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The security of a PN's Wi-Fi, as hostapd has it, decides over the key: the
# group asks for level 1, the network of house 1 loses its protection. And the
# kernel's lockdown, which is the last step of all: its file is another's here,
# for lockdown could not be ended again, and lets no module in.
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"
# shellcheck source=tests/netns/link_level.sh
. "$(dirname "$0")/link_level.sh"

write_hostapd() {
	printf 'interface=pn0\ndriver=none\nctrl_interface=%s\nssid=house\n%s' \
		"$lab/gw1/hostapd" "$1" >"$lab/hostapd.conf"
}
strong='wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_passphrase=correct horse battery
'

level_lab_up
kill "$(daemon_pid gw1)"
echo "hostapd = $lab/gw1/hostapd" >>"$lab/gw1/cpnsd.conf"
write_hostapd "$strong"
ip netns exec gw1 hostapd "$lab/hostapd.conf" >"$lab/hostapd.log" 2>&1 &
hostapd=$!
daemon_start gw1

link_is() {
	in_ns gw1 "$cpnsctl" status | tee /dev/stderr |
		grep -qx "  link: wifi $1 (hostapd pn0)"
}
claim "WPA2: cpnsctl status shows a strong link" wait_until 30 link_is strong
claim "... and the server has level 2 for the node" wait_until 10 level_is 2
claim "it gets the key" in_ns gw1 "$cpnsctl" join "$sgid"
write_hostapd ''
kill -HUP "$hostapd"
begin=$EPOCHSECONDS
told() {
	wait_until 30 level_is 0 && echo "$((EPOCHSECONDS - begin)) s" >&3
}
claim "the network is opened: the server hears of it" told
ask_for_new_key
claim "the next key is refused, and the gateway says why" wait_until 60 refused
write_hostapd "$strong"
kill -HUP "$hostapd"
claim "protected again: the server hears of it" wait_until 30 level_is 2
claim "... and the gateway gets the new key" wait_until 90 new_key

mkdir "$lab/security"
echo 'none [integrity] confidentiality' >"$lab/security/lockdown"
cat >"$lab/locked-down" <<END
#!/bin/sh
mount --bind $lab/security /sys/kernel/security && exec $cpnsd "\$@"
END
chmod +x "$lab/locked-down"
# shellcheck disable=SC2034 # of topology.sh
gateway_cpnsd=$lab/locked-down
daemon_again() {
	kill "$(daemon_pid gw1)" && daemon_start gw1
}
locked_down() {
	daemon_again && wait_until 30 level_is 3
}
not_locked_down() {
	daemon_again && wait_until 30 link_is strong && sleep 2 && level_is 2
}
claim "lockdown=integrity lets root read memory: it stays level 2" \
	not_locked_down
echo 'none integrity [confidentiality]' >"$lab/security/lockdown"
claim "lockdown=confidentiality: the server has level 3" locked_down
kill "$hostapd"
claims_table
