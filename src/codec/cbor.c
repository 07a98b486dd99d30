/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"

/* Major types and simple values, RFC 8949 §3.1 and §3.3. */
enum { UINT, NINT, BSTR, TSTR, ARRAY, MAP, TAG, OTHER };
enum { FALSE_BYTE = 0xf4, TRUE_BYTE = 0xf5, NULL_BYTE = 0xf6, BREAK_BYTE = 0xff };

/* The head of an item: RFC 8949 §3. */
struct head {
    unsigned major;
    bool indefinite;
    uint64_t value;
};

struct cbor
cbor_of(struct selfsame_bytes in, unsigned flags)
{
    return (
        struct cbor){ .r = reader_of(in), .flags = flags, .item_limit = CBOR_ITEMS };
}

void
cbor_fail(struct cbor *c, const char *why)
{
    if (c->why == NULL)
        c->why = why;
    c->r.bad = true;
}

/* NULL, or why the bytes at r are no head; r moves behind the head. */
static const char *
read_head(struct reader *r, struct head *ret)
{
    uint8_t first = get_u8(r);
    unsigned extra = first & 31;

    if (r->bad)
        return "input ends where an item is expected";
    *ret = (struct head){ .major = first >> 5, .value = extra };
    if (extra < 24)
        return NULL;
    if (extra == 31) {
        ret->indefinite = true;
        return NULL;
    }
    if (extra > 27)
        return "reserved additional information (28 to 30)";
    static const uint64_t least[] = { 24, 1ull << 8, 1ull << 16, 1ull << 32 };
    struct selfsame_bytes more = get_bytes(r, (size_t)1 << (extra - 24));
    if (r->bad)
        return "input ends inside the head of an item";
    ret->value = 0;
    for (size_t i = 0; i < more.len; i++)
        ret->value = ret->value << 8 | more.ptr[i];
    if (ret->major != OTHER && ret->value < least[extra - 24])
        return "a length or number is not in its shortest form";
    return NULL;
}

static const char *
check_other(const struct head *h)
{
    if (h->indefinite)
        return "a break where an item is expected";
    if (h->value == (FALSE_BYTE & 31) || h->value == (TRUE_BYTE & 31) ||
        h->value == (NULL_BYTE & 31))
        return NULL;
    return "a float, undefined or unassigned simple value";
}

/* NULL, or why an item with this head may not stand before these bytes. */
static const char *
check_head(const struct head *h, struct selfsame_bytes rest, unsigned flags)
{
    switch (h->major) {
    case BSTR:
    case TSTR:
        if (h->indefinite)
            return "a string in chunks (indefinite length)";
        return h->value <= rest.len ? NULL : "input ends inside a string";
    case ARRAY:
    case MAP:
        if (h->indefinite)
            return flags & CBOR_INDEFINITE_OK ? NULL
                                              : "an indefinite length is not allowed";
        return h->value <= rest.len / (h->major == MAP ? 2 : 1)
                   ? NULL
                   : "input ends inside an array or map";
    case OTHER: return check_other(h);
    default: return h->indefinite ? "an integer or tag of indefinite length" : NULL;
    }
}

/*
 * Reads a checked head; on any error latches and leaves the place at the item.
 * The one-byte simple values are recognised only in their one-byte form: the
 * two-byte form of 20..22 is not well-formed (RFC 8949 §3.3).
 */
static bool
take_head(struct cbor *c, struct head *ret)
{
    if (c->r.bad)
        return false;
    struct reader r = c->r;
    const char *why = read_head(&r, ret);
    if (why == NULL)
        why = check_head(ret, r.rest, c->flags);
    if (why == NULL && ret->major == OTHER && c->r.rest.len - r.rest.len != 1)
        why = "a float, undefined or unassigned simple value";
    if (why == NULL && c->items >= c->item_limit)
        why = "more items than expected here";
    if (why != NULL) {
        cbor_fail(c, why);
        return false;
    }
    c->r = r;
    c->items++;
    return true;
}

enum cbor_kind
cbor_peek(const struct cbor *c)
{
    static const enum cbor_kind kinds[] = { CBOR_UINT, CBOR_NINT, CBOR_BYTES, CBOR_TEXT,
        CBOR_ARRAY, CBOR_MAP, CBOR_TAG };

    if (c->r.bad || c->r.rest.len == 0)
        return CBOR_BAD;
    uint8_t first = c->r.rest.ptr[0];
    if (first >> 5 != OTHER)
        return kinds[first >> 5];
    if (first == FALSE_BYTE || first == TRUE_BYTE)
        return CBOR_BOOL;
    return first == NULL_BYTE ? CBOR_NULL : CBOR_BAD;
}

