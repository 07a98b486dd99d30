#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame build --tee snp`: four files for a machine, beside or instead of an EIF.
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

hello=$root/examples/hello
expect 0 "a machine is built twice" make_image "$tmp/a" "$hello" --tee snp --twice
said "built twice, same bytes"
said "simulator only"
is "its files, nothing else" \
    "image.cmdline image.firmware image.initrd image.kernel manifest.txt measurements.json statement.json" "$(names "$tmp/a")"
is "its command line has no newline" "console=ttyS0 panic=30 reboot=k random.trust_cpu=on random.trust_bootloader=off." \
    "$(cat "$tmp/a/image.cmdline"; echo .)"
is "it cannot be booted, and says so" False "$(member "$tmp/a/measurements.json" 'm["bootable"]')"
is "the firmware that stands in has 4 KiB" 4096 "$(wc -c < "$tmp/a/image.firmware")"
for part in firmware kernel initrd cmdline; do
    is "the digest of image.$part" "$(sum "$tmp/a/image.$part") $(wc -c < "$tmp/a/image.$part")" \
        "$(member "$tmp/a/measurements.json" "m['parts']['$part']['sha256'] + ' ' + str(m['parts']['$part']['size'])")"
done
is "there is no image.eif to speak of" False "$(member "$tmp/a/measurements.json" '"image" in m')"
is "a digest for each usual shape" "qemu 1 EPYC-Milan-v2 0x1, qemu 2 EPYC-Milan-v2 0x1, qemu 4 EPYC-Milan-v2 0x1" \
    "$(member "$tmp/a/measurements.json" '", ".join("%s %d %s %s" % (s["vmm"], s["vcpus"], s["cpu"], s["features"]) for s in m["shapes"])')"
is "which are different" 3 "$(member "$tmp/a/measurements.json" 'len(set(s["measurement"] for s in m["shapes"] if len(s["measurement"]) == 96))')"
is "and those of the entry for policies" True \
    "$(member "$tmp/a/measurements.json" 'm["measurements"] == [{"tee": "snp", "measurement": [s["measurement"] for s in m["shapes"]]}]')"
is "and of the statement" True "$(python3 - "$tmp/a" <<'PY'
import json, sys
m = json.load(open(sys.argv[1] + "/measurements.json"))
text = open(sys.argv[1] + "/statement.json").read()
s = json.loads(text)
one, = s["predicate"]["measurements"]
print(json.dumps(s, sort_keys=True, separators=(",", ":")) == text and one["tee"] == "amd-sev-snp" and
      one["require"] == {"debug": False, "migration": False, "vmpl": [0]} and
      one["launch"] == [{"digest": x["measurement"], "vmm": x["vmm"], "vcpus": x["vcpus"], "vcpuType": x["cpu"],
                         "guestFeatures": int(x["features"], 16)} for x in m["shapes"]] and
      [x["name"] for x in s["subject"]] == ["image.firmware", "image.kernel", "image.initrd", "image.cmdline", "manifest.txt"])
PY
)"

expect 0 "a first policy accepts what was measured" "$selfsame" policy init --measurements "$tmp/a/measurements.json" --out "$tmp/policy.json"
is "and nothing else" "['snp']" "$(member "$tmp/policy.json" 'list(m["tee"])')"

# --- an enclave and a machine in one go
expect 0 "an enclave" make_image "$tmp/n" "$hello" --tee nitro
expect 0 "both in one go" make_image "$tmp/b" "$hello" --tee nitro,snp
is "the enclave is the same" "$(sum "$tmp/n/image.eif")" "$(sum "$tmp/b/image.eif")"
for part in firmware kernel initrd cmdline; do
    is "image.$part is the same" "$(sum "$tmp/a/image.$part")" "$(sum "$tmp/b/image.$part")"
