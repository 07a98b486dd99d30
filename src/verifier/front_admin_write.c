/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/front_admin.h"

#include "verifier/identity.h"
#include "verifier/seal.h"
#include "verifier/verifier.h"
#include "verifier/vouch.h"

#include <stdio.h>
#include <stdlib.h>

enum { TENANT_RELEASES = 512 }; /* of a tenant */

/* ---- conditions: two writers do not undo each other ---- */

/* Is this tag among those of the header? A weak one is none (RFC 9110 §13.1.1). */
static bool
has_tag(const char *header, const char *tag)
{
    for (const char *at = header; (at = strstr(at, tag)) != NULL; at++)
        if (at == header || (at[-1] != '/' && at[-1] != '"'))
            return true;
    return false;
}

/* What registry_put is to expect. `now`: what is there. */
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
    if (good)
        return SELFSAME_OK;
    return admin_refuse(a, 412, SELFSAME_STALE,
        now->name != NULL ? "there is another version than the request expects"
                          : "there is none, and the request expects one");
}

static enum selfsame_code
check_written(struct admin *a, uint64_t version)
{
    if (version != 0)
        return SELFSAME_OK;
    return admin_refuse(a, 412, SELFSAME_STALE,
        "another version was written at the same time: read it and try again");
}

/* ---- writing ---- */

static const char *
author(struct admin *a)
{
    const char *text = arena_printf(&a->arena, "%s/%s",
        a->own->name[0] != '\0' ? a->own->name : "-", a->c->key->name);

    return text != NULL ? text : a->c->key->name;
}

static struct registry_object
object_of(struct admin *a, struct selfsame_bytes body)
{
    return (struct registry_object){
        .tenant = a->tenant,
        .kind = a->kind,
        .name = a->name,
        .created_ms = a->c->now_ms,
        .author = author(a),
        .body = body,
    };
}

/* 200 or 201 with what is said of it and `more`, which is taken over; or NULL. */
static enum selfsame_code
answer_written(struct admin *a, bool created, json_t *more)
{
    auto_json *extra = more;
    auto_json *j = NULL;
    struct registry_object o;

    service_changed(a->c->s);
    TRY(admin_current(a, &o));
    if (o.name == NULL)
        return admin_refuse(a, 412, SELFSAME_STALE, "it was removed at the same time");
    j = admin_about(&o);
    if (j == NULL || (extra != NULL && json_object_update(j, extra) != 0))
        FAIL(a->e, SELFSAME_NOMEM, "no memory to answer");
    return admin_answer(a, created ? 201 : 200, &o, json_incref(j));
}

/* What is looked at besides the form, and told of it. */
static enum selfsame_code
check_release(struct admin *a, struct selfsame_bytes body, json_t **ret_more)
{
    struct registry_object *list;
    struct vouched v;
    size_t count, i;

    TRY(registry_list(a->c->registry, a->tenant, REGISTRY_POLICY, true, &a->arena,
        &list, &count, a->e));
    TRY(vouch_release(list, count, body, a->c->now_ms, &a->arena, &v, a->e));
    TRY(registry_list(a->c->registry, a->tenant, REGISTRY_RELEASE, false, &a->arena,
        &list, &count, a->e));
    for (i = 0; i < count && strcmp(list[i].name, a->name) != 0; i++)
        ;
    if (i == count && count >= TENANT_RELEASES)
        FAIL(a->e, SELFSAME_USAGE,
            "the tenant has %zu releases, and no more are kept: remove old ones",
            count);
    *ret_more = json_pack("{s:s,s:s,s:s*,s:I}", "policy", v.policy, "release",
        v.release, "release_version", v.version, "sequence", (json_int_t)v.sequence);
    return SELFSAME_OK;
}

static enum selfsame_code
check_identity(struct admin *a, struct selfsame_bytes body)
{
    struct snap_identity id = { .name = a->name };

    TRY(object_read_identity(body, &a->arena, &id, a->e));
    if (a->c->snap->authority == NULL)
        return SELFSAME_OK; /* it stands in tokens alone */
    return spiffe_id_allowed(a->c->snap, a->tenant, id.spiffe_id, a->e);
}

static enum selfsame_code
check_further(struct admin *a, struct selfsame_bytes body, json_t **ret_more)
{
    switch (a->kind) {
    case REGISTRY_POLICY: {
        json_t *warnings = NULL;

        TRY(admin_warnings(a, body, &warnings));
        *ret_more = json_pack("{s:o}", "warnings", warnings);
        return SELFSAME_OK;
    }
    case REGISTRY_RELEASE: return check_release(a, body, ret_more);
    case REGISTRY_IDENTITY: return check_identity(a, body);
    default: return SELFSAME_OK;
    }
}

