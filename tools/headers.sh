#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone with gcc and clang, the public ones as C++ too; every
# example in a public header compiles.
set -eu
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
flags="-std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -Iinclude -Isrc"
bad=0
for h in include/selfsame/*.h $(find src -name '*.h'); do
    for cc in gcc clang; do
        command -v $cc >/dev/null || continue
        printf '#include "%s"\n' "../$h" > "$tmp/alone.c"
        $cc $flags -I. -fsyntax-only -include "$h" -x c /dev/null 2> "$tmp/err" ||
            { echo "$h does not compile alone ($cc):"; head -5 "$tmp/err"; bad=1; }
    done
done
# C++ callers link the same names (g++ is optional: no product needs it).
for h in include/selfsame/*.h; do
    for cc in g++ clang++; do
        command -v $cc >/dev/null || continue
        $cc -std=c++11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c++ "$h" 2> "$tmp/err" ||
            { echo "$h does not compile as C++ ($cc):"; head -5 "$tmp/err"; bad=1; }
        grep -q 'SELFSAME_API' "$h" && ! grep -q 'extern "C"' "$h" && { echo "$h: no extern \"C\""; bad=1; }
    done
done
# The example of a public header: the lines indented by five blanks in its first comment.
for h in include/selfsame/*.h; do
    sed -n '/^\/\*$/,/^ \*\//s/^ \*     \(.*\)/    \1/p' "$h" > "$tmp/body"
    [ -s "$tmp/body" ] || continue
    cat > "$tmp/example.c" <<EOF
#include <stdio.h>
#include <time.h>
#include <selfsame/selfsame.h>
#include <selfsame/attest.h>
int example(FILE *file, uint64_t file_size, struct selfsame_bytes text, struct selfsame_bytes nonce,
    struct selfsame_bytes spki, struct selfsame_bytes evidence, struct selfsame_bytes measurements_json,
    struct selfsame_policy *policy, struct selfsame_bytes jwks, int64_t now_s);
int example(FILE *file, uint64_t file_size, struct selfsame_bytes text, struct selfsame_bytes nonce,
    struct selfsame_bytes spki, struct selfsame_bytes evidence, struct selfsame_bytes measurements_json,
    struct selfsame_policy *policy, struct selfsame_bytes jwks, int64_t now_s)
{
    (void)file, (void)file_size, (void)text, (void)nonce, (void)spki, (void)evidence;
    (void)measurements_json, (void)policy, (void)jwks, (void)now_s;
    {
$(sed 's/^    \.\.\.$//' "$tmp/body")
    }
    return 0;
}
EOF
    gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wno-shadow -Wno-unused-variable -Wno-unused-but-set-variable \
        -Werror -Iinclude -fsyntax-only "$tmp/example.c" 2> "$tmp/err" ||
        { echo "the example of $h does not compile:"; head -8 "$tmp/err"; bad=1; }
done
exit $bad
