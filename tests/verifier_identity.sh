#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# POST /v1/svid/x509 and /v1/svid/jwt, GET /spiffe-bundle: identities of releases, which
# openssl verifies, and who gets none.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
pids=
cleanup() {
    for p in $pids ${server:-}; do kill "$p" 2> /dev/null; done
    wait
}

# ---- a release in a log ----
mkdir "$tmp/app"
cp /bin/true "$tmp/app/true"
cat > "$tmp/app/selfsame.json" <<'JSON'
{"selfsame_recipe": 1, "name": "example.com/app", "version": "1.0.0", "tee": ["nitro"], "entrypoint": ["/true"]}
JSON
"$selfsame" keygen --out "$tmp/author.key" > /dev/null
author=$(openssl pkey -in "$tmp/author.key" -pubout -outform DER | base64 -w0)
"$selfsame" log init "$tmp/log" --origin log.example/releases > /dev/null
cp "$tmp/author.key.pub" "$tmp/log/publishers/author.pem"
"$selfsame" log serve "$tmp/log" --listen 127.0.0.1:0 --json > "$tmp/log.ready" 2> "$tmp/log.err" &
pids=$!
for _ in $(seq 200); do [ ! -s "$tmp/log.ready" ] || break; sleep 0.05; done
printf 'log %s http://%s/\nquorum none\n' "$(cat "$tmp/log/log.vkey")" "$(jq -r .listen "$tmp/log.ready")" > "$tmp/trust.txt"
expect 0 "an image" "$selfsame" build "$tmp/app" --out "$tmp/one"
expect 0 "published" "$selfsame" publish "$tmp/one" --key "$tmp/author.key" --sequence 1 --trust "$tmp/trust.txt" \
    --source git+https://example.com/app --commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904 --out "$tmp/app.tlog-proof"

world_init
jq -n --arg key "$author" --rawfile trust "$tmp/trust.txt" '{selfsame_policy: 1, tee: {nitro: {}},
    freshness: {nonce: true}, binding: "key", insecure: ["simulated"],
    releases: [{name: "example.com/app", publisher: [$key], trust: $trust}]}' > "$tmp/released.json"
identity() { # TENANT NAME OBJECT
    echo "$3" | "$selfsame" verifier identity set "$dir" "$1" "$2" - > "$tmp/out" 2>&1 || not_ok "identity $2: $(cat "$tmp/out")"
}
for tenant in default other; do
    "$selfsame" verifier policy set "$dir" $tenant released "$tmp/released.json" > "$tmp/out" 2>&1 || not_ok "policy: $(cat "$tmp/out")"
    "$selfsame" verifier release set "$dir" $tenant example.com/app@1.0.0 "$tmp/app.tlog-proof" > "$tmp/out" 2>&1 ||
        not_ok "release: $(cat "$tmp/out")"
done
app='"release":"example.com/app"'
domain=127.0.0.1
identity default app "{$app,\"spiffe_id\":\"spiffe://$domain/tee/app\",\"warning\":true}"
world_serve

evidence() { # NONCE in base64url: of the image of the release
    "$sim" evidence --tee nitro --nonce "$(nonce_hex "$1")" --key "$tmp/pub.pem" --measurements "$tmp/one/measurements.json" \
        --out "$tmp/evidence" 2> "$tmp/sim.err" || not_ok "selfsame-sim evidence: $(cat "$tmp/sim.err")"
}
key_of() { # ALGORITHM OPTION…
    openssl genpkey -algorithm "$@" 2> /dev/null > "$tmp/key.pem"
    openssl pkey -in "$tmp/key.pem" -pubout > "$tmp/pub.pem"
    key64=$(openssl pkey -in "$tmp/key.pem" -pubout -outform DER | base64 -w0)
    openssl req -new -key "$tmp/key.pem" -subj /CN=admin -addext "subjectAltName=URI:spiffe://$domain/admin,DNS:admin" \
        -addext basicConstraints=critical,CA:TRUE > "$tmp/csr.pem" 2> "$tmp/err" || not_ok "openssl req: $(cat "$tmp/err")"
}
fresh() { nonce=$(new_nonce) && evidence "$nonce"; }
ask_svid() { # x509|jwt, members of the body
    post "/v1/svid/$1" application/json "{\"evidence\":\"$(base64 -w0 "$tmp/evidence")\",\"nonce\":\"$nonce\",\"policy\":\"${policy:-released}\",$2}"
}
csr() { jq -Rs '{csr: .}' "$1" | sed 's/^{//; s/}$//' | tr -d '\n'; }
ask_x509() { ask_svid x509 "$(csr "$tmp/csr.pem")"; }
refused() { # what, status, class
    is "$1" "$2" "$status"
    said_body "\"class\":\"$3\""
    not_said_body "BEGIN CERT"
    not_said_body svid
}

