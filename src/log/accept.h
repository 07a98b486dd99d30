/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_ACCEPT_H
#define SELFSAME_LOG_ACCEPT_H

#include "log/statement.h"

/*
 * Whether a release is one to trust, from nothing but proof files, a trust policy and
 * the publisher's key (docs/releases.md; transparency §13.4). Pure: time and the highest
 * sequence seen before are arguments.
 */

/* What failed, in the order in which it is looked at; the later, the more holds. */
enum release_error {
    RELEASE_TRUSTED = 0,
    RELEASE_PROOF_MISSING,
    RELEASE_PROOF_MALFORMED,
    RELEASE_LOG_UNKNOWN,
    RELEASE_LOG_SIG,
    RELEASE_QUORUM,
    RELEASE_INCLUSION,
    RELEASE_NOT_CANONICAL,
    RELEASE_WRONG_NAME,
    RELEASE_PUBLISHER_SIG,
    RELEASE_EXPIRED,
    RELEASE_ROLLBACK,
    RELEASE_REVOKED,
    RELEASE_STALE_INDEX,
    RELEASE_REBUILDERS,
    RELEASE_MEASUREMENT_MISMATCH, /* set by who compares the evidence */
};
const char *release_error_word(enum release_error x); /* "LOG_SIG" */
enum selfsame_code release_error_code(enum release_error x);
/* Is it about proof and log (check "log-proof"), not about what is stated ("release")? */
bool release_error_is_of_log(enum release_error x);

/* "WORD: text" with the class of the word. */
enum selfsame_code release_error_set(
    struct selfsame_err *e, enum release_error x, const char *text);

enum {
    RELEASE_PROOFS = 64,
    RELEASE_KEYS = 32,
    RELEASE_SKEW_S = 300, /* by which clocks may differ */
};
struct release_rule {
    const char *name;
    const struct log_policy *trust;
    const struct selfsame_bytes *publishers; /* SubjectPublicKeyInfo */
    size_t publisher_count;
    size_t threshold; /* of them; 0 accepts nothing */
    uint64_t min_sequence;
    int64_t max_index_age_s; /* 0: no index is demanded */
    const struct selfsame_bytes *rebuilders;
    size_t rebuilder_count;
    size_t min_rebuilders;
};
struct release_given {
    const struct selfsame_bytes *proofs; /* .tlog-proof files, in any order */
    size_t proof_count;
    int64_t now_s;
    /* What is remembered of this name, 0 and none at first: */
    uint64_t highest;       /* sequence that was accepted */
    uint64_t highest_index; /* sequence of an index that was seen */
    const uint8_t (*revoked)[32];
    size_t revoked_count;
};
struct release_accepted {
    struct statement statement;
    const char *origin; /* of the log */
    uint64_t index, log_size;
    size_t publishers, witnesses, rebuilders; /* how many vouch */
    bool has_index_age;
    int64_t index_age_s; /* by the clocks of witnesses */
};
/* Of the name and its publishers, and yet not to be used. */
struct release_refused {
    struct release_accepted release;
    enum release_error error;
    struct selfsame_err err;
};
struct release_outcome {
    struct release_accepted *accepted; /* best sequence first */
    size_t accepted_count;
    struct release_refused *refused;
    size_t refused_count;
    enum release_error
        error; /* where none is accepted, the failure that got farthest */
    /* What is to be remembered, whatever was accepted: */
    uint64_t index; /* highest sequence of an index of enough publishers, 0: none */
    uint8_t (*revoked)[32];
    size_t revoked_count;
};
/* Validity and sequence alone: EXPIRED, ROLLBACK. */
MUST enum selfsame_code release_check_times(const struct release_rule *rule,
    const struct release_given *given, const struct release *r,
    enum release_error *ret_error, struct selfsame_err *e);
/*
 * Everything that the proofs say of that name. The class of `error` where no release is
 * accepted; *ret is filled in then, too. NOMEM, USAGE (too many proofs) leave it alone.
 */
MUST enum selfsame_code release_judge(const struct release_rule *rule,
    const struct release_given *given, struct arena *arena, struct release_outcome *ret,
    struct selfsame_err *e);
/* The accepted ones alone. */
MUST enum selfsame_code release_accept(const struct release_rule *rule,
    const struct release_given *given, struct arena *arena,
    struct release_accepted **ret, size_t *ret_count, enum release_error *ret_error,
    struct selfsame_err *e);

#endif
