/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_APPRAISE_INTERNAL_H
#define SELFSAME_APPRAISE_INTERNAL_H

#include <selfsame/appraise.h>

#include "base/checks.h"
#include "base/claims.h"
#include "base/rules.h"

/* ---- binding.c: the binder of attest-tls v1 (docs/formats/binder.md) ---- */
enum binder_role { /* all of the format; made and accepted: SERVER, CERTIFICATE, HTTP */
    BINDER_SERVER = 1,
    BINDER_CLIENT = 2,
    BINDER_KEY = 3,
    BINDER_CERTIFICATE = 4,
    BINDER_HTTP =
        5, /* key-level: ctx = SHA-256(nonce), ekm zero; also `selfsame attest` */
};
/* Hashes of what stands in the channel; each 32 bytes, zero where the role has none. */
struct binder {
    enum binder_role role;
    uint8_t ctx[32], spki[32], ekm[32], extra[32];
};
/* extra = SHA-256("") */
MUST bool binder_session(struct binder *ret, enum binder_role role,
    struct selfsame_bytes attest_request, struct selfsame_bytes exporter32,
    struct selfsame_bytes spki);
MUST bool binder_http(
    struct binder *ret, struct selfsame_bytes nonce, struct selfsame_bytes spki);
/* Of no request: ctx and ekm are zero. */
MUST bool binder_certificate(struct binder *ret, struct selfsame_bytes spki);
MUST bool binder64(const struct binder *b, uint8_t ret[static 64]);
MUST bool binder32(const struct binder *b, uint8_t ret[static 32]);

/* ---- policy.c ---- */
enum insecure {
    INSECURE_ANY_MEASUREMENT = 1u << 0,
    INSECURE_ANY_AGE = 1u << 1,
    INSECURE_UNBOUND = 1u << 2,
    INSECURE_DEBUG = 1u << 3,
    INSECURE_NO_REVOCATION = 1u << 4,
    INSECURE_SIMULATED = 1u << 5,
    INSECURE_ANY_TCB = 1u << 6,
};
const char *insecure_word(unsigned bit);       /* "any-measurement" */
unsigned insecure_from_word(const char *word); /* 0: unknown */

/* What policy parsing must know of a TEE: data handed in by api/, so that policy knows no TEE. */
struct tee_facts {
    const char *name;
    const char *const *pins;
    const char *const *zeros; /* as tee_verifier's */
    const struct tee_rule *rules;
    size_t rule_count;
    const struct tee_advice *advice;
    size_t advice_count;
};

/* One option as the policy sets it. */
struct ruling {
    const struct tee_rule *rule;
    const uint64_t *numbers;            /* numbers, bools, dates in seconds */
    const struct selfsame_bytes *bytes; /* texts, hex, dates */
    size_t count;
};
/* What a policy demands of one TEE that it accepts. */
struct tee_demands {
    const char *tee;
    const struct tee_rule *rules;
    size_t rule_count;
    const struct tee_advice *advice;
    size_t advice_count;
    struct ruling *set;
    size_t set_count;
};

/* One path with its accepted values: bytes, or numbers. */
struct measurement_value {
    const char *path;  /* as the entry names it: "mrtd", "min_isv_svn" */
    const char *claim; /* what is compared: "isv_svn" */
    bool minimum;      /* numbers[0] is one, by the name min_… */
    const struct selfsame_bytes *values; /* NULL: numbers */
    const uint64_t *numbers;
    size_t count;
};
struct measurement {
    const char *tee;
    const char *source; /* "policy: measurements[0]" */
    const struct measurement_value *paths;
    size_t count;
    const struct tee_demands *demands; /* what it asks for besides, or NULL */
    const struct identity *identity;   /* of the release that says so, or NULL */
};
/* Which release was accepted. */
struct identity {
    const char *release, *version, *source; /* URI of the source */
    uint64_t sequence;
    const char *statement; /* SHA-256, hex */
    uint8_t sha256[32];    /* the same */
    const char *detail;    /* who vouches for it */
    const char *proof;     /* where it stands */
    const char *spec;      /* of that proof */
    /* Why evidence of it must be refused nonetheless; SELFSAME_OK: it need not. */
    enum selfsame_code refused;
    const char *word, *refusal, *remedy;
    const void *learned; /* api/'s own */
};

