/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_FRONT_H
#define SELFSAME_VERIFIER_FRONT_H

#include "verifier/parts.h"

/* What the fronts share; in front_v1.c. */
/* base64url or base64; absent for NULL. MALFORMED names the member. */
MUST enum selfsame_code front_bytes(const char *text, const char *name,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
/*
 * What a JSON body says of evidence: "evidence", "nonce", "policy", "report_data",
 * "collateral". Further members are MALFORMED, but for those of `more` (NULL-terminated),
 * which are the front's own.
 */
MUST enum selfsame_code front_ask(struct call *c, json_t *body, const char *const *more,
    struct ask *ret, struct selfsame_err *e);
/* 403 with the reason, once the verdict that earned nothing is in the audit log. */
void judged_refuse(
    struct call *c, const struct judged *j, const struct selfsame_err *e);
/* The status of judge()'s errors: 401 where a key would have helped. */
int front_status_of(const struct call *c, const struct selfsame_err *e);

#endif
