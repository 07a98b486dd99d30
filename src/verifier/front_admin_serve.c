/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations of the administrator's front answer. */
#include "verifier/front_admin.h"

#include "verifier/identity.h"

#include <inttypes.h>
#include <stdio.h>

enum { AUDIT_MAX = 256 };

/* ---- conditions: two writers do not undo each other ---- */

/* Is this tag among those of the header? A weak one is none (RFC 9110 §13.1.1). */
static bool
has_tag(const char *header, const char *tag)
{
    for (const char *at = header; (at = strstr(at, tag)) != NULL; at++)
        if (at == header || at[-1] != '/')
            return true;
    return false;
}

/* ?expect=VERSION, 0 for none: for clients that keep no tags. */
static enum selfsame_code
take_expected(
    struct admin *a, const struct registry_object *now, bool *ret_good, uint64_t *ret)
{
    const char *text = httpd_query(a->c->r, "expect");
    uint64_t version;

    if (text == NULL)
        return SELFSAME_OK;
    if (!uint_parse(text, strlen(text), INT64_MAX, &version))
        FAIL(a->e, SELFSAME_USAGE, "expect: expected a version, got %.20s", text);
    *ret_good = *ret_good && version == (now->name != NULL ? now->version : 0);
    *ret = version;
    return SELFSAME_OK;
}

/* What registry_put is to expect. */
static enum selfsame_code
precondition(struct admin *a, const struct registry_object *now, uint64_t *ret)
{
    const char *match = httpd_header(a->c->r, "if-match");
    const char *none = httpd_header(a->c->r, "if-none-match");
    char tag[ADMIN_TAG] = "\"\"";
    bool good = true;

    *ret = REGISTRY_ANY;
    if (now->name != NULL)
        admin_tag(now, tag);
    if (match != NULL) {
        good = now->name != NULL && (strcmp(match, "*") == 0 || has_tag(match, tag));
        *ret = now->version;
    }
    if (none != NULL) {
        good = good &&
               (now->name == NULL || (strcmp(none, "*") != 0 && !has_tag(none, tag)));
        *ret = now->name != NULL ? now->version : 0;
    }
    TRY(take_expected(a, now, &good, ret));
    if (good)
        return SELFSAME_OK;
    return admin_refuse(a, 412, SELFSAME_STALE,
        now->name != NULL ? "there is another version than the request expects"
                          : "there is none, and the request expects one");
}

static enum selfsame_code
expected(struct admin *a, uint64_t *ret)
{
    struct registry_object now;

    TRY(manage_current(&a->m, &now));
    if (a->m.kind == REGISTRY_TENANT && now.name == NULL && a->own->name[0] != '\0')
        return admin_refuse(
            a, 403, SELFSAME_DENIED, "tenants are made by keys of the service itself");
    return precondition(a, &now, ret);
}

static enum selfsame_code
answer_written(struct admin *a, struct managed *d)
{
    service_changed(a->c->s);
    return admin_answer(a, d->created ? 201 : 200, &d->now, json_incref(d->about));
}

/* ---- writing ---- */

enum selfsame_code
admin_put(struct admin *a)
{
    auto_managed d = { .about = NULL };
    uint64_t expect;

    TRY(expected(a, &expect));
    TRY(manage_put(&a->m, httpd_body(a->c->r), expect, &d));
    return answer_written(a, &d);
}

enum selfsame_code
admin_put_key(struct admin *a)
{
    struct snap_key key = { .name = a->m.name };

    TRY(object_read_key(httpd_body(a->c->r), &a->arena, &key, a->e));
    if (key.certificate && a->own->name[0] != '\0')
        return admin_refuse(a, 403, SELFSAME_DENIED,
            "client certificates are added by keys of the service itself");
    return admin_put(a);
}

/* Where this verifier has a trust domain, only ids that the tenant may give. */
enum selfsame_code
admin_put_identity(struct admin *a)
{
    struct snap_identity id = { .name = a->m.name };

    TRY(object_read_identity(httpd_body(a->c->r), &a->arena, &id, a->e));
    if (a->c->snap->authority != NULL)
        TRY(spiffe_id_allowed(a->c->snap, a->m.tenant, id.spiffe_id, a->e));
    return admin_put(a);
}

/*
 * Whoever names a log makes the service ask for its files: plain http reaches services of
 * this machine, so that is for whoever runs it.
 */
enum selfsame_code
admin_put_follow(struct admin *a)
{
    struct object_follow o;

    TRY(object_read_follow(httpd_body(a->c->r), &a->arena, &o, a->e));
    if (a->own->name[0] != '\0' && strncmp(o.log, "https://", 8) != 0)
        return admin_refuse(a, 403, SELFSAME_DENIED,
            "logs without https are followed for keys of the service itself");
    return admin_put(a);
}

enum selfsame_code
admin_put_secret(struct admin *a)
{
    const struct selfsame_bytes body = httpd_body(a->c->r);
    auto_managed d = { .about = NULL };
    uint64_t expect;

    TRY(expected(a, &expect));
    const enum selfsame_code code = manage_put_secret(&a->m, body, expect, &d);
    if (body.len > 0)
        secret_wipe((void *)(uintptr_t)body.ptr, body.len);
    TRY(code);
    return answer_written(a, &d);
}

enum selfsame_code
admin_new_key(struct admin *a)
{
    auto_managed d = { .about = NULL };

    TRY(manage_new_key(&a->m, httpd_body(a->c->r), &d));
    return answer_written(a, &d);
}

