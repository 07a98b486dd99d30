#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Evidence in certificates: `serve --ratls`, what openssl and another implementation see of it,
# `verify`, `connect` and `show` of it, and certificates of every form, sound and not.
set -u
. "$(dirname "$0")/shell.sh"

cleanup() {
    for p in ${pids:-}; do kill "$p" 2>/dev/null; done
    wait
}
pids=
await() { # what to wait for, command...
    what=$1; shift
    for _ in $(seq 100); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    not_ok "$what is not there after 10 s"
}
peer() { python3 "$root/tests/ratls_peer.py" "$@"; }
policy() { # tee, freshness
    echo "{\"selfsame_policy\":1,\"tee\":{\"$1\":{}},\"measurements\":[],\"freshness\":{$2},\"binding\":\"key\",
        \"insecure\":[\"simulated\",\"any-measurement\"$3]}"
}
for tee in nitro sgx tdx; do
    policy $tee '"nonce":true' ',"any-age"' > "$tmp/$tee.json"
    policy $tee '"nonce":true' '' > "$tmp/$tee-nonce.json"
    policy $tee '"max_age":"5m"' '' > "$tmp/$tee-young.json"
    [ $tee = nitro ] || "$sim" collateral --tee $tee --out "$tmp/$tee.collateral" > /dev/null 2>&1 ||
        not_ok "collateral of $tee"
done
openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/key.pem"
openssl ecparam -name secp384r1 -genkey -noout -out "$tmp/p384.pem"
openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/other.pem"

# ---- certificates of others, by another writer ----
evidence() { # tee, report data
    "$sim" evidence --tee "$1" --raw --user-data "$2" --out "$tmp/evidence" > "$tmp/out" 2>&1 || not_ok "evidence of $1"
}
made() { # form, tee, key, more...
    as=$1 its=$3
    evidence "$2" "$(peer data "$as" "$its")"
    shift 3
    peer make "$as" "$its" "$tmp/evidence" "$tmp/cert.pem" "$@" || not_ok "a certificate of form $as"
}
verify() { # status, what, tee, more...
    status=$1 about=$2 of=$3; shift 3
    [ "$of" = nitro ] || set -- --collateral "$tmp/$of.collateral" "$@"
    expect "$status" "$about" "$selfsame" verify "$tmp/cert.pem" --explain "$@"
}
for key in key p384; do
    for form in dice dice-sha384 dice-sha512 gramine oe-report oe-evidence intel; do
        made $form sgx "$tmp/$key.pem"
        verify 0 "$form, $key" sgx --policy "$tmp/sgx.json"
        said "not to a session"
    done
    for form in dice dstack; do
        made $form tdx "$tmp/$key.pem"
        verify 0 "$form of a TD, $key" tdx --policy "$tmp/tdx.json"
    done
done
made dice sgx "$tmp/key.pem" default
verify 0 "an extension that writes its default out" sgx --policy "$tmp/sgx.json"
made dice sgx "$tmp/key.pem"
verify 15 "a policy that demands a nonce" sgx --policy "$tmp/sgx-nonce.json"
verify 15 "a policy that demands an age" sgx --policy "$tmp/sgx-young.json"
verify 21 "a policy that accepts another TEE" sgx --policy "$tmp/nitro.json"
verify 0 "for the key that is expected" sgx --policy "$tmp/sgx.json" --key "$tmp/cert.pem"
openssl pkey -in "$tmp/other.pem" -pubout -out "$tmp/other.pub"
verify 16 "for another key" sgx --policy "$tmp/sgx.json" --key "$tmp/other.pub"
expect 2 "report data of the caller's" "$selfsame" verify "$tmp/cert.pem" --policy "$tmp/sgx.json" --report-data 0011223344556677
openssl x509 -in "$tmp/cert.pem" -outform DER -out "$tmp/cert.der"
expect 0 "the same as DER" "$selfsame" verify "$tmp/cert.der" --policy "$tmp/sgx.json" --collateral "$tmp/sgx.collateral"
base64 "$tmp/cert.der" > "$tmp/cert.b64"
expect 0 "the same as base64" "$selfsame" verify "$tmp/cert.b64" --policy "$tmp/sgx.json" --collateral "$tmp/sgx.collateral"
expect 0 "show" "$selfsame" show "$tmp/cert.pem"
said "TCG DICE tagged evidence"
said "self_signed    yes"
expect 0 "show, JSON" "$selfsame" show "$tmp/cert.der" --json
said '"form":"TCG DICE tagged evidence"'
said '"tee":"sgx"'

