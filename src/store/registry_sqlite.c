/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry_parts.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* "slfr"; the number of the form of the tables is user_version. */
enum { BUSY_MS = 10000, POLL_MS = 100, ROWS_FIRST = 16 };

static const char making[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS object(tenant TEXT NOT NULL, kind INTEGER NOT NULL,"
    " name TEXT NOT NULL, version INTEGER NOT NULL, created INTEGER NOT NULL,"
    " author TEXT NOT NULL, digest BLOB NOT NULL, body BLOB,"
    " PRIMARY KEY(tenant, kind, name, version)) STRICT;"
    "CREATE TABLE IF NOT EXISTS current(tenant TEXT NOT NULL, kind INTEGER NOT NULL,"
    " name TEXT NOT NULL, version INTEGER NOT NULL,"
    " PRIMARY KEY(tenant, kind, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS revision(one INTEGER PRIMARY KEY CHECK(one = 1),"
    " number INTEGER NOT NULL) STRICT;"
    "INSERT INTO revision VALUES(1, 1) ON CONFLICT DO NOTHING;"
    "PRAGMA application_id=1936483954;"
    "PRAGMA user_version=1;"
    "COMMIT;";

static const char settings[] = "PRAGMA journal_mode=WAL;"
                               "PRAGMA synchronous=FULL;"
                               "PRAGMA trusted_schema=OFF;"
                               /* A confined service has no place for other files. */
                               "PRAGMA temp_store=MEMORY;";

struct lite {
    sqlite3 *db;
    char path[1024];
};

static enum selfsame_code
failed(const struct lite *l, const char *what, struct selfsame_err *e)
{
    const int sql = l->db != NULL ? sqlite3_errcode(l->db) & 0xff : SQLITE_NOMEM;
    enum selfsame_code code = SELFSAME_IO;

    if (sql == SQLITE_NOTADB || sql == SQLITE_CORRUPT)
        code = SELFSAME_MALFORMED;
    else if (sql == SQLITE_NOMEM)
        code = SELFSAME_NOMEM;
    (void)err_set(e, code, __FILE__, __LINE__, "cannot %s the registry %.60s: %.60s",
        what, l->path, l->db != NULL ? sqlite3_errmsg(l->db) : "out of memory");
    if (sql == SQLITE_FULL)
        err_remedy(e, "Free disk space; what was stored before is not lost.");
    return code;
}

static enum selfsame_code
execute(struct lite *l, const char *sql, const char *what, struct selfsame_err *e)
{
    if (sqlite3_exec(l->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(l, what, e);
    return SELFSAME_OK;
}

static enum selfsame_code
expect(struct lite *l, const char *sql, int want, struct selfsame_err *e)
{
    sqlite3_stmt *q = NULL;
    int got = -1;

    if (sqlite3_prepare_v2(l->db, sql, -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW)
        got = sqlite3_column_int(q, 0);
    if (sqlite3_finalize(q) != SQLITE_OK)
        return failed(l, "read", e);
    if (got != want)
        FAIL(e, SELFSAME_MALFORMED,
            "%.80s: expected a registry of this version, got another database",
            l->path);
    return SELFSAME_OK;
}

static void
close_lite(void *db)
{
    struct lite *l = db;

    (void)sqlite3_close(l->db);
    free(l);
}

static enum selfsame_code
open_all(struct lite *l, bool create, struct selfsame_err *e)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                      (create ? SQLITE_OPEN_CREATE : 0);

    if (sqlite3_open_v2(l->path, &l->db, flags, NULL) != SQLITE_OK)
        return failed(l, "open", e);
    (void)sqlite3_busy_timeout(l->db, BUSY_MS);
    TRY(execute(l, settings, "set up", e));
    if (create)
        TRY(execute(l, making, "make", e));
    TRY(expect(l, "PRAGMA application_id", 1936483954, e));
    return expect(l, "PRAGMA user_version", 1, e);
}

static enum selfsame_code
open_lite(const char *url, bool create, void **ret, struct selfsame_err *e)
{
    struct lite *l = calloc(1, sizeof(*l));

    if (l == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a registry");
    enum selfsame_code code = SELFSAME_OK;
    if (snprintf(l->path, sizeof(l->path), "%s", url) >= (int)sizeof(l->path))
        code = err_set(
            e, SELFSAME_USAGE, __FILE__, __LINE__, "the registry's path is too long");
    if (code == SELFSAME_OK)
        code = open_all(l, create, e);
    if (code != SELFSAME_OK) {
        close_lite(l);
        return code;
    }
    *ret = l;
    return SELFSAME_OK;
}

static enum selfsame_code
begin(void *db, bool write, struct selfsame_err *e)
{
    return execute(db, write ? "BEGIN IMMEDIATE" : "BEGIN", "begin with", e);
}

static void
rollback(void *db)
{
    struct lite *l = db;

    (void)sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
}

static enum selfsame_code
commit(void *db, struct selfsame_err *e)
{
    enum selfsame_code code = execute(db, "COMMIT", "write", e);

    if (code != SELFSAME_OK)
        rollback(db);
    return code;
}

/* "$3" is the third, wherever it stands. */
static bool
bind(sqlite3_stmt *q, const struct sql_value *params, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[24];

        (void)snprintf(name, sizeof(name), "$%zu", i + 1);
        const int at = sqlite3_bind_parameter_index(q, name);
        const struct selfsame_bytes b = params[i].bytes;
        int code = SQLITE_OK;

        if (at == 0 || b.len > INT32_MAX)
            continue;
        if (params[i].kind == SQL_NUMBER)
            code = sqlite3_bind_int64(q, at, params[i].number);
        else if (params[i].kind == SQL_TEXT)
            code = sqlite3_bind_text(
                q, at, (const char *)b.ptr, (int)b.len, SQLITE_STATIC);
        else if (params[i].kind == SQL_BLOB && b.len == 0)
            code = sqlite3_bind_zeroblob(q, at, 0);
        else if (params[i].kind == SQL_BLOB)
            code = sqlite3_bind_blob(q, at, b.ptr, (int)b.len, SQLITE_STATIC);
        if (code != SQLITE_OK)
            return false;
    }
    return true;
}

static bool
copy_column(sqlite3_stmt *q, int i, struct arena *arena, struct sql_value *ret)
{
    static const uint8_t empty[1];
    const int type = sqlite3_column_type(q, i);

    *ret = (struct sql_value){ .kind = SQL_NULL };
    if (type == SQLITE_NULL)
        return true;
    if (type == SQLITE_INTEGER) {
        *ret = (struct sql_value){ .kind = SQL_NUMBER,
            .number = sqlite3_column_int64(q, i) };
        return true;
    }
    const void *p = sqlite3_column_blob(q, i);
    const size_t len = (size_t)sqlite3_column_bytes(q, i);
    ret->kind = type == SQLITE_TEXT ? SQL_TEXT : SQL_BLOB;
    ret->bytes = BYTES(empty, 0);
    return len == 0 || arena_dup(arena, BYTES(p, len), &ret->bytes);
}

static bool
copy_row(sqlite3_stmt *q, struct arena *arena, struct sql_rows *rows, size_t *room)
{
    if (rows->count == *room) {
        const size_t more = *room == 0 ? ROWS_FIRST : 2 * *room;
        struct sql_value(*grown)[SQL_COLUMNS] = arena_alloc(
            arena, sizeof(*grown), more);

        if (grown == NULL)
            return false;
        if (rows->count > 0)
            memcpy(grown, rows->row, rows->count * sizeof(*grown));
        rows->row = grown;
        *room = more;
    }
    const int columns = sqlite3_column_count(q);
    for (int i = 0; i < columns && i < SQL_COLUMNS; i++)
        if (!copy_column(q, i, arena, &rows->row[rows->count][i]))
            return false;
    rows->count++;
    return true;
}

static enum selfsame_code
step_all(struct lite *l, sqlite3_stmt *q, struct arena *arena, struct sql_rows *rows,
    struct selfsame_err *e)
{
    size_t room = 0;
    int code;

    while ((code = sqlite3_step(q)) == SQLITE_ROW)
        if (!copy_row(q, arena, rows, &room))
            FAIL(e, SELFSAME_NOMEM, "no memory for what the registry has");
    if (code != SQLITE_DONE)
        return failed(l, "use", e);
    rows->changed = (size_t)sqlite3_changes(l->db);
    return SELFSAME_OK;
}

static enum selfsame_code
run(void *db, const char *sql, const struct sql_value *params, size_t count,
    struct arena *arena, struct sql_rows *ret, struct selfsame_err *e)
{
    struct lite *l = db;
    sqlite3_stmt *q = NULL;
    struct sql_rows rows = { 0 };
    enum selfsame_code code = SELFSAME_OK;

    if (sqlite3_prepare_v2(l->db, sql, -1, &q, NULL) != SQLITE_OK ||
        !bind(q, params, count))
        code = failed(l, "ask", e);
    else
        code = step_all(l, q, arena, &rows, e);
    (void)sqlite3_finalize(q);
    if (code == SELFSAME_OK)
        *ret = rows;
    return code;
}

static void
notify(void *db)
{
    (void)db; /* others look */
}

static enum selfsame_code
wait_some(void *db, int timeout_ms, struct selfsame_err *e)
{
    (void)db;
    (void)e;
    (void)usleep((useconds_t)(timeout_ms < POLL_MS ? timeout_ms : POLL_MS) * 1000);
    return SELFSAME_OK;
}

const struct registry_engine registry_sqlite = {
    .name = "sqlite",
    .open = open_lite,
    .close = close_lite,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .run = run,
    .notify = notify,
    .wait = wait_some,
};
