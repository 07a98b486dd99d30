#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the text form of Prometheus as strictly as its documents and client library do
(python3-prometheus-client), and prints FAMILY TYPE SAMPLES for each family."""
import re
import sys

from prometheus_client.parser import text_string_to_metric_families

text = open(sys.argv[1], newline="").read()
bad = []
if not text.endswith("\n") or "\r" in text:
    bad.append("lines end with a line feed")
# Each family once, HELP and TYPE before its samples, no sample outside a family.
family, kind, seen = None, None, set()
for line in text.splitlines():
    m = re.fullmatch(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)", line)
    if m and m[1] == "HELP":
        if m[2] in seen:
            bad.append(f"{m[2]}: twice")
        seen.add(m[2])
        family = m[2]
    elif m:
        if m[2] != family or m[3] not in ("counter", "gauge", "histogram"):
            bad.append(f"{m[2]}: TYPE {m[3]}")
        kind = m[3]
        if (kind == "counter") != m[2].endswith("_total"):
            bad.append(f"{m[2]}: the name of a {kind}")
    else:
        m = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? (\S+)', line)
        if not m:
            bad.append(f"no sample: {line}")
        elif not (m[1] == family or kind == "histogram" and m[1] in [family + x for x in ("_bucket", "_sum", "_count")]):
            bad.append(f"{m[1]}: not of the family {family}")
families = list(text_string_to_metric_families(text))
for f in families:
    labels = [(s.name, tuple(sorted(s.labels.items()))) for s in f.samples]
    if len(labels) != len(set(labels)):
        bad.append(f"{f.name}: a series twice")
    if f.type == "histogram":
        rows = {}
        for s in f.samples:
            rest = tuple(sorted((k, v) for k, v in s.labels.items() if k != "le"))
            rows.setdefault(rest, {})[(s.name.rsplit("_", 1)[1], s.labels.get("le"))] = s.value
        for rest, row in rows.items():
            le = [(float(b), v) for (n, b), v in row.items() if n == "bucket"]
            if le != sorted(le) or [v for _, v in le] != sorted(v for _, v in le):
                bad.append(f"{f.name}{rest}: buckets fall")
            if le[-1][0] != float("inf") or le[-1][1] != row[("count", None)] or ("sum", None) not in row:
                bad.append(f"{f.name}{rest}: no +Inf, sum or count that agree")
    print(f.name, f.type, len(f.samples))
for line in bad:
    print("bad:", line)
sys.exit(1 if bad else 0)
