/* SPDX-License-Identifier: Apache-2.0 */
#include "log/statement.h"
#include "service/lookup_parts.h"

#include <stdlib.h>

struct finding {
    sqlite3 *db;
    struct selfsame_err *e;
    const struct lookup_query *q;
    bool bad; /* out of memory */
};

/* ---- queries ---- */

static enum selfsame_code
parse_hex(const char *what, const char *text, size_t min, size_t max,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t *raw = arena_alloc(arena, 1, max);
    size_t len = 0;

    if (raw == NULL)
        FAIL(e, SELFSAME_NOMEM, "a query");
    if (!hex_decode(text, strlen(text), raw, max, &len) || len < min)
        FAIL(e, SELFSAME_USAGE, "%s: expected %zu to %zu bytes as hex, got \"%.130s\"",
            what, min, max, text);
    *ret = BYTES(raw, len);
    return SELFSAME_OK;
}

enum selfsame_code
lookup_query_parse(const char *measurement, const char *name, const char *sha256,
    struct arena *arena, struct lookup_query *ret, struct selfsame_err *e)
{
    struct lookup_query q = { .name = NULL };
    const int given = (measurement != NULL) + (name != NULL) + (sha256 != NULL);

    if (given != 1)
        FAIL(e, SELFSAME_USAGE,
            "expected one of measurement, name and sha256, got %d of them", given);
    if (measurement != NULL)
        TRY(parse_hex("measurement", measurement, 16, 64, arena, &q.measurement, e));
    if (sha256 != NULL)
        TRY(parse_hex("sha256", sha256, 32, 32, arena, &q.sha256, e));
    if (name != NULL && !release_name_ok(name))
        FAIL(e, SELFSAME_USAGE, "name: expected that of a release, got \"%.130s\"",
            name);
    if (name != NULL && (q.name = arena_str(arena, bytes_str(name))) == NULL)
        FAIL(e, SELFSAME_NOMEM, "a query");
    *ret = q;
    return SELFSAME_OK;
}

/* ---- members ---- */

static void
set(struct finding *f, json_t *to, const char *member, json_t *value)
{
    f->bad |= json_object_set_new(to, member, value) != 0;
}

static void
set_text(struct finding *f, json_t *to, const char *member, struct row *r, int column)
{
    set(f, to, member, json_string((const char *)sqlite3_column_text(r->s, column)));
}

static void
set_int(struct finding *f, json_t *to, const char *member, struct row *r, int column)
{
    set(f, to, member, json_integer(sqlite3_column_int64(r->s, column)));
}

static void
set_time(struct finding *f, json_t *to, const char *member, struct row *r, int column)
{
    const int64_t s = sqlite3_column_int64(r->s, column);
    char when[TIME_TEXT];

    time_format(s, when);
    set(f, to, member, s > 0 ? json_string(when) : json_null());
}

static struct selfsame_bytes
blob(struct row *r, int column)
{
    const size_t len = (size_t)sqlite3_column_bytes(r->s, column);

    return BYTES(sqlite3_column_blob(r->s, column), len);
}

static void
set_hex(struct finding *f, json_t *to, const char *member, struct row *r, int column)
{
    const struct selfsame_bytes b = blob(r, column);
    char hex[2 * 64 + 1] = "";

    if (b.len > 0 && b.len <= 64)
        hex_encode(b, hex);
    set(f, to, member, json_string(hex));
}

/* ---- what else is known of a release ---- */

struct release_row {
    struct selfsame_bytes sha256, key;
    const char *name;
    int64_t entry;
};

/* A list of objects: `fill` makes one of a row. */
static enum selfsame_code
add_list(struct finding *f, json_t *to, const char *member, struct row *r, size_t limit,
    void (*fill)(struct finding *f, json_t *one, struct row *r))
{
    json_t *list = json_array();
    bool any = true;

    set(f, to, member, list);
    for (size_t n = 0; !f->bad; n++) {
        TRY(row_next(f->db, r, &any, f->e));
        if (!any || n == limit)
            break;
        json_t *one = json_object();
        fill(f, one, r);
        f->bad |= json_array_append_new(list, one) != 0;
    }
    return SELFSAME_OK;
}

