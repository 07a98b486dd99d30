/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"
#include "codec/cmw.h"

#include <stdlib.h>

enum { CACHE_ENTRIES = 1024, VERIFIER_ARENA = 66 << 20 };

enum selfsame_code
selfsame_verifier_new(struct selfsame_verifier **ret, struct selfsame_err *err)
{
    struct selfsame_verifier *v = calloc(1, sizeof(*v));
    struct cert_cache *cache = cert_cache_new(CACHE_ENTRIES);

    if (v == NULL || cache == NULL) {
        cert_cache_free(cache);
        free(v);
        FAIL(err, SELFSAME_NOMEM, "no room for a verifier");
    }
    v->arena = arena_new(VERIFIER_ARENA);
    v->cache = cache;
    *ret = v;
    return SELFSAME_OK;
}

void
selfsame_verifier_free(struct selfsame_verifier *v)
{
    if (v == NULL)
        return;
    cert_cache_free(v->cache);
    arena_free(&v->arena);
    free(v);
}

/* A caller who names the simulator's root does not make it hardware. */
/* By its key: nobody checks what else an anchor says, its own signature included. */
static bool
is_simulators(const struct tee_verifier *tee, const struct cert *anchor)
{
    struct selfsame_err ignored;
    struct cert root;

    for (size_t i = 0; i < tee->anchor_count; i++)
        if (tee->anchors[i].simulated &&
            cert_parse(tee->anchors[i].der, &root, &ignored) == SELFSAME_OK &&
            bytes_eq(root.spki, anchor->spki))
            return true;
    return false;
}

enum selfsame_code
selfsame_verifier_add_anchor(struct selfsame_verifier *v, const char *tee,
    struct selfsame_bytes der, struct selfsame_err *err)
{
    const struct tee_verifier *which = tee_verifier_find(tee);
    struct tee_anchor anchor = { 0 };
    struct cert cert;

    if (which == NULL)
        FAIL(err, SELFSAME_USAGE, "no TEE called \"%.40s\" in this build", tee);
    TRY_WHILE(err, cert_parse(der, &cert, err), "trust anchor for %s", which->name);
    struct tee_anchor *all = ARENA_NEW(
        &v->arena, struct tee_anchor, v->anchor_count + 1);
    if (all == NULL || !arena_dup(&v->arena, der, &anchor.der))
        FAIL(err, SELFSAME_NOMEM, "no room for another trust anchor");
    if (v->anchor_count > 0)
        memcpy(all, v->anchors, v->anchor_count * sizeof(*all));
    anchor.tee = which->name;
    anchor.simulated = is_simulators(which, &cert);
    all[v->anchor_count] = anchor;
    v->anchors = all;
    v->anchor_count++;
    return SELFSAME_OK;
}

static enum selfsame_code
keep_collateral(
    struct selfsame_verifier *v, struct selfsame_bytes piece, struct selfsame_err *err)
{
    for (size_t i = 0; i < v->collateral_count; i++)
        if (bytes_cmp(v->collateral[i], piece) == 0)
            return SELFSAME_OK;
    if (v->collateral_count == API_COLLATERAL)
        FAIL(err, SELFSAME_USAGE, "collateral: expected at most %d pieces, got more",
            (int)API_COLLATERAL);
    if (!arena_dup(&v->arena, piece, &v->collateral[v->collateral_count]))
        FAIL(err, SELFSAME_NOMEM, "no room for %zu bytes of collateral", piece.len);
    v->collateral_count++;
    return SELFSAME_OK;
}

/* A bundle is a CMW: what it calls endorsements is kept, piece by piece. */
static enum selfsame_code
keep_bundle(
    struct selfsame_verifier *v, const struct cmw *cmw, struct selfsame_err *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < cmw->count; i++) {
        if ((cmw->entries[i].ind & CMW_ENDORSEMENTS) == 0)
            continue;
        TRY(keep_collateral(v, cmw->entries[i].value, err));
        kept++;
    }
    if (kept == 0)
        FAIL(err, SELFSAME_MALFORMED,
            "collateral: expected endorsements in the CMW, got %zu entries and none",
            cmw->count);
    return SELFSAME_OK;
}

/* The first byte of a certificate table may be that of a CMW: what does not parse is none. */
enum selfsame_code
selfsame_verifier_add_collateral(struct selfsame_verifier *v,
    struct selfsame_bytes collateral, struct selfsame_err *err)
{
    auto_arena arena = arena_new(
        API_ARENA +
        API_ROOM * (collateral.len <= API_COLLATERAL_MAX ? collateral.len : 0));
    struct selfsame_err why;
    struct cmw cmw;

    if (collateral.len == 0 || collateral.len > API_COLLATERAL_MAX)
        FAIL(err, SELFSAME_USAGE, "collateral: expected 1 byte to %d, got %zu",
            (int)API_COLLATERAL_MAX, collateral.len);
    if (!cmw_looks_like(collateral))
        return keep_collateral(v, collateral, err);
    enum selfsame_code c = cmw_parse(collateral, &arena, &cmw, &why);
    if (c == SELFSAME_OK)
        return keep_bundle(v, &cmw, err);
    if (c == SELFSAME_NOMEM)
        *err = why;
    return c == SELFSAME_NOMEM ? c : keep_collateral(v, collateral, err);
}

enum selfsame_code
selfsame_verifier_set_cache(
    struct selfsame_verifier *v, size_t entries, struct selfsame_err *err)
{
    struct cert_cache *cache = entries > 0 ? cert_cache_new(entries) : NULL;

    if (entries > 0 && cache == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for a cache of %zu certificates", entries);
    cert_cache_free(v->cache);
    v->cache = cache;
    return SELFSAME_OK;
}
