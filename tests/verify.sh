#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame verify FILE`: real Nitro documents as their collection says, simulated ones
# with every defect, and bad input of every kind.
set -u
. "$(dirname "$0")/shell.sh"

loose="--tee nitro --insecure-any-measurement --insecure-any-age --insecure-unbound"
real() { # status, file, time, further options...
    status=$1 file=$2 at=$3; shift 3
    # shellcheck disable=SC2086
    expect "$status" "$file${*:+ $*}" "$selfsame" verify "$shared/nitro/$file" $loose --at "$at" "$@"
}
if [ -d "$shared/nitro" ]; then
    d=Dstack-TEE+dstack e=evervault+attestation-doc-validation f=fortanix+rust-sgx m=marlinprotocol+oyster-monorepo
    real 0 $d/attest-prod.cbor 1766678659
    real 17 $d/attest-debug.cbor 1766650846
    real 0 $d/attest-debug.cbor 1766650846 --insecure-debug
    real 12 $d/attest-prod.cbor 2025-12-25T19:04:20Z
    real 12 $d/attest-prod.cbor 2025-12-25T16:04:15Z
    real 17 $e/debug-mode-attestation-doc.cbor 1665582606
    real 0 $e/debug-mode-attestation-doc.cbor 1665582606 --insecure-debug
    real 0 $e/from-cert-debug-2023-01-18.cbor 1674054632 --insecure-debug
    real 0 $e/from-cert-prod-2023-01-18.cbor 1674047239
    real 0 $e/ga-valid-attestation-doc.cbor 1695049410 --insecure-debug
    real 0 $e/ga-valid-attestation-doc.cbor 1695049410 --insecure-debug --key "$shared/nitro/$e/ga-valid-certificate.der"
    real 16 $e/valid-attestation-doc.cbor 1665651482 --key "$shared/nitro/$e/ga-valid-certificate.der"
    real 0 $e/valid-attestation-doc.cbor 1665651482
    real 17 $f/request_proper.cbor 1631182760
    real 0 $f/request_proper.cbor 1631182760 --insecure-debug
    real 12 $f/request_proper.cbor 1631182760 --insecure-debug --trust-anchor "$shared/nitro/$f/unknown_ca.crt"
    real 0 $f/request_proper.cbor 1631182760 --insecure-debug --trust-anchor "$shared/nitro/$f/unknown_ca.crt" \
        --trust-anchor "$shared/nitro/$f/aws.crt"
    real 10 $f/request_proper.cbor 1631182760 --insecure-debug --trust-anchor "$shared/nitro/$f/tampered_root_cert.crt"
    real 10 $f/tampered_certificate.cbor 1631182760 --insecure-debug
    real 14 $f/tampered_signature.cbor 1631182760 --insecure-debug
    real 0 $m/aws.cbor 1734075478
    real 12 $m/custom.cbor 1734080745 --insecure-debug
    real 0 $m/custom.cbor 1734080745 --insecure-debug --trust-anchor "$shared/nitro/$m/mock-root.crt"
    real 14 derived-by-this-collection/doc/aws-pcr0-flipped.cbor 1734075478
    real 10 derived-by-this-collection/doc/aws-truncated.cbor 1734075478
    # An old document against the clock of today.
    # shellcheck disable=SC2086
    expect 12 "a document of 2024, verified now" "$selfsame" verify "$shared/nitro/$m/aws.cbor" $loose
    base64 "$shared/nitro/$m/aws.cbor" > "$tmp/b64"
    # shellcheck disable=SC2086
    expect 0 "base64 of a document" "$selfsame" verify "$tmp/b64" $loose --at 1734075478
    # shellcheck disable=SC2086
    expect 0 "the JSON verdict" "$selfsame" verify "$shared/nitro/$m/aws.cbor" $loose --at 1734075478 --json
    is "status of an old document" warning "$(jq -r .status < "$tmp/out")"
    is "as_of" 2024-12-13T07:37:58Z "$(jq -r .as_of < "$tmp/out")"
    is "insecure flags are recorded" "any-age any-measurement unbound" "$(jq -r '.insecure | sort | join(" ")' < "$tmp/out")"
    is "twelve checks in order" "parse chain revocation signature freshness binding debug tcb measurement release log-proof policy" \
        "$(jq -r '[.checks[].name] | join(" ")' < "$tmp/out")"
    is "PCR0 as hex" 189038eccf28a3a098949e402f3b3d86a876f4915c5b02d546abb5d8c507ceb1755b8192d8cfca66e8f226160ca4c7a6 \
        "$(jq -r '.claims.pcr["0"]' < "$tmp/out")"
