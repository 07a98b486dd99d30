#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame build --tee sgx`, `measure` and `show` of enclaves, `keygen --sgx`.
# shellcheck source=tests/shell.sh
. "${SELFSAME_SOURCE_ROOT:-.}/tests/shell.sh"
umask 022
agent=$build/src/cli/selfsame-agent
[ -x "$agent" ] || agent=$build/src/init/selfsame-init # any static program will do
TMPDIR=$tmp/t; export TMPDIR; mkdir -m 1777 "$TMPDIR"

make_image() { # out, source and flags...
    into=$1; shift
    "$selfsame" build --out "$into" --agent "$agent" "$@"
}
names() { ls "$1" 2> /dev/null | tr '\n' ' ' | sed 's/ $//'; }
member() { # file, Python expression over m
    python3 -c 'import json,sys; m = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}
sum() { sha256sum < "$1" | cut -d' ' -f1; }
mrenclave() { "$selfsame" measure --json "$@" | python3 -c 'import json,sys; print(json.load(sys.stdin)["mrenclave"])'; }
peer() { python3 "$root/tests/gramine_peer.py" "$@"; }

# --- a build
hello=$root/examples/hello
expect 0 "an enclave is built twice" make_image "$tmp/a" "$hello" --tee sgx --twice
said "built twice, same bytes"
said "simulator only"
said "sgx.pal"
is "its files, nothing else" \
    "image.libos image.manifest.sgx image.pal image.rootfs manifest.txt measurements.json statement.json" "$(names "$tmp/a")"
is "it cannot be started, and says so" False "$(member "$tmp/a/measurements.json" 'm["bootable"]')"
is "what is measured is what an independent program computes" "$(peer "$tmp/a/image.manifest.sgx" "$tmp/a/image.pal")" \
    "$(member "$tmp/a/measurements.json" 'm["measurements"][0]["mrenclave"][0]')"
is "and what measure computes" "$(mrenclave "$tmp/a")" "$(member "$tmp/a/measurements.json" 'm["measurements"][0]["mrenclave"][0]')"
is "the statement names it" "intel-sgx $(mrenclave "$tmp/a")" \
    "$(member "$tmp/a/statement.json" '" ".join((m["predicate"]["measurements"][0][k] if k == "tee" else m["predicate"]["measurements"][0][k][0]) for k in ("tee", "mrenclave"))')"
is "every file of it is trusted, and no other" True "$(python3 - "$tmp/a" << 'PY'
import re, sys
text = open(sys.argv[1] + "/image.manifest.sgx").read()
listed = dict(re.findall(r'uri = "file:rootfs/([^"]+)", sha256 = "([0-9a-f]{64})"', text))
there = {}
for line in open(sys.argv[1] + "/manifest.txt"):
    kind, _, _, _, _, digest, path = line.rstrip("\n").split(" ", 6)
    if kind == "f":
        there[path] = digest
print(listed == there)
PY
)"
is "and Gramine's own part by its digest" "$(sum "$tmp/a/image.libos")" \
    "$(sed -n 's/^loader.entrypoint.sha256 = "\(.*\)"$/\1/p' "$tmp/a/image.manifest.sgx")"