nonce=00112233445566778899aabbccddeeff
evidence sgx "$(peer data dice "$tmp/key.pem" $nonce)"
peer make dice "$tmp/key.pem" "$tmp/evidence" "$tmp/cert.pem" $nonce
verify 0 "claims that hold the nonce" sgx --policy "$tmp/sgx-nonce.json" --nonce $nonce
verify 15 "claims that hold another" sgx --policy "$tmp/sgx-nonce.json" --nonce ffeeddccbbaa99887766554433221100
verify 15 "claims that hold another, any age" sgx --policy "$tmp/sgx.json" --nonce ffeeddccbbaa99887766554433221100

# ---- mistakes that verifiers are known for ----
made dice sgx "$tmp/key.pem" twice
verify 10 "two extensions" sgx --policy "$tmp/sgx.json"
made dice sgx "$tmp/key.pem" signer="$tmp/other.pem"
verify 16 "signed by another key" sgx --policy "$tmp/sgx.json"
for form in dice gramine oe-report; do # the evidence of key.pem in a certificate of other.pem
    evidence sgx "$(peer data $form "$tmp/key.pem")"
    peer make $form "$tmp/other.pem" "$tmp/evidence" "$tmp/cert.pem"
    verify 16 "replayed in a certificate of another key, $form" sgx --policy "$tmp/sgx.json"
done
evidence sgx "$(peer data dice "$tmp/key.pem")"
peer make dice "$tmp/other.pem" "$tmp/evidence" "$tmp/cert.pem" claims="$tmp/key.pem"
verify 16 "with the claims of the other key too" sgx --policy "$tmp/sgx.json"
evidence sgx "$(peer data gramine "$tmp/key.pem" | sed 's/00$/01/')"
peer make gramine "$tmp/key.pem" "$tmp/evidence" "$tmp/cert.pem"
verify 16 "a last byte of report data that is not zero" sgx --policy "$tmp/sgx.json"
openssl req -x509 -key "$tmp/key.pem" -out "$tmp/plain.pem" -days 2 -subj /CN=x 2>/dev/null
expect 11 "--ratls of a certificate without evidence" "$selfsame" verify "$tmp/plain.pem" --ratls --policy "$tmp/sgx.json"
expect 10 "a certificate without evidence" "$selfsame" verify "$tmp/plain.pem" --policy "$tmp/sgx.json"
expect 10 "--ratls of a key" "$selfsame" verify "$tmp/other.pub" --ratls --policy "$tmp/sgx.json"

