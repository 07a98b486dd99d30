/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_BASE_H
#define SELFSAME_BASE_H

#include <selfsame/types.h>

#include <string.h>

#ifdef NDEBUG
#error "assertions are part of the checks: build without NDEBUG"
#endif

/*
 * The two control-flow macros of the code base. Memory comes from arenas and
 * handles from auto_x attributes, so leaving early never leaks and goto is not
 * needed.
 */
#define FAIL(e, c, ...) return err_set((e), (c), __FILE__, __LINE__, __VA_ARGS__)
#define TRY(expr)                         \
    do {                                  \
        enum selfsame_code try_ = (expr); \
        if (try_ != SELFSAME_OK)          \
            return try_;                  \
    } while (0)
#define TRY_WHILE(e, expr, ...)                                          \
    do {                                                                 \
        enum selfsame_code try_ = (expr);                                \
        if (try_ != SELFSAME_OK)                                         \
            return err_wrap((e), try_, __FILE__, __LINE__, __VA_ARGS__); \
    } while (0)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MUST SELFSAME_MUST_CHECK

/* ---- errors (err.c): they quote strangers, and every text in them is cleaned ---- */

/* Starts a new error: class and sentence with expected and got. Returns code. */
SELFSAME_PRINTF(5, 6)
enum selfsame_code err_set(struct selfsame_err *e, enum selfsame_code code,
    const char *file, int line, const char *fmt, ...);
/* Adds what the caller was doing. Returns code. */
SELFSAME_PRINTF(5, 6)
enum selfsame_code err_wrap(struct selfsame_err *e, enum selfsame_code code,
    const char *file, int line, const char *fmt, ...);
/* Gives the error its own remedy (a static string) instead of the class's. */
void err_remedy(struct selfsame_err *e, const char *remedy);
/* The sentence of the deepest frame, "" when there is none. */
const char *err_text(const struct selfsame_err *e);

/* ---- bytes (bytes.c) ---- */

#define BYTES_LIT(s) ((struct selfsame_bytes){ (const uint8_t *)(s), sizeof(s) - 1 })
#define BYTES_ARR(a) ((struct selfsame_bytes){ (a), sizeof(a) })
#define BYTES(p, n) ((struct selfsame_bytes){ (p), (n) })
#define BYTES_NONE ((struct selfsame_bytes){ NULL, 0 })

struct selfsame_bytes bytes_str(const char *s); /* without the NUL */
bool bytes_eq(
    struct selfsame_bytes a, struct selfsame_bytes b); /* constant time in len */
bool bytes_is_zero(struct selfsame_bytes b);
bool bytes_has_prefix(struct selfsame_bytes b, struct selfsame_bytes prefix);
int bytes_cmp(struct selfsame_bytes a,
    struct selfsame_bytes b); /* bytewise, shorter first; public data */
/* The next line without its newline, taken from *rest; false where none ends. */
bool bytes_line(struct selfsame_bytes *rest, struct selfsame_bytes *ret);
bool utf8_valid(
    struct selfsame_bytes b); /* strict: no overlong, surrogate, > U+10FFFF */
/*
 * Text of strangers: the length of what stands at the front (b not empty), and whether a
 * terminal or a reader may see it. Not plain: control, invisible and direction
 * characters, and a byte that is no UTF-8.
 */
size_t text_char(struct selfsame_bytes b, bool *ret_plain);
void text_clean(char *s); /* in place: what is not plain becomes '?' */
/* At most max bytes of b, ending between characters. */
size_t text_cut(struct selfsame_bytes b, size_t max);

/* ---- arena (arena.c) ---- */

/*
 * Bump allocation, freed as a whole by whoever made it. Blocks come from malloc
 * on demand until `limit` bytes in all are handed out; a view into an arena
 * stays valid until arena_free. `fail_at` > 0 makes the n-th allocation fail
 * (tests).
 */
