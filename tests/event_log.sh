#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `show` and `measure --event-log`: event logs against a reader of their own in Python,
# quotes whose registers they replay to, and policies that pin events.
set -u
. "$(dirname "$0")/shell.sh"
peer=$root/tests/event_log_peer.py
python3 "$root/fuzz/seeds.py" "$tmp/seeds" || not_ok "seeds"
seeds=$tmp/seeds/event_log

agree() { # what, file
    python3 "$peer" "$2" > "$tmp/peer.json" || { not_ok "$1: the peer"; return; }
    "$selfsame" show "$2" --json > "$tmp/out" 2> "$tmp/err" || { not_ok "$1: show"; cat "$tmp/err"; return; }
    for of in .padding .rtmr '[.log[] | [.index, .bytes, (.digests | if type == "object" then [.[]] else . end)]]'; do
        is "$1: $(echo "$of" | cut -c1-8)" "$(jq -cS "$of" "$tmp/peer.json" | md5sum)" "$(jq -cS "$of" "$tmp/out" | md5sum)"
    done
    # What is said to be covered is; and no more than the digest is of.
    jq -rn --slurpfile p "$tmp/peer.json" --slurpfile o "$tmp/out" '[range($p[0].log | length) as $i |
        {c: $o[0].log[$i].covered, got: $o[0].log[$i].covered_bytes, want: $p[0].log[$i].covered_bytes, name: $o[0].log[$i].text} |
        select(.c == "covered" and .got != .want and (.name | startswith(".") | not) and .got < .want or
               .c == "covered" and .want == 0 and (.name | startswith(".") | not) or
               .c == "mismatch" or .c != "covered" and .want > 0)] | length' > "$tmp/differ"
    is "$1: what digests cover" 0 "$(cat "$tmp/differ")"
}

for s in grub stub shim two-algorithms; do agree "a log of $s" "$seeds/seed-$s"; done
expect 0 "as text" "$selfsame" show "$seeds/seed-grub"
said "RTMR2 EV_IPL                            covered       "
said "kernel_cmdline: /vmlinuz ro"
said "secure boot    on"
expect 0 "the ACPI table" "$selfsame" show "$seeds/seed-table" --json
is "says where the log is" "tdx 65536" "$(jq -r '[.type, .log_bytes] | join(" ")' "$tmp/out")"
expect 0 "base64 of a log" sh -c 'base64 "$2" > "$3" && "$1" show "$3" --json' sh "$selfsame" "$seeds/seed-grub" "$tmp/b64"
is "is the same log" "event log" "$(jq -r .kind "$tmp/out")"
head -c 700 "$seeds/seed-grub" > "$tmp/cut"
expect 10 "a log that is cut off" "$selfsame" show "$tmp/cut"
said "expected a whole event"

# --- measure
expect 0 "measure" "$selfsame" measure --event-log "$seeds/seed-grub"
said "RTMR0 EV_SEPARATOR"
expect 0 "measure, --json" "$selfsame" measure --tee tdx --event-log "$seeds/seed-grub" --json
is "it lists digests of three registers" "0 1 2" "$(jq -r '.events | keys | join(" ")' "$tmp/out")"
is "each once" true "$(jq '[.events[] | length == (unique | length)] | all' "$tmp/out")"
expect 2 "of another TEE" "$selfsame" measure --tee snp --event-log "$seeds/seed-grub"
expect 2 "with an image and no TEE" "$selfsame" measure --event-log "$seeds/seed-grub" "$tmp/cut"
expect 2 "a quote without a log" "$selfsame" measure --quote "$tmp/cut"
expect 2 "nothing" "$selfsame" measure
expect 3 "a log that is not there" "$selfsame" measure --event-log "$tmp/none"
expect 11 "a file that is no log" "$selfsame" measure --event-log "$seeds/seed-table"
: > "$tmp/empty"
expect 10 "an empty file" "$selfsame" measure --event-log "$tmp/empty"

# --- an image whose events are predicted
maker=$root/tests/event_log_maker.py
python3 "$maker" firmware "$tmp/fw" || not_ok "a firmware"
for i in loader rsdp tables; do echo "$i" > "$tmp/$i"; done
acpi="--acpi-loader $tmp/loader --acpi-rsdp $tmp/rsdp --acpi-tables $tmp/tables"
compare() { # status, what, jq filter over the prediction, options...
    status=$1 what=$2 filter=$3; shift 3
    jq "$filter" "$tmp/predicted.json" | python3 "$maker" log "$tmp/made" || not_ok "$what: the log"
    expect "$status" "$what" "$selfsame" measure --tee tdx "$tmp/fw" --event-log "$tmp/made" --separator rtmr0 --json "$@"
}
# shellcheck disable=SC2086
"$selfsame" measure --tee tdx "$tmp/fw" $acpi --separator rtmr0 --explain --json > "$tmp/predicted.json" || not_ok "a prediction"
# shellcheck disable=SC2086
{
    compare 0 "the events of the image" . $acpi
    is "each is told by name" "TD HOB CFV" "$(jq -r '[.event_log.log[].match] | .[0:2] | join(" ")' "$tmp/out")"
    is "none is missing" "[]" "$(jq -c .event_log.missing "$tmp/out")"
    is "nothing differs" null "$(jq .event_log.differs "$tmp/out")"
    compare 19 "one event less" '.predicted |= del(.[3])' $acpi
    is "it is missing" "RTMR0 PK, not set" "$(jq -r '.event_log.missing[] | .register + " " + .what' "$tmp/out")"
    compare 19 "one more" '.predicted += [.predicted[0]]' $acpi
    is "it is not expected" unexpected "$(jq -r '.event_log.log[-1].match' "$tmp/out")"
    compare 19 "two that are swapped" '.predicted |= [.[1], .[0]] + .[2:]' $acpi
    compare 19 "one of another register" '.predicted[0].claim = "rtmr.1"' $acpi
    compare 19 "a machine of another size" . $acpi --memory 4096
}
compare 0 "a register that is not wholly predicted" .
is "what is not predicted of it is told" 3 "$(jq '[.event_log.log[] | select(.match == "unexpected")] | length' "$tmp/out")"

