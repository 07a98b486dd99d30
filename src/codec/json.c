/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"

#include <stdlib.h>

void
json_free(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

/* Behind the string whose opening quote is at i; text.len when it never ends. */
static size_t
string_end(struct selfsame_bytes text, size_t i)
{
    for (i++; i < text.len && text.ptr[i] != '"'; i++)
        if (text.ptr[i] == '\\')
            i++;
    return i < text.len ? i + 1 : text.len;
}

static int
line_at(struct selfsame_bytes text, size_t at)
{
    int line = 1;

    for (size_t i = 0; i < at && i < text.len; i++)
        line += text.ptr[i] == '\n';
    return line;
}

/*
 * Counted before parsing: jansson recurses to 2048 levels, and a few bytes of
 * text cost it a hundred bytes of memory.
 */
static enum selfsame_code
check_shape(struct selfsame_bytes in, const char *what, struct selfsame_err *e)
{
    size_t depth = 0, values = 1;

    for (size_t i = 0; i < in.len;) {
        uint8_t c = in.ptr[i];

        if (c == '"') {
            i = string_end(in, i);
            continue;
        }
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
        values += c == '[' || c == '{' || c == ',';
        if (depth > JSON_DEPTH)
            FAIL(e, SELFSAME_MALFORMED, "%s, line %d: expected at most %d levels", what,
                line_at(in, i), (int)JSON_DEPTH);
        if (values > JSON_VALUES)
            FAIL(e, SELFSAME_MALFORMED, "%s, line %d: expected at most %d values", what,
                line_at(in, i), (int)JSON_VALUES);
        i++;
    }
    return SELFSAME_OK;
}

/* The parser quotes the text it stumbled over; a terminal must not obey it. */
static void
make_printable(char *s)
{
    for (; *s != '\0'; s++)
        if (*s < ' ' || *s > '~')
            *s = '?';
}

enum selfsame_code
json_parse(
    struct selfsame_bytes in, const char *what, json_t **ret, struct selfsame_err *e)
{
    json_error_t err = { .line = 0 };

    if (in.len > JSON_LIMIT)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected at most %d bytes of JSON, got %zu",
            what, (int)JSON_LIMIT, in.len);
    if (in.len == 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: empty file: expected JSON, got 0 bytes", what);
    TRY(check_shape(in, what, e));
    json_t *j = json_loadb((const char *)in.ptr, in.len, JSON_REJECT_DUPLICATES, &err);
    if (j != NULL) {
        *ret = j;
        return SELFSAME_OK;
    }
    /* jansson has no words and no line for most allocations that fail. */
    if (err.text[0] == '\0' || json_error_code(&err) == json_error_out_of_memory)
        FAIL(e, SELFSAME_NOMEM, "%s: no room for %zu bytes of JSON", what, in.len);
    make_printable(err.text);
    FAIL(e, SELFSAME_MALFORMED, "%s, line %d, column %d: %s", what, err.line,
        err.column, err.text);
}

/*
 * Counted first, then written: json_dumps of jansson 2.14 may lose text and yet
 * succeed when its buffer cannot grow.
 */
char *
json_pretty(const json_t *j)
{
    const size_t flags = JSON_INDENT(2) | JSON_ENCODE_ANY;
    const size_t n = json_dumpb(j, NULL, 0, flags);
    char *text = n > 0 ? malloc(n + 2) : NULL;

    if (text == NULL)
        return NULL;
    if (json_dumpb(j, text, n, flags) != n) {
        free(text);
        return NULL;
    }
    memcpy(text + n, "\n", 2);
    return text;
}

/* ---- json_line_of: a scanner that forgives, since the text parsed before ---- */

static bool
is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t
skip_space(struct selfsame_bytes t, size_t i)
{
    while (i < t.len && is_space(t.ptr[i]))
        i++;
    return i;
}

/* Behind the value at i, without a look at what is in it. */
static size_t
skip_value(struct selfsame_bytes t, size_t i)
{
    size_t depth = 0;

    while (i < t.len) {
        uint8_t c = t.ptr[i];

        if (c == '"') {
            i = string_end(t, i);
            if (depth == 0)
                return i;
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']' || c == '}' || is_space(c)))
            return i;
        i++;
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && --depth == 0)
            return i;
    }
    return t.len;
}

/* Where the next value of this container is after the one at i; len when over. */
static size_t
next_value(struct selfsame_bytes t, size_t i)
{
    i = skip_space(t, skip_value(t, i));
    return i < t.len && t.ptr[i] == ',' ? skip_space(t, i + 1) : t.len;
}

/* From the object at *at to its member's value; *ret_key is where its name is. */
static bool
enter_member(
    struct selfsame_bytes t, const char *name, size_t len, size_t *at, size_t *ret_key)
{
    size_t i = skip_space(t, *at);

    if (i >= t.len || t.ptr[i] != '{')
        return false;
    i = skip_space(t, i + 1);
    while (i < t.len && t.ptr[i] == '"') {
        size_t end = string_end(t, i);
        struct selfsame_bytes key = BYTES(t.ptr + i + 1, end - i - 1);
        size_t value = skip_space(t, end);

        if (value >= t.len || t.ptr[value] != ':')
            return false;
        value = skip_space(t, value + 1);
        if (key.len == len + 1 &&
            bytes_has_prefix(key, BYTES((const uint8_t *)name, len))) {
            *ret_key = i;
            *at = value;
            return true;
        }
        i = next_value(t, value);
    }
    return false;
}

static bool
enter_element(struct selfsame_bytes t, unsigned long index, size_t *at)
{
    size_t i = skip_space(t, *at);

    if (i >= t.len || t.ptr[i] != '[')
        return false;
    i = skip_space(t, i + 1);
    while (index-- > 0 && i < t.len)
        i = next_value(t, i);
    if (i >= t.len || t.ptr[i] == ']')
        return false;
    *at = i;
    return true;
}

int
json_line_of(struct selfsame_bytes text, const char *path)
{
    size_t at = 0, place = skip_space(text, 0);

    while (*path != '\0') {
        if (*path == '[') {
            char *end;
            unsigned long index = strtoul(path + 1, &end, 10);

            if (*end != ']' || !enter_element(text, index, &at))
                return 0;
            place = at;
            path = end + 1;
        } else {
            size_t len = strcspn(path, ".[");

            if (!enter_member(text, path, len, &at, &place))
                return 0;
            path += len;
        }
        if (*path == '.')
            path++;
    }
    return place < text.len ? line_at(text, place) : 0;
}
