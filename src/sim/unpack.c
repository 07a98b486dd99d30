/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/unpack.h"

#include "codec/cpio.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

/*
 * The stream side: bytes of ramdisks in pieces of any size → calls of place.c,
 * one per entry. init/initramfs.c of Linux says what an initramfs is: archives
 * one after the other, zero bytes between them, each plain or compressed.
 */
enum state { BETWEEN, HEAD, NAME, NAME_PAD, DATA, DATA_PAD };

struct unpack {
    struct placer *placer;
    enum state state;
    uint8_t head[CPIO_HEADER];
    char name[CPIO_NAME_MAX + 1];
    char target[CPIO_NAME_MAX + 1]; /* of a symbolic link */
    struct place_entry entry;
    size_t got;    /* of head, name or target */
    uint64_t left; /* of name, padding or data */
    uint64_t total;
    uint32_t name_len;
    bool trailer;
    bool inflating;
    z_stream z;
    uint8_t out[65536];
};

enum selfsame_code
unpack_new(int root, struct unpack **ret, struct selfsame_err *e)
{
    auto_unpack *u = calloc(1, sizeof(*u));

    if (u == NULL)
        FAIL(e, SELFSAME_NOMEM, "unpacking a ramdisk");
    TRY(placer_new(root, &u->placer, e));
    *ret = u;
    u = NULL;
    return SELFSAME_OK;
}

void
unpack_free(struct unpack **u)
{
    if (*u == NULL)
        return;
    if ((*u)->inflating)
        (void)inflateEnd(&(*u)->z);
    placer_free((*u)->placer);
    free(*u);
    *u = NULL;
}

/* ---- one archive ---- */

static bool
hex_field(const uint8_t *p, uint32_t *ret)
{
    uint32_t v = 0;

    for (size_t i = 0; i < 8; i++) {
        uint8_t c = p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16u;
        if (digit == 16)
            return false;
        v = v << 4 | digit;
    }
    *ret = v;
    return true;
}

/* The 13 fields in their order: buffer-format.rst. */
static enum selfsame_code
take_head(struct unpack *u, struct selfsame_err *e)
{
    uint32_t f[13];

    if (!bytes_eq(BYTES(u->head, 6), BYTES_LIT("070701")))
        FAIL(e, SELFSAME_MALFORMED, "ramdisk: expected cpio magic 070701, got %.6s",
            (const char *)u->head);
    for (size_t i = 0; i < COUNT(f); i++)
        if (!hex_field(u->head + 6 + 8 * i, &f[i]))
            FAIL(
                e, SELFSAME_MALFORMED, "ramdisk: cpio field %zu is not hexadecimal", i);
    u->entry = (struct place_entry){ .ino = f[0],
        .mode = f[1],
        .uid = f[2],
        .gid = f[3],
        .nlink = f[4],
        .size = f[6],
        .dev_major = f[7],
        .dev_minor = f[8],
        .name = u->name,
        .target = u->target };
    u->name_len = f[11];
    if (u->name_len < 2 || u->name_len > CPIO_NAME_MAX)
        FAIL(e, SELFSAME_MALFORMED, "ramdisk: name of %u bytes, expected 2 to %d",
            u->name_len, CPIO_NAME_MAX);
    u->got = 0;
    u->state = NAME;
    return SELFSAME_OK;
}

static enum selfsame_code
take_entry(struct unpack *u, struct selfsame_err *e)
{
    u->trailer = strcmp(u->name, "TRAILER!!!") == 0;
    if (u->trailer) {
        if (u->entry.size != 0)
            FAIL(e, SELFSAME_MALFORMED, "ramdisk: the trailer has %llu bytes of data",
                (unsigned long long)u->entry.size);
        placer_end_archive(u->placer);
        return SELFSAME_OK;
    }
    if (place_is_link(&u->entry)) {
        if (u->entry.size == 0 || u->entry.size > CPIO_NAME_MAX)
            FAIL(e, SELFSAME_MALFORMED, "ramdisk: %.80s: link target of %llu bytes",
                u->name, (unsigned long long)u->entry.size);
        return SELFSAME_OK; /* made when its target is known */
    }
    return placer_begin(u->placer, &u->entry, e);
}

static enum selfsame_code
take_name(struct unpack *u, struct selfsame_err *e)
{
    if (u->name[u->name_len - 1] != '\0' || strlen(u->name) != u->name_len - 1)
        FAIL(e, SELFSAME_MALFORMED, "ramdisk: a name does not end with its only NUL");
    TRY(take_entry(u, e));
    u->left = cpio_pad(CPIO_HEADER + u->name_len);
    u->got = 0;
    u->state = NAME_PAD;
    return SELFSAME_OK;
}

static enum selfsame_code
take_data(struct unpack *u, struct selfsame_bytes b, struct selfsame_err *e)
{
    enum { TOTAL_GIB = 64 };

    u->total += b.len;
    if (u->total > (uint64_t)TOTAL_GIB << 30)
        FAIL(e, SELFSAME_MALFORMED, "ramdisks unpack to more than %d GiB", TOTAL_GIB);
    if (!place_is_link(&u->entry))
        return placer_data(u->placer, b, e);
    memcpy(u->target + u->got, b.ptr, b.len);
    u->got += b.len;
    return SELFSAME_OK;
}

