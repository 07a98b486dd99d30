#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# usage: tools/embed.py OUT.c FILE...
# The files of the verifier's page as one table of C (src/verifier/page.h), each with its
# type and an ETag of its content.
import hashlib
import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".vec": "text/plain; charset=utf-8",
}


def name_of(path):
    """Examples keep their folder: vectors/nitro/100-happy.vec is nitro/100-happy.vec."""
    name = os.path.basename(path)
    return os.path.basename(os.path.dirname(path)) + "/" + name if name.endswith(".vec") else name


def main():
    out, paths = sys.argv[1], sorted(sys.argv[2:], key=name_of)
    body, rows = [], []
    for i, path in enumerate(paths):
        with open(path, "rb") as f:
            data = f.read()
        lines = ("    " + ",".join(map(str, data[at:at + 24])) + "," for at in range(0, len(data), 24))
        body.append("static const uint8_t asset%d[] = {\n%s\n};\n" % (i, "\n".join(lines)))
        rows.append('    { "%s", "%s", "\\"%s\\"", { asset%d, sizeof(asset%d) } },\n' % (
            name_of(path), TYPES[os.path.splitext(path)[1]], hashlib.sha256(data).hexdigest()[:32], i, i))
    with open(out, "w", encoding="ascii") as f:
        f.write('/* Made by tools/embed.py. */\n#include "verifier/page.h"\n\n' + "".join(body))
        f.write("const struct page_asset page_assets[] = {\n" + "".join(rows) + "};\n")
        f.write("const size_t page_asset_count = %d;\n" % len(paths))


main()
