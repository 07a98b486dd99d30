/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "store/store_parts.h"

#include <sqlite3.h>
#include <stdio.h>

/* "slfs"; the number of the form of the tables is user_version. */
enum { APPLICATION = 0x736c6673, FORM = 1, BUSY_MS = 10000 };
#define TEXT(n) TEXT_(n)
#define TEXT_(n) #n

/* Half of a key: who finds two with the same half harms his own entries alone. */
enum { HALF = 16 };

static const char making[] =
    "PRAGMA journal_mode=WAL;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value BLOB NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS seen(key BLOB PRIMARY KEY, position INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "PRAGMA application_id=" TEXT(0x736c6673) ";"
                                              "PRAGMA user_version=1;"
                                              "COMMIT;";

static const char settings[] = "PRAGMA synchronous=FULL;"
                               "PRAGMA cache_size=-8192;"
                               "PRAGMA wal_autocheckpoint=4096;"
                               "PRAGMA trusted_schema=OFF;";

static enum selfsame_code
failed(struct database *d, sqlite3 *db, const char *what, struct selfsame_err *e)
{
    int code = db != NULL ? sqlite3_errcode(db) : SQLITE_NOMEM;

    (void)err_set(e,
        code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? SELFSAME_MALFORMED
                                                        : SELFSAME_IO,
        __FILE__, __LINE__, "cannot %s %s: %s", what, d->path,
        db != NULL ? sqlite3_errmsg(db) : "out of memory");
    if (code == SQLITE_FULL)
        err_remedy(e, "Free disk space and start again; nothing was lost.");
    return code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? SELFSAME_MALFORMED
                                                           : SELFSAME_IO;
}

static enum selfsame_code
run(struct database *d, sqlite3 *db, const char *sql, const char *what,
    struct selfsame_err *e)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(d, db, what, e);
    return SELFSAME_OK;
}

static enum selfsame_code
open_one(struct database *d, int flags, sqlite3 **ret, struct selfsame_err *e)
{
    if (sqlite3_open_v2(d->path, ret, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return failed(d, *ret, "open", e);
    (void)sqlite3_busy_timeout(*ret, BUSY_MS);
    return SELFSAME_OK;
}

static enum selfsame_code
number(
    struct database *d, sqlite3 *db, const char *sql, int *ret, struct selfsame_err *e)
{
    sqlite3_stmt *s = NULL;

    *ret = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        *ret = sqlite3_column_int(s, 0);
    int code = sqlite3_finalize(s);
    return code == SQLITE_OK ? SELFSAME_OK : failed(d, db, "read", e);
}

static enum selfsame_code
check_form(struct database *d, struct selfsame_err *e)
{
    int application, form;

    TRY(number(d, d->reader, "PRAGMA application_id", &application, e));
    TRY(number(d, d->reader, "PRAGMA user_version", &form, e));
    if (application != APPLICATION || form != FORM)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected the state of a log of form %d, got another database", d->path,
            (int)FORM);
    return SELFSAME_OK;
}

static enum selfsame_code
prepare(struct database *d, sqlite3 *db, const char *sql, sqlite3_stmt **ret,
    struct selfsame_err *e)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) !=
        SQLITE_OK)
        return failed(d, db, "use", e);
    return SELFSAME_OK;
}

static enum selfsame_code
open_writer(struct database *d, bool create, struct selfsame_err *e)
{
    TRY(open_one(
        d, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), &d->writer, e));
    TRY(run(d, d->writer, settings, "set up", e));
    if (create)
        TRY(run(d, d->writer, making, "make", e));
    TRY(prepare(d, d->writer,
        "INSERT INTO state VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET "
        "value=excluded.value",
        &d->put_state, e));
    return prepare(d, d->writer,
        "INSERT INTO seen VALUES(?1, ?2) ON CONFLICT DO NOTHING", &d->put_index, e);
}