static enum selfsame_code
end_data(struct unpack *u, struct selfsame_err *e)
{
    if (!u->trailer && place_is_link(&u->entry)) {
        u->target[u->got] = '\0';
        if (strlen(u->target) != u->got)
            FAIL(
                e, SELFSAME_MALFORMED, "ramdisk: %.80s: NUL in a link target", u->name);
        TRY(placer_begin(u->placer, &u->entry, e));
    }
    if (!u->trailer)
        TRY(placer_end(u->placer, e));
    u->left = cpio_pad(u->entry.size);
    u->state = DATA_PAD;
    return SELFSAME_OK;
}

/* States whose work is done move on without needing a further byte. */
static enum selfsame_code
advance(struct unpack *u, struct selfsame_err *e)
{
    if (u->state == NAME_PAD && u->left == 0) {
        u->left = u->entry.size;
        u->state = DATA;
    }
    if (u->state == DATA && u->left == 0)
        TRY(end_data(u, e));
    if (u->state == DATA_PAD && u->left == 0) {
        u->state = u->trailer ? BETWEEN : HEAD;
        u->got = 0;
    }
    return SELFSAME_OK;
}

static size_t
least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* Takes some bytes of b, at least one. */
static enum selfsame_code
step(
    struct unpack *u, struct selfsame_bytes b, size_t *ret_used, struct selfsame_err *e)
{
    size_t n = 1;

    switch (u->state) {
    case BETWEEN:
        if (b.ptr[0] != 0) {
            u->state = HEAD;
            u->got = 0;
            n = 0;
        }
        break;
    case HEAD:
        n = least(sizeof(u->head) - u->got, b.len);
        memcpy(u->head + u->got, b.ptr, n);
        u->got += n;
        if (u->got == sizeof(u->head))
            TRY(take_head(u, e));
        break;
    case NAME:
        n = least(u->name_len - u->got, b.len);
        memcpy(u->name + u->got, b.ptr, n);
        u->got += n;
        if (u->got == u->name_len)
            TRY(take_name(u, e));
        break;
    case DATA:
        n = least(u->left, b.len);
        TRY(take_data(u, BYTES(b.ptr, n), e));
        u->left -= n;
        break;
    case NAME_PAD:
    case DATA_PAD:
        n = least(u->left, b.len);
        u->left -= n;
        break;
    }
    *ret_used = n;
    return advance(u, e);
}

static enum selfsame_code
feed(struct unpack *u, struct selfsame_bytes b, struct selfsame_err *e)
{
    while (b.len > 0) {
        size_t used;

        TRY(step(u, b, &used, e));
        b = BYTES(b.ptr + used, b.len - used);
    }
    return SELFSAME_OK;
}

/* ---- the ramdisk around it ---- */

enum selfsame_code
unpack_begin(struct unpack *u, struct selfsame_err *e)
{
    if (u->state != BETWEEN || u->inflating)
        FAIL(e, SELFSAME_INTERNAL, "a ramdisk begins inside another");
    return SELFSAME_OK;
}

/* Inflates some of *b into the parser. */
static enum selfsame_code
inflate_some(struct unpack *u, struct selfsame_bytes *b, struct selfsame_err *e)
{
    /* zlib does not write to its input, but its type says so. */
    u->z.next_in = (Bytef *)(uintptr_t)b->ptr;
    u->z.avail_in = b->len > UINT32_MAX ? UINT32_MAX : (uInt)b->len;
    u->z.next_out = u->out;
    u->z.avail_out = sizeof(u->out);
    uInt before = u->z.avail_in;
    int r = inflate(&u->z, Z_NO_FLUSH);
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        FAIL(e, SELFSAME_MALFORMED, "ramdisk: gzip data: %s",
            u->z.msg != NULL ? u->z.msg : "broken");
    size_t used = before - u->z.avail_in, made = sizeof(u->out) - u->z.avail_out;
    if (used == 0 && made == 0 && r != Z_STREAM_END)
        FAIL(e, SELFSAME_MALFORMED, "ramdisk: gzip data do not go on");
    *b = BYTES(b->ptr + used, b->len - used);
    if (r == Z_STREAM_END) {
        (void)inflateEnd(&u->z);
        u->inflating = false;
    }
    return feed(u, BYTES(u->out, made), e);
}

static enum selfsame_code
begin_gzip(struct unpack *u, struct selfsame_err *e)
{
    memset(&u->z, 0, sizeof(u->z));
    if (inflateInit2(&u->z, 16 + MAX_WBITS) != Z_OK)
        FAIL(e, SELFSAME_NOMEM, "inflating a ramdisk");
    u->inflating = true;
    return SELFSAME_OK;
}

enum selfsame_code
unpack_push(struct unpack *u, struct selfsame_bytes b, struct selfsame_err *e)
{
    while (b.len > 0) {
        size_t used;

        if (!u->inflating && u->state == BETWEEN && b.ptr[0] == 0x1f)
            TRY(begin_gzip(u, e));
        if (u->inflating) {
            TRY(inflate_some(u, &b, e));
            continue;
        }
        TRY(step(u, b, &used, e));
        b = BYTES(b.ptr + used, b.len - used);
    }
    return SELFSAME_OK;
}

enum selfsame_code
unpack_end(struct unpack *u, struct selfsame_err *e)
{
    if (u->state != BETWEEN || u->inflating)
        FAIL(e, SELFSAME_MALFORMED,
            "ramdisk: it ends inside an entry, or without a trailer");
    return SELFSAME_OK;
}

enum selfsame_code
unpack_finish(struct unpack *u, struct selfsame_err *e)
{
    return placer_finish(u->placer, e);
}
