#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame log`: init, serve, status, check. Envelopes are signed by openssl and proofs
# believed by another implementation (log_peer.py).
set -u
. "$(dirname "$0")/shell.sh"
peer=$root/tests/log_peer.py
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}
log=$tmp/log
serve() { # directory, out, command...
    d=$1 o=$2; shift 2
    "$selfsame" "$@" serve "$d" --listen 127.0.0.1:0 --json > "$tmp/$o" 2> "$tmp/$o.err" &
    pid=$! pids="$pids $!"
    for _ in $(seq 100); do [ -s "$tmp/$o" ] && break; sleep 0.1; done
    at=http://$(jq -r .listen "$tmp/$o")
}
stop() { kill "$1"; wait "$1"; }
submit() { # number, key: the answer's status; answer in $tmp/proof
    python3 "$peer" envelope "$2" "$1" > "$tmp/envelope.$1"
    curl -s -o "$tmp/proof.$1" -w '%{http_code}' --data-binary "@$tmp/envelope.$1" "$at/add"
}
get() { curl -s -o "$tmp/got" -w '%{http_code}' "$at$1"; }

# ---- init ----
expect 2 "a log has a name" "$selfsame" log init "$log"
expect 0 "init" "$selfsame" log init "$log" --origin log.example/test
vkey=$(cat "$tmp/out")
is "the key is the owner's alone" 600 "$(stat -c %a "$log/log.key")"
is "its public half is written" "$vkey" "$(cat "$log/log.vkey")"
expect 2 "once" "$selfsame" log init "$log" --origin log.example/other
said "there is a log already"
openssl genpkey -algorithm ed25519 -out "$tmp/ed.pem" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$tmp/p256.pem" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$tmp/p384.pem" 2>/dev/null
chmod 644 "$tmp/ed.pem"
expect 2 "a key that others can read" "$selfsame" log init "$tmp/loose" --origin log.example/loose --key "$tmp/ed.pem"
said "others can read this key"
is "is not taken" no "$([ -e "$tmp/loose" ] && echo yes || echo no)"
chmod 600 "$tmp/ed.pem"
chmod 640 "$log/log.key"
expect 2 "nor served with" "$selfsame" log serve "$log" --listen 127.0.0.1:0
said "chmod 600"
chmod 600 "$log/log.key"
for k in ed p256; do openssl pkey -in "$tmp/$k.pem" -pubout -out "$log/publishers/$k.pem"; done

for u in log.example ftp://log.example "https://log.example two" "https://log.example
quorum none"; do
    expect 2 "no URL: $u" "$selfsame" log init "$tmp/url" --origin log.example/url --url "$u"
    is "and nothing is made" no "$([ -e "$tmp/url" ] && echo yes || echo no)"
done
expect 0 "a log that says where it is" "$selfsame" log init "$tmp/url" --origin log.example/url --url https://log.example/url
is "in its policy" "log $(cat "$tmp/url/log.vkey") https://log.example/url" "$(grep '^log ' "$tmp/url/policy.txt")"
is "which is a trust policy" https://log.example/url "$("$selfsame" show "$tmp/url/policy.txt" --json | jq -r '.logs[0].url')"

