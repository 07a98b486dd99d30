/* SPDX-License-Identifier: Apache-2.0 */
/* Verification with what the evidence does not carry: kept, or fetched within bounds. */
#include "verifier/collateral_parts.h"
#include "verifier/service.h"

#include <stdlib.h>
#include <time.h>

enum { NEEDS_MAX = 16, ERRAND_ARENA = 4 << 20 };

enum selfsame_code
service_verifier(
    struct verifier_service *s, struct selfsame_verifier **ret, struct selfsame_err *e)
{
    (void)s;
    return selfsame_verifier_new(ret, e);
}

/* ---- what this evidence wants ---- */

struct want {
    const char *url;
    enum fetch_what what;
    struct supply_piece *piece; /* or NULL */
    bool good;                  /* of this time: no reason to ask */
    bool failed;                /* asking failed lately */
};
struct errand {
    struct call *c;
    const struct ask *a;
    struct collateral *from;
    struct arena arena;
    struct want want[NEEDS_MAX];
    size_t count;
};

static void
errand_end(struct errand *x)
{
    for (size_t i = 0; i < x->count; i++)
        supply_drop(x->want[i].piece);
    arena_free(&x->arena);
}
#define auto_errand __attribute__((cleanup(errand_end))) struct errand

static void
look(struct errand *x, struct want *w)
{
    supply_drop(w->piece);
    w->piece = supply_find(collateral_supply(x->from), w->url, w->what, &w->failed);
    w->good = w->piece != NULL && supply_is_good(w->piece, x->c->now_ms / 1000);
}

/* What cannot be read wants nothing: verification says what is wrong with it. */
static void
list_wants(struct errand *x, const struct selfsame_policy *policy)
{
    struct selfsame_err ignored = { 0 };
    struct tee_need *needs = NULL;
    struct unwrapped u;
    size_t count = 0;

    if (evidence_unwrap(&policy->policy, x->a->evidence, &x->arena, &u, &ignored) !=
            SELFSAME_OK ||
        u.verifier->needs(u.evidence, &x->arena, &needs, &count, &ignored) !=
            SELFSAME_OK)
        return;
    for (size_t i = 0; i < count && x->count < NEEDS_MAX; i++) {
        struct want *w = &x->want[x->count];

        if (needs[i].url == NULL)
            continue;
        *w = (struct want){ .url = needs[i].url, .what = piece_of_url(needs[i].url) };
        x->count++;
        look(x, w);
    }
}

/* ---- verification with what there is ---- */

static enum selfsame_code
verify(struct errand *x, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_result **ret,
    struct selfsame_err *e)
{
    const struct selfsame_bytes *given = q->collateral != NULL ? q->collateral
                                                               : x->a->collateral;
    const size_t count = q->collateral != NULL ? q->collateral_count
                                               : x->a->collateral_count;
    struct selfsame_bytes *list = ARENA_NEW(
        &x->arena, struct selfsame_bytes, count + 2 * x->count + 1);
    struct selfsame_err refused = { 0 };
    struct selfsame_request with = *q; /* borrows all of it */
    size_t n = 0;

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    for (; n < count; n++)
        list[n] = given[n];
    for (size_t i = 0; i < x->count; i++) {
        const struct supply_piece *p = x->want[i].piece;

        if (p == NULL || p->absent)
            continue;
        list[n++] = p->body;
        if (p->chain.len > 0)
            list[n++] = p->chain;
    }
    with.collateral = list;
    with.collateral_count = n;
    *ret = NULL;
    const enum selfsame_code code = selfsame_verify(
        x->c->snap->verifier, policy, &with, x->a->evidence, ret, &refused);
    if (*ret != NULL)
        return SELFSAME_OK;
    *e = refused;
    return code;
}

/* Can other collateral change this verdict? */
static bool
is_for_want(const struct selfsame_result *r)
{
    const enum selfsame_code code = selfsame_result_code(r);

    return code == SELFSAME_BAD_CHAIN || code == SELFSAME_REVOKED ||
           code == SELFSAME_TCB;
}

/* A chain that holds needs no more certificates. */
static bool
is_wanted(const struct want *w, const struct selfsame_result *r)
{
    return selfsame_result_code(r) == SELFSAME_BAD_CHAIN ||
           (w->what != FETCH_LEAF && w->what != FETCH_CHAIN);
}

/* ---- fetching ---- */

/* Requests of one tenant share what it may have under way. */
static uint64_t
share_of(const struct call *c)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (const char *p = c->tenant != NULL ? c->tenant->name : ""; *p != '\0'; p++)
        h = (h ^ (uint8_t)*p) * UINT64_C(1099511628211);
    return h | 1;
}

/*
 * Asks for what is lacking and waits for it. True: something came, so verify again. What
 * is there and of this time, but led to a refusal all the same, may be what a bad mirror
 * sent, or superseded: it is asked for anew, once in a while, for the next request.
 */
