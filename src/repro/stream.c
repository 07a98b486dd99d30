/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "os/os.h"
#include "repro/repro.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

enum { PIECE = 256 * 1024 };

enum selfsame_code
extent_is_compressed(const struct extent *x, bool *ret, struct selfsame_err *e)
{
    static const struct {
        uint8_t len, at[6];
    } magic[] = {
        { 2, { 0x1f, 0x8b } },                  /* gzip, RFC 1952 §2.3.1 */
        { 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } }, /* xz file format §2.1.1.1 */
        { 4, { 0x28, 0xb5, 0x2f, 0xfd } },      /* zstd, RFC 8878 §3.1.1 */
        { 3, { 'B', 'Z', 'h' } },               /* bzip2 */
    };
    uint8_t head[6] = { 0 };

    TRY(fd_pread_all(
        *x->fd, x->offset, head, x->size < 6 ? (size_t)x->size : 6, "the source", e));
    *ret = false;
    for (size_t i = 0; i < COUNT(magic); i++)
        if (bytes_eq(BYTES(head, magic[i].len), BYTES(magic[i].at, magic[i].len)))
            *ret = true;
    return SELFSAME_OK;
}

enum selfsame_code
extent_copy(const struct extent *x, const struct sink *out, struct selfsame_err *e)
{
    auto_arena arena = arena_new(PIECE);
    uint8_t *buf = arena_alloc(&arena, 1, PIECE);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to read a file");
    for (uint64_t at = 0; at < x->size;) {
        size_t n = x->size - at < PIECE ? (size_t)(x->size - at) : PIECE;

        TRY(fd_pread_all(*x->fd, x->offset + at, buf, n, "the source", e));
        TRY(out->write(out->ctx, BYTES(buf, n), e));
        at += n;
    }
    return SELFSAME_OK;
}

/* ---- libarchive, for its filters only: the tar inside is read by image/tar.c ---- */

struct feed {
    const struct extent *x;
    uint64_t at;
    uint8_t *buf;
    struct selfsame_err err; /* of reading: libarchive only knows that it failed */
};

static la_ssize_t
feed_read(struct archive *a, void *ctx, const void **ret)
{
    struct feed *f = ctx;
    uint64_t left = f->x->size - f->at;
    size_t n = left < PIECE ? (size_t)left : PIECE;

    if (n > 0 && fd_pread_all(*f->x->fd, f->x->offset + f->at, f->buf, n, "the source",
                     &f->err) != SELFSAME_OK) {
        archive_set_error(a, EIO, "reading failed");
        return -1;
    }
    f->at += n;
    *ret = f->buf;
    return (la_ssize_t)n;
}

static void
reader_free(struct archive **a)
{
    if (*a != NULL)
        (void)archive_read_free(*a);
}

static enum selfsame_code
archive_error(
    struct archive *a, const struct feed *f, const char *what, struct selfsame_err *e)
{
    const char *why = archive_error_string(a);

    if (f->err.code != SELFSAME_OK) {
        *e = f->err;
        return e->code;
    }
    FAIL(e, SELFSAME_MALFORMED, "%s: the compressed data is damaged: %s", what,
        why != NULL ? why : "no reason given");
}

static enum selfsame_code
pour(struct archive *a, const struct feed *f, const char *what, const struct sink *out,
    struct selfsame_err *e)
{
    for (;;) {
        const void *piece;
        size_t len;
        la_int64_t offset;
        int r = archive_read_data_block(a, &piece, &len, &offset);

        if (r == ARCHIVE_EOF)
            break;
        if (r != ARCHIVE_OK)
            return archive_error(a, f, what, e);
        TRY(out->write(out->ctx, BYTES(piece, len), e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
stream_compressed(const struct extent *x, const char *what, const struct sink *out,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(PIECE);
    struct feed f = { .x = x, .buf = arena_alloc(&arena, 1, PIECE) };
    __attribute__((cleanup(reader_free))) struct archive *a = archive_read_new();
    struct archive_entry *entry;

    if (f.buf == NULL || a == NULL || archive_read_support_format_raw(a) != ARCHIVE_OK)
        FAIL(e, SELFSAME_NOMEM, "%s: no memory to decompress", what);
    /* ARCHIVE_WARN of a filter means that it would start a program: never. */
    if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
        archive_read_support_filter_xz(a) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
        archive_read_support_filter_bzip2(a) != ARCHIVE_OK)
        FAIL(e, SELFSAME_UNSUPPORTED, "%s: libarchive lacks a decompressor", what);
    if (archive_read_open(a, &f, NULL, feed_read, NULL) != ARCHIVE_OK ||
        archive_read_next_header(a, &entry) != ARCHIVE_OK)
        return archive_error(a, &f, what, e);
    return pour(a, &f, what, out, e);
}

enum selfsame_code
extent_stream(const struct extent *x, const char *what, const struct sink *out,
    struct selfsame_err *e)
{
    bool compressed;

    TRY(extent_is_compressed(x, &compressed, e));
    return compressed ? stream_compressed(x, what, out, e) : extent_copy(x, out, e);
}

enum selfsame_code
extent_read(const struct extent *x, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    if (x->size > limit)
        FAIL(e, SELFSAME_MALFORMED, "expected at most %zu bytes, got %llu", limit,
            (unsigned long long)x->size);
    uint8_t *p = arena_alloc(arena, 1, (size_t)x->size + 1);
    if (p == NULL)
        FAIL(
            e, SELFSAME_NOMEM, "no memory for %llu bytes", (unsigned long long)x->size);
    TRY(fd_pread_all(*x->fd, x->offset, p, (size_t)x->size, "the source", e));
    *ret = BYTES(p, (size_t)x->size);
    return SELFSAME_OK;
}

static enum selfsame_code
hash_piece(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    (void)e;
    hash_update(ctx, b);
    return SELFSAME_OK;
}

enum selfsame_code
extent_sha256(const struct extent *x, uint8_t ret[static 32], struct selfsame_err *e)
{
    auto_hash h = { 0 };
    uint8_t sum[HASH_MAX];

    if (!hash_init(&h, HASH_SHA256))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    TRY(extent_copy(x, &(struct sink){ .write = hash_piece, .ctx = &h }, e));
    hash_final(&h, sum);
    memcpy(ret, sum, 32);
    return SELFSAME_OK;
}
