/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds while a request is served. A snapshot never changes: a change makes another
 * one, and who has the former goes on with it. Policies come with their releases opened,
 * keys in an order in which they are found.
 */
#include "verifier/snapshot.h"

#include "verifier/authority.h"
#include "verifier/vouch.h"

#include <stdio.h>
#include <stdlib.h>

enum { SNAPSHOT_ARENA = 1 << 30 };

/* ---- its life ---- */

void
snapshot_free(struct snapshot *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->tenant_count; i++)
        for (size_t k = 0; k < n->tenants[i].policy_count; k++)
            selfsame_policy_free(n->tenants[i].policies[k].policy);
    selfsame_verifier_free(n->verifier);
    signing_free(&n->signing);
    authority_free(&n->authority);
    arena_free(&n->arena);
    free(n);
}

void
snapshot_drop(struct snapshot *n)
{
    if (n != NULL && atomic_fetch_sub(&n->refs, 1) == 1)
        snapshot_free(n);
}

/* ---- looking things up ---- */

const struct snap_tenant *
snapshot_tenant(const struct snapshot *n, const char *name)
{
    size_t low = 0, high = n->tenant_count;

    while (low < high) {
        const size_t mid = (low + high) / 2;
        const int order = strcmp(n->tenants[mid].name, name);

        if (order == 0)
            return &n->tenants[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const struct snap_policy *
tenant_policy(const struct snap_tenant *t, const char *name)
{
    for (size_t i = 0; i < t->policy_count; i++)
        if (strcmp(t->policies[i].name, name) == 0)
            return &t->policies[i];
    return NULL;
}

const struct snap_audience *
tenant_audience(const struct snap_tenant *t, const char *name)
{
    for (size_t i = 0; i < t->audience_count; i++)
        if (strcmp(t->audiences[i].name, name) == 0)
            return &t->audiences[i];
    return NULL;
}

/*
 * A bearer key of the same 32 bytes as a certificate is another key: fingerprints are
 * public, and whoever registers one as a hash must not stand in its way.
 */
static int
key_order(const struct snap_key *k, const uint8_t sha256[static 32], bool certificate)
{
    const int order = bytes_cmp(BYTES_ARR(k->sha256), BYTES(sha256, 32));

    return order != 0 ? order : (int)k->certificate - (int)certificate;
}

static int
compare_callers(const void *a, const void *b)
{
    const struct snap_caller *x = a, *y = b;

    return key_order(x->key, y->key->sha256, y->key->certificate);
}

/* The hash of a key of 256 random bits tells nothing by how long it is looked for. */
const struct snap_caller *
snapshot_caller(
    const struct snapshot *n, const uint8_t sha256[static 32], bool certificate)
{
    size_t low = 0, high = n->caller_count;

    while (low < high) {
        const size_t mid = (low + high) / 2;
        const struct snap_caller *c = &n->callers[mid];
        const int order = key_order(c->key, sha256, certificate);

        if (order == 0)
            return c;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* ---- making one ---- */

struct making {
    struct verifier_service *s;
    struct snapshot *n;
    const struct registry_object *objects; /* by tenant, kind, name */
    size_t count;
    int64_t now_ms;
    struct selfsame_err *e;
};

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory for a snapshot");
}

/* Left out, and told: one bad object must not take the service from everybody. */
static void
tell_bad(
    struct making *m, const struct registry_object *o, const struct selfsame_err *e)
{
    char line[512], why[300];

    (void)selfsame_err_print(e, why, sizeof(why));
    (void)snprintf(line, sizeof(line), "%s %s of tenant \"%s\" is left out: %s",
        registry_kind_word(o->kind), o->name, o->tenant, why);
    service_tell(m->s, "object", line);
}

static size_t
count_of(const struct making *m, size_t from, size_t to, enum registry_kind kind)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++)
        n += m->objects[i].kind == kind;
    return n;
}

/* Those of the tenant that may be of the policy; more than it takes are told. */
static enum selfsame_code
open_releases(struct making *m, size_t from, size_t to, struct selfsame_policy *p,
    const struct registry_object *o, struct selfsame_err *e)
{
    size_t left_out = 0;
    char line[512];

    TRY(releases_open_for(p, m->objects + from, to - from, m->now_ms, &left_out, e));
    if (left_out == 0)
        return SELFSAME_OK;
    (void)snprintf(line, sizeof(line),
        "policy %s of tenant \"%s\": its %zu oldest releases are left out: remove them",
        o->name, o->tenant, left_out);
    service_tell(m->s, "warning", line);
    return SELFSAME_OK;
}

static enum selfsame_code
add_policy(struct making *m, size_t from, size_t to, struct snap_tenant *t,
    const struct registry_object *o, struct selfsame_err *e)
{
    struct snap_policy *p = &t->policies[t->policy_count];
    struct selfsame_policy *policy = NULL;
    char hex[65];

    TRY(selfsame_policy_parse(o->body, &policy, e));
    enum selfsame_code code = open_releases(m, from, to, policy, o, e);
    if (code != SELFSAME_OK) {
        selfsame_policy_free(policy);
        return code;
    }
    hex_encode(BYTES_ARR(o->digest), hex);
    *p = (struct snap_policy){
        .name = o->name, .version = o->version, .policy = policy, .text = o->body
    };
    memcpy(p->digest, o->digest, sizeof(p->digest));
    (void)snprintf(p->id, sizeof(p->id), "%s/%s@sha256:%s", t->name, o->name, hex);
    t->policy_count++;
    return SELFSAME_OK;
}

static enum selfsame_code
add_object(struct making *m, size_t from, size_t to, struct snap_tenant *t,
    const struct registry_object *o, struct selfsame_err *e)
{
    struct arena *arena = &m->n->arena;
    struct snap_key *key = &t->keys[t->key_count];
    struct snap_audience *audience = &t->audiences[t->audience_count];
    struct snap_secret *secret = &t->secrets[t->secret_count];
    struct snap_identity *identity = &t->identities[t->identity_count];

    switch (o->kind) {
    case REGISTRY_TENANT: return object_read_tenant(o->body, arena, t, e);
    case REGISTRY_POLICY: return add_policy(m, from, to, t, o, e);
    case REGISTRY_KEY:
        key->name = o->name;
        TRY(object_read_key(o->body, arena, key, e));
        t->key_count++;
        return SELFSAME_OK;
    case REGISTRY_AUDIENCE:
        audience->name = o->name;
        TRY(object_read_audience(o->body, arena, audience, e));
        t->audience_count++;
        return SELFSAME_OK;
    case REGISTRY_SECRET:
        secret->name = o->name;
        secret->version = o->version;
        TRY(object_read_secret(o->body, arena, secret, e));
        t->secret_count++;
        return SELFSAME_OK;
    case REGISTRY_IDENTITY:
        identity->name = o->name;
        TRY(object_read_identity(o->body, arena, identity, e));
        t->identity_count++;
        return SELFSAME_OK;
    case REGISTRY_RELEASE: t->release_count++; return SELFSAME_OK;
    case REGISTRY_FOLLOW:
    case REGISTRY_KINDS: break;
    }
    return SELFSAME_OK;
}

/* Objects [from, to) are of one tenant. */
static enum selfsame_code
add_tenant(struct making *m, size_t from, size_t to)
{
    struct snap_tenant *t = &m->n->tenants[m->n->tenant_count];
    struct arena *arena = &m->n->arena;

    *t = (struct snap_tenant){
        .name = m->objects[from].tenant,
        .token_life_s = 300,
        .policies = ARENA_NEW(
            arena, struct snap_policy, count_of(m, from, to, REGISTRY_POLICY) + 1),
        .keys = ARENA_NEW(
            arena, struct snap_key, count_of(m, from, to, REGISTRY_KEY) + 1),
        .audiences = ARENA_NEW(
            arena, struct snap_audience, count_of(m, from, to, REGISTRY_AUDIENCE) + 1),
        .secrets = ARENA_NEW(
            arena, struct snap_secret, count_of(m, from, to, REGISTRY_SECRET) + 1),
        .identities = ARENA_NEW(
            arena, struct snap_identity, count_of(m, from, to, REGISTRY_IDENTITY) + 1),
    };
    if (t->policies == NULL || t->keys == NULL || t->audiences == NULL ||
        t->secrets == NULL || t->identities == NULL)
        return nomem(m->e);
    m->n->tenant_count++;
    for (size_t i = from; i < to; i++) {
        struct selfsame_err e = { 0 };
        const enum selfsame_code code = add_object(m, from, to, t, &m->objects[i], &e);

        if (code == SELFSAME_NOMEM)
            return nomem(m->e);
        if (code != SELFSAME_OK)
            tell_bad(m, &m->objects[i], &e);
    }
    return SELFSAME_OK;
}

static int
compare_objects(const void *a, const void *b)
{
    const struct registry_object *x = a, *y = b;
    const int tenant = strcmp(x->tenant, y->tenant);

    if (tenant != 0)
        return tenant;
    return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->name, y->name);
}

static enum selfsame_code
copy_objects(struct making *m, struct registry_object **ret)
{
    struct arena *arena = &m->n->arena;
    struct registry_object *own = ARENA_NEW(
        arena, struct registry_object, m->count + 1);

    for (size_t i = 0; own != NULL && i < m->count; i++) {
        own[i] = m->objects[i];
        own[i].tenant = arena_str(arena, bytes_str(m->objects[i].tenant));
        own[i].name = arena_str(arena, bytes_str(m->objects[i].name));
        if (own[i].tenant == NULL || own[i].name == NULL ||
            !arena_dup(arena, m->objects[i].body, &own[i].body))
            return nomem(m->e);
    }
    if (own == NULL)
        return nomem(m->e);
    qsort(own, m->count, sizeof(*own), compare_objects);
    *ret = own;
    return SELFSAME_OK;
}

static enum selfsame_code
list_callers(struct making *m)
{
    struct snapshot *n = m->n;
    size_t count = 0;

    for (size_t i = 0; i < n->tenant_count; i++)
        count += n->tenants[i].key_count;
    n->callers = ARENA_NEW(&n->arena, struct snap_caller, count + 1);
    if (n->callers == NULL)
        return nomem(m->e);
    for (size_t i = 0; i < n->tenant_count; i++)
        for (size_t k = 0; k < n->tenants[i].key_count; k++)
            n->callers[n->caller_count++] = (struct snap_caller){
                .tenant = &n->tenants[i], .key = &n->tenants[i].keys[k]
            };
    qsort(n->callers, count, sizeof(*n->callers), compare_callers);
    return SELFSAME_OK;
}

static enum selfsame_code
fill(struct making *m)
{
    struct registry_object *own = NULL;

    TRY(copy_objects(m, &own));
    m->objects = own;
    m->n->tenants = ARENA_NEW(&m->n->arena, struct snap_tenant, m->count + 1);
    if (m->n->tenants == NULL)
        return nomem(m->e);
    for (size_t from = 0, to; from < m->count; from = to) {
        for (to = from + 1;
             to < m->count && strcmp(own[to].tenant, own[from].tenant) == 0; to++)
            ;
        TRY(add_tenant(m, from, to));
    }
    return list_callers(m);
}

enum selfsame_code
snapshot_make(struct verifier_service *s, const struct registry_object *objects,
    size_t count, uint64_t revision, struct snapshot **ret, struct selfsame_err *e)
{
    struct snapshot *n = calloc(1, sizeof(*n));
    struct making m = { s, n, objects, count, service_now_ms(s), e };

    if (n == NULL)
        return nomem(e);
    n->arena = arena_new(SNAPSHOT_ARENA);
    atomic_init(&n->refs, 1);
    n->revision = revision;
    n->made_ms = m.now_ms;
    enum selfsame_code code = fill(&m);
    if (code != SELFSAME_OK) {
        snapshot_free(n);
        return code;
    }
    *ret = n;
    return SELFSAME_OK;
}
