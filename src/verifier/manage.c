/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/manage_parts.h"

#include "verifier/seal.h"

static enum selfsame_code
nomem(struct manage *m)
{
    FAIL(m->e, SELFSAME_NOMEM, "no memory for an object of the registry");
}

static enum selfsame_code
absent(struct manage *m)
{
    m->problem = MANAGE_ABSENT;
    FAIL(m->e, SELFSAME_USAGE, "there is no %s \"%.80s\"", registry_kind_word(m->kind),
        m->name);
}

/* ---- what is said of an object ---- */

/* Its body is nobody's to know, and a digest of it neither. */
static bool
is_hidden(enum registry_kind kind)
{
    return kind == REGISTRY_KEY || kind == REGISTRY_SECRET;
}

json_t *
manage_about(const struct registry_object *o)
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

static enum selfsame_code
public_of(struct manage *m, const struct registry_object *o, json_t **ret)
{
    struct snap_key key = { .name = o->name };
    struct snap_secret s = { .name = o->name };

    if (o->kind == REGISTRY_KEY) {
        TRY(object_read_key(o->body, m->arena, &key, m->e));
        *ret = json_pack("{s:s,s:s,s:o}", "role", role_word(key.role), "type",
            key.certificate ? "certificate" : "bearer", "expires",
            key.expires_s != 0 ? json_integer((json_int_t)key.expires_s) : json_null());
        return SELFSAME_OK;
    }
    TRY(object_read_secret(o->body, m->arena, &s, m->e));
    *ret = json_pack("{s:o,s:o,s:s,s:b,s:I}", "policies", texts(s.policies), "releases",
        texts(s.releases), "type", s.type != NULL ? s.type : "application/octet-stream",
        "warning", (int)s.warning, "size",
        (json_int_t)(s.sealed.len > SEAL_EXTRA ? s.sealed.len - SEAL_EXTRA : 0));
    return SELFSAME_OK;
}

enum selfsame_code
manage_describe(struct manage *m, const struct registry_object *o, json_t **ret)
{
    auto_json *j = manage_about(o);
    auto_json *more = NULL;

    if (j == NULL)
        return nomem(m);
    if (is_hidden(o->kind) && o->body.ptr != NULL) {
        TRY(public_of(m, o, &more));
        if (more == NULL || json_object_update(j, more) != 0)
            return nomem(m);
    }
    *ret = json_incref(j);
    return SELFSAME_OK;
}

/* ---- what there is ---- */

enum selfsame_code
manage_current(struct manage *m, struct registry_object *ret)
{
    return registry_get(m->r, m->tenant, m->kind, m->name, 0, m->arena, ret, m->e);
}

enum selfsame_code
manage_need_tenant(struct manage *m)
{
    struct registry_object o;

    if (m->tenant[0] == '\0' && m->kind != REGISTRY_KEY)
        FAIL(m->e, SELFSAME_USAGE, "the service itself has keys, and nothing else");
    if (m->tenant[0] == '\0')
        return SELFSAME_OK;
    TRY(registry_get(
        m->r, m->tenant, REGISTRY_TENANT, m->tenant, 0, m->arena, &o, m->e));
    if (o.name != NULL)
        return SELFSAME_OK;
    m->problem = MANAGE_ABSENT;
    FAIL(m->e, SELFSAME_USAGE, "there is no tenant \"%.64s\"", m->tenant);
}

enum selfsame_code
manage_get(struct manage *m, uint64_t version, struct registry_object *ret)
{
    TRY(registry_get(m->r, m->tenant, m->kind, m->name, version, m->arena, ret, m->e));
    return ret->name != NULL && ret->body.ptr != NULL ? SELFSAME_OK : absent(m);
}

/* ---- lists ---- */

