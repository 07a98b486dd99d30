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
finish
