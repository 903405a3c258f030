#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Nothing that root can ask a machine for by an interface holds an epoch
# secret, a pseudo-random key, a traffic key or a KEK. All of them are known
# here; two groups that have them are put to every use (known_key.py) while
# everything that can tell is turned on, and each output is searched in many
# forms (known_key_search.py). What the search must find, it finds: a plain
# value beside our keys, in the same outputs of each kind: as the key of states
# of others, in names, in what is said to the log, to audit and to the trace.
#
# Not searched: the kernel's memory (/proc/kcore, kprobes that fetch memory,
# crash dumps), which no key in use is safe from.
#
# Needs the module with allow_raw=1, root, iproute2, python3-cryptography; uses
# strace and the programs of this tree where they are, and what the kernel has
# of PF_KEY, nlmon, audit and tracing.

set -u

here=$(dirname "$(readlink -f "$0")")
out=$(mktemp -d)
tracing=/sys/kernel/tracing
dynamic=/sys/kernel/debug/dynamic_debug/control
programs=${CPNS_BUILD:-}/userspace
debug_of=(cpns_group af_alg algif_aead esp4 esp6 xfrm_user af_key gcm)
listeners=()
number=0
failed=0

# What was turned on is turned off; the lab goes.
# shellcheck disable=SC2317 # called by the EXIT trap
finish() {
	((${#listeners[@]} == 0)) || kill "${listeners[@]}" 2>/dev/null
	python3 "$here/known_key_ask.py" audit off 2>/dev/null
	trace_off
	debug_messages -p
	echo Y >/sys/module/printk/parameters/ignore_loglevel
	ip netns del cpns_known 2>/dev/null
	rm -rf -- "$out"
}
trap finish EXIT

result() {
	number=$((number + 1))
	echo "# $SECONDS s"
	if [[ $1 == 0 ]]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
	fi
}

skip() {
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

python3() {
	/usr/bin/python3 "$@"
}

inside() {
	ip netns exec cpns_known "$@"
}

ask() {
	inside /usr/bin/python3 "$here/known_key_ask.py" "$@"
}

# clean NAME FILE...: the files have something in them, and no key
clean() {
	(IFS=$'\t'; echo "clean	$*") >>"$out/manifest"
}

# plain NAME FILE...: the plain key stands in every one of them
plain() {
	(IFS=$'\t'; echo "plain	$*") >>"$out/manifest"
}

# --- what can tell is turned on --------------------------------------------

debug_messages() {
	local module

	for module in "${debug_of[@]}"; do
		echo "module $module $1" >"$dynamic"
	done
	for module in 'net/xfrm/*' 'security/keys/*' 'crypto/*' \
			'net/netlink/*'; do
		echo "file $module $1" >"$dynamic"
	done
} 2>/dev/null

# The events of the parts that keys pass through, of the processes of this
# test; the functions of the module, of whoever calls them.
trace_on() {
	echo nop >"$tracing/current_tracer"
	echo 2048 >"$tracing/buffer_size_kb"
	echo 1 >"$tracing/options/event-fork"
	echo $$ >"$tracing/set_event_pid"
	for events in net sock skb netlink neigh fib xfrm workqueue module \
			kmem/kmalloc kmem/kmem_cache_alloc \
			syscalls/sys_enter_{add_key,keyctl,setsockopt,sendmsg} \
			syscalls/sys_exit_{add_key,keyctl,setsockopt,sendmsg}; do
		echo 1 >"$tracing/events/$events/enable"
	done
	echo ':mod:cpns_group' >"$tracing/set_ftrace_filter" &&
		echo function >"$tracing/current_tracer"
	: >"$tracing/trace"
	echo 1 >"$tracing/tracing_on"
} 2>/dev/null

trace_off() {
	echo 0 >"$tracing/tracing_on"
	echo 0 >"$tracing/events/enable"
	echo nop >"$tracing/current_tracer"
	: >"$tracing/set_ftrace_filter"
	: >"$tracing/set_event_pid"
	: >"$tracing/trace"
} 2>/dev/null

# listen FILE COMMAND...: returns when it listens
listen() {
	local file=$1
	shift

	"$@" &
	listeners+=($!)
	for _ in {1..100}; do
		grep -q listening "$file" 2>/dev/null && return 0
		sleep 0.2
	done
	echo "# $file: nobody listens"
	return 1
}

end_listeners() {
	sleep 1
	kill "${listeners[@]}"
	wait "${listeners[@]}"
	listeners=()
}

echo "TAP version 13"
for module in crypto_user af_key nlmon xfrm_user esp4 dummy; do
	modprobe -q "$module"
done
pfkey=()
[[ ! -e /proc/net/pfkey ]] || pfkey=(pfkey)
# No core dump, no swap: nothing of this test's own stands in a file.
ulimit -c 0
ip netns add cpns_known
inside ip link set lo up
inside ip link add eth type dummy
inside ip addr add 192.0.2.1/24 dev eth
inside ip link set eth up
inside ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev eth nud permanent
tap=0
inside ip link add tap type nlmon && inside ip link set tap up && tap=1
for reqid in 12288 16384 20480; do
	inside ip xfrm policy add dir out src 192.0.2.1 dst 192.0.2.2 \
		index $((reqid + 1)) priority "$reqid" tmpl src 192.0.2.1 \
		dst 192.0.2.2 proto esp reqid "$reqid" mode transport level use \
		2>/dev/null
done
head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$out/plain"
plain_key=$(<"$out/plain")

# The console is slow; warnings still reach it.
echo N >/sys/module/printk/parameters/ignore_loglevel
dmesg -n 5
debug_messages +p
echo "cpns known key test begins" >/dev/kmsg
trace_on
python3 "$here/known_key_ask.py" audit on
audit=$?
listen "$out/events-audit" python3 "$here/known_key_ask.py" listen \
	"$out/events-audit" audit
listen "$out/events-cpns" ip netns exec cpns_known /usr/bin/python3 \
	"$here/known_key_ask.py" listen "$out/events-cpns" cpns
listen "$out/events-xfrm" ip netns exec cpns_known /usr/bin/python3 \
	"$here/known_key_ask.py" listen "$out/events-xfrm" xfrm "${pfkey[@]}"
inside ip xfrm monitor all >"$out/monitor" &
listeners+=($!)
listen "$out/tap" ip netns exec cpns_known /usr/bin/python3 \
	"$here/known_key_ask.py" listen "$out/tap" nlmon

# --- the groups at work ----------------------------------------------------

: >"$out/keys"
: >"$out/serials"
chmod 600 "$out/keys"
inside /usr/bin/python3 "$here/known_key.py" act "$out" sealed
result $? "a group by SEAL and ITEM, two epochs, every use"
# A tap sees what is sent to the kernel, too: only what is sealed.
inside ip xfrm state add src 192.0.2.5 dst 192.0.2.6 proto esp spi 0x7776 \
	mode transport aead 'rfc4106(gcm(aes))' "0x${plain_key}01020304" 128
sleep 1
((tap == 0)) || inside ip link del tap
inside /usr/bin/python3 "$here/known_key.py" act "$out" clear
result $? "a group by SECRET, every use"
mapfile -t serials <"$out/serials"
((${#serials[@]} == 2)) || { echo "Bail out! the groups were not made"; exit 1; }
[[ ${#serials[@]} == 2 && $(wc -l <"$out/keys") -ge 54 ]]
result $? "$(wc -l <"$out/keys") keys to look for"

# --- a plain key beside them -----------------------------------------------

inside ip xfrm state add src 192.0.2.7 dst 192.0.2.8 proto esp spi 0x7777 \
	mode transport aead 'rfc4106(gcm(aes))' "0x${plain_key}01020304" 128
inside ip xfrm state add src 192.0.2.7 dst 192.0.2.8 proto esp spi 0x7778 \
	mode transport enc 'cbc(aes)' "0x$plain_key" \
	auth 'hmac(sha256)' "0x$plain_key"
inside ip link set eth alias "$plain_key"
inside /usr/bin/python3 "$here/known_key.py" act "$out" "$plain_key"
result $? "a group with the plain value in its name"
keyctl add user cpns-known-plain "$plain_key" @s >"$out/plain-serial"
echo "cpns known key test: $plain_key" >/dev/kmsg
python3 "$here/known_key_ask.py" say "$plain_key"
# The trace keeps what has been until here.
echo 0 >"$tracing/tracing_on"

# --- everything that can be asked for --------------------------------------

keyctl print "$(<"$out/plain-serial")" >"$out/user-print"
keyctl pipe "$(<"$out/plain-serial")" >"$out/user-pipe"
plain "a plain key stands in keyctl print and pipe" "$out/user-print" "$out/user-pipe"

for serial in "${serials[@]}"; do
	for command in print pipe read describe rdescribe security; do
		keyctl "$command" "$serial"
	done
	# shellcheck disable=SC2016 # for the inner shell
	inside sh -c '
		keyctl pkey_query "$1" 0 enc=raw
		keyctl pkey_query "$1" 0 enc=pkcs1
		keyctl dh_compute "$1" "$1" "$1"
		keyctl dh_compute_kdf "$1" "$1" "$1" 32 sha256
		keyctl pkey_sign "$1" 0 "$2" enc=raw hash=sha256
		keyctl pkey_verify "$1" 0 "$2" "$2" enc=raw hash=sha256
		keyctl update "$1" data
		keyctl instantiate "$1" data @s
	' sh "$serial" "$out/serials"
done >"$out/keyctl" 2>&1
keyctl show %:.cpns >>"$out/keyctl" 2>&1
keyctl rlist %:.cpns >>"$out/keyctl" 2>&1
grep -q '^epoch=4 state=active' "$out/keyctl"
result $? "keyctl tells the state"
plain "a plain value stands in keyctl show" "$out/keyctl"
clean "keyctl: print, pipe, read, describe, security, pkey, dh, update" \
	"$out/keyctl"

cat /proc/keys /proc/key-users >"$out/proc-keys"
grep -q cpns_grou "$out/proc-keys"
result $? "/proc/keys names the groups"
plain "a plain value stands in /proc/keys" "$out/proc-keys"
clean "/proc/keys and key-users" "$out/proc-keys"

inside ip -d -s xfrm state >"$out/state"
inside ip -d -s xfrm state list nokeys >"$out/state-nokeys"
inside ip -d -s xfrm policy >"$out/policy"
# The handle stands where the key would.
grep -q "0x$(printf '%08x%08x%04x0120' "${serials[0]}" 4 258)" "$out/state"
result $? "ip xfrm state shows the handle"
plain "a plain key stands in ip xfrm state" "$out/state"
python3 -c '
import sys
lines = open(sys.argv[1]).read().split("\nsrc ")
open(sys.argv[2], "w").write("\nsrc ".join(
    each for each in lines if "0x00007777" not in each))
' "$out/state" "$out/state-ours"
clean "ip -d -s xfrm state and policy" "$out/state-ours" "$out/state" \
	"$out/state-nokeys" "$out/policy"

ask xfrm >"$out/raw-xfrm"
ask crypto >"$out/raw-crypto"
ask cpns >"$out/raw-cpns"
plain "a plain key stands in the raw answers of XFRM and cpns" \
	"$out/raw-xfrm" "$out/raw-cpns"
grep -q 'text cpns(gcm(aes))' "$out/raw-crypto"
result $? "the template stands in the raw answers of CRYPTO"
[[ $(grep -vc ^text "$out/raw-xfrm") -ge 12 && $(grep -vc ^text "$out/raw-cpns") -ge 5 &&
	$(grep -vc ^text "$out/raw-crypto") -ge 10 ]]
result $? "states, policies, algorithms, groups were answered"
clean "raw netlink: XFRM, CRYPTO, cpns" "$out/raw-xfrm" \
	"$out/raw-crypto" "$out/raw-cpns"
if ((${#pfkey[@]} != 0)); then
	ask pfkey >"$out/raw-pfkey"
	plain "a plain key stands in the raw answers of PF_KEY" \
		"$out/raw-pfkey"
	clean "PF_KEY" "$out/raw-pfkey"
else
	skip "a plain key stands in the raw answers of PF_KEY" "no PF_KEY"
	skip "PF_KEY" "no PF_KEY"
fi

{
	cat /proc/crypto /proc/modules /proc/net/xfrm_stat /proc/net/netlink \
		/proc/net/protocols /proc/net/pfkey /proc/net/packet \
		/proc/vmallocinfo /proc/slabinfo /proc/timer_list
	inside sh -c 'cat /proc/net/*'
	grep -r . /sys/module/cpns_group /proc/sys/kernel/keys \
		/proc/sys/net/core /sys/kernel/debug/crypto
	find /sys/kernel/debug -maxdepth 2 -name '*cpns*' -exec grep -r . {} +
	command -v ss >/dev/null && inside ss -aemiO
	inside ip -d -s -s link
} >"$out/proc" 2>/dev/null
grep -q 'cpns(gcm(aes))' "$out/proc"
result $? "/proc/crypto names the template"
plain "a plain value stands in what the network's devices tell" "$out/proc"
clean "/proc and /sys of crypto, network, module, memory" "$out/proc"

# --- the programs of this tree, with what they say to the kernel -----------

tools=0
if [[ -x $programs/cpnsctl/cpnsctl ]] && command -v strace >/dev/null; then
	for command in 'status --json' sa; do
		# shellcheck disable=SC2086 # words
		inside strace -f -x -s 65536 -o "$out/strace.$tools" timeout 20 \
			"$programs/cpnsctl/cpnsctl" $command
		tools=$((tools + 1))
	done >"$out/tools" 2>&1
	cat "$out"/strace.* >"$out/strace"
	grep -q 'known-key' "$out/tools" && grep -q sendto "$out/strace"
	result $? "cpnsctl shows the groups"
	plain "a plain value stands in output and strace of cpnsctl" \
		"$out/tools" "$out/strace"
	clean "output and strace of cpnsctl" "$out/tools" "$out/strace"
else
	skip "cpnsctl shows the groups" "no cpnsctl or no strace"
	skip "a plain value stands in them" "no cpnsctl or no strace"
	skip "output and strace of cpnsctl" "no cpnsctl or no strace"
fi

# --- the ends, and all that was listened to --------------------------------

echo 1 >"$tracing/tracing_on"
inside ip xfrm state flush
keyctl revoke "${serials[0]}"
keyctl revoke "${serials[1]}"
sleep 1
end_listeners
echo "$plain_key" >"$tracing/trace_marker"
echo 0 >"$tracing/tracing_on"

grep -q '^cpns [0-9a-f]' "$out/events-cpns"
result $? "events of the family came"
plain "a plain value stands in events of the family" "$out/events-cpns"
clean "events of the family" "$out/events-cpns"
grep -q '0x00003002' "$out/monitor"
result $? "ip xfrm monitor told of the states"
plain "a plain key stands in ip xfrm monitor and the raw events" "$out/monitor" "$out/events-xfrm"
clean "ip xfrm monitor, events of XFRM${pfkey:+ and PF_KEY}" "$out/monitor" \
	"$out/events-xfrm"
if ((tap == 1)); then
	plain "a plain key stands in what the tap saw" "$out/tap"
	clean "a tap on netlink while sealed records were given" "$out/tap"
else
	skip "a plain key stands in what the tap saw" "no nlmon"
	skip "a tap on netlink while sealed records were given" "no nlmon"
fi

if [[ $audit == 0 ]]; then
	plain "a plain key stands in the audit records" "$out/events-audit"
	clean "audit of the system calls in use" "$out/events-audit"
else
	skip "a plain key stands in the audit records" "no audit"
	skip "audit of the system calls in use" "no audit"
fi

dmesg | sed '1,/cpns known key test begins$/d' >"$out/dmesg"
plain "a plain key stands in the kernel's log" "$out/dmesg"
clean "the kernel's log with dynamic debug" "$out/dmesg"

cat "$tracing/trace" >"$out/trace"
for cpu in "$tracing"/per_cpu/cpu*; do
	timeout 5 cat "$cpu/trace_pipe_raw"
done >"$out/trace-raw" 2>/dev/null
if [[ -s $out/trace ]]; then
	grep -c '' "$out/trace" | sed 's/^/# lines of trace: /'
	grep -q 'cpns_' "$out/trace"
	result $? "the trace tells of the module"
	plain "a plain value stands in the trace and its raw pages" \
		"$out/trace" "$out/trace-raw"
	clean "tracefs: events, the module's functions, raw pages" \
		"$out/trace" "$out/trace-raw"
else
	for name in "the trace tells of the module" \
			"a plain value stands in the trace" "tracefs"; do
		skip "$name" "no tracing"
	done
fi
python3 "$here/known_key_search.py" "$number" "$out/keys" "$out/plain" \
	"$out/manifest" || failed=1
exit "$failed"
