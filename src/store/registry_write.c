/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry_parts.h"

#include "crypto/crypto.h"

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

struct change {
    const struct registry_object *o;
    uint64_t expect, version; /* version: the result */
    uint8_t digest[32];
    bool removed, changed;
    struct registry_object last; /* what was written last */
    bool stands;                 /* and it is there */
};

static enum selfsame_code
check_tenant(struct registry_use *u, const struct registry_object *o)
{
    struct sql_rows rows;

    if (o->tenant[0] == '\0' || o->kind == REGISTRY_TENANT)
        return SELFSAME_OK;
    TRY(REGISTRY_RUN(u,
        "SELECT version FROM current WHERE tenant=$1 AND kind=$2 AND name=$1", &rows,
        sql_text(o->tenant), sql_number(REGISTRY_TENANT)));
    if (rows.count == 0)
        FAIL(u->e, SELFSAME_USAGE, "there is no tenant \"%.64s\"", o->tenant);
    return SELFSAME_OK;
}

/* Everything that is current is loaded by everybody: no tenant may be all of it. */
static enum selfsame_code
check_room(struct registry_use *u, const struct registry_object *o, bool more)
{
    struct sql_rows rows;

    TRY(REGISTRY_RUN(u,
        "SELECT COUNT(*), COALESCE(SUM(LENGTH(o.body)), 0)" REGISTRY_JOINED
        "WHERE o.tenant=$1 AND NOT (o.kind=$2 AND o.name=$3)",
        &rows, sql_text(o->tenant), sql_number(o->kind), sql_text(o->name)));
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
versions_of(struct registry_use *u, const struct registry_object *o,
    uint64_t *ret_current, uint64_t *ret_last, struct selfsame_bytes *ret_digest)
{
    struct sql_rows rows;

    *ret_current = *ret_last = 0;
    TRY(REGISTRY_RUN(u,
        "SELECT version, digest FROM object WHERE tenant=$1 AND kind=$2 AND name=$3 "
        "ORDER BY version DESC LIMIT 1",
        &rows, sql_text(o->tenant), sql_number(o->kind), sql_text(o->name)));
    if (rows.count == 0)
        return SELFSAME_OK;
    *ret_last = (uint64_t)rows.row[0][0].number;
    *ret_digest = rows.row[0][1].bytes;
    TRY(REGISTRY_RUN(u,
        "SELECT version FROM current WHERE tenant=$1 AND kind=$2 AND name=$3", &rows,
        sql_text(o->tenant), sql_number(o->kind), sql_text(o->name)));
    if (rows.count > 0)
        *ret_current = (uint64_t)rows.row[0][0].number;
    return SELFSAME_OK;
}

static enum selfsame_code
add_version(struct registry_use *u, struct change *x, uint64_t version)
{
    const struct registry_object *o = x->o;
    const struct selfsame_bytes body = x->removed ? BYTES_NONE : o->body;
    struct sql_rows rows;

    x->last = *o;
    x->last.version = version;
    TRY(REGISTRY_RUN(u,
        "INSERT INTO object(tenant, kind, name, version, created, author, digest, "
        "body) "
        "VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
        &rows, sql_text(o->tenant), sql_number(o->kind), sql_text(o->name),
        sql_number((int64_t)version), sql_number(o->created_ms),
        sql_text(o->author != NULL ? o->author : ""), sql_blob(BYTES_ARR(x->digest)),
        sql_blob(body)));
    TRY(REGISTRY_RUN(u, "DELETE FROM current WHERE tenant=$1 AND kind=$2 AND name=$3",
        &rows, sql_text(o->tenant), sql_number(o->kind), sql_text(o->name)));
    if (!x->removed)
        TRY(REGISTRY_RUN(u,
            "INSERT INTO current(tenant, kind, name, version) VALUES($1, $2, $3, $4)",
            &rows, sql_text(o->tenant), sql_number(o->kind), sql_text(o->name),
            sql_number((int64_t)version)));
    return registry_run(u, "UPDATE revision SET number=number+1", NULL, 0, &rows);
}

static enum selfsame_code
put(struct registry_use *u, void *ctx)
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
look(struct registry_use *u, void *ctx)
{
    struct change *x = ctx;
    const struct registry_object *o = &x->last;
    struct sql_rows rows;

    TRY(REGISTRY_RUN(u,
        "SELECT digest, created, author FROM object WHERE tenant=$1 AND kind=$2 "
        "AND name=$3 AND version=$4",
        &rows, sql_text(o->tenant), sql_number(o->kind), sql_text(o->name),
        sql_number((int64_t)o->version)));
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
change(struct registry_use *u,
    enum selfsame_code (*work)(struct registry_use *u, void *ctx), struct change *x)
{
    struct selfsame_err ignored = { 0 };
    struct registry_use again = { .r = u->r, .arena = u->arena, .e = &ignored };
    enum selfsame_code code = registry_within(u, true, work, x);

    if (code == SELFSAME_IO && u->in_doubt && x->changed &&
        registry_within(&again, true, look, x) == SELFSAME_OK && x->stands)
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
    struct registry_use u = { .r = r, .arena = &arena, .e = e };
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
remove_one(struct registry_use *u, struct change *x)
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
is_expected(struct registry_use *u, const struct change *x, bool *ret)
{
    struct selfsame_bytes ignored;
    uint64_t current, last;

    TRY(versions_of(u, x->o, &current, &last, &ignored));
    *ret = x->expect == REGISTRY_ANY || x->expect == current;
    return SELFSAME_OK;
}

/* With a tenant goes what it has. */
static enum selfsame_code
remove_all(struct registry_use *u, void *ctx)
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
    TRY(REGISTRY_RUN(u, "SELECT kind, name FROM current WHERE tenant=$1", &rows,
        sql_text(whole->tenant)));
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
    struct registry_use u = { .r = r, .arena = &arena, .e = e };
    struct change x = { .o = o, .expect = expect, .removed = true };

    TRY(check_name(o, e));
    TRY(change(&u, remove_all, &x));
    *ret_removed = x.changed;
    return SELFSAME_OK;
}
