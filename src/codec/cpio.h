/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CPIO_H
#define SELFSAME_CPIO_H

#include "base/base.h"

/* cpio "newc" (Linux Documentation/driver-api/early-userspace/buffer-format.rst), strict. */
enum { CPIO_HEADER = 110, CPIO_NAME_MAX = 4096 };

struct cpio_entry {
    uint32_t ino, mode, uid, gid, nlink, mtime;
    uint32_t size;
    uint32_t dev_major, dev_minor, rdev_major, rdev_minor;
    struct selfsame_bytes name; /* without NUL */
    struct selfsame_bytes data;
};
/*
 * The entries of an archive in memory. TRAILER!!! is not handed out; zero padding
 * and a further archive may follow it, as in concatenated initramfs images, and
 * their entries just come next.
 */
struct cpio {
    struct reader r;
    size_t total;
    bool ended;      /* behind a trailer */
    const char *why; /* static sentence of the first error, NULL while good */
};
struct cpio cpio_of(struct selfsame_bytes archive);
bool cpio_next(
    struct cpio *c, struct cpio_entry *ret); /* false at the very end or when bad */
bool cpio_done(const struct cpio *c);        /* at the very end, everything good */

/* Header + name + padding of one entry; data and its padding (cpio_pad) follow. */
void cpio_put_head(struct writer *w, const struct cpio_entry *e);
size_t cpio_pad(uint64_t len); /* 0..3 */

#endif
