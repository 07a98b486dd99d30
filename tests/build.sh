#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame build` and `selfsame diff`: every kind of source, the same bytes, bad input.
# shellcheck source=tests/shell.sh
. "${SELFSAME_SOURCE_ROOT:-.}/tests/shell.sh"
umask 022
init=$build/src/init/selfsame-init
# A stand-in where the agent is not built: any static program.
agent=$build/src/cli/selfsame-agent
[ -x "$agent" ] || agent=$init

make_image() { # out, source and flags...
    into=$1; shift
    "$selfsame" build --out "$into" --agent "$agent" "$@"
}
tree() { grep -v ' selfsame/run$' "$1/manifest.txt" | sha256sum; }
image() { sha256sum < "$1/image.eif"; }
leftovers() { # nothing half written, nothing forgotten
    find "$1" "$TMPDIR" -name '*.part' -o -name 'selfsame-build-*' 2>/dev/null | wc -l
}
TMPDIR=$tmp/t; export TMPDIR; mkdir -m 1777 "$TMPDIR"
python3 "$root/tests/image_maker.py" "$tmp/img" || exit 1
good=$tmp/img/good bad_dir=$tmp/img/bad

# --- one source tree, many circumstances
hello=$tmp/hello; cp -r "$root/examples/hello" "$hello"
expect 0 "examples/hello is built twice" make_image "$tmp/h1" "$hello" --twice
said "built twice, same bytes"
said "simulator only"
is "four files, nothing else" "image.eif manifest.txt measurements.json statement.json" \
    "$(ls "$tmp/h1" | tr '\n' ' ' | sed 's/ $//')"
is "nothing stays behind" 0 "$(leftovers "$tmp/h1")"
mkdir "$tmp/other place"; (umask 077; cp -r "$hello" "$tmp/other place/src")
touch -d 2001-01-01 "$tmp/other place/src/hello.c"; mkdir "$tmp/other place/src/.git"
expect 0 "another checkout is built" make_image "$tmp/h2" "$tmp/other place/src"
is "two checkouts, the same image" "$(image "$tmp/h1")" "$(image "$tmp/h2")"
(cd "$hello" && expect 0 "the output may be inside the source" make_image out . )
(cd "$hello" && expect 0 "again, with the output there" make_image out . )
is "an output inside the source is not a source" "$(image "$tmp/h1")" "$(image "$hello/out")"
if [ "$(id -u)" -eq 0 ] && runuser -u nobody -- unshare -Urmpf true 2> /dev/null &&
    runuser -u nobody -- test -r "$selfsame" -a -r "$init" -a -r "$agent"; then
    mkdir -m 777 "$tmp/n"
    expect 0 "a user builds it" runuser -u nobody -- env TMPDIR="$TMPDIR" "$selfsame" build "$hello" \
        --out "$tmp/n/h3" --agent "$agent" --twice
    is "root and a user, the same image" "$(image "$tmp/h1")" "$(image "$tmp/n/h3")"
else
    skipped "root and a user: not root here, or nobody may not read the build or make namespaces"
fi
expect 0 "measure agrees" "$selfsame" measure "$tmp/h1/image.eif" --json
is "with measurements.json" "$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["pcr"]["0"])' "$tmp/out")" \
    "$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["measurements"][0]["pcr"]["0"][0])' "$tmp/h1/measurements.json")"
is "the statement is canonical JSON" same "$(python3 - "$tmp/h1/statement.json" <<'PY'
import json, sys
t = open(sys.argv[1]).read()
print("same" if json.dumps(json.loads(t), sort_keys=True, separators=(",", ":")) == t else "other")
PY
)"

