#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What leaves for other programs: COSE receipts of `selfsame log receipt`, and CoRIM.
# shellcheck source=tests/shell.sh
. "${SELFSAME_SOURCE_ROOT:-.}/tests/shell.sh"
peer=$root/tests/export_peer.py
receipt() { "$selfsame" log receipt "$@"; }

# --- receipts of logs of all shapes
for size in 1 2 5 256 257 70000; do
    python3 "$peer" log "$tmp/log$size" "$size" || exit 1
    for index in 0 $((size / 2)) $((size - 1)); do
        expect 0 "entry $index of $size" receipt "$tmp/log$size" --index "$index" --out "$tmp/r" --entry "$tmp/entry"
        expect 0 "another implementation verifies it" python3 "$peer" receipt "$tmp/r" "$tmp/entry" "$index" "$size" "$tmp/log$size"
    done
done
log=$tmp/log257
receipt "$log" --index 7 > "$tmp/piped" 2> "$tmp/err"; is "to standard output" 0 $?
expect 0 "again" receipt "$log" --index 7 --out "$tmp/again" --entry "$tmp/entry"
is "always the same" "$(sha256sum < "$tmp/piped")" "$(sha256sum < "$tmp/again")"
expect 0 "as JSON" receipt "$log" --index 7 --json
said '"index":7,"size":257,"root":"'
is "the same in JSON" "$(sha256sum < "$tmp/again")" "$(python3 -c 'import base64,json,sys
sys.stdout.buffer.write(base64.b64decode(json.load(open(sys.argv[1]))["receipt"]))' "$tmp/out" | sha256sum)"

# --- the other implementation can tell
expect 1 "a receipt of another entry" python3 "$peer" receipt "$tmp/again" "$tmp/entry" 8 257 "$log"
expect 1 "a receipt of another log" python3 "$peer" receipt "$tmp/again" "$tmp/entry" 7 257 "$tmp/log256"
for at in 70 -1; do
    python3 -c 'import sys
b = bytearray(open(sys.argv[1], "rb").read()); b[int(sys.argv[3])] ^= 1; open(sys.argv[2], "wb").write(b)' "$tmp/again" "$tmp/bad" "$at"
    expect 1 "a receipt with a bit flipped at $at" python3 "$peer" receipt "$tmp/bad" "$tmp/entry" 7 257 "$log"
done

