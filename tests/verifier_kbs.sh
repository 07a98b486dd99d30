#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# /kbs/v0: a client of the Trustee KBS protocol written apart from ours, and what it is refused.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
peer="python3 $(dirname "$0")/envelope_peer.py"
cleanup() { [ -z "${server:-}" ] || kill "$server" 2> /dev/null; }
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2> /dev/null > "$tmp/tee.pem"
$peer report-data "$tmp/tee.pem" AAAA > /dev/null 2>&1
if [ $? -eq 77 ]; then
    skipped "python3-cryptography is not here: no client of the KBS protocol"
    exit 0
fi

snp_policy() { # further members
    jq -n --argjson m "$1" --argjson more "$2" '{selfsame_policy: 1, tee: {snp: {}}, freshness: {nonce: true},
        binding: "key", measurements: [{tee: "snp", measurement: [$m]}]} + $more'
}
"$sim" evidence --tee snp --nonce "$(printf '%032d' 1)" --raw --collateral "$tmp/certs" --out "$tmp/any" ||
    not_ok "selfsame-sim evidence --tee snp"
measurement=$(od -An -v -tx1 -j 144 -N 48 "$tmp/any" | tr -d ' \n')
world_init
snp_policy "\"$measurement\"" '{"insecure":["simulated"]}' > "$tmp/snp.json"
snp_policy "\"$measurement\"" '{}' > "$tmp/real.json"
snp_policy "\"$(printf '%096d' 7)\"" '{"insecure":["simulated"]}' > "$tmp/another.json"
for p in snp real another; do
    "$selfsame" verifier policy set "$dir" default $p "$tmp/$p.json" > "$tmp/out" 2>&1 || not_ok "policy $p: $(cat "$tmp/out")"
done
expect 0 "secrets are resources" "$selfsame" verifier secret set "$dir" default default/key/1 /dev/stdin --policy snp --warning < "$root/README.md"
printf 'open sesame' | "$selfsame" verifier secret set "$dir" default default/key/strict - --policy snp > /dev/null
printf 'open sesame' | "$selfsame" verifier secret set "$dir" default default/key/elsewhere - --policy web --warning > /dev/null
printf 'open sesame' | "$selfsame" verifier secret set "$dir" other default/key/theirs - --policy snp --warning > /dev/null
"$selfsame" verifier policy set "$dir" other snp "$tmp/snp.json" > /dev/null
public() { echo "{\"public\":$2,\"policy\":\"$3\"}" | "$selfsame" verifier tenant set "$dir" "$1" - > /dev/null; }

kbs() { # METHOD PATH [BODY-FILE]
    ask -X "$1" ${3:+-H "Content-Type: application/json" --data-binary "@$3"} \
        ${cookie:+-H "Cookie: other=1; kbs-session-id=$cookie"} ${bearer:+-H "Authorization: Bearer $bearer"} \
        "http://$at/kbs/v0/$2"
}
error_is() { # what, VARIANT
    is "$1" 401 "$status"
    is "as $2" "https://github.com/confidential-containers/kbs/errors/$2" "$(member type)"
}
auth() { # TEE
    cookie= bearer=
    echo "{\"version\":\"0.4.0\",\"tee\":\"$1\",\"extra-params\":{\"supported-hash-algorithms\":[\"sha256\",\"sha384\",\"sha512\",\"sm3\"]}}" > "$tmp/request"
    kbs POST auth "$tmp/request"
    cookie=$(reply_header set-cookie | sed -n 's/^kbs-session-id=\([^;]*\).*/\1/p')
    nonce=$([ "$status" = 200 ] && member nonce)
}
# Evidence about $tmp/tee.pem for $nonce, and the body of /attest; further options of the simulator
collect() {
    data=$($peer report-data "$tmp/tee.pem" "$nonce")
    "$sim" evidence --tee snp --user-data "$data" --raw --collateral "$tmp/certs" "$@" --out "$tmp/report" ||
        not_ok "selfsame-sim evidence"
    $peer attest "$tmp/tee.pem" "$nonce" snp "$tmp/report" "$tmp/certs" > "$tmp/attest"
}
attest() {
    kbs POST attest "$tmp/attest"
    fresh=$(reply_header set-cookie | sed -n 's/^kbs-session-id=\([^;]*\).*/\1/p')
}
handshake() { auth snp; collect; attest; cookie=$fresh; }
no_secret() { for part in ciphertext sesame; do not_said_body "$part"; done; }

world_serve
key=

