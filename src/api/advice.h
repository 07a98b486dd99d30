/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_API_ADVICE_H
#define SELFSAME_API_ADVICE_H

#include "api/api.h"

/*
 * All that is weak about a policy, as `policy lint` says it: what policy_advice finds, and
 * whom the logs of its releases have to convince. Texts are static or in the arena.
 */
MUST enum selfsame_code policy_all_advice(const struct policy *p, struct arena *arena,
    const char ***ret, size_t *ret_count, struct selfsame_err *e);

#endif