# ---- submissions ----
serve "$log" ready log
first=$pid
is "it says that it is ready" "$vkey 2 0" "$(jq -r '"\(.vkey) \(.publishers) \(.size)"' "$tmp/ready")"
is "an empty log has a checkpoint" 200 "$(get /checkpoint)"
is "an envelope of a known publisher" 200 "$(submit 0 "$tmp/ed.pem")"
is "is proven" "0 1" "$(python3 "$peer" prove "$tmp/proof.0" "$tmp/envelope.0" "$vkey" 2>&1)"
is "P-256 too" 200 "$(submit 1 "$tmp/p256.pem")"
is "with its place" "1 2" "$(python3 "$peer" prove "$tmp/proof.1" "$tmp/envelope.1" "$vkey" 2>&1)"
is "the same again" 200 "$(curl -s -o "$tmp/again" -w '%{http_code}' --data-binary "@$tmp/envelope.0" "$at/add")"
is "has the same place" "0 2" "$(python3 "$peer" prove "$tmp/again" "$tmp/envelope.0" "$vkey" 2>&1)"
is "an unknown publisher" 403 "$(submit 2 "$tmp/p384.pem")"
is "is told so" log "$(jq -r .error.class "$tmp/proof.2")"
openssl pkey -in "$tmp/p384.pem" -pubout -out "$log/publishers/p384.pem"
is "until its key is there" 200 "$(submit 2 "$tmp/p384.pem")"
is "without a new start" "2 3" "$(python3 "$peer" prove "$tmp/proof.2" "$tmp/envelope.2" "$vkey" 2>&1)"
rm "$log/publishers/p384.pem"
is "who is removed" 403 "$(submit 3 "$tmp/p384.pem")"
echo junk > "$log/publishers/junk.pem"
is "while a key does not read" 503 "$(submit 3 "$tmp/ed.pem")"
is "it says which" 1 "$(grep -c 'junk.pem' "$tmp/proof.3")"
is "and when to ask again" 1 "$(curl -s -D - -o /dev/null --data-binary "@$tmp/envelope.3" "$at/add" |
    grep -c '^Retry-After')"
rm "$log/publishers/junk.pem"
sed 's/"sig":"...../"sig":"AAAAA/' "$tmp/envelope.0" > "$tmp/forged"
post() { curl -s -o "$tmp/got" -w '%{http_code}' --data-binary "@$1" "$at/add"; }
is "a forged signature" 403 "$(post "$tmp/forged")"
jq . "$tmp/envelope.0" > "$tmp/spaced"
is "not canonical" 400 "$(post "$tmp/spaced")"
{ cat "$tmp/envelope.0"; echo; } > "$tmp/line"
is "a line feed behind" 400 "$(post "$tmp/line")"
: > "$tmp/empty"
is "nothing" 400 "$(post "$tmp/empty")"
head -c 65536 /dev/zero | tr '\0' ' ' > "$tmp/large"
is "more than an entry holds" 413 "$(post "$tmp/large")"
is "another path" 404 "$(get /elsewhere)"
is "another method" 405 "$(get /add)"
is "none of these is in the log" "3 3" "$("$selfsame" log status "$log" --json | jq -r '"\(.size) \(.published)"')"

# ---- reading ----
is "the entries" 200 "$(get /tile/entries/000.p/3)"
is "as files" "$(sha256sum < "$log/public/tile/entries/000.p/3")" "$(sha256sum < "$tmp/got")"
is "a tile" 200 "$(get /tile/0/000.p/3)"
is "of three hashes" 96 "$(wc -c < "$tmp/got")"
is "a tile that is not there" 404 "$(get /tile/0/001)"
is "a name with leading zeros" 404 "$(get /tile/00/000.p/3)"
is "a way out" 400 "$(curl -s -o /dev/null -w '%{http_code}' --path-as-is "$at/tile/../../log.key")"
is "tiles are for good" "public, max-age=31536000, immutable" \
    "$(curl -s -D - -o /dev/null "$at/tile/0/000.p/3" | tr -d '\r' | sed -n 's/^Cache-Control: //p')"
is "the root is that of the entries" "$(sed -n 3p "$log/public/checkpoint")" "$(python3 "$peer" tiles "$log/public")"
is "ready" 200 "$(get /readyz)"
is "metrics" 200 "$(get /metrics)"
is "count entries" "selfsame_log_size 3" "$(grep '^selfsame_log_size' "$tmp/got")"

is "a look-up of nothing that is there" 200 "$(get '/lookup?name=example.com/none')"
is "is an empty answer" 0 "$(jq '.releases | length' "$tmp/got")"
is "a look-up of what nobody knows" 400 "$(get '/lookup?colour=red')"

