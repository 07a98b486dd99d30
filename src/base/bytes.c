/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

struct selfsame_bytes
bytes_str(const char *s)
{
    return BYTES((const uint8_t *)s, strlen(s));
}

bool
bytes_eq(struct selfsame_bytes a, struct selfsame_bytes b)
{
    unsigned diff = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        diff |= (unsigned)(a.ptr[i] ^ b.ptr[i]);
    return diff == 0;
}

bool
bytes_is_zero(struct selfsame_bytes b)
{
    unsigned any = 0;

    for (size_t i = 0; i < b.len; i++)
        any |= b.ptr[i];
    return any == 0;
}

bool
bytes_has_prefix(struct selfsame_bytes b, struct selfsame_bytes prefix)
{
    return b.len >= prefix.len && bytes_eq(BYTES(b.ptr, prefix.len), prefix);
}

int
bytes_cmp(struct selfsame_bytes a, struct selfsame_bytes b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;

    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* Bytes of the sequence that starts with c, 0 when c starts none (RFC 3629 §4). */
static size_t
utf8_sequence(uint8_t c, uint32_t *ret_bits, uint32_t *ret_least)
{
    if (c < 0x80) {
        *ret_bits = c, *ret_least = 0;
        return 1;
    }
    if ((c & 0xe0) == 0xc0) {
        *ret_bits = c & 0x1f, *ret_least = 0x80;
        return 2;
    }
    if ((c & 0xf0) == 0xe0) {
        *ret_bits = c & 0x0f, *ret_least = 0x800;
        return 3;
    }
    if ((c & 0xf8) == 0xf0) {
        *ret_bits = c & 0x07, *ret_least = 0x10000;
        return 4;
    }
    return 0;
}

bool
utf8_valid(struct selfsame_bytes b)
{
    for (size_t i = 0; i < b.len;) {
        uint32_t point, least;
        size_t n = utf8_sequence(b.ptr[i], &point, &least);

        if (n == 0 || n > b.len - i)
            return false;
        for (size_t k = 1; k < n; k++) {
            if ((b.ptr[i + k] & 0xc0) != 0x80)
                return false;
            point = point << 6 | (b.ptr[i + k] & 0x3fu);
        }
        if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
            return false;
        i += n;
    }
    return true;
}

bool
bytes_line(struct selfsame_bytes *rest, struct selfsame_bytes *ret)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;

    if (end == NULL)
        return false;
    *ret = BYTES(rest->ptr, (size_t)(end - rest->ptr));
    *rest = BYTES(end + 1, rest->len - ret->len - 1);
    return true;
}
