/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases of a policy: from proofs of a log, or bundles of Sigstore, to reference
 * values. Log and appraisal do not know each other; here they meet.
 */
#include "api/releases.h"
#include "log/sigstore.h"

#include <stdlib.h>

struct opening {
    const struct selfsame_policy *policy;
    const struct selfsame_request *q;
    struct memory memory; /* the request's */
    int64_t now_s;
    struct arena *arena;
    struct selfsame_result *result;
    struct policy *with; /* the policy with what releases promise */
    enum release_error error;
    struct selfsame_err *e; /* of the failure that got farthest */
    size_t accepted;
    /* Of the demand that is looked at: */
    const struct release_demand *d;
    struct memory_entry *learned;
    const struct memory_entry *known; /* or NULL */
};

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no room for the releases");
}

static void
keep_failure(struct opening *o, enum release_error x, const struct selfsame_err *e)
{
    if (o->accepted > 0 || x < o->error)
        return;
    o->error = x;
    *o->e = *e;
}

/* ---- what is remembered ---- */

static int
compare_keys(const void *a, const void *b)
{
    return bytes_cmp(
        *(const struct selfsame_bytes *)a, *(const struct selfsame_bytes *)b);
}

/* Whoever may publish this name by this policy, in whatever order it says so. */
static enum selfsame_code
trust_of(const struct release_demand *d, char ret[static MEMORY_TRUST],
    struct selfsame_err *e)
{
    struct selfsame_bytes parts[RELEASE_KEYS_MAX + 4];
    uint8_t digest[HASH_MAX];
    size_t n = d->publisher_count;

    if (n > 0)
        memcpy(parts, d->publishers, n * sizeof(*parts));
    qsort(parts, n, sizeof(*parts), compare_keys);
    if (d->identity != NULL) {
        parts[n++] = BYTES_LIT("\0sigstore\0");
        parts[n++] = bytes_str(d->identity);
        parts[n++] = BYTES_LIT("\0");
        parts[n++] = bytes_str(d->issuer);
    }
    if (!hash_parts(HASH_SHA256, parts, n, digest))
        return nomem(e);
    hex_encode(BYTES(digest, (MEMORY_TRUST - 1) / 2), ret);
    return SELFSAME_OK;
}

static uint64_t
highest_of(const struct opening *o)
{
    uint64_t known = o->known != NULL ? o->known->sequence : 0;

    for (size_t i = 0; i < o->q->highest_count; i++)
        if (strcmp(o->q->highest[i].name, o->d->name) == 0 &&
            o->q->highest[i].sequence > known)
            known = o->q->highest[i].sequence;
    return known;
}

static struct release_given
given_of(const struct opening *o)
{
    return (struct release_given){
        .now_s = o->now_s,
        .highest = highest_of(o),
        .highest_index = o->known != NULL ? o->known->index : 0,
        .revoked = o->known != NULL ? (const uint8_t(*)[32])o->known->revoked : NULL,
        .revoked_count = o->known != NULL ? o->known->revoked_count : 0,
    };
}

/* ---- references ---- */

static const char *
vouchers(const struct release_accepted *a, const struct release_demand *d,
    struct arena *arena)
{
    const char *text = arena_printf(arena,
        "%s %s (sequence %llu), signed by %zu of %zu publishers",
        a->statement.release.name, a->statement.release.version,
        (unsigned long long)a->statement.release.sequence, a->publishers,
        d->publisher_count);

    if (text != NULL && d->rebuilder_count > 0)
        text = arena_printf(arena, "%s, rebuilt alike by %zu of %zu", text,
            a->rebuilders, d->rebuilder_count);
    if (text != NULL && a->has_index_age)
        text = arena_printf(arena, "%s, current in an index of %lld seconds ago", text,
            (long long)a->index_age_s);
    return text;
}

static struct identity *
identity_of(const struct opening *o, const struct release *r, const uint8_t sha256[32],
    const char *detail, const char *proof, const char *spec)
{
    struct identity *id = ARENA_NEW(o->arena, struct identity, 1);

    if (id == NULL || detail == NULL || proof == NULL)
        return NULL;
    *id = (struct identity){
        .release = r->name,
        .version = r->version,
        .source = r->source_uri,
        .sequence = r->sequence,
        .statement = hex_dup(o->arena, BYTES(sha256, 32)),
        .detail = detail,
        .proof = proof,
        .spec = spec,
        .learned = o->learned,
    };
    memcpy(id->sha256, sha256, 32);
    return id->statement != NULL ? id : NULL;
}

