/* SPDX-License-Identifier: Apache-2.0 */
/* Where verification gets what the evidence does not carry. */
#include "verifier/service.h"

enum selfsame_code
service_verifier(
    struct verifier_service *s, struct selfsame_verifier **ret, struct selfsame_err *e)
{
    (void)s;
    return selfsame_verifier_new(ret, e);
}

enum selfsame_code
judge_verify(struct call *c, const struct ask *a, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_result **ret,
    struct selfsame_err *e)
{
    struct selfsame_err refused = { 0 };

    *ret = NULL;
    const enum selfsame_code code = selfsame_verify(
        c->snap->verifier, policy, q, a->evidence, ret, &refused);
    if (*ret != NULL)
        return SELFSAME_OK;
    *e = refused;
    return code;
}
