/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/vouch.h"

#include "api/releases.h"
#include "log/sigstore.h"

#include <stdlib.h>

enum { PICK_ARENA = 8 << 20 };

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory for releases");
}

static void
policy_drop(struct selfsame_policy **p)
{
    selfsame_policy_free(*p);
}
#define auto_policy __attribute__((cleanup(policy_drop))) struct selfsame_policy

static void
request_drop(struct selfsame_request **q)
{
    selfsame_request_free(*q);
}
#define auto_request __attribute__((cleanup(request_drop))) struct selfsame_request

/* ---- one proof ---- */

static enum selfsame_code
open_statement(struct selfsame_bytes proof, struct arena *arena, struct log_proof *ret,
    struct envelope *ret_envelope, struct statement *ret_statement,
    struct selfsame_err *e)
{
    TRY(proof_parse(proof, arena, ret, e));
    if (!ret->has_extra)
        FAIL(e, SELFSAME_MALFORMED,
            "expected the envelope behind \"extra\", got a proof without one");
    return statement_of_envelope(ret->extra, arena, ret_envelope, ret_statement, e);
}

static enum selfsame_code
fill(struct vouched *ret, const char *name, const struct statement *s,
    struct arena *arena, struct selfsame_err *e)
{
    const char *version = s->kind == STATEMENT_RELEASE ? s->release.version : NULL;

    *ret = (struct vouched){
        .kind = s->kind,
        .release = arena_str(arena, bytes_str(name)),
        .version = version != NULL ? arena_str(arena, bytes_str(version)) : NULL,
        .sequence = s->kind == STATEMENT_RELEASE ? s->release.sequence
                    : s->kind == STATEMENT_INDEX ? s->index.sequence
                                                 : 0,
    };
    memcpy(ret->sha256, s->sha256, sizeof(ret->sha256));
    if (ret->release == NULL || (version != NULL && ret->version == NULL))
        return nomem(e);
    return SELFSAME_OK;
}

/* Who rebuilt it says so in an entry of the same log. */
static enum selfsame_code
check_rebuild(const struct vouch_rule *rule, const struct log_proof *p,
    const struct envelope *envelope, struct arena *arena, struct selfsame_err *e)
{
    struct checkpoint checkpoint;
    uint8_t leaf[LOG_HASH];
    uint64_t witnesses;

    TRY(log_policy_open(
        rule->trust, p->checkpoint, arena, &checkpoint, &witnesses, NULL, e));
    if (!merkle_leaf(p->extra, leaf))
        return nomem(e);
    TRY(merkle_check_inclusion(
        p->index, checkpoint.size, leaf, p->path, checkpoint.root, e));
    for (size_t i = 0; i < rule->rebuilder_count; i++) {
        struct selfsame_err ignored = { 0 };
        const enum selfsame_code code = envelope_verify(
            envelope, rule->rebuilders[i], arena, &ignored);

        if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
            return code == SELFSAME_OK ? code : nomem(e);
    }
    return release_error_set(e, RELEASE_REBUILDERS,
        "expected a rebuild signed by a rebuilder of the policy, got another's");
}

static enum selfsame_code
check_published(const struct vouch_rule *rule, struct selfsame_bytes proof,
    const struct statement *s, int64_t now_s, struct arena *arena,
    struct selfsame_err *e)
{
    const struct release_rule judged = { .name = rule->name,
        .trust = rule->trust,
        .publishers = rule->publishers,
        .publisher_count = rule->publisher_count,
        .threshold = 1, /* each signs in an entry, and so a proof, of its own */
        .min_sequence = rule->min_sequence };
    const struct release_given given = {
        .proofs = &proof, .proof_count = 1, .now_s = now_s
    };
    struct release_outcome outcome = { .accepted = NULL };
    const enum selfsame_code code = release_judge(&judged, &given, arena, &outcome, e);

    if (code == SELFSAME_NOMEM)
        return code;
    if (s->kind == STATEMENT_RELEASE)
        return code;
    if (outcome.index > 0) {
        *e = (struct selfsame_err){ 0 };
        return SELFSAME_OK;
    }
    return release_error_set(e, RELEASE_PUBLISHER_SIG,
        "expected an index of the name that a publisher of it signed");
}

enum selfsame_code
vouch_proof(const struct vouch_rule *rule, struct selfsame_bytes proof, int64_t now_s,
    struct arena *arena, struct vouched *ret, struct selfsame_err *e)
{
    struct envelope envelope;
    struct statement s;
    struct log_proof p;

