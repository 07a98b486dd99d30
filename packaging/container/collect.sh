#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run by `selfsame build`, in its sandbox: the program beside this file, the libraries of
# this machine that it needs, those that it loads late, and certificates of authorities.
set -eu
out=/out
mkdir -p "$out/usr/bin" "$out/usr/lib" "$out/usr/lib64" "$out/etc/ssl/certs" "$out/var/lib/selfsame-verifier"
ln -s usr/lib "$out/lib"
ln -s usr/lib64 "$out/lib64"

needed() { # FILE: paths of the libraries it needs, the loader included
    ldd "$1" | sed -n 's/^.* => \(\/[^ ]*\) .*$/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*$/\1/p'
}
add() { # FILE of this machine, to the same name
    case $1 in /usr/*) to=$1 ;; *) to=/usr$1 ;; esac
    [ -e "$out$to" ] || { mkdir -p "$out${to%/*}"; cp -L "$1" "$out$to"; }
}
late() { # NAME of a library that is loaded by name
    found=$(ldconfig -p 2>/dev/null | sed -n "s/^[[:space:]]*$1 (.* => //p" | head -1)
    [ -n "$found" ] || found=$(find /usr/lib /lib -name "$1" 2>/dev/null | sort | head -1)
    [ -n "$found" ] || { echo "no $1 on this machine" >&2; exit 1; }
    add "$found"
    for f in $(needed "$found"); do add "$f"; done
}
cp selfsame "$out/usr/bin/selfsame"
for f in $(needed selfsame); do add "$f"; done
PATH=$PATH:/sbin:/usr/sbin
for name in $(cat late.txt); do late "$name"; done
cp /etc/ssl/certs/ca-certificates.crt "$out/etc/ssl/certs/"
printf 'root:x:0:0::/:/\nselfsame:x:65532:65532::/var/lib/selfsame-verifier:/\n' > "$out/etc/passwd"
printf 'root:x:0:\nselfsame:x:65532:\n' > "$out/etc/group"
printf 'hosts: files dns\npasswd: files\ngroup: files\n' > "$out/etc/nsswitch.conf"
