#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame run --sim`, ps, logs, stop: ports, names, exit statuses, and that nothing outlives
# its supervisor, however that ends.
set -u
. "$(dirname "$0")/shell.sh"
guest=$build/tests/sim_guest image=$build/tests/sim_image init=$build/src/init/selfsame-init
export XDG_RUNTIME_DIR="$tmp"
place=$tmp/selfsame/sim
cleanup() {
    for n in a b c g w f e t; do "$selfsame" stop --time 0 "$n" 2>/dev/null; done
    for p in ${pids:-}; do kill "$p" 2>/dev/null; done
}
pids=
eif() { # name, words of the guest
    out=$1; shift
    { for a in /bin/guest "$@"; do echo "arg $a"; done; } > "$tmp/config"
    "$image" "$tmp/$out.eif" "init=$init" "bin/guest=$guest" "selfsame/run=$tmp/config"
}
eif serve serve 8080
eif exit exit 7
eif die die
eif wait wait
eif term term
eif flood flood
eif serve80 serve 80
state() { sed -n "s/^  \"$2\": \"\{0,1\}\([^\",]*\).*/\1/p" "$place/$1/state.json"; } # name, member
port_of() { sed -n 's/.*"host": "127.0.0.1:\([0-9]*\)".*/\1/p' "$place/$1/state.json" | head -1; }
gone() { # pid: within 5 s
    for _ in $(seq 100); do [ -d "/proc/$1" ] || return 0; sleep 0.05; done
    return 1
}
ended() { # what, pid
    if gone "$2"; then ok "$1"; else not_ok "$1: process $2 lives"; fi
}

expect 0 "ps with nothing to show" "$selfsame" ps
is "it shows nothing" "" "$(cat "$tmp/out")"
is "ps --json is an empty list" "[]" "$("$selfsame" ps --json)"

# ---- foreground: the application's status ----
expect 7 "the exit status is the application's" timeout 30 "$selfsame" run --sim "$tmp/exit.eif"
expect 134 "a signal is 128 and its number" timeout 30 "$selfsame" run --sim "$tmp/die.eif"
"$selfsame" run --sim --name t "$tmp/term.eif" > "$tmp/term.out" 2>/dev/null & job=$!
for _ in $(seq 200); do grep -q ready "$tmp/term.out" && break; sleep 0.05; done
kill -INT "$(state t pid)" || kill "$job"
wait "$job"
is "interrupted, it ends as the application does" 5 $?
is "which had time to say so" "ended politely" "$(tail -1 "$tmp/term.out")"
timeout 60 "$selfsame" run --sim "$tmp/flood.eif" 2>/dev/null | tail -1 > "$tmp/last"
is "no output is lost" "$(printf %0100d 399999)" "$(cat "$tmp/last")"
is "nothing is left of all that" "" "$(ls "$place")"

# ---- detached ----
# What the caller reads of standard output, of errors and of descriptor 9 ends when `run` does. Through a
# file, with a time limit: a process that keeps the pipe would stop this test for ever.
timeout 60 sh -c '{ "$0" run --sim -d -p 0:8080 --name a "$1" 9>&1; } 2> "$2" | cat > "$3"; cat "$2" | cat > /dev/null; : > "$3.done"' \
    "$selfsame" "$tmp/serve.eif" "$tmp/a.err" "$tmp/a.name" > /dev/null 2>&1 < /dev/null &
for _ in $(seq 400); do [ -e "$tmp/a.name.done" ] && break; sleep 0.05; done
if [ -e "$tmp/a.name.done" ]; then ok "run -d lets go of its caller's pipes"; else not_ok "run -d lets go of its caller's pipes"; fi
is "run -d prints the name" a "$(cat "$tmp/a.name")"
is "the supervisor stands at /" / "$(readlink "/proc/$(state a pid)/cwd")"
is "in a session of its own" "$(state a pid)" "$(cut -d' ' -f6 "/proc/$(state a pid)/stat")"
is "no port is published to others unless told" 127.0.0.1 "$(sed -n 's/.*"host": "\(.*\):[0-9]*".*/\1/p' "$place/a/state.json")"
expect 0 "a client talks through the port at once" timeout 20 "$guest" talk "$(port_of a)"
for _ in 1 2 3 4 5 6 7 8; do timeout 60 "$guest" talk "$(port_of a)" & clients="${clients:-} $!"; done
all=0; for p in $clients; do wait "$p" || all=1; done
is "eight clients at once get their own bytes back" 0 "$all"
expect 0 "logs" "$selfsame" logs a
said "listening"
"$selfsame" ps --json > "$tmp/ps.json"
for member in '"name":"a"' '"status":"running"' '"simulated":true' '"guest":8080' '"network":"private"' \
    "\"0\":\"$("$selfsame" measure --json "$tmp/serve.eif" | sed 's/.*"0":"\([0-9a-f]*\)".*/\1/')\"" \
    "\"image_sha256\":\"$(sha256sum "$tmp/serve.eif" | cut -d' ' -f1)\""; do
    if grep -qF "$member" "$tmp/ps.json"; then ok "ps says $member"; else not_ok "ps says $member"; fi
