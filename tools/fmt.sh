#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/fmt.sh [--write]   (writes the formatting and checks nothing)
# Formatting and house bans: clang-format is a fixed point; no goto, no typedef, no raw memcmp
# outside base/, no unbounded string call, SPDX first, no function of src/ over 80 lines.
set -eu
cd "$(dirname "$0")/.."
bad=0
files=$(git ls-files '*.c' '*.h' 2>/dev/null || find src include tests fuzz bench examples -name '*.[ch]')
# Another version formats otherwise: the tree is a fixed point of this one, Debian 12's.
version=14
formatter=
for f in clang-format-$version clang-format; do
    [ -n "$formatter" ] || ! "$f" --version 2>/dev/null | grep -q "version $version\." || formatter=$f
done
if [ "${1:-}" = --write ]; then
    [ -n "$formatter" ] || { echo "clang-format $version is not here; others format otherwise" >&2; exit 1; }
    # shellcheck disable=SC2086
    exec "$formatter" -i $files
fi
if [ -n "$formatter" ]; then
    # shellcheck disable=SC2086
    found=$("$formatter" --dry-run -Werror $files 2>&1 | grep -E '^[^ ].*: error: ' | sed 's/:.*//' | sort | uniq -c |
        while read -r n f; do echo "$f: $n places are not formatted (make fmt)"; done)
    [ -z "$found" ] || { echo "$found"; bad=1; }
else
    echo "SKIPPED: formatting: clang-format $version is not here"
fi
for f in $files; do
    head -1 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || { echo "$f: no SPDX line"; bad=1; }
done
grep -nE '^\s*goto |^typedef |\b(strcpy|strcat|sprintf|gets|strncat|alloca|atoi|strtok)\(' $files && { echo "banned above"; bad=1; }
grep -nE '\bmemcmp\(' $(echo "$files" | tr ' ' '\n' | grep '^src/' | grep -v '^src/base/') && { echo "raw memcmp above: use bytes_eq or bytes_cmp"; bad=1; }
grep -nE '\b(TODO|FIXME|XXX)\b' $files && { echo "unfinished above"; bad=1; }
# shellcheck disable=SC2046,SC2086
awk '/^\{/ { start = FNR } /^\}/ { if (start && FNR - start > 80) { print FILENAME ":" start ": a function of " FNR - start " lines"; bad = 1 }
    start = 0 } END { exit bad }' $(echo "$files" | tr ' ' '\n' | grep '^src/') || bad=1
exit $bad
