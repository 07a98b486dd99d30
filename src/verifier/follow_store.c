/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/follow.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATEMENT_ARENA = 4 << 20 };

/* ---- what the tenant has of it ---- */

struct held {
    const struct registry_object *o;
    enum statement_kind kind;
    uint64_t sequence;
    uint8_t sha256[32]; /* of the statement; of a rebuild: of what was rebuilt */
    const char *version;
};
struct storing {
    struct manage *m;
    const struct object_follow *o;
    struct held *held; /* of the name, by whoever wrote them */
    size_t count;
    struct registry_object *policies;
    size_t policy_count;
    size_t written;
};

static enum selfsame_code
nomem(struct storing *s)
{
    FAIL(s->m->e, SELFSAME_NOMEM, "no memory for releases");
}

static bool
read_held(struct storing *s, const struct registry_object *o, struct held *ret)
{
    auto_arena arena = arena_new(STATEMENT_ARENA);
    struct selfsame_err ignored = { 0 };
    struct envelope envelope;
    struct statement t;
    struct log_proof p;

    if (proof_parse(o->body, &arena, &p, &ignored) != SELFSAME_OK || !p.has_extra ||
        statement_of_envelope(p.extra, &arena, &envelope, &t, &ignored) != SELFSAME_OK)
        return false;
    *ret = (struct held){ .o = o, .kind = t.kind };
    switch (t.kind) {
    case STATEMENT_RELEASE:
        ret->sequence = t.release.sequence;
        ret->version = arena_str(s->m->arena, bytes_str(t.release.version));
        memcpy(ret->sha256, t.sha256, sizeof(ret->sha256));
        return strcmp(t.release.name, s->o->release) == 0;
    case STATEMENT_INDEX:
        ret->sequence = t.index.sequence;
        return strcmp(t.index.name, s->o->release) == 0;
    case STATEMENT_REBUILD:
        memcpy(ret->sha256, t.rebuild.statement, sizeof(ret->sha256));
        return true;
    }
    return false;
}

static enum selfsame_code
list_held(struct storing *s)
{
    struct manage *m = s->m;
    struct registry_object *all;
    size_t count;

    TRY(registry_list(
        m->r, m->tenant, REGISTRY_RELEASE, true, m->arena, &all, &count, m->e));
    s->held = ARENA_NEW(m->arena, struct held, count + 1);
    if (s->held == NULL)
        return nomem(s);
    s->count = 0;
    for (size_t i = 0; i < count; i++)
        s->count += read_held(s, &all[i], &s->held[s->count]);
    return SELFSAME_OK;
}

static const struct held *
held_release(const struct storing *s, const uint8_t sha256[static 32])
{
    for (size_t i = 0; i < s->count; i++)
        if (s->held[i].kind == STATEMENT_RELEASE &&
            bytes_eq(BYTES_ARR(s->held[i].sha256), BYTES(sha256, 32)))
            return &s->held[i];
    return NULL;
}

/* ---- writing ---- */

static enum selfsame_code
put(struct storing *s, const char *name, const char *proof, uint64_t expect)
{
    struct manage *m = s->m;
    const struct registry_object o = { .tenant = m->tenant,
        .kind = REGISTRY_RELEASE,
        .name = name,
        .created_ms = m->now_ms,
        .author = m->author,
        .body = bytes_str(proof) };
    uint64_t version = 0;

    if (name == NULL)
        return nomem(s);
    TRY(registry_put(m->r, &o, expect, &version, m->e));
    s->written += version != 0;
    return SELFSAME_OK;
}

/* Another replica may have written it, or somebody removed it: both are left as they are. */
static enum selfsame_code
put_once(struct storing *s, const char *name, const char *proof)
{
    struct registry_object *history;
    size_t count;

    if (name == NULL)
        return nomem(s);
    TRY(registry_history(s->m->r, s->m->tenant, REGISTRY_RELEASE, name, s->m->arena,
        &history, &count, s->m->e));
    return count == 0 ? put(s, name, proof, 0) : SELFSAME_OK;
}

