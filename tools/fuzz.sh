#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/fuzz.sh BUILDDIR [--replay]
# Runs every fuzz target for FUZZ_SECONDS (default 30) each, or only replays the seeds:
# those fuzz/seeds.py makes of this tree, and real evidence below ../shared when it is there.
set -u
build=$(cd "$1" && pwd)
mode=${2:-}
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-30}
shared=../shared/vectors
work=$build/corpus
mkdir -p "$work"
[ -d "$shared" ] || echo "SKIPPED: real evidence as seeds: ../shared/vectors is not here"

seeds() { # target: the files that suit it
    [ -d "$shared" ] || return 0
    case $1 in
    evidence_sgx) find "$shared/sgx" -name 'quote.dat' ;;
    evidence_tdx) find "$shared/tdx" -name 'quote.dat' ;;
    dcap_quote) find "$shared/sgx" "$shared/tdx" -name 'quote.dat' ;;
    evidence_snp) find "$shared/snp" -name 'report.bin' ;;
    evidence_sgx) find "$shared/sgx" -name 'quote.dat' ;;
    evidence_tdx) find "$shared/tdx" -name 'quote.dat' ;;
    snp_bundle) find "$shared/snp" -name '*.der' -o -name 'auxblob.bin' -o -name '*-ask.pem' ;;
    ovmf) find "$shared/snp" -name 'ovmf_*.bin' ;;
    cbor|cose|evidence_*) find "$shared/nitro" -name '*.cbor' ;;
    der|x509) find "$shared" -name '*.der' -o -name '*.crt' | head -50 ;;
    event_log) find "$shared/tdx" -path '*/ccel/*' -size -40k -type f ! -name '*.json' ;;
    ratls) find "$shared/ra-tls" -name '*.der' ;;
    eif) find "$shared/nitro" -name '*.eif' ;;
    cmw) find "$shared/cmw" -type f ;;
    ear_read) find "$shared/ear" "$shared/eat" -name '*.json' -o -name '*json*.diag' ;;
    jws) find "$shared/ear" -name '*.jwt' ;;
    cwt) find "$shared/eat" -name '*.cose' ;;
    json|policy) find "$shared/ear" "$shared/cose" -name '*.json' | head -40 ;;
    esac
}
python3 fuzz/seeds.py "$work" || exit 1
bad=0
for t in "$build"/fuzz/fuzz_*; do
    [ -x "$t" ] && [ -f "$t" ] || continue
    name=$(basename "$t" | sed 's/^fuzz_//')
    dir=$work/$name
    mkdir -p "$dir"
    for s in $(seeds "$name"); do
        cp "$s" "$dir/$(echo "$s" | tr '/' '_')"
    done
    chmod -R u+w "$dir"
    [ -n "$(ls "$dir")" ] || { echo "$name: no seeds, fuzz/seeds.py makes none"; bad=1; }
    if [ "$mode" = --replay ]; then
        set -- -runs=0
    else
        set -- -max_total_time="$seconds"
    fi
    printf '%-24s ' "$name"
    if "$t" "$@" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -artifact_prefix="$work/$name-" "$dir" > "$work/$name.log" 2>&1; then
        grep -oE '#[0-9]+.*cov: [0-9]+' "$work/$name.log" | tail -1 | sed 's/INITED//; s/DONE//'
    else
        echo FAILED; tail -30 "$work/$name.log"; bad=1
    fi
done
exit $bad