static enum selfsame_code
put_body(struct admin *a, struct selfsame_bytes body)
{
    const struct registry_object o = object_of(a, body);
    struct registry_object now;
    auto_json *more = NULL;
    uint64_t expect, version;

    if (body.ptr == NULL)
        FAIL(a->e, SELFSAME_USAGE, "expected a body, got none");
    if (a->kind != REGISTRY_TENANT)
        TRY(admin_need_tenant(a));
    TRY(admin_current(a, &now));
    if (a->kind == REGISTRY_TENANT && now.name == NULL && a->own->name[0] != '\0')
        return admin_refuse(
            a, 403, SELFSAME_DENIED, "tenants are made by keys of the service itself");
    TRY(precondition(a, &now, &expect));
    TRY(object_check(&o, a->e));
    TRY(check_further(a, body, &more));
    TRY(registry_put(a->c->registry, &o, expect, &version, a->e));
    TRY(check_written(a, version));
    return answer_written(a, now.name == NULL, json_incref(more));
}

enum selfsame_code
admin_put(struct admin *a)
{
    return put_body(a, httpd_body(a->c->r));
}

enum selfsame_code
admin_remove(struct admin *a)
{
    const struct registry_object o = object_of(a, BYTES_NONE);
    struct registry_object now;
    uint64_t ignored;
    bool removed;

    if (a->kind != REGISTRY_TENANT)
        TRY(admin_need_tenant(a));
    TRY(admin_current(a, &now));
    TRY(precondition(a, &now, &ignored));
    TRY(registry_remove(a->c->registry, &o, &removed, a->e));
    if (!removed)
        return admin_refuse(a, 404, SELFSAME_USAGE, "there is no %s \"%.80s\"",
            registry_kind_word(a->kind), a->name);
    service_changed(a->c->s);
    const struct call_reply reply = { .status = 204 };
    call_reply(a->c, &reply);
    return SELFSAME_OK;
}

/* ---- keys ---- */

/*
 * A certificate is public: a tenant that could claim that of another one would take its
 * calls over. So those are given by whoever runs the service, each to one tenant.
 */
static enum selfsame_code
check_certificate(struct admin *a, const struct snap_key *key)
{
    const struct snapshot *n = a->c->snap;

    if (a->own->name[0] != '\0')
        return admin_refuse(a, 403, SELFSAME_DENIED,
            "client certificates are added by keys of the service itself");
    for (size_t i = 0; i < n->caller_count; i++) {
        const struct snap_caller *c = &n->callers[i];

        if (c->key->certificate &&
            bytes_eq(BYTES_ARR(c->key->sha256), BYTES_ARR(key->sha256)) &&
            (strcmp(c->tenant->name, a->tenant) != 0 ||
                strcmp(c->key->name, a->name) != 0))
            return admin_refuse(a, 409, SELFSAME_USAGE,
                "the certificate is that of the key \"%.80s\" of tenant \"%.64s\"",
                c->key->name, c->tenant->name);
    }
    return SELFSAME_OK;
}

enum selfsame_code
admin_put_key(struct admin *a)
{
    const struct selfsame_bytes body = httpd_body(a->c->r);
    struct snap_key key = { .name = a->name };

    TRY(object_read_key(body, &a->arena, &key, a->e));
    if (key.certificate)
        TRY(check_certificate(a, &key));
    return put_body(a, body);
}

/* {"role":…,"expires":S|null} */
static enum selfsame_code
key_wish(struct admin *a, const char **ret_role, json_int_t *ret_expires)
{
    auto_json *j = NULL;
    const char *name;
    json_t *v;

    enum selfsame_code code = json_parse(httpd_body(a->c->r), "the request", &j, a->e);
    if (code == SELFSAME_MALFORMED)
        code = a->e->code = SELFSAME_USAGE;
    TRY(code);
    json_object_foreach(j, name, v)
    {
        if (strcmp(name, "role") != 0 && strcmp(name, "expires") != 0)
            FAIL(a->e, SELFSAME_USAGE, "no such member: %.60s", name);
    }
    const enum role role = role_of(json_is_string(json_object_get(j, "role"))
                                       ? json_string_value(json_object_get(j, "role"))
                                       : "");
    if (role == ROLE_NONE)
        FAIL(a->e, SELFSAME_USAGE,
            "role: expected attester, relying-party, auditor or admin");
    *ret_role = role_word(role);
    v = json_object_get(j, "expires");
    if (v != NULL && !json_is_null(v) &&
        (!json_is_integer(v) || json_integer_value(v) > INT64_MAX / 1000 ||
            json_integer_value(v) * 1000 <= a->c->now_ms))
        FAIL(a->e, SELFSAME_USAGE, "expires: expected seconds since 1970, to come");
    *ret_expires = json_integer_value(v);
    return SELFSAME_OK;
}

