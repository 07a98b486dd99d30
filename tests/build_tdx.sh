#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame build --tee tdx`: four files for a TD, beside or instead of others; and what
# `measure` says of them against another implementation.
# shellcheck source=tests/shell.sh
. "${SELFSAME_SOURCE_ROOT:-.}/tests/shell.sh"
umask 022
agent=$build/src/cli/selfsame-agent
[ -x "$agent" ] || agent=$build/src/init/selfsame-init # any static program will do
TMPDIR=$tmp/t; export TMPDIR; mkdir -m 1777 "$TMPDIR"
peer="python3 $root/tests/tdx_peer.py"

make_image() { # out, source and flags...
    into=$1; shift
    "$selfsame" build --out "$into" --agent "$agent" "$@"
}
names() { ls "$1" 2> /dev/null | tr '\n' ' ' | sed 's/ $//'; }
member() { # file, Python expression over m
    python3 -c 'import json,sys; m = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"
}
sum() { sha256sum < "$1" | cut -d' ' -f1; }

hello=$root/examples/hello
expect 0 "a TD is built twice" make_image "$tmp/a" "$hello" --tee tdx --twice
said "built twice, same bytes"
said "simulator only"
is "its files, nothing else" \
    "manifest.txt measurements.json statement.json tdx.cmdline tdx.firmware tdx.initrd tdx.kernel" "$(names "$tmp/a")"
is "it cannot be booted, and says so" False "$(member "$tmp/a/measurements.json" 'm["bootable"]')"
for part in firmware kernel initrd cmdline; do
    is "the digest of tdx.$part" "$(sum "$tmp/a/tdx.$part") $(wc -c < "$tmp/a/tdx.$part")" \
        "$(member "$tmp/a/measurements.json" "m['parts']['tdx.$part']['sha256'] + ' ' + str(m['parts']['tdx.$part']['size'])")"
done
is "a shape for each way it may be measured" 8 \
    "$(member "$tmp/a/measurements.json" 'len(set((s["vmm"], s["memory_mib"], s["pages"], s["kernel_as"], s["separator"]) for s in m["shapes"]))')"
is "whose values are those of the entry for policies" True "$(member "$tmp/a/measurements.json" \
    'm["measurements"] == [{"tee": "tdx", "mrtd": list(dict.fromkeys(s["mrtd"] for s in m["shapes"])), "rtmr": {r: list(dict.fromkeys(s["rtmr"][r] for s in m["shapes"])) for r in "12"}}]')"
is "two, four, one" "2 4 1" \
    "$(member "$tmp/a/measurements.json" '" ".join(str(len(x)) for e in m["measurements"] for x in (e["mrtd"], e["rtmr"]["1"], e["rtmr"]["2"]))')"
is "and of the statement" True "$(python3 - "$tmp/a" <<'PY'
import json, sys
m = json.load(open(sys.argv[1] + "/measurements.json"))
text = open(sys.argv[1] + "/statement.json").read()
s = json.loads(text)
one, = s["predicate"]["measurements"]
entry, = m["measurements"]
print(json.dumps(s, sort_keys=True, separators=(",", ":")) == text and one["tee"] == "intel-tdx" and
      one["require"] == {"debug": False} and one["mrtd"] == entry["mrtd"] and one["rtmr"] == entry["rtmr"] and
      [x["name"] for x in s["subject"]] == ["tdx.firmware", "tdx.kernel", "tdx.initrd", "tdx.cmdline", "manifest.txt"])
PY
)"

# --- beside others
expect 0 "a machine for SEV-SNP" make_image "$tmp/n" "$hello" --tee snp
expect 0 "all in one go" make_image "$tmp/b" "$hello" --tee nitro,snp,tdx
for part in firmware kernel initrd cmdline; do
    is "tdx.$part is the same" "$(sum "$tmp/a/tdx.$part")" "$(sum "$tmp/b/tdx.$part")"
    is "image.$part is the same" "$(sum "$tmp/n/image.$part")" "$(sum "$tmp/b/image.$part")"
done
is "an entry for each" "nitro snp tdx" "$(member "$tmp/b/measurements.json" '" ".join(x["tee"] for x in m["measurements"])')"
expect 0 "a build equals itself" "$selfsame" diff "$tmp/b" "$tmp/b"
expect 0 "then the enclave alone, into the same directory" make_image "$tmp/b" "$hello"
is "no file of the other build stays" "image.eif manifest.txt measurements.json statement.json" "$(names "$tmp/b")"

