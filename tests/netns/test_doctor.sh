#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cpnsctl doctor: each thing that can be wrong is made wrong; what it says is
# compared to the letter; the command that it names is run, and the finding is
# gone. On gateway 1, whose daemon `systemctl` starts here without systemd.
#
# One kernel is enough: 6.12

set -u
# shellcheck source=tests/netns/lab.sh
. "$(dirname "$0")/lab.sh"

has_key() {
	[ "$(epoch_of gw2 "$sgid")" -ge 1 ]
}

# the names that remedies use, for this lab: gateway 1 with its directory, a
# module that is not below /lib/modules, no systemd
write_commands() {
	mkdir -p "$lab/bin" /run/modprobe.d
	cat >"$lab/bin/cpnsctl" <<-END
	#!/bin/sh
	exec $cpnsctl --config-dir $lab/gw1 "\$@"
	END
	cat >"$lab/bin/systemctl" <<-END
	#!/bin/bash
	export CPNS_BUILD=$build lab=$lab
	. $top/tests/netns/topology.sh
	. $top/tests/netns/claims.sh
	kill -9 "\$(daemon_pid gw1)" 2>/dev/null
	ip netns exec gw1 true && daemon_start gw1
	END
	chmod +x "$lab/bin/"*
	cat >/run/modprobe.d/cpns-lab.conf <<-END
	install cpns_group /sbin/insmod $build/kmod/$(uname -r)/cpns_group.ko \$CMDLINE_OPTS
	remove cpns_group /sbin/rmmod cpns_group
	END
}

at_gw1() {
	ip netns exec gw1 env PATH="$lab/bin:$PATH" "$@"
}

# said SUBJECT [COMMAND...]: the lines of a subject, without the lab's names
said() {
	local subject=$1
	shift
	at_gw1 "$@" cpnsctl doctor 2>/dev/null |
		awk -v subject="$subject" '
			substr($0, 7, 12) ~ /[^ ]/ { name = substr($0, 7, 12); sub(/ +$/, "", name) }
			name == subject' |
		sed "s,$lab/gw1,DIR,g; s/ *\$//"
}