# ---- X.509 ----
key_of EC -pkeyopt ec_paramgen_curve:P-256
get /spiffe-bundle
is "a bundle" 200 "$status"
is "with one authority" x509-svid "$(member 'keys[0].use')"
is "and the signers of tokens" jwt-svid "$(member 'keys[1].use')"
is "it tells when to come again" 300 "$(member spiffe_refresh_hint)"
sequence=$(member spiffe_sequence)
member 'keys[0].x5c[0]' | base64 -d | openssl x509 -inform DER > "$tmp/ca.pem"
is "the authority is the trust domain" "URI:spiffe://$domain" \
    "$(openssl x509 -in "$tmp/ca.pem" -noout -ext subjectAltName | tail -1 | tr -d ' ')"
is "its key is its owner's alone" 600 "$(stat -c %a "$dir/keys/spiffe-ca.pem")"
for kind in EC:ec_paramgen_curve:P-256 EC:ec_paramgen_curve:P-384 RSA:rsa_keygen_bits:2048 ED25519; do
    algorithm=${kind%%:*} option=${kind#*:}
    if [ "$option" = "$kind" ]; then key_of "$algorithm"; else key_of "$algorithm" -pkeyopt "$option"; fi
    fresh
    ask_x509
    is "an X.509-SVID for $kind" 200 "$status"
    is "of the id" "spiffe://$domain/tee/app" "$(member spiffe_id)"
    member certificate > "$tmp/svid.pem"
    for purpose in sslclient sslserver; do
        is "openssl takes it as $purpose" "$tmp/svid.pem: OK" \
            "$(openssl verify -x509_strict -purpose $purpose -CAfile "$tmp/ca.pem" "$tmp/svid.pem" 2>&1)"
    done
    is "of this key" "$(cat "$tmp/pub.pem")" "$(openssl x509 -in "$tmp/svid.pem" -noout -pubkey)"
    is "with the id alone" "URI:spiffe://$domain/tee/app" \
        "$(openssl x509 -in "$tmp/svid.pem" -noout -ext subjectAltName | tail -1 | tr -d ' ')"
done
openssl x509 -in "$tmp/svid.pem" -noout -text > "$tmp/text"
for part in 'CA:FALSE' 'X509v3 Key Usage: critical' 'TLS Web Server Authentication, TLS Web Client Authentication'; do
    if grep -qF "$part" "$tmp/text"; then ok "it says $part"; else not_ok "it says $part"; fi
done
if grep -q "admin" "$tmp/text"; then not_ok "nothing of the CSR but its key"; else ok "nothing of the CSR but its key"; fi
if openssl x509 -in "$tmp/svid.pem" -noout -checkend 3700 > /dev/null; then not_ok "it lives an hour at most"
else ok "it lives an hour at most"; fi
if openssl x509 -in "$tmp/svid.pem" -noout -checkend 3000 > /dev/null; then ok "and about that long"
else not_ok "and about that long"; fi

# ---- JWT ----
fresh
ask_svid jwt "\"key\":\"$key64\",\"audience\":\"reports\""
is "a JWT-SVID" 200 "$status"
token=$(member svid)
is "its subject is the id" "spiffe://$domain/tee/app" "$(jwt_claim "$token" sub)"
is "its audience the one that was asked for" reports "$(jwt_claim "$token" 'aud[0]')"
is "its header has three members" '["alg","kid","typ"]' "$(jwt_part "$token" 0 | jq -c keys)"
is "its life is five minutes" 300 "$(jwt_part "$token" 1 | jq '.exp - .iat')"
kid=$(jwt_part "$token" 0 | jq -r .kid)
get /spiffe-bundle
is "the bundle has its key" 1 "$(jq "[.keys[] | select(.use == \"jwt-svid\" and .kid == \"$kid\")] | length" "$tmp/body")"
jwk=$(jq -c ".keys[] | select(.kid == \"$kid\")" "$tmp/body")
python3 - "$token" "$jwk" > "$tmp/point" <<'PY'
import base64, json, sys
def un(t):
    return base64.urlsafe_b64decode(t + "=" * (-len(t) % 4))
token, jwk = sys.argv[1], json.loads(sys.argv[2])
head = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
open(sys.argv[0] if False else "/dev/stdout", "w").write(base64.b64encode(head + un(jwk["x"]) + un(jwk["y"])).decode())
PY
{ echo "-----BEGIN PUBLIC KEY-----"; fold -w 64 "$tmp/point"; echo; echo "-----END PUBLIC KEY-----"; } > "$tmp/signer.pem"
printf %s "${token%.*}" > "$tmp/signed"
python3 - "${token##*.}" > "$tmp/sig" <<'PY'
import base64, sys
raw = base64.urlsafe_b64decode(sys.argv[1] + "=" * (-len(sys.argv[1]) % 4))
def integer(b):
    b = b.lstrip(b"\0") or b"\0"
    b = b"\0" + b if b[0] & 0x80 else b
    return b"\x02" + bytes([len(b)]) + b
body = integer(raw[:32]) + integer(raw[32:])
sys.stdout.buffer.write(b"\x30" + bytes([len(body)]) + body)
PY
is "openssl verifies it with that" "Verified OK" "$(openssl dgst -sha256 -verify "$tmp/signer.pem" -signature "$tmp/sig" "$tmp/signed")"
fresh
ask_svid jwt "\"key\":\"$key64\""
refused "it is for somebody" 422 malformed

echo '{"alg":"ES256"}' | "$selfsame" verifier audience set "$dir" default mail - > /dev/null
sleep 2
ask_svid jwt "\"key\":\"$key64\",\"audience\":\"reports\""
refused "once the tenant has audiences, it is for one of them" 403 denied
ask_svid jwt "\"key\":\"$key64\",\"audience\":\"mail\""
is "for which it is given" 200 "$status"
echo '{"alg":"RS256"}' | "$selfsame" verifier audience set "$dir" default cloud - > /dev/null
sleep 2
fresh
ask_svid jwt "\"key\":\"$key64\",\"audience\":\"cloud\""
is "by the audience's algorithm" RS256 "$(jwt_part "$(member svid)" 0 | jq -r .alg)"
kid=$(jwt_part "$(member svid)" 0 | jq -r .kid)
get /spiffe-bundle
is "whose key is in the bundle too" RSA "$(jq -r ".keys[] | select(.kid == \"$kid\") | .kty" "$tmp/body")"

# ---- who gets none ----
fresh
ask_x509
is "one" 200 "$status"
ask_x509
refused "and not two for one nonce" 400 stale
fresh
key_of EC -pkeyopt ec_paramgen_curve:P-256
ask_x509
refused "a CSR of another key than the evidence's" 403 unbound
fresh
cp "$tmp/csr.pem" "$tmp/good.pem"
openssl req -in "$tmp/good.pem" -outform DER > "$tmp/csr.der"
size=$(stat -c %s "$tmp/csr.der")
printf '\377' | dd of="$tmp/csr.der" bs=1 seek=$((size - 5)) conv=notrunc 2> /dev/null
ask_svid x509 "\"csr\":\"$(base64 -w0 "$tmp/csr.der")\""
refused "a CSR that its key has not signed" 422 malformed
ask_svid x509 '"csr":"AAAA"'
refused "what is no CSR" 422 malformed
ask_svid x509 '"csr":7'
refused "nor is a number" 422 malformed
ask_svid x509 "$(csr "$tmp/key.pem")"
refused "nor a private key" 422 malformed
ask_x509
is "all that used up no nonce" 200 "$status"
policy=web
nonce=$(new_nonce)
"$sim" evidence --tee nitro --nonce "$(nonce_hex "$nonce")" --key "$tmp/pub.pem" --measurements "$tmp/measurements.json" --out "$tmp/evidence"
ask_x509
refused "evidence of no release" 403 denied
policy=released
nonce=$(new_nonce)
"$sim" evidence --tee nitro --nonce "$(nonce_hex "$nonce")" --key "$tmp/pub.pem" --measurements "$tmp/measurements.json" --out "$tmp/evidence"
ask_x509
refused "evidence of another image" 403 mismatch
key=$other
fresh
ask_x509
refused "evidence of a release for which this tenant has no identity" 403 denied
fresh
key=
ask_x509
refused "nobody without an API key" 401 denied
echo '{}' | "$selfsame" verifier audience set "$dir" default only - > "$tmp/out" 2>&1 || not_ok "audience: $(cat "$tmp/out")"
sleep 2
ask_svid jwt "\"key\":\"$key64\",\"audience\":\"guessed\""
refused "who may not verify does not learn which audiences there are" 401 denied
not_said_body audience
"$selfsame" verifier audience remove "$dir" default only > /dev/null || not_ok "audience remove"
sleep 2
key=$attester

# ---- whose ids are whose ----
ask_token() { ask_verify "policy=released&nonce=$nonce&key=$(echo "$key64" | tr '+/' '-_' | tr -d =)"; }
token_id() { jwt_part "$(cat "$tmp/body")" 1 | jq -r .spiffe_id; }
identity other app "{$app,\"spiffe_id\":\"spiffe://$domain/tee/app\",\"warning\":true}"
sleep 2
key=$other
fresh
ask_x509
refused "a tenant has no ids outside its name" 403 denied
said_body /other/
fresh
ask_token
is "nor in a token" null "$(token_id)"
for id in "spiffe://$domain/other" "spiffe://$domain/otherwise/app" "spiffe://elsewhere.example/other/app"; do
    identity other app "{$app,\"spiffe_id\":\"$id\",\"warning\":true}"
    sleep 2
    fresh
    ask_x509
    refused "nor is $id one" 403 denied
done
identity other app "{$app,\"spiffe_id\":\"spiffe://$domain/other/app\",\"warning\":true}"
identity default app "{$app,\"spiffe_id\":\"spiffe://$domain/other/app\",\"warning\":true}"
sleep 2
fresh
ask_x509
is "below it it has" "spiffe://$domain/other/app" "$(member spiffe_id)"
fresh
ask_token
is "and in a token" "spiffe://$domain/other/app" "$(token_id)"
key=$attester
fresh
ask_x509
refused "and there the tenant \"default\" has none" 403 denied
identity default app "{$app,\"spiffe_id\":\"spiffe://$domain/tee/app\"}"
sleep 2
fresh
ask_x509
refused "simulated evidence, where the identity does not say that it is enough" 403 denied
fresh
ask_token
is "nor in a token, which warns" "warning null" "$(claim ear_status) $(token_id)"
identity default app "{$app,\"version\":\"1.0.1\",\"spiffe_id\":\"spiffe://$domain/tee/app\",\"warning\":true}"
sleep 2
fresh
ask_x509
refused "another version than the identity's" 403 denied
identity default app "{$app,\"version\":\"1.0.0\",\"policy\":\"released\",\"spiffe_id\":\"spiffe://$domain/tee/app\",\"warning\":true}"
sleep 2
fresh
ask_x509
is "the one of the identity" 200 "$status"
member certificate > "$tmp/before.pem"

# ---- another authority: first published, then used ----
expect 0 "another authority" "$selfsame" verifier authority rotate "$dir" --lead 8s
sleep 2
get /spiffe-bundle
is "both stand in the bundle" 2 "$(jq '[.keys[] | select(.use == "x509-svid")] | length' "$tmp/body")"
is "whose sequence grows" yes "$([ "$(member spiffe_sequence)" -gt "$sequence" ] && echo yes)"
: > "$tmp/both.pem"
for n in 0 1; do
    jq -r "[.keys[] | select(.use == \"x509-svid\")][$n].x5c[0]" "$tmp/body" | base64 -d | openssl x509 -inform DER >> "$tmp/both.pem"
done
sleep 9
fresh
ask_x509
member certificate > "$tmp/svid.pem"
is "whoever knows both knows the new one's" "$tmp/svid.pem: OK" "$(openssl verify -CAfile "$tmp/both.pem" "$tmp/svid.pem" 2>&1)"
openssl verify -CAfile "$tmp/ca.pem" "$tmp/svid.pem" > /dev/null 2>&1
is "which the old one did not sign" 2 $?
is "and the former ones go on" "$tmp/before.pem: OK" "$(openssl verify -CAfile "$tmp/both.pem" "$tmp/before.pem" 2>&1)"
is "the audit log says which identities were given" yes \
    "$(grep -q "\"given\":\"spiffe://$domain/tee/app\"" "$dir"/audit/rows* && grep -q "\"given\":\"spiffe://$domain/other/app\"" "$dir"/audit/rows* && echo yes)"
if grep -qa "PRIVATE KEY" "$tmp/serving" "$tmp/serve.log" "$dir"/audit/rows*; then not_ok "no log has a key"; else ok "no log has a key"; fi
world_stop
server=

# ---- settings ----
cp "$dir/verifier.json" "$tmp/settings"
setting() { jq "$1" "$tmp/settings" > "$dir/verifier.json"; }
for wrong in '.spiffe.trust_domian = "prod"' '.spiffe.trust_domain = "Prod"' '.spiffe.x509_life_s = 3601' '.spiffe.jwt_life_s = 59' \
    '.spiffe = 7' '.kbs.tenants = "default"' '.kbs.tenant = 7'; do
    setting "$wrong"
    expect 2 "no service with $wrong" timeout 20 "$selfsame" verifier serve "$dir" --listen 127.0.0.1:0
done
setting '.spiffe = {"trust_domain":"prod.example","x509_life_s":600}'
world_serve
get /spiffe-bundle
is "an authority of another trust domain is not taken" 404 "$status"
world_stop
mv "$dir/keys/spiffe-ca.pem" "$tmp/former.pem"
identity default app "{$app,\"spiffe_id\":\"spiffe://prod.example/tee/app\",\"warning\":true}"
world_serve
fresh
ask_x509
is "the trust domain that was set" spiffe://prod.example/tee/app "$(member spiffe_id)"
member certificate > "$tmp/svid.pem"
if openssl x509 -in "$tmp/svid.pem" -noout -checkend 650 > /dev/null; then not_ok "and the life"; else ok "and the life"; fi
world_stop
server=
finish
