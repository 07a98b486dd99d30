/* SPDX-License-Identifier: Apache-2.0 */
#include "store/witness_store.h"

#include "os/os.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* "slfw"; the number of the form of the table is user_version. */
enum { APPLICATION = 0x736c6677, FORM = 1 };

static const char making[] = "BEGIN IMMEDIATE;"
                             "CREATE TABLE cosigned(origin TEXT PRIMARY KEY,"
                             " size INTEGER NOT NULL CHECK(size >= 0),"
                             " root BLOB NOT NULL CHECK(length(root) = 32),"
                             " note BLOB NOT NULL) STRICT, WITHOUT ROWID;"
                             "PRAGMA application_id=1936483959;"
                             "PRAGMA user_version=1;"
                             "COMMIT;";

/*
 * EXCLUSIVE: a second process is refused at its first access, and a transaction takes no
 * lock. FULL: a commit returns when the log of SQLite is on the disk.
 */
static const char settings[] = "PRAGMA locking_mode=EXCLUSIVE;"
                               "PRAGMA synchronous=FULL;"
                               "PRAGMA trusted_schema=OFF;";

enum statement { BEGIN, COMMIT, GET, NEW, SWAP, STATEMENTS };
static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [GET] = "SELECT size, root, note FROM cosigned WHERE origin=?1",
    [NEW] = "INSERT INTO cosigned VALUES(?1, 0, ?2, x'') ON CONFLICT DO NOTHING",
    [SWAP] = "UPDATE cosigned SET size=?2, root=?3, note=?4 "
             "WHERE origin=?1 AND size=?5 AND root=?6 "
             "AND (size < ?2 OR (size = ?2 AND root = ?3))",
};

struct witness_store {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENTS];
    char path[1024];
};

static enum selfsame_code
failed(struct witness_store *s, const char *what, struct selfsame_err *e)
{
    int sql = s->db != NULL ? sqlite3_errcode(s->db) & 0xff : SQLITE_NOMEM;
    enum selfsame_code code = SELFSAME_IO;

    if (sql == SQLITE_NOTADB || sql == SQLITE_CORRUPT)
        code = SELFSAME_MALFORMED;
    else if (sql == SQLITE_NOMEM)
        code = SELFSAME_NOMEM;
    (void)err_set(e, code, __FILE__, __LINE__, "cannot %s %s: %s", what, s->path,
        s->db != NULL ? sqlite3_errmsg(s->db) : "out of memory");
    if (sql == SQLITE_BUSY)
        err_remedy(e, "Another process serves this directory; a key has one witness.");
    if (sql == SQLITE_FULL)
        err_remedy(e, "Free disk space; nothing was cosigned that is not stored.");
    return code;
}

static enum selfsame_code
run(struct witness_store *s, const char *sql, const char *what, struct selfsame_err *e)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return failed(s, what, e);
    return SELFSAME_OK;
}

/* The first column of the first row. */
static enum selfsame_code
ask(struct witness_store *s, const char *sql, char ret[static 32],
    struct selfsame_err *e)
{
    sqlite3_stmt *q = NULL;
    bool row = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK &&
               sqlite3_step(q) == SQLITE_ROW;

    if (row)
        (void)snprintf(ret, 32, "%s", (const char *)sqlite3_column_text(q, 0));
    if (sqlite3_finalize(q) != SQLITE_OK || !row)
        return failed(s, "read", e);
    return SELFSAME_OK;
}

static enum selfsame_code
expect(
    struct witness_store *s, const char *sql, const char *want, struct selfsame_err *e)
{
    char got[32];

    TRY(ask(s, sql, got, e));
    if (strcmp(got, want) != 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected %s for \"%s\", got %s", s->path, want,
            sql, got);
    return SELFSAME_OK;
}

static enum selfsame_code
open_all(struct witness_store *s, bool create, struct selfsame_err *e)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                (create ? SQLITE_OPEN_CREATE : 0);
    char form[32];

    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK)
        return failed(s, "open", e);
    TRY(run(s, settings, "set up", e));
    TRY(expect(s, "PRAGMA journal_mode=WAL", "wal", e));
    TRY(expect(s, "PRAGMA synchronous", "2", e));
    TRY(ask(s, "PRAGMA user_version", form, e));
    if (create && strcmp(form, "0") == 0)
        TRY(run(s, making, "make", e));
    TRY(expect(s, "PRAGMA application_id", "1936483959", e));
    TRY(expect(s, "PRAGMA user_version", "1", e));
    TRY(expect(s, "PRAGMA quick_check", "ok", e));
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                &s->statement[i], NULL) != SQLITE_OK)
            return failed(s, "use", e);
    return SELFSAME_OK;
}

void
witness_store_close(struct witness_store **s)
{
    if (*s == NULL)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize((*s)->statement[i]);
    (void)sqlite3_close((*s)->db);
    free(*s);
    *s = NULL;
}

