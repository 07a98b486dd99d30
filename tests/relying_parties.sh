#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packaging/relying-parties: proxies that let in who bears a good token of the verifier, and
# nobody else. The configurations are those that are shipped, with the places of this test.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
parties=$root/packaging/relying-parties
server='' app='' proxy=''
cleanup() {
    for p in $server $app $proxy; do kill -9 "$p" 2>/dev/null; done
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
reached() { # PORT
    for _ in $(seq 50); do curl -s -o /dev/null -m 2 "http://127.0.0.1:$1/" && return 0; sleep 0.1; done
    return 1
}

# ---- tokens: good, and each wrong in one thing ----
world_init
echo '{"alg":"RS256"}' > "$tmp/audience.json"
echo '{"alg":"RS256","life_s":1}' > "$tmp/short.json"
echo '{"alg":"ES256"}' > "$tmp/ec.json"
expect 0 "an audience" "$selfsame" verifier audience set "$dir" default https://api.example "$tmp/audience.json"
expect 0 "another" "$selfsame" verifier audience set "$dir" default https://other.example "$tmp/audience.json"
expect 0 "one of ES256" "$selfsame" verifier audience set "$dir" default https://ec.example "$tmp/ec.json"
world_serve
token() { # FILE POLICY AUDIENCE
    nonce=$(new_nonce)
    evidence "$nonce"
    ask_verify "policy=$2&nonce=$nonce&key=$key64&audience=$3"
    is "a token: $1" 200 "$status"
    tr -d '\n' < "$tmp/body" > "$tmp/token.$1"
}
token good web https://api.example
token audience web https://other.example
token refused hardware https://api.example
token algorithm web https://ec.example
expect 0 "a short life" "$selfsame" verifier audience set "$dir" default https://api.example "$tmp/short.json"
sleep 2
token expired web https://api.example
python3 - "$tmp" << 'PY'
# What only a forger makes.
import base64, json, os, subprocess, sys
tmp = sys.argv[1]
e = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=").decode()
d = lambda s: base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))
head, body, sig = open(tmp + "/token.good").read().split(".")
claims = json.loads(d(body))
subprocess.run(["openssl", "genrsa", "-out", tmp + "/foreign.pem", "2048"], check=True, stderr=subprocess.DEVNULL)
def sign(h, b):
    return subprocess.run(["openssl", "dgst", "-sha256", "-sign", tmp + "/foreign.pem"], input=(h + "." + b).encode(), check=True, stdout=subprocess.PIPE).stdout
open(tmp + "/token.foreign", "w").write(head + "." + body + "." + e(sign(head, body)))
open(tmp + "/token.changed", "w").write(head + "." + e(json.dumps(dict(claims, sub="tee:nitro2")).encode()) + "." + sig)
none = e(json.dumps(dict(json.loads(d(head)), alg="none")).encode())
open(tmp + "/token.none", "w").write(none + "." + body + ".")
hs = e(json.dumps(dict(json.loads(d(head)), alg="HS256")).encode())
open(tmp + "/token.hs256", "w").write(hs + "." + body + "." + e(b"\0" * 32))
kid = e(json.dumps(dict(json.loads(d(head)), kid="nobody")).encode())
open(tmp + "/token.kid", "w").write(kid + "." + body + "." + e(sign(kid, body)))
open(tmp + "/token.short", "w").write(head + "." + body)
PY
get /jwks.json
cp "$tmp/body" "$tmp/jwks.json"
python3 - "$tmp" << 'PY'
# HAProxy reads no JWKS: the RS256 key in PEM.
import base64, json, subprocess, sys
tmp = sys.argv[1]
d = lambda s: int.from_bytes(base64.urlsafe_b64decode(s + "=" * (-len(s) % 4)), "big")
k = next(k for k in json.load(open(tmp + "/jwks.json"))["keys"] if k["alg"] == "RS256")
open(tmp + "/key.cnf", "w").write(f"asn1=SEQUENCE:k\n[k]\na=SEQUENCE:a\nb=BITWRAP,SEQUENCE:b\n[a]\no=OID:rsaEncryption\np=NULL\n[b]\nn=INTEGER:0x{d(k['n']):x}\ne=INTEGER:0x{d(k['e']):x}\n")
subprocess.run(["openssl", "asn1parse", "-genconf", tmp + "/key.cnf", "-noout", "-out", tmp + "/key.der"], check=True)
subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-in", tmp + "/key.der", "-out", tmp + "/rs256.pem"], check=True)
PY

