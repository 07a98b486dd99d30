#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `token check` and `token show`: each algorithm, the `jose` command both ways, CWTs read by
# a second implementation, an issuer that is asked for its keys, tokens of others.
set -u
. "$(dirname "$0")/shell.sh"
peer=$(dirname "$0")/token_peer.py
server=
cleanup() { [ -z "$server" ] || kill "$server" 2>/dev/null; }

mkdir "$tmp/t"
"$build/tests/token_maker" "$tmp/t" || { not_ok "tokens are made"; finish; }
now=1790000001
nonce=010203ff000000000000000000000000
good="--issuer https://verifier.example --audience https://api.example --nonce $nonce --at $now"
check() { "$selfsame" token check "$@"; }

for alg in ES256 ES384 RS256 PS256 EdDSA; do
    # shellcheck disable=SC2086
    for form in jwt cwt; do
        expect 0 "$alg as $form, by the set" check "$tmp/t/$alg.$form" --jwks "$tmp/t/all.jwks" $good
        said "release        example.com/hello"
        expect 0 "$alg as $form, by its key alone" check "$tmp/t/$alg.$form" --key "$tmp/t/$alg.jwk" $good \
            --release example.com/hello --claim /tee=nitro
    done
    # shellcheck disable=SC2086
    expect 21 "$alg of refused evidence" check "$tmp/t/$alg.refused" --jwks "$tmp/t/all.jwks" $good
    said contraindicated
    openssl pkey -pubin -inform DER -in "$tmp/t/$alg.der" -out "$tmp/t/$alg.pem"
    # shellcheck disable=SC2086
    expect 0 "$alg bound to its key" check "$tmp/t/$alg.jwt" --jwks "$tmp/t/all.jwks" $good --bound-key "$tmp/t/$alg.pem"
done
# shellcheck disable=SC2086
expect 16 "bound to another key" check "$tmp/t/ES256.jwt" --jwks "$tmp/t/all.jwks" $good --bound-key "$tmp/t/RS256.pem"
# shellcheck disable=SC2086
expect 0 "a PEM key" check "$tmp/t/ES256.jwt" --key "$tmp/t/ES256.pem" $good
# shellcheck disable=SC2086
expect 0 "a token with a newline, from standard input" sh -c "(cat '$tmp/t/ES256.jwt'; echo) | $selfsame token check - --jwks '$tmp/t/all.jwks' $good --json"
is "the JSON says as of when" 2026-09-21T14:13:21Z "$(jq -r .as_of "$tmp/out")"
is "the JSON says who signed" "$(jq -r .kid "$tmp/t/ES256.jwk")" "$(jq -r .key "$tmp/out")"
is "and the claims" 1.4.2 "$(jq -r .claims.release_version "$tmp/out")"

