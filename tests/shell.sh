# SPDX-License-Identifier: Apache-2.0
# Sourced by the shell tests: where the programs are, and checks that print TAP-like lines.
# shellcheck shell=sh
root=${SELFSAME_SOURCE_ROOT:-.}
build=${SELFSAME_BUILD_ROOT:-build/check}
selfsame=$build/src/cli/selfsame
sim=$build/src/sim/selfsame-sim
shared=$root/../shared/vectors
tmp=$(mktemp -d "${TMPDIR:-/tmp}/selfsame-test.XXXXXX")
chmod 755 "$tmp"
bad=0
cleanup() { :; } # a test that starts processes redefines it
trap 'cleanup; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

ok() { echo "ok - $1"; }
not_ok() { echo "not ok - $1"; bad=1; }
skipped() { echo "SKIPPED: $1"; }
is() { # what, expected, got
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: expected $2, got $3"; fi
}
# Runs a command, keeps its output in $tmp/out and $tmp/err, and checks the exit status.
expect() { # status, what, command...
    want=$1 what=$2; shift 2
    "$@" > "$tmp/out" 2> "$tmp/err"; got=$?
    if [ "$got" -eq "$want" ]; then ok "$what ($want)"
    else not_ok "$what: expected $want, got $got"; head -5 "$tmp/out" "$tmp/err"; fi
}
said() { # text that must stand in the output or the error
    if cat "$tmp/out" "$tmp/err" | grep -qF -- "$1"; then ok "it says: $1"
    else not_ok "it should say: $1"; cat "$tmp/out" "$tmp/err" | head -8; fi
}
bzimage() { # text: the least that has a kernel's header
    head -c 510 /dev/zero; printf '\125\252\353\146HdrS%s\n' "$1"
}
finish() { [ "$bad" -eq 0 ]; exit $?; }
