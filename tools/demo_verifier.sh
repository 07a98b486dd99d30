# SPDX-License-Identifier: Apache-2.0
# Sourced by demo.sh: the same service, verified by a verifier that its clients trust.
say "Leave it to a verifier: evidence in, a signed token out, checked as one checks a JWT"
pv=$(port)
issuer=http://127.0.0.1:$pv
"$selfsame" verifier init "$work/verifier" --issuer "$issuer" > /dev/null
"$selfsame" verifier policy set "$work/verifier" default hello "$work/key.json" > /dev/null
"$selfsame" verifier policy set "$work/verifier" default hardware "$work/hardware-key.json" > /dev/null
api_key=$("$selfsame" verifier key new "$work/verifier" default client relying-party)
"$selfsame" verifier serve "$work/verifier" --listen "127.0.0.1:$pv" --quiet > "$work/verifier.out" 2> "$work/verifier.err" &
daemons="$daemons $!"
i=0
until curl -s -o /dev/null "$issuer/readyz"; do i=$((i + 1)); [ $i -gt 100 ] && break; sleep 0.1; done
challenge=$(openssl rand -hex 32)
challenge64=$(printf '%s' "$challenge" | sed 's/../\\x&/g' | xargs -0 printf '%b' | base64 -w0 | tr '+/' '-_' | tr -d =)
spki=$(openssl pkey -pubin -in "$work/service.pem" -outform DER | base64 -w0)
pieces='[]' # what the evidence does not carry comes along
[ -z "$along" ] || pieces=$(for f in "${along#--collateral }"/*; do base64 -w0 "$f"; echo; done | jq -Rn '[inputs]')
token() { # POLICY FILE
    curl -sk "https://127.0.0.1:$p/.well-known/attestation?nonce=$challenge64" |
        jq --arg policy "$1" --arg nonce "$challenge64" --arg key "$spki" --argjson collateral "$pieces" \
            '{evidence: ., $policy, $nonce, $key, $collateral, audience: "demo"}' |
        curl -s -H "Authorization: Bearer $api_key" -H 'Content-Type: application/json' --data-binary @- "$issuer/v1/verify" > "$2"
}
checked="--issuer $issuer --audience demo --nonce $challenge --accept-warning --insecure-simulated --bound-key $work/service.pem"
token hello "$work/token"
must 0 "$selfsame" token check "$work/token" $checked
token hardware "$work/token"
must 21 "$selfsame" token check "$work/token" $checked
