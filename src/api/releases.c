/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases of a policy: from proofs of a log to reference values. Log and appraisal do
 * not know each other; here they meet.
 */
#include "api/releases.h"

#include <selfsame/log.h>

#include "log/sigstore.h"

#include <stdlib.h>

/* ---- what a policy refers to ---- */

/* Those of its texts that are in files, in order; false past the last. */
static bool
text_at(const struct selfsame_policy *p, size_t i, struct policy_text **ret)
{
    struct release_demand *d = i / 2 < p->policy.release_count
                                   ? &p->policy.releases[i / 2]
                                   : NULL;

    if (d == NULL)
        return false;
    *ret = i % 2 == 0 ? &d->trust : &d->trusted_root;
    return true;
}

const char *
selfsame_policy_file_wanted(const struct selfsame_policy *p, size_t i)
{
    struct policy_text *t;

    for (size_t k = 0; text_at(p, k, &t); k++)
        if (t->name != NULL && t->text.ptr == NULL && i-- == 0)
            return t->name;
    return NULL;
}

static enum selfsame_code
read_trust(
    struct selfsame_policy *p, const struct release_demand *d, struct selfsame_err *e)
{
    struct log_policy ignored;
    const struct sigstore_root *root;

    if (d->trust.text.ptr != NULL)
        TRY_WHILE(e, log_policy_parse(d->trust.text, &p->arena, &ignored, e),
            "the trust policy of release %.60s", d->name);
    if (d->trusted_root.text.ptr != NULL)
        TRY_WHILE(e, sigstore_root_parse(d->trusted_root.text, &p->arena, &root, e),
            "the trusted root of release %.60s", d->name);
    return SELFSAME_OK;
}

enum selfsame_code
releases_check_texts(struct selfsame_policy *p, struct selfsame_err *e)
{
    for (size_t i = 0; i < p->policy.release_count; i++)
        TRY(read_trust(p, &p->policy.releases[i], e));
    return SELFSAME_OK;
}

enum selfsame_code
selfsame_policy_give_file(struct selfsame_policy *p, const char *name,
    struct selfsame_bytes text, struct selfsame_err *err)
{
    struct policy_text *t;
    struct selfsame_bytes copy;

    if (text.len == 0 || text.len > API_TEXT_MAX)
        FAIL(err, SELFSAME_USAGE, "%.80s: expected 1 byte to %d, got %zu", name,
            (int)API_TEXT_MAX, text.len);
    if (!arena_dup(&p->arena, text, &copy))
        FAIL(err, SELFSAME_NOMEM, "no room for %.80s", name);
    for (size_t k = 0; text_at(p, k, &t); k++)
        if (t->name != NULL && strcmp(t->name, name) == 0)
            t->text = copy;
    TRY_WHILE(err, releases_check_texts(p, err), "%.80s", name);
    return SELFSAME_OK;
}

enum selfsame_code
selfsame_policy_add_releases(
    struct selfsame_policy *p, struct selfsame_bytes json, struct selfsame_err *err)
{
    TRY(policy_add_releases(&p->policy, json, "releases", &p->arena, err));
    return releases_check_texts(p, err);
}

/* ---- opening ---- */

struct opening {
    const struct selfsame_policy *policy;
    const struct selfsame_request *q;
    int64_t now_s;
    struct arena *arena;
    struct policy *with; /* the policy with what releases promise */
    enum release_error error;
    struct selfsame_err *e; /* of the failure that got farthest */
    const char *got;        /* log and entry of the last that holds */
    size_t accepted;
};

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no room for the releases");
}

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

static const struct identity *
identity_of(const struct release *r, const uint8_t sha256[32], const char *detail,
    struct arena *arena)
{
    struct identity *id = ARENA_NEW(arena, struct identity, 1);

    if (id == NULL || detail == NULL)
        return NULL;
    *id = (struct identity){
        .release = r->name,
        .version = r->version,
        .source = r->source_uri,
        .sequence = r->sequence,
        .statement = hex_dup(arena, BYTES(sha256, 32)),
        .detail = detail,
    };
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

static enum selfsame_code
take(
    struct opening *o, const struct release_demand *d, const struct release_accepted *a)
{
    const struct identity *id = identity_of(
        &a->statement.release, a->statement.sha256, vouchers(a, d, o->arena), o->arena);

