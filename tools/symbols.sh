#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/symbols.sh BUILDDIR
# Exported names are those of selfsame.map and the public headers, in the shared and
# the static library alike; nothing of simulate.c is in any product but selfsame-sim.
set -eu
build=$1
cd "$(dirname "$0")/.."
bad=0
declared() { sed -n 's/.*\b\(selfsame_[a-z0-9_]*\)(.*/\1/p' "$@" | sort -u; }
listed() { sed -n 's/^ *\(selfsame_[a-z0-9_]*\);.*/\1/p' "$1" | sort -u; }
compare() { # what, expected file, got file
    d=$(diff "$2" "$3" || true)
    [ -z "$d" ] || { echo "$1: expected (<) and got (>) differ:"; echo "$d"; bad=1; }
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for lib in selfsame selfsame-attest; do
    map=$lib.map
    so=$build/src/api/lib$lib.so
    a=$build/src/api/lib$lib.a
    listed "$map" > "$tmp/want"
    nm -D --defined-only "$so" | sed -n 's/.* [TDRB] \([A-Za-z_][A-Za-z0-9_]*\).*/\1/p' | sed 's/@.*//' | grep -v '^SELFSAME_' | sort -u > "$tmp/so"
    nm -g --defined-only "$a" | sed -n 's/.* [TDRBVW] //p' | sort -u > "$tmp/a"
    compare "lib$lib.so" "$tmp/want" "$tmp/so"
    compare "lib$lib.a" "$tmp/want" "$tmp/a"
done
{ declared include/selfsame/*.h; } > "$tmp/headers"
cat selfsame.map selfsame-attest.map | sed -n 's/^ *\(selfsame_[a-z0-9_]*\);.*/\1/p' | sort -u > "$tmp/maps"
compare "public headers and version scripts" "$tmp/maps" "$tmp/headers"

# Every function that simulate.c defines, looked for in every other product.
# The simulator's root certificate is pinned on purpose, to be told apart from a vendor's.
sim=$(find "$build/src" -name '*simulate*.c.o' ! -name '*roots_simulated*' | head -20)
[ -n "$sim" ] || { echo "no simulate.c object in $build"; bad=1; }
for o in $sim; do nm --defined-only "$o"; done | sed -n 's/.* [TtDdRr] \([a-z][a-z0-9_]*\)$/\1/p' | grep -E 'sim' | sort -u > "$tmp/sim"
[ -s "$tmp/sim" ] || { echo "simulate.c defines nothing?"; bad=1; }
for product in src/cli/selfsame src/cli/selfsame-agent src/init/selfsame-init src/api/libselfsame.so \
    src/api/libselfsame.a src/api/libselfsame-attest.so src/api/libselfsame-attest.a; do
    [ -f "$build/$product" ] || { echo "$product is not built"; bad=1; continue; }
    for s in $(nm "$build/$product" 2>/dev/null | sed -n 's/.* [TtDdRr] //p' | sort -u | comm -12 - "$tmp/sim"); do
        echo "$product carries $s of the simulator"; bad=1
    done
    # The simulator's private root key has a label in the binary that holds it.
    if grep -q 'SELFSAME-SIMULATOR-PRIVATE-ROOT' "$build/$product"; then
        echo "$product carries the simulator's root key"; bad=1
    fi
done
exit $bad
