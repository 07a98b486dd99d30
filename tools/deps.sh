#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing when root; else prints the command.
set -eu
packages="gcc clang clang-format libclang-rt-dev meson ninja-build pkg-config binutils
    libc6-dev libssl-dev nettle-dev libgmp-dev libsodium-dev libjansson-dev libevent-dev
    libcurl4-openssl-dev libarchive-dev libseccomp-dev libcmocka-dev zlib1g-dev
    openssl curl ca-certificates jq cpio mandoc iproute2 util-linux python3"
missing=
for p in $packages; do
    dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed' && continue
    missing="$missing $p"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    printf 'These packages are missing; run this once:\n\n    sudo apt-get install -y%s\n\n' "$missing" >&2
    exit 1
fi
printf 'installing%s\n' "$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
