/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry_parts.h"

#include "crypto/crypto.h"

#include <stdlib.h>
#include <time.h>

enum { WORK_ARENA = 8 << 20 };

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

struct registry {
    const struct registry_engine *engine;
    void *db; /* NULL: to be opened again */
    char *url;
};

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

/* One use of the registry: what it reads is of one moment, what it writes is whole. */
struct use {
    struct registry *r;
    struct arena *arena;
    struct selfsame_err *e;
    bool in_doubt; /* the answer to a commit was lost */
};

static struct sql_value
number(int64_t n)
{
    return (struct sql_value){ .kind = SQL_NUMBER, .number = n };
}

static struct sql_value
text(const char *s)
{
    return (struct sql_value){ .kind = SQL_TEXT, .bytes = bytes_str(s) };
}

static struct sql_value
blob(struct selfsame_bytes b)
{
    if (b.ptr == NULL)
        return (struct sql_value){ .kind = SQL_NULL };
    return (struct sql_value){ .kind = SQL_BLOB, .bytes = b };
}

static enum selfsame_code
run(struct use *u, const char *sql, const struct sql_value *params, size_t count,
    struct sql_rows *ret)
{
    return u->r->engine->run(u->r->db, sql, params, count, u->arena, ret, u->e);
}
#define RUN(u, sql, ret, ...)                                  \
    run((u), (sql), (const struct sql_value[]){ __VA_ARGS__ }, \
        COUNT(((const struct sql_value[]){ __VA_ARGS__ })), (ret))

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
static enum selfsame_code
within(struct use *u, bool write, enum selfsame_code (*work)(struct use *u, void *ctx),
    void *ctx)
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

/* ---- what may be written ---- */

