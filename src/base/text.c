/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

void
hex_encode(struct selfsame_bytes in, char *ret)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < in.len; i++) {
        *ret++ = digits[in.ptr[i] >> 4];
        *ret++ = digits[in.ptr[i] & 15];
    }
    *ret = '\0';
}

char *
hex_dup(struct arena *a, struct selfsame_bytes in)
{
    char *p = in.len < SIZE_MAX / 2 ? arena_alloc(a, 1, 2 * in.len + 1) : NULL;

    if (p != NULL)
        hex_encode(in, p);
    return p;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
hex_decode(const char *in, size_t len, uint8_t *ret, size_t cap, size_t *ret_len)
{
    if (len % 2 != 0 || len / 2 > cap)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        int hi = hex_value(in[i]), lo = hex_value(in[i + 1]);

        if (hi < 0 || lo < 0)
            return false;
        ret[i / 2] = (uint8_t)(hi << 4 | lo);
    }
    *ret_len = len / 2;
    return true;
}

static const char alphabet[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t
base64_encode(struct selfsame_bytes in, bool url, char *ret)
{
    const char *abc = alphabet[url];
    char *p = ret;
    size_t i = 0;

    for (; in.len - i >= 3; i += 3) {
        uint32_t v = (uint32_t)in.ptr[i] << 16 | (uint32_t)in.ptr[i + 1] << 8 |
                     in.ptr[i + 2];

        *p++ = abc[v >> 18];
        *p++ = abc[v >> 12 & 63];
        *p++ = abc[v >> 6 & 63];
        *p++ = abc[v & 63];
    }
    size_t left = in.len - i;
    if (left > 0) {
        uint32_t v = (uint32_t)in.ptr[i] << 16 |
                     (left > 1 ? (uint32_t)in.ptr[i + 1] << 8 : 0);

        *p++ = abc[v >> 18];
        *p++ = abc[v >> 12 & 63];
        if (left > 1)
            *p++ = abc[v >> 6 & 63];
        for (size_t k = left; !url && k < 3; k++)
            *p++ = '=';
    }
    *p = '\0';
    return (size_t)(p - ret);
}

/* The value of every byte, -1 outside the alphabet; the two differ in 62 and 63. */
#define BASE64_VALUES(c62, c63)                                                        \
    {                                                                                  \
        ['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, \
        21, 22, 23, 24, 25, 26, ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,    \
        38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, ['0'] = 53, 54,    \
        55, 56, 57, 58, 59, 60, 61, 62, [c62] = 63, [c63] = 64,                        \
    }
static const uint8_t base64_values[2][256] = { BASE64_VALUES('+', '/'),
    BASE64_VALUES('-', '_') };

bool
base64_decode(
    const char *in, size_t len, bool url, uint8_t *ret, size_t cap, size_t *ret_len)
{
    const uint8_t *value = base64_values[url];
    size_t pad = 0, n = 0, i = 0;
    uint32_t acc = 0;
    unsigned bits = 0;

    if (!url) {
        if (len % 4 != 0)
            return false;
        while (pad < 2 && pad < len && in[len - 1 - pad] == '=')
            pad++;
    }
    if ((len - pad) % 4 == 1)
        return false;
    /* Whole groups; a character outside the alphabet is left to the loop below. */
    for (; i + 4 <= len - pad && cap - n >= 3; i += 4, n += 3) {
        const uint32_t a = value[(uint8_t)in[i]], b = value[(uint8_t)in[i + 1]],
                       c = value[(uint8_t)in[i + 2]], d = value[(uint8_t)in[i + 3]];
        const uint32_t v = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);

        if (a == 0 || b == 0 || c == 0 || d == 0)
            break;
        ret[n] = (uint8_t)(v >> 16);
        ret[n + 1] = (uint8_t)(v >> 8);
        ret[n + 2] = (uint8_t)v;
    }
    for (; i < len - pad; i++) {
        int v = value[(uint8_t)in[i]] - 1;

        if (v < 0)
            return false;
        acc = (acc << 6 | (uint32_t)v) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (n == cap)
                return false;
            ret[n++] = (uint8_t)(acc >> bits);
        }
    }
    if ((acc & ((1u << bits) - 1)) != 0) /* one encoding per value */
        return false;
    *ret_len = n;
    return true;
}

/* ---- numbers ---- */

bool
uint_parse(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
    bool hex = len > 2 && text[0] == '0' && text[1] == 'x';
    uint64_t v = 0;

    for (size_t i = hex ? 2 : 0; i < len; i++) {
        const char *digits = "0123456789abcdef";
        const char *at = strchr(digits, text[i]);
        uint64_t base = hex ? 16 : 10;

        if (at == NULL || text[i] == '\0' || (uint64_t)(at - digits) >= base ||
            v > (max - (uint64_t)(at - digits)) / base)
            return false;
        v = v * base + (uint64_t)(at - digits);
    }
    *ret = v;
    return len > (hex ? 2u : 0u) && v <= max;
}
