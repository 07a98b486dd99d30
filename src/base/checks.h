/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CHECKS_H
#define SELFSAME_CHECKS_H

#include "base/base.h"

/*
 * A verdict is a list of named checks; this is the list. Verification (tee/)
 * writes the first ones, appraisal (appraise/) the rest, in the fixed order of
 * enum check_name. Every output of the project is printed from it.
 */
enum check_name {
    CHECK_PARSE,
    CHECK_CHAIN,
    CHECK_REVOCATION,
    CHECK_SIGNATURE,
    CHECK_FRESHNESS,
    CHECK_BINDING,
    CHECK_DEBUG,
    CHECK_TCB,
    CHECK_MEASUREMENT,
    CHECK_RELEASE,
    CHECK_LOG_PROOF,
    CHECK_POLICY,
    CHECK_COUNT
};

enum check_outcome {
    CHECK_MISSING = 0, /* zero value: nobody looked, so the verdict rejects */
    CHECK_PASS,
    CHECK_FAIL,
    CHECK_NA,      /* this TEE or policy has no such thing; `detail` says why */
    CHECK_SKIPPED, /* could not be looked at because an earlier one failed, or weakened */
};

/* All strings are static or live in the arena of the verdict; NULL = not said. */
struct check {
    enum check_outcome outcome;
    enum selfsame_code code; /* class when outcome is CHECK_FAIL */
    const char *expected, *got;
    const char
        *source; /* where the expectation came from: "policy: measurements[0].pcr.0" */
    const char *spec;   /* "RFC 9052 §4.4", "AWS attestation_process.md §3.2" */
    const char *detail; /* a sentence */
};

struct checks {
    struct check at[CHECK_COUNT];
};

const char *check_word(enum check_name name);         /* "signature" */
const char *check_outcome_word(enum check_outcome o); /* "pass" "fail" "na" "skipped" */

/* Writes a check once; a second write of the same name keeps the worse outcome. */
void checks_put(struct checks *c, enum check_name name, struct check check);
/* CHECK_FAIL from an error: class, deepest sentence (copied into the arena) as detail. */
void checks_fail(struct checks *c, enum check_name name, const struct selfsame_err *e,
    struct arena *arena);
/* `passed`, or where `code` is not OK the failure in `e` with passed's spec. */
void checks_put_outcome(struct checks *c, enum check_name name, struct check passed,
    enum selfsame_code code, const struct selfsame_err *e, struct arena *arena);
/* First failing class in the fixed order; SELFSAME_INTERNAL when one is missing; OK otherwise. */
enum selfsame_code checks_code(const struct checks *c, enum check_name *ret_first);

#endif