else
    skipped "real Nitro documents: ../shared/vectors is not here"
fi

# Simulated documents: one fault each, one class each.
nonce=00112233445566778899aabbccddeeff
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$tmp/key.pem" 2>/dev/null
openssl pkey -in "$tmp/key.pem" -pubout -out "$tmp/pub.pem"
pcr() { printf "%096d" "$1"; }
cat > "$tmp/measurements.json" <<EOF
{"selfsame_measurements":1,"measurements":[{"tee":"nitro","pcr":{"0":["$(pcr 10)"],"1":["$(pcr 11)"],"2":["$(pcr 12)"]}}]}
EOF
make() { # file, options of selfsame-sim evidence...
    out=$1; shift
    "$sim" evidence --tee nitro --nonce $nonce --key "$tmp/pub.pem" --measurements "$tmp/measurements.json" --out "$tmp/$out" "$@" ||
        not_ok "selfsame-sim evidence $*"
}
strict() { # status, what, file, further options
    status=$1 what=$2 file=$3; shift 3
    expect "$status" "$what" "$selfsame" verify "$tmp/$file" --tee nitro --nonce $nonce --key "$tmp/pub.pem" \
        --measurements "$tmp/measurements.json" --insecure-simulated "$@"
}
make good
strict 0 "a simulated document, named by the policy" good
# Verification is pure: what the environment says to libcrypto does not reach it.
printf '%s\n' 'openssl_conf = a' '[a]' 'providers = b' '[b]' 'null = c' '[c]' 'activate = 1' > "$tmp/openssl.cnf"
expect 0 "the same under an OPENSSL_CONF without algorithms" env OPENSSL_CONF="$tmp/openssl.cnf" "$selfsame" verify "$tmp/good" \
    --tee nitro --nonce $nonce --key "$tmp/pub.pem" --measurements "$tmp/measurements.json" --insecure-simulated
expect 21 "the same where real hardware is named" "$selfsame" verify "$tmp/good" --tee nitro --nonce $nonce \
    --key "$tmp/pub.pem" --measurements "$tmp/measurements.json"
said simulated
for defect in debug:17 expired:12 future:12 wrong-nonce:15 no-nonce:15 wrong-binding:16 bad-signature:14 \
    bad-chain-signature:12 wrong-order:12 other-root:12 ca-signs:12 wrong-alg:11 trailing-byte:10 duplicate-key:10 \
    truncated:10 unprotected-alg:11 short-pcr:10 nitrotpm:11 tagged:0 indefinite:0; do
    make "${defect%:*}" "--${defect%:*}"
    strict "${defect#*:}" "${defect%:*}" "${defect%:*}"
done
"$sim" evidence --tee nitro --measurements "$tmp/measurements.json" --out "$tmp/young"
expect 15 "evidence that was young when its pipe opened" sh -c '{ sleep 3; cat "$3"; } | "$1" verify - --tee nitro --max-age 2s \
    --insecure-unbound --insecure-simulated --measurements "$2"' sh "$selfsame" "$tmp/measurements.json" "$tmp/young"
expect 15 "another nonce" "$selfsame" verify "$tmp/good" --tee nitro --nonce ffffffffffffffffffffffffffffffff \
    --key "$tmp/pub.pem" --measurements "$tmp/measurements.json" --insecure-simulated
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null | openssl pkey -pubout -out "$tmp/other.pem"
expect 16 "another key" "$selfsame" verify "$tmp/good" --tee nitro --nonce $nonce --key "$tmp/other.pem" \
    --measurements "$tmp/measurements.json" --insecure-simulated
