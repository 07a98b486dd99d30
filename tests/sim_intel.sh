#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Images for TDX and SGX in the simulator: what a guest sees, what its evidence is worth, and
# what it is worth beside other collateral.
set -u
. "$(dirname "$0")/shell.sh"
guest=$build/tests/sim_guest_intel agent=$build/src/cli/selfsame-agent
export XDG_RUNTIME_DIR="$tmp/run"; mkdir -m 700 "$XDG_RUNTIME_DIR"
device=
cleanup() {
    [ -z "$device" ] || kill "$device" 2> /dev/null
    for name in intel-tdx intel-sgx; do "$selfsame" stop $name > /dev/null 2>&1; done
}
nonce=00112233445566778899aabbccddeeff
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout > "$tmp/key.pem" 2>/dev/null
mkdir "$tmp/rootfs" && cp "$guest" "$tmp/rootfs/guest" && cp "$agent" "$tmp/rootfs/attest" && cp "$tmp/key.pem" "$tmp/rootfs/"
chmod 755 "$tmp/rootfs/guest" "$tmp/rootfs/attest"

value() { # directory, path: the first value that the build expects
    python3 -c '
import json, sys
m = json.load(open(sys.argv[1] + "/measurements.json"))["measurements"][0]
for name in sys.argv[2].split("."):
    m = m[name]
print(m[0])' "$1" "$2"
}
judge() { # evidence, tee, collateral, further options
    file=$1 t=$2 c=$3; shift 3
    "$selfsame" verify "$file" --tee "$t" --nonce "$nonce" --key "$tmp/key.pem" --insecure-simulated \
        --collateral "$tmp/$c" --measurements "$tmp/a-$t/measurements.json" "$@"
}

for tee in tdx sgx; do
    case $tee in tdx) verb=tdx ;; sgx) verb=gramine ;; esac
    expect 0 "$tee: an image of the guest" "$selfsame" build "$tmp/rootfs" --tee $tee --out "$tmp/g-$tee" --agent "$agent" \
        -- /guest $verb
    expect 0 "$tee: an image of the agent" "$selfsame" build "$tmp/rootfs" --tee $tee --out "$tmp/a-$tee" --agent "$agent" \
        -- /attest attest --nonce "$nonce" --key /key.pem
    expect 0 "$tee: collateral" "$sim" collateral --tee $tee --out "$tmp/sound-$tee"
    expect 0 "$tee: of an outdated platform" "$sim" collateral --tee $tee --out "$tmp/old-$tee" --set tcb_status=OutOfDate \
        --set advisories=INTEL-SA-00837
    expect 0 "$tee: that revokes" "$sim" collateral --tee $tee --out "$tmp/revoked-$tee" --defect revoked-leaf

    # ---- what the guest sees ----
    timeout 60 "$selfsame" run --sim "$tmp/g-$tee" > "$tmp/out" 2> "$tmp/err"; got=$?
    if grep -q 'gives no namespaces' "$tmp/err"; then skipped "this host gives no namespaces: $(head -1 "$tmp/err")"; finish; fi
    if grep -q 'gives no /dev/fuse' "$tmp/err"; then skipped "this host gives no /dev/fuse: guests of $tee are not tried"; continue; fi
    is "$tee: the guest is content" 0 $got
    [ $got -eq 0 ] || cat "$tmp/err"
    cat "$tmp/out"
    case $tee in
    tdx) is "it sees the MRTD of its firmware" "$(value "$tmp/g-tdx" mrtd)" "$(sed -n 's/^mrtd //p' "$tmp/out")"
        # SHA-384 of 48 zeros and the digest, by another implementation.
        is "RTMR3 is what was extended" "$(python3 -c '
