/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freshness: was this evidence made for this request, or not long ago? The nonce
 * is compared here and not in a TEE's folder, so that no back-end can forget it.
 */
#include "appraise/internal.h"

#include <inttypes.h>

enum { SKEW_MS = 60 * 1000 }; /* how far ahead the platform's clock may be */

struct finding {
    enum check_outcome outcome;
    const char *expected, *got, *source, *detail;
};

static struct finding
stale(const char *source, const char *detail)
{
    return (struct finding){
        .outcome = CHECK_FAIL,
        .source = source,
        .detail = detail,
    };
}

/*
 * Formats without a nonce carry it inside the binder (its ctx is the hash of it). Which
 * part of a binder differs cannot be seen, so where the binding check fails over it,
 * that check alone tells.
 */
static struct finding
nonce_in_binder(enum binder_state binder, const struct appraisal *in)
{
    static const char source[] = "request: nonce";

    if (binder == BINDER_REFUSED)
        return (struct finding){
            .outcome = CHECK_SKIPPED,
            .source = source,
            .detail =
                "this TEE has no nonce field, and the binder that would cover the "
                "nonce is refused (binding)",
        };
    if (binder != BINDER_HOLDS && in->nonce_gone != NULL)
        return stale(source, in->nonce_gone);
    if (binder != BINDER_HOLDS)
        return stale(source,
            "this TEE has no nonce field, and the binder that would cover the nonce "
            "does not hold");
    return (struct finding){
        .outcome = CHECK_PASS,
        .source = source,
        .detail = in->covers_nonce
                      ? "the claims that report data is a hash of hold the nonce"
                      : "this TEE has no nonce field; the binder covers the nonce",
    };
}

static struct finding
nonce_check(const struct selfsame_claims *c, const struct appraisal *in,
    enum binder_state binder, struct arena *arena)
{
    if (in->nonce.len == 0 && in->rule != NULL)
        return stale("policy: freshness.nonce",
            "the policy demands a nonce, and a certificate was made before anybody "
            "could send one");
    if (in->nonce.len == 0)
        return stale("policy: freshness.nonce",
            "the policy demands a nonce, but none was sent with this request");
    if (!c->has_nonce_field)
        return nonce_in_binder(binder, in);

    struct finding f = {
        .expected = hex_dup(arena, in->nonce),
        .got = c->nonce.ptr != NULL ? hex_dup(arena, c->nonce) : "no nonce",
        .source = "request: nonce",
    };
    if (c->nonce.ptr != NULL && bytes_eq(c->nonce, in->nonce)) {
        f.outcome = CHECK_PASS;
        f.detail = "the evidence answers the nonce of this request";
        return f;
    }
    f.outcome = CHECK_FAIL;
    f.detail = c->nonce.ptr != NULL
                   ? "the evidence answers another nonce: it may be a replay"
                   : "the evidence carries no nonce: it may be a replay";
    return f;
}

static struct finding
age_check(const struct policy *p, const struct selfsame_claims *c,
    const struct appraisal *in, struct arena *arena)
{
    static const char source[] = "policy: freshness.max_age";
    char made[TIME_TEXT], now[TIME_TEXT];

    if (!c->has_time)
        return stale(source, "the evidence carries no time, so its age is unknown");
    time_format(c->time_ms / 1000, made);
    time_format(in->now_ms / 1000, now);
    struct finding f = {
        .outcome = CHECK_FAIL,
        .source = source,
        .expected = arena_printf(
            arena, "at most %" PRId64 " s before %s", p->max_age_ms / 1000, now),
        .got = arena_printf(arena, "made at %s", made),
    };
    /* Subtractions of times that no clock shows must not wrap into "young". */
    if (c->time_ms < 0 || in->now_ms < 0)
        f.detail = "a time before 1970 has no age";
    else if (c->time_ms > in->now_ms && c->time_ms - in->now_ms > SKEW_MS)
        f.detail = "the evidence was made more than 60 s in the future";
    else if (c->time_ms < in->now_ms && in->now_ms - c->time_ms > p->max_age_ms)
        f.detail = "the evidence is older than the policy allows";
    else {
        f.outcome = CHECK_PASS;
        f.detail = "the evidence is young enough";
    }
    return f;
}

/* Both may be demanded; the first that fails is told, else the last that passed. */
static struct finding
demanded(const struct policy *p, const struct selfsame_claims *c,
    const struct appraisal *in, enum binder_state binder, struct arena *arena)
{
    struct finding f = stale("policy: freshness",
        "the policy demands neither a nonce nor a maximum age, so nothing can be "
        "fresh");
    const bool nonce = p->nonce || (in->nonce.len > 0 && c->has_nonce_field);

    if (p->max_age_ms <= 0 && !p->nonce)
        return f;
    if (p->max_age_ms > 0)
        f = age_check(p, c, in, arena);
    if (nonce && (f.outcome == CHECK_PASS || p->max_age_ms <= 0))
        f = nonce_check(c, in, binder, arena);
    return f;
}

void
freshness_appraise(const struct policy *p, const struct selfsame_claims *c,
    const struct appraisal *in, enum binder_state binder, struct arena *arena,
    struct checks *checks)
{
    struct finding f = demanded(p, c, in, binder, arena);

    if (f.outcome == CHECK_FAIL && (p->insecure & INSECURE_ANY_AGE)) {
        /* A nonce that was sent is compared all the same, be it inside the binder. */
        if (in->nonce.len > 0)
            f = nonce_check(c, in, binder, arena);
        else
            f = (struct finding){
                .outcome = CHECK_SKIPPED,
                .source = "policy: insecure any-age",
                .detail = "any age is accepted: this may be a replay",
            };
    }
    if (in->as_of) {
        char at[TIME_TEXT];
        time_format(in->now_ms / 1000, at);
        const char *more = arena_printf(arena, "as of %s: %s", at, f.detail);
        if (more != NULL)
            f.detail = more;
    }
    checks_put(checks, CHECK_FRESHNESS,
        (struct check){
            .outcome = f.outcome,
            .code = f.outcome == CHECK_FAIL ? SELFSAME_STALE : SELFSAME_OK,
            .expected = f.expected,
            .got = f.got,
            .source = f.source,
            .spec = "RFC 9334 §10",
            .detail = f.detail,
        });
}