# --- what differs is explained
sed -i 's/hello from/hallo from/' "$tmp/other place/src/hello.c"
expect 0 "one changed byte is built" make_image "$tmp/h4" "$tmp/other place/src"
expect 0 "an image equals itself" "$selfsame" diff "$tmp/h1/image.eif" "$tmp/h2/image.eif"
expect 1 "two images differ" "$selfsame" diff "$tmp/h1/image.eif" "$tmp/h4/image.eif"
said "app/hello"
said "section 4 (ramdisk)"
expect 1 "an image and a manifest differ" "$selfsame" diff "$tmp/h1/image.eif" "$tmp/h4/manifest.txt"
expect 0 "an image and its manifest agree" "$selfsame" diff "$tmp/h1/image.eif" "$tmp/h1/manifest.txt"
expect 1 "two measurements differ" "$selfsame" diff "$tmp/h1/measurements.json" "$tmp/h4/measurements.json"
said "pcr"
expect 1 "two outputs differ, as JSON" "$selfsame" diff "$tmp/h1" "$tmp/h4" --json
said '"identical":false'
expect 2 "a measurement and an image cannot be compared" "$selfsame" diff "$tmp/h1/measurements.json" "$tmp/h1/image.eif"
expect 3 "diff with nothing" "$selfsame" diff "$tmp/h1/image.eif" "$tmp/nothing"
mkdir "$tmp/unstable"
cat > "$tmp/unstable/selfsame.json" <<'JSON'
{"selfsame_recipe":1,"build":[["sh","-c","head -c 16 /dev/urandom > /out/seed; echo fixed > /out/fixed"]],"entrypoint":["/fixed"]}
JSON
expect 19 "a build that depends on chance is found by --twice" make_image "$tmp/u" "$tmp/unstable" --twice
said "file seed"
is "and nothing of it stays" "" "$(ls -d "$tmp/u" 2>/dev/null)"
mkdir "$tmp/u"; echo mine > "$tmp/u/mine"
expect 19 "chance again, into a directory with something in it" make_image "$tmp/u" "$tmp/unstable" --twice
is "what is not ours stays" mine "$(ls "$tmp/u")"

# --- what a build command sees
mkdir "$tmp/see"; echo data > "$tmp/see/data"; ln -s /etc/hostname "$tmp/see/way-out"
cat > "$tmp/see/selfsame.json" <<'JSON'
{"selfsame_recipe":1,"source_date_epoch":1700000000,
 "build":[["sh","-c","{ env | sort; id -u; umask; uname -n; pwd; ls /build /dev/tty /home 2>/dev/null; ls -ln --time-style=+%s /build/src; ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev | cut -d: -f1; } > /out/seen"]],
 "files":{"/data":{"from":"data","mode":"0600"}},"entrypoint":["/seen"]}
JSON
expect 0 "a curious build" make_image "$tmp/seen" "$tmp/see"
expect 0 "the curious build again, elsewhere" env SECRET=1 HOME=/x LANG=C "$selfsame" build "$tmp/see" --out "$tmp/seen2" --twice
if [ -f "$tmp/seen/image.eif" ]; then
    strings -n 3 "$tmp/seen/image.eif" | sed -n '/^HOME=/,$p' | head -20 > "$tmp/sees"
    for word in HOME=/nonexistent LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=1700000000 TZ=UTC 0022 build /build/src 1700000000; do
        if grep -qF -- "$word" "$tmp/sees"; then ok "a build sees $word"; else not_ok "a build should see $word"; fi
    done
fi
is "sees nothing of this machine or caller" "$(image "$tmp/seen")" "$(image "$tmp/seen2")"
sed 's/"data","mode"/"way-out","mode"/' "$tmp/see/selfsame.json" > "$tmp/see.json"
expect 10 "a link that carries a host file into the image" make_image "$tmp/x" "$tmp/see" --recipe "$tmp/see.json"
# A stranger's source must not be able to change this machine, least of all when root builds it.
cat > "$tmp/see.json" <<'JSON'
{"selfsame_recipe":1,"entrypoint":["/app"],"build":[["sh","-c",
 "exec 2>/dev/null; echo x > /out/app; could=; mount -o remount,rw,bind /usr && could=remount; touch /usr/.selfsame-test && could=$could,write; cat /proc/sys/kernel/core_pattern > /tmp/p; cat /tmp/p > /proc/sys/kernel/core_pattern && could=$could,sysctl; chmod 0666 /dev/null && could=$could,device; readlink /proc/1/cwd && could=$could,descriptors; unshare -Urm mount -o remount,rw,bind /usr && could=$could,nested; echo \"could $could\"; test -z \"$could\""]]}