    TRY(open_statement(proof, arena, &p, &envelope, &s, e));
    if (s.kind == STATEMENT_REBUILD)
        TRY(check_rebuild(rule, &p, &envelope, arena, e));
    else
        TRY(check_published(rule, proof, &s, now_s, arena, e));
    return fill(ret, rule->name, &s, arena, e);
}

/* ---- under the policies of a tenant ---- */

struct vouching {
    struct selfsame_bytes body;
    int64_t now_ms;
    struct arena *arena;
    struct vouched *ret;
    struct selfsame_err *why; /* of where it got farthest */
    bool tried;
};

/* A bundle says nothing before it is verified: it is opened as verification would. */
static enum selfsame_code
open_bundle(struct vouching *v, struct selfsame_policy *p, struct selfsame_err *e)
{
    auto_request *q = NULL;

    TRY(selfsame_request_new(&q, e));
    selfsame_request_add_release(q, v->body);
    TRY(releases_open_once(p, q, v->now_ms, e));
    const struct selfsame_result *r = p->prepared->holder;
    if (r->verdict.checks.at[CHECK_RELEASE].outcome == CHECK_PASS) {
        *v->ret = (struct vouched){ .kind = STATEMENT_RELEASE };
        for (size_t i = 0; i < p->prepared->with.measurement_count; i++) {
            const struct identity *id = p->prepared->with.measurements[i].identity;

            if (id == NULL || id->refused != SELFSAME_OK)
                continue;
            v->ret->release = arena_str(v->arena, bytes_str(id->release));
            v->ret->version = arena_str(v->arena, bytes_str(id->version));
            v->ret->sequence = id->sequence;
            memcpy(v->ret->sha256, id->sha256, sizeof(v->ret->sha256));
            return v->ret->release != NULL && v->ret->version != NULL ? SELFSAME_OK
                                                                      : nomem(e);
        }
        v->ret->release = p->policy.releases[0].name;
        v->ret->release = arena_str(v->arena, bytes_str(v->ret->release));
        return v->ret->release != NULL ? SELFSAME_OK : nomem(e);
    }
    *e = p->prepared->why;
    return e->code != SELFSAME_OK ? e->code : SELFSAME_LOG;
}

static enum selfsame_code
open_demand(struct vouching *v, const struct release_demand *d, struct selfsame_err *e)
{
    struct log_policy trust;
    const struct vouch_rule rule = { .name = d->name,
        .trust = &trust,
        .publishers = d->publishers,
        .rebuilders = d->rebuilders,
        .publisher_count = d->publisher_count,
        .rebuilder_count = d->rebuilder_count,
        .min_sequence = d->min_sequence };

    if (d->publisher_count == 0 || d->trust.text.ptr == NULL)
        FAIL(e, SELFSAME_LOG,
            "the policy takes Sigstore bundles of %.60s, and no proofs", d->name);
    TRY(log_policy_parse(d->trust.text, v->arena, &trust, e));
    return vouch_proof(&rule, v->body, v->now_ms / 1000, v->arena, v->ret, e);
}

static enum selfsame_code
open_under(struct vouching *v, struct selfsame_policy *p, struct selfsame_err *e)
{
    enum selfsame_code code = SELFSAME_LOG;

    if (sigstore_looks_like(v->body)) {
        for (size_t i = 0; i < p->policy.release_count; i++)
            if (p->policy.releases[i].identity != NULL)
                return open_bundle(v, p, e);
        FAIL(e, SELFSAME_LOG, "the policy takes no Sigstore bundles");
    }
    (void)err_set(e, SELFSAME_LOG, __FILE__, __LINE__, "the policy names no releases");
    for (size_t i = 0; i < p->policy.release_count; i++) {
        struct selfsame_err why = { 0 };

        code = open_demand(v, &p->policy.releases[i], &why);
        /* That it is of another name says least. */
        if (code != SELFSAME_DENIED || i == 0)
            *e = why;
        if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
            return code;
    }
    return e->code;
}

static enum selfsame_code
try_policy(struct vouching *v, const struct registry_object *o)
{
    struct selfsame_err e = { 0 };
    auto_policy *p = NULL;

    enum selfsame_code code = selfsame_policy_parse(o->body, &p, &e);
    if (code == SELFSAME_OK && p->policy.release_count == 0)
        return SELFSAME_LOG;
    if (code == SELFSAME_OK)
        code = open_under(v, p, &e);
    if (code == SELFSAME_OK) {
        v->ret->policy = arena_str(v->arena, bytes_str(o->name));
        return v->ret->policy != NULL ? SELFSAME_OK : nomem(v->why);
    }
    if (!v->tried || v->why->code == SELFSAME_DENIED || code == SELFSAME_NOMEM)
        *v->why = e;
    v->tried = true;
    return code;
}

