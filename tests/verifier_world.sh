# SPDX-License-Identifier: Apache-2.0
# A verifier of its own in $tmp/verifier, two tenants, keys, and requests to it. Sourced
# behind shell.sh.
dir=$tmp/verifier
url=http://127.0.0.1:7390

pcr_of() { printf "%096d" "$1"; }
values="[{\"tee\":\"nitro\",\"pcr\":{\"0\":\"$(pcr_of 10)\",\"1\":\"$(pcr_of 11)\",\"2\":\"$(pcr_of 12)\"}}]"
policy_text() { # further members
    echo "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"freshness\":{\"nonce\":true},\"binding\":\"key\",\"measurements\":$values$1}"
}
api_key() { # TENANT NAME ROLE
    "$selfsame" verifier key new "$dir" "$1" "$2" "$3"
}
world_init() {
    "$selfsame" verifier init "$dir" --issuer "$url" ${registry:+--registry "$registry"} > "$tmp/init" || not_ok "verifier init"
    admin=$(sed -n 's/.*: \(ssk_\)/\1/p' "$tmp/init")
    policy_text ',"insecure":["simulated"]' > "$tmp/web.json"
    policy_text '' > "$tmp/hardware.json"
    "$selfsame" verifier tenant set "$dir" other > /dev/null || not_ok "verifier tenant set"
    "$selfsame" verifier policy set "$dir" default web "$tmp/web.json" > /dev/null || not_ok "verifier policy set"
    "$selfsame" verifier policy set "$dir" default hardware "$tmp/hardware.json" > /dev/null
    attester=$(api_key default a attester)
    relying=$(api_key default r relying-party)
    other=$(api_key other o relying-party)
    key=$attester
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2> /dev/null > "$tmp/key.pem"
    openssl pkey -in "$tmp/key.pem" -pubout > "$tmp/pub.pem"
    key64=$(openssl pkey -in "$tmp/key.pem" -pubout -outform DER | base64 -w0 | tr '+/' '-_' | tr -d =)
    echo "{\"measurements\":$values}" > "$tmp/measurements.json"
}
world_tls() { # a certificate of its own: $tmp/tls.pem; every request goes by https
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/tls.key" -out "$tmp/tls.pem" -days 2 \
        -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2> /dev/null && chmod 600 "$tmp/tls.key" || not_ok "openssl req"
    python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
d["tls"] = {"certificate": sys.argv[2] + "/tls.pem", "key": sys.argv[2] + "/tls.key"}
json.dump(d, open(sys.argv[1], "w"))' "$dir/verifier.json" "$tmp"
    scheme=https
}
scheme=http
world_serve() { # further options of serve
    : > "$tmp/serving"
    case " $* " in *" --listen "*) ;; *) set -- --listen 127.0.0.1:0 "$@" ;; esac
    : > "$tmp/serving" # of the one before
    "$selfsame" verifier serve "$dir" --json "$@" > "$tmp/serving" 2> "$tmp/serve.log" &
    server=$!
    tries=0
    until grep -q listen "$tmp/serving" || [ $tries -gt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    at=$(sed -n 's/.*"listen":[ ]*"\([^"]*\)".*/\1/p' "$tmp/serving")
    [ -n "$at" ] || { cat "$tmp/serve.log"; not_ok "verifier serve"; }
}
world_stop() {
    kill "$server" && wait "$server" 2> /dev/null
}

# ---- requests: $status, $tmp/body, $tmp/head ----
ask() { # curl's arguments
    status=$(curl -s -m 20 --cacert "$tmp/tls.pem" -o "$tmp/body" -D "$tmp/head" -w '%{http_code}' ${key:+-H "Authorization: Bearer $key"} "$@")
}
get() { ask "$scheme://$at$1"; }
post() { # PATH TYPE BODY
    ask -H "Content-Type: $2" --data-binary "$3" "$scheme://$at$1"
}
ask_verify() { # QUERY
    ask -H "Content-Type: application/octet-stream" --data-binary "@$tmp/evidence" "$scheme://$at/v1/verify?$1"
}
session() { # new [QUERY]
    ask -X POST "$scheme://$at/challenge-response/v1/newSession${2:-}"
}
session_post() { # LOCATION TYPE
    ask -H "Content-Type: $2" --data-binary "@$tmp/evidence" "$scheme://$at/challenge-response/v1/$1"
}
# A member of a JSON file by its path: a.b[0].c
json_path() { # FILE PATH
    python3 -c '
import json, re, sys
v = json.load(open(sys.argv[1]))
for p in re.findall(r"[^.\[\]]+", sys.argv[2]):
    v = v[int(p)] if isinstance(v, list) else v[p]
print(json.dumps(v) if isinstance(v, (bool, dict, list)) else v)' "$1" "$2"
}
member() { json_path "$tmp/body" "$1"; }
jwt_part() { # TOKEN N
    python3 -c '
import base64, sys
p = sys.argv[1].split(".")[int(sys.argv[2])]
sys.stdout.buffer.write(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)))' "$1" "$2"
}
jwt_claim() { # TOKEN PATH
    jwt_part "$1" 1 > "$tmp/claims" && json_path "$tmp/claims" "$2"
}
claim() { jwt_claim "$(cat "$tmp/body")" "$1"; }
header() { jwt_part "$(cat "$tmp/body")" 0 > "$tmp/claims" && json_path "$tmp/claims" "$1"; }
reply_header() { sed -n "s/^$1: //Ip" "$tmp/head" | tr -d '\r'; }
said_body() { grep -qF "$1" "$tmp/body" || not_ok "the answer says $1: $(head -c 300 "$tmp/body")"; }
not_said_body() { if grep -qF "$1" "$tmp/body"; then not_ok "the answer does not say $1"; fi; }
new_nonce() {
    curl -s -m 20 --cacert "$tmp/tls.pem" ${key:+-H "Authorization: Bearer $key"} "$scheme://$at/v1/nonce" > "$tmp/nonce.json" && json_path "$tmp/nonce.json" nonce
}
nonce_hex() { # base64url
    python3 -c '
import base64, sys
print(base64.urlsafe_b64decode(sys.argv[1] + "=" * (-len(sys.argv[1]) % 4)).hex())' "$1"
}
evidence() { # NONCE in base64url
    "$sim" evidence --tee nitro --nonce "$(nonce_hex "$1")" --key "$tmp/pub.pem" --measurements "$tmp/measurements.json" \
        --out "$tmp/evidence" 2> "$tmp/sim.err" || not_ok "selfsame-sim evidence: $(cat "$tmp/sim.err")"
}
