/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml.h"

#include <stdio.h>

struct toml {
    const uint8_t *at, *end;
    size_t line, values;
    const char *what;
    json_t *root;
    json_t *table;  /* where keys go; borrowed */
    json_t *fixed;  /* by address: inline tables and arrays, which nothing extends */
    json_t *headed; /* by address: tables that a [header] has opened */
    json_t *dotted; /* by address: tables that dotted keys have made */
    uint8_t *text;  /* the string at hand, as long as the input */
    size_t text_len;
};

static enum selfsame_code
wrong(const struct toml *t, const char *expected, struct selfsame_err *e)
{
    FAIL(e, SELFSAME_MALFORMED, "%s, line %zu: expected %s, got other", t->what,
        t->line, expected);
}

static enum selfsame_code
no_memory(const struct toml *t, struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "%s: out of memory", t->what);
}

/* ---- characters ---- */

static int
peek(const struct toml *t)
{
    return t->at < t->end ? *t->at : -1;
}

static bool
starts(const struct toml *t, const char *s)
{
    return bytes_has_prefix(BYTES(t->at, (size_t)(t->end - t->at)), bytes_str(s));
}

static void
skip_blanks(struct toml *t)
{
    while (peek(t) == ' ' || peek(t) == '\t')
        t->at++;
}

/* True behind a newline. */
static bool
skip_newline(struct toml *t)
{
    size_t n = starts(t, "\r\n") ? 2 : peek(t) == '\n' ? 1 : 0;

    t->at += n;
    t->line += n > 0;
    return n > 0;
}

static bool
is_control(int c)
{
    return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f;
}

static enum selfsame_code
skip_comment(struct toml *t, struct selfsame_err *e)
{
    if (peek(t) != '#')
        return SELFSAME_OK;
    while (peek(t) >= 0 && peek(t) != '\n' && !starts(t, "\r\n")) {
        if (is_control(peek(t)))
            return wrong(t, "a comment without control characters", e);
        t->at++;
    }
    return SELFSAME_OK;
}

/* Blanks, comments and newlines, as between the values of an array. */
static enum selfsame_code
skip_space(struct toml *t, struct selfsame_err *e)
{
    do {
        skip_blanks(t);
        TRY(skip_comment(t, e));
    } while (skip_newline(t));
    return SELFSAME_OK;
}

static enum selfsame_code
line_end(struct toml *t, struct selfsame_err *e)
{
    skip_blanks(t);
    TRY(skip_comment(t, e));
    if (!skip_newline(t) && peek(t) >= 0)
        return wrong(t, "the end of the line", e);
    return SELFSAME_OK;
}

/* ---- strings ---- */

static void
put_byte(struct toml *t, int c)
{
    t->text[t->text_len++] = (uint8_t)c;
}

/* UTF-8 of a code point; shorter than the escape that named it. */
static bool
put_point(struct toml *t, uint32_t c)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return false;
    if (c < 0x80) {
        put_byte(t, (int)c);
    } else if (c < 0x800) {
        put_byte(t, (int)(0xc0 | c >> 6));
    } else if (c < 0x10000) {
        put_byte(t, (int)(0xe0 | c >> 12));
        put_byte(t, (int)(0x80 | (c >> 6 & 63)));
    } else {
        put_byte(t, (int)(0xf0 | c >> 18));
        put_byte(t, (int)(0x80 | (c >> 12 & 63)));
        put_byte(t, (int)(0x80 | (c >> 6 & 63)));
    }
    if (c >= 0x80)
        put_byte(t, (int)(0x80 | (c & 63)));
    return true;
}

