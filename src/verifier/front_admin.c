/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Below /v1/admin/:
 *
 *   status
 *   tenants[/TENANT[/audit | /KIND[/NAME]]]
 *
 * TENANT "-" is the service itself. A NAME may contain '/'; one that cannot stand in a path
 * ("https://…") is given as ".../KIND/-?name=NAME".
 */
#include "verifier/front_admin.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ADMIN_ARENA = 512 << 20 };
#define ROOT "/v1/admin/"

/* ---- errors and answers ---- */

enum selfsame_code
admin_refuse(struct admin *a, int status, enum selfsame_code code, const char *fmt, ...)
{
    char text[SELFSAME_ERR_TEXT];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    a->status = status;
    *a->e = (struct selfsame_err){ 0 };
    return err_set(a->e, code, __FILE__, __LINE__, "%s", text);
}

/* What the registry itself cannot do is nothing that the caller sent. */
static int
status_of(const struct admin *a, enum selfsame_code code)
{
    if (a->status != 0)
        return a->status;
    if (a->m.problem != MANAGE_FINE)
        return a->m.problem == MANAGE_ABSENT  ? 404
               : a->m.problem == MANAGE_OTHER ? 412
                                              : 409;
    switch (code) {
    case SELFSAME_IO:
    case SELFSAME_NOMEM:
    case SELFSAME_INTERNAL:
    case SELFSAME_MALFORMED: return 503;
    default: return 400;
    }
}

void
admin_tag(const struct registry_object *o, char ret[static ADMIN_TAG])
{
    char hex[65];

    hex_encode(BYTES_ARR(o->digest), hex);
    if (o->kind == REGISTRY_KEY || o->kind == REGISTRY_SECRET)
        (void)snprintf(ret, ADMIN_TAG, "\"%" PRIu64 "\"", o->version);
    else
        (void)snprintf(ret, ADMIN_TAG, "\"%" PRIu64 "-%.16s\"", o->version, hex);
}