static bool
tenant_ok(const char *name)
{
    const size_t len = strlen(name);

    return len < REGISTRY_TENANT_NAME &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool
name_ok(const char *name)
{
    struct selfsame_bytes rest = bytes_str(name);

    if (rest.len == 0 || rest.len >= REGISTRY_NAME || !utf8_valid(rest))
        return false;
    while (rest.len > 0) {
        bool plain;
        const size_t n = text_char(rest, &plain);

        if (!plain)
            return false;
        rest = BYTES(rest.ptr + n, rest.len - n);
    }
    return true;
}

static enum selfsame_code
check_name(const struct registry_object *o, struct selfsame_err *e)
{
    if (!tenant_ok(o->tenant))
        FAIL(e, SELFSAME_USAGE,
            "tenant: expected at most %d of a-z, 0-9 and '-', got \"%.80s\"",
            (int)REGISTRY_TENANT_NAME - 1, o->tenant);
    if (o->kind < REGISTRY_TENANT || o->kind >= REGISTRY_KINDS || !name_ok(o->name))
        FAIL(e, SELFSAME_USAGE,
            "name: expected 1 to %d bytes of plain text, got \"%.80s\"",
            (int)REGISTRY_NAME - 1, o->name);
    if (o->kind == REGISTRY_TENANT && strcmp(o->name, o->tenant) != 0)
        FAIL(e, SELFSAME_USAGE, "a tenant's object has the tenant's name");
    return SELFSAME_OK;
}

/* ---- writing ---- */

#define JOINED                                                                  \
    " FROM object o JOIN current c ON o.tenant=c.tenant AND o.kind=c.kind AND " \
    "o.name=c.name AND o.version=c.version "

struct change {
    const struct registry_object *o;
    uint64_t expect, version; /* version: the result */
    uint8_t digest[32];
    bool removed, changed;
    struct registry_object last; /* what was written last */
    bool stands;                 /* and it is there */
};

static enum selfsame_code
check_tenant(struct use *u, const struct registry_object *o)
{
    struct sql_rows rows;

    if (o->tenant[0] == '\0' || o->kind == REGISTRY_TENANT)
        return SELFSAME_OK;
    TRY(RUN(u, "SELECT version FROM current WHERE tenant=$1 AND kind=$2 AND name=$1",
        &rows, text(o->tenant), number(REGISTRY_TENANT)));
    if (rows.count == 0)
        FAIL(u->e, SELFSAME_USAGE, "there is no tenant \"%.64s\"", o->tenant);
    return SELFSAME_OK;
}

/* Everything that is current is loaded by everybody: no tenant may be all of it. */
static enum selfsame_code
check_room(struct use *u, const struct registry_object *o, bool more)
{
    struct sql_rows rows;

    TRY(RUN(u,
        "SELECT COUNT(*), COALESCE(SUM(LENGTH(o.body)), 0)" JOINED
        "WHERE o.tenant=$1 AND NOT (o.kind=$2 AND o.name=$3)",
        &rows, text(o->tenant), number(o->kind), text(o->name)));
    if (rows.count != 1)
        return SELFSAME_OK;
    if (more && rows.row[0][0].number >= REGISTRY_OBJECTS)
        FAIL(u->e, SELFSAME_USAGE, "the tenant has %d objects, and no more are kept",
            (int)REGISTRY_OBJECTS);
    if (rows.row[0][1].number + (int64_t)o->body.len > REGISTRY_BYTES)
        FAIL(u->e, SELFSAME_USAGE,
            "the tenant's objects would be of more than %d bytes together, and no more "
            "are kept: remove some",
            (int)REGISTRY_BYTES);
    return SELFSAME_OK;
}

/* The version that is current, 0 without, and the last one there ever was. */
static enum selfsame_code
versions_of(struct use *u, const struct registry_object *o, uint64_t *ret_current,
    uint64_t *ret_last, struct selfsame_bytes *ret_digest)
{
    struct sql_rows rows;

    *ret_current = *ret_last = 0;
    TRY(RUN(u,
        "SELECT version, digest FROM object WHERE tenant=$1 AND kind=$2 AND name=$3 "
        "ORDER BY version DESC LIMIT 1",
        &rows, text(o->tenant), number(o->kind), text(o->name)));
    if (rows.count == 0)
        return SELFSAME_OK;
    *ret_last = (uint64_t)rows.row[0][0].number;
    *ret_digest = rows.row[0][1].bytes;
    TRY(RUN(u, "SELECT version FROM current WHERE tenant=$1 AND kind=$2 AND name=$3",
        &rows, text(o->tenant), number(o->kind), text(o->name)));
    if (rows.count > 0)
        *ret_current = (uint64_t)rows.row[0][0].number;
    return SELFSAME_OK;
}

static enum selfsame_code
add_version(struct use *u, struct change *x, uint64_t version)
{
    const struct registry_object *o = x->o;
    const struct selfsame_bytes body = x->removed ? BYTES_NONE : o->body;
    struct sql_rows rows;

    x->last = *o;
    x->last.version = version;
    TRY(RUN(u,
        "INSERT INTO object(tenant, kind, name, version, created, author, digest, "
        "body) "
        "VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
        &rows, text(o->tenant), number(o->kind), text(o->name),
        number((int64_t)version), number(o->created_ms),
        text(o->author != NULL ? o->author : ""), blob(BYTES_ARR(x->digest)),
        blob(body)));
    TRY(RUN(u, "DELETE FROM current WHERE tenant=$1 AND kind=$2 AND name=$3", &rows,
        text(o->tenant), number(o->kind), text(o->name)));
    if (!x->removed)
        TRY(RUN(u,
            "INSERT INTO current(tenant, kind, name, version) VALUES($1, $2, $3, $4)",
            &rows, text(o->tenant), number(o->kind), text(o->name),
            number((int64_t)version)));
    return run(u, "UPDATE revision SET number=number+1", NULL, 0, &rows);
}

static enum selfsame_code
put(struct use *u, void *ctx)
{
    struct change *x = ctx;
    struct selfsame_bytes digest = BYTES_NONE;
    uint64_t current, last;

    TRY(check_tenant(u, x->o));
    TRY(versions_of(u, x->o, &current, &last, &digest));
    if (x->expect != REGISTRY_ANY && x->expect != current)
        return SELFSAME_OK; /* version stays 0 */
    x->version = current;
    if (current != 0 && bytes_eq(digest, BYTES_ARR(x->digest)))
        return SELFSAME_OK;
    TRY(check_room(u, x->o, current == 0));
    x->version = last + 1;
    x->changed = true;
    return add_version(u, x, x->version);
}

static enum selfsame_code
look(struct use *u, void *ctx)
{
    struct change *x = ctx;
    const struct registry_object *o = &x->last;
    struct sql_rows rows;

    TRY(RUN(u,
        "SELECT digest, created, author FROM object WHERE tenant=$1 AND kind=$2 "
        "AND name=$3 AND version=$4",
        &rows, text(o->tenant), number(o->kind), text(o->name),
        number((int64_t)o->version)));
    x->stands = rows.count == 1 &&
                bytes_eq(rows.row[0][0].bytes, BYTES_ARR(x->digest)) &&
                rows.row[0][1].number == o->created_ms &&
                bytes_eq(rows.row[0][2].bytes,
                    bytes_str(o->author != NULL ? o->author : ""));
    return SELFSAME_OK;
}

/*
 * One change. When the answer to its commit was lost it is asked for, as a writer: behind
 * a server that may still be at it.
 */
static enum selfsame_code
change(struct use *u, enum selfsame_code (*work)(struct use *u, void *ctx),
    struct change *x)
{
    struct selfsame_err ignored = { 0 };
    struct use again = { .r = u->r, .arena = u->arena, .e = &ignored };
    enum selfsame_code code = within(u, true, work, x);

    if (code == SELFSAME_IO && u->in_doubt && x->changed &&
        within(&again, true, look, x) == SELFSAME_OK && x->stands)
        code = SELFSAME_OK;
    if (code == SELFSAME_OK && x->changed)
        u->r->engine->notify(u->r->db);
    return code;
}

enum selfsame_code
registry_put(struct registry *r, const struct registry_object *o, uint64_t expect,
    uint64_t *ret_version, struct selfsame_err *e)
{
    auto_arena arena = arena_new(WORK_ARENA);
    struct use u = { .r = r, .arena = &arena, .e = e };
    struct change x = { .o = o, .expect = expect };
    uint8_t digest[HASH_MAX];

    TRY(check_name(o, e));
    if (o->body.ptr == NULL || o->body.len > REGISTRY_BODY)
        FAIL(e, SELFSAME_USAGE, "expected a body of at most %d bytes, got %zu",
            (int)REGISTRY_BODY, o->body.len);
    if (!hash_bytes(HASH_SHA256, o->body, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory to hash an object");
    memcpy(x.digest, digest, sizeof(x.digest));
    TRY(change(&u, put, &x));
    *ret_version = x.version;
    return SELFSAME_OK;
}

static enum selfsame_code
remove_one(struct use *u, struct change *x)
{
    struct selfsame_bytes ignored;
    uint64_t current, last;

    TRY(versions_of(u, x->o, &current, &last, &ignored));
    if (current == 0)
        return SELFSAME_OK;
    x->changed = true;
    return add_version(u, x, last + 1);
}

/* Is that the version that is there, as x->expect says? */
static enum selfsame_code
is_expected(struct use *u, const struct change *x, bool *ret)
{
    struct selfsame_bytes ignored;
    uint64_t current, last;

    TRY(versions_of(u, x->o, &current, &last, &ignored));
    *ret = x->expect == REGISTRY_ANY || x->expect == current;
    return SELFSAME_OK;
}

/* With a tenant goes what it has. */
static enum selfsame_code
remove_all(struct use *u, void *ctx)
{
    struct change *x = ctx;
    const struct registry_object *whole = x->o;
    struct sql_rows rows;
    bool expected;

    TRY(is_expected(u, x, &expected));
    if (!expected)
        return SELFSAME_OK;
    if (whole->kind != REGISTRY_TENANT)
        return remove_one(u, x);
    TRY(RUN(u, "SELECT kind, name FROM current WHERE tenant=$1", &rows,
        text(whole->tenant)));
    for (size_t i = 0; i < rows.count; i++) {
        struct registry_object o = *whole;

        o.kind = (enum registry_kind)rows.row[i][0].number;
        o.name = arena_str(u->arena, rows.row[i][1].bytes);
        if (o.name == NULL)
            FAIL(u->e, SELFSAME_NOMEM, "no memory to remove a tenant");
        x->o = &o;
        enum selfsame_code code = remove_one(u, x);
        x->o = whole;
        TRY(code);
    }
    return SELFSAME_OK;
}

enum selfsame_code
registry_remove(struct registry *r, const struct registry_object *o, bool *ret_removed,
    struct selfsame_err *e)
{
    return registry_remove_version(r, o, REGISTRY_ANY, ret_removed, e);
}

enum selfsame_code
registry_remove_version(struct registry *r, const struct registry_object *o,
    uint64_t expect, bool *ret_removed, struct selfsame_err *e)
{
    auto_arena arena = arena_new((size_t)REGISTRY_OBJECTS * 1024 + WORK_ARENA);
    struct use u = { .r = r, .arena = &arena, .e = e };
    struct change x = { .o = o, .expect = expect, .removed = true };

    TRY(check_name(o, e));
    TRY(change(&u, remove_all, &x));
    *ret_removed = x.changed;
    return SELFSAME_OK;
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
object_of(struct use *u, const struct sql_value *row, struct registry_object *ret)
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
read_revision(struct use *u, uint64_t *ret)
{
    struct sql_rows rows;

    TRY(run(u, "SELECT number FROM revision", NULL, 0, &rows));
    if (rows.count != 1)
        FAIL(u->e, SELFSAME_MALFORMED, "the registry has no revision");
    *ret = (uint64_t)rows.row[0][0].number;
    return SELFSAME_OK;
}

static enum selfsame_code
read(struct use *u, void *ctx)
{
    struct reading *x = ctx;
    struct sql_rows rows;

    if (x->with_revision)
        TRY(read_revision(u, &x->revision));
    if (x->sql == NULL)
        return SELFSAME_OK;
    TRY(run(u, x->sql, x->params, x->count, &rows));
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
    struct use u = { .r = r, .arena = arena, .e = e };

    TRY(within(&u, false, read, x));
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
    const struct sql_value params[] = { text(tenant), number(kind), text(name),
        number((int64_t)version) };
    struct reading x = {
        .sql = version == 0
                   ? "SELECT " COLUMNS ", o.body" JOINED
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
    const struct sql_value params[] = { text(tenant), number(kind) };
    static const char *const sql[2][2] = {
        { "SELECT " COLUMNS ", NULL" JOINED "WHERE o.tenant=$1",
            "SELECT " COLUMNS ", NULL" JOINED "WHERE o.tenant=$1 AND o.kind=$2" },
        { "SELECT " COLUMNS ", o.body" JOINED "WHERE o.tenant=$1",
            "SELECT " COLUMNS ", o.body" JOINED "WHERE o.tenant=$1 AND o.kind=$2" },
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
    const struct sql_value params[] = { text(tenant), number(kind), text(name) };
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
    struct reading x = { .sql = "SELECT " COLUMNS ", o.body" JOINED,
        .with_revision = true };

    TRY(read_list(r, &x, arena, ret, ret_count, e));
    *ret_revision = x.revision;
    return SELFSAME_OK;
}

enum selfsame_code
registry_revision(struct registry *r, uint64_t *ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(WORK_ARENA);
    struct use u = { .r = r, .arena = &arena, .e = e };
    struct reading x = { .with_revision = true };

    TRY(within(&u, false, read, &x));
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
