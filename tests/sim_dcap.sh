#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# selfsame-sim for SGX and TDX: roots, quotes and collateral of two runs, with and without faults.
set -u
. "$(dirname "$0")/shell.sh"
nonce=00112233445566778899aabbccddeeff
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout > "$tmp/key.pem" 2>/dev/null

# ---- pki ----
expect 0 "the simulator's root is printed" "$sim" pki --tee sgx
cp "$tmp/out" "$tmp/sgx.pem"
expect 0 "and is that of TDX" "$sim" pki --tee tdx
is "one root for both" "$(cat "$tmp/sgx.pem")" "$(cat "$tmp/out")"
expect 0 "OpenSSL verifies it" openssl verify -x509_strict -CAfile "$tmp/sgx.pem" "$tmp/sgx.pem"
expect 0 "a new root is made" "$sim" pki --tee tdx --new --out "$tmp/root.pem"
is "its keys are for their owner alone" 600 "$(stat -c %a "$tmp/root.pem.key")"

# ---- evidence and collateral: each fault and the class a verifier gives it ----
judge() { # tee, further options of verify
    tee=$1; shift
    "$selfsame" verify "$tmp/e" --tee "$tee" --nonce "$nonce" --key "$tmp/key.pem" --insecure-any-measurement \
        --insecure-simulated --collateral "$tmp/collateral" "$@" > "$tmp/out" 2> "$tmp/err"
}
make() { # tee, options of both
    tee=$1; shift
    rm -rf "$tmp/collateral"
    "$sim" evidence --tee "$tee" --nonce "$nonce" --key "$tmp/key.pem" "$@" --out "$tmp/e" > "$tmp/out" 2> "$tmp/err" &&
        "$sim" collateral --tee "$tee" --out "$tmp/collateral" "$@" > "$tmp/out" 2> "$tmp/err"
}
fault() { # class, tee, options of both
    class=$1 tee=$2; shift 2
    if ! make "$tee" "$@"; then not_ok "evidence and collateral of $tee $*"; cat "$tmp/err"; return; fi
    judge "$tee"; is "$tee $* is judged" "$class" $?
}
both() { # class, options
    class=$1; shift
    fault "$class" sgx "$@"
    fault "$class" tdx "$@"
}
d() { # class, words of faults of both
    class=$1; shift
    for w in "$@"; do both "$class" --defect "$w"; done
}
both 0
d 10 truncated nested-length reserved
d 11 wrong-alg other-vendor
d 12 expired future bad-chain-signature other-root no-leaf signer-as-leaf
d 13 revoked revoked-leaf revoked-signer no-crl stale-crl future-crl foreign-crl endless-crl no-root-crl stale-root-crl \
    foreign-root-crl
d 14 bad-signature ca-signs foreign-qe qe-hash foreign-key debug-qe
d 16 wrong-binding
d 17 debug
d 18 duplicate-key leaf-as-signer no-tcb-info stale-tcb-info future-tcb-info bad-tcb-signature edited-json other-fmspc \
    other-pceid other-tee no-level no-qe-identity stale-qe-identity
fault 10 tdx --set version=5 --defect body-size
fault 18 tdx --defect unknown-module
fault 18 tdx --defect seam-signer
fault 21 tdx --defect no-sept-ve
fault 21 tdx --defect migratable
fault 21 sgx --defect provision-key
both 18 --set tcb_status=OutOfDate --set advisories=INTEL-SA-00615
both 18 --set qe_status=OutOfDate
both 13 --set tcb_status=Revoked
both 0 --set version=5 --set ca=platform --set trailer=39 --set nul=1
both 0 --set cert_type=2
both 0 --set fmspc=00906ed50000 --set components=01020304 --set pce_svn=0
fault 0 sgx --set version=4 --set tcb_version=2
fault 0 tdx --set tee_tcb_svn=0300ff --set root_first=1