JSON
expect 0 "a hostile build can change nothing of this machine" make_image "$tmp/host" "$tmp/see" --recipe "$tmp/see.json"
printf '{"selfsame_recipe":1,"build":[["false"]],"entrypoint":["/x"]}' > "$tmp/see.json"
expect 2 "a failing command" make_image "$tmp/x" "$tmp/see" --recipe "$tmp/see.json"
said "build[0] (false)"
printf '{"selfsame_recipe":1,"build":[["sleep","60"]],"entrypoint":["/x"]}' > "$tmp/see.json"
expect 2 "a command that never ends" make_image "$tmp/x" "$tmp/see" --recipe "$tmp/see.json" --timeout 1
said "over 1 s"
printf '{"selfsame_recipe":1,"build":[["sh","-c","cp data /out/data; pwd > /out/where"]],"entrypoint":["/data"]}' > "$tmp/see.json"
expect 0 "a build without a sandbox, when asked for" make_image "$tmp/ns" "$tmp/see" --recipe "$tmp/see.json" --insecure-no-sandbox
said "without a sandbox"
grep -q no-sandbox "$tmp/ns/measurements.json"; is "is marked in measurements.json" 0 $?
expect 19 "and --twice finds that it sees its place" make_image "$tmp/ns" "$tmp/see" --recipe "$tmp/see.json" --insecure-no-sandbox --twice
said "file where"
is "failures leave nothing" 0 "$(leftovers "$tmp/x")"
is "not even the directory" "" "$(ls -d "$tmp/x" 2>/dev/null)"
printf '{"selfsame_recipe":1,"build":[["false"]],"entrypoint":["/x"]}' > "$tmp/none.json"
expect 2 "a failing command, the output two directories deep" make_image "$tmp/y/a/b" "$tmp/see" --recipe "$tmp/none.json"
is "none of them stays" "" "$(ls -d "$tmp/y" 2>/dev/null)"
printf '{"selfsame_recipe":1,"build":[["sleep","60"]],"entrypoint":["/x"]}' > "$tmp/none.json"
expect 3 "a build that is interrupted" timeout --preserve-status -s TERM 2 "$selfsame" build --out "$tmp/y/a" --agent "$agent" \
    "$tmp/see" --recipe "$tmp/none.json"
said "interrupted"
is "cleans up behind itself" "0 " "$(leftovers "$tmp") $(ls -d "$tmp/y" 2>/dev/null)"
# A build that is killed cannot; the next one does it, and only that.
await() { # what, pattern of files: within 20 s
    for _ in $(seq 200); do for f in $2; do [ -e "$f" ] && return 0; done; sleep 0.1; done
    not_ok "$1 is not there after 20 s"
}
kept() { find "$TMPDIR" -maxdepth 1 -name "selfsame-build-$1" | wc -l; }
printf '{"selfsame_recipe":1,"build":[["sh","-c","touch /out/begun; sleep 60"]],"entrypoint":["/begun"]}' > "$tmp/long.json"
"$selfsame" build --out "$tmp/k" --agent "$agent" "$tmp/see" --recipe "$tmp/long.json" 2> /dev/null & killed=$!
await "the build" "$TMPDIR/selfsame-build-*/out/begun"
kill -KILL "$killed"; wait "$killed" 2>/dev/null
is "a killed build leaves its directory" 1 "$(kept '*')"
mkdir "$tmp/precious" && touch "$tmp/precious/file" && ln -s "$tmp/precious" "$TMPDIR/selfsame-build-linked"
mkdir "$TMPDIR/selfsame-build-longer7" "$TMPDIR/selfsame-build-theirs" && touch "$TMPDIR/selfsame-build-filed."
others=3
if [ "$(id -u)" -eq 0 ]; then chown nobody "$TMPDIR/selfsame-build-theirs"; others=4; fi
printf '{"selfsame_recipe":1,"build":[["sh","-c","touch /out/begun; sleep 3; cp data /out/data"]],"entrypoint":["/data"]}' > "$tmp/slow.json"
make_image "$tmp/slow" "$tmp/see" --recipe "$tmp/slow.json" > /dev/null 2>&1 & slow=$!
await "the slow build" "$TMPDIR/selfsame-build-*/out/begun"
expect 0 "a build beside it" make_image "$tmp/beside" "$hello"
is "which removes what is left, but not what is used or not ours" $((others + 1)) "$(kept '*')"
wait "$slow"; is "so that the slow build ends well" 0 $?
is "and follows no link" file "$(ls "$tmp/precious")"
rm -rf "$TMPDIR"/selfsame-build-*
sed -i "s/sleep 3/sleep 8/" "$tmp/slow.json" # twice; the second would go on for 8 s
"$selfsame" build --out "$tmp/k" --agent "$agent" "$tmp/see" --recipe "$tmp/slow.json" --twice > /dev/null 2>&1 & killed=$!
await "the second build" "$TMPDIR/selfsame-build-*/tmp/selfsame-build-*/out/begun"
kill -KILL "$killed"; wait "$killed" 2>/dev/null
echo "$TMPDIR/selfsame-build-" > "$tmp/pattern"
# -q, or a process that vanishes meanwhile makes the status 2 although there is a match.
second() { grep -qsaFf "$tmp/pattern" /proc/[0-9]*/cmdline; }
for _ in $(seq 50); do second || break; sleep 0.1; done
if second; then not_ok "the second build ends with the first"; else ok "the second build ends with the first"; fi
expect 0 "a build after that" make_image "$tmp/after" "$hello"
is "removes what the two left" 0 "$(kept '*')"
rm -rf "$tmp/k" "$tmp/slow" "$tmp/beside" "$tmp/after"