# ---- a tenant that serves everybody ----
auth snp
error_is "a tenant that is not public serves nobody without a key" AttestationError
public default true snp
sleep 2

# ---- the handshake ----
auth snp
is "a challenge" 200 "$status"
is "which asks for no other hash" "" "$(member extra-params)"
collect
attest
is "a token" 200 "$status"
token=$(member token)
is "with Trustee's profile" tag:github.com,2024:confidential-containers/Trustee "$(jwt_claim "$token" eat_profile)"
is "about one machine" warning "$(jwt_claim "$token" 'submods.cpu0' | jq -r '."ear.status"')"
is "and about the key" P-256 "$(jwt_claim "$token" tee-pubkey.crv)"
is "signed by a key of the JWKS" yes "$(jwt_part "$token" 0 > "$tmp/h"; curl -s "http://$at/jwks.json" | grep -qF "$(json_path "$tmp/h" kid)" && echo yes)"
cookie=$fresh
kbs GET resource/default/key/1
is "a resource for the cookie" 200 "$status"
is "of their media type" application/json "$(reply_header content-type)"
$peer jwe "$tmp/tee.pem" "$tmp/body" > "$tmp/plain"
is "which their client opens" "$(sha256sum < "$root/README.md")" "$(sha256sum < "$tmp/plain")"
cookie='' bearer=$token
kbs GET resource/default/key/1
is "a resource for the token" 200 "$status"
$peer jwe "$tmp/tee.pem" "$tmp/body" > "$tmp/plain"
is "and the same" "$(sha256sum < "$root/README.md")" "$(sha256sum < "$tmp/plain")"
bearer=
for curve in P-521 RSA; do
    if [ $curve = RSA ]; then openssl genpkey -algorithm RSA 2> /dev/null > "$tmp/tee.pem"
    else openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$curve 2> /dev/null > "$tmp/tee.pem"; fi
    handshake
    is "a client with a key of $curve" 200 "$status"
    kbs GET resource/default/key/1
    $peer jwe "$tmp/tee.pem" "$tmp/body" > "$tmp/plain" 2> "$tmp/err"
    is "opens it too" "$(sha256sum < "$root/README.md")" "$(sha256sum < "$tmp/plain")"
done

# ---- what is not given ----
handshake
for name in strict elsewhere theirs nothing; do
    kbs GET resource/default/key/$name
    error_is "no resource $name for this client" PolicyDeny
    no_secret
    is "$name is told like one that there is not" "Access denied by policy: no such resource for you [denied]" "$(member detail)"