# finds SUBJECT TEXT REMEDY [COMMAND...]: the golden text
finds() {
	local subject=$1 word=${2%% *} text=${2#* } remedy=$3
	shift 3
	{
		printf '%-4s  %-12s %s\n' "$word" "$subject" "$text"
		[ -z "$remedy" ] || printf '%-4s  %-12s -> %s\n' "" "" "$remedy"
	} >/tmp/wanted
	# a subject may have good lines beside the bad one
	said "$subject" "$@" | tee /tmp/said | awk -v word="$word" '
		/^[a-z]/ { on = $1 == word } on' | diff /tmp/wanted -
}

# mends SUBJECT: runs what it names for the first finding that is not good;
# then there is none
mends() {
	local remedy
	remedy=$(at_gw1 cpnsctl doctor --json | python3 -c '
import json, sys
for finding in json.load(sys.stdin):
    if finding["subject"] == sys.argv[1] and finding["remedy"]:
        print(finding["remedy"])
        break' "$1")
	echo "$remedy" >&3
	[ -n "$remedy" ] || return
	at_gw1 bash -c "${remedy//NODE.tar/$lab/gw1.tar}" || return
	[ "$(said "$1" | cut -c 1-4 | sort -u | tr -d ' ')" = good ]
}

bad_is_exit_1() {
	at_gw1 cpnsctl doctor
	[ $? = 1 ]
}

# wrong TEXT SUBJECT GOLDEN REMEDY: one that has been made wrong
wrong() {
	claim "$1" finds "$2" "$3" "$4"
	claim "... its command mends it" mends "$2"
}

lab_up has_key < <(group_document "$sgid" esp)
write_commands
cp "$top/userspace/request-key/cpns_group.conf" /etc/request-key.d/
listed() {
	logged gw1 "listed, key by pull"
}
wait_until 20 listed
at_gw1 cpnsctl join "$sgid" >/dev/null

all_good() {
	at_gw1 cpnsctl doctor && ! at_gw1 cpnsctl doctor --json | grep -q '"bad"'
}
claim "nothing is wrong at first: exit 0" all_good
claim "a kernel without keyrings" finds keyrings "bad keyctl(2): Function not implemented" \
	"install a kernel built with CONFIG_KEYS=y" \
	strace -qq -o /dev/null -e trace=keyctl -e inject=keyctl:error=ENOSYS

mkdir -p /etc/modprobe.d
printf '# hardened\nblacklist algif_aead\ninstall algif_aead /bin/false\n' \
	>/etc/modprobe.d/no-algif.conf
rmmod algif_aead
wrong "algif_aead is blocklisted" AF_ALG \
	"note /etc/modprobe.d/no-algif.conf blocklists algif_aead; ESP and messages work without" \
	"sed -i '/algif_aead/d' /etc/modprobe.d/no-algif.conf && modprobe algif_aead"

mv /etc/request-key.d/cpns_group.conf /tmp/cpns_group.conf
claim "request-key(8) has no line" finds request-key \
	"bad /etc/request-key.d/cpns_group.conf is not there: programs cannot request keys" \
	"apt-get install --reinstall cpns, or make install"
mv /tmp/cpns_group.conf /etc/request-key.d/cpns_group.conf

now=$(date +%s)
date -s '1970-01-02 00:00:00 UTC' >/dev/null
clock_1970() {
	said clock | tee /dev/stderr | sed 's/00:00:[0-9]*/00:00:00/' |
		diff - <(printf '%s\n' \
		"note  clock        1970-01-02 00:00:00 UTC; certificates are judged by the last time saved" \
		"                   -> timedatectl set-ntp true")
}
claim "a clock at 1970" clock_1970
claim "... and the certificate is good all the same" finds certificate \
	"good DIR/node.pem is urn:cpns:node:gw1" ""
# the gateway's daemon comes up at 1970, and gets its key
claim "a daemon that starts at 1970" at_gw1 systemctl restart cpnsd
claim "... joins and has the key" at_gw1 cpnsctl join "$sgid"
date -s "@$((now + 60))" >/dev/null

chmod 644 "$lab/gw1/node.key"
wrong "a private key that others can read" "private key" \
	"bad DIR/node.key has mode 644: others can get at the key" \
	"chmod 600 DIR/node.key"
cp "$lab/server/node.key" "$lab/gw1/node.key"
wrong "a private key of another certificate" "private key" \
	"bad DIR/node.key does not belong to the certificate" \
	"cpnsctl node install --force NODE.tar"
cp "$lab/server/node.pem" "$lab/gw1/node.pem"
wrong_kind() {
	said certificate | tee /dev/stderr | grep -q '^bad .*node.pem: .*'
}
claim "a server's certificate on a gateway" wrong_kind
claim "... is replaced" at_gw1 bash -c "cpnsctl node install --force $lab/gw1.tar"
claim "... and good" finds certificate \
	"good DIR/node.pem is urn:cpns:node:gw1" ""
rm "$lab/gw1/node.pem"
wrong "no certificate" certificate \
	"bad DIR/node.pem: No such file or directory" \
	"cpnsctl node install --force NODE.tar"
claim "the administrator's configuration is as it was" \
	grep -q "$lab/gw1/state" "$lab/gw1/cpnsd.conf"

kill -9 "$(daemon_pid gw1)"
sleep 0.5
in_ns gw1 ip xfrm policy flush
wrong "policies are missing" policies \
	"bad 3 of 3 blocking policies are missing: traffic may leave in clear" \
	"cpnsctl policy load"
claim "doctor's exit code says that something is wrong" bad_is_exit_1
wrong "no daemon" daemon "bad none runs in this network namespace" \
	"systemctl enable --now cpnsd"
kill -STOP "$(daemon_pid gw1)"
wrong "a daemon that hangs" daemon "bad does not answer" \
	"systemctl restart cpnsd"

topology_down
rmmod cpns_group
topology_up >/dev/null 2>&1
wrong "no module" module "bad cpns_group is not loaded" "modprobe cpns_group"
wrong "the OSG's key is not pinned" pin \
	"note the OSG's key is not pinned (a server needs none)" \
	"cpnsctl node pin"
rmmod cpns_group
modprobe cpns_group allow_raw=1
wrong "a module for laboratories" module \
	"bad allow_raw=1: epoch secrets in clear are accepted, for labs only" \
	"modprobe -r cpns_group && modprobe cpns_group allow_raw=0"
claims_table
