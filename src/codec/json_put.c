/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON on one line, byte for byte as jansson writes it with JSON_COMPACT, in one pass:
 * jansson counts first, formats an address for each container, and may lose text where
 * its buffer cannot grow. Trees have no loops here: they were parsed, or built.
 */
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>

struct out {
    char *text;
    size_t len, cap;
    bool sorted, bad;
};

static bool
room(struct out *o, size_t n)
{
    enum { FIRST = 2048 };
    size_t cap = o->cap != 0 ? o->cap : FIRST;

    if (!o->bad && o->cap - o->len >= n)
        return true;
    while (cap - o->len < n && cap <= SIZE_MAX / 2)
        cap *= 2;
    char *more = !o->bad && cap - o->len >= n ? realloc(o->text, cap) : NULL;
    if (more == NULL) {
        o->bad = true;
        return false;
    }
    o->text = more;
    o->cap = cap;
    return true;
}

static void
put(struct out *o, const char *text, size_t n)
{
    if (n == 0 || !room(o, n))
        return;
    memcpy(o->text + o->len, text, n);
    o->len += n;
}

static void
put_char(struct out *o, char c)
{
    put(o, &c, 1);
}

/* What RFC 8259 §7 wants escaped, and nothing else. */
static void
put_escaped(struct out *o, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = strchr(from, c);
    char text[8];

    if (c != '\0' && at != NULL)
        (void)snprintf(text, sizeof(text), "\\%c", to[at - from]);
    else
        (void)snprintf(text, sizeof(text), "\\u%04X", (unsigned)(unsigned char)c);
    put(o, text, strlen(text));
}

static void
put_string(struct out *o, const char *s, size_t len)
{
    size_t done = 0;

    put_char(o, '"');
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
            continue;
        put(o, s + done, i - done);
        put_escaped(o, s[i]);
        done = i + 1;
    }
    put(o, s + done, len - done);
    put_char(o, '"');
}

static void put_value(struct out *o, const json_t *j);

static void
put_member(struct out *o, const char *name, const json_t *value, bool first)
{
    if (!first)
        put_char(o, ',');
    put_string(o, name, strlen(name));
    put_char(o, ':');
    put_value(o, value);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
put_sorted(struct out *o, const json_t *j)
{
    const size_t count = json_object_size(j);
    const char **names = malloc((count + 1) * sizeof(*names)), *name;
    json_t *value;
    size_t n = 0;

    if (names == NULL) {
        o->bad = true;
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)j, name, value) names[n++] = name;
    qsort(names, n, sizeof(*names), by_name);
    for (size_t i = 0; i < n; i++)
        put_member(o, names[i], json_object_get(j, names[i]), i == 0);
    free(names);
}

static void
put_object(struct out *o, const json_t *j)
{
    bool first = true;
    const char *name;
    json_t *value;

    put_char(o, '{');
    if (o->sorted)
        put_sorted(o, j);
    else
        json_object_foreach((json_t *)(uintptr_t)j, name, value)
        {
            put_member(o, name, value, first);
            first = false;
        }
    put_char(o, '}');
}

static void
put_array(struct out *o, const json_t *j)
{
    const json_t *one;
    size_t i;

    put_char(o, '[');
    json_array_foreach((json_t *)(uintptr_t)j, i, one)
    {
        if (i > 0)
            put_char(o, ',');
        put_value(o, one);
    }
    put_char(o, ']');
}

static void
put_number(struct out *o, const json_t *j)
{
    char text[64];
    size_t n;

    if (json_is_integer(j))
        n = (size_t)snprintf(
            text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(j));
    else
        n = json_dumpb(j, text, sizeof(text), JSON_COMPACT | JSON_ENCODE_ANY);
    o->bad |= n == 0 || n > sizeof(text);
    if (!o->bad)
        put(o, text, n);
}

static void
put_value(struct out *o, const json_t *j)
{
    if (j == NULL) {
        o->bad = true;
        return;
    }
    switch (json_typeof(j)) {
    case JSON_OBJECT: put_object(o, j); return;
    case JSON_ARRAY: put_array(o, j); return;
    case JSON_STRING:
        put_string(o, json_string_value(j), json_string_length(j));
        return;
    case JSON_INTEGER:
    case JSON_REAL: put_number(o, j); return;
    case JSON_TRUE: put(o, "true", 4); return;
    case JSON_FALSE: put(o, "false", 5); return;
    case JSON_NULL: put(o, "null", 4); return;
    }
}

static char *
dump(const json_t *j, bool sorted)
{
    struct out o = { .sorted = sorted };

    put_value(&o, j);
    put_char(&o, '\0');
    if (!o.bad)
        return o.text;
    free(o.text);
    return NULL;
}

char *
json_compact(const json_t *j)
{
    return dump(j, false);
}

char *
json_sorted(const json_t *j)
{
    return dump(j, true);
}
