/* SPDX-License-Identifier: Apache-2.0 */
#include "log/release_make.h"

#include "codec/json.h"

#include <stdlib.h>

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "statement: out of memory");
}

static bool
set_text(json_t *to, const char *key, const char *value)
{
    return value == NULL || json_object_set_new(to, key, json_string(value)) == 0;
}

static json_t *
hex_json(const uint8_t sha256[32])
{
    char hex[65];

    hex_encode(BYTES(sha256, 32), hex);
    return json_string(hex);
}

static json_t *
validity_json(int64_t from_s, int64_t to_s)
{
    char from[TIME_TEXT], to[TIME_TEXT];

    time_format(from_s, from);
    time_format(to_s, to);
    return json_pack("{s:s, s:s}", "notBefore", from, "notAfter", to);
}

/* ---- releases ---- */

static bool
set_release(json_t *predicate, const struct release_facts *f)
{
    json_t *r = json_object_get(predicate, "release");

    return set_text(r, "name", f->name) && set_text(r, "version", f->version) &&
           set_text(r, "channel", f->channel) &&
           json_object_set_new(r, "sequence", json_integer((json_int_t)f->sequence)) ==
               0;
}

static bool
set_source(json_t *predicate, const struct release_facts *f)
{
    json_t *digest = json_object();
    json_t *source = json_pack("{s:o}", "digest", digest);

    return json_object_set_new(predicate, "source", source) == 0 &&
           set_text(source, "uri", f->source_uri) &&
           set_text(digest, "gitCommit", f->git_commit) &&
           set_text(digest, "gitTree", f->git_tree) &&
           set_text(digest, "sha256", f->source_sha256);
}

static bool
set_supersedes(json_t *predicate, const struct release_facts *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->supersedes_count; i++)
        if (json_array_append_new(list, hex_json(f->supersedes[i])) != 0) {
            json_decref(list);
            return false;
        }
    if (f->supersedes_count == 0) {
        json_decref(list);
        return true;
    }
    return json_object_set_new(predicate, "supersedes", list) == 0;
}

/* What is demanded besides, into every item of that TEE. */
static enum selfsame_code
set_require(json_t *predicate, struct selfsame_bytes require, struct selfsame_err *e)
{
    const json_t *items = json_object_get(predicate, "measurements");
    auto_json *all = NULL;
    const char *tee;
    json_t *more;

    if (require.ptr == NULL)
        return SELFSAME_OK;
    TRY(json_parse(require, "require", &all, e));
    json_object_foreach(all, tee, more)
    {
        size_t found = 0;

        for (size_t i = 0; i < json_array_size(items); i++) {
            json_t *item = json_array_get(items, i);
            const char *own = json_string_value(json_object_get(item, "tee"));
            json_t *to = json_object_get(item, "require");

            if (own == NULL || strcmp(own, tee) != 0)
                continue;
            found++;
            if (to == NULL ? json_object_set(item, "require", more) != 0
                           : json_object_update(to, more) != 0)
                return nomem(e);
        }
        if (found == 0)
            FAIL(e, SELFSAME_USAGE,
                "require: the build has no measurement of \"%.40s\" to demand it of",
                tee);
    }
    return SELFSAME_OK;
}

/* Sorted and compact is canonical for what statements may hold; parsing it tells. */
static enum selfsame_code
finish(const json_t *root, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    struct statement parsed;

    bool good = text != NULL && arena_dup(arena, bytes_str(text), ret);
    free(text);
    if (!good)
        return nomem(e);
    const enum selfsame_code code = statement_parse(*ret, arena, &parsed, e);
    if (code != SELFSAME_MALFORMED && code != SELFSAME_UNSUPPORTED)
        return code;
    /* What it was made of says so. */
    e->code = SELFSAME_USAGE;
    err_remedy(e, "Correct what the statement is made of: the member is named.");
    return SELFSAME_USAGE;
}

enum selfsame_code
release_make(struct selfsame_bytes build, const struct release_facts *facts,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_json *root = NULL;

    TRY(json_parse(build, "statement of a build", &root, e));
    const char *type = json_string_value(json_object_get(root, "predicateType"));
    if (type == NULL || strcmp(type, PREDICATE_RELEASE) != 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected the statement.json of a build, got another file");
    json_t *predicate = json_object_get(root, "predicate");
    if (!json_is_object(json_object_get(predicate, "release")))
        FAIL(e, SELFSAME_MALFORMED, "statement of a build: expected its release");
    if (!set_release(predicate, facts) || !set_source(predicate, facts) ||
        !set_supersedes(predicate, facts) ||
        json_object_set_new(predicate, "validity",
            validity_json(facts->not_before_s, facts->not_after_s)) != 0)
        return nomem(e);
    TRY(set_require(predicate, facts->require, e));
    return finish(root, arena, ret, e);
}

/* ---- indexes ---- */

static json_t *
current_json(const struct release_index *x)
{
    auto_json *list = json_array();

    for (size_t i = 0; i < x->current_count; i++)
        if (json_array_append_new(list,
                json_pack("{s:I, s:o}", "sequence", (json_int_t)x->current[i].sequence,
                    "sha256", hex_json(x->current[i].sha256))) != 0)
            return NULL;
    return json_incref(list);
}

static json_t *
revoked_json(const struct release_index *x)
{
    auto_json *list = json_array();
    char since[TIME_TEXT];

    for (size_t i = 0; i < x->revoked_count; i++) {
        time_format(x->revoked[i].since_s, since);
        if (json_array_append_new(list,
                json_pack("{s:s, s:o, s:s}", "reason", x->revoked[i].reason, "sha256",
                    hex_json(x->revoked[i].sha256), "since", since)) != 0)
            return NULL;
    }
    return json_incref(list);
}

/* in-toto wants to know what a statement is about: the releases that it names. */
static json_t *
subject_json(const struct release_index *x, struct arena *arena)
{
    auto_json *list = json_array();

    for (size_t i = 0; i < x->current_count; i++) {
        const char *name = arena_printf(
            arena, "%s#%llu", x->name, (unsigned long long)x->current[i].sequence);

        if (name == NULL || json_array_append_new(list,
                                json_pack("{s:{s:o}, s:s}", "digest", "sha256",
                                    hex_json(x->current[i].sha256), "name", name)) != 0)
            return NULL;
    }
    return json_incref(list);
}

enum selfsame_code
index_make(const struct release_index *x, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_json *root = json_pack("{s:s, s:{s:o, s:s, s:o, s:I, s:o}, s:s, s:o}", "_type",
        STATEMENT_TYPE, "predicate", "current", current_json(x), "name", x->name,
        "revoked", revoked_json(x), "sequence", (json_int_t)x->sequence, "validity",
        validity_json(x->not_before_s, x->not_after_s), "predicateType",
        PREDICATE_INDEX, "subject", subject_json(x, arena));

    return root != NULL ? finish(root, arena, ret, e) : nomem(e);
}
