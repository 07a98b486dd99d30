#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame show`, `measure`, `doctor` and the help: every kind of file, as text and as
# JSON, and bad input of every kind.
set -u
. "$(dirname "$0")/shell.sh"
nonce=00112233445566778899aabbccddeeff
TMPDIR=$tmp/t; export TMPDIR; mkdir -m 1777 "$TMPDIR"
agent=$build/src/cli/selfsame-agent
[ -x "$agent" ] || agent=$build/src/init/selfsame-init

calm() { # what: nothing in the output commands a terminal
    if LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$tmp/out" "$tmp/err" ||
        LC_ALL=C grep -q "$(printf '\302[\200-\237]')" "$tmp/out" "$tmp/err"; then not_ok "$1: a control character"
    else ok "$1: no control character"; fi
}
json_of() { # what, jq filter, wanted: of the last output
    got=$(jq -r "$2" < "$tmp/out" 2> "$tmp/jq") || { not_ok "$1: not JSON"; return; }
    is "$1" "$3" "$got"
}
shows() { # what, file, jq filter, wanted
    expect 0 "$1" "$selfsame" show "$2"
    calm "$1"
    expect 0 "$1, --json" "$selfsame" show "$2" --json
    json_of "$1, as JSON" "$3" "$4"
}

# --- evidence
printf '{"selfsame_measurements":1,"measurements":[{"tee":"nitro","pcr":{"0":["%096d"],"1":["%096d"],"2":["%096d"]}}]}' \
    10 11 12 > "$tmp/measurements.json"
make() { # file, options
    out=$1; shift
    "$sim" evidence --nonce $nonce --measurements "$tmp/measurements.json" --out "$tmp/$out" "$@" || not_ok "evidence $*"
}
make raw --raw
make cmw --cmw
shows "a raw document" "$tmp/raw" '[.kind, .tee, .believed, .claims.nonce] | map(tostring) | join(" ")' \
    "evidence nitro false $nonce"
expect 0 "its chain" "$selfsame" show "$tmp/raw" --json
json_of "five certificates, root first" '[(.chain | length), .chain[0].subject, .chain[0].ca] | map(tostring) | join(" ")' \
    "5 C=ZZ, O=selfsame, OU=simulator, CN=SIMULATED - NOT HARDWARE true"
shows "a CBOR wrapper" "$tmp/cmw" '[.kind, .entries[0].value.claims.pcr["0"]] | join(" ")' \
    "conceptual message wrapper $(printf '%096d' 10)"
printf '["application/vnd.attest.nitro+cbor","%s",4]' \
    "$(base64 -w0 "$tmp/raw" | tr '+/' '-_' | tr -d '=')" > "$tmp/cmw.json"
shows "a JSON wrapper" "$tmp/cmw.json" '[.kind, .entries[0].value.tee] | join(" ")' "conceptual message wrapper nitro"
base64 "$tmp/raw" > "$tmp/b64"
shows "base64 of a document" "$tmp/b64" .tee nitro
expect 0 "from standard input" sh -c '"$1" show - --json < "$2"' sh "$selfsame" "$tmp/raw"
json_of "it is the same" .tee nitro
make forged --raw --bad-signature
shows "a forged document is decoded, not believed" "$tmp/forged" .believed false

# --- keys that others are given
"$selfsame" keygen --out "$tmp/k" --name log.example/x --json > "$tmp/k.json" 2> "$tmp/err" || not_ok "keygen"
jq -r .vkey "$tmp/k.json" > "$tmp/k.vkey"
shows "a verifier key" "$tmp/k.vkey" '[.kind, .keys[0].name, .keys[0].key_id, .keys[0].type] | join(" ")' \
    "verifier key log.example/x $(jq -r .vkey "$tmp/k.json" | cut -d + -f 2) Ed25519, of a log"
is "its public half" "$(openssl pkey -in "$tmp/k" -pubout -outform DER | tail -c 32 | base64)" \
    "$("$selfsame" show "$tmp/k.vkey" --json | jq -r '.keys[0].public')"
# All letters of base64, and several with a comment.
"$selfsame" keygen --out "$tmp/k2" --name w1 --witness --json > "$tmp/k2.json" 2> "$tmp/err" || not_ok "keygen --witness"
{ echo "# ours"; jq -r .vkey "$tmp/k2.json" "$tmp/k.json"; } > "$tmp/two.vkey"
shows "two of them" "$tmp/two.vkey" '[.keys[] | .name, .type] | join(" ")' \
    "w1 Ed25519 cosignatures, of a witness log.example/x Ed25519, of a log"