# ---- one at a time, and again ----
expect 3 "a second one on the directory" "$selfsame" log serve "$log" --listen 127.0.0.1:0
said "another process writes this log"
expect 0 "check beside one that runs" "$selfsame" log check "$log" --json
is "counts" "3 3" "$(jq -r '"\(.size) \(.published)"' "$tmp/out")"
stop "$first"; is "SIGTERM ends it" 0 $?
expect 0 "check" "$selfsame" log check "$log"
said "ok: 3 entries"
serve "$log" ready2 log
second=$pid
is "it goes on" 200 "$(submit 4 "$tmp/ed.pem")"
is "where it was" "3 4" "$(python3 "$peer" prove "$tmp/proof.4" "$tmp/envelope.4" "$vkey" 2>&1)"
kill -9 "$second"; wait "$second" 2>/dev/null
serve "$log" ready3 log
third=$pid
is "also when it was killed" 200 "$(submit 5 "$tmp/ed.pem")"
is "it goes on where it was" "4 5" "$(python3 "$peer" prove "$tmp/proof.5" "$tmp/envelope.5" "$vkey" 2>&1)"
stop "$third"

# ---- what disagrees ----
spoil() { # file below the log, what, words
    cp -a "$log" "$tmp/spoilt"
    printf '\377' | dd of="$tmp/spoilt/$1" bs=1 seek=40 conv=notrunc 2>/dev/null
    "$selfsame" log check "$tmp/spoilt" > "$tmp/out" 2> "$tmp/err"; a=$?
    timeout 20 "$selfsame" log serve "$tmp/spoilt" --listen 127.0.0.1:0 > /dev/null 2>> "$tmp/err"; b=$?
    is "$2 is found and refused" "$3 $3" "$a $b"
    rm -rf "$tmp/spoilt"
}
spoil public/tile/0/000.p/5 "a changed hash" 20
spoil public/tile/entries/000.p/5 "a changed entry" 20
spoil public/checkpoint "a changed checkpoint" 10
cp -a "$log" "$tmp/spoilt"; rm "$tmp/spoilt/public/checkpoint"
expect 20 "a checkpoint that is gone" "$selfsame" log check "$tmp/spoilt"
said "Start the log"
serve "$tmp/spoilt" ready4a log
for _ in $(seq 100); do [ -s "$tmp/spoilt/public/checkpoint" ] && break; sleep 0.1; done
stop "$pid"
expect 0 "is made again by a start" "$selfsame" log check "$tmp/spoilt"
rm -rf "$tmp/spoilt"
expect 3 "no log" "$selfsame" log status "$tmp/nowhere"

# ---- witnesses ----
for n in 1 2; do
    "$selfsame" witness init "$tmp/w$n" --name "witness.example/w$n" > "$tmp/w$n.vkey" || not_ok "witness $n"
    cp "$log/log.vkey" "$tmp/w$n/logs/"
    serve "$tmp/w$n" "w$n.ready" witness
    eval "w$n=$pid w${n}_at=$at"
done
printf 'log %s\nwitness one %s %s\nwitness two %s %s\ngroup both all one two\nquorum both\n' "$vkey" \
    "$(cat "$tmp/w1.vkey")" "$w1_at" "$(cat "$tmp/w2.vkey")" "$w2_at" > "$log/policy.txt"
"$selfsame" log serve "$log" --listen 127.0.0.1:0 --quorum-ms 1000 --json > "$tmp/ready4" 2> "$tmp/ready4.err" &
fourth=$! pids="$pids $!"
for _ in $(seq 100); do [ -s "$tmp/ready4" ] && break; sleep 0.1; done
at=http://$(jq -r .listen "$tmp/ready4")
is "an entry that two witnesses saw" 200 "$(submit 6 "$tmp/ed.pem")"
is "is proven with them" "5 6" "$(python3 "$peer" prove "$tmp/proof.6" "$tmp/envelope.6" "$vkey" \
    "$(cat "$tmp/w1.vkey")" "$(cat "$tmp/w2.vkey")" 2>&1)"
kill -STOP "$w2"
is "with one of them asleep" 503 "$(submit 7 "$tmp/ed.pem")"
is "the operator is told who and why" "quorum two: no answer in time" \
    "$(jq -r '"\(.event) \(.message | sub(".*again: "; ""))"' "$tmp/ready4.err" | head -1)"
