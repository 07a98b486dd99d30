#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame collateral` for SGX and TDX against a provisioning service (PCS) and a caching service (PCCS) of our own on
# loopback, which serve what the simulator made.
set -u
. "$(dirname "$0")/shell.sh"
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}
nonce=00112233445566778899aabbccddeeff
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout > "$tmp/key.pem" 2>/dev/null
export XDG_CACHE_HOME="$tmp/home"
cache=$XDG_CACHE_HOME/selfsame/collateral

cat > "$tmp/pcs.py" <<'PY'
# usage: pcs.py FOLDER [CERTIFICATE KEY]: serves FOLDER/{sgx,tdx}[-early]/, appends paths to FOLDER/asked, behaves as FOLDER/mode says
import http.server, os, ssl, sys, urllib.parse
from socketserver import ThreadingMixIn
folder = sys.argv[1]
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def give(self, status, body=b"", **head):
        self.send_response(status)
        for k, v in head.items(): self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        with open(folder + "/asked", "a") as f: f.write(self.path + "\n")
        mode = open(folder + "/mode").read().strip()
        u = urllib.parse.urlparse(self.path)
        q = dict(urllib.parse.parse_qsl(u.query))
        tee = "tdx" if u.path.startswith("/tdx/") else "sgx"
        track = "-early" if q.get("update") == "early" else ""
        read = lambda name, t=track: open("%s/%s%s/%s" % (folder, tee, t, name), "rb").read()
        chain = lambda name: urllib.parse.quote(read(name), safe="") if mode != "raw" else read(name).decode().replace("\n", "")
        end = u.path.rsplit("/v4/")[-1]
        pccs = mode == "pccs"
        if mode == "none": return self.give(404)
        if mode == "page": return self.give(200, b"<html>maintenance</html>")
        if mode == "nochain": return self.give(200, read("tcb_info.json") if end == "tcb" else read("qe_identity.json"))
        if mode == "badchain" and end == "tcb":
            return self.give(200, read("tcb_info.json"), TCB_Info_Issuer_Chain="hello")
        if mode == "moved" and end == "tcb" and "again" not in q:
            return self.give(302, Location=self.path + "&again=1", TCB_Info_Issuer_Chain="hello")
        if end == "tcb" and q.get("fmspc") == "53494d544545":
            head = "SGX-TCB-Info-Issuer-Chain" if pccs else "TCB-Info-Issuer-Chain"
            return self.give(200, read("tcb_info.json"), **{head: chain("tcb_issuer_chain.pem")})
        if end == "qe/identity":
            return self.give(200, read("qe_identity.json"), SGX_Enclave_Identity_Issuer_Chain=chain("qe_issuer_chain.pem"))
        if end == "pckcrl":
            body = read("pck_crl.der", "")
            return self.give(200, body.hex().upper().encode() if pccs else body, SGX_PCK_CRL_Issuer_Chain=chain("pck_crl_issuer_chain.pem"))
        if end == "rootcacrl" and pccs: return self.give(200, read("root_crl.der", "").hex().encode())
        if u.path == "/IntelSGXRootCA.der" and not pccs: return self.give(200, read("root_crl.der", ""))
        self.give(404)
class Server(ThreadingMixIn, http.server.HTTPServer): daemon_threads = True
s = Server(("127.0.0.1", 0), Handler)
name = "/port"
if len(sys.argv) > 2:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[2], sys.argv[3])
    s.socket = tls.wrap_socket(s.socket, server_side=True)
    name = "/tls-port"
