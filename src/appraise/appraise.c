/* SPDX-License-Identifier: Apache-2.0 */
/* Claims + policy + what the request expects → the checks after the signature. */
#include "appraise/internal.h"
#include "crypto/crypto.h"

#include <inttypes.h>

/* ---- binding ---- */

/* How report data or key came to fit; the words are for people. */
struct fit {
    bool given, holds;
    bool covers_nonce; /* by the binder of this request, not by a bare key */
    const char *how, *expected, *got;
};

static bool
same(struct selfsame_bytes expected, struct selfsame_bytes got)
{
    return expected.len > 0 && got.ptr != NULL && bytes_eq(expected, got);
}

/*
 * Report data as long as a binder, where the binder is known and differs: the
 * evidence was made for another nonce, key or role, and its public_key must not
 * turn, say, evidence about a session into evidence for this request.
 */
static bool
another_binder(const struct selfsame_claims *c, const struct appraisal *in)
{
    return in->binder.len > 0 && in->report_data.len == 0 &&
           c->report_data.len == in->binder.len;
}

/*
 * Conventions of other attesters for "this evidence is about that key"; all of
 * them name the key alone, so none proves freshness (docs/formats/binder.md).
 */
static const char *
foreign_convention(const struct selfsame_claims *c, const struct appraisal *in)
{
    const struct selfsame_bytes spki = in->key;
    static const struct {
        enum hash_alg alg;
        const char *how;
    } hashes[] = {
        { HASH_SHA256, "report data is the SHA-256 of the key" },
        { HASH_SHA384, "report data is the SHA-384 of the key" },
        { HASH_SHA512, "report data is the SHA-512 of the key" },
    };
    uint8_t digest[HASH_MAX];

    if (same(spki, c->public_key) && !another_binder(c, in))
        return "public_key is the key";
    if (same(spki, c->report_data))
        return "report data is the key";
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (hash_bytes(hashes[i].alg, spki, digest) &&
            same(BYTES(digest, hash_size(hashes[i].alg)), c->report_data))
            return hashes[i].how;
    return NULL;
}

static const char *
report_data_text(struct selfsame_bytes b, struct arena *arena)
{
    return b.ptr != NULL ? hex_dup(arena, b) : "no report data";
}

/* Everything that was given must hold. */
static struct fit
fit_find(
    const struct selfsame_claims *c, const struct appraisal *in, struct arena *arena)
{
    struct fit f = {
        .given = in->binder.len + in->key.len + in->report_data.len > 0 ||
                 in->unbound != NULL,
        .got = report_data_text(c->report_data, arena),
    };
    const char *foreign = NULL;

    if (!f.given)
        return f;
    f.covers_nonce = same(in->binder, c->report_data) ||
                     (in->covers_nonce && same(in->report_data, c->report_data));
    f.holds = true;
    if (in->unbound != NULL) {
        f.holds = false;
        f.expected = "evidence about the certificate's key";
        return f;
    }
    if (in->level == BINDING_SESSION || (in->binder.len > 0 && in->key.len == 0)) {
        f.holds = f.covers_nonce;
        f.expected = report_data_text(in->binder, arena);
    } else if (in->key.len > 0 && !f.covers_nonce) {
        foreign = foreign_convention(c, in);
        f.holds = foreign != NULL;
        f.expected = "the expected key, its hash, or the binder of key and nonce";
    }
    f.how = f.covers_nonce ? "report data is the binder computed here" : foreign;
    if (f.holds && in->report_data.len > 0) {
        f.holds = same(in->report_data, c->report_data);
        f.expected = report_data_text(in->report_data, arena);
        f.how = f.how != NULL      ? f.how
                : in->rule != NULL ? in->rule
                                   : "report data is exactly what was expected";
    }
    return f;
}

static enum binder_state
binder_state(const struct fit *f)
{
    if (f->given && !f->holds)
        return BINDER_REFUSED;
    return f->covers_nonce ? BINDER_HOLDS : BINDER_ABSENT;
}