jq -j .vkey "$tmp/k2.json" > "$tmp/bare.vkey"
shows "one without a newline" "$tmp/bare.vkey" '.keys[0].name' w1
sed 's/log.example/log.exampel/' "$tmp/k.vkey" > "$tmp/wrong.vkey"
expect 10 "one whose key id is of another name" "$selfsame" show "$tmp/wrong.vkey"
shows "a public key" "$tmp/k.pub" '[.kind, .keys[0].type, .keys[0].key_id, .keys[0].publisher] | join(" ")' \
    "$(jq -r '"public key Ed25519 \(.keyid) \(.publisher)"' "$tmp/k.json")"
openssl ecparam -name prime256v1 -genkey -noout 2> /dev/null | openssl pkey -pubout -out "$tmp/ec.pub" 2> /dev/null
shows "of another kind" "$tmp/ec.pub" '.keys[0].type' P-256

# --- the times of cosignatures
cosigned() { # time as 8 bytes in octal escapes
    printf 'log.example\n1\n%s\n\n\342\200\224 log.example %s\n\342\200\224 w.example %s\n' \
        "$(head -c 32 /dev/zero | base64)" "$(head -c 68 /dev/zero | base64 -w0)" \
        "$({ printf '\1\2\3\4'"$1"; head -c 64 /dev/zero; } | base64 -w0)" > "$tmp/note"
}
cosigned '\0\0\0\072\377\364\101\177'
shows "the last second of four digits" "$tmp/note" '.signatures[1].cosigned' 9999-12-31T23:59:59Z
cosigned '\0\0\0\072\377\364\101\200'
shows "the next is no false date" "$tmp/note" '.signatures[1].cosigned' 253402300800
cosigned '\377\377\377\377\377\377\377\377'
shows "nor is the last of all" "$tmp/note" '.signatures[1].cosigned' 18446744073709551615

# --- certificates
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout "$tmp/key" -days 2 -sha384 \
    -subj "/O=Acme/CN=$(printf 'evil\033[2Jname')" -out "$tmp/pem" 2> /dev/null
openssl x509 -in "$tmp/pem" -outform DER -out "$tmp/der"
digest=$(sha256sum < "$tmp/der" | cut -d' ' -f1)
shows "a PEM certificate" "$tmp/pem" '.certificates[0].sha256' "$digest"
shows "a DER certificate" "$tmp/der" '[.kind, .sha256, .key] | join(" ")' "certificate (DER) $digest P-384"
cat "$tmp/pem" "$tmp/pem" > "$tmp/two"
shows "a bundle of two" "$tmp/two" '.certificates | length' 2
expect 11 "PEM without a certificate" "$selfsame" show "$tmp/key"
said "expected a CERTIFICATE block, got PEM without one"
said "openssl pkey"
printf '%s\n' '-----BEGIN X-----' AAAAAA '-----END X-----' > "$tmp/letters"
expect 11 "PEM whose letters are base64url too" "$selfsame" show "$tmp/letters"
said "got PEM without one"

# --- an image and what stands beside it
expect 0 "an image is built" "$selfsame" build "$root/examples/hello" --out "$tmp/image" --agent "$agent"
eif=$tmp/image/image.eif
shows "an image" "$eif" '[.kind, .version, (.sections | length)] | map(tostring) | join(" ")' \
    "enclave image (EIF) 4 $("$selfsame" measure "$eif" --explain --json | jq '.sections | length')"
shows "measurements.json" "$tmp/image/measurements.json" .kind measurements
shows "statement.json" "$tmp/image/statement.json" .kind statement
"$selfsame" policy init --measurements "$tmp/image/measurements.json" --out "$tmp/policy.json" 2> /dev/null
shows "a policy" "$tmp/policy.json" .kind policy

# --- text that would command the terminal: in a value, in a name, in two characters
printf '{"selfsame_policy":1,"a\\u001b[2Jb":"x\\u001b]0;y\\u0007","c":"\\u009b1m","d\\u0085":[true,null,1.5]}' > "$tmp/evil"
shows "JSON with control characters" "$tmp/evil" .kind policy

# --- bad input
head -c 3000 /dev/zero | tr '\0' '\377' > "$tmp/garbage"
expect 11 "garbage" "$selfsame" show "$tmp/garbage"
expect 11 "garbage, --json" "$selfsame" show "$tmp/garbage" --json
json_of "its class" .error.class unsupported
json_of "expected and got" '.error.message | test("expected evidence.* got 3000 bytes")' true
: > "$tmp/void"
expect 10 "an empty file" "$selfsame" show "$tmp/void"
said "$tmp/void: empty file: expected evidence"
said "wrote nothing"
expect 3 "a file that is not there" "$selfsame" show "$tmp/nothing"
said "nothing of this name"
expect 3 "a directory" "$selfsame" show "$tmp"
head -c 200 "$tmp/cmw" > "$tmp/cut.cmw"
expect 10 "a wrapper cut short" "$selfsame" show "$tmp/cut.cmw"
expect 10 "JSON cut short" sh -c 'head -c 40 "$2" > "$3"; "$1" show "$3"' sh "$selfsame" "$tmp/measurements.json" "$tmp/cut"
head -c 300 "$eif" > "$tmp/short.eif"
expect 10 "an image cut inside its header" "$selfsame" show "$tmp/short.eif"
expect 2 "two files" "$selfsame" show "$tmp/raw" "$tmp/cmw"

