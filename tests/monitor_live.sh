#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame monitor` and look-ups beside a log that runs, with two witnesses: what is submitted is told, and a
# log that serves two histories is caught.
set -u
. "$(dirname "$0")/shell.sh"
pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait
}
serve() { # name, command...: $url, $pid
    ready=$tmp/$1.ready; shift
    : > "$ready"
    "$@" --listen 127.0.0.1:0 --json > "$ready" 2> "$ready.err" &
    pid=$! pids="$pids $!"
    for _ in $(seq 200); do [ ! -s "$ready" ] || break; sleep 0.05; done
    url=http://$(jq -r .listen "$ready")
}
ends() { kill "$1"; wait "$1" 2> /dev/null; }
w=$tmp/world log=$tmp/log
"$build/tests/log_maker" "$w" foreign || not_ok "entries are made"
"$selfsame" log init "$log" --origin log.example/live > "$tmp/vkey"
cp "$w/me.pem" "$w/partner.pem" "$w/thief.pem" "$w/rebuilder.pem" "$log/publishers/"
witnesses=
for n in 1 2; do
    "$selfsame" witness init "$tmp/w$n" --name witness.example/w$n > /dev/null
    cp "$log/log.vkey" "$tmp/w$n/logs/"
    serve w$n "$selfsame" witness serve "$tmp/w$n"
    witnesses="${witnesses}witness w$n $(cat "$tmp/w$n/witness.vkey") $url
"
done
printf 'log %s\n%sgroup both all w1 w2\nquorum both\n' "$(cat "$log/log.vkey")" "$witnesses" > "$log/policy.txt"
cp "$log/policy.txt" "$tmp/trust"
serve log "$selfsame" log serve "$log"
logd=$pid at=$url
submit() { curl -s -o "$tmp/proof" -w '%{http_code}' --data-binary "@$w/entries/$1" "$at/add"; }
exec_monitor() { exec "$selfsame" monitor "$@" --publisher "$w/me.pem" --publisher "$w/partner.pem" --rebuilder "$w/rebuilder.pem"; }
monitor() { (exec_monitor "$@" --once); }
events() { jq -r .event "$1" | sort | uniq -c | awk '{ printf "%s %s ", $2, $1 }'; }

# ---- followed while it grows ----
expect 0 "a log without entries" monitor "$at" --trust "$tmp/trust" --state "$tmp/state"
for n in 0 1 2 3; do is "entry $n is taken" 200 "$(submit $n)"; done
: > "$tmp/follow"
(exec_monitor "$at" --trust "$tmp/trust" --state "$tmp/state" --interval 1s --status-page "$tmp/page.html") > "$tmp/follow" 2>&1 &
follower=$! pids="$pids $!"
wait_for() { # text
    for _ in $(seq 150); do grep -q "$1" "$tmp/follow" && break; sleep 0.1; done
    grep -q "$1" "$tmp/follow" && ok "it tells: $1" || { not_ok "it tells: $1"; tail -3 "$tmp/follow"; }
}
wait_for '"result":"identical"'
for n in 4 5; do is "entry $n is taken" 200 "$(submit $n)"; done
wait_for '"event":"index"'
is "the time is that of the witnesses" yes "$(jq -r 'select(.version == "1.1") | if .witnessed then "yes" else "no" end' "$tmp/follow")"
is "no alarm so far" 0 "$(grep -c '"alarm"' "$tmp/follow")"
is "a stranger's entry is taken by the log" 200 "$(submit 6)"
wait_for '"alarm":"foreign"'
kill "$follower"; wait "$follower"; is "and by nobody else" 20 $?
is "the page tells it" 1 "$(grep -c 'not signed by a key of the publisher' "$tmp/page.html")"
expect 20 "the directory says the same" monitor "$log" --trust "$tmp/trust" --state "$tmp/state2"
is "event by event" "$(events "$tmp/out" | sed 's/checkpoint [0-9]* //')" "$(events "$tmp/follow" | sed 's/checkpoint [0-9]* //')"

# ---- look-ups ----
pcr=$(printf '%96s' '' | sed 's/ /1/g')
for _ in $(seq 100); do
    curl -s -o "$tmp/answer" "$at/lookup?measurement=$pcr"
    [ "$(jq .size "$tmp/answer")" = 7 ] && break
    sleep 0.1
done
is "the log answers by measurement" "1.0 leaks <keys> 1.1" \
    "$(jq -r '.releases[0] | "\(.version) \(.revoked.reason) \(.superseded_by[0].version)"' "$tmp/answer")"
expect 0 "so does the tool, which believes tiles alone" "$selfsame" log lookup "$at" --trust "$tmp/trust" --measurement "$pcr" --json
bare() { jq -S 'del(.. | .witnessed?)' "$1"; }
is "with the same words" "$(bare "$tmp/answer")" "$(bare "$tmp/out")"
is "what is no query" 400 "$(curl -s -o "$tmp/answer" -w '%{http_code}' "$at/lookup?measurement=xyz")"
is "what no release has" '[]' "$(curl -s "$at/lookup?name=example.com/none" | jq -c .releases)"

# ---- two histories ----
ends "$logd"
printf 'log %s\nquorum none\n' "$(cat "$log/log.vkey")" > "$tmp/alone"
cp -r "$log" "$tmp/other"; cp "$tmp/alone" "$tmp/other/policy.txt"; cp "$tmp/alone" "$log/policy.txt"
"$build/tests/log_maker" "$w" different
serve log "$selfsame" log serve "$log"
logd=$pid at=$url
is "one history goes on" 200 "$(submit 6)"
expect 20 "and is followed" monitor "$at" --trust "$tmp/alone" --state "$tmp/state3"
ends "$logd"
"$build/tests/log_maker" "$w" duplicate
serve other "$selfsame" log serve "$tmp/other"
at=$url
is "so does the other" 200 "$(submit 6)"
expect 20 "the fork is seen" monitor "$at" --trust "$tmp/alone" --state "$tmp/state3"
is "as one" fork "$(jq -r .alarm "$tmp/out")"
is "and two notes of one size prove it" "8 8" "$(for f in "$tmp/state3.forks"/*; do sed -n 2p "$f"; done | xargs)"
expect 20 "witnesses signed neither" monitor "$at" --trust "$tmp/trust" --state "$tmp/state"
said '"alarm":"checkpoint"'
finish
