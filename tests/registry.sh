#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The registry's suite against a real PostgreSQL server, and a verifier that goes on while
# the server is away.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/postgres.sh"
. "$(dirname "$0")/verifier_world.sh"

if pg_missing; then
    skipped "PostgreSQL is not installed: the registry was tested on SQLite alone"
    finish
fi
stopped=
cleanup() { for c in $stopped; do kill -CONT "$c" 2> /dev/null; done; [ -n "${server:-}" ] && kill "$server" 2> /dev/null; pg_stop; }
pg_init
pg_start
expect 0 "the suite on PostgreSQL" env SELFSAME_POSTGRES="$pg_url" "$build/tests/store_registry_test"
said "[  PASSED  ]"

# ---- a verifier with it ----
registry=$pg_url
world_init
world_serve
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "a verdict with policies of PostgreSQL" warning "$(claim ear_status)"

policy_text ',"insecure":["simulated"],"$comment":1' > "$tmp/bad.json"
expect 2 "a policy that does not hold is refused" "$selfsame" verifier policy set "$dir" default bad "$tmp/bad.json"
"$selfsame" verifier policy set "$dir" default later "$tmp/web.json" > /dev/null
sleep 2
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=later&nonce=$nonce&key=$key64"
is "a policy of another process holds within two seconds" 200 "$status"

# ---- the server goes away under load, and comes back ----
(
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        nonce=$(new_nonce) && evidence "$nonce" && ask_verify "policy=web&nonce=$nonce&key=$key64"
        echo "$status"
        sleep 0.1
    done
) > "$tmp/load" &
load=$!
sleep 0.5
pg_stop INT
wait "$load"
is "verification went on without the database" "20 200" "$(sort "$tmp/load" | uniq -c | tr -s ' ' | sed 's/^ //')"
expect 3 "what needs it says so" "$selfsame" verifier policy list "$dir" default
pg_start
sleep 3
"$selfsame" verifier policy set "$dir" default again "$tmp/web.json" > /dev/null || not_ok "verifier policy set after a restart"
sleep 2
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=again&nonce=$nonce&key=$key64"
is "and changes are seen again" 200 "$status"

# ---- a server that is there and silent is left for another connection ----
for c in $(cat "/proc/$pg_pid/task/$pg_pid/children"); do
    if tr '\0' ' ' < "/proc/$c/cmdline" | grep -q 'pgtest selfsame'; then kill -STOP "$c" && stopped="$stopped $c"; fi
done
is "the service's connections are silent" yes "$([ -n "$stopped" ] && echo yes)"
"$selfsame" verifier policy set "$dir" default past "$tmp/web.json" > /dev/null || not_ok "verifier policy set beside a silent connection"
for i in $(seq 1 40); do
    sleep 1
    nonce=$(new_nonce)
    evidence "$nonce"
    ask_verify "policy=past&nonce=$nonce&key=$key64"
    [ "$status" -eq 200 ] && break
done
is "the service found another connection" 200 "$status"
for c in $stopped; do kill -CONT "$c" 2> /dev/null; done
stopped=
world_stop
finish
