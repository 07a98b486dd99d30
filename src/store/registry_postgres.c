/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL for several replicas. libpq is loaded when a registry is there
 * (docs/adr/0019): it brings libraries that nobody else needs. Writers are serialised by
 * one advisory lock, so that versions have no gaps and revisions are seen in their order.
 */
#include "store/registry_parts.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <libpq-fe.h>

enum {
    TEXT_OID = 25,
    NUMBER_OID = 20,
    BLOB_OID = 17,
    URL_MAX = 2048,
    POLL_MS = 500,     /* a notice may be lost with its connection */
    ANSWER_MS = 15000, /* longer than the server's own limit for a statement */
    SCHEMA = 1,
};
#define LOCK "20857001" /* of the writers; any number that nobody else uses */

static struct {
    bool loaded;
    PGconn *(*connect)(const char *const *, const char *const *, int);
    void (*finish)(PGconn *);
    ConnStatusType (*status)(const PGconn *);
    char *(*message)(const PGconn *);
    int (*send)(PGconn *, const char *, int, const Oid *, const char *const *,
        const int *, const int *, int);
    int (*not_blocking)(PGconn *, int);
    int (*flush)(PGconn *);
    int (*busy)(PGconn *);
    PGresult *(*result)(PGconn *);
    ExecStatusType (*result_status)(const PGresult *);
    char *(*result_field)(const PGresult *, int);
    void (*clear)(PGresult *);
    int (*rows)(const PGresult *);
    int (*columns)(const PGresult *);
    Oid (*type)(const PGresult *, int);
    int (*is_null)(const PGresult *, int, int);
    char *(*value)(const PGresult *, int, int);
    int (*length)(const PGresult *, int, int);
    char *(*changed)(PGresult *);
    int (*socket)(const PGconn *);
    int (*consume)(PGconn *);
    PGnotify *(*notifies)(PGconn *);
    void (*freemem)(void *);
} pq;

static void
load(void)
{
    static const struct {
        const char *name;
        void *at;
    } symbols[] = {
        { "PQconnectdbParams", &pq.connect },
        { "PQfinish", &pq.finish },
        { "PQstatus", &pq.status },
        { "PQerrorMessage", &pq.message },
        { "PQsendQueryParams", &pq.send },
        { "PQsetnonblocking", &pq.not_blocking },
        { "PQflush", &pq.flush },
        { "PQisBusy", &pq.busy },
        { "PQgetResult", &pq.result },
        { "PQresultStatus", &pq.result_status },
        { "PQresultErrorField", &pq.result_field },
        { "PQclear", &pq.clear },
        { "PQntuples", &pq.rows },
        { "PQnfields", &pq.columns },
        { "PQftype", &pq.type },
        { "PQgetisnull", &pq.is_null },
        { "PQgetvalue", &pq.value },
        { "PQgetlength", &pq.length },
        { "PQcmdTuples", &pq.changed },
        { "PQsocket", &pq.socket },
        { "PQconsumeInput", &pq.consume },
        { "PQnotifies", &pq.notifies },
        { "PQfreemem", &pq.freemem },
    };
    void *handle = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; handle != NULL && i < COUNT(symbols); i++) {
        void *symbol = dlsym(handle, symbols[i].name);

        if (symbol == NULL)
            return;
        memcpy(symbols[i].at, &symbol, sizeof(symbol));
    }
    pq.loaded = handle != NULL;
}

struct post {
    PGconn *c;
    char shown[96]; /* the URL without its password */
};

/* ---- errors ---- */

static enum selfsame_code
failed(const struct post *p, const char *what, struct selfsame_err *e)
{
    const char *why = p->c != NULL ? pq.message(p->c) : "out of memory";
    const size_t line = strcspn(why, "\n");

    if (line == 0)
        FAIL(e, SELFSAME_IO, "cannot %s the registry %.40s: it does not answer", what,
            p->shown);
    FAIL(e, SELFSAME_IO, "cannot %s the registry %.40s: %.*s", what, p->shown,
        line < 80 ? (int)line : 80, why);
}

