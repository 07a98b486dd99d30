/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_API_RELEASES_H
#define SELFSAME_API_RELEASES_H

#include "api/api.h"
#include "log/accept.h"

/* The texts that are there parse; USAGE names the line. */
MUST enum selfsame_code releases_check_texts(
    struct selfsame_policy *p, struct selfsame_err *e);
/*
 * Opens the request's proofs: writes the checks "release" and "log-proof", puts what the
 * releases promise into *with, and what is to be remembered into the result. Nothing
 * where the policy names no release. *ret_err: why none holds. NOMEM; MALFORMED (the
 * memory), USAGE (a file that was not given): of the request, and no verdict.
 */
MUST enum selfsame_code releases_open(const struct selfsame_policy *policy,
    const struct selfsame_request *q, int64_t now_ms, struct selfsame_result *result,
    struct policy *with, struct selfsame_err *ret_err, struct selfsame_err *e);

/* ---- releases_open_once.c ---- */
/*
 * Opens the proofs of q, as of now_ms, once for all verifications with this policy whose
 * request brings no proofs and no memory of its own. What such verifications say of ages
 * is as of then: whoever prepares does so again before that matters. The policy is not
 * to be in use. Errors as releases_open's.
 */
struct prepared {
    struct selfsame_result *holder; /* of what `with` points to */
    struct policy with;
    struct selfsame_err why;
};
MUST enum selfsame_code releases_open_once(struct selfsame_policy *policy,
    const struct selfsame_request *q, int64_t now_ms, struct selfsame_err *e);
void releases_forget(struct prepared *p);
/* False: it was not prepared, or the request knows more. */
MUST bool releases_prepared(const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct policy *with, struct checks *checks,
    struct selfsame_err *ret_why);

#endif
