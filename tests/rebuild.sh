#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame rebuild`: the same, something else, nothing at all, and releases that are none.
# shellcheck source=tests/shell.sh
. "${SELFSAME_SOURCE_ROOT:-.}/tests/shell.sh"
umask 022
init=$build/src/init/selfsame-init
peer=$root/tests/rebuild_peer.py
src=$tmp/src rel=$tmp/rel out=$tmp/out.d
key=$tmp/key.pem

rebuild() { "$selfsame" rebuild --init "$init" --out "$out" "$@"; }
field() { # file, path
    python3 -c 'import json,sys,functools
print(functools.reduce(lambda j, k: j[int(k)] if isinstance(j, list) else j[k], sys.argv[2].split("/"), json.load(open(sys.argv[1]))))' "$@"
}
result() { is "rebuild.json says $1" "$1" "$(field "$out/rebuild.json" predicate/result)"; }

mkdir "$src"; printf 'hello\n' > "$src/data"; printf 'more\n' > "$src/other"
cat > "$src/selfsame.json" <<'JSON'
{"selfsame_recipe":1,"name":"example.com/hello","version":"1.0.0","build":[["sh","-ec","mkdir /out/app; cp data other /out/app; cp /bin/sh /out/app/sh"]],"entrypoint":["/app/sh"]}
JSON
expect 0 "a release is built" "$selfsame" build "$src" --init "$init" --out "$rel"
openssl genpkey -algorithm ed25519 -out "$key" 2>/dev/null || exit 1
openssl pkey -in "$key" -pubout -out "$tmp/key.pub" || exit 1

# --- identical
expect 0 "the statement of a build, before it is published" rebuild "$rel/statement.json" --source "$src"
said "identical: "
result identical
is "unsigned without a key" "" "$(ls "$out"/*.envelope.json 2>/dev/null)"
is "the rebuild stands there too" "$(sha256sum < "$rel/image.eif")" "$(sha256sum < "$out/image.eif")"
python3 "$peer" release "$rel/statement.json" "$tmp" "$key" || exit 1
for kind in statement.json envelope.json tlog-proof; do
    rm -rf "$out"
    expect 0 "a published release: $kind" rebuild "$tmp/released.$kind" --source "$src" --key "$key" --json
    said '"result":"identical"'
    said '"source":"not compared: it is no checkout"'
    is "it names the release" "$(sha256sum < "$tmp/released.statement.json" | cut -d' ' -f1)" \
        "$(field "$out/rebuild.json" predicate/statement/sha256)"
    expect 0 "another implementation verifies what was signed ($kind)" \
        python3 "$peer" verify "$out/rebuild.envelope.json" "$out/rebuild.json" "$tmp/key.pub"
done
is "what was rebuilt" "$(sha256sum < "$out/image.eif" | cut -d' ' -f1)" \
    "$(field "$out/rebuild.json" predicate/rebuilt/0/digest/sha256)"
cp -r "$src" "$tmp/elsewhere"; touch -d 2001-01-01 "$tmp/elsewhere/data"
expect 0 "another checkout, another day" rebuild "$tmp/released.tlog-proof" --source "$tmp/elsewhere"

expect 0 "a release of selfsame publish" "$selfsame" publish "$rel" --key "$key" --sign-only --out "$tmp/own.json" \
    --sequence 1 --source git+https://git.example/hello --commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904
expect 0 "is rebuilt" rebuild "$tmp/own.json" --source "$src" --key "$key"
expect 0 "and the rebuild may be published" "$selfsame" publish "$out/rebuild.envelope.json" --sign-only --out "$tmp/own2.json"
expect 0 "as it is" cmp "$tmp/own2.json" "$out/rebuild.envelope.json"
printf 'log example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx http://127.0.0.1:9/\nquorum none\n' > "$tmp/trust"
expect 3 "a log that does not answer" rebuild "$tmp/own.json" --source "$src" --key "$key" --trust "$tmp/trust"
said "identical: "
result identical
rm -rf "$out"
expect 2 "publishing without a key" rebuild "$tmp/own.json" --source "$src" --trust "$tmp/trust"
expect 2 "a log without a trust policy" rebuild "$tmp/own.json" --source "$src" --key "$key" --log http://127.0.0.1:9/
is "nothing was built for those" "" "$(ls "$out" 2>/dev/null)"
expect 0 "a release from standard input" sh -c '"$0" rebuild - --source "$1" --init "$2" --out "$3" < "$4"' \
    "$selfsame" "$src" "$init" "$out" "$tmp/released.tlog-proof"

# --- different
change() { rm -rf "$tmp/changed" "$out"; cp -r "$src" "$tmp/changed"; }
change; printf 'hallo\n' > "$tmp/changed/data"
expect 19 "one byte of the source changed" rebuild "$tmp/released.tlog-proof" --source "$tmp/changed" --key "$key"
said "measurement aws-nitro pcr.2: value"
said "image file manifest.txt: content"
said "kernel, command line and first ramdisk are the same; the application is not"
said "different: "
result different
expect 0 "a rebuild that differs is signed like any" \
    python3 "$peer" verify "$out/rebuild.envelope.json" "$out/rebuild.json" "$tmp/key.pub"
