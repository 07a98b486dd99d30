/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/differ.h"

#include <stdlib.h>

/* reproducible-build §8: measurement → section → file → byte. */
enum { WINDOW = 16 };

/* ---- findings ---- */

static void
found(struct repro_diff *d, const struct repro_finding *f)
{
    d->differences++;
    if (d->found != NULL)
        d->found(d->ctx, f);
}

static enum selfsame_code
compare_json(struct repro_diff *d, json_t *a, json_t *b, const char *prefix,
    struct arena *arena, struct selfsame_err *e)
{
    const char *key;
    json_t *value;

    json_object_foreach(a, key, value)
    {
        json_t *other = json_object_get(b, key);
        char *name = arena_printf(arena, "%s%s", prefix, key);
        char *inner = arena_printf(arena, "%s%s.", prefix, key);

        if (name == NULL || inner == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory to compare");
        d->compared++;
        if (other == NULL) {
            found(d, &(struct repro_finding){
                         .what = "member", .name = name, .how = "only in A" });
        } else if (json_is_object(value) && json_is_object(other)) {
            TRY(compare_json(d, value, other, inner, arena, e));
        } else if (!json_equal(value, other)) {
            char *x = json_dumps(
                value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
            char *y = json_dumps(
                other, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

            found(d,
                &(struct repro_finding){
                    .what = "member", .name = name, .how = "value", .a = x, .b = y });
            free(x);
            free(y);
        }
    }
    json_object_foreach(b, key, value)
    {
        char *name = arena_printf(arena, "%s%s", prefix, key);

        if (name == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory to compare");
        if (json_object_get(a, key) == NULL)
            found(d, &(struct repro_finding){
                         .what = "member", .name = name, .how = "only in B" });
    }
    return SELFSAME_OK;
}

static const struct side_section *
section_of(const struct side *s, const char *name)
{
    for (size_t i = 0; i < s->sections; i++)
        if (strcmp(s->section[i].name, name) == 0)
            return &s->section[i];
    return NULL;
}

static bool
same_kind(const struct side_section *a, const struct side_section *b)
{
    return a->kind == b->kind ||
           (a->kind != NULL && b->kind != NULL && strcmp(a->kind, b->kind) == 0);
}

/* `b` NULL: only one of them has it, as `only` says. */
static enum selfsame_code
compare_section(struct repro_diff *d, const struct side_section *a,
    const struct side_section *b, const char *only, struct arena *arena,
    struct selfsame_err *e)
{
    char *name = a->kind != NULL ? arena_printf(arena, "%s (%s)", a->name, a->kind)
                                 : arena_printf(arena, "%s", a->name);
    struct repro_finding f = { .what = "section", .name = name };

    if (name == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to compare");
    d->compared++;
    if (b == NULL)
        f.how = only;
    else if (!same_kind(a, b))
        f.how = "type";
    else if (!bytes_eq(a->data, b->data))
        f.how = "content";
    else
        return SELFSAME_OK;
    if (a->unmeasured)
        f.hint = "metadata is in no measurement";
    found(d, &f);
    return SELFSAME_OK;
}

static enum selfsame_code
compare_sections(struct repro_diff *d, const struct side *a, const struct side *b,
    struct arena *arena, struct selfsame_err *e)
{
    for (size_t i = 0; i < a->sections; i++)
        TRY(compare_section(d, &a->section[i], section_of(b, a->section[i].name),
            "only in A", arena, e));
    for (size_t i = 0; i < b->sections; i++)
        if (section_of(a, b->section[i].name) == NULL)
            TRY(compare_section(d, &b->section[i], NULL, "only in B", arena, e));
    return SELFSAME_OK;
}

/* ---- one file ---- */

static size_t
first_difference(struct selfsame_bytes a, struct selfsame_bytes b)
{
    size_t n = a.len < b.len ? a.len : b.len, at = 0;

    while (at < n && a.ptr[at] == b.ptr[at])
        at++;
    return at;
}

static bool
has_text(struct selfsame_bytes b, const char *text)
{
    return memmem(b.ptr, b.len, text, strlen(text)) != NULL;
}

/* reproducible-build §8 (4) and (5): what it looks like, and the row of §2 that helps. */
static const char *
hint_of(struct selfsame_bytes a, struct selfsame_bytes b, size_t at)
{
    struct selfsame_bytes gzip = BYTES_LIT("\x1f\x8b"),
                          elf = BYTES_LIT("\x7f\x45\x4c\x46"),
                          ar = BYTES_LIT("!<arch>\n"), pe = BYTES_LIT("MZ");

    if (bytes_has_prefix(a, gzip) && at >= 4 && at < 8)
        return "the time in a gzip header: use gzip -n";
    if (bytes_has_prefix(a, ar))
        return "an ar archive with times or owners: use ar rcsD";
    if (bytes_has_prefix(a, pe) && at < 1024)
        return "the time in a PE header: set TimeDateStamp to zero";
    if (bytes_has_prefix(a, elf) && (has_text(a, "/build/") || has_text(a, "/tmp/") ||
                                        has_text(b, "/tmp/") || has_text(a, "/home/")))
        return "an ELF file with a build path in it: use -ffile-prefix-map=$PWD=.";
    if (bytes_has_prefix(a, elf))
        return "an ELF file: sort the objects, use no __DATE__, no -march=native";
    for (size_t i = at > 12 ? at - 12 : 0; i + 2 < a.len && i < at + 4; i++)
        if ((a.ptr[i] == ':' || a.ptr[i] == '-') && i > 0 && a.ptr[i - 1] >= '0' &&
            a.ptr[i - 1] <= '9' && a.ptr[i + 1] >= '0' && a.ptr[i + 1] <= '9')
            return "text like a date: take it from SOURCE_DATE_EPOCH";
    return NULL;
}

static char *
window(struct selfsame_bytes b, size_t at, struct arena *arena)
{
    size_t from = at < WINDOW ? 0 : at - WINDOW;
    size_t n = b.len - from < (size_t)2 * WINDOW ? b.len - from : (size_t)2 * WINDOW;
    char *hex = hex_dup(arena, BYTES(b.ptr + from, n));

    return hex == NULL ? NULL : arena_printf(arena, "byte %zu: %s", at, hex);
}

static void
compare_file(struct repro_diff *d, const struct side_file *a, const struct side_file *b,
    struct arena *arena)
{
    struct repro_finding f = { .what = "file", .name = a->path };

    d->compared++;
    if (strcmp(a->attributes, b->attributes) != 0) {
        f.how = "type, mode or owner";
        f.a = a->attributes;
        f.b = b->attributes;
        found(d, &f);
    }
    if (strcmp(a->digest, b->digest) == 0)
        return;
    f.how = "content";
    f.a = a->digest;
    f.b = b->digest;
    if (a->data.ptr != NULL && b->data.ptr != NULL && a->attributes[0] == 'f') {
        size_t at = first_difference(a->data, b->data);

        f.a = window(a->data, at, arena);
        f.b = window(b->data, at, arena);
        f.hint = hint_of(a->data, b->data, at);
    }
    found(d, &f);
}

static void
compare_files(struct repro_diff *d, const struct side *a, const struct side *b,
    struct arena *arena)
{
    size_t i = 0, j = 0;

    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : strcmp(a->files[i].path, b->files[j].path);
        struct repro_finding f = { .what = "file" };

        if (order == 0) {
            compare_file(d, &a->files[i++], &b->files[j++], arena);
            continue;
        }
        d->compared++;
        f.how = order < 0 ? "only in A" : "only in B";
        f.name = order < 0 ? a->files[i].path : b->files[j].path;
        found(d, &f);
        i += order < 0;
        j += order > 0;
    }
}

enum selfsame_code
repro_compare(const char *a, const char *b, struct repro_diff *d, struct arena *arena,
    struct selfsame_err *e)
{
    __attribute__((cleanup(side_free))) struct side one = { .path = a };
    __attribute__((cleanup(side_free))) struct side two = { .path = b };

    TRY(side_open(&one, arena, e));
    TRY(side_open(&two, arena, e));
    bool json = one.measurements != NULL && two.measurements != NULL;
    bool files = one.count > 0 && two.count > 0;
    if (!json && !files && (one.sections == 0 || two.sections == 0))
        return remedied(e,
            err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "expected two of a kind, got a measurement and an image or manifest"),
            "Compare two images, two manifests, an image and a manifest, two "
            "measurements.json or two output directories.");
    if (json)
        TRY(compare_json(d, one.measurements, two.measurements, "", arena, e));
    if (one.sections > 0 && two.sections > 0)
        TRY(compare_sections(d, &one, &two, arena, e));
    compare_files(d, &one, &two, arena);
    return SELFSAME_OK;
}