# --- a recipe, and another implementation of every value
mkdir "$tmp/src"; echo app > "$tmp/src/app"
for seed in 1 2; do
    $peer firmware "$tmp/f$seed" $seed && $peer kernel "$tmp/k$seed" $seed
done
head -c 300 /dev/urandom > "$tmp/loader"; head -c 36 /dev/urandom > "$tmp/rsdp"; head -c 5000 /dev/urandom > "$tmp/tables"
entry() { echo "{\"file\":\"$1\",\"sha256\":\"$(sum "$tmp/$1")\"}"; }
recipe() { # members of tdx
    echo "{\"selfsame_recipe\":1,\"tee\":[\"tdx\"],\"files\":{\"/app\":{\"from\":\"app\"}},\"entrypoint\":[\"/app\"],\"tdx\":{$1}}" > "$tmp/r.json"
}
compare() { # directory; every shape that `measure` lists against the peer
    "$selfsame" measure "$1" --tee tdx --memory 1024,2048,2816,65536 --json \
        --acpi-loader "$tmp/loader" --acpi-rsdp "$tmp/rsdp" --acpi-tables "$tmp/tables" > "$tmp/m.json" &&
    python3 - "$tmp/m.json" "$root/tests/tdx_peer.py" "$1" "$tmp/loader" "$tmp/rsdp" "$tmp/tables" <<'PY'
import json, subprocess, sys
shapes = json.load(open(sys.argv[1]))["shapes"]
good = 0
for s in shapes:
    told = subprocess.run([sys.executable, sys.argv[2], "measure", sys.argv[3], str(s["memory_mib"]), s["pages"],
                           s["kernel_as"], s["separator"]] + sys.argv[4:], capture_output=True, text=True, check=True)
    ours = "mrtd %s\n" % s["mrtd"] + "".join("rtmr.%s %s\n" % x for x in sorted(s["rtmr"].items()))
    good += told.stdout == ours
print(good, "of", len(shapes))
PY
}
for seed in 1 2; do
    recipe "\"kernel\":$(entry k$seed),\"firmware\":$(entry f$seed),\"cmdline\":\"quiet\",\"shapes\":[{\"vmm\":\"qemu\",\"memory_mib\":[1024,4096],\"pages\":[\"one-pass\"],\"kernel_as\":[\"patched\"],\"separator\":[\"rtmr0\"]}]"
    expect 0 "a TD with everything ($seed)" make_image "$tmp/w$seed" "$tmp/src" --recipe "$tmp/r.json" --twice
    is "can be booted" True "$(member "$tmp/w$seed/measurements.json" 'm["bootable"]')"
    is "names its inputs" "$(sum "$tmp/f$seed") $(sum "$tmp/k$seed")" \
        "$(member "$tmp/w$seed/measurements.json" '" ".join(m["inputs"]["tdx"][x] for x in ("firmware", "kernel"))')"
    is "one shape for each size" "1024 4096" "$(member "$tmp/w$seed/measurements.json" '" ".join(str(s["memory_mib"]) for s in m["shapes"])')"
    is "every value is the peer's" "32 of 32" "$(compare "$tmp/w$seed")"
done
is "and those of the simulator's image" "32 of 32" "$(compare "$tmp/a")"
expect 0 "without a word about the machine" "$selfsame" measure "$tmp/w1" --json
is "it is measured as it was built" True "$(python3 -c '
import json, sys
m, built = json.loads(sys.stdin.read().splitlines()[0]), json.load(open(sys.argv[1]))
print([dict(x, tee="tdx") for x in m["shapes"]] == built["shapes"])' "$tmp/w1/measurements.json" < "$tmp/out")"
expect 0 "what is left out is said, and why" "$selfsame" measure "$tmp/w1"
said "rtmr.0 is left out: the ACPI tables"
expect 0 "events are listed" "$selfsame" measure "$tmp/w1" --explain
said "event rtmr.1 kernel"
said "section 0  BFV"
expect 0 "a firmware alone" "$selfsame" measure "$tmp/f1" --tee tdx
said "rtmr.1 is left out: there is no kernel"

# --- for people
expect 0 "show knows a firmware of a TD" "$selfsame" show "$tmp/f1"
said "firmware of a TD"
said "0xffffc000"
{ head -c 8388608 /dev/zero; cat "$tmp/f1"; } > "$tmp/large"
expect 0 "also a large one" "$selfsame" show "$tmp/large"