static enum selfsame_code
list_of(struct manage *m, const struct registry_object *list, size_t count,
    size_t limit, const char *after, json_t **ret)
{
    auto_json *items = json_array();
    const char *next = NULL, *last = "";

    for (size_t i = 0; items != NULL && i < count; i++) {
        json_t *one = NULL;

        if (after != NULL && strcmp(list[i].name, after) <= 0)
            continue;
        if (json_array_size(items) == limit) {
            next = last;
            break;
        }
        TRY(manage_describe(m, &list[i], &one));
        if (json_array_append_new(items, one) != 0)
            return nomem(m);
        last = list[i].name;
    }
    *ret = items != NULL ? json_pack("{s:O,s:s?}", "items", items, "next", next) : NULL;
    return *ret != NULL ? SELFSAME_OK : nomem(m);
}

enum selfsame_code
manage_list(struct manage *m, size_t limit, const char *after, json_t **ret)
{
    struct registry_object *list;
    size_t count;

    TRY(manage_need_tenant(m));
    TRY(registry_list(
        m->r, m->tenant, m->kind, is_hidden(m->kind), m->arena, &list, &count, m->e));
    return list_of(m, list, count, limit, after, ret);
}

enum selfsame_code
manage_tenants(
    struct manage *m, const char *only, size_t limit, const char *after, json_t **ret)
{
    struct registry_object *all, *list;
    size_t count, n = 0;
    uint64_t revision;

    TRY(registry_load(m->r, m->arena, &all, &count, &revision, m->e));
    list = ARENA_NEW(m->arena, struct registry_object, count + 1);
    if (list == NULL)
        return nomem(m);
    for (size_t i = 0; i < count; i++)
        if (all[i].kind == REGISTRY_TENANT &&
            (only == NULL || strcmp(all[i].name, only) == 0))
            list[n++] = all[i];
    return list_of(m, list, n, limit, after, ret);
}

enum selfsame_code
manage_history(struct manage *m, json_t **ret)
{
    struct registry_object *list;
    size_t count;

    TRY(registry_history(
        m->r, m->tenant, m->kind, m->name, m->arena, &list, &count, m->e));
    if (count == 0)
        return absent(m);
    auto_json *items = json_array();
    for (size_t i = 0; items != NULL && i < count && i < MANAGE_LIST; i++) {
        json_t *one = manage_about(&list[i]);
        /* A removal is a version without a body. */
        const bool removed = bytes_is_zero(BYTES_ARR(list[i].digest));

        if (one == NULL ||
            json_object_set_new(one, "removed", json_boolean(removed)) != 0 ||
            json_array_append_new(items, one) != 0)
            return nomem(m);
    }
    *ret = items != NULL ? json_pack("{s:O}", "versions", items) : NULL;
    return *ret != NULL ? SELFSAME_OK : nomem(m);
}

/* ---- writing ---- */

void
managed_free(struct managed *d)
{
    json_decref(d->about);
    d->about = NULL;
}

static struct registry_object
object_of(const struct manage *m, struct selfsame_bytes body)
{
    return (struct registry_object){
        .tenant = m->tenant,
        .kind = m->kind,
        .name = m->name,
        .created_ms = m->now_ms,
        .author = m->author,
        .body = body,
    };
}

static enum selfsame_code
check_release(struct manage *m, struct selfsame_bytes body, json_t **ret_more)
{
    struct registry_object *list;
    struct vouched v;
    size_t count, i;

    TRY(registry_list(
        m->r, m->tenant, REGISTRY_POLICY, true, m->arena, &list, &count, m->e));
    TRY(vouch_release(list, count, body, m->now_ms, m->arena, &v, m->e));
    TRY(registry_list(
        m->r, m->tenant, REGISTRY_RELEASE, false, m->arena, &list, &count, m->e));
    for (i = 0; i < count && strcmp(list[i].name, m->name) != 0; i++)
        ;
    if (i == count && count >= MANAGE_RELEASES)
        FAIL(m->e, SELFSAME_USAGE,
            "the tenant has %zu releases, and no more are kept: remove old ones",
            count);
    *ret_more = json_pack("{s:s,s:s,s:s*,s:I}", "policy", v.policy, "release",
        v.release, "release_version", v.version, "sequence", (json_int_t)v.sequence);
    return *ret_more != NULL ? SELFSAME_OK : nomem(m);
}

