#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# selfsame-sim for SEV-SNP: roots, reports with and without faults, the device on a socket, and
# /dev/sev-guest in a guest that knows nothing of a simulator.
set -u
. "$(dirname "$0")/shell.sh"
guest=$build/tests/sim_guest agent=$build/src/cli/selfsame-agent
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}
nonce=00112233445566778899aabbccddeeff
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout > "$tmp/key.pem" 2>/dev/null
export XDG_RUNTIME_DIR="$tmp/run"; mkdir -m 700 "$XDG_RUNTIME_DIR"

# ---- pki ----
expect 0 "the simulator's roots are printed" "$sim" pki --tee snp
is "one for each product line" 3 "$(grep -c BEGIN "$tmp/out")"
expect 0 "new roots are made" "$sim" pki --tee snp --new --out "$tmp/root.pem"
is "their keys are for their owner alone" 600 "$(stat -c %a "$tmp/root.pem.key")"
if grep -q PRIVATE "$tmp/root.pem"; then not_ok "certificates come without keys"; else ok "certificates come without keys"; fi
# An independent reader: OpenSSL finds each root self-signed, with PSS and SHA-384.
csplit -sz -f "$tmp/ark" "$tmp/root.pem" '/BEGIN/' '{*}'
for f in "$tmp"/ark0?; do
    expect 0 "OpenSSL verifies $(openssl x509 -in "$f" -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p')" \
        openssl verify -x509_strict -CAfile "$f" "$f"
done

# ---- evidence: each fault and the class a verifier gives it ----
evidence() { "$sim" evidence --tee snp --nonce "$nonce" --key "$tmp/key.pem" "$@" --out "$tmp/e" > "$tmp/out" 2> "$tmp/err"; }
judge() { # further options of verify
    "$selfsame" verify "$tmp/e" --tee snp --nonce "$nonce" --key "$tmp/key.pem" --insecure-any-measurement \
        --insecure-simulated "$@" > "$tmp/out" 2> "$tmp/err"
}
fault() { # class, options of evidence
    class=$1; shift
    if ! evidence "$@"; then not_ok "evidence $*"; return; fi
    judge; is "evidence $* is judged" "$class" $?
}
fault 0
fault 17 --debug
fault 12 --expired
fault 12 --future
fault 16 --wrong-binding
fault 14 --bad-signature
fault 12 --bad-chain-signature
fault 12 --other-root
fault 11 --wrong-alg
fault 10 --trailing-byte
fault 10 --truncated
fault 13 --revoked
fault 13 --no-crl
fault 13 --stale-crl
fault 13 --future-crl
fault 18 --other-chip
fault 18 --other-tcb
fault 12 --no-leaf
fault 12 --unsigned
fault 10 --reserved
fault 14 --defect bad-signature
for s in product=Genoa product=Turin version=2 version=5 signer=vlek guest_svn=7 platform_info=0x25 tcb.snp=9 \
    policy=0x20000 host_data=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff; do
    fault 0 --set "$s"
done
fault 0 --set product=Turin --set signer=vlek --set tcb.fmc=1
fault 0 --set product=Genoa --set version=2 --set tcb.microcode=255
fault 13 --set signer=vlek --revoked
fault 18 --set product=Turin --other-chip
fault 11 --set product=Turin --set version=2
fault 21 --set vmpl=1
fault 21 --set policy=0x70000
fault 21 --set policy=0x230000
fault 10 --set policy=0x10000
fault 10 --set policy=0x8000000000030000
fault 10 --set platform_info=0x100
echo '{"selfsame_policy":1,"tee":{"snp":{"min_tcb":{"milan":{"snp":10}}}},"insecure":["simulated","any-measurement"],
"freshness":{"nonce":true},"binding":"key"}' > "$tmp/min.json"
for level in 9:18 10:0 11:0; do
    evidence --set "tcb.snp=${level%:*}"
    "$selfsame" verify "$tmp/e" --nonce "$nonce" --key "$tmp/key.pem" --policy "$tmp/min.json" > "$tmp/out" 2>&1
    is "SNP firmware ${level%:*} where the policy asks for 10" "${level#*:}" $?
done
for o in --tagged --nitrotpm --no-nonce --short-pcr; do
    expect 2 "no SNP evidence is $o" "$sim" evidence --tee snp $o --out "$tmp/e"
