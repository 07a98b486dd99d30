#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A verifier under load: kill -9, rotation of its keys, replicas that share them. A token
# that a client has is in the audit log, whatever happened since.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
here=$(dirname "$0")
server='' second=''
cleanup() { for p in $server $second; do kill -9 "$p" 2> /dev/null; done; }
world_init
world_serve --quiet
key=$relying
nonce=MDEyMzQ1Njc4OWFiY2RlZg
evidence "$nonce"
query="policy=web&nonce=$nonce&key=$key64&audience=rp"
load() { # SECONDS THREADS [--check]: answers in $tmp/counts, jtis in $tmp/jtis
    python3 "$here/verifier_load.py" "http://$at" "$key" "$tmp/evidence" "$query" "$@" > "$tmp/counts" 2> "$tmp/jtis"
}
count() { sed -n "s/^$1 //p" "$tmp/counts"; }

# ---- kill -9 at any moment ----
for wait in 0.7 1.1 1.6; do
    load 5 4 &
    loading=$!
    sleep $wait
    kill -9 "$server"; wait "$server" 2> /dev/null
    wait "$loading"
    [ "$(count 200)" -gt 20 ] || not_ok "tokens before it was killed: $(cat "$tmp/counts")"
    is "no answer was an error" "" "$(grep -E '^(4|5)' "$tmp/counts")"
    expect 0 "the audit log holds after kill -9" "$selfsame" verifier audit check "$dir"
    "$selfsame" verifier audit show "$dir" --last 100000 | sed 's/.*"token":"\([0-9a-f]*\)".*/\1/' | sort > "$tmp/rows"
    is "every token that a client has is in it" "" "$(sort "$tmp/jtis" | comm -23 - "$tmp/rows")"
    world_serve --quiet
done
expect 0 "and goes on behind it" "$selfsame" verifier audit check "$dir"

# ---- rotation: published before it signs, kept after ----
load 9 4 --check &
loading=$!
sleep 1
"$selfsame" verifier rotate "$dir" --lead 3s > "$tmp/kid" || not_ok "verifier rotate"
wait "$loading"
is "no token was refused" "$(grep -c . "$tmp/jtis")" "$(count good)"
is "though two keys signed" 2 "$(count keys)"
[ "$(count good)" -gt 100 ] || not_ok "tokens in nine seconds: $(cat "$tmp/counts")"

# ---- two replicas ----
one=$at
replica=$tmp/replica
mkdir -m 700 "$replica"
cp -r "$dir/keys" "$dir/nonce.key" "$dir/secrets.key" "$replica/"
python3 -c '
import json, sys
d = json.load(open(sys.argv[1] + "/verifier.json"))
d["registry"] = sys.argv[1] + "/registry.sqlite"
json.dump(d, open(sys.argv[2] + "/verifier.json", "w"))' "$dir" "$replica"
first=$server first_dir=$dir
dir=$replica
world_serve --quiet
second=$server server=$first two=$at
at=$one
key=$attester
nonce=$(new_nonce)
evidence "$nonce"
at=$two
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "one replica takes the other's nonce" 200 "$status"
cp "$tmp/body" "$tmp/token"
kid=$(header kid)
at=$one
get /jwks.json
said_body "$kid"
dir=$first_dir
"$selfsame" verifier policy set "$dir" default shared "$tmp/web.json" > /dev/null
sleep 2
at=$two
nonce=$(new_nonce)
evidence "$nonce"
at=$one
ask_verify "policy=shared&nonce=$nonce&key=$key64"
is "a policy of both at the first" 200 "$status"
at=$two
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=shared&nonce=$nonce&key=$key64"
is "and at the second" 200 "$status"
session new '?policy=web'
location=$(reply_header location)
nonce=$(member nonce)
evidence "$nonce"
at=$one
session_post "$location?key=$key64" application/vnd.attest.nitro+cbor
is "a session that one began goes on at the other" complete "$(member status)"
kill "$second" && wait "$second" 2> /dev/null
second=
at=$one
get /healthz
is "one goes, the other stays" 200 "$status"
world_stop
server=
finish