static void
fill_measured(struct finding *f, json_t *one, struct row *r)
{
    set_text(f, one, "tee", r, 0);
    set_text(f, one, "path", r, 1);
    set_hex(f, one, "value", r, 2);
}

/* Where it matched; of one statement, everything. A list by name stays a list. */
static enum selfsame_code
add_measured(struct finding *f, json_t *to, const struct release_row *x)
{
    auto_row r = { NULL };

    if (f->q->name != NULL)
        return SELFSAME_OK;
    if (f->q->measurement.ptr != NULL)
        TRY(row_make(f->db, &r, f->e,
            "SELECT DISTINCT tee, path, value FROM measured WHERE value = ? AND "
            "entry = ? ORDER BY tee, path",
            "bi", f->q->measurement, x->entry));
    else
        TRY(row_make(f->db, &r, f->e,
            "SELECT tee, path, value FROM measured WHERE entry = ? ORDER BY rowid", "i",
            x->entry));
    return add_list(f, to, "measurements", &r, STATEMENT_SHAPES, fill_measured);
}

static void
fill_superseded(struct finding *f, json_t *one, struct row *r)
{
    set_int(f, one, "entry", r, 0);
    set_text(f, one, "version", r, 1);
    set_hex(f, one, "sha256", r, 2);
}

/* By the same name and key: others have no say. */
static enum selfsame_code
add_superseded(struct finding *f, json_t *to, const struct release_row *x)
{
    auto_row r = { NULL };

    TRY(row_make(f->db, &r, f->e,
        "SELECT release.entry, version, sha256 FROM supersedes JOIN release USING "
        "(entry) WHERE old = ? AND name = ? AND key = ? ORDER BY release.entry",
        "btb", x->sha256, x->name, x->key));
    return add_list(f, to, "superseded_by", &r, LOOKUP_MORE, fill_superseded);
}

static enum selfsame_code
add_revoked(struct finding *f, json_t *to, const struct release_row *x)
{
    auto_row r = { NULL };
    bool any;

    TRY(row_make(f->db, &r, f->e,
        "SELECT revoked.entry, since, reason FROM revoked JOIN issue USING (entry) "
        "WHERE sha256 = ? AND name = ? AND key = ? ORDER BY revoked.entry LIMIT 1",
        "btb", x->sha256, x->name, x->key));
    TRY(row_next(f->db, &r, &any, f->e));
    json_t *one = any ? json_object() : json_null();
    if (any) {
        set_int(f, one, "entry", &r, 0);
        set_time(f, one, "since", &r, 1);
        set_text(f, one, "reason", &r, 2);
    }
    set(f, to, "revoked", one);
    return SELFSAME_OK;
}

/* Does the last index of its key list it? null: there is no index. */
static enum selfsame_code
add_current(struct finding *f, json_t *to, const struct release_row *x)
{
    auto_row r = { NULL };
    bool any;

    TRY(row_make(f->db, &r, f->e,
        "SELECT EXISTS (SELECT 1 FROM current WHERE current.entry = issue.entry AND "
        "sha256 = ?) FROM issue WHERE name = ? AND key = ? ORDER BY sequence DESC, "
        "entry DESC LIMIT 1",
        "btb", x->sha256, x->name, x->key));
    TRY(row_next(f->db, &r, &any, f->e));
    set(f, to, "current",
        any ? json_boolean(sqlite3_column_int(r.s, 0) != 0) : json_null());
    return SELFSAME_OK;
}

static void
fill_rebuild(struct finding *f, json_t *one, struct row *r)
{
    set_int(f, one, "entry", r, 0);
    set_hex(f, one, "key", r, 1);
    set_text(f, one, "result", r, 2);
    set_time(f, one, "witnessed", r, 3);
}

static enum selfsame_code
add_rebuilds(struct finding *f, json_t *to, const struct release_row *x)
{
    auto_row r = { NULL };

    TRY(row_make(f->db, &r, f->e,
        "SELECT entry, key, result, seen FROM rebuild WHERE release = ? ORDER BY entry",
        "b", x->sha256));
    return add_list(f, to, "rebuilds", &r, LOOKUP_MORE, fill_rebuild);
}

/* ---- releases ---- */

#define COLUMNS                                                                  \
    "release.entry, sha256, key, name, version, channel, sequence, not_before, " \
    "not_after, seen "

