/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence and what is expected of it → verdict → token and row of the audit log. */
#include "verifier/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    EVIDENCE_MAX = 512 << 10,
    JTI_BYTES = 16,
    EAT_NONCE_MAX = 64, /* RFC 9711 §4.1: tokens echo it */
};

static int64_t
monotonic_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void
judged_free(struct judged *j)
{
    selfsame_result_free(j->result);
    j->result = NULL;
}

/* ---- who may ask for what ---- */

bool
judge_may_verify(const struct call *c)
{
    if (c->key != NULL)
        return c->role != ROLE_AUDITOR && c->tenant != NULL;
    return c->tenant != NULL && c->tenant->public;
}

static enum selfsame_code
find_policy(struct call *c, const struct ask *a, const struct snap_policy **ret,
    struct selfsame_err *e)
{
    const struct snap_tenant *t = c->tenant;
    /* Whoever has a session was let in when it was made. */
    if (!a->nonce_is_ours && !judge_may_verify(c))
        FAIL(e, SELFSAME_DENIED, "verification for this tenant needs an API key");
    if (t == NULL)
        FAIL(e, SELFSAME_DENIED, "there is no tenant to verify for");
    const char *name = a->policy != NULL ? a->policy : t->policy;
    if (name == NULL)
        FAIL(e, SELFSAME_USAGE,
            "expected the name of a policy: the tenant has none that goes without");
    *ret = tenant_policy(t, name);
    if (*ret == NULL)
        FAIL(e, SELFSAME_USAGE, "the tenant has no policy of the name \"%.80s\"", name);
    return SELFSAME_OK;
}

/* A relying party may know its own challenge; whoever attests may not choose one. */
bool
judge_may_bring_nonce(const struct call *c)
{
    return c->tenant->caller_nonces || c->role == ROLE_RELYING_PARTY ||
           c->role == ROLE_ADMIN;
}

static enum selfsame_code
take_nonce(struct call *c, const struct ask *a, struct judged *j, bool *ret_used,
    struct selfsame_err *e)
{
    *ret_used = false;
    if (a->nonce.len == 0)
        return SELFSAME_OK;
    if (a->nonce.len < API_NONCE_MIN || a->nonce.len > EAT_NONCE_MAX)
        FAIL(e, SELFSAME_USAGE, "expected a nonce of %d to %d bytes, got %zu",
            (int)API_NONCE_MIN, (int)EAT_NONCE_MAX, a->nonce.len);
    if (a->nonce_is_ours)
        return SELFSAME_OK;
    struct nonces *n = service_nonces(c->s);
    enum selfsame_code code = nonce_check(n, c->tenant->name, c->now_ms, a->nonce, e);
    if (code == SELFSAME_STALE && judge_may_bring_nonce(c)) {
        j->caller_nonce = true;
        *e = (struct selfsame_err){ 0 };
        return SELFSAME_OK;
    }
    if (code == SELFSAME_STALE)
        err_remedy(e,
            "GET /v1/nonce and make evidence for that. (For tokens, keys of the role "
            "relying-party may bring their own.)");
    TRY(code);
    *ret_used = true;
    return nonce_use(n, c->now_ms, a->nonce, e);
}

/* ---- the verdict ---- */

static enum selfsame_code
make_request(const struct call *c, const struct ask *a, struct selfsame_request **ret,
    struct selfsame_err *e)
{
    struct selfsame_request *q;

    TRY(selfsame_request_new(ret, e));
    q = *ret;
    selfsame_request_set_time(q, c->now_ms);
    if (a->nonce.len > 0)
        selfsame_request_set_nonce(q, a->nonce);
    if (a->exporter.len > 0)
        selfsame_request_expect_session(q, a->attest_request, a->exporter, a->key);
    else if (a->key.len > 0)
        selfsame_request_expect_key(q, a->key);
    if (a->report_data.len > 0)
        selfsame_request_expect_report_data(q, a->report_data);
    q->collateral = a->collateral;
    q->collateral_count = a->collateral_count;
    q->nonce_in_report_data = a->nonce_in_report_data && a->nonce.len > 0;
    q->covers_nonce = a->covers_nonce;
    return SELFSAME_OK;
}