# --- in a chroot
cat > "$tmp/chroot.sh" <<'SH'
# kind, directory, build directory, source and working directory, user, command...: in a mount namespace of its own
set -e
kind=$1 new=$2 build=$3 work=$4 user=$5; shift 5
mkdir -p "$new$build" "$new$work" "$new/usr" "$new/etc" "$new/dev" "$new/proc"
if [ "$kind" = mounted ]; then mount --bind "$new" "$new"; fi
for d in /usr /etc /dev /proc "$build" "$work"; do mount --rbind "$d" "$new$d"; done
for d in /bin /sbin /lib /lib64; do if [ -L "$d" ]; then cp -a "$d" "$new"; else mkdir "$new$d"; mount --rbind "$d" "$new$d"; fi; done
exec chroot --userspec="$user" "$new" "$@"
SH
[ "$(id -u)" -eq 0 ] && spaces="unshare -m" || spaces="unshare -Urm"
chrooted() { # status, what, kind, user
    mkdir "$tmp/new" && mkdir -p "$tmp/in" && chmod 777 "$tmp/in"
    expect "$1" "$2" env TMPDIR="$tmp/in" $spaces sh "$tmp/chroot.sh" "$3" "$tmp/new" "$build" "$tmp/in" "$4" \
        "$selfsame" build "$tmp/in/hello" --out "$tmp/in/out$4" --agent "$agent"
    rm -rf "$tmp/new"
}
mkdir "$tmp/in" && cp -r "$hello" "$tmp/in/hello"
if $spaces chroot / true 2> /dev/null; then
    chrooted 11 "a build in a plain chroot" plain 0:0
    said "/ is no mount point: this is a plain chroot"
    said "mount --bind DIR DIR"
    if [ "$(id -u)" -eq 0 ]; then
        chrooted 0 "the remedy helps" mounted 0:0
        chrooted 11 "a user's build in a plain chroot" plain 65534:65534
        said "/ is no mount point: this is a plain chroot"
        said "pivot_root"
    fi
else skipped "no mount namespace to try a chroot in"; fi

# --- recipes
recipe() { # status, what, text, words it says
    printf '%s' "$3" > "$tmp/r.json"
    expect "$1" "$2" make_image "$tmp/x" "$hello" --recipe "$tmp/r.json"; said "$4"
}
recipe 2 "unknown member" '{"selfsame_recipe":1,
 "entrypiont":["/x"]}' "line 2: 'entrypiont': a recipe has no member of this name"