is "the former checkpoint stays" 6 "$(sed -n 2p "$log/public/checkpoint")"
kill -CONT "$w2"
for _ in $(seq 20); do
    s=$(curl -s -o "$tmp/proof.7" -w '%{http_code}' --data-binary "@$tmp/envelope.7" "$at/add")
    [ "$s" = 200 ] && break
done
is "asking again" 200 "$s"
is "the operator is told so, once" "the quorum is met again" "$(jq -r .message "$tmp/ready4.err" | sed 1d)"
is "the entry was not lost" "6 7" "$(python3 "$peer" prove "$tmp/proof.7" "$tmp/envelope.7" "$vkey" \
    "$(cat "$tmp/w1.vkey")" "$(cat "$tmp/w2.vkey")" 2>&1)"
stop "$fourth"; is "SIGTERM ends it" 0 $?

# ---- nothing new: the witnesses' times stay young ----
cp "$log/public/checkpoint" "$tmp/idle"
expect 2 "not how long" "$selfsame" log serve "$log" --listen 127.0.0.1:0 --refresh often
"$selfsame" log serve "$log" --listen 127.0.0.1:0 --refresh 1s --json > "$tmp/ready4b" 2> "$tmp/ready4b.err" &
idle=$! pids="$pids $!" fresh=0 last=
for _ in $(seq 100); do
    now=$(sha256sum < "$log/public/checkpoint")
    [ "$now" = "$last" ] || fresh=$((fresh + 1))
    last=$now
    [ "$fresh" -gt 3 ] && break
    sleep 0.1
done
is "an idle log is cosigned again" yes "$([ "$fresh" -gt 3 ] && echo yes || echo "$fresh")"
is "the same tree" "$(head -3 "$tmp/idle")" "$(head -3 "$log/public/checkpoint")"
is "by both" 2 "$(grep -c '^— witness.example' "$log/public/checkpoint")"
stop "$idle"; is "SIGTERM ends it" 0 $?

# ---- a copy from before: the witnesses know better ----
cp -a "$log" "$tmp/backup"
"$selfsame" log serve "$log" --listen 127.0.0.1:0 --json > "$tmp/ready5" 2> /dev/null &
fifth=$! pids="$pids $!"
for _ in $(seq 100); do [ -s "$tmp/ready5" ] && break; sleep 0.1; done
at=http://$(jq -r .listen "$tmp/ready5")
is "the log grows" 200 "$(submit 8 "$tmp/ed.pem")"
is "and grows" 200 "$(submit 9 "$tmp/ed.pem")"
stop "$fifth"
"$selfsame" log serve "$tmp/backup" --listen 127.0.0.1:0 --json > "$tmp/ready6" 2> "$tmp/ready6.err" &
sixth=$! pids="$pids $!"
for _ in $(seq 100); do [ -s "$tmp/ready6" ] && break; sleep 0.1; done
at=http://$(jq -r .listen "$tmp/ready6")
is "an old copy gets nothing cosigned" 503 "$(submit 10 "$tmp/ed.pem")"
is "and stops" 503 "$(get /readyz)"
is "because a witness saw more" 1 "$(grep -c 'has cosigned' "$tmp/got")"
is "it tells the operator" halted "$(jq -r .event "$tmp/ready6.err" | head -1)"
kept=$(jq -r 'select(.event == "halted").message' "$tmp/ready6.err" | sed 's/.*signed by this log: //')
is "and keeps what the witness shows" "$(sed -n 2p "$log/public/checkpoint")" "$(sed -n 2p "$kept")"
is "which this log has signed" "$(sed -n 5p "$log/public/checkpoint")" "$(sed -n 5p "$kept")"
stop "$sixth"

