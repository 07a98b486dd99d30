/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_APPRAISE_PARTS_H
#define SELFSAME_APPRAISE_PARTS_H

#include "appraise/appraise.h"
#include "codec/json.h"

/* What every part of the policy parser needs. */
struct policy_reader {
    struct selfsame_bytes text; /* for line numbers */
    const char *source;         /* "policy" or the name of a file */
    const struct tee_facts *facts;
    size_t fact_count;
    struct arena *arena;
    struct selfsame_err *e;
};

/* Sets USAGE: "policy, line 3: freshness.nonce: " and the sentence. */
SELFSAME_PRINTF(3, 4)
enum selfsame_code policy_bad(
    const struct policy_reader *r, const char *path, const char *fmt, ...);
const struct tee_facts *policy_fact(const struct policy_reader *r, const char *tee);
/* "nitro, snp" for messages. */
const char *policy_known_tees(const struct policy_reader *r);
enum selfsame_code policy_nomem(const struct policy_reader *r);

/* refvalue.c: appends the entries of `array`, which stands at `path` of the text. */
MUST enum selfsame_code refvalues_parse(const struct policy_reader *r,
    const json_t *array, const char *path, struct policy *p);
MUST enum selfsame_code refvalue_parse(const struct policy_reader *r,
    const json_t *entry, const char *path, struct measurement *ret);

/* releases.c: appends the entries of `array`. */
MUST enum selfsame_code releases_parse(const struct policy_reader *r,
    const json_t *array, const char *path, struct policy *p);

/* releases_print.c */
MUST bool releases_put(json_t *root, const struct policy *p);
struct writer;
void release_draw(struct writer *w, const struct release_demand *d);
/* The *i-th weakness of it, counting *i down; NULL: none of its own. */
const char *release_advice(const struct release_demand *d, size_t *i);

/* policy_print.c: the largest unit that says it exactly. */
void duration_text(int64_t ms, char ret[static 32]);

/* rules_parse.c and rules.c */
/* Options of d->tee from its object in the policy; fills d->set. */
MUST enum selfsame_code rules_parse(
    const struct policy_reader *r, const json_t *options, struct tee_demands *d);
/* Adds breaches to `tcb` and `policy`, whichever the rules name. */
void rules_appraise(const struct policy *p, const struct selfsame_claims *c,
    struct arena *arena, struct checks *checks);
/* What a reference value demands besides; `source` names it. No defaults are applied. */
void demands_appraise(const struct measurement *m, const struct selfsame_claims *c,
    struct arena *arena, struct checks *checks);
bool demands_hold(const struct measurement *m, const struct selfsame_claims *c);
const struct tee_demands *policy_demands(const struct policy *p, const char *tee);
/* Is a minimum of the platform demanded, or has this TEE no such thing? */
bool demands_minimum(const struct tee_demands *d);
MUST json_t *ruling_json(const struct ruling *ruling); /* NULL: out of memory */
/* As the policy sets it; NULL: it does not. */
const struct ruling *ruling_of(
    const struct tee_demands *d, const struct tee_rule *rule);
/* What is applied where the policy says nothing. */
struct ruling ruling_default(
    const struct tee_rule *rule, struct selfsame_bytes store[static RULE_DEFAULTS]);
/* The *i-th weak setting, counting *i down; NULL: none of its own. */
const char *rules_advice(const struct tee_demands *d, size_t *i);
const char *claim_text(const struct claim *c, struct arena *arena);

/* freshness.c: whether report data is the binder over this request's nonce. */
enum binder_state {
    BINDER_ABSENT =
        0, /* nothing was given to compare with, or it does not cover the nonce */
    BINDER_REFUSED, /* the binding check fails */
    BINDER_HOLDS,
};
void freshness_appraise(const struct policy *p, const struct selfsame_claims *c,
    const struct appraisal *in, enum binder_state binder, struct arena *arena,
    struct checks *checks);

/* certificates.c: claims.chain for people. */
struct certificate {
    const char *subject, *issuer; /* NULL: it does not parse as a certificate */
    char not_before[TIME_TEXT], not_after[TIME_TEXT];
    char sha256[65];
};
enum { CERTIFICATES_ROOM = 1 << 20 };
/* chain_count of them, in the arena. NOMEM. */
MUST enum selfsame_code certificates_describe(const struct selfsame_claims *c,
    struct arena *arena, struct certificate **ret, struct selfsame_err *e);

/* claims_json.c; NULL when memory ran out. */
MUST json_t *json_text(const char *s); /* null for NULL; bytes that are no UTF-8: '?' */
MUST json_t *json_hex(struct selfsame_bytes b);

#endif
