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

/* Bytes of the valid character at the front and its code point; 0: there is none. */
static size_t
utf8_first(struct selfsame_bytes b, uint32_t *ret_point)
{
    uint32_t point, least;
    size_t n = b.len > 0 ? utf8_sequence(b.ptr[0], &point, &least) : 0;

    if (n == 0 || n > b.len)
        return 0;
    for (size_t k = 1; k < n; k++) {
        if ((b.ptr[k] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (b.ptr[k] & 0x3fu);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return 0;
    *ret_point = point;
    return n;
}

bool
utf8_valid(struct selfsame_bytes b)
{
    uint32_t point;

    for (size_t i = 0, n; i < b.len; i += n)
        if ((n = utf8_first(BYTES(b.ptr + i, b.len - i), &point)) == 0)
            return false;
    return true;
}

/* C0, DEL, C1; what is invisible or changes direction (UAX #9, and the marks around it). */
static bool
is_deceptive(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0xfeff ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f);
}

size_t
text_char(struct selfsame_bytes b, bool *ret_plain)
{
    uint32_t point = 0;
    size_t n = utf8_first(b, &point);

    *ret_plain = n > 0 && !is_deceptive(point);
    return n > 0 ? n : 1;
}

void
text_clean(char *s)
{
    struct selfsame_bytes rest = bytes_str(s);
    char *out = s;

    while (rest.len > 0) {
        bool plain;
        size_t n = text_char(rest, &plain);

        if (plain)
            memmove(out, rest.ptr, n);
        else
            *out = '?';
        out += plain ? n : 1;
        rest = BYTES(rest.ptr + n, rest.len - n);
    }
    *out = '\0';
}

size_t
text_cut(struct selfsame_bytes b, size_t max)
{
    size_t n = b.len < max ? b.len : max;

    while (n > 0 && n < b.len && (b.ptr[n] & 0xc0) == 0x80)
        n--;
    return n;
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
