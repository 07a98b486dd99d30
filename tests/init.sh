#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# selfsame-init as PID 1 of a small root in its own namespaces, as the simulator starts it.
set -u
init=${1:-${SELFSAME_BUILD_ROOT:-build}/src/init/selfsame-init}
[ -x "$init" ] || { echo "Bail out! no $init"; exit 1; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0

check() { # WHAT STATUS
    if [ "$2" -eq 0 ]; then echo "ok - $1"; else echo "not ok - $1"; bad=1; fi
}

if [ "$(id -u)" -eq 0 ]; then ns="unshare -mpf"; else ns="unshare -Urmpf"; fi
if ! $ns true 2>"$dir/why"; then
    echo "ok - namespaces # SKIP this host gives none: $(cat "$dir/why")"
    exit 0
fi
shell=$(command -v busybox || true)
mkdir -p "$dir/r/selfsame" "$dir/r/bin" "$dir/r/proc" "$dir/r/dev" "$dir/r/out" "$dir/r/work"
cp "$init" "$dir/r/init"
if [ -n "$shell" ] && [ -z "$(ldd "$shell" 2>/dev/null | grep '=>')" ]; then
    cp "$shell" "$dir/r/bin/sh"
else
    # No static shell here: a dash with its libraries does as well.
    cp "$(readlink -f /bin/sh)" "$dir/r/bin/sh"
    for lib in $(ldd /bin/sh | grep -o '/[^ )]*'); do
        mkdir -p "$dir/r$(dirname "$lib")" && cp -L "$lib" "$dir/r$lib"
    done
fi
cp "$(readlink -f "$(command -v sleep)")" "$dir/r/bin/sleep"
for lib in $(ldd "$(command -v sleep)" | grep -o '/[^ )]*'); do
    mkdir -p "$dir/r$(dirname "$lib")" && cp -L "$lib" "$dir/r$lib"
done

# Runs the root with the configuration of stdin; output in $dir/log, returns the status.
boot() {
    cat >"$dir/r/selfsame/run"
    $ns env SELFSAME_SIM=1 SECRET=host chroot "$dir/r" /init >"$dir/log" 2>&1
}

printf 'arg /bin/sh\narg -c\narg exit 42\n' | boot
[ $? -eq 42 ]; check "the status of the program is the status of the image" $?

printf 'arg sh\narg -c\narg kill -9 $$\n' | boot
[ $? -eq 137 ]; check "a program killed by a signal gives 128 and its number" $?

printf 'arg sh\narg -c\narg set; pwd\nenv A=1\\n2\nenv B=x y\ndir /work\n' | boot
grep -q "^B='x y'" "$dir/log" && grep -q "^A='1" "$dir/log" && grep -q "^2'" "$dir/log" &&
    grep -q '^/work$' "$dir/log"
check "environment and directory are those of the configuration" $?
! grep -q -e SELFSAME_SIM -e SECRET "$dir/log"
check "nothing of init's own environment gets through" $?

printf 'arg nothing-here\n' | boot
[ $? -eq 127 ] && grep -q 'nothing-here: No such file' "$dir/log"
check "an absent program is named" $?

printf 'arg /bin/sh\nmode fast\n' | boot
[ $? -eq 70 ] && grep -q '/selfsame/run:2: unknown key' "$dir/log"
check "an unknown key refuses to boot" $?

# A program that lasts: where both end at once the program's status is the image's.
printf 'arg sh\narg -c\narg exec sleep 100\nagent /absent\n' | boot
[ $? -eq 70 ] && grep -q '/absent: No such file' "$dir/log"
check "an agent that does not start ends the image" $?

start=$(date +%s)
printf 'arg sh\narg -c\narg exec sleep 100\nagent /bin/sh\nagent -c\nagent exit 3\n' | boot
[ $? -eq 70 ] && grep -q 'agent ended before' "$dir/log" && [ $(($(date +%s) - start)) -lt 4 ]
check "the end of the agent terminates the program" $?

# The program ends only when the agent's trap is set: a busy machine starts it late.
printf 'arg sh\narg -c\narg until [ -e /out/set ]; do sleep 0.1; done; exit 5\nagent /bin/sh\nagent -c\nagent trap "echo told >/out/told; exit 0" TERM; echo >/out/set; while :; do sleep 0.1; done\n' | boot
[ $? -eq 5 ] && [ "$(cat "$dir/r/out/told" 2>/dev/null)" = told ]
check "the end of the program terminates the agent, which may tidy up" $?

start=$(date +%s)
printf 'arg sh\narg -c\narg until [ -e /out/deaf ]; do sleep 0.1; done; exit 6\nagent /bin/sh\nagent -c\nagent trap "" TERM; echo >/out/deaf; while :; do sleep 1; done\n' | boot
status=$?; took=$(($(date +%s) - start))
[ $status -eq 6 ] && [ $took -ge 4 ] && [ $took -le 9 ]
check "a deaf agent is killed after five seconds" $?

printf 'arg sh\narg -c\narg for i in 1 2 3; do (sleep 0.1 &) ; done; sleep 0.5; read -r p c s </proc/self/stat; for z in /proc/[0-9]*/stat; do read -r p c s r <$z; echo "state $s"; done\n' >"$dir/r/selfsame/run"
$ns sh -c 'mount -t proc proc "$1/proc" && exec env SELFSAME_SIM=1 chroot "$1" /init' sh "$dir/r" >"$dir/log" 2>&1
grep -q '^state [RS]' "$dir/log" && ! grep -q '^state Z' "$dir/log"
check "orphans are reaped" $?

printf 'arg sh\narg -c\narg while read -r l; do echo "$l"; done </proc/self/status\n' >"$dir/r/selfsame/run"
$ns sh -c 'mount -t proc proc "$1/proc" && exec env SELFSAME_SIM=1 chroot "$1" /init' sh "$dir/r" >"$dir/log" 2>&1
grep -q 'NoNewPrivs:.*1' "$dir/log" && grep -q 'SigBlk:.*0000000000000000' "$dir/log"
check "the program gets no new privileges and a clean signal mask" $?

if [ "$(id -u)" -eq 0 ]; then
    printf 'arg sh\narg -c\narg while read -r l; do echo "$l"; done </proc/self/status\nuser 1000\ngroup 1001\ngroups 7 8\n' >"$dir/r/selfsame/run"
    $ns sh -c 'mount -t proc proc "$1/proc" && exec env SELFSAME_SIM=1 chroot "$1" /init' sh "$dir/r" >"$dir/log" 2>&1
    tab=$(printf '\t')
    grep -q "^Uid:${tab}1000${tab}1000${tab}1000${tab}1000" "$dir/log" &&
        grep -q "^Gid:${tab}1001${tab}1001${tab}1001${tab}1001" "$dir/log" &&
        grep -q "^Groups:${tab}7 8" "$dir/log" && grep -q "^CapEff:${tab}0000000000000000" "$dir/log"
    check "the program runs as the user and groups of the configuration" $?
else
    echo "ok - the program runs as the user and groups of the configuration # SKIP needs root"
fi

printf 'arg sh\narg -c\narg trap "exit 9" TERM; echo up >/out/up; while :; do sleep 0.1; done\n' >"$dir/r/selfsame/run"
$ns env SELFSAME_SIM=1 chroot "$dir/r" /init >"$dir/log" 2>&1 &
outer=$!
n=0; while [ ! -e "$dir/r/out/up" ] && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
inner=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null)
[ -n "$inner" ] && kill -TERM $inner
wait $outer
[ $? -eq 9 ]; check "SIGTERM is passed on" $?

"$init" >"$dir/log" 2>&1
[ $? -eq 70 ] && grep -q 'PID 1' "$dir/log"
check "it refuses to be anything but PID 1" $?

grep -q -e "$(cd "$(dirname "$0")/.." && pwd)" -e "$dir" "$init"
[ $? -eq 1 ]; check "no path of the build machine is in the program" $?
exit $bad
