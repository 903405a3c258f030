#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# PREFIX of make counts, whatever an earlier build was made with; without
# another one nothing is configured again.
#
# usage: make_prefix.sh TOP

set -eu
top=$(realpath "$1")
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
# of a make that runs this
unset MAKEFLAGS MFLAGS

configure() {
	make -C "$top" BUILD="$build" PREFIX="$1" "$build/userspace/build.ninja"
}

for prefix in /opt/one /opt/two; do
	configure "$prefix"
	cd "$build/userspace"
	grep "^ExecStart=$prefix/sbin/cpnsd" cpnsd.service
	grep "$prefix/sbin/" request-key/cpns_group.conf
	grep -o "\"$prefix/sbin/cpnsd\"" meson-info/intro-installed.json
done
touch configured
configure /opt/two
[ build.ninja -ot configured ]