# ---- a witness that says what it cannot show ----
policy() { # further lines, with the quorum
    printf 'log %s\nwitness one %s %s\nwitness two %s %s\n%s\n' "$vkey" \
        "$(cat "$tmp/w1.vkey")" "$w1_at" "$(cat "$tmp/w2.vkey")" "$w2_at" "$1"
}
log_serve() { # directory, name, options: sets pid and at
    d=$1 name=$2
    shift 2
    rm -f "$tmp/$name"
    "$selfsame" log serve "$d" --listen 127.0.0.1:0 --json "$@" > "$tmp/$name" 2> "$tmp/$name.err" &
    pid=$! pids="$pids $!"
    for _ in $(seq 100); do [ -s "$tmp/$name" ] && break; sleep 0.1; done
    at=http://$(jq -r .listen "$tmp/$name")
}
cat > "$tmp/liar.py" <<'PY'
import http.server, sys
class Liar(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(409, b"999999999\n")
    def do_GET(self):
        self.answer(404, b"")
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
PY
python3 "$tmp/liar.py" > "$tmp/liar" &
liar=$! pids="$pids $!"
"$selfsame" witness init "$tmp/w3" --name witness.example/w3 > "$tmp/w3.vkey"
for _ in $(seq 100); do [ -s "$tmp/liar" ] && break; sleep 0.1; done
policy "witness three $(cat "$tmp/w3.vkey") $(cat "$tmp/liar")
group most 2 one two three
quorum most" > "$log/policy.txt"
log_serve "$log" ready6d
is "it does not stop the log" 200 "$(submit 24 "$tmp/ed.pem")"
is "again" 200 "$(submit 25 "$tmp/ed.pem")"
is "ready" 200 "$(get /readyz)"
is "it is told, once" "three does not cosign: it says that it has cosigned 999999999 entries" \
    "$(jq -r 'select(.event == "witness").message' "$tmp/ready6d.err" | sed 's/,.*//')"
get /metrics > /dev/null
is "and counted" yes "$(sed -n 's/^selfsame_log_witness_unproven_total{witness="three"} //p' "$tmp/got" |
    awk '{ print ($1 >= 2) ? "yes" : $1 }')"
stop "$pid"
kill "$liar"

# ---- a copy from before that has grown, where one witness alone knows better and one is enough ----
any='group either any one two
quorum either'
cp -a "$log" "$tmp/grown"
stop "$w1"
policy "$any" > "$log/policy.txt"
log_serve "$log" ready6b
is "one witness is enough" 200 "$(submit 20 "$tmp/ed.pem")"
stop "$pid"
serve "$tmp/w1" w1.again witness
w1=$pid w1_at=$at
policy "$any" > "$tmp/grown/policy.txt"
cp "$tmp/grown/public/checkpoint" "$tmp/grown.before"
for n in 21 22 23; do python3 "$peer" envelope "$tmp/ed.pem" $n > "$tmp/envelope.$n"; done
log_serve "$tmp/grown" ready6c --refresh 0s --batch-ms 3000
for n in 21 22 23; do
    curl -s -o /dev/null -w '%{http_code}\n' --data-binary "@$tmp/envelope.$n" "$at/add" > "$tmp/status.$n" &
    eval "add$n=$!"
done
# shellcheck disable=SC2154
wait "$add21" "$add22" "$add23"
is "nothing of the other tree is acknowledged" "503 503 503" "$(cat "$tmp"/status.2[123] | paste -sd' ')"
is "nor published" "$(sha256sum < "$tmp/grown.before")" "$(sha256sum < "$tmp/grown/public/checkpoint")"
is "the log has stopped" 503 "$(get /readyz)"
is "because it would be another" 1 "$(jq -r 'select(.event == "halted").message' "$tmp/ready6c.err" |
    grep -c 'witness two has cosigned .* \(not those\|older copy\)')"
is "with what proves it" 1 "$(find "$tmp/grown" -name 'witnessed-*' | wc -l)"
stop "$pid"
policy 'group both all one two
quorum both' > "$log/policy.txt"
log_serve "$log" ready6e
is "nobody has cosigned it: the log itself goes on with both" 200 "$(submit 26 "$tmp/ed.pem")"
stop "$pid"