done
expect 2 "a name in use is refused" "$selfsame" run --sim -d --name a "$tmp/wait.eif"
said "is running"
expect 3 "a port in use is refused" "$selfsame" run --sim -d --name e -p "$(port_of a):8080" "$tmp/serve.eif"
said "Address already in use"
is "and leaves nothing" a "$(ls "$place")"
expect 0 "a second one runs beside it" "$selfsame" run --sim -d --name b -p 127.0.0.1:0:80 "$tmp/serve80.eif"
expect 0 "with a port of its own" timeout 20 "$guest" talk "$(port_of b)"
expect 0 "while the first still answers" timeout 20 "$guest" talk "$(port_of a)"
is "ps lists both" 3 "$("$selfsame" ps | wc -l)"
a=$(state a pid) ag=$(state a guest_pid) b=$(state b pid) bg=$(state b guest_pid)
"$selfsame" logs -f b > "$tmp/followed" 2>&1 & follower=$!
expect 0 "stop" "$selfsame" stop a
ended "the supervisor is gone" "$a"; ended "the guest is gone" "$ag"
is "and its files are" b "$(ls "$place")"
expect 2 "stop of what is not there" "$selfsame" stop a
said "there is no simulated enclave named a"
expect 2 "logs of what is not there" "$selfsame" logs a

# ---- a supervisor that is killed ----
[ "$(cat "/proc/$b/comm")" = selfsame-sim ] && kill -KILL "$b"
ended "kill -9 of the supervisor ends the guest" "$bg"
ended "logs -f ends with it" "$follower"
is "logs -f showed the log" listening "$(cat "$tmp/followed")"
expect 0 "ps cleans up" "$selfsame" ps
is "nothing is left" "" "$(ls "$place")"
expect 0 "the name can be used again" "$selfsame" run --sim -d --name b "$tmp/wait.eif"
expect 0 "and stopped" "$selfsame" stop b

# SIGTERM cleans; and the next `run` does it for one that could not.
expect 0 "a supervisor that is told to end" "$selfsame" run --sim -d --name b -p 0.0.0.0:0:8080 "$tmp/serve.eif"
is "an address is used when told" 0.0.0.0 "$(sed -n 's/.*"host": "\(.*\):[0-9]*".*/\1/p' "$place/b/state.json")"
b=$(state b pid) bg=$(state b guest_pid)
kill -TERM "$b"; ended "ends" "$b"; ended "with its guest" "$bg"
is "and removes its files" "" "$(ls "$place")"
expect 0 "one that is killed" "$selfsame" run --sim -d --name b "$tmp/wait.eif"
b=$(state b pid); kill -KILL "$b"; ended "ends too" "$b"
expect 0 "run takes over its name" "$selfsame" run --sim -d --name b "$tmp/wait.eif"
expect 0 "beside another" "$selfsame" run --sim -d --name c "$tmp/wait.eif"
expect 2 "stop with names that are not there" "$selfsame" stop nobody-1 b nobody-2 c
said "there is no simulated enclave named nobody-1"
said "there is no simulated enclave named nobody-2"
is "stops those that are" "" "$(ls "$place")"

# A number of a process used again: state that names a stranger with another start time.
sleep 100 & stranger=$!; pids="$pids $stranger"
mkdir -p "$place/c/root"
echo "{\"name\":\"c\",\"pid\":$stranger,\"start\":1,\"ready\":true}" > "$place/c/state.json"
expect 0 "stop of a stale record" "$selfsame" stop c
if [ -d "/proc/$stranger" ]; then ok "a stranger with its number is left alone"
else not_ok "a stranger with its number is left alone"; fi
mkdir "$place/c" && echo '{"name":' > "$place/c/state.json"
expect 0 "a record that does not parse" "$selfsame" ps
is "is cleaned up" "" "$(ls "$place")"
# What the root of a dead guest may look like.
mkdir -p "$place/c/root/sub" && ln -s / "$place/c/root/host" && chmod 0 "$place/c/root/sub" "$place/c/root"
expect 0 "closed directories and links in what is left" "$selfsame" ps
is "are removed, not followed" "" "$(ls "$place")"