sed "s/$(pcr 12)/$(pcr 13)/" "$tmp/measurements.json" > "$tmp/others.json"
expect 19 "another measurement" "$selfsame" verify "$tmp/good" --tee nitro --nonce $nonce --key "$tmp/pub.pem" \
    --measurements "$tmp/others.json" --insecure-simulated
expect 19 "no measurement at all" "$selfsame" verify "$tmp/good" --tee nitro --nonce $nonce --key "$tmp/pub.pem" --insecure-simulated
expect 15 "no nonce sent" "$selfsame" verify "$tmp/good" --tee nitro --key "$tmp/pub.pem" \
    --measurements "$tmp/measurements.json" --insecure-simulated
expect 16 "no key named" "$selfsame" verify "$tmp/good" --tee nitro --nonce $nonce \
    --measurements "$tmp/measurements.json" --insecure-simulated
strict 0 "a report page" good --report "$tmp/report.html" --explain
grep -q '<html' "$tmp/report.html" && ok "the page is HTML" || not_ok "the page is HTML"
grep -qE '(src|href)="https?:' "$tmp/report.html" && not_ok "the page loads nothing" || ok "the page loads nothing"

# Policy files.
cat > "$tmp/policy.json" <<EOF
{"selfsame_policy":1,"tee":{"nitro":{}},"measurements":$(jq .measurements "$tmp/measurements.json"),
 "freshness":{"nonce":true},"binding":"key","insecure":["simulated"]}
EOF
expect 0 "a policy file" "$selfsame" verify "$tmp/good" --policy "$tmp/policy.json" --nonce $nonce --key "$tmp/pub.pem"
sed 's/"freshness"/"freshnes"/' "$tmp/policy.json" > "$tmp/unknown.json"
expect 2 "a policy with an unknown member" "$selfsame" verify "$tmp/good" --policy "$tmp/unknown.json" --nonce $nonce
said freshnes
said "line $(grep -n freshnes "$tmp/unknown.json" | cut -d: -f1)"
expect 2 "policy lint of it" "$selfsame" policy lint "$tmp/unknown.json"
expect 0 "policy lint of the good one" "$selfsame" policy lint "$tmp/policy.json"
jq 'del(.tee)' "$tmp/policy.json" > "$tmp/no-tee.json"
for tee in nitro nonsense; do
    expect 2 "--tee $tee adds nothing to a policy file" "$selfsame" verify "$tmp/good" --policy "$tmp/no-tee.json" --tee $tee \
        --nonce $nonce --key "$tmp/pub.pem"
    said "does not accept evidence of \"$tee\""
done
jq '.tee.snp = {}' "$tmp/policy.json" > "$tmp/two-tees.json"
for tee in nitro:0 snp:21 nonsense:2; do
    expect "${tee#*:}" "of two TEEs --tee ${tee%:*} takes one" "$selfsame" verify "$tmp/good" --policy "$tmp/two-tees.json" \
        --tee "${tee%:*}" --nonce $nonce --key "$tmp/pub.pem"
done
echo '{"selfsame_policy":1}' > "$tmp/empty.json"
expect 2 "a policy that demands nothing" "$selfsame" verify "$tmp/good" --policy "$tmp/empty.json"

