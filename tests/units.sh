#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The units of systemd: what systemd itself thinks of them, and that the daemons tell
# their manager what they promise (Type=notify).
set -u
. "$(dirname "$0")/shell.sh"
case $selfsame in /*) ;; *) selfsame=$PWD/$selfsame ;; esac
units=$build/packaging
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}

for unit in "$units"/*.service; do
    name=$(basename "$unit")
    is "$name: the program is filled in" 0 "$(grep -c '@[a-z]*@' "$unit")"
    command=$(sed -n 's/^ExecStart=[^ ]*selfsame \([a-z ]*[a-z]\) [-/].*/\1/p' "$unit")
    # shellcheck disable=SC2086
    expect 0 "$name: its command is one of ours" "$selfsame" $command --help
    page=$(sed -n 's/^Documentation=man:\(.*\)(\([0-9]\))/\1.\2/p' "$unit")
    is "$name: its page is there" yes "$([ -e "$root/man/$page" ] && echo yes || echo no)"
    user=$(sed -n 's/^User=//p' "$unit")
    is "$name: its user is made" 1 "$(grep -c "^u $user " "$root/packaging/systemd/selfsame.sysusers")"
done

if command -v systemd-analyze > /dev/null; then
    mkdir "$tmp/units"
    for unit in "$units"/*.service; do
        # The program where it is, and users that exist here: those of the package do not.
        sed "s|^ExecStart=[^ ]*|ExecStart=$selfsame|; s|^User=.*|User=root|" "$unit" > "$tmp/units/$(basename "$unit")"
    done
    for unit in "$tmp/units"/*.service; do
        name=$(basename "$unit")
        # A manager or a manual page that is not here is not the unit's fault.
        systemd-analyze verify --man=no "$unit" > "$tmp/verify" 2>&1
        is "$name: systemd understands all of it" "" "$(grep -F "$name" "$tmp/verify" | head -3)"
        sed -i 's|^User=root|User=daemon|' "$unit"
        expect 0 "$name: exposure of at most 2 of 10" systemd-analyze security --offline=yes --threshold=20 "$unit"
        grep -h 'Overall' "$tmp/out"
    done
    # The test can fail: a unit with an unknown setting, and one that protects nothing.
    sed 's/^ProtectHome=yes/ProtectHouse=yes/' "$tmp/units/selfsame-log.service" > "$tmp/units/wrong.service"
    systemd-analyze verify --man=no "$tmp/units/wrong.service" > "$tmp/verify" 2>&1
    is "an unknown setting is seen" 1 "$(grep -c ProtectHouse "$tmp/verify")"
    printf '[Service]\nExecStart=%s log serve /x\n' "$selfsame" > "$tmp/units/open.service"
    expect 1 "a service without protection is seen" systemd-analyze security --offline=yes --threshold=20 "$tmp/units/open.service"
else
    skipped "units: systemd-analyze is not here"
fi

if command -v systemd-sysusers > /dev/null; then
    mkdir -p "$tmp/root/etc"
    expect 0 "the users are made" systemd-sysusers --root="$tmp/root" "$(cd "$root" && pwd)/packaging/systemd/selfsame.sysusers"
    is "for no shell" 0 "$(grep '^selfsame-' "$tmp/root/etc/passwd" | grep -cv ':/usr/sbin/nologin$')"
    is "one a unit, at least" yes "$([ "$(grep -c '^selfsame-' "$tmp/root/etc/passwd")" -ge "$(ls "$units"/*.service | wc -l)" ] && echo yes || echo no)"
else
    skipped "units: systemd-sysusers is not here"
fi

# ---- Type=notify ----
cat > "$tmp/manager.py" <<'PY'
import os, socket, subprocess, sys, time, signal
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
s.settimeout(20)
p = subprocess.Popen(sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    print(s.recv(200).decode().split("\n")[0])
    p.send_signal(signal.SIGTERM)
    print(s.recv(200).decode().split("\n")[0])
    print(p.wait(20))
finally:
    p.kill()
PY
notified() { # what, command...
    what=$1; shift
    rm -f "$tmp/socket"
    is "$what tells its manager" "READY=1 STOPPING=1 0" \
        "$(timeout 60 python3 "$tmp/manager.py" "$tmp/socket" "$@" 2>&1 | tr '\n' ' ' | sed 's/ $//')"
}
expect 0 "a log" "$selfsame" log init "$tmp/log" --origin log.example/test
notified "log serve" "$selfsame" log serve "$tmp/log" --listen 127.0.0.1:0
expect 0 "a witness" "$selfsame" witness init "$tmp/witness" --name witness.example/w1
notified "witness serve" "$selfsame" witness serve "$tmp/witness" --listen 127.0.0.1:0
mkdir "$tmp/cache"
notified "collateral serve" "$selfsame" collateral serve --cache "$tmp/cache" --listen 127.0.0.1:0 --offline
finish
