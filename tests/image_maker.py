# SPDX-License-Identifier: Apache-2.0
"""Container images for tests/build.sh, good ones and bad ones, written by hand.

usage: image_maker.py DIR
"""
import gzip, hashlib, io, json, os, sys, tarfile

FIXED = 1500000000


def tar(*entries, pad=True):
    """entries: (name, kind, value) with kind f d l h c p; or (name, kind, value, {field: x})"""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for entry in entries:
            name, kind, value = entry[:3]
            info = tarfile.TarInfo(name)
            info.mtime = FIXED + len(name)
            info.uid = 1000
            data = b""
            if kind == "f":
                data = value if isinstance(value, bytes) else value.encode()
                info.size = len(data)
                info.mode = 0o640
            elif kind == "x":
                data = value.encode()
                info.size = len(data)
                info.mode = 0o700
            elif kind == "d":
                info.type = tarfile.DIRTYPE
                info.mode = 0o700
            elif kind == "l":
                info.type, info.linkname = tarfile.SYMTYPE, value
            elif kind == "h":
                info.type, info.linkname = tarfile.LNKTYPE, value
            elif kind == "c":
                info.type = tarfile.CHRTYPE
                info.devmajor, info.devminor = value
            elif kind == "p":
                info.type = tarfile.FIFOTYPE
            t.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return out.getvalue()


def sha(data):
    return hashlib.sha256(data).hexdigest()


CONFIG = {"Entrypoint": ["/bin/app"], "Cmd": ["--serve", "a b"], "Env": ["A=1", "PATH=/bin"],
          "User": "web:www", "WorkingDir": "/srv"}
BASE = [("bin", "d", None), ("bin/app", "x", "#!app\n"), ("etc", "d", None),
        ("etc/passwd", "f", "root:x:0:0::/:/bin/sh\nweb:x:101:102::/:/bin/sh\n"),
        ("etc/group", "f", "root:x:0:\nwww:x:103:\n"), ("srv", "d", None)]


class Image:
    def __init__(self, *layers, config=None, compress=gzip.compress, arch="amd64"):
        self.blobs = {}
        self.tars = list(layers)
        self.layers = [compress(t) for t in layers]
        self.config = json.dumps({"os": "linux", "architecture": arch, "config": config or CONFIG,
                                  "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha(t) for t in layers]}
                                  }).encode()
        self.arch = arch

    def add(self, data):
        self.blobs[sha(data)] = data
        return {"digest": "sha256:" + sha(data), "size": len(data)}

    def manifest(self):
        return json.dumps({"schemaVersion": 2,
                           "config": dict(self.add(self.config), mediaType="application/vnd.oci.image.config.v1+json"),
                           "layers": [dict(self.add(x), mediaType="application/vnd.oci.image.layer.v1.tar+gzip")
                                      for x in self.layers]}).encode()

    def descriptor(self, platform=False, ref=None):
        d = dict(self.add(self.manifest()), mediaType="application/vnd.oci.image.manifest.v1+json")
        if platform:
            d["platform"] = {"os": "linux", "architecture": self.arch}
        if ref:
            d["annotations"] = {"org.opencontainers.image.ref.name": ref}
        return d

    def files(self, descriptors=None):
        if descriptors is None:
            descriptors = [self.descriptor()]
        out = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
               "index.json": json.dumps({"schemaVersion": 2, "manifests": descriptors}).encode()}
        out.update({"blobs/sha256/" + h: d for h, d in self.blobs.items()})
        return out

    def docker(self):
        out = {sha(self.config) + ".json": self.config}
        names = []
        for i, t in enumerate(self.tars):
            names.append("%d/layer.tar" % i)
            out[names[-1]] = t
        out["manifest.json"] = json.dumps([{"Config": sha(self.config) + ".json", "RepoTags": ["x:1"],
                                            "Layers": names}]).encode()
        return out


def write_dir(path, files):
    for name, data in files.items():
        full = os.path.join(path, name)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(data)


def write_tar(path, files, compress=None):
    data = tar(*[(n, "f", d) for n, d in files.items()])
    with open(path, "wb") as f:
        f.write(compress(data) if compress else data)