# --- Authenticode by a tool of others
if command -v osslsigncode > /dev/null; then
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=test -days 2 -keyout "$tmp/key" -out "$tmp/cert" 2> /dev/null
    osslsigncode sign -h sha384 -certs "$tmp/cert" -key "$tmp/key" -in "$tmp/k1" -out "$tmp/signed" > /dev/null 2>&1
    theirs=$(osslsigncode verify -in "$tmp/signed" 2>&1 | sed -n 's/^Calculated message digest *: *//p' | head -n 1 | tr A-F a-f | tr -d ' \r')
    for file in k1 signed; do
        "$selfsame" measure "$tmp/f1" --tee tdx --kernel "$tmp/$file" --kernel-as whole --explain --json > "$tmp/e.json"
        is "osslsigncode says the same of $file" "$theirs" \
            "$(member "$tmp/e.json" '[x["sha384"] for x in m["predicted"] if x["what"] == "kernel"][0]')"
    done
    is "and so does the peer" "$theirs" "$($peer authenticode "$tmp/signed")"
else
    echo "skipped: osslsigncode is not installed; the peer alone was compared with"
fi

# --- what is refused
bad() { # status, what, members, words
    recipe "$3"
    expect "$1" "$2" make_image "$tmp/x/y" "$tmp/src" --recipe "$tmp/r.json"
    said "$4"
    is "nothing of it stays" "" "$(ls -d "$tmp/x" 2> /dev/null)"
}
bad 2 "an unknown member" "\"cpu\":1" "tdx.cpu"
bad 2 "a shape without memory" "\"shapes\":[{\"vmm\":\"qemu\"}]" "memory_mib"
bad 2 "too little memory" "\"shapes\":[{\"vmm\":\"qemu\",\"memory_mib\":[1]}]" "from 64"
bad 2 "another VMM" "\"shapes\":[{\"vmm\":\"gce\",\"memory_mib\":[64]}]" "qemu"
bad 2 "an order that there is not" "\"shapes\":[{\"vmm\":\"qemu\",\"memory_mib\":[64],\"pages\":[\"three\"]}]" "two-pass"
bad 2 "no network of that kind" "\"net\":\"ppp\"" "tdx.net"
bad 19 "a firmware with another digest" "\"firmware\":{\"file\":\"f1\",\"sha256\":\"$(sum "$tmp/k1")\"}" "expected the firmware sha256"
"$selfsame" build --out "$tmp/snp" --agent "$agent" --tee snp "$hello" > /dev/null 2>&1
cp "$tmp/snp/image.firmware" "$tmp/noTD"
bad 11 "a firmware without TDX metadata" "\"firmware\":$(entry noTD)" "without"
bzimage kernel > "$tmp/noPE"
bad 11 "a kernel without an EFI stub" "\"kernel\":$(entry noPE)" "measuring for tdx"
expect 2 "one firmware for two TEEs" make_image "$tmp/x" "$tmp/src" --recipe "$tmp/r.json" --tee snp,tdx --firmware "$tmp/f1"
expect 2 "an option of another TEE" "$selfsame" measure "$tmp/w1" --tee tdx --vcpus 2
expect 2 "and the other way" "$selfsame" measure "$tmp/n" --tee snp --memory 2048
expect 2 "ACPI tables of an SNP machine" "$selfsame" measure "$tmp/n" --tee snp --acpi-rsdp "$tmp/rsdp"
recipe "\"cmdline\":\"quiet\""
expect 0 "a command line by option" make_image "$tmp/o" "$tmp/src" --recipe "$tmp/r.json" --kernel "$tmp/k1" --firmware "$tmp/f1" --cmdline "quiet init=/bin/sh"
expect 0 "another one" make_image "$tmp/p" "$tmp/src" --recipe "$tmp/r.json" --kernel "$tmp/k1" --firmware "$tmp/f1"
is "is another rtmr.2 and the same rtmr.1" "False True" "$(python3 -c 'import json,sys
a, b = (json.load(open(x + "/measurements.json"))["measurements"][0]["rtmr"] for x in sys.argv[1:])
print(bool(set(a["2"]) & set(b["2"])), a["1"] == b["1"])' "$tmp/o" "$tmp/p")"
expect 1 "and is named" "$selfsame" diff "$tmp/o" "$tmp/p"
said "tdx.cmdline"
finish
