/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_H
#define SELFSAME_LOG_H

/*
 * Releases in transparency logs: trust an author only for what everybody can see.
 *
 * A policy may name releases instead of measurements: whose key signs them, in which
 * log they stand, which witnesses saw that log. The release's proof (one file, made by
 * `selfsame publish`) travels beside the evidence and is verified offline. Nothing is
 * fetched; a proof that does not hold fails the check "log-proof" or "release".
 *
 *     struct selfsame_err err = { 0 };
 *     struct selfsame_request *q;
 *
 *     if (selfsame_policy_give_file(policy, "trust.txt", text, &err) ||
 *         selfsame_request_new(&q, &err))
 *         return err.code;
 *     selfsame_request_add_release(q, text);
 *     selfsame_request_set_memory(q, text);
 *     ...
 *     selfsame_request_free(q);
 *
 * After selfsame_verify, selfsame_result_remember says what to keep for the next request.
 * A request belongs to one thread; a policy may be shared once nothing is added to it.
 * Views given to setters are copied. Formats: docs/formats/release.md; C2SP tlog-proof,
 * tlog-policy, tlog-checkpoint, tlog-cosignature; RFC 9162 §2.1.
 */
#include <selfsame/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct selfsame_policy;
struct selfsame_request;
struct selfsame_result;

/* One entry of a policy's `releases`, a list of them, or an object that holds it. USAGE, NOMEM. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_policy_add_releases(
    struct selfsame_policy *p, struct selfsame_bytes json, struct selfsame_err *err);
/*
 * The i-th file that the policy's releases refer to (`trust`, `trusted_root`) and that
 * was not given yet; NULL past the last. As it stands in the policy: a relative name is
 * meant from the policy's own place.
 */
SELFSAME_API const char *selfsame_policy_file_wanted(
    const struct selfsame_policy *p, size_t i);
/* Its content. USAGE: what is wrong in it, with the line; NOMEM. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_policy_give_file(
    struct selfsame_policy *p, const char *name, struct selfsame_bytes text,
    struct selfsame_err *err);

/* A proof file: of a release, of the publisher's index, of a rebuild. At most 64, 1 MiB each. */
SELFSAME_API void selfsame_request_add_release(
    struct selfsame_request *q, struct selfsame_bytes proof);
/* A floor of the caller's own: an older release of this name is a rollback (class stale). */
SELFSAME_API void selfsame_request_set_highest_sequence(
    struct selfsame_request *q, const char *name, uint64_t sequence);

/*
 * What earlier results asked to be remembered, as selfsame_result_remember wrote it;
 * absent at first. At most 4 MiB. What it cannot read is an error (MALFORMED) and no
 * verdict: an old release must not come back because a file was damaged.
 */
SELFSAME_API void selfsame_request_set_memory(
    struct selfsame_request *q, struct selfsame_bytes memory);
/*
 * To be called after selfsame_verify, also when it refused, with the memory as it is
 * stored by then; whoever shares it holds a lock from reading it to writing it. *ret is
 * the memory to be stored (the caller frees it with selfsame_free), or NULL when nothing
 * is new. STALE, REVOKED: another request learned meanwhile what forbids this release;
 * the result then says so, too, and *ret may still be set. MALFORMED, NOMEM, USAGE (full).
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_result_remember(
    struct selfsame_result *r, struct selfsame_bytes memory, char **ret,
    struct selfsame_err *err);

/* The release whose measurements the evidence has; NULL where the policy knew them itself. */
struct selfsame_release {
    const char *name, *version;
    uint64_t sequence;
    const char *source;    /* URI */
    const char *statement; /* SHA-256 of the statement, hex */
};
SELFSAME_API const struct selfsame_release *selfsame_result_release(
    const struct selfsame_result *r);

/*
 * One entry of any log (not only releases), by its proof and a trust policy. LOG: the
 * log is not known, a signature or the quorum is missing, or the proof is not for this
 * entry; MALFORMED; USAGE (the trust policy); NOMEM. *ret only on success.
 */
struct selfsame_log_entry {
    char origin[256];
    uint64_t index, size;
    unsigned witnesses;
};
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_log_verify_proof(
    struct selfsame_bytes trust, struct selfsame_bytes proof,
    struct selfsame_bytes entry, struct selfsame_log_entry *ret,
    struct selfsame_err *err);

#ifdef __cplusplus
}
#endif

#endif
