#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# POST /v1/secret: a secret for evidence about a key, and who gets none.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
peer="python3 $(dirname "$0")/envelope_peer.py"
cleanup() { [ -z "${server:-}" ] || kill "$server" 2> /dev/null; }

secret_set() { # TENANT NAME TEXT, options
    tenant=$1 name=$2 text=$3; shift 3
    printf %s "$text" | "$selfsame" verifier secret set "$dir" "$tenant" "$name" - "$@" > "$tmp/out" 2>&1 ||
        not_ok "verifier secret set $name: $(cat "$tmp/out")"
}
# NAME, further members of the body; evidence is about $tmp/pub.pem
ask_secret() {
    post "/v1/secret/$1" application/json \
        "{\"evidence\":\"$(base64 -w0 "$tmp/evidence")\",\"nonce\":\"$nonce\",\"key\":\"$key64\"${2:+,$2}}"
}
key_of() { # ALGORITHM OPTION…
    openssl genpkey -algorithm "$@" 2> /dev/null > "$tmp/key.pem"
    openssl pkey -in "$tmp/key.pem" -pubout > "$tmp/pub.pem"
    key64=$(openssl pkey -in "$tmp/key.pem" -pubout -outform DER | base64 -w0)
}
fresh() { nonce=$(new_nonce) && evidence "$nonce"; }
refused() { # what, status, class
    is "$1" "$2" "$status"
    said_body "\"class\":\"$3\""
    for part in '"ct"' '"jwe"' '"cms"' 'open sesame'; do not_said_body "$part"; done
}

world_init
policy_text ',"insecure":["simulated","any-age"]' > "$tmp/old.json"
policy_text ',"insecure":["simulated","unbound"]' > "$tmp/unbound.json"
for p in old unbound; do "$selfsame" verifier policy set "$dir" default $p "$tmp/$p.json" > /dev/null; done
"$selfsame" verifier policy set "$dir" other web "$tmp/web.json" > /dev/null
secret_set default db/password 'open sesame' --policy web --policy old --policy unbound --warning
secret_set default strict 'open sesame' --policy web
secret_set default elsewhere 'open sesame' --policy hardware --warning
secret_set default released 'open sesame' --policy web --release example.com/app --warning
secret_set default spare 'open sesame' --policy web --warning
secret_set other theirs 'open sesame' --policy web --warning
expect 2 "a secret has policies" "$selfsame" verifier secret set "$dir" default x /dev/null
expect 0 "they are listed" "$selfsame" verifier secret list "$dir" default
said db/password
is "and not told" 0 "$(grep -c sesame "$tmp/out")"
for f in "$dir"/registry.sqlite*; do
    if grep -qa sesame "$f"; then not_ok "$f has no secret in the clear"; fi
done
is "the key is its owner's alone" 600 "$(stat -c %a "$dir/secrets.key")"
world_serve

# ---- given ----
key_of X25519
fresh
ask_secret db/password '"policy":"web"'
is "a secret is given to evidence about an X25519 key" 200 "$status"
is "by HPKE" hpke "$(member form)"
not_said_body sesame
$peer hpke "$tmp/key.pem" "$tmp/body" "$nonce" "$tmp/evidence" > "$tmp/plain" 2> "$tmp/peer.err"
case $? in
77) skipped "python3-cryptography is not here: what is given is not opened"; peer=: ;;
*) is "another program opens it" 'open sesame' "$(cat "$tmp/plain")" ;;
esac
opens() { # what, verb, arguments
    [ "$peer" = : ] && return
    what=$1; shift
    is "$what" 'open sesame' "$($peer "$@" 2> "$tmp/peer.err")"
}
if [ "$peer" != : ]; then
    openssl genpkey -algorithm X25519 > "$tmp/stranger.pem" 2> /dev/null
    $peer hpke "$tmp/stranger.pem" "$tmp/body" "$nonce" "$tmp/evidence" > /dev/null 2>&1
    is "a stranger's key does not" 1 $?
    $peer hpke "$tmp/key.pem" "$tmp/body" "$(new_nonce)" "$tmp/evidence" > /dev/null 2>&1
    is "nor does it stand for another nonce" 1 $?
