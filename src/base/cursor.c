/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

struct reader
reader_of(struct selfsame_bytes b)
{
    return (struct reader){ b, false };
}

struct selfsame_bytes
get_bytes(struct reader *r, size_t n)
{
    if (r->bad || n > r->rest.len) {
        r->bad = true;
        return BYTES_NONE;
    }
    struct selfsame_bytes out = BYTES(r->rest.ptr, n);
    if (n > 0)
        r->rest.ptr += n;
    r->rest.len -= n;
    return out;
}

static uint64_t
get_be(struct reader *r, size_t n)
{
    struct selfsame_bytes b = get_bytes(r, n);
    uint64_t v = 0;

    for (size_t i = 0; i < b.len; i++)
        v = v << 8 | b.ptr[i];
    return v;
}

static uint64_t
get_le(struct reader *r, size_t n)
{
    struct selfsame_bytes b = get_bytes(r, n);
    uint64_t v = 0;

    for (size_t i = b.len; i-- > 0;)
        v = v << 8 | b.ptr[i];
    return v;
}

uint8_t
get_u8(struct reader *r)
{
    return (uint8_t)get_be(r, 1);
}

uint16_t
get_le16(struct reader *r)
{
    return (uint16_t)get_le(r, 2);
}

uint32_t
get_le32(struct reader *r)
{
    return (uint32_t)get_le(r, 4);
}

uint64_t
get_le64(struct reader *r)
{
    return get_le(r, 8);
}

uint16_t
get_be16(struct reader *r)
{
    return (uint16_t)get_be(r, 2);
}

uint32_t
get_be32(struct reader *r)
{
    return (uint32_t)get_be(r, 4);
}

uint64_t
get_be64(struct reader *r)
{
    return get_be(r, 8);
}

void
get_zeros(struct reader *r, size_t n)
{
    if (!bytes_is_zero(get_bytes(r, n)))
        r->bad = true;
}

bool
reader_done(const struct reader *r)
{
    return !r->bad && r->rest.len == 0;
}

struct writer
writer_of(uint8_t *buf, size_t cap)
{
    return (struct writer){ .ptr = buf, .cap = cap };
}

void
put_bytes(struct writer *w, struct selfsame_bytes b)
{
    w->need = b.len > SIZE_MAX - w->need ? SIZE_MAX : w->need + b.len;
    if (w->bad || b.len > w->cap - w->len) {
        w->bad = true;
        return;
    }
    if (b.len > 0)
        memcpy(w->ptr + w->len, b.ptr, b.len);
    w->len += b.len;
}

static void
put_be(struct writer *w, uint64_t v, size_t n)
{
    uint8_t b[8];

    for (size_t i = 0; i < n; i++)
        b[i] = (uint8_t)(v >> 8 * (n - 1 - i));
    put_bytes(w, BYTES(b, n));
}

void
put_u8(struct writer *w, uint8_t v)
{
    put_be(w, v, 1);
}

static void
put_le(struct writer *w, uint64_t v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put_u8(w, (uint8_t)(v >> (8 * i)));
}

void
put_le32(struct writer *w, uint32_t v)
{
    put_le(w, v, 4);
}

void
put_le64(struct writer *w, uint64_t v)
{
    put_le(w, v, 8);
}

void
put_zeros(struct writer *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_u8(w, 0);
}

void
put_be16(struct writer *w, uint16_t v)
{
    put_be(w, v, 2);
}

void
put_be32(struct writer *w, uint32_t v)
{
    put_be(w, v, 4);
}

void
put_be64(struct writer *w, uint64_t v)
{
    put_be(w, v, 8);
}

struct selfsame_bytes
writer_bytes(const struct writer *w)
{
    return w->bad ? BYTES_NONE : BYTES(w->ptr, w->len);
}