# Bad input: class, sentence, remedy.
expect 3 "a file that is not there" "$selfsame" verify "$tmp/nothing" --tee nitro
said "cannot open"
: > "$tmp/void"
expect 10 "an empty file" "$selfsame" verify "$tmp/void" --tee nitro
said "$tmp/void: empty file: expected evidence"
said "wrote nothing"
expect 10 "nothing on standard input" sh -c '"$1" verify - --tee nitro < /dev/null' sh "$selfsame"
said "empty file: expected evidence"
{ printf .eif; head -c 2000000 /dev/zero; } > "$tmp/image"
expect 10 "an image" "$selfsame" verify "$tmp/image" --tee nitro
said "expected evidence, got an enclave image"
said "selfsame measure"
expect 10 "an image on standard input" sh -c 'head -c 999 "$2" | "$1" verify - --tee nitro' sh "$selfsame" "$tmp/image"
said "selfsame measure"
expect 10 "a key" "$selfsame" verify "$tmp/pub.pem" --tee nitro
said "expected evidence, got PEM"
said "goes with --key"
expect 2 "an empty policy file" "$selfsame" verify "$tmp/good" --policy "$tmp/void"
said "empty file: expected JSON"
expect 2 "empty measurements" "$selfsame" verify "$tmp/good" --tee nitro --measurements "$tmp/void"
said "empty file: expected JSON"
expect 10 "an empty trust anchor" "$selfsame" verify "$tmp/good" --tee nitro --trust-anchor "$tmp/void"
said "empty file: expected certificates"
for noise in measurements.json nonce-file; do
    [ -e "$tmp/$noise" ] || head -c 91 /dev/zero > "$tmp/$noise"
    expect 10 "a key that is none" "$selfsame" verify "$tmp/good" --tee nitro --nonce $nonce --key "$tmp/$noise" \
        --measurements "$tmp/measurements.json" --insecure-simulated
    said "expected a public key or certificate"
done
{ echo "-----BEGIN PUBLIC KEY-----"; echo AAAA; echo "-----END PUBLIC KEY-----"; } > "$tmp/none.pem"
expect 10 "a PEM block that holds none" "$selfsame" verify "$tmp/good" --tee nitro --nonce $nonce --key "$tmp/none.pem"
expect 10 "an empty key" "$selfsame" verify "$tmp/good" --tee nitro --key "$tmp/void"
said "empty file: expected a public key"

