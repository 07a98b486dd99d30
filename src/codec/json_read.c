/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_read.h"

struct jread
jread_of(struct selfsame_bytes in)
{
    return (struct jread){ .in = in };
}

void
jread_fail(struct jread *j, const char *why)
{
    if (j->why == NULL)
        j->why = why;
}

/* 0 at the end and when bad, which no token begins with. */
static uint8_t
look(struct jread *j)
{
    while (j->at < j->in.len) {
        uint8_t c = j->in.ptr[j->at];

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return j->why == NULL ? c : 0;
        j->at++;
    }
    return 0;
}

static bool
take(struct jread *j, char c, const char *why)
{
    if (look(j) != (uint8_t)c) {
        jread_fail(j, why);
        return false;
    }
    j->at++;
    return true;
}

static void
enter(struct jread *j, char c, const char *why)
{
    if (++j->depth > JREAD_DEPTH)
        jread_fail(j, "nested too deeply");
    (void)take(j, c, why);
}

static void
count_item(struct jread *j)
{
    if (++j->items > JREAD_ITEMS)
        jread_fail(j, "too many values");
}

size_t
jread_offset(struct jread *j)
{
    (void)look(j);
    return j->at;
}

/* ---- strings ---- */

static bool
is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The four digits behind \u; UINT_MAX and latched when they are none. */
static unsigned
code_unit(struct jread *j)
{
    unsigned n = 0;

    for (int i = 0; i < 4; i++) {
        uint8_t c = j->at < j->in.len ? j->in.ptr[j->at++] : 0;

        if (!is_hex(c)) {
            jread_fail(j, "expected four hexadecimal digits behind \\u");
            return 0;
        }
        n = n << 4 | (c <= '9' ? c - (unsigned)'0' : (c | 0x20u) - (unsigned)'a' + 10);
    }
    return n;
}

/* Surrogates come in pairs, and there is no NUL: what codec/json.h takes. */
static void
skip_unicode(struct jread *j)
{
    unsigned n = code_unit(j);
    bool high = n >= 0xd800 && n < 0xdc00, low = n >= 0xdc00 && n < 0xe000;

    if (high) {
        struct selfsame_bytes rest = BYTES(j->in.ptr + j->at, j->in.len - j->at);

        high = bytes_has_prefix(rest, BYTES_LIT("\\u"));
        j->at += high ? 2 : 0;
        n = high ? code_unit(j) : 0;
        low = n < 0xdc00 || n >= 0xe000;
    }
    if (low || n == 0)
        jread_fail(j, "half a surrogate pair, or NUL, in a string");
}

/* Behind the backslash. */
static void
skip_escape(struct jread *j)
{
    static const char simple[] = "\"\\/bfnrt";
    uint8_t c = j->at < j->in.len ? j->in.ptr[j->at++] : 0;

    if (c == 'u')
        skip_unicode(j);
    else if (c == 0 || strchr(simple, c) == NULL)
        jread_fail(j, "unknown escape in a string");
}

static void
unusual(struct jread *j, uint8_t c, bool escapes)
{
    if (c != '\\')
        jread_fail(j, "a control character in a string");
    else if (!escapes)
        jread_fail(j, "an escape where none is expected");
    else
        skip_escape(j);
}

static struct selfsame_bytes
string(struct jread *j, bool escapes)
{
    if (!take(j, '"', "expected a string"))
        return BYTES_NONE;
    const size_t from = j->at;
    uint8_t seen = 0;
    while (j->why == NULL) {
        if (j->at >= j->in.len) {
            jread_fail(j, "a string that does not end");
            break;
        }
        uint8_t c = j->in.ptr[j->at++];
        if (c == '"')
            break;
        seen |= c;
        if (c < 0x20 || c == '\\')
            unusual(j, c, escapes);
    }
    if (j->why != NULL)
        return BYTES_NONE;
    struct selfsame_bytes s = BYTES(j->in.ptr + from, j->at - 1 - from);
    if ((seen & 0x80) != 0 && !utf8_valid(s))
        jread_fail(j, "a string that is not UTF-8");
    return s;
}

struct selfsame_bytes
jread_text(struct jread *j)
{
    count_item(j);
    return string(j, false);
}

/* ---- numbers and words ---- */

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static size_t
digits(struct jread *j)
{
    const size_t from = j->at;

    while (j->at < j->in.len && is_digit(j->in.ptr[j->at]))
        j->at++;
    return j->at - from;
}

static bool
eat(struct jread *j, const char *any)
{
    if (j->at >= j->in.len || j->in.ptr[j->at] == 0 ||
        strchr(any, j->in.ptr[j->at]) == NULL)
        return false;
    j->at++;
    return true;
}

