#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame collateral` and `verify --fetch` against a key server of our own on loopback, which serves
# what the simulator made, counts what it is asked, and misbehaves on request.
set -u
. "$(dirname "$0")/shell.sh"
pids=
cleanup() {
    "$selfsame" stop nocrl > /dev/null 2>&1
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}
nonce=00112233445566778899aabbccddeeff
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout > "$tmp/key.pem" 2>/dev/null
export XDG_CACHE_HOME="$tmp/home"
cache=$XDG_CACHE_HOME/selfsame/collateral

cat > "$tmp/kds.py" <<'PY'
# usage: kds.py FOLDER: reads FOLDER/table, appends paths to FOLDER/asked, misbehaves as FOLDER/mode says
import base64, http.server, os, struct, sys, time
from socketserver import ThreadingMixIn
folder = sys.argv[1]
def pieces():
    t, out, at = open(folder + "/table", "rb").read(), {}, 0
    while t[at:at + 24] != bytes(24):
        off, size = struct.unpack("<II", t[at + 16:at + 24])
        out[t[at:at + 4].hex()] = t[off:off + size]
        at += 24
    return out
def pem(der):
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def give(self, status, body=b"", **head):
        self.send_response(status)
        for k, v in head.items(): self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        with open(folder + "/asked", "a") as f: f.write("%.3f %s\n" % (time.time(), self.path))
        mode = open(folder + "/mode").read().strip()
        p = pieces()
        kind = "crl" if self.path.endswith("/crl") else "chain" if self.path.endswith("/cert_chain") else "vcek"
        body = {"crl": p.get("92f81bc3"), "vcek": p.get("63da758d"),
                "chain": pem(p["4ab7b379"]) + pem(p["c0b406a4"])}[kind]
        if mode == "slow": time.sleep(1)
        if mode == "busy" and not os.path.exists(folder + "/was-busy"):
            open(folder + "/was-busy", "w").close()
            return self.give(429, b"later", Retry_After="2")
        if mode == "closed": return self.give(429, b"later", Retry_After="3000")
        if mode == "500": return self.give(500, b"no")
        if mode == "empty": return self.give(200)
        if mode == "big": return self.give(200, bytes(2 << 20))
        if mode == "redirect": return self.give(302, Location="https://127.0.0.1:1" + self.path)
        if mode == "file": return self.give(302, Location="file:///etc/passwd")
        if mode == "loop": return self.give(302, Location=self.path)
        if mode == "garbage": return self.give(200, b"\x30\x03\x02\x01")
        if mode == "page": return self.give(200, b"<html>maintenance</html>")
        if mode == "swapped": return self.give(200, p["63da758d"] if kind == "crl" else p["92f81bc3"])
        if mode == "cut":
            self.send_response(200); self.send_header("Content-Length", str(len(body) + 5)); self.end_headers()
            self.wfile.write(body); return
        if body is None or mode == "none" or "/Milan/" not in self.path: return self.give(404)
        self.give(200, body)
class Server(ThreadingMixIn, http.server.HTTPServer): daemon_threads = True
s = Server(("127.0.0.1", 0), Handler)
open(folder + "/port.new", "w").write(str(s.server_port)); os.rename(folder + "/port.new", folder + "/port")
s.serve_forever()
PY
mkdir "$tmp/kds"
mode() { echo "$1" > "$tmp/kds/mode"; rm -f "$tmp/kds/was-busy"; : > "$tmp/kds/asked"; }
now() { echo $(($(date +%s%N) / 1000000)); }
asked() { wc -l < "$tmp/kds/asked"; }
fresh() { rm -rf "$cache"; mode "$1"; }
evidence() { "$sim" evidence --tee snp --nonce "$nonce" --key "$tmp/key.pem" --collateral "$tmp/kds/table" "$@"; }
evidence --raw --out "$tmp/report" && mode ok
python3 "$tmp/kds.py" "$tmp/kds" & pids=$!
for _ in $(seq 100); do [ -s "$tmp/kds/port" ] && break; sleep 0.05; done
kds=http://127.0.0.1:$(cat "$tmp/kds/port")
verify() { "$selfsame" verify "$@" --tee snp --nonce "$nonce" --key "$tmp/key.pem" --insecure-any-measurement --insecure-simulated; }
fetch() { "$selfsame" collateral fetch "$tmp/report" --origin "$kds" "$@"; }