done
is "an entry for each" "nitro snp" "$(member "$tmp/b/measurements.json" '" ".join(x["tee"] for x in m["measurements"])')"
is "the application is the same archive in both" True "$(python3 - "$tmp/b" <<'PY'
import struct, sys
eif = open(sys.argv[1] + "/image.eif", "rb").read()
offset = struct.unpack(">32Q", eif[28:28 + 256])[4]
size = struct.unpack(">32Q", eif[284:284 + 256])[4]
print(open(sys.argv[1] + "/image.initrd", "rb").read().endswith(eif[offset + 12:offset + 12 + size]))
PY
)"
expect 0 "the machine's order is the caller's" make_image "$tmp/c" "$hello" --tee snp,nitro
is "and changes no byte of an image" "$(sum "$tmp/b/image.initrd")" "$(sum "$tmp/c/image.initrd")"
expect 0 "then the enclave alone, into the same directory" make_image "$tmp/c" "$hello"
is "no file of the other build stays" "image.eif manifest.txt measurements.json statement.json" "$(names "$tmp/c")"

# --- a recipe
mkdir "$tmp/src"; echo app > "$tmp/src/app"
bzimage kernel > "$tmp/k"; head -c 4096 "$tmp/a/image.firmware" | sed 's/selfsame/firmware/' > "$tmp/f"
printf '\177ELF one' > "$tmp/one.ko"; printf '\177ELF two' > "$tmp/two.ko"; printf '\3757zXZ' > "$tmp/three.ko"
entry() { echo "{\"file\":\"$1\",\"sha256\":\"$(sum "$tmp/$1")\"}"; }
recipe() { # members of snp
    echo "{\"selfsame_recipe\":1,\"tee\":[\"snp\"],\"files\":{\"/app\":{\"from\":\"app\"}},\"entrypoint\":[\"/app\"],\"snp\":{$1}}" > "$tmp/r.json"
}
whole="\"kernel\":$(entry k),\"firmware\":$(entry f),\"cmdline\":\"quiet\",\"modules\":[$(entry two.ko),$(entry one.ko)]"
recipe "$whole,\"net\":\"10.0.2.15/24 10.0.2.2\",\"shapes\":[{\"vmm\":\"qemu\",\"vcpus\":[1,3],\"cpu\":[\"EPYC-Genoa\"],\"features\":[\"0x1\"]}]"
expect 0 "a machine with everything" make_image "$tmp/w" "$tmp/src" --recipe "$tmp/r.json" --twice
is "can be booted" True "$(member "$tmp/w/measurements.json" 'm["bootable"]')"
is "names its inputs" "$(sum "$tmp/f") $(sum "$tmp/k") $(sum "$tmp/one.ko") $(sum "$tmp/two.ko")" \
    "$(member "$tmp/w/measurements.json" '" ".join([m["inputs"]["snp"][x] for x in ("firmware", "kernel")] + list(m["inputs"]["snp"]["modules"].values()))')"
is "its kernel is unchanged" "$(sum "$tmp/k")" "$(sum "$tmp/w/image.kernel")"
is "its command line is the recipe's" quiet "$(cat "$tmp/w/image.cmdline")"
is "init is told what to load, in this order" \
    "module /selfsame/modules/two.ko|module /selfsame/modules/one.ko|net 10.0.2.15/24 10.0.2.2|" "$(python3 - "$tmp/w/image.initrd" <<'PY'
import sys
b = open(sys.argv[1], "rb").read()
at = b.index(b"module /selfsame")
sys.stdout.write(b[at:b.index(b"\0", at)].decode().replace("\n", "|").split("070701")[0])
PY
)"
is "two shapes" 2 "$(member "$tmp/w/measurements.json" 'len(m["shapes"])')"
bad() { # status, what, members, words
    recipe "$3"
    expect "$1" "$2" make_image "$tmp/x/y" "$tmp/src" --recipe "$tmp/r.json"
    said "$4"
    is "nothing of it stays" "" "$(ls -d "$tmp/x" 2> /dev/null)"
}
bad 11 "a compressed module" "\"modules\":[$(entry three.ko)]" "in ELF"
bad 19 "a module with another digest" "\"modules\":[{\"file\":\"one.ko\",\"sha256\":\"$(sum "$tmp/two.ko")\"}]" "expected the module sha256"
bad 19 "a kernel with another digest" "\"kernel\":{\"file\":\"k\",\"sha256\":\"$(sum "$tmp/f")\"}" "expected the kernel sha256"
echo kernel > "$tmp/noise"
bad 11 "a kernel that is none" "\"kernel\":$(entry noise)" "expected a kernel as a bzImage"
bad 19 "a firmware with another digest" "\"firmware\":{\"file\":\"f\",\"sha256\":\"$(sum "$tmp/k")\"}" "expected the firmware sha256"
bad 3 "a kernel that is not there" "\"kernel\":{\"file\":\"no\",\"sha256\":\"$(sum "$tmp/k")\"}" "cannot open"
echo no table in it > "$tmp/notable"
bad 10 "a firmware that is none" "\"firmware\":$(entry notable)" "measuring for snp"
recipe "\"cmdline\":\"quiet\""
expect 2 "a kernel for two TEEs" make_image "$tmp/x" "$tmp/src" --recipe "$tmp/r.json" --tee nitro,snp --kernel "$tmp/k"
expect 2 "a firmware for an enclave" make_image "$tmp/x" "$tmp/src" --recipe "$tmp/r.json" --tee nitro --firmware "$tmp/f"
expect 2 "nsm.ko for a machine" make_image "$tmp/x" "$tmp/src" --recipe "$tmp/r.json" --nsm "$tmp/one.ko"
expect 2 "a TEE twice" make_image "$tmp/x" "$tmp/src" --recipe "$tmp/r.json" --tee snp,snp
expect 11 "another processor" make_image "$tmp/x" "$tmp/src" --recipe "$tmp/r.json" --platform linux/arm64 --init /bin/true
expect 0 "kernel, firmware and command line by option" make_image "$tmp/o" "$tmp/src" --recipe "$tmp/r.json" \
    --kernel "$tmp/k" --firmware "$tmp/f" --cmdline "quiet"
