#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# selfsame-sim: its root, evidence with and without faults, the device on a socket, and what a
# guest finds inside; as this user and, when that is root, as nobody too.
set -u
. "$(dirname "$0")/shell.sh"
guest=$build/tests/sim_guest image=$build/tests/sim_image init=$build/src/init/selfsame-init
cleanup() {
    for p in ${pids:-}; do kill "$p" 2>/dev/null; done
    wait
}
pids=
nonce=00112233445566778899aabbccddeeff

# ---- pki ----
expect 0 "the simulator's root is printed" "$sim" pki
said "BEGIN CERTIFICATE"
expect 0 "a new root is made" "$sim" pki --new --out "$tmp/root.pem"
is "its key is for its owner alone" 600 "$(stat -c %a "$tmp/root.pem.key")"
if grep -q PRIVATE "$tmp/root.pem"; then not_ok "the certificate comes without its key"
else ok "the certificate comes without its key"; fi
expect 2 "a new root wants a place" "$sim" pki --new
expect 2 "another TEE is refused" "$sim" pki --tee sgx9

# ---- evidence: each fault and the class a verifier gives it ----
evidence() { "$sim" evidence --nonce "$nonce" "$@" --out "$tmp/e"; }
judge() { # further options of verify
    "$selfsame" verify "$tmp/e" --tee nitro --nonce "$nonce" --insecure-any-measurement --insecure-unbound \
        --insecure-simulated "$@" > "$tmp/out" 2> "$tmp/err"
}
fault() { # class, options of evidence
    class=$1; shift
    if ! evidence "$@"; then not_ok "evidence $*"; return; fi
    judge; is "evidence $* is judged" "$class" $?
}
fault 0
fault 0 --raw
fault 0 --tagged
fault 0 --indefinite
fault 17 --debug
fault 12 --expired
fault 15 --wrong-nonce
fault 15 --no-nonce
fault 14 --bad-signature
fault 12 --bad-chain-signature
fault 12 --wrong-order
fault 12 --other-root
fault 10 --trailing-byte --raw
fault 10 --duplicate-key
fault 10 --truncated --raw
fault 14 --defect bad-signature
expect 2 "an unknown defect" "$sim" evidence --defect nonsense --out "$tmp/e"
# Every defect is a flag too, and the help names it.
"$sim" evidence --help > "$tmp/help"
for word in debug expired future wrong-nonce no-nonce wrong-binding bad-signature bad-chain-signature \
    wrong-order other-root ca-signs wrong-alg trailing-byte duplicate-key tagged indefinite truncated \
    unprotected-alg short-pcr nitrotpm; do
    grep -q -- "--$word " "$tmp/help" || not_ok "--$word is in the help"
    "$sim" evidence "--$word" --out "$tmp/flag" || not_ok "--$word is a flag"
    "$sim" evidence --defect "$word" --out "$tmp/flag" || not_ok "--defect $word is a word"
done
expect 2 "two sources of values" "$sim" evidence --image x --measurements y --out "$tmp/e"
expect 3 "an image that is absent" "$sim" evidence --image "$tmp/absent" --out "$tmp/e"
expect 3 "measurements that are absent" "$sim" evidence --measurements "$tmp/absent" --out "$tmp/e"
echo '{"pcr":{"0":"00"}}' > "$tmp/short.json"
expect 10 "a value too short" "$sim" evidence --measurements "$tmp/short.json" --out "$tmp/e"

evidence --at 2030-01-02T03:04:05Z
judge --at 2030-01-02T03:04:30Z; is "evidence of another time is good then" 0 $?
judge; is "and not now" 12 $?
evidence --root "$tmp/root.pem.key"
judge; is "below another root it is refused" 12 $?
judge --trust-anchor "$tmp/root.pem"; is "and accepted where that root is trusted" 0 $?
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout > "$tmp/key.pem" 2>/dev/null
evidence --key "$tmp/key.pem"
"$selfsame" verify "$tmp/e" --tee nitro --nonce "$nonce" --insecure-any-measurement --insecure-simulated \
    --key "$tmp/key.pem" > "$tmp/out" 2>&1
is "evidence about a key verifies for that key" 0 $?
evidence --key "$tmp/key.pem" --wrong-binding
"$selfsame" verify "$tmp/e" --tee nitro --nonce "$nonce" --insecure-any-measurement --insecure-simulated \
    --key "$tmp/key.pem" > "$tmp/out" 2>&1
is "with other report data it does not" 16 $?

# ---- an image with everything that can be odd about one ----
eif() { # file, words of the guest
    out=$1; shift
    { for a in /bin/guest "$@"; do echo "arg $a"; done; } > "$tmp/config"
    echo content > "$tmp/x"
    "$image" "$out" "init=$init" "bin/guest=$guest" deep=:0555 "deep/file=$tmp/x" link=@/deep/file null=! \
        --gzip gz=:0755 "gz/file=$tmp/x" esc=:0755 escape=@/../../../esc \
        --plain "escape/inside=$tmp/x" "selfsame/run=$tmp/config"
}
for verb in nsm attest wait; do eif "$tmp/$verb.eif" $verb; done
eif "$tmp/id.eif" id "$tmp/x"
"$selfsame" measure --json "$tmp/attest.eif" > "$tmp/attest.json"