/* What this build cannot use is no reference: it fails closed, as a mismatch. */
static enum selfsame_code
add_references(struct opening *o, const struct release *r, const struct identity *id)
{
    struct tee_facts facts[API_TEES];
    const size_t fact_count = api_tee_facts(facts);

    for (size_t i = 0; i < r->reference_count; i++) {
        const struct release_reference *ref = &r->references[i];
        const char *source = arena_printf(
            o->arena, "release %s %s: measurements[%zu]", r->name, r->version, i);
        struct selfsame_err ignored;

        if (source == NULL)
            return nomem(o->e);
        if (ref->unusable != NULL)
            continue;
        if (policy_add_reference(o->with, ref->entry, ref->options, source, id, facts,
                fact_count, o->arena, &ignored) == SELFSAME_NOMEM)
            return nomem(o->e);
    }
    return SELFSAME_OK;
}

/* `error`: why it must not be used, though evidence may be of it. */
static enum selfsame_code
add_release(struct opening *o, const struct release *r, struct identity *id,
    enum release_error error, const struct selfsame_err *why)
{
    if (id == NULL)
        return nomem(o->e);
    if (error != RELEASE_TRUSTED) {
        id->refused = release_error_code(error);
        id->word = release_error_word(error);
        id->refusal = arena_str(o->arena, bytes_str(err_text(why)));
        id->remedy = why->remedy;
        if (id->refusal == NULL)
            return nomem(o->e);
        return add_references(o, r, id);
    }
    o->accepted++;
    return add_references(o, r, id);
}

static enum selfsame_code
take(struct opening *o, const struct release_accepted *a, enum release_error error,
    const struct selfsame_err *why)
{
    const char *proof = arena_printf(o->arena,
        "entry %llu of %llu in %.120s, %zu witnesses", (unsigned long long)a->index,
        (unsigned long long)a->log_size, a->origin, a->witnesses);
    struct identity *id = identity_of(o, &a->statement.release, a->statement.sha256,
        vouchers(a, o->d, o->arena), proof, "C2SP tlog-proof, RFC 9162 §2.1.3");

    return add_release(o, &a->statement.release, id, error, why);
}

/* ---- proofs of logs ---- */

static enum selfsame_code
accept_logged(struct opening *o, const struct selfsame_bytes *proofs, size_t count)
{
    const struct release_demand *d = o->d;
    struct log_policy trust;
    struct release_outcome x = { .error = RELEASE_TRUSTED };
    struct release_given given = given_of(o);
    struct selfsame_err e = { 0 };

    if (d->trust.text.ptr == NULL)
        FAIL(o->e, SELFSAME_USAGE,
            "the policy refers to the file %.80s, which was not given", d->trust.name);
    TRY(log_policy_parse(d->trust.text, o->arena, &trust, o->e));
    const struct release_rule rule = {
        .name = d->name,
        .trust = &trust,
        .publishers = d->publishers,
        .publisher_count = d->publisher_count,
        .threshold = d->threshold,
        .min_sequence = d->min_sequence,
        .max_index_age_s = d->max_index_age_ms / 1000,
        .rebuilders = d->rebuilders,
        .rebuilder_count = d->rebuilder_count,
        .min_rebuilders = d->min_rebuilders,
    };
    given.proofs = proofs;
    given.proof_count = count;
    enum selfsame_code code = release_judge(&rule, &given, o->arena, &x, &e);
    if (code == SELFSAME_NOMEM || code == SELFSAME_USAGE) {
        *o->e = e;
        return code;
    }
    if (code != SELFSAME_OK)
        keep_failure(o, x.error, &e);
    o->learned->index = x.index;
    o->learned->revoked = x.revoked;
    o->learned->revoked_count = x.revoked_count;
    for (size_t i = 0; i < x.accepted_count; i++)
        TRY(take(o, &x.accepted[i], RELEASE_TRUSTED, NULL));
    for (size_t i = 0; i < x.refused_count; i++)
        TRY(take(o, &x.refused[i].release, x.refused[i].error, &x.refused[i].err));
    return SELFSAME_OK;
}

/* ---- Sigstore ---- */

/* What a bundle's refusal means in the words of releases. */
static enum release_error
word_of(enum selfsame_code code)
{
    if (code == SELFSAME_DENIED)
        return RELEASE_PUBLISHER_SIG;
    return code == SELFSAME_MALFORMED || code == SELFSAME_UNSUPPORTED
               ? RELEASE_PROOF_MALFORMED
               : RELEASE_LOG_SIG;
}

/* By this request's indexes, or by those of earlier ones. */
static bool
is_revoked(const struct opening *o, const uint8_t sha256[32])
{
    const struct memory_entry *lists[] = { o->learned, o->known };

    for (size_t i = 0; i < COUNT(lists); i++)
        for (size_t k = 0; lists[i] != NULL && k < lists[i]->revoked_count; k++)
            if (bytes_eq(BYTES(lists[i]->revoked[k], 32), BYTES(sha256, 32)))
                return true;
    return false;
}