enum selfsame_code
witness_store_open(
    const char *path, bool create, struct witness_store **ret, struct selfsame_err *e)
{
    auto_witness_store *s = calloc(1, sizeof(*s));

    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the state of a witness");
    int len = snprintf(s->path, sizeof(s->path), "%s", path);
    if (len <= 0 || (size_t)len >= sizeof(s->path))
        FAIL(e, SELFSAME_USAGE, "the path of the state is too long");
    TRY(open_all(s, create, e));
    *ret = s;
    s = NULL;
    return SELFSAME_OK;
}

/* ---- transactions ---- */

/* Runs a statement without rows. */
static enum selfsame_code
step(struct witness_store *s, enum statement which, const char *what,
    struct selfsame_err *e)
{
    sqlite3_stmt *q = s->statement[which];
    int code = sqlite3_step(q);
    enum selfsame_code ret = code == SQLITE_DONE ? SELFSAME_OK : failed(s, what, e);

    (void)sqlite3_reset(q);
    (void)sqlite3_clear_bindings(q);
    return ret;
}

enum selfsame_code
witness_store_begin(struct witness_store *s, struct selfsame_err *e)
{
    return step(s, BEGIN, "lock", e);
}

enum selfsame_code
witness_store_commit(struct witness_store *s, struct selfsame_err *e)
{
    enum selfsame_code code = step(s, COMMIT, "write", e);

    if (code != SELFSAME_OK)
        witness_store_rollback(s);
    return code;
}

void
witness_store_rollback(struct witness_store *s)
{
    if (sqlite3_get_autocommit(s->db) == 0)
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

static bool
bind_blob(sqlite3_stmt *q, int at, struct selfsame_bytes b)
{
    return sqlite3_bind_blob64(q, at, b.len > 0 ? (const void *)b.ptr : "", b.len,
               SQLITE_STATIC) == SQLITE_OK;
}

static bool
bind_origin(sqlite3_stmt *q, struct selfsame_bytes origin)
{
    return sqlite3_bind_text64(q, 1, (const char *)origin.ptr, origin.len,
               SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
}

static enum selfsame_code
read_row(struct witness_store *s, sqlite3_stmt *q, struct arena *arena,
    struct witness_record *r, struct selfsame_err *e)
{
    int64_t size = sqlite3_column_int64(q, 0);
    const void *root = sqlite3_column_blob(q, 1);
    const void *note = sqlite3_column_blob(q, 2);

    if (size < 0 || root == NULL || sqlite3_column_bytes(q, 1) != LOG_HASH)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a size and a root, got others",
            s->path);
    r->state.size = (uint64_t)size;
    memcpy(r->state.root, root, LOG_HASH);
    if (!arena_dup(arena, BYTES(note, (size_t)sqlite3_column_bytes(q, 2)), &r->note))
        FAIL(e, SELFSAME_NOMEM, "no memory for a checkpoint");
    return SELFSAME_OK;
}

enum selfsame_code
witness_store_get(struct witness_store *s, struct selfsame_bytes origin,
    struct arena *arena, struct witness_record *ret, struct selfsame_err *e)
{
    sqlite3_stmt *q = s->statement[GET];
    struct witness_record r = { .note = BYTES_NONE };
    enum selfsame_code code = SELFSAME_OK;

    if (!witness_state_of_none(&r.state))
        FAIL(e, SELFSAME_NOMEM, "no memory for a hash");
    int got = bind_origin(q, origin) ? sqlite3_step(q) : SQLITE_NOMEM;
    if (got == SQLITE_ROW)
        code = read_row(s, q, arena, &r, e);
    else if (got != SQLITE_DONE)
        code = failed(s, "read", e);
    (void)sqlite3_reset(q);
    (void)sqlite3_clear_bindings(q);
    if (code == SELFSAME_OK)
        *ret = r;
    return code;
}

enum selfsame_code
witness_store_swap(struct witness_store *s, struct selfsame_bytes origin,
    const struct witness_state *was, const struct witness_record *now,
    struct selfsame_err *e)
{
    sqlite3_stmt *add = s->statement[NEW], *swap = s->statement[SWAP];
    struct witness_state none;

    if (sqlite3_get_autocommit(s->db) != 0)
        FAIL(e, SELFSAME_INTERNAL, "%s: a swap outside of a transaction", s->path);
    if (!witness_state_of_none(&none) || now->state.size > INT64_MAX ||
        was->size > INT64_MAX || !bind_origin(add, origin) ||
        !bind_blob(add, 2, BYTES_ARR(none.root)) || !bind_origin(swap, origin) ||
        sqlite3_bind_int64(swap, 2, (int64_t)now->state.size) != SQLITE_OK ||
        !bind_blob(swap, 3, BYTES_ARR(now->state.root)) ||
        !bind_blob(swap, 4, now->note) ||
        sqlite3_bind_int64(swap, 5, (int64_t)was->size) != SQLITE_OK ||
        !bind_blob(swap, 6, BYTES_ARR(was->root)))
        FAIL(e, SELFSAME_NOMEM, "no memory to store a checkpoint");
    TRY(step(s, NEW, "write", e));
    TRY(step(s, SWAP, "write", e));
    if (sqlite3_changes(s->db) != 1)
        FAIL(e, SELFSAME_INTERNAL,
            "%s: expected the state that was read to be there still, got another",
            s->path);
    return SELFSAME_OK;
}
