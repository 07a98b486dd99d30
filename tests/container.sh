#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `selfsame build --oci`, and the verifier's own container image made with it: the same
# bytes twice, read by others, and it runs.
set -u
. "$(dirname "$0")/shell.sh"
. "$(dirname "$0")/verifier_world.sh"
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null; }

# ---- any image ----
mkdir -p "$tmp/source/app/deep/$(printf 'n%.0s' $(seq 120))"
printf '#!/bin/sh\necho hello\n' > "$tmp/source/app/hello"
chmod 755 "$tmp/source/app/hello"
echo long > "$tmp/source/app/deep/$(printf 'n%.0s' $(seq 120))/file"
ln -s hello "$tmp/source/app/link"
expect 0 "a container image" "$selfsame" build "$tmp/source" --out "$tmp/built" --oci --twice -- /app/hello --now
image=$tmp/built/image.oci.tar
mkdir "$tmp/layout"
tar xf "$image" -C "$tmp/layout"
cat > "$tmp/read.py" << 'PY'
# An OCI image layout, read as the specification says; and `docker load`'s manifest.
import hashlib, json, os, sys, tarfile
top = sys.argv[1]
def blob(d):
    algorithm, digest = d["digest"].split(":")
    data = open(os.path.join(top, "blobs", algorithm, digest), "rb").read()
    assert hashlib.sha256(data).hexdigest() == digest and len(data) == d["size"], digest
    return data