# ---- each refusal ----
bad() { # status, what, options...
    status=$1 what=$2; shift 2
    expect "$status" "$what" check "$tmp/t/ES256.jwt" --jwks "$tmp/t/all.jwks" "$@"
}
I=https://verifier.example A=https://api.example
bad 2 "no rules" --at $now
bad 2 "no audience" --issuer $I --nonce $nonce --at $now
bad 2 "neither nonce nor age" --issuer $I --audience $A --at $now
bad 21 "another issuer" --issuer $I/ --audience $A --nonce $nonce --at $now
bad 16 "another audience" --issuer $I --audience $A/ --nonce $nonce --at $now
bad 15 "another nonce" --issuer $I --audience $A --nonce 010203fe000000000000000000000000 --at $now
bad 15 "expired" --issuer $I --audience $A --nonce $nonce --at $((now + 400))
bad 0 "expired, within a leeway" --issuer $I --audience $A --nonce $nonce --at $((now + 400)) --leeway 200
bad 15 "from the future" --issuer $I --audience $A --nonce $nonce --at $((now - 400))
bad 15 "too old" --issuer $I --audience $A --max-age 30s --at $((now + 200))
bad 19 "another release" --issuer $I --audience $A --nonce $nonce --at $now --release example.com/other
bad 19 "another measurement" --issuer $I --audience $A --nonce $nonce --at $now --measurement 00
bad 21 "another claim" --issuer $I --audience $A --nonce $nonce --at $now --claim /tee=snp
bad 2 "no pointer" --issuer $I --audience $A --nonce $nonce --at $now --claim tee=snp
bad 0 "anything goes, by name" --insecure-any-issuer --insecure-any-audience --insecure-any-age --at $now
expect 2 "no keys" check "$tmp/t/ES256.jwt" --audience $A --nonce $nonce --insecure-any-issuer
# shellcheck disable=SC2086
expect 12 "nobody's key" check "$tmp/t/ES256.jwt" --key "$tmp/t/ES384.jwk" $good
sed 's/.$/A/;s/\(\.[^.]*\)$/\1/' "$tmp/t/RS256.jwt" | sed 's/\.\([^.]\)\([^.]*\)$/.X\2/' > "$tmp/forged"
# shellcheck disable=SC2086
expect 14 "a changed signature" check "$tmp/forged" --jwks "$tmp/t/all.jwks" $good
# shellcheck disable=SC2086
expect 10 "no token at all" check "$tmp/t/all.jwks" --jwks "$tmp/t/all.jwks" $good
: > "$tmp/empty"
# shellcheck disable=SC2086
expect 10 "an empty file" check "$tmp/empty" --jwks "$tmp/t/all.jwks" $good

# ---- the jose command, both ways ----
if command -v jose > /dev/null; then
    for alg in ES256 ES384 RS256 PS256; do
        expect 0 "jose verifies $alg" jose jws ver -i "$tmp/t/$alg.jwt" -k "$tmp/t/$alg.jwk" -O "$tmp/payload"
        is "and has the same claims" "$("$selfsame" token show "$tmp/t/$alg.jwt" --json | jq -S .claims)" "$(jq -S . "$tmp/payload")"
        jose jwk gen -i "{\"alg\":\"$alg\"}" -o "$tmp/own.jwk"
        jose jwk pub -i "$tmp/own.jwk" -o "$tmp/own.pub"
        jose jws sig -I "$tmp/t/payload.json" -k "$tmp/own.jwk" -c -o "$tmp/own.jwt" -s '{"protected":{"typ":"JWT"}}'
        # shellcheck disable=SC2086
        expect 0 "what jose signs with $alg" check "$tmp/own.jwt" --key "$tmp/own.pub" $good
        # shellcheck disable=SC2086
        expect 10 "a private key is refused" check "$tmp/own.jwt" --key "$tmp/own.jwk" $good
        jose jwk thp -i "$tmp/own.pub" > "$tmp/thp"
        # shellcheck disable=SC2086
        is "its thumbprint" "$(cat "$tmp/thp")" "$(check "$tmp/own.jwt" --key "$tmp/own.pub" $good --json | jq -r .key)"
        # shellcheck disable=SC2086
        is "our kid is its thumbprint" "$(jose jwk thp -i "$tmp/t/$alg.jwk")" "$(jq -r .kid "$tmp/t/$alg.jwk")"
    done
    jose jwk gen -i '{"alg":"HS256"}' -o "$tmp/hs.jwk"
    jose jws sig -I "$tmp/t/payload.json" -k "$tmp/hs.jwk" -c -o "$tmp/hs.jwt"
    # shellcheck disable=SC2086
    expect 11 "HS256" check "$tmp/hs.jwt" --jwks "$tmp/t/all.jwks" $good
else
    skipped "jose is not installed"
fi

# ---- CWTs ----
for alg in ES256 ES384 RS256 PS256 EdDSA; do
    expect 0 "the peer verifies the CWT of $alg" python3 "$peer" cwt "$tmp/t/$alg.cwt" "$alg" "$tmp/t/$alg.der"
    is "and reads the same claims" "$(jq -S . "$tmp/out")" "$("$selfsame" token show "$tmp/t/$alg.cwt" --json | jq -S .claims)"
    is "show knows it" "token CWT" "$("$selfsame" show "$tmp/t/$alg.cwt" --json | jq -r '.kind + " " + .form')"