open(folder + name + ".new", "w").write(str(s.server_port)); os.rename(folder + name + ".new", folder + name)
s.serve_forever()
PY
mkdir "$tmp/pcs"
mode() { echo "$1" > "$tmp/pcs/mode"; : > "$tmp/pcs/asked"; }
asked() { wc -l < "$tmp/pcs/asked"; }
fresh() { rm -rf "$cache"; mode "$1"; }
# A cache that was filled before: a host is asked once a second, and most tests want none of that.
filled() { rm -rf "$cache"; mkdir -p "$cache"; for f in "$@"; do cp -rp "$tmp/filled-$f/." "$cache"; done; mode pcs; }
forget() { rm "$(entry "$1")"; }
entry() { grep -l --binary-files=text "^url .*$1\$" "$cache"/*; } # suffix of the URL
mode pcs
for t in sgx tdx; do
    "$sim" evidence --tee $t --nonce "$nonce" --key "$tmp/key.pem" --raw --out "$tmp/$t" 2> /dev/null
    "$sim" collateral --tee $t --out "$tmp/pcs/$t" 2> /dev/null
    "$sim" collateral --tee $t --out "$tmp/pcs/$t-early" --set evaluation=99 --set tcb_status=OutOfDate \
        --set advisories=INTEL-SA-00837 2> /dev/null
done
python3 "$tmp/pcs.py" "$tmp/pcs" & pids=$!
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$tmp/tls.key" -out "$tmp/tls.pem" \
    -subj /CN=pccs -addext subjectAltName=IP:127.0.0.1 2> /dev/null
python3 "$tmp/pcs.py" "$tmp/pcs" "$tmp/tls.pem" "$tmp/tls.key" 2> /dev/null & pids="$pids $!"
for _ in $(seq 100); do [ -s "$tmp/pcs/port" ] && [ -s "$tmp/pcs/tls-port" ] && break; sleep 0.05; done
pcs=http://127.0.0.1:$(cat "$tmp/pcs/port")
verify() { # TEE, options
    t=$1; shift
    "$selfsame" verify "$tmp/$t" --tee "$t" --nonce "$nonce" --key "$tmp/key.pem" --insecure-any-measurement --insecure-simulated "$@"
}
fetch() { "$selfsame" collateral fetch --origin "$pcs" "$@"; }
forecast() { "$selfsame" collateral forecast "$@"; }

# ---- verify --fetch ----
for t in sgx tdx; do
    fresh pcs
    expect 13 "a bare quote of $t is refused" verify $t
    is "and nothing is asked for it" 0 "$(asked)"
    expect 0 "with --fetch it verifies" verify $t --fetch --origin "$pcs"
    is "after four requests" 4 "$(asked)"
    is "of its own TEE" "/$t/certification/v4/qe/identity /$t/certification/v4/tcb?fmspc=53494d544545" \
        "$(grep -v 'pckcrl\|Root' "$tmp/pcs/asked" | sort | tr '\n' ' ' | sed 's/ $//')"
    expect 0 "again, offline" verify $t --fetch --offline
    is "without another" 4 "$(asked)"
    cp -rp "$cache" "$tmp/filled-$t"
done

# ---- fetch: a bundle, files, a platform ----
filled tdx sgx
expect 0 "collateral becomes a bundle and files" fetch "$tmp/tdx" --out "$tmp/bundle" --dir "$tmp/dir"
said "/tdx/certification/v4/tcb?fmspc=53494d544545"
is "with the names that others use" "pck_crl.der pck_crl_issuer_chain.pem qe_identity.json qe_issuer_chain.pem \
root_crl.der tcb_info.json tcb_issuer_chain.pem" "$(ls "$tmp/dir" | tr '\n' ' ' | sed 's/ $//')"
for f in "$tmp/dir"/*; do # lists are of SGX, also for TDX
    case ${f##*/} in pck_* | root_*) t=sgx ;; *) t=tdx ;; esac
    cmp -s "$f" "$tmp/pcs/$t/${f##*/}" || not_ok "${f##*/} is not what was served"
done
expect 0 "the bundle is enough" verify tdx --collateral "$tmp/bundle"
expect 0 "and so are the files" verify tdx --collateral "$tmp/dir"
for f in tcb_info.json qe_identity.json tcb_issuer_chain.pem pck_crl.der root_crl.der; do
    rm -rf "$tmp/less"; cp -r "$tmp/dir" "$tmp/less"; rm "$tmp/less/$f"
    case $f in
    *_crl.der) expect 13 "without $f it is refused" verify tdx --collateral "$tmp/less" ;;
    tcb_issuer*) expect 0 "without $f the other chain will do" verify tdx --collateral "$tmp/less" ;;
    *) expect 18 "without $f it is refused" verify tdx --collateral "$tmp/less" ;;
    esac