/* Who reads a process list or a settings file must not find it. */
static bool
has_password(const char *url)
{
    const char *start = strstr(url, "://");

    if (strstr(url, "password=") != NULL)
        return true;
    if (start == NULL)
        return false;
    const struct selfsame_bytes who = BYTES(
        (const uint8_t *)start + 3, strcspn(start + 3, "/?"));
    const uint8_t *at = memrchr(who.ptr, '@', who.len);
    return at != NULL && memchr(who.ptr, ':', (size_t)(at - who.ptr)) != NULL;
}

/* "postgresql://user@host/name" → "postgresql://host/name" */
static void
show_url(const char *url, char *ret, size_t cap)
{
    const char *start = strstr(url, "://");
    const char *at = start != NULL ? strrchr(start, '@') : NULL;
    const char *rest = at != NULL ? at + 1 : start != NULL ? start + 3 : url;

    (void)snprintf(ret, cap, "postgresql://%.*s", (int)strcspn(rest, "?"), rest);
}

/* ---- questions ---- */

static uint64_t
from_be(const char *value, int len)
{
    struct reader r = reader_of(BYTES((const uint8_t *)value, (size_t)len));

    return len == 8   ? get_be64(&r)
           : len == 4 ? (uint64_t)(int64_t)(int32_t)get_be32(&r)
                      : 0;
}

static bool
copy_value(
    const PGresult *q, int row, int column, struct arena *arena, struct sql_value *ret)
{
    static const uint8_t empty[1];
    const int len = pq.length(q, row, column);
    const char *value = pq.value(q, row, column);

    *ret = (struct sql_value){ .kind = SQL_NULL };
    if (pq.is_null(q, row, column))
        return true;
    switch (pq.type(q, column)) {
    case NUMBER_OID:
    case 23: /* int4 */
        *ret = (struct sql_value){ .kind = SQL_NUMBER,
            .number = (int64_t)from_be(value, len) };
        return true;
    case BLOB_OID: ret->kind = SQL_BLOB; break;
    default: ret->kind = SQL_TEXT;
    }
    ret->bytes = BYTES(empty, 0);
    return len == 0 ||
           arena_dup(arena, BYTES((const uint8_t *)value, (size_t)len), &ret->bytes);
}

static enum selfsame_code
copy_rows(const PGresult *q, struct arena *arena, struct sql_rows *ret,
    struct selfsame_err *e)
{
    const int rows = pq.rows(q), columns = pq.columns(q);
    struct sql_rows got = { 0 };

    if (rows > 0)
        got.row = arena_alloc(arena, sizeof(*got.row), (size_t)rows);
    if (rows > 0 && got.row == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for what the registry has");
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < columns && k < SQL_COLUMNS; k++)
            if (!copy_value(q, i, k, arena, &got.row[i][k]))
                FAIL(e, SELFSAME_NOMEM, "no memory for what the registry has");
    got.count = (size_t)rows;
    *ret = got;
    return SELFSAME_OK;
}

struct bound {
    Oid type[SQL_PARAMS];
    const char *value[SQL_PARAMS];
    int len[SQL_PARAMS], format[SQL_PARAMS];
    uint8_t number[SQL_PARAMS][8];
};

static void
bind(const struct sql_value *params, size_t count, struct bound *b)
{
    for (size_t i = 0; i < count; i++) {
        const struct sql_value *v = &params[i];
        struct writer w = writer_of(b->number[i], 8);

        b->format[i] = 1;
        b->len[i] = (int)v->bytes.len;
        b->value[i] = (const char *)v->bytes.ptr;
        b->type[i] = v->kind == SQL_TEXT ? TEXT_OID : BLOB_OID;
        if (v->kind == SQL_NULL)
            b->value[i] = NULL;
        else if (v->kind == SQL_NUMBER) {
            put_be32(&w, (uint32_t)((uint64_t)v->number >> 32));
            put_be32(&w, (uint32_t)v->number);
            b->type[i] = NUMBER_OID;
            b->value[i] = (const char *)b->number[i];
            b->len[i] = 8;
        } else if (v->bytes.len == 0)
            b->value[i] = "";
    }
}

/* Parameters that a text does not use are not sent: the server would refuse them. */
static size_t
used(const char *sql, size_t count)
{
    size_t most = 0;

    for (const char *s = strchr(sql, '$'); s != NULL; s = strchr(s + 1, '$'))
        if (s[1] >= '1' && s[1] <= '9' && (size_t)(s[1] - '0') > most)
            most = (size_t)(s[1] - '0');
    return most < count ? most : count;
}

