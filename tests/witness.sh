#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame witness`: made, served, asked by a log that is not of this project's code, killed and begun again.
set -u
. "$(dirname "$0")/shell.sh"
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}
w=$tmp/w
log_key() { # file, origin, verifier key: a key and its line
    openssl genpkey -algorithm ed25519 -out "$1" 2>/dev/null
    python3 - "$1" "$2" > "$3" <<'PY'
import base64, hashlib, subprocess, sys
key = subprocess.run(["openssl", "pkey", "-in", sys.argv[1], "-pubout", "-outform", "DER"], capture_output=True).stdout[-32:]
raw = b"\1" + key
id = hashlib.sha256(sys.argv[2].encode() + b"\n" + raw).digest()[:4].hex()
print(f"{sys.argv[2]}+{id}+{base64.b64encode(raw).decode()}")
PY
}
serve() { # further options: sets pid and url
    : > "$tmp/ready"
    "$selfsame" witness serve "$w" --listen 127.0.0.1:0 --json "$@" > "$tmp/ready" 2> "$tmp/events" &
    pid=$!
    pids="$pids $pid"
    for _ in $(seq 200); do
        [ ! -s "$tmp/ready" ] || break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    url=http://$(jq -r .listen "$tmp/ready")
}
ends() { # what: after SIGTERM, with status 0
    kill -TERM "$pid"
    wait "$pid"
    is "$1" 0 $?
}

# ---- made ----
expect 2 "a name is needed" "$selfsame" witness init "$w"
said --name
expect 2 "white space is no name" "$selfsame" witness init "$w" --name "a b"
expect 2 "nor is a plus" "$selfsame" witness init "$w" --name a+b
openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/p256.pem" 2>/dev/null
expect 2 "P-256 cannot cosign" "$selfsame" witness init "$w" --name w.example --key "$tmp/p256.pem"
is "nothing is left of that" no "$([ -e "$w" ] && echo yes || echo no)"
expect 0 "made" "$selfsame" witness init "$w" --name witness.example/w1
vkey=$(cat "$tmp/out")
is "it prints what it keeps" "$vkey" "$(cat "$w/witness.vkey")"
is "the key is its owner's" 600 "$(stat -c %a "$w/witness.key")"
openssl genpkey -algorithm ed25519 -out "$tmp/own.pem" 2>/dev/null
expect 2 "not twice" "$selfsame" witness init "$w" --name witness.example/w1
is "and left as it is" "$vkey" "$(cat "$w/witness.vkey")"
chmod 644 "$tmp/own.pem"
expect 2 "a key that others can read" "$selfsame" witness init "$tmp/w2" --name w2 --key "$tmp/own.pem"
said "others can read this key"
chmod 600 "$tmp/own.pem"
chmod 604 "$w/witness.key"
expect 2 "nor served with" "$selfsame" witness serve "$w" --listen 127.0.0.1:0
said "others can read this key"
chmod 600 "$w/witness.key"
expect 0 "a key of one's own" "$selfsame" witness init "$tmp/w2" --name w2 --key "$tmp/own.pem" --json
is "is taken" "$(openssl pkey -in "$tmp/own.pem" -pubout)" "$(openssl pkey -in "$tmp/w2/witness.key" -pubout)"
is "and named" "w2" "$(jq -r .name "$tmp/out")"

# ---- served ----
log_key "$tmp/log.pem" log.example/one "$w/logs/one.vkey"
log_key "$tmp/log2.pem" log.example/two "$w/logs/two.vkey"
serve
is "it knows its logs" 2 "$(jq .logs "$tmp/ready")"
is "and says who it is" "$vkey" "$(jq -r .vkey "$tmp/ready")"
expect 3 "one process serves a directory" "$selfsame" witness serve "$w" --listen 127.0.0.1:0
said "Another process serves this directory"
if python3 "$root/tests/witness_peer.py" "$url" "$vkey" "$tmp/log.pem" log.example/one > "$tmp/peer"; then
    ok "a log that is not ours is content ($(wc -l < "$tmp/peer") things seen)"
else
    not_ok "a log that is not ours"; cat "$tmp/peer"
fi
is "a key of another log does not do" 403 "$(python3 "$root/tests/witness_peer.py" "$url" "$vkey" "$tmp/log2.pem" \
    log.example/one 2>/dev/null | grep -m1 -o '(40[0-9],' | tr -d '(,')"
is "forks are kept" 1 "$(find "$w/forks" -name '*-fork-30-*.offered' | wc -l)"
is "with what was cosigned" log.example/one "$(head -1 "$w"/forks/*-fork-30-*.cosigned)"
is "and told" "fork" "$(jq -r 'select(.event == "fork").event' "$tmp/events")"
is "metrics" 40 "$(curl -s "$url/metrics" | sed -n 's/^selfsame_witness_size{origin="log.example\/one"} //p')"
is "live" ok "$(curl -s "$url/healthz")"
is "ready" ready "$(curl -s "$url/readyz")"
is "405" 405 "$(curl -s -o /dev/null -w '%{http_code}' "$url/add-checkpoint")"
head -c 70000 /dev/zero > "$tmp/big"
is "413" 413 "$(curl -s -o /dev/null -w '%{http_code}' --data-binary @"$tmp/big" "$url/add-checkpoint")"
is "400" malformed "$(curl -s --data-binary 'old 0' "$url/add-checkpoint" | jq -r .error.class)"
ends "SIGTERM ends it"

# ---- begun again ----
serve
hash=$(printf log.example/one | sha256sum | cut -d' ' -f1)
is "it remembers" 40 "$(curl -s "$url/$hash/checkpoint" | sed -n 2p)"
kill -KILL "$pid"; wait "$pid" 2>/dev/null
serve
is "also when it was killed" 40 "$(curl -s "$url/$hash/checkpoint" | sed -n 2p)"
ends "and ends"

# ---- as another user ----
if [ "$(id -u)" -eq 0 ]; then
    chmod 711 "$tmp"
    chown -R nobody "$w"
    serve --user nobody
    is "it became nobody" "$(id -u nobody)" "$(awk '/^Uid:/ { print $2 == $3 && $3 == $4 ? $2 : "mixed" }' "/proc/$pid/status")"
    is "without groups of root" 0 "$(awk '/^Groups:/ { for (i = 2; i <= NF; i++) if ($i == 0) n++; print n + 0 }' "/proc/$pid/status")"
    is "and can write" 40 "$(curl -s "$url/$hash/checkpoint" | sed -n 2p)"
    ends "and ends"
    expect 2 "nor becomes root again" "$selfsame" witness serve "$w" --listen 127.0.0.1:0 --user root
else
    skipped "--user: not root"
fi

# ---- what does not fit together ----
echo nonsense > "$w/logs/bad.vkey"
expect 10 "a key that is none" "$selfsame" witness serve "$w" --listen 127.0.0.1:0
said bad.vkey
rm "$w/logs/bad.vkey"
cp "$tmp/w2/witness.vkey" "$w/witness.vkey"
expect 10 "a verifier key of another" "$selfsame" witness serve "$w" --listen 127.0.0.1:0
expect 3 "no directory" "$selfsame" witness serve "$tmp/nowhere" --listen 127.0.0.1:0
finish