static int
hex_digit(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static enum selfsame_code
escape(struct toml *t, struct selfsame_err *e)
{
    static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
    int c = peek(t);
    const char *name = c > 0 ? strchr(names, c) : NULL;
    uint32_t point = 0;

    if (name != NULL) {
        put_byte(t, values[name - names]);
        t->at++;
        return SELFSAME_OK;
    }
    if (c != 'u' && c != 'U')
        return wrong(t, "one of \\b \\t \\n \\f \\r \\\" \\\\ \\u \\U", e);
    t->at++;
    for (int i = 0; i < (c == 'u' ? 4 : 8); i++, t->at++) {
        int digit = hex_digit(peek(t));

        if (digit < 0)
            return wrong(t, "hex digits behind \\u or \\U", e);
        point = point << 4 | (uint32_t)digit;
    }
    return put_point(t, point) ? SELFSAME_OK : wrong(t, "a character behind \\u", e);
}

/* A backslash at the end of a line: what is blank up to the next text is not there. */
static bool
continues(struct toml *t)
{
    struct toml ahead = *t;

    skip_blanks(&ahead);
    if (!skip_newline(&ahead))
        return false;
    do
        skip_blanks(&ahead);
    while (skip_newline(&ahead));
    t->at = ahead.at;
    t->line = ahead.line;
    return true;
}

static enum selfsame_code
one_character(struct toml *t, bool basic, bool multi, struct selfsame_err *e)
{
    int c = peek(t);

    if (c < 0)
        return wrong(t, "the end of a string", e);
    if (multi && skip_newline(t)) {
        put_byte(t, '\n');
        return SELFSAME_OK;
    }
    if (is_control(c))
        return wrong(t, "a string without control characters", e);
    t->at++;
    if (!basic || c != '\\') {
        put_byte(t, c);
        return SELFSAME_OK;
    }
    return multi && continues(t) ? SELFSAME_OK : escape(t, e);
}

/* Up to two quotes may stand before the three that end it. */
static bool
multi_ends(struct toml *t, char quote)
{
    const char three[] = { quote, quote, quote, 0 };

    if (!starts(t, three))
        return false;
    t->at += 3;
    for (int i = 0; i < 2 && peek(t) == quote; i++, t->at++)
        put_byte(t, quote);
    return true;
}

static enum selfsame_code
string(struct toml *t, bool may_be_multi, struct selfsame_err *e)
{
    const char quote = (char)peek(t);
    const char three[] = { quote, quote, quote, 0 };
    const bool multi = may_be_multi && starts(t, three), basic = quote == '"';

    t->text_len = 0;
    t->at += multi ? 3 : 1;
    if (multi)
        (void)skip_newline(t);
    while (multi ? !multi_ends(t, quote) : peek(t) != quote)
        TRY(one_character(t, basic, multi, e));
    t->at += multi ? 0 : 1;
    return SELFSAME_OK;
}

/* ---- keys ---- */

static bool
is_bare(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-';
}

/* One word of a key into `text`, with a NUL. */
static enum selfsame_code
key_word(struct toml *t, struct selfsame_err *e)
{
    t->text_len = 0;
    if (peek(t) == '"' || peek(t) == '\'')
        TRY(string(t, false, e));
    else if (!is_bare(peek(t)))
        return wrong(t, "a key", e);
    else
        for (; is_bare(peek(t)); t->at++)
            put_byte(t, peek(t));
    t->text[t->text_len] = 0;
    return SELFSAME_OK;
}

/* Is the value in this set, or put into it. */
static bool
is_in(const json_t *set, const json_t *value)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "%p", (const void *)value);
    return json_object_get(set, name) != NULL;
}

static bool
put_in(json_t *set, const json_t *value)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "%p", (const void *)value);
    return json_object_set_new(set, name, json_true()) == 0;
}

/* Takes the value over. */
static enum selfsame_code
put_member(struct toml *t, json_t *table, json_t *value, struct selfsame_err *e)
{
    if (++t->values > TOML_VALUES) {
        json_decref(value);
        return wrong(t, "fewer values", e);
    }
    if (value == NULL || json_object_set_new(table, (const char *)t->text, value) != 0)
        return no_memory(t, e);
    return SELFSAME_OK;
}

/* Into the table that a dot behind the word leads to; one that is not there is made. */
static enum selfsame_code
enter(struct toml *t, json_t **table, bool header, struct selfsame_err *e)
{
    json_t *next = json_object_get(*table, (const char *)t->text);

    if (next == NULL) {
        TRY(put_member(t, *table, json_object(), e));
        next = json_object_get(*table, (const char *)t->text);
        if (!header && !put_in(t->dotted, next))
            return no_memory(t, e);
    } else if (json_is_array(next) && header && !is_in(t->fixed, next)) {
        next = json_array_get(next, json_array_size(next) - 1);
    } else if (!json_is_object(next) || is_in(t->fixed, next) ||
               (!header && !is_in(t->dotted, next))) {
        return wrong(t, "a key of a table that may have more", e);
    }
    *table = next;
    return SELFSAME_OK;
}