# --- measure
expect 0 "measure" "$selfsame" measure "$eif"
is "three registers, a line each" 3 "$(grep -cE '^pcr\.[012] +[0-9a-f]{96}$' "$tmp/out")"
expect 0 "measure --json" "$selfsame" measure "$eif" --json
json_of "what the build wrote" '.pcr["0"]' "$(jq -r '.measurements[0].pcr["0"][0]' "$tmp/image/measurements.json")"
expect 0 "measure --explain" "$selfsame" measure "$eif" --explain
said "section 0"
expect 0 "measure --explain --json" "$selfsame" measure "$eif" --explain --json
json_of "sections" '.sections | length > 0' true
expect 10 "noise is no image" "$selfsame" measure "$tmp/garbage"
expect 10 "an empty image" "$selfsame" measure "$tmp/void"
said "$tmp/void: empty file: expected an enclave image"
size=$(stat -c %s "$eif")
for keep in 4 547 548 600 $((size / 2)) $((size - 1)); do
    head -c "$keep" "$eif" > "$tmp/truncated"
    expect 10 "an image of $keep bytes" "$selfsame" measure "$tmp/truncated"
done
truncate -s 4G "$tmp/sparse"
expect 10 "4 GB of nothing" "$selfsame" measure "$tmp/sparse"
rm -f "$tmp/sparse"
expect 3 "measure a directory" "$selfsame" measure "$tmp"
expect 3 "measure what is not there" "$selfsame" measure "$tmp/nothing"
said "nothing of this name"
expect 2 "measure for an unknown TEE" "$selfsame" measure "$eif" --tee sgx9
said 'TEE "sgx9" is not one of: nitro, sgx, snp, tdx'
expect 0 "measure the directory of a build" "$selfsame" measure "$tmp/image" --json
json_of "is its enclave" '.pcr["0"]' "$(jq -r '.measurements[0].pcr["0"][0]' "$tmp/image/measurements.json")"
expect 0 "an image for two TEEs" "$selfsame" build "$root/examples/hello" --out "$tmp/both" --tee nitro,snp --agent "$agent"
expect 0 "measure for both" "$selfsame" measure "$tmp/both"
is "both are named" "nitro snp" "$(sed -n 's/^tee *//p' "$tmp/out" | xargs)"
expect 0 "measure for both, --json" "$selfsame" measure "$tmp/both" --json --explain
json_of "is a list of reference values" '.measurements | map(.tee) | join(" ")' "nitro snp"
cp "$tmp/out" "$tmp/values"
expect 0 "which a policy takes as it is" "$selfsame" policy init --measurements "$tmp/values"
json_of "all of them" '[.measurements[].tee, (.measurements[1].measurement | length)] | map(tostring) | join(" ")' "nitro snp 3"
expect 2 "an empty file is none" "$selfsame" policy init --measurements "$tmp/void"
said "wrote nothing"
expect 0 "measure for one of them" "$selfsame" measure "$tmp/both" --tee nitro --json
json_of "is that one" .tee nitro
expect 0 "an option of a machine" "$selfsame" measure "$tmp/both" --cpu EPYC --json
json_of "means the machine" '[.tee, (.shapes | length)] | map(tostring) | join(" ")' "snp 1"
expect 10 "an empty firmware" "$selfsame" measure "$tmp/void" --tee snp --cpu EPYC
is "is named once" "selfsame: $tmp/void: empty file: expected firmware, got 0 bytes [malformed]" "$(head -1 "$tmp/err")"
expect 2 "a TEE twice" "$selfsame" measure "$tmp/both" --tee nitro,nitro
expect 2 "one that is unknown" "$selfsame" measure "$tmp/both" --tee nitro,sgx9
expect 2 "two TEEs for a file" "$selfsame" measure "$eif" --tee nitro,snp
expect 3 "a TEE that has no image there" "$selfsame" measure "$tmp/image" --tee snp
said "got none"
expect 0 "sections of a machine" "$selfsame" measure "$tmp/both" --tee snp --explain
is "stand in columns" 1 "$(sed -n 's/^\(section .*\) offset .*/\1/p' "$tmp/out" | awk '{ print length }' | sort -u | wc -l)"
for vmm in ec2 gce; do
    expect 2 "$vmm, where tools disagree" "$selfsame" measure "$tmp/both" --vmm $vmm
    case $vmm in ec2) said "--ec2-rdx 0x600" ;; gce) said "--gce-gpa-bits 48" ;; esac
