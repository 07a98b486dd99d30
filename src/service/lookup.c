/* SPDX-License-Identifier: Apache-2.0 */
#include "service/lookup.h"

#include "log/statement.h"
#include "service/lookup_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FORM = 1, /* of the tables; another one is made anew */
    BUSY_MS = 10000,
    COMMIT_EVERY = 16, /* bundles */
    BUNDLE_ROOM = 64 << 20,
    ENTRY_ROOM = 64 << 20,
};

static const char schema[] =
    "CREATE TABLE indexed (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,"
    " seen INTEGER NOT NULL) STRICT;"
    "CREATE TABLE release (entry INTEGER PRIMARY KEY, sha256 BLOB NOT NULL,"
    " key BLOB NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, channel TEXT,"
    " sequence INTEGER NOT NULL, not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT;"
    "CREATE INDEX release_sha256 ON release (sha256);"
    "CREATE INDEX release_name ON release (name, entry);"
    "CREATE TABLE measured (value BLOB NOT NULL, entry INTEGER NOT NULL,"
    " tee TEXT NOT NULL, path TEXT NOT NULL) STRICT;"
    "CREATE INDEX measured_value ON measured (value, entry);"
    "CREATE INDEX measured_entry ON measured (entry);"
    "CREATE TABLE supersedes (old BLOB NOT NULL, entry INTEGER NOT NULL) STRICT;"
    "CREATE INDEX supersedes_old ON supersedes (old);"
    "CREATE TABLE issue (entry INTEGER PRIMARY KEY, key BLOB NOT NULL,"
    " name TEXT NOT NULL, sequence INTEGER NOT NULL) STRICT;"
    "CREATE INDEX issue_name ON issue (name, key, sequence);"
    "CREATE TABLE current (sha256 BLOB NOT NULL, entry INTEGER NOT NULL) STRICT;"
    "CREATE INDEX current_sha256 ON current (sha256, entry);"
    "CREATE TABLE revoked (sha256 BLOB NOT NULL, entry INTEGER NOT NULL,"
    " since INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
    "CREATE INDEX revoked_sha256 ON revoked (sha256);"
    "CREATE TABLE rebuild (entry INTEGER PRIMARY KEY, key BLOB NOT NULL,"
    " release BLOB NOT NULL, result TEXT NOT NULL, seen INTEGER NOT NULL) STRICT;"
    "CREATE INDEX rebuild_release ON rebuild (release);"
    "PRAGMA user_version = 1;";

static const char empty[] = "DELETE FROM indexed; DELETE FROM release;"
                            "DELETE FROM measured; DELETE FROM supersedes;"
                            "DELETE FROM issue; DELETE FROM current;"
                            "DELETE FROM revoked; DELETE FROM rebuild;";

/* ---- statements ---- */

void
row_free(struct row *r)
{
    (void)sqlite3_finalize(r->s);
    r->s = NULL;
}

enum selfsame_code
lookup_failed(sqlite3 *db, struct selfsame_err *e)
{
    if (sqlite3_errcode(db) == SQLITE_NOMEM)
        FAIL(e, SELFSAME_NOMEM, "the index for look-ups");
    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__, "the index for look-ups: %s",
        sqlite3_errmsg(db));
    err_remedy(e, "It is derived: delete lookup.sqlite, and it is made anew.");
    return SELFSAME_IO;
}

enum selfsame_code
row_make(sqlite3 *db, struct row *r, struct selfsame_err *e, const char *sql,
    const char *types, ...)
{
    int code = sqlite3_prepare_v2(db, sql, -1, &r->s, NULL);
    va_list args;

    va_start(args, types);
    for (int i = 1; code == SQLITE_OK && types[i - 1] != '\0'; i++) {
        if (types[i - 1] == 'i')
            code = sqlite3_bind_int64(r->s, i, va_arg(args, int64_t));
        else if (types[i - 1] == 't')
            code = sqlite3_bind_text(
                r->s, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        else {
            struct selfsame_bytes b = va_arg(args, struct selfsame_bytes);

            code = sqlite3_bind_blob(r->s, i, b.len > 0 ? (const void *)b.ptr : "",
                (int)b.len, SQLITE_TRANSIENT);
        }
    }
    va_end(args);
    return code == SQLITE_OK ? SELFSAME_OK : lookup_failed(db, e);
}

enum selfsame_code
row_next(sqlite3 *db, struct row *r, bool *ret, struct selfsame_err *e)
{
    int code = sqlite3_step(r->s);

    *ret = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SELFSAME_OK
                                                     : lookup_failed(db, e);
}

static enum selfsame_code
run_sql(sqlite3 *db, const char *sql, struct selfsame_err *e)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? SELFSAME_OK
                                                                : lookup_failed(db, e);
}