# ---- what is behind the proxies ----
at_app=$(free_port)
mkdir "$tmp/www"
echo "hello, attested" > "$tmp/www/index.html"
python3 -m http.server --bind 127.0.0.1 --directory "$tmp/www" "$at_app" > /dev/null 2>&1 &
app=$!
reached "$at_app" || not_ok "the application"

enter() { # FILE: the status
    curl -s -m 10 -o "$tmp/entered" -w '%{http_code}' -H "Authorization: Bearer $(cat "$tmp/token.$1")" "http://127.0.0.1:$at_proxy/"
}
judge() { # NAME
    is "$1: a good token" 200 "$(enter good)"
    is "$1: leads to the application" "hello, attested" "$(cat "$tmp/entered")"
    is "$1: without a token" 401 "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$at_proxy/")"
    is "$1: a token of evidence that was refused" 401 "$(enter refused)"
    is "$1: for somebody else" 401 "$(enter audience)"
    is "$1: of another algorithm" 401 "$(enter algorithm)"
    for forged in foreign changed none hs256 kid short; do is "$1: forged ($forged)" 401 "$(enter $forged)"; done
    is "$1: and a good one still" 200 "$(enter good)"
}
here() { # the shipped file with the places and demands of this test
    sed "s|https://verifier.example/jwks.json|http://$at/jwks.json|; s|https://verifier.example|$url|g; s|127.0.0.1:8080|127.0.0.1:$at_proxy|; s|127.0.0.1:8081|127.0.0.1:$at_app|; s|release:example.com/hello:|tee:nitro|; s|status \"affirming\"|status \"affirming warning\"|; s|-m str affirming|-m str warning|; /proxy_ssl/d" "$1"
}

# ---- nginx ----
if command -v nginx > /dev/null && [ -e /usr/lib/nginx/modules/ngx_http_js_module.so ]; then
    at_proxy=$(free_port)
    mkdir "$tmp/nginx"
    cp "$parties/selfsame.js" "$tmp/nginx"
    {
        echo "load_module /usr/lib/nginx/modules/ngx_http_js_module.so;"
        echo "daemon off; pid nginx.pid; error_log error.log; user $(id -un);"
        echo "events {} http { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;"
        here "$parties/nginx.conf"
        echo "}"
    } > "$tmp/nginx/nginx.conf"
    nginx -p "$tmp/nginx" -c nginx.conf -e error.log > "$tmp/nginx.out" 2>&1 &
    proxy=$!
    reached "$at_proxy" || { cat "$tmp/nginx.out" "$tmp/nginx/error.log"; not_ok "nginx"; }
    judge nginx
    # Its leeway of a minute: the expired one is looked at with a clock that is right.
    sed -i 's/^const LEEWAY_S = 60/const LEEWAY_S = 0/' "$tmp/nginx/selfsame.js"
    kill -HUP "$proxy"
    sleep 2
    is "nginx: an expired token" 401 "$(enter expired)"
    is "nginx: one that is not" 200 "$(enter good)"
    world_stop
    server=
    is "nginx: the verifier may be away" 200 "$(enter good)"
    kill "$proxy"
    wait "$proxy" 2>/dev/null
    proxy=
    world_serve
else
    skipped "relying parties: nginx with njs is not here"
fi

# ---- HAProxy ----
if command -v haproxy > /dev/null; then
    at_proxy=$(free_port)
    {
        printf 'global\n    log stderr local0\ndefaults\n    mode http\n    timeout connect 5s\n    timeout client 10s\n    timeout server 10s\n'
        here "$parties/haproxy.cfg" | sed "s|rs256.pem|$tmp/rs256.pem|"
    } > "$tmp/haproxy.cfg"
    haproxy -db -f "$tmp/haproxy.cfg" > "$tmp/haproxy.out" 2>&1 &
    proxy=$!
    reached "$at_proxy" || { cat "$tmp/haproxy.out"; not_ok "haproxy"; }
    judge haproxy
    is "haproxy: an expired token" 401 "$(enter expired)"
    kill "$proxy"
    wait "$proxy" 2>/dev/null
    proxy=
else
    skipped "relying parties: haproxy is not here"
fi

# ---- those that are read and no more ----
if python3 -c 'import yaml' 2>/dev/null; then
    for f in envoy kubernetes-authentication; do
        expect 0 "$f.yaml is YAML" python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' "$parties/$f.yaml"
    done
fi
finish