static enum selfsame_code
find_releases(struct finding *f, struct row *r)
{
    if (f->q->measurement.ptr != NULL)
        return row_make(f->db, r, f->e,
            "SELECT DISTINCT " COLUMNS
            "FROM release JOIN measured USING (entry) WHERE value = ? ORDER BY entry",
            "b", f->q->measurement);
    if (f->q->name != NULL)
        return row_make(f->db, r, f->e,
            "SELECT " COLUMNS "FROM release WHERE name = ? ORDER BY entry", "t",
            f->q->name);
    return row_make(f->db, r, f->e,
        "SELECT " COLUMNS "FROM release WHERE sha256 = ? ORDER BY entry", "b",
        f->q->sha256);
}

static enum selfsame_code
add_release(struct finding *f, json_t *list, struct row *r)
{
    const struct release_row x = {
        .entry = sqlite3_column_int64(r->s, 0),
        .sha256 = blob(r, 1),
        .key = blob(r, 2),
        .name = (const char *)sqlite3_column_text(r->s, 3),
    };
    json_t *one = json_object();

    f->bad |= json_array_append_new(list, one) != 0;
    set_int(f, one, "entry", r, 0);
    set_text(f, one, "name", r, 3);
    set_text(f, one, "version", r, 4);
    if (sqlite3_column_type(r->s, 5) != SQLITE_NULL)
        set_text(f, one, "channel", r, 5);
    set_int(f, one, "sequence", r, 6);
    set_hex(f, one, "sha256", r, 1);
    set_hex(f, one, "key", r, 2);
    set_time(f, one, "not_before", r, 7);
    set_time(f, one, "not_after", r, 8);
    set_time(f, one, "witnessed", r, 9);
    TRY(add_measured(f, one, &x));
    TRY(add_superseded(f, one, &x));
    TRY(add_revoked(f, one, &x));
    TRY(add_current(f, one, &x));
    return add_rebuilds(f, one, &x);
}

static enum selfsame_code
add_all(struct finding *f, json_t *to)
{
    json_t *list = json_array();
    auto_row r = { NULL };
    bool any = true;
    size_t n = 0;

    set(f, to, "releases", list);
    TRY(find_releases(f, &r));
    for (; any && !f->bad; n++) {
        TRY(row_next(f->db, &r, &any, f->e));
        if (any && n == LOOKUP_RELEASES)
            break;
        if (any)
            TRY(add_release(f, list, &r));
    }
    set(f, to, "more", json_boolean(any));
    return SELFSAME_OK;
}

static enum selfsame_code
add_log(struct finding *f, json_t *to)
{
    auto_row r = { NULL };
    bool any;

    set(f, to, "selfsame_lookup", json_integer(1));
    TRY(row_make(f->db, &r, f->e, "SELECT origin, size, seen FROM indexed", ""));
    TRY(row_next(f->db, &r, &any, f->e));
    if (!any) {
        set(f, to, "size", json_integer(0));
        return SELFSAME_OK;
    }
    set_text(f, to, "log", &r, 0);
    set_int(f, to, "size", &r, 1);
    set_time(f, to, "witnessed", &r, 2);
    return SELFSAME_OK;
}

static enum selfsame_code
find_locked(struct finding *f, json_t *to)
{
    /* All of it of one moment. */
    if (sqlite3_exec(f->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return lookup_failed(f->db, f->e);
    enum selfsame_code code = add_log(f, to);
    if (code == SELFSAME_OK)
        code = add_all(f, to);
    (void)sqlite3_exec(f->db, "COMMIT", NULL, NULL, NULL);
    return code;
}

enum selfsame_code
lookup_find(
    struct lookup *l, const struct lookup_query *q, char **ret, struct selfsame_err *e)
{
    struct finding f = { .db = l->reader, .e = e, .q = q };
    auto_json *j = json_object();

    if (j == NULL)
        FAIL(e, SELFSAME_NOMEM, "an answer");
    (void)pthread_mutex_lock(lookup_read_lock(l));
    enum selfsame_code code = find_locked(&f, j);
    (void)pthread_mutex_unlock(lookup_read_lock(l));
    TRY(code);
    *ret = f.bad ? NULL : json_compact(j);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "an answer");
    return SELFSAME_OK;
}