done
expect 2 "files of two TEEs have the same names" fetch "$tmp/tdx" "$tmp/sgx" --dir "$tmp/x"
said "what one platform"
expect 0 "one bundle holds both" fetch "$tmp/tdx" "$tmp/sgx" --out "$tmp/both"
expect 0 "for the one" verify sgx --collateral "$tmp/both"
expect 0 "and the other" verify tdx --collateral "$tmp/both"
fresh pcs
expect 0 "a platform in place of evidence" fetch --tee sgx --fmspc 53494D544545 --ca processor --out "$tmp/b"
is "is asked for by its CA" 1 "$(grep -c 'pckcrl?ca=processor&encoding=der$' "$tmp/pcs/asked")"
expect 0 "which is enough as well" verify sgx --collateral "$tmp/b"
expect 2 "--fmspc wants a TEE" fetch --fmspc 53494d544545
expect 2 "of Intel's" fetch --fmspc 53494d544545 --tee snp
expect 2 "and its length" fetch --fmspc 53494d5445 --tee sgx
expect 2 "and no evidence" fetch --fmspc 53494d544545 --tee sgx "$tmp/sgx"
expect 2 "and one of two CAs" fetch --fmspc 53494d544545 --tee sgx --ca root
expect 2 "--ca wants --fmspc" fetch "$tmp/sgx" --ca platform
expect 2 "there are two tracks" fetch "$tmp/sgx" --update late
expect 2 "nothing given" fetch

