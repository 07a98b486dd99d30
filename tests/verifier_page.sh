#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The verifier's page: its files and answers by curl, then all of it in headless Chromium
# (tests/web/page.mjs). SHOTS=FOLDER keeps screenshots to look at.
set -u
. "$(dirname "$0")/shell.sh"
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}
v=$tmp/v
nonce=30313233343536373839616263646566
serve() { # options: $at is where
    : > "$tmp/ready"
    "$selfsame" verifier serve "$v" --listen 127.0.0.1:0 --quiet --json "$@" > "$tmp/ready" 2> "$tmp/serve.err" &
    pid=$! pids="$pids $!"
    for _ in $(seq 100); do [ -s "$tmp/ready" ] && break; sleep 0.1; done
    at=http://$(head -1 "$tmp/ready" | jq -r .listen)
}
get() { # path, curl's options: the status; head in $tmp/head, body in $tmp/body
    p=$1; shift
    : > "$tmp/body"
    curl -s -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' "$@" "$at$p"
}
explain() { # JSON: the status
    printf '%s' "$1" > "$tmp/ask"
    get /v1/explain -H 'content-type: application/json' --data-binary "@$tmp/ask"
}
has() { # what, header line
    if tr -d '\r' < "$tmp/head" | grep -qixF -- "$2"; then ok "$1"; else not_ok "$1: no line $2"; fi
}
body() { jq -r "$1" < "$tmp/body"; }

# ---- a service with a tenant, a policy, keys, some verdicts ----
expect 0 "init" "$selfsame" verifier init "$v" --issuer http://127.0.0.1:7390 --json
m=$(printf '%096d' 1)
printf '{"selfsame_measurements":1,"measurements":[{"tee":"nitro","pcr":{"0":["%s"],"1":["%s"],"2":["%s"]}}]}' "$m" "$m" "$m" > "$tmp/m.json"
printf '{"selfsame_policy":1,"tee":{"nitro":{}},"measurements":[{"tee":"nitro","pcr":{"0":["%s"],"1":["%s"],"2":["%s"]}}],"freshness":{"nonce":true},"binding":"key","insecure":["simulated"]}' \
    "$m" "$m" "$m" > "$tmp/policy.json"
expect 0 "a policy" "$selfsame" verifier policy set "$v" default web "$tmp/policy.json"
expect 0 "another policy" "$selfsame" verifier policy set "$v" default web-too "$tmp/policy.json"
printf '{"public":false,"policy":"web"}' > "$tmp/tenant.json"
expect 0 "is the tenant's own" "$selfsame" verifier tenant set "$v" default "$tmp/tenant.json"
printf '{"public":false}' > "$tmp/other.json"
expect 0 "another tenant" "$selfsame" verifier tenant set "$v" other "$tmp/other.json"
expect 0 "a key" "$selfsame" verifier key new "$v" default rp relying-party --json
jq -rj .key < "$tmp/out" > "$tmp/key.txt"
expect 0 "a key of the other" "$selfsame" verifier key new "$v" other spy admin --json
jq -rj .key < "$tmp/out" > "$tmp/spy.txt"
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout > "$tmp/key.pem" 2>/dev/null
evidence() { # file, options
    o=$1; shift
    "$sim" evidence --nonce $nonce --key "$tmp/key.pem" --out "$tmp/$o" "$@" > /dev/null || not_ok "evidence $*"
}
evidence good.cmw --measurements "$tmp/m.json"
evidence good.raw --measurements "$tmp/m.json" --raw
evidence tampered.cmw --measurements "$tmp/m.json" --bad-signature
evidence sgx.evidence --tee sgx
"$sim" collateral --tee sgx --out "$tmp/collateral" > /dev/null 2>&1 || not_ok "collateral"
base64 -w76 "$tmp/good.cmw" > "$tmp/good.b64"
base64 -w76 "$tmp/tampered.cmw" > "$tmp/tampered.b64"
head -c 300 "$tmp/good.cmw" | base64 -w76 > "$tmp/cut.b64"
od -An -v -tx1 "$tmp/good.raw" | tr -d ' \n' > "$tmp/good.hex"
printf '["application/vnd.attest.nitro+cbor","%s",4]' "$(base64 -w0 "$tmp/good.raw" | tr '+/' '-_' | tr -d '=')" > "$tmp/cmw.json"
printf %s $nonce > "$tmp/nonce.txt"
serve
key="Authorization: Bearer $(cat "$tmp/key.txt")"