# ---- our own ----
"$sim" device --listen "unix:$tmp/nsm" 2> "$tmp/device.err" & pids="$pids $!"
await "the device" test -S "$tmp/nsm"
python3 -m http.server --bind 127.0.0.1 -d "$tmp" 0 > "$tmp/service" 2>&1 & pids="$pids $!"
await "the service" grep -q port "$tmp/service"
at=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$tmp/service")
serve() { # file for the ready line, options...
    line=$1; shift
    "$selfsame" serve --listen 127.0.0.1:0 --upstream "127.0.0.1:$at" --device "unix:$tmp/nsm" "$@" \
        > "$line" 2> "$line.err" & pids="$pids $!"
    await "serve" test -s "$line"
    port=$(sed -n 's/^serving 127.0.0.1:\([0-9]*\) .*/\1/p' "$line")
}
shown() { openssl s_client -connect "127.0.0.1:$1" < /dev/null 2>/dev/null | openssl x509; }
serve "$tmp/bare"; bare=$port
serve "$tmp/ready" --ratls --renew 1s
shown "$port" > "$tmp/cert.pem"
is "another implementation reads it" "cmw, bound to the key" "$(peer read "$tmp/cert.pem")"
openssl verify -CAfile "$tmp/cert.pem" "$tmp/cert.pem" > "$tmp/out" 2>&1 || not_ok "openssl verifies its own signature"
verify 0 "the certificate by itself" nitro --policy "$tmp/nitro-young.json"
expect 0 "verify --ratls" "$selfsame" verify "https://127.0.0.1:$port/" --ratls --policy "$tmp/nitro-young.json" --explain
said "not to a session"
expect 15 "verify --ratls, a nonce demanded" "$selfsame" verify "https://127.0.0.1:$port/" --ratls --policy "$tmp/nitro-nonce.json"
expect 0 "the same server is challenged" "$selfsame" verify "https://127.0.0.1:$port/" --policy "$tmp/nitro-nonce.json"
expect 11 "verify --ratls, no evidence in the certificate" "$selfsame" verify "https://127.0.0.1:$bare/" --ratls --policy "$tmp/nitro-young.json"
printf 'GET /nitro.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' > "$tmp/in"
IN=$tmp/in; export IN
expect 0 "connect --ratls" sh -c 'exec "$0" "$@" < "$IN"' "$selfsame" connect "127.0.0.1:$port" --ratls --policy "$tmp/nitro-young.json"
said "any-measurement"
said "attested key of"
expect 11 "connect --ratls, no evidence in the certificate" sh -c 'exec "$0" "$@" < "$IN"' "$selfsame" connect "127.0.0.1:$bare" --ratls --policy "$tmp/nitro-young.json"
is "and no byte of the service" "" "$(cat "$tmp/out")"
renewed() { [ "$(shown "$port")" != "$(cat "$tmp/cert.pem")" ]; }
await "the next certificate" renewed
shown "$port" > "$tmp/next.pem"
is "the next is of the same key" "$(openssl x509 -in "$tmp/cert.pem" -noout -pubkey)" "$(openssl x509 -in "$tmp/next.pem" -noout -pubkey)"
is "and bound to it" "cmw, bound to the key" "$(peer read "$tmp/next.pem")"

for tee in sgx tdx; do # their evidence goes into both extensions
    socket=$tmp/$([ $tee = tdx ] && echo tdx_guest || echo sgx).sock
    "$sim" device --tee $tee --listen "unix:$socket" 2> "$tmp/device.err" & pids="$pids $!"
    await "the device of $tee" test -S "$socket"
    expect 0 "evidence of $tee is collected" "$selfsame" attest --device "unix:$socket" --nonce $nonce --out "$tmp/evidence"
    "$selfsame" serve --listen 127.0.0.1:0 --upstream "127.0.0.1:$at" --device "unix:$socket" --ratls \
        > "$tmp/$tee.ready" 2> "$tmp/$tee.err" & pids="$pids $!"
    await "serve of $tee" test -s "$tmp/$tee.ready"
    port=$(sed -n 's/^serving 127.0.0.1:\([0-9]*\) .*/\1/p' "$tmp/$tee.ready")
    shown "$port" > "$tmp/cert.pem"
    is "another implementation reads that of $tee" "dice and cmw, bound to the key" "$(peer read "$tmp/cert.pem")"
    expect 0 "verify --ratls of $tee" "$selfsame" verify "https://127.0.0.1:$port/" --ratls --policy "$tmp/$tee.json" --collateral "$tmp/$tee.collateral"
    expect 0 "a challenge to the same" "$selfsame" verify "https://127.0.0.1:$port/" --policy "$tmp/$tee-nonce.json" --collateral "$tmp/$tee.collateral"
done

# ---- bad usage ----
expect 2 "--renew without --ratls" "$selfsame" serve --upstream 127.0.0.1:1 --device "unix:$tmp/nsm" --renew 1h
expect 2 "--renew of nonsense" "$selfsame" serve --upstream 127.0.0.1:1 --device "unix:$tmp/nsm" --ratls --renew soon
expect 2 "--ratls with a key from outside" "$selfsame" serve --upstream 127.0.0.1:1 --device "unix:$tmp/nsm" --ratls --cert "$tmp/plain.pem" --key "$tmp/key.pem"
expect 2 "connect --ratls --http" "$selfsame" connect 127.0.0.1:1 --ratls --http --policy "$tmp/nitro.json"
finish