static enum selfsame_code
verify(struct call *c, const struct ask *a, struct judged *j, struct selfsame_err *e)
{
    struct selfsame_request *q = NULL;
    enum selfsame_code code = make_request(c, a, &q, e);

    if (code == SELFSAME_OK)
        code = judge_verify(c, a, j->policy->policy, q, &j->result, e);
    selfsame_request_free(q);
    if (j->result != NULL)
        return SELFSAME_OK;
    return code != SELFSAME_OK ? code : SELFSAME_INTERNAL;
}

/* Which SPIFFE id evidence of this release gets; only where it was accepted. */
static const struct snap_identity *
identity_of(const struct call *c, const struct judged *j)
{
    const struct selfsame_release *r = selfsame_result_release(j->result);

    for (size_t i = 0; r != NULL && i < c->tenant->identity_count; i++) {
        const struct snap_identity *id = &c->tenant->identities[i];

        if (strcmp(id->release, r->name) == 0 &&
            (id->version == NULL || strcmp(id->version, r->version) == 0) &&
            (id->policy == NULL || strcmp(id->policy, j->policy->name) == 0))
            return id;
    }
    return NULL;
}

/* Bytes that are no evidence at all are the caller's mistake, and no verdict. */
static enum selfsame_code
unreadable(const struct judged *j, struct selfsame_err *e)
{
    const struct verdict *v = &j->result->verdict;
    const enum selfsame_code code = selfsame_result_code(j->result);
    const bool parsed = v->checks.at[CHECK_PARSE].outcome == CHECK_PASS;

    if (parsed || (code != SELFSAME_MALFORMED &&
                      (code != SELFSAME_UNSUPPORTED || v->claims.tee != NULL)))
        return SELFSAME_OK;
    *e = v->err;
    return code;
}

