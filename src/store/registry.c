/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry_parts.h"

#include <stdlib.h>
#include <time.h>

static const char *const words[REGISTRY_KINDS] = {
    [REGISTRY_TENANT] = "tenant",
    [REGISTRY_KEY] = "key",
    [REGISTRY_POLICY] = "policy",
    [REGISTRY_RELEASE] = "release",
    [REGISTRY_AUDIENCE] = "audience",
    [REGISTRY_SECRET] = "secret",
    [REGISTRY_IDENTITY] = "identity",
    [REGISTRY_FOLLOW] = "follow",
};

const char *
registry_kind_word(enum registry_kind k)
{
    return k > 0 && k < REGISTRY_KINDS ? words[k] : "unknown";
}

enum registry_kind
registry_kind_of(const char *word)
{
    for (int i = 1; i < REGISTRY_KINDS; i++)
        if (strcmp(words[i], word) == 0)
            return (enum registry_kind)i;
    return (enum registry_kind)0;
}

/* ---- its life ---- */

static const struct registry_engine *
engine_of(const char *url)
{
    const bool remote = strncmp(url, "postgresql://", 13) == 0 ||
                        strncmp(url, "postgres://", 11) == 0;

    return remote ? &registry_postgres : &registry_sqlite;
}

enum selfsame_code
registry_open(
    const char *url, bool create, struct registry **ret, struct selfsame_err *e)
{
    auto_registry *r = calloc(1, sizeof(*r));

    if (r == NULL || (r->url = strdup(url)) == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a registry");
    r->engine = engine_of(url);
    TRY(r->engine->open(url, create, &r->db, e));
    *ret = r;
    r = NULL;
    return SELFSAME_OK;
}

void
registry_close(struct registry **r)
{
    if (*r == NULL)
        return;
    if ((*r)->db != NULL)
        (*r)->engine->close((*r)->db);
    free((*r)->url);
    free(*r);
    *r = NULL;
}

/* ---- transactions ---- */

struct sql_value
sql_number(int64_t n)
{
    return (struct sql_value){ .kind = SQL_NUMBER, .number = n };
}

struct sql_value
sql_text(const char *s)
{
    return (struct sql_value){ .kind = SQL_TEXT, .bytes = bytes_str(s) };
}

struct sql_value
sql_blob(struct selfsame_bytes b)
{
    if (b.ptr == NULL)
        return (struct sql_value){ .kind = SQL_NULL };
    return (struct sql_value){ .kind = SQL_BLOB, .bytes = b };
}

enum selfsame_code
registry_run(struct registry_use *u, const char *sql, const struct sql_value *params,
    size_t count, struct sql_rows *ret)
{
    return u->r->engine->run(u->r->db, sql, params, count, u->arena, ret, u->e);
}

static void
forget(struct registry *r)
{
    r->engine->close(r->db);
    r->db = NULL;
}

static enum selfsame_code
begin_anew(struct registry *r, bool write, struct selfsame_err *e)
{
    TRY(r->engine->open(r->url, false, &r->db, e));
    return r->engine->begin(r->db, write, e);
}

/* A connection that was lost since the last question is made again: nothing was asked. */
static enum selfsame_code
begin(struct registry *r, bool write, struct selfsame_err *e)
{
    struct selfsame_err lost = { 0 };

    if (r->db == NULL)
        return begin_anew(r, write, e);
    if (!r->engine->remote)
        return r->engine->begin(r->db, write, e);
    enum selfsame_code code = r->engine->begin(r->db, write, &lost);
    if (code == SELFSAME_IO) {
        forget(r);
        return begin_anew(r, write, e);
    }
    if (code != SELFSAME_OK)
        *e = lost;
    return code;
}

/* An engine that lost its database is opened again by the next who asks. */
enum selfsame_code
registry_within(struct registry_use *u, bool write,
    enum selfsame_code (*work)(struct registry_use *u, void *ctx), void *ctx)
{
    struct registry *r = u->r;
    enum selfsame_code code = begin(r, write, u->e);

    if (code == SELFSAME_OK) {
        code = work(u, ctx);
        if (code == SELFSAME_OK) {
            code = r->engine->commit(r->db, u->e);
            u->in_doubt = code == SELFSAME_IO;
        } else
            r->engine->rollback(r->db);
    }
    if (code == SELFSAME_IO && r->db != NULL)
        forget(r);
    return code;
}

/* ---- reading ---- */

#define COLUMNS "o.tenant, o.kind, o.name, o.version, o.created, o.author, o.digest"

struct reading {
    const char *sql;
    const struct sql_value *params;
    size_t count;
    struct registry_object *objects;
    size_t object_count;
    uint64_t revision;
    bool with_revision;
};

static enum selfsame_code
object_of(
    struct registry_use *u, const struct sql_value *row, struct registry_object *ret)
{
    *ret = (struct registry_object){
        .tenant = arena_str(u->arena, row[0].bytes),
        .kind = (enum registry_kind)row[1].number,
        .name = arena_str(u->arena, row[2].bytes),
        .version = (uint64_t)row[3].number,
        .created_ms = row[4].number,
        .author = arena_str(u->arena, row[5].bytes),
        .body = row[7].kind == SQL_BLOB ? row[7].bytes : BYTES_NONE,
    };
    if (ret->tenant == NULL || ret->name == NULL || ret->author == NULL)
        FAIL(u->e, SELFSAME_NOMEM, "no memory for an object of the registry");
    if (row[6].bytes.len != sizeof(ret->digest))
        FAIL(u->e, SELFSAME_MALFORMED, "the registry has an object without digest");
    memcpy(ret->digest, row[6].bytes.ptr, sizeof(ret->digest));
    return SELFSAME_OK;
}

static enum selfsame_code
read_revision(struct registry_use *u, uint64_t *ret)
{
    struct sql_rows rows;

    TRY(registry_run(u, "SELECT number FROM revision", NULL, 0, &rows));
    if (rows.count != 1)
        FAIL(u->e, SELFSAME_MALFORMED, "the registry has no revision");
    *ret = (uint64_t)rows.row[0][0].number;
    return SELFSAME_OK;
}

static enum selfsame_code
read(struct registry_use *u, void *ctx)
{
    struct reading *x = ctx;
    struct sql_rows rows;

    if (x->with_revision)
        TRY(read_revision(u, &x->revision));
    if (x->sql == NULL)
        return SELFSAME_OK;
    TRY(registry_run(u, x->sql, x->params, x->count, &rows));
    x->objects = ARENA_NEW(u->arena, struct registry_object, rows.count + 1);
    if (x->objects == NULL)
        FAIL(u->e, SELFSAME_NOMEM, "no memory for objects of the registry");
    for (size_t i = 0; i < rows.count; i++)
        TRY(object_of(u, rows.row[i], &x->objects[i]));
    x->object_count = rows.count;
    return SELFSAME_OK;
}

static int
by_name(const void *a, const void *b)
{
    const struct registry_object *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    const int names = strcmp(x->name, y->name);
    if (names != 0)
        return names;
    return x->version > y->version ? -1 : x->version < y->version ? 1 : 0;
}

static enum selfsame_code
read_list(struct registry *r, struct reading *x, struct arena *arena,
    struct registry_object **ret, size_t *ret_count, struct selfsame_err *e)
{
    struct registry_use u = { .r = r, .arena = arena, .e = e };

    TRY(registry_within(&u, false, read, x));
    if (x->object_count > 0)
        qsort(x->objects, x->object_count, sizeof(*x->objects), by_name);
    *ret = x->objects;
    *ret_count = x->object_count;
    return SELFSAME_OK;
}

enum selfsame_code
registry_get(struct registry *r, const char *tenant, enum registry_kind kind,
    const char *name, uint64_t version, struct arena *arena,
    struct registry_object *ret, struct selfsame_err *e)
{
    const struct sql_value params[] = { sql_text(tenant), sql_number(kind),
        sql_text(name), sql_number((int64_t)version) };
    struct reading x = {
        .sql = version == 0
                   ? "SELECT " COLUMNS ", o.body" REGISTRY_JOINED
                     "WHERE o.tenant=$1 AND o.kind=$2 AND o.name=$3"
                   : "SELECT " COLUMNS ", o.body FROM object o "
                     "WHERE o.tenant=$1 AND o.kind=$2 AND o.name=$3 AND o.version=$4",
        .params = params,
        .count = version == 0 ? 3 : 4,
    };
    struct registry_object *list;
    size_t count;

    *ret = (struct registry_object){ .name = NULL };
    TRY(read_list(r, &x, arena, &list, &count, e));
    if (count > 0)
        *ret = list[0];
    return SELFSAME_OK;
}

enum selfsame_code
registry_list(struct registry *r, const char *tenant, enum registry_kind kind,
    bool bodies, struct arena *arena, struct registry_object **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    const struct sql_value params[] = { sql_text(tenant), sql_number(kind) };
    static const char *const sql[2][2] = {
        { "SELECT " COLUMNS ", NULL" REGISTRY_JOINED "WHERE o.tenant=$1",
            "SELECT " COLUMNS ", NULL" REGISTRY_JOINED
            "WHERE o.tenant=$1 AND o.kind=$2" },
        { "SELECT " COLUMNS ", o.body" REGISTRY_JOINED "WHERE o.tenant=$1",
            "SELECT " COLUMNS ", o.body" REGISTRY_JOINED
            "WHERE o.tenant=$1 AND o.kind=$2" },
    };
    struct reading x = {
        .sql = sql[bodies][kind != 0], .params = params, .count = kind != 0 ? 2 : 1
    };

    return read_list(r, &x, arena, ret, ret_count, e);
}

enum selfsame_code
registry_history(struct registry *r, const char *tenant, enum registry_kind kind,
    const char *name, struct arena *arena, struct registry_object **ret,
    size_t *ret_count, struct selfsame_err *e)
{
    const struct sql_value params[] = { sql_text(tenant), sql_number(kind),
        sql_text(name) };
    struct reading x = {
        /* One byte in place of a body says that there is one. */
        .sql = "SELECT " COLUMNS ", substr(o.body, 1, 1) FROM object o "
               "WHERE o.tenant=$1 AND o.kind=$2 AND o.name=$3",
        .params = params,
        .count = 3,
    };

    return read_list(r, &x, arena, ret, ret_count, e);
}

enum selfsame_code
registry_load(struct registry *r, struct arena *arena, struct registry_object **ret,
    size_t *ret_count, uint64_t *ret_revision, struct selfsame_err *e)
{
    struct reading x = { .sql = "SELECT " COLUMNS ", o.body" REGISTRY_JOINED,
        .with_revision = true };

    TRY(read_list(r, &x, arena, ret, ret_count, e));
    *ret_revision = x.revision;
    return SELFSAME_OK;
}

enum selfsame_code
registry_revision(struct registry *r, uint64_t *ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(WORK_ARENA);
    struct registry_use u = { .r = r, .arena = &arena, .e = e };
    struct reading x = { .with_revision = true };

    TRY(registry_within(&u, false, read, &x));
    *ret = x.revision;
    return SELFSAME_OK;
}

static int64_t
clock_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

enum selfsame_code
registry_wait(struct registry *r, uint64_t known, int timeout_ms, uint64_t *ret,
    struct selfsame_err *e)
{
    const int64_t end_ms = clock_ms() + timeout_ms;

    for (;;) {
        TRY(registry_revision(r, ret, e));
        const int64_t left = end_ms - clock_ms();
        if (*ret != known || left <= 0)
            return SELFSAME_OK;
        enum selfsame_code code = r->engine->wait(r->db, (int)left, e);
        if (code == SELFSAME_IO)
            forget(r);
        TRY(code);
    }
}
