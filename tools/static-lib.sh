#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/static-lib.sh LD OBJCOPY AR MAP WEAK OUT ARCHIVE...
# One object of the first archive and what it needs of the others, in which only the
# names of the version script MAP are global. Those of WEAK (a second version script,
# or -) become weak, so that two of our libraries can be linked into one program.
set -eu
ld=$1 objcopy=$2 ar=$3 map=$4 weak=$5 out=$6 first=$7
shift 7
names() { sed -n 's/^ *\(selfsame_[a-z0-9_]*\);.*/\1/p' "$1"; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
names "$map" > "$tmp/keep"
roots=$(sed 's/^/-u /' "$tmp/keep")
# shellcheck disable=SC2086 # one word per option
"$ld" -r -o "$tmp/all.o" $roots --whole-archive "$first" --no-whole-archive --start-group "$@" --end-group
"$objcopy" --keep-global-symbols="$tmp/keep" "$tmp/all.o"
if [ "$weak" != - ]; then
    names "$weak" > "$tmp/weak"
    "$objcopy" --weaken-symbols="$tmp/weak" "$tmp/all.o"
fi
mv "$tmp/all.o" "$tmp/$(basename "$out" .a).o"
rm -f "$out"
"$ar" rcsD "$out" "$tmp/$(basename "$out" .a).o"