done

# ---- an issuer ----
mkdir "$tmp/www"
python3 "$peer" serve "$tmp/www" "$tmp/port" & server=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ -s "$tmp/port" ] && break; sleep 0.2; done
url=http://127.0.0.1:$(cat "$tmp/port")
cp "$tmp/t/all.jwks" "$tmp/www/jwks.json"
announce() { printf '{"issuer":"%s","jwks_uri":"%s"}' "$1" "$2" > "$tmp/www/.well-known_openid-configuration"; }
asked="--audience $A --nonce $nonce --at $now"
announce "$url" "$url/jwks.json"
# shellcheck disable=SC2086
expect 21 "keys come from the issuer, whose name the token has not" check "$tmp/t/ES256.jwt" --issuer "$url" $asked
said "issuer: expected $url"
# shellcheck disable=SC2086
expect 0 "keys of the issuer" check "$tmp/t/ES256.jwt" --issuer "$url" $asked --insecure-any-issuer
announce "$url/" "$url/jwks.json"
# shellcheck disable=SC2086
expect 21 "a document of another issuer" check "$tmp/t/ES256.jwt" --issuer "$url" $asked --insecure-any-issuer
said "discovery: expected the issuer"
announce "$url" "$url/gone.json"
# shellcheck disable=SC2086
expect 3 "no keys there" check "$tmp/t/ES256.jwt" --issuer "$url" $asked --insecure-any-issuer
announce "$url" "http://keys.example/jwks.json"
# shellcheck disable=SC2086
expect 2 "keys in the clear, from elsewhere" check "$tmp/t/ES256.jwt" --issuer "$url" $asked --insecure-any-issuer
printf '{"issuer":"%s"}' "$url" > "$tmp/www/.well-known_openid-configuration"
# shellcheck disable=SC2086
expect 10 "no address of keys" check "$tmp/t/ES256.jwt" --issuer "$url" $asked --insecure-any-issuer
# shellcheck disable=SC2086
expect 2 "an issuer in the clear" check "$tmp/t/ES256.jwt" --issuer http://verifier.example $asked

# ---- show ----
expect 0 "show a JWT" "$selfsame" show "$tmp/t/ES256.jwt"
said "ear.status     affirming"
expect 0 "token show a forgery" "$selfsame" token show "$tmp/forged"
expect 10 "token show nonsense" "$selfsame" token show "$tmp/t/all.jwks"

# ---- tokens of others ----
if [ ! -d "$shared/ear" ]; then skipped "tokens of others: ../shared/vectors is not here"; finish; fi
v=$shared/ear/veraison+ear
for f in testJWT testJWT_JWK; do
    expect 0 "Veraison's $f" check "$v/$f.jwt" --key "$v/pkey.json" --insecure-any-issuer --insecure-any-audience \
        --max-age 1h --at 1666091400
    expect 12 "Veraison's $f by another key" check "$v/$f.jwt" --key "$tmp/t/ES384.jwk" --insecure-any-issuer \
        --insecure-any-audience --max-age 1h --at 1666091400
done
for f in "$shared"/ear/ietf-rats-wg+draft-ietf-rats-ear/*cbor*.diag "$shared"/eat/ietf-rats-wg+eat/*.diag; do
    name=$(basename "$f")
    case $name in valid_deb.diag) continue ;; esac # a bundle, and no token
    if python3 "$peer" diag "$f" > "$tmp/made.cwt" 2> "$tmp/err"; then ok "the peer reads $name"
    else not_ok "the peer reads $name"; tail -1 "$tmp/err"; continue; fi
    expect 0 "token show $name" "$selfsame" token show "$tmp/made.cwt" --json
    is "says what the peer reads in $name" "$(python3 "$peer" names "$f" | jq -S .)" "$(jq -S .claims "$tmp/out")"
done
expect 0 "a PSA token in COSE" "$selfsame" token show "$shared/eat/veraison+services/psa.good.cose" --json
is "is signed with ES256" ES256 "$(jq -r .header.alg "$tmp/out")"
finish