# --- logs that are not in order
broken() { rm -rf "$tmp/broken"; cp -r "$log" "$tmp/broken"; }
flip() { printf 'X' | dd of="$tmp/broken/public/$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }
expect 2 "no --index" receipt "$log"
expect 2 "an index past the end" receipt "$log" --index 257 --out "$tmp/r"
expect 2 "an index that is none" receipt "$log" --index -1 --out "$tmp/r"
expect 3 "no log there" receipt "$tmp/nothing" --index 0 --out "$tmp/r"
broken; flip tile/0/000 40; rm -f "$tmp/r"
expect 20 "a hash that is not the entry's" receipt "$tmp/broken" --index 0 --out "$tmp/r"
broken; flip tile/entries/000 5
expect 20 "an entry that is not the logged one" receipt "$tmp/broken" --index 0 --out "$tmp/r"
broken; truncate -s 100 "$tmp/broken/public/tile/0/000"
expect 20 "a tile cut short" receipt "$tmp/broken" --index 0 --out "$tmp/r"
broken; truncate -s 100 "$tmp/broken/public/tile/entries/000"
expect 10 "a bundle cut short" receipt "$tmp/broken" --index 100 --out "$tmp/r"
broken; : > "$tmp/broken/public/tile/entries/000"
expect 20 "a bundle of nothing" receipt "$tmp/broken" --index 0 --out "$tmp/r"
broken; rm "$tmp/broken/public/tile/0/000"
expect 3 "a tile that is missing" receipt "$tmp/broken" --index 0 --out "$tmp/r"
broken; cp "$tmp/log256/public/checkpoint" "$tmp/broken/public/checkpoint"
expect 20 "a checkpoint of another key" receipt "$tmp/broken" --index 0 --out "$tmp/r"
broken; cp "$tmp/log256/log.key" "$tmp/broken/log.key"
expect 20 "the key of another log" receipt "$tmp/broken" --index 0 --out "$tmp/r"
broken; printf 'nonsense\n' > "$tmp/broken/log.vkey"
expect 10 "a verifier key that is none" receipt "$tmp/broken" --index 0 --out "$tmp/r"
broken; printf 'nonsense\n' > "$tmp/broken/public/checkpoint"
expect 10 "a checkpoint that is none" receipt "$tmp/broken" --index 0 --out "$tmp/r"
is "none of these gives a receipt" absent "$([ -e "$tmp/r" ] && echo there || echo absent)"
# While the log grows, a partial tile may be gone and the whole one there.
broken; (cd "$tmp/broken/public/tile/0" && cat 001.p/1 000 | head -c 8192 > 001 && rm -r 001.p)
expect 0 "a tile that is whole by now" receipt "$tmp/broken" --index 0 --out "$tmp/r" --entry "$tmp/entry"
expect 0 "another implementation verifies it" python3 "$peer" receipt "$tmp/r" "$tmp/entry" 0 257 "$log"

# --- CoRIM
corim=$build/tests/export_corim
python3 "$peer" statement "$tmp/statement.json" || exit 1
openssl genpkey -algorithm ed25519 -out "$tmp/key" 2> /dev/null
openssl pkey -in "$tmp/key" -pubout -out "$tmp/key.pub"
expect 0 "a release as CoRIM" "$corim" "$tmp/statement.json" "$tmp/corim"
expect 0 "another implementation reads all of it" python3 "$peer" corim "$tmp/corim" "$tmp/statement.json"
expect 0 "the same, signed" "$corim" "$tmp/statement.json" "$tmp/signed" "$tmp/key"
expect 0 "another implementation verifies and reads it" python3 "$peer" corim "$tmp/signed" "$tmp/statement.json" "$tmp/key.pub"
expect 0 "again" "$corim" "$tmp/statement.json" "$tmp/signed2" "$tmp/key"
is "always the same" "$(sha256sum < "$tmp/signed")" "$(sha256sum < "$tmp/signed2")"
sed 's/"sequence":3/"sequence":4/' "$tmp/statement.json" > "$tmp/other.json"
expect 1 "it is not of another release" python3 "$peer" corim "$tmp/corim" "$tmp/other.json"
sed 's/"vcpus":4/"vcpus":5/' "$tmp/statement.json" > "$tmp/other.json"
expect 0 "one shape differs" "$corim" "$tmp/other.json" "$tmp/other"
is "and so does the CoRIM" differs "$(cmp -s "$tmp/other" "$tmp/corim" && echo same || echo differs)"

# --- what they say, believed or not
shown() { # what, file, jq filter, wanted
    expect 0 "show: $1" "$selfsame" show "$2" --json
    is "show: $1 says" "$4" "$(jq -r "$3" "$tmp/out")"
    expect 0 "show: $1, as text" "$selfsame" show "$2"
}
keyid=$(openssl pkey -pubin -in "$tmp/key.pub" -outform DER | sha256sum | cut -d ' ' -f 1)
shown "a receipt" "$tmp/again" '[.kind, .index, .size, .path] | map(tostring) | join(" ")' "COSE receipt of a log 7 257 9"
shown "a CoRIM" "$tmp/corim" '[.kind, .signed, (.tags | length > 0), (.tags | all(.reference_triples > 0)), .profile] |
    map(tostring) | join(" ")' "CoRIM false true true https://selfsame.dev/corim/tee-release/v1"
is "by its release" "sha256:$(sha256sum < "$tmp/statement.json" | cut -d ' ' -f 1)" "$("$selfsame" show "$tmp/corim" --json | jq -r .id)"
is "for a time" "$(jq -r '.predicate.validity | "\(.notBefore) \(.notAfter)"' "$tmp/statement.json")" \
    "$("$selfsame" show "$tmp/corim" --json | jq -r '"\(.not_before) \(.not_after)"')"
shown "a signed one" "$tmp/signed" '[.kind, .signed, .algorithm, .key_id] | map(tostring) | join(" ")' "CoRIM true -8 $keyid"
is "for whom" "publisher of $(jq -r .predicate.release.name "$tmp/statement.json")" "$("$selfsame" show "$tmp/signed" --json | jq -r .signer)"
for f in again corim signed; do
    for n in 5 20 60; do
        head -c -$n "$tmp/$f" > "$tmp/cut"
        "$selfsame" show "$tmp/cut" > /dev/null 2>&1; s=$?
        case $s in 10|11) ;; *) not_ok "show: $f without its last $n bytes: $s" ;; esac
    done
done
mkdir "$tmp/src"; echo hello > "$tmp/src/data"
cat > "$tmp/src/selfsame.json" <<'JSON'
{"selfsame_recipe":1,"name":"example.com/hello","version":"1.0.0","files":{"/data":{"from":"data"}},"entrypoint":["/data"]}
JSON
expect 0 "a build for two TEEs" "$selfsame" build "$tmp/src" --tee nitro,snp --init "$build/src/init/selfsame-init" --out "$tmp/rel"
printf '{"amd-sev-snp":{"minTcb":{"genoa":{"snp":20}}}}' > "$tmp/require.json"
expect 0 "is published with a CoRIM" "$selfsame" publish "$tmp/rel" --key "$tmp/key" --sign-only --out "$tmp/envelope.json" --corim "$tmp/corim" \
    --sequence 1 --source git+https://git.example/hello --commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904 --require "$tmp/require.json"
python3 -c 'import base64,json,sys; sys.stdout.buffer.write(base64.b64decode(json.load(open(sys.argv[1]))["payload"]))' \
    "$tmp/envelope.json" > "$tmp/payload"
expect 0 "another implementation reads it" python3 "$peer" corim "$tmp/corim" "$tmp/payload" "$tmp/key.pub"
finish