fi
fresh
raw=$(openssl pkey -in "$tmp/key.pem" -pubout -outform DER | tail -c 32 | base64 -w0)
post /v1/secret/db/password application/json \
    "{\"evidence\":\"$(base64 -w0 "$tmp/evidence")\",\"nonce\":\"$nonce\",\"key\":\"$raw\",\"policy\":\"web\"}"
is "the key may be its 32 bytes" 200 "$status"
opens "and that is the same" hpke "$tmp/key.pem" "$tmp/body" "$nonce" "$tmp/evidence"
jose() { # ALGORITHM
    if ! command -v node > /dev/null; then skipped "node is not here: npm jose opens nothing"; return; fi
    node "$(dirname "$0")/jose_peer.mjs" "$tmp/key.pem" "$1" "$tmp/body" > "$tmp/plain" 2> "$tmp/peer.err"
    case $? in
    77) skipped "npm jose is not in \$SELFSAME_NPM/node_modules: it opens nothing" ;;
    *) is "npm jose opens it" 'open sesame' "$(cat "$tmp/plain")" ;;
    esac
}
# Attesters of others: a digest of the key as user data, and nothing of ours.
nonce=$(new_nonce)
"$sim" evidence --tee nitro --nonce "$(nonce_hex "$nonce")" --measurements "$tmp/measurements.json" --out "$tmp/evidence" \
    --user-data "$(openssl pkey -in "$tmp/key.pem" -pubout -outform DER | tail -c 32 | sha256sum | cut -c 1-64)"
ask_secret db/password '"policy":"web","binding":"report-data"'
is "a SHA-256 of the key in the user data" 200 "$status"
opens "is evidence about it" hpke "$tmp/key.pem" "$tmp/body" "$nonce" "$tmp/evidence"
nonce=$(new_nonce)
"$sim" evidence --tee nitro --nonce "$(nonce_hex "$nonce")" --measurements "$tmp/measurements.json" --out "$tmp/evidence" \
    --user-data "$(head -c 32 /dev/zero | sha256sum | cut -c 1-64)"
ask_secret db/password '"policy":"web","binding":"report-data"'
refused "one of another key is not" 403 unbound
for curve in P-256 P-384 P-521; do
    key_of EC -pkeyopt ec_paramgen_curve:$curve
    fresh
    ask_secret db/password '"policy":"web"'
    is "$curve gets a JWE" jwe "$(member form)"
    opens "which opens" jwe "$tmp/key.pem" "$tmp/body"
    jose ECDH-ES+A256KW
done
key_of RSA -pkeyopt rsa_keygen_bits:2048
fresh
ask_secret db/password '"policy":"web"'
is "RSA gets a JWE" jwe "$(member form)"
opens "which opens" jwe "$tmp/key.pem" "$tmp/body"
jose RSA-OAEP-256
for form in cms cms-cbc; do
    fresh
    ask_secret db/password "\"policy\":\"web\",\"form\":\"$form\""
    is "or $form" 200 "$status"
    member cms | base64 -d > "$tmp/cms"
    is "which openssl opens" 'open sesame' \
        "$(openssl cms -decrypt -inform DER -in "$tmp/cms" -inkey "$tmp/key.pem" 2> "$tmp/err")"
done