enum selfsame_code
database_open(struct database *d, const char *path, bool create, bool read_only,
    struct selfsame_err *e)
{
    (void)snprintf(d->path, sizeof(d->path), "%s", path);
    (void)pthread_mutex_init(&d->reading, NULL);
    (void)pthread_mutex_init(&d->writing, NULL);
    d->locks = true;
    if (!read_only)
        TRY(open_writer(d, create, e));
    TRY(open_one(d, SQLITE_OPEN_READONLY, &d->reader, e));
    TRY(run(d, d->reader, settings, "set up", e));
    TRY(check_form(d, e));
    TRY(prepare(
        d, d->reader, "SELECT value FROM state WHERE key=?1", &d->get_state, e));
    return prepare(d, d->reader, "SELECT position FROM seen WHERE key=?1", &d->find, e);
}

void
database_close(struct database *d)
{
    (void)sqlite3_finalize(d->put_state);
    (void)sqlite3_finalize(d->put_index);
    (void)sqlite3_finalize(d->get_state);
    (void)sqlite3_finalize(d->find);
    (void)sqlite3_close(d->reader);
    (void)sqlite3_close(d->writer);
    if (d->locks) {
        (void)pthread_mutex_destroy(&d->reading);
        (void)pthread_mutex_destroy(&d->writing);
    }
    d->reader = d->writer = NULL;
    d->locks = false;
}

/* ---- reading ---- */

/*
 * Look-ups share a snapshot until something is written: a transaction for each would
 * cost more than the look-up. The lock is held.
 */
static enum selfsame_code
renew_snapshot(struct database *d, struct selfsame_err *e)
{
    const unsigned long now = atomic_load(&d->written);

    if (d->snapshot && d->snapshot_of == now)
        return SELFSAME_OK;
    if (d->snapshot)
        TRY(run(d, d->reader, "COMMIT", "read", e));
    d->snapshot = false;
    TRY(run(d, d->reader, "BEGIN", "read", e));
    d->snapshot = true;
    d->snapshot_of = now;
    return SELFSAME_OK;
}

/* The log of the database cannot begin anew while somebody reads from it. */
static void
end_snapshot(struct database *d)
{
    (void)pthread_mutex_lock(&d->reading);
    if (d->snapshot)
        (void)sqlite3_exec(d->reader, "COMMIT", NULL, NULL, NULL);
    d->snapshot = false;
    (void)pthread_mutex_unlock(&d->reading);
}

static enum selfsame_code
read_state(struct database *d, const char *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    enum selfsame_code code = SELFSAME_OK;

    *ret = BYTES_NONE;
    (void)sqlite3_bind_text(d->get_state, 1, key, -1, SQLITE_STATIC);
    int step = sqlite3_step(d->get_state);
    if (step == SQLITE_ROW) {
        const uint8_t *p = sqlite3_column_blob(d->get_state, 0);
        int n = sqlite3_column_bytes(d->get_state, 0);

        if (!arena_dup(arena, BYTES(p, (size_t)n), ret))
            code = err_set(
                e, SELFSAME_NOMEM, __FILE__, __LINE__, "%s: out of memory", d->path);
    } else if (step != SQLITE_DONE) {
        code = failed(d, d->reader, "read", e);
    }
    (void)sqlite3_reset(d->get_state);
    return code;
}

enum selfsame_code
database_state(struct database *d, const char *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    (void)pthread_mutex_lock(&d->reading);
    enum selfsame_code code = renew_snapshot(d, e);
    if (code == SELFSAME_OK)
        code = read_state(d, key, arena, ret, e);
    (void)pthread_mutex_unlock(&d->reading);
    return code;
}

static enum selfsame_code
find_inside(struct database *d, const uint8_t key[static STORE_KEY], bool *ret_found,
    uint64_t *ret_position, struct selfsame_err *e)
{
    enum selfsame_code code = SELFSAME_OK;

    TRY(renew_snapshot(d, e));
    (void)sqlite3_bind_blob(d->find, 1, key, HALF, SQLITE_STATIC);
    int step = sqlite3_step(d->find);
    *ret_found = step == SQLITE_ROW;
    if (*ret_found)
        *ret_position = (uint64_t)sqlite3_column_int64(d->find, 0);
    else if (step != SQLITE_DONE)
        code = failed(d, d->reader, "read", e);
    (void)sqlite3_reset(d->find);
    return code;
}

