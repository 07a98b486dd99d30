/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole pipeline: unwrap → parse, chain, signature (the TEE's verifier) →
 * freshness, binding, debug, measurement, policy (appraisal) → verdict.
 */
#include "api/api.h"
#include "api/releases.h"

#include <stdlib.h>

/* What one verification needs besides the evidence; buffers of the appraisal. */
struct run {
    const struct selfsame_verifier *v;
    const struct selfsame_policy *given;
    const struct policy *policy; /* its content */
    const struct selfsame_request *q;
    enum api_certificate how; /* what the evidence stands in */
    struct appraisal in;
    uint8_t binder[64], plain[64];
};

static struct selfsame_bytes
view(const struct owned *o)
{
    return BYTES(o->ptr, o->len);
}

/* The nonce must be inside the request that the binder covers. */
static bool
contains(struct selfsame_bytes hay, struct selfsame_bytes needle)
{
    for (size_t i = 0; i + needle.len <= hay.len; i++)
        if (bytes_eq(BYTES(hay.ptr + i, needle.len), needle))
            return true;
    return false;
}

static enum selfsame_code
check_request(
    const struct selfsame_request *q, enum api_certificate how, struct selfsame_err *e)
{
    if (q->bad != SELFSAME_OK)
        FAIL(e, q->bad, "%s", q->why);
    if (!q->has_time && !q->has_as_of)
        FAIL(e, SELFSAME_USAGE, "the request has no time: verification has no clock");
    if (q->memory.len > 0) { /* damaged, it is no reason to judge without it */
        auto_arena arena = arena_new(API_MEMORY_ARENA);
        struct memory ignored;

        TRY(memory_parse(view(&q->memory), &arena, &ignored, e));
    }
    if (how != API_BARE && (q->has_session || q->report_data.len > 0))
        FAIL(e, SELFSAME_USAGE,
            "evidence in a certificate is about its key: a session or report data "
            "cannot be expected of it");
    if (!q->has_session)
        return SELFSAME_OK;
    if (q->key.len > 0 && !bytes_eq(view(&q->key), view(&q->session_key)))
        FAIL(e, SELFSAME_USAGE, "the request expects one key and a session of another");
    if (q->nonce.len > 0 && !contains(view(&q->attest_request), view(&q->nonce)))
        FAIL(e, SELFSAME_USAGE, "the attest request does not hold the request's nonce");
    return SELFSAME_OK;
}

/* The request's expectations in the words of appraisal. */
static enum selfsame_code
expect(struct run *r, struct selfsame_err *e)
{
    const struct selfsame_request *q = r->q;
    struct binder b;
    bool made = true;

    r->in = (struct appraisal){
        .now_ms = q->has_as_of ? q->as_of_ms : q->now_ms,
        .as_of = q->has_as_of,
        .nonce = view(&q->nonce),
        .key = view(&q->key),
        .report_data = view(&q->report_data),
        .covers_nonce = q->covers_nonce && q->nonce.len > 0,
    };
    if (q->has_session) {
        r->in.level = BINDING_SESSION;
        r->in.binder = BYTES_ARR(r->binder);
        made = binder_session(&b, BINDER_SERVER, view(&q->attest_request),
                   BYTES_ARR(q->exporter), view(&q->session_key)) &&
               binder64(&b, r->binder);
    } else if (q->key.len > 0) {
        r->in.level = BINDING_KEY;
        if (q->nonce.len > 0) {
            r->in.binder = BYTES_ARR(r->binder);
            made = binder_http(&b, r->in.nonce, r->in.key) && binder64(&b, r->binder);
        }
    } else if (q->report_data.len > 0)
        r->in.level = BINDING_KEY;
    else if (q->nonce_in_report_data && q->nonce.len <= sizeof(r->plain)) {
        memset(r->plain, 0, sizeof(r->plain));
        memcpy(r->plain, q->nonce.ptr, q->nonce.len);
        r->in.report_data = BYTES_ARR(r->plain);
        r->in.covers_nonce = true;
    }
    if (!made)
        FAIL(e, SELFSAME_NOMEM, "no room for the binder");
    return SELFSAME_OK;
}

/* Anchors of the caller replace the pinned ones of that TEE. */
static enum selfsame_code
trust_of(const struct run *r, const struct unwrapped *u, struct arena *arena,
    struct tee_trust *ret, struct selfsame_err *e)
{
    const struct selfsame_verifier *v = r->v;
    struct tee_anchor *own = ARENA_NEW(arena, struct tee_anchor, v->anchor_count + 1);
    int64_t ms = r->in.now_ms;
    size_t n = 0;

    if (own == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the trust anchors");
    for (size_t i = 0; i < v->anchor_count; i++)
        if (strcmp(v->anchors[i].tee, u->verifier->name) == 0)
            own[n++] = v->anchors[i];
    struct selfsame_bytes *list = ARENA_NEW(arena, struct selfsame_bytes,
        v->collateral_count + u->collateral_count + r->q->collateral_count + 1);
    size_t count = 0;
    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the collateral");
    for (size_t i = 0; i < v->collateral_count; i++)
        list[count++] = v->collateral[i];
    for (size_t i = 0; i < u->collateral_count; i++)
        list[count++] = u->collateral[i];
    for (size_t i = 0; i < r->q->collateral_count; i++)
        list[count++] = r->q->collateral[i];
    *ret = (struct tee_trust){
        .now_s = ms / 1000 - (ms % 1000 < 0), /* floor */
        .anchors = n > 0 ? own : u->verifier->anchors,
        .anchor_count = n > 0 ? n : u->verifier->anchor_count,
        .any_anchor = n > 0,
        .collateral = list,
        .collateral_count = count,
        .cache = v->cache,
    };
    return SELFSAME_OK;
}

/* These say nothing about the evidence: there is no verdict. */
static bool
is_ours(enum selfsame_code c)
{
    return c == SELFSAME_NOMEM || c == SELFSAME_INTERNAL || c == SELFSAME_USAGE;
}

/* What could turn a refusal for want of collateral. */
static enum selfsame_code
list_needs(const struct unwrapped *u, struct selfsame_result *result)
{
    const enum selfsame_code code = result->verdict.code;
    struct selfsame_err none = { 0 };
    struct tee_need *list = NULL;
    size_t count = 0;

    if (code != SELFSAME_BAD_CHAIN && code != SELFSAME_REVOKED && code != SELFSAME_TCB)
        return SELFSAME_OK;
    enum selfsame_code c = u->verifier->needs(
        u->evidence, &result->arena, &list, &count, &none);
    struct selfsame_need *needs = ARENA_NEW(
        &result->arena, struct selfsame_need, count + 1);
    if (c == SELFSAME_NOMEM || needs == NULL)
        FAIL(&result->verdict.err, SELFSAME_NOMEM, "no room for what is needed");
    for (size_t i = 0; i < count; i++)
        needs[i] = (struct selfsame_need){ list[i].name, list[i].url };
    result->needs = needs;
    result->need_count = count;
    return SELFSAME_OK;
}

/* Evidence does not choose a class without a verdict by wanting more than there is. */
static enum selfsame_code
refuse_size(const struct run *r, struct selfsame_result *result)
{
    struct verdict *v = &result->verdict;

    *v = (struct verdict){ .as_of = r->in.as_of, .at_ms = r->in.now_ms };
    (void)err_set(&v->err, SELFSAME_MALFORMED, __FILE__, __LINE__,
        "expected evidence that can be read in its room, got %zu bytes that take more",
        result->evidence.len);
    checks_put(&v->checks, CHECK_PARSE,
        (struct check){ .outcome = CHECK_FAIL,
            .code = SELFSAME_MALFORMED,
            .detail = "reading it takes more memory than evidence of its size gets" });
    checks_skip_rest(&v->checks, "not looked at: the evidence could not be read");
    verdict_finish(v, r->policy);
    return v->code;
}

/* Why there is no release to go by, with its remedy, unless something came before that. */
static void
say_why(struct verdict *v, const struct selfsame_err *unreleased)
{
    const struct identity *id = v->identity;

    if (v->err.code != SELFSAME_OK)
        return;
    if (id != NULL && id->refused != SELFSAME_OK) {
        (void)err_set(&v->err, id->refused, __FILE__, __LINE__, "%s", id->refusal);
        if (id->remedy != NULL)
            err_remedy(&v->err, id->remedy);
    } else if (id == NULL && unreleased->code != SELFSAME_OK)
        v->err = *unreleased;
}

static enum selfsame_code
judge(struct run *r, struct selfsame_result *result)
{
    const struct selfsame_bytes evidence = BYTES(
        result->evidence.ptr, result->evidence.len);
    struct verdict *v = &result->verdict;
    struct arena *arena = &result->arena;
    struct policy with = *r->policy;
    struct selfsame_err unreleased = { 0 };
    const struct measurement *matched;
    struct unwrapped u;
    struct tee_trust trust;

    v->as_of = r->in.as_of;
    v->at_ms = r->in.now_ms;
    enum selfsame_code c = r->how == API_BARE ? evidence_unwrap(r->policy, evidence,
                                                    arena, &u, &v->err)
                                              : certificate_unwrap(r->policy, evidence,
                                                    r->how, arena, &r->in, &u, &v->err);
    if (is_ours(c))
        return c;
    if (c != SELFSAME_OK) {
        checks_fail(&v->checks, c == SELFSAME_DENIED ? CHECK_POLICY : CHECK_PARSE,
            &v->err, arena);
        checks_skip_rest(&v->checks, "not looked at: there is nothing to judge");
        verdict_finish(v, r->policy);
        return v->code;
    }
    v->claims.tee = u.verifier->name;
    TRY(trust_of(r, &u, arena, &trust, &v->err));
    c = u.verifier->verify(u.evidence, &trust, arena, &v->checks, &v->claims, &v->err);
    if (is_ours(c))
        return c;
    v->claims.tee = u.verifier->name;
    v->claims.any_anchor = trust.any_anchor;
    TRY(releases_open(
        r->given, r->q, r->in.now_ms, result, &with, &unreleased, &v->err));
    matched = appraise(&with, &v->claims, &r->in, arena, &v->checks);
    v->identity = matched != NULL ? matched->identity : NULL;
    say_why(v, &unreleased);
    trust_note(v, &with, matched);
    verdict_finish(v, r->policy);
    TRY(list_needs(&u, result));
    return v->code;
}

static enum selfsame_code
run(struct run *r, struct selfsame_bytes evidence, long fail_at,
    struct selfsame_result **ret, struct selfsame_err *e)
{
    TRY(check_request(r->q, r->how, e));
    TRY(expect(r, e));
    struct selfsame_result *result = result_new(evidence);
    if (result == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for %zu bytes of evidence", evidence.len);
    if (fail_at >= 0) {
        result->arena.fail_at = fail_at;
        result->released.fail_at = fail_at;
    } else
        result->arena.limit = (size_t)-fail_at;
    for (size_t i = 0; i < r->v->collateral_count; i++) /* read anew each time */
        result->arena.limit += API_ROOM * r->v->collateral[i].len;
    for (size_t i = 0; i < r->q->collateral_count; i++)
        result->arena.limit += API_ROOM * r->q->collateral[i].len;
    enum selfsame_code c = judge(r, result);
    if (c == SELFSAME_NOMEM && result->arena.full)
        c = refuse_size(r, result);
    if (c != SELFSAME_OK)
        *e = result->verdict.err;
    if (is_ours(c)) {
        selfsame_result_free(result);
        return c;
    }
    result_finish(result);
    *ret = result;
    return c;
}

enum selfsame_code
verify_within(struct selfsame_verifier *v, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_bytes evidence, long fail_at,
    struct selfsame_result **ret, struct selfsame_err *e)
{
    struct run r = { .v = v, .given = policy, .policy = &policy->policy, .q = q };

    return run(&r, evidence, fail_at, ret, e);
}

enum selfsame_code
verify_certificate_within(struct selfsame_verifier *v,
    const struct selfsame_policy *policy, const struct selfsame_request *q,
    struct selfsame_bytes der, bool key_proven, long fail_at,
    struct selfsame_result **ret, struct selfsame_err *e)
{
    struct run r = { .v = v, .given = policy, .policy = &policy->policy, .q = q };

    r.how = key_proven ? API_CERTIFICATE_PROVEN : API_CERTIFICATE;
    return run(&r, der, fail_at, ret, e);
}

enum selfsame_code
selfsame_verify(struct selfsame_verifier *v, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_bytes evidence,
    struct selfsame_result **ret, struct selfsame_err *err)
{
    return verify_within(v, policy, q, evidence, 0, ret, err);
}

enum selfsame_code
selfsame_verify_certificate(struct selfsame_verifier *v,
    const struct selfsame_policy *policy, const struct selfsame_request *q,
    struct selfsame_bytes der, bool key_proven, struct selfsame_result **ret,
    struct selfsame_err *err)
{
    return verify_certificate_within(v, policy, q, der, key_proven, 0, ret, err);
}
