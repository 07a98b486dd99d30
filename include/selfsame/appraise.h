/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_APPRAISE_H
#define SELFSAME_APPRAISE_H

/*
 * What is demanded of a service (policy) and what was found (result).
 *
 * A policy comes from JSON (docs/policy.md) or from calls; a new one refuses
 * everything. A result is the ordered list of named checks and what is printed
 * from it; strings returned as `char **` are freed with selfsame_free, strings
 * returned as `const char *` live as long as the result.
 *
 * Threads: calls that change a policy belong to one thread; once it is set up
 * any number may verify with it. A result changes nothing when it is read, so
 * threads may share it until one frees it.
 *
 *     struct selfsame_policy *p;
 *     struct selfsame_err err = { 0 };
 *
 *     if (selfsame_policy_new(&p, &err) ||
 *         selfsame_policy_accept_tee(p, "nitro", &err) ||
 *         selfsame_policy_add_measurements(p, measurements_json, &err))
 *         return err.code;
 *     selfsame_policy_require_nonce(p);
 *     selfsame_policy_require_key(p);
 *     ...
 *     selfsame_policy_free(p);
 */
#include <selfsame/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct selfsame_policy;
struct selfsame_result;

SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_policy_new(
    struct selfsame_policy **ret, struct selfsame_err *err);
/* USAGE names line and member of what is wrong. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_policy_parse(
    struct selfsame_bytes json, struct selfsame_policy **ret, struct selfsame_err *err);
SELFSAME_API_PLAIN void selfsame_policy_free(struct selfsame_policy *p);

SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_policy_accept_tee(
    struct selfsame_policy *p, const char *tee, struct selfsame_err *err);
/* The measurements.json of a build, or a `measurements` array of a policy. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_policy_add_measurements(
    struct selfsame_policy *p, struct selfsame_bytes json, struct selfsame_err *err);
/* Demands add up: a weaker one than what the policy demands already changes nothing. */
SELFSAME_API void selfsame_policy_require_nonce(struct selfsame_policy *p);
SELFSAME_API void selfsame_policy_require_max_age(
    struct selfsame_policy *p, int64_t age_ms);
SELFSAME_API void selfsame_policy_require_session(struct selfsame_policy *p);
SELFSAME_API void selfsame_policy_require_key(struct selfsame_policy *p);

/* Each weakens the policy, is recorded in every result and keeps it from "affirming". */
SELFSAME_API void selfsame_policy_insecure_any_measurement(struct selfsame_policy *p);
SELFSAME_API void selfsame_policy_insecure_any_age(struct selfsame_policy *p);
SELFSAME_API void selfsame_policy_insecure_unbound(struct selfsame_policy *p);
SELFSAME_API void selfsame_policy_insecure_debug(struct selfsame_policy *p);
SELFSAME_API void selfsame_policy_insecure_no_revocation(struct selfsame_policy *p);
SELFSAME_API void selfsame_policy_insecure_simulated(struct selfsame_policy *p);
SELFSAME_API void selfsame_policy_insecure_any_tcb(struct selfsame_policy *p);

SELFSAME_API_PLAIN void selfsame_result_free(struct selfsame_result *r);
SELFSAME_API enum selfsame_code selfsame_result_code(const struct selfsame_result *r);
/* "affirming", "warning", "contraindicated" or "none" (RFC 9334 appraisal, AR4SI words). */
SELFSAME_API const char *selfsame_result_status(const struct selfsame_result *r);

/*
 * One check as strings; NULL where nothing is to be said. `error_class` is the
 * `class` of the JSON (a word that C++ keeps for itself). Only the library makes
 * these, and members are only ever added at the end.
 */
struct selfsame_check {
    const char *name, *outcome, *error_class;
    const char *expected, *got, *source, *spec, *detail;
};
SELFSAME_API size_t selfsame_result_check_count(const struct selfsame_result *r);
/* Lives as long as the result; NULL when there is no i-th check. */
SELFSAME_API const struct selfsame_check *selfsame_result_check(
    const struct selfsame_result *r, size_t i);
/* A claim by its dotted path ("pcr.0"): bytes or text. Absent when not authentic or not there. */
SELFSAME_API struct selfsame_bytes selfsame_result_claim(
    const struct selfsame_result *r, const char *path);

/*
 * What the vendor has and the evidence lacks, where fetching it may change a refusal
 * of class bad-chain, revoked or tcb: then verify again with
 * selfsame_verifier_add_collateral. NULL past the end; otherwise valid as long as the
 * result. The library fetches nothing.
 */
struct selfsame_need {
    const char *name; /* "vcek", "crl" */
    const char *url;  /* NULL: nobody publishes it, the machine's provider has it */
};
SELFSAME_API const struct selfsame_need *selfsame_result_need(
    const struct selfsame_result *r, size_t i);
/* The verdict object of docs/verdict.md, one line. NOMEM. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_result_json(
    const struct selfsame_result *r, char **ret, struct selfsame_err *err);
/* Five lines for people; with explain: every check, expected, got, source, spec. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_result_text(
    const struct selfsame_result *r, bool explain, char **ret,
    struct selfsame_err *err);
/* One self-contained HTML page. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_result_html(
    const struct selfsame_result *r, char **ret, struct selfsame_err *err);

#ifdef __cplusplus
}
#endif

#endif