static int64_t
clock_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until all is sent and something came back. False: no connection, or the time is over. */
static bool
heard(const struct post *p, int64_t end_ms)
{
    for (;;) {
        const int unsent = pq.flush(p->c);
        struct pollfd f = { .fd = pq.socket(p->c), .events = POLLIN };

        if (unsent < 0)
            return false;
        if (unsent == 0 && !pq.busy(p->c))
            return true;
        if (unsent > 0)
            f.events |= POLLOUT;
        const int64_t left = end_ms - clock_ms();
        const int n = left > 0 ? poll(&f, 1, (int)left) : 0;
        if (left <= 0 || (n < 0 && errno != EINTR))
            return false;
        if (n > 0 && (f.revents & ~POLLOUT) != 0 && pq.consume(p->c) != 1)
            return false;
    }
}

/* The last result of a statement; NULL: the server cannot be heard. */
static PGresult *
ask(const struct post *p, const char *sql, size_t count, const struct bound *b)
{
    const int64_t end_ms = clock_ms() + ANSWER_MS;
    PGresult *last = NULL, *next;

    if (pq.send(p->c, sql, (int)count, b->type, b->value, b->len, b->format, 1) != 1)
        return NULL;
    while (heard(p, end_ms)) {
        next = pq.result(p->c);
        if (next == NULL)
            return last;
        pq.clear(last);
        last = next;
    }
    pq.clear(last);
    return NULL;
}

static enum selfsame_code
run(void *db, const char *sql, const struct sql_value *params, size_t count,
    struct arena *arena, struct sql_rows *ret, struct selfsame_err *e)
{
    const struct post *p = db;
    struct bound b;

    count = used(sql, count < SQL_PARAMS ? count : SQL_PARAMS);
    bind(params, count, &b);
    PGresult *q = ask(p, sql, count, &b);
    const ExecStatusType status = pq.result_status(q);
    enum selfsame_code code = SELFSAME_OK;
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        /* Class 53: out of room; 42, 22: not our schema. */
        const char *state = pq.result_field(q, PG_DIAG_SQLSTATE);

        code = failed(p, "use", e);
        if (state != NULL && strncmp(state, "42", 2) == 0)
            code = e->code = SELFSAME_MALFORMED;
    } else {
        code = copy_rows(q, arena, ret, e);
        if (code == SELFSAME_OK)
            ret->changed = (size_t)strtoul(pq.changed(q), NULL, 10);
    }
    pq.clear(q);
    return code;
}

static enum selfsame_code
plain(void *db, const char *sql, struct selfsame_err *e)
{
    auto_arena arena = arena_new(64 << 10);
    struct sql_rows ignored;

    return run(db, sql, NULL, 0, &arena, &ignored, e);
}

/* ---- transactions ---- */

static void
rollback(void *db)
{
    struct selfsame_err ignored = { 0 };

    (void)!plain(db, "ROLLBACK", &ignored);
}

static enum selfsame_code
begin(void *db, bool write, struct selfsame_err *e)
{
    TRY(plain(db,
        write ? "BEGIN ISOLATION LEVEL READ COMMITTED"
              : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        e));
    if (!write)
        return SELFSAME_OK;
    enum selfsame_code code = plain(db, "SELECT pg_advisory_xact_lock(" LOCK ")", e);
    if (code != SELFSAME_OK)
        rollback(db);
    return code;
}

static enum selfsame_code
commit(void *db, struct selfsame_err *e)
{
    return plain(db, "COMMIT", e);
}

static void
notify(void *db)
{
    struct selfsame_err ignored = { 0 }; /* others look now and then as well */

    (void)!plain(db, "NOTIFY selfsame_registry", &ignored);
}

static enum selfsame_code
wait_some(void *db, int timeout_ms, struct selfsame_err *e)
{
    struct post *p = db;
    struct pollfd f = { .fd = pq.socket(p->c), .events = POLLIN };
    PGnotify *n;

    if (poll(&f, 1, timeout_ms < POLL_MS ? timeout_ms : POLL_MS) < 0 && errno != EINTR)
        return failed(p, "wait for", e);
    if (pq.consume(p->c) != 1)
        return failed(p, "wait for", e);
    while ((n = pq.notifies(p->c)) != NULL)
        pq.freemem(n);
    return SELFSAME_OK;
}

