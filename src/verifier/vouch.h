/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_VOUCH_H
#define SELFSAME_VERIFIER_VOUCH_H

#include "api/api.h"
#include "log/accept.h"
#include "store/registry.h"

/*
 * What is taken as a release, and which releases a policy is given. A registry holds none
 * that nobody vouches for: a proof has to open in a log that a policy of the tenant trusts
 * and to be signed by a publisher (or rebuilder) that it names, a bundle by its identity.
 */
struct vouch_rule {
    const char *name; /* of the release */
    const struct log_policy *trust;
    const struct selfsame_bytes *publishers, *rebuilders; /* SubjectPublicKeyInfo */
    size_t publisher_count, rebuilder_count;
    uint64_t min_sequence;
};
struct vouched {
    const char *policy; /* which policy it opens under; NULL: none was asked */
    enum statement_kind kind;
    const char *release, *version; /* version: NULL of an index and of a rebuild */
    uint64_t sequence;             /* 0 of a rebuild */
    uint8_t sha256[32];            /* of the statement */
};
/*
 * A tlog-proof under one rule, at that time. The classes of release_error. Texts are in
 * the arena.
 */
MUST enum selfsame_code vouch_proof(const struct vouch_rule *rule,
    struct selfsame_bytes proof, int64_t now_s, struct arena *arena,
    struct vouched *ret, struct selfsame_err *e);
/*
 * A tlog-proof or Sigstore bundle under one of the policies, which are objects of the
 * registry. USAGE: under none, with what was wrong with it where it got farthest.
 */
MUST enum selfsame_code vouch_release(const struct registry_object *policies,
    size_t count, struct selfsame_bytes body, int64_t now_ms, struct arena *arena,
    struct vouched *ret, struct selfsame_err *e);

/*
 * Of all objects those releases that may be of this policy, the newest first, at most as
 * many as a request may bring; *ret_left_out: how many more there are. Nothing is verified.
 */
MUST enum selfsame_code releases_for(const struct selfsame_policy *p,
    const struct registry_object *objects, size_t count, struct arena *arena,
    const struct registry_object ***ret, size_t *ret_count, size_t *ret_left_out,
    struct selfsame_err *e);
/* Opens these for the policy as releases_open_once does. */
MUST enum selfsame_code releases_open_for(struct selfsame_policy *p,
    const struct registry_object *objects, size_t count, int64_t now_ms,
    size_t *ret_left_out, struct selfsame_err *e);

#endif