# ---- show, export ----
filled tdx
expect 0 "the cache is listed" "$selfsame" collateral show
said "until 20"
expect 0 "with what the pieces say" "$selfsame" collateral show --json fmspc=53494d544545
is "the level, who signed it, and its end" "UpToDate tdx 2 $(sed 's/.*"nextUpdate":"\([^"]*\)".*/\1/' "$tmp/pcs/tdx/tcb_info.json")" \
    "$(jq -r '.[0] | .content | "\(.levels[0].status) \(.tee) \(.issuer_chain.certificates | length) \(.next_update)"' "$tmp/out")"
expect 0 "export writes the same files" "$selfsame" collateral export --dir "$tmp/exported"
diff -r "$tmp/dir" "$tmp/exported" > /dev/null && ok "as fetch did" || not_ok "as fetch did"
expect 0 "and a bundle" "$selfsame" collateral export --out "$tmp/exported.cmw"
expect 0 "which is enough" verify tdx --collateral "$tmp/exported.cmw"
expect 2 "not both" "$selfsame" collateral export --out "$tmp/x" --dir "$tmp/x"
python3 -c '
import sys
q = open(sys.argv[1], "rb").read()
at = q.index(b"-----BEGIN CERT")
sys.stdout.buffer.write(q[at:q.index(b"-----END CERT") + 26])' "$tmp/sgx" > "$tmp/pck.pem"
expect 0 "show decodes a PCK certificate" "$selfsame" show "$tmp/pck.pem" --json
is "with its family, CA and components" "53494d544545 processor standard 16" \
    "$(jq -r '.certificates[0].sgx | "\(.fmspc) \(.ca) \(.type) \(.components | split(" ") | length)"' "$tmp/out")"
expect 0 "and nothing of the kind in others" "$selfsame" show "$tmp/dir/tcb_issuer_chain.pem" --json
is "as these" null "$(jq -r '.certificates[0].sgx' "$tmp/out")"
for f in tcb_info.json qe_identity.json; do
    expect 0 "show decodes $f" "$selfsame" show "$tmp/dir/$f" --json
    is "and believes nothing" "false tdx" "$(jq -r '"\(.believed) \(.tee)"' "$tmp/out")"
done

# ---- a caching service: CRLs in hex, the root's below a path of its own, an older header ----
fresh pccs
expect 0 "a caching service will do" verify tdx --fetch --origin "$pcs"
is "after five requests: it has no /IntelSGXRootCA.der" 5 "$(asked)"
is "but this" 1 "$(grep -c '^/sgx/certification/v4/rootcacrl$' "$tmp/pcs/asked")"
expect 0 "its collateral becomes files" fetch "$tmp/tdx" --offline --dir "$tmp/pccs"
diff -r "$tmp/dir" "$tmp/pccs" > /dev/null && ok "the same ones" || not_ok "the same ones"
for f in pck_crl root_crl; do od -An -v -tx1 "$tmp/dir/$f.der" | tr -d ' \n' > "$tmp/pccs/$f.der"; done
expect 0 "CRLs in hex may also be given as files" verify tdx --collateral "$tmp/pccs"

# ---- one with a TLS certificate of its own making ----
fresh pccs
tls=https://127.0.0.1:$(cat "$tmp/pcs/tls-port")
expect 3 "its certificate is not known" "$selfsame" collateral fetch "$tmp/tdx" --origin "$tls"
expect 3 "nor by another" "$selfsame" collateral fetch "$tmp/tdx" --origin "$tls" --origin-ca "$tmp/dir/tcb_issuer_chain.pem"
is "nothing was asked" 0 "$(asked)"
expect 0 "unless it is named" "$selfsame" collateral fetch "$tmp/tdx" --origin "$tls" --origin-ca "$tmp/tls.pem"
forget qe/identity
expect 0 "for verify as well" verify tdx --fetch --origin "$tls" --origin-ca "$tmp/tls.pem"
expect 2 "it goes with --origin" "$selfsame" collateral fetch "$tmp/tdx" --origin-ca "$tmp/tls.pem"
expect 2 "and with --fetch" verify tdx --origin-ca "$tmp/tls.pem"

# ---- age, and what a cache may hold ----
filled tdx
sed -i "s/^fetched .*/fetched $(($(date +%s) - 86400 + 600))/" "$cache"/????????????????????????????????????????????????????????????????
mode pcs
expect 0 "young enough for a day" fetch "$tmp/tdx"
is "nothing is asked" 0 "$(asked)"
sed -i "s/^fetched .*/fetched $(($(date +%s) - 86400))/" "$(entry fmspc=53494d544545)"
expect 0 "after it" fetch "$tmp/tdx"
is "that piece is asked for anew" "/tdx/certification/v4/tcb?fmspc=53494d544545" "$(cat "$tmp/pcs/asked")"
f=$(entry fmspc=53494d544545)
printf X | dd of="$f" bs=1 seek=$(($(wc -c < "$f") - 40)) conv=notrunc 2> /dev/null # in the chain
mode pcs
expect 0 "a changed chain" fetch "$tmp/tdx"
is "is none" 1 "$(asked)"
sed -i 's/^chain .*/chain 99999/' "$(entry fmspc=53494d544545)"
expect 3 "one that is longer than the entry neither" fetch "$tmp/tdx" --offline
# A host that knows of none takes away nothing that there was.
filled tdx
sed -i "s/^fetched .*/fetched $(($(date +%s) - 86400))/" "$(entry fmspc=53494d544545)"
mode none
expect 0 "a service that has lost a piece" fetch "$tmp/tdx"
is "was asked" 1 "$(asked)"
expect 3 "asked anew it says so" fetch --refresh --tee tdx --fmspc 53494d544545
expect 0 "and what was kept stays" verify tdx --fetch --offline
# Superseded collateral is asked for anew, however young.
filled tdx; forget fmspc=53494d544545
"$sim" collateral --tee tdx --out "$tmp/pcs/old" --at "$(($(date +%s) - 40 * 86400))" 2> /dev/null
cp -r "$tmp/pcs/tdx" "$tmp/keep"
cp "$tmp/pcs/old/tcb_info.json" "$tmp/pcs/tdx/tcb_info.json"
expect 18 "superseded TCB info is refused" verify tdx --fetch --origin "$pcs"
cp "$tmp/keep/tcb_info.json" "$tmp/pcs/tdx/tcb_info.json"; mode pcs
expect 0 "and forgotten when there is a new one" verify tdx --fetch --origin "$pcs"
is "that alone is asked for" 1 "$(asked)"

# ---- services that misbehave ----
for m in page badchain; do
    fresh $m
    expect 3 "a service that answers: $m" fetch "$tmp/tdx"
    case $m in page) said "signed JSON of Intel's" ;; badchain) said "the header of the issuer's chain" ;; esac
    is "leaves nothing behind" "" "$(ls "$cache" | grep -v lock)"
done
filled tdx; forget fmspc=53494d544545; mode moved
expect 0 "after a redirect the header of the target counts" fetch "$tmp/tdx" --out "$tmp/b"
expect 0 "as it should" verify tdx --collateral "$tmp/b"
filled tdx
expect 0 "a platform that the service does not know" fetch --tee tdx --ca processor --fmspc 000000000000
said "none       https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=000000000000"
sed -i 's/"UpToDate"/"UpToDatE"/' "$tmp/pcs/tdx/tcb_info.json"
filled tdx; forget fmspc=53494d544545
expect 18 "TCB info that was changed is refused" verify tdx --fetch --origin "$pcs"
cp "$tmp/keep/tcb_info.json" "$tmp/pcs/tdx/tcb_info.json"