done
expect 2 "a nitro document has no CRL" "$sim" evidence --no-crl --out "$tmp/e"
expect 2 "and no settings" "$sim" evidence --set vmpl=1 --out "$tmp/e"
for s in product=Rome signer=x version=6 vmpl=4 tcb.snp=256 tcb.fmc=1 host_data=00 nonsense=1 vmpl; do
    expect 2 "a setting that cannot be: $s" "$sim" evidence --tee snp --set "$s" --out "$tmp/e"
done
expect 2 "report data too long" "$sim" evidence --tee snp --user-data "$(printf '%0130d' 0)" --out "$tmp/e"

# ---- report and table apart, other roots, other times ----
evidence --raw --collateral "$tmp/table"
is "a report alone" 1184 "$(wc -c < "$tmp/e")"
judge; is "without its certificates it has no chain" 12 $?
judge --collateral "$tmp/table"; is "with them it verifies" 0 $?
"$sim" evidence --tee snp --nonce "$nonce" --key "$tmp/key.pem" --collateral "$tmp/current" --out "$tmp/other"
evidence --stale-crl
judge; is "an old list in the host's table is not enough" 13 $?
judge --collateral "$tmp/current"; is "beside a current one it does no harm" 0 $?
evidence --raw --collateral "$tmp/table"
expect 0 "show reads the table" "$selfsame" show "$tmp/table"
said "SEV-VCEK"
evidence --root "$tmp/root.pem.key"
judge; is "below other roots it is refused" 12 $?
judge --trust-anchor "$tmp/root.pem"; is "and accepted where they are trusted" 0 $?
evidence --at 2030-01-02T03:04:05Z
judge --at 2030-01-02T03:04:30Z; is "evidence of another time is good then" 0 $?
judge; is "and not now" 12 $?
evidence
"$selfsame" verify "$tmp/e" --tee snp --nonce "$nonce" --key "$tmp/key.pem" --insecure-any-measurement > "$tmp/out" 2>&1
is "it is never hardware" 21 $?

# ---- an image of a machine ----
mkdir "$tmp/rootfs" && cp "$guest" "$tmp/rootfs/guest" && cp "$agent" "$tmp/rootfs/attest" && cp "$tmp/key.pem" "$tmp/rootfs/"
chmod 755 "$tmp/rootfs/guest" "$tmp/rootfs/attest"
expect 0 "an image of the guest" "$selfsame" build "$tmp/rootfs" --tee snp --out "$tmp/g" --agent "$agent" -- /guest sev-guest
expect 0 "an image of the guest that knows configfs-tsm" "$selfsame" build "$tmp/rootfs" --tee snp --out "$tmp/t" \
    --agent "$agent" -- /guest tsm
expect 0 "an image of the agent" "$selfsame" build "$tmp/rootfs" --tee snp --out "$tmp/a" --agent "$agent" \
    -- /attest attest --nonce "$nonce" --key /key.pem
digest() { # directory, options of measure
    "$selfsame" measure --json "$@" | python3 -c 'import json,sys; print(json.load(sys.stdin)["shapes"][0]["measurement"])'
}
is "measure takes the shapes of the build" 3 "$("$selfsame" measure --json "$tmp/a" |
    python3 -c 'import json,sys; print(len(json.load(sys.stdin)["shapes"]))')"
verify_file() { "$selfsame" verify "$1" --tee snp --nonce "$nonce" --key "$tmp/key.pem" --insecure-simulated --measurements "$2"; }

# ---- ID blocks: what an author signs ----
for k in id author other; do openssl ecparam -name secp384r1 -genkey -noout -out "$tmp/$k.key" 2> /dev/null; done
openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/small.key" 2> /dev/null
block() { # options of measure
    "$selfsame" measure "$tmp/a" --vcpus 2 --cpu EPYC-Milan-v2 --id-block "$tmp/block" --id-auth "$tmp/auth" "$@"
}
family=00112233445566778899aabbccddeeff image=ffeeddccbbaa99887766554433221100
expect 0 "an ID block is made" block --id-key "$tmp/id.key" --author-key "$tmp/author.key" --family-id $family \
    --image-id $image --guest-svn 5 --json
