/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"
#include "api/releases.h"

#include <stdlib.h>

size_t
api_tee_facts(struct tee_facts ret[static API_TEES])
{
    const struct tee_verifier *v;
    size_t n = 0;

    for (; n < API_TEES && (v = tee_verifier_at(n)) != NULL; n++)
        ret[n] = (struct tee_facts){ .name = v->name,
            .pins = v->pins,
            .zeros = v->zeros,
            .rules = v->rules,
            .rule_count = v->rule_count,
            .advice = v->advice,
            .advice_count = v->advice_count };
    return n;
}

enum selfsame_code
selfsame_policy_new(struct selfsame_policy **ret, struct selfsame_err *err)
{
    struct selfsame_policy *p = calloc(1, sizeof(*p));

    if (p == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for a policy");
    p->arena = arena_new(API_POLICY_ARENA);
    *ret = p;
    return SELFSAME_OK;
}

enum selfsame_code
selfsame_policy_parse(
    struct selfsame_bytes json, struct selfsame_policy **ret, struct selfsame_err *err)
{
    struct tee_facts facts[API_TEES];
    struct selfsame_policy *p = NULL;

    TRY(selfsame_policy_new(&p, err));
    enum selfsame_code c = policy_parse(
        json, facts, api_tee_facts(facts), &p->arena, &p->policy, err);
    if (c == SELFSAME_OK)
        c = releases_check_texts(p, err);
    if (c != SELFSAME_OK) {
        selfsame_policy_free(p);
        return c;
    }
    *ret = p;
    return SELFSAME_OK;
}

void
selfsame_policy_free(struct selfsame_policy *p)
{
    if (p == NULL)
        return;
    releases_forget(p->prepared);
    arena_free(&p->arena);
    free(p);
}

enum selfsame_code
selfsame_policy_accept_tee(
    struct selfsame_policy *p, const char *tee, struct selfsame_err *err)
{
    struct tee_facts facts[API_TEES];

    return policy_accept_tee(
        &p->policy, tee, facts, api_tee_facts(facts), &p->arena, err);
}

enum selfsame_code
selfsame_policy_add_measurements(
    struct selfsame_policy *p, struct selfsame_bytes json, struct selfsame_err *err)
{
    struct tee_facts facts[API_TEES];

    return policy_add_measurements(
        &p->policy, json, "measurements", facts, api_tee_facts(facts), &p->arena, err);
}

void
selfsame_policy_require_nonce(struct selfsame_policy *p)
{
    p->policy.nonce = true;
}

/* Demands add up: none of these calls takes back what a policy file demands. */
void
selfsame_policy_require_max_age(struct selfsame_policy *p, int64_t age_ms)
{
    const int64_t old = p->policy.max_age_ms;

    if (age_ms > 0 && (old == 0 || age_ms < old))
        p->policy.max_age_ms = age_ms;
}

void
selfsame_policy_require_session(struct selfsame_policy *p)
{
    p->policy.binding = BINDING_SESSION;
}

void
selfsame_policy_require_key(struct selfsame_policy *p)
{
    if (p->policy.binding == BINDING_NONE)
        p->policy.binding = BINDING_KEY;
}

void
selfsame_policy_insecure_any_measurement(struct selfsame_policy *p)
{
    p->policy.insecure |= INSECURE_ANY_MEASUREMENT;
}

void
selfsame_policy_insecure_any_age(struct selfsame_policy *p)
{
    p->policy.insecure |= INSECURE_ANY_AGE;
}

void
selfsame_policy_insecure_unbound(struct selfsame_policy *p)
{
    p->policy.insecure |= INSECURE_UNBOUND;
}

void
selfsame_policy_insecure_debug(struct selfsame_policy *p)
{
    p->policy.insecure |= INSECURE_DEBUG;
}

void
selfsame_policy_insecure_no_revocation(struct selfsame_policy *p)
{
    p->policy.insecure |= INSECURE_NO_REVOCATION;
}

void
selfsame_policy_insecure_simulated(struct selfsame_policy *p)
{
    p->policy.insecure |= INSECURE_SIMULATED;
}

void
selfsame_policy_insecure_any_tcb(struct selfsame_policy *p)
{
    p->policy.insecure |= INSECURE_ANY_TCB;
}