# ---- forecast ----
for t in sgx tdx; do
    filled $t
    expect 0 "what is to come of $t" fetch "$tmp/$t" --update early --out "$tmp/early"
    is "is another thing" 1 "$(grep -c 'tcb?fmspc=53494d544545&update=early$' "$tmp/pcs/asked")"
    expect 0 "today it verifies" verify $t --fetch --offline
    expect 18 "then it will be worse" forecast "$tmp/$t" --collateral "$tmp/early"
    said "SGX component 0: has 7, needs 8"
    said "OutOfDate (evaluation 99"
    said "INTEL-SA-00837"
    expect 18 "in JSON" forecast "$tmp/$t" --collateral "$tmp/early" --json
    is "the same" "UpToDate OutOfDate worse true true SGX component 0 7 8" \
        "$(jq -r '.[0] | "\(.today.status) \(.newer.status) \(.change) \(.from == .newer.issued) \(.at_the_latest == .today.next_update) \(.newer.lacks[0] | "\(.what) \(.has) \(.needs)")"' "$tmp/out")"
    expect 0 "the other way round it is better" forecast "$tmp/$t" --collateral "$tmp/pcs/$t" --against "$tmp/pcs/$t-early"
    said "better from"
    expect 0 "and the same with what is in force" forecast "$tmp/$t" --collateral "$tmp/pcs/$t"
    expect 18 "without today's the best is what counts" forecast "$tmp/$t" --collateral "$tmp/pcs/$t-early" --cache "$tmp/none"
    said "today  unknown"
    # Announced alone: lists and certificates are today's.
    mkdir -p "$tmp/alone"; cp "$tmp/pcs/$t-early/tcb_info.json" "$tmp/pcs/$t-early/qe_identity.json" "$tmp/alone"
    expect 18 "JSON alone is enough" forecast "$tmp/$t" --collateral "$tmp/alone"
    said "OutOfDate (evaluation 99"
    sed -i 's/"OutOfDate"/"UpToDate"/' "$tmp/alone/tcb_info.json"
    expect 18 "but not when nobody signed it" forecast "$tmp/$t" --collateral "$tmp/alone"
    said "signature does not verify"
    said "TCB info"
    rm -r "$tmp/alone"
done
# A directory of what was kept, and notes beside it.
filled tdx sgx
mkdir "$tmp/kept"; cp "$tmp/tdx" "$tmp/kept/b"; cp "$tmp/sgx" "$tmp/kept/a"; echo notes > "$tmp/kept/c"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18; do cp "$tmp/sgx" "$tmp/kept/more$i"; done
expect 0 "a directory of quotes" fetch "$tmp/kept"
is "wants what two TEEs want" 6 "$(ls "$cache" | grep -c '^[0-9a-f]\{64\}$')"
expect 0 "of both" fetch "$tmp/kept" --update early --out "$tmp/early"
expect 18 "is forecast as a whole" forecast "$tmp/kept" --collateral "$tmp/early"
said "20 of 20 will be worse"
is "in the order of names" "a b" "$(grep -o '^[^ ]*/kept/[ab]:' "$tmp/out" | sed 's:.*/::' | tr -d : | tr '\n' ' ' | sed 's/ $//')"
mkdir "$tmp/empty"
expect 11 "one without any" forecast "$tmp/empty" --collateral "$tmp/early"
"$sim" evidence --out "$tmp/nitro" 2> /dev/null
expect 11 "a forecast is for quotes" forecast "$tmp/nitro" --collateral "$tmp/early"
expect 2 "and needs newer collateral" forecast "$tmp/tdx"
expect 18 "of this TEE" forecast "$tmp/tdx" --collateral "$tmp/pcs/sgx"
said "expected the TCB info of TDX platforms"
"$sim" collateral --tee tdx --out "$tmp/later" --at "$(($(date +%s) + 20 * 86400))" 2> /dev/null
expect 0 "what is issued later is judged then" forecast "$tmp/tdx" --collateral "$tmp/later" --against "$tmp/pcs/tdx"
expect 13 "what is over is over" forecast "$tmp/tdx" --collateral "$tmp/pcs/tdx" --against "$tmp/pcs/tdx" --at "$(($(date +%s) + 90 * 86400))"
said "superseded since"
finish