/* Takes a head of this kind; anything else latches `why`. */
static bool
expect(struct cbor *c, enum cbor_kind kind, struct head *ret, const char *why)
{
    if (!c->r.bad && c->r.rest.len > 0 && cbor_peek(c) != kind) {
        struct cbor probe = *c;

        /* What is not even an item is told as that. */
        cbor_fail(c, take_head(&probe, ret) ? why : probe.why);
        return false;
    }
    return take_head(c, ret);
}

uint64_t
cbor_get_uint(struct cbor *c)
{
    struct head h;

    return expect(c, CBOR_UINT, &h, "expected an unsigned integer") ? h.value : 0;
}

int64_t
cbor_get_int(struct cbor *c)
{
    struct head h;
    bool negative = cbor_peek(c) == CBOR_NINT;
    struct cbor before = *c;

    if (!expect(c, negative ? CBOR_NINT : CBOR_UINT, &h, "expected an integer"))
        return 0;
    if (h.value > INT64_MAX) {
        *c = before;
        cbor_fail(c, "an integer beyond 64 bits with sign");
        return 0;
    }
    return negative ? -1 - (int64_t)h.value : (int64_t)h.value;
}

bool
cbor_get_bool(struct cbor *c)
{
    struct head h;

    return expect(c, CBOR_BOOL, &h, "expected true or false") &&
           h.value == (TRUE_BYTE & 31);
}

bool
cbor_get_null(struct cbor *c)
{
    struct head h;

    return cbor_peek(c) == CBOR_NULL && take_head(c, &h);
}

struct selfsame_bytes
cbor_get_bytes(struct cbor *c)
{
    struct head h;

    if (!expect(c, CBOR_BYTES, &h, "expected a byte string"))
        return BYTES_NONE;
    return get_bytes(&c->r, (size_t)h.value);
}

struct selfsame_bytes
cbor_get_text(struct cbor *c)
{
    struct head h;
    struct cbor before = *c;

    if (!expect(c, CBOR_TEXT, &h, "expected a text string"))
        return BYTES_NONE;
    struct selfsame_bytes text = get_bytes(&c->r, (size_t)h.value);
    if (!utf8_valid(text)) {
        *c = before;
        cbor_fail(c, "text is not UTF-8");
        return BYTES_NONE;
    }
    return text;
}

uint64_t
cbor_get_tag(struct cbor *c)
{
    struct head h;

    return expect(c, CBOR_TAG, &h, "expected a tag") ? h.value : 0;
}

static struct cbor_seq
enter(struct cbor *c, enum cbor_kind kind, const char *why)
{
    struct head h;
    struct cbor before = *c;

    if (!expect(c, kind, &h, why))
        return (struct cbor_seq){ .over = true };
    if (c->depth == CBOR_DEPTH) {
        *c = before;
        cbor_fail(c, "nesting deeper than 16");
        return (struct cbor_seq){ .over = true };
    }
    c->depth++;
    return (struct cbor_seq){
        .left = h.indefinite ? UINT64_MAX : h.value,
        .map = kind == CBOR_MAP,
        .indefinite = h.indefinite,
        .sorted = true,
        .first = c->r.rest.ptr,
    };
}

struct cbor_seq
cbor_get_array(struct cbor *c)
{
    return enter(c, CBOR_ARRAY, "expected an array");
}

struct cbor_seq
cbor_get_map(struct cbor *c)
{
    return enter(c, CBOR_MAP, "expected a map");
}

/* The encoding of the key at r, absent with *ret_why when it is none. */
static struct selfsame_bytes
key_at(struct reader r, const char **ret_why)
{
    const uint8_t *start = r.rest.ptr;
    struct head h;

    *ret_why = read_head(&r, &h);
    if (*ret_why == NULL)
        *ret_why = check_head(&h, r.rest, CBOR_STRICT);
    if (*ret_why == NULL && h.major > TSTR)
        *ret_why = "a map key is neither integer nor string";
    if (*ret_why != NULL)
        return BYTES_NONE;
    if (h.major == BSTR || h.major == TSTR)
        (void)get_bytes(&r, (size_t)h.value);
    return BYTES(start, (size_t)(r.rest.ptr - start));
}

/*
 * Passes one item that was read before, so only its extent matters. Returns the
 * number of heads passed.
 */
