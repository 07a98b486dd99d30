/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "repro/kind.h"

#include <stdlib.h>
#include <sys/utsname.h>

/*
 * A release against its rebuild: two statements, one signed by an author, one that this
 * build wrote. Here A is the release and B the rebuild. What only publishing knows
 * (sequence, validity, channel) is not compared, so the statement of `build` will do.
 */
static const char release_predicate[] = "https://selfsame.dev/predicate/tee-release/v1";
static const char rebuild_predicate[] = "https://selfsame.dev/predicate/tee-rebuild/v1";
enum { FILES_MAX = 1024 }; /* as in any statement */
static const char statement_type[] = "https://in-toto.io/Statement/v1";

static enum selfsame_code
no_memory(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory to compare");
}

static void
found(struct repro_diff *d, const struct repro_finding *f)
{
    d->differences++;
    if (d->found != NULL)
        d->found(d->ctx, f);
}

/* ---- reading ---- */

static const char *
sha256_of(const json_t *files, const char *name)
{
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *one = json_array_get(files, i);
        const char *its = json_string_value(json_object_get(one, "name"));

        if (its != NULL && strcmp(its, name) == 0)
            return json_string_value(
                json_object_get(json_object_get(one, "digest"), "sha256"));
    }
    return NULL;
}

/* What cannot be compared is said before anything is built. */
static enum selfsame_code
check_files(const json_t *subject, struct selfsame_err *e)
{
    if (json_array_size(subject) > FILES_MAX)
        FAIL(e, SELFSAME_MALFORMED, "release: expected at most %d files, got %zu",
            (int)FILES_MAX, json_array_size(subject));
    for (size_t i = 0; i < json_array_size(subject); i++) {
        const json_t *one = json_array_get(subject, i);
        const char *name = json_string_value(json_object_get(one, "name"));
        const char *sha256 = json_string_value(
            json_object_get(json_object_get(one, "digest"), "sha256"));

        /* The first of a name is the only one, so none goes uncompared. */
        if (name == NULL || sha256 == NULL || sha256_of(subject, name) != sha256)
            FAIL(e, SELFSAME_MALFORMED,
                "release: expected a name of its own and a sha256 in subject[%zu], got "
                "others",
                i);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
open_release(struct selfsame_bytes text, json_t **ret, struct selfsame_err *e)
{
    auto_json *j = NULL;

    TRY(json_parse(text, "release", &j, e));
    const char *type = json_string_value(json_object_get(j, "_type"));
    const char *kind = json_string_value(json_object_get(j, "predicateType"));
    const json_t *predicate = json_object_get(j, "predicate");
    if (type == NULL || kind == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "release: expected an in-toto statement, got other JSON");
    if (strcmp(type, statement_type) != 0 || strcmp(kind, release_predicate) != 0)
        FAIL(e, SELFSAME_UNSUPPORTED, "release: expected %s, got \"%.80s\"",
            release_predicate, kind);
    if (json_array_size(json_object_get(j, "subject")) == 0 ||
        json_array_size(json_object_get(predicate, "measurements")) == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "release: expected files and measurements to compare, got none");
    TRY(check_files(json_object_get(j, "subject"), e));
    *ret = json_incref(j);
    return SELFSAME_OK;
}

static json_t *
at_path(const json_t *j, const char *const *path)
{
    json_t *at = (json_t *)(uintptr_t)j;

    for (; *path != NULL; path++)
        at = json_object_get(at, *path);
    return at;
}

/* ---- single fields ---- */

static const struct field {
    const char *what, *name;
    const char *path[6];
    const char *hint;
} fields[] = {
    { "release", "name", { "predicate", "release", "name" },
        "the name stands in the recipe: is this the source of that release?" },
    { "release", "version", { "predicate", "release", "version" },
        "the version stands in the recipe: check out the source of that version" },
    { "recipe", "sha256", { "predicate", "build", "recipe", "digest", "sha256" },
        "take the recipe of the release, or name it with --recipe" },
    { "recipe", "source date", { "predicate", "build", "sourceDateEpoch" },
        "the clock of the build stands in the recipe" },
};

/* One value as text; NULL where there is none. */
static enum selfsame_code
text_of(const json_t *j, struct arena *arena, const char **ret, struct selfsame_err *e)
{
    *ret = NULL;
    if (j == NULL)
        return SELFSAME_OK;
    if (json_is_string(j)) {
        *ret = arena_str(arena, bytes_str(json_string_value(j)));
        return *ret != NULL ? SELFSAME_OK : no_memory(e);
    }
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    if (text != NULL)
        *ret = arena_printf(arena, "%s", text);
    free(text);
    return *ret != NULL ? SELFSAME_OK : no_memory(e);
}

static enum selfsame_code
compare_field(const struct field *f, const json_t *a, const json_t *b,
    struct repro_diff *d, struct arena *arena, struct selfsame_err *e)
{
    struct repro_finding x = { .what = f->what, .name = f->name, .hint = f->hint };

    TRY(text_of(at_path(a, f->path), arena, &x.a, e));
    TRY(text_of(at_path(b, f->path), arena, &x.b, e));
    if (x.a == NULL && x.b == NULL)
        return SELFSAME_OK;
    d->compared++;
    if (x.a != NULL && x.b != NULL && strcmp(x.a, x.b) == 0)
        return SELFSAME_OK;
    x.how = x.a == NULL ? "only in B" : x.b == NULL ? "only in A" : "value";
    found(d, &x);
    return SELFSAME_OK;
}

/* ---- files ---- */

static const char *
file_hint(const char *name)
{
    static const struct {
        const char *name, *hint;
    } hints[] = {
        { "image.eif", "beside what is measured it names the recipe and the version of "
                       "its builder" },
        { "manifest.txt", "the files in the image differ" },
        { "image.kernel", "another kernel: name that of the release with --kernel" },
        { "image.firmware",
            "another firmware: name that of the release with --firmware" },
        { "image.cmdline", "another command line: --cmdline" },
        { "image.pal", "another Gramine: name that of the release in the recipe" },
        { "image.libos", "another Gramine: name that of the release in the recipe" },
    };

    for (size_t i = 0; i < COUNT(hints); i++)
        if (strcmp(name, hints[i].name) == 0)
            return hints[i].hint;
    return NULL;
}

static void
compare_files(const json_t *a, const json_t *b, struct repro_diff *d)
{
    for (size_t i = 0; i < json_array_size(a); i++) {
        const char *name = json_string_value(
            json_object_get(json_array_get(a, i), "name"));
        struct repro_finding f = { .what = "image file",
            .name = name,
            .a = sha256_of(a, name),
            .b = sha256_of(b, name),
            .hint = file_hint(name) };

        d->compared++;
        f.how = f.b == NULL ? "only in A" : "content";
        if (f.b == NULL || strcmp(f.a, f.b) != 0)
            found(d, &f);
    }
    for (size_t i = 0; i < json_array_size(b); i++) {
        const char *name = json_string_value(
            json_object_get(json_array_get(b, i), "name"));

        if (sha256_of(a, name) == NULL)
            found(d, &(struct repro_finding){ .what = "image file",
                         .name = name,
                         .how = "only in B",
                         .b = sha256_of(b, name) });
    }
}

/* ---- measurements ---- */

/* {"aws-nitro pcr.0": {"<hex>": true}, …}: a list is a set, whatever its order. */
static bool
add_value(json_t *sets, const char *name, const char *value)
{
    json_t *set = json_object_get(sets, name);

    if (set == NULL && json_object_set_new(sets, name, json_object()) == 0)
        set = json_object_get(sets, name);
    return json_object_set_new(set, value, json_true()) == 0;
}

static enum selfsame_code
add_values(json_t *sets, const char *name, const json_t *values, struct arena *arena,
    struct selfsame_err *e)
{
    bool list = json_is_array(values);
    size_t n = list ? json_array_size(values) : 1;
    const char *text;

    for (size_t i = 0; i < n; i++) {
        TRY(text_of(list ? json_array_get(values, i) : values, arena, &text, e));
        if (!add_value(sets, name, text))
            return no_memory(e);
    }
    return SELFSAME_OK;
}

/* What a policy demands of the platform, and names of ours, are measured by nobody. */
static bool
is_value(const char *member)
{
    static const char *const others[] = { "tee", "artifact", "require", "alg", "bank" };

    for (size_t i = 0; i < COUNT(others); i++)
        if (strcmp(member, others[i]) == 0)
            return false;
    return true;
}

static enum selfsame_code
add_item(json_t *sets, const json_t *item, struct arena *arena, struct selfsame_err *e)
{
    const char *tee = json_string_value(json_object_get(item, "tee"));
    const char *member, *key;
    json_t *values, *inner;

    if (tee == NULL)
        FAIL(e, SELFSAME_MALFORMED, "release: expected the TEE of each measurement");
    json_object_foreach((json_t *)(uintptr_t)item, member, values)
    {
        char *name = arena_printf(arena, "%s %s", tee, member);

        if (name == NULL)
            return no_memory(e);
        if (is_value(member) && !json_is_object(values))
            TRY(add_values(sets, name, values, arena, e));
        if (!is_value(member) || !json_is_object(values))
            continue;
        json_object_foreach(values, key, inner)
        {
            char *full = arena_printf(arena, "%s.%s", name, key);

            if (full == NULL)
                return no_memory(e);
            TRY(add_values(sets, full, inner, arena, e));
        }
    }
    return SELFSAME_OK;
}

static enum selfsame_code
sets_of(
    const json_t *statement, struct arena *arena, json_t **ret, struct selfsame_err *e)
{
    const json_t *items = json_object_get(
        json_object_get(statement, "predicate"), "measurements");
    auto_json *sets = json_object();

    if (sets == NULL)
        return no_memory(e);
    for (size_t i = 0; i < json_array_size(items); i++)
        TRY(add_item(sets, json_array_get(items, i), arena, e));
    *ret = json_incref(sets);
    return SELFSAME_OK;
}

static const char *
value_hint(const char *name)
{
    static const struct {
        const char *end, *hint;
    } hints[] = {
        { "pcr.0", "the whole image" },
        { "pcr.1", "kernel, command line and first ramdisk: the same kernel and "
                   "selfsame-init?" },
        { "pcr.2", "the application: what the source was built into" },
        { "pcr.8", "the certificate that signed the image, which no rebuild has" },
        { " launch", "firmware, kernel, initrd, command line or shape of the machine" },
    };
    size_t len = strlen(name);

    for (size_t i = 0; i < COUNT(hints); i++) {
        size_t n = strlen(hints[i].end);

        if (len >= n && strcmp(name + len - n, hints[i].end) == 0)
            return hints[i].hint;
    }
    return NULL;
}

/* One value each is one finding; of several, each that the other has not. */
static void
compare_set(const char *name, json_t *a, json_t *b, struct repro_diff *d)
{
    struct repro_finding f = {
        .what = "measurement", .name = name, .hint = value_hint(name)
    };
    json_t *value;

    d->compared++;
    if (json_equal(a, b))
        return;
    if (json_object_size(a) == 1 && json_object_size(b) == 1) {
        f.how = "value";
        f.a = json_object_iter_key(json_object_iter(a));
        f.b = json_object_iter_key(json_object_iter(b));
        found(d, &f);
        return;
    }
    f.how = "only in A";
    json_object_foreach(a, f.a, value) if (json_object_get(b, f.a) == NULL)
        found(d, &f);
    f.a = NULL;
    f.how = "only in B";
    json_object_foreach(b, f.b, value) if (json_object_get(a, f.b) == NULL)
        found(d, &f);
}

static enum selfsame_code
compare_measurements(const json_t *a, const json_t *b, struct repro_diff *d,
    struct arena *arena, struct selfsame_err *e)
{
    auto_json *one = NULL, *two = NULL;
    const char *name;
    json_t *set;

    TRY(sets_of(a, arena, &one, e));
    TRY(sets_of(b, arena, &two, e));
    json_object_foreach(one, name, set)
        compare_set(name, set, json_object_get(two, name), d);
    json_object_foreach(two, name, set) if (json_object_get(one, name) == NULL)
        compare_set(name, NULL, set, d);
    return SELFSAME_OK;
}

enum selfsame_code
rebuild_compare(struct selfsame_bytes released, struct selfsame_bytes rebuilt,
    struct repro_diff *d, struct arena *arena, struct selfsame_err *e)
{
    auto_json *a = NULL, *b = NULL;

    TRY(open_release(released, &a, e));
    TRY(open_release(rebuilt, &b, e));
    for (size_t i = 0; i < COUNT(fields); i++)
        TRY(compare_field(&fields[i], a, b, d, arena, e));
    TRY(compare_measurements(a, b, d, arena, e));
    compare_files(json_object_get(a, "subject"), json_object_get(b, "subject"), d);
    return SELFSAME_OK;
}

/* ---- what to build ---- */

static enum selfsame_code
add_tee(const char *tee, struct arena *arena, char **list, struct selfsame_err *e)
{
    const struct image_kind *k;

    for (size_t i = 0; (k = kind_at(i)) != NULL; i++) {
        if (tee == NULL || strcmp(tee, k->released) != 0)
            continue;
        if (*list != NULL && strstr(*list, k->tee) != NULL)
            return SELFSAME_OK;
        *list = *list == NULL ? arena_printf(arena, "%s", k->tee)
                              : arena_printf(arena, "%s,%s", *list, k->tee);
        return *list != NULL ? SELFSAME_OK : no_memory(e);
    }
    return SELFSAME_OK;
}

enum selfsame_code
rebuild_read(struct selfsame_bytes released, struct arena *arena,
    struct rebuild_claims *ret, struct selfsame_err *e)
{
    static const char *const commit[] = { "predicate", "source", "digest", "gitCommit",
        NULL };
    static const char *const tar[] = { "predicate", "source", "digest", "sha256",
        NULL };
    static const char *const tool[] = { "predicate", "build", "tool", "version", NULL };
    struct rebuild_claims c = { .tees = NULL };
    auto_json *j = NULL, *sets = NULL;
    char *tees = NULL;

    TRY(open_release(released, &j, e));
    TRY(sets_of(j, arena, &sets, e));
    const json_t *items = json_object_get(
        json_object_get(j, "predicate"), "measurements");
    for (size_t i = 0; i < json_array_size(items); i++)
        TRY(add_tee(json_string_value(json_object_get(json_array_get(items, i), "tee")),
            arena, &tees, e));
    if (tees == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "release: expected measurements of images that this program builds (Nitro, "
            "SEV-SNP), got others");
    c.tees = tees;
    TRY(text_of(at_path(j, commit), arena, &c.git_commit, e));
    TRY(text_of(at_path(j, tar), arena, &c.source_sha256, e));
    TRY(text_of(at_path(j, tool), arena, &c.tool_version, e));
    *ret = c;
    return SELFSAME_OK;
}

/* ---- what comes of it: tee-rebuild/v1 (transparency §13.2) ---- */

/* Digests and names alone, of whatever else a subject may say. */
static json_t *
files_of(const json_t *statement)
{
    const json_t *subject = json_object_get(statement, "subject");
    auto_json *list = json_array();

    for (size_t i = 0; i < json_array_size(subject); i++) {
        const char *name = json_string_value(
            json_object_get(json_array_get(subject, i), "name"));
        const char *sha256 = name != NULL ? sha256_of(subject, name) : NULL;

        if (sha256 == NULL ||
            json_array_append_new(list, json_pack("{s:{s:s}, s:s}", "digest", "sha256",
                                            sha256, "name", name)) != 0)
            return NULL;
    }
    return json_incref(list);
}

static json_t *
environment(const struct rebuild_outcome *o)
{
    struct utsname u;

    if (uname(&u) != 0)
        return NULL;
    return json_pack("{s:s, s:b, s:s, s:s, s:{s:s, s:s}}", "machine", u.machine,
        "sandboxed", o->sandboxed, "system", u.sysname, "systemVersion", u.release,
        "tool", "name", "selfsame", "version", selfsame_version());
}

enum selfsame_code
rebuild_statement(const struct rebuild_outcome *o, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_json *a = NULL, *b = NULL;
    char hex[65];

    TRY(open_release(o->released, &a, e));
    if (o->rebuilt.ptr != NULL)
        TRY(open_release(o->rebuilt, &b, e));
    hex_encode(BYTES_ARR(o->sha256), hex);
    auto_json *root = json_pack("{s:s, s:{s:o, s:o, s:s, s:{s:s}}, s:s, s:o}", "_type",
        statement_type, "predicate", "environment", environment(o), "rebuilt",
        files_of(b), "result", o->result, "statement", "sha256", hex, "predicateType",
        rebuild_predicate, "subject", files_of(a));
    char *text = root != NULL ? json_dumps(root, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    bool good = text != NULL && arena_dup(arena, bytes_str(text), ret);
    free(text);
    return good ? SELFSAME_OK : no_memory(e);
}