# ---- verify --fetch ----
expect 12 "without --fetch nothing is fetched" verify "$tmp/report"
is "nor asked" 0 "$(asked)"
"$selfsame" verify "$tmp/report" --json --tee snp --nonce "$nonce" --key "$tmp/key.pem" --insecure-any-measurement \
    --insecure-simulated > "$tmp/verdict"
is "the verdict says what is missing and where it is" "vcek cert-chain crl" "$(python3 -c '
import json, sys
n = json.load(open(sys.argv[1]))["needs"]
print(" ".join(x["name"] for x in n if x["url"].startswith("https://kdsintf.amd.com/vcek/v1/Milan/")))' "$tmp/verdict")"
began=$(now)
expect 0 "with --fetch it verifies" verify "$tmp/report" --fetch --origin "$kds"
took=$(($(now) - began))
is "after three requests" 3 "$(asked)"
is "the certificate was asked for by chip and TCB" 1 \
    "$(grep -c 'vcek/v1/Milan/[0-9a-f]\{128\}?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219$' "$tmp/kds/asked")"
is "no faster than one a second: three take two at least" yes "$([ $took -ge 2000 ] && echo yes || echo "no, $took ms")"
mode 500
expect 0 "again it verifies" verify "$tmp/report" --fetch --origin "$kds"
is "without a request" 0 "$(asked)"
expect 0 "offline too" verify "$tmp/report" --fetch --offline
verify_pipe() { verify - --fetch --offline < "$tmp/report"; }
expect 0 "and from a pipe" verify_pipe
is "the cache is for its owner alone" "700 600" "$(stat -c %a "$cache") $(stat -c %a "$cache"/* | sort -u)"
evidence --no-crl --out "$tmp/e"
mode ok
expect 13 "evidence without a list is refused" verify "$tmp/e"
evidence --stale-crl --out "$tmp/e" # as a host may hand it out
expect 13 "an old list of the host is refused" verify "$tmp/e"
evidence --raw --out "$tmp/report"
rm -rf "$cache"; mode ok
evidence --out "$tmp/whole"
expect 0 "evidence that brings everything needs nothing" verify "$tmp/whole" --fetch --origin "$kds"
is "and asks for nothing" 0 "$(asked)"
evidence --bad-signature --out "$tmp/e"
expect 14 "a bad signature is no matter of collateral" verify "$tmp/e" --fetch --origin "$kds"
is "and nothing is asked for it" 0 "$(asked)"
expect 2 "--origin wants --fetch" verify "$tmp/whole" --origin "$kds"

# ---- fetch, show, export ----
evidence --raw --out "$tmp/report"; fresh ok
expect 0 "collateral is fetched into a bundle" fetch --out "$tmp/bundle"
said "/vcek/v1/Milan/crl"
expect 0 "with the bundle it verifies anywhere" verify "$tmp/report" --collateral "$tmp/bundle"
expect 0 "show reads the bundle" "$selfsame" show "$tmp/bundle"
said "application/pkix-crl"
expect 0 "the cache is listed" "$selfsame" collateral show --json
is "with its three pieces" 3 "$(grep -o '"url"' "$tmp/out" | wc -l)"
expect 0 "and exported" "$selfsame" collateral export --out "$tmp/all"
cmp -s "$tmp/bundle" "$tmp/all" && ok "which is the same bundle" || not_ok "which is the same bundle"
expect 0 "another cache is empty" "$selfsame" collateral show --cache "$tmp/other"
expect 2 "and cannot be exported" "$selfsame" collateral export --out "$tmp/x" --cache "$tmp/other"
said "selfsame collateral fetch"
expect 11 "a file that is no evidence" "$selfsame" collateral fetch "$tmp/key.pem" --origin "$kds"
: > "$tmp/nothing"
expect 10 "an empty one" "$selfsame" collateral fetch "$tmp/nothing" --origin "$kds"
"$sim" evidence --out "$tmp/nitro" && mode ok
expect 0 "Nitro needs nothing" "$selfsame" collateral fetch "$tmp/nitro"
is "and asks for nothing" 0 "$(asked)"