is "are the same files" "$(sum "$tmp/w/image.kernel") $(sum "$tmp/w/image.firmware")" "$(sum "$tmp/o/image.kernel") $(sum "$tmp/o/image.firmware")"
echo other > "$tmp/quiet"; echo quiet > "$tmp/line" # a text stays a text, whatever lies in the directory
expect 0 "a command line that is a file's name" sh -c 'cd "$1" && shift && "$@"' sh "$tmp" "$(realpath "$selfsame")" build \
    --out "$tmp/o2" --agent "$(realpath "$agent")" "$tmp/src" --recipe "$tmp/r.json" --kernel "$tmp/k" --firmware "$tmp/f" --cmdline quiet
is "is the text" quiet "$(cat "$tmp/o2/image.cmdline")"
expect 0 "a command line out of a file" make_image "$tmp/o3" "$tmp/src" --recipe "$tmp/r.json" --kernel "$tmp/k" --firmware "$tmp/f" --cmdline "@$tmp/line"
is "is what stands there" quiet "$(cat "$tmp/o3/image.cmdline")"
expect 3 "one that is not there" make_image "$tmp/x" "$tmp/src" --recipe "$tmp/r.json" --cmdline "@$tmp/no"
expect 0 "another command line" make_image "$tmp/p" "$tmp/src" --recipe "$tmp/r.json" \
    --kernel "$tmp/k" --firmware "$tmp/f" --cmdline "quiet init=/bin/sh"
is "has another measurement" False "$(python3 -c 'import json,sys
a, b = (json.load(open(x + "/measurements.json")) for x in sys.argv[1:])
print(bool(set(a["measurements"][0]["measurement"]) & set(b["measurements"][0]["measurement"])))' "$tmp/o" "$tmp/p")"

# --- what differs is explained
expect 0 "a build equals itself" "$selfsame" diff "$tmp/a" "$tmp/a"
expect 1 "another command line is named" "$selfsame" diff "$tmp/o" "$tmp/p"
said "section image.cmdline"
echo other > "$tmp/src/app"
expect 0 "another application" make_image "$tmp/q" "$tmp/src" --recipe "$tmp/r.json" --kernel "$tmp/k" --firmware "$tmp/f"
expect 1 "is named in the initrd" "$selfsame" diff "$tmp/o/image.initrd" "$tmp/q/image.initrd"
said "file app"
said "section image.initrd"
expect 0 "an initrd and its manifest agree" "$selfsame" diff "$tmp/o/image.initrd" "$tmp/o/manifest.txt"
expect 1 "an enclave and a machine differ" "$selfsame" diff "$tmp/n" "$tmp/a"
said "section image.firmware: only in B"
expect 3 "a directory without an image or manifest" sh -c 'mkdir "$1" && cp "$2" "$1/" && "$0" diff "$1" "$1"' \
    "$selfsame" "$tmp/empty" "$tmp/a/measurements.json"
finish
