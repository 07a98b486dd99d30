#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The verifier service fetches what evidence does not carry: once for all, within bounds, kept over restarts, and stale
# only where the tenant says so.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
. "$(dirname "$0")/vendors_world.sh"
server=0; cleanup() { [ "$server" != 0 ] && kill "$server" 2> /dev/null; vendors_stop; wait; }

world_init
vendors_init
vendors_start
for t in snp tdx sgx; do
    echo "{\"selfsame_policy\":1,\"tee\":{\"$t\":{}},\"freshness\":{\"nonce\":true},\"binding\":\"key\",\"insecure\":[\"simulated\",\"any-measurement\"]}" \
        > "$tmp/$t.json"
    "$selfsame" verifier policy set "$dir" default $t "$tmp/$t.json" > /dev/null || not_ok "verifier policy set $t"
done
settings() { # of "collateral"
    python3 - "$dir/verifier.json" "$1" <<'PY'
import json, sys
s = json.load(open(sys.argv[1]))
s["collateral"] = json.loads(sys.argv[2])
json.dump(s, open(sys.argv[1], "w"))
PY
}
origins="{\"https://kdsintf.amd.com\":\"$vendor\",\"https://api.trustedservices.intel.com\":\"$vendor\",\"https://certificates.trustedservices.intel.com\":\"$vendor\"}"
fetching() { settings "{\"fetch\":true,\"pace_ms\":20,\"origins\":$origins$1}"; }
# The same evidence again and again, as a relying party with a nonce of its own may send it: each run of the simulator
# makes another chip.
nonce=$(printf '%s' 0123456789abcdef | base64 | tr '+/' '-_' | tr -d =)
for t in snp tdx sgx; do vendors_evidence $t "$(nonce_hex "$nonce")" "$tmp/pub.pem" "$tmp/$t.evidence"; done
key=$relying
judge() { # TEE: $status, $class
    cp "$tmp/$1.evidence" "$tmp/evidence"
    ask_verify "policy=$1&nonce=$nonce&key=$key64"
    class=$([ "$status" = 200 ] && claim verdict_class)
}

# ---- without it ----
settings '{}'
world_serve
judge snp
is "without fetching evidence that lacks its chain is refused" "200 bad-chain" "$status $class"
is "and nobody is asked" 0 "$(vendors_asked)"
world_stop

# ---- with it ----
fetching ''
world_serve
for t in snp tdx sgx; do
    vendors_mode ok
    judge $t
    is "what $t lacks is fetched while it waits" "200 ok" "$status $class"
    is "as far as it is not there" "$([ $t = snp ] && echo 3 || { [ $t = tdx ] && echo 4; } || echo 2)" "$(vendors_asked)"
    vendors_mode 500
    judge $t
    is "the next one of $t has it" "200 ok" "$status $class"
    is "without asking" 0 "$(vendors_asked)"
done
world_stop

# ---- kept ----
vendors_mode 500
world_serve
for t in snp tdx sgx; do judge $t; is "after a restart $t is judged without a vendor" "200 ok" "$status $class"; done
is "and without asking" 0 "$(vendors_asked)"
kill -9 "$server"; wait "$server" 2> /dev/null
world_serve
judge tdx
is "after kill -9 as well" "200 ok" "$status $class"
world_stop
is "the cache is for its owner alone" "700 600" "$(stat -c %a "$dir/collateral") $(stat -c %a "$dir/collateral"/* | sort -u)"
mv "$dir/collateral" "$tmp/kept"
settings '{"fetch":false}'
world_serve
judge tdx
is "without what was kept it is refused" "200 revoked" "$status $class"
cp -r "$tmp/kept/." "$dir/collateral"
judge tdx
is "and what is put there by hand is found while it runs" "200 ok" "$status $class"
world_stop

# ---- one request for all ----
rm -rf "$dir/collateral"
fetching ',"wait_ms":5000'
vendors_mode slow
world_serve
all=
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    curl -s -m 30 -H "Authorization: Bearer $key" -H "Content-Type: application/octet-stream" --data-binary "@$tmp/snp.evidence" \
        "http://$at/v1/verify?policy=snp&nonce=$nonce&key=$key64" > "$tmp/token.$i" & all="$all $!"
