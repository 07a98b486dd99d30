#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame collateral serve` in front of vendors of our own: one request for a thousand clients, vendors that fail in every
# way, and clients that want more than there is.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/vendors_world.sh"
server=0
cleanup() { [ "$server" != 0 ] && kill "$server" 2> /dev/null; vendors_stop; wait; }
nonce=00112233445566778899aabbccddeeff
openssl ecparam -name prime256v1 -genkey -noout 2> /dev/null | openssl ec -pubout > "$tmp/key.pem" 2> /dev/null
cache=$tmp/cache
vendors_init
vendors_start
for t in snp tdx sgx; do vendors_evidence $t $nonce "$tmp/key.pem" "$tmp/$t"; done
serve() { # further options
    : > "$tmp/serving"
    "$selfsame" collateral serve --listen 127.0.0.1:0 --cache "$cache" --amd "$vendor" --intel "$vendor" --pace 20 --json "$@" \
        > "$tmp/serving" 2> "$tmp/serve.log" &
    server=$!
    for _ in $(seq 100); do grep -q listen "$tmp/serving" && break; sleep 0.1; done
    at=$(sed -n 's/.*"listen":[ ]*"\([^"]*\)".*/\1/p' "$tmp/serving")
    [ -n "$at" ] || { cat "$tmp/serve.log"; not_ok "collateral serve"; }
}
stop() { kill "$server" && wait "$server" 2> /dev/null; server=0; }
fresh() { rm -rf "$cache"; vendors_mode "$1"; }
get() { # PATH: $status, $tmp/body, $tmp/head
    status=$(curl -s -m 30 --path-as-is -o "$tmp/body" -D "$tmp/head" -w '%{http_code}' "http://$at$1")
}
head_of() { sed -n "s/^$1: //Ip" "$tmp/head" | tr -d '\r'; }
verify() { # TEE
    rm -rf "$tmp/own"
    "$selfsame" verify "$tmp/$1" --tee "$1" --nonce $nonce --key "$tmp/key.pem" --insecure-any-measurement --insecure-simulated \
        --fetch --cache "$tmp/own" --origin "http://$at"
}
crl=/vcek/v1/Milan/crl
tcb='/tdx/certification/v4/tcb?fmspc=53494D544545'

# ---- clients ----
serve
for t in snp tdx; do expect 0 "evidence of $t is verified through it" verify $t; done
vendors_mode 500
expect 0 "and again without a vendor" verify tdx
is "which is not asked" 0 "$(vendors_asked)"
get "$tcb"
is "TCB info, in either case of its FMSPC" 200 "$status"
is "byte for byte" yes "$(cmp -s "$tmp/body" "$vendors/tdx/tcb_info.json" && echo yes || echo no)"
is "with its chain in Intel's header" "$(python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(open(sys.argv[1]).read(), safe=""))' \
    "$vendors/tdx/tcb_issuer_chain.pem")" "$(head_of TCB-Info-Issuer-Chain)"
is "its age" yes "$([ "$(head_of Age)" -ge 0 ] && echo yes)"
is "and how long it may be kept" yes "$(head_of Cache-Control | grep -q '^public, max-age=[1-9]' && echo yes || head_of Cache-Control)"
get '/sgx/certification/v4/pckcrl?ca=processor&encoding=der'
is "a list as DER" yes "$(cmp -s "$tmp/body" "$vendors/sgx/pck_crl.der" && echo yes || echo no)"
get '/sgx/certification/v4/pckcrl?ca=processor'
is "as PEM where nothing is said" yes "$(openssl crl -in "$tmp/body" -outform DER 2> /dev/null | cmp -s - "$vendors/sgx/pck_crl.der" && echo yes || echo no)"
get /sgx/certification/v4/rootcacrl
is "and as hex, as a PCCS gives the root's" "$(od -An -v -tx1 "$vendors/sgx/root_crl.der" | tr -d ' \n')" "$(cat "$tmp/body")"
get /healthz; is "it is well" 200 "$status"
get /readyz; is "and ready" 200 "$status"
get /metrics; is "and counts" yes "$(grep -q '^selfsame_collateral_fetched_total [1-9]' "$tmp/body" && echo yes || echo no)"

# ---- clients that want more than there is ----
: > "$vendors/asked"
chip=$(printf '%0128d' 7)
while read -r want path; do
    get "$path"
    is "$path" "$want" "$status"
