#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/demo.sh BUILDDIR [nitro|snp|tdx|sgx]
# The main job on the simulator: build, run, attest, verify, talk; then everything that
# must be refused, each with its class and one plain sentence.
# shellcheck disable=SC2086 # $along and $key are options, several or none
set -eu
build=$(cd "$1" && pwd)
tee=${2:-nitro}
case $tee in
    nitro) device=/dev/nsm replayed=15; image() { echo "$work/$1/image.eif"; } ;;
    # A report has no nonce of its own: another nonce is another binder.
    snp) device=/dev/sev-guest replayed=16; image() { echo "$work/$1"; } ;;
    tdx) device=configfs-tsm replayed=16; image() { echo "$work/$1"; } ;;
    sgx) device=/dev/attestation replayed=16; image() { echo "$work/$1"; } ;;
    *) echo "demo: TEE=$tee: expected nitro, snp, tdx or sgx" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
selfsame=$build/src/cli/selfsame
sim=$build/src/sim/selfsame-sim
thief=$build/examples/thief
work=$(mktemp -d "${TMPDIR:-/tmp}/selfsame-demo.XXXXXX")
export XDG_RUNTIME_DIR="$work/run" XDG_STATE_HOME="$work/state"
mkdir -m 700 "$XDG_RUNTIME_DIR"
thief_pid=
daemons=
failures=0
cleanup() {
    set +e # what was not started yet cannot be stopped
    for pid in $thief_pid $daemons; do kill "$pid" 2>/dev/null; done
    for name in genuine tampered leaked debug next; do "$selfsame" stop $name >/dev/null 2>&1; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

if [ -t 1 ]; then bold=$(printf '\033[1m') green=$(printf '\033[32m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
else bold='' green='' red='' plain=''; fi
step=0
say() { step=$((step + 1)); printf '\n%s%d. %s%s\n' "$bold" "$step" "$1" "$plain"; }
# Runs a command that must end with this status; prints the first line of what it said.
must() { # status, command...
    want=$1; shift
    if "$@" > "$work/said" 2>&1; then got=0; else got=$?; fi
    line=$(grep -m1 -E 'REFUSED|ACCEPTED' "$work/said" || grep -m1 -E '\[[a-z-]+\]' "$work/said" || tail -1 "$work/said")
    if [ "$got" -eq "$want" ]; then printf '   %sexit %d, as it must%s  %s\n' "$green" "$got" "$plain" "$line"
    else failures=$((failures + 1)); printf '   %sexit %d, expected %d%s\n' "$red" "$got" "$want" "$plain"; sed 's/^/   | /' "$work/said"; fi
}
# Runs a command that must succeed and indents what it says.
show() { "$@" > "$work/said" 2>&1 || { cat "$work/said"; exit 1; }; sed 's/^/   /' "$work/said"; }
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# What the vendor says of the platform, which evidence of TDX and SGX does not carry.
along=
collateral() { # directory, settings
    dir=$1; shift
    "$sim" collateral --tee "$tee" --out "$dir" "$@" > /dev/null
}
case $tee in
    tdx|sgx)
        along="--collateral $work/collateral"
        collateral "$work/collateral"
        collateral "$work/outdated" --set tcb_status=OutOfDate --set advisories=INTEL-SA-00837 ;;
esac

say "Build examples/hello twice, under another umask, time zone, locale, path and file order: same bytes"
show "$selfsame" build examples/hello --tee "$tee" --out "$work/hello" --twice

say "Measure the image offline: what will the hardware report?"
show "$selfsame" measure "$(image hello)"

say "Write the policy a client keeps: this code, a fresh answer, this very TLS session"
"$selfsame" policy init --measurements "$work/hello/measurements.json" --out "$work/hardware.json"
jq '.insecure = ["simulated"]' "$work/hardware.json" > "$work/policy.json"
show "$selfsame" policy explain "$work/policy.json"

say "Run it: own root, own namespaces, a simulated $device; the TLS key is made inside"
p=$(port)
show "$selfsame" run --sim "$(image hello)" -d --name genuine -p "127.0.0.1:$p:8443"

say "Verify the running service by challenge and response"
must 0 "$selfsame" verify $along "https://127.0.0.1:$p/" --policy "$work/policy.json"

say "Talk through an attested session: not a byte is sent before everything holds"
must 0 sh -c "printf 'GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n\r\n' | '$selfsame' connect $along 127.0.0.1:$p --policy '$work/policy.json'"

printf '\n%sNow what must be refused.%s\n' "$bold" "$plain"

say "A service with one changed byte: another measurement"
cp -r examples/hello "$work/tampered-source"
sed -i 's/you audited/You audited/' "$work/tampered-source/hello.c"
if cmp -s examples/hello/hello.c "$work/tampered-source/hello.c"; then echo "   the source did not change"; exit 1; fi
"$selfsame" build "$work/tampered-source" --tee "$tee" --out "$work/tampered" > /dev/null
pt=$(port)
"$selfsame" run --sim "$(image tampered)" -d --name tampered -p "127.0.0.1:$pt:8443" > /dev/null 2>&1
must 19 sh -c "echo secret | '$selfsame' connect $along 127.0.0.1:$pt --policy '$work/policy.json'"

say "The genuine TLS key and certificate on a machine without the enclave, relaying to the genuine one"
cp -r examples/hello "$work/leaked-source"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=hello.example \
    -keyout "$work/leaked-source/tls.key" -out "$work/leaked-source/tls.pem" 2>/dev/null
jq '.build += [["cp", "tls.pem", "tls.key", "/out/app/"]] | .serve += {"cert": "/app/tls.pem", "key": "/app/tls.key"}' \
    examples/hello/selfsame.json > "$work/leaked-source/selfsame.json"
"$selfsame" build "$work/leaked-source" --tee "$tee" --out "$work/leaked" > /dev/null
"$selfsame" policy init --measurements "$work/leaked/measurements.json" 2>/dev/null | jq '.insecure = ["simulated"]' > "$work/leaked.json"
pl=$(port)
"$selfsame" run --sim "$(image leaked)" -d --name leaked -p "127.0.0.1:$pl:8443" > /dev/null 2>&1
must 0 "$selfsame" verify $along "https://127.0.0.1:$pl/" --policy "$work/leaked.json"
pm=$(port)
"$thief" "$work/leaked-source/tls.pem" "$work/leaked-source/tls.key" "$pm" "$pl" > /dev/null &
thief_pid=$!
i=0
until (: < "/dev/tcp/127.0.0.1/$pm") 2>/dev/null || curl -sko /dev/null --max-time 1 --cacert "$work/leaked-source/tls.pem" \
    --connect-to "hello.example:$pm:127.0.0.1:$pm" "https://hello.example:$pm/"; do
    i=$((i + 1)); [ $i -gt 20 ] && break; sleep 0.1; done
printf '   curl, which trusts certificates:  %s\n' "$(curl -sk --max-time 5 "https://127.0.0.1:$pm/")"
must 16 sh -c "echo secret | '$selfsame' connect $along 127.0.0.1:$pm --policy '$work/leaked.json'"

say "A replayed document: yesterday's answer to today's challenge"
curl -sk "https://127.0.0.1:$p/.well-known/attestation?nonce=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" > "$work/recorded.json"
openssl s_client -connect "127.0.0.1:$p" < /dev/null 2>/dev/null | openssl x509 -pubkey -noout > "$work/service.pem"
key="--policy $work/key.json --key $work/service.pem"
jq '.binding = "key"' "$work/policy.json" > "$work/key.json"
must 0 "$selfsame" verify $along "$work/recorded.json" $key --nonce 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
must "$replayed" "$selfsame" verify $along "$work/recorded.json" $key --nonce ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff

jq '.binding = "key"' "$work/hardware.json" > "$work/hardware-key.json"
. tools/demo_verifier.sh

say "A debug enclave: its operator can read everything"
pd=$(port)
"$selfsame" run --sim "$(image hello)" -d --name debug --insecure-debug -p "127.0.0.1:$pd:8443" > /dev/null 2>&1
must 17 "$selfsame" verify $along "https://127.0.0.1:$pd/" --policy "$work/policy.json"

say "A forged signature"
"$sim" evidence --tee "$tee" --bad-signature --measurements "$work/hello/measurements.json" --key "$work/service.pem" \
    --nonce 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f --out "$work/forged.cmw"
must 14 "$selfsame" verify $along "$work/forged.cmw" $key --nonce 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f

say "The simulator where the policy names real hardware"
must 21 "$selfsame" verify $along "https://127.0.0.1:$p/" --policy "$work/hardware.json"

if [ -n "$along" ]; then
    say "The same service, on a platform that Intel calls out of date"
    must 18 "$selfsame" verify --collateral "$work/outdated" "https://127.0.0.1:$p/" --policy "$work/policy.json"
fi

. tools/demo_log.sh

say "A page for people: what was checked, against what, and why it was refused"
"$selfsame" verify $along "https://127.0.0.1:$pt/" --policy "$work/policy.json" --report report.html > /dev/null || true
mkdir -p build && mv report.html build/report.html && echo "   build/report.html"

if [ "$failures" -ne 0 ]; then printf '\n%s%d of the steps above did not end as they must.%s\n' "$red" "$failures" "$plain"; exit 1; fi
printf '\n%sEvery step ended as it must.%s Ending the enclaves.\n' "$green" "$plain"
