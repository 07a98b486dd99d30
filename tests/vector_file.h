/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VECTOR_FILE_H
#define SELFSAME_VECTOR_FILE_H

#include "test.h"

#include <dirent.h>

/* A file of vectors/: header lines up to an empty one, then its body (vectors/README.md). */
enum { VECTOR_FIELDS = 24 };
struct vector {
    const char *path;
    const char *name[VECTOR_FIELDS], *value[VECTOR_FIELDS];
    size_t count;
    struct selfsame_bytes body;
};

static inline const char *
vector_get(const struct vector *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->name[i], name) == 0)
            return v->value[i];
    return NULL;
}

static inline const char *
vector_need(const struct vector *v, const char *name)
{
    const char *value = vector_get(v, name);

    if (value == NULL)
        fail_msg("%s: the field %s is needed", v->path, name);
    return value;
}

/* Any other field fails: a misspelt one would not be looked at. */
static inline void
vector_allow(const struct vector *v, const char *const *names, size_t count)
{
    for (size_t i = 0; i < v->count; i++) {
        size_t k = 0;

        while (k < count && strcmp(v->name[i], names[k]) != 0)
            k++;
        if (k == count)
            fail_msg("%s: unknown field %s", v->path, v->name[i]);
    }
}

static inline void
vector_read(const char *path, struct arena *arena, struct vector *v)
{
    struct selfsame_bytes rest = test_file(path, arena), line;

    *v = (struct vector){ .path = path };
    for (;;) {
        if (!bytes_line(&rest, &line))
            fail_msg("%s: no empty line", path);
        if (line.len == 0)
            break;
        char *text = arena_str(arena, line);
        assert_non_null(text);
        char *colon = strstr(text, ": ");
        if (colon == NULL) {
            fail_msg("%s: a line without colon: %s", path, text);
            return;
        }
        *colon = '\0';
        if (vector_get(v, text) != NULL || v->count == VECTOR_FIELDS)
            fail_msg("%s: the field %s again", path, text);
        v->name[v->count] = text;
        v->value[v->count++] = colon + 2;
    }
    v->body = rest;
}

/* base64 in lines up to an empty line or the end, taken from *rest. */
static inline struct selfsame_bytes
vector_base64(const struct vector *v, struct selfsame_bytes *rest, struct arena *arena)
{
    char *text = arena_alloc(arena, 1, rest->len + 1);
    uint8_t *raw = arena_alloc(arena, 1, rest->len + 1);
    struct selfsame_bytes line;
    size_t n = 0, len = 0;

    assert_non_null(text);
    assert_non_null(raw);
    while (bytes_line(rest, &line) && line.len > 0) {
        memcpy(text + n, line.ptr, line.len);
        n += line.len;
    }
    if (!base64_decode(text, n, false, raw, n + 1, &len))
        fail_msg("%s: the body is not base64", v->path);
    return BYTES(raw, len);
}

/* As the field "payload" says: text as it is, a line without its newline, or base64. */
static inline struct selfsame_bytes
vector_payload(const struct vector *v, struct arena *arena)
{
    const char *form = vector_need(v, "payload");
    struct selfsame_bytes rest = v->body;

    if (strcmp(form, "text") == 0)
        return rest;
    if (strcmp(form, "base64") == 0)
        return vector_base64(v, &rest, arena);
    if (strcmp(form, "line") != 0 || rest.len == 0 || rest.ptr[rest.len - 1] != '\n')
        fail_msg("%s: a payload that is no text, line or base64", v->path);
    return BYTES(rest.ptr, rest.len - 1);
}

/* Decimal. */
static inline uint64_t
vector_number(const struct vector *v, const char *name)
{
    const char *text = vector_need(v, name);
    uint64_t n;

    if (!uint_parse(text, strlen(text), INT64_MAX, &n))
        fail_msg("%s: %s is no number", v->path, name);
    return n;
}

/* The value of a field, from base64. */
static inline struct selfsame_bytes
vector_bytes(const struct vector *v, const char *name, struct arena *arena)
{
    struct selfsame_bytes rest = bytes_str(
        arena_printf(arena, "%s\n", vector_need(v, name)));

    return vector_base64(v, &rest, arena);
}

/* What came out, beside the class. */
struct vector_outcome {
    const char *word; /* of docs/releases.md, or NULL */
    int status;       /* of HTTP, or 0 */
};

static inline bool
vector_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Are class, word and status what the vector expects? Tells what is not. */
MUST static inline bool
vector_compare(const struct vector *v, enum selfsame_code code,
    const struct vector_outcome *o, const struct selfsame_err *e)
{
    const char *expect = vector_need(v, "expect"), *status = vector_get(v, "status");
    const char *base = strrchr(v->path, '/') + 1;
    char got[16];

    (void)snprintf(got, sizeof(got), "%d", o->status);
    (void)vector_need(v, "spec");
    (void)vector_need(v, "note");
    /* 1xx is accepted and nothing else is. */
    if ((base[0] == '1') != (strcmp(expect, "ok") == 0))
        fail_msg("%s: 1xx, and nothing else, is ok", v->path);
    if (vector_same(selfsame_code_name(code), expect) &&
        vector_same(o->word, vector_get(v, "word")) &&
        (status == NULL || vector_same(got, status)))
        return true;
    (void)fprintf(stderr, "%s: expected %s %s, got %s %s %s: %s\n", v->path, expect,
        status != NULL ? status : "", selfsame_code_name(code), got,
        o->word != NULL ? o->word : "", err_text(e));
    return false;
}

static inline int
vector_is(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n > 4 && strcmp(d->d_name + n - 4, ".vec") == 0;
}

/* Each of vectors/AREA in order; fails when there are fewer than `least`. */
static inline void
vector_walk(
    const char *area, int least, void (*each)(const char *path, void *ctx), void *ctx)
{
    const char *root = getenv("SELFSAME_SOURCE_ROOT");
    struct dirent **list = NULL;
    char path[1024];

    (void)snprintf(
        path, sizeof(path), "%s/vectors/%s", root != NULL ? root : ".", area);
    int count = scandir(path, &list, vector_is, alphasort);
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof(path), "vectors/%s/%s", area, list[i]->d_name);
        each(path, ctx);
        free(list[i]);
    }
    free(list);
    if (count < least)
        fail_msg("%s: expected at least %d vectors, got %d", area, least, count);
}

#endif