done <<PATHS
404 /
404 /etc/passwd
400 /../../etc/passwd
400 /vcek/v1/Milan/../../../etc/passwd
400 /vcek/v1/%2e%2e/crl
404 /vcek/v1/Milan/crl/x
400 /vcek/v1//crl
404 /vcek/v1/Milan@evil.example/crl
404 /vcek/v1/Milan/00
400 /http://evil.example/
404 /vlek/v1/Milan/$chip?blSPL=1&teeSPL=0&snpSPL=1&ucodeSPL=1
400 /vcek/v1/Milan/$chip
400 /vcek/v1/Milan/$chip?blSPL=1&teeSPL=0&snpSPL=1&ucodeSPL=256
400 /vcek/v1/Milan/$chip?blSPL=1&teeSPL=0&snpSPL=1&ucodeSPL=1%0d%0aHost:x
400 /sgx/certification/v4/tcb
400 /sgx/certification/v4/tcb?fmspc=00
400 /sgx/certification/v4/tcb?fmspc=53494d54454%26
400 /sgx/certification/v4/tcb?fmspc=53494d544545&update=late
400 /sgx/certification/v4/pckcrl?ca=root
404 /sgx/certification/v3/tcb?fmspc=53494d544545
404 /sgx/certification/v4/pckcert?qeid=00
404 /sgx/certification/v4/platforms
PATHS
is "the vendor is asked for none of it" 0 "$(vendors_asked)"
is "what a client posts is refused" 405 "$(curl -s -o "$tmp/body" -w '%{http_code}' -d x "http://$at$crl")"
stop

# ---- kept ----
vendors_mode 500
serve; kill -9 "$server"; wait "$server" 2> /dev/null
serve
expect 0 "after kill -9 and a restart it serves" verify snp
is "without asking" 0 "$(vendors_asked)"
stop
serve --offline
expect 0 "offline too" verify tdx
get /vcek/v1/Genoa/crl
is "and what it does not have is 503" 503 "$status"
stop

