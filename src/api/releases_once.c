/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases opened once for many verifications: who verifies a thousand times a second
 * with the same proofs does not check their signatures each time.
 */
#include "api/releases.h"

#include <stdlib.h>

void
releases_forget(struct prepared *p)
{
    if (p == NULL)
        return;
    selfsame_result_free(p->holder);
    free(p);
}

enum selfsame_code
releases_open_once(struct selfsame_policy *policy, const struct selfsame_request *q,
    int64_t now_ms, struct selfsame_err *e)
{
    struct prepared *p = calloc(1, sizeof(*p));
    enum selfsame_code code = SELFSAME_NOMEM;

    if (p != NULL)
        p->holder = result_new(BYTES_LIT("no evidence"));
    if (p == NULL || p->holder == NULL)
        (void)err_set(e, code, __FILE__, __LINE__, "no room for releases");
    else {
        p->with = policy->policy;
        code = releases_open(policy, q, now_ms, p->holder, &p->with, &p->why, e);
    }
    if (code != SELFSAME_OK) {
        releases_forget(p);
        return code;
    }
    releases_forget(policy->prepared);
    policy->prepared = p;
    return SELFSAME_OK;
}

bool
releases_prepared(const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct policy *with, struct checks *checks,
    struct selfsame_err *ret_why)
{
    const struct prepared *p = policy->prepared;

    if (p == NULL || q->release_count > 0 || q->highest_count > 0 || q->memory.len > 0)
        return false;
    *with = p->with;
    checks->at[CHECK_RELEASE] = p->holder->verdict.checks.at[CHECK_RELEASE];
    checks->at[CHECK_LOG_PROOF] = p->holder->verdict.checks.at[CHECK_LOG_PROOF];
    *ret_why = p->why;
    return true;
}
