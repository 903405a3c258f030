#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Size of cpns_group.ko: the file as installed (stripped of what debuggers
# want), its code, and what it takes when loaded.

set -eu
module=$CPNS_BUILD/kmod/$(uname -r)/cpns_group.ko

figure() {
	printf '{"bench":"module_size","kind":"figure","case":"%s","unit":"bytes","counted":false,"value":%d}\n' \
		"$1" "$2"
}

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip --strip-debug -o "$stripped" "$module"
figure "file, stripped" "$(stat -c %s "$stripped")"
figure "code (.text)" "$(size -A "$module" |
	awk '$1 ~ /^\.text/ { n += $2 } END { print n }')"
figure "data (.data, .bss, .rodata)" "$(size -A "$module" |
	awk '$1 ~ /^\.(data|bss|rodata)/ { n += $2 } END { print n }')"
figure "loaded (/proc/modules)" "$(awk '$1 == "cpns_group" { print $2 }' /proc/modules)"
