/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/front_admin.h"

#include "verifier/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIST_MAX = 1000, AUDIT_MAX = 256 };

/* ---- what is said of an object ---- */

/* Its body is nobody's to know, and a digest of it neither. */
static bool
is_hidden(enum registry_kind kind)
{
    return kind == REGISTRY_KEY || kind == REGISTRY_SECRET;
}

void
admin_tag(const struct registry_object *o, char ret[static ADMIN_TAG])
{
    char hex[65];

    hex_encode(BYTES_ARR(o->digest), hex);
    if (is_hidden(o->kind))
        (void)snprintf(ret, ADMIN_TAG, "\"%" PRIu64 "\"", o->version);
    else
        (void)snprintf(ret, ADMIN_TAG, "\"%" PRIu64 "-%.16s\"", o->version, hex);
}

json_t *
admin_about(const struct registry_object *o)
{
    char digest[65], at[TIME_TEXT];

    hex_encode(BYTES_ARR(o->digest), digest);
    time_format(o->created_ms / 1000, at);
    return json_pack("{s:s,s:I,s:s,s:s,s:s*}", "name", o->name, "version",
        (json_int_t)o->version, "created", at, "author",
        o->author != NULL ? o->author : "", "sha256",
        is_hidden(o->kind) ? NULL : digest);
}

static json_t *
texts(const char *const *list)
{
    json_t *j = list != NULL ? json_array() : json_null();

    for (size_t i = 0; j != NULL && list != NULL && list[i] != NULL; i++)
        if (json_array_append_new(j, json_string(list[i])) != 0) {
            json_decref(j);
            return NULL;
        }
    return j;
}

/* Of a key and a secret, what is no secret. */
static enum selfsame_code
add_public(struct admin *a, const struct registry_object *o, json_t *to)
{
    struct snap_key key = { .name = o->name };
    struct snap_secret secret = { .name = o->name };
    json_t *more = NULL;

    if (o->kind == REGISTRY_KEY) {
        TRY(object_read_key(o->body, &a->arena, &key, a->e));
        more = json_pack("{s:s,s:s,s:o}", "role", role_word(key.role), "type",
            key.certificate ? "certificate" : "bearer", "expires",
            key.expires_s != 0 ? json_integer((json_int_t)key.expires_s) : json_null());
    } else if (o->kind == REGISTRY_SECRET) {
        TRY(object_read_secret(o->body, &a->arena, &secret, a->e));
        more = json_pack("{s:o,s:o,s:s,s:b,s:I}", "policies", texts(secret.policies),
            "releases", texts(secret.releases), "type",
            secret.type != NULL ? secret.type : "application/octet-stream", "warning",
            (int)secret.warning, "size",
            (json_int_t)(secret.sealed.len > SEAL_EXTRA ? secret.sealed.len - SEAL_EXTRA
                                                        : 0));
    }
    if (more == NULL || json_object_update(to, more) != 0) {
        json_decref(more);
        FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    }
    json_decref(more);
    return SELFSAME_OK;
}