# --- links: Gramine opens files by the names that programs say
mkdir -p "$tmp/src/usr/lib/deep" "$tmp/src/etc"
echo one > "$tmp/src/usr/lib/a.so.1"; ln -s a.so.1 "$tmp/src/usr/lib/a.so"
echo "the second file" > "$tmp/src/usr/lib/deep/b"; ln -s usr/lib "$tmp/src/lib"
ln -s ../lib/deep/b "$tmp/src/etc/b"; ln -s /nowhere "$tmp/src/etc/gone"; ln -s loop "$tmp/src/etc/loop"
printf '#!' > "$tmp/src/app"; chmod +x "$tmp/src/app"
echo '{"selfsame_recipe": 1, "entrypoint": ["/app"]}' > "$tmp/r.json"
expect 0 "a tree with links" make_image "$tmp/l" "$tmp/src" --recipe "$tmp/r.json" --tee sgx
is "names of links are there as well" \
    "app etc/b init lib/a.so lib/a.so.1 lib/deep/b selfsame/run usr/lib/a.so usr/lib/a.so.1 usr/lib/deep/b" \
    "$(sed -n 's/.*uri = "file:rootfs\/\([^"]*\)".*/\1/p' "$tmp/l/image.manifest.sgx" | grep -v "^etc/[hmr]" | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
is "with the contents they lead to" 3 "$(grep -c "$(sum "$tmp/src/usr/lib/deep/b")" "$tmp/l/image.manifest.sgx")"

# --- Gramine named by the recipe
expect 0 "a libpal of all kinds of segments" peer --pal "$tmp/pal.so"
echo libsysdb > "$tmp/libos.so"
recipe() { # members of "sgx"
    cat > "$tmp/r.json" << JSON
{ "selfsame_recipe": 1, "tee": ["sgx"], "entrypoint": ["/app"], "sgx": { $1 } }
JSON
}
entry() { echo "{\"file\":\"$1\",\"sha256\":\"$(sum "$tmp/$1")\"}"; }
gramine="\"pal\":$(entry pal.so),\"libos\":$(entry libos.so)"
recipe "$gramine,\"enclave_size\":\"1G\",\"threads\":3,\"isv_prod_id\":7,\"isv_svn\":9"
expect 0 "with a recipe" make_image "$tmp/g" "$tmp/src" --recipe "$tmp/r.json" --twice
is "it can be started" True "$(member "$tmp/g/measurements.json" 'm["bootable"]')"
is "libpal is the recipe's" "$(sum "$tmp/pal.so")" "$(sum "$tmp/g/image.pal")"
is "it is measured" "$(peer "$tmp/g/image.manifest.sgx" "$tmp/pal.so")" "$(mrenclave "$tmp/g")"
recipe "$gramine,\"enclave_size\":\"1G\",\"threads\":3,\"edmm\":true"
expect 0 "with memory that grows" make_image "$tmp/e" "$tmp/src" --recipe "$tmp/r.json"
is "it is measured without its heap" "$(peer "$tmp/e/image.manifest.sgx" "$tmp/pal.so")" "$(mrenclave "$tmp/e")"
bad() { # status, what, members, words
    recipe "$3"
    expect "$1" "$2" make_image "$tmp/x/y" "$tmp/src" --recipe "$tmp/r.json"
    said "$4"
    is "nothing of it stays" "" "$(ls -d "$tmp/x" 2> /dev/null)"
}
bad 19 "a libpal with another digest" "\"pal\":{\"file\":\"pal.so\",\"sha256\":\"$(sum "$tmp/libos.so")\"}" "expected the libpal.so sha256"
bad 10 "a libpal that is none" "\"pal\":$(entry libos.so)" "libpal"
bad 2 "an enclave without room for its threads" "$gramine,\"enclave_size\":\"1M\"" "expected room for"
bad 2 "a size that is no power of two" "\"enclave_size\":\"100M\"" "sgx.enclave_size"
bad 2 "no threads" "\"threads\":0" "sgx.threads"
bad 2 "a product id that is too large" "\"isv_prod_id\":65536" "sgx.isv_prod_id"
bad 2 "an unknown member" "\"heap\":1" "sgx.heap"
expect 2 "a kernel for an enclave" make_image "$tmp/x" "$tmp/src" --recipe "$tmp/r.json" --kernel "$tmp/pal.so"
expect 11 "another processor" make_image "$tmp/x" "$tmp/src" --tee sgx --platform linux/arm64 --init /bin/true -- /app

# --- what was built is what is measured
cp -r "$tmp/g" "$tmp/h"
printf x | dd of="$tmp/h/image.rootfs" bs=1 seek="$(grep -abo "the second file" "$tmp/h/image.rootfs" | head -1 | cut -d: -f1)" conv=notrunc 2> /dev/null
expect 19 "a file that was changed" "$selfsame" measure "$tmp/h"
said "usr/lib/deep/b"
cp "$tmp/g/image.rootfs" "$tmp/h/"; echo other > "$tmp/h/image.libos"
expect 19 "another libsysdb" "$selfsame" measure "$tmp/h"
expect 0 "a build equals itself" "$selfsame" diff "$tmp/g" "$tmp/g"

# --- signed
expect 0 "a key" "$selfsame" keygen --sgx --out "$tmp/key"
is "names its signer" 1 "$("$selfsame" show "$tmp/key.pub" | grep -c 'public key')"
expect 2 "a key is not replaced" "$selfsame" keygen --sgx --out "$tmp/key"
expect 2 "a log has no such key" "$selfsame" keygen --sgx --name log --out "$tmp/key2"
expect 0 "an enclave is signed" "$selfsame" measure "$tmp/g" --sgx-key "$tmp/key" --date 2026-01-31
said "mrsigner"
said "isv_prod_id 7"
is "for Gramine" 1808 "$(wc -c < "$tmp/g/image.sig")"
cp "$tmp/g/image.sig" "$tmp/sig"
expect 0 "and again, by time stamp" env SOURCE_DATE_EPOCH=1769817600 "$selfsame" measure "$tmp/g" --sgx-key "$tmp/key"
is "the same bytes" "$(sum "$tmp/sig")" "$(sum "$tmp/g/image.sig")"
expect 0 "it is checked from then on" "$selfsame" measure "$tmp/g"
said "isv_svn     9"
expect 0 "shown" "$selfsame" show "$tmp/sig"
said "signature_holds yes"
said "2026-01-31"
cp "$tmp/sig" "$tmp/e/image.sig"
expect 19 "one of another enclave" "$selfsame" measure "$tmp/e"
printf x | dd of="$tmp/sig" bs=1 seek=1000 conv=notrunc 2> /dev/null
expect 10 "a changed one" "$selfsame" measure "$tmp/g" --tee sgx --sig "$tmp/sig"
expect 2 "a date that is none" "$selfsame" measure "$tmp/g" --sgx-key "$tmp/key" --date 2026-02-30
expect 2 "a year with a sign" "$selfsame" measure "$tmp/g" --sgx-key "$tmp/key" --date +026-02-28
expect 2 "numbers that the manifest says" "$selfsame" measure "$tmp/g" --sgx-key "$tmp/key" --isv-svn 3
"$selfsame" keygen --out "$tmp/ed" > /dev/null
expect 11 "a key that signs no enclaves" "$selfsame" measure "$tmp/g" --sgx-key "$tmp/ed"

# --- other people's enclaves
expect 2 "a manifest alone" "$selfsame" measure --tee sgx "$tmp/g/image.manifest.sgx"
expect 0 "with its libpal" "$selfsame" measure "$tmp/g/image.manifest.sgx" --pal "$tmp/pal.so" --sig "$tmp/g/image.sig"
said "mrsigner"
expect 0 "a manifest is shown" "$selfsame" show "$tmp/g/image.manifest.sgx"
said "file:rootfs/usr/lib/deep/b"
python3 - "$tmp/one.sgxs" << 'PY'
import struct, sys
data = struct.pack("<8sIQ44x", b"ECREATE", 1, 0x2000) + struct.pack("<8sQQ40x", b"EADD", 0, 0x100)
for at in range(0, 0x1000, 256):
    data += struct.pack("<8sQ48x", b"EEXTEND", at) + bytes(256)
open(sys.argv[1], "wb").write(data)
PY
is "a stream is its own SHA-256" "$(sum "$tmp/one.sgxs")" "$(mrenclave "$tmp/one.sgxs")"
expect 0 "and signed" "$selfsame" measure "$tmp/one.sgxs" --sgx-key "$tmp/key" --sig "$tmp/one.sig" --isv-prod-id 5 --isv-svn 6
said "isv_svn     6"
expect 0 "and shown" "$selfsame" show "$tmp/one.sgxs"
said "measured_bytes 4096"

# --- hardware
expect 3 "there is no SGX here" "$selfsame" run --tee sgx "$tmp/a"
said "cannot start an enclave of SGX here"
# ---- slips of the finger ----
cp -r "$tmp/g" "$tmp/slip"
expect 2 "a SIGSTRUCT replaces no file of another kind" "$selfsame" measure "$tmp/slip" --sgx-key "$tmp/key" \
    --sig "$tmp/slip/image.manifest.sgx"
is "and the manifest is as it was" "$(cat "$tmp/g/image.manifest.sgx")" "$(cat "$tmp/slip/image.manifest.sgx")"
echo 'sgx.file_check_policy = "allow_all_but_log"' >> "$tmp/slip/image.manifest.sgx"
expect 0 "show says that every file may be opened" "$selfsame" show "$tmp/slip/image.manifest.sgx"
said "allow_all_but_log"
finish