/* ---- the file ---- */

static void
close_both(struct lookup *l)
{
    if (l->reader != l->writer)
        (void)sqlite3_close_v2(l->reader);
    (void)sqlite3_close_v2(l->writer);
    l->reader = l->writer = NULL;
}

static enum selfsame_code
open_one(const struct lookup *l, int flags, sqlite3 **ret, struct selfsame_err *e)
{
    const char *path = l->path[0] != '\0' ? l->path : ":memory:";

    if (sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK) {
        enum selfsame_code code = *ret != NULL ? lookup_failed(*ret, e)
                                               : SELFSAME_NOMEM;
        (void)sqlite3_close_v2(*ret);
        *ret = NULL;
        if (code == SELFSAME_NOMEM)
            FAIL(e, SELFSAME_NOMEM, "the index for look-ups");
        return code;
    }
    (void)sqlite3_busy_timeout(*ret, BUSY_MS);
    return SELFSAME_OK;
}

static enum selfsame_code
form_of(sqlite3 *db, int64_t *ret, struct selfsame_err *e)
{
    auto_row r = { NULL };
    bool any;

    TRY(row_make(db, &r, e, "PRAGMA user_version", ""));
    TRY(row_next(db, &r, &any, e));
    *ret = any ? sqlite3_column_int64(r.s, 0) : 0;
    return SELFSAME_OK;
}

