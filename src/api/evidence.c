/* SPDX-License-Identifier: Apache-2.0 */
/* Raw vendor bytes or a CMW: whose evidence is it, and what came along? */
#include "api/api.h"
#include "codec/cmw.h"

/* Parameters are part of the type: whole strings are compared. */
static bool
is_media_type(const struct tee_verifier *v, struct selfsame_bytes type)
{
    for (const char *const *t = v->media_types; *t != NULL; t++)
        if (type.len > 0 && bytes_eq(bytes_str(*t), type))
            return true;
    return false;
}

static bool
may_be_evidence(const struct cmw_entry *entry)
{
    return entry->ind == 0 || (entry->ind & CMW_EVIDENCE);
}

/* Endorsements are handed to the verifier, which judges them by their own signatures. */
static enum selfsame_code
collect_endorsements(const struct cmw *cmw, struct arena *arena, struct unwrapped *u,
    struct selfsame_err *e)
{
    struct selfsame_bytes *list = ARENA_NEW(
        arena, struct selfsame_bytes, cmw->count + 1);

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the endorsements");
    for (size_t i = 0; i < cmw->count; i++)
        if (cmw->entries[i].ind & CMW_ENDORSEMENTS)
            list[u->collateral_count++] = cmw->entries[i].value;
    u->collateral = list;
    return SELFSAME_OK;
}

/* The TEE of any entry, for a refusal that names it. */
static const struct tee_verifier *
other_tee(const struct cmw *cmw)
{
    const struct tee_verifier *v;

    for (size_t i = 0; i < cmw->count; i++)
        for (size_t t = 0; (v = tee_verifier_at(t)) != NULL; t++)
            if (is_media_type(v, cmw->entries[i].type))
                return v;
    return NULL;
}

static enum selfsame_code
no_evidence(const struct cmw *cmw, struct selfsame_err *e)
{
    const struct tee_verifier *other = other_tee(cmw);

    if (other != NULL)
        FAIL(e, SELFSAME_DENIED, "the policy does not accept evidence of %s",
            other->name);
    FAIL(e, SELFSAME_UNSUPPORTED,
        "none of the %zu CMW entries is evidence of a TEE the policy accepts",
        cmw->count);
}

static enum selfsame_code
unwrap_cmw(const struct policy *p, struct selfsame_bytes in, struct arena *arena,
    struct unwrapped *u, struct selfsame_err *e)
{
    struct cmw cmw;
    size_t found = 0;

    TRY_WHILE(e, cmw_parse(in, arena, &cmw, e), "reading the CMW");
    for (size_t i = 0; i < cmw.count; i++)
        for (size_t t = 0; t < p->tee_count; t++) {
            const struct tee_verifier *v = tee_verifier_find(p->tees[t]);

            if (v == NULL || !may_be_evidence(&cmw.entries[i]) ||
                !is_media_type(v, cmw.entries[i].type))
                continue;
            u->verifier = v;
            u->evidence = cmw.entries[i].value;
            found++;
        }
    if (found == 0)
        return no_evidence(&cmw, e);
    if (found > 1)
        FAIL(e, SELFSAME_MALFORMED,
            "expected one piece of evidence in the CMW, got %zu: which counts?", found);
    return collect_endorsements(&cmw, arena, u, e);
}

static enum selfsame_code
pick_raw(const struct policy *p, struct selfsame_bytes in, struct unwrapped *u,
    struct selfsame_err *e)
{
    u->evidence = in;
    for (size_t i = 0; i < p->tee_count; i++) {
        const struct tee_verifier *v = tee_verifier_find(p->tees[i]);

        if (v == NULL || (p->tee_count > 1 && !v->recognise(in)))
            continue;
        u->verifier = v;
        return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_MALFORMED,
        "the %zu bytes look like evidence of none of the accepted TEEs", in.len);
}

enum selfsame_code
evidence_unwrap(const struct policy *p, struct selfsame_bytes in, struct arena *arena,
    struct unwrapped *ret, struct selfsame_err *e)
{
    struct unwrapped u = { 0 };

    if (p->tee_count == 0)
        FAIL(e, SELFSAME_DENIED, "the policy accepts no TEE, so no evidence at all");
    if (in.len > API_EVIDENCE_MAX)
        FAIL(e, SELFSAME_MALFORMED, "expected at most %d bytes of evidence, got %zu",
            (int)API_EVIDENCE_MAX, in.len);
    if (cmw_looks_like(in))
        TRY(unwrap_cmw(p, in, arena, &u, e));
    else
        TRY(pick_raw(p, in, &u, e));
    *ret = u;
    return SELFSAME_OK;
}