recipe 2 "unknown inner member" '{"selfsame_recipe":1,"serve":{"listen":"a","up":"b"}}' "'serve.up'"
recipe 2 "no version" '{"name":"x"}' "selfsame_recipe"
recipe 2 "wrong type" '{"selfsame_recipe":1,"env":[]}' "'env'"
recipe 2 "duplicate member" '{"selfsame_recipe":1,"user":"1","user":"0"}' "user"
recipe 2 "no JSON" '{"selfsame_recipe":1,' "r.json"
recipe 2 "a kernel without digest" '{"selfsame_recipe":1,"kernel":{"file":"k"}}' "sha256"
recipe 2 "files out of the image" '{"selfsame_recipe":1,"files":{"/../x":{"from":"hello.c"}}}' "inside the image"
recipe 2 "an unclear name" '{"selfsame_recipe":1,"name":"Hello World"}' "'name'"
recipe 2 "a TEE nobody can measure" '{"selfsame_recipe":1,"tee":["abacus"],"files":{"/x":{"from":"hello.c"}},"entrypoint":["/x"]}' "abacus"
recipe 2 "nothing to run" '{"selfsame_recipe":1,"files":{"/x":{"from":"hello.c"}}}' "no program"
recipe 2 "a user who is not there" '{"selfsame_recipe":1,"user":"-1","files":{"/x":{"from":"hello.c"}},"entrypoint":["/x"]}' "-1"
bzimage kernel > "$tmp/k"; k=$(sha256sum < "$tmp/k" | cut -d' ' -f1)
recipe 0 "a kernel by digest" '{"selfsame_recipe":1,"files":{"/x":{"from":"hello.c"}},"entrypoint":["/x"],"kernel":{"file":"k","sha256":"'"$k"'"}}' "image.eif"
grep -q '"bootable": true' "$tmp/x/measurements.json"; is "is bootable" 0 $?
bzimage other > "$tmp/k"
recipe 19 "a kernel with another digest" '{"selfsame_recipe":1,"files":{"/x":{"from":"hello.c"}},"entrypoint":["/x"],"kernel":{"file":"k","sha256":"'"$k"'"}}' "$(echo "$k" | cut -c1-16)"
echo noise > "$tmp/noise"; printf '\177ELF' > "$tmp/nsm.ko"
expect 11 "a kernel that is none" make_image "$tmp/x/y" "$hello" --kernel "$tmp/noise"
said "expected a kernel as a bzImage"
printf '{"selfsame_recipe":1,"files":{"/x":{"from":"hello.c"}},"entrypoint":["/x"]}' > "$tmp/plain.json"
{ head -c 18 "$init"; printf '\267'; tail -c +20 "$init"; } > "$tmp/init.arm64" # e_machine
expect 11 "a kernel of another processor" make_image "$tmp/x/y" "$hello" --recipe "$tmp/plain.json" --kernel "$tmp/k" --platform linux/arm64 --init "$tmp/init.arm64"
said "expected a kernel as an arm64 Image"
{ head -c 56 /dev/zero; printf 'ARM\144 kernel'; } > "$tmp/Image"
expect 0 "a kernel of that one" make_image "$tmp/arm" "$hello" --recipe "$tmp/plain.json" --kernel "$tmp/Image" --platform linux/arm64 --init "$tmp/init.arm64"
expect 11 "an nsm.ko that is none" make_image "$tmp/x/y" "$hello" --kernel "$tmp/k" --nsm "$tmp/noise"
said "kernel module in ELF"
expect 0 "kernel and module" make_image "$tmp/kn" "$hello" --kernel "$tmp/k" --nsm "$tmp/nsm.ko"

# --- container images: one tree, however it was wrapped
for kind in layout oci.tar oci.tar.gz docker.tar flat multi; do
    expect 0 "container image: $kind" make_image "$tmp/c-$kind" "$good/$kind"
    is "$kind gives the one image" "$(image "$tmp/c-layout")" "$(image "$tmp/c-$kind")"