enum selfsame_code
database_find(struct database *d, const uint8_t key[static STORE_KEY], bool *ret_found,
    uint64_t *ret_position, struct selfsame_err *e)
{
    (void)pthread_mutex_lock(&d->reading);
    enum selfsame_code code = find_inside(d, key, ret_found, ret_position, e);
    (void)pthread_mutex_unlock(&d->reading);
    return code;
}

/* ---- writing ---- */

static enum selfsame_code
write_state(struct database *d, const struct store_swap *w, struct selfsame_err *e)
{
    (void)sqlite3_bind_text(d->put_state, 1, w->key, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(
        d->put_state, 2, w->new.ptr, (int)w->new.len, SQLITE_STATIC);
    int step = sqlite3_step(d->put_state);
    (void)sqlite3_reset(d->put_state);
    return step == SQLITE_DONE ? SELFSAME_OK : failed(d, d->writer, "write", e);
}

static enum selfsame_code
write_index(struct database *d, const struct store_swap *w, struct selfsame_err *e)
{
    for (size_t i = 0; i < w->index_count; i++) {
        (void)sqlite3_bind_blob(d->put_index, 1, w->index[i], HALF, SQLITE_STATIC);
        (void)sqlite3_bind_int64(d->put_index, 2, (sqlite3_int64)(w->first + i));
        int step = sqlite3_step(d->put_index);
        (void)sqlite3_reset(d->put_index);
        if (step != SQLITE_DONE)
            return failed(d, d->writer, "write", e);
    }
    return SELFSAME_OK;
}

/* The comparison sees what the transaction will change: the writer's own lock is held. */
static enum selfsame_code
compare(struct database *d, const struct store_swap *w, bool *ret_is_old,
    bool *ret_is_new, struct selfsame_err *e)
{
    sqlite3_stmt *s = NULL;
    enum selfsame_code code = SELFSAME_OK;

    TRY(prepare(d, d->writer, "SELECT value FROM state WHERE key=?1", &s, e));
    (void)sqlite3_bind_text(s, 1, w->key, -1, SQLITE_STATIC);
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW) {
        struct selfsame_bytes got = BYTES(
            sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0));

        *ret_is_old = w->old.ptr != NULL && bytes_eq(got, w->old);
        *ret_is_new = bytes_eq(got, w->new);
    } else if (step == SQLITE_DONE) {
        *ret_is_old = w->old.ptr == NULL;
    } else {
        code = failed(d, d->writer, "read", e);
    }
    (void)sqlite3_finalize(s);
    return code;
}

static enum selfsame_code
commit(struct database *d, struct selfsame_err *e)
{
    if (probe_before(d->probe, "commit", d->path) != 0)
        FAIL(e, SELFSAME_IO, "cannot write %s: disk I/O error", d->path);
    end_snapshot(d);
    TRY(run(d, d->writer, "COMMIT", "write", e));
    (void)atomic_fetch_add(&d->written, 1);
    if (probe_before(d->probe, "committed", d->path) != 0)
        FAIL(e, SELFSAME_IO, "cannot write %s: disk I/O error", d->path);
    return SELFSAME_OK;
}

static enum selfsame_code
swap_inside(struct database *d, const struct store_swap *w, bool *ret_swapped,
    struct selfsame_err *e)
{
    bool is_old = false, is_new = false;

    TRY(compare(d, w, &is_old, &is_new, e));
    if (is_old) {
        TRY(write_index(d, w, e));
        TRY(write_state(d, w, e));
        TRY(commit(d, e));
    }
    *ret_swapped = is_old || is_new;
    return SELFSAME_OK;
}

enum selfsame_code
database_swap(struct database *d, const struct store_swap *swap, bool *ret_swapped,
    struct selfsame_err *e)
{
    if (d->writer == NULL)
        FAIL(e, SELFSAME_IO, "%s: opened to be read only", d->path);
    (void)pthread_mutex_lock(&d->writing);
    enum selfsame_code code = run(d, d->writer, "BEGIN IMMEDIATE", "write", e);
    if (code == SELFSAME_OK) {
        code = swap_inside(d, swap, ret_swapped, e);
        if (sqlite3_get_autocommit(d->writer) == 0)
            (void)sqlite3_exec(d->writer, "ROLLBACK", NULL, NULL, NULL);
    }
    (void)pthread_mutex_unlock(&d->writing);
    return code;
}