done
kbs GET resource/default/key
error_is "a resource has three parts" PluginInternalError
kbs GET resource/default/key/1/2
error_is "and no more" PluginInternalError
kbs GET pkcs11/default/key/1
is "another plugin is 404" 404 "$status"
good=$cookie
cookie=
kbs GET resource/default/key/1
error_is "no session" TokenNotFound
no_secret
body=${good%%.*} proof=${good#*.}
flip() { # in the middle of a text
    printf %s "$1" | python3 -c 'import sys; t = sys.stdin.read(); i = len(t) // 2; print(t[:i] + ("A" if t[i] != "A" else "B") + t[i + 1:], end="")'
}
for cookie in "$(flip "$body").$proof" "$body.$(flip "$proof")" "$body." "$body" ".$proof" "$body.$proof.$proof" 0123456789abcdef0123456789abcdef; do
    kbs GET resource/default/key/1
    error_is "a cookie that is not ours" TokenNotFound
    no_secret
done
auth snp
kbs GET resource/default/key/1
error_is "a session that has not attested" TokenNotFound
cookie=$good
collect
attest
error_is "a session that has attested attests no more" AttestationError
cookie='' bearer=$(flip "$token")
kbs GET resource/default/key/1
error_is "a token that is not ours" TokenNotFound
bearer=
# A token of another front is no session, be it about the same evidence.
auth snp
data=$($peer report-data "$tmp/tee.pem" "$nonce")
key=$relying
"$sim" evidence --tee snp --nonce "$(nonce_hex AAECAwQFBgcICQoLDA0ODw)" --key "$tmp/pub.pem" --out "$tmp/evidence"
ask_verify "policy=snp&nonce=AAECAwQFBgcICQoLDA0ODw&key=$key64"
is "a token of /v1/verify" 200 "$status"
bearer=$(cat "$tmp/body") key='' cookie=''
kbs GET resource/default/key/1
error_is "a token of another front" TokenNotFound
bearer=

# ---- attacks on the handshake ----
auth snp
collect
attest
first=$fresh
attest
error_is "one challenge is for one answer" AttestationError
said_body "nonce"
auth snp
stolen=$nonce
auth snp
nonce=$stolen
collect
attest
error_is "evidence of another session" AttestationError
auth snp
collect
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2> /dev/null > "$tmp/thief.pem"
$peer attest "$tmp/thief.pem" "$nonce" snp "$tmp/report" "$tmp/certs" > "$tmp/attest"
attest
error_is "evidence about another key" AttestationError
is "gives no session" "" "$fresh"
for defect in --bad-signature --wrong-binding --debug --other-root --expired; do
    auth snp
    collect $defect
    attest
    error_is "evidence with $defect" AttestationError
done
auth snp
collect
jq -c '."tee-evidence".primary_evidence.attestation_report.measurement[3] += 1' "$tmp/attest" |
    jq -c '."tee-evidence".primary_evidence.attestation_report.measurement[3] %= 256' > "$tmp/changed"
mv "$tmp/changed" "$tmp/attest"
attest
error_is "a report with another measurement" AttestationError
for change in 'del(."tee-evidence".primary_evidence.attestation_report.chip_id)' \
    '."tee-evidence".primary_evidence.attestation_report.policy = -1' \
    '."tee-evidence".primary_evidence.attestation_report.version = 9' \
    '."tee-evidence".primary_evidence.attestation_report.current_tcb = 7' \
    '."tee-evidence".primary_evidence = {"quote": "AAAA"}' \
    '."tee-evidence".primary_evidence = []' \
    '."tee-evidence".additional_evidence = "{\"nvidia\":{}}"' \
    '."runtime-data"."tee-pubkey".d = "AAAA"' \
    '."runtime-data"."tee-pubkey".alg = "RSA1_5"' \
    '."runtime-data"."tee-pubkey".x = "AAAA"' \
    'del(."runtime-data"."tee-pubkey")' \
    '.["runtime-data"] = null' '[.]'; do
    auth snp
    collect
    jq -c "$change" "$tmp/attest" > "$tmp/changed"
    mv "$tmp/changed" "$tmp/attest"
    attest
    error_is "attest with $change" AttestationError
done
for tee in nitro azsnpvtpm cca sample SNP ''; do
    auth "$tee"
    error_is "no challenge for \"$tee\"" AttestationError
done
cookie=
for request in '{"version":"0.1.1","tee":"snp","extra-params":""}' '{"tee":"snp"}' '{}' '[]' 'x' ''; do
    printf %s "$request" > "$tmp/request"
    kbs POST auth "$tmp/request"
    error_is "no challenge for '$request'" AttestationError
done
public default true real
sleep 2
auth snp; collect; attest
error_is "simulated evidence where the policy does not allow it" AttestationError
public default true another
sleep 2
auth snp; collect; attest
error_is "another measurement than the policy's" AttestationError
cookie=$good
kbs GET resource/default/key/1
is "a session that was given goes on" 200 "$status"

# ---- TDX and SGX: their quotes as they are ----
for tee in tdx sgx; do
    "$sim" evidence --tee $tee --nonce "$(printf '%032d' 1)" --raw --out "$tmp/any" --collateral "$tmp/$tee.certs" 2> /dev/null ||
        "$sim" evidence --tee $tee --nonce "$(printf '%032d' 1)" --raw --out "$tmp/any"
    auth $tee
    $peer attest "$tmp/thief.pem" "$nonce" $tee "$tmp/any" > "$tmp/attest"
    attest
    error_is "$tee evidence is read, and this policy has none of it" AttestationError
    said_body "policy does not accept"
done
is "the audit log says which resource was given" yes "$(grep -q '"given":"secret default/key/1@1"' "$dir"/audit/rows* && echo yes)"
hash=$(grep -h '"given":"secret' "$dir"/audit/rows* | head -1 | sed 's/.*"evidence_sha256":"\([0-9a-f]*\)".*/\1/')
is "and for which verdict" yes "$(grep -h "$hash" "$dir"/audit/rows* | grep -qv '"given":"secret' && echo yes)"
if grep -qa sesame "$tmp/serving" "$tmp/serve.log" "$dir"/audit/*; then not_ok "no log has a secret"; else ok "no log has a secret"; fi
world_stop
server=

# ---- replicas share the key: a session of one is one of the other ----
public default true snp
world_serve
cookie=$good
kbs GET resource/default/key/1
is "a session outlives the process" 200 "$status"
world_stop
server=
finish
