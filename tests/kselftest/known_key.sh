#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Nothing a machine shows holds the epoch secret, the pseudo-random key or a
# traffic key: all known here, searched in hex (either byte order of words) and
# as bytes. Needs the module with allow_raw=1, root, python3-cryptography.

set -u

here=$(dirname "$(readlink -f "$0")")
out=$(mktemp -d)
number=0

finish() {
	ip netns del cpns_known 2>/dev/null
	rm -rf -- "$out"
}
trap finish EXIT

result() {
	number=$((number + 1))
	if [[ $1 == 0 ]]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
	fi
}

inside() {
	ip netns exec cpns_known "$@"
}

# The first 8 bytes of each are enough to give one away.
python3 - >"$out/search" <<'END'
print(r"""
import re, sys
found = False
for line in open(sys.argv[1]):
    key = bytes.fromhex(line)
    for at in range(0, len(key) - 8, 4):
        part = key[at:at + 8]
        swapped = part[3::-1] + part[:3:-1]
        for path in sys.argv[2:]:
            data = open(path, "rb").read()
            packed = re.sub(rb"[\s:]|0x", b"", data).lower()
            for form in (part, swapped):
                if form in data or form.hex().encode() in packed:
                    print("#", path, "holds a key")
                    found = True
sys.exit(found)
""")
END
search() {
	python3 "$out/search" "$out/keys" "$@"
}

failed=0
echo "TAP version 13"
echo "1..9"
ip netns add cpns_known
inside /usr/bin/python3 "$here/known_key.py" set >"$out/set" || exit 1
serial=$(head -n 1 "$out/set")
tail -n +2 "$out/set" >"$out/keys"

# The search finds what is there: else the rest says nothing.
head -n 1 "$out/keys" | sed 's/../& /g' >"$out/planted"
search "$out/planted" >/dev/null
[[ $? == 1 && $(wc -l <"$out/keys") -ge 7 ]]
result $? "a key in an output would be found"

keyctl print "$serial" >"$out/print"
grep -q '^epoch=1 state=active' "$out/print" && search "$out/print"
result $? "keyctl print"

keyctl pipe "$serial" >"$out/pipe"
keyctl rdescribe "$serial" >"$out/describe"
grep -q known-key "$out/describe" && search "$out/pipe" "$out/describe"
result $? "keyctl pipe and describe"

cat /proc/keys >"$out/proc-keys"
grep -q known-key "$out/proc-keys" && search "$out/proc-keys"
result $? "/proc/keys"

inside ip -d -s xfrm state >"$out/state"
grep -qF 'aead rfc4106(gcm(aes))' "$out/state" && search "$out/state"
result $? "ip -d xfrm state"

# The handle stands where the key would.
handle=$(printf '%08x%08x%04x0120' "$serial" 1 258)
grep -q "0x$handle" "$out/state"
result $? "ip xfrm state shows the handle"

inside /usr/bin/python3 "$here/known_key.py" dump >"$out/netlink"
[[ $(wc -l <"$out/netlink") -ge 4 ]] && search "$out/netlink"
result $? "netlink answers"

cat /proc/crypto >"$out/crypto"
inside ip -d xfrm policy >>"$out/crypto"
search "$out/crypto"
result $? "/proc/crypto and policies"

keyctl revoke "$serial"
dmesg >"$out/dmesg"
[[ -s $out/dmesg ]] && search "$out/dmesg"
result $? "the kernel's log"
exit "$failed"