enum selfsame_code
admin_answer(struct admin *a, int status, const struct registry_object *o, json_t *j)
{
    char *text = j != NULL ? json_compact(j) : NULL;
    char tag[ADMIN_TAG];
    const struct httpd_header headers[] = { { "ETag", tag } };

    json_decref(j);
    if (text == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    if (o != NULL)
        admin_tag(o, tag);
    const struct call_reply reply = {
        .status = status,
        .body = bytes_str(text),
        .headers = headers,
        .header_count = o != NULL ? 1 : 0,
    };
    call_reply(a->c, &reply);
    free(text);
    return SELFSAME_OK;
}

/* ---- the operations ---- */

enum shape { STATUS, TENANTS, TENANT, AUDIT, LIST, ONE };
struct operation {
    struct route route; /* .path: as openapi.json has it */
    enum shape shape;
    enum registry_kind kind;
    bool service_only; /* whoever runs the service, and no tenant */
    enum selfsame_code (*run)(struct admin *a);
};

#define OP(method_, path_, need_, name_, shape_, kind_, run_)                   \
    {                                                                           \
        .route = { method_, "/v1/admin/" path_, IN_STORE, need_, NULL, name_ }, \
        .shape = (shape_), .kind = (kind_), .run = (run_)                       \
    }
#define T "tenants/{tenant}"
#define KIND(word, many, one, kind, put)                                        \
    OP("GET", T "/" word, ROLE_AUDITOR, "list" many, LIST, kind, admin_list),   \
        OP("GET", T "/" word "/{name}", ROLE_AUDITOR, "get" one, ONE, kind,     \
            admin_get),                                                         \
        OP("PUT", T "/" word "/{name}", ROLE_ADMIN, "put" one, ONE, kind, put), \
        OP("DELETE", T "/" word "/{name}", ROLE_ADMIN, "delete" one, ONE, kind, \
            admin_remove)

static const struct operation operations[] = {
    { { "GET", ROOT "status", IN_STORE, ROLE_AUDITOR, NULL, "getServiceStatus" },
        STATUS, (enum registry_kind)0, true, admin_status },
    OP("GET", "tenants", ROLE_AUDITOR, "listTenants", TENANTS, REGISTRY_TENANT,
        admin_tenants),
    OP("GET", T, ROLE_AUDITOR, "getTenantSettings", TENANT, REGISTRY_TENANT, admin_get),
    OP("PUT", T, ROLE_ADMIN, "putTenantSettings", TENANT, REGISTRY_TENANT, admin_put),
    { { "DELETE", ROOT T, IN_STORE, ROLE_ADMIN, NULL, "deleteTenant" }, TENANT,
        REGISTRY_TENANT, true, admin_remove },
    OP("GET", T "/audit", ROLE_AUDITOR, "listAudit", AUDIT, (enum registry_kind)0,
        admin_audit),
    KIND("policies", "Policies", "Policy", REGISTRY_POLICY, admin_put),
    OP("POST", T "/policies/{name}", ROLE_AUDITOR, "dryRunPolicy", ONE, REGISTRY_POLICY,
        admin_dry_run),
    KIND("releases", "Releases", "Release", REGISTRY_RELEASE, admin_put),
    KIND("keys", "Keys", "Key", REGISTRY_KEY, admin_put_key),
    OP("POST", T "/keys/{name}", ROLE_ADMIN, "makeKey", ONE, REGISTRY_KEY,
        admin_new_key),
    KIND("audiences", "Audiences", "Audience", REGISTRY_AUDIENCE, admin_put),
    KIND("identities", "Identities", "Identity", REGISTRY_IDENTITY, admin_put_identity),
    KIND("secrets", "Secrets", "Secret", REGISTRY_SECRET, admin_put_secret),
    KIND("follows", "Follows", "Follow", REGISTRY_FOLLOW, admin_put_follow),
};

const struct route *
admin_operation(size_t i)
{
    return i < COUNT(operations) ? &operations[i].route : NULL;
}

/* ---- paths ---- */

static const struct {
    const char *word;
    enum registry_kind kind;
} kinds[] = {
    { "policies", REGISTRY_POLICY },
    { "releases", REGISTRY_RELEASE },
    { "keys", REGISTRY_KEY },
    { "audiences", REGISTRY_AUDIENCE },
    { "identities", REGISTRY_IDENTITY },
    { "secrets", REGISTRY_SECRET },
    { "follows", REGISTRY_FOLLOW },
};

static enum registry_kind
kind_of(const char *word)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strcmp(kinds[i].word, word) == 0)
            return kinds[i].kind;
    return (enum registry_kind)0;
}

/* What stands up to the next '/', which becomes its end; *rest behind it, or NULL. */
static char *
segment(char **rest)
{
    char *at = *rest;
    char *slash = at != NULL ? strchr(at, '/') : NULL;

    if (slash != NULL)
        *slash = '\0';
    *rest = slash != NULL ? slash + 1 : NULL;
    return at;
}