/* ---- releases.c: what a policy demands of a release; its texts are read in api/ ---- */
enum { RELEASES_MAX = 64, RELEASE_KEYS_MAX = 32 };
struct policy_text {  /* in the policy itself, or in a file that the caller gives */
    const char *name; /* of the file, NULL: none */
    struct selfsame_bytes text;
};
struct release_demand {
    const char *name;
    const struct selfsame_bytes *publishers; /* SubjectPublicKeyInfo */
    size_t publisher_count, threshold;
    struct policy_text trust; /* logs, witnesses, quorum */
    uint64_t min_sequence;
    int64_t max_index_age_ms; /* 0: no index is demanded */
    const struct selfsame_bytes *rebuilders;
    size_t rebuilder_count, min_rebuilders;
    const char *identity, *issuer; /* of a Sigstore bundle, NULL: none is taken */
    struct policy_text trusted_root;
};
enum binding_level { BINDING_NONE = 0, BINDING_KEY, BINDING_SESSION };

struct policy {
    const char **tees;           /* accepted, NULL-terminated */
    struct tee_demands *demands; /* one for each of `tees` */
    size_t tee_count;
    struct measurement *measurements;
    size_t measurement_count;
    struct release_demand *releases;
    size_t release_count;
    bool nonce;         /* freshness: a challenge is demanded */
    int64_t max_age_ms; /* 0: none demanded */
    enum binding_level binding;
    unsigned insecure;
};
MUST enum selfsame_code policy_parse(struct selfsame_bytes json,
    const struct tee_facts *facts, size_t fact_count, struct arena *arena,
    struct policy *ret, struct selfsame_err *e);
/* Appends the entries of measurements.json or of a bare array. `source`: the file's name for messages. */
MUST enum selfsame_code policy_add_measurements(struct policy *p,
    struct selfsame_bytes json, const char *source, const struct tee_facts *facts,
    size_t fact_count, struct arena *arena, struct selfsame_err *e);
/*
 * What a release promises of one TEE: an entry of `measurements` and the options that
 * must hold besides, both JSON. USAGE: this build cannot use it.
 */
MUST enum selfsame_code policy_add_reference(struct policy *p,
    struct selfsame_bytes entry, struct selfsame_bytes options, const char *source,
    const struct identity *identity, const struct tee_facts *facts, size_t fact_count,
    struct arena *arena, struct selfsame_err *e);
/* One entry of `releases`, a list of them, or an object that holds the list. */
MUST enum selfsame_code policy_add_releases(struct policy *p,
    struct selfsame_bytes json, const char *source, struct arena *arena,
    struct selfsame_err *e);
MUST enum selfsame_code policy_accept_tee(struct policy *p, const char *tee,
    const struct tee_facts *facts, size_t fact_count, struct arena *arena,
    struct selfsame_err *e);
/* Of the TEEs that are accepted this one alone; USAGE when it is none of them. */
MUST enum selfsame_code policy_only_tee(
    struct policy *p, const char *tee, struct selfsame_err *e);
bool policy_accepts_tee(const struct policy *p, const char *tee);

/* ---- policy_print.c ---- */
/* The policy file that would say this; two spaces, freed with free. NOMEM. */
MUST enum selfsame_code policy_to_json(
    const struct policy *p, char **ret, struct selfsame_err *e);
MUST enum selfsame_code policy_to_text(
    const struct policy *p, char **ret, struct selfsame_err *e);
/* The i-th thing that is weak or useless in it; NULL past the last. */
const char *policy_advice(const struct policy *p, size_t i);