static bool
fetch(struct errand *x, const struct selfsame_result *r)
{
    const int64_t now_s = x->c->now_ms / 1000;
    struct collateral_wait *wait = collateral_wait_new();
    bool news = false;
    size_t lacking = 0;

    for (size_t i = 0; i < x->count; i++) {
        const struct want *w = &x->want[i];
        struct supply_ask ask = {
            .url = w->url, .what = w->what, .who = share_of(x->c)
        };

        if (!is_wanted(w, r) || w->failed)
            continue;
        if (w->good && w->piece->fetched_s > now_s - COLLATERAL_ANEW_S)
            continue;
        if (w->good)
            ask.newer_than_s = w->piece->fetched_s;
        else if (wait != NULL)
            collateral_wait_add(wait, &ask);
        lacking += !w->good;
        supply_ask(collateral_supply(x->from), &ask);
    }
    if (lacking > 0 && wait != NULL && x->c->route->where != IN_STORE)
        collateral_wait(x->from, wait);
    collateral_wait_drop(wait);
    for (size_t i = 0; i < x->count && lacking > 0; i++) {
        struct supply_piece *before = x->want[i].piece;
        const int64_t then_s = before != NULL && !before->absent ? before->fetched_s
                                                                 : 0;

        look(x, &x->want[i]);
        const struct supply_piece *p = x->want[i].piece;
        news = news || (p != NULL && !p->absent && p->fetched_s != then_s);
    }
    return news;
}

/* ---- what is over, for tenants that allow it ---- */

/* Until when all of it held, if nobody has a newer one to give. */
static bool
held_until(const struct errand *x, int64_t *ret_s)
{
    const int64_t now_s = x->c->now_ms / 1000;
    int64_t until_s = now_s;

    for (size_t i = 0; i < x->count; i++) {
        const struct want *w = &x->want[i];

        if (w->piece == NULL || w->piece->absent || w->piece->until_s >= now_s)
            continue;
        if (!w->failed && collateral_waiters(x->from) > 0)
            return false; /* it may come yet */
        until_s = w->piece->until_s < until_s ? w->piece->until_s : until_s;
    }
    *ret_s = until_s;
    return until_s < now_s;
}

/*
 * A list that holds now says that something is revoked: as of before it was, nothing would
 * be, and whoever sent the evidence could bring the list of then along.
 */
static bool
revoked_now(const struct errand *x, const struct selfsame_result *r)
{
    const int64_t now_s = x->c->now_ms / 1000;

    if (selfsame_result_code(r) != SELFSAME_REVOKED)
        return false;
    for (size_t i = 0; i < x->count; i++) {
        const struct want *w = &x->want[i];

        if (w->what == FETCH_LIST && w->piece != NULL && !w->piece->absent &&
            w->piece->until_s >= now_s)
            return true;
    }
    return false;
}

/* The verdict says as of when it is, and is a warning at best. */
static enum selfsame_code
verify_stale(struct errand *x, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_result **r,
    struct selfsame_err *e)
{
    const struct snap_tenant *t = x->c->tenant;
    struct selfsame_result *then = NULL;
    struct selfsame_request as_of = *q;
    int64_t until_s;

    if (t == NULL || t->stale_collateral_s <= 0 || q->has_as_of || revoked_now(x, *r) ||
        !held_until(x, &until_s) ||
        x->c->now_ms / 1000 - until_s > t->stale_collateral_s)
        return SELFSAME_OK;
    selfsame_request_set_as_of(&as_of, until_s * 1000);
    TRY(verify(x, policy, &as_of, &then, e));
    if (selfsame_result_code(then) == SELFSAME_OK) {
        selfsame_result_free(*r);
        *r = then;
    } else
        selfsame_result_free(then);
    return SELFSAME_OK;
}

enum selfsame_code
judge_verify(struct call *c, const struct ask *a, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_result **ret,
    struct selfsame_err *e)
{
    auto_errand x = { .c = c,
        .a = a,
        .from = service_collateral(c->s),
        .arena = arena_new(ERRAND_ARENA) };
    struct selfsame_result *r = NULL;

    *ret = NULL;
    if (x.from != NULL)
        list_wants(&x, policy);
    TRY(verify(&x, policy, q, &r, e));
    enum selfsame_code code = SELFSAME_OK;
    if (x.count > 0 && is_for_want(r) && fetch(&x, r)) {
        selfsame_result_free(r);
        r = NULL;
        code = verify(&x, policy, q, &r, e);
    }
    if (code == SELFSAME_OK && x.count > 0 && is_for_want(r))
        code = verify_stale(&x, policy, q, &r, e);
    if (code != SELFSAME_OK)
        selfsame_result_free(r);
    else
        *ret = r;
    return code;
}