is "of 96 bytes and 4096" "96 4096" "$(wc -c < "$tmp/block") $(wc -c < "$tmp/auth")"
idkey=$(sed 's/.*"id_key_digest":"\([0-9a-f]*\)".*/\1/' "$tmp/out")
author=$(sed 's/.*"author_key_digest":"\([0-9a-f]*\)".*/\1/' "$tmp/out")
# An independent reader: the digest of the key as OpenSSL prints it, in AMD's layout.
is "the digest is that of the ID key" "$idkey" "$(openssl ec -in "$tmp/id.key" -pubout -outform DER 2> /dev/null | python3 -c '
import hashlib, sys
d = sys.stdin.buffer.read()[-96:]
le = lambda b: b[::-1] + bytes(24)
print(hashlib.sha384((b"\2\0\0\0" + le(d[:48]) + le(d[48:])).ljust(0x404, b"\0")).hexdigest())')"
expect 0 "it is checked" block
is "what it says, each on its line" "author_key_digest family_id guest_svn id_key_digest image_id policy" \
    "$(sed -n 's/^\([a-z_]*\)  *[0-9a-fx]*$/\1/p' "$tmp/out" | sort | xargs)"
expect 0 "show reads the block" "$selfsame" show "$tmp/block"
said "$(digest "$tmp/a" --vcpus 2 --cpu EPYC-Milan-v2)"
# Whatever the digest begins with: a3 would be a map of CBOR.
{ printf '\243'; tail -c 95 "$tmp/block"; } > "$tmp/block.a3"
expect 0 "also one whose digest looks like CBOR" "$selfsame" show "$tmp/block.a3"
said "ID block"
expect 0 "and its authentication" "$selfsame" show "$tmp/auth"
said "$idkey"
expect 19 "for another machine it is refused" "$selfsame" measure "$tmp/a" --vcpus 4 --cpu EPYC-Milan-v2 \
    --id-block "$tmp/block" --id-auth "$tmp/auth"
expect 2 "nor is there one for several" "$selfsame" measure "$tmp/a" --id-block "$tmp/block" --id-auth "$tmp/auth"
expect 2 "a block alone" "$selfsame" measure "$tmp/a" --vcpus 2 --cpu EPYC --id-block "$tmp/block"
expect 0 "a block without an author" "$selfsame" measure "$tmp/a" --vcpus 2 --cpu EPYC-Milan-v2 --id-block "$tmp/block2" \
    --id-auth "$tmp/auth2" --id-key "$tmp/id.key"
is "has none" none "$(sed -n 's/^author_key_digest *//p' "$tmp/out")"
expect 2 "a key of another curve" block --id-key "$tmp/small.key"
expect 2 "ids without a key to sign them" block --family-id $family
expect 2 "an id too short" block --id-key "$tmp/id.key" --family-id 00
expect 2 "a policy without its bit 17" block --id-key "$tmp/id.key" --guest-policy 0x10000
cp "$tmp/auth" "$tmp/auth.of" && printf X | dd of="$tmp/auth" bs=1 seek=100 conv=notrunc 2> /dev/null
expect 14 "a signature with another byte" block
: > "$tmp/auth"
expect 10 "no authentication at all" block
# A policy that trusts the author instead of the digest.
evidence --set "id_key_digest=$idkey" --set "author_key_digest=$author" --set family_id=$family --set image_id=$image
cat > "$tmp/author.json" <<JSON
{"selfsame_policy":1,"tee":{"snp":{"min_guest_svn":0}},"freshness":{"nonce":true},"binding":"key","insecure":["simulated"],
"measurements":[{"tee":"snp","author_key_digest":["$author"],"family_id":["$family"],"image_id":["$image"]}]}
JSON
expect 0 "its report is accepted for its author" "$selfsame" verify "$tmp/e" --policy "$tmp/author.json" --nonce "$nonce" \
    --key "$tmp/key.pem"
evidence --set "author_key_digest=$author" --set family_id=$family --set image_id=$family
expect 19 "another image of that author is not" "$selfsame" verify "$tmp/e" --policy "$tmp/author.json" --nonce "$nonce" \
    --key "$tmp/key.pem"

# ---- the device on a socket ----
"$sim" device --listen "unix:$tmp/sev-guest" --image "$tmp/a" 2> "$tmp/device" & pids=$!
for _ in $(seq 100); do [ -S "$tmp/sev-guest" ] && break; sleep 0.05; done
expect 0 "programs attest through the socket" "$selfsame" attest --device "unix:$tmp/sev-guest" --nonce "$nonce" \
    --key "$tmp/key.pem" --out "$tmp/e"
expect 0 "and get the digest of the image" verify_file "$tmp/e" "$tmp/a/measurements.json"
expect 19 "which is no other image's" verify_file "$tmp/e" "$tmp/g/measurements.json"
python3 - "$tmp/sev-guest" <<'PY'
# Messages that no driver sends: an errno each, and the device lives on.
import socket, struct, sys
def ask(message):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    s.sendall(struct.pack(">I", len(message)) + message)
    head = s.recv(4, socket.MSG_WAITALL)
    return s.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL) if head else None
