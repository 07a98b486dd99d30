#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tools/pure.sh BUILDDIR
# The pure library asks the system for nothing: no clock, file, network, process,
# environment, locale or random symbol may be undefined in libselfsame.a. Nor in tokens and in
# what decodes documents for the page, which is no part of it.
set -eu
banned='socket|connect|bind|listen|accept4?|send(to|msg)?|recv(from|msg)?|getaddrinfo|open(at)?(64)?|creat(64)?|fopen(64)?|fdopen|read|pread(64)?|write|pwrite(64)?|fread|fwrite|fputs|puts|printf|fprintf|vfprintf|perror|stat(64)?|lstat(64)?|fstat(64)?|access|unlink|rename|opendir|readdir(64)?|ioctl|getenv|secure_getenv|setenv|time|clock|clock_gettime|gettimeofday|localtime(_r)?|gmtime(_r)?|mktime|strftime|setlocale|newlocale|rand|random|getrandom|getentropy|fork|execv[ep]*|system|popen|exit|_exit|syslog|getpid|getuid|sleep|nanosleep|usleep|RAND_(priv_)?bytes|randombytes_buf'
bad=0
for lib in api/libselfsame.a token/libtoken.a show/libshow.a; do
    [ -f "$1/src/$lib" ] || { echo "$1/src/$lib is not built"; exit 1; }
    found=$(nm -u "$1/src/$lib" | sed -n 's/^ *[Uw] //p' | sed 's/@.*//; s/^__\(.*\)_chk$/\1/; s/^__isoc99_//' | sort -u | grep -xE "$banned" || true)
    [ -z "$found" ] && continue
    echo "$lib is not pure; it uses:"; echo "$found"; bad=1
done
exit $bad