/* The statement in the bundle: of this name, valid, no rollback, not revoked by a log's index. */
static enum selfsame_code
check_signed(struct opening *o, const struct statement *s,
    enum release_error *ret_error, struct selfsame_err *e)
{
    const struct release_rule rule = { .min_sequence = o->d->min_sequence };
    const struct release_given given = given_of(o);

    TRY(release_check_times(&rule, &given, &s->release, ret_error, e));
    if (!is_revoked(o, s->sha256))
        return SELFSAME_OK;
    *ret_error = RELEASE_REVOKED;
    return release_error_set(
        e, RELEASE_REVOKED, "an index of its publishers revokes the release");
}

static enum selfsame_code
open_bundle(struct opening *o, struct selfsame_bytes bundle,
    struct sigstore_claims *claims, struct statement *ret,
    enum release_error *ret_error, struct selfsame_err *e)
{
    const bool pattern = strchr(o->d->identity, '*') != NULL;
    const struct sigstore_expect expect = {
        .identity = pattern ? NULL : o->d->identity,
        .identity_pattern = pattern ? o->d->identity : NULL,
        .issuer = o->d->issuer,
        .predicate_type = PREDICATE_RELEASE,
        .now_s = o->now_s,
    };
    const struct sigstore_root *root;

    TRY(sigstore_root_parse(o->d->trusted_root.text, o->arena, &root, e));
    enum selfsame_code code = sigstore_verify(
        bundle, &expect, root, o->arena, claims, e);
    *ret_error = word_of(code);
    TRY(code);
    *ret_error = RELEASE_NOT_CANONICAL;
    TRY(statement_read(claims->payload, o->arena, ret, e));
    *ret_error = RELEASE_WRONG_NAME;
    if (ret->kind != STATEMENT_RELEASE || strcmp(ret->release.name, o->d->name) != 0)
        FAIL(e, SELFSAME_DENIED, "expected a release of %.60s in the bundle",
            o->d->name);
    *ret_error = RELEASE_TRUSTED;
    return SELFSAME_OK;
}

static enum selfsame_code
take_bundle(struct opening *o, const struct sigstore_claims *claims,
    const struct statement *s, enum release_error error, const struct selfsame_err *why)
{
    const char *detail = arena_printf(o->arena,
        "%s %s (sequence %llu), signed as %.200s by %.100s", s->release.name,
        s->release.version, (unsigned long long)s->release.sequence, claims->identity,
        claims->issuer);
    const char *proof = arena_printf(o->arena, "entry %llu of %.120s",
        (unsigned long long)claims->log_index,
        claims->log != NULL ? claims->log : "a log of the trusted root");

    return add_release(o, &s->release,
        identity_of(o, &s->release, s->sha256, detail, proof, "Sigstore bundle"), error,
        why);
}

static enum selfsame_code
accept_bundle(struct opening *o, struct selfsame_bytes in)
{
    struct selfsame_err e = { 0 };
    enum release_error error = RELEASE_PROOF_MALFORMED;
    struct sigstore_claims claims;
    struct statement s;

    enum selfsame_code code = open_bundle(o, in, &claims, &s, &error, &e);
    if (code == SELFSAME_NOMEM)
        return nomem(o->e);
    if (code != SELFSAME_OK) {
        const char *text = code == SELFSAME_DENIED && error == RELEASE_PUBLISHER_SIG
                               ? arena_printf(o->arena, "expected %.60s by %.40s, %s",
                                     o->d->identity, o->d->issuer, err_text(&e))
                               : err_text(&e);

        (void)release_error_set(&e, error, text != NULL ? text : "out of memory");
        keep_failure(o, error, &e);
        return SELFSAME_OK;
    }
    if (check_signed(o, &s, &error, &e) != SELFSAME_OK)
        keep_failure(o, error, &e);
    return take_bundle(o, &claims, &s, error, &e);
}

static enum selfsame_code
accept_bundles(struct opening *o)
{
    if (o->d->trusted_root.text.ptr == NULL)
        FAIL(o->e, SELFSAME_USAGE,
            "the policy refers to the file %.80s, which was not given",
            o->d->trusted_root.name);
    for (size_t i = 0; i < o->q->release_count; i++) {
        const struct selfsame_bytes in = BYTES(
            o->q->releases[i].ptr, o->q->releases[i].len);

        if (sigstore_looks_like(in))
            TRY(accept_bundle(o, in));
    }
    return SELFSAME_OK;
}

/* ---- the checks ---- */

