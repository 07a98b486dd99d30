#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# vectors/log, vectors/sgx and vectors/tdx mean the same to readers that share no code with src/.
set -u
. "$(dirname "$0")/shell.sh"

expect 0 "another reader accepts and refuses the same vectors" python3 "$root/tests/vectors_peer.py" "$root/vectors"
grep '^ok' "$tmp/out"
mkdir -p "$tmp/other/log"
cp "$root"/vectors/log/*.vec "$tmp/other/log/"
sed 's/^expect: .*/expect: ok/' "$root/vectors/log/400-note-one-bit.vec" > "$tmp/other/log/400-note-one-bit.vec"
expect 1 "and says where one means something else" python3 "$root/tests/vectors_peer.py" "$tmp/other"
said "400-note-one-bit.vec: expected ok, refused"

expect 0 "another reader judges the same of SGX and TDX" python3 "$root/tests/vectors_peer_dcap.py" "$root/vectors"
mkdir -p "$tmp/other/sgx" "$tmp/other/tdx"
cp "$root/vectors/tdx/100-version-4.vec" "$tmp/other/tdx/"
sed 's/^expect: .*/expect: ok/' "$root/vectors/sgx/401-foreign-key.vec" > "$tmp/other/sgx/401-foreign-key.vec"
expect 1 "and says where one means something else" python3 "$root/tests/vectors_peer_dcap.py" "$tmp/other"
said "401-foreign-key.vec: expected ok, got bad-signature"
said "2 vectors, 1 judged otherwise"
finish