done
expect 0 "container image by name" make_image "$tmp/c-tags" "$good/tags" --ref app:1
is "the named one" "$(image "$tmp/c-layout")" "$(image "$tmp/c-tags")"
expect 2 "two images, none named" make_image "$tmp/x2" "$good/tags"
expect 0 "root file system tar" make_image "$tmp/c-rootfs" "$good/rootfs.tar" -- /bin/app
is "the same tree as the image" "$(tree "$tmp/c-layout")" "$(tree "$tmp/c-rootfs")"
for tool in xz zstd bzip2; do
    command -v $tool > /dev/null || { skipped "$tool is not here"; continue; }
    $tool < "$good/rootfs.tar" > "$tmp/rootfs.tar.$tool"
    expect 0 "root file system tar, $tool" make_image "$tmp/c-z" "$tmp/rootfs.tar.$tool" -- /bin/app
    is "is the same image" "$(image "$tmp/c-rootfs")" "$(image "$tmp/c-z")"
done
mkdir "$tmp/rootfs"; tar -C "$tmp/rootfs" -xf "$good/rootfs.tar"
expect 0 "root file system directory" make_image "$tmp/c-dir" "$tmp/rootfs" --twice -- /bin/app
is "is the same image as its tar" "$(image "$tmp/c-rootfs")" "$(image "$tmp/c-dir")"
m=$tmp/c-layout/manifest.txt
has() { if grep -qE "$2" "$m"; then ok "$1"; else not_ok "$1"; fi; }
has_not() { if grep -qE "$2" "$m"; then not_ok "$1"; else ok "$1"; fi; }
has "modes are normalised, hard links are copies" '^f 0755 0 0 6 [0-9a-f]{64} bin/app2$'
has "an opaque directory keeps what its own layer brings" ' data/kept$'
has_not "and hides what lower layers had" ' data/gone$'
has_not "a whiteout hides" ' etc/old$'
has_not "no marker stays" '\.wh\.'
has "a symbolic link stays as it is" '^l .* \.\./\.\./\.\./etc/passwd link$'
has "a directory becomes a file" '^f .* x$'
has_not "and loses its children" ' x/y$'
has "a name in UTF-8" ' srv/caf.+$'
python3 - "$tmp/c-layout/image.eif" > "$tmp/run" <<'PY'
import sys
b = open(sys.argv[1], "rb").read()
at = b.rindex(b"selfsame/run\0")
start = b.index(b"arg ", at)
sys.stdout.write(b[start:b.index(b"\0", start)].decode())
PY
is "entrypoint, cmd, env, user by name, directory" "arg /bin/app|arg --serve|arg a b|env A=1|env PATH=/bin|user 101|group 103|dir /srv|nsm all|" \
    "$(tr '\n' '|' < "$tmp/run")"
expect 0 "a static program" make_image "$tmp/elf" "$init"
expect 11 "a program with a loader" make_image "$tmp/x2" /bin/ls
said "PT_INTERP"
for peer in umoci skopeo; do
    command -v $peer > /dev/null || { skipped "$peer is not here"; continue; }
    if [ $peer = umoci ]; then
        rm -rf "$tmp/bundle"; cp -r "$good/tags" "$tmp/umoci"
        umoci unpack --rootless --image "$tmp/umoci:app:1" "$tmp/bundle" > "$tmp/log" 2>&1 ||
            umoci raw unpack --rootless --image "$tmp/umoci:app:1" "$tmp/bundle/rootfs" > "$tmp/log" 2>&1 || :
        if [ -d "$tmp/bundle/rootfs" ]; then
            expect 0 "what umoci unpacks" make_image "$tmp/peer" "$tmp/bundle/rootfs" -- /bin/app
            is "is the tree we see" "$(tree "$tmp/c-layout")" "$(tree "$tmp/peer")"
        else skipped "umoci could not unpack: $(tail -1 "$tmp/log")"; fi
    else
        if skopeo copy --insecure-policy "oci:$good/layout" "docker-archive:$tmp/skopeo.tar:x:1" > "$tmp/log" 2>&1 ||
            skopeo copy --insecure-policy "oci:$good/tags:app:1" "docker-archive:$tmp/skopeo.tar:x:1" > "$tmp/log" 2>&1; then
            expect 0 "what skopeo copies to a docker-archive" make_image "$tmp/peer" "$tmp/skopeo.tar"
            is "is the same image" "$(image "$tmp/c-layout")" "$(image "$tmp/peer")"
        else skipped "skopeo could not copy: $(tail -1 "$tmp/log")"; fi
    fi
done