# ---- a disk that is really full ----
cat > "$tmp/full.sh" <<'SH'
# selfsame peer key: what a log on a file system of 600 KiB says, and on a larger one again
mkdir -p "$tmp/small" && mount -t tmpfs -o size=600k tmpfs "$tmp/small" || exit 9
cd "$tmp/small"
"$1" log init log --origin log.example/full > /dev/null || exit 8
openssl pkey -in "$3" -pubout -out log/publishers/ed.pem
start() {
    : > "$tmp/full.ready"
    "$1" log serve log --listen 127.0.0.1:0 --json > "$tmp/full.ready" 2> "$tmp/full.err" & pid=$!
    for _ in $(seq 100); do [ -s "$tmp/full.ready" ] && break; sleep 0.1; done
    at=http://$(jq -r .listen "$tmp/full.ready")
}
add() { curl -s -o "$tmp/full.out" -w '%{http_code}' --data-binary "@$tmp/full.entry" "$at/add"; }
start "$1"
good=0
while [ "$good" -lt 100 ]; do
    python3 "$2" envelope "$3" "$good" > "$tmp/full.entry"
    status=$(add)
    [ "$status" = 200 ] || break
    good=$((good + 1))
done
said=$(grep -cE 'No space left|is full' "$tmp/full.out")
published=$(curl -s "$at/checkpoint" | sed -n 2p)
kill "$pid"; wait "$pid"
mount -o remount,size=20m "$tmp/small"
start "$1"
again=$(add)
index=$(sed -n 's/^index //p' "$tmp/full.out")
kill "$pid"; wait "$pid"
"$1" log check log > /dev/null; check=$?
[ "$published" = "$good" ] && [ "$index" = "$good" ] && [ "$good" -gt 0 ] || echo "$good $published $index"
echo "$status $said $again $check"
SH
if tmp=$tmp unshare -rm true 2>/dev/null; then
    is "503 and why, nothing acknowledged; with room it is there, and all agrees" "503 1 200 0" \
        "$(tmp=$tmp timeout 60 unshare -rm sh "$tmp/full.sh" "$selfsame" "$peer" "$tmp/ed.pem" 2>&1)"
else
    skipped "a full disk: no namespaces here"
fi

# ---- an end beside a witness that never answers ----
"$selfsame" log init "$tmp/hang" --origin log.example/hang > "$tmp/hang.vkey"
"$selfsame" witness init "$tmp/hang.w" --name witness.example/hang > "$tmp/hang.w.vkey"
openssl pkey -in "$tmp/ed.pem" -pubout -out "$tmp/hang/publishers/ed.pem"
python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(120)' > "$tmp/hang.port" &
pids="$pids $!"
for _ in $(seq 100); do [ -s "$tmp/hang.port" ] && break; sleep 0.1; done
printf 'log %s\nwitness one %s http://127.0.0.1:%s\nquorum one\n' "$(cat "$tmp/hang.vkey")" \
    "$(cat "$tmp/hang.w.vkey")" "$(cat "$tmp/hang.port")" > "$tmp/hang/policy.txt"
"$selfsame" log serve "$tmp/hang" --listen 127.0.0.1:0 --quorum-ms 100000 --json > "$tmp/hang.ready" 2> /dev/null &
pid=$! pids="$pids $!"
for _ in $(seq 100); do [ -s "$tmp/hang.ready" ] && break; sleep 0.1; done
at=http://$(jq -r .listen "$tmp/hang.ready")
submit 40 "$tmp/ed.pem" > "$tmp/hang.status" & asking=$!
sleep 1
began=$(date +%s)
stop "$pid"; is "SIGTERM ends it" 0 $?
wait "$asking"
is "in time" yes "$([ $(($(date +%s) - began)) -le 6 ] && echo yes || echo no)"
is "and who waited was told" 503 "$(cat "$tmp/hang.status")"
is "the entry stays" 1 "$("$selfsame" log status "$tmp/hang" --json | jq .size)"

# ---- a crowd that only holds connections ----
cat > "$tmp/idle.py" <<'PY'
import socket, sys, time
held = []
for _ in range(300):
    try:
        held.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5))
    except OSError:
        break