# ---- one command inside the TEE ----
mkdir "$tmp/app"
cp /bin/true "$tmp/app/true"
echo '{"selfsame_recipe": 1, "name": "example.com/app", "version": "1.0.0", "tee": ["nitro"], "entrypoint": ["/true"]}' > "$tmp/app/selfsame.json"
expect 0 "an image" "$selfsame" build "$tmp/app" --out "$tmp/one"
jq --slurpfile m "$tmp/one/measurements.json" '.measurements = $m[0].measurements' "$tmp/web.json" > "$tmp/built.json"
"$selfsame" verifier policy set "$dir" default built "$tmp/built.json" > "$tmp/out" 2>&1 || not_ok "policy: $(cat "$tmp/out")"
secret_set default app/password 'open sesame' --policy built --warning
"$sim" device --listen "unix:$tmp/nsm" --image "$tmp/one/image.eif" 2> /dev/null &
device=$!
for _ in $(seq 100); do [ ! -S "$tmp/nsm" ] || break; sleep 0.05; done
printf '%s\n' "$attester" > "$tmp/api.key"
chmod 600 "$tmp/api.key"
sleep 1
get_secret() { "$selfsame" secret "http://$at" "$@" --device "unix:$tmp/nsm" --api-key "$tmp/api.key"; }
expect 0 "the secret" get_secret app/password --policy built
is "as it was given" 'open sesame' "$(cat "$tmp/out")"
expect 0 "into a file" get_secret app/password --policy built --out "$tmp/password"
is "for its owner alone" 600 "$(stat -c %a "$tmp/password")"
is "with it inside" 'open sesame' "$(cat "$tmp/password")"
head -c 262144 /dev/urandom > "$tmp/large"
expect 0 "a large secret" "$selfsame" verifier secret set "$dir" default app/large "$tmp/large" --policy built --warning
cat "$tmp/large" "$tmp/large" > "$tmp/larger"
expect 10 "but not as large as that" "$selfsame" verifier secret set "$dir" default app/larger "$tmp/larger" --policy built
: > "$tmp/none"
expect 2 "nor an empty one" "$selfsame" verifier secret set "$dir" default app/none "$tmp/none" --policy built --warning
sleep 2
expect 0 "the large one" get_secret app/large --policy built --out "$tmp/got"
is "is whole" "$(sha256sum < "$tmp/large")" "$(sha256sum < "$tmp/got")"
expect 21 "none that is not there" get_secret nothing --policy built
said "a simulated TEE"
expect 19 "none for another policy's measurements" get_secret db/password --policy web
expect 2 "no policy of that name" get_secret app/password --policy nothing
chmod 644 "$tmp/api.key"
expect 2 "an API key that others can read" get_secret app/password --policy built
expect 2 "a name that is no part of a URL" "$selfsame" secret "http://$at" 'a b' --device "unix:$tmp/nsm"
expect 21 "nobody without an API key" "$selfsame" secret "http://$at" app/password --device "unix:$tmp/nsm"
expect 2 "plain http elsewhere" "$selfsame" secret http://192.0.2.1 app/password --device "unix:$tmp/nsm"
expect 3 "no verifier" "$selfsame" secret http://127.0.0.1:1 app/password --device "unix:$tmp/nsm"
kill $device
wait $device 2> /dev/null

# ---- not given ----
key_of X25519
fresh
ask_secret db/password '"policy":"web"'
is "once" 200 "$status"
ask_secret db/password '"policy":"web"'
refused "and not twice for one nonce" 400 stale
fresh
mine=$key64
key_of X25519
ask_secret db/password '"policy":"web"'
refused "evidence of another key" 403 unbound
key64=$mine
ask_secret db/password '"policy":"web"'
refused "its nonce is used up by that" 400 stale
key_of X25519
fresh
ask_secret db/password '"policy":"hardware"'
refused "simulated evidence where the policy does not allow it" 403 denied
fresh
ask_secret strict '"policy":"web"'
refused "evidence that only warns, for a secret that does not say that it is enough" 403 denied
said_body simulated
fresh
ask_secret released '"policy":"web"'
refused "evidence of no release, for a secret of one" 403 denied
fresh
ask_secret elsewhere '"policy":"web"'
refused "another policy than the secret's" 403 denied
for name in theirs nothing db db/password/x; do
    fresh
    ask_secret $name '"policy":"web"'
    refused "$name is no secret of this tenant" 403 denied
done
fresh
ask_secret "theirs?tenant=other" '"policy":"web"'
refused "another tenant is not asked with this key" 403 denied
fresh
key=$relying nonce=AAECAwQFBgcICQoLDA0ODw
evidence "$nonce"
ask_secret db/password '"policy":"web"'
refused "a nonce of the caller's own" 403 stale
key=$attester
fresh
body="{\"evidence\":\"$(base64 -w0 "$tmp/evidence")\",\"key\":\"$key64\",\"policy\":\"old\"}"
post /v1/secret/db/password application/json "$body"
refused "evidence of any age" 403 stale
# A policy that asks for no binding: evidence about some other key, or about none.
fresh
mine=$key64
key_of X25519
ask_secret db/password '"policy":"unbound"'
refused "evidence about another key is no good under any policy" 403 unbound
key64=$mine
nonce=$(new_nonce)
"$sim" evidence --tee nitro --nonce "$(nonce_hex "$nonce")" --measurements "$tmp/measurements.json" --out "$tmp/evidence"
ask_secret db/password '"policy":"unbound"'
refused "nor is evidence about none" 403 unbound
fresh
key=
ask_secret db/password '"policy":"web"'
refused "nobody asks without an API key" 401 denied
key=$attester