done
sleep 0.3
began=$(($(date +%s%N) / 1000000))
own=$(new_nonce); evidence "$own"; ask_verify "policy=web&nonce=$own&key=$key64"
took=$(($(date +%s%N) / 1000000 - began))
is "meanwhile others are served" "200 ok" "$status $(claim verdict_class)"
is "without waiting for the vendor" yes "$([ $took -lt 5000 ] && echo yes || echo "no, $took ms")"
# shellcheck disable=SC2086
wait $all
good=0; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do [ "$(jwt_claim "$(cat "$tmp/token.$i")" verdict_class)" = ok ] && good=$((good + 1)); done
is "some waited, all others have a verdict" yes "$([ $good -ge 4 ] && echo yes || echo "no, $good")"
is "with one request for each piece" 3 "$(vendors_asked)"
judge snp
is "and then all are good" "200 ok" "$status $class"
world_stop

# ---- vendors that misbehave ----
fetching ',"wait_ms":1000'
for m in 500 page garbage big cut 429 none hang drip; do
    rm -rf "$dir/collateral"; vendors_mode $m
    world_serve
    began=$(($(date +%s%N) / 1000000))
    judge snp
    took=$(($(date +%s%N) / 1000000 - began))
    is "a vendor that does $m: a verdict all the same" "200 bad-chain" "$status $class"
    is "within bounds" yes "$([ $took -lt 10000 ] && echo yes || echo "no, $took ms")"
    is "nothing of it is kept ($m)" 0 "$(ls "$dir/collateral" | grep -vc lock)"
    before=$(vendors_asked)
    judge snp
    case $m in none | 429 | 500 | page) is "and it is not asked again at once ($m)" "$before" "$(vendors_asked)" ;; esac
    began=$(date +%s); world_stop
    is "it ends without waiting for it ($m)" yes "$([ $(($(date +%s) - began)) -lt 8 ] && echo yes || echo no)"
done

# ---- stale ----
rm -rf "$dir/collateral"
ago=$(($(date +%s) - 29 * 86400 - 43200))
for t in tdx; do rm -rf "$vendors/$t"; "$sim" collateral --tee $t --out "$vendors/$t" --at "$ago" 2> /dev/null; done
vendors_mode ok
world_serve
judge tdx
is "what has ended is no longer good" 200 "$status"
is "so it is refused" yes "$([ "$class" != ok ] && echo yes || echo "no, $class")"
world_stop
vendors_mode 500
world_serve
judge tdx
is "also while the vendor fails" yes "$([ "$class" != ok ] && echo yes || echo "no, $class")"
python3 -c '
import json, sys
json.dump(json.loads(sys.argv[1]) | {"stale_collateral_s": 2592000}, open(sys.argv[2], "w"))' \
    "$("$selfsame" verifier tenant show "$dir" default --json)" "$tmp/tenant.json" || not_ok "verifier tenant show"
expect 0 "a tenant that takes what ended lately" "$selfsame" verifier tenant set "$dir" default "$tmp/tenant.json"
sleep 1.5
judge tdx
is "a tenant may allow it" "ok warning" "$class $(claim ear_status)"
is "the verdict says as of when" yes "$(claim as_of > /dev/null 2>&1 && echo yes || echo no)"
vendors_mode ok
for t in tdx; do rm -rf "$vendors/$t"; "$sim" collateral --tee $t --out "$vendors/$t" 2> /dev/null; done
world_stop

# ---- settings ----
for s in '{"origins":{"https://evil.example":"http://127.0.0.1:1"}}' '{"origins":{"https://kdsintf.amd.com":"http://10.0.0.1"}}' \
    '{"origins":{"https://kdsintf.amd.com":"https://a@b"}}' '{"fetch":1}' '{"wait_ms":-1}' '{"wait_ms":9999999}' '{"origins":[]}' \
    '{"refresh_s":0}' '{"more":1}' '{"origin_ca":1}'; do
    settings "$s"
    expect 2 "a setting that is none: $s" timeout 10 "$selfsame" verifier serve "$dir" --listen 127.0.0.1:0
done
finish