/* Up to the last word, which is left in `text`; *table is what it belongs to. */
static enum selfsame_code
key(struct toml *t, json_t **table, bool header, struct selfsame_err *e)
{
    for (int depth = 0;; depth++) {
        TRY(key_word(t, e));
        skip_blanks(t);
        if (peek(t) != '.')
            return SELFSAME_OK;
        if (depth == TOML_DEPTH)
            return wrong(t, "a key of fewer words", e);
        t->at++;
        skip_blanks(t);
        TRY(enter(t, table, header, e));
    }
}

/* ---- values ---- */

static enum selfsame_code value(
    struct toml *t, int depth, json_t **ret, struct selfsame_err *e);
static enum selfsame_code key_value(
    struct toml *t, json_t *table, int depth, struct selfsame_err *e);

static enum selfsame_code
made(const struct toml *t, json_t *j, json_t **ret, struct selfsame_err *e)
{
    if (j == NULL)
        return no_memory(t, e);
    *ret = j;
    return SELFSAME_OK;
}

static int
base_of(struct toml *t)
{
    int base = starts(t, "0x") ? 16 : starts(t, "0o") ? 8 : starts(t, "0b") ? 2 : 10;

    t->at += base == 10 ? 0 : 2;
    return base;
}

/* Digits with single underscores between them. */
static enum selfsame_code
number(struct toml *t, json_t **ret, struct selfsame_err *e)
{
    const bool minus = peek(t) == '-', sign = minus || peek(t) == '+';
    uint64_t v = 0, max = (uint64_t)INT64_MAX + (minus ? 1 : 0);
    bool digit = false;

    t->at += sign;
    int base = sign ? 10 : base_of(t);
    const bool zero = base == 10 && peek(t) == '0';
    size_t count = 0;
    for (;; t->at++) {
        int d = hex_digit(peek(t));

        if (peek(t) == '_' && digit) {
            digit = false;
            continue;
        }
        if (d < 0 || d >= base)
            break;
        if (v > (max - (uint64_t)d) / (uint64_t)base)
            return wrong(t, "a number of 64 bits", e);
        v = v * (uint64_t)base + (uint64_t)d;
        digit = true;
        count++;
    }
    if (base == 10 && peek(t) > 0 && strchr(".eE-:in", peek(t)) != NULL)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "%s, line %zu: floating-point numbers and dates are not read", t->what,
            t->line);
    if (!digit || (zero && count > 1))
        return wrong(t, "a value", e);
    return made(t, json_integer(minus ? (json_int_t)(0 - v) : (json_int_t)v), ret, e);
}

static enum selfsame_code
array(struct toml *t, int depth, json_t **ret, struct selfsame_err *e)
{
    auto_json *list = json_array();

    if (list == NULL || !put_in(t->fixed, list))
        return no_memory(t, e);
    t->at++;
    for (;;) {
        json_t *one;

        TRY(skip_space(t, e));
        if (peek(t) == ']')
            break;
        TRY(value(t, depth + 1, &one, e));
        if (json_array_append_new(list, one) != 0)
            return no_memory(t, e);
        TRY(skip_space(t, e));
        if (peek(t) != ',' && peek(t) != ']')
            return wrong(t, "',' or ']'", e);
        t->at += peek(t) == ',';
    }
    t->at++;
    *ret = json_incref(list);
    return SELFSAME_OK;
}

static enum selfsame_code
inline_table(struct toml *t, int depth, json_t **ret, struct selfsame_err *e)
{
    auto_json *table = json_object();

    if (table == NULL)
        return no_memory(t, e);
    t->at++;
    skip_blanks(t);
    while (peek(t) != '}') {
        TRY(key_value(t, table, depth + 1, e));
        skip_blanks(t);
        if (peek(t) != ',' && peek(t) != '}')
            return wrong(t, "',' or '}'", e);
        if (peek(t) == '}')
            break;
        t->at++;
        skip_blanks(t);
        if (peek(t) == '}')
            return wrong(t, "a key behind ','", e);
    }
    t->at++;
    if (!put_in(t->fixed, table))
        return no_memory(t, e);
    *ret = json_incref(table);
    return SELFSAME_OK;
}

