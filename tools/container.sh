#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/container.sh BUILD OUT [options of `selfsame build`]
# Makes the verifier's container image, OUT/image.oci.tar, and its enclave image from the
# program of BUILD (a build directory, as build/release) and the libraries of this machine,
# twice, and compares every byte.
set -eu
cd "$(dirname "$0")/.."
[ $# -ge 2 ] || { echo "usage: tools/container.sh BUILD OUT [options]" >&2; exit 2; }
case $1 in /*) build=$1 ;; *) build=$PWD/$1 ;; esac
out=$2
shift 2
[ -x "$build/src/cli/selfsame" ] || { echo "$build/src/cli/selfsame is not there: build it first" >&2; exit 1; }
stage=$(mktemp -d "${TMPDIR:-/tmp}/selfsame-container.XXXXXX")
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' INT TERM
chmod 755 "$stage"
cp packaging/container/selfsame.json packaging/container/collect.sh packaging/container/late.txt "$stage"
# Debug information names places of this machine, and is of no use in an image.
cp "$build/src/cli/selfsame" "$stage/selfsame"
strip --strip-unneeded "$stage/selfsame"
"$build/src/cli/selfsame" build "$stage" --out "$out" --oci --twice "$@"
