/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

/*
 * RFC 8785 (JCS), restricted to objects with ASCII names, arrays, strings, booleans and
 * integers of at most 53 bits. Then the one form of a value is known while reading:
 * names in rising order, no white space, the shortest escapes. What is not that form is
 * refused, so that no two parsers can read one signed text differently.
 */
struct text {
    struct selfsame_bytes rest;
    unsigned depth;
    const char *why; /* NULL: fine so far */
    struct selfsame_bytes all;
};

static bool
fail(struct text *t, const char *why)
{
    if (t->why == NULL)
        t->why = why;
    return false;
}

static int
peek(const struct text *t)
{
    return t->rest.len > 0 ? t->rest.ptr[0] : -1;
}

static void
skip(struct text *t)
{
    t->rest = BYTES(t->rest.ptr + 1, t->rest.len - 1);
}

static bool
eat(struct text *t, char c)
{
    if (peek(t) != c)
        return false;
    skip(t);
    return true;
}

static bool
eat_word(struct text *t, const char *word)
{
    size_t n = strlen(word);

    if (!bytes_has_prefix(t->rest, bytes_str(word)))
        return false;
    t->rest = BYTES(t->rest.ptr + n, t->rest.len - n);
    return true;
}

/* Behind a backslash: the shortest escape of a character that needs one. */
static bool
escape(struct text *t)
{
    static const char brief[] = "\"\\bfnrt";
    int c = peek(t);

    if (c > 0 && strchr(brief, c) != NULL) {
        skip(t);
        return true;
    }
    if (!eat_word(t, "u00") || t->rest.len < 2)
        return fail(t, "an escape that need not be");
    uint8_t hi = t->rest.ptr[0], lo = t->rest.ptr[1];
    bool digit = lo >= '0' && lo <= '9', letter = lo >= 'a' && lo <= 'f';
    if ((hi != '0' && hi != '1') || (!digit && !letter))
        return fail(t, "an escape that need not be");
    unsigned v = (unsigned)(hi - '0') * 16 +
                 (unsigned)(digit ? lo - '0' : lo - 'a' + 10);
    if (v == 8 || v == 9 || v == 10 || v == 12 || v == 13)
        return fail(t, "an escape that is not the shortest");
    t->rest = BYTES(t->rest.ptr + 2, t->rest.len - 2);
    return true;
}

/* *ret: the raw bytes between the quotes; names have no escapes here, so these compare. */
static bool
string(struct text *t, bool name, struct selfsame_bytes *ret)
{
    const uint8_t *from;

    if (!eat(t, '"'))
        return fail(t, "no string where one must be");
    for (from = t->rest.ptr; !eat(t, '"');) {
        int c = peek(t);

        if (c < ' ')
            return fail(t, "a string that does not end, or a control character");
        if (name && (c == '\\' || c > 0x7e))
            return fail(t, "a name that is not plain ASCII");
        skip(t);
        if (c == '\\' && !escape(t))
            return false;
    }
    *ret = BYTES(from, (size_t)(t->rest.ptr - from) - 1);
    return true;
}

/* An integer of at most 2^53 - 1, without sign of zero and leading zeros. */
static bool
number(struct text *t)
{
    bool negative = eat(t, '-');
    uint64_t v = 0;
    size_t digits = 0;

    if (peek(t) == '0' && negative)
        return fail(t, "a zero with a sign");
    bool zero = peek(t) == '0';
    for (; peek(t) >= '0' && peek(t) <= '9'; digits++) {
        v = v * 10 + (uint64_t)(peek(t) - '0');
        skip(t);
        if (v > (UINT64_C(1) << 53) - 1 || (zero && digits > 0))
            return fail(t, "a number over 2^53 - 1, or with a leading zero");
    }
    if (digits == 0 || peek(t) == '.' || peek(t) == 'e' || peek(t) == 'E')
        return fail(t, "a number that is no integer");
    return true;
}

static bool value(struct text *t);

static bool
object(struct text *t)
{
    struct selfsame_bytes before = BYTES_NONE, name;

    if (eat(t, '}'))
        return true;
    do {
        if (!string(t, true, &name))
            return false;
        if (before.ptr != NULL && bytes_cmp(before, name) >= 0)
            return fail(t, "names that do not rise, or one twice");
        before = name;
        if (!eat(t, ':'))
            return fail(t, "no colon behind a name");
        if (!value(t))
            return false;
    } while (eat(t, ','));
    return eat(t, '}') || fail(t, "an object that does not end");
}

static bool
array(struct text *t)
{
    if (eat(t, ']'))
        return true;
    do {
        if (!value(t))
            return false;
    } while (eat(t, ','));
    return eat(t, ']') || fail(t, "an array that does not end");
}

static bool
value(struct text *t)
{
    struct selfsame_bytes ignored;
    bool good;

    if (peek(t) == '"')
        return string(t, false, &ignored);
    if (eat_word(t, "true") || eat_word(t, "false"))
        return true;
    if (peek(t) != '{' && peek(t) != '[')
        return number(t);
    if (++t->depth > CANONICAL_DEPTH)
        return fail(t, "too many levels");
    good = eat(t, '{') ? object(t) : eat(t, '[') && array(t);
    t->depth--;
    return good;
}

enum selfsame_code
canonical_check(struct selfsame_bytes text, const char *what, struct selfsame_err *e)
{
    struct text t = { .rest = text, .all = text };

    if (!utf8_valid(text))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected canonical JSON, got no UTF-8", what);
    if (peek(&t) != '{')
        (void)fail(&t, "no object");
    else if (value(&t) && t.rest.len > 0)
        (void)fail(&t, "something behind it");
    if (t.why != NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected canonical JSON (RFC 8785), got %s at byte %zu", what, t.why,
            text.len - t.rest.len);
    return SELFSAME_OK;
}