enum selfsame_code
vouch_release(const struct registry_object *policies, size_t count,
    struct selfsame_bytes body, int64_t now_ms, struct arena *arena,
    struct vouched *ret, struct selfsame_err *e)
{
    struct vouched got = { .policy = NULL };
    struct selfsame_err why = { 0 };
    struct vouching v = { body, now_ms, arena, &got, &why, false };

    for (size_t i = 0; i < count; i++) {
        if (policies[i].kind != REGISTRY_POLICY)
            continue;
        const enum selfsame_code code = try_policy(&v, &policies[i]);
        if (code == SELFSAME_NOMEM)
            return nomem(e);
        if (code == SELFSAME_OK) {
            *ret = got;
            return SELFSAME_OK;
        }
    }
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "expected a release that opens under a policy of the tenant, got %.100s",
        v.tried ? err_text(&why) : "one where no policy names releases");
    err_remedy(e,
        "Set the policy that names the release first, and give the proof that "
        "`selfsame publish` made; unsigned releases are not taken.");
    return SELFSAME_USAGE;
}

/* ---- which of them are for a policy ---- */

static bool
names(const struct selfsame_policy *p, const char *name)
{
    for (size_t i = 0; i < p->policy.release_count; i++)
        if (strcmp(p->policy.releases[i].name, name) == 0)
            return true;
    return false;
}

static bool
may_be_of(const struct selfsame_policy *p, struct selfsame_bytes body)
{
    auto_arena arena = arena_new(PICK_ARENA);
    struct selfsame_err ignored = { 0 };
    struct envelope envelope;
    struct statement s;
    struct log_proof proof;

    if (sigstore_looks_like(body)) {
        for (size_t i = 0; i < p->policy.release_count; i++)
            if (p->policy.releases[i].identity != NULL)
                return true;
        return false;
    }
    if (open_statement(body, &arena, &proof, &envelope, &s, &ignored) != SELFSAME_OK)
        return false;
    switch (s.kind) {
    case STATEMENT_RELEASE: return names(p, s.release.name);
    case STATEMENT_INDEX: return names(p, s.index.name);
    case STATEMENT_REBUILD: return true; /* it names its release by a hash */
    }
    return false;
}

static int
newest_first(const void *a, const void *b)
{
    const struct registry_object *x = *(const struct registry_object *const *)a;
    const struct registry_object *y = *(const struct registry_object *const *)b;

    if (x->created_ms != y->created_ms)
        return x->created_ms > y->created_ms ? -1 : 1;
    return strcmp(x->name, y->name);
}

enum selfsame_code
releases_for(const struct selfsame_policy *p, const struct registry_object *objects,
    size_t count, struct arena *arena, const struct registry_object ***ret,
    size_t *ret_count, size_t *ret_left_out, struct selfsame_err *e)
{
    const struct registry_object **list = ARENA_NEW(
        arena, const struct registry_object *, count + 1);
    size_t n = 0;

    if (list == NULL)
        return nomem(e);
    for (size_t i = 0; i < count; i++)
        if (objects[i].kind == REGISTRY_RELEASE && may_be_of(p, objects[i].body))
            list[n++] = &objects[i];
    qsort(list, n, sizeof(const struct registry_object *), newest_first);
    *ret = list;
    *ret_count = n < RELEASE_PROOFS ? n : RELEASE_PROOFS;
    *ret_left_out = n - *ret_count;
    return SELFSAME_OK;
}

enum selfsame_code
releases_open_for(struct selfsame_policy *p, const struct registry_object *objects,
    size_t count, int64_t now_ms, size_t *ret_left_out, struct selfsame_err *e)
{
    auto_arena arena = arena_new(PICK_ARENA);
    const struct registry_object **list;
    auto_request *q = NULL;
    size_t n;

    *ret_left_out = 0;
    if (p->policy.release_count == 0)
        return SELFSAME_OK;
    TRY(releases_for(p, objects, count, &arena, &list, &n, ret_left_out, e));
    TRY(selfsame_request_new(&q, e));
    for (size_t i = 0; i < n; i++)
        selfsame_request_add_release(q, list[i]->body);
    if (q->bad != SELFSAME_OK)
        FAIL(e, q->bad, "%s", q->why);
    return releases_open_once(p, q, now_ms, e);
}