for image in "$rel" "$rel/image.eif" "$rel/manifest.txt"; do
    expect 19 "which file differs: --image ${image##*/}" rebuild "$tmp/released.tlog-proof" --source "$tmp/changed" --image "$image"
    said "file app/data: content"
    is "and that one alone" 1 "$(grep -c '^file ' "$tmp/out")"
done
said "different: 4 of"
change; rm "$tmp/changed/other"; sed -i 's/cp data other/cp data/' "$tmp/changed/selfsame.json"
expect 19 "a missing file, and so another recipe" rebuild "$tmp/released.tlog-proof" --source "$tmp/changed" --image "$rel"
said "file app/other: only in A"
said "recipe sha256: value"
change; sed -i 's/^{/{ /' "$tmp/changed/selfsame.json"
expect 19 "another recipe, the same image" rebuild "$tmp/released.tlog-proof" --source "$tmp/changed" --json
is "it is the recipe alone" 1 "$(field "$tmp/out" differences)"
said '"what":"recipe"'
change; sed -i 's/1\.0\.0/1.0.1/' "$tmp/changed/selfsame.json"
expect 19 "another version" rebuild "$tmp/released.tlog-proof" --source "$tmp/changed"
said "release version: value"
expect 19 "the recipe of the release for a source that changed it" rebuild "$tmp/released.tlog-proof" --source "$src" --recipe "$tmp/changed/selfsame.json"
python3 "$peer" extra "$tmp/released.statement.json" "$tmp/two.json" || exit 1
expect 19 "a release that also promises what nobody rebuilds" rebuild "$tmp/two.json" --source "$src"
said "measurement aws-nitro pcr.0: only in A"
said "measurement intel-tdx mrtd: only in A"
python3 - "$tmp/released.statement.json" "$tmp/names.json" <<'PYTHON' || exit 1
import json, sys
j = json.load(open(sys.argv[1]))
j["subject"].append({"name": "x\u009b2J\u202ey\u200b", "digest": {"sha256": "ab" * 32}})
j["predicate"]["build"]["tool"]["version"] = "9\u009bJ"
open(sys.argv[2], "w").write(json.dumps(j, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
PYTHON
expect 19 "names that command a terminal" rebuild "$tmp/names.json" --source "$src"
said "image file x?2J?y?: only in A"
said "9?J there"
is "nothing of them is printed" 0 "$(LC_ALL=C grep -c "$(printf '\302\233')" "$tmp/out")"
expect 19 "an application with other arguments" rebuild "$tmp/released.tlog-proof" --source "$src" -- /app/sh -c true

change; cp "$init" "$tmp/init2"; printf x >> "$tmp/init2"
expect 19 "another selfsame-init" "$selfsame" rebuild "$tmp/released.tlog-proof" --source "$src" --out "$out" --init "$tmp/init2"
said "the application is the same; kernel, command line or first ramdisk is not"

# --- for two TEEs at once
shapes() { sed 's/^{/{"snp":{"shapes":[{"vmm":"qemu","vcpus":['"$1"'],"cpu":["EPYC-Milan-v2"],"features":["0x1"]}]},/' \
    "$src/selfsame.json" > "$tmp/changed/selfsame.json"; }
change; shapes 1,2
expect 0 "a release for two TEEs" "$selfsame" build "$tmp/changed" --init "$init" --tee nitro,snp --out "$tmp/rel3"
expect 0 "both are rebuilt" rebuild "$tmp/rel3/statement.json" --source "$tmp/changed"
expect 19 "one of them is not all" rebuild "$tmp/rel3/statement.json" --source "$tmp/changed" --tee nitro
said "image file image.initrd: only in A"
shapes 1,4
expect 19 "another shape" rebuild "$tmp/rel3/statement.json" --source "$tmp/changed"
is "one launch digest each that the other has not" 2 "$(grep -c '^measurement amd-sev-snp launch: only in' "$tmp/out")"
said "recipe sha256: value"
shapes 1,2; printf 'hallo\n' > "$tmp/changed/data"
expect 19 "one byte for two TEEs" rebuild "$tmp/rel3/statement.json" --source "$tmp/changed" --image "$tmp/rel3"
said "image file image.initrd: content"
said "file app/data: content"

# --- failed, or not even that
change; rm "$tmp/changed/other"
expect 2 "a missing file that the recipe wants" rebuild "$tmp/released.tlog-proof" --source "$tmp/changed" --key "$key"
said "rebuild.json says so"
result failed
is "nothing was rebuilt" "[]" "$(field "$out/rebuild.json" predicate/rebuilt)"
expect 0 "a failure is signed like any" \
    python3 "$peer" verify "$out/rebuild.envelope.json" "$out/rebuild.json" "$tmp/key.pub"
change; sed -i 's/mkdir/touch started; sleep 60; mkdir/' "$tmp/changed/selfsame.json"
"$selfsame" rebuild "$tmp/released.tlog-proof" --source "$tmp/changed" --init "$init" --out "$out" > "$tmp/out" 2>&1 &
sleep 1; kill -TERM $!; wait $!; got=$?
is "whoever is interrupted has no result" "yes" "$([ "$got" -ne 0 ] && [ ! -e "$out/rebuild.json" ] && echo yes || echo "no ($got)")"
rm -rf "$out"
expect 3 "no source there" rebuild "$tmp/released.tlog-proof" --source "$tmp/nothing"
expect 2 "no --source" rebuild "$tmp/released.tlog-proof"
expect 2 "an unknown platform" rebuild "$tmp/released.tlog-proof" --source "$src" --platform linux/vax
expect 2 "an option of another TEE" rebuild "$tmp/released.tlog-proof" --source "$src" --firmware "$key"
change; printf '{' > "$tmp/changed/selfsame.json"
expect 2 "a recipe that is none" rebuild "$tmp/released.tlog-proof" --source "$tmp/changed"
is "none of these is a result" "" "$(ls "$out" 2>/dev/null)"
expect 3 "no release there" rebuild "$tmp/nothing" --source "$src"
expect 2 "the output would replace the release" "$selfsame" rebuild "$rel/statement.json" --source "$src" --init "$init" --out "$rel"
expect 2 "or the image" "$selfsame" rebuild "$tmp/released.tlog-proof" --image "$rel/image.eif" --source "$src" --init "$init" --out "$rel"
printf 'x' > "$tmp/stranger"
expect 19 "an image that is not of this release" rebuild "$tmp/released.tlog-proof" --source "$src" --image "$tmp/stranger"
said "expected a file of the release"
mkdir "$tmp/empty"
expect 2 "a directory without an image" rebuild "$tmp/released.tlog-proof" --source "$src" --image "$tmp/empty"
openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out "$tmp/ec.pem" 2>/dev/null
expect 11 "a key of another kind" rebuild "$tmp/released.tlog-proof" --source "$src" --key "$tmp/ec.pem"
expect 2 "a key that all may read" rebuild "$tmp/released.tlog-proof" --source "$src" --key "$tmp/stranger"
chmod 600 "$tmp/stranger"
expect 10 "a key that is none" rebuild "$tmp/released.tlog-proof" --source "$src" --key "$tmp/stranger"

# --- releases that are none
python3 "$peer" garbage "$tmp/released" "$tmp/garbage" || exit 1
for f in "$tmp"/garbage/*; do
    expect "${f##*.}" "$(basename "${f%.*}")" rebuild "$f" --source "$src"
done
is "a release that is none builds nothing" "" "$(ls "$out" 2>/dev/null)"

# --- which commit
if command -v git > /dev/null; then
    co=$tmp/checkout; cp -r "$src" "$co"
    g() { git -C "$co" -c user.name=t -c user.email=t@example.com -c init.defaultBranch=main -c commit.gpgsign=false "$@" > /dev/null 2>&1; }
    g init && g add -A && g commit -m one || exit 1
    python3 "$peer" commit "$tmp/released.statement.json" "$(git -C "$co" rev-parse HEAD)" "$tmp/at-commit.json" || exit 1
    expect 0 "the commit of the release" rebuild "$tmp/at-commit.json" --source "$co"
    said "the commit of the release"
    g pack-refs --all
    expect 0 "with packed references" rebuild "$tmp/at-commit.json" --source "$co"
    said "the commit of the release"
    g worktree add "$tmp/worktree" HEAD
    expect 0 "in a worktree" rebuild "$tmp/at-commit.json" --source "$tmp/worktree"
    said "the commit of the release"
    g checkout --detach
    expect 0 "with a detached head" rebuild "$tmp/at-commit.json" --source "$co"
    said "the commit of the release"
    g commit --allow-empty -m two
    expect 19 "another commit, the same files" rebuild "$tmp/at-commit.json" --source "$co"
    said "source git commit: value"
    printf 'ref: ../../etc/passwd\n' > "$co/.git/HEAD"
    expect 0 "a head that leads elsewhere is no commit" rebuild "$tmp/at-commit.json" --source "$co"
    said "it is no checkout"
else
    skipped "which commit: there is no git here"
fi
tar -C "$out" -cf "$tmp/rootfs.tar" manifest.txt
expect 0 "a release of a tar" "$selfsame" build "$tmp/rootfs.tar" --init "$init" --out "$tmp/rel2" -- /manifest.txt
python3 "$peer" tar "$tmp/rel2/statement.json" "$tmp/rootfs.tar" "$tmp/of-tar.json" || exit 1
expect 0 "from that tar" rebuild "$tmp/of-tar.json" --source "$tmp/rootfs.tar" -- /manifest.txt
said "the tar of the release"
gzip -nk "$tmp/rootfs.tar"
expect 0 "from the same, compressed" rebuild "$tmp/of-tar.json" --source "$tmp/rootfs.tar.gz" -- /manifest.txt
said "another file than the release's tar"
finish