/* ---- appraise.c (freshness, debug, measurement, policy) ---- */
struct appraisal {
    int64_t now_ms;
    bool as_of;
    struct selfsame_bytes nonce;       /* expected; absent: none was sent */
    enum binding_level level;          /* what the request can prove */
    struct selfsame_bytes binder;      /* 64 bytes expected in report data, or absent */
    struct selfsame_bytes key;         /* SPKI expected as public_key */
    struct selfsame_bytes report_data; /* exact, or absent */
    const char *rule; /* why that report data; evidence in a certificate, else NULL */
    const char *unbound;    /* why the evidence cannot be about the key; or NULL */
    bool covers_nonce;      /* that report data is a hash over the nonce too */
    const char *nonce_gone; /* what to say of a nonce it does not cover; or NULL */
};
/*
 * Writes freshness, binding, debug, measurement, policy; adjusts revocation and tcb.
 * Release and log-proof are written before by whoever opened the proofs, where the
 * policy names releases. Returns the entry that matched, or NULL.
 */
const struct measurement *appraise(const struct policy *p,
    const struct selfsame_claims *claims, const struct appraisal *in,
    struct arena *arena, struct checks *checks);

/* What nobody looked at becomes `skipped`, with the reason. */
void checks_skip_rest(struct checks *checks, const char *why);

/* ---- claims_json.c ---- */
struct json_t;
/* Puts a claim where its dotted path says. False: out of memory, or paths that collide. */
MUST bool claim_put_json(struct json_t *root, const struct claim *c);

/* ---- verdict.c, report_text.c, report_html.c ---- */
struct verdict {
    enum selfsame_code code; /* OK only when `accepted` */
    bool accepted;           /* zero rejects */
    enum check_name first;   /* that failed */
    const char *status;      /* "affirming" … */
    bool as_of;
    int64_t at_ms;
    unsigned insecure;
    const struct identity *identity; /* of the release that matched, or NULL */
    bool chip_named;                 /* the policy lists the chips that it takes */
    bool runtime_compared;           /* what was loaded after boot was compared, too */
    struct checks checks;
    struct selfsame_claims claims;     /* printed only when authentic */
    struct selfsame_err err;           /* when refused: class, sentence, remedy */
    const struct selfsame_need *needs; /* collateral that may change that */
    size_t need_count;
};
/* ---- trust.c ---- */
enum trust_claim { /* draft-ietf-rats-ar4si §2.3, in the order of its keys */
    TRUST_INSTANCE_IDENTITY,
    TRUST_CONFIGURATION,
    TRUST_EXECUTABLES,
    TRUST_FILE_SYSTEM,
    TRUST_HARDWARE,
    TRUST_RUNTIME_OPAQUE,
    TRUST_STORAGE_OPAQUE,
    TRUST_SOURCED_DATA,
    TRUST_COUNT
};
const char *trust_word(enum trust_claim c); /* "instance-identity" */
/* What was found, whatever the policy makes of it; 0: no statement. */
void trust_vector_of(const struct verdict *v, int ret[static TRUST_COUNT]);

/* A claim of it that is worse than affirming. */
bool trust_warns(const struct verdict *v);
/* Notes what the policy looked at; before verdict_finish. `matched` may be NULL. */
void trust_note(
    struct verdict *v, const struct policy *p, const struct measurement *matched);

void verdict_finish(struct verdict *v, const struct policy *p);
/* Never OK unless accepted: the zero verdict is "internal", its status "none". */
enum selfsame_code verdict_code(const struct verdict *v);
const char *verdict_status(const struct verdict *v);
const char *verdict_remedy(const struct verdict *v);
MUST enum selfsame_code verdict_json(
    const struct verdict *v, char **ret, struct selfsame_err *e);
MUST enum selfsame_code verdict_text(
    const struct verdict *v, bool explain, char **ret, struct selfsame_err *e);
MUST enum selfsame_code verdict_html(
    const struct verdict *v, char **ret, struct selfsame_err *e);

#endif