# ---- malformed ----
key_of X25519
fresh
ask_secret db/password '"policy":"web","form":"cms"'
refused "a form that the key cannot have" 422 malformed
ask_secret db/password '"policy":"web","form":7'
refused "a form that is none" 422 malformed
ask_secret db/password '"policy":"web","unheard":7'
refused "an unknown member" 422 malformed
ask_secret db/password '"policy":"web","binding":"none"'
refused "a binding that is none" 422 malformed
good=$key64
key64=$(openssl genpkey -algorithm ED25519 2> /dev/null | openssl pkey -pubout -outform DER | base64 -w0)
ask_secret db/password '"policy":"web"'
refused "a key to which nothing can be encrypted" 415 unsupported
key64=$(openssl genrsa 1024 2> /dev/null | openssl pkey -pubout -outform DER | base64 -w0)
ask_secret db/password '"policy":"web"'
refused "an RSA key that is too short" 415 unsupported
key64=$good
ask_secret db/password '"policy":"web"'
is "all that used up no nonce" 200 "$status"

# ---- nothing is told ----
for f in "$tmp/serving" "$tmp/serve.log" "$dir"/audit/*; do
    [ -f "$f" ] || continue
    if grep -qa 'sesame' "$f"; then not_ok "$f does not have the secret"; fi
done
ok "the secret stands in no log"
is "the audit log says what was given" yes "$(grep -q '"given":"secret db/password@1"' "$dir"/audit/rows* && echo yes)"
is "and what was not" 0 "$(grep -c '"given":"secret \(strict\|released\|elsewhere\)' "$dir"/audit/rows* | tail -1)"

# ---- versions, removal, rotation ----
secret_set default db/password 'open sesame' --policy web --warning
sleep 2
fresh
ask_secret db/password '"policy":"web"'
is "another version" 2 "$(member version)"
opens "it opens" hpke "$tmp/key.pem" "$tmp/body" "$nonce" "$tmp/evidence"
expect 0 "a new key" "$selfsame" verifier secret rotate "$dir"
expect 2 "and not another before the secrets are sealed anew" "$selfsame" verifier secret rotate "$dir"
is "the old one is its owner's alone" 600 "$(stat -c %a "$dir/secrets.key.old")"
world_stop
world_serve
fresh
ask_secret db/password '"policy":"web"'
is "with both keys the service goes on" 200 "$status"
opens "it opens" hpke "$tmp/key.pem" "$tmp/body" "$nonce" "$tmp/evidence"
expect 0 "all are sealed anew" "$selfsame" verifier secret reseal "$dir" --json
is "each of them" 8 "$(json_path "$tmp/out" resealed)"
is "the old key is gone" no "$([ -e "$dir/secrets.key.old" ] && echo yes || echo no)"
sleep 2
fresh
ask_secret db/password '"policy":"web"'
is "as a further version" 3 "$(member version)"
opens "it opens" hpke "$tmp/key.pem" "$tmp/body" "$nonce" "$tmp/evidence"
expect 0 "removed" "$selfsame" verifier secret remove "$dir" default db/password
sleep 2
fresh
ask_secret db/password '"policy":"web"'
refused "it is not given any more" 403 denied
world_stop
server=

# ---- a sealed secret is of one place ----
head -c 32 /dev/urandom > "$dir/secrets.key"
world_serve
fresh
ask_secret spare '"policy":"web"'
refused "with another key nothing opens" 503 internal
if grep -q "another key than secrets.key" "$tmp/serve.log" "$tmp/serving"; then ok "and the operator is told"
else not_ok "the operator is told why"; fi
world_stop
server=
finish
