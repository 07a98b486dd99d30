#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/bench.sh BUILDDIR
# A table of ratios, each against something measured in the same run. Nothing is asserted.
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
"$build/bench/bench_nitro"
"$build/bench/bench_snp"
"$build/bench/bench_dcap"
"$build/bench/bench_event_log"
"$build/bench/bench_sgx"
"$build/bench/bench_token"
"$build/bench/bench_monitor"
"$build/bench/bench_witness"
"$build/bench/bench_log"
"$build/bench/bench_log_http"
"$build/bench/bench_httpd"
"$build/bench/bench_verifier"
exec python3 bench/commands.py "$build"
