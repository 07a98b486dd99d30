#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The image of `build --tee snp` is started for real, in a virtual machine without
# SEV-SNP (there is none here to test with), and its service answers through a port.
# shellcheck source=tests/shell.sh
. "${SELFSAME_SOURCE_ROOT:-.}/tests/shell.sh"
umask 022
cache=${SELFSAME_TEST_CACHE:-$build/test-cache}
vm=
cleanup() { [ -z "$vm" ] || kill "$vm" 2> /dev/null; }

command -v qemu-system-x86_64 > /dev/null || { skipped "qemu-system-x86_64 is not here"; finish; }
[ "$(uname -m)" = x86_64 ] || { skipped "no machine of another processor is started"; finish; }

# --- a kernel: any that this host has, or Debian's for clouds, unpacked and not installed
find_kernel() { # prints "KERNEL MODULES"
    for k in "$cache"/kernel/boot/vmlinuz-* /boot/vmlinuz-*; do
        m=${k%/boot/*}/lib/modules/${k##*/vmlinuz-}
        if [ -r "$k" ] && [ -d "$m/kernel" ]; then echo "$k $m"; return; fi
    done
}
fetch_kernel() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null || return 1
    package=$(apt-cache depends linux-image-cloud-amd64 2> /dev/null | sed -n 's/.*Depends: \(linux-image-[^ ]*\)$/\1/p' | head -1)
    [ -n "$package" ] || return 1
    mkdir -p "$cache/deb" && (cd "$cache/deb" && timeout 120 apt-get download "$package") > "$tmp/log" 2>&1 || return 1
    # Of 100 MB the kernel and what is listed below are needed.
    dpkg-deb --fsys-tarfile "$cache"/deb/linux-image-*.deb | { mkdir -p "$cache/kernel.part" && tar -x -C "$cache/kernel.part" \
        --wildcards './boot/vmlinuz-*' '*/virtio*.ko*' '*/failover.ko*' '*/net_failover.ko*' '*/configfs.ko*'; } &&
        mv "$cache/kernel.part" "$cache/kernel"
    rm -rf "$cache/deb" "$cache/kernel.part"
}
found=$(find_kernel)
[ -n "$found" ] || { fetch_kernel; found=$(find_kernel); }
[ -n "$found" ] || { skipped "there is no kernel image here, and none could be had from apt"; finish; }
kernel=${found% *} modules=${found#* }

# --- modules, in the order in which one needs the other; what a kernel has built in is no file
mkdir "$tmp/src" "$tmp/modules"
list=
for name in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net configfs; do
    file=$(find "$modules/kernel" -name "$name.ko*" | head -1)
    [ -n "$file" ] || continue
    case $file in
    *.ko) cp "$file" "$tmp/modules/$name.ko" ;;
    *.xz) xz -dc "$file" > "$tmp/modules/$name.ko" ;;
    *.zst) zstd -qdc "$file" > "$tmp/modules/$name.ko" ;;
    esac
    sum=$(sha256sum < "$tmp/modules/$name.ko" | cut -d' ' -f1)
    list="$list${list:+,}{\"file\":\"$tmp/modules/$name.ko\",\"sha256\":\"$sum\"}"
done
sum=$(sha256sum < "$kernel" | cut -d' ' -f1)
sed 's/INADDR_LOOPBACK/INADDR_ANY/' "$root/examples/hello/hello.c" > "$tmp/src/hello.c"
recipe() { # net
    cat > "$tmp/recipe.json" <<JSON
{"selfsame_recipe":1,"name":"example.com/boot","tee":["snp"],
 "build":[["mkdir","/out/app"],["cc","-std=gnu11","-O1","-static","-s","-Wl,--build-id=none","-o","/out/app/hello","hello.c"]],
 "entrypoint":["/app/hello"],"user":"1000:1000",
 "snp":{"kernel":{"file":"$kernel","sha256":"$sum"},"net":"$1","modules":[$list]}}
JSON
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# Starts the image and waits until its service answers; 60 s at most. Output in $tmp/console.
boot() { # what, what it must answer
    port=$(free_port)
    timeout -k 2 90 "$selfsame" run "$tmp/image" --tee snp --insecure-plain-vm --accel tcg --memory 512 \
        -p "127.0.0.1:$port:8080" > "$tmp/console" 2> "$tmp/said" < /dev/null & vm=$!
    answer= n=0
    while [ $n -lt 120 ] && kill -0 "$vm" 2> /dev/null; do
        answer=$(curl -s -m 2 "http://127.0.0.1:$port/") && [ -n "$answer" ] && break
        sleep 0.5; n=$((n + 1))
    done
    kill "$vm" 2> /dev/null; wait "$vm" 2> /dev/null; vm=
    case $answer in
    *"$2"*) ok "$1" ;;
    *) not_ok "$1: got '$answer'"; tail -n 15 "$tmp/said" "$tmp/console" ;;
    esac
}

recipe dhcp
expect 0 "an image with a real kernel is built" "$selfsame" build "$tmp/src" --recipe "$tmp/recipe.json" --out "$tmp/image"
said "name one with --firmware"
boot "it starts, asks for its address, and its service answers" "hello from the selfsame code"
if grep -q 'nothing is measured' "$tmp/said"; then ok "it is said that nothing is protected"
else not_ok "it should be said that nothing is protected"; cat "$tmp/said"; fi
recipe "10.0.2.15/24 10.0.2.2"
expect 0 "an image with an address of its own is built" "$selfsame" build "$tmp/src" --recipe "$tmp/recipe.json" --out "$tmp/image"
boot "it starts with it, and its service answers" "hello from the selfsame code"

# --- the machine ends with the program, and with what it cannot do
ends() { # what, words on the console
    timeout -k 2 60 "$selfsame" run "$tmp/image" --tee snp --insecure-plain-vm --accel tcg --memory 512 \
        > "$tmp/console" 2> "$tmp/said" < /dev/null; got=$?
    if [ $got -eq 0 ] && grep -q "$2" "$tmp/console"; then ok "$1"
    else not_ok "$1: status $got"; tail -n 15 "$tmp/said" "$tmp/console"; fi
}
printf '#include <stdio.h>\nint main(void) { puts("short and done"); return 0; }\n' > "$tmp/src/hello.c"
recipe none
expect 0 "an image whose program ends is built" "$selfsame" build "$tmp/src" --recipe "$tmp/recipe.json" --out "$tmp/image"
ends "the machine ends with its program" "short and done"
list=
recipe dhcp
expect 0 "an image without modules is built" "$selfsame" build "$tmp/src" --recipe "$tmp/recipe.json" --out "$tmp/image"
if [ -e "$tmp/modules/virtio_net.ko" ]; then ends "and does not start without the network it wants" "no Ethernet device"; fi
finish