static enum selfsame_code
value(struct toml *t, int depth, json_t **ret, struct selfsame_err *e)
{
    if (depth > TOML_DEPTH)
        return wrong(t, "fewer levels", e);
    if (++t->values > TOML_VALUES)
        return wrong(t, "fewer values", e);
    switch (peek(t)) {
    case '"':
    case '\'':
        TRY(string(t, true, e));
        return made(t, json_stringn((const char *)t->text, t->text_len), ret, e);
    case '[': return array(t, depth, ret, e);
    case '{': return inline_table(t, depth, ret, e);
    case 't':
    case 'f': {
        const bool yes = starts(t, "true");

        if (!yes && !starts(t, "false"))
            return wrong(t, "a value", e);
        t->at += yes ? 4 : 5;
        return made(t, json_boolean(yes), ret, e);
    }
    default: return number(t, ret, e);
    }
}

static enum selfsame_code
key_value(struct toml *t, json_t *table, int depth, struct selfsame_err *e)
{
    auto_json *one = NULL, *name = NULL;

    TRY(key(t, &table, false, e));
    name = json_stringn((const char *)t->text, t->text_len);
    if (name == NULL)
        return no_memory(t, e);
    if (json_object_get(table, json_string_value(name)) != NULL)
        return wrong(t, "each key once", e);
    if (peek(t) != '=')
        return wrong(t, "'=' behind a key", e);
    t->at++;
    skip_blanks(t);
    TRY(value(t, depth, &one, e));
    if (json_object_set(table, json_string_value(name), one) != 0)
        return no_memory(t, e);
    return SELFSAME_OK;
}

/* ---- tables ---- */

static enum selfsame_code
open_table(struct toml *t, json_t *above, struct selfsame_err *e)
{
    json_t *table = json_object_get(above, (const char *)t->text);

    if (table == NULL) {
        TRY(put_member(t, above, json_object(), e));
        table = json_object_get(above, (const char *)t->text);
    }
    if (!json_is_object(table) || is_in(t->fixed, table) || is_in(t->headed, table) ||
        is_in(t->dotted, table))
        return wrong(t, "each table once", e);
    if (!put_in(t->headed, table))
        return no_memory(t, e);
    t->table = table;
    return SELFSAME_OK;
}

static enum selfsame_code
open_element(struct toml *t, json_t *above, struct selfsame_err *e)
{
    json_t *list = json_object_get(above, (const char *)t->text);

    if (list == NULL) {
        TRY(put_member(t, above, json_array(), e));
        list = json_object_get(above, (const char *)t->text);
    }
    if (!json_is_array(list) || is_in(t->fixed, list))
        return wrong(t, "an array of tables", e);
    t->table = json_object();
    if (++t->values > TOML_VALUES) {
        json_decref(t->table);
        return wrong(t, "fewer values", e);
    }
    return json_array_append_new(list, t->table) == 0 ? SELFSAME_OK : no_memory(t, e);
}

static enum selfsame_code
header(struct toml *t, struct selfsame_err *e)
{
    const bool element = starts(t, "[[");
    json_t *above = t->root;

    t->at += element ? 2 : 1;
    skip_blanks(t);
    TRY(key(t, &above, true, e));
    if (!starts(t, element ? "]]" : "]"))
        return wrong(t, "']' behind the name of a table", e);
    t->at += element ? 2 : 1;
    return element ? open_element(t, above, e) : open_table(t, above, e);
}

static enum selfsame_code
document(struct toml *t, struct selfsame_err *e)
{
    for (;;) {
        TRY(skip_space(t, e));
        if (peek(t) < 0)
            return SELFSAME_OK;
        TRY(peek(t) == '[' ? header(t, e) : key_value(t, t->table, 0, e));
        TRY(line_end(t, e));
    }
}

enum selfsame_code
toml_parse(
    struct selfsame_bytes in, const char *what, json_t **ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new((size_t)TOML_LIMIT + 4096);
    auto_json *root = json_object(), *fixed = json_object(), *headed = json_object(),
              *dotted = json_object();
    struct toml t = { .at = in.ptr,
        .end = in.ptr + in.len,
        .line = 1,
        .what = what,
        .root = root,
        .table = root,
        .fixed = fixed,
        .headed = headed,
        .dotted = dotted };

    if (in.len > TOML_LIMIT)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected at most %d MiB, got %zu bytes", what,
            (int)(TOML_LIMIT >> 20), in.len);
    if (!utf8_valid(in))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected UTF-8, got other bytes", what);
    t.text = arena_alloc(&arena, 1, in.len + 1);
    if (root == NULL || fixed == NULL || headed == NULL || dotted == NULL ||
        t.text == NULL)
        return no_memory(&t, e);
    TRY(document(&t, e));
    *ret = json_incref(root);
    return SELFSAME_OK;
}
