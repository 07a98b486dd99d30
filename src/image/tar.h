/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TAR_H
#define SELFSAME_TAR_H

#include "base/base.h"

/*
 * tar, pushed in pieces of any size: ustar, pax (POSIX.1-2017, pax "Extended
 * Header"), GNU long names and base-256 numbers, v7. Strict: checksum of every
 * header, names without NUL, both end blocks, nothing but zeros behind them.
 * Refused as unsupported: sparse members, multi-volume, global pax records that
 * would rename or resize members. Names are bytes; no locale takes part.
 */
enum { TAR_BLOCK = 512, TAR_NAME_MAX = 4096, TAR_PAX_MAX = 1 << 20 };

enum tar_type {
    TAR_FILE = '0',
    TAR_HARDLINK = '1',
    TAR_SYMLINK = '2',
    TAR_CHAR = '3',
    TAR_BLOCK_DEVICE = '4',
    TAR_DIR = '5',
    TAR_FIFO = '6',
};

/* Strings live until the handler returns. */
struct tar_entry {
    enum tar_type type;
    const char *path, *link; /* as they stand in the archive; link "" when none */
    uint32_t mode, uid, gid, major, minor;
    uint64_t size;   /* of the data; 0 for all but files */
    uint64_t offset; /* of the data, from the beginning of the stream */
};

/* data and end are called for files only, also for empty ones (end). */
struct tar_handler {
    enum selfsame_code (*entry)(
        void *ctx, const struct tar_entry *entry, struct selfsame_err *e);
    enum selfsame_code (*data)(
        void *ctx, struct selfsame_bytes piece, struct selfsame_err *e);
    enum selfsame_code (*end)(void *ctx, struct selfsame_err *e);
};

struct tar {
    const struct tar_handler *handler;
    void *ctx;
    uint64_t at; /* bytes taken so far */
    uint8_t block[TAR_BLOCK];
    size_t block_len;
    uint64_t left; /* of the current data */
    size_t pad;    /* zeros behind it, not looked at */
    char special;  /* 'x' 'g' 'L' 'K' while their text is collected; 0: a member */
    uint8_t *text; /* that text */
    size_t text_len;
    struct arena scratch; /* overrides for the next member */
    const char *path, *link;
    bool has_size, has_uid, has_gid;
    uint64_t size, uid, gid;
    unsigned zeros; /* end blocks seen; 2: the end */
    uint64_t entries;
};

void tar_init(struct tar *t, const struct tar_handler *handler, void *ctx);
void tar_free(struct tar *t);
#define auto_tar __attribute__((cleanup(tar_free))) struct tar
MUST enum selfsame_code tar_push(
    struct tar *t, struct selfsame_bytes piece, struct selfsame_err *e);
/* MALFORMED when the archive is cut. */
MUST enum selfsame_code tar_end(struct tar *t, struct selfsame_err *e);
/*
 * For sources that can seek: how many bytes of a file's data may be passed over
 * right now, and passing over them without the handler's data().
 */
uint64_t tar_skippable(const struct tar *t);
MUST enum selfsame_code tar_skip(struct tar *t, uint64_t n, struct selfsame_err *e);

/* A header block whose checksum holds: is this the beginning of a tar? */
bool tar_recognise(struct selfsame_bytes head);

#endif