static struct check
binding_judge(const struct policy *p, const struct selfsame_claims *c,
    const struct appraisal *in, const struct fit *f)
{
    const bool unbound = p->insecure & INSECURE_UNBOUND;
    struct check k = {
        .outcome = CHECK_FAIL,
        .code = SELFSAME_UNBOUND,
        .expected = f->expected,
        .got = f->given ? f->got : NULL,
        .source = p->binding == BINDING_SESSION ? "policy: binding \"session\""
                  : p->binding == BINDING_KEY   ? "policy: binding \"key\""
                                                : "policy: binding",
        .spec = in->rule != NULL ? "docs/formats/ratls.md" : "docs/formats/binder.md",
    };

    if (f->given && !f->holds) {
        k.source = "request";
        k.detail =
            in->unbound != NULL ? in->unbound
            : in->rule != NULL
                ? "the evidence is not about the key of the certificate it stands in"
            : in->level == BINDING_SESSION
                ? "the evidence is not about this TLS session: another machine "
                  "may hold the key or relay the evidence"
            : c->has_nonce_field
                ? "the evidence is not about the expected key"
                : "the evidence is not about the expected key, or answers another "
                  "nonce: it may be a replay";
    } else if (p->binding == BINDING_NONE && !unbound)
        k.detail = "the policy demands binding to neither session nor key";
    else if (!unbound && in->level == BINDING_NONE)
        k.detail = "the policy demands binding, but the request names neither a "
                   "session nor a key to compare with";
    else if (!unbound && p->binding == BINDING_SESSION && in->level != BINDING_SESSION)
        k.detail = "the policy demands binding to a TLS session, and a key is all "
                   "that can be compared here";
    else if (!f->given || in->level < p->binding)
        k = (struct check){
            .outcome = CHECK_SKIPPED,
            .source = "policy: insecure unbound",
            .detail = "accepted unbound: it may speak about another machine's channel",
        };
    else
        k = (struct check){
            .outcome = CHECK_PASS,
            .got = f->got,
            .source = k.source,
            .spec = k.spec,
            .detail = f->how,
        };
    return k;
}

/* ---- debug ---- */

static struct check
debug_judge(const struct policy *p, const struct selfsame_claims *c)
{
    if (!c->debug)
        return (struct check){
            .outcome = CHECK_PASS,
            .detail = "debug mode is off",
        };
    if (p->insecure & INSECURE_DEBUG)
        return (struct check){
            .outcome = CHECK_SKIPPED,
            .got = "debug mode",
            .source = "policy: insecure debug",
            .detail = "debug mode accepted: the operator can read and change it all",
        };
    return (struct check){
        .outcome = CHECK_FAIL,
        .code = SELFSAME_DEBUG,
        .expected = "debug mode off",
        .got = "debug mode",
        .detail = "debug mode: the operator can read and change everything inside",
    };
}

/* ---- measurement ---- */

static bool
fits(const struct measurement_value *v, const struct claim *got)
{
    if (got == NULL || got->kind != (v->values != NULL ? CLAIM_BYTES : CLAIM_UINT))
        return false;
    for (size_t i = 0; i < v->count; i++)
        if (v->values != NULL ? same(v->values[i], got->bytes)
            : v->minimum      ? got->number >= v->numbers[i]
                              : got->number == v->numbers[i])
            return true;
    return false;
}

/* Of a list claim everything has to fit; *ret is the first that does not, or the first. */
static bool
value_known(const struct measurement_value *v, const struct selfsame_claims *c,
    const struct claim **ret)
{
    const struct claim *got = claims_find(c, v->claim);
    bool known = fits(v, got);

    *ret = got;
    while (known && got->shape == CLAIM_EACH && (got = claims_next(c, got)) != NULL) {
        known = fits(v, got);
        if (!known)
            *ret = got;
    }
    return known;
}

/* The parser saw to this; a policy that got round it must not match less. */
static bool
names(const void *ctx, const char *path)
{
    const struct measurement *m = ctx;

    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->paths[i].path, path) == 0)
            return true;
    return false;
}

static bool
names_all_pins(const struct measurement *m, const struct selfsame_claims *c)
{
    return m->count > 0 && pins_named(c->pins, names, m);
}

/* Paths that fit; *ret_differs is the first that does not, or NULL. */
static size_t
entry_fit(const struct measurement *m, const struct selfsame_claims *c,
    const struct measurement_value **ret_differs)
{
    const struct claim *ignored;
    size_t good = 0;

    *ret_differs = NULL;

    for (size_t i = 0; i < m->count; i++)
        if (value_known(&m->paths[i], c, &ignored))
            good++;
        else if (*ret_differs == NULL)
            *ret_differs = &m->paths[i];
    return good;
}

static struct check
measurement_pass(
    const struct measurement *m, const struct selfsame_claims *c, struct arena *arena)
{
    const char *all = "";

    for (size_t i = 0; i < m->count && all != NULL; i++) {
        const struct measurement_value *v = &m->paths[i];
        const char *text = claim_text(claims_find(c, v->claim), arena);

        all = text == NULL ? NULL
                           : arena_printf(arena, "%s%s%s=%s", all, i > 0 ? " " : "",
                                 v->claim, text);
    }
    return (struct check){
        .outcome = CHECK_PASS,
        .expected = all,
        .got = all,
        .source = m->source,
        .detail = "every value is the one expected",
    };
}