# ---- bad input ----
for p in 80 x:80 80:x 80:0 70000:80 80:70000 1.2.3:80:80 '[::1:80:80' :80 80: 127.0.0.1:80; do
    expect 2 "--publish $p" "$selfsame" run --sim -p "$p" "$tmp/wait.eif"
done
for n in '' .x -x a/b ../x "$(printf %064d 1)"; do
    expect 2 "--name '$n'" "$selfsame" run --sim "--name=$n" "$tmp/wait.eif"
done
expect 2 "neither --sim nor --tee" "$selfsame" run "$tmp/wait.eif"
said "--sim"
expect 2 "another TEE" "$selfsame" run --tee sgx "$tmp/wait.eif"
expect 2 "options of hardware in the simulator" "$selfsame" run --sim --memory 128 "$tmp/wait.eif"
expect 2 "options of the simulator on hardware" "$selfsame" run --tee nitro -d "$tmp/wait.eif"
if [ ! -e /dev/nitro_enclaves ]; then
    expect 3 "hardware that is not here" "$selfsame" run --tee nitro "$tmp/wait.eif"
    said "missing"
fi
# --- a machine: the directory of a build, and what QEMU is told
mkdir "$tmp/vm" "$tmp/bin"
for f in kernel initrd firmware; do echo "a $f" > "$tmp/vm/image.$f"; done
printf quiet > "$tmp/vm/image.cmdline"
printf '{"shapes":[{"tee":"snp","vmm":"qemu","vcpus":2,"cpu":"EPYC-Milan-v2","features":"0x1","measurement":"00"}]}' \
    > "$tmp/vm/measurements.json"
cat > "$tmp/bin/qemu-system-x86_64" <<'SH'
#!/bin/sh
[ "$1" != --version ] || { echo QEMU emulator version 7.2.0; exit 0; }
echo "got $*"
SH
chmod +x "$tmp/bin/qemu-system-x86_64"
machine() { env "PATH=$tmp/bin:$PATH" "$selfsame" run --tee snp "$@"; }
expect 0 "a plain machine" machine "$tmp/vm" --insecure-plain-vm --accel tcg -p 8443:443 -p 0.0.0.0:80:8080
said "nothing is measured, encrypted or attested"
said "hostfwd=tcp:127.0.0.1:8443-:443,hostfwd=tcp:0.0.0.0:80-:8080"
said "accel=tcg"
[ -e /dev/sev ] || { expect 3 "SEV-SNP that is not here" machine "$tmp/vm"; said "no /dev/sev"; }
for words in "--accel tcg" "--insecure-plain-vm --accel xen" "--cid 5" "--cpus 2" "-p 0:80" "-p 80" "-p x:80" "-p 80:70000" \
    "-p [::1]:80:80" "-p 80:+80" "--vcpus 0" "--name x" "-d"; do
    # shellcheck disable=SC2086
    expect 2 "a machine with $words" machine "$tmp/vm" $words
done
expect 2 "a file where a directory is expected" machine "$tmp/wait.eif"
expect 2 "options of a machine for an enclave" "$selfsame" run --tee nitro --vcpus 2 "$tmp/wait.eif"
expect 2 "options of a machine in the simulator" "$selfsame" run --sim --insecure-plain-vm "$tmp/wait.eif"
printf '{"shapes":[]}' > "$tmp/vm/measurements.json"
expect 2 "a directory built for another TEE" machine "$tmp/vm" --insecure-plain-vm
said "built for another TEE"
printf '{"shapes":[{"tee":"snp","vmm":"qemu","vcpus":0,"cpu":"x"}]}' > "$tmp/vm/measurements.json"
expect 10 "a shape without processors" machine "$tmp/vm" --insecure-plain-vm
rm "$tmp/vm/measurements.json"
expect 3 "a directory without measurements" machine "$tmp/vm" --insecure-plain-vm
expect 3 "a guest that ends before it is ready" "$selfsame" run --sim -d --name g -p 0:80 "$tmp/exit.eif"
said "status 7"
is "nothing is left of any of these" "" "$(ls "$place")"
finish