# ---- caches of a fleet ----
fleet() { # folder, entries, bytes of each
    python3 - "$@" <<'PY'
import hashlib, os, sys
d, n, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(d, exist_ok=True)
for i in range(n):
    url, body = "https://kdsintf.amd.com/vcek/v1/%s/%d" % ("Milan" if i % 2 else "Genoa", i), b"%d" % i * (size // len(b"%d" % i))
    head = "selfsame-collateral 1\nurl %s\nfetched 1780000000\nstatus 200\nsha256 %s\n\n" % (url, hashlib.sha256(body).hexdigest())
    open(d + "/" + hashlib.sha256(url.encode()).hexdigest(), "wb").write(head.encode() + body)
PY
}
fleet "$tmp/fleet" 80 900
cp "$cache"/????????????????????????????????????????????????????????????????  "$tmp/fleet"
expect 2 "a cache of eighty chips is too much for one bundle" "$selfsame" collateral export --cache "$tmp/fleet" --out "$tmp/x"
said "make several"
expect 0 "of one product line it is not" "$selfsame" collateral export --cache "$tmp/fleet" --out "$tmp/milan" /Milan/
said "43 pieces"
expect 0 "nor of another" "$selfsame" collateral export --cache "$tmp/fleet" --out "$tmp/genoa" /Genoa/1 /Genoa/2 /Genoa/3 /Genoa/4 /Genoa/5 /Genoa/6
expect 2 "of none there is none" "$selfsame" collateral export --cache "$tmp/fleet" --out "$tmp/x" /Rome/
expect 0 "both go with one report, also twice" verify "$tmp/report" --collateral "$tmp/genoa" --collateral "$tmp/milan" \
    --collateral "$tmp/genoa" --collateral "$tmp/milan"
fleet "$tmp/large" 70 1000000
expect 4 "a cache that does not fit into memory is not half told" "$selfsame" collateral show --cache "$tmp/large"
said "no room for all of the cache"
rm -rf "$tmp/large"

# ---- a live service whose host has no list ----
export XDG_RUNTIME_DIR="$tmp/run"; mkdir -m 700 "$XDG_RUNTIME_DIR"
expect 0 "a service is built" "$selfsame" build "$root/examples/hello" --tee snp --out "$tmp/hello" \
    --agent "$build/src/cli/selfsame-agent"
"$selfsame" policy init --measurements "$tmp/hello/measurements.json" 2> /dev/null |
    sed 's/"insecure": \[\]/"insecure": ["simulated"]/' > "$tmp/policy.json"
"$selfsame" run --sim "$tmp/hello" -d --name nocrl --defect no-crl -p 127.0.0.1:0:8443 --json > "$tmp/state" 2> "$tmp/err"
if grep -q 'gives no namespaces' "$tmp/err"; then skipped "this host gives no namespaces: no live service is tried"
else
    at=$(sed 's/.*"host":"\([0-9.:]*\)".*/\1/' "$tmp/state")
    hello() { printf 'GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n' | "$selfsame" connect "$at" --policy "$tmp/policy.json" "$@"; }
    fresh ok
    expect 13 "connect refuses it" hello
    expect 0 "with --fetch it talks to it" hello --fetch --origin "$kds"
    said "hello from the selfsame code you audited"
    is "after asking for the list alone" 1 "$(asked)"
    expect 0 "and so does verify" "$selfsame" verify "https://$at/" --policy "$tmp/policy.json" --fetch --offline
    expect 13 "but not without" "$selfsame" verify "https://$at/" --policy "$tmp/policy.json"
    expect 0 "it ends" "$selfsame" stop nocrl
fi

# ---- one request serves all ----
fresh slow
for i in 1 2 3 4 5 6 7 8; do fetch > "$tmp/out.$i" 2> "$tmp/err.$i" & all="${all:-} $!"; done
# shellcheck disable=SC2086
failed=0; for p in $all; do wait "$p" || failed=1; done
is "eight at once succeed" 0 $failed
is "with one request for each piece" 3 "$(asked)"

# ---- a cache that is not what it was ----
mode ok
for f in "$cache"/????????????????????????????????????????????????????????????????; do printf X | dd of="$f" bs=1 seek=300 conv=notrunc 2> /dev/null; done
expect 0 "changed entries are fetched anew" fetch
is "all of them" 3 "$(asked)"
for f in "$cache"/????????????????????????????????????????????????????????????????; do truncate -s 100 "$f"; done
expect 3 "cut entries are none, offline" fetch --offline
mode ok
expect 0 "and are fetched anew" fetch
# Killed at any moment it leaves whole entries or none.
i=0
while [ $i -lt 12 ]; do
    rm -rf "$cache"; mode ok
    fetch > /dev/null 2>&1 & p=$!
    sleep "0.$((i * 7 % 10))$i"; kill -9 $p 2> /dev/null; wait $p 2> /dev/null
    "$selfsame" collateral show > "$tmp/out" 2> "$tmp/err" || not_ok "after kill -9 the cache is read"
    for f in "$cache"/????????????????????????????????????????????????????????????????; do
        [ -e "$f" ] && ! head -1 "$f" | grep -q '^selfsame-collateral 1$' && not_ok "a broken entry after kill -9"
    done
    i=$((i + 1))
done
mode ok
expect 0 "after twelve kills it works" fetch

# ---- hosts that misbehave ----
fresh busy
began=$(now)
expect 0 "a busy host is asked again" fetch
took=$(($(now) - began))
is "once more than usual" 4 "$(asked)"
is "when it said so: four take four seconds at least" yes "$([ $took -ge 4000 ] && echo yes || echo "no, $took ms")"
fresh closed
expect 3 "one that is closed for long is told" fetch
said "asks not to be asked"
for m in 500 empty big redirect file loop cut garbage page; do
    fresh $m
    expect 3 "a host that answers: $m" fetch
    case $m in 500) said "expected status 200, got 500 from $kds/vcek/v1/Milan/" ;; empty) said "expected a body, got none from" ;;
    big) said "expected at most 1048576 bytes, got more" ;; esac
    is "leaves nothing behind" "" "$(ls "$cache" | grep -v lock)"