done

# --- launch digests that others published, through the command
ovmf=$shared/snp/virtee+sev-snp-measure/launch-digest/ovmf_AmdSev_suffix.bin
if [ -f "$ovmf" ]; then
    digest() { # what, wanted, options...
        name=$1 theirs=$2; shift 2
        expect 0 "$name" "$selfsame" measure "$ovmf" --tee snp --json "$@"
        json_of "as published" .measurement "$theirs"
    }
    linux="--kernel $tmp/none --initrd $tmp/none"; : > "$tmp/none"
    # shellcheck disable=SC2086
    {
    digest "a firmware alone" 19358ba9a7615534a9a1e2f0dfc29384dcd4dcb7062ff9c6013b26869a5fc6ecabe033c48dd6f6db5d6d76e7c5df632d --cpu EPYC-v4
    digest "with a kernel" ddc5224521617a536ee7ce9dd6224d1b58a8d4fda1c741f3ac99fc4bfa04ba6e9fc98646d4a07a9079397fa3852819b5 $linux --cmdline "" --cpu EPYC-v4
    digest "with features and a command line" 803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba7e534442e7e1e17895dfe778d0228977 \
        $linux --cmdline "console=ttyS0 loglevel=7" --cpu EPYC-v4 --features 33
    digest "four processors by their signature" 5061fffb019493a903613d56d54b94912a1a2f9e4502385f5c194616753720a92441310ba6c4933de877c36e23046ad5 \
        $linux --cmdline "" --cpu 0x800f12 --vcpus 4
    digest "on GCE" 5da7106cf14cf46b1725ebab123eb9e53bd46a1e9f400cd0c08e7827b04b688ea8b4e403c8404efed4397ea5d5d0722e $linux --cmdline "" --vmm gce --gce-gpa-bits 48
    digest "on EC2" 0883bd0eeb716e65b7b977a321c278d1e51b33b5c655fab985443bbcc65c086b9c15e8a0bd8811050dec7e24964e5056 $linux --cmdline "" --vmm ec2 --ec2-rdx 0x600
    }
else
    skipped "published launch digests: ../shared/vectors is not here"
fi

# --- SEV-SNP: a report names what verifying it wants; certificates say whose they are
if [ -d "$shared/snp" ]; then
    t=$shared/snp/microsoft+TEE-Attestation-Verification/turin-v5
    shows "a report" "$t/report.bin" '[.kind, .tee, .claims.product, .claims.tcb.reported.fmc] | join(" ")' "evidence snp Turin 1"
    shows "what it wants" "$t/report.bin" '.collateral[0].url' \
        "https://kdsintf.amd.com/vcek/v1/Turin/59790fb1c39f35c1?fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=81"
    shows "a VCEK" "$t/vcek.der" '[.product, .hardware_id, .tcb.fmc] | join(" ")' "Turin 59790fb1c39f35c1 1"
    shows "a host's certificate table" "$shared/snp/veraison+services/tsm/auxblob.bin" '[.kind, (.certificates | length)] | join(" ")' \
        "host certificate table 3"
else
    skipped "SNP reports: ../shared/vectors is not here"
fi

# --- doctor and help
expect 0 doctor "$selfsame" doctor
calm doctor
expect 0 "doctor --json" "$selfsame" doctor --json
json_of "a list of findings" 'map(has("group") and has("what") and has("ok") and has("found") and has("fix")) | all' true
expect 0 "the version" "$selfsame" --version
is "program and number" 1 "$(grep -cE '^selfsame [0-9]+\.[0-9]+\.[0-9]+$' "$tmp/out")"
expect 2 "no command" "$selfsame"
expect 2 "policy alone" "$selfsame" policy
is "lists its three commands" "policy init policy lint policy explain" \
    "$(grep -oE '^  policy [a-z]+' "$tmp/out" | xargs)"
expect 0 "policy --help" "$selfsame" policy --help
said "policy explain"
expect 2 "policy and a word that is none" "$selfsame" policy burn
said 'there is no command "policy burn"'
expect 2 "the beginning of a command" "$selfsame" pol
"$selfsame" help --json | jq -r '.commands[].name' > "$tmp/verbs"
is "all commands are listed" 52 "$(wc -l < "$tmp/verbs")"
while read -r verb; do
    # shellcheck disable=SC2086
    expect 0 "$verb --help" "$selfsame" $verb --help
    said "Usage: selfsame $verb"
done < "$tmp/verbs"
finish