static enum selfsame_code
describe(struct admin *a, const struct registry_object *o, json_t **ret)
{
    auto_json *j = admin_about(o);

    if (j == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    if (is_hidden(o->kind) && o->body.ptr != NULL)
        TRY(add_public(a, o, j));
    *ret = j;
    j = NULL;
    return SELFSAME_OK;
}

/* ---- what there is ---- */

enum selfsame_code
admin_current(struct admin *a, struct registry_object *ret)
{
    return registry_get(
        a->c->registry, a->tenant, a->kind, a->name, 0, &a->arena, ret, a->e);
}

enum selfsame_code
admin_need_tenant(struct admin *a)
{
    struct registry_object o;

    if (a->tenant[0] == '\0')
        return SELFSAME_OK;
    TRY(registry_get(
        a->c->registry, a->tenant, REGISTRY_TENANT, a->tenant, 0, &a->arena, &o, a->e));
    if (o.name == NULL)
        return admin_refuse(
            a, 404, SELFSAME_USAGE, "there is no tenant \"%.64s\"", a->tenant);
    return SELFSAME_OK;
}

/* ---- lists ---- */

struct page {
    uint64_t limit;
    const char *after; /* or NULL */
};

static enum selfsame_code
take_page(struct admin *a, uint64_t max, struct page *ret)
{
    const char *limit = httpd_query(a->c->r, "limit");

    *ret = (struct page){ .limit = max, .after = httpd_query(a->c->r, "after") };
    if (limit != NULL &&
        (!uint_parse(limit, strlen(limit), max, &ret->limit) || ret->limit == 0))
        FAIL(a->e, SELFSAME_USAGE, "limit: expected 1 to %" PRIu64 ", got %.20s", max,
            limit);
    return SELFSAME_OK;
}

/* {"WORD":[…],"next":NAME|null}: what comes behind `after`. */
static enum selfsame_code
answer_list(
    struct admin *a, const char *word, const struct registry_object *list, size_t count)
{
    auto_json *items = json_array();
    const char *next = NULL;
    struct page page;

    TRY(take_page(a, LIST_MAX, &page));
    for (size_t i = 0; items != NULL && i < count; i++) {
        json_t *one = NULL;

        if (page.after != NULL && strcmp(list[i].name, page.after) <= 0)
            continue;
        if (json_array_size(items) == page.limit) {
            next = list[i - 1].name;
            break;
        }
        TRY(describe(a, &list[i], &one));
        if (json_array_append_new(items, one) != 0)
            FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    }
    if (items == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    return admin_answer(
        a, 200, NULL, json_pack("{s:O,s:s?}", word, items, "next", next));
}

enum selfsame_code
admin_list(struct admin *a)
{
    struct registry_object *list;
    size_t count;

    TRY(admin_need_tenant(a));
    TRY(registry_list(a->c->registry, a->tenant, a->kind, is_hidden(a->kind), &a->arena,
        &list, &count, a->e));
    return answer_list(a, "items", list, count);
}

/* Whoever has a key of a tenant sees that one. */
enum selfsame_code
admin_tenants(struct admin *a)
{
    const struct snapshot *n = a->c->snap;
    struct registry_object *list = ARENA_NEW(
        &a->arena, struct registry_object, n->tenant_count + 1);
    size_t count = 0;

    if (list == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    for (size_t i = 0; i < n->tenant_count; i++) {
        const char *name = n->tenants[i].name;

        if (name[0] == '\0' ||
            (a->own->name[0] != '\0' && strcmp(name, a->own->name) != 0))
            continue;
        TRY(registry_get(a->c->registry, name, REGISTRY_TENANT, name, 0, &a->arena,
            &list[count], a->e));
        count += list[count].name != NULL;
    }
    return answer_list(a, "items", list, count);
}

/* ---- one ---- */

static enum selfsame_code
answer_history(struct admin *a)
{
    struct registry_object *list;
    size_t count;

    TRY(registry_history(
        a->c->registry, a->tenant, a->kind, a->name, &a->arena, &list, &count, a->e));
    if (count == 0)
        return admin_refuse(a, 404, SELFSAME_USAGE, "there never was a %s \"%.80s\"",
            registry_kind_word(a->kind), a->name);
    auto_json *items = json_array();
    for (size_t i = 0; items != NULL && i < count && i < LIST_MAX; i++) {
        json_t *one = admin_about(&list[i]);

        /* A removal is a version without a body. */
        if (one == NULL ||
            json_object_set_new(one, "removed",
                json_boolean(bytes_is_zero(BYTES_ARR(list[i].digest)))) != 0 ||
            json_array_append_new(items, one) != 0)
            FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    }
    if (items == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    return admin_answer(a, 200, NULL, json_pack("{s:O}", "versions", items));
}

static void
answer_body(struct admin *a, const struct registry_object *o)
{
    char tag[ADMIN_TAG];
    const struct httpd_header headers[] = { { "ETag", tag } };
    const bool json = o->body.len > 0 && o->body.ptr[0] == '{';
    const bool release = o->kind == REGISTRY_RELEASE;

    admin_tag(o, tag);
    const struct call_reply reply = {
        .status = 200,
        .type = release && !json ? "text/plain; charset=utf-8" : NULL,
        .body = o->body,
        .headers = headers,
        .header_count = 1,
    };
    call_reply(a->c, &reply);
}

/* As it was put, but for keys and secrets: of those what is said of them. */
enum selfsame_code
admin_get(struct admin *a)
{
    const char *asked = httpd_query(a->c->r, "version");
    struct registry_object o;
    uint64_t version = 0;
    json_t *j = NULL;

    if (httpd_query(a->c->r, "history") != NULL)
        return answer_history(a);
    if (asked != NULL &&
        (!uint_parse(asked, strlen(asked), INT64_MAX, &version) || version == 0))
        FAIL(a->e, SELFSAME_USAGE, "version: expected a number from 1, got %.20s",
            asked);
    TRY(registry_get(
        a->c->registry, a->tenant, a->kind, a->name, version, &a->arena, &o, a->e));
    if (o.name == NULL || o.body.ptr == NULL)
        return admin_refuse(a, 404, SELFSAME_USAGE, "there is no %s \"%.80s\"%s",
            registry_kind_word(a->kind), a->name,
            version != 0 ? " of this version" : "");
    if (is_hidden(a->kind)) {
        TRY(describe(a, &o, &j));
        return admin_answer(a, 200, &o, j);
    }
    answer_body(a, &o);
    return SELFSAME_OK;
}

/* ---- audit and status ---- */

enum selfsame_code
admin_audit(struct admin *a)
{
    struct audit_seen *rows;
    struct page page;
    size_t count;

    TRY(take_page(a, AUDIT_MAX, &page));
    TRY(admin_need_tenant(a));
    TRY(audit_recent(service_audit(a->c->s), a->tenant, (size_t)page.limit, &a->arena,
        &rows, &count, a->e));
    auto_json *items = json_array();
    for (size_t i = 0; items != NULL && i < count; i++) {
        json_t *row = NULL;

        TRY(json_parse(bytes_str(rows[i].json), "a row of the audit log", &row, a->e));
        if (json_array_append_new(items, row) != 0)
            FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    }
    return admin_answer(
        a, 200, NULL, items != NULL ? json_pack("{s:O}", "rows", items) : NULL);
}

enum selfsame_code
admin_status(struct admin *a)
{
    struct snapshot *n = snapshot_take(a->c->s);
    struct audit *audit = service_audit(a->c->s);
    const bool healthy = audit_healthy(audit);
    size_t policies = 0, releases = 0;
    char made[TIME_TEXT];

    if (n == NULL)
        FAIL(a->e, SELFSAME_IO, "the policies are not loaded yet");
    for (size_t i = 0; i < n->tenant_count; i++) {
        policies += n->tenants[i].policy_count;
        releases += n->tenants[i].release_count;
    }
    time_format(n->made_ms / 1000, made);
    json_t *j = json_pack("{s:s,s:s,s:I,s:s,s:I,s:I,s:I,s:I,s:b,s:I}", "version",
        SELFSAME_VERSION, "issuer", verifier_issuer(a->c->s), "revision",
        (json_int_t)n->revision, "loaded", made, "tenants",
        (json_int_t)(n->tenant_count > 0 && n->tenants[0].name[0] == '\0'
                         ? n->tenant_count - 1
                         : n->tenant_count),
        "policies", (json_int_t)policies, "releases", (json_int_t)releases,
        "audit_rows", (json_int_t)audit_size(audit), "audit_healthy", (int)healthy,
        "waiting", (json_int_t)service_waiting(a->c->s));
    snapshot_drop(n);
    return admin_answer(a, 200, NULL, j);
}
