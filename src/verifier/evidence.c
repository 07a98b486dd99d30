/* SPDX-License-Identifier: Apache-2.0 */
/* Where verification gets what the evidence does not carry. */
#include "verifier/service.h"

#include <stdlib.h>

enum { NEEDS_MAX = 32 };

enum selfsame_code
service_verifier(
    struct verifier_service *s, struct selfsame_verifier **ret, struct selfsame_err *e)
{
    (void)s;
    return selfsame_verifier_new(ret, e);
}

enum selfsame_code
service_supply(struct verifier_service *s, unsigned workers, struct selfsame_err *e)
{
    const json_t *setting = service_setting(s, "collateral");
    const json_t *fetch = json_object_get(setting, "fetch");
    const char *dir = arena_printf(&s->arena, "%s/collateral", s->dir);
    const struct supply_config c = {
        .dir = dir,
        .origin = json_string_value(json_object_get(setting, "origin")),
        .origin_ca = json_string_value(json_object_get(setting, "origin_ca")),
        .offline = fetch != NULL && !json_is_true(fetch),
        .wait_ms = (unsigned)json_integer_value(json_object_get(setting, "wait_ms")),
        .refresh_s = (unsigned)json_integer_value(
            json_object_get(setting, "refresh_s")),
        .waiters = workers / 2, /* the others verify */
    };

    if (dir == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    TRY(supply_new(&c, &s->supply, e));
    return supply_start(s->supply, e);
}

/* What evidence that brings nothing along will want, found out without verifying it. */
static enum selfsame_code
foresee(struct call *c, const struct ask *a, const struct selfsame_policy *policy,
    struct supply_need *ret, size_t *ret_count)
{
    struct selfsame_err ignored = { 0 };
    struct unwrapped u;
    struct tee_need *list;
    size_t count;

    *ret_count = 0;
    if (evidence_unwrap(&policy->policy, a->evidence, &c->arena, &u, &ignored) !=
            SELFSAME_OK ||
        u.collateral_count > 0 || a->collateral_count > 0 ||
        u.verifier->needs(u.evidence, &c->arena, &list, &count, &ignored) !=
            SELFSAME_OK)
        return SELFSAME_OK;
    for (size_t i = 0; i < count && *ret_count < NEEDS_MAX; i++)
        ret[(*ret_count)++] = (struct supply_need){ list[i].url,
            fetch_what_of(list[i].name) };
    return SELFSAME_OK;
}

static size_t
needs_of(const struct selfsame_result *r, struct supply_need ret[static NEEDS_MAX])
{
    const struct selfsame_need *need;
    size_t n = 0;

    for (size_t i = 0; n < NEEDS_MAX && (need = selfsame_result_need(r, i)) != NULL;
         i++)
        if (need->url != NULL)
            ret[n++] = (struct supply_need){ need->url, fetch_what_of(need->name) };
    return n;
}

/* The request's own pieces and those of the supply. *ret_more: there are some. */
static enum selfsame_code
add_supplied(struct call *c, const struct ask *a, const struct supply_need *needs,
    size_t count, struct selfsame_request *q, bool *ret_more, struct selfsame_err *e)
{
    struct supplied got;

    *ret_more = false;
    if (count == 0 || c->s->supply == NULL)
        return SELFSAME_OK;
    TRY(supply_get(
        c->s->supply, needs, count, c->tenant->stale_collateral_s, &c->arena, &got, e));
    c->collateral_stale_s = got.stale_s;
    if (got.count == 0)
        return SELFSAME_OK;
    struct selfsame_bytes *all = ARENA_NEW(
        &c->arena, struct selfsame_bytes, got.count + a->collateral_count);
    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    for (size_t i = 0; i < a->collateral_count; i++)
        all[i] = a->collateral[i];
    for (size_t i = 0; i < got.count; i++)
        all[a->collateral_count + i] = got.pieces[i];
    q->collateral = all;
    q->collateral_count = a->collateral_count + got.count;
    *ret_more = true;
    return SELFSAME_OK;
}

static enum selfsame_code
verify(struct call *c, const struct ask *a, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_result **ret,
    struct selfsame_err *e)
{
    struct selfsame_err refused = { 0 };

    selfsame_result_free(*ret);
    *ret = NULL;
    const enum selfsame_code code = selfsame_verify(
        c->snap->verifier, policy, q, a->evidence, ret, &refused);
    if (*ret != NULL)
        return SELFSAME_OK;
    *e = refused;
    return code;
}

enum selfsame_code
judge_verify(struct call *c, const struct ask *a, const struct selfsame_policy *policy,
    const struct selfsame_request *given, struct selfsame_result **ret,
    struct selfsame_err *e)
{
    struct selfsame_request own = *given, *q = &own; /* shares what it points to */
    struct supply_need needs[NEEDS_MAX];
    size_t count = 0;
    bool more;

    *ret = NULL;
    TRY(foresee(c, a, policy, needs, &count));
    TRY(add_supplied(c, a, needs, count, q, &more, e));
    TRY(verify(c, a, policy, q, ret, e));
    if (count > 0) /* what could be had was there */
        return SELFSAME_OK;
    count = needs_of(*ret, needs);
    TRY(add_supplied(c, a, needs, count, q, &more, e));
    return more ? verify(c, a, policy, q, ret, e) : SELFSAME_OK;
}