# --- a simulated machine of that boot
for i in 0 1 2; do
    rtmr="${rtmr:-} --set rtmr.$i=$(python3 "$peer" "$seeds/seed-grub" | jq -r ".rtmr[$i]")"
done
"$sim" collateral --tee tdx --out "$tmp/collateral" > "$tmp/out" 2> "$tmp/err" || not_ok "collateral"
# shellcheck disable=SC2086
"$sim" evidence --tee tdx --nonce 00112233445566778899aabbccddeeff $rtmr --raw --out "$tmp/simulated" || not_ok "a quote"
expect 0 "the log is that of the simulated machine" "$selfsame" measure --event-log "$seeds/seed-grub" \
    --quote "$tmp/simulated" --json
jq '{selfsame_policy: 1, tee: {tdx: {secure_boot: true}}, measurements: [{tee, mrtd, events}],
    freshness: {nonce: true}, binding: "key", insecure: ["simulated", "unbound", "any-age"]}' "$tmp/out" > "$tmp/simulated.json"
pinned() { # status, what, collateral...
    status=$1 what=$2; shift 2
    expect "$status" "$what" "$selfsame" verify "$tmp/simulated" --policy "$tmp/simulated.json" --collateral "$tmp/collateral" "$@"
}
pinned 0 "its events and Secure Boot" --collateral "$seeds/seed-grub"
pinned 19 "without its log"
pinned 19 "with the log of another boot" --collateral "$seeds/seed-stub"
cp "$seeds/seed-grub" "$tmp/collateral/log"
pinned 0 "with the log in the directory of its collateral"

# --- real logs and quotes
real=$shared/tdx/google+go-tdx-guest
if [ ! -d "$shared/tdx" ]; then skipped "real logs: ../shared/vectors is not here"; finish; fi
for f in "$shared"/tdx/*/ccel/CCEL_* "$real/ccel/ccel_data.dat"; do
    case $f in *.json) continue ;; esac
    agree "$(basename "$f")" "$f"
done
log=$real/ccel/ccel_data.dat quote=$real/v4-cos113/quote.dat
expect 0 "a log and its quote" "$selfsame" measure --event-log "$log" --quote "$quote" --json
is "three registers are the same" "same same same not-compared" "$(jq -r '.event_log.quote | join(" ")' "$tmp/out")"
cp "$tmp/out" "$tmp/measured.json"
expect 19 "another quote" "$selfsame" measure --event-log "$log" --quote "$real/v4-spr/quote.dat"
said "the event log does not replay to RTMR0 of the quote"
expect 11 "a quote of SGX" "$selfsame" measure --event-log "$log" --quote \
    "$(find "$shared/sgx" -name quote.dat | sort | head -1)"

# Not the log of the trustee's tests; one event less; one bit of a digest.
policy() { # file, jq filter over the measurement
    jq "{selfsame_policy: 1, tee: {tdx: {}}, measurements: [$2], freshness: {nonce: true}, binding: \"key\",
        insecure: [\"any-age\", \"unbound\", \"any-tcb\", \"no-revocation\"]}" "$tmp/measured.json" > "$tmp/$1"
}
pinned='{tee, mrtd: [.mrtd], events: (.events | {"1", "2"})}'
check() { # status, what, policy, collateral...
    status=$1 what=$2 policy=$tmp/$3; shift 3
    expect "$status" "$what" "$selfsame" verify "$quote" --policy "$policy" --at 2024-09-01T00:00:00Z --json "$@"
}
policy pinned.json "$pinned"
check 0 "events that are pinned" pinned.json --collateral "$log"
is "the claims list them" "16 7 20" "$(jq -r '.claims.events | [.["0"], .["1"], .["2"]] | map(length) | join(" ")' "$tmp/out")"
is "and Secure Boot" false "$(jq .claims.boot.secure_boot "$tmp/out")"
check 19 "no log" pinned.json
said "nothing proves events.1"
check 19 "the log of another boot" pinned.json --collateral "$shared/tdx/confidential-containers+trustee/ccel/CCEL_data_gcp"
said "the event log does not replay to RTMR0"
head -c 18000 "$log" > "$tmp/cut"
check 19 "a log that is cut off" pinned.json --collateral "$tmp/cut"
{ head -c 300 "$log"; printf '\125'; tail -c +302 "$log"; } > "$tmp/changed"
check 19 "a log with another byte in a digest" pinned.json --collateral "$tmp/changed"
policy fewer.json "$pinned | .events[\"1\"] |= .[1:]"
check 19 "an event that is not listed" fewer.json --collateral "$log"
said "first in events.1"
policy more.json "$pinned | .events[\"1\"] += [\"$(printf '%096d' 7)\"]"
check 0 "one that is listed and not there" more.json --collateral "$log"
policy third.json "$pinned | .events[\"3\"] = [\"$(printf '%096d' 7)\"]"
check 19 "a register of which the log has nothing" third.json --collateral "$log"
jq '.tee.tdx.secure_boot = true' "$tmp/pinned.json" > "$tmp/boot.json"
check 21 "Secure Boot that is off" boot.json --collateral "$log"
finish