enum selfsame_code
judge(struct call *c, const struct ask *a, struct judged *ret, struct selfsame_err *e)
{
    auto_judged j = { .ask = a };
    uint8_t digest[HASH_MAX];
    bool used = false;

    TRY(find_policy(c, a, &j.policy, e));
    if (a->evidence.len == 0)
        FAIL(e, SELFSAME_MALFORMED, "expected evidence, got none");
    if (a->evidence.len > EVIDENCE_MAX)
        FAIL(e, SELFSAME_MALFORMED, "expected at most %d bytes of evidence, got %zu",
            (int)EVIDENCE_MAX, a->evidence.len);
    if (!hash_bytes(HASH_SHA256, a->evidence, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory to hash the evidence");
    memcpy(j.evidence_sha256, digest, sizeof(j.evidence_sha256));
    TRY(take_nonce(c, a, &j, &used, e));
    const int64_t begun = monotonic_us();
    enum selfsame_code code = verify(c, a, &j, e);
    metrics_time(c->s, STAGE_VERIFY, monotonic_us() - begun);
    if (code == SELFSAME_OK) {
        code = unreadable(&j, e);
        if (code != SELFSAME_OK)
            call_explain(c, j.result);
    }
    if (code != SELFSAME_OK) {
        if (used)
            nonce_unuse(service_nonces(c->s), a->nonce);
        return code;
    }
    j.identity = identity_of(c, &j);
    c->code = selfsame_result_code(j.result);
    c->status = selfsame_result_status(j.result);
    metrics_verdict(c->s, c->tenant->name, j.result->verdict.claims.tee, c->code);
    *ret = j;
    j.result = NULL;
    return SELFSAME_OK;
}

/* ---- its token ---- */

/* An audience of its own list may be named; without a list, any. */
static enum selfsame_code
find_audience(struct call *c, const struct token_ask *t,
    const struct snap_audience **ret, struct selfsame_err *e)
{
    *ret = t->audience != NULL ? tenant_audience(c->tenant, t->audience) : NULL;
    if (t->audience == NULL || *ret != NULL || c->tenant->audience_count == 0)
        return SELFSAME_OK;
    FAIL(e, SELFSAME_DENIED, "the tenant has no audience \"%.100s\"", t->audience);
}

static enum selfsame_code
pick_key(struct call *c, const struct token_ask *t, const struct snap_audience *to,
    const struct signing_key **ret, struct selfsame_err *e)
{
    enum jose_alg alg = t->alg;

    if (alg == JOSE_NONE)
        alg = to != NULL ? to->alg : JOSE_ES256;
    *ret = signing_pick(c->snap->signing, alg, c->now_ms / 1000);
    if (*ret == NULL)
        FAIL(e, SELFSAME_USAGE, "this verifier has no key for %s", jose_alg_word(alg));
    return SELFSAME_OK;
}

static const char *
new_jti(struct call *c)
{
    uint8_t random[JTI_BYTES];

    return rng_bytes(random, sizeof(random)) ? hex_dup(&c->arena, BYTES_ARR(random))
                                             : NULL;
}

/* What a relying party reads in a token is what the SVID fronts would give. */
static const char *
spiffe_id_of(const struct call *c, const struct judged *j)
{
    struct selfsame_err ignored = { 0 };
    const struct snap_identity *id = j->identity;

    if (id == NULL ||
        (!id->warning && strcmp(selfsame_result_status(j->result), "affirming") != 0) ||
        spiffe_id_allowed(c->snap, c->tenant->name, id->spiffe_id, &ignored) !=
            SELFSAME_OK)
        return NULL;
    return id->spiffe_id;
}

static struct ear_subject
subject_of(struct call *c, const struct judged *j, const struct token_ask *t,
    const struct snap_audience *to)
{
    const struct snap_tenant *tenant = c->tenant;
    const json_t *developer = service_setting(c->s, "developer");
    struct ear_subject s = {
        .dialect = tenant->dialect,
        .issuer = verifier_issuer(c->s),
        .audience = t->audience,
        .nonce = j->ask->nonce,
        .caller_nonce = j->caller_nonce,
        .now_s = c->now_ms / 1000,
        .life_s = tenant->token_life_s,
        .token_id = c->jti,
        .developer = developer != NULL ? json_string_value(developer)
                                       : "https://selfsame.dev",
        .build = "selfsame " SELFSAME_VERSION,
        .policy_id = j->policy->id,
        .spiffe_id = spiffe_id_of(c, j),
        .key = j->ask->key,
        .evidence_sha256 = BYTES_ARR(j->evidence_sha256),
        .extra = t->extra,
        .submod = t->submod,
    };

    if (to != NULL && to->dialect >= 0)
        s.dialect = (enum ear_dialect)to->dialect;
    if (t->dialect >= 0)
        s.dialect = (enum ear_dialect)t->dialect;
    if (to != NULL && to->life_s > 0)
        s.life_s = to->life_s;
    return s;
}

enum selfsame_code
judged_token(struct call *c, const struct judged *j, const struct token_ask *t,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct verdict *v = &j->result->verdict;
    const struct snap_audience *to;
    const struct signing_key *k;
    char *text;

    TRY(find_audience(c, t, &to, e));
    TRY(pick_key(c, t, to, &k, e));
    c->jti = new_jti(c);
    if (c->jti == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a token");
    const int64_t begun = monotonic_us();
    struct ear_subject s = subject_of(c, j, t, to);
    s.kid = k->kid;
    if (t->cwt)
        TRY(ear_cwt(v, &s, k->key, k->alg, &c->arena, ret, e));
    else {
        TRY(ear_jwt(v, &s, k->key, k->alg, &c->arena, &text, e));
        *ret = bytes_str(text);
    }
    metrics_time(c->s, STAGE_SIGN, monotonic_us() - begun);
    return SELFSAME_OK;
}

/* ---- the answer, once the row is durable ---- */

struct pending { /* in the call's arena */
    struct call *c;
    struct call_reply reply;
    int64_t since_us;
};

static void
audited(void *ctx, enum selfsame_code code)
{
    struct pending *p = ctx;
    struct selfsame_err e = { 0 };

    metrics_time(p->c->s, STAGE_AUDIT, monotonic_us() - p->since_us);
    if (code == SELFSAME_OK) {
        call_reply(p->c, &p->reply);
        return;
    }
    (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__,
        "the verdict could not be written into the audit log, so it is not given");
    call_problem(p->c, 503, &e);
}

static bool
copy_reply(struct call *c, const struct call_reply *a, struct call_reply *ret)
{
    struct httpd_header *headers = ARENA_NEW(
        &c->arena, struct httpd_header, a->header_count + 1);

    *ret = *a;
    if (headers == NULL || !arena_dup(&c->arena, a->body, &ret->body))
        return false;
    for (size_t i = 0; i < a->header_count; i++) {
        headers[i].name = arena_str(&c->arena, bytes_str(a->headers[i].name));
        headers[i].value = arena_str(&c->arena, bytes_str(a->headers[i].value));
        if (headers[i].name == NULL || headers[i].value == NULL)
            return false;
    }
    ret->headers = headers;
    return true;
}

static const char *
first_failed(const struct selfsame_result *r)
{
    const struct selfsame_check *k;

    for (size_t i = 0; (k = selfsame_result_check(r, i)) != NULL; i++)
        if (k->error_class != NULL)
            return k->name;
    return NULL;
}

/* What the claims were, without keeping them: whoever has the evidence can tell. */
static bool
hash_claims(const struct selfsame_claims *l, uint8_t ret[static 32])
{
    uint8_t digest[HASH_MAX];
    auto_hash h = { 0 };

    if (!hash_init(&h, HASH_SHA256))
        return false;
    for (size_t i = 0; l->authentic && i < l->count; i++) {
        const struct claim *k = &l->list[i];
        uint8_t number[8];
        struct writer w = writer_of(number, sizeof(number));

        put_be32(&w, (uint32_t)(k->number >> 32));
        put_be32(&w, (uint32_t)k->number);
        hash_update(&h, BYTES((const uint8_t *)k->path, strlen(k->path) + 1));
        hash_update(&h, BYTES_ARR(number));
        hash_update(&h, k->bytes);
    }
    hash_final(&h, digest);
    memcpy(ret, digest, 32);
    return true;
}

/* A key of the service that acts for a tenant is none of the tenant's: "-/NAME". */
static const char *
key_name(struct call *c)
{
    const struct snap_tenant *t = c->tenant;

    if (c->key == NULL || (t->keys <= c->key && c->key < t->keys + t->key_count))
        return c->key != NULL ? c->key->name : NULL;
    const char *name = arena_printf(&c->arena, "-/%s", c->key->name);
    return name != NULL ? name : c->key->name;
}

void
audited_reply(struct call *c, const struct audit_row *row, const struct call_reply *a)
{
    struct selfsame_err e = { 0 };
    struct pending *p = ARENA_NEW(&c->arena, struct pending, 1);

    (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__, "the verifier is busy");
    if (p == NULL || !copy_reply(c, a, &p->reply)) {
        call_problem(c, 503, &e);
        return;
    }
    p->c = c;
    p->since_us = monotonic_us();
    if (!audit_add(service_audit(c->s), row, audited, p))
        call_problem(c, 503, &e);
}

void
judged_reply(struct call *c, const struct judged *j, const struct call_reply *a)
{
    const struct selfsame_release *release = selfsame_result_release(j->result);
    struct selfsame_err e = { 0 };
    struct audit_row row = {
        .at_ms = c->now_ms,
        .request = c->id,
        .tenant = c->tenant->name,
        .key = key_name(c),
        .policy = j->policy->id,
        .tee = j->result->verdict.claims.tee,
        .status = c->status,
        .class_ = selfsame_code_name(c->code),
        .failed = first_failed(j->result),
        .release = release != NULL ? release->name : NULL,
        .token = c->jti,
        .given = c->given,
    };

    memcpy(row.evidence_sha256, j->evidence_sha256, sizeof(row.evidence_sha256));
    (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__, "the verifier is busy");
    if (!hash_claims(&j->result->verdict.claims, row.claims_sha256)) {
        call_problem(c, 503, &e);
        return;
    }
    audited_reply(c, &row, a);
}
