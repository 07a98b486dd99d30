#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# selfsame verifier: evidence of a simulated enclave → verifier → token; every way it may
# be refused, and what each front says.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"

world_init
world_serve

# ---- nonces and tokens ----
nonce=$(new_nonce) || not_ok "no nonce"
evidence "$nonce"
ask_verify "policy=web&audience=rp&nonce=$nonce&key=$key64"
is "a verdict is 200" 200 "$status"
is "the token is affirmed with a warning, since it is simulated" warning "$(claim ear_status)"
is "its nonce is echoed" "$nonce" "$(claim eat_nonce)"
is "its audience is the one asked for" rp "$(claim aud)"
is "its issuer is exact" "$url" "$(claim iss)"
is "its subject says what it is" "tee:nitro" "$(claim sub)"
is "simulated is said" true "$(claim simulated)"
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "a nonce is for one verification" 400 "$status"
said_body '"class":"stale"'

nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=hardware&nonce=$nonce&key=$key64"
is "a refusal is 200 as well" 200 "$status"
is "and its token says so" contraindicated "$(claim ear_status)"
is "with the class" denied "$(claim verdict_class)"

nonce=$(new_nonce)
evidence "$(new_nonce)"
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "evidence of another nonce is contraindicated" contraindicated "$(claim ear_status)"
is "as stale" stale "$(claim verdict_class)"

nonce=$(new_nonce)
printf 'no evidence at all' > "$tmp/evidence"
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "what is no evidence is 422" 422 "$status"
said_body '"remedy":'
said_body '"check":"parse"'
evidence "$nonce"
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "and its nonce is not lost" 200 "$status"

ask_verify "policy=web&nonce=AAAAAAAAAAAAAAAAAAAAAA&key=$key64"
is "an attester does not choose its nonce" 400 "$status"
key=$relying
ask_verify "policy=web&nonce=AAECAwQFBgcICQoLDA0ODw&key=$key64"
is "a relying party does" 200 "$status"
is "and the token says whose it is" caller "$(claim nonce_origin)"
key=$attester

# ---- callers ----
nonce=$(new_nonce)
evidence "$nonce"
key=
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "nobody verifies without a key" 401 "$status"
key=ssk_nobody
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "nor with an unknown one" 401 "$status"
key=$other
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "nor with another tenant's for its policy" 400 "$status"
ask_verify "tenant=default&policy=web&nonce=$nonce&key=$key64"
is "nor for another tenant" 403 "$status"
key=$attester
ask_verify "policy=nothing&nonce=$nonce&key=$key64"
is "an unknown policy is the caller's mistake" 400 "$status"

# ---- JSON ----
nonce=$(new_nonce)
evidence "$nonce"
body="{\"evidence\":\"$(base64 -w0 "$tmp/evidence")\",\"nonce\":\"$nonce\",\"key\":\"$key64\",\"policy\":\"web\",\"format\":\"verdict\"}"
post /v1/verify application/json "$body"
is "everything in one object" 200 "$status"
said_body '"verdict":{"selfsame":1'
post /v1/verify application/json '{"evidence":"AAAA","unheard":1}'
is "an unknown member is refused" 422 "$status"
post /v1/verify application/json '{"evidence":'
is "so is what is no JSON" 400 "$status"

# ---- OpenID Connect ----
get /.well-known/openid-configuration
is "discovery" 200 "$status"
is "its issuer is byte for byte" "$url" "$(member issuer)"
is "its keys are where it says" "$url/jwks.json" "$(member jwks_uri)"
get /jwks.json
is "keys" 200 "$status"
said_body '"alg":"RS256"'
said_body '"alg":"ES256"'
not_said_body '"d":'

# ---- rotation ----
old=$(member 'keys[0].kid')
expect 0 "rotate" "$selfsame" verifier rotate "$dir" --lead 0s
sleep 2
get /jwks.json
said_body "$old"
is "both keys stand beside RS256" 3 "$(grep -o '"kid"' "$tmp/body" | wc -l)"
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "the new one signs" "$(cat "$tmp/out")" "$(header kid)"

# ---- Veraison ----
session new '?policy=web'
is "a session is 201" 201 "$status"
is "it waits" waiting "$(member status)"
location=$(reply_header location)
nonce=$(member nonce)
evidence "$nonce"
session_post "$location?key=$key64" application/vnd.attest.nitro+cbor
is "it is complete" complete "$(member status)"
is "and has a result" warning "$(jwt_claim "$(member result)" ear_status)"
session_post "$location?key=$key64" application/vnd.attest.nitro+cbor
is "once" 409 "$status"
session_post "$location" text/plain
is "other types are 415" 415 "$status"
reply_header accept | grep -q application/vnd.attest.nitro || not_ok "415 lists what is supported"
session_post session/AAAA application/vnd.attest.nitro+cbor
is "no session id" 400 "$status"
session new '?nonce=AAAAAAAAAAA&nonceSize=8'
is "nonce and nonceSize" 400 "$status"
get /.well-known/veraison/verification
is "Veraison's discovery" READY "$(member service-state)"

# ---- the audit log ----
world_stop
expect 0 "the audit log holds" "$selfsame" verifier audit check "$dir"
sed -i '2s/warning/affirming/' "$dir"/audit/rows-*.jsonl
expect 20 "a row that was changed" "$selfsame" verifier audit check "$dir"
finish
