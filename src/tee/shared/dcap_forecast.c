/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a quote that was kept fares with some collateral, and what it lacks of the best
 * that this collateral knows. No verdict: the quote's own rules are not looked at.
 */
#include "tee/shared/dcap_json.h"

/* ---- names of components, which nothing but people needs ---- */

/* Skips to the value of a member; false where there is none. */
static bool
enter_member(struct jread *j, const char *want)
{
    struct jread_object o = jread_object(j);
    struct selfsame_bytes name;

    while (jread_member(j, &o, &name)) {
        if (dcap_is(name, want))
            return true;
        (void)jread_skip(j);
    }
    return false;
}

static bool
enter_element(struct jread *j, size_t at)
{
    struct jread_array a = jread_array(j);

    while (jread_element(j, &a)) {
        if (a.count == at + 1)
            return true;
        (void)jread_skip(j);
    }
    return false;
}

/* "SEAMLDR ACM": as the first level of the TCB info calls it; absent where it does not. */
static struct selfsame_bytes
component_name(const struct dcap_tcb_info *info, const char *list, size_t i)
{
    struct jread j = jread_of(info->proof.object);

    if (!enter_member(&j, "tcbLevels") || !enter_element(&j, 0) ||
        !enter_member(&j, "tcb") || !enter_member(&j, list) || !enter_element(&j, i) ||
        !enter_member(&j, "type"))
        return BYTES_NONE;
    const struct selfsame_bytes name = jread_text(&j);
    return j.why == NULL ? name : BYTES_NONE;
}

/* ---- what is short ---- */

static void
add(struct dcap_standing *s, struct dcap_lack lack)
{
    if (lack.has < lack.needs && s->lack_count < COUNT(s->lack))
        s->lack[s->lack_count++] = lack;
}

static void
short_of_level(struct dcap_standing *s, const struct dcap_level *want,
    const struct dcap_pck *pck, struct selfsame_bytes svn)
{
    const bool own_module = svn.ptr != NULL && svn.ptr[1] > 0;

    for (size_t i = 0; i < DCAP_COMPONENTS; i++)
        add(s, (struct dcap_lack){
                   DCAP_LACK_SGX, i, BYTES_NONE, pck->component[i], want->sgx[i] });
    add(s, (struct dcap_lack){ DCAP_LACK_PCE, 0, BYTES_NONE, pck->pce_svn, want->svn });
    for (size_t i = own_module ? 2 : 0; svn.ptr != NULL && i < DCAP_COMPONENTS; i++)
        add(s, (struct dcap_lack){
                   DCAP_LACK_TDX, i, BYTES_NONE, svn.ptr[i], want->tdx[i] });
}

static enum dcap_status
best_status(const struct dcap_levels *levels)
{
    enum dcap_status best = DCAP_REVOKED;

    for (size_t i = 0; i < levels->count; i++)
        if (levels->list[i].status < best)
            best = levels->list[i].status;
    return best;
}

/* Of the levels with the best status the one that the platform is nearest to. */
static void
platform_lacks(
    struct dcap_standing *s, const struct dcap_found *f, struct selfsame_bytes svn)
{
    const struct dcap_levels *levels = &f->info->levels;
    const enum dcap_status best = best_status(levels);
    struct dcap_standing nearest = { .lack_count = SIZE_MAX };

    for (size_t i = 0; i < levels->count; i++) {
        struct dcap_standing one = { .lack_count = 0 };

        if (levels->list[i].status != best)
            continue;
        short_of_level(&one, &levels->list[i], &f->pck, svn);
        if (one.lack_count < nearest.lack_count)
            nearest = one;
    }
    for (size_t i = 0; nearest.lack_count != SIZE_MAX && i < nearest.lack_count; i++) {
        struct dcap_lack *l = &nearest.lack[i];

        if (l->what == DCAP_LACK_SGX || l->what == DCAP_LACK_TDX)
            l->name = component_name(f->info,
                l->what == DCAP_LACK_SGX ? "sgxtcbcomponents" : "tdxtcbcomponents",
                l->component);
        add(s, *l);
    }
}

/* The lowest version that has the best status. */
static void
svn_lack(struct dcap_standing *s, enum dcap_lack_of what, const struct dcap_levels *l,
    unsigned has)
{
    const enum dcap_status best = best_status(l);
    unsigned needs = UINT16_MAX + 1u;

    for (size_t i = 0; i < l->count; i++)
        if (l->list[i].status == best && l->list[i].svn < needs)
            needs = l->list[i].svn;
    if (needs <= UINT16_MAX)
        add(s, (struct dcap_lack){ what, 0, BYTES_NONE, has, needs });
}

static void
list_lacks(struct dcap_standing *s, const struct dcap_found *f)
{
    const struct dcap_quote *q = &f->quote;
    const struct selfsame_bytes svn = q->kind == DCAP_BODY_SGX ? BYTES_NONE
                                                               : BYTES(q->body.ptr, 16);
    const struct dcap_identity *module = NULL;
    struct selfsame_err ignored;

    if (f->info != NULL && f->has_pck)
        platform_lacks(s, f, svn);
    if (f->identity != NULL)
        svn_lack(s, DCAP_LACK_QE, &f->identity->levels, q->qe.isv_svn);
    if (f->info != NULL && svn.ptr != NULL &&
        dcap_module_of(f->info, svn, &module, &ignored) == SELFSAME_OK &&
        module != NULL)
        svn_lack(s, DCAP_LACK_MODULE, &module->levels, svn.ptr[0]);
}

const char *
dcap_lack_text(const struct dcap_lack *l, struct arena *arena)
{
    static const char *const words[] = { [DCAP_LACK_SGX] = "SGX component",
        [DCAP_LACK_TDX] = "TDX component",
        [DCAP_LACK_PCE] = "provisioning certification enclave (PCE)",
        [DCAP_LACK_QE] = "quoting enclave",
        [DCAP_LACK_MODULE] = "TDX module" };

    if (l->what != DCAP_LACK_SGX && l->what != DCAP_LACK_TDX)
        return words[l->what];
    if (l->name.len == 0)
        return arena_printf(arena, "%s %zu", words[l->what], l->component);
    return arena_printf(arena, "%s %zu (%.*s)", words[l->what], l->component,
        (int)l->name.len, (const char *)l->name.ptr);
}

/* ---- the whole ---- */

/* What a body must not have is for verification to say. */
static enum selfsame_code
any_body(const struct dcap_quote *q, struct selfsame_err *e)
{
    (void)q;
    (void)e;
    return SELFSAME_OK;
}

enum selfsame_code
dcap_standing_of(enum dcap_tee tee, struct selfsame_bytes evidence,
    const struct tee_trust *trust, struct arena *arena, struct dcap_standing *ret,
    struct selfsame_err *e)
{
    const struct dcap_kind kind = { .tee = tee,
        .name = tee == DCAP_TDX ? "TDX" : "SGX",
        .spec = "Intel DCAP",
        .body = any_body };
    struct checks checks = { 0 };
    struct dcap_standing s = { .lack_count = 0 };

    s.code = dcap_verify(&kind, evidence, trust, arena, &checks, &s.found, &s.err);
    if (s.code == SELFSAME_NOMEM || checks.at[CHECK_PARSE].outcome != CHECK_PASS) {
        *e = s.err;
        return s.code;
    }
    list_lacks(&s, &s.found);
    *ret = s;
    return SELFSAME_OK;
}
