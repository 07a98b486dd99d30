#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# examples/relying-party.c: 40 lines on the public headers accept what is right and
# nothing else.
set -u
. "$(dirname "$0")/shell.sh"

example=$build/examples/relying-party
nonce=00112233445566778899aabbccddeeff
printf '\000\021\042\063\104\125\146\167\210\231\252\273\314\335\356\377' > "$tmp/nonce"
printf '0123456789abcdef' > "$tmp/other-nonce"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$tmp/key.pem" 2>/dev/null
openssl pkey -in "$tmp/key.pem" -pubout -out "$tmp/pub.pem"
openssl pkey -in "$tmp/key.pem" -pubout -outform DER -out "$tmp/key.der"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null | openssl pkey -pubout -outform DER -out "$tmp/other.der"
pcr() { printf "%096d" "$1"; }
values="[{\"tee\":\"nitro\",\"pcr\":{\"0\":\"$(pcr 10)\",\"1\":\"$(pcr 11)\",\"2\":\"$(pcr 12)\"}}]"
echo "{\"measurements\":$values}" > "$tmp/measurements.json"
policy() { # further members
    echo "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"freshness\":{\"nonce\":true},\"binding\":\"key\"$1}"
}
policy ",\"measurements\":$values,\"insecure\":[\"simulated\"]" > "$tmp/policy.json"
policy ",\"measurements\":$values" > "$tmp/hardware.json"
policy ",\"insecure\":[\"simulated\"]" > "$tmp/nothing-known.json"
"$sim" evidence --tee nitro --nonce $nonce --key "$tmp/pub.pem" --measurements "$tmp/measurements.json" --out "$tmp/good" ||
    not_ok "selfsame-sim evidence"

expect 0 "the right evidence" "$example" "$tmp/policy.json" "$tmp/good" "$tmp/nonce" "$tmp/key.der"
said "ACCEPTED WITH WARNINGS [ok]"
is "five lines, two warnings and an end" 8 "$(wc -l < "$tmp/out")"
expect 15 "another nonce" "$example" "$tmp/policy.json" "$tmp/good" "$tmp/other-nonce" "$tmp/key.der"
expect 16 "another key" "$example" "$tmp/policy.json" "$tmp/good" "$tmp/nonce" "$tmp/other.der"
expect 19 "unknown code" "$example" "$tmp/nothing-known.json" "$tmp/good" "$tmp/nonce" "$tmp/key.der"
expect 21 "simulated where hardware is named" "$example" "$tmp/hardware.json" "$tmp/good" "$tmp/nonce" "$tmp/key.der"
expect 10 "no evidence" "$example" "$tmp/policy.json" "$tmp/missing" "$tmp/nonce" "$tmp/key.der"
expect 2 "no policy" "$example" "$tmp/missing" "$tmp/good" "$tmp/nonce" "$tmp/key.der"
expect 2 "no arguments" "$example"
said "usage: relying-party POLICY EVIDENCE NONCE KEY"
finish