/* RFC 8259 §6. */
static void
skip_number(struct jread *j)
{
    (void)eat(j, "-");
    if (!eat(j, "0") && digits(j) == 0)
        jread_fail(j, "expected a number");
    if (eat(j, ".") && digits(j) == 0)
        jread_fail(j, "expected digits behind the point");
    if (eat(j, "eE")) {
        (void)eat(j, "+-");
        if (digits(j) == 0)
            jread_fail(j, "expected digits of an exponent");
    }
}

uint64_t
jread_uint(struct jread *j, uint64_t max)
{
    uint64_t n = 0;

    count_item(j);
    if (look(j) == 0) {
        jread_fail(j, "expected a number");
        return 0;
    }
    const size_t from = j->at;
    for (; j->at < j->in.len && is_digit(j->in.ptr[j->at]); j->at++) {
        const uint64_t d = (uint64_t)j->in.ptr[j->at] - '0';

        if (d > max || n > (max - d) / 10)
            jread_fail(j, "expected a whole number in its range");
        else
            n = 10 * n + d;
    }
    const uint8_t next = j->at < j->in.len ? j->in.ptr[j->at] : 0;
    if (j->at == from || (j->in.ptr[from] == '0' && j->at > from + 1) || next == '.' ||
        next == 'e' || next == 'E')
        jread_fail(j, "expected a whole number in its range");
    return j->why == NULL ? n : 0;
}

static void
skip_word(struct jread *j, struct selfsame_bytes word)
{
    if (!bytes_has_prefix(BYTES(j->in.ptr + j->at, j->in.len - j->at), word)) {
        jread_fail(j, "expected a value");
        return;
    }
    j->at += word.len;
}

/* ---- containers ---- */

struct jread_object
jread_object(struct jread *j)
{
    count_item(j);
    enter(j, '{', "expected an object");
    return (struct jread_object){ .first = j->name_count };
}

/* The comma before the next one, or the end, which leaves. */
static bool
go_on(struct jread *j, size_t count, char end, const char *why)
{
    uint8_t c = look(j);

    if (c == (uint8_t)end) {
        j->at++;
        j->depth--;
        return false;
    }
    if (c == 0)
        jread_fail(j, "it ends too early");
    return j->why == NULL && (count == 0 || take(j, ',', why));
}

bool
jread_member(struct jread *j, struct jread_object *o, struct selfsame_bytes *ret_name)
{
    if (!go_on(j, o->count, '}', "expected a comma or the end of the object")) {
        j->name_count = o->first;
        return false;
    }
    struct selfsame_bytes name = string(j, false);
    (void)take(j, ':', "expected a colon");
    if (o->count == JREAD_MEMBERS || j->name_count == JREAD_NAMES)
        jread_fail(j, "too many members in one object");
    for (size_t i = o->first; i < j->name_count && j->why == NULL; i++)
        if (j->name[i].len == name.len && bytes_cmp(j->name[i], name) == 0)
            jread_fail(j, "a member that occurs twice");
    if (j->why != NULL)
        return false;
    j->name[j->name_count++] = name;
    o->count++;
    *ret_name = name;
    return true;
}

struct jread_array
jread_array(struct jread *j)
{
    count_item(j);
    enter(j, '[', "expected a list");
    return (struct jread_array){ .count = 0 };
}

bool
jread_element(struct jread *j, struct jread_array *a)
{
    if (!go_on(j, a->count, ']', "expected a comma or the end of the list"))
        return false;
    a->count++;
    return true;
}

/* ---- any value ---- */

static void
skip(struct jread *j)
{
    switch (look(j)) {
    case '{': {
        struct jread_object o = jread_object(j);
        struct selfsame_bytes name;

        while (jread_member(j, &o, &name))
            skip(j);
        return;
    }
    case '[': {
        struct jread_array a = jread_array(j);

        while (jread_element(j, &a))
            skip(j);
        return;
    }
    case '"': (void)string(j, true); break;
    case 't': skip_word(j, BYTES_LIT("true")); break;
    case 'f': skip_word(j, BYTES_LIT("false")); break;
    case 'n': skip_word(j, BYTES_LIT("null")); break;
    default: skip_number(j); break;
    }
    count_item(j);
}

struct selfsame_bytes
jread_skip(struct jread *j)
{
    const size_t from = jread_offset(j);

    skip(j);
    return j->why == NULL ? BYTES(j->in.ptr + from, j->at - from) : BYTES_NONE;
}

bool
jread_done(struct jread *j)
{
    return look(j) == 0 && j->why == NULL && j->at == j->in.len && j->depth == 0;
}

enum selfsame_code
jread_end(struct jread *j, const char *what, struct selfsame_err *e)
{
    if (jread_done(j))
        return SELFSAME_OK;
    FAIL(e, SELFSAME_MALFORMED, "%s: %s, at byte %zu of %zu", what,
        j->why != NULL ? j->why : "expected nothing behind it", j->at, j->in.len);
}
