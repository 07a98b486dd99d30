#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From end to end: a simulated enclave, the verifier, its token, a relying party that knows
# nothing but the issuer's name.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
server=
cleanup() { [ -z "$server" ] || kill "$server" 2>/dev/null; }

port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
url=http://127.0.0.1:$port
world_init
world_serve --listen "127.0.0.1:$port"

rely() { # status, what, options...
    status=$1 what=$2; shift 2
    expect "$status" "$what" "$selfsame" token check "$tmp/token" --issuer "$url" --audience rp "$@"
}
key=$relying
nonce=AAECAwQFBgcICQoLDA0ODw # the relying party's own
evidence "$nonce"
ask_verify "policy=web&audience=rp&nonce=$nonce&key=$key64"
is "a verdict" 200 "$status"
cp "$tmp/body" "$tmp/token"
hex=$(nonce_hex "$nonce")
rely 21 "the simulator is refused unless named" --nonce "$hex"
said "simulated"
rely 21 "and a warning as well" --nonce "$hex" --insecure-simulated
said "expected affirming, got warning"
rely 0 "with both it is taken" --nonce "$hex" --insecure-simulated --accept-warning --bound-key "$tmp/pub.pem" \
    --measurement "$(pcr_of 10)" --claim /sub=tee:nitro
rely 15 "not for another nonce" --nonce 000102030405060708090a0b0c0d0e0e --insecure-simulated --accept-warning
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2> /dev/null | openssl pkey -pubout > "$tmp/other.pem"
rely 16 "not for another key" --nonce "$hex" --insecure-simulated --accept-warning --bound-key "$tmp/other.pem"
rely 19 "not with another measurement" --nonce "$hex" --insecure-simulated --accept-warning --measurement "$(pcr_of 11)"
rely 15 "not when it is old" --nonce "$hex" --insecure-simulated --accept-warning --at "$(($(date +%s) + 100000))"
expect 16 "not for another audience" "$selfsame" token check "$tmp/token" --issuer "$url" --audience you --nonce "$hex"
expect 21 "not of another issuer's name" "$selfsame" token check "$tmp/token" --issuer "$url/" --audience rp --nonce "$hex"

evidence "$nonce"
ask_verify "policy=hardware&audience=rp&nonce=$nonce&key=$key64"
cp "$tmp/body" "$tmp/token"
rely 21 "a refusal is signed, and refused" --nonce "$hex" --insecure-simulated --accept-warning
said "contraindicated"

# The same as a CWT.
evidence "$nonce"
ask -H "Content-Type: application/octet-stream" -H "Accept: application/eat+cwt" --data-binary "@$tmp/evidence" \
    "$scheme://$at/v1/verify?policy=web&audience=rp&nonce=$nonce&key=$key64"
is "a CWT" "200 d83dd2" "$status $(head -c 3 "$tmp/body" | od -An -tx1 | tr -d ' ')"
cp "$tmp/body" "$tmp/token"
rely 0 "is taken as the JWT" --nonce "$hex" --insecure-simulated --accept-warning --bound-key "$tmp/pub.pem"

# Keys change: what was signed before holds, and so does what comes after.
expect 0 "rotate" "$selfsame" verifier rotate "$dir" --lead 0s
kill -HUP "$server"
sleep 1
rely 0 "the token of the old key" --nonce "$hex" --insecure-simulated --accept-warning
evidence "$nonce"
ask_verify "policy=web&audience=rp&nonce=$nonce&key=$key64"
cp "$tmp/body" "$tmp/token"
rely 0 "and of whichever key signs now" --nonce "$hex" --insecure-simulated --accept-warning

world_stop
server=
rely 3 "an issuer that is gone cannot be asked" --nonce "$hex"
finish