body = bytes(64) + struct.pack("<I", 0) + bytes(28)
good = struct.pack(">I", 0xC0205300)
for what, message, why in (("empty", b"", 22), ("short", good + body[:-1], 22), ("long", good + body + b"x", 22),
        ("reserved", good + body[:-1] + b"x", 22), ("derived key", struct.pack(">I", 0xC0205301) + body, 25),
        ("sound", good + body, 0)):
    got = struct.unpack(">I", ask(message)[:4])[0]
    print(("ok" if got == why else "not ok") + " - a message that is %s: errno %d" % (what, got))
PY
kill "$pids" && wait "$pids"
is "SIGTERM ends it" 0 $?
pids=
expect 3 "a socket that nobody serves" "$selfsame" attest --device "unix:$tmp/absent-sev-guest" --nonce "$nonce"

# ---- inside ----
timeout 60 "$selfsame" run --sim "$tmp/g" > "$tmp/out" 2> "$tmp/err"; got=$?
if grep -q 'gives no namespaces' "$tmp/err"; then skipped "this host gives no namespaces: $(head -1 "$tmp/err")"; finish; fi
is "the guest is content" 0 $got
cat "$tmp/out"
is "it sees the digest of its first shape" "$(digest "$tmp/g")" "$(sed -n 's/^launch digest //p' "$tmp/out")"
timeout 60 "$selfsame" run --sim "$tmp/g" --vcpus 4 --cpu EPYC-Milan-v2 > "$tmp/out" 2> "$tmp/err"
is "or that of the shape it is given" "$(digest "$tmp/g" --vcpus 4 --cpu EPYC-Milan-v2)" \
    "$(sed -n 's/^launch digest //p' "$tmp/out")"
timeout 60 "$selfsame" run --sim "$tmp/t" > "$tmp/out" 2> "$tmp/err"; got=$?
if grep -q 'gives no /dev/fuse' "$tmp/err"; then skipped "this host gives no /dev/fuse: configfs-tsm is not tried"
else
    is "configfs-tsm is as the kernel's" 0 $got
    cat "$tmp/out"
fi
timeout 60 "$selfsame" run --sim "$tmp/a" > "$tmp/cmw" 2> "$tmp/err"
is "the agent attests in an image without shell and library" 0 $?
expect 0 "its evidence verifies for the key and the image" verify_file "$tmp/cmw" "$tmp/a/measurements.json"
for pair in debug:17 no-crl:13 bad-signature:14 other-tcb:18; do
    timeout 60 "$selfsame" run --sim "$tmp/a" --defect "${pair%:*}" > "$tmp/cmw" 2> "$tmp/err"
    expect "${pair#*:}" "a defect reaches the guest: ${pair%:*}" verify_file "$tmp/cmw" "$tmp/a/measurements.json"
done
timeout 60 "$selfsame" run --sim "$tmp/a" --set product=Turin > "$tmp/cmw" 2> "$tmp/err"
expect 0 "a setting does" verify_file "$tmp/cmw" "$tmp/a/measurements.json"
expect 0 "show names it" "$selfsame" show "$tmp/cmw"
said "Turin"
for words in "--vcpus 3" "--cpu EPYC-Genoa" "--vcpus 1 --cpu EPYC"; do
    # shellcheck disable=SC2086
    expect 2 "a machine that was not measured: $words" "$selfsame" run --sim "$tmp/a" $words
    said "expected a machine that the image was measured for"
done
expect 2 "a defect that SNP has not" "$selfsame" run --sim "$tmp/a" --defect tagged
expect 2 "a file is no machine" "$selfsame" run --sim --tee snp "$tmp/a/image.initrd"
expect 2 "a directory is no enclave" "$selfsame" run --sim --tee nitro "$tmp/a"
cp -r "$tmp/a" "$tmp/cut" && truncate -s -1000 "$tmp/cut/image.initrd"
expect 10 "a truncated ramdisk" "$selfsame" run --sim "$tmp/cut"
rm "$tmp/cut/image.kernel"
expect 3 "a machine without a kernel" "$selfsame" run --sim "$tmp/cut"
is "nothing is left behind" "" "$(ls "$XDG_RUNTIME_DIR/selfsame/sim" 2>/dev/null)"
finish