struct arena {
    struct arena_block *blocks;
    uint8_t *beg, *end;
    size_t limit;
    bool full; /* the limit was reached: the input's doing, and not the machine's */
    long fail_at;
};
struct arena arena_new(size_t limit);
void arena_free(struct arena *a); /* leaves it usable and empty, limit 0 */
#define auto_arena __attribute__((cleanup(arena_free))) struct arena
MUST void *arena_alloc(
    struct arena *a, size_t size, size_t count); /* zeroed, 16-aligned */
#define ARENA_NEW(a, type, n) ((type *)arena_alloc((a), sizeof(type), (n)))
MUST bool arena_dup(
    struct arena *a, struct selfsame_bytes in, struct selfsame_bytes *ret);
MUST char *arena_str(
    struct arena *a, struct selfsame_bytes in); /* + NUL; NULL when out of room */
SELFSAME_PRINTF(2, 3) MUST char *arena_printf(struct arena *a, const char *fmt, ...);

/* ---- reader and writer (cursor.c): latched; after the first error every get yields zero ---- */

struct reader {
    struct selfsame_bytes rest;
    bool bad;
};
struct reader reader_of(struct selfsame_bytes b);
uint8_t get_u8(struct reader *r);
uint16_t get_le16(struct reader *r);
uint32_t get_le32(struct reader *r);
uint64_t get_le64(struct reader *r);
uint16_t get_be16(struct reader *r);
uint32_t get_be32(struct reader *r);
uint64_t get_be64(struct reader *r);
struct selfsame_bytes get_bytes(struct reader *r, size_t n);
void get_zeros(struct reader *r, size_t n); /* reserved: must be zero */
bool reader_done(const struct reader *r);   /* all read, nothing wrong */

/* Writes into a fixed buffer; too much latches `bad`. cap 0 with ptr NULL only counts (need). */
struct writer {
    uint8_t *ptr;
    size_t len, cap;
    size_t need; /* bytes asked for so far, also past cap */
    bool bad;
};
struct writer writer_of(uint8_t *buf, size_t cap);
void put_u8(struct writer *w, uint8_t v);
void put_le32(struct writer *w, uint32_t v);
void put_le64(struct writer *w, uint64_t v);
void put_be16(struct writer *w, uint16_t v);
void put_be32(struct writer *w, uint32_t v);
void put_be64(struct writer *w, uint64_t v);
void put_bytes(struct writer *w, struct selfsame_bytes b);
void put_zeros(struct writer *w, size_t n);
struct selfsame_bytes writer_bytes(const struct writer *w);

/* ---- text encodings (text.c) ---- */

/* All of these refuse anything but the canonical alphabet and length. */
void hex_encode(
    struct selfsame_bytes in, char *ret); /* 2 * len + 1 bytes, lower case */
MUST char *hex_dup(struct arena *a, struct selfsame_bytes in);
MUST bool hex_decode(
    const char *in, size_t len, uint8_t *ret, size_t cap, size_t *ret_len);
size_t base64_encode(
    struct selfsame_bytes in, bool url, char *ret); /* url: "-_" and no padding */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)
/* Decodes base64 (url false: padded, "+/") or base64url (true: unpadded, "-_"); strict. */
MUST bool base64_decode(
    const char *in, size_t len, bool url, uint8_t *ret, size_t cap, size_t *ret_len);

/* Decimal or 0x hexadecimal (lower case), at most max, and nothing behind. */
MUST bool uint_parse(const char *text, size_t len, uint64_t max, uint64_t *ret);

/* ---- time (time.c): seconds or milliseconds since 1970-01-01T00:00:00Z ---- */

#define TIME_TEXT 32
/* RFC 3339 ("2026-01-02T03:04:05Z", offsets and fractions read) or Unix seconds. */
MUST bool time_parse(const char *in, int64_t *ret_s);
void time_format(int64_t s, char ret[static TIME_TEXT]); /* RFC 3339, UTC */
/* From civil fields, checked (month 1..12, day valid, hour < 24, ...). */
MUST bool time_civil(int y, int mo, int d, int h, int mi, int s, int64_t *ret_s);
/* "90s", "5m", "24h", "7d" → milliseconds. */
MUST bool duration_parse(const char *in, int64_t *ret_ms);

#endif