/* The text of the key leaves once, in this answer. */
enum selfsame_code
admin_new_key(struct admin *a)
{
    const char *role, *body;
    struct registry_object o;
    json_int_t expires = 0;
    uint64_t version;
    char hash[65];
    char *text;

    TRY(key_wish(a, &role, &expires));
    TRY(admin_need_tenant(a));
    TRY(verifier_key_new(&a->arena, &text, hash, a->e));
    body = expires != 0 ? arena_printf(&a->arena,
                              "{\"role\":\"%s\",\"sha256\":\"%s\",\"expires\":%lld}",
                              role, hash, (long long)expires)
                        : arena_printf(&a->arena, "{\"role\":\"%s\",\"sha256\":\"%s\"}",
                              role, hash);
    if (body == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory for an API key");
    o = object_of(a, bytes_str(body));
    TRY(registry_put(a->c->registry, &o, 0, &version, a->e));
    if (version == 0)
        return admin_refuse(
            a, 409, SELFSAME_USAGE, "there is a key \"%.80s\" already", a->name);
    json_t *more = json_pack("{s:s,s:s}", "role", role, "key", text);
    secret_wipe(text, strlen(text));
    return answer_written(a, true, more);
}

/* ---- secrets ---- */

static enum selfsame_code
value_of(struct admin *a, const json_t *j, struct selfsame_bytes *ret)
{
    const char *text = json_string_value(json_object_get(j, "value"));
    const size_t len = text != NULL ? strlen(text) : 0;
    uint8_t *out = arena_alloc(&a->arena, 1, len + 1);
    size_t got;

    if (out == NULL)
        FAIL(a->e, SELFSAME_NOMEM, "no memory for a secret");
    if (text == NULL || !base64_decode(text, len, false, out, len + 1, &got) ||
        got == 0 || got > SECRET_MAX)
        FAIL(a->e, SELFSAME_USAGE, "value: expected 1 to %d bytes in base64",
            (int)SECRET_MAX);
    *ret = BYTES(out, got);
    return SELFSAME_OK;
}

/* The request without its value is an object of the registry without what is sealed. */
static enum selfsame_code
read_conditions(struct admin *a, const json_t *j, struct snap_secret *ret)
{
    auto_json *rest = json_copy((json_t *)(uintptr_t)j);
    enum selfsame_code code = SELFSAME_NOMEM;
    char *text = NULL;

    if (json_object_get(j, "sealed") != NULL)
        FAIL(a->e, SELFSAME_USAGE, "no such member: sealed");
    (void)json_object_del(rest, "value");
    if (rest != NULL && json_object_set_new(rest, "sealed", json_string("")) == 0)
        text = json_compact(rest);
    if (text == NULL)
        (void)err_set(a->e, code, __FILE__, __LINE__, "no memory for a secret");
    else
        code = object_read_secret(bytes_str(text), &a->arena, ret, a->e);
    free(text);
    return code;
}

static enum selfsame_code
secret_said(struct admin *a, const json_t *j, struct secret_said *ret)
{
    struct snap_secret s = { .name = a->name };

    if (!json_is_object(j))
        FAIL(a->e, SELFSAME_USAGE, "secret: expected an object");
    TRY(read_conditions(a, j, &s));
    *ret = (struct secret_said){
        .tenant = a->tenant,
        .name = a->name,
        .author = author(a),
        .policies = s.policies,
        .releases = s.releases,
        .type = s.type,
        .warning = s.warning,
        .now_ms = a->c->now_ms,
    };
    return value_of(a, j, &ret->plain);
}

static enum selfsame_code
put_secret(struct admin *a, const struct secret_said *said, bool *ret_created)
{
    struct registry_object now;
    uint64_t expect, version;

    TRY(admin_need_tenant(a));
    TRY(admin_current(a, &now));
    TRY(precondition(a, &now, &expect));
    TRY(secret_put(
        a->c->registry, service_secrets_key(a->c->s), said, expect, &version, a->e));
    *ret_created = now.name == NULL;
    return check_written(a, version);
}

/* Nothing of it stays in the memory of the process. */
static void
forget(struct admin *a, const json_t *j, const struct secret_said *said)
{
    const char *text = json_string_value(json_object_get(j, "value"));
    const struct selfsame_bytes body = httpd_body(a->c->r);

    if (text != NULL)
        secret_wipe((void *)(uintptr_t)text, strlen(text));
    if (said->plain.len > 0)
        secret_wipe((void *)(uintptr_t)said->plain.ptr, said->plain.len);
    if (body.len > 0)
        secret_wipe((void *)(uintptr_t)body.ptr, body.len);
}

enum selfsame_code
admin_put_secret(struct admin *a)
{
    struct secret_said said = { .tenant = NULL };
    auto_json *j = NULL;
    bool created = false;

    enum selfsame_code code = json_parse(httpd_body(a->c->r), "the request", &j, a->e);
    if (code == SELFSAME_MALFORMED)
        code = a->e->code = SELFSAME_USAGE;
    TRY(code);
    code = secret_said(a, j, &said);
    if (code == SELFSAME_OK)
        code = put_secret(a, &said, &created);
    forget(a, j, &said);
    return code == SELFSAME_OK ? answer_written(a, created, NULL) : code;
}
