/* SPDX-License-Identifier: Apache-2.0 */
#include "api/advice.h"

#include "log/log.h"

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no room for advice");
}

/* What is weak about whom a release's log has to convince; NULL: nothing. */
static enum selfsame_code
trust_advice(const struct release_demand *d, struct arena *arena, const char **ret,
    struct selfsame_err *e)
{
    struct log_policy trust;

    *ret = NULL;
    if (d->publisher_count == 0)
        return SELFSAME_OK;
    TRY(log_policy_parse(d->trust.text, arena, &trust, e));
    if (!trust.quorum_none)
        return SELFSAME_OK;
    *ret = arena_printf(arena,
        "release %s: the trust policy %s: the log alone may show everybody other "
        "entries; add witnesses and a quorum of them",
        d->name,
        trust.witness_count == 0 ? "has no witnesses" : "says \"quorum none\"");
    return *ret != NULL ? SELFSAME_OK : nomem(e);
}

enum selfsame_code
policy_all_advice(const struct policy *p, struct arena *arena, const char ***ret,
    size_t *ret_count, struct selfsame_err *e)
{
    size_t n = 0;

    while (policy_advice(p, n) != NULL)
        n++;
    const char **all = ARENA_NEW(arena, const char *, n + p->release_count + 1);
    if (all == NULL)
        return nomem(e);
    for (size_t i = 0; i < n; i++)
        all[i] = policy_advice(p, i);
    for (size_t i = 0; i < p->release_count; i++) {
        TRY(trust_advice(&p->releases[i], arena, &all[n], e));
        n += all[n] != NULL;
    }
    *ret = all;
    *ret_count = n;
    return SELFSAME_OK;
}