static bool
tenant_ok(const char *name)
{
    return name[0] != '\0' && name[0] != '-' && strlen(name) < REGISTRY_TENANT_NAME &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

/* ".../KIND/-?name=…" is for names that cannot stand in a path. */
static const char *
take_name(const struct admin *a, const char *of_path)
{
    const char *asked = httpd_query(a->c->r, "name");

    if (asked == NULL)
        return of_path;
    return strcmp(of_path, "-") == 0 ? asked : NULL;
}

/* False: there is no such path. */
static bool
parse(struct admin *a, char *rest, enum shape *ret)
{
    const char *first = segment(&rest);
    const char *tenant = segment(&rest), *what = segment(&rest);

    if (strcmp(first, "status") == 0) {
        *ret = STATUS;
        return tenant == NULL;
    }
    if (strcmp(first, "tenants") != 0)
        return false;
    *ret = TENANTS;
    a->m.kind = REGISTRY_TENANT;
    if (tenant == NULL)
        return true;
    if (strcmp(tenant, "-") != 0 && !tenant_ok(tenant))
        return false;
    a->m.tenant = strcmp(tenant, "-") == 0 ? "" : tenant;
    a->m.name = a->m.tenant;
    *ret = TENANT;
    if (what == NULL)
        return true;
    a->m.name = NULL;
    a->m.kind = (enum registry_kind)0;
    *ret = AUDIT;
    if (strcmp(what, "audit") == 0)
        return rest == NULL;
    a->m.kind = kind_of(what);
    *ret = LIST;
    if (a->m.kind == (enum registry_kind)0 || rest == NULL)
        return a->m.kind != (enum registry_kind)0;
    *ret = ONE;
    a->m.name = take_name(a, rest);
    return a->m.name != NULL && a->m.name[0] != '\0';
}

static const struct operation *
find(const struct admin *a, enum shape shape)
{
    for (size_t i = 0; i < COUNT(operations); i++)
        if (operations[i].shape == shape && operations[i].kind == a->m.kind &&
            strcmp(operations[i].route.method, a->c->route->method) == 0)
            return &operations[i];
    return NULL;
}

/* ---- who may ---- */

/* Of another tenant nothing is told, not even whether there is one of that name. */
static enum selfsame_code
authorize(struct admin *a, const struct operation *op)
{
    const bool service = a->own->name[0] == '\0';

    if (httpd_query(a->c->r, "tenant") != NULL)
        return admin_refuse(a, 400, SELFSAME_USAGE,
            "expected the tenant in the path, got one in the query");
    if (!service && a->m.tenant != NULL && strcmp(a->own->name, a->m.tenant) != 0)
        return admin_refuse(a, 403, SELFSAME_DENIED, "the key is of another tenant");
    if (op == NULL)
        return SELFSAME_OK;
    if (op->service_only && !service)
        return admin_refuse(a, 403, SELFSAME_DENIED,
            "this is for keys of the service itself, and not of a tenant");
    if (a->c->role < op->route.need)
        return admin_refuse(a, 403, SELFSAME_DENIED,
            "expected a key of the role %s, got one of the role %s",
            role_word(op->route.need), role_word(a->c->role));
    return SELFSAME_OK;
}

static enum selfsame_code
serve(struct admin *a)
{
    char *rest = arena_str(&a->arena, bytes_str(a->c->rest));
    enum shape shape;

    if (rest == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory for a path");
    if (!parse(a, rest, &shape)) {
        TRY(authorize(a, NULL));
        return admin_refuse(a, 404, SELFSAME_USAGE, "there is nothing at this path");
    }
    const struct operation *op = find(a, shape);
    TRY(authorize(a, op));
    if (op == NULL)
        return admin_refuse(
            a, 405, SELFSAME_USAGE, "this method does nothing at this path");
    a->c->route = &op->route; /* in logs and metrics it is this one */
    if (a->m.tenant != NULL && a->m.tenant[0] == '\0' && a->m.kind != REGISTRY_KEY &&
        shape != AUDIT)
        return admin_refuse(
            a, 400, SELFSAME_USAGE, "the service itself has keys, and nothing else");
    return op->run(a);
}

/* TENANT/KEY, as histories show it. */
static const char *
author(struct admin *a)
{
    const char *text = arena_printf(&a->arena, "%s/%s",
        a->own->name[0] != '\0' ? a->own->name : "-", a->c->key->name);

    return text != NULL ? text : a->c->key->name;
}

static void
serve_admin(struct call *c)
{
    struct selfsame_err e = { 0 };
    struct admin a = {
        .c = c, .own = c->tenant, .arena = arena_new(ADMIN_ARENA), .e = &e
    };

    a.m = (struct manage){ .r = c->registry,
        .secrets_key = service_secrets_key(c->s),
        .now_ms = c->now_ms,
        .author = author(&a),
        .arena = &a.arena,
        .e = &e };
    const enum selfsame_code code = serve(&a);

    if (code != SELFSAME_OK)
        call_problem(c, status_of(&a, code), &e);
    arena_free(&a.arena);
}

static const struct route routes[] = {
    { "GET", ROOT "*", IN_STORE, ROLE_AUDITOR, serve_admin, "admin" },
    { "PUT", ROOT "*", IN_STORE, ROLE_AUDITOR, serve_admin, "admin" },
    { "POST", ROOT "*", IN_STORE, ROLE_AUDITOR, serve_admin, "admin" },
    { "DELETE", ROOT "*", IN_STORE, ROLE_AUDITOR, serve_admin, "admin" },
};
const struct route_list admin_routes = { routes, COUNT(routes) };