# --- reports of AMD SEV-SNP machines, with the certificate of their chip
snp() { # status, folder, leaf, time, flags...
    status=$1 folder=$shared/snp/$2 name=$2 leaf=$3 at=$4; shift 4
    expect "$status" "$name $*" "$selfsame" verify "$folder/report.bin" --tee snp --collateral "$folder/$leaf" --at "$at" \
        --insecure-any-measurement --insecure-any-age --insecure-unbound "$@"
}
if [ -d "$shared/snp" ]; then
    for v in confidential-containers+trustee/milan-v2 confidential-containers+trustee/milan-v2-az-hcl virtee+sev/milan-v2; do
        snp 0 $v vcek.der 1700000000 --insecure-no-revocation
    done
    for v in confidential-containers+trustee/genoa-v3-az-hcl microsoft+TEE-Attestation-Verification/genoa-v3 \
        microsoft+TEE-Attestation-Verification/turin-v5 veraison+services/genoa-v3-tsm; do
        snp 0 $v vcek.der 1780000000 --insecure-no-revocation
    done
    said "ACCEPTED WITH WARNINGS"
    snp 17 google+go-sev-guest/milan-v2-debug vcek.der 1700000000 --insecure-no-revocation
    snp 0 google+go-sev-guest/milan-v2-debug vcek.der 1700000000 --insecure-no-revocation --insecure-debug
    snp 13 virtee+sev/milan-v2 vcek.der 1700000000
    said "expected a CRL of ARK-Milan, got none"
    snp 12 virtee+sev/milan-v2 vcek.der 1600000000 --insecure-no-revocation
    snp 12 virtee+sev/milan-v2 ../../confidential-containers+trustee/genoa_ask_ark_asvk.pem 1700000000 --insecure-no-revocation
    said "expected the VCEK that signed this report"
    snp 18 virtee+sev/milan-v2 ../../confidential-containers+trustee/milan-v2/vcek.der 1700000000 --insecure-no-revocation
    said "another chip's"
    expect 0 "a directory of collateral beside the report" "$selfsame" verify "$shared/snp/virtee+sev/milan-v2/report.bin" \
        --tee snp --collateral "$shared/snp/virtee+sev/milan-v2" --at 1700000000 --insecure-any-measurement \
        --insecure-any-age --insecure-unbound --insecure-no-revocation --json
    is "its claims are nested" "Milan 115 0" "$(jq -r '[.claims.product, .claims.tcb.reported.microcode, .claims.vmpl] | join(" ")' < "$tmp/out")"
    # VMPL 1 is for a policy to accept, and so is a minimum to demand.
    w=confidential-containers+trustee/milan-v3-vlek
    snp 21 $w vlek.der 1740000000 --insecure-no-revocation
    said "vmpl"
    echo '{"selfsame_policy":1,"tee":{"snp":{"vmpl":1,"min_tcb":{"snp":24}}},"insecure":["any-measurement","any-age","unbound"]}' > "$tmp/loose.json"
    options='{"selfsame_policy":1,"tee":{"snp":OPTIONS},"insecure":["any-measurement","any-age","unbound","no-revocation"]}'
    for one in '0 {"vmpl":[0,1]}' '0 {"vmpl":1,"min_tcb":{"snp":24,"microcode":217}}' '18 {"vmpl":1,"min_tcb":{"snp":25}}' \
        '18 {"vmpl":1,"min_tcb":{"genoa":{"snp":1}}}' '0 {"vmpl":1,"min_tcb":{"genoa":{"snp":25},"milan":{"tee":0}}}' '21 {"vmpl":1,"products":["Genoa"]}' \
        '0 {"vmpl":1,"signers":["VCEK","VLEK"]}' '21 {"vmpl":1,"signers":"VCEK"}' '0 {"vmpl":1,"csp_ids":"CN=cc-us-east-2.amazonaws.com"}' \
        '21 {"vmpl":1,"csp_ids":["CN=cc-us-east-1.amazonaws.com","CN=cc-us-east-2.amazonaws.co"]}' '2 {"vmpl":1,"signers":7}' \
        '21 {"vmpl":1,"platform":{"rapl_dis":true}}' '2 {"vmpl":1,"min_tcb":{"spn":25}}'; do
        echo "$options" | sed "s/OPTIONS/${one#* }/" > "$tmp/snp.json"
        expect "${one%% *}" "a policy with ${one#* }" "$selfsame" verify "$shared/snp/$w/report.bin" --policy "$tmp/snp.json" \
            --collateral "$shared/snp/$w/vlek.der" --at 1740000000
    done
    expect 0 "options are valid" "$selfsame" policy lint "$tmp/loose.json"
    expect 0 "and told in words" "$selfsame" policy explain "$tmp/loose.json"
    said "vmpl = [1]"
    head -c 1183 "$shared/snp/$w/report.bin" > "$tmp/cut"
    expect 10 "a report cut short" "$selfsame" verify "$tmp/cut" --tee snp
    : > "$tmp/empty"
    expect 10 "empty collateral" "$selfsame" verify "$shared/snp/$w/report.bin" --tee snp --collateral "$tmp/empty"
    expect 3 "collateral that is not there" "$selfsame" verify "$shared/snp/$w/report.bin" --tee snp --collateral "$tmp/no"
    mkdir "$tmp/bare"
    expect 2 "a directory without collateral" "$selfsame" verify "$shared/snp/$w/report.bin" --tee snp --collateral "$tmp/bare"
else
    skipped "real SNP reports: ../shared/vectors is not here"
fi
truncate -s 4G "$tmp/sparse"
expect 10 "4 GB of nothing" "$selfsame" verify "$tmp/sparse" --tee nitro
rm -f "$tmp/sparse"
expect 3 "a directory" "$selfsame" verify "$tmp" --tee nitro
head -c 5000 /dev/urandom > "$tmp/noise"
expect 10 "noise" "$selfsame" verify "$tmp/noise" --tee nitro
expect 2 "neither policy nor TEE" "$selfsame" verify "$tmp/good"
expect 2 "an unknown option" "$selfsame" verify "$tmp/good" --polici x
expect 2 "an unknown TEE" "$selfsame" verify "$tmp/good" --tee sgx9
expect 2 "an unknown command" "$selfsame" veryfy
expect 2 "a short nonce" "$selfsame" verify "$tmp/good" --tee nitro --nonce 00
expect 10 "an error as JSON" "$selfsame" verify "$tmp/void" --tee nitro --json
is "its class" malformed "$(jq -r .error.class < "$tmp/out")"
finish