enum selfsame_code
admin_remove(struct admin *a)
{
    static const struct call_reply nothing = { .status = 204 };
    uint64_t expect;

    TRY(expected(a, &expect));
    TRY(manage_remove(&a->m, expect));
    service_changed(a->c->s);
    call_reply(a->c, &nothing);
    return SELFSAME_OK;
}

/* ---- reading ---- */

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

enum selfsame_code
admin_list(struct admin *a)
{
    struct page page;
    json_t *j = NULL;

    TRY(take_page(a, MANAGE_LIST, &page));
    TRY(manage_list(&a->m, (size_t)page.limit, page.after, &j));
    return admin_answer(a, 200, NULL, j);
}

/* Whoever has a key of a tenant sees that one. */
enum selfsame_code
admin_tenants(struct admin *a)
{
    const char *own = a->own->name[0] != '\0' ? a->own->name : NULL;
    struct page page;
    json_t *j = NULL;

    TRY(take_page(a, MANAGE_LIST, &page));
    TRY(manage_tenants(&a->m, own, (size_t)page.limit, page.after, &j));
    return admin_answer(a, 200, NULL, j);
}

static void
answer_body(struct admin *a, const struct registry_object *o)
{
    char tag[ADMIN_TAG];
    const struct httpd_header headers[] = { { "ETag", tag } };
    const bool json = o->body.len > 0 && o->body.ptr[0] == '{';

    admin_tag(o, tag);
    const struct call_reply reply = {
        .status = 200,
        .type = !json ? "text/plain; charset=utf-8" : NULL,
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

    if (httpd_query(a->c->r, "history") != NULL) {
        TRY(manage_history(&a->m, &j));
        return admin_answer(a, 200, NULL, j);
    }
    if (asked != NULL &&
        (!uint_parse(asked, strlen(asked), INT64_MAX, &version) || version == 0))
        FAIL(a->e, SELFSAME_USAGE, "version: expected a number from 1, got %.20s",
            asked);
    TRY(manage_get(&a->m, version, &o));
    if (a->m.kind == REGISTRY_KEY || a->m.kind == REGISTRY_SECRET) {
        TRY(manage_describe(&a->m, &o, &j));
        return admin_answer(a, 200, &o, j);
    }
    answer_body(a, &o);
    return SELFSAME_OK;
}

enum selfsame_code
admin_audit(struct admin *a)
{
    struct audit_seen *rows;
    struct page page;
    size_t count;

    TRY(take_page(a, AUDIT_MAX, &page));
    TRY(manage_need_tenant(&a->m));
    TRY(audit_recent(service_audit(a->c->s), a->m.tenant, (size_t)page.limit, &a->arena,
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

static void
count_objects(const struct snapshot *n, json_int_t *ret_tenants,
    json_int_t *ret_policies, json_int_t *ret_releases)
{
    for (size_t i = 0; i < n->tenant_count; i++) {
        *ret_tenants += n->tenants[i].name[0] != '\0';
        *ret_policies += (json_int_t)n->tenants[i].policy_count;
        *ret_releases += (json_int_t)n->tenants[i].release_count;
    }
}

enum selfsame_code
admin_status(struct admin *a)
{
    json_int_t tenants = 0, policies = 0, releases = 0;
    const struct snapshot *n = a->c->snap;
    struct audit *audit = service_audit(a->c->s);
    const bool healthy = audit_healthy(audit);
    char made[TIME_TEXT];

    count_objects(n, &tenants, &policies, &releases);
    time_format(n->made_ms / 1000, made);
    return admin_answer(a, 200, NULL,
        json_pack("{s:s,s:s,s:I,s:s,s:I,s:I,s:I,s:I,s:b,s:I}", "version",
            SELFSAME_VERSION, "issuer", verifier_issuer(a->c->s), "revision",
            (json_int_t)n->revision, "loaded", made, "tenants", tenants, "policies",
            policies, "releases", releases, "audit_rows", (json_int_t)audit_size(audit),
            "audit_healthy", (int)healthy, "waiting",
            (json_int_t)service_waiting(a->c->s)));
}

/* ---- dry runs ---- */

/* With the collateral of the service, as a verification would be. */
static enum selfsame_code
verify(void *ctx, const struct trial *t, const struct selfsame_policy *p,
    const struct selfsame_request *q, struct selfsame_result **ret,
    struct selfsame_err *e)
{
    const struct ask k = { .evidence = t->evidence,
        .nonce = t->nonce,
        .key = t->key,
        .report_data = t->report_data,
        .collateral = t->collateral,
        .collateral_count = t->collateral_count };

    return judge_verify(ctx, &k, p, q, ret, e);
}

enum selfsame_code
admin_dry_run(struct admin *a)
{
    const struct trial_verifier v = { verify, a->c };
    struct trial t = { .policy = BYTES_NONE };
    json_t *j = NULL;

    if (httpd_query(a->c->r, "dry_run") == NULL)
        return admin_refuse(
            a, 400, SELFSAME_USAGE, "POST tries a policy: say ?dry_run=1, or PUT it");
    TRY(manage_trial_read(&a->m, httpd_body(a->c->r), &t));
    const enum selfsame_code code = manage_try(&a->m, &t, &v, &j);
    if (code == SELFSAME_MALFORMED || code == SELFSAME_UNSUPPORTED)
        a->status = 422;
    TRY(code);
    return admin_answer(a, 200, NULL, j);
}
