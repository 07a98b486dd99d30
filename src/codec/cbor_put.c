/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"

/* The shortest head for this value (RFC 8949 §4.2.1). */
static void
put_head(struct writer *w, unsigned major, uint64_t v)
{
    uint8_t top = (uint8_t)(major << 5);

    if (v < 24) {
        put_u8(w, (uint8_t)(top | v));
    } else if (v <= UINT8_MAX) {
        put_u8(w, top | 24);
        put_u8(w, (uint8_t)v);
    } else if (v <= UINT16_MAX) {
        put_u8(w, top | 25);
        put_be16(w, (uint16_t)v);
    } else if (v <= UINT32_MAX) {
        put_u8(w, top | 26);
        put_be32(w, (uint32_t)v);
    } else {
        put_u8(w, top | 27);
        put_be64(w, v);
    }
}

void
cbor_put_uint(struct writer *w, uint64_t v)
{
    put_head(w, 0, v);
}

void
cbor_put_int(struct writer *w, int64_t v)
{
    if (v >= 0)
        put_head(w, 0, (uint64_t)v);
    else
        put_head(w, 1, (uint64_t)(-1 - v));
}

void
cbor_put_bytes_head(struct writer *w, uint64_t len)
{
    put_head(w, 2, len);
}

void
cbor_put_bytes(struct writer *w, struct selfsame_bytes b)
{
    put_head(w, 2, b.len);
    put_bytes(w, b);
}

void
cbor_put_text(struct writer *w, struct selfsame_bytes b)
{
    put_head(w, 3, b.len);
    put_bytes(w, b);
}

void
cbor_put_str(struct writer *w, const char *s)
{
    cbor_put_text(w, bytes_str(s));
}

void
cbor_put_array(struct writer *w, uint64_t count)
{
    put_head(w, 4, count);
}

void
cbor_put_map(struct writer *w, uint64_t pairs)
{
    put_head(w, 5, pairs);
}

void
cbor_put_tag(struct writer *w, uint64_t tag)
{
    put_head(w, 6, tag);
}

void
cbor_put_bool(struct writer *w, bool v)
{
    put_u8(w, v ? 0xf5 : 0xf4);
}

void
cbor_put_null(struct writer *w)
{
    put_u8(w, 0xf6);
}