# ---- one request for a thousand clients ----
fresh slow
ulimit -n 4096 2> /dev/null
serve --max-connections 1200
cat > "$tmp/many.py" <<'PY'
import asyncio, collections, sys
host, port = sys.argv[1].rsplit(":", 1)
async def one():
    r, w = await asyncio.open_connection(host, int(port))
    w.write(("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % sys.argv[2]).encode())
    head = await asyncio.wait_for(r.readline(), 60)
    await r.read()
    w.close()
    return head.split()[1].decode()
async def all():
    print(dict(collections.Counter(await asyncio.gather(*[one() for _ in range(int(sys.argv[3]))]))))
asyncio.run(all())
PY
is "a thousand clients at once have the list" "{'200': 1000}" "$(timeout 100 python3 "$tmp/many.py" "$at" $crl 1000 2>&1 | tail -1)"
is "after one request" 1 "$(vendors_asked)"
stop

# ---- a client's share ----
fresh slow
serve --client-share 2
for i in 1 2 3 4 5 6; do
    curl -s -m 30 -o "$tmp/ignored.$i" -w '%{http_code}\n' "http://$at/vcek/v1/Milan/$(printf '%0128d' $i)?blSPL=1&teeSPL=0&snpSPL=1&ucodeSPL=1" \
        > "$tmp/code.$i" & eval "p$i=$!"
done
# shellcheck disable=SC2154
wait "$p1" "$p2" "$p3" "$p4" "$p5" "$p6"
is "who wants much at once waits" 4 "$(cat "$tmp"/code.* | grep -c 429)"
stop

# ---- vendors that fail ----
for m in 500 page garbage big cut 429 hang drip; do
    fresh $m
    serve --timeout 2
    get $crl
    is "a vendor that does $m" 503 "$status"
    is "when to come back ($m)" yes "$([ "$(head_of Retry-After)" -ge 1 ] && echo yes || echo no)"
    [ $m = 429 ] && is "is as the vendor says" yes "$([ "$(head_of Retry-After)" -gt 2000 ] && echo yes || head_of Retry-After)"
    before=$(vendors_asked)
    get $crl
    is "and it is not asked again at once ($m)" "503 $before" "$status $(vendors_asked)"
    is "nothing of it is kept ($m)" 0 "$(ls "$cache" | grep -vc lock)"
    stop
done
fresh busy
serve
get $crl
is "a vendor that is busy for a moment is asked again" "200 2" "$status $(vendors_asked)"
stop
fresh none
serve
get $crl; get $crl
is "there is none: so it is said, and asked once" "404 1" "$status $(vendors_asked)"
stop

# ---- stale ----
fresh ok
serve; get $crl; stop
sed -i "s/^fetched .*/fetched $(($(date +%s) - 86400 - 3600))/" "$cache"/????????????????????????????????????????????????????????????????
vendors_mode 500
serve; get $crl
is "what is over is not served when the vendor fails" 503 "$status"
stop
serve --stale-if-error 30m; get $crl
is "nor for longer than is allowed" 503 "$status"
stop
serve --stale-if-error 2h; get $crl
is "unless that is allowed" 200 "$status"
is "which is said" '110 selfsame "Response is Stale"' "$(head_of Warning)"
is "and how old it is" yes "$([ "$(head_of Age)" -ge 90000 ] && echo yes || head_of Age)"
stop
vendors_mode ok
serve --stale-if-error 2h; get $crl
is "a vendor that is well gives a new one" "200 " "$status $(head_of Warning)"
stop

# ---- room ----
rm -rf "$cache"; mkdir -m 700 "$cache"
python3 - "$cache" "$vendors/tdx/tcb_info.json" <<'PY'
import hashlib, os, sys
body = open(sys.argv[2], "rb").read()
for i in range(400):
    url = "https://api.trustedservices.intel.com/sgx/certification/v4/tcb?fmspc=%012x" % i
    head = "selfsame-collateral 1\nurl %s\nfetched 1780000000\nstatus 200\nsha256 %s\n\n" % (url, hashlib.sha256(body).hexdigest())
    path = sys.argv[1] + "/" + hashlib.sha256(url.encode()).hexdigest()
    open(path, "wb").write(head.encode() + body)
    os.utime(path, (1780000000 + i, 1780000000 + i))
PY
vendors_mode ok
serve --disk 1; get $crl
is "it serves with a cache that is too large" 200 "$status"
is "which has shrunk" yes "$([ "$(du -sk "$cache" | cut -f1)" -le 1024 ] && echo yes || du -sk "$cache")"
is "the oldest are gone" no "$(grep -lq --binary-files=text 'fmspc=000000000001$' "$cache"/* && echo yes || echo no)"
is "the youngest are there" yes "$(grep -lq --binary-files=text 'fmspc=00000000018f$' "$cache"/* && echo yes || echo no)"
stop

# ---- export and import ----
fresh ok
for t in snp tdx; do "$selfsame" collateral fetch "$tmp/$t" --origin "$vendor" --cache "$cache" > "$tmp/ignored" || not_ok "collateral fetch $t"; done
expect 0 "a cache is exported" "$selfsame" collateral export --cache "$cache" --out "$tmp/bundle"
mkdir "$tmp/bundles"; cp "$tmp/bundle" "$tmp/bundles/a"
expect 0 "and imported into another" "$selfsame" collateral import "$tmp/bundle" --cache "$tmp/second"
said "7 pieces imported"
expect 0 "which gives the same bundle" "$selfsame" collateral export --cache "$tmp/second" --out "$tmp/again"
cmp -s "$tmp/bundle" "$tmp/again" && ok "byte for byte" || not_ok "byte for byte"
expect 0 "again, of a directory" "$selfsame" collateral import "$tmp/bundles" --cache "$tmp/second"
said "of 7 the cache has newer ones"
vendors_mode 500
cache=$tmp/second
serve --offline
for t in snp tdx; do expect 0 "from it $t is verified without a vendor" verify $t; done
stop
expect 10 "what is no bundle is refused" "$selfsame" collateral import "$tmp/key.pem" --cache "$tmp/third"
sed 's/kdsintf.amd.com/kdsintf.amd.org/g' "$tmp/bundle" > "$tmp/bundles/b"
expect 2 "a bundle of nobody known is refused" "$selfsame" collateral import "$tmp/bundles/b" --cache "$tmp/third"
sed 's:/Milan/crl:/Milan/xyz:' "$tmp/bundle" > "$tmp/bundles/b"
expect 10 "a list in place of a certificate is refused" "$selfsame" collateral import "$tmp/bundles/b" --cache "$tmp/third"
is "and nothing of it is taken" 0 "$(ls "$tmp/third" | wc -l)"

for o in '--stale-if-error 31d' '--stale-if-error x' '--amd http://10.0.0.1' '--intel https://a/b' '--disk 0' '--listen nowhere'; do
    # shellcheck disable=SC2086
    expect 2 "an option that is none: $o" timeout 10 "$selfsame" collateral serve --cache "$cache" --listen 127.0.0.1:0 $o
done
finish