/* ---- its life ---- */

static const char *const making[] = {
    "CREATE TABLE IF NOT EXISTS schema_form(form BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS object(tenant TEXT NOT NULL, kind BIGINT NOT NULL,"
    " name TEXT NOT NULL, version BIGINT NOT NULL, created BIGINT NOT NULL,"
    " author TEXT NOT NULL, digest BYTEA NOT NULL, body BYTEA,"
    " PRIMARY KEY(tenant, kind, name, version))",
    "CREATE TABLE IF NOT EXISTS current(tenant TEXT NOT NULL, kind BIGINT NOT NULL,"
    " name TEXT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY(tenant, kind, name))",
    "CREATE TABLE IF NOT EXISTS revision(one BIGINT PRIMARY KEY CHECK(one = 1),"
    " number BIGINT NOT NULL)",
    "INSERT INTO revision VALUES(1, 1) ON CONFLICT DO NOTHING",
    "INSERT INTO schema_form SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM schema_form)",
};

static enum selfsame_code
make(struct post *p, struct selfsame_err *e)
{
    TRY(begin(p, true, e));
    for (size_t i = 0; i < COUNT(making); i++) {
        enum selfsame_code code = plain(p, making[i], e);

        if (code != SELFSAME_OK) {
            rollback(p);
            return code;
        }
    }
    return commit(p, e);
}

static enum selfsame_code
check_form(struct post *p, struct selfsame_err *e)
{
    auto_arena arena = arena_new(64 << 10);
    struct sql_rows rows;

    TRY(run(p, "SELECT form FROM schema_form", NULL, 0, &arena, &rows, e));
    if (rows.count != 1 || rows.row[0][0].number != SCHEMA)
        FAIL(e, SELFSAME_MALFORMED,
            "%.60s: expected a registry of this version, got another database",
            p->shown);
    return SELFSAME_OK;
}

static void
close_post(void *db)
{
    struct post *p = db;

    if (p->c != NULL)
        pq.finish(p->c);
    free(p);
}

/* What the URL says wins; a server that hangs must not hang us. */
static enum selfsame_code
connect_to(struct post *p, const char *url, struct selfsame_err *e)
{
    static const char *const names[] = { "connect_timeout", "application_name",
        "tcp_user_timeout", "keepalives_idle", "options", "dbname", NULL };
    const char *const values[] = { "5", "selfsame", "10000", "10",
        "-c statement_timeout=10000 -c lock_timeout=10000 -c client_encoding=UTF8 -c "
        "client_min_messages=warning",
        url, NULL };

    p->c = pq.connect(names, values, 1);
    if (p->c == NULL || pq.status(p->c) != CONNECTION_OK)
        return failed(p, "reach", e);
    if (pq.not_blocking(p->c, 1) != 0)
        return failed(p, "reach", e);
    return plain(p, "LISTEN selfsame_registry", e);
}

static enum selfsame_code
open_all(struct post *p, const char *url, bool create, struct selfsame_err *e)
{
    TRY(connect_to(p, url, e));
    if (create)
        TRY(make(p, e));
    return check_form(p, e);
}

static enum selfsame_code
open_post(const char *url, bool create, void **ret, struct selfsame_err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct post *p;

    (void)pthread_once(&once, load);
    if (!pq.loaded) {
        (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
            "cannot load libpq.so.5, which speaks to PostgreSQL");
        err_remedy(e, "Install libpq5.");
        return SELFSAME_IO;
    }
    if (strlen(url) > URL_MAX)
        FAIL(e, SELFSAME_USAGE, "the registry's URL is too long");
    if (has_password(url)) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "expected a registry's URL without a password");
        err_remedy(e, "Put it into a file of mode 0600 and say ?passfile=FILE (libpq's "
                      ".pgpass).");
        return SELFSAME_USAGE;
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a registry");
    show_url(url, p->shown, sizeof(p->shown));
    enum selfsame_code code = open_all(p, url, create, e);
    if (code != SELFSAME_OK) {
        close_post(p);
        return code;
    }
    *ret = p;
    return SELFSAME_OK;
}

const struct registry_engine registry_postgres = {
    .name = "postgres",
    .remote = true,
    .open = open_post,
    .close = close_post,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .run = run,
    .notify = notify,
    .wait = wait_some,
};
