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

/* By character; what is 128 or more is none. "+/" of the one alphabet, "-_" of the other. */
enum { NO = 0x80 };
static const uint8_t base64_values[128] = {
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    62,
    NO,
    NO,
    NO,
    63,
    52,
    53,
    54,
    55,
    56,
    57,
    58,
    59,
    60,
    61,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    NO,
    NO,
    NO,
    NO,
    NO,
    NO,
    26,
    27,
    28,
    29,
    30,
    31,
    32,
    33,
    34,
    35,
    36,
    37,
    38,
    39,
    40,
    41,
    42,
    43,
    44,
    45,
    46,
    47,
    48,
    49,
    50,
    51,
    NO,
    NO,
    NO,
    NO,
    NO,
};

static uint32_t
base64_value(char c, bool url)
{
    uint8_t u = (uint8_t)c;

    if (url && (u == '-' || u == '_'))
        return u == '-' ? 62 : 63;
    if (u >= sizeof(base64_values) || (url && (u == '+' || u == '/')))
        return NO;
    return base64_values[u];
}

/* Whole groups of four; how many characters they were, or SIZE_MAX. */
static size_t
base64_groups(const char *in, size_t len, bool url, uint8_t *ret)
{
    size_t i = 0;

    for (; len - i >= 4; i += 4, ret += 3) {
        uint32_t a = base64_value(in[i], url), b = base64_value(in[i + 1], url),
                 c = base64_value(in[i + 2], url), d = base64_value(in[i + 3], url);

        if (((a | b | c | d) & NO) != 0)
            return SIZE_MAX;
        ret[0] = (uint8_t)(a << 2 | b >> 4);
        ret[1] = (uint8_t)(b << 4 | c >> 2);
        ret[2] = (uint8_t)(c << 6 | d);
    }
    return i;
}

bool
base64_decode(
    const char *in, size_t len, bool url, uint8_t *ret, size_t cap, size_t *ret_len)
{
    size_t pad = 0;

    if (!url) {
        if (len % 4 != 0)
            return false;
        while (pad < 2 && pad < len && in[len - 1 - pad] == '=')
            pad++;
    }
    len -= pad;
    const size_t left = len % 4, n = len / 4 * 3 + (left > 0 ? left - 1 : 0);
    if (left == 1 || n > cap)
        return false;
    size_t i = base64_groups(in, len, url, ret);
    if (i == SIZE_MAX)
        return false;
    if (left > 0) {
        uint32_t a = base64_value(in[i], url), b = base64_value(in[i + 1], url),
                 c = left == 3 ? base64_value(in[i + 2], url) : 0;
        uint32_t v = a << 12 | b << 6 | c;

        /* One encoding per value: what is left over is zero. */
        if (((a | b | c) & NO) != 0 || (v & (left == 3 ? 3 : 0x3ff)) != 0)
            return false;
        ret[i / 4 * 3] = (uint8_t)(v >> 10);
        if (left == 3)
            ret[i / 4 * 3 + 1] = (uint8_t)(v >> 2);
    }
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