static const char *
wanted_text(const struct measurement_value *v, struct arena *arena)
{
    const char *want = v->values != NULL
                           ? hex_dup(arena, v->values[0])
                           : arena_printf(arena, "%s%" PRIu64,
                                 v->minimum ? "at least " : "", v->numbers[0]);

    return want == NULL || v->count == 1
               ? want
               : arena_printf(arena, "%s (or %zu more)", want, v->count - 1);
}

static struct check
measurement_mismatch(const struct measurement *m, const struct measurement_value *v,
    const struct selfsame_claims *c, struct arena *arena)
{
    const struct claim *got = NULL;

    (void)value_known(v, c, &got);
    return (struct check){
        .outcome = CHECK_FAIL,
        .code = SELFSAME_MISMATCH,
        .expected = wanted_text(v, arena),
        .got = claim_text(got, arena),
        .source = arena_printf(arena, "%s.%s", m->source, v->path),
        .detail = arena_printf(arena,
            got != NULL ? "other code than expected, first in %s"
                        : "nothing proves %s, which is expected to be known",
            v->path),
    };
}

/* Releases are demanded, and none holds: then there is nothing to compare with. */
static bool
no_release_holds(const struct policy *p, const struct checks *checks)
{
    return p->release_count > 0 &&
           (checks->at[CHECK_RELEASE].outcome == CHECK_FAIL ||
               checks->at[CHECK_LOG_PROOF].outcome == CHECK_FAIL);
}

/* Of several entries that fit: one that may be used, and whose other demands hold. */
static int
worth(const struct measurement *m, const struct selfsame_claims *c)
{
    return (m->identity == NULL || m->identity->refused == SELFSAME_OK ? 2 : 0) +
           (demands_hold(m, c) ? 1 : 0);
}

static struct check
measurement_compare(const struct policy *p, const struct selfsame_claims *c,
    const struct checks *checks, struct arena *arena, const struct measurement **ret)
{
    const struct measurement *near = NULL, *fits = NULL;
    const struct measurement_value *differs = NULL;
    size_t best = 0;

    for (size_t i = 0; i < p->measurement_count; i++) {
        const struct measurement *m = &p->measurements[i];
        const struct measurement_value *d;

        if (strcmp(m->tee, c->tee) != 0 || !names_all_pins(m, c))
            continue;
        size_t good = entry_fit(m, c, &d);
        if (d == NULL) {
            if (fits == NULL || worth(m, c) > worth(fits, c))
                fits = m;
            continue;
        }
        if (near == NULL || good > best) {
            near = m;
            differs = d;
            best = good;
        }
    }
    *ret = fits;
    if (fits != NULL)
        return measurement_pass(fits, c, arena);
    if (no_release_holds(p, checks))
        return (struct check){
            .outcome = CHECK_SKIPPED,
            .detail = "not compared: no release holds that could say what to expect",
        };
    if (near != NULL)
        return measurement_mismatch(near, differs, c, arena);
    return (struct check){
        .outcome = CHECK_FAIL,
        .code = SELFSAME_MISMATCH,
        .source = p->release_count > 0 ? "policy: releases" : "policy: measurements",
        .detail = arena_printf(
            arena, "the policy names no measurement of %s, so none can match", c->tee),
    };
}

static struct check
measurement_judge(const struct policy *p, const struct selfsame_claims *c,
    const struct checks *checks, struct arena *arena, const struct measurement **ret)
{
    struct check k = measurement_compare(p, c, checks, arena, ret);

    if (k.outcome == CHECK_FAIL && (p->insecure & INSECURE_ANY_MEASUREMENT)) {
        k.outcome = CHECK_SKIPPED;
        k.code = SELFSAME_OK;
        k.source = "policy: insecure any-measurement";
        k.detail = "any measurement is accepted: this may be any code";
    }
    return k;
}

/* ---- policy ---- */