/* Two processes may make it at once: the second finds it made. */
static enum selfsame_code
make_tables(sqlite3 *db, struct selfsame_err *e)
{
    int64_t form = 0;

    TRY(run_sql(db, "BEGIN IMMEDIATE", e));
    enum selfsame_code code = form_of(db, &form, e);
    if (code == SELFSAME_OK && form == 0)
        code = run_sql(db, schema, e);
    if (code == SELFSAME_OK)
        return run_sql(db, "COMMIT", e);
    (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return code;
}

static enum selfsame_code
open_both(struct lookup *l, int64_t *ret_form, struct selfsame_err *e)
{
    TRY(open_one(l, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &l->writer, e));
    TRY(run_sql(
        l->writer, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", e));
    TRY(form_of(l->writer, ret_form, e));
    if (*ret_form == 0)
        TRY(make_tables(l->writer, e));
    TRY(form_of(l->writer, ret_form, e));
    if (l->path[0] == '\0') {
        l->reader = l->writer;
        return SELFSAME_OK;
    }
    return open_one(l, SQLITE_OPEN_READONLY, &l->reader, e);
}

/* Another form, or no database at all: it is derived, so away with it. */
static enum selfsame_code
open_or_anew(struct lookup *l, struct selfsame_err *e)
{
    static const char *const parts[] = { "", "-wal", "-shm" };
    int64_t form = 0;
    char path[1200];

    enum selfsame_code code = open_both(l, &form, e);
    const int why = l->writer != NULL ? sqlite3_errcode(l->writer) : SQLITE_OK;
    const bool broken = why == SQLITE_NOTADB || why == SQLITE_CORRUPT;
    if (l->path[0] == '\0' || (code == SELFSAME_OK ? form == FORM : !broken))
        return code;
    close_both(l);
    for (size_t i = 0; i < COUNT(parts); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", l->path, parts[i]);
        (void)unlink(path);
    }
    *e = (struct selfsame_err){ 0 };
    return open_both(l, &form, e);
}

enum selfsame_code
lookup_open(const char *dir, struct lookup **ret, struct selfsame_err *e)
{
    struct lookup *l = calloc(1, sizeof(*l));

    if (l == NULL)
        FAIL(e, SELFSAME_NOMEM, "the index for look-ups");
    l->locks = pthread_mutex_init(&l->writing, NULL) == 0 &&
               pthread_mutex_init(&l->reading, NULL) == 0;
    enum selfsame_code code = SELFSAME_OK;
    if (dir != NULL && strlen(dir) > 1000)
        code = err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "the directory of an index: expected at most 1000 bytes");
    else if (dir != NULL)
        (void)snprintf(l->path, sizeof(l->path), "%s/lookup.sqlite", dir);
    if (code == SELFSAME_OK)
        code = open_or_anew(l, e);
    if (code != SELFSAME_OK)
        lookup_free(&l);
    *ret = l;
    return code;
}

void
lookup_free(struct lookup **l)
{
    if (*l == NULL)
        return;
    close_both(*l);
    if ((*l)->locks) {
        (void)pthread_mutex_destroy(&(*l)->writing);
        (void)pthread_mutex_destroy(&(*l)->reading);
    }
    free(*l);
    *l = NULL;
}

pthread_mutex_t *
lookup_read_lock(struct lookup *l)
{
    return l->reader == l->writer ? &l->writing : &l->reading;
}

/* ---- one entry ---- */

struct adding {
    sqlite3 *db;
    struct selfsame_err *e;
    int64_t entry, seen_s;
    const struct statement *s;
    struct selfsame_bytes key;
};

/* A statement without rows. */
static enum selfsame_code
insert(struct adding *a, struct row *r, enum selfsame_code made)
{
    bool any;

    TRY(made);
    TRY(row_next(a->db, r, &any, a->e));
    row_free(r);
    return SELFSAME_OK;
}

static enum selfsame_code
add_release(struct adding *a)
{
    const struct release *r = &a->s->release;
    auto_row row = { NULL };

    TRY(insert(a, &row,
        row_make(a->db, &row, a->e,
            "INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "ibbtttiiii",
            a->entry, BYTES_ARR(a->s->sha256), a->key, r->name, r->version, r->channel,
            (int64_t)r->sequence, r->not_before_s, r->not_after_s, a->seen_s)));
    for (size_t i = 0; i < r->value_count; i++)
        TRY(insert(a, &row,
            row_make(a->db, &row, a->e, "INSERT INTO measured VALUES (?, ?, ?, ?)",
                "bitt", r->values[i].value, a->entry, r->values[i].tee,
                r->values[i].path)));
    for (size_t i = 0; i < r->supersedes_count; i++)
        TRY(insert(a, &row,
            row_make(a->db, &row, a->e, "INSERT INTO supersedes VALUES (?, ?)", "bi",
                BYTES(r->supersedes[i], 32), a->entry)));
    return SELFSAME_OK;
}

static enum selfsame_code
add_issue(struct adding *a)
{
    const struct release_index *x = &a->s->index;
    auto_row row = { NULL };

    TRY(insert(a, &row,
        row_make(a->db, &row, a->e, "INSERT INTO issue VALUES (?, ?, ?, ?)", "ibti",
            a->entry, a->key, x->name, (int64_t)x->sequence)));
    for (size_t i = 0; i < x->current_count; i++)
        TRY(insert(a, &row,
            row_make(a->db, &row, a->e, "INSERT INTO current VALUES (?, ?)", "bi",
                BYTES_ARR(x->current[i].sha256), a->entry)));
    for (size_t i = 0; i < x->revoked_count; i++)
        TRY(insert(a, &row,
            row_make(a->db, &row, a->e, "INSERT INTO revoked VALUES (?, ?, ?, ?)",
                "biit", BYTES_ARR(x->revoked[i].sha256), a->entry,
                x->revoked[i].since_s, x->revoked[i].reason)));
    return SELFSAME_OK;
}

static enum selfsame_code
add_rebuild(struct adding *a)
{
    static const char *const words[] = {
        [REBUILD_IDENTICAL] = "identical",
        [REBUILD_DIFFERENT] = "different",
        [REBUILD_FAILED] = "failed",
    };
    const struct rebuild *b = &a->s->rebuild;
    auto_row row = { NULL };

    return insert(a, &row,
        row_make(a->db, &row, a->e, "INSERT INTO rebuild VALUES (?, ?, ?, ?, ?)",
            "ibbti", a->entry, a->key, BYTES_ARR(b->statement), words[b->result],
            a->seen_s));
}

/* What is no statement of ours is passed over. */
static enum selfsame_code
add_entry(struct adding *a, struct selfsame_bytes entry)
{
    auto_arena arena = arena_new(ENTRY_ROOM);
    struct selfsame_err why = { 0 };
    struct envelope v;
    struct statement s;
    uint8_t key[32];
    size_t len = 0;

    enum selfsame_code code = statement_of_envelope(entry, &arena, &v, &s, &why);
    if (code == SELFSAME_NOMEM)
        FAIL(a->e, SELFSAME_NOMEM, "an entry");
    if (code != SELFSAME_OK)
        return SELFSAME_OK;
    if (!hex_decode((const char *)v.keyid.ptr, v.keyid.len, key, sizeof(key), &len))
        len = 0;
    a->s = &s;
    a->key = BYTES(key, len);
    switch (s.kind) {
    case STATEMENT_RELEASE: return add_release(a);
    case STATEMENT_INDEX: return add_issue(a);
    case STATEMENT_REBUILD: return add_rebuild(a);
    }
    return SELFSAME_OK;
}

/* ---- bringing up to date ---- */

static enum selfsame_code
indexed(sqlite3 *db, uint64_t *ret_size, uint8_t ret_root[static LOG_HASH],
    struct selfsame_err *e)
{
    auto_row r = { NULL };
    bool any;

    *ret_size = 0;
    TRY(row_make(db, &r, e, "SELECT size, root FROM indexed", ""));
    TRY(row_next(db, &r, &any, e));
    if (!any || sqlite3_column_bytes(r.s, 1) != LOG_HASH)
        return SELFSAME_OK;
    *ret_size = (uint64_t)sqlite3_column_int64(r.s, 0);
    memcpy(ret_root, sqlite3_column_blob(r.s, 1), LOG_HASH);
    return SELFSAME_OK;
}

/* How far it is; 0, and empty, when it is not of the beginning of this tree. */
static enum selfsame_code
find_start(
    struct lookup *l, struct tiles *t, uint64_t *ret_size, struct selfsame_err *e)
{
    uint8_t had[LOG_HASH] = { 0 }, root[LOG_HASH];

    TRY(indexed(l->writer, ret_size, had, e));
    if (*ret_size > 0 && *ret_size <= tiles_size(t)) {
        TRY(tiles_root(t, *ret_size, root, e));
        if (bytes_eq(BYTES_ARR(root), BYTES_ARR(had)))
            return SELFSAME_OK;
    }
    *ret_size = 0;
    return run_sql(l->writer, empty, e);
}

static enum selfsame_code
set_indexed(struct lookup *l, struct tiles *t, const struct checkpoint *c,
    uint64_t size, int64_t seen_s, struct selfsame_err *e)
{
    auto_row r = { NULL };
    uint8_t root[LOG_HASH];
    auto_arena arena = arena_new(1 << 20);
    const char *origin = arena_str(&arena, c->origin);
    bool any;

    if (origin == NULL)
        FAIL(e, SELFSAME_NOMEM, "the index for look-ups");
    TRY(tiles_root(t, size, root, e));
    TRY(row_make(l->writer, &r, e, "REPLACE INTO indexed VALUES (1, ?, ?, ?, ?)",
        "tibi", origin, (int64_t)size, BYTES_ARR(root), seen_s));
    return row_next(l->writer, &r, &any, e);
}

static enum selfsame_code
add_bundle(struct lookup *l, struct tiles *t, uint64_t *size, int64_t seen_s,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(BUNDLE_ROOM);
    const uint64_t bundle = *size / TILE_WIDTH;
    struct selfsame_bytes *entries = NULL;
    size_t count = 0;

    TRY(tiles_bundle(t, bundle, &arena, &entries, &count, e));
    for (size_t i = *size % TILE_WIDTH; i < count; i++) {
        struct adding a = {
            .db = l->writer, .e = e, .entry = (int64_t)*size, .seen_s = seen_s
        };

        TRY(add_entry(&a, entries[i]));
        ++*size;
    }
    return SELFSAME_OK;
}

/* One transaction: some bundles, and how far that is. */
static enum selfsame_code
add_some(struct lookup *l, struct tiles *t, const struct checkpoint *c, int64_t seen_s,
    bool *ret_done, struct selfsame_err *e)
{
    uint64_t size = 0;

    TRY(find_start(l, t, &size, e));
    for (unsigned i = 0; i < COMMIT_EVERY && size < c->size; i++)
        TRY(add_bundle(l, t, &size, seen_s, e));
    *ret_done = size >= c->size;
    return set_indexed(l, t, c, size, seen_s, e);
}

static enum selfsame_code
update_locked(struct lookup *l, struct tiles *t, const struct checkpoint *c,
    int64_t seen_s, struct selfsame_err *e)
{
    for (bool done = false; !done;) {
        TRY(run_sql(l->writer, "BEGIN IMMEDIATE", e));
        enum selfsame_code code = add_some(l, t, c, seen_s, &done, e);
        if (code == SELFSAME_OK)
            code = run_sql(l->writer, "COMMIT", e);
        if (code != SELFSAME_OK) {
            (void)sqlite3_exec(l->writer, "ROLLBACK", NULL, NULL, NULL);
            return code;
        }
    }
    return SELFSAME_OK;
}

enum selfsame_code
lookup_update(struct lookup *l, struct tiles *t, const struct checkpoint *c,
    int64_t seen_s, struct selfsame_err *e)
{
    TRY(tiles_believe(t, c, e));
    (void)pthread_mutex_lock(&l->writing);
    enum selfsame_code code = update_locked(l, t, c, seen_s, e);
    (void)pthread_mutex_unlock(&l->writing);
    return code;
}

uint64_t
lookup_size(struct lookup *l)
{
    uint8_t root[LOG_HASH];
    struct selfsame_err ignored;
    uint64_t size = 0;

    (void)pthread_mutex_lock(lookup_read_lock(l));
    if (indexed(l->reader, &size, root, &ignored) != SELFSAME_OK)
        size = 0;
    (void)pthread_mutex_unlock(lookup_read_lock(l));
    return size;
}