# --- bad input: class, expected and got, nothing left
refuse() { # status, source, words
    rm -rf "$tmp/b"
    expect "$1" "bad: $2" make_image "$tmp/b" "$bad_dir/$2"
    [ -z "${3:-}" ] || said "$3"
    is "no output of $2" "" "$(ls "$tmp/b" 2> /dev/null)"
}
refuse 10 dotdot "'..'"
refuse 10 dotdot-inside "'..'"
refuse 10 absolute "inside the root"
refuse 10 hardlink-dotdot "'..'"
refuse 10 hardlink-absolute "inside the root"
refuse 10 hardlink-nowhere "not in the tree"
refuse 10 hardlink-dir "not a regular file"
refuse 10 through-link "expected a directory"
refuse 11 device "srv/disk"
refuse 11 has-init "/init"
refuse 10 whiteout-dotdot "whiteout"
refuse 10 whiteout-full "empty"
refuse 10 digest "expected the digest"
refuse 10 size "bytes, got"
refuse 10 missing "cannot open"
refuse 10 diff-id "uncompressed digest"
refuse 10 diff-id.tar "uncompressed digest"
refuse 10 diff-ids-count "as many layers"
refuse 10 no-user "nosuch"
refuse 10 damaged-gzip
refuse 10 not-tar "checksum"
refuse 10 cut-tar "cut at byte"
refuse 11 arm "expected linux/amd64"
refuse 11 version "1.0.0"
refuse 10 index-json "line"
refuse 11 sha512 "sha256"
refuse 10 digest-path "hex digits"
refuse 10 empty "empty file: expected an archive"
refuse 10 zeros.tar "begins with"
refuse 10 cut.tar "cut at byte"
refuse 10 no-end.tar "cut at byte"
refuse 10 junk.tar "zeros behind the end"
refuse 10 not-an-image "expected a tar"
refuse 10 short
refuse 10 bad-checksum.tar
refuse 10 damaged.tar.gz "damaged"
refuse 10 sparse-4g "begins with"
refuse 3 nothing-here "cannot open"
said "nothing of this name"
expect 2 "an unknown TEE" make_image "$tmp/b" "$hello" --tee sgx9
said 'TEE "sgx9" is not one of: nitro, sgx, snp, tdx'
: > "$tmp/void"
expect 10 "diff of an empty file" "$selfsame" diff "$tmp/void" "$tmp/h1"
said "$tmp/void: empty file: expected"
said "wrote nothing"
expect 3 "diff of what is not there" "$selfsame" diff "$tmp/nothing" "$tmp/h1"
said "nothing of this name"
expect 0 "case collisions are told" make_image "$tmp/b" "$bad_dir/collision"
said "srv/readme"
printf '{"selfsame_recipe":1,"refuse_case_collisions":true}' > "$tmp/r.json"
expect 11 "and refused where the recipe says so" make_image "$tmp/b2" "$bad_dir/collision" --recipe "$tmp/r.json"
expect 11 "a device node" make_image "$tmp/b3" "$bad_dir/device"
said '"allow_devices": true'
printf '{"selfsame_recipe":1,"allow_devices":true}' > "$tmp/r.json"
expect 0 "device nodes are taken where the recipe says so" make_image "$tmp/b3" "$bad_dir/device" --recipe "$tmp/r.json"
# Root reads everything; another user may not reach the build directory, so it gets a copy.
as_nobody=; [ "$(id -u)" -ne 0 ] || as_nobody="runuser -u nobody --"
cp "$good/rootfs.tar" "$tmp/secret.tar"; chmod 0 "$tmp/secret.tar"
cp "$selfsame" "$agent" "$tmp/"
# shellcheck disable=SC2086
expect 3 "unreadable" $as_nobody "$tmp/selfsame" build --out "$TMPDIR/b4" --agent "$tmp/${agent##*/}" "$tmp/secret.tar"
said "secret.tar: Permission denied"
mkfifo "$tmp/fifo"; expect 3 "a fifo" make_image "$tmp/b4" "$tmp/fifo"
expect 3 "an output that cannot be written" make_image /proc/nothing "$good/rootfs.tar"
is "nothing stays behind at the end" 0 "$(leftovers "$tmp")"
finish
