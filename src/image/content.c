/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tree.h"

enum { PIECE = 64 * 1024 };

enum selfsame_code
content_read(const struct content *c, uint64_t at, uint8_t *buf, size_t n,
    struct selfsame_err *e)
{
    if (at > c->size || n > c->size - at)
        FAIL(e, SELFSAME_INTERNAL, "%zu bytes at %llu of a content of %llu", n,
            (unsigned long long)at, (unsigned long long)c->size);
    if (n == 0)
        return SELFSAME_OK;
    if (c->read != NULL)
        return c->read(c, at, buf, n, e);
    memcpy(buf, c->ptr + at, n);
    return SELFSAME_OK;
}

enum selfsame_code
content_push(const struct content *c, const struct sink *out, struct selfsame_err *e)
{
    if (c->read == NULL) {
        if (c->size == 0)
            return SELFSAME_OK;
        return out->write(out->ctx, BYTES(c->ptr, (size_t)c->size), e);
    }
    uint8_t piece[PIECE];
    for (uint64_t at = 0; at < c->size;) {
        size_t n = c->size - at < PIECE ? (size_t)(c->size - at) : PIECE;
        TRY(c->read(c, at, piece, n, e));
        TRY(out->write(out->ctx, BYTES(piece, n), e));
        at += n;
    }
    return SELFSAME_OK;
}

enum selfsame_code
sink_flush(struct sink_buffer *b, struct selfsame_err *e)
{
    size_t len = b->len;

    b->len = 0;
    if (len == 0)
        return SELFSAME_OK;
    return b->out->write(b->out->ctx, BYTES(b->bytes, len), e);
}

enum selfsame_code
sink_put(struct sink_buffer *b, struct selfsame_bytes in, struct selfsame_err *e)
{
    b->written += in.len;
    if (in.len > sizeof(b->bytes) - b->len)
        TRY(sink_flush(b, e));
    if (in.len > sizeof(b->bytes))
        return b->out->write(b->out->ctx, in, e);
    if (in.len > 0)
        memcpy(b->bytes + b->len, in.ptr, in.len);
    b->len += in.len;
    return SELFSAME_OK;
}
