#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# vectors/log mean the same to a reader that shares no code with src/log.
set -u
. "$(dirname "$0")/shell.sh"

expect 0 "another reader accepts and refuses the same vectors" python3 "$root/tests/vectors_peer.py" "$root/vectors"
grep '^ok' "$tmp/out"
mkdir -p "$tmp/other/log"
cp "$root"/vectors/log/*.vec "$tmp/other/log/"
sed 's/^expect: .*/expect: ok/' "$root/vectors/log/400-note-one-bit.vec" > "$tmp/other/log/400-note-one-bit.vec"
expect 1 "and says where one means something else" python3 "$root/tests/vectors_peer.py" "$tmp/other"
said "400-note-one-bit.vec: expected ok, refused"
finish