# ---- values that a policy wants ----
for tee in sgx tdx; do
    x=$(printf '%064d' 7) y=$(printf '%096d' 7)
    case $tee in
    sgx) m="{\"tee\":\"sgx\",\"mrsigner\":[\"$x\"],\"isv_prod_id\":[5],\"min_isv_svn\":6}" ;;
    tdx) m="{\"tee\":\"tdx\",\"mrtd\":[\"$y\"],\"rtmr\":{\"0\":[\"$y\"],\"1\":[\"$y\"],\"2\":[\"$y\"]}}" ;;
    esac
    printf '{"selfsame_policy":1,"tee":{"%s":{}},"measurements":[%s],"freshness":{"nonce":true},"binding":"key","insecure":["simulated"]}' \
        "$tee" "$m" > "$tmp/policy.json"
    make "$tee"
    set -- --policy "$tmp/policy.json" --nonce "$nonce" --key "$tmp/key.pem"
    for f in "$tmp"/collateral/*; do set -- "$@" --collateral "$f"; done
    expect 19 "$tee: other values" "$selfsame" verify "$tmp/e" "$@"
    expect 0 "$tee: evidence with the values of a policy" "$sim" evidence --tee "$tee" --nonce "$nonce" --key "$tmp/key.pem" \
        --measurements "$tmp/policy.json" --out "$tmp/e"
    expect 0 "$tee: which accepts it" "$selfsame" verify "$tmp/e" "$@"
done

# ---- another root ----
rm -rf "$tmp/collateral"
expect 0 "evidence below a root of one's own" "$sim" evidence --tee tdx --root "$tmp/root.pem.key" --nonce "$nonce" \
    --key "$tmp/key.pem" --out "$tmp/e"
expect 0 "and its collateral" "$sim" collateral --tee tdx --root "$tmp/root.pem.key" --out "$tmp/collateral"
judge tdx; is "nobody pinned it" 12 $?
judge tdx --trust-anchor "$tmp/root.pem"; is "until it is given" 0 $?

# ---- what collateral is ----
expect 0 "collateral of a day" "$sim" collateral --tee sgx --at 2026-06-01T00:00:00Z --out "$tmp/day"
is "files as other tools name them" \
    "pck_crl.der pck_crl_issuer_chain.pem qe_identity.json qe_issuer_chain.pem root_crl.der tcb_info.json tcb_issuer_chain.pem" \
    "$(cd "$tmp/day" && echo *)"
if grep -q '"issueDate":"2026-05-31T00:00:00Z"' "$tmp/day/tcb_info.json"; then ok "it is of that day"; else not_ok "it is of that day"; fi
# An independent reader: the signature over the very bytes of the object.
python3 - "$tmp/day" > "$tmp/out" 2>&1 <<'END'
import json, re, subprocess, sys
d = sys.argv[1]
def der(rs):
    def integer(b):
        b = b.lstrip(b"\0")
        b = (b"\0" if not b or b[0] & 0x80 else b"") + b
        return bytes([2, len(b)]) + b
    body = integer(rs[:32]) + integer(rs[32:])
    return bytes([0x30, len(body)]) + body
for name, chain in (("tcb_info", "tcb"), ("qe_identity", "qe")):
    text = open(f"{d}/{name}.json").read()
    inner, signature = re.fullmatch(r'\{"\w+":(\{.*\}),"signature":"([0-9a-f]{128})"\}', text).groups()
    json.loads(inner)
    open(f"{d}/m", "w").write(inner)
    open(f"{d}/s", "wb").write(der(bytes.fromhex(signature)))
    key = subprocess.run(["openssl", "x509", "-in", f"{d}/{chain}_issuer_chain.pem", "-noout", "-pubkey"], capture_output=True, check=True)
    open(f"{d}/k", "wb").write(key.stdout)
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", f"{d}/k", "-signature", f"{d}/s", f"{d}/m"], check=True)
END
is "OpenSSL verifies both objects" "Verified OK Verified OK" "$(tr '\n' ' ' < "$tmp/out" | sed 's/ $//')"

# ---- usage ----
expect 2 "no TEE" "$sim" collateral --out "$tmp/x"
expect 2 "a TEE that brings its own" "$sim" collateral --tee snp --out "$tmp/x"
expect 2 "nowhere to write" "$sim" collateral --tee sgx
expect 2 "a setting of the other TEE" "$sim" evidence --tee sgx --set mrtd=00 --out "$tmp/x"
expect 2 "a fault of the other TEE" "$sim" evidence --tee sgx --defect migratable --out "$tmp/x"
expect 2 "a fault of SEV-SNP" "$sim" evidence --tee tdx --defect other-chip --out "$tmp/x"
expect 2 "a fault nobody knows" "$sim" evidence --tee tdx --defect splendid --out "$tmp/x"
said "splendid"
expect 2 "a version that nobody writes" "$sim" evidence --tee tdx --set version=3 --out "$tmp/x"
finish