pcr_of() { # image, register
    "$selfsame" measure --json "$1" | sed "s/.*\"$2\":\"\([0-9a-f]*\)\".*/\1/"
}
# What `selfsame build` makes of the agent alone: it attests, and its output is the evidence.
agent=$build/src/cli/selfsame-agent
mkdir "$tmp/rootfs" && cp "$agent" "$tmp/rootfs/attest" && cp "$tmp/key.pem" "$tmp/rootfs/key.pem"
chmod 755 "$tmp/rootfs/attest"
expect 0 "an image of the agent is built" "$selfsame" build "$tmp/rootfs" --out "$tmp/built" --agent "$agent" \
    -- /attest attest --nonce "$nonce" --key /key.pem
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout > "$tmp/other.pem" 2>/dev/null

# ---- the device on a socket ----
"$sim" device --listen "unix:$tmp/nsm" --image "$tmp/attest.eif" 2>/dev/null & pids="$pids $!"
for _ in $(seq 100); do [ -S "$tmp/nsm" ] && break; sleep 0.05; done
expect 0 "programs attest through the socket" "$selfsame" attest --device "unix:$tmp/nsm" --nonce "$nonce" --out "$tmp/e"
"$selfsame" verify "$tmp/e" --tee nitro --nonce "$nonce" --measurements "$tmp/attest.json" --insecure-unbound \
    --insecure-simulated > "$tmp/out" 2>&1
is "and get the values of the image" 0 $?
kill "${pids##* }" && wait "${pids##* }"
is "SIGTERM ends it" 0 $?
if [ -e "$tmp/nsm" ]; then not_ok "it takes its socket along"; else ok "it takes its socket along"; fi
expect 2 "a device on TCP" "$sim" device --listen 127.0.0.1:1
pids=

# ---- inside, as whoever may ----
mkdir "$tmp/bin" && cp "$sim" "$selfsame" "$tmp/bin/"
inside() { # user, command to become that user...
    user=$1; shift
    mkdir "$tmp/run-$user"
    [ "$user" = self ] || chown "$user" "$tmp/run-$user"
    as="$* env XDG_RUNTIME_DIR=$tmp/run-$user SELFSAME_SECRET=host"
    $as "$tmp/bin/selfsame-sim" run "$tmp/id.eif" > "$tmp/out" 2> "$tmp/err"; got=$?
    if [ "$user" != self ] && grep -q 'gives no namespaces' "$tmp/err"; then
        skipped "this host gives $user no namespaces: $(head -1 "$tmp/err")"
        return
    fi
    for verb in id nsm; do
        expect 0 "$user: the guest is content ($verb)" timeout 60 $as "$tmp/bin/selfsame-sim" run "$tmp/$verb.eif" 7< "$tmp/x"
        grep -v -e 'a register is extended' -e '^pcr' -e '^uid' "$tmp/out" | sed "s/^ok - /ok - $user: /; s/^not ok - /not ok - $user: /"
        said "$(pcr_of "$tmp/$verb.eif" 0)"
    done
    # The last run was `nsm`, which asked the device for its registers.
    for i in 0 1 2; do
        is "$user: PCR$i of the device is the measured one" "$(pcr_of "$tmp/nsm.eif" $i)" "$(sed -n "s/^pcr$i //p" "$tmp/out")"
    done
    $as "$tmp/bin/selfsame-sim" run "$tmp/attest.eif" 2>/dev/null | sed -n 's/^document //p' > "$tmp/document"
    expect 0 "$user: its document verifies" "$selfsame" verify "$tmp/document" --tee nitro --nonce 3031323334353637 \
        --measurements "$tmp/attest.json" --insecure-unbound --insecure-simulated
    expect 21 "$user: and is never hardware" "$selfsame" verify "$tmp/document" --tee nitro \
        --nonce 3031323334353637 --measurements "$tmp/attest.json" --insecure-unbound
    $as "$tmp/bin/selfsame-sim" run --insecure-debug "$tmp/attest.eif" 2>/dev/null | sed -n 's/^document //p' > "$tmp/document"
    expect 17 "$user: debug mode is seen" "$selfsame" verify "$tmp/document" --tee nitro --nonce 3031323334353637 \
        --measurements "$tmp/attest.json" --insecure-unbound --insecure-simulated
    $as "$tmp/bin/selfsame-sim" run --defect bad-signature "$tmp/attest.eif" 2>/dev/null |
        sed -n 's/^document //p' > "$tmp/document"
    expect 14 "$user: a defect reaches the guest" "$selfsame" verify "$tmp/document" --tee nitro \
        --nonce 3031323334353637 --measurements "$tmp/attest.json" --insecure-unbound --insecure-simulated
    timeout 60 $as "$tmp/bin/selfsame" run --sim "$tmp/built/image.eif" > "$tmp/cmw" 2> "$tmp/err"
    is "$user: the agent attests in an image without shell and library" 0 $?
    expect 0 "$user: its CMW verifies for the key and the image" "$selfsame" verify "$tmp/cmw" --nonce "$nonce" \
        --tee nitro --key "$tmp/key.pem" --measurements "$tmp/built/measurements.json" --insecure-simulated
    expect 16 "$user: and for no other key" "$selfsame" verify "$tmp/cmw" --nonce "$nonce" \
        --tee nitro --key "$tmp/other.pem" --measurements "$tmp/built/measurements.json" --insecure-simulated
    is "$user: nothing is left behind" "" "$(ls "$tmp/run-$user/selfsame/sim")"
}
before=$(stat -c '%a %t %T' /dev/null)
inside self
if [ "$(id -u)" -eq 0 ] && command -v runuser > /dev/null; then inside nobody runuser -u nobody --
else skipped "not root: running as nobody is not tried"; fi
is "the host's /dev/null is as it was" "$before" "$(stat -c '%a %t %T' /dev/null)"