assert json.load(open(top + "/oci-layout")) == {"imageLayoutVersion": "1.0.0"}
index = json.load(open(top + "/index.json"))
assert index["schemaVersion"] == 2 and index["mediaType"] == "application/vnd.oci.image.index.v1+json"
(m,) = index["manifests"]
assert m["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
manifest = json.loads(blob(m))
assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
config = json.loads(blob(manifest["config"]))
(layer,) = manifest["layers"]
assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar"
blob(layer)
assert config["rootfs"] == {"type": "layers", "diff_ids": [layer["digest"]]}
(docker,) = json.load(open(top + "/manifest.json"))
path = lambda d: "blobs/" + d["digest"].replace(":", "/")
assert docker["Config"] == path(manifest["config"]) and docker["Layers"] == [path(layer)]
assert docker["RepoTags"] == [m["annotations"]["org.opencontainers.image.ref.name"]]
names = []
with tarfile.open(os.path.join(top, path(layer))) as t:
    for member in t:
        assert member.mtime == 0 and not member.uname and not member.gname, member.name
        names.append(member.name)
assert names == sorted(names) and len(names) == len(set(names))
assert not any(n == "selfsame" or n.startswith("selfsame/") for n in names)
c = config["config"]
print(config["os"], config["architecture"], c["User"], c["WorkingDir"], json.dumps(c["Entrypoint"]), json.dumps(c["Cmd"]), len(names))
PY
is "is an OCI layout" 'linux amd64 0:0 / ["/app/hello", "--now"] [] 11' "$(python3 "$tmp/read.py" "$tmp/layout" 2>&1 | tail -1)"
expect 0 "is a source" "$selfsame" build "$image" --out "$tmp/again" --oci
is "of itself" "$(sha256sum < "$image")" "$(sha256sum < "$tmp/again/image.oci.tar")"
is "and of the same enclave" "$(sha256sum < "$tmp/built/image.eif")" "$(sha256sum < "$tmp/again/image.eif")"
expect 0 "without --oci" "$selfsame" build "$tmp/source" --out "$tmp/built" -- /app/hello
is "an earlier one is gone" no "$([ -e "$image" ] && echo yes || echo no)"
if command -v skopeo > /dev/null; then
    expect 0 "skopeo reads it" skopeo inspect "oci-archive:$tmp/again/image.oci.tar"
else
    skipped "container: skopeo is not here"
fi

# ---- the verifier's own ----
expect 0 "the verifier's image, twice the same" "$root/tools/container.sh" "$build" "$tmp/verifier-image"
first=$(sha256sum < "$tmp/verifier-image/image.oci.tar")
expect 0 "and once more" "$root/tools/container.sh" "$build" "$tmp/verifier-image"
is "the same" "$first" "$(sha256sum < "$tmp/verifier-image/image.oci.tar")"
rm -rf "$tmp/layout"
mkdir "$tmp/layout"
tar xf "$tmp/verifier-image/image.oci.tar" -C "$tmp/layout"
is "runs as nobody else" 'linux amd64 65532:65532 / ["/usr/bin/selfsame"] ["verifier", "serve", "/var/lib/selfsame-verifier", "--json"]' \
    "$(python3 "$tmp/read.py" "$tmp/layout" 2>&1 | tail -1 | sed 's/ [0-9]*$//')"
is "and is an enclave's" yes "$([ -s "$tmp/verifier-image/image.eif" ] && echo yes || echo no)"
# It starts as an enclave does, and misses nothing but its settings.
timeout 100 "$selfsame" run --sim "$tmp/verifier-image/image.eif" > "$tmp/enclave" 2>&1
is "it starts as an enclave" 1 "$(grep -c 'cannot open /var/lib/selfsame-verifier/verifier.json' "$tmp/enclave")"
if [ "$(id -u)" -ne 0 ] || ! command -v chroot > /dev/null; then
    skipped "container: running it needs root"
    finish
fi
mkdir "$tmp/root"
for f in "$tmp/layout"/blobs/sha256/*; do tar tf "$f" > /dev/null 2>&1 && tar xf "$f" -C "$tmp/root"; done
# With a /proc, as containers have it; AddressSanitizer reads its options there.
inside() { # USER, command...
    user=$1
    shift
    exec unshare -m sh -c 'mount --bind /proc "$1/proc" && u=$2 && r=$1 && shift 2 && exec chroot --userspec="$u" "$r" "$@"' sh "$tmp/root" "$user" "$@"
}
if ! (inside 0:0 /usr/bin/selfsame --version) > "$tmp/inside" 2>&1 && grep -qi 'permi' "$tmp/inside"; then
    skipped "container: running it needs namespaces of mounts"
    finish
fi
in_image() { (inside 65532:65532 "$@"); }
export ASAN_OPTIONS=detect_leaks=0 # tracing does not lead out of the image's user
expect 0 "the program has all that it needs" in_image /usr/bin/selfsame --version
chown 65532:65532 "$tmp/root/var/lib/selfsame-verifier"
expect 0 "in it, a verifier is made" in_image /usr/bin/selfsame verifier init /var/lib/selfsame-verifier/v --issuer "$url"
rm -rf "$tmp/root/var/lib/selfsame-verifier/v"
mkdir "$tmp/root/var/lib/selfsame-verifier/v"
world_init
cp -r "$dir"/. "$tmp/root/var/lib/selfsame-verifier/v"
chown -R 65532:65532 "$tmp/root/var/lib/selfsame-verifier"
inside 65532:65532 /usr/bin/selfsame verifier serve /var/lib/selfsame-verifier/v --listen 127.0.0.1:0 --json > "$tmp/serving" 2> "$tmp/serve.log" &
server=$!
for _ in $(seq 100); do grep -qs listen "$tmp/serving" && break; sleep 0.1; done
at=$(jq -r .listen "$tmp/serving")
nonce=$(new_nonce)
evidence "$nonce"
ask_verify "policy=web&nonce=$nonce&key=$key64"
is "and serves" 200 "$status"
world_stop
server=
# What is loaded by name is there: without, asking says that it is not installed.
expect 3 "PostgreSQL's library is there" in_image /usr/bin/selfsame verifier init /tmp/pg --issuer "$url" --registry "postgresql://127.0.0.1:9/none"
is "nobody answers, but somebody asked" 0 "$(grep -ciE 'libpq|install' "$tmp/err")"
rm "$tmp/root"/usr/lib/*/libpq.so.5
expect 3 "without it" in_image /usr/bin/selfsame verifier init /tmp/pg2 --issuer "$url" --registry "postgresql://127.0.0.1:9/none"
said "libpq"
finish