print(len(held), flush=True)
time.sleep(60)
PY
crowd() { # the server at $at has all the connections it takes
    : > "$tmp/held"
    python3 "$tmp/idle.py" "${at##*:}" > "$tmp/held" 2>&1 & idle=$! pids="$pids $!"
    for _ in $(seq 100); do [ -s "$tmp/held" ] && break; sleep 0.1; done
}
"$selfsame" log init "$tmp/few.log" --origin log.example/few > /dev/null
openssl pkey -in "$tmp/ed.pem" -pubout -out "$tmp/few.log/publishers/ed.pem"
serve_few() { # limits of descriptors, soft and hard; log or witness
    : > "$tmp/few.ready"
    (ulimit -S -n "$1" && ulimit -H -n "$2" &&
        exec "$selfsame" "$3" serve "$tmp/few.$3" --listen 127.0.0.1:0 --json > "$tmp/few.ready" 2> "$tmp/few.err") &
    pid=$! pids="$pids $!"
    for _ in $(seq 100); do [ -s "$tmp/few.ready" ] && break; sleep 0.1; done
    at=http://$(jq -r .listen "$tmp/few.ready")
}
serve_few 64 64 log
is "with 64 descriptors it takes fewer connections and says so" 1 \
    "$(grep -c '"warning".*16 connections at once instead of 1024' "$tmp/few.err")"
crowd
for n in 20 21 22; do is "and takes entries beside a crowd" 200 "$(submit $n "$tmp/ed.pem")"; done
is "and is read" 200 "$(get /checkpoint)"
is "it has not stopped" 0 "$(grep -c halted "$tmp/few.err")"
kill "$idle"; stop "$pid"
serve_few 64 4096 log
is "a soft limit is raised" "0 2176" \
    "$(grep -c warning "$tmp/few.err") $(awk '/Max open files/ { print $4 }' "/proc/$pid/limits")"
# A bundle as large as they get, and a crowd that asks for it and does not read.
head -c 16000000 /dev/urandom > "$tmp/few.log/public/tile/entries/005"
is "a large bundle" 200 "$(get /tile/entries/005)"
is "comes whole" "$(sha256sum < "$tmp/few.log/public/tile/entries/005")" "$(sha256sum < "$tmp/got")"
cat > "$tmp/deaf.py" <<'PY'
import socket, sys, time
held = []
for _ in range(100):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"GET /tile/entries/005 HTTP/1.1\r\nHost: x\r\n\r\n")
    held.append(s)
time.sleep(2)
PY
python3 "$tmp/deaf.py" "${at##*:}"
peak=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
is "and takes no memory where nobody reads it" yes "$([ "$peak" -lt 600000 ] && echo yes || echo "$peak kB")"
rm "$tmp/few.log/public/tile/entries/005"
stop "$pid"
expect 0 "all of it agrees" "$selfsame" log check "$tmp/few.log"
said "ok: 3 entries"
"$selfsame" witness init "$tmp/few.witness" --name witness.example/few > /dev/null
serve_few 64 64 witness
is "a witness says so too" 1 "$(grep -c '"warning".*32 connections' "$tmp/few.err")"
crowd
for p in /readyz /metrics; do is "and answers beside a crowd" 200 "$(get $p)"; done
kill "$idle"; stop "$pid"

# ---- without privileges ----
if [ "$(id -u)" = 0 ] && id nobody > /dev/null 2>&1; then
    "$selfsame" log init "$tmp/nobody" --origin log.example/nobody > /dev/null
    chown nobody "$tmp/nobody" "$tmp/nobody/state.sqlite" "$tmp/nobody/staged" "$tmp/nobody/lock" "$tmp/nobody/public"
    openssl pkey -in "$tmp/ed.pem" -pubout -out "$tmp/nobody/publishers/ed.pem"
    serve_as() { "$selfsame" log serve "$tmp/nobody" --listen 127.0.0.1:0 --user nobody --json > "$tmp/n.ready" & pid=$!; }
    serve_as; pids="$pids $pid"
    for _ in $(seq 100); do [ -s "$tmp/n.ready" ] && break; sleep 0.1; done
    at=http://$(jq -r .listen "$tmp/n.ready")
    is "as nobody it takes entries" 200 "$(submit 11 "$tmp/ed.pem")"
    is "and is nobody" "$(id -u nobody)" "$(stat -c %u "/proc/$pid")"
    is "the key stays with root" "0 600" "$(stat -c '%u %a' "$tmp/nobody/log.key")"
    stop "$pid"
else
    skipped "a start as root: this is not root"
fi
finish