# ---- files ----
is "the page" 200 "$(get /)"
has "it is HTML" "content-type: text/html; charset=utf-8"
has "with a strict content policy" "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
has "its type is not guessed at" "x-content-type-options: nosniff"
has "it refers nowhere" "referrer-policy: no-referrer"
has "and is asked for again" "cache-control: no-cache"
etag=$(tr -d '\r' < "$tmp/head" | sed -n 's/^[Ee][Tt]ag: //p')
is "what is known is not sent again" 304 "$(get / -H "If-None-Match: $etag")"
is "nor its body" 0 "$(wc -c < "$tmp/body")"
is "something else is" 200 "$(get / -H 'If-None-Match: "00000000000000000000000000000000"')"
cmp -s "$tmp/body" "$root/web/index.html" && ok "it is the file" || not_ok "it is not the file"
for f in "$root"/web/*; do
    f=$(basename "$f")
    is "asset $f" 200 "$(get "/assets/$f")"
    cmp -s "$tmp/body" "$root/web/$f" || not_ok "$f is another"
done
has "a file of the page has the policy too" "referrer-policy: no-referrer"
is "an example" 200 "$(get /assets/nitro/100-happy.vec)"
is "no other file" 404 "$(get /assets/nothing.js)"
is "nor one outside" 400 "$(get /assets/../keys/keys.json --path-as-is)"
if grep -nE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://' "$root"/web/*.js "$root"/web/index.html "$root"/web/*.css | grep -v 'http://www.w3.org/2000/svg'; then
    not_ok "markup from strings, or an address elsewhere"
else ok "no markup from strings, no address elsewhere"; fi

# ---- explanations ----
b64=$(base64 -w0 "$tmp/good.cmw")
is "by no policy" 200 "$(explain "{\"evidence\":\"$b64\"}")"
is "all is decoded, and refused" "conceptual message wrapper nitro contraindicated none" \
    "$(body '[.kind, .decoded.entries[0].value.tee, .verdict.status, .policy.kind] | join(" ")')"
is "chain and signature are looked at" "pass pass" \
    "$(body '[.verdict.checks[] | select(.name == "chain" or .name == "signature") | .outcome] | join(" ")')"
is "as shown only" true "$(body '.note | startswith("as shown only")')"
is "the digest of the bytes" "$(sha256sum < "$tmp/good.cmw" | cut -d' ' -f1)" "$(body .sha256)"
policy=$(jq -Rs . < "$tmp/policy.json") spki=$(jq -Rs . < "$tmp/key.pem")
is "by a one-off policy" 200 "$(explain "{\"evidence\":\"$b64\",\"policy_text\":$policy,\"nonce\":\"$nonce\",\"key\":$spki}")"
is "it is accepted" "warning one-off" "$(body '[.verdict.status, .policy.kind] | join(" ")')"
is "no nonce of ours is wanted twice" 200 "$(explain "{\"evidence\":\"$b64\",\"policy_text\":$policy,\"nonce\":\"$nonce\",\"key\":$spki}")"
is "as of a later day it is not" 200 "$(explain "{\"evidence\":\"$b64\",\"policy_text\":$policy,\"nonce\":\"$nonce\",\"key\":$spki,\"at\":\"2050-01-01T00:00:00Z\"}")"
is "the chain is over" bad-chain "$(body .verdict.result)"
refused() { # what, status, class, JSON
    is "$1" "$2" "$(explain "$4")"
    is "$1: class" "$3" "$(body .class)"
    has "$1: a problem" "content-type: application/problem+json"
    is "$1: what to do" true "$(body '(.remedy | length) > 10')"
}
refused "no document" 422 malformed '{}'
refused "an empty one" 422 malformed '{"evidence":""}'
refused "a number" 422 malformed '{"evidence":7}'
refused "garbage" 422 unsupported '{"evidence":"garbage, and no more"}'
refused "a cut wrapper" 422 malformed "{\"evidence\":\"$(base64 -w0 < "$tmp/cut.b64" | base64 -d | tr -d '\n')\"}"
refused "an unknown member" 422 malformed "{\"evidence\":\"$b64\",\"surprise\":1}"
refused "a nonce that is none" 422 malformed "{\"evidence\":\"$b64\",\"nonce\":\"!\"}"
refused "a time that is none" 422 malformed "{\"evidence\":\"$b64\",\"at\":\"soon\"}"
refused "a policy that is none" 400 usage "{\"evidence\":\"$b64\",\"policy_text\":\"{\"}"
refused "two policies" 422 malformed "{\"evidence\":\"$b64\",\"policy_text\":\"{}\",\"policy\":\"web\"}"
refused "collateral that is none" 422 malformed "{\"evidence\":\"$b64\",\"collateral\":7}"
refused "the tenant's policy, without a key" 401 denied "{\"evidence\":\"$b64\",\"policy\":\"web\"}"
is "no JSON" 400 "$(explain '{"evidence":')"
is "JSON that is no object" 400 "$(explain '[]')"
deep=$(printf '%060d' 0 | tr 0 '[')$(printf '%060d' 0 | tr 0 ']')
refused "a deep list, which would be a wrapper" 422 malformed "{\"evidence\":$deep}"
is "a deep one that is JSON" 200 "$(explain "{\"evidence\":$(printf '{"a":%s}' "$deep" | sed 's/\[\[\[\[//; s/\]\]\]\]//' | jq -Rs .)}")"
is "a list of numbers, many" 200 "$(explain "{\"evidence\":$(seq -s, 1 40000 | sed 's/^/{"a":[/; s/$/]}/' | jq -Rs .)}")"
head -c 600000 /dev/urandom | base64 -w0 | sed 's/^/{"evidence":"/; s/$/"}/' > "$tmp/ask"
is "more than a document has" 422 "$(get /v1/explain -H 'content-type: application/json' --data-binary "@$tmp/ask")"

# ---- a tenant ----
is "a stranger" 200 "$(get /v1/tenant)"
is "sees nothing of it" '[] null' "$(jq -c -r '"\(.policies) \(.tenant)"' < "$tmp/body")"
cp "$tmp/body" "$tmp/closed"
is "of one that is not there" 200 "$(get '/v1/tenant?tenant=nowhere')"
cmp -s "$tmp/closed" "$tmp/body" && ok "as little" || not_ok "a tenant that is not there looks another way"
is "recent verdicts need a key" 401 "$(get /v1/recent)"
is "and outcomes" 401 "$(get /v1/outcomes)"
verify() { # file: the status
    get /v1/verify -H "$key" -H 'content-type: application/json' --data-binary \
        "{\"evidence\":\"$(base64 -w0 "$tmp/$1")\",\"nonce\":\"$(printf 0123456789abcdef | base64)\",\"key\":\"$(sed '/---/d' "$tmp/key.pem" | tr -d '\n')\"}"
}
is "a verdict" 200 "$(verify good.cmw)"
is "another" 200 "$(verify tampered.cmw)"
is "a third" 200 "$(verify good.cmw)"
is "they are recent" 200 "$(get /v1/recent -H "$key")"
is "the newest first" "ok bad-signature ok" "$(body '[.rows[].class] | join(" ")')"
is "one of them" 200 "$(get '/v1/recent?max=1' -H "$key")"
is "is the newest" ok "$(body '[.rows[].class] | join(" ")')"
is "none of them" 400 "$(get '/v1/recent?max=0' -H "$key")"
is "how they ended" 200 "$(get /v1/outcomes -H "$key")"
is "by class" "2 1 60" "$(body '"\(.classes.ok | add) \(.classes["bad-signature"] | add) \(.classes.ok | length)"')"
is "explained by the tenant's policy" 200 "$(get /v1/explain -H "$key" -H 'content-type: application/json' \
    --data-binary "{\"evidence\":\"$b64\",\"policy\":\"web\",\"nonce\":\"$nonce\",\"key\":$spki}")"
is "accepted" "warning web" "$(body '[.verdict.status, .policy.name] | join(" ")')"
is "no row came of all that" 200 "$(get /v1/recent -H "$key")"
is "three" 3 "$(body '.rows | length')"
spy="Authorization: Bearer $(cat "$tmp/spy.txt")"
is "another tenant" 200 "$(get /v1/recent -H "$spy")"
is "sees no row" 0 "$(body '.rows | length')"
is "no outcome" 200 "$(get /v1/outcomes -H "$spy")"
is "of any class" 0 "$(body '.classes | length')"
is "no policy" 200 "$(get /v1/tenant -H "$spy")"
is "by name" 0 "$(body '.policies | length')"
is "and cannot ask for this one" 403 "$(get '/v1/recent?tenant=default' -H "$spy")"
is "nor explain by its policy" 400 "$(get /v1/explain -H "$spy" -H 'content-type: application/json' \
    --data-binary "{\"evidence\":\"$b64\",\"policy\":\"web\"}")"

# ---- in a browser ----
modules=$build/tests/web/node_modules
chromium=$(command -v chromium || command -v chromium-browser || true)
install() {
    mkdir -p "$build/tests/web" && cp "$root/tests/web/package.json" "$root/tests/web/package-lock.json" "$build/tests/web/" &&
        (cd "$build/tests/web" && timeout 60 npm ci --ignore-scripts --no-audit --no-fund > "$tmp/npm" 2>&1)
}
if ! command -v node > /dev/null || ! command -v npm > /dev/null; then skipped "the page in a browser: node or npm is not here"
elif [ -z "$chromium" ]; then skipped "the page in a browser: chromium is not here"
elif { ! cmp -s "$root/tests/web/package-lock.json" "$build/tests/web/package-lock.json" || [ ! -d "$modules/axe-core" ]; } && ! install; then
    skipped "the page in a browser: npm cannot get playwright-core and axe-core"
else
    # Markup where texts stand: a module's name (as long as before), names of members, of a certificate, of a part.
    img='<img src=x onerror="window.pwned=1">'
    python3 - "$tmp/good.raw" > "$tmp/markup.b64" <<'PY'
import base64, re, sys
data = open(sys.argv[1], "rb").read()
name = re.search(rb"sim-i-[0-9a-f]+-enc[0-9a-f]{16}", data).group()
sys.stdout.write(base64.b64encode(data.replace(name, b'<img src=x onerror="window.pwned=1">'.ljust(len(name), b".")[:len(name)], 1)).decode())
PY
    printf '%s' "$img" | jq -Rs '{(.): [., {a: .}], "<script>window.pwned=1</script>": .}' > "$tmp/markup.json"
    printf '%s' "$img" | jq -Rsc --slurpfile c "$tmp/cmw.json" '{(.): $c[0], "__cmwc_t": "tag:example.com,2026:x"}' > "$tmp/markup-cmw.json"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 2 \
        -subj "/O=Acme/CN=$img" -out "$tmp/markup.pem" 2> /dev/null
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 2 \
        -subj "/O=Acme/CN=a" -out "$tmp/certificate.pem" 2> /dev/null
    # The page names its own origin in tokens.
    kill "$pid"; wait "$pid"
    port=${at##*:}
    sed -i "s,http://127.0.0.1:7390,http://127.0.0.1:$port,; s,127.0.0.1:7390,127.0.0.1:$port," "$v/verifier.json"
    : > "$tmp/ready"
    "$selfsame" verifier serve "$v" --quiet --json > "$tmp/ready" 2> "$tmp/serve.err" &
    pid=$! pids="$pids $!"
    for _ in $(seq 100); do [ -s "$tmp/ready" ] && break; sleep 0.1; done
    is "a verdict again" 200 "$(verify good.cmw)"
    is "and a refusal" 200 "$(verify tampered.cmw)"
    HOME=$tmp MODULES=$modules CHROMIUM=$chromium timeout 150 node "$root/tests/web/page.mjs" "$at" "$tmp" ${SHOTS:+"$SHOTS"} || not_ok "the page in a browser"
fi

# ---- without a page ----
kill "$pid"; wait "$pid"
jq '. + {"explorer": false}' "$v/verifier.json" > "$tmp/settings" && cat "$tmp/settings" > "$v/verifier.json"
serve
is "who wants no page has none" 404 "$(get /)"
is "nor its files" 404 "$(get /assets/explorer.js)"
is "nor explanations" 404 "$(explain "{\"evidence\":\"$b64\"}")"
is "and verdicts all the same" 200 "$(verify good.cmw)"
finish