import hashlib
print(hashlib.sha384(bytes(48) + b"\xd1" * 48).hexdigest())')" "$(sed -n 's/^rtmr3 //p' "$tmp/out")" ;;
    sgx) is "it sees its MRENCLAVE" "$(value "$tmp/g-sgx" mrenclave)" "$(sed -n 's/^mrenclave //p' "$tmp/out")" ;;
    esac

    # ---- what its evidence is worth ----
    timeout 60 "$selfsame" run --sim "$tmp/a-$tee" > "$tmp/cmw" 2> "$tmp/err"
    is "$tee: the agent attests in an image without shell and library" 0 $?
    expect 0 "$tee: its evidence verifies for the key and the image" judge "$tmp/cmw" $tee sound-$tee
    expect 18 "$tee: not without collateral" "$selfsame" verify "$tmp/cmw" --tee $tee --nonce "$nonce" --key "$tmp/key.pem" \
        --insecure-simulated --insecure-no-revocation --measurements "$tmp/a-$tee/measurements.json"
    expect 18 "$tee: nor where the platform is out of date" judge "$tmp/cmw" $tee old-$tee
    said "got OutOfDate"
    expect 13 "$tee: nor where the PCK certificate is revoked" judge "$tmp/cmw" $tee revoked-$tee
    expect 21 "$tee: nor as hardware" "$selfsame" verify "$tmp/cmw" --tee $tee --nonce "$nonce" --key "$tmp/key.pem" \
        --collateral "$tmp/sound-$tee" --measurements "$tmp/a-$tee/measurements.json"
    expect 19 "$tee: nor for another image" "$selfsame" verify "$tmp/cmw" --tee $tee --nonce "$nonce" --key "$tmp/key.pem" \
        --insecure-simulated --collateral "$tmp/sound-$tee" --measurements "$tmp/g-$tee/measurements.json"
    # Quotes have no field for a nonce: another nonce is another binder.
    expect 16 "$tee: nor for another nonce" "$selfsame" verify "$tmp/cmw" --tee $tee --nonce "ff$nonce" --key "$tmp/key.pem" \
        --insecure-simulated --collateral "$tmp/sound-$tee" --measurements "$tmp/a-$tee/measurements.json"
    for pair in debug:17 bad-signature:14 foreign-key:14; do
        timeout 60 "$selfsame" run --sim "$tmp/a-$tee" --defect "${pair%:*}" > "$tmp/cmw" 2> "$tmp/err"
        expect "${pair#*:}" "$tee: a defect reaches the guest: ${pair%:*}" judge "$tmp/cmw" $tee sound-$tee
    done
    cp -r "$tmp/a-$tee" "$tmp/cut-$tee"
    case $tee in
    tdx) truncate -s -1000 "$tmp/cut-tdx/tdx.initrd" ;;
    sgx) truncate -s -1000 "$tmp/cut-sgx/image.rootfs" ;;
    esac
    expect 10 "$tee: a truncated image" "$selfsame" run --sim "$tmp/cut-$tee"
    case $tee in tdx) rm "$tmp/cut-tdx/tdx.kernel" ;; sgx) rm "$tmp/cut-sgx/image.libos" ;; esac
    expect 3 "$tee: an image without a part" "$selfsame" run --sim "$tmp/cut-$tee"

    # ---- a service ----
    expect 0 "$tee: examples/hello is built" "$selfsame" build "$root/examples/hello" --tee $tee --out "$tmp/h-$tee"
    expect 0 "$tee: and runs" "$selfsame" run --sim "$tmp/h-$tee" -d --name intel-$tee -p 127.0.0.1:0:8443 --json
    port=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["ports"][0]["host"].split(":")[1])' "$tmp/out")
    "$selfsame" policy init --measurements "$tmp/h-$tee/measurements.json" 2>/dev/null |
        python3 -c 'import json,sys; p = json.load(sys.stdin); p["insecure"] = ["simulated"]; json.dump(p, sys.stdout)' > "$tmp/policy.json"
    printf 'GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n' > "$tmp/get"
    talk() { "$selfsame" connect "127.0.0.1:$port" --policy "$tmp/policy.json" --collateral "$tmp/$1" < "$tmp/get"; }
    expect 0 "$tee: a client talks to it" talk sound-$tee
    said "hello from the selfsame code you audited"
    expect 18 "$tee: and not a byte where the platform is out of date" talk old-$tee
    is "nothing was heard" "" "$(grep -c 'hello from' "$tmp/out" | grep -v '^0$')"
    expect 0 "$tee: it is listed" "$selfsame" ps
    said "intel-$tee"
    expect 0 "$tee: it has a log" "$selfsame" logs intel-$tee
    expect 0 "$tee: and stops" "$selfsame" stop intel-$tee
done
# ---- attest --extend, by the device on a socket ----
"$sim" device --tee tdx --listen "unix:$tmp/tdx_guest" --image "$tmp/a-tdx" 2> "$tmp/device" & device=$!
for _ in $(seq 100); do [ -S "$tmp/tdx_guest" ] && break; sleep 0.05; done
rtmr3() { # of a new quote, which must verify
    "$selfsame" attest --device "unix:$tmp/tdx_guest" --nonce "$nonce" --key "$tmp/key.pem" --out "$tmp/e" 2> "$tmp/err" &&
        judge "$tmp/e" tdx sound-tdx --json 2> "$tmp/err" |
        python3 -c 'import json,sys; print(json.load(sys.stdin)["claims"]["rtmr"][3])'
}
is "RTMR3 begins with zeros" "$(printf '%096d' 0)" "$(rtmr3)"
digest=$(printf 'd1%.0s' $(seq 48))
expect 0 "attest --extend" "$selfsame" attest --device "unix:$tmp/tdx_guest" --extend "$digest" --register 3
is "and the next quote says so" "$(python3 -c '
import hashlib
print(hashlib.sha384(bytes(48) + b"\xd1" * 48).hexdigest())')" "$(rtmr3)"
kill "$device" && wait "$device"
is "SIGTERM ends the device" 0 $?

is "nothing is left behind" "" "$(ls "$XDG_RUNTIME_DIR/selfsame/sim" 2>/dev/null)"
finish
