#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole commands: time and peak memory as ratios to openssl(1) on the same bytes."""
import os, random, shutil, statistics, subprocess, sys, tempfile, time

build = sys.argv[1]
selfsame = f"{build}/src/cli/selfsame"
sim = f"{build}/src/sim/selfsame-sim"
SIZE = int(os.environ.get("BENCH_MB", "200")) << 20
work = tempfile.mkdtemp(prefix="selfsame-bench-")


def run(*argv):
    """Wall seconds of one command."""
    t = time.perf_counter()
    p = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if p.returncode != 0:
        sys.exit(f"{' '.join(argv)} failed: {p.stderr.decode()}")
    return time.perf_counter() - t


def peak(*argv):
    """Peak resident KiB, looked at until it ends: ru_maxrss would count this Python from before the exec."""
    p = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    kib = 0
    while p.poll() is None:
        with open(f"/proc/{p.pid}/status") as f:
            kib = max([kib] + [int(l.split()[1]) for l in f if l.startswith("VmHWM:")])
    return kib


def best(rounds, *contestants):
    """Interleaved rounds; median seconds of each contestant."""
    seen = [[] for _ in contestants]
    for _ in range(rounds):
        for i, argv in enumerate(contestants):
            seen[i].append(run(*argv))
    return [statistics.median(r) for r in seen]


def row(what, seconds, kib, ratio, of, aim):
    print(f"  {what:<34} {seconds*1e3:9.1f} ms {kib/1024:7.1f} MiB peak   {ratio:5.2f} x {of}   {aim}")


try:
    root = f"{work}/root"
    os.makedirs(f"{root}/usr/share")
    rng = random.Random(1)
    blob = rng.randbytes(1 << 20)
    for i in range(SIZE >> 20):
        with open(f"{root}/usr/share/{i:04d}", "wb") as f:
            f.write(i.to_bytes(4, "big") + blob[4:])
    recipe = f"{work}/recipe.json"
    with open(recipe, "w") as f:
        f.write('{"selfsame_recipe":1,"name":"bench","version":"1","entrypoint":["/usr/share/0000"]}')
    out = f"{work}/out"
    make = (selfsame, "build", root, "--recipe", recipe, "--out", out)
    run(*make)
    image = f"{out}/image.eif"
    # What must be hashed: PCR0 takes every payload, PCR2 the application ramdisk once more.
    twice = f"{work}/bytes"
    with open(twice, "wb") as f:
        for _ in range(2):
            with open(image, "rb") as i:
                shutil.copyfileobj(i, f)
    one = ("openssl", "dgst", "-sha384", image)
    two = ("openssl", "dgst", "-sha384", twice)
    measure = (selfsame, "measure", image)
    m, b, d1, d2 = best(5, measure, make, one, two)
    mk, bk = peak(*measure), peak(*make)
    print(f"\nImages, root file system of {SIZE >> 20} MB in {SIZE >> 20} files")
    print(f"  {'openssl dgst -sha384, once':<34} {d1*1e3:9.1f} ms")
    print(f"  {'openssl dgst -sha384, the two PCRs':<34} {d2*1e3:9.1f} ms")
    row("selfsame measure", m, mk, m / d2, "openssl on the bytes to hash", "(aim <= 1.3; two threads)")
    row("selfsame build", b, bk, b / d1, "openssl on the image once", "")

    machine = f"{work}/machine"
    run(selfsame, "build", root, "--recipe", recipe, "--tee", "snp", "--out", machine)
    shape = (selfsame, "measure", machine, "--cpu", "EPYC-Milan-v2")
    s, x, d = best(5, shape, (*shape, "--vcpus", "1-64"), ("openssl", "dgst", "-sha256", f"{machine}/image.initrd"))
    print(f"\nSEV-SNP launch digest, initrd of {SIZE >> 20} MB")
    print(f"  {'openssl dgst -sha256':<34} {d*1e3:9.1f} ms")
    row("selfsame measure, one shape", s, peak(*shape), s / d, "openssl on the initrd", "(aim <= 1.2)")
    row("selfsame measure, 64 shapes", x, peak(*shape, "--vcpus", "1-64"), x / s, "one shape", "(aim <= 1.5)")

    doc, nonce = f"{work}/doc.cbor", "00112233445566778899aabbccddeeff"
    run(sim, "evidence", "--tee", "nitro", "--nonce", nonce, "--image", image, "--raw", "--out", doc)
    verify = (selfsame, "verify", doc, "--tee", "nitro", "--nonce", nonce, "--measurements",
              f"{out}/measurements.json", "--insecure-simulated", "--insecure-unbound")
    v, o = best(21, verify, ("openssl", "version"))
    vk = max(peak(*verify) for _ in range(5))
    speed = subprocess.run(["openssl", "speed", "-seconds", "1", "-mr", "ecdsap384"],
                           capture_output=True, text=True).stdout
    per = next((float(l.split(":")[4]) for l in speed.splitlines() if l.startswith("+F4")), 0.0)
    bare = 5 * (1 / per if per > 1 else per)
    print("\nOne command, start to verdict")
    print(f"  {'openssl version':<34} {o*1e3:9.1f} ms")
    print(f"  {'five bare P-384 verifications':<34} {bare*1e3:9.1f} ms")
    row("selfsame verify FILE", v, vk, v / (2 * o + bare), "(2 x openssl version + crypto)", "(aim <= 1)")
finally:
    shutil.rmtree(work, ignore_errors=True)
