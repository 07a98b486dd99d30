#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing when root; else prints the command.
set -eu
# What compiles and checks; libraries; what runs: examples, demo, tests, and packed layers.
packages="gcc clang clang-format libclang-rt-dev meson ninja-build pkg-config binutils libc6-dev
    libssl-dev nettle-dev libgmp-dev libsodium-dev libjansson-dev libevent-dev
    libcurl4-openssl-dev libarchive-dev libseccomp-dev libcmocka-dev zlib1g-dev libsqlite3-dev libpq-dev
    openssl curl ca-certificates jq mandoc python3 util-linux bzip2 xz-utils zstd
    apache2
    chromium
    haproxy
    jose
    libapache2-mod-auth-openidc
    libnginx-mod-http-js
    nginx-light
    postgresql
    python3-cryptography
    python3-prometheus-client
    python3-yaml"
# npm gets what drives the page of tests/verifier_page.sh; some packages of Node.js bring it.
if ! command -v npm > /dev/null; then packages="$packages nodejs npm"; fi
# The machine that tests/boot.sh starts; no other test needs it.
if [ "$(uname -m)" = x86_64 ]; then packages="$packages qemu-system-x86"; fi
if ! command -v dpkg-query > /dev/null; then
    echo "not a Debian system: install what Meson misses by hand" >&2
    exit 0
fi
missing=
for p in $packages; do
    dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed' && continue
    missing="$missing $p"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    sudo='' as=' as root'
    if command -v sudo > /dev/null; then sudo='sudo ' as=''; fi
    update="${sudo}apt-get update && "
    for list in /var/lib/apt/lists/*Packages*; do [ ! -e "$list" ] || update=; done
    printf 'These packages are missing; run this once%s:\n\n    %s%sapt-get install -y --no-install-recommends%s\n\n' \
        "$as" "$update" "$sudo" "$missing" >&2
    exit 1
fi
printf 'installing%s\n' "$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# RUNLEVEL: of those that are services none is started here.
# shellcheck disable=SC2086
RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing > /dev/null
