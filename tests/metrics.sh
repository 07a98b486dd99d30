#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the verifier counts, read by another implementation of the format.
set -u
. "$(dirname "$0")/shell.sh"
peer=$root/tests/metrics_peer.py
python=
for p in python3 /usr/bin/python3; do
    [ -n "$python" ] || ! "$p" -c 'import prometheus_client' 2>/dev/null || python=$p
done
if [ -z "$python" ]; then
    skipped "metrics: python3-prometheus-client is not here"
    finish
fi
expect 0 "metrics are printed" "$build/tests/verifier_metrics_test" "$tmp/metrics"
expect 0 "and read" "$python" "$peer" "$tmp/metrics"
said "selfsame_verifier_answers counter 1"
said "selfsame_verifier_stage_seconds histogram 120"
said "process_resident_memory_bytes gauge 1"
# The reader can say no.
wrong() { # what, sed expression
    sed "$2" "$tmp/metrics" > "$tmp/wrong"
    expect 1 "$1 is seen" "$python" "$peer" "$tmp/wrong"
}
wrong "a label without a quote" 's/tee="snp"/tee="snp/'
wrong "a bucket that falls" 's/\(le="10"} \).*/\10/'
wrong "a sample without a family" 's/^selfsame_verifier_ready /selfsame_verifier_steady /'
wrong "a counter without total" 's/answers_total/answers/'

# ---- the rules that are shipped speak of series that there are ----
if python3 -c 'import yaml' 2>/dev/null; then
    cat > "$tmp/rules.py" << 'PY'
import re, sys, yaml
text = open(sys.argv[2]).read()
types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
bad = n = 0
for group in yaml.safe_load(open(sys.argv[1]))["groups"]:
    for rule in group["rules"]:
        for name in re.findall(r"\b(?:selfsame|process)_\w+", rule["expr"]):
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            kind = types.get(name) or types.get(family)
            labels = set(re.findall(r"\b(\w+)(?:=|=~|!=)\"", rule["expr"])) | set(re.findall(r"by \((\w+)\)", rule["expr"]))
            n += 1
            if kind is None or (kind == "counter") != name.endswith("_total"):
                bad += 1
                print(rule["alert"], name)
            for l in labels - {"le"}:
                if not re.search(rf"^{name}(?:_bucket)?{{[^}}]*\b{l}=", text, re.M):
                    bad += 1
                    print(rule["alert"], name, l)
        assert rule["alert"] and set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
print(n, "series")
sys.exit(bad != 0)
PY
    expect 0 "alerts name what is counted" python3 "$tmp/rules.py" "$root/packaging/monitoring/alerts.yaml" "$tmp/metrics"
    said "9 series"
    sed 's/selfsame_verifier_ready/selfsame_verifier_steady/' "$root/packaging/monitoring/alerts.yaml" > "$tmp/alerts"
    expect 1 "a series that is not there is seen" python3 "$tmp/rules.py" "$tmp/alerts" "$tmp/metrics"
fi
finish