static enum selfsame_code
check_policy(struct manage *m, struct selfsame_bytes body, json_t **ret_more)
{
    struct selfsame_policy *p = NULL;
    json_t *warnings = NULL;

    TRY(selfsame_policy_parse(body, &p, m->e));
    const enum selfsame_code code = manage_warnings(m, p, &warnings);
    selfsame_policy_free(p);
    TRY(code);
    *ret_more = json_pack("{s:o}", "warnings", warnings);
    return *ret_more != NULL ? SELFSAME_OK : nomem(m);
}

/*
 * A certificate is public: whoever could claim that of another tenant would take its
 * calls over. So each is of one key.
 */
static enum selfsame_code
check_key(struct manage *m, struct selfsame_bytes body)
{
    struct snap_key key = { .name = m->name }, other = { .name = NULL };
    struct registry_object *all;
    uint64_t revision;
    size_t count;

    TRY(object_read_key(body, m->arena, &key, m->e));
    TRY(registry_load(m->r, m->arena, &all, &count, &revision, m->e));
    for (size_t i = 0; i < count; i++) {
        struct selfsame_err ignored = { 0 };

        if (all[i].kind != REGISTRY_KEY ||
            (strcmp(all[i].tenant, m->tenant) == 0 &&
                strcmp(all[i].name, m->name) == 0) ||
            object_read_key(all[i].body, m->arena, &other, &ignored) != SELFSAME_OK ||
            other.certificate != key.certificate ||
            !bytes_eq(BYTES_ARR(other.sha256), BYTES_ARR(key.sha256)))
            continue;
        m->problem = MANAGE_THERE;
        FAIL(m->e, SELFSAME_USAGE, "another key has this hash already");
    }
    return SELFSAME_OK;
}

static enum selfsame_code
check_further(struct manage *m, struct selfsame_bytes body, json_t **ret_more)
{
    switch (m->kind) {
    case REGISTRY_POLICY: return check_policy(m, body, ret_more);
    case REGISTRY_RELEASE: return check_release(m, body, ret_more);
    case REGISTRY_KEY: return check_key(m, body);
    default: return SELFSAME_OK;
    }
}

enum selfsame_code
manage_written(
    struct manage *m, uint64_t version, bool created, json_t *more, struct managed *ret)
{
    struct managed d = { .created = created };

    if (version != 0)
        TRY(manage_current(m, &d.now));
    if (d.now.name == NULL) {
        m->problem = MANAGE_OTHER;
        FAIL(m->e, SELFSAME_STALE,
            "another version was written at the same time: read it and try again");
    }
    d.about = manage_about(&d.now);
    if (d.about == NULL || (more != NULL && json_object_update(d.about, more) != 0)) {
        json_decref(d.about);
        return nomem(m);
    }
    *ret = d;
    return SELFSAME_OK;
}

enum selfsame_code
manage_put(
    struct manage *m, struct selfsame_bytes body, uint64_t expect, struct managed *ret)
{
    const struct registry_object o = object_of(m, body);
    struct registry_object before;
    auto_json *more = NULL;
    uint64_t version;

    if (body.ptr == NULL)
        FAIL(m->e, SELFSAME_USAGE, "expected a %s, got nothing",
            registry_kind_word(m->kind));
    if (m->kind != REGISTRY_TENANT)
        TRY(manage_need_tenant(m));
    TRY(object_check(&o, m->e));
    TRY(check_further(m, body, &more));
    TRY(manage_current(m, &before));
    TRY(registry_put(m->r, &o, expect, &version, m->e));
    return manage_written(m, version, before.name == NULL, more, ret);
}

enum selfsame_code
manage_remove(struct manage *m, uint64_t expect)
{
    const struct registry_object o = object_of(m, BYTES_NONE);
    struct registry_object now;
    bool removed;

    if (m->kind != REGISTRY_TENANT)
        TRY(manage_need_tenant(m));
    TRY(registry_remove_version(m->r, &o, expect, &removed, m->e));
    if (removed)
        return SELFSAME_OK;
    TRY(manage_current(m, &now));
    if (now.name == NULL && expect == REGISTRY_ANY)
        return absent(m);
    m->problem = MANAGE_OTHER;
    FAIL(m->e, SELFSAME_STALE, "there is another version than was expected");
}