static unsigned
pass(struct reader *r)
{
    uint64_t open[CBOR_DEPTH + 1] = { 1 }; /* items to come; UINT64_MAX until break */
    unsigned depth = 0, heads = 0;

    for (;;) {
        struct head h;

        while (open[depth] == 0) {
            if (depth-- == 0)
                return heads;
        }
        if (read_head(r, &h) != NULL)
            return heads;
        heads++;
        if (h.major == OTHER && h.indefinite) {
            open[depth] = 0;
            continue;
        }
        if (h.major == TAG)
            continue; /* the tagged item is the one still to come */
        if (open[depth] != UINT64_MAX)
            open[depth]--;
        if (h.major == BSTR || h.major == TSTR)
            (void)get_bytes(r, (size_t)h.value);
        if (h.major != ARRAY && h.major != MAP)
            continue;
        if (depth == CBOR_DEPTH)
            return heads;
        open[++depth] = h.indefinite ? UINT64_MAX : h.value * (h.major == MAP ? 2 : 1);
    }
}

/* Looks through the pairs before for the key; charges what it looks at. */
static bool
occurred(struct cbor *c, const struct cbor_seq *s, struct selfsame_bytes key)
{
    struct reader r = reader_of(BYTES(s->first, (size_t)(key.ptr - s->first)));

    for (size_t i = 0; i < s->done && c->lookback <= CBOR_LOOKBACK; i++) {
        const char *why;
        struct selfsame_bytes old = key_at(r, &why);

        if (why != NULL || bytes_cmp(old, key) == 0)
            return true;
        (void)get_bytes(&r, old.len);
        c->lookback += 1 + pass(&r);
    }
    return false;
}

static void
check_key(struct cbor *c, struct cbor_seq *s)
{
    const char *why;
    struct selfsame_bytes key = key_at(c->r, &why);

    if (why != NULL) {
        cbor_fail(c, why);
        return;
    }
    int order = s->done > 0 ? bytes_cmp(key, s->last_key) : 1;
    if (order < 0)
        s->sorted = false;
    if (order == 0 || (!s->sorted && occurred(c, s, key)))
        cbor_fail(c, "a map key occurs twice");
    else if (c->lookback > CBOR_LOOKBACK)
        cbor_fail(c, "a large map is too far out of order");
    s->last_key = key;
}

bool
cbor_more(struct cbor *c, struct cbor_seq *s)
{
    if (c->r.bad || s->over)
        return false;
    bool ended = s->left == 0;
    if (s->indefinite && c->r.rest.len > 0 && c->r.rest.ptr[0] == BREAK_BYTE) {
        (void)get_u8(&c->r);
        ended = true;
    }
    if (ended) {
        s->over = true;
        c->depth--;
        return false;
    }
    if (s->map)
        check_key(c, s);
    else if (c->r.rest.len == 0)
        cbor_fail(c, "input ends inside an array or map");
    if (c->r.bad)
        return false;
    s->done++;
    if (!s->indefinite)
        s->left--;
    return true;
}

/* Recursion is bounded by CBOR_DEPTH: tags do not recurse. */
static void
skip(struct cbor *c)
{
    struct cbor_seq s;
    struct head h;

    while (cbor_peek(c) == CBOR_TAG)
        (void)cbor_get_tag(c);
    switch (cbor_peek(c)) {
    case CBOR_BYTES: (void)cbor_get_bytes(c); break;
    case CBOR_TEXT: (void)cbor_get_text(c); break;
    case CBOR_ARRAY:
        s = cbor_get_array(c);
        while (cbor_more(c, &s))
            skip(c);
        break;
    case CBOR_MAP:
        s = cbor_get_map(c);
        while (cbor_more(c, &s)) {
            skip(c);
            skip(c);
        }
        break;
    default: (void)take_head(c, &h); break;
    }
}

struct selfsame_bytes
cbor_get_any(struct cbor *c)
{
    const uint8_t *start = c->r.rest.ptr;

    skip(c);
    return c->r.bad ? BYTES_NONE : BYTES(start, (size_t)(c->r.rest.ptr - start));
}

bool
cbor_done(struct cbor *c)
{
    return reader_done(&c->r);
}

enum selfsame_code
cbor_end(
    struct cbor *c, struct selfsame_bytes in, const char *what, struct selfsame_err *e)
{
    if (cbor_done(c))
        return SELFSAME_OK;
    size_t at = in.len - c->r.rest.len;
    if (c->r.bad)
        FAIL(e, SELFSAME_MALFORMED, "%s: %s, at byte %zu of %zu", what,
            c->why != NULL ? c->why : "input ends too early", at, in.len);
    FAIL(e, SELFSAME_MALFORMED, "%s: expected the end at byte %zu, got %zu bytes more",
        what, at, c->r.rest.len);
}
