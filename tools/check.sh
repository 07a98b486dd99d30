#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/check.sh RELEASE CHECK CLANG   (build directories, configured)
# Builds all three without a warning, runs the house rules and every test under
# ASan+UBSan, replays the fuzz corpora, and ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/.."
release=$1 check=$2 clang=$3
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

step() { # name command...
    name=$1; shift
    printf '%-34s' "$name"
    if "$@" > "$log" 2>&1; then
        passed=$((passed + 1)); echo ok; grep '^SKIPPED' "$log"
    else
        failed=$((failed + 1)); echo FAILED; tail -40 "$log"
    fi
}
step "build (gcc, release)" ninja -C "$release"
step "build (gcc, ASan+UBSan)" ninja -C "$check"
step "build (clang, fuzz targets)" ninja -C "$clang"
step "layers" tools/layers.sh
step "headers and their examples" tools/headers.sh
step "pure library" tools/pure.sh "$release"
step "symbols" tools/symbols.sh "$release"
step "format and bans" tools/fmt.sh
step "manual pages" tools/man.sh "$release"
step "fuzz corpora" tools/fuzz.sh "$clang" --replay

meson test -C "$check" --no-rebuild --print-errorlogs --num-processes 2 2>&1 | grep -vE '^$|^ninja:|^The Meson' || true
results=$check/meson-logs/testlog.txt
# cmocka counts its tests; shell tests print "ok - " and "not ok - " lines; skips are said aloud.
p=$(awk '/^\[  PASSED  \] [0-9]+ test/ { n += $4 } /^ok - / { n++ } END { print n + 0 }' "$results")
f=$(awk '/^\[  FAILED  \] [0-9]+ test/ { n += $4 } /^not ok - / { n++ } END { print n + 0 }' "$results")
broken=$(python3 - "$check/meson-logs/testlog.json" <<'EOF'
import json, sys
bad = 0
for line in open(sys.argv[1]):
    t = json.loads(line)
    if t["result"] not in ("OK", "SKIP", "EXPECTEDFAIL"):
        bad += 1
        print("test failed:", t["name"], t["result"], file=sys.stderr)
print(bad)
EOF
)
grep -hE '^(SKIPPED|ok - .*# SKIP)' "$results" | sort | uniq -c
passed=$((passed + p))
failed=$((failed + f))
# A test program that died without counting its failure still fails.
[ "$f" -eq 0 ] && failed=$((failed + broken))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