static enum selfsame_code
store_index(struct storing *s, const struct found *x)
{
    const char *name = arena_printf(s->m->arena, "%s@index+%s", s->o->release, x->key);
    uint64_t expect = 0;

    for (size_t i = 0; name != NULL && i < s->count; i++) {
        if (strcmp(s->held[i].o->name, name) != 0)
            continue;
        if (s->held[i].kind == STATEMENT_INDEX && s->held[i].sequence >= x->sequence)
            return SELFSAME_OK;
        expect = s->held[i].o->version;
    }
    return put(s, name, x->proof, expect);
}

/* Only where a policy of the tenant names who rebuilt it. */
static enum selfsame_code
store_rebuild(struct storing *s, const struct found *x)
{
    const struct held *of = held_release(s, x->sha256);
    struct selfsame_err why = { 0 };
    struct vouched v;

    if (of == NULL || of->version == NULL)
        return SELFSAME_OK;
    const enum selfsame_code code = vouch_release(s->policies, s->policy_count,
        bytes_str(x->proof), s->m->now_ms, s->m->arena, &v, &why);
    if (code == SELFSAME_NOMEM)
        return nomem(s);
    if (code != SELFSAME_OK)
        return SELFSAME_OK;
    return put_once(s,
        arena_printf(
            s->m->arena, "%s@%s+rebuild-%s", s->o->release, of->version, x->key),
        x->proof);
}

static enum selfsame_code
store(struct storing *s, const struct found *x)
{
    switch (x->kind) {
    case STATEMENT_RELEASE:
        TRY(put_once(s,
            arena_printf(s->m->arena, "%s@%s+%s", s->o->release, x->version, x->key),
            x->proof));
        return list_held(s); /* a rebuild of it may come next */
    case STATEMENT_INDEX: return store_index(s, x);
    case STATEMENT_REBUILD: return store_rebuild(s, x);
    }
    return SELFSAME_OK;
}

/* ---- what goes ---- */

static bool
is_followed(const struct held *h)
{
    return strncmp(h->o->author, "follow/", 7) == 0;
}

/* The sequence below which releases of a follow go: of the o->keep highest, the lowest. */
static uint64_t
lowest_kept(const struct storing *s)
{
    uint64_t kept[FOLLOW_KEEP_MAX] = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++) {
        uint64_t sequence = s->held[i].sequence;
        bool there = s->held[i].kind != STATEMENT_RELEASE || !is_followed(&s->held[i]);

        for (size_t k = 0; k < n && !there; k++)
            there = kept[k] == sequence;
        if (there)
            continue;
        if (n < s->o->keep)
            kept[n++] = 0;
        for (size_t k = 0; k < n; k++) /* highest first */
            if (kept[k] < sequence) {
                const uint64_t smaller = kept[k];

                kept[k] = sequence;
                sequence = smaller;
            }
    }
    return n == s->o->keep ? kept[n - 1] : 0;
}

static enum selfsame_code
prune(struct storing *s)
{
    const uint64_t lowest = lowest_kept(s);

    for (size_t i = 0; i < s->count; i++) {
        const struct held *h = &s->held[i];
        const struct held *of = h->kind == STATEMENT_REBUILD
                                    ? held_release(s, h->sha256)
                                    : h;
        bool removed;

        if (!is_followed(h) || h->kind == STATEMENT_INDEX || of == NULL ||
            of->sequence >= lowest)
            continue;
        const struct registry_object o = { .tenant = s->m->tenant,
            .kind = REGISTRY_RELEASE,
            .name = h->o->name,
            .created_ms = s->m->now_ms,
            .author = s->m->author };
        TRY(registry_remove(s->m->r, &o, &removed, s->m->e));
    }
    return SELFSAME_OK;
}

enum selfsame_code
follow_store(struct manage *m, const char *follow, const struct object_follow *o,
    const struct follow_news *news, size_t *ret_written)
{
    struct storing s = { .m = m, .o = o };

    *ret_written = 0;
    m->author = arena_printf(m->arena, "follow/%s", follow);
    if (m->author == NULL)
        return nomem(&s);
    if (news->count == 0)
        return SELFSAME_OK;
    TRY(list_held(&s));
    TRY(registry_list(m->r, m->tenant, REGISTRY_POLICY, true, m->arena, &s.policies,
        &s.policy_count, m->e));
    for (size_t i = 0; i < news->count; i++)
        TRY(store(&s, &news->found[i]));
    *ret_written = s.written;
    return prune(&s);
}