static struct check
policy_judge(
    const struct policy *p, const struct selfsame_claims *c, struct arena *arena)
{
    struct check k = { .outcome = CHECK_FAIL, .code = SELFSAME_DENIED };

    if (!policy_accepts_tee(p, c->tee)) {
        k.source = "policy: tee";
        k.got = c->tee;
        k.detail = arena_printf(
            arena, "the policy does not accept evidence of %s", c->tee);
    } else if (c->simulated && !(p->insecure & INSECURE_SIMULATED)) {
        k.source = "policy: tee";
        k.expected = arena_printf(arena, "hardware of %s", c->tee);
        k.got = "the simulator";
        k.detail = "simulated evidence proves nothing about hardware and is refused";
    } else
        k = (struct check){
            .outcome = CHECK_PASS,
            .source = c->simulated ? "policy: insecure simulated" : "policy: tee",
            .detail = c->simulated ? "simulated evidence accepted: no hardware stands "
                                     "behind it"
                                   : "no other rule of the policy is broken",
        };
    return k;
}

/* ---- all of it ---- */

static void
weaken(struct checks *checks, enum check_name name, enum selfsame_code code,
    const char *source, struct arena *arena)
{
    struct check *k = &checks->at[name];

    if (k->outcome != CHECK_FAIL || k->code != code)
        return;
    const char *why = k->detail != NULL ? k->detail : "failed";
    k->outcome = CHECK_SKIPPED;
    k->code = SELFSAME_OK;
    k->source = source;
    k->detail = arena_printf(arena, "failure accepted: %s", why);
}

void
checks_skip_rest(struct checks *checks, const char *why)
{
    for (size_t i = 0; i < CHECK_COUNT; i++)
        if (checks->at[i].outcome == CHECK_MISSING)
            checks->at[i] = (struct check){ .outcome = CHECK_SKIPPED, .detail = why };
}

/* ---- releases ---- */

/* Of the release that the evidence is of. */
static void
say_release(const struct identity *id, struct checks *checks)
{
    struct check *release = &checks->at[CHECK_RELEASE];
    struct check *proof = &checks->at[CHECK_LOG_PROOF];

    proof->outcome = CHECK_PASS;
    proof->code = SELFSAME_OK;
    proof->expected = NULL;
    proof->got = id->proof;
    proof->spec = id->spec;
    proof->detail = "the release stands in a log that the policy trusts";
    release->outcome = id->refused == SELFSAME_OK ? CHECK_PASS : CHECK_FAIL;
    release->code = id->refused;
    release->expected = NULL;
    release->got = id->word;
    release->source = "policy: releases";
    release->detail = id->refused == SELFSAME_OK ? id->detail : id->refusal;
}

static void
release_judge_checks(
    const struct policy *p, const struct measurement *matched, struct checks *checks)
{
    static const enum check_name names[] = { CHECK_RELEASE, CHECK_LOG_PROOF };
    struct check na = { .outcome = CHECK_NA, .detail = "the policy names no releases" };

    if (p->release_count > 0 && matched != NULL && matched->identity != NULL) {
        say_release(matched->identity, checks);
        return;
    }
    if (p->release_count > 0 && matched != NULL) {
        na.source = matched->source;
        na.detail = "the policy knows this measurement without any release";
    } else if (p->release_count > 0) {
        if (no_release_holds(p, checks))
            return;
        na.detail = "the evidence has the measurements of no release";
    }
    for (size_t i = 0; i < COUNT(names); i++)
        checks->at[names[i]] = na;
}

const struct measurement *
appraise(const struct policy *p, const struct selfsame_claims *claims,
    const struct appraisal *in, struct arena *arena, struct checks *checks)
{
    const struct measurement *matched = NULL;

    if (checks->at[CHECK_PARSE].outcome != CHECK_PASS) {
        checks_skip_rest(checks, "not looked at: the evidence could not be read");
        return NULL;
    }
    if (p->insecure & INSECURE_NO_REVOCATION)
        weaken(checks, CHECK_REVOCATION, SELFSAME_REVOKED,
            "policy: insecure no-revocation", arena);

    const struct fit fit = fit_find(claims, in, arena);
    freshness_appraise(p, claims, in, binder_state(&fit), arena, checks);
    checks_put(checks, CHECK_BINDING, binding_judge(p, claims, in, &fit));
    checks_put(checks, CHECK_DEBUG, debug_judge(p, claims));
    checks_put(checks, CHECK_MEASUREMENT,
        measurement_judge(p, claims, checks, arena, &matched));
    release_judge_checks(p, matched, checks);
    checks_put(checks, CHECK_POLICY, policy_judge(p, claims, arena));
    rules_appraise(p, claims, arena, checks);
    if (matched != NULL)
        demands_appraise(matched, claims, arena, checks);
    if (p->insecure & INSECURE_ANY_TCB)
        weaken(checks, CHECK_TCB, SELFSAME_TCB, "policy: insecure any-tcb", arena);
    return matched;
}