/* As if a release held; appraise() says of the one that the evidence is of. */
static void
put_checks(struct opening *o, struct checks *checks)
{
    const enum check_name failed = release_error_is_of_log(o->error) ? CHECK_LOG_PROOF
                                                                     : CHECK_RELEASE;

    checks_put(checks, CHECK_LOG_PROOF,
        (struct check){ .outcome = CHECK_PASS,
            .source = "policy: releases",
            .spec = "C2SP tlog-proof, RFC 9162 §2.1.3",
            .detail = "the release stands in a log that the policy trusts" });
    checks_put(checks, CHECK_RELEASE,
        (struct check){ .outcome = CHECK_PASS,
            .source = "policy: releases",
            .spec = "in-toto Statement v1, tee-release/v1",
            .detail = "a release of the expected name and publisher" });
    if (o->accepted > 0)
        return;
    checks_fail(checks, failed, o->e, o->arena);
    checks->at[failed].expected = "a release that the policy trusts";
    checks->at[failed].got = release_error_word(o->error);
    checks->at[failed].source = "policy: releases";
    if (failed == CHECK_LOG_PROOF)
        checks->at[CHECK_RELEASE] = (struct check){
            .outcome = CHECK_SKIPPED,
            .detail = "not looked at: its proof does not hold",
        };
}

/* Whoever hands out proofs must not make verification run out of memory instead. */
static void
put_size(struct opening *o, struct checks *checks)
{
    static const char why[] = "reading the proofs takes more memory than they get";

    checks_put(checks, CHECK_LOG_PROOF,
        (struct check){ .outcome = CHECK_FAIL,
            .code = SELFSAME_MALFORMED,
            .got = release_error_word(RELEASE_PROOF_MALFORMED),
            .detail = why });
    checks_put(checks, CHECK_RELEASE,
        (struct check){ .outcome = CHECK_SKIPPED,
            .detail = "not looked at: the proofs could not be read" });
    (void)release_error_set(o->e, RELEASE_PROOF_MALFORMED, why);
}

static enum selfsame_code
open_demand(struct opening *o, const struct selfsame_bytes *proofs, size_t count)
{
    o->learned->name = o->d->name;
    TRY(trust_of(o->d, o->learned->trust, o->e));
    o->known = memory_find(&o->memory, o->d->name, o->learned->trust);
    if (o->d->publisher_count > 0)
        TRY(accept_logged(o, proofs, count));
    return o->d->identity != NULL ? accept_bundles(o) : SELFSAME_OK;
}

static enum selfsame_code
open_each(struct opening *o)
{
    const struct selfsame_request *q = o->q;
    const struct policy *p = &o->policy->policy;
    struct selfsame_bytes *proofs = ARENA_NEW(
        o->arena, struct selfsame_bytes, q->release_count + 1);
    struct selfsame_result *result = o->result;
    size_t count = 0;

    result->learned = ARENA_NEW(o->arena, struct memory_entry, p->release_count);
    if (proofs == NULL || result->learned == NULL)
        return nomem(o->e);
    for (size_t i = 0; i < q->release_count; i++)
        if (!sigstore_looks_like(BYTES(q->releases[i].ptr, q->releases[i].len)))
            proofs[count++] = BYTES(q->releases[i].ptr, q->releases[i].len);
    for (size_t i = 0; i < p->release_count; i++) {
        o->d = &p->releases[i];
        o->learned = &result->learned[i];
        TRY(open_demand(o, proofs, count));
        result->learned_count++;
    }
    return SELFSAME_OK;
}

enum selfsame_code
releases_open(const struct selfsame_policy *policy, const struct selfsame_request *q,
    int64_t now_ms, struct selfsame_result *result, struct policy *with,
    struct selfsame_err *ret_err, struct selfsame_err *e)
{
    struct checks *checks = &result->verdict.checks;
    struct opening o = {
        .policy = policy,
        .q = q,
        .now_s = now_ms / 1000 - (now_ms % 1000 < 0),
        .arena = &result->released,
        .result = result,
        .with = with,
        .e = ret_err,
    };

    if (policy->policy.release_count == 0 ||
        releases_prepared(policy, q, with, checks, ret_err))
        return SELFSAME_OK;
    TRY(memory_parse(BYTES(q->memory.ptr, q->memory.len), o.arena, &o.memory, e));
    o.error = RELEASE_PROOF_MISSING;
    (void)release_error_set(
        ret_err, o.error, "expected the proof of a release, got none");
    enum selfsame_code code = open_each(&o);
    if (code == SELFSAME_NOMEM && o.arena->full) {
        *with = policy->policy;
        result->learned_count = 0;
        put_size(&o, checks);
        return SELFSAME_OK;
    }
    if (code != SELFSAME_OK) {
        *e = *ret_err;
        return code;
    }
    put_checks(&o, checks);
    return SELFSAME_OK;
}