    if (id == NULL)
        return nomem(o->e);
    if (o->got == NULL)
        o->got = arena_printf(o->arena, "entry %llu of %llu in %.120s, %zu witnesses",
            (unsigned long long)a->index, (unsigned long long)a->log_size, a->origin,
            a->witnesses);
    o->accepted++;
    return add_references(o, &a->statement.release, id);
}

static uint64_t
highest_of(const struct selfsame_request *q, const char *name)
{
    for (size_t i = 0; i < q->highest_count; i++)
        if (strcmp(q->highest[i].name, name) == 0)
            return q->highest[i].sequence;
    return 0;
}

static void
keep_failure(struct opening *o, enum release_error x, const struct selfsame_err *e)
{
    if (o->accepted > 0 || x < o->error)
        return;
    o->error = x;
    *o->e = *e;
}

static enum selfsame_code
accept_logged(struct opening *o, const struct release_demand *d,
    const struct selfsame_bytes *proofs, size_t count)
{
    struct log_policy trust;
    struct release_accepted *all = NULL;
    struct selfsame_err e = { 0 };
    enum release_error error = RELEASE_TRUSTED;
    size_t n = 0;

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
    const struct release_given given = {
        .proofs = proofs,
        .proof_count = count,
        .now_s = o->now_s,
        .highest = highest_of(o->q, d->name),
    };
    enum selfsame_code code = release_accept(
        &rule, &given, o->arena, &all, &n, &error, &e);
    if (code == SELFSAME_NOMEM || code == SELFSAME_USAGE) {
        *o->e = e;
        return code;
    }
    if (code != SELFSAME_OK)
        keep_failure(o, error, &e);
    for (size_t i = 0; code == SELFSAME_OK && i < n; i++)
        TRY(take(o, d, &all[i]));
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

/* The statement in the bundle: of this name, valid, no rollback. */
static enum selfsame_code
check_signed(struct opening *o, const struct release_demand *d,
    const struct sigstore_claims *claims, struct statement *ret,
    enum release_error *ret_error, struct selfsame_err *e)
{
    const struct release_rule rule = { .min_sequence = d->min_sequence };
    const struct release_given given = { .now_s = o->now_s,
        .highest = highest_of(o->q, d->name) };

    *ret_error = RELEASE_NOT_CANONICAL;
    TRY(statement_read(claims->payload, o->arena, ret, e));
    *ret_error = RELEASE_WRONG_NAME;
    if (ret->kind != STATEMENT_RELEASE || strcmp(ret->release.name, d->name) != 0)
        FAIL(e, SELFSAME_DENIED, "expected a release of %.60s in the bundle", d->name);
    return release_check_times(&rule, &given, &ret->release, ret_error, e);
}

static enum selfsame_code
open_bundle(struct opening *o, const struct release_demand *d,
    struct selfsame_bytes bundle, struct sigstore_claims *claims, struct statement *ret,
    enum release_error *ret_error, struct selfsame_err *e)
{
    const bool pattern = strchr(d->identity, '*') != NULL;
    const struct sigstore_expect expect = {
        .identity = pattern ? NULL : d->identity,
        .identity_pattern = pattern ? d->identity : NULL,
        .issuer = d->issuer,
        .predicate_type = PREDICATE_RELEASE,
        .now_s = o->now_s,
    };
    const struct sigstore_root *root;

    TRY(sigstore_root_parse(d->trusted_root.text, o->arena, &root, e));
    enum selfsame_code code = sigstore_verify(
        bundle, &expect, root, o->arena, claims, e);
    *ret_error = word_of(code);
    TRY(code);
    return check_signed(o, d, claims, ret, ret_error, e);
}

static enum selfsame_code
take_bundle(
    struct opening *o, const struct sigstore_claims *claims, const struct statement *s)
{
    const char *detail = arena_printf(o->arena,
        "%s %s (sequence %llu), signed as %.200s by %.100s", s->release.name,
        s->release.version, (unsigned long long)s->release.sequence, claims->identity,
        claims->issuer);
    const struct identity *id = identity_of(&s->release, s->sha256, detail, o->arena);

    if (id == NULL)
        return nomem(o->e);
    if (o->got == NULL)
        o->got = arena_printf(o->arena, "entry %llu of %.120s",
            (unsigned long long)claims->log_index,
            claims->log != NULL ? claims->log : "a log of the trusted root");
    o->accepted++;
    return add_references(o, &s->release, id);
}

static enum selfsame_code
accept_bundles(struct opening *o, const struct release_demand *d)
{
    if (d->trusted_root.text.ptr == NULL)
        FAIL(o->e, SELFSAME_USAGE,
            "the policy refers to the file %.80s, which was not given",
            d->trusted_root.name);
    for (size_t i = 0; i < o->q->release_count; i++) {
        const struct selfsame_bytes in = BYTES(
            o->q->releases[i].ptr, o->q->releases[i].len);
        struct selfsame_err e = { 0 };
        enum release_error error = RELEASE_PROOF_MALFORMED;
        struct sigstore_claims claims;
        struct statement s;

        if (!sigstore_looks_like(in))
            continue;
        enum selfsame_code code = open_bundle(o, d, in, &claims, &s, &error, &e);
        if (code == SELFSAME_NOMEM)
            return nomem(o->e);
        if (code == SELFSAME_OK)
            TRY(take_bundle(o, &claims, &s));
        else if (o->accepted == 0 && error >= o->error) {
            o->error = error;
            (void)release_error_set(o->e, error, err_text(&e));
        }
    }
    return SELFSAME_OK;
}

/* ---- the checks ---- */

static void
put_checks(struct opening *o, struct checks *checks)
{
    const enum check_name failed = o->error == RELEASE_TRUSTED ||
                                           release_error_is_of_log(o->error)
                                       ? CHECK_LOG_PROOF
                                       : CHECK_RELEASE;
    const struct check proof = {
        .outcome = CHECK_PASS,
        .got = o->got,
        .source = "policy: releases",
        .spec = "C2SP tlog-proof, RFC 9162 §2.1.3",
        .detail = "the release stands in a log that the policy trusts",
    };
    const struct check release = {
        .outcome = CHECK_PASS,
        .source = "policy: releases",
        .spec = "in-toto Statement v1, tee-release/v1",
        .detail = "a release of the expected name and publisher",
    };

    checks_put(checks, CHECK_LOG_PROOF, proof);
    checks_put(checks, CHECK_RELEASE, release);
    if (o->accepted > 0)
        return;
    if (o->error == RELEASE_TRUSTED)
        (void)release_error_set(
            o->e, RELEASE_PROOF_MISSING, "expected the proof of a release, got none");
    checks_fail(checks, failed, o->e, o->arena);
    checks->at[failed].expected = "a release that the policy trusts";
    checks->at[failed].got = o->error != RELEASE_TRUSTED ? release_error_word(o->error)
                                                         : "nothing";
    checks->at[failed].source = "policy: releases";
    if (failed == CHECK_LOG_PROOF)
        checks->at[CHECK_RELEASE] = (struct check){
            .outcome = CHECK_SKIPPED,
            .detail = "not looked at: its proof does not hold",
        };
}

static enum selfsame_code
open_each(struct opening *o)
{
    const struct selfsame_request *q = o->q;
    struct selfsame_bytes *proofs = ARENA_NEW(
        o->arena, struct selfsame_bytes, q->release_count + 1);
    size_t count = 0;

    if (proofs == NULL)
        return nomem(o->e);
    for (size_t i = 0; i < q->release_count; i++)
        if (!sigstore_looks_like(BYTES(q->releases[i].ptr, q->releases[i].len)))
            proofs[count++] = BYTES(q->releases[i].ptr, q->releases[i].len);
    for (size_t i = 0; i < o->policy->policy.release_count; i++) {
        const struct release_demand *d = &o->policy->policy.releases[i];

        if (d->publisher_count > 0)
            TRY(accept_logged(o, d, proofs, count));
        if (d->identity != NULL)
            TRY(accept_bundles(o, d));
    }
    return SELFSAME_OK;
}

/* Whoever hands out proofs must not make verification run out of memory instead. */
static enum selfsame_code
refuse_size(struct checks *checks, struct policy *with,
    const struct selfsame_policy *policy, struct selfsame_err *e)
{
    *with = policy->policy;
    checks_put(checks, CHECK_LOG_PROOF,
        (struct check){ .outcome = CHECK_FAIL,
            .code = SELFSAME_MALFORMED,
            .got = release_error_word(RELEASE_PROOF_MALFORMED),
            .detail = "reading the proofs takes more memory than they get" });
    checks_put(checks, CHECK_RELEASE,
        (struct check){ .outcome = CHECK_SKIPPED,
            .detail = "not looked at: the proofs could not be read" });
    if (e->code == SELFSAME_OK)
        (void)release_error_set(e, RELEASE_PROOF_MALFORMED,
            "reading the proofs takes more memory than they get");
    return SELFSAME_OK;
}

enum selfsame_code
releases_open(const struct selfsame_policy *policy, const struct selfsame_request *q,
    int64_t now_ms, struct arena *arena, struct checks *checks, struct policy *with,
    struct selfsame_err *e)
{
    struct selfsame_err failure = { 0 };
    struct opening o = {
        .policy = policy,
        .q = q,
        .now_s = now_ms / 1000 - (now_ms % 1000 < 0),
        .arena = arena,
        .with = with,
        .e = &failure,
    };

    if (policy->policy.release_count == 0)
        return SELFSAME_OK;
    enum selfsame_code code = open_each(&o);
    if (code == SELFSAME_NOMEM && arena->full)
        return refuse_size(checks, with, policy, e);
    if (code != SELFSAME_OK) {
        *e = failure;
        return code;
    }
    put_checks(&o, checks);
    if (o.accepted == 0 && e->code == SELFSAME_OK)
        *e = failure; /* with its remedy, unless something came before it */
    return SELFSAME_OK;
}

/* ---- what a result says ---- */

const struct selfsame_release *
selfsame_result_release(const struct selfsame_result *r)
{
    return r->verdict.accepted && r->verdict.identity != NULL ? &r->release : NULL;
}