done
fresh swapped
expect 3 "a list where a certificate should be" fetch
said "expected certificates, got"
fresh page
expect 12 "a page in place of collateral leaves the refusal as it was" verify "$tmp/report" --fetch --origin "$kds"
mode ok
expect 0 "and is forgotten when the host is well again" verify "$tmp/report" --fetch --origin "$kds"
# What an older version kept, or anybody wrote: an entry that is whole, and no list.
entry() { # suffix of the URL
    for f in "$cache"/????????????????????????????????????????????????????????????????; do
        sed -n 2p "$f" | tr -d '\0' | grep -q "$1\$" && echo "$f"
    done
}
aged() { # suffix of the URL, days
    sed -i "s/^fetched .*/fetched $(($(date +%s) - $2 * 86400))/" "$(entry "$1")"
}
{ head -3 "$(entry /crl)"; printf 'status 200\nsha256 %s\n\n<html>' "$(printf '<html>' | sha256sum | cut -c 1-64)"; } > "$tmp/page"
cp "$tmp/page" "$(entry /crl)"
expect 3 "an entry that is no list is none, offline" fetch --offline
mode ok
expect 0 "and is fetched anew" fetch
is "that alone" 1 "$(asked)"
aged /cert_chain 8; aged 'ucodeSPL=219' 400; mode ok
expect 0 "after a week" fetch
is "the chain is asked for anew, and the chip's certificate is not" "cert_chain" "$(sed 's:.*/::' "$tmp/kds/asked")"
aged /cert_chain 8; mode 500
expect 0 "an old one serves while the host fails" fetch
fresh ok
expect 0 "the cache is filled" fetch
mode ok
expect 0 "--refresh asks anew" fetch --refresh
is "for every piece" 3 "$(asked)"
mode 500
expect 3 "and takes no old one for new" fetch --refresh
expect 0 "which is still there" fetch
expect 2 "--refresh and --offline" fetch --refresh --offline
fresh none
expect 3 "a chip that the host does not know" fetch
said "none of the"
is "is asked for" 3 "$(asked)"
expect 3 "and not again at once" fetch
is "since that answer is kept for a while" 3 "$(asked)"
kill "$pids"; wait "$pids" 2> /dev/null; pids=
fresh ok
expect 3 "a host that is not there" fetch
said "--collateral"
said "connect to server: $kds/vcek/v1/Milan/"
expect 12 "leaves the refusal as it was" verify "$tmp/report" --fetch --origin "$kds"
expect 3 "offline and unknown" fetch --offline
said "not in the cache, and --offline: https://kdsintf.amd.com/vcek/v1/Milan/"
for o in ftp://127.0.0.1 http://192.0.2.1 "http://127.0.0.1.example" https:// "$kds/path" "https://user@host/"; do
    expect 2 "an origin that is none: $o" "$selfsame" collateral fetch "$tmp/report" --origin "$o"
done
finish