# ---- images that cannot run ----
export XDG_RUNTIME_DIR="$tmp/run-self"
head -c 100000 "$tmp/id.eif" > "$tmp/cut.eif"
expect 10 "a truncated image" "$sim" run "$tmp/cut.eif"
cp "$tmp/id.eif" "$tmp/crc.eif"
printf X | dd of="$tmp/crc.eif" bs=1 seek=100000 conv=notrunc 2>/dev/null
expect 10 "an image with a changed byte" "$sim" run "$tmp/crc.eif"
: > "$tmp/empty.eif"
expect 10 "an empty image" "$sim" run "$tmp/empty.eif"
expect 3 "a directory as image" "$sim" run "$tmp"
expect 3 "no image" "$sim" run "$tmp/absent.eif"
"$image" "$tmp/noinit.eif" "bin/guest=$guest"
expect 3 "an image without /init" "$sim" run "$tmp/noinit.eif"
said "executing /init: No such file"
"$image" "$tmp/text.eif" "init=$tmp/x"
expect 3 "an /init that is no program" "$sim" run "$tmp/text.eif"
"$image" "$tmp/dev.eif" "init=$init" "dev=$tmp/x"
expect 3 "a file where /dev should be" "$sim" run "$tmp/dev.eif"
# With links in place of the mount points, mounts must stay inside.
"$image" "$tmp/links.eif" "init=$init" dev=@/ proc=@../../../proc run=@/nowhere tmp=@/bin
expect 3 "links where mounts should be" "$sim" run "$tmp/links.eif"
# Names and links that lead out: `outside` and `evil` would stand on the host.
mkdir "$tmp/outside"
cat > "$tmp/cpio.py" <<'PY'
import sys
LINK, FILE, DIR, NODE = 0o120777, 0o100755, 0o040755, 0o020666
out, tmp, kind = sys.argv[1], sys.argv[2], sys.argv[3]
def entry(name, mode, data=b"", ino=1, nlink=1):
    name = name.encode() + b"\0"
    head = "070701" + "".join("%08X" % v for v in (ino, mode, 0, 0, nlink, 0, len(data), 0, 0, 1, 3, len(name), 0))
    b = head.encode() + name
    b += b"\0" * (-len(b) % 4) + data
    return b + b"\0" * (-len(b) % 4)
up = "../" * 20
cases = {
    "dotdot": entry(up + tmp[1:] + "/evil", FILE, b"x"),
    "dotdot inside": entry("a", DIR) + entry("a/../../../evil", FILE, b"x"),
    "absolute": entry(tmp + "/evil", FILE, b"x"),
    "link": entry("l", LINK, (tmp + "/outside").encode()) + entry("l/evil", FILE, b"x", 2),
    "link upwards": entry("l", LINK, (up + tmp[1:] + "/outside").encode()) + entry("l/evil", FILE, b"x", 2),
    "hard link": entry("l", LINK, (tmp + "/outside").encode()) + entry("l/evil", FILE, b"x", 2, 2),
    "data in a node": entry("n", NODE, b"x"),
    "no kind": entry("n", 0o170666),
    "name without end": entry("n", FILE).replace(b"n\0", b"nn"),
    "cut": entry("f", FILE, b"x" * 1000)[:500],
    "no trailer": entry("f", FILE, b"x"),
}
data = cases[kind]
if kind not in ("cut", "no trailer"):
    data += entry("TRAILER!!!", 0)
open(out, "wb").write(data)
PY
for kind in dotdot "dotdot inside" absolute link "link upwards" "hard link" "data in a node" "no kind" \
    "name without end" cut "no trailer"; do
    python3 "$tmp/cpio.py" "$tmp/hostile" "$tmp" "$kind" && "$image" "$tmp/hostile.eif" "init=$init" "--raw=$tmp/hostile" &&
        expect 10 "a hostile ramdisk: $kind" timeout 30 "$sim" run "$tmp/hostile.eif"
done
is "nothing is written outside" "" "$(ls "$tmp/outside"; ls -d "$tmp/evil" 2>/dev/null)"
is "a failed run leaves nothing" "" "$(ls "$tmp/run-self/selfsame/sim")"
finish