def good(out):
    upper = tar(("etc/.wh.old", "f", ""), ("data/kept", "f", "upper"), ("data/.wh..wh..opq", "f", ""),
                ("bin/app2", "h", "bin/app"), ("link", "l", "../../../etc/passwd"), ("x", "f", "now a file"),
                ("a" * 120 + "/" + "b" * 120, "f", "long"), ("srv/caf\u00e9", "f", "name"))
    lower = tar(*BASE, ("etc/old", "f", "gone"), ("data/gone", "f", "lower"), ("x/y", "f", "was a directory"))
    image = Image(lower, upper)
    write_dir(out + "/layout", image.files())
    write_tar(out + "/oci.tar", image.files())
    write_tar(out + "/oci.tar.gz", image.files(), gzip.compress)
    write_tar(out + "/docker.tar", image.docker())
    # One layer, other times, order and compression: the same tree.
    flat = tar(("srv/caf\u00e9", "f", "name"), ("a" * 120 + "/" + "b" * 120, "f", "long"), ("x", "f", "now a file"),
               ("link", "l", "../../../etc/passwd"), ("data/kept", "f", "upper"), *reversed(BASE),
               ("bin/app2", "h", "./bin/app"))
    write_dir(out + "/flat", Image(flat, compress=lambda t: gzip.compress(t, 1)).files())
    with open(out + "/rootfs.tar", "wb") as f:
        f.write(flat)
    other = Image(tar(*BASE, ("arm", "f", "")), arch="arm64")
    both = Image(lower, upper)
    both.blobs.update(other.blobs)
    d = [other.descriptor(platform=True), both.descriptor(platform=True),
         {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "0" * 64, "size": 1,
          "platform": {"os": "unknown", "architecture": "unknown"}}]
    both.blobs.update(other.blobs)
    index = json.dumps({"schemaVersion": 2, "manifests": d}).encode()
    top = dict(both.add(index), mediaType="application/vnd.oci.image.index.v1+json")
    write_dir(out + "/multi", both.files([top]))
    tags = Image(lower, upper)
    tags.blobs.update(other.blobs)
    one = tags.descriptor(ref="app:1")
    second = Image(tar(*BASE, ("other", "f", "")))
    two = second.descriptor(ref="app:2")
    tags.blobs.update(second.blobs)
    write_dir(out + "/tags", tags.files([one, two]))


def bad(out):
    def layer(name, *entries):
        write_dir(out + "/" + name, Image(tar(*BASE, *entries)).files())

    layer("dotdot", ("../evil", "f", "x"))
    layer("dotdot-inside", ("srv/../../evil", "f", "x"))
    layer("absolute", ("/evil", "f", "x"))
    layer("hardlink-dotdot", ("evil", "h", "../../etc/shadow"))
    layer("hardlink-absolute", ("evil", "h", "/etc/shadow"))
    layer("hardlink-nowhere", ("evil", "h", "not/here"))
    layer("hardlink-dir", ("evil", "h", "etc"))
    layer("through-link", ("out", "l", "/tmp"), ("out/evil", "f", "x"))
    layer("device", ("srv/disk", "c", (8, 0)))
    layer("collision", ("srv/README", "f", "a"), ("srv/readme", "f", "b"))
    layer("has-init", ("init", "x", "mine"))
    layer("whiteout-dotdot", ("srv/.wh...", "f", ""))
    layer("whiteout-full", ("srv/.wh.x", "f", "not empty"))

    image = Image(tar(*BASE))
    files = image.files()
    blob = "blobs/sha256/" + sha(image.layers[0])
    write_dir(out + "/digest", dict(files, **{blob: image.layers[0][:-1] + b"\7"}))
    write_dir(out + "/size", dict(files, **{blob: image.layers[0] + b"\0"}))
    del files[blob]
    write_dir(out + "/missing", files)
    image = Image(tar(*BASE))
    image.config = image.config.replace(sha(image.tars[0]).encode(), b"0" * 64)
    write_dir(out + "/diff-id", image.files())
    write_tar(out + "/diff-id.tar", image.docker())
    image = Image(tar(*BASE))
    image.config = image.config.replace(b'"diff_ids": [', b'"diff_ids": ["sha256:' + b"0" * 64 + b'", ')
    write_dir(out + "/diff-ids-count", image.files())
    write_dir(out + "/no-user", Image(tar(*BASE), config=dict(CONFIG, User="nosuch")).files())
    write_dir(out + "/damaged-gzip", Image(tar(*BASE), compress=lambda t: gzip.compress(t)[:-20]).files())
    write_dir(out + "/not-tar", Image(b"this is not a tar" * 100).files())
    write_dir(out + "/cut-tar", Image(tar(*BASE)[:1500]).files())
    write_dir(out + "/arm", Image(tar(*BASE), arch="arm64").files())
    files = Image(tar(*BASE)).files()
    write_dir(out + "/version", dict(files, **{"oci-layout": b'{"imageLayoutVersion":"2.0.0"}'}))
    write_dir(out + "/index-json", dict(files, **{"index.json": b'{"manifests":[}'}))
    files = Image(tar(*BASE)).files([{"digest": "sha512:" + "0" * 128, "size": 3, "mediaType": ""}])
    write_dir(out + "/sha512", files)
    files = Image(tar(*BASE)).files([{"digest": "sha256:../../../etc/passwd", "size": 3, "mediaType": ""}])
    write_dir(out + "/digest-path", files)

    whole = tar(*BASE)
    files = {"empty": b"", "zeros.tar": b"\0" * 4096, "cut.tar": whole[:700], "no-end.tar": whole[:4096],
             "junk.tar": whole + b"x", "not-an-image": b"hello\n" * 300, "short": b"\x7fELF",
             "entries-none.tar": b"\0" * 10240, "bad-checksum.tar": b"X" + whole[1:],
             "damaged.tar.gz": gzip.compress(whole)[:-30]}
    for name, data in files.items():
        with open(out + "/" + name, "wb") as f:
            f.write(data)
    with open(out + "/sparse-4g", "wb") as f:
        f.truncate(4 << 30)


if __name__ == "__main__":
    for part, make in ("good", good), ("bad", bad):
        os.makedirs(sys.argv[1] + "/" + part)
        make(sys.argv[1] + "/" + part)
